"""Lists of models: the base models that an account could deploy, and not its deployments.

learn.microsoft.com/rest/api/azureopenai/models/list
"""

from dataclasses import dataclass, field

from sandbox.arm.cognitive.catalogue import Catalogue, Model
from sandbox.contracts import Json
from sandbox.models.call import Answer, Call
from sandbox.models.errors import Refusal

_CAPABILITIES = {
    "chat_completion": "chatCompletion",
    "completion": "completion",
    "embeddings": "embeddings",
    "fine_tune": "fineTune",
    "inference": "inference",
}


@dataclass(frozen=True, slots=True)
class Models:
    catalogue: Catalogue = field(default_factory=Catalogue)

    def list(self, call: Call) -> Answer:
        found = [_render(it) for it in self.catalogue.of_kind(call.account.kind)]
        return Answer({"object": "list", "data": found})

    def get(self, call: Call) -> Answer:
        wanted = call.params["model"].lower()
        for model in self.catalogue.of_kind(call.account.kind):
            if wanted == _id(model):
                return Answer(_render(model))
        # The words are UNVERIFIED.
        raise Refusal(404, "ModelNotFound", f"The specified model '{wanted}' is not found.")


def info(call: Call) -> Answer:
    """learn.microsoft.com/rest/api/aifoundry/model-inference/get-model-info."""
    kind = "embeddings" if "embed" in call.deployment.model.lower() else "chat-completion"
    return Answer(
        {
            "model_name": call.deployment.model,
            "model_type": kind,
            "model_provider_name": call.deployment.format,
        }
    )


def _id(model: Model) -> str:
    return f"{model.name}-{model.version}".lower()


def _render(model: Model) -> Json:
    return {
        "id": _id(model),
        "object": "model",
        "created_at": 0,
        "created": 0,
        "owned_by": model.format,
        "status": "succeeded",
        "lifecycle_status": "generally-available",
        "capabilities": {
            name: model.capabilities.get(flag) == "true" for name, flag in _CAPABILITIES.items()
        },
    }
