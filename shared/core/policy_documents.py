"""The policy of an account's API: a constant document with checked holes.

Escaping does not stop a policy expression or a named value reference: `@(...)` and `{{...}}`
survive it and run in the gateway (learn.microsoft.com/azure/api-management/
api-management-policy-expressions). So nothing is escaped here: only generated ids, numbers and
names out of an allowlist of characters are ever put in, and everything else is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from string import Template

from shared.core import policy_expressions as expressions
from shared.core.choices import ContentSafety, SemanticCache, TokenMetric
from shared.core.policy_answers import gone, model_list, one_model, refusal
from shared.core.policy_features import (
    Limit,
    checked,
    limit_policy,
    lookup_policy,
    metric_policy,
    safety_policy,
    store_policy,
)
from shared.core.surfaces import Operation, Protocol, Surface
from shared.errors import GuardRefused


@dataclass(frozen=True, slots=True)
class DeploymentRule:
    """What the policy says of one onboarded deployment."""

    name: str
    limit: Limit | None = None
    safety: ContentSafety | None = None
    is_cached: bool = False


@dataclass(frozen=True, slots=True)
class KeptRule:
    """A deployment that goes on as it stands; *block* holds its limits, read from the policy."""

    name: str
    block: str


@dataclass(frozen=True, slots=True)
class RetiredRule:
    """A deployment that is gone from ARM, and since when the policy says so."""

    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Access:
    """How the gateway makes itself known to the account.

    Attributes:
        backend: Id of the backend, which brings the gateway's identity along.
        resource: Whom a token is for; only a WebSocket API's policy gets it by itself.
        client_id: Of a user-assigned identity; the gateway's own if empty.
        key: Header and named value of the account's key, where no identity can be used.
    """

    backend: str
    resource: str
    client_id: str = ""
    key: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ApiPolicy:
    """All that an API's policy is made of."""

    surface: Surface
    operations: Sequence[Operation]
    unit: str
    access: Access
    served: Sequence[DeploymentRule] = ()
    kept: Sequence[KeptRule] = ()
    retired: Sequence[RetiredRule] = ()
    metric: TokenMetric | None = None
    cache: SemanticCache | None = None
    cache_backend: str = ""
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = sorted(
            checked(name).lower()
            for name in (*(it.name for it in self.served), *(it.name for it in self.kept))
        )
        object.__setattr__(self, "names", tuple(names))

    @property
    def operation_ids(self) -> frozenset[str]:
        return frozenset(operation.id for operation in self.operations)

    @property
    def cached(self) -> list[str]:
        return sorted(rule.name.lower() for rule in self.served if rule.is_cached)


# The client's key must not reach the model. The backend's managed identity brings its own
# Authorization header, set after these policies ran.
_DOCUMENT = Template("""<policies>
  <inbound>
    <base />
    <set-header name="Authorization" exists-action="delete" />
    <set-header name="api-key" exists-action="delete" />
    <set-header name="x-api-key" exists-action="delete" />
    <set-query-parameter name="subscription-key" exists-action="delete" />$other_deployment$key
    <set-variable name="deployment" value=$deployment />
    <choose>$answers$deployments
      <otherwise>$not_onboarded
      </otherwise>
    </choose>$after
  </inbound>
  <backend>
    <base />
  </backend>
  <outbound>
    <base />$outbound
  </outbound>
  <on-error>
    <base />
  </on-error>
</policies>""")

_KEY = Template("""
    <set-header name="$header" exists-action="override">
      <value>{{$named_value}}</value>
    </set-header>""")

# A request of one deployment must not reach another that may not be onboarded: Responses' image
# tool names its own (learn.microsoft.com/azure/ai-foundry/openai/how-to/responses; UNVERIFIED).
_OTHER_DEPLOYMENT = """
    <set-header name="x-ms-oai-image-generation-deployment" exists-action="delete" />"""

_WHEN = Template("""
      <when condition=$condition>$block
      </when>""")

_ROUTE = Template("""
        <set-backend-service backend-id="$backend" />""")

# The documented way of a WebSocket API is its own serviceUrl, and a policy on its handshake
# (learn.microsoft.com/azure/api-management/websocket-api).
_HANDSHAKE = Template("""
        <authentication-managed-identity resource="$resource"$client_id />""")
_HANDSHAKE_BY_KEY = """
        <set-variable name="authenticated" value="by key" />"""

# Sunset says when it went (RFC 8594); it is also where the grace period is read from, so that
# losing our tables changes nothing.
_SUNSET = Template("""
          <set-header name="Sunset" exists-action="override">
            <value>$since</value>
          </set-header>""")

