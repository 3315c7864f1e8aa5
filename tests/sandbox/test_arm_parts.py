import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from sandbox.arm.errors import ArmError
from sandbox.arm.faults import Faults
from sandbox.arm.ids import ResourcePath
from sandbox.arm.latency import Latency
from sandbox.arm.provider import Request, check_if_match, merge_patch, utc_now
from sandbox.arm.recording import redact
from sandbox.arm.store import Store
from sandbox.world import World
from tests.sandbox.arm_client import a_world, local_arm

A = "/subscriptions/s/resourceGroups/g/providers/NS.X/accounts/a"


@pytest.mark.parametrize(
    ("raw", "id_", "type_", "trailing"),
    [
        (A, A, "NS.X/accounts", None),
        (f"/{A}/", A, "NS.X/accounts", None),
        (f"{A}/deployments", A, "NS.X/accounts", "deployments"),
        (
            f"{A}/deployments/d?api-version=1",
            f"{A}/deployments/d",
            "NS.X/accounts/deployments",
            None,
        ),
        (f"{A}/apis/../policies/policy", f"{A}/policies/policy", "NS.X/accounts/policies", None),
        (f"{A}/apis/%2e%2E/policies/p", f"{A}/policies/p", "NS.X/accounts/policies", None),
        (f"{A}/apis/./policies/p", f"{A}/apis/policies", "NS.X/accounts/apis", "p"),
        (f"{A}/apis/a%2Fb", f"{A}/apis/a%2Fb", "NS.X/accounts/apis", None),
        (f"{A}/apis/providers", f"{A}/apis/providers", "NS.X/accounts/apis", None),
        (f"{A}/apis/providers/x/y", f"{A}/apis/providers/x/y", "NS.X/accounts/apis/x", None),
        (f"{A}/apis/e%3Brev=2", f"{A}/apis/e;rev=2", "NS.X/accounts/apis", None),
        (f"{A}/providers/NS.Y/roles/r", f"{A}/providers/NS.Y/roles/r", "NS.Y/roles", None),
        ("/subscriptions/s/providers/NS.X", "/subscriptions/s/providers/NS.X", "NS.X", None),
        (
            "/subscriptions/s/resourcegroups/g",
            "/subscriptions/s/resourcegroups/g",
            "Microsoft.Resources/subscriptions/resourcegroups",
            None,
        ),
        ("/subscriptions", "", "Microsoft.Resources", "subscriptions"),
        ("/../..", "", "Microsoft.Resources", None),
    ],
)
def test_a_path_is_read_as_a_front_door_reads_it(
    raw: str, id_: str, type_: str, trailing: str | None
) -> None:
    path = ResourcePath.parse(raw)

    assert (path.id, path.type, path.trailing) == (id_, type_, trailing)


@pytest.mark.parametrize(
    ("raw", "subscription", "group"),
    [
        (A, "s", "g"),
        (A.replace("resourceGroups", "RESOURCEGROUPS"), "s", "g"),
        (f"{A}/providers/NS.Y/roles/r", "s", "g"),
        ("/subscriptions/s/providers/NS.X/locations/l/resourceGroups/g/deleted/d", "s", None),
        ("/providers/NS.Y/roles/r", None, None),
        ("/subscriptions/s/resourceGroups/g", "s", "g"),
    ],
)
def test_a_path_knows_where_it_is(raw: str, subscription: str | None, group: str | None) -> None:
    path = ResourcePath.parse(raw)

    assert (path.subscription, path.resource_group) == (subscription, group)


@given(st.text())
def test_any_path_is_read_without_an_error(raw: str) -> None:
    path = ResourcePath.parse(raw)

    assert ".." not in path.names
    assert path.url_path.isascii()


def test_deleting_a_resource_takes_children_and_not_namesakes() -> None:
    store, now = Store(), utc_now()
    for tail in ("", "/deployments/d", "/providers/NS.Y/roles/r", "b"):
        store.put(ResourcePath.parse(f"{A}{tail}"), {}, now=now)

    gone = store.delete(A.upper())

    assert [entry.id for entry in gone] == [A, f"{A}/deployments/d", f"{A}/providers/NS.Y/roles/r"]
    assert [entry.name for entry in store.members(A.rpartition("/")[0])] == ["ab"]


