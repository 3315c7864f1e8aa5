"""The templates can be read, are read whole, and say each thing once."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.adapters.gateway_reads import API_VERSION, ROLES_VERSION
from shared.core.choices import Role
from tests.infra.bicep import (
    FILES,
    INFRA,
    declared,
    name_of,
    parameters,
    parsed,
    required,
    resources,
)
from tests.stage import ROOT

README = (INFRA / "README.md").read_text()
BUILT_IN = INFRA / "roles/built-in.json"
CHECKOV = ROOT / ".tools/checkov/bin/checkov"
GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
SKIP = re.compile(r"checkov:skip=(\w+)(?::[ ]*(.*))?")


def scan(folder: Path) -> dict[str, int]:
    """What checkov counts in a folder of templates."""
    assert CHECKOV.exists(), "run: make test, which installs it"
    command = [str(CHECKOV), "-d", str(folder), "--framework", "bicep", "--skip-download"]
    result = subprocess.run(
        [*command, "--compact", "--quiet", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    found = json.loads(result.stdout)
    assert "summary" in found, "nothing was scanned"
    failed = found["results"]["failed_checks"]
    assert [(it["check_id"], it["file_path"], it["resource"]) for it in failed] == []
    return dict(found["summary"], checkov_version=0)


@pytest.mark.parametrize("name", [name_of(it) for it in FILES])
def test_a_template_is_read_whole(name: str) -> None:
    kinds = ("resources", "modules", "params", "vars", "outputs")
    keys = {"params": "parameters", "vars": "variables"}

    read = {kind: set(parsed(name).get(keys.get(kind, kind), {})) for kind in kinds}

    assert {kind: found for kind, found in read.items() if found} == declared(name)


def test_the_scanner_reads_every_template_and_finds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "infra"
    shutil.copytree(INFRA, folder)

    summary = scan(folder)

    assert (summary["failed"], summary["parsing_errors"]) == (0, 0)
    assert summary["resource_count"] >= len(list(resources()))
    assert summary["passed"] > 0


def test_every_skipped_check_says_why() -> None:
    skips = [skip for file in FILES for skip in SKIP.findall(file.read_text())]

    assert skips
    assert [check for check, reason in skips if len(reason.split()) < 5] == []


def test_an_api_version_is_the_one_of_the_table() -> None:
    table = re.findall(r"^\| `(Microsoft\.[\w./]+)` \| (\S+) \|$", README, re.MULTILINE)

    used = {(it.type, it.api_version) for it in resources()}

    assert sorted(table) == sorted(used)
    assert len(dict(table)) == len(table)
    assert dict(table)["Microsoft.ApiManagement/service"] == API_VERSION
    assert dict(table)["Microsoft.Authorization/roleAssignments"] == ROLES_VERSION


def test_the_ids_of_roles_are_in_one_file() -> None:
    texts = {it: it.read_text() for it in INFRA.rglob("*") if it.suffix in (".bicep", ".json")}
    ids = json.loads(BUILT_IN.read_text())

    assert all(GUID.fullmatch(it) for it in ids.values())
    elsewhere = "".join(text for file, text in texts.items() if file != BUILT_IN)
    assert not set(ids.values()) & set(GUID.findall(elsewhere))
    assert not any(GUID.search(text) for file, text in texts.items() if file.suffix == ".bicep")
    assert {it for it in ids if f".{it}" in elsewhere} == set(ids)


def test_the_role_that_the_app_may_assign_is_the_one_that_it_assigns() -> None:
    assert json.loads(BUILT_IN.read_text())["cognitiveServicesUser"] == Role().definition


def test_roles_are_given_under_a_condition_on_role_and_principal() -> None:
    (assignment,) = (it for it in resources() if it.symbol == "grantAssignment")

    assert assignment.body["properties"]["condition"] == "condition"
    assert assignment.body["properties"]["conditionVersion"] == "2.0"
    assert _condition(role="R", principals="P, Q") == (
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR "
        "(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
        " ForAnyOfAnyValues:GuidEquals {R} AND "
        "@Request[Microsoft.Authorization/roleAssignments:PrincipalId]"
        " ForAnyOfAnyValues:GuidEquals {P, Q})) AND "
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR "
        "(@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
        " ForAnyOfAnyValues:GuidEquals {R} AND "
        "@Resource[Microsoft.Authorization/roleAssignments:PrincipalId]"
        " ForAnyOfAnyValues:GuidEquals {P, Q}))"
    )


def _condition(*, role: str, principals: str) -> str:
    """What Bicep makes of the variable ``condition``."""
    text = (INFRA / "modules/watch-access.bicep").read_text()
    strings = dict(re.findall(r"^var (\w+) = '(.*)'$", text, re.MULTILINE))
    values = {
        "builtIn.cognitiveServicesUser": role,
        "join(gatewayPrincipalIds, ', ')": principals,
    }

    def fill(found: re.Match[str]) -> str:
        return values.get(found[1]) or re.sub(r"\$\{(.+?)\}", fill, strings[found[1]])

    return re.sub(r"\$\{(.+?)\}", fill, strings["condition"]).replace("\\'", "'")


@pytest.mark.parametrize("name", ["main.bicep", "events.bicep"])
def test_the_readme_has_the_parameters(name: str) -> None:
    section = README.partition(f"### Parameters of {name}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.+) \|$", section, re.MULTILINE)

    assert rows == [_row(it, found) for it, found in parameters(name).items()]


def _row(name: str, parameter: dict[str, object]) -> tuple[str, str, str]:
    decorators = parameter["decorators"]
    assert isinstance(decorators, list)
    words = next(it["argument"] for it in decorators if it["type"] == "description")
    default = parameter.get("default")
    text = default if isinstance(default, str) else json.dumps(default)
    value = "required" if default is None else f"`{text}`" if text else ""
    return name, value, words.replace("\\'", "'")


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_what_a_module_needs_it_is_given(file: Path) -> None:
    for module in parsed(name_of(file)).get("modules", {}).values():
        config = module["config"]
        while "config" in config:
            config = config["config"]
        target = name_of((file.parent / module["detail"]["path"]).resolve())

        assert required(target) <= set(config["params"]) <= set(parameters(target)), target


def test_files_that_templates_load_are_there_and_no_others() -> None:
    loaded = {
        (file.parent / path).resolve()
        for file in FILES
        for path in re.findall(r"load(?:Text|Json)Content\('([^']+)'\)", file.read_text())
    }
    kept = {it for it in INFRA.rglob("*") if it.suffix in (".json", ".kql")}

    assert loaded == kept - {INFRA / "main.parameters.json"}
