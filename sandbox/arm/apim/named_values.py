"""Named values: secrets are written, listed on demand, and never shown."""

import re
from datetime import UTC

from sandbox.arm.apim.call import Call, display_name
from sandbox.arm.apim.entities import PROVISIONED, Draft, Kind, existing
from sandbox.arm.apim.shapes import mapping
from sandbox.arm.apim.validation import LONG_ID, Field, invalid
from sandbox.arm.errors import ArmError
from sandbox.arm.provider import LongRunning, Reply
from sandbox.arm.store import Entry
from sandbox.contracts import Json

# learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, "object identifiers";
# with a version the secret is not refreshed (KeyVaultContractCreateProperties). How strictly the
# service looks at it is UNVERIFIED.
_SECRET = re.compile(
    r"https://[a-z0-9][a-z0-9-]{1,22}[a-z0-9]\.vault\."
    r"(azure\.net|azure\.cn|usgovcloudapi\.net)(:443)?"
    r"/secrets/[a-z0-9-]{1,127}(/[0-9a-f]{32})?/?",
    re.IGNORECASE,
)


def _prepare(draft: Draft) -> Draft:
    call, properties = draft.call, dict(draft.properties)
    _check_name(call, str(properties["displayName"]).lower())
    if not all(isinstance(tag, str) for tag in properties["tags"]):
        raise invalid("tags", "Value of 'tags' has an invalid type.")
    vault = properties.get("keyVault")
    if vault is not None:
        return Draft(call, draft.existing, *_from_vault(call, properties, vault))
    # "It may not be empty or consist only of whitespace" (NamedValueCreateContractProperties).
    if not str(properties.get("value") or "").strip():
        raise invalid("value", "'value' should not be empty.")
    value = properties["value"] if not properties["secret"] else properties.pop("value")
    return Draft(call, draft.existing, properties | PROVISIONED, {"value": value})


def _check_name(call: Call, name: str) -> None:
    """Display names are what policies refer to, so they are unique; the text is UNVERIFIED."""
    others = (e for e in call.members("namedValues") if e.name.lower() != call.path.name.lower())
    if any(display_name(other) == name for other in others):
        raise invalid("displayName", "Named value with the same name already exists.")


def _from_vault(call: Call, properties: Json, vault: Json) -> tuple[Json, Json]:
    """A vault reference is a secret whose value this local service makes up."""
    identifier, client_id = vault.get("secretIdentifier"), vault.get("identityClientId")
    if not identifier:
        raise invalid("keyVault", "'secretIdentifier' should not be empty.")
    if not _SECRET.fullmatch(str(identifier)):
        raise invalid("keyVault", f"Secret identifier '{identifier}' is invalid.")
    if properties["secret"] is not True:
        # Microsoft's samples always send it; that the default is refused is UNVERIFIED.
        raise invalid("secret", "A named value from Key Vault must be a secret.")
    _check_identity(call, client_id)
    stamp = call.context.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = {
        "secretIdentifier": identifier,
        "identityClientId": client_id,
        "lastStatus": {"code": "Success", "timeStampUtc": stamp},
    }
    properties.pop("value", None)
    return properties | {"keyVault": shown} | PROVISIONED, {"value": f"value of {identifier}"}


def _check_identity(call: Call, client_id: object) -> None:
    """The service reads the secret by an identity of its own.

    "Null for SystemAssignedIdentity or Client Id for UserAssignedIdentity"
    (KeyVaultContractCreateProperties); text UNVERIFIED. Whether it may read it is not looked at.
    """
    service = call.context.store.get(call.root.id)
    has = mapping(service.body.get("identity")) if service else {}
    assigned = mapping(has.get("userAssignedIdentities")).values()
    known = {str(it["clientId"]).lower() for it in assigned}
    known |= {""} if has.get("principalId") else set()
    if str(client_id or "").lower() not in known:
        who = f"the identity with client id '{client_id}'" if client_id else "a system identity"
        raise invalid("keyVault", f"The service does not have {who}.")


def _check_unused(call: Call, entry: Entry) -> None:
    """In-use named values cannot be deleted (api-management-howto-properties); text UNVERIFIED."""
    users = call.policy_users("namedValues", entry.body["properties"]["displayName"])
    if users:
        raise ArmError(
            400,
            "ValidationError",
            f"The Named Value '{entry.name}' is used by the following entities: {', '.join(users)}",
            null_details=True,
        )


NAMED_VALUES = Kind(
    path="service/namedValues",
    label="Named value",
    id_name="namedValueId",
    fields=(
        Field("displayName", required=True, least=1, most=256, pattern=r"^[A-Za-z0-9-._]+$"),
        Field("value", most=4096),
        Field("secret", bool),
        Field("tags", list, most=32),
        Field("keyVault", dict),
    ),
    id_rule=LONG_ID,
    defaults={"secret": False, "tags": []},
    prepare=_prepare,
    check_delete=_check_unused,
    slow=True,
)


def list_value(call: Call) -> Reply:
    """POST namedValues/{id}/listValue: the only way to read a secret."""
    entry = existing(call, NAMED_VALUES)
    return Reply(200, {"value": entry.hidden["value"]}, {"ETag": entry.etag}, secret=True)


def refresh_secret(call: Call) -> Reply:
    entry = existing(call, NAMED_VALUES)
    if "keyVault" not in entry.body["properties"]:
        raise invalid("keyVault", "Named value is not a Key Vault reference.")

    def finish() -> Reply:
        body = {
            "id": entry.id,
            "type": entry.type,
            "name": entry.name,
            "properties": entry.copy_body()["properties"],
        }
        return Reply(200, body)

    work = LongRunning(f"{call.path.type}/refreshSecret/action", finish, poll="async-operation")
    return Reply(202, long_running=work)
