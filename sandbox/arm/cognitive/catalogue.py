"""The models that can be deployed, with the capabilities a deployment of them shows.

``models.json`` is condensed from the public answer of ``az cognitiveservices model list`` of
2025-04-10 (github.com/ayuina/ainaba-csa-blog, check-azure-aimodel-details), plus later models whose
capabilities were seen in public deployments. Capability values are strings and no stable contract.

UNVERIFIED are the capabilities of Anthropic, Black Forest Labs and Moonshot models, of sora,
gpt-image, gpt-4o-mini-tts, gpt-5-pro, model-router, embed-v-4-0 and cohere-command-a, of Mistral's
document models, and of what is newer than the catalogue and takes after an elder (grok-4,
gpt-realtime): where nothing was seen they are empty. Explicit "false", one flag for whisper and tts
alike, none for Cohere's embeddings and chatCompletion for its rerankers are as seen.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sandbox.contracts import Json


@dataclass(frozen=True, slots=True)
class Model:
    format: str
    name: str
    version: str
    capabilities: Mapping[str, str] = field(default_factory=dict)


def is_for(kind: str, format_: str) -> bool:
    """Accounts of kind OpenAI have OpenAI's own models; partner models need a Foundry account.

    learn.microsoft.com/azure/ai-foundry/foundry-models; OpenAI's open weights count as a partner's.
    """
    return kind.lower() != "openai" or format_.lower() == "openai"


@cache
def well_known() -> tuple[Model, ...]:
    raw = json.loads((Path(__file__).parent / "models.json").read_text(encoding="utf-8"))
    return tuple(Model(**item) for item in raw)


@dataclass(frozen=True, slots=True)
class Catalogue:
    models: tuple[Model, ...] = field(default_factory=well_known)
    accept_unknown: bool = False  # any model may be deployed, without capabilities

    def with_models(self, extra: Iterable[Model]) -> "Catalogue":
        return Catalogue((*extra, *self.models), self.accept_unknown)

    def of_kind(self, kind: str) -> tuple[Model, ...]:
        """What an account of a kind can deploy."""
        return tuple(it for it in self.models if is_for(kind, it.format))

    def find(self, format_: str, name: str, version: str | None) -> Model | None:
        """The model asked for; without a version the newest is the default one.

        Format and name are compared without case (UNVERIFIED: ARM samples differ in spelling).
        """
        found = [
            model
            for model in self.models
            if (model.format.lower(), model.name.lower()) == (format_.lower(), name.lower())
            and version in (None, "", model.version)
        ]
        if found:
            return max(found, key=lambda model: model.version)
        return Model(format_, name, version or "1") if self.accept_unknown else None


def render(model: Model, *, kind: str | None = None) -> Json:
    """One item of a models list (learn.microsoft.com/rest/api/aiservices accountmanagement)."""
    body: Json = {
        "format": model.format,
        "name": model.name,
        "version": model.version,
        "isDefaultVersion": True,
        "skus": [
            {
                "name": name,
                "usageName": f"{model.format}.{name}.{model.name}",
                "capacity": {"minimum": 1, "maximum": 1000, "step": 1, "default": 10},
            }
            for name in ("Standard", "GlobalStandard")
        ],
        "maxCapacity": 10000,
        "capabilities": dict(model.capabilities),
        "lifecycleStatus": "GenerallyAvailable",
        "systemData": {},
    }
    return body if kind is None else {"kind": kind, "skuName": "S0", "model": body}
