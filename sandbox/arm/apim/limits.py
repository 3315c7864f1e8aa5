"""Quotas of one service by tier, counted per service, revisions and versions included.

azure-docs articles/api-management/service-limits.md of 02/17/2026. No row for APIs or backends.
"""

from collections.abc import Mapping

from sandbox.arm.apim.call import Call
from sandbox.arm.errors import ArmError, Detail

_TIERS = ("Consumption", "Developer", "Basic", "Standard", "Premium")


def _row(*values: int | None) -> Mapping[str, int | None]:
    by_tier = dict(zip(_TIERS, values, strict=True))
    return by_tier | {f"{tier}V2": by_tier[tier] for tier in ("Basic", "Standard", "Premium")}


_QUOTAS: Mapping[str, Mapping[str, int | None]] = {
    "apis/operations": _row(3_000, 3_000, 10_000, 50_000, 75_000),
    "tags": _row(1_500, 1_500, 1_500, 2_500, 15_000),
    "namedvalues": _row(5_000, 5_000, 5_000, 10_000, 18_000),
    "loggers": _row(100, 100, 100, 200, 400),
    "products": _row(100, 100, 200, 500, 2_000),
    "subscriptions": _row(None, 10_000, 15_000, 25_000, 75_000),
    "users": _row(None, 20_000, 20_000, 50_000, 75_000),
}


def check_room(call: Call, kind: str, *, adding: int = 1, replacing: int = 0) -> None:
    """Refuse what would exceed the tier's quota of a kind (``apis/operations``)."""
    limit = _limit(kind, call.tier, call.options.quotas)
    if limit is not None and len(call.everything(kind)) - replacing + adding > limit:
        raise _exceeded(kind, limit, call.tier)


def _limit(kind: str, tier: str, overrides: Mapping[str, int]) -> int | None:
    """How many entities of a kind a tier allows; None: no limit known."""
    if kind in overrides:
        return overrides[kind]
    return _QUOTAS.get(kind.lower(), {}).get(tier)


def _exceeded(kind: str, limit: int, tier: str) -> ArmError:
    """Status, code and text are UNVERIFIED: the refusal of a full service was seen nowhere."""
    message = f"The maximum number of {kind} ({limit}) for the {tier} tier has been reached."
    return ArmError(
        400,
        "ValidationError",
        "One or more fields contain incorrect values:",
        details=(Detail("ValidationError", message, kind.rsplit("/", 1)[-1]),),
    )
