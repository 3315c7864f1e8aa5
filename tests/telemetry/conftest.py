"""The app in a local Azure, and what it sends to a local Application Insights."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from sandbox.local_azure import APP, Options
from sandbox.tls import ensure_certificates
from tests.stage import ROOT, Stage, a_stage
from tests.telemetry.breeze import Breeze, breeze

# What infra sets, but for how often it is sent.
SETTINGS = {
    "PYTHON_ENABLE_OPENTELEMETRY": "true",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": f"ClientId={APP.client_id};Authorization=AAD",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED": "true",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_BLRP_SCHEDULE_DELAY": "100",
    "OTEL_METRIC_EXPORT_INTERVAL": "300",
    "WEBSITE_SITE_NAME": "onramp-of-a-test",
}


@dataclass(frozen=True, slots=True)
class Heard:
    stage: Stage
    breeze: Breeze


@pytest.fixture(scope="session")
async def heard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Heard]:
    certificates = ensure_certificates(tmp_path_factory.mktemp("tls"))
    async with breeze(certificates) as found:
        env = {
            **SETTINGS,
            "APPLICATIONINSIGHTS_CONNECTION_STRING": found.connection_string,
            "REQUESTS_CA_BUNDLE": str(certificates.bundle),
        }
        async with a_stage(Options(app_dir=ROOT, app_env=env)) as stage:
            yield Heard(stage, found)
