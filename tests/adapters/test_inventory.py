import json
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.inventory import parse_account, tokens_per_minute
from shared.core.model import Model
from shared.core.resource_ids import AccountId
from shared.errors import RetryableError, Unavailable
from tests.adapters.conftest import CONTOSO, Bench
from tests.builders import SUBSCRIPTION

FOREVER = float("inf")
LIST = {"method": "GET", "path": "/deployments$"}
# Answers as ARM gave them to people who published them, ids replaced.
PUBLISHED = json.loads((Path(__file__).parent / "published_answers.json").read_text())


async def test_an_account_is_read_with_its_deployments(bench: Bench) -> None:
    account = await bench.inventory.read(CONTOSO, confirm=frozenset(), until=FOREVER)

    assert account is not None
    assert account.kind == "AIServices"
    assert account.endpoints["OpenAI Language Model Instance API"].startswith("https://contoso.")
    (deployment,) = account.deployments
    assert (deployment.name, deployment.model.name) == ("gpt-4o", "gpt-4o")
    assert (deployment.capacity, deployment.tokens_per_minute) == (10, 10_000)


async def test_only_a_404_for_the_account_itself_means_that_it_is_gone(bench: Bench) -> None:
    gone = AccountId(SUBSCRIPTION, "rg-ai", "never-there")

    assert await bench.inventory.read(gone, confirm=frozenset(), until=FOREVER) is None


async def test_one_404_alone_does_not_give_up_what_is_served(bench: Bench) -> None:
    gone = {"status": 404, "code": "ResourceNotFound"}
    bench.fail({"path": "/accounts/contoso$", "count": 1}, gone)
    bench.fail({**LIST, "count": 1}, {"list": "empty"})

    account = await bench.inventory.read(CONTOSO, confirm=frozenset({"gpt-4o"}), until=FOREVER)

    assert account is not None
    assert [deployment.name for deployment in account.deployments] == ["gpt-4o"]


async def test_an_account_that_lists_deployments_is_not_gone(bench: Bench) -> None:
    gone = {"status": 404, "code": "ResourceNotFound"}
    bench.fail({"path": "/accounts/contoso$"}, gone)

    with pytest.raises(Unavailable):
        await bench.inventory.read(CONTOSO, confirm=frozenset({"gpt-4o"}), until=FOREVER)


@pytest.mark.parametrize("code", ["SubscriptionNotFound", "InvalidResourceType", "NotFound"])
async def test_a_404_that_is_about_something_else_is_no_absence(bench: Bench, code: str) -> None:
    bench.fail({"path": "/Microsoft.CognitiveServices/"}, {"status": 404, "code": code})

    with pytest.raises(RetryableError):
        await bench.inventory.read(CONTOSO, confirm=frozenset(), until=FOREVER)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.parametrize("path", ["/accounts/contoso$", "/deployments$"])
async def test_an_error_is_never_taken_for_absence(bench: Bench, path: str, status: int) -> None:
    bench.fail({"path": path}, {"status": status, "headers": {"Retry-After": "600"}})

    with pytest.raises(RetryableError):
        await bench.inventory.read(CONTOSO, confirm=frozenset(), until=FOREVER)


async def test_a_deployment_that_the_list_lacks_is_looked_up_by_itself(bench: Bench) -> None:
    bench.fail(LIST, {"list": "empty"})

    account = await bench.inventory.read(
        CONTOSO, confirm=frozenset({"gpt-4o", "gone"}), until=FOREVER
    )

    assert account is not None
    assert [deployment.name for deployment in account.deployments] == ["gpt-4o"]


async def test_every_page_of_a_list_is_read(bench: Bench) -> None:
    account = f"{CONTOSO.arm_id}-many".replace("contoso", "many")
    path = account.replace("many-many", "many")
    await bench.put(
        path,
        {
            "location": "swedencentral",
            "kind": "OpenAI",
            "sku": {"name": "S0"},
            "properties": {"customSubDomainName": "many"},
        },
    )
    model = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}
    body: dict[str, object] = {
        "sku": {"name": "GlobalStandard", "capacity": 1},
        "properties": {"model": model},
    }
    names = {f"d{number:02}" for number in range(25)}
    for name in sorted(names):
        await bench.put(f"{path}/deployments/{name}", body)

    found = await bench.inventory.read(AccountId.parse(path), confirm=frozenset(), until=FOREVER)

    assert found is not None
    assert {deployment.name for deployment in found.deployments} == names


async def test_a_page_that_can_not_be_read_fails_the_whole(bench: Bench) -> None:
    bench.fail({**LIST, "nth": 1}, {"status": 200, "body": {}})

    with pytest.raises(Unavailable):
        await bench.inventory.read(CONTOSO, confirm=frozenset(), until=FOREVER)


async def test_a_link_to_another_host_is_not_followed(bench: Bench) -> None:
    page = {"value": [], "nextLink": "http://127.0.0.1:9/steal-the-token"}
    bench.fail(LIST, {"status": 200, "body": page})

    with pytest.raises(Exception, match="another host"):
        await bench.inventory.read(CONTOSO, confirm=frozenset(), until=FOREVER)


async def test_only_accounts_that_can_have_models_are_listed(bench: Bench) -> None:
    accounts = await bench.inventory.accounts()

    assert CONTOSO in accounts
    assert not [account for account in accounts if account.name == "speech"]


@pytest.mark.parametrize("state", ["Creating", "Moving", "Deleting", "ResolvingDNS", ""])
def test_an_account_in_motion_is_not_judged(state: str) -> None:
    body = {"kind": "AIServices", "properties": {"provisioningState": state}}

    with pytest.raises(Unavailable):
        parse_account(CONTOSO, body, [])


@pytest.mark.parametrize("body", PUBLISHED, ids=lambda body: body["name"])
def test_published_answers_are_understood(body: dict[str, Any]) -> None:
    account = {"kind": "AIServices", "properties": {"provisioningState": "Succeeded"}}

    (deployment,) = parse_account(CONTOSO, account, [body]).deployments

    assert deployment.name == body["name"]
    assert deployment.model == Model(**body["properties"]["model"])
    assert deployment.tokens_per_minute == body["expected"]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([], None),
        ([{"key": "request", "count": 1, "renewalPeriod": 60}], None),
        ([{"key": "token", "count": 1000, "renewalPeriod": 60}], 1000),
        ([{"key": "token", "count": 1000, "renewalPeriod": 10}], 6000),
        ([{"key": "token", "count": 1000.0, "renewalPeriod": 0}], None),
    ],
)
def test_token_limits_are_told_per_minute(
    limits: list[dict[str, Any]], expected: int | None
) -> None:
    assert tokens_per_minute(limits) == expected