def test_a_write_keeps_id_and_place_and_renews_the_etag() -> None:
    store, now = Store(), utc_now()
    first = store.put(ResourcePath.parse(A), {"n": 1}, now=now, hidden={"key": "x"})
    store.put(ResourcePath.parse(f"{A}b"), {}, now=now)

    second = store.put(ResourcePath.parse(A.upper()), {"n": 2}, now=now)

    assert (second.id, second.hidden, second.body) == (A, {"key": "x"}, {"n": 2})
    assert second.etag != first.etag
    assert [it.name for it in store.members(A.rpartition("/")[0])] == ["a", "ab"]


@pytest.mark.parametrize(
    ("header", "exists", "status"),
    [
        (None, True, None),
        ("*", True, None),
        ("*", False, 412),
        ("{etag}", True, None),
        ('"other", {etag}', True, None),
        ("other", True, 412),
        ("{etag}", False, 412),
    ],
)
def test_if_match_guards_a_write(header: str | None, exists: bool, status: int | None) -> None:
    entry = Store().put(ResourcePath.parse(A), {}, now=utc_now())
    headers = CIMultiDict({"if-match": header.format(etag=entry.etag)} if header else {})
    request = Request("PUT", ResourcePath.parse(A), headers=CIMultiDictProxy(headers))

    refused = None
    try:
        check_if_match(request, entry if exists else None)
    except ArmError as error:
        refused = error.status

    assert refused == status


def test_a_merge_patch_removes_merges_and_replaces() -> None:
    target = {"a": 1, "b": {"c": 1, "d": 2}, "e": [1, 2]}

    assert merge_patch(target, {"a": None, "b": {"d": 3}, "e": [9]}) == {
        "b": {"c": 1, "d": 3},
        "e": [9],
    }


def test_secrets_are_redacted_at_any_depth() -> None:
    body = {
        "properties": {
            "secret": True,
            "value": "s3cret",
            "credentials": {"header": {"x": ["s3cret"]}, "managedIdentity": {"resource": "r"}},
        },
        "list": [{"primaryKey": "s3cret", "key1": "s3cret", "key2": "s3cret", "name": "kept"}],
        "value": "kept",
    }

    redacted = json.dumps(redact(body))

    assert "s3cret" not in redacted
    assert redacted.count("kept") == 2
    assert '"resource": "r"' in redacted


def test_latency_is_nothing_by_default_and_repeatable_otherwise() -> None:
    name = "Microsoft.ApiManagement/service/apis/write"
    one, two = Latency("realistic", seed=7), Latency("realistic", seed=7)

    assert Latency().operation_s(name) == 0
    assert one.operation_s(name) == two.operation_s(name) > 5
    assert Latency("realistic", scale=0.001).operation_s(name) < 0.1


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        ({}, [1, 1, 1, 1]),
        ({"nth": 2}, [0, 1, 0, 0]),
        ({"skip": 1, "count": 2}, [0, 1, 1, 0]),
        ({"count": 1}, [1, 0, 0, 0]),
        ({"method": "GET"}, [0, 0, 0, 0]),
        ({"path": "^/A$"}, [1, 1, 1, 1]),
        ({"path": "b"}, [0, 0, 0, 0]),
        ({"probability": 0.0}, [0, 0, 0, 0]),
    ],
)
def test_a_fault_rule_says_when(match: dict[str, object], hits: list[int]) -> None:
    faults = Faults()
    faults.add(match, {"status": 500})

    assert [int(faults.pick("PUT", "/a") is not None) for _ in range(4)] == hits


def test_chance_is_repeatable() -> None:
    def draw() -> list[bool]:
        faults = Faults(seed=3)
        faults.add({"probability": 0.5}, {"status": 500})
        return [faults.pick("GET", "/") is not None for _ in range(50)]

    assert draw() == draw()
    assert len(set(draw())) == 2


