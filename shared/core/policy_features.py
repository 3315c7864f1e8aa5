"""The parts of a policy that features are made of: limits, safety, metrics, semantic cache."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from shared.core import policy_expressions as expressions
from shared.core.choices import ContentSafety, SemanticCache, TokenMetric
from shared.errors import GuardRefused

# The one whose answers the semantic cache understands
# (learn.microsoft.com/azure/api-management/llm-semantic-cache-lookup-policy).
CACHED_OPERATION = "chat-completions-create"
_HOLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tokens one client may use, and the headers that say so.

    Attributes:
        counter_key: Whom a counter is for, as in the settings.
        quota: Tokens and period.
    """

    tokens_per_minute: int | None
    counter_key: str = "subscription"
    quota: tuple[int, str] | None = None
    estimate: bool = False
    remaining_header: str = "remaining-tokens"
    remaining_quota_header: str = "remaining-quota-tokens"
    consumed_header: str = "consumed-tokens"


_METRIC = Template("""
    <llm-emit-token-metric namespace="$namespace">$dimensions
    </llm-emit-token-metric>""")
_DIMENSION = Template("""
      <dimension name="$name" />""")
_OUR_DIMENSION = """
      <dimension name="Deployment" \
value="@((string)context.Variables[&quot;deployment&quot;])" />"""

_LOOKUP = Template("""
    <choose>
      <when condition=$condition>
        <llm-semantic-cache-lookup score-threshold="$threshold" embeddings-backend-id="$backend" \
embeddings-backend-auth="system-assigned" ignore-system-messages="$ignore"$most>$vary_by
        </llm-semantic-cache-lookup>
      </when>
    </choose>""")
_VARY_BY = Template("""
          <vary-by>$expression</vary-by>""")
_STORE = Template("""
    <choose>
      <when condition=$condition>
        <llm-semantic-cache-store duration="$seconds" />
      </when>
    </choose>""")


def limit_policy(limit: Limit, counter: str) -> str:
    attributes: dict[str, Any] = {
        "tokens-per-minute": limit.tokens_per_minute,
        "token-quota": limit.quota[0] if limit.quota else None,
        "token-quota-period": limit.quota[1] if limit.quota else None,
        "estimate-prompt-tokens": str(limit.estimate).lower(),
        "remaining-tokens-header-name": limit.remaining_header if limit.tokens_per_minute else None,
        "remaining-quota-tokens-header-name": limit.remaining_quota_header if limit.quota else None,
        "tokens-consumed-header-name": limit.consumed_header,
    }
    key = expressions.counter_key(limit.counter_key, counter)
    return f"\n        <llm-token-limit counter-key={key}{_attributes(attributes)} />"


def safety_policy(safety: ContentSafety) -> str:
    attributes = {
        "backend-id": safety.backend,
        "shield-prompt": str(safety.shield_prompt).lower(),
        "enforce-on-completions": str(safety.enforce_on_completions).lower(),
    }
    inside = "".join(
        f'\n            <category name="{checked(name)}" threshold="{int(threshold)}" />'
        for name, threshold in sorted(safety.categories.items())
    )
    output = _attributes({"output-type": safety.output_type})
    categories = f"\n          <categories{output}>{inside}\n          </categories>"
    ids = "".join(f"\n            <id>{checked(it)}</id>" for it in safety.blocklists)
    blocklists = f"\n          <blocklists>{ids}\n          </blocklists>" if ids else ""
    inner = (categories if inside else "") + blocklists
    opened = f"\n        <llm-content-safety{_attributes(attributes)}>"
    return f"{opened}{inner}\n        </llm-content-safety>"


def metric_policy(metric: TokenMetric) -> str:
    dimensions = "".join(  # each one of a fixed set, spaces and all
        _OUR_DIMENSION if name == "Deployment" else _DIMENSION.substitute(name=name)
        for name in metric.dimensions
    )
    return _METRIC.substitute(namespace=checked(metric.namespace), dimensions=dimensions)


def lookup_policy(cache: SemanticCache, backend: str, names: Sequence[str]) -> str:
    """Answer from the cache what was asked of one of *names* before."""
    # Answers of one model are never another's.
    who = ['@((string)context.Variables["deployment"])']
    who += [expressions.VARY_BY[it] for it in cache.vary_by]
    most = cache.max_message_count
    return _LOOKUP.substitute(
        condition=expressions.is_deployment(*names, operation=CACHED_OPERATION),
        threshold=f"{cache.score_threshold:.6f}".rstrip("0").rstrip("."),  # never 1e-05
        backend=checked(backend),
        ignore=str(cache.ignore_system_messages).lower(),
        most=_attributes({"max-message-count": most}),
        vary_by="".join(_VARY_BY.substitute(expression=it) for it in who),
    )


def store_policy(cache: SemanticCache, names: Sequence[str]) -> str:
    return _STORE.substitute(
        condition=expressions.is_deployment(*names, operation=CACHED_OPERATION),
        seconds=int(cache.duration_s),
    )


def _attributes(values: Mapping[str, Any]) -> str:
    return "".join(f' {k}="{checked(str(v))}"' for k, v in values.items() if v is not None)


def checked(value: str) -> str:
    if _HOLE.fullmatch(value) is None:
        raise GuardRefused("a value with characters outside A-Z a-z 0-9 . _ - can't go in a policy")
    return value
