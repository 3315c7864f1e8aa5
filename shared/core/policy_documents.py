"""The policy of an account's API: a constant document with checked holes.

Escaping does not stop a policy expression or a named value reference: `@(...)` and `{{...}}`
survive it and run in the gateway (learn.microsoft.com/azure/api-management/
api-management-policy-expressions). So nothing is escaped here: only generated ids, numbers and
names out of an allowlist of characters are ever put in, and everything else is refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from string import Template
from xml.etree import ElementTree as ET

from shared.core.surfaces import DeploymentIn, Surface
from shared.errors import GuardRefused

_HOLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class DeploymentRule:
    """What the policy says of one onboarded deployment."""

    name: str
    tokens_per_minute: int | None


@dataclass(frozen=True, slots=True)
class RetiredRule:
    """A deployment that is gone from ARM, and since when the policy says so."""

    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """What a policy document of ours says: its names, lower-cased, served and retired."""

    served: Mapping[str, int | None] = field(default_factory=dict)
    retired: Mapping[str, datetime] = field(default_factory=dict)


# The client's key must not reach the model. The backend's managed identity brings its own
# Authorization header, set after these policies ran.
_DOCUMENT = Template("""<policies>
  <inbound>
    <base />
    <set-header name="Authorization" exists-action="delete" />
    <set-header name="api-key" exists-action="delete" />
    <set-header name="x-api-key" exists-action="delete" />
    <set-query-parameter name="subscription-key" exists-action="delete" />
    <set-variable name="deployment" value="$deployment" />
    <choose>$deployments
      <otherwise>
        <return-response>
          <set-status code="404" reason="Not Found" />
          <set-header name="Content-Type" exists-action="override">
            <value>application/json</value>
          </set-header>
          <set-body>$not_onboarded</set-body>
        </return-response>
      </otherwise>
    </choose>
  </inbound>
  <backend>
    <base />
  </backend>
  <outbound>
    <base />
  </outbound>
  <on-error>
    <base />
  </on-error>
</policies>""")

_DEPLOYMENT = Template("""
      <when condition="@((string)context.Variables[&quot;deployment&quot;] == &quot;$name&quot;)">
        <set-backend-service id="apim-generated-policy" backend-id="$backend" />$limit
      </when>""")

# One counter per client and deployment, whichever surface the client calls it on. An API that is
# also in an open product is called without a subscription.
_LIMIT = Template("""
        <llm-token-limit \