@pytest.mark.parametrize(
    "rules",
    [
        '[{"answer": {}}]',
        '[{"answer": {"status": 500, "drop": "before"}}]',
        '[{"answer": {"status": 500}, "colour": 1}]',
        '{"answer": {"status": 500}}',
        "nonsense",
    ],
)
def test_a_wrong_fault_file_is_named(tmp_path: Path, rules: str) -> None:
    file = tmp_path / "faults.json"
    file.write_text(rules)

    with pytest.raises(ValueError, match=r"faults\.json"):
        Faults.load(file)


def test_a_fault_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text('[{"match": {"method": "PUT"}, "answer": {"list": "half"}}]')

    assert Faults.load(file).rules[0].answer.listing == "half"


@pytest.mark.parametrize(
    ("world", "member"),
    [
        ('{"acounts": []}', "acounts"),
        ('{"accounts": [{"kind": "OpenAI"}]}', "name"),
        ('{"subscriptions": [{"id": "x"}]}', "id"),
        ("nonsense", "JSON"),
    ],
)
def test_a_wrong_world_file_says_what_is_wrong(tmp_path: Path, world: str, member: str) -> None:
    file = tmp_path / "world.json"
    file.write_text(world)

    with pytest.raises(ValueError, match=rf"(?s)world\.json.*{member}"):
        World.load(file)


async def test_a_small_world_file_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    deployment = {"name": "gpt-4o", "model": {"name": "gpt-4o", "version": "2024-11-20"}}
    account = {"name": "contoso", "deployments": [deployment]}
    file.write_text(json.dumps({"accounts": [account], "gateways": []}))

    async with local_arm(World.load(file)) as arm:
        found = arm.door.context.store.of_type("Microsoft.CognitiveServices/accounts/deployments")

    assert [it.body["properties"]["provisioningState"] for it in found] == ["Succeeded"]


async def test_a_world_states_what_the_service_would_say() -> None:
    deployments = [
        {
            "name": "odd",
            "model": {"name": "no-such-model", "format": "Contoso"},
            "capabilities": {"chatCompletion": "false"},
            "properties": {"deploymentState": "Paused", "provisioningState": "Failed"},
        }
    ]
    world = a_world(accounts=[{"name": "aa", "subdomain": None, "deployments": deployments}])
    async with local_arm(world) as arm:
        store = arm.door.context.store
        found = store.of_type("Microsoft.CognitiveServices/accounts/deployments")[0]
        account = store.of_type("Microsoft.CognitiveServices/accounts")[0]

    assert found.body["properties"]["capabilities"] == {"chatCompletion": "false"}
    assert found.body["properties"]["deploymentState"] == "Paused"
    assert found.body["properties"]["provisioningState"] == "Failed"
    assert "customSubDomainName" not in account.body["properties"]


async def test_raw_resources_are_put_in_order_and_make_their_group() -> None:
    sub = "/subscriptions/11111111-2222-3333-4444-555555555555"
    raw = [
        {
            "id": f"{sub}/resourceGroups/other/providers/Microsoft.CognitiveServices/accounts/raw",
            "body": {"location": "westus", "kind": "OpenAI", "sku": {"name": "S0"}},
        }
    ]
    async with local_arm(a_world(resources=raw)) as arm:
        found = arm.door.context.store.get(raw[0]["id"])  # type: ignore[arg-type]

    assert found is not None
    assert found.body["location"] == "westus"


async def test_a_world_that_a_provider_refuses_says_which_and_why() -> None:
    deployment = {"name": "d2", "model": {"name": "no-such-model"}}
    world = a_world(accounts=[{"name": "aa", "deployments": [deployment]}])

    with pytest.raises(ValueError, match=r"(?s)deployments/d2.*DeploymentModelNotSupported"):
        async with local_arm(world):
            pass


async def test_loading_a_world_writes_nothing_down() -> None:
    async with local_arm() as arm:
        assert arm.door.journal.log == []
