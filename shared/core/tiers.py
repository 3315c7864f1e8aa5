"""What the tiers of API Management have not, and how much of the rest; by lower-cased SKU name.

A tier that is not named here, such as a new one, is taken to have everything: the service itself
is asked then, and refuses what it hasn't.
"""

from collections.abc import Mapping

_V2 = frozenset({"basicv2", "standardv2", "premiumv2"})
_CONSUMPTION = frozenset({"consumption"})

# API operations of one service, those of versions and revisions included
# (learn.microsoft.com/azure/api-management/service-limits, limits in force since March 2026).
OPERATION_QUOTA: Mapping[str, int] = {
    "consumption": 3_000,
    "developer": 3_000,
    "basic": 10_000,
    "basicv2": 10_000,
    "standard": 50_000,
    "standardv2": 50_000,
    "premium": 75_000,
    "premiumv2": 75_000,
}

# Bytes of one policy document (azure-docs, includes/api-management-service-limits.md).
_POLICY_BYTES, _POLICY_BYTES_OF_CONSUMPTION = 256 * 1024, 16 * 1024

# Feature, by the name of its setting, to the tiers without it.
UNAVAILABLE: Mapping[str, frozenset[str]] = {
    # learn.microsoft.com/azure/api-management/llm-token-limit-policy
    "token_limit": _CONSUMPTION,
    # learn.microsoft.com/azure/api-management/llm-content-safety-policy
    "content_safety": _CONSUMPTION,
    # learn.microsoft.com/azure/api-management/websocket-api, Limitations
    "websocket": _CONSUMPTION,
}

# Where llm-token-limit counts the tokens of Anthropic Messages
# (learn.microsoft.com/azure/api-management/llm-token-limit-policy, 2026).
COUNTS_ANTHROPIC_TOKENS = _V2


def policy_bytes(sku: str) -> int:
    return _POLICY_BYTES_OF_CONSUMPTION if sku.lower() in _CONSUMPTION else _POLICY_BYTES


def is_available(feature: str, sku: str) -> bool:
    return sku.lower() not in UNAVAILABLE.get(feature, ())
