import re

from hypothesis import given
from hypothesis import strategies as st

from shared.core import naming
from shared.core.resource_ids import AccountId
from shared.core.surfaces import SURFACES
from tests.builders import SUBSCRIPTION, UNIT

ACCOUNT_NAMES = st.from_regex(r"[a-z0-9][a-z0-9_.-]{1,63}", fullmatch=True)


@given(ACCOUNT_NAMES, st.sampled_from(sorted(SURFACES)))
def test_every_id_is_safe_and_short_enough(name: str, surface: str) -> None:
    unit = AccountId(SUBSCRIPTION, "rg", name)

    for made in (naming.api_id(unit, surface), naming.backend_id(unit, surface)):
        assert naming.SAFE_ID.fullmatch(made)
        assert len(made) <= 80


def test_accounts_of_one_name_in_two_groups_get_two_ids() -> None:
    other = AccountId(SUBSCRIPTION, "rg-other", UNIT.name)

    assert naming.api_id(UNIT, "azure-openai") != naming.api_id(other, "azure-openai")


def test_the_id_shows_account_and_surface_and_the_backend_is_named_as_the_wizard_does() -> None:
    api = naming.api_id(UNIT, "azure-openai-v1")

    assert re.fullmatch(r"contoso-azure-openai-v1-[0-9a-f]{12}", api)
    assert naming.backend_id(UNIT, "azure-openai-v1") == f"{api}-ai-endpoint"


def test_the_path_is_the_account_below_the_prefix() -> None:
    assert naming.api_path(UNIT, "openai/v1", prefix="") == "contoso/openai/v1"
    assert naming.api_path(UNIT, "openai", prefix="ai") == "ai/contoso/openai"
