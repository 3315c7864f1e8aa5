import pytest

from shared.core.resource_kinds import (
    DELETE_LEVEL,
    WRITE_LEVEL,
    ResourceKind,
    kind_of,
    parent_of,
)

ACCOUNT = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-ai"
    "/providers/Microsoft.CognitiveServices/accounts/contoso"
)
ASSIGNMENT = (
    f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments"
    "/a97b65f3-24c7-4388-baec-2e87135dc908"
)


@pytest.mark.parametrize(
    ("path", "kind", "parent"),
    [
        ("backends/b", ResourceKind.BACKEND, None),
        ("apis/a", ResourceKind.API, None),
        ("namedValues/n", ResourceKind.NAMED_VALUE, None),
        ("products/p", ResourceKind.PRODUCT, None),
        (ASSIGNMENT, ResourceKind.ROLE_ASSIGNMENT, None),
        (ASSIGNMENT.lower(), ResourceKind.ROLE_ASSIGNMENT, None),
        ("apis/a/policies/policy", ResourceKind.API_POLICY, "apis/a"),
        (
            "apis/a/operations/onHandshake/policies/policy",
            ResourceKind.OPERATION_POLICY,
            "apis/a",
        ),
        ("apis/a/diagnostics/applicationinsights", ResourceKind.DIAGNOSTICS, "apis/a"),
        ("products/p/apis/a", ResourceKind.PRODUCT_LINK, "apis/a"),
    ],
)
def test_a_path_says_what_it_is_and_what_it_goes_with(
    path: str, kind: ResourceKind, parent: str | None
) -> None:
    assert (kind_of(path), parent_of(path)) == (kind, parent)


@pytest.mark.parametrize(
    "path",
    [
        "policies/policy",  # of the whole gateway
        "apis",
        "apis/a/operations/other/policies/policy",
        "apis/a/diagnostics/local",
        "products/p/policies/policy",
        "products/p/groups/g",
        f"{ACCOUNT}/deployments/gpt-4o",
        f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/not-a-guid",
        ASSIGNMENT.replace("CognitiveServices/accounts", "Storage/storageAccounts"),
        f"/subscriptions/x{ASSIGNMENT}",
    ],
)
def test_nothing_else_is_ours_to_write(path: str) -> None:
    with pytest.raises(ValueError, match="no resource kind"):
        kind_of(path)


def test_every_kind_can_be_written_and_all_but_products_deleted_after_that() -> None:
    assert set(WRITE_LEVEL) == set(ResourceKind)
    assert set(DELETE_LEVEL) == set(ResourceKind) - {ResourceKind.PRODUCT}
    assert min(DELETE_LEVEL.values()) > max(WRITE_LEVEL.values())
