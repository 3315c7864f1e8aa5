"""Subscriptions: who may call what, with which keys. Keys are shown by listSecrets alone."""

import secrets

from sandbox.arm.apim.call import Call
from sandbox.arm.apim.entities import Draft, Kind, existing, listed
from sandbox.arm.apim.validation import LONG_ID, Field, invalid
from sandbox.arm.provider import Reply
from sandbox.arm.store import Entry
from sandbox.contracts import Json

_STATES = frozenset({"suspended", "active", "expired", "submitted", "rejected", "cancelled"})


def _prepare(draft: Draft) -> Draft:
    call, properties = draft.call, dict(draft.properties)
    properties["scope"] = _scope(call, properties["scope"])
    before = draft.existing.hidden if draft.existing else {}
    keys = {
        name: properties.pop(name, None) or before.get(name) or new_key()
        for name in ("primaryKey", "secondaryKey")
    }
    _check_owner(call, properties.get("ownerId"))
    state = draft.before.get("state") or _first_state(call, properties["scope"])
    created = draft.before.get("createdDate", call.context.clock().isoformat())
    shown = {"state": state, **properties, "createdDate": created}
    return Draft(call, draft.existing, shown, {**before, **keys})


def _scope(call: Call, scope: str) -> str:
    """``/products/{id}``, ``/apis`` or ``/apis/{id}``, also in full; always shown in full.

    azure-rest-api-specs, SubscriptionCreateParameterProperties; the texts are UNVERIFIED.
    """
    root = call.root.id
    tail = scope[len(root) :] if scope.lower().startswith(root.lower()) else scope
    parts = tail.strip("/").split("/")
    whole = parts == ["apis"] or tail in ("", "/")
    if whole:
        return f"{root}/apis" if parts == ["apis"] else f"{root}/"
    if len(parts) != 2 or parts[0].lower() not in ("products", "apis"):
        raise invalid("scope", f"Subscription scope '{scope}' is invalid.")
    found = call.find(parts[0], parts[1])
    if found is None:
        raise invalid(
            "scope",
            "Subscription scope should be one of '/apis', '/apis/{apiId}', "
            "'/products/{productId}' that exist.",
        )
    return found.id


def _check_owner(call: Call, owner: str | None) -> None:
    if owner and call.find("users", owner.rstrip("/").rsplit("/", 1)[-1]) is None:
        raise invalid("ownerId", "User not found.")  # text UNVERIFIED


def _first_state(call: Call, scope: str) -> str:
    """Products may ask for approval; everything else is active at once (UNVERIFIED)."""
    product = call.context.store.get(scope)
    approval = product is not None and product.body["properties"].get("approvalRequired")
    return "submitted" if approval else "active"


def new_key() -> str:
    """32 hexadecimal digits, as the service makes them."""
    return secrets.token_hex(16)


def create_for_product(call: Call, product: Entry) -> None:
    path = call.at(f"subscriptions/{secrets.token_hex(12)}")
    call.put(
        path,
        {
            "ownerId": f"{call.root.id}/users/1",
            "scope": product.id,
            "displayName": None,
            "state": "active",
            "createdDate": call.context.clock().isoformat(),
            "allowTracing": False,
        },
        {"primaryKey": new_key(), "secondaryKey": new_key(), "builtIn": True},
    )


def of_scope(call: Call, scope: str) -> list[Entry]:
    members = call.members("subscriptions")
    return [e for e in members if e.body["properties"]["scope"].lower() == scope.lower()]


def list_of_product(call: Call) -> Reply:
    """GET products/{p}/subscriptions."""
    return listed(call, SUBSCRIPTIONS, of_scope(call, call.path.id))


def list_of_user(call: Call) -> Reply:
    """GET users/{u}/subscriptions."""
    user = call.path.id.lower()
    members = call.members("subscriptions")
    owned = [e for e in members if (e.body["properties"].get("ownerId") or "").lower() == user]
    return listed(call, SUBSCRIPTIONS, owned)


SUBSCRIPTIONS = Kind(
    path="service/subscriptions",
    label="Subscription",
    id_name="sid",
    fields=(
        Field("displayName", required=True, least=1, most=100),
        Field("scope", required=True, least=1),
        Field("ownerId"),
        Field("primaryKey", least=1, most=256),
        Field("secondaryKey", least=1, most=256),
        Field("state", choices=_STATES),
        Field("allowTracing", bool),
    ),
    id_rule=LONG_ID,
    defaults={"allowTracing": False},
    prepare=_prepare,
)


def list_secrets(call: Call) -> Reply:
    """POST subscriptions/{sid}/listSecrets."""
    entry = existing(call, SUBSCRIPTIONS)
    keys = {name: entry.hidden[name] for name in ("primaryKey", "secondaryKey")}
    return Reply(200, keys, {"ETag": entry.etag}, secret=True)


def regenerate_primary(call: Call) -> Reply:
    return _regenerate(call, "primaryKey")


def regenerate_secondary(call: Call) -> Reply:
    return _regenerate(call, "secondaryKey")


def _regenerate(call: Call, name: str) -> Reply:
    entry = existing(call, SUBSCRIPTIONS)
    properties: Json = entry.copy_body()["properties"]
    call.put(call.path, properties, {**entry.hidden, name: new_key()})
    return Reply(204)
