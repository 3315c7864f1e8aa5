import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import naming
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import ResourceKind, kind_of

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
UNIT = AccountId(SUBSCRIPTION, "rg-ai", "contoso")
ROLE = "a97b65f3-24c7-4388-baec-2e87135dc908"
PRINCIPAL = "12121212-0000-0000-0000-000000000000"
ACCOUNT_NAMES = st.from_regex(r"[a-z0-9][a-z0-9_.-]{1,63}", fullmatch=True)
SURFACE_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,13}[a-z0-9]", fullmatch=True)


@given(ACCOUNT_NAMES, SURFACE_NAMES)
def test_every_id_is_safe_and_short_enough(name: str, surface: str) -> None:
    unit = AccountId(SUBSCRIPTION, "rg", name)

    for made in (
        naming.api_id(unit, surface),
        naming.backend_id(unit, surface),
        naming.embeddings_backend_id(unit),
        naming.key_name(unit),
    ):
        assert naming.SAFE_ID.fullmatch(made)
        assert len(made) <= 80
        assert naming.unit_hash(unit) in made  # by which lists are filtered


def test_the_longest_names_of_all_still_fit() -> None:
    unit = AccountId(SUBSCRIPTION, "rg", "a" * 64)

    assert len(naming.backend_id(unit, "s" * 15)) <= 80


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


def test_a_backend_leads_back_to_its_api_and_a_shared_one_to_none() -> None:
    backend = naming.backend_id(UNIT, "azure-openai")

    assert naming.api_of_backend(backend) == naming.api_id(UNIT, "azure-openai")
    assert naming.api_of_backend(naming.embeddings_backend_id(UNIT)) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (naming.policy_path("x", websocket=False), ResourceKind.API_POLICY),
        (naming.policy_path("x", websocket=True), ResourceKind.OPERATION_POLICY),
        (naming.diagnostics_path("x"), ResourceKind.DIAGNOSTICS),
        (naming.role_assignment_path(UNIT, PRINCIPAL, ROLE), ResourceKind.ROLE_ASSIGNMENT),
    ],
)
def test_a_path_is_of_its_kind(path: str, kind: ResourceKind) -> None:
    assert kind_of(path) is kind


def test_the_name_of_a_role_assignment_is_a_guid_of_just_these_three() -> None:
    name = naming.role_assignment_name(UNIT.arm_id, PRINCIPAL, ROLE)
    other = "34343434-0000-0000-0000-000000000000"

    assert str(UUID(name)) == name
    assert naming.role_assignment_name(UNIT.arm_id.upper(), PRINCIPAL, ROLE.upper()) == name
    assert naming.role_assignment_name(UNIT.arm_id, other, ROLE) != name
    assert naming.role_assignment_name(UNIT.arm_id, PRINCIPAL, other) != name
    assert naming.role_assignment_name("/", PRINCIPAL, ROLE) != name
