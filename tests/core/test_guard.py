from dataclasses import replace

import pytest

from shared.core.guard import guard
from shared.core.model import Resource
from shared.core.naming import (
    api_id,
    backend_id,
    embeddings_backend_id,
    key_name,
    policy_path,
    role_assignment_path,
    unit_hash,
)
from shared.core.plan import Action, Change, make_plan
from shared.core.resource_ids import AccountId
from shared.core.surfaces import SURFACES, Protocol
from shared.errors import GuardRefused
from tests.builders import (
    FACTS,
    PRINCIPAL,
    SUBSCRIPTION,
    UNIT,
    a_deployment,
    an_account,
    an_embedding,
    choosing,
    desired_of,
)

OTHER = AccountId(SUBSCRIPTION, "rg-ai", "contoso-2")
OWN = f"apis/{api_id(UNIT, 'azure-openai')}"
THEIRS = f"apis/{api_id(OTHER, 'azure-openai')}"
ROLE = "a97b65f3-24c7-4388-baec-2e87135dc908"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
ROLES = "providers/Microsoft.Authorization/roleAssignments"
GUID = "00000000-0000-0000-0000-000000000001"
WRITES = (Action.CREATE, Action.UPDATE, Action.DELETE)


def refused(path: str, action: Action) -> bool:
    change = Change(action, path, "a bug", Resource(path, {}))
    try:
        return guard([change], UNIT) != (change,)
    except (GuardRefused, ValueError):  # ValueError: no resource of ours has such a path
        return True


def own_paths() -> list[str]:
    apis = [(api_id(UNIT, it.name), it.protocol is Protocol.WEBSOCKET) for it in SURFACES.values()]
    return [
        *(f"apis/{name}" for name, _socket in apis),
        *(policy_path(name, websocket=socket) for name, socket in apis),
        *(f"apis/{name}/diagnostics/applicationinsights" for name, _socket in apis),
        *(f"products/any/apis/{name}" for name, _socket in apis),
        *(f"backends/{backend_id(UNIT, name)}" for name in SURFACES),
        f"backends/{embeddings_backend_id(UNIT)}",
        f"namedValues/{key_name(UNIT)}",
        role_assignment_path(UNIT, PRINCIPAL, ROLE),
    ]


@pytest.mark.parametrize("action", WRITES)
@pytest.mark.parametrize("path", own_paths())
def test_a_units_own_paths_may_be_written(path: str, action: Action) -> None:
    assert not refused(path, action)


@pytest.mark.parametrize("action", WRITES)
@pytest.mark.parametrize(
    "path",
    [
        THEIRS,
        "apis/..",
        "apis/.",
        "apis/../policies/policy",
        "apis/./policies/policy",
        "apis/echo-api",
        f"{OWN};rev=2",
        f"{OWN}%2F..%2Fecho-api",
        OWN.upper().replace("APIS", "apis"),
        f"{OWN}-2",
        f"{OWN}/policies/..",
        f"{OWN}/operations/../policies/policy",
        f"{OWN}/operations/chat-completions-create/policies/policy",
        f"{OWN}/../../policies/policy",
        f"{OWN}/diagnostics/azuremonitor",
        f"{THEIRS}/policies/policy",
        f"{THEIRS}/operations/onHandshake/policies/policy",
        f"{THEIRS}/diagnostics/applicationinsights",
        "policies/policy",
        "backends/..",
        "backends/.",
        "backends/somebody-elses",
        f"backends/{backend_id(OTHER, 'azure-openai')}",
        f"backends/{embeddings_backend_id(OTHER)}",
        f"backends/{key_name(UNIT)}",
        "namedValues/..",
        "namedValues/somebody-elses",
        f"namedValues/{key_name(OTHER)}",
        "products/any/apis/echo-api",
        "products/any/apis/..",
        f"products/any/{THEIRS}",
        f"products/../{OWN}",
        f"products/./{OWN}",
        f"products/a%2F..%2Fb/{OWN}",
        f"products/any/groups/../{OWN}",
        role_assignment_path(OTHER, PRINCIPAL, ROLE),
        f"{GROUP}/{ROLES}/{GUID}",
        f"/subscriptions/{SUBSCRIPTION}/{ROLES}/{GUID}",
        f"{UNIT.arm_id}/{ROLES}/..",
        f"{UNIT.arm_id}/{ROLES}/{GUID}/../{GUID}",
        f"{UNIT.arm_id}/../contoso-2/{ROLES}/{GUID}",
        f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/../{ROLES}/{GUID}",
        f"{UNIT.arm_id}/providers/Microsoft.Authorization/locks/{GUID}",
        f"{UNIT.arm_id}/deployments/gpt-4o",
        UNIT.arm_id,
        "",
    ],
)
def test_everything_else_is_refused(path: str, action: Action) -> None:
    assert refused(path, action)


@pytest.mark.parametrize(
    ("action", "path", "fine"),
    [
        (Action.CREATE, "products/open", True),
        (Action.CREATE, "products/Open-1", True),
        (Action.UPDATE, "products/open", False),
        (Action.DELETE, "products/open", False),
        (Action.CREATE, "products/..", False),
        (Action.CREATE, "products/.", False),
        (Action.CREATE, "products/-x", False),
        (Action.CREATE, f"products/{'x' * 81}", False),
        (Action.CREATE, "products/open/subscriptions/x", False),
    ],
)
def test_a_product_is_only_ever_made(action: Action, path: str, *, fine: bool) -> None:
    assert refused(path, action) is not fine


@pytest.mark.parametrize("action", [Action.KEEP, Action.BLOCKED])
def test_what_is_not_written_needs_no_leave(action: Action) -> None:
    assert not refused(THEIRS, action)


def test_one_bad_change_refuses_the_whole_plan() -> None:
    good, bad = (Change(Action.CREATE, it, "", Resource(it, {})) for it in (OWN, THEIRS))

    with pytest.raises(GuardRefused, match="is not a resource of"):
        guard([good, bad], UNIT)


def test_all_that_can_be_chosen_passes() -> None:
    rules = choosing(
        products=["open", {"id": "new", "create": True}],
        token_metric=True,
        semantic_cache=True,
        access_key=False,
    )
    facts = replace(FACTS, loggers=("l",), has_cache=True, products=frozenset({"open"}), roles=())
    wanted = desired_of(an_account(a_deployment(), an_embedding()), rules=rules, facts=facts)

    plan = make_plan(wanted, {}, owner="default", unit=unit_hash(UNIT))

    assert guard(plan, UNIT) == plan
    assert len({change.kind for change in plan}) == 7
