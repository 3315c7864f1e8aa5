"""What a call that was let in asks for, and what it is answered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP

from sandbox.contracts import Json
from sandbox.models.errors import Refusal, invalid
from sandbox.models.estate import Account, Deployment
from sandbox.models.routes import Route, Versions, Where


@dataclass(frozen=True, slots=True)
class Upload:
    field: str
    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A body as read: the members of a JSON object or the fields of a form, and its files."""

    body: Json = field(default_factory=dict)
    files: Sequence[Upload] = ()
    is_readable: bool = True
    is_form: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """``number`` tells equal calls apart, the same in every run; ``now`` is in whole seconds."""

    account: Account
    route: Route
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: Content
    now: int
    number: int
    asked: Deployment | None = None

    @property
    def body(self) -> Json:
        return self.content.body

    @property
    def deployment(self) -> Deployment:
        if self.asked is None:
            raise ValueError(f"{self.route.template} names no deployment")
        return self.asked

    @property
    def is_streamed(self) -> bool:
        return self.body.get("stream") is True

    @property
    def who(self) -> str:
        return f"{self.account.name}/{self.deployment.name}"

    @property
    def model(self) -> str:
        """What Azure OpenAI calls the model in an answer: not the deployment's name."""
        return f"{self.deployment.model}-{self.deployment.version}"

    def says(self, heard: str) -> str:
        return f"{self.who} heard: {heard}"

    def id(self, prefix: str) -> str:
        return f"{prefix}{self.account.name}-{self.number:06d}"


@dataclass(frozen=True, slots=True)
class Answer:
    """``events``, if any, are sent one by one instead of the body."""

    body: Json | str | bytes = ""
    content_type: str = "application/json"
    events: Sequence[str] = ()


def read(raw: bytes, content_type: str) -> Content:
    if not raw:
        return Content()
    if content_type.lower().startswith("multipart/form-data"):
        return _form(raw, content_type)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return Content(is_readable=False)
    return Content(body) if isinstance(body, dict) else Content(is_readable=False)


def _form(raw: bytes, content_type: str) -> Content:
    fields: Json = {}
    files = []
    message = BytesParser(policy=HTTP).parsebytes(
        f"Content-Type: {content_type}\r\n\r\n".encode() + raw
    )
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        if part.get_filename() is None:
            fields[name] = content.decode("utf-8", "replace")
        else:
            files.append(Upload(name, str(part.get_filename()), content))
    return Content(fields, tuple(files), is_form=True)


def deployment_name(
    route: Route, params: Mapping[str, str], query: Mapping[str, str], body: Json
) -> str:
    """The name that a call gives, or ""."""
    match route.where:
        case Where.PATH:
            return params["deployment"]
        case Where.BODY | Where.FORM:
            return str(body.get("model") or "")
        case Where.QUERY:
            dated = route.family.versions is Versions.DATED
            return query.get("deployment" if dated else "model", "")
        case Where.NOWHERE:
            return ""


def nameless(route: Route) -> Refusal:
    """What a call gets that should name a deployment and does not; the words are UNVERIFIED."""
    if route.family.versions is Versions.INFERENCE:
        return Refusal(
            400,
            "no_model_name",
            "No model specified in request. Please provide a model name in the request body or as "
            "a x-ms-model-mesh-model-name header.",
        )
    return invalid("you must provide a model parameter", "model")
