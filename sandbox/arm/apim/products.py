"""Products, with what the service creates beside them."""

from sandbox.arm.apim.call import Call
from sandbox.arm.apim.entities import Draft, Kind
from sandbox.arm.apim.links import PRODUCT_GROUPS, forget, link
from sandbox.arm.apim.subscriptions import create_for_product, of_scope
from sandbox.arm.apim.validation import LONG_ID, Field, invalid
from sandbox.arm.errors import ArmError
from sandbox.arm.store import Entry


def _prepare(draft: Draft) -> Draft:
    """Approval and limits need subscriptions (azure-rest-api-specs, ProductContract)."""
    properties = dict(draft.properties)
    if not properties["subscriptionRequired"]:
        for name in ("approvalRequired", "subscriptionsLimit"):
            if properties.get(name):
                raise invalid(name, f"'{name}' needs 'subscriptionRequired'.")  # text UNVERIFIED
    else:
        properties = {"approvalRequired": False, "subscriptionsLimit": None, **properties}
    blanks = {"description": None, "terms": None}
    return Draft(draft.call, draft.existing, {**blanks, **properties})


def _written(call: Call, entry: Entry, created: bool) -> None:
    """A new product brings a group link and a subscription of the administrator.

    github.com/Azure/apiops, src/integration.tests/ARCHITECTURE.md
    """
    if not created:
        return
    administrators = call.find("groups", "administrators")
    if administrators is not None:
        link(call, PRODUCT_GROUPS, entry.name, administrators)
    if entry.body["properties"]["subscriptionRequired"]:
        create_for_product(call, entry)


def _check_delete(call: Call, entry: Entry) -> None:
    """``deleteSubscriptions`` is documented; the refusal without it is UNVERIFIED.

    The administrator's own subscription, which the service made, does not stand in the way.
    """
    if call.request.query.get("deleteSubscriptions", "false").lower() == "true":
        return
    if any(e.hidden.get("builtIn") is None for e in of_scope(call, entry.id)):
        raise ArmError(
            400,
            "ValidationError",
            "Product has existing subscriptions. Specify deleteSubscriptions=true to delete them.",
            null_details=True,
        )


def _deleted(call: Call, entry: Entry) -> None:
    for subscription in of_scope(call, entry.id):
        call.context.store.delete(subscription.id)
    forget(call, entry)


PRODUCTS = Kind(
    path="service/products",
    label="Product",
    id_name="productId",
    fields=(
        Field("displayName", required=True, least=1, most=300),
        Field("description", most=1000),
        Field("terms"),
        Field("subscriptionRequired", bool),
        Field("approvalRequired", bool),
        Field("subscriptionsLimit", int),
        Field("state", choices=frozenset({"notPublished", "published"})),
    ),
    id_rule=LONG_ID,
    defaults={"subscriptionRequired": True, "state": "notPublished"},
    prepare=_prepare,
    written=_written,
    check_delete=_check_delete,
    deleted=_deleted,
)
