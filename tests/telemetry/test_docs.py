"""docs/telemetry.md says what there is; test_in_the_app.py, that its queries find it."""

import re

from shared.telemetry import METRICS
from tests.telemetry.conftest import SETTINGS
from tests.telemetry.page import PAGE


def test_every_figure_has_its_row() -> None:
    rows = re.findall(r"^\| `(onramp\.[\w.]+)` \|.*\| (.*) \|$", PAGE, re.MULTILINE)

    assert rows == [(metric.name, metric.description) for metric in METRICS]


def test_every_setting_has_its_row() -> None:
    named = set(re.findall(r"`([A-Z][A-Za-z_]+)`", PAGE.split("## A trace")[0]))

    assert SETTINGS.keys() - {"WEBSITE_SITE_NAME"} <= named
