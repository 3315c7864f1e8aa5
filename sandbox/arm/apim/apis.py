"""APIs: created plain, from an OpenAPI document, or from another API."""

from dataclasses import replace

from sandbox.arm.apim.api_import import apply_import, has_document
from sandbox.arm.apim.api_rules import (
    check_path,
    check_versions,
    key_names,
    set_id,
    shown_key_names,
)
from sandbox.arm.apim.call import Call, tail_name
from sandbox.arm.apim.entities import (
    PROVISIONED,
    Draft,
    Kind,
    check_put_precondition,
    contract,
    drafted,
    is_early,
    patch,
    pending,
    properties_of,
    remove,
)
from sandbox.arm.apim.links import forget
from sandbox.arm.apim.revisions import revisions_of, split
from sandbox.arm.apim.validation import Field, IdRule, invalid
from sandbox.arm.apim.websocket import check_type, make_handshake, typed
from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import LongRunning, Reply, check_if_match
from sandbox.arm.store import Entry
from sandbox.contracts import Json

_REQUEST_ONLY = ("format", "value", "wsdlSelector", "translateRequiredQueryParameters", "apiType")
_OWN = ("apiRevision", "isCurrent", "apiVersion")  # of a revision or version, never inherited
_COMMON = ("displayName", "description", "path")  # of all revisions
_COPIED = ("operations", "policies", "schemas", "tags", "diagnostics")


def put_api(call: Call) -> Reply:
    """PUT of an API, in one of the shapes of ``ApimOptions.api_put_shape``."""
    check_put_precondition(call)
    request = properties_of(call)
    draft = _checked(call, request)
    shape = _shape(call, request)
    if shape == "inline":
        return _finish(call, request)
    status = 200 if call.entry else 201
    work = LongRunning(
        f"{call.path.type}/write",
        lambda: _finish(call, request),
        poll="async-id",
        locks=(lock_key(call.path),),
        linger_s=call.options.lock_linger_s,
    )
    if shape == "accepted":
        return Reply(202, long_running=work, is_create=status == 201)
    body = pending(call, _show(call, draft.properties))
    return Reply(status, body, long_running=work, is_create=status == 201)


def patch_api(call: Call) -> Reply:
    """PATCH of an API's own fields; it never imports (ApiUpdateContract has no format)."""
    if has_document(properties_of(call)):
        raise invalid("format", "Import is not supported by PATCH.")  # text UNVERIFIED
    return patch(call, APIS)


def delete_api(call: Call) -> Reply:
    """202 with a Location from 2024-05-01 on (azure-rest-api-specs), 200 before (azure-cli)."""
    entry = call.entry
    if entry is None:
        return Reply(204)
    check_if_match(call.request, entry)
    victims = _victims(call, entry)

    def finish() -> Reply:
        for victim in victims:
            if call.context.store.get(victim.id):
                remove(call, APIS, victim)
        return Reply(200)

    if is_early(call):
        return finish()
    locks = (lock_key(call.path),)
    return Reply(
        202,
        long_running=LongRunning(f"{call.path.type}/delete", finish, poll="async-id", locks=locks),
    )


def lock_key(path: ResourcePath) -> str:
    """One lock for an API with all its revisions and everything below them."""
    top = replace(path, pairs=path.pairs[:1], trailing=None)
    return top.child("apis", split(path.pairs[1][1])[0]).key


def check_unlocked(call: Call) -> None:
    """github.com/Azure/apiops/issues/379 and #141, github.com/Azure/apiops-cli/issues/252."""
    if call.path.types[1:2] == ("apis",) and call.context.locks.held(lock_key(call.path)):
        raise ArmError(
            409,
            "PessimisticConcurrencyConflict",
            "Operation on the API is in progress",
            null_details=True,
        )


def _shape(call: Call, request: Json) -> str:
    shape = call.options.api_put_shape
    if shape != "by-version":
        return shape
    if not is_early(call):
        return "async"
    return "accepted" if has_document(request) else "inline"


def _victims(call: Call, entry: Entry) -> list[Entry]:
    """The API, with its revisions if asked; the current one alone cannot go while others are left.

    The parameter is documented, the refusal without it is UNVERIFIED.
    """
    everyone = revisions_of(call, entry.name)
    if not entry.body["properties"]["isCurrent"] or len(everyone) == 1:
        return [entry]
    if call.request.query.get("deleteRevisions", "false").lower() != "true":
        raise ArmError(
            400,
            "ValidationError",
            "Current revision of the API cannot be deleted while it has other revisions. "
            "Specify deleteRevisions=true to delete all of them.",
            null_details=True,
        )
    return everyone


def _finish(call: Call, request: Json) -> Reply:
    """Everything is checked again: other writes may have come in between."""
    draft = _checked(call, request)
    created = draft.existing is None
    imported = apply_import(call, request) if has_document(request) else None
    if imported is not None:
        draft = replace(draft, properties=imported.completed(draft.properties))
    entry = call.put(call.path, draft.properties)
    if created:
        _copy_source(call, request)
    if imported is not None:
        imported.write(call)
    make_handshake(call, entry)
    entry = call.context.store.get(entry.id) or entry
    _share(call, entry)
    reply = contract(call, APIS, entry)
    return Reply(201 if created else 200, reply, {"ETag": entry.etag})


def _checked(call: Call, request: Json) -> Draft:
    """Field checks, then those across APIs."""
    given = {k: v for k, v in request.items() if k not in _REQUEST_ONLY}
    source = _source(call, request)
    if source is not None:
        inherited = source.copy_body()["properties"]
        given = {k: v for k, v in inherited.items() if k not in _OWN} | given
    given |= typed(call, request, given.get("type"))
    if has_document(request) and not given.get("displayName"):
        given["displayName"] = split(call.path.name)[0]  # until the document says better
    return APIS.prepare(drafted(call, APIS, given))


