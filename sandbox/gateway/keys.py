"""Who calls: subscription keys, and what a subscription may call.

learn.microsoft.com/azure/api-management/api-management-subscriptions, "How API Management handles
requests with or without subscription keys"; the words of the refusals are those of
learn.microsoft.com/azure/api-management/api-management-error-handling-policies.
"""

import hmac
from dataclasses import dataclass
from typing import Any

from sandbox.arm.store import Entry
from sandbox.gateway.configuration import Configuration, properties
from sandbox.gateway.errors import GatewayError
from sandbox.gateway.message import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """All of it may be missing: an API may be open."""

    subscription: Entry | None = None
    product: Entry | None = None
    user: Entry | None = None
    key: str = ""


def find_caller(configuration: Configuration, api: Entry, request: Request) -> Caller:
    """Who calls this API.

    Raises:
        GatewayError: 401, for the lack of a key or for a wrong one.
    """
    key = _key(api, request)
    if key:
        for subscription in configuration.members("subscriptions"):
            if _has_key(subscription, key) and properties(subscription)["state"] == "active":
                caller = _scoped(configuration, api, subscription, key)
                if caller is not None:
                    return caller
    # An open product takes everybody, and ignores a key that is not good.
    for product in _published(configuration, api):
        if not properties(product).get("subscriptionRequired", True):
            return Caller(product=product)
    if not properties(api).get("subscriptionRequired", True):
        # Whether a wrong key is ignored here too is UNVERIFIED.
        return Caller()
    raise _refusal(configuration, api, missing=not key)


def _key(api: Entry, request: Request) -> str:
    """By header, then by query, then as a bearer token; the order of the last is UNVERIFIED.

    The bearer: Azure-Samples/AI-Gateway, modules/apim/v3/inference-api.bicep.
    """
    names: dict[str, Any] = properties(api).get("subscriptionKeyParameterNames") or {}
    header = request.headers.get(str(names.get("header") or "Ocp-Apim-Subscription-Key"), "")
    if header:
        return header
    wanted = str(names.get("query") or "subscription-key").lower()
    for name, value in request.query:
        if name.lower() == wanted and value:
            return value
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    is_enabled = str(names.get("bearer") or "").lower() == "enabled"
    return token.strip() if is_enabled and scheme.lower() == "bearer" else ""


def _has_key(subscription: Entry, key: str) -> bool:
    keys = (str(subscription.hidden.get(it, "")) for it in ("primaryKey", "secondaryKey"))
    return any(it and hmac.compare_digest(it.encode(), key.encode()) for it in keys)


def _scoped(
    configuration: Configuration, api: Entry, subscription: Entry, key: str
) -> Caller | None:
    """A subscription of a product counts for the APIs of that product, and so on."""
    scope = str(properties(subscription)["scope"])
    root = configuration.service_id
    tail = scope[len(root) :].strip("/").lower()
    user = _user(configuration, subscription)
    if tail in ("", "apis") or tail == f"apis/{api.name.lower()}":
        return Caller(subscription, user=user, key=key)
    for product in _published(configuration, api):
        if product.id.lower() == scope.lower():
            return Caller(subscription, product, user, key)
    return None


def _published(configuration: Configuration, api: Entry) -> list[Entry]:
    """Before the APIs in a product can be called, it must be published.

    learn.microsoft.com/azure/api-management/api-management-howto-add-products
    """
    products = configuration.products_with(api)
    return [it for it in products if properties(it).get("state") == "published"]


def _user(configuration: Configuration, subscription: Entry) -> Entry | None:
    owner = str(properties(subscription).get("ownerId") or "")
    return configuration.find(f"users/{owner.rpartition('/')[2]}") if owner else None


def _refusal(configuration: Configuration, api: Entry, *, missing: bool) -> GatewayError:
    """With the challenge that clients of real gateways are seen to get."""
    settings = properties(api)
    realm = f"https://{configuration.name.lower()}.azure-api.net/{settings['path']}"
    header = (settings.get("subscriptionKeyParameterNames") or {}).get("header")
    name = header or "Ocp-Apim-Subscription-Key"
    challenge = f'AzureApiManagementKey realm="{realm}",name="{name}",type="header"'
    if missing:
        return GatewayError(
            401,
            "Access denied due to missing subscription key. "
            "Make sure to include subscription key when making requests to an API.",
            reason="SubscriptionKeyNotFound",
            source="authorization",
            headers={"WWW-Authenticate": challenge},
        )
    return GatewayError(
        401,
        "Access denied due to invalid subscription key. "
        "Make sure to provide a valid key for an active subscription.",
        reason="SubscriptionKeyInvalid",
        source="authorization",
        headers={"WWW-Authenticate": challenge},
    )