_ANSWER = Template("""
        <return-response>
          <set-status code="$code" reason="$reason" />$headers$body
        </return-response>""")
_JSON = """
          <set-header name="Content-Type" exists-action="override">
            <value>application/json</value>
          </set-header>"""
_BODY = Template("""
          <set-body>$body</set-body>""")


def policy_document(api: ApiPolicy) -> str:
    """The API's policy in format ``xml``: who may call what, where it goes, how much of it.

    Raises:
        GuardRefused: a value has characters that could mean something in a policy.
    """
    return _DOCUMENT.substitute(
        key=_key(api.access),
        other_deployment=_OTHER_DEPLOYMENT if "responses-create" in api.operation_ids else "",
        deployment=expressions.deployment_name(api.surface, api.operations),
        answers="".join(_unnamed(api)),
        deployments="".join(_deployments(api)),
        not_onboarded=_answer(api.surface, 404, "Not Found", refusal(api.surface, api.names)),
        after=_after(api),
        outbound=store_policy(api.cache, api.cached) if api.cache and api.cached else "",
    )


def _after(api: ApiPolicy) -> str:
    """What follows the choice of a deployment."""
    metric = metric_policy(api.metric) if api.metric else ""
    if api.cache is None or not api.cached:
        return metric
    return metric + lookup_policy(api.cache, api.cache_backend, api.cached)


def _unnamed(api: ApiPolicy) -> list[str]:
    """What is asked for without naming a deployment, or about one instead of from one."""
    ids = api.operation_ids
    stored = sorted(id_ for id_ in ids if id_.startswith("stored-response-"))
    found = []
    if "models-list" in ids:
        body = model_list(api.names)
        found.append(
            (expressions.is_operation("models-list"), _answer(api.surface, 200, "OK", body))
        )
    if "models-retrieve" in ids and api.names:
        condition = expressions.is_deployment(*api.names, operation="models-retrieve")
        found.append((condition, _answer(api.surface, 200, "OK", one_model())))
    if stored and api.names:
        found.append((expressions.is_operation(*stored), _route(api.surface, api.access)))
    return [_WHEN.substitute(condition=condition, block=block) for condition, block in found]


def _deployments(api: ApiPolicy) -> list[str]:
    blocks = {
        **{checked(it.name).lower(): _served(api, it) for it in api.served},
        **{checked(it.name).lower(): _kept(api, it) for it in api.kept},
    }
    gone_blocks = {checked(it.name).lower(): _retired(api, it) for it in api.retired}
    return [
        _WHEN.substitute(condition=expressions.is_deployment(name), block=block)
        for name, block in (*sorted(blocks.items()), *sorted(gone_blocks.items()))
    ]


def _served(api: ApiPolicy, rule: DeploymentRule) -> str:
    name = rule.name.lower()
    limit = limit_policy(rule.limit, f"{checked(api.unit)}/{name}") if rule.limit else ""
    return (
        _route(api.surface, api.access)
        + limit
        + (safety_policy(rule.safety) if rule.safety else "")
    )


def _kept(api: ApiPolicy, rule: KeptRule) -> str:
    is_http = api.surface.protocol is Protocol.HTTP
    return (_route(api.surface, api.access) if is_http else "") + rule.block


def _route(surface: Surface, access: Access) -> str:
    """Where a request goes, and as whom."""
    if surface.protocol is Protocol.HTTP:
        return _ROUTE.substitute(backend=checked(access.backend))
    if access.key is not None:
        return _HANDSHAKE_BY_KEY
    client = f' client-id="{checked(access.client_id)}"' if access.client_id else ""
    return _HANDSHAKE.substitute(resource=_host_url(access.resource), client_id=client)


def _retired(api: ApiPolicy, rule: RetiredRule) -> str:
    since = _SUNSET.substitute(since=format_datetime(rule.since, usegmt=True))
    return _answer(api.surface, 410, "Gone", gone(api.surface, rule.name.lower()), since)


def _answer(surface: Surface, code: int, reason: str, body: str, headers: str = "") -> str:
    """An answer of the gateway's own; a handshake has no body (set-body is not allowed there)."""
    has_body = surface.protocol is Protocol.HTTP
    return _ANSWER.substitute(
        code=code,
        reason=reason,
        headers=(_JSON if has_body else "") + headers,
        body=_BODY.substitute(body=body) if has_body else "",
    )


def _key(access: Access) -> str:
    if access.key is None:
        return ""
    header, named_value = access.key
    return _KEY.substitute(header=checked(header), named_value=checked(named_value))


def _host_url(url: str) -> str:
    if re.fullmatch(r"https://[a-z0-9.-]+/?", url) is None:
        raise GuardRefused("a resource that is no plain https URL can't go in a policy")
    return url
