"""The calls that clients make, surface by surface: read off the requests of their SDKs.

No published document has them all (tests/clients drives the SDKs against this table). An id is in
the form that the import of API Management normalises operationIds to, and never changes: a
re-import deletes the operations that it can't match by it
(learn.microsoft.com/azure/api-management/api-management-api-import-restrictions). The policy knows
some by their id: ``stored-response-…``, ``models-list`` and ``models-retrieve``.

Left out on purpose: what is no call of a deployed model (files, batches, fine-tuning, vector
stores, conversations, evals) and what was retired (assistants).
"""

from shared.core.model_kinds import ModelKind
from shared.core.surface_types import DeploymentIn, Operation

_FORM = "multipart/form-data"
_BINARY = "application/octet-stream"


def _post(id_: str, kind: ModelKind, template: str, summary: str, where: DeploymentIn) -> Operation:
    return Operation(id_, kind, "POST", template, summary, where)


def _speech(template: str, where: DeploymentIn) -> Operation:
    return Operation(
        "audio-speech-create",
        ModelKind.SPEECH,
        "POST",
        template,
        "Create speech",
        where,
        answer=_BINARY,
    )


def _upload(
    id_: str, kind: ModelKind, template: str, summary: str, where: DeploymentIn, *files: str
) -> Operation:
    return Operation(id_, kind, "POST", template, summary, where, request=_FORM, files=files)


def _bodyless(
    id_: str,
    kind: ModelKind | None,
    route: str,
    summary: str,
    where: DeploymentIn = DeploymentIn.NOWHERE,
) -> Operation:
    method, template = route.split(" ")
    return Operation(id_, kind, method, template, summary, where, request=None)


# Cancelling is in no specification of either surface, yet every OpenAI SDK has it.
_STORED_RESPONSES = (
    _bodyless(
        "stored-response-get",
        ModelKind.RESPONSES,
        "GET /responses/{response-id}",
        "Get a stored response",
    ),
    _bodyless(
        "stored-response-delete",
        ModelKind.RESPONSES,
        "DELETE /responses/{response-id}",
        "Delete a stored response",
    ),
    _bodyless(
        "stored-response-cancel",
        ModelKind.RESPONSES,
        "POST /responses/{response-id}/cancel",
        "Cancel a background response",
    ),
    _bodyless(
        "stored-response-input-items",
        ModelKind.RESPONSES,
        "GET /responses/{response-id}/input_items",
        "List the input items of a stored response",
    ),
)

_MODELS = (
    _bodyless("models-list", None, "GET /models", "List models"),
    _bodyless(
        "models-retrieve",
        None,
        "GET /models/{model}",
        "Retrieve a model",
        DeploymentIn.MODEL_PATH,
    ),
)

# Azure/azure-rest-api-specs, cognitiveservices/data-plane/AzureOpenAI/inference: stable/2024-10-21,
# speech and responses from 2025-03-01-preview on, image edits from 2025-04-01-preview on.
_AT = "/deployments/{deployment-id}"
AZURE_OPENAI = (
    _post(
        "chat-completions-create",
        ModelKind.CHAT,
        f"{_AT}/chat/completions",
        "Create a chat completion",
        DeploymentIn.PATH,
    ),
    _post(
        "completions-create",
        ModelKind.COMPLETION,
        f"{_AT}/completions",
        "Create a completion",
        DeploymentIn.PATH,
    ),
    _post(
        "embeddings-create",
        ModelKind.EMBEDDINGS,
        f"{_AT}/embeddings",
        "Create embeddings",
        DeploymentIn.PATH,
    ),
    _post(
        "images-generations-create",
        ModelKind.IMAGE,
        f"{_AT}/images/generations",
        "Create images",
        DeploymentIn.PATH,
    ),
    _upload(
        "images-edits-create",
        ModelKind.IMAGE,
        f"{_AT}/images/edits",
        "Edit images",
        DeploymentIn.PATH,
        "image",
        "mask",
    ),
    _upload(
        "audio-transcriptions-create",
        ModelKind.TRANSCRIPTION,
        f"{_AT}/audio/transcriptions",
        "Transcribe audio",
        DeploymentIn.PATH,
        "file",
    ),
    _upload(
        "audio-translations-create",
        ModelKind.TRANSCRIPTION,
        f"{_AT}/audio/translations",
        "Translate audio into English",
        DeploymentIn.PATH,
        "file",
    ),
    _speech(f"{_AT}/audio/speech", DeploymentIn.PATH),
    _post(
        "responses-create",
        ModelKind.RESPONSES,
        "/responses",
        "Create a response",
        DeploymentIn.BODY,
    ),
    *_STORED_RESPONSES,
    *_MODELS,
)

