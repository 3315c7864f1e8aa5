"""The app's functions as the Functions library indexes them, asked of the app itself.

In a process of its own: the app reads its settings when it is imported.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from sandbox.contracts import Json
from tests.stage import ROOT

_SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "ONRAMP_GATEWAY_ID": "/subscriptions/00000000-0000-0000-0000-000000000000"
    "/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim",
}
_PRINT = """
import json, function_app
found = function_app.app.get_functions()
print(json.dumps({
    it.get_function_name(): [binding.get_dict_repr() for binding in it.get_bindings()]
    for it in found
}, default=lambda it: it.value))
"""


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    trigger: Json

    @property
    def kind(self) -> str:
        return str(self.trigger["type"])


@cache
def app_functions() -> tuple[Function, ...]:
    result = subprocess.run(
        [sys.executable, "-c", _PRINT],
        cwd=ROOT,
        env={**os.environ, **_SETTINGS},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, list[Json]] = json.loads(result.stdout.splitlines()[-1])
    return tuple(Function(name, _trigger(bindings)) for name, bindings in found.items())


def _trigger(bindings: list[Json]) -> Json:
    return next(it for it in bindings if str(it["type"]).endswith("Trigger"))
