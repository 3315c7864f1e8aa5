"""What infra makes is what the app uses: settings, triggers, events, log lines."""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.app_setup import EVENT_TYPES, OPERATIONS
from sandbox.contracts import Json
from sandbox.event_grid.subscriptions import parse_subscription
from shared.core.messages import QUEUE
from shared.core.modes import Mode
from shared.settings import Settings, read_settings
from tests.infra.app_functions import Function, app_functions
from tests.infra.bicep import INFRA, names, object_of, parameters, resources
from tests.stage import ROOT

README = (INFRA / "README.md").read_text()
SETTINGS = object_of("main.bicep", "settings")
GATEWAY = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/"
QUEUES = "Microsoft.Storage/storageAccounts/queueServices/queues"
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
# What the service has named in error 51021 (github.com/Azure/terraform-azurerm-avm-res-web-site,
# pull request 345 and issue 360), and what "Flex Consumption plan deprecations" lists besides
# (learn.microsoft.com/azure/azure-functions/functions-app-settings).
REFUSED_BY_FLEX = {
    "alwaysOn",
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "javaVersion",
    "linuxFxVersion",
    "netFrameworkVersion",
    "powerShellVersion",
    "preWarmedInstanceCount",
    "use32BitWorkerProcess",
    "windowsFxVersion",
}
WORKBOOK = json.loads((INFRA / "workbook.json").read_text())
QUERIES = {
    **{it.name: it.read_text() for it in (INFRA / "queries").glob("*.kql")},
    **{it["name"]: it["content"]["query"] for it in WORKBOOK["items"] if it["type"] == 3},
}


def event_subscription() -> Json:
    (found,) = resources("Microsoft.EventGrid/systemTopics/eventSubscriptions")
    properties: Json = found.body["properties"]
    return properties


def test_every_setting_is_set_or_left_out_on_purpose() -> None:
    section = README.partition("### Settings that infra leaves")[2].partition("\n## ")[0]
    left_out = set(re.findall(r"^\| `(ONRAMP_\w+)` \|", section, re.MULTILINE))
    fields = set(Settings.model_fields) - {"storage"}

    made = {it for it in SETTINGS if it.startswith("ONRAMP_")}

    assert not made & left_out
    assert made | left_out == {f"ONRAMP_{it.upper()}" for it in fields}


def test_the_app_starts_with_these_settings() -> None:
    env = {
        **dict.fromkeys(SETTINGS, "https://x.example/"),
        "ONRAMP_GATEWAY_ID": f"{GATEWAY}Microsoft.ApiManagement/service/apim",
        "ONRAMP_SUBSCRIPTIONS": "00000000-0000-0000-0000-000000000000",
        "ONRAMP_OWNER": parameters("main.bicep")["owner"]["default"],
        "ONRAMP_MODE": parameters("main.bicep")["mode"]["default"],
    }

    settings = read_settings(env)

    assert settings.storage_url("table").startswith("https://x.example")
    assert "" not in settings.storage  # no connection string


def test_the_modes_are_the_apps() -> None:
    decorators = parameters("main.bicep")["mode"]["decorators"]
    allowed = next(it["argument"] for it in decorators if it["type"] == "allowed")

    assert set(allowed) == {it.value for it in Mode}


@pytest.mark.parametrize(
    "never",
    [
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD",
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_CONTENTSHARE",
        "AzureWebJobsStorage",
    ],
)
def test_what_must_not_be_set_on_flex_consumption_is_not(never: str) -> None:
    assert never not in SETTINGS


def test_the_site_sets_nothing_that_flex_consumption_refuses() -> None:
    (site,) = (it for it in resources("Microsoft.Web/sites") if not it.is_existing)

    assert site.body["properties"].keys() >= {"functionAppConfig", "siteConfig"}
    assert not site.body["properties"]["siteConfig"].keys() & REFUSED_BY_FLEX


def test_a_function_has_what_its_trigger_listens_to() -> None:
    found = {it.name: _NEEDS.get(it.kind, _unknown)(it) for it in app_functions()}

    assert found == dict.fromkeys(found, True)


def _unknown(function: Function) -> bool:
    raise AssertionError(f"say in this test what a {function.kind} needs of infra")


