"""App settings: the environment, filled up from local.settings.json as Core Tools does."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.functions_host.errors import StartupError

_PERCENT = re.compile(r"%([^%]*)%")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file, or an empty one where there is no file."""
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as exc:
        raise StartupError(f"{path.name} is not valid JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise StartupError(f"{path.name} must hold one JSON object")
    return value


def local_settings(app_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The ``Values`` of local.settings.json that the environment does not already define.

    Core Tools skips values that the environment defines
    (learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file).
    """
    document = read_json(app_dir / "local.settings.json")
    if document.get("IsEncrypted"):
        raise StartupError("local.settings.json is encrypted; run `func settings decrypt`")
    values = document.get("Values") or {}
    nested = [name for name, value in values.items() if isinstance(value, dict | list)]
    if nested:
        raise StartupError(
            f"local.settings.json: Values.{nested[0]} is not a string: settings are flat"
        )
    return {
        name: _text(value)
        for name, value in values.items()
        if value is not None and name not in environ
    }


def resolve_settings(text: str, settings: Mapping[str, str]) -> str:
    """Replace each ``%NAME%`` by the app setting NAME, as the host's name resolver does.

    Both messages are those of NameResolverExtensions.cs in Azure/azure-webjobs-sdk.
    """

    def value(match: re.Match[str]) -> str:
        found = lookup(match[1], settings)
        if found is None:
            raise StartupError(f"'{match[0]}' does not resolve to a value: add the app setting")
        return found

    if text.count("%") % 2:
        raise StartupError(f"The '%' at position {text.rindex('%')} in {text!r} is not closed")
    return _PERCENT.sub(value, text)


def lookup(name: str, settings: Mapping[str, str]) -> str | None:
    """A setting by its configuration path: case is ignored, ``:`` and ``__`` mean the same.

    learn.microsoft.com/aspnet/core/fundamentals/configuration#non-prefixed-environment-variables
    """
    wanted = _path(name)
    if name in settings:
        return settings[name]
    return next((value for key, value in settings.items() if _path(key) == wanted), None)


def _path(name: str) -> str:
    return name.replace(":", "__").casefold()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
