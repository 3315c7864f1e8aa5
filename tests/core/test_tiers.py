import pytest

from shared.core.tiers import (
    COUNTS_ANTHROPIC_TOKENS,
    OPERATION_QUOTA,
    UNAVAILABLE,
    is_available,
)


@pytest.mark.parametrize("feature", sorted(UNAVAILABLE))
def test_consumption_lacks_it_and_every_other_tier_has_it(feature: str) -> None:
    assert not is_available(feature, "Consumption")
    assert all(is_available(feature, tier) for tier in OPERATION_QUOTA if tier != "consumption")


def test_a_tier_or_a_feature_that_nobody_knows_is_left_to_the_service_to_refuse() -> None:
    assert is_available("token_limit", "Brand-new")
    assert is_available("something_else", "Consumption")


def test_every_tier_that_is_named_somewhere_has_a_quota() -> None:
    assert UNAVAILABLE.keys() == {"token_limit", "content_safety", "websocket"}
    assert frozenset().union(*UNAVAILABLE.values(), COUNTS_ANTHROPIC_TOKENS) <= set(OPERATION_QUOTA)
