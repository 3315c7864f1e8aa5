"""Create, read, update, delete and list for every kind of entity, from one row per kind.

ETags (documented unless marked): every entity has one, shown as a header of GET, HEAD and PUT and
never inside lists; ``*`` means unconditionally, also for a PUT that creates. The reference calls
``If-Match`` required for PATCH and DELETE, yet Microsoft's own tools leave it out and work: DELETE
in Azure/apiops (src/common/Http.cs) and Azure/apiops-cli (src/clients/apim-client.ts), PATCH of a
backend in Azure-Samples/AI-Gateway (labs/session-awareness). So without it nothing is checked.
``If-None-Match`` is in no specification of this provider and is ignored (UNVERIFIED).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.arm.apim import odata
from sandbox.arm.apim.call import Call
from sandbox.arm.apim.filters import filterable
from sandbox.arm.apim.limits import check_room
from sandbox.arm.apim.validation import (
    Field,
    IdRule,
    check_fields,
    check_id,
    invalid,
    known,
    validation_error,
)
from sandbox.arm.errors import ArmError
from sandbox.arm.provider import LongRunning, Reply, check_if_match, merge_patch, next_link
from sandbox.arm.store import Entry
from sandbox.contracts import Json

PROVISIONED = {"provisioningState": "Succeeded"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is about to be stored: properties that passed the field checks."""

    call: Call
    existing: Entry | None
    properties: Json
    hidden: Json = field(default_factory=dict)

    @property
    def before(self) -> Json:
        return self.existing.copy_body()["properties"] if self.existing else {}


type Hook = Callable[[Draft], Draft]


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of entity. ``path`` is its type without the namespace, in ARM's own casing."""

    path: str
    label: str  # as in "Backend not found."
    id_name: str  # as in the specification: backendId
    fields: tuple[Field, ...]
    id_rule: IdRule = field(default_factory=IdRule)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    prepare: Hook = lambda draft: draft  # rules across fields and entities
    written: Callable[[Call, Entry, bool], None] = lambda *_: None
    check_delete: Callable[[Call, Entry], None] = lambda *_: None
    deleted: Callable[[Call, Entry], None] = lambda *_: None
    show: Callable[[Call, Json], Json] = lambda _, properties: properties
    show_in_list: Callable[[Json], Json] = lambda properties: properties
    slow: bool = False  # PUT is a long-running operation

    @property
    def tail(self) -> str:
        """The path below the service: ``apis/operations``."""
        return self.path.partition("/")[2]


def contract(call: Call, kind: Kind, entry: Entry) -> Json:
    """An entity as answers show it."""
    properties = kind.show(call, _of_version(call, kind, entry.copy_body()["properties"]))
    return {"id": entry.id, "type": entry.type, "name": entry.name, "properties": properties}


def pending(call: Call, properties: Json) -> Json:
    """What the first answer of a long-running PUT shows."""
    return {
        "id": call.path.id,
        "type": call.path.type,
        "name": call.path.name,
        "properties": {**properties, "provisioningState": "InProgress"},
    }


def _of_version(call: Call, kind: Kind, properties: Json) -> Json:
    """Without the fields that this api-version does not have yet."""
    later = {it.name for it in kind.fields if it.since > call.request.api_version}
    return {name: value for name, value in properties.items() if name not in later}


def missing(kind: Kind) -> ArmError:
    """``Api not found.`` was seen in hashicorp/terraform-provider-azurerm#23322."""
    return ArmError(404, "ResourceNotFound", f"{kind.label} not found.", null_details=True)


def existing(call: Call, kind: Kind) -> Entry:
    if call.entry is None:
        raise missing(kind)
    return call.entry


def read(call: Call, kind: Kind) -> Reply:
    entry = existing(call, kind)
    return Reply(200, contract(call, kind, entry), {"ETag": entry.etag})


def put(call: Call, kind: Kind) -> Reply:
    """Create or replace: what the body leaves out falls back to the defaults."""
    check_put_precondition(call)
    draft = kind.prepare(drafted(call, kind, _of_version(call, kind, properties_of(call))))
    if kind.slow:
        return _put_slowly(call, kind, draft)
    return _stored(call, kind, draft)


