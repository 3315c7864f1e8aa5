import pytest

from shared.core.resource_ids import (
    AccountId,
    GatewayId,
    is_deployment_name,
    parse_account_or_deployment,
)
from shared.errors import InvalidId
from tests.builders import SUBSCRIPTION, UNIT

ACCOUNT = UNIT.arm_id


@pytest.mark.parametrize(
    "text",
    [
        ACCOUNT,
        ACCOUNT.upper(),
        ACCOUNT.replace("resourceGroups", "resourcegroups"),
    ],
)
def test_the_same_account_is_the_same_unit_however_it_is_spelled(text: str) -> None:
    assert AccountId.parse(text) == UNIT


@pytest.mark.parametrize("name", ["gpt-4o", "GPT-5.4", "my_model.v2", "a" * 64])
def test_a_deployment_id_names_its_account_and_itself(name: str) -> None:
    assert parse_account_or_deployment(f"{ACCOUNT}/deployments/{name}") == (UNIT, name.lower())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        ACCOUNT + "/",
        ACCOUNT + "/deployments/",
        ACCOUNT + "/deployments/..",
        ACCOUNT + "/deployments/.hidden",
        ACCOUNT + "/deployments/a b",
        ACCOUNT + "/deployments/a%2Fb",
        ACCOUNT + "/deployments/a/b",
        ACCOUNT + "/deployments/@(x)",
        ACCOUNT + "/deployments/{{secret}}",
        ACCOUNT + '/deployments/"',
        ACCOUNT + "/deployments/" + "a" * 65,
        ACCOUNT + "/deployments/gpt-4o\n",
        ACCOUNT.replace("contoso", ".."),
        ACCOUNT.replace("contoso", "con/toso"),
        ACCOUNT.replace("rg-ai", ".."),
        ACCOUNT.replace("rg-ai", "rg."),
        ACCOUNT.replace(SUBSCRIPTION, "not-a-guid"),
        # an ARM template deployment, not a model's
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Resources/deployments/x",
        ACCOUNT.replace("CognitiveServices", "Storage"),
        "x" * 10_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidId):
        parse_account_or_deployment(text)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(InvalidId) as refused:
        parse_account_or_deployment("/subscriptions/<script>alert(1)</script>")

    assert "script" not in str(refused.value)


def test_a_gateway_id_is_read_without_regard_to_case_and_a_trailing_slash() -> None:
    group = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/RG"
    text = f"{group}/providers/microsoft.apimanagement/service/APIM/"

    assert GatewayId.parse(text) == GatewayId(SUBSCRIPTION, "rg", "apim")


@pytest.mark.parametrize(("name", "allowed"), [("gpt-5.4", True), ("..", False), ("a b", False)])
def test_deployment_names_pass_an_allowlist(name: str, *, allowed: bool) -> None:
    assert is_deployment_name(name) is allowed