def _prepare(draft: Draft) -> Draft:
    """Put what the client may not set, and check path and version against the other APIs."""
    call, properties = draft.call, dict(draft.properties)
    number = split(call.request.path.pairs[1][1])[1] or str(properties.get("apiRevision", "1"))
    before = draft.before
    properties["apiRevision"] = before.get("apiRevision", number)
    properties["isCurrent"] = before.get("isCurrent", split(call.path.name)[1] is None)
    properties["subscriptionKeyParameterNames"] = key_names(draft)
    settings = properties.get("authenticationSettings") or {}
    properties["authenticationSettings"] = {"oAuth2": None, "openid": None, **settings}
    properties["path"] = properties["path"].strip("/")
    check_type(draft)
    check_versions(call, properties)
    check_path(call, properties)
    # A serviceUrl that was left out is blank afterwards: Azure/azure-cli#29363.
    blanks = {"serviceUrl": None, "description": None}
    return replace(draft, properties={**blanks, **properties, **PROVISIONED})


def _source(call: Call, request: Json) -> Entry | None:
    reference = request.get("sourceApiId")
    if not reference or call.entry is not None:
        return None
    source = _api(call, tail_name(str(reference)))
    if source is None:
        raise invalid("sourceApiId", "Source API not found.")  # text UNVERIFIED
    return source


def _api(call: Call, name: str) -> Entry | None:
    base, number = split(name)
    for entry in revisions_of(call, base):
        properties = entry.body["properties"]
        if number == properties["apiRevision"] or (number is None and properties["isCurrent"]):
            return entry
    return None


def _copy_source(call: Call, request: Json) -> None:
    reference = request.get("sourceApiId")
    source = _api(call, tail_name(str(reference))) if reference else None
    if source is None:
        return
    for part in list(call.context.store.subtree(source.id)):
        tail = part.id[len(source.id) :].lstrip("/")
        if tail.split("/")[0] in _COPIED:
            place = ResourcePath.parse(f"{call.path.id}/{tail}")
            call.context.store.put(place, part.body, now=call.context.clock())


def _show(call: Call, properties: Json) -> Json:
    """``expandApiVersionSet`` adds the set; ``export`` would be a link to a file in the cloud."""
    query = call.request.query
    if query.get("export", "").lower() == "true":
        raise ArmError(400, "NotSupported", "Export is not part of this local API Management.")
    properties = shown_key_names(call, properties)
    if not properties["isCurrent"]:
        # Only the current revision says which it is (azure-cli, recordings/test_apim_api.yaml).
        properties = {k: v for k, v in properties.items() if k != "isCurrent"}
    wanted = set_id(properties)
    version_set = call.find("apiVersionSets", wanted) if wanted else None
    if version_set is None or query.get("expandApiVersionSet", "").lower() != "true":
        return properties
    shown = {k: v for k, v in version_set.body["properties"].items() if k != "displayName"}
    name = version_set.body["properties"]["displayName"]
    return {**properties, "apiVersionSet": {"id": version_set.id, "name": name, **shown}}


def _share(call: Call, entry: Entry, _: bool = False) -> None:
    """Name, description and path of the current revision are those of the others too.

    Seen in Azure/azure-cli, recordings/test_apim_api.yaml: PATCH of ``api-id``, then GET of
    ``api-id;rev=2``, which keeps its own serviceUrl, protocols and key names.
    """
    mine = entry.body["properties"]
    if not mine["isCurrent"]:
        return
    common = {name: mine.get(name) for name in _COMMON}
    for other in revisions_of(call, entry.name):
        theirs = other.body["properties"]
        if other.id != entry.id and theirs != {**theirs, **common}:
            call.put(ResourcePath.parse(other.id), {**theirs, **common})


def _deleted(call: Call, entry: Entry) -> None:
    forget(call, entry)


def _in_list(properties: Json) -> Json:
    """A list leaves out what only a GET of the one API shows.

    Azure/azure-cli, recordings/test_apim_api.yaml and .../test_apim_api_revision.yaml
    """
    return {**properties, "authenticationSettings": None, "subscriptionKeyParameterNames": None}


APIS = Kind(
    path="service/apis",
    label="Api",
    id_name="apiId",
    # 1-80 for service-level APIs in the newest specification (ApiContract.tsp)
    id_rule=IdRule(80, r"^[^*#&+:<>?]+$"),
    fields=(
        Field("displayName", required=True, least=1, most=300),
        Field("description"),
        Field("path", required=True, most=400),
        Field("serviceUrl", most=2000),
        Field("protocols", list, choices=frozenset({"http", "https", "ws", "wss"})),
        Field("subscriptionRequired", bool),
        Field("subscriptionKeyParameterNames", dict),
        Field("authenticationSettings", dict),
        Field(
            "type",
            choices=frozenset({"http", "soap", "websocket", "graphql", "odata", "grpc", "mcp"}),
        ),
        Field("apiRevision", least=1, most=100),
        Field("apiRevisionDescription", most=256),
        Field("apiVersion", most=100),
        Field("apiVersionDescription", most=256),
        Field("apiVersionSetId"),
        Field("termsOfServiceUrl"),
        Field("contact", dict),
        Field("license", dict),
        Field("isCurrent", bool),
        Field("sourceApiId"),
        Field("provisioningState", read_only=True),
    ),
    defaults={"subscriptionRequired": True, "protocols": ["https"], "type": "http"},
    prepare=_prepare,
    written=_share,
    deleted=_deleted,
    show=_show,
    show_in_list=_in_list,
)
