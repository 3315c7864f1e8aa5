"""Whether a call says which version of an API it means, where it must."""

import re

from sandbox.models.errors import Refusal, not_found
from sandbox.models.options import ModelOptions
from sandbox.models.routes import Route, Versions

_DATED = re.compile(r"20\d\d-\d\d-\d\d(-preview)?")


def check(route: Route, version: str, options: ModelOptions) -> None:
    match route.family.versions:
        case Versions.DATED:
            _check_dated(route, version)
        case Versions.INFERENCE if options.inference_needs_version and not version:
            raise _missing()
        case Versions.V1 if version.lower() not in ("", "v1", "preview", "latest"):
            # As users quote it; learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
            # says that v1 needs none. UNVERIFIED.
            raise Refusal(400, "BadRequest", "API version not supported")


def _check_dated(route: Route, version: str) -> None:
    if not version:
        raise _missing()
    if not _DATED.fullmatch(version):
        # As users quote it: a wrong version is a wrong path. UNVERIFIED.
        raise not_found()
    if version[:10] >= route.since[:10]:
        return
    if "/responses" in route.template:
        # As users quote it.
        raise Refusal(
            400,
            "BadRequest",
            "Azure OpenAI Responses API is enabled only for api-version 2025-03-01-preview and "
            "later",
        )
    raise not_found()


def _missing() -> Refusal:
    """The words are those of the project endpoints of Foundry; UNVERIFIED here."""
    return Refusal(400, "BadRequest", "Missing required query parameter: api-version")
