"""The shapes in which clients call models: one row per surface.

Base paths and hosts are those of the portal wizard "Import an Azure AI Foundry API"
(learn.microsoft.com/azure/api-management/azure-ai-foundry-api) and of
learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle for v1.
"""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from shared.core.model import Account, Deployment
from shared.core.model_kinds import ModelKind, model_kind


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that clients make; *id* is stable, for a re-import deletes what it can't match."""

    id: str
    kind: ModelKind
    method: str
    template: str
    summary: str


class DeploymentIn(Enum):
    """Where a request names its deployment."""

    PATH = "path"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Surface:
    name: str
    title: str
    path_suffix: str
    endpoint_names: tuple[str, ...]  # of the account's endpoints map, first one found
    formats: tuple[tuple[ModelKind, frozenset[str] | None], ...]  # None: every model format
    deployment_in: DeploymentIn
    operations: tuple[Operation, ...]

    def serves(self, deployment: Deployment) -> bool:
        kind = model_kind(deployment.model, deployment.capabilities)
        wanted = dict(self.formats)
        if kind not in wanted:
            return False
        formats = wanted[kind]
        return formats is None or deployment.model.format.lower() in formats


_OPENAI = frozenset({"openai"})

AZURE_OPENAI = Surface(
    name="azure-openai",
    title="Azure OpenAI",
    path_suffix="openai",
    endpoint_names=("OpenAI Language Model Instance API",),
    formats=((ModelKind.CHAT, _OPENAI), (ModelKind.EMBEDDINGS, _OPENAI)),
    deployment_in=DeploymentIn.PATH,
    operations=(
        Operation(
            "chat-completions-create",
            ModelKind.CHAT,
            "POST",
            "/deployments/{deployment-id}/chat/completions",
            "Create a chat completion",
        ),
        Operation(
            "embeddings-create",
            ModelKind.EMBEDDINGS,
            "POST",
            "/deployments/{deployment-id}/embeddings",
            "Create embeddings",
        ),
    ),
)

AZURE_OPENAI_V1 = Surface(
    name="azure-openai-v1",
    title="Azure OpenAI v1",
    path_suffix="openai/v1",
    # services.ai.azure.com serves partner models too; accounts of kind OpenAI don't have it.
    endpoint_names=("AI Foundry API", "OpenAI Language Model Instance API"),
    formats=((ModelKind.CHAT, None), (ModelKind.EMBEDDINGS, _OPENAI)),
    deployment_in=DeploymentIn.BODY,
    operations=(
        Operation(
            "chat-completions-create",
            ModelKind.CHAT,
            "POST",
            "/chat/completions",
            "Create a chat completion",
        ),
        Operation(
            "embeddings-create", ModelKind.EMBEDDINGS, "POST", "/embeddings", "Create embeddings"
        ),
    ),
)

SURFACES = {surface.name: surface for surface in (AZURE_OPENAI, AZURE_OPENAI_V1)}

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


def backend_url(account: Account, surface: Surface) -> str | None:
    """The account's base URL for *surface*, without a trailing slash.

    None where the account has no such endpoint, or one that is not a Microsoft host over https:
    it is read from ARM and never built from the account's name, yet checked all the same.
    """
    for name in surface.endpoint_names:
        url = urlsplit(account.endpoints.get(name, ""))
        host = url.hostname or ""
        plain = url.scheme == "https" and url.netloc.lower() == host and url.path in ("", "/")
        if plain and host.endswith(_HOST_SUFFIXES):
            return f"https://{host}/{surface.path_suffix}"
    return None
