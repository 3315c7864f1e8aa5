"""The rights that infra gives the app are those that its calls need: no more, no less.

The calls are what the local ARM was asked while the app made, changed and took off everything that
it can make. A call needs the action that is named after its resource type
(learn.microsoft.com/azure/role-based-access-control/resource-provider-operations).
"""

import json
from collections.abc import AsyncIterator, Iterable

import pytest
from aiohttp import ClientSession

from sandbox.arm.journal import Asked
from sandbox.client import GATEWAY_VERSION
from sandbox.contracts import Json
from sandbox.local_azure import APP
from tests.infra.app_functions import app_functions
from tests.scenarios.equipped import CACHE, INSIGHTS, SAFETY, SECRET, WORLD
from tests.stage import EMBEDDINGS, ROOT, Stage, a_stage, an_app_with_rules

ROLES = ROOT / "infra/roles"
VERBS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}
RICH = {"choices": "all"}
EVERYTHING: Json = {
    "rules": [
        {
            "match": {"account_tags": RICH},
            "set": {
                "token_metric": "on",
                "semantic_cache": "on",
                "content_safety": {"backend": "safety"},
                "products": [{"id": "ours", "create": True}],
            },
        },
        {
            "match": {"account_tags": RICH, "account": "keyed-*"},
            "set": {"access_key": {"secret": SECRET}},
        },
    ]
}
REALTIME = {"format": "OpenAI", "name": "gpt-realtime", "version": "2025-08-28"}
_POLICY = "<policies><inbound>{}</inbound><backend /><outbound /><on-error /></policies>"
# Somebody's own API, where everything leads somewhere that is looked at.
BY_HAND: dict[str, Json] = {
    "namedValues/host": {"displayName": "host", "value": "host.example"},
    "policyFragments/route": {
        "value": '<fragment><set-backend-service base-url="https://{{host}}" /></fragment>'
    },
    "apis/hand": {"displayName": "Hand", "path": "hand", "protocols": ["https"]},
    "apis/hand/operations/ask": {"displayName": "Ask", "method": "POST", "urlTemplate": "/ask"},
    "apis/hand/policies/policy": {
        "value": _POLICY.format('<include-fragment fragment-id="route" />')
    },
    "products/hand": {"displayName": "Hand"},
    "products/hand/policies/policy": {
        "value": _POLICY.format('<set-backend-service base-url="https://host.example" />')
    },
    "products/hand/apis/hand": {},
}
# Rights that no recorded call used, each with its reason.
UNUSED = {
    "Microsoft.ApiManagement/service/operationresults/read": "where ARM may say how a long write "
    "ended; the local ARM says it at the resource itself",
}
# Resource types that the local ARM spells otherwise than the list of actions does.
SPELLED = {"locations/operationStatuses": "locations/operationsStatuses"}


def action_of(method: str, path: str) -> str:
    """``PUT …/service/x/apis/y`` needs ``Microsoft.ApiManagement/service/apis/write``."""
    namespace, *names = path.strip("/").rpartition("providers/")[2].split("/")
    resource_type = "/".join(names[::2])
    return f"{namespace}/{SPELLED.get(resource_type, resource_type)}/{VERBS[method]}"


def actions(calls: Iterable[Asked], provider: str) -> set[str]:
    found = {action_of(it.method, it.path) for it in calls}
    return {it for it in found if it.startswith(f"{provider}/")}


def given(file: str, key: str) -> list[str]:
    roles: dict[str, list[str]] = json.loads((ROLES / file).read_text())
    return roles[key]


async def furnish(stage: Stage) -> None:
    await stage.own("backends/safety", {"properties": SAFETY})
    await stage.own("loggers/insights", {"properties": INSIGHTS})
    await stage.own("caches/default", {"properties": CACHE})
    for path, properties in BY_HAND.items():
        await stage.own(path, {"properties": properties})


