"""Policy documents at each scope, and policy fragments."""

from collections.abc import Mapping

from sandbox.arm.apim.call import Call
from sandbox.arm.apim.entities import PROVISIONED, Draft, Kind, missing
from sandbox.arm.apim.policies import Scope, check, size_limit
from sandbox.arm.apim.policy_reader import PolicySyntaxError, parse
from sandbox.arm.apim.policy_xml import Format, serialise
from sandbox.arm.apim.validation import FRAGMENT_ID, Field, invalid, validation_error
from sandbox.arm.apim.websocket import is_websocket
from sandbox.arm.errors import ArmError, Detail
from sandbox.arm.provider import Reply
from sandbox.arm.store import Entry
from sandbox.contracts import Json

# learn.microsoft.com/azure/api-management/set-edit-policies, default of the global scope
DEFAULT_POLICY = (
    "<policies>\r\n  <inbound />\r\n  <backend>\r\n    <forward-request />\r\n  </backend>\r\n"
    "  <outbound />\r\n</policies>"
)
_FORMATS: Mapping[str, Format] = {"xml": "xml", "rawxml": "rawxml"}
_SCOPES: Mapping[str, Scope] = {
    "service/policies": "global",
    "service/products/policies": "product",
    "service/apis/policies": "api",
    "service/apis/operations/policies": "operation",
    "service/policyfragments": "fragment",
}
_FIELDS = (
    Field("value", required=True, least=1),
    Field("format", choices=frozenset({"xml", "rawxml", "xml-link", "rawxml-link"})),
)


def prepare_policy(draft: Draft) -> Draft:
    """Check the document and keep it as the service would give it back."""
    call = draft.call
    if call.path.types[-1] == "policies":
        _check_place(call)
    value = canonical(call, draft.properties)
    return Draft(call, draft.existing, {**draft.properties, "value": value, "format": "xml"})


def canonical(call: Call, properties: Json) -> str:
    """The document in the service's own layout.

    Raises:
        ArmError: the document cannot be saved, with one detail per problem.
    """
    scope = _scope(call)
    name = str(properties.get("format", "xml")).lower()
    if name not in _FORMATS:
        raise invalid("format", f"Format '{name}' reaches only documents on this machine.")
    value = properties["value"]
    limit = size_limit(call.tier, scope)
    if len(value.encode()) > limit:
        # The limit is documented, its text is UNVERIFIED.
        raise invalid("value", f"The policy document exceeds the limit of {limit} bytes.")
    try:
        tree = parse(value, _FORMATS[name])
    except PolicySyntaxError as exc:
        raise invalid("representation", str(exc)) from exc
    problems = check(tree, scope=scope, tier=call.tier, exists=call.has)
    if problems:
        raise validation_error(*(Detail("ValidationError", p.message, p.target) for p in problems))
    return serialise(tree, "xml")


def _scope(call: Call) -> Scope:
    scope = _SCOPES["/".join(call.path.types)]
    if scope not in ("api", "operation") or not is_websocket(call.find("apis", call.path.names[1])):
        return scope
    if scope == "api":
        # The page knows two scopes above onHandshake, "global or product", and Microsoft's samples
        # save their policies there only. Status and text are UNVERIFIED, as is the refusal.
        raise invalid("scope", "Policies of a WebSocket API belong to its operation onHandshake.")
    return "handshake"


def show_policy(call: Call, properties: Json) -> Json:
    """``format=rawxml`` un-escapes on the way out; the default is ``xml``."""
    if call.request.query.get("format", "xml").lower() != "rawxml":
        return properties
    raw = serialise(parse(properties["value"], "xml"), "rawxml")
    return {**properties, "value": raw, "format": "rawxml"}


def _check_place(call: Call) -> None:
    if call.path.name.lower() != "policy":
        # The empty message is real: github.com/Azure/bicep-types-az/issues/2006.
        raise ArmError(400, "BadRequest", "")
    if call.parent is None:
        # github.com/Azure/apiops/issues/399 and #513
        raise ArmError(
            400, "ValidationError", "Entity with specified identifier not found", null_details=True
        )


def _restore_global(call: Call, _: Entry) -> None:
    """The global scope always has a policy: deleting it brings the default back (UNVERIFIED)."""
    if call.path.types == ("service", "policies"):
        call.put(call.path, {"value": DEFAULT_POLICY, "format": "xml"})


def _policy_kind(path: str) -> Kind:
    return Kind(
        path=path,
        label="Policy",
        id_name="policyId",
        fields=_FIELDS,
        prepare=prepare_policy,
        show=show_policy,
        deleted=_restore_global,
    )


POLICY_KINDS = tuple(
    _policy_kind(path)
    for path in (
        "service/policies",
        "service/products/policies",
        "service/apis/policies",
        "service/apis/operations/policies",
    )
)


def _prepare_fragment(draft: Draft) -> Draft:
    prepared = prepare_policy(draft)
    return Draft(draft.call, draft.existing, prepared.properties | PROVISIONED)


def _check_fragment_unused(call: Call, entry: Entry) -> None:
    users = call.policy_users("policyFragments", entry.name)
    if users:
        # github.com/Azure/apiops-cli/issues/261
        raise ArmError(
            400,
            "ValidationError",
            f"The Policy Fragment '{entry.name}' is used by the following entities: "
            f"{', '.join(users)}",
            null_details=True,
        )


FRAGMENTS = Kind(
    path="service/policyFragments",
    label="Policy Fragment",
    id_name="id",
    fields=(*_FIELDS, Field("description", most=1000), Field("provisioningState", read_only=True)),
    id_rule=FRAGMENT_ID,
    prepare=_prepare_fragment,
    check_delete=_check_fragment_unused,
    show=show_policy,
    slow=True,
)


def list_references(call: Call) -> Reply:
    """POST policyFragments/{id}/listReferences."""
    entry = call.entry
    if entry is None:
        raise missing(FRAGMENTS)
    users = call.policy_users("policyFragments", entry.name)
    value = [{"id": f"{call.root.id}{user}"} for user in users]
    return Reply(200, {"value": value, "count": len(value)})
