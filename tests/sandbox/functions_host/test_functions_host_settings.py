"""Settings: of the environment, of local.settings.json and of host.json, and connections."""

from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.functions_host.errors import StartupError
from sandbox.functions_host.hostjson import load_host_config
from sandbox.functions_host.settings import local_settings, resolve_settings
from sandbox.functions_host.storage import StorageConnections


def test_settings_fill_percent_expressions_in_any_case() -> None:
    assert resolve_settings("a-%My:Name%-b", {"MY__NAME": "x"}) == "a-x-b"


@pytest.mark.parametrize("text", ["%MISSING%", "50%"])
def test_percent_expressions_must_resolve(text: str) -> None:
    with pytest.raises(StartupError):
        resolve_settings(text, {})


def test_local_settings_do_not_replace_the_environment(tmp_path: Path) -> None:
    text = '{"IsEncrypted": false, "Values": {"A": "file", "B": "file", "N": 5}}'
    (tmp_path / "local.settings.json").write_text(text)

    assert local_settings(tmp_path, {"A": "env"}) == {"B": "file", "N": "5"}


@pytest.mark.parametrize(
    "text", ['{"IsEncrypted": true}', '{"Values": {"A": {"B": 1}}}', "{", "[]"]
)
def test_local_settings_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.settings.json").write_text(text)

    with pytest.raises(StartupError, match=r"local\.settings\.json"):
        local_settings(tmp_path, {})


def test_host_json_is_overridden_by_settings(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(
        '{"version": "2.0", "functionTimeout": "-1",'
        ' "extensions": {"http": {"routePrefix": "x"}, "queues": {"batchSize": 4}}}'
    )
    settings = {
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.2",
        "AzureFunctionsJobHost:extensions:http:routePrefix": "",
        "AzureFunctionsJobHost__logging__LogLevel__default": "Warning",
    }

    config = load_host_config(tmp_path, settings)

    assert config.route_prefix == ""
    assert config.function_timeout is None
    assert config.queues.batch_size == 4
    assert config.queues.new_batch_threshold == 2
    assert config.queues.max_polling_interval == timedelta(seconds=0.2)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "not json",
        '{"version": "2.0", "functionTimeout": "00:00:00"}',
        '{"version": "2.0", "functionTimeout": "soon"}',
        '{"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}',
        '{"version": "2.0", "extensions": {"queues": {"maxDequeueCount": 0}}}',
        '{"version": "2.0", "extensions": {"queues": {"messageEncoding": "hex"}}}',
        '{"version": "2.0", "extensions": {"queues": {"maxPollingInterval": "00:00:00"}}}',
    ],
)
def test_host_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text)

    with pytest.raises(StartupError, match=r"host\.json"):
        load_host_config(tmp_path, {})


@pytest.mark.parametrize(
    "settings",
    [
        {"AzureWebJobsMine": "UseDevelopmentStorage=true"},
        {"Mine": "UseDevelopmentStorage=true"},
        {"Mine__queueServiceUri": "https://a.queue.core.windows.net"},
        {"mine__ACCOUNTNAME": "a"},
    ],
)
def test_a_connection_is_found(settings: dict[str, str]) -> None:
    StorageConnections(settings).check("Mine", "queue")


async def test_an_identity_based_connection_uses_the_named_identity() -> None:
    settings = {
        "Mine__accountName": "acct",
        "Mine__credential": "managedidentity",
        "Mine__clientId": "00000000-0000-0000-0000-000000000001",
    }
    async with StorageConnections(settings) as storage:
        assert (await storage.queues("Mine")).url == "https://acct.queue.core.windows.net/"
        assert (await storage.tables("Mine")).url == "https://acct.table.core.windows.net"


def test_a_missing_connection_is_named() -> None:
    with pytest.raises(StartupError, match="'Mine__tableServiceUri'"):
        StorageConnections({"Mine__queueServiceUri": "https://x"}).check("Mine", "table")
