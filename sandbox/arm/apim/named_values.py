"""Named values: secrets are written, listed on demand, and never shown."""

from datetime import UTC

from sandbox.arm.apim.call import Call, display_name
from sandbox.arm.apim.entities import PROVISIONED, Draft, Kind, existing
from sandbox.arm.apim.validation import LONG_ID, Field, invalid
from sandbox.arm.errors import ArmError
from sandbox.arm.provider import LongRunning, Reply
from sandbox.arm.store import Entry
from sandbox.contracts import Json


def _prepare(draft: Draft) -> Draft:
    call, properties = draft.call, dict(draft.properties)
    _check_name(call, str(properties["displayName"]).lower())
    vault = properties.get("keyVault")
    if vault is not None:
        return Draft(call, draft.existing, *_from_vault(call, properties, vault))
    if properties.get("value") is None:
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
    identifier = vault.get("secretIdentifier")
    if not identifier:
        raise invalid("keyVault", "'secretIdentifier' should not be empty.")
    stamp = call.context.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    vault = {**vault, "lastStatus": {"code": "Success", "timeStampUtc": stamp}}
    properties.pop("value", None)
    shown = {**properties, "secret": True, "keyVault": vault} | PROVISIONED
    return shown, {"value": f"value of {identifier}"}


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
