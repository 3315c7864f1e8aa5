"""Kinds with few rules: tags, version sets, schemas, users, groups, gateways.

Fields and lengths: azure-rest-api-specs, Microsoft.ApiManagement 2024-05-01.
"""

from dataclasses import replace

from sandbox.arm.apim.call import Call, display_name, tail_name
from sandbox.arm.apim.entities import Draft, Kind
from sandbox.arm.apim.links import forget
from sandbox.arm.apim.validation import LONG_ID, Field, invalid
from sandbox.arm.errors import ArmError
from sandbox.arm.store import Entry


def _unique_tag(draft: Draft) -> Draft:
    call = draft.call
    name = draft.properties["displayName"].lower()
    others = (e for e in call.members("tags") if e.name.lower() != call.path.name.lower())
    if any(display_name(other) == name for other in others):
        # github.com/Azure/apiops/issues/770
        raise invalid("displayName", "Tag with the same name already exists.")
    return draft


def _version_set(draft: Draft) -> Draft:
    """Query and Header need their parameter's name (ApiVersionSetContractProperties)."""
    scheme = draft.properties["versioningScheme"].lower()
    needed = {"query": "versionQueryName", "header": "versionHeaderName"}.get(scheme)
    if needed and not draft.properties.get(needed):
        raise invalid(needed, f"'{needed}' should not be empty.")
    return draft


def _version_set_unused(call: Call, entry: Entry) -> None:
    used = (e.body["properties"].get("apiVersionSetId") or "" for e in call.members("apis"))
    if any(tail_name(reference).lower() == entry.name.lower() for reference in used):
        # text UNVERIFIED
        raise invalid("apiVersionSetId", "ApiVersionSet is used by existing APIs.")


def _not_built_in(call: Call, entry: Entry) -> None:
    del call
    if entry.hidden.get("builtIn"):
        # The three system groups and the first user stay; text UNVERIFIED.
        raise ArmError(405, "MethodNotAllowed", "System entities cannot be deleted.")


def _group(draft: Draft) -> Draft:
    properties = {"description": None, **draft.properties, "builtIn": False}
    return replace(draft, properties=properties)


def _user(draft: Draft) -> Draft:
    call, properties = draft.call, dict(draft.properties)
    properties.pop("password", None)
    email = properties["email"].lower()
    others = (e for e in call.members("users") if e.name.lower() != call.path.name.lower())
    if any(e.body["properties"]["email"].lower() == email for e in others):
        raise invalid("email", "User with the same email already exists.")  # text UNVERIFIED
    stamp = draft.before.get("registrationDate", call.context.clock().isoformat())
    identities = [{"provider": "Basic", "id": properties["email"]}]
    extra = {"registrationDate": stamp, "identities": identities, "groups": []}
    return replace(draft, properties={**properties, **extra})


def _unlinked(call: Call, entry: Entry) -> None:
    forget(call, entry)


SIMPLE_KINDS = (
    Kind(
        "service/tags",
        "Tag",
        "tagId",
        (Field("displayName", required=True, least=1, most=160),),
        prepare=_unique_tag,
    ),
    Kind(
        "service/apiVersionSets",
        "ApiVersionSet",
        "versionSetId",
        (
            Field("displayName", required=True, least=1, most=100),
            Field(
                "versioningScheme",
                required=True,
                choices=frozenset({"Segment", "Query", "Header"}),
            ),
            Field("description"),
            Field("versionQueryName", least=1, most=100),
            Field("versionHeaderName", least=1, most=100),
        ),
        prepare=_version_set,
        check_delete=_version_set_unused,
    ),
    Kind(
        "service/apis/schemas",
        "Schema",
        "schemaId",
        (Field("contentType", required=True, least=1), Field("document", dict)),
        defaults={"provisioningState": "Succeeded"},
        slow=True,
    ),
    Kind(
        "service/groups",
        "Group",
        "groupId",
        (
            Field("displayName", required=True, least=1, most=300),
            Field("description"),
            Field("type", choices=frozenset({"custom", "system", "external"})),
            Field("externalId"),
        ),
        LONG_ID,
        {"type": "custom"},
        prepare=_group,
        check_delete=_not_built_in,
        deleted=_unlinked,
    ),
    Kind(
        "service/users",
        "User",
        "userId",
        (
            Field("email", required=True, least=1, most=254),
            Field("firstName", required=True, least=1, most=100),
            Field("lastName", required=True, least=1, most=100),
            Field("state", choices=frozenset({"active", "blocked", "pending", "deleted"})),
            Field("note"),
            Field("password"),
        ),
        defaults={"state": "active"},
        prepare=_user,
        check_delete=_not_built_in,
    ),
    Kind(
        "service/gateways",
        "Gateway",
        "gatewayId",
        (Field("locationData", dict), Field("description", most=1000)),
    ),
)