def _queue(function: Function) -> bool:
    connection = function.trigger["connection"]
    is_known = any(it.startswith(f"{connection}__") for it in SETTINGS)
    return is_known and function.trigger["queueName"] in names(QUEUES)


def _destination(function: Function) -> bool:
    destination = event_subscription()["destination"]["properties"]["resourceId"]
    return bool(destination == f"${{functionAppId}}/functions/{function.name}")


_NEEDS: dict[str, Callable[[Function], bool]] = {
    "queueTrigger": _queue,
    "eventGridTrigger": _destination,
    "httpTrigger": lambda _: True,
    "timerTrigger": lambda _: True,  # its locks lie in the host's own storage
}


def test_only_what_tells_nothing_is_open_to_everybody() -> None:
    levels = {
        it.name: it.trigger["authLevel"] for it in app_functions() if it.kind == "httpTrigger"
    }

    assert {name for name, level in levels.items() if level != "function"} == {"board", "openapi"}


def test_there_is_no_queue_that_nobody_listens_to() -> None:
    heard = {it.trigger["queueName"] for it in app_functions() if it.kind == "queueTrigger"}

    assert {QUEUE, f"{QUEUE}-poison"} <= names(QUEUES)
    assert names(QUEUES) - {f"{QUEUE}-poison"} <= heard


def test_dead_letters_go_where_the_app_looks_for_them() -> None:
    container = Settings.model_fields["dead_letters"].default
    deadletters = object_of("modules/event-subscription.bicep", "deadLetters")

    assert deadletters["properties"]["blobContainerName"] == container
    assert container in names(CONTAINERS)


def test_the_event_filter_is_the_one_that_the_app_is_tested_with() -> None:
    properties = event_subscription()
    given = {
        **properties,
        "deadLetterDestination": object_of("modules/event-subscription.bicep", "deadLetters"),
        "deadLetterWithResourceIdentity": None,
    }

    parse_subscription("onramp", "/subscriptions/x", {"properties": given}, lambda _id: "http://x")

    filters = properties["filter"]
    assert filters["includedEventTypes"] == list(EVENT_TYPES)
    (operations,) = filters["advancedFilters"]
    assert operations["values"] == list(OPERATIONS)
    assert (operations["operatorType"], operations["key"]) == ("StringIn", "data.operationName")


def _logged(file: Path) -> dict[str, set[str]]:
    """The names of the app's log lines, each with its fields, as the code says them."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        if not (isinstance(node.args[0], ast.Name) and node.args[0].id == "logger"):
            continue
        said = node.args[1]
        events = [str(it.value) for it in ast.walk(said) if isinstance(it, ast.Constant)]
        if isinstance(said, ast.Name):
            events = _assigned(file, said.id)
        for event in events:
            found.setdefault(event, set()).update(it.arg or "" for it in node.keywords)
    return found


def _assigned(file: Path, name: str) -> list[str]:
    return [
        str(constant.value)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Assign)
        and any(isinstance(it, ast.Name) and it.id == name for it in node.targets)
        for constant in ast.walk(node.value)
        if isinstance(constant, ast.Constant)
    ]


@pytest.fixture(scope="module")
def logged() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for folder in ("handlers", "shared"):
        for file in (ROOT / folder).rglob("*.py"):
            for event, fields in _logged(file).items():
                found.setdefault(event, set()).update(fields)
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_lines_that_the_app_writes(name: str, logged: dict[str, set[str]]) -> None:
    query = QUERIES[name]
    context = {"event", "unit", "run"}  # that logs.log_context adds

    events = set(re.findall(r'it\.event == "([^"]+)"', query))
    fields = set(re.findall(r"\bit\.(\w+)", query)) - context

    assert events
    assert events <= logged.keys()
    assert fields <= set().union(*(logged[it] for it in events))


def test_a_workbook_has_a_title_for_each_of_its_figures() -> None:
    tiles = [it for it in WORKBOOK["items"] if it["type"] == 3]

    assert WORKBOOK["version"] == "Notebook/1.0"
    assert (
        len({it["name"] for it in tiles})
        == len(tiles)
        == len({it["content"]["title"] for it in tiles})
    )
    assert all(it["content"]["timeContextFromParameter"] == "TimeRange" for it in tiles)
