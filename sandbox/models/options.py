"""How strict the model endpoints are where sources disagree, and how slow roles are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_COGNITIVE = "https://cognitiveservices.azure.com"
_COGNITIVE_ELSEWHERE = ("https://cognitiveservices.azure.us", "https://cognitiveservices.azure.cn")
_FOUNDRY = "https://ai.azure.com"
# Without a trailing slash, which a token may have or not.
# azure-openai: learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity.
# azure-openai-v1: its page names ai.azure.com (learn.microsoft.com/azure/ai-foundry/openai/
#   api-version-lifecycle), its specification cognitiveservices (azure-v1-v1-generated.json).
# azure-ai: a token for https://ml.azure.com, the SDK's own default, is refused
#   (github.com/Azure/azure-sdk-for-python/issues/40260); that one for ai.azure.com is refused too
#   is UNVERIFIED.
# anthropic: anthropic-sdk-python src/anthropic/lib/foundry.md. cohere: reported by users. That both
#   refuse cognitiveservices is UNVERIFIED (github.com/microsoft/PyRIT/pull/1453 says it is taken).
AUDIENCES: Mapping[str, tuple[str, ...]] = {
    "azure-openai": (_COGNITIVE, *_COGNITIVE_ELSEWHERE),
    "azure-openai-v1": (_COGNITIVE, _FOUNDRY, *_COGNITIVE_ELSEWHERE),
    "azure-ai": (_COGNITIVE, *_COGNITIVE_ELSEWHERE),
    "anthropic": (_FOUNDRY,),
    "cohere": (_FOUNDRY,),
}


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Settings of the model endpoints.

    Attributes:
        audiences: Which tokens each surface takes, by the surface's name.
        role_delay_s: How old a role assignment must be to count.
        inference_needs_version: ``/models`` refuses calls without api-version, as its specification
            says; LiteLLM sends none, so the service may be laxer.
        limits_tokens: Deployments refuse what overruns their tokens per minute.
        limits_requests: The same for requests; off, because a local test makes a minute's requests
            in a second.
    """

    audiences: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(AUDIENCES))
    role_delay_s: float = 0.0
    inference_needs_version: bool = True
    limits_tokens: bool = True
    limits_requests: bool = False
