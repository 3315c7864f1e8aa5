"""Which operation of ours a request reaches, as API Management decides it.

The API with the longest path that the request's path begins with gets it, and in it the operation
whose method and URL template fit; a request that fits none gets a 404. Query parameters that are
not part of a template play no part
(learn.microsoft.com/azure/api-management/api-management-api-import-restrictions).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from sandbox.arm.apim.importing import import_document
from shared.core.openapi import all_kinds, openapi_document, operations_of
from shared.core.surfaces import SURFACES, DeploymentIn, Operation, Protocol, Surface
from tests.clients.calls import BASE
from tests.clients.recorder import Captured


@dataclass(frozen=True, slots=True)
class Match:
    surface: Surface
    operation: Operation
    parameters: Mapping[str, str]

    def deployment(self, request: Captured) -> str | None:
        """The deployment that *request* names, where the operation says that it does."""
        found: str | None = None
        match self.operation.deployment_in:
            case DeploymentIn.PATH:
                found = self.parameters["deployment-id"]
            case DeploymentIn.MODEL_PATH:
                found = self.parameters["model"]
            case DeploymentIn.BODY:
                found = request.json.get("model")
            case DeploymentIn.FORM:
                found = request.form.get("model")
            case DeploymentIn.QUERY:
                found = request.query.get(self.surface.query or "")
            case DeploymentIn.NOWHERE:
                pass
        return found


def matches(request: Captured) -> list[Match]:
    """Every operation that fits; one is a request served, none a 404, more a mistake of ours."""
    path = request.path.rstrip("/") + "/"
    apis = [it for it in SURFACES.values() if path.startswith(f"/{BASE}/{it.path_suffix}/")]
    if not apis:
        return []
    surface = max(apis, key=lambda it: len(it.path_suffix))
    rest = path.removeprefix(f"/{BASE}/{surface.path_suffix}").rstrip("/") or "/"
    by_id = {it.id: it for it in surface.operations}
    return [
        Match(surface, by_id[id_], {name: unquote(text) for name, text in found.items()})
        for id_, method, template in _routes(surface)
        if method == request.method and (found := _fit(template, rest)) is not None
    ]


def _routes(surface: Surface) -> list[tuple[str, str, str]]:
    """What the import makes of our document with all operations."""
    kinds = all_kinds(surface)
    if surface.protocol is Protocol.WEBSOCKET:
        return [*operations_of(surface, kinds)]
    document = openapi_document(surface, kinds, title="t", server="https://nowhere.invalid")
    api = import_document(json.dumps(document), "openapi+json")
    return [(it.name, *it.route) for it in api.operations]


def _fit(template: str, path: str) -> dict[str, str] | None:
    names = re.findall(r"{([^}]+)}", template)
    pattern = re.sub(r"\\{[^}]+\\}", "([^/]+)", re.escape(template))
    found = re.fullmatch(pattern, path, re.IGNORECASE)
    return dict(zip(names, found.groups(), strict=True)) if found else None