async def make_change_and_take_off(stage: Stage) -> None:
    accounts = [await stage.account(prefix=it, tags=RICH) for it in ("full", "keyed")]
    for account in accounts:
        await stage.deploy(account)
        await stage.deploy(account, "vectors", model=EMBEDDINGS)
        await stage.deploy(account, "talker", model=REALTIME)
    await stage.quiet(but=accounts[1])  # no vault answers here, so no call with its key does
    await stage.told(accounts[1], "gpt-4o", state="applied", reason="not verified yet")
    for account in accounts:  # a product link, a diagnostic, a named value go
        await stage.tag(account)
    await stage.quiet()
    for account in accounts:
        for deployment in ("gpt-4o", "vectors", "talker"):
            await stage.delete(f"{account}/deployments/{deployment}")
    await stage.quiet()
    await stage.sweep()


async def ask_everything(app: ClientSession) -> None:
    """Every question that can be asked without naming something."""
    for function in app_functions():
        route = str(function.trigger.get("route"))
        if "GET" not in function.trigger.get("methods", ()) or "{" in route:
            continue
        async with app.get(f"/api/{route}") as response:
            assert response.status == 200, route


@pytest.fixture(scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Asked]]:
    options = an_app_with_rules(
        tmp_path_factory.mktemp("rules"),
        EVERYTHING,
        world=WORLD,
        more_env={"ONRAMP_GRACE_HOURS": "0", "ONRAMP_MAX_REMOVAL_PERCENT": "100"},
    )
    async with a_stage(options) as stage:
        await furnish(stage)
        await make_change_and_take_off(stage)
        await ask_everything(stage.app)
        left = await stage.arm.list(f"{stage.azure.gateway_id}/apis", version=GATEWAY_VERSION)
        assert {it["name"].split("-")[0] for it in left} <= {"mixed", "hand"}
        yield [it for it in stage.azure.arm.journal.log if it.principal == APP.principal_id]


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/subscriptions/s/resourceGroups/g/providers/A.B/c/x", "A.B/c/read"),
        ("GET", "/subscriptions/s/providers/A.B/c", "A.B/c/read"),
        ("PUT", "/subscriptions/s/resourceGroups/g/providers/A.B/c/x/d/y", "A.B/c/d/write"),
        ("POST", "/x/providers/A.B/c/x/d/y/listSecrets", "A.B/c/d/listSecrets/action"),
        ("DELETE", "/x/providers/A.B/c/x/providers/C.D/e/f", "C.D/e/delete"),
    ],
)
def test_a_call_needs_the_action_of_its_type(method: str, path: str, action: str) -> None:
    assert action_of(method, path) == action


def test_the_gateway_role_is_what_the_calls_need(calls: list[Asked]) -> None:
    used = actions(calls, "Microsoft.ApiManagement")
    on_the_service = {it for it in used if it.startswith("Microsoft.ApiManagement/service/")}

    assert sorted(given("gateway-role.json", "actions")) == sorted({*on_the_service, *UNUSED})
    assert sorted(given("gateway-role.json", "operations")) == sorted(used - on_the_service)


def test_the_role_on_watched_subscriptions_is_what_the_calls_need(calls: list[Asked]) -> None:
    accounts = actions(calls, "Microsoft.CognitiveServices")
    rights = actions(calls, "Microsoft.Authorization")
    reads = {it for it in rights if it.endswith("/read")}

    assert sorted(given("watch-role.json", "read")) == sorted(accounts | reads)
    assert sorted(given("watch-role.json", "grant")) == sorted(rights - reads)


def test_no_call_goes_to_another_provider(calls: list[Asked]) -> None:
    providers = {action_of(it.method, it.path).partition("/")[0] for it in calls}

    assert providers == {
        "Microsoft.ApiManagement",
        "Microsoft.Authorization",
        "Microsoft.CognitiveServices",
    }


@pytest.mark.parametrize(
    "never",
    [
        "Microsoft.ApiManagement/service/write",
        "Microsoft.ApiManagement/service/delete",
        "Microsoft.ApiManagement/service/policies/write",
        "Microsoft.CognitiveServices/accounts/listKeys/action",
        "Microsoft.CognitiveServices/accounts/write",
    ],
)
def test_what_would_be_too_much_is_not_given(never: str) -> None:
    roles = [json.loads(it.read_text()) for it in ROLES.glob("*-role.json")]

    all_given = {action for role in roles for actions in role.values() for action in actions}

    assert never not in all_given
    assert not any("*" in it for it in all_given)
