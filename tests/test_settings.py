from pathlib import Path

import pytest

from shared.core.resource_ids import GatewayId
from shared.errors import ConfigError
from shared.settings import Settings, read_settings
from tests.builders import SUBSCRIPTION

GATEWAY = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
    "/providers/Microsoft.ApiManagement/service/apim"
)
ENV = {"ONRAMP_GATEWAY_ID": GATEWAY, "AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def test_two_settings_are_enough() -> None:
    settings = read_settings(ENV)

    assert settings.gateway_id == GatewayId(SUBSCRIPTION, "rg-ai", "apim")
    assert settings.watched == (SUBSCRIPTION,)


def test_every_problem_is_named_in_one_message() -> None:
    bad = {
        "ONRAMP_GATEWAY_ID": "apim",
        "ONRAMP_SUBSCRIPTIONS": "prod",
        "ONRAMP_RULES_FILE": "rules/of-another.yaml",
        "ONRAMP_OWNER": "Team A",
        "ONRAMP_ARM_ENDPOINT": "http://management.example",
        "ONRAMP_RUN_DEADLINE_S": "soon",
        "ONRAMP_PARALLEL_WRITES": "0",
        "ONRAMP_TYPO": "x",
    }

    with pytest.raises(ConfigError) as refused:
        read_settings(bad)

    lines = str(refused.value).splitlines()
    assert len(lines) == 1 + len(bad) + 1  # a title, each of them, and no storage
    for name in (*bad, "AzureWebJobsStorage"):
        assert any(name in line for line in lines)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("ONRAMP_SURFACES", "`surfaces` in onramp.yaml"),
        ("ONRAMP_PATH_PREFIX", "`path` in onramp.yaml"),
        ("ONRAMP_TOKEN_LIMITS", "`token_limit` in onramp.yaml"),
    ],
)
def test_a_setting_that_moved_to_the_rules_file_says_where(name: str, place: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is no setting of this version: use {place}"):
        read_settings({**ENV, name: "azure-openai"})


def test_a_rules_file_that_nobody_asked_for_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.settings._APP", tmp_path)

    assert read_settings(ENV).rules_path is None

    (tmp_path / "onramp.yaml").touch()
    assert read_settings(ENV).rules_path == tmp_path / "onramp.yaml"


def test_a_rules_file_that_is_asked_for_is_found_below_the_app_or_where_its_path_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.settings._APP", tmp_path)
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).touch()

    below = read_settings({**ENV, "ONRAMP_RULES_FILE": "a.yaml"})
    absolute = read_settings({**ENV, "ONRAMP_RULES_FILE": str(tmp_path / "b.yaml")})

    assert (below.rules_path, absolute.rules_path) == (tmp_path / "a.yaml", tmp_path / "b.yaml")
    (tmp_path / "a.yaml").unlink()
    assert below.rules_path is not None  # asked for: its absence is no lack of wishes


@pytest.mark.parametrize(
    ("env", "table"),
    [
        (
            {"AzureWebJobsStorage__accountName": "st"},
            "https://st.table.core.windows.net",
        ),
        (
            {
                "AzureWebJobsStorage__blobServiceUri": "https://b.example",
                "AzureWebJobsStorage__tableServiceUri": "https://t.example",
                "AzureWebJobsStorage__queueServiceUri": "https://q.example",
            },
            "https://t.example",
        ),
    ],
)
def test_storage_can_be_used_by_identity(env: dict[str, str], table: str) -> None:
    settings = read_settings({"ONRAMP_GATEWAY_ID": GATEWAY, **env})

    assert settings.storage_url("table") == table


def test_a_lease_outlives_a_run_and_its_last_write() -> None:
    settings = read_settings(ENV)

    longest = settings.run_deadline_s + settings.request_timeout_s
    assert settings.lease.total_seconds() > longest


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())
