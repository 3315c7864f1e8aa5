"""The shapes in which clients call models: one row per surface.

Base paths and hosts are those of the portal wizard "Import an Azure AI Foundry API"
(learn.microsoft.com/azure/api-management/azure-ai-foundry-api), of
learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle for v1, of
learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets for realtime and of
platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry for Claude.

Which model is served where goes by its format as well as its kind, for some have an API of their
own that no surface here has: MAI images (/mai/v1/images), FLUX.2 (/providers/blackforestlabs/v1),
Mistral OCR (/providers/mistral). They are parked, as is video.
"""

from urllib.parse import urlsplit

from shared.core import operations
from shared.core.model import Account
from shared.core.model_kinds import ModelKind
from shared.core.surface_types import DeploymentIn, ErrorShape, Operation, Protocol, Surface

__all__ = [
    "FAMILIES",
    "SURFACES",
    "DeploymentIn",
    "ErrorShape",
    "Operation",
    "Protocol",
    "Surface",
    "backend_url",
]

_OPENAI = frozenset({"openai"})
_COHERE = frozenset({"cohere"})
_AZURE_OPENAI_HOST = "OpenAI Language Model Instance API"
_FOUNDRY_HOST = "AI Foundry API"
# Reported by users of Claude and Cohere on Foundry, who get a 401 with a token for Cognitive
# Services (UNVERIFIED); learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle names it.
_FOUNDRY_AUDIENCE = "https://ai.azure.com"
_AUDIO = ((ModelKind.TRANSCRIPTION, _OPENAI), (ModelKind.SPEECH, _OPENAI))

_ROWS = (
    Surface(
        name="azure-openai",
        family="azure-openai",
        title="Azure OpenAI",
        path_suffix="openai",
        endpoint_names=(_AZURE_OPENAI_HOST,),
        formats=(
            (ModelKind.CHAT, _OPENAI),
            (ModelKind.COMPLETION, _OPENAI),
            (ModelKind.EMBEDDINGS, _OPENAI),
            (ModelKind.RESPONSES, _OPENAI),
            (ModelKind.IMAGE, _OPENAI),
            *_AUDIO,
        ),
        errors=ErrorShape.AZURE,
        operations=operations.AZURE_OPENAI,
    ),
    Surface(
        name="azure-openai-v1",
        family="azure-openai-v1",
        title="Azure OpenAI v1",
        path_suffix="openai/v1",
        # services.ai.azure.com serves partner models too; accounts of kind OpenAI don't have it.
        endpoint_names=(_FOUNDRY_HOST, _AZURE_OPENAI_HOST),
        formats=(
            (ModelKind.CHAT, None),
            (ModelKind.COMPLETION, _OPENAI),
            (ModelKind.EMBEDDINGS, _OPENAI),
            (ModelKind.RESPONSES, None),
            (ModelKind.IMAGE, _OPENAI),
            *_AUDIO,
        ),
        errors=ErrorShape.OPENAI,
        operations=operations.AZURE_OPENAI_V1,
    ),
    Surface(
        name="azure-ai",
        family="azure-ai",
        title="Azure AI",
        path_suffix="models",
        endpoint_names=("Azure AI Model Inference API", _FOUNDRY_HOST),
        # Images of other formats are UNVERIFIED here and known to be elsewhere, see above.
        formats=(
            (ModelKind.CHAT, None),
            (ModelKind.EMBEDDINGS, None),
            (ModelKind.IMAGE, _OPENAI),
        ),
        errors=ErrorShape.AZURE,
        query="model",
        operations=operations.AZURE_AI,
        is_fallback=True,
    ),
    Surface(
        name="anthropic",
        family="anthropic",
        title="Anthropic",
        path_suffix="anthropic",
        endpoint_names=(_FOUNDRY_HOST,),
        formats=((ModelKind.MESSAGES, frozenset({"anthropic"})),),
        errors=ErrorShape.ANTHROPIC,
        operations=operations.ANTHROPIC,
        audience=_FOUNDRY_AUDIENCE,
        key_header="x-api-key",
    ),
    Surface(
        name="cohere",
        family="cohere",
        title="Cohere",
        path_suffix="providers/cohere",
        endpoint_names=(_FOUNDRY_HOST,),
        formats=((ModelKind.RERANK, _COHERE), (ModelKind.EMBEDDINGS, _COHERE)),
        errors=ErrorShape.COHERE,
        operations=operations.COHERE,
        audience=_FOUNDRY_AUDIENCE,
        # So that it stands beside azure-ai and not instead of it: that embeddings before v4 are
        # served here too is UNVERIFIED.
        is_fallback=True,
    ),
    Surface(
        name="realtime",
        family="azure-openai",
        title="Azure OpenAI realtime",
        path_suffix="openai/realtime",
        endpoint_names=(_AZURE_OPENAI_HOST,),
        formats=((ModelKind.REALTIME, _OPENAI),),
        errors=ErrorShape.AZURE,
        operations=operations.REALTIME,
        query="deployment",
        protocol=Protocol.WEBSOCKET,
    ),
    Surface(
        name="realtime-v1",
        family="azure-openai-v1",
        title="Azure OpenAI v1 realtime",
        path_suffix="openai/v1/realtime",
        endpoint_names=(_FOUNDRY_HOST, _AZURE_OPENAI_HOST),
        formats=((ModelKind.REALTIME, _OPENAI),),
        errors=ErrorShape.OPENAI,
        operations=operations.REALTIME,
        query="model",
        protocol=Protocol.WEBSOCKET,
    ),
)

SURFACES = {surface.name: surface for surface in _ROWS}
FAMILIES = ("azure-openai", "azure-openai-v1", "azure-ai", "anthropic", "cohere")

# The gateway sends its identity's token to this host, so it must be Microsoft's: public cloud,
# US Government and China
# (learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains).
_HOST_SUFFIXES = (
    ".openai.azure.com",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
    ".openai.azure.us",
    ".cognitiveservices.azure.us",
    ".services.ai.azure.us",
    ".openai.azure.cn",
    ".cognitiveservices.azure.cn",
)
# Where an account without a subdomain of its own is called, with its key alone
# (learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains).
_REGIONAL = (
    ".api.cognitive.microsoft.com",
    ".api.cognitive.microsoft.us",
    ".api.cognitive.azure.cn",
)


def backend_url(account: Account, surface: Surface, *, by_key: bool = False) -> str | None:
    """The account's base URL for *surface*, without a trailing slash; a regional one *by_key*.

    None where the account has no such endpoint, or one that is not a Microsoft host over https:
    it is read from ARM and never built from the account's name, yet checked all the same.
    """
    for name in surface.endpoint_names:
        url = urlsplit(account.endpoints.get(name, ""))
        host = url.hostname or ""
        plain = url.scheme == "https" and url.netloc.lower() == host and url.path in ("", "/")
        if plain and host.endswith(_HOST_SUFFIXES + (_REGIONAL if by_key else ())):
            return f"https://{host}/{surface.path_suffix}"
    return None
