"""Who may call: the account's own key, or a token of a principal that has the role.

Refusals in the order in which they are judged:

    key given, keys switched off   403 AuthenticationTypeDisabled
    key that is none of its own    401 "Access denied due to invalid subscription key …"
    token at a shared host         400 "Please provide a custom subdomain …"
    no, bad or foreign token       401 {"statusCode", "message": "Unauthorized. Access token is …"}
    role missing or too young      401 PermissionDenied

That a key goes before a token where both are sent is UNVERIFIED.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sandbox.arm.store import Store
from sandbox.contracts import Json
from sandbox.models import roles
from sandbox.models.errors import Refusal
from sandbox.models.estate import Account, Host, Place
from sandbox.models.options import ModelOptions
from sandbox.models.routes import Route
from sandbox.tokens import Directory, Identity, issue_token

_KEY_HEADERS = ("api-key", "x-api-key", "Ocp-Apim-Subscription-Key")


@dataclass(frozen=True, slots=True)
class Caller:
    """``principal`` is empty for a key, ``audience`` as the token spells it."""

    account: Account
    principal: str = ""
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    store: Store
    directory: Directory
    options: ModelOptions

    def admit(
        self,
        route: Route,
        place: Place,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        *,
        now: datetime,
    ) -> Caller:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        given = next((headers[it] for it in _KEY_HEADERS if headers.get(it)), "")
        if route.is_websocket:
            # In the address, for browsers can't set headers:
            # learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets
            given = given or query.get("api-key", "")
        if not given and token.count(".") != 2 and route.family.takes_bearer_keys:
            given = token
        if given:
            return _by_key(place, given)
        return self._by_token(route, place, token, now)

    def _by_token(self, route: Route, place: Place, token: str, now: datetime) -> Caller:
        if token and place.host is Host.REGIONAL:
            # learn.microsoft.com/azure/ai-services/authentication
            raise Refusal(
                400,
                "BadRequest",
                "Please provide a custom subdomain for token authentication, otherwise API key is "
                "required.",
            )
        audiences = self.options.audiences[route.family.name]
        claims = _claims(self.directory, token)
        audience = str(claims.get("aud", ""))
        good = (
            audience.rstrip("/").lower() in audiences
            and claims.get("iss") == f"https://sts.windows.net/{self.directory.tenant}/"
            and _is_current(claims, now.timestamp())
        )
        if not good:
            raise _unauthorized(audiences[0])
        [account] = place.accounts
        caller = Caller(account, str(claims.get("oid", "")), audience)
        self._check_role(route, caller, now)
        return caller

    def _check_role(self, route: Route, caller: Caller, now: datetime) -> None:
        """github.com/Azure/azure-sdk-for-python/issues/44842 (a further route, the same words)."""
        action = f"{roles.PREFIX}{route.action}"
        before = roles.effective_before(now, self.options.role_delay_s)
        if roles.is_allowed(self.store, caller.principal, caller.account.id, action, before=before):
            return
        raise Refusal(
            401,
            "PermissionDenied",
            f"The principal `{caller.principal}` lacks the required data action `{action}` to "
            f"perform `{route.method} {route.template}` operation.",
        )


def _by_key(place: Place, given: str) -> Caller:
    for account in place.accounts:
        own = any(
            hmac.compare_digest(given.encode(errors="surrogateescape"), it.encode())
            for it in account.keys
        )
        if place.host is not Host.REGIONAL and not account.takes_keys:
            raise _keys_disabled()
        if own:
            if not account.takes_keys:
                raise _keys_disabled()
            return Caller(account)
    # As users quote it.
    raise Refusal(
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint for your "
        "resource.",
    )


def _keys_disabled() -> Refusal:
    """learn.microsoft.com/azure/ai-services/disable-local-auth; the words as users quote them."""
    return Refusal(
        403, "AuthenticationTypeDisabled", "Key based authentication is disabled for this resource."
    )


def _unauthorized(audience: str) -> Refusal:
    """github.com/run-llama/llama_index/issues/12484, Azure/azure-sdk-for-python/issues/40260."""
    return Refusal(
        401,
        None,
        "Unauthorized. Access token is missing, invalid, audience is incorrect "
        f"({audience}), or have expired.",
        flat=True,
    )


def _claims(directory: Directory, token: str) -> Json:
    """What a token of this directory says; nothing of one that is not.

    The local directory signs with a constant, so its header and signature are compared: a token of
    any other issuer has others.
    """
    header, _, rest = token.partition(".")
    payload, _, signature = rest.partition(".")
    own_header, _, own_signature = _specimen(directory).split(".")
    if (header, signature) != (own_header, own_signature):
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _is_current(claims: Json, now: float) -> bool:
    begins, ends = claims.get("nbf"), claims.get("exp")
    return isinstance(begins, int) and isinstance(ends, int) and begins <= now < ends


def _specimen(directory: Directory) -> str:
    return issue_token(directory, Identity("", ""), audience="", now=0, lifetime_s=0)
