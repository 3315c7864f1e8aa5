"""Revisions and releases of an API.

The current revision lives at ``apis/{name}`` and answers to ``apis/{name};rev=n`` too; the others
live at ``apis/{name};rev=n`` (learn.microsoft.com/azure/api-management/api-management-revisions).
A release makes its revision the current one.
"""

import re
from dataclasses import replace

from sandbox.arm.apim.call import Call, tail_name
from sandbox.arm.apim.entities import Draft, Kind, page
from sandbox.arm.apim.validation import Field, invalid
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, Reply
from sandbox.arm.store import Entry
from sandbox.contracts import Json

_REVISION = re.compile(r"^(?P<base>.+);rev=(?P<number>[^;=]+)$", re.IGNORECASE)


def split(name: str) -> tuple[str, str | None]:
    """``echo;rev=2`` -> (``echo``, ``2``)."""
    match = _REVISION.match(name)
    return (match["base"], match["number"]) if match else (name, None)


def resolve(path: ResourcePath, context: Context) -> ResourcePath:
    """The path under which an API is kept: the current revision goes by its plain name.

    The first write to ``name;rev=1`` of an API that is not there creates the API itself, which is
    how terraform does it (github.com/hashicorp/terraform-provider-azurerm/issues/29033).
    """
    if path.types[1:2] != ("apis",):
        return path
    base, number = split(path.pairs[1][1])
    if number is None:
        return path
    plain = replace(path, pairs=(path.pairs[0], ("apis", base), *path.pairs[2:]))
    top = replace(plain, pairs=plain.pairs[:2], trailing=None)
    current = context.store.get(top.id)
    if current is None or current.body["properties"].get("apiRevision") == number:
        return plain
    return path


def revisions_of(call: Call, name: str) -> list[Entry]:
    """All revisions of an API, the current one included, oldest first."""
    base = split(name)[0].lower()
    found = [e for e in call.members("apis") if split(e.name)[0].lower() == base]
    return sorted(found, key=lambda e: e.created_at)


def list_revisions(call: Call) -> Reply:
    """GET apis/{id}/revisions: contracts of their own, not entities."""
    reply = page(call, [_revision(e) for e in revisions_of(call, call.path.name)])
    return replace(reply, body={**reply.body, "nextLink": reply.body.get("nextLink")})


def _revision(entry: Entry) -> Json:
    """Shape: Azure/azure-cli, recordings/test_apim_api_revision.yaml."""
    properties = entry.body["properties"]
    number = properties["apiRevision"]
    full = f"{split(entry.name)[0]};rev={number}"
    url = f"/{properties['path']}"
    contract: Json = {
        "id": f"/apis/{full}/revisions/{full}",
        "apiId": f"/apis/{full}",
        "apiRevision": number,
        "createdDateTime": entry.created_at.isoformat(),
        "updatedDateTime": entry.modified_at.isoformat(),
        "description": properties.get("apiRevisionDescription"),
        "privateUrl": url if properties["isCurrent"] else f"{url};rev={number}",
        "isOnline": True,
        "isCurrent": properties["isCurrent"],
    }
    return contract


def _prepare_release(draft: Draft) -> Draft:
    call, properties = draft.call, draft.properties
    base = split(call.path.pairs[1][1])[0]
    wanted = split(tail_name(properties["apiId"]))
    if wanted[0].lower() != base.lower() or _target(call, base, wanted[1]) is None:
        raise invalid("apiId", "Api revision of the release was not found.")  # text UNVERIFIED
    now = call.context.clock().isoformat()
    created = draft.before.get("createdDateTime", now)
    stamped = {**properties, "createdDateTime": created, "updatedDateTime": now}
    return replace(draft, properties=stamped)


def _make_current(call: Call, release: Entry, _: bool) -> None:
    base = split(call.path.pairs[1][1])[0]
    number = split(tail_name(release.body["properties"]["apiId"]))[1]
    target = _target(call, base, number)
    current = call.find("apis", base)
    if target is None or current is None or target.id == current.id:
        return
    old = call.at(f"apis/{base};rev={current.body['properties']['apiRevision']}")
    _move(call, current, old, is_current=False)
    _move(call, target, call.at(f"apis/{base}"), is_current=True)


def _target(call: Call, base: str, number: str | None) -> Entry | None:
    return next(
        (
            entry
            for entry in revisions_of(call, base)
            if number in (None, entry.body["properties"]["apiRevision"])
        ),
        None,
    )


def _move(call: Call, entry: Entry, to: ResourcePath, *, is_current: bool) -> None:
    """Move an API with what belongs to the revision; releases stay with the API."""
    store = call.context.store
    moving = [e for e in store.subtree(entry.id) if "/releases/" not in e.id.lower()]
    properties = entry.copy_body()["properties"] | {"isCurrent": is_current}
    releases = [e for e in store.subtree(entry.id) if "/releases/" in e.id.lower()]
    store.delete(entry.id)
    call.put(to, properties)
    for part in [*moving[1:], *releases]:
        stays = part in releases
        place = ResourcePath.parse(part.id if stays else to.id + part.id[len(entry.id) :])
        store.put(place, part.body, now=call.context.clock(), hidden=part.hidden)


RELEASES = Kind(
    path="service/apis/releases",
    label="Release",
    id_name="releaseId",
    fields=(
        Field("apiId", required=True, least=1),
        Field("notes"),
        Field("createdDateTime", read_only=True),
        Field("updatedDateTime", read_only=True),
    ),
    prepare=_prepare_release,
    written=_make_current,
)
