"""When telemetry is exported, and that nothing else depends on it."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from shared import logs, telemetry, wiring
from shared.adapters.telemetry_export import ExportedLines
from shared.core.path_templates import path_template
from shared.settings import Exporter, read_exporter

ROOT = Path(__file__).parents[2]
INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING"
SERVICE = (
    "/subscriptions/{name}/resourceGroups/{name}/providers/Microsoft.ApiManagement/service/{name}"
)
GATEWAY = "/subscriptions/1/resourceGroups/g/providers/Microsoft.ApiManagement/service/gw"


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({}, None),
        ({INSIGHTS: "x"}, None),
        ({"PYTHON_ENABLE_OPENTELEMETRY": "true"}, None),
        ({"PYTHON_ENABLE_OPENTELEMETRY": "false", INSIGHTS: "x"}, None),
        ({"PYTHON_ENABLE_OPENTELEMETRY": "true", INSIGHTS: " "}, None),
        ({"PYTHON_ENABLE_OPENTELEMETRY": "True", INSIGHTS: "x"}, Exporter("x", "model-onramp")),
        (
            {"PYTHON_ENABLE_OPENTELEMETRY": "1", INSIGHTS: "x", "WEBSITE_SITE_NAME": "app"},
            Exporter("x", "app"),
        ),
    ],
)
def test_it_is_exported_where_both_settings_are_there(
    env: dict[str, str], found: Exporter | None
) -> None:
    assert read_exporter(env) == found


def test_a_bad_connection_string_is_told_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYTHON_ENABLE_OPENTELEMETRY", "true")
    monkeypatch.setenv("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "true")
    monkeypatch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    monkeypatch.setenv(INSIGHTS, "InstrumentationKey=none")

    wiring.set_up_telemetry()

    assert not telemetry.is_heard()
    assert "telemetry is off" in caplog.text


def test_without_the_settings_nothing_of_opentelemetry_is_imported() -> None:
    """A cold start pays for it only where it is asked for."""
    code = "import sys, function_app; print([it for it in sys.modules if 'opentelemetry' in it])"
    env = {"ONRAMP_GATEWAY_ID": GATEWAY.replace("/1/", f"/{'1' * 8}-1111-1111-1111-{'1' * 12}/")}
    env |= {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}

    done = subprocess.run(  # the app's own process
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.fixture
def lines() -> Iterator[InMemoryLogRecordExporter]:
    kept = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    handler, logger = ExportedLines(provider), logging.getLogger("shared")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(before)


def one(kept: InMemoryLogRecordExporter) -> ReadableLogRecord:
    (found,) = kept.get_finished_logs()
    return found


def test_a_line_keeps_its_fields_and_those_of_its_run(lines: InMemoryLogRecordExporter) -> None:
    with logs.log_context(run="r1"):
        logs.info(logging.getLogger("shared.x"), "run ended", writes=7, detail=None, late=True)

    record = one(lines).log_record
    assert dict(record.attributes or {}) == {
        "event": "run ended",
        "run": "r1",
        "writes": 7,
        "late": True,
    }
    body = '{"event": "run ended", "run": "r1", "writes": 7, "detail": null, "late": true}'
    assert (record.body, record.severity_text) == (body, "INFO")


def test_a_traceback_goes_without_the_words_of_the_exception(
    lines: InMemoryLogRecordExporter,
) -> None:
    try:
        _ = dict[str, str]()["a secret"]
    except KeyError:
        logging.getLogger("shared.x").exception("a run broke")

    record = one(lines).log_record
    found = dict(record.attributes or {})
    assert (found["event"], found["error"]) == ("a run broke", "KeyError")
    assert "test_setting_up.py" in str(found["stack"])
    assert "secret" not in str(record)


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("", "/"),
        ("/subscriptions/1", "/subscriptions/{name}"),
        (
            "/subscriptions/1/providers/Microsoft.CognitiveServices/accounts",
            "/subscriptions/{name}/providers/Microsoft.CognitiveServices/accounts",
        ),
        (
            f"{GATEWAY}/apis/mine/policies/policy",
            SERVICE + "/apis/{name}/policies/{name}",
        ),
        (
            f"{GATEWAY}/subscriptions/s/listSecrets",
            SERVICE + "/subscriptions/{name}/listSecrets",
        ),
        (
            "/subscriptions/1/Providers/Microsoft.Authorization/roleAssignments/a/",
            "/subscriptions/{name}/Providers/Microsoft.Authorization/roleAssignments/{name}",
        ),
        ("/dev@contoso.com/x", "/{name}/{name}"),
        ("/subscriptions/1/providers", "/subscriptions/{name}/providers"),
    ],
)
def test_a_template_has_no_names(path: str, template: str) -> None:
    assert path_template(path) == template