# Azure/azure-rest-api-specs, ai/data-plane/OpenAI.v1/azure-v1-v1-generated.json has chat,
# embeddings, responses and models; images and audio are in
# learn.microsoft.com/azure/foundry/openai/reference-preview-latest, for `api-version=preview`.
# Completions, compact and input_tokens are called by the SDKs and UNVERIFIED on this surface.
AZURE_OPENAI_V1 = (
    _post(
        "chat-completions-create",
        ModelKind.CHAT,
        "/chat/completions",
        "Create a chat completion",
        DeploymentIn.BODY,
    ),
    _post(
        "completions-create",
        ModelKind.COMPLETION,
        "/completions",
        "Create a completion",
        DeploymentIn.BODY,
    ),
    _post(
        "embeddings-create",
        ModelKind.EMBEDDINGS,
        "/embeddings",
        "Create embeddings",
        DeploymentIn.BODY,
    ),
    _post(
        "images-generations-create",
        ModelKind.IMAGE,
        "/images/generations",
        "Create images",
        DeploymentIn.BODY,
    ),
    _upload(
        "images-edits-create",
        ModelKind.IMAGE,
        "/images/edits",
        "Edit images",
        DeploymentIn.FORM,
        "image",
        "mask",
    ),
    _upload(
        "audio-transcriptions-create",
        ModelKind.TRANSCRIPTION,
        "/audio/transcriptions",
        "Transcribe audio",
        DeploymentIn.FORM,
        "file",
    ),
    _upload(
        "audio-translations-create",
        ModelKind.TRANSCRIPTION,
        "/audio/translations",
        "Translate audio into English",
        DeploymentIn.FORM,
        "file",
    ),
    _speech("/audio/speech", DeploymentIn.BODY),
    _post(
        "responses-create",
        ModelKind.RESPONSES,
        "/responses",
        "Create a response",
        DeploymentIn.BODY,
    ),
    _post(
        "responses-compact",
        ModelKind.RESPONSES,
        "/responses/compact",
        "Compact a conversation",
        DeploymentIn.BODY,
    ),
    _post(
        "responses-input-tokens",
        ModelKind.RESPONSES,
        "/responses/input_tokens",
        "Count the input tokens of a response",
        DeploymentIn.BODY,
    ),
    *_STORED_RESPONSES,
    *_MODELS,
)

# Azure/azure-rest-api-specs, ai/data-plane/ModelInference; images/generations is in
# 2025-05-15-preview only. The info operation has its query parameter ``model`` there as well.
AZURE_AI = (
    _post(
        "chat-completions-create",
        ModelKind.CHAT,
        "/chat/completions",
        "Create a chat completion",
        DeploymentIn.BODY,
    ),
    _post(
        "embeddings-create",
        ModelKind.EMBEDDINGS,
        "/embeddings",
        "Create embeddings",
        DeploymentIn.BODY,
    ),
    _post(
        "image-embeddings-create",
        ModelKind.EMBEDDINGS,
        "/images/embeddings",
        "Create embeddings of images",
        DeploymentIn.BODY,
    ),
    _post(
        "images-generations-create",
        ModelKind.IMAGE,
        "/images/generations",
        "Create images",
        DeploymentIn.BODY,
    ),
    _bodyless("info-get", None, "GET /info", "Get a model's information", DeploymentIn.QUERY),
)

# platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry; no model listing there.
ANTHROPIC = (
    _post(
        "messages-create",
        ModelKind.MESSAGES,
        "/v1/messages",
        "Create a message",
        DeploymentIn.BODY,
    ),
    _post(
        "messages-count-tokens",
        ModelKind.MESSAGES,
        "/v1/messages/count_tokens",
        "Count the tokens of a message",
        DeploymentIn.BODY,
    ),
)

# docs.cohere.com/reference/rerank and /embed. That Foundry serves both below /providers/cohere is
# what LiteLLM and RubyLLM build on (BerriAI/litellm, llms/azure_ai/rerank/transformation.py).
COHERE = (
    _post("rerank-create", ModelKind.RERANK, "/v2/rerank", "Rerank texts", DeploymentIn.BODY),
    _post(
        "embed-create", ModelKind.EMBEDDINGS, "/v2/embed", "Create embeddings", DeploymentIn.BODY
    ),
)

# The one operation of a WebSocket API, which the service makes by itself
# (learn.microsoft.com/azure/api-management/websocket-api).
REALTIME = (
    _bodyless(
        "onHandshake", ModelKind.REALTIME, "GET /", "Open a realtime session", DeploymentIn.QUERY
    ),
)
