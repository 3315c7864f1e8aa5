"""The smallest real request for each kind of model, and how far it goes.

A request costs a few tokens. Where even the smallest would cost more (an image, speech), the
gateway is asked about the deployment and answers by itself: that proves key, API, operation and
policy, and not the model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from shared.core.model import Deployment, Json
from shared.core.model_kinds import ModelKind
from shared.core.surfaces import DeploymentIn, Operation, Protocol, Surface

# Takes every operation that we ask for; the newest with a date
# (learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle).
_DATED = "2025-04-01-preview"
_INFERENCE = "2024-05-01-preview"
_API_VERSION: Mapping[str, str] = {
    "azure-openai": _DATED,
    "azure-ai": _INFERENCE,
    "realtime": _DATED,
}
_PING: Json = {"messages": [{"role": "user", "content": "ping"}]}

# Kind to operation and body, most telling first. Reasoning models refuse max_tokens and others
# max_completion_tokens; the model's own 400 proves as much as its answer.
_REAL: Mapping[ModelKind, tuple[str, Json]] = {
    ModelKind.CHAT: ("chat-completions-create", {**_PING, "max_tokens": 1}),
    ModelKind.MESSAGES: ("messages-create", {**_PING, "max_tokens": 1}),
    ModelKind.COMPLETION: ("completions-create", {"prompt": "ping", "max_tokens": 1}),
    ModelKind.EMBEDDINGS: ("embeddings-create", {"input": ["ping"]}),
    # 16 is the least (learn.microsoft.com/azure/ai-foundry/openai/how-to/responses).
    ModelKind.RESPONSES: ("responses-create", {"input": "ping", "max_output_tokens": 16}),
    ModelKind.RERANK: ("rerank-create", {"query": "ping", "documents": ["ping"], "top_n": 1}),
}
_OTHER_NAMES: Mapping[tuple[str, ModelKind], tuple[str, Json]] = {
    ("cohere", ModelKind.EMBEDDINGS): (
        "embed-create",
        {"texts": ["ping"], "input_type": "search_query"},
    ),
}
_UP_TO_THE_GATEWAY = "models-retrieve"


@dataclass(frozen=True, slots=True)
class Probe:
    """One request that proves a deployment on a surface.

    Attributes:
        method: Of HTTP, or WEBSOCKET for a handshake.
        path: Below the gateway, with its query.
        key_header: Where the key goes.
        reaches: Whether the model itself is asked.
        behind: What stands behind the path: when it changes, an old proof is worth nothing.
    """

    surface: str
    method: str
    path: str
    key_header: str
    body: str
    reaches: bool
    behind: str

    @property
    def fingerprint(self) -> str:
        return sha256(repr(self).encode()).hexdigest()[:16]


def probe_of(deployment: Deployment, surface: Surface, *, api_path: str, url: str) -> Probe | None:
    """How to prove *deployment* on *surface*; None where nothing can be asked."""
    found = _request(deployment, surface)
    if found is None:
        return None
    operation, body, reaches = found
    template = operation.template.replace("{deployment-id}", deployment.name)
    template = template.replace("{model}", deployment.name).rstrip("/")
    query = {"api-version": _API_VERSION[surface.name]} if surface.name in _API_VERSION else {}
    match operation.deployment_in:
        case DeploymentIn.BODY:
            body = {"model": deployment.name, **body}
        case DeploymentIn.QUERY:
            query = {**query, surface.query or "model": deployment.name}
    model = deployment.model
    return Probe(
        surface=surface.name,
        method="WEBSOCKET" if surface.protocol is Protocol.WEBSOCKET else operation.method,
        path=f"{api_path}{template}{'?' if query else ''}{urlencode(query)}",
        key_header=surface.key_header,
        body=json.dumps(body) if operation.request else "",
        reaches=reaches,
        behind=f"{url} {model.format}/{model.name}/{model.version}",
    )


def _request(deployment: Deployment, surface: Surface) -> tuple[Operation, Json, bool] | None:
    """Operation, body, and whether the model itself is asked."""
    operations = {it.id: it for it in surface.operations}
    if surface.protocol is Protocol.WEBSOCKET:  # a session costs nothing until something is said
        return surface.operations[0], {}, True
    kinds = surface.kinds_of(deployment)
    for kind, request in _REAL.items():
        id_, body = _OTHER_NAMES.get((surface.name, kind), request)
        if kind in kinds and id_ in operations:
            return operations[id_], body, True
    own = operations.get(_UP_TO_THE_GATEWAY)
    return (own, {}, False) if own else None
