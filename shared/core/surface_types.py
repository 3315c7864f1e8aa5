"""What a surface and its operations are made of; the rows are in surfaces.py and operations.py."""

from dataclasses import dataclass
from enum import Enum

from shared.core.model import Deployment
from shared.core.model_kinds import ModelKind, abilities


class DeploymentIn(Enum):
    """Where a request names its deployment."""

    PATH = "path"  # template parameter deployment-id
    BODY = "body"  # member model of a JSON object
    FORM = "form"  # part model of a multipart form
    QUERY = "query"  # query parameter, see Surface.query
    MODEL_PATH = "model path"  # template parameter model: the gateway answers by itself
    NOWHERE = "nowhere"  # model listing, stored responses


class ErrorShape(Enum):
    """What the clients of a surface read out of an error's body."""

    AZURE = "azure"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    COHERE = "cohere"


class Protocol(Enum):
    HTTP = "http"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that clients make; *id* is stable, for a re-import deletes what it can't match.

    Attributes:
        kind: The model kind that needs it; None when every API of the surface has it.
        request: Media type of the body; None when there is none.
        answer: Media type of a good answer.
        files: The parts of a multipart form that are files.
    """

    id: str
    kind: ModelKind | None
    method: str
    template: str
    summary: str
    deployment_in: DeploymentIn
    request: str | None = "application/json"
    answer: str = "application/json"
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surface:
    """One shape of API.

    Attributes:
        family: The client compatibility that it is a part of: what people choose.
        endpoint_names: Of the account's endpoints map, first one found.
        audience: Whom the backend's token is for, where it is not Cognitive Services.
        formats: Kind to the model formats it serves, lower-cased; None: every format.
        key_header: Where its clients send their key, besides ``Authorization: Bearer``.
        query: The query parameter that names the deployment, where one does.
        is_fallback: In ``auto``, only for what no other surface serves.
    """

    name: str
    family: str
    title: str
    path_suffix: str
    endpoint_names: tuple[str, ...]
    formats: tuple[tuple[ModelKind, frozenset[str] | None], ...]
    operations: tuple[Operation, ...]
    errors: ErrorShape
    audience: str | None = None
    key_header: str = "api-key"
    query: str | None = None
    protocol: Protocol = Protocol.HTTP
    is_fallback: bool = False

    def serves(self, deployment: Deployment) -> bool:
        """Whether it serves one of the things that the deployment can do."""
        return bool(self.kinds_of(deployment))

    def kinds_of(self, deployment: Deployment) -> frozenset[ModelKind]:
        """What of the things that the deployment can do it serves."""
        wanted = dict(self.formats)
        format_ = deployment.model.format.lower()
        return frozenset(
            kind
            for kind in abilities(deployment.model, deployment.capabilities)
            if kind in wanted and (wanted[kind] is None or format_ in (wanted[kind] or ()))
        )

    def needed(self, kinds: frozenset[ModelKind]) -> tuple[Operation, ...]:
        """The operations that deployments of *kinds* need."""
        return tuple(it for it in self.operations if it.kind is None or it.kind in kinds)
