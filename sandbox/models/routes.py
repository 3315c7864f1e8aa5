"""Which paths there are, where each names its deployment, and what it takes to call it.

Paths: shared by the specifications below github.com/Azure/azure-rest-api-specs (specification/
cognitiveservices/data-plane/AzureOpenAI/inference, ai/data-plane/OpenAI.v1 and ModelInference) and
by the SDKs, which call more than those have: completions, images, audio and realtime on v1, and
cancelling a response (UNVERIFIED there). Data actions: `az provider operation show --namespace
Microsoft.CognitiveServices`; those of image edits, speech and all of partner models on v1 are
UNVERIFIED, as is MaaS for images.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from sandbox.models.abilities import Ability
from sandbox.models.errors import Shape
from sandbox.models.estate import Host


class Where(Enum):
    """Where a call names its deployment."""

    PATH = "path"
    BODY = "body"
    FORM = "form"
    QUERY = "query"
    NOWHERE = "nowhere"


class Versions(Enum):
    """What a surface wants as ``api-version``."""

    DATED = "dated"
    V1 = "v1"
    INFERENCE = "inference"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Family:
    """A surface.

    Attributes:
        formats: Model formats that it serves, lower-cased; all if None.
        takes_bearer_keys: ``Authorization: Bearer`` may carry a key instead of a token.
    """

    name: str
    hosts: frozenset[Host]
    shape: Shape
    versions: Versions = Versions.NONE
    formats: frozenset[str] | None = None
    takes_bearer_keys: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    id: str
    method: str
    template: str
    family: Family
    where: Where
    action: str  # data action, below Microsoft.CognitiveServices/accounts/
    operation: str  # as a 429 names it
    ability: Ability | None = None
    since: str = ""  # first dated api-version that has it

    @property
    def is_websocket(self) -> bool:
        return self.id == "realtime"


_ALL_HOSTS = frozenset({Host.OPENAI, Host.FOUNDRY, Host.COGNITIVE, Host.REGIONAL})
_FOUNDRY = frozenset({Host.FOUNDRY})
_OPENAI = frozenset({"openai"})

DATED = Family(
    "azure-openai", _ALL_HOSTS, Shape.OPENAI, Versions.DATED, _OPENAI, takes_bearer_keys=False
)
V1 = Family("azure-openai-v1", _ALL_HOSTS, Shape.OPENAI, Versions.V1)
INFERENCE = Family("azure-ai", _FOUNDRY, Shape.AZURE, Versions.INFERENCE)
ANTHROPIC = Family("anthropic", _FOUNDRY, Shape.ANTHROPIC, formats=frozenset({"anthropic"}))
COHERE = Family("cohere", _FOUNDRY, Shape.COHERE, formats=frozenset({"cohere"}))

# id, path below the deployment or the surface, ability, data action, operation, where on v1, since
_MODEL_CALLS = (
    ("chat", "/chat/completions", Ability.CHAT, "deployments/chat/completions/action",
     "ChatCompletions_Create", Where.BODY, ""),
    ("completions", "/completions", Ability.COMPLETION, "deployments/completions/action",
     "Completions_Create", Where.BODY, ""),
    ("embeddings", "/embeddings", Ability.EMBEDDINGS, "deployments/embeddings/action",
     "Embeddings_Create", Where.BODY, ""),
    ("images", "/images/generations", Ability.IMAGES, "images/generations/action",
     "ImageGenerations_Create", Where.BODY, ""),
    ("image-edits", "/images/edits", Ability.IMAGE_EDITS, "images/generations/action",
     "ImageGenerations_Edit", Where.FORM, "2025-04-01-preview"),
    ("transcriptions", "/audio/transcriptions", Ability.TRANSCRIPTION, "deployments/audio/action",
     "Transcriptions_Create", Where.FORM, ""),
    ("translations", "/audio/translations", Ability.TRANSCRIPTION, "deployments/audio/action",
     "Translations_Create", Where.FORM, ""),
    ("speech", "/audio/speech", Ability.SPEECH, "deployments/audio/action",
     "Speech_Create", Where.BODY, "2024-02-15-preview"),
)  # fmt: skip
_RESPONSES_SINCE = "2025-03-01-preview"
_STORED = "/responses/{response-id}"
# id, method, path, where, ability, data action, operation
_OTHER_CALLS = (
    ("responses", "POST", "/responses", Where.BODY, Ability.RESPONSES, "responses/write",
     "Create_Response"),
    ("response-get", "GET", _STORED, Where.NOWHERE, None, "responses/read", "Get_Response"),
    ("response-delete", "DELETE", _STORED, Where.NOWHERE, None, "responses/delete",
     "Delete_Response"),
    ("response-cancel", "POST", f"{_STORED}/cancel", Where.NOWHERE, None, "responses/write",
     "Cancel_Response"),
    ("response-items", "GET", f"{_STORED}/input_items", Where.NOWHERE, None, "responses/read",
     "Get_Input_Items"),
    ("models", "GET", "/models", Where.NOWHERE, None, "models/read", "Models_List"),
    ("model", "GET", "/models/{model}", Where.NOWHERE, None, "models/read", "Models_Get"),
    ("realtime", "GET", "/realtime", Where.QUERY, Ability.REALTIME, "deployments/realtime/action",
     "Realtime_Connect"),
)  # fmt: skip
_V1_ONLY = (
    ("responses-compact", "POST", "/responses/compact", Where.BODY, Ability.RESPONSES,
     "responses/write", "Compact_Response"),
    ("responses-tokens", "POST", "/responses/input_tokens", Where.BODY, Ability.RESPONSES,
     "responses/write", "Count_Input_Tokens"),
)  # fmt: skip


def _openai_routes() -> list[Route]:
    found = [
        route
        for id_, path, ability, action, operation, where, since in _MODEL_CALLS
        for route in (
            Route(
                id_,
                "POST",
                f"/openai/deployments/{{deployment-id}}{path}",
                DATED,
                Where.PATH,
                f"OpenAI/{action}",
                operation,
                ability,
                since,
            ),
            Route(
                id_, "POST", f"/openai/v1{path}", V1, where, f"OpenAI/{action}", operation, ability
            ),
        )
    ]
    for family, base, rows in (
        (V1, "/openai/v1", (*_V1_ONLY, *_OTHER_CALLS)),
        (DATED, "/openai", _OTHER_CALLS),
    ):
        found += [
            Route(
                id_,
                method,
                f"{base}{path}",
                family,
                where,
                f"OpenAI/{action}",
                operation,
                ability,
                _RESPONSES_SINCE if "/responses" in path else "",
            )
            for id_, method, path, where, ability, action, operation in rows
        ]
    return found


_PARTNER_ROUTES = (
    Route("chat", "POST", "/models/chat/completions", INFERENCE, Where.BODY,
          "MaaS/chat/completions/action", "getChatCompletions", Ability.CHAT),
    Route("embeddings", "POST", "/models/embeddings", INFERENCE, Where.BODY,
          "MaaS/embeddings/action", "getEmbeddings", Ability.EMBEDDINGS),
    Route("image-embeddings", "POST", "/models/images/embeddings", INFERENCE, Where.BODY,
          "MaaS/images/embeddings/action", "getImageEmbeddings", Ability.EMBEDDINGS),
    Route("images", "POST", "/models/images/generations", INFERENCE, Where.BODY,
          "MaaS/images/generations/action", "getImageGenerations", Ability.IMAGES),
    Route("info", "GET", "/models/info", INFERENCE, Where.QUERY, "MaaS/info/read",
          "getModelInfo"),
    Route("messages", "POST", "/anthropic/v1/messages", ANTHROPIC, Where.BODY,
          "AIServices/providers/action", "Messages_Create", Ability.MESSAGES),
    Route("count-tokens", "POST", "/anthropic/v1/messages/count_tokens", ANTHROPIC, Where.BODY,
          "AIServices/providers/action", "Messages_CountTokens", Ability.MESSAGES),
    Route("rerank", "POST", "/providers/cohere/v2/rerank", COHERE, Where.BODY,
          "AIServices/providers/action", "Rerank", Ability.RERANK),
    Route("cohere-embed", "POST", "/providers/cohere/v2/embed", COHERE, Where.BODY,
          "AIServices/providers/action", "Embed", Ability.EMBEDDINGS),
)  # fmt: skip
ROUTES = (*_openai_routes(), *_PARTNER_ROUTES)


def _pattern(template: str) -> re.Pattern[str]:
    names = re.sub(r"\{([a-z]+)(?:-[a-z]+)?\}", r"(?P<\1>[^/]+)", template)
    return re.compile(names)


_PATTERNS = tuple((_pattern(route.template), route) for route in ROUTES)


def find(method: str, raw_path: str, host: Host) -> tuple[Route, Mapping[str, str]] | None:
    """The route, and its path parameters decoded: ``deployment``, ``response`` or ``model``."""
    for pattern, route in _PATTERNS:
        match = pattern.fullmatch(raw_path)
        if match and route.method == method and host in route.family.hosts:
            return route, {name: unquote(value) for name, value in match.groupdict().items()}
    return None