counter-key="@((context.Subscription?.Id ?? &quot;none&quot;) + &quot;/$unit/$name&quot;)" \
tokens-per-minute="$tokens" estimate-prompt-tokens="false" \
remaining-tokens-header-name="remaining-tokens" tokens-consumed-header-name="consumed-tokens" />""")

# Sunset says when it went (RFC 8594); it is also where the grace period is read from, so that
# losing our tables changes nothing.
_RETIRED = Template("""
      <when condition="@((string)context.Variables[&quot;deployment&quot;] == &quot;$name&quot;)">
        <return-response>
          <set-status code="410" reason="Gone" />
          <set-header name="Content-Type" exists-action="override">
            <value>application/json</value>
          </set-header>
          <set-header name="Sunset" exists-action="override">
            <value>$since</value>
          </set-header>
          <set-body>$gone</set-body>
        </return-response>
      </when>""")

_DEPLOYMENT_EXPRESSION = {
    DeploymentIn.PATH: "@(context.Request.MatchedParameters.GetValueOrDefault("
    "&quot;deployment-id&quot;, &quot;&quot;).ToLowerInvariant())",
    # A body that is no JSON object names no deployment.
    DeploymentIn.BODY: "@{ try { return ((string)context.Request.Body"
    "?.As&lt;JObject&gt;(preserveContent: true)?[&quot;model&quot;] ?? &quot;&quot;)"
    ".ToLowerInvariant(); } catch { return &quot;&quot;; } }",
}

# In each surface's own shape, so that clients raise their usual error for a missing model.
_NOT_ONBOARDED = {
    DeploymentIn.PATH: Template(
        '{"error": {"code": "DeploymentNotFound", "message": "No deployment of this name is '
        'onboarded on this API. Onboarded: $names."} }'
    ),
    DeploymentIn.BODY: Template(
        '{"error": {"code": "model_not_found", "type": "invalid_request_error", "param": "model", '
        '"message": "No deployment of this name is onboarded on this API. Onboarded: $names."} }'
    ),
}

_GONE = {
    DeploymentIn.PATH: Template(
        '{"error": {"code": "DeploymentGone", "message": "The deployment $name was deleted."} }'
    ),
    DeploymentIn.BODY: Template(
        '{"error": {"code": "model_gone", "type": "invalid_request_error", "param": "model", '
        '"message": "The deployment $name was deleted."} }'
    ),
}

_NAME = re.compile(r'Variables\["deployment"\] == "([A-Za-z0-9._-]+)"')


def policy_document(
    surface: Surface,
    *,
    backend: str,
    unit: str,
    served: Sequence[DeploymentRule],
    retired: Sequence[RetiredRule] = (),
) -> str:
    """The API's policy in format ``xml``: who may call what, where it goes, how much of it.

    Raises:
        GuardRefused: a value has characters that could mean something in a policy.
    """
    rules = {_checked(rule.name).lower(): rule for rule in sorted(served, key=lambda it: it.name)}
    gone = {_checked(rule.name).lower(): rule for rule in sorted(retired, key=lambda it: it.name)}
    names = ", ".join(rules) or "none"
    blocks = [
        _DEPLOYMENT.substitute(name=name, backend=_checked(backend), limit=_limit(rule, name, unit))
        for name, rule in rules.items()
    ]
    said = _GONE[surface.deployment_in]
    blocks += [
        _RETIRED.substitute(
            name=name,
            since=format_datetime(rule.since, usegmt=True),
            gone=said.substitute(name=name),
        )
        for name, rule in gone.items()
    ]
    return _DOCUMENT.substitute(
        deployment=_DEPLOYMENT_EXPRESSION[surface.deployment_in],
        deployments="".join(blocks),
        not_onboarded=_NOT_ONBOARDED[surface.deployment_in].substitute(names=names),
    )


def read_rules(policy: str) -> PolicyRules:
    """What a policy document of ours says; nothing of a document that isn't."""
    try:
        root = ET.fromstring(policy)  # noqa: S314 - our own document, read back from ARM
    except ET.ParseError:
        return PolicyRules()
    served: dict[str, int | None] = {}
    retired: dict[str, datetime] = {}
    for when in root.iter("when"):
        match = _NAME.search(when.get("condition", ""))
        if match is None:
            continue
        if when.find("set-backend-service") is not None:
            served[match[1]] = _tokens(when.find("llm-token-limit"))
        elif (since := _since(when)) is not None:
            retired[match[1]] = since
    return PolicyRules(served, retired)


def _tokens(limit: ET.Element | None) -> int | None:
    text = limit.get("tokens-per-minute", "") if limit is not None else ""
    return int(text) if text.isdigit() else None


def _since(when: ET.Element) -> datetime | None:
    text = when.findtext(".//set-header[@name='Sunset']/value") or ""
    try:
        since = parsedate_to_datetime(text.strip())
    except ValueError:
        return None
    return since if since.tzinfo else since.replace(tzinfo=UTC)


def _limit(rule: DeploymentRule, name: str, unit: str) -> str:
    if rule.tokens_per_minute is None:
        return ""
    return _LIMIT.substitute(name=name, unit=_checked(unit), tokens=int(rule.tokens_per_minute))


def _checked(value: str) -> str:
    if _HOLE.fullmatch(value) is None:
        raise GuardRefused("a value with characters outside A-Z a-z 0-9 . _ - can't go in a policy")
    return value