def patch(call: Call, kind: Kind) -> Reply:
    """RFC 7396 over what GET shows plus what it hides."""
    entry = existing(call, kind)
    check_if_match(call.request, entry)
    before = {**entry.copy_body()["properties"], **entry.hidden}
    patch = _of_version(call, kind, known(kind.fields, properties_of(call)))
    merged = merge_patch(before, patch)
    draft = kind.prepare(drafted(call, kind, merged))
    if kind.slow and is_early(call):
        return _put_slowly(call, kind, draft)
    return _stored(call, kind, draft)


def delete(call: Call, kind: Kind) -> Reply:
    """204 when there was nothing (azure-rest-api-specs: 200 or 204)."""
    entry = call.entry
    if entry is None:
        return Reply(204)
    check_if_match(call.request, entry)
    kind.check_delete(call, entry)
    remove(call, kind, entry)
    return Reply(200)


def remove(call: Call, kind: Kind, entry: Entry) -> None:
    call.context.store.delete(entry.id)
    kind.deleted(call, entry)


def listed(call: Call, kind: Kind, entries: Iterable[Entry]) -> Reply:
    """One page: ``value``, the ``count`` of all, and ``nextLink`` when there is more."""
    items = [contract(call, kind, entry) for entry in entries]
    return page(call, [{**it, "properties": kind.show_in_list(it["properties"])} for it in items])


def page(call: Call, items: list[Json]) -> Reply:
    query = call.request.query
    if text := query.get("$filter"):
        test = odata.predicate(text, filterable(call.path.collection_type))
        items = [i for i in items if test({**i, **i.get("properties", {})})]
    skip, top = _number(call, "$skip", 0, 0), _number(call, "$top", call.options.page_size, 1)
    end = skip + min(top, call.options.page_size)
    body: Json = {"value": items[skip:end], "count": len(items)}
    if end < len(items):
        changes = {"$skip": str(end)} | ({"$top": str(top)} if "$top" in query else {})
        body["nextLink"] = next_link(call.request, changes)
    return Reply(200, body)


def check_put_precondition(call: Call) -> None:
    if call.request.headers.get("If-Match", "*").strip() != "*":
        check_if_match(call.request, call.entry)


def properties_of(call: Call) -> Json:
    properties = call.request.json().get("properties")
    if properties is None:
        return {}
    if not isinstance(properties, dict):
        raise invalid("properties", "Value of 'properties' has an invalid type.")
    return properties


def drafted(call: Call, kind: Kind, given: Mapping[str, Any]) -> Draft:
    """Defaults, then the field checks."""
    properties = {k: v for k, v in known(kind.fields, given).items() if v is not None}
    # The `;rev=n` of an API is not part of its identifier's length (UNVERIFIED).
    name = call.path.name.partition(";rev=")[0]
    problems = [
        *check_id(name, kind.id_name, kind.id_rule),
        *check_fields(kind.fields, properties),
    ]
    if problems:
        raise validation_error(*problems)
    if call.entry is None:
        check_room(call, kind.tail)
    return Draft(call, call.entry, {**kind.defaults, **properties})


def _stored(call: Call, kind: Kind, draft: Draft) -> Reply:
    created = call.entry is None
    entry = call.put(call.path, draft.properties, draft.hidden)
    kind.written(call, entry, created)
    return Reply(201 if created else 200, contract(call, kind, entry), {"ETag": entry.etag})


def is_early(call: Call) -> bool:
    """Api-versions before 2024 answer long-running writes with an empty 202 and a Location.

    Azure/azure-cli, src/azure-cli/azure/cli/command_modules/apim/tests/latest/recordings:
    test_apim_named_value.yaml, test_apim_api.yaml (2021-08-01). There is no Retry-After then, here
    there is one, so that nobody waits for 30 s.
    """
    return call.request.api_version < "2024"


def _put_slowly(call: Call, kind: Kind, draft: Draft) -> Reply:
    """The first answer says InProgress; the entity is there when the operation is done.

    200 with both polling headers: github.com/Azure/apiops-cli/issues/148.
    """

    def finish() -> Reply:
        return _stored(call, kind, draft)

    status = 200 if call.entry else 201
    work = LongRunning(f"{call.path.type}/write", finish, poll="async-id")
    if is_early(call):
        return Reply(202, long_running=work, is_create=status == 201)
    body = pending(call, kind.show(call, draft.properties))
    return Reply(status, body, long_running=work, is_create=status == 201)


def _number(call: Call, name: str, default: int, least: int) -> int:
    text = call.request.query.get(name)
    if text is None:
        return default
    if not text.isdigit() or int(text) < least:
        raise invalid(name, f"The value '{text}' of {name} is invalid.")
    return int(text)
