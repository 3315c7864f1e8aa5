"""What deploys the templates hands over what they take: azure.yaml, its hooks, its parameters."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from shared.core.rulebook import PROFILE_TAG, account_choices
from shared.rules_file import read_rules_file
from tests.builders import an_account
from tests.infra.bicep import INFRA, parameters, parsed, required
from tests.stage import ROOT

README = (INFRA / "README.md").read_text()
AZD: dict[str, Any] = yaml.safe_load((ROOT / "azure.yaml").read_text())
HOOKS = ("postdeploy.sh", "postdeploy.ps1")
SUB = "00000000-0000-0000-0000-00000000000"
ENVIRONMENT = {
    "AZURE_ENV_NAME": "onramp",
    "AZURE_LOCATION": "swedencentral",
    "AZURE_RESOURCE_GROUP": "rg-onramp",
    "AZURE_FUNCTION_APP_ID": "/app",
    "AZURE_STORAGE_ID": "/storage",
    "ALERT_ACTION_GROUP_ID": "",
    "ONRAMP_WATCHED": f"{SUB}1,{SUB}A",
    f"ONRAMP_TOPIC_{SUB}a".replace("-", "_"): "rg-theirs/their-topic",
}


def below(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_azd_finds_what_it_is_told_of() -> None:
    service = AZD["services"]["app"]

    assert (service["host"], service["language"]) == ("function", "python")
    assert (ROOT / service["project"] / "host.json").is_file()
    assert (ROOT / AZD["infra"]["path"] / f"{AZD['infra']['module']}.bicep").is_file()
    scripts = [it["run"] for it in AZD["hooks"]["postdeploy"].values()]
    assert scripts == [f"infra/hooks/{it}" for it in HOOKS]
    assert all((ROOT / it).is_file() for it in scripts)
    assert "'azd-service-name': 'app'" in (INFRA / "modules/app.bicep").read_text()


def test_azd_passes_parameters_that_there_are_and_all_that_must_be() -> None:
    passed = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    known = parameters("main.bicep")

    assert required("main.bicep") <= set(passed) <= set(known)
    for name, value in passed.items():
        default = re.search(r"\$\{\w+=(.*)\}", value["value"])
        assert (default and default[1]) == known[name].get("default"), name
        assert known[name]["type"] == "string", "azd would pass it as text"


def test_the_page_has_the_variables_that_azd_passes_on() -> None:
    passed = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    variables = {
        re.findall(r"\w+", value["value"])[0]: parameter for parameter, value in passed.items()
    }

    assert dict(re.findall(r"^\| `(\w+)` \| `(\w+)`", below("With azd"), re.MULTILINE)) == variables


def test_the_commands_of_the_page_pass_all_that_must_be() -> None:
    lines = [it for it in below("With az alone").splitlines() if it.startswith("    ")]
    commands = "\n".join(lines).split("az deployment sub create")
    passed = [set(re.findall(r"(\w+)=[\w<]", it)) for it in commands[1:]]

    assert required("main.bicep") | {"mode"} == passed[0]
    assert required("events.bicep") | {"actionGroupId"} == passed[1]


def test_the_rules_file_that_takes_everything_off_can_be_used(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^ +defaults:.*\n.*profiles:.*$", below("Removing it"), re.MULTILINE)
    file = tmp_path / "onramp.yaml"
    file.write_text(dedent(shown))

    book = read_rules_file(file)

    tags = {PROFILE_TAG: next(iter(book.profiles))}
    chosen = account_choices(book, an_account(tags=tags))
    assert (chosen.choices.onboard, chosen.problem) == (False, None)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_passes_parameters_that_there_are_and_all_that_must_be(name: str) -> None:
    passed = set(re.findall(r'^ {4}(\w+)="', (INFRA / "hooks" / name).read_text(), re.MULTILINE))
    known = parameters("events.bicep")

    assert required("events.bicep") <= passed <= set(known)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_uses_what_main_puts_out_or_the_owner_may_set(name: str) -> None:
    text = (INFRA / "hooks" / name).read_text()
    used = set(re.findall(r"(?:AZURE|ALERT|ONRAMP)_[A-Z_]*[A-Z]", text))
    outputs = set(parsed("main.bicep")["outputs"])

    assert used - outputs - {"AZURE_ENV_NAME"} == {"ONRAMP_DEAD_LETTER_IDENTITY_ID", "ONRAMP_TOPIC"}


def test_the_hook_deploys_the_events_of_each_watched_subscription(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    az = tmp_path / "az"
    az.write_text('#!/bin/sh\nfor it in "$@"; do echo "$it"; done >> "$CALLS"; echo >> "$CALLS"\n')
    az.chmod(0o755)
    env = {**ENVIRONMENT, "CALLS": str(calls), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    sh = shutil.which("sh")
    assert sh is not None

    subprocess.run([sh, INFRA / "hooks/postdeploy.sh"], env=env, check=True, timeout=120)

    first, second = (it.split("\n") for it in calls.read_text().strip().split("\n\n"))
    assert first[:3] == ["deployment", "sub", "create"]
    assert Path(first[first.index("--template-file") + 1]).resolve() == INFRA / "events.bicep"
    assert first[first.index("--subscription") + 1] == f"{SUB}1"
    assert second[second.index("--subscription") + 1] == f"{SUB}A"
    assert "existingTopicName=" in first
    assert {"existingTopicName=their-topic", "existingTopicResourceGroup=rg-theirs"} <= set(second)
    assert {"functionAppId=/app", "storageId=/storage", "environmentName=onramp"} <= set(second)


def test_the_hook_stops_at_the_first_subscription_that_fails(tmp_path: Path) -> None:
    az = tmp_path / "az"
    az.write_text("#!/bin/sh\nexit 3\n")
    az.chmod(0o755)
    env = {**ENVIRONMENT, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    sh = shutil.which("sh")
    assert sh is not None

    result = subprocess.run(
        [sh, INFRA / "hooks/postdeploy.sh"],
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert result.returncode == 3
    assert result.stdout.count("Events of subscription") == 1
