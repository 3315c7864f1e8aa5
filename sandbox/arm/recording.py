"""``--record FILE``: every exchange as one JSON line, without its secrets.

``{"request": {"method", "url", "headers", "body"}, "response": {"status", "headers", "body"}}``
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

REDACTED = "REDACTED"
_SECRET_HEADERS = {
    "authorization",
    "x-ms-authorization-auxiliary",
    "cookie",
    "ocp-apim-subscription-key",
    "api-key",
}
_SECRET_MEMBERS = {
    "key1",
    "key2",
    "primarykey",
    "secondarykey",
    "password",
    "clientsecret",
    "accesstoken",
    "access_token",
    "instrumentationkey",
    "connectionstring",
    "encodedcertificate",
    "encodedserviceprincipalkey",
}


class Recorder:
    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, request: Mapping[str, Any], response: Mapping[str, Any]) -> None:
        line = {"request": _redact_message(request), "response": _redact_message(response)}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def redact(value: Any) -> Any:
    """The value with every member that holds a secret replaced."""
    if isinstance(value, list):
        return [redact(item) for item in value]
    if not isinstance(value, dict):
        return value
    # A named value (API Management) is secret when it says so, credentials of a backend always are
    # (learn.microsoft.com/rest/api/apimanagement/named-value, .../backend).
    secret_value = value.get("secret") is True
    return {
        name: REDACTED
        if name.lower() in _SECRET_MEMBERS or (secret_value and name == "value")
        else _redact_credentials(member)
        if name == "credentials"
        else redact(member)
        for name, member in value.items()
    }


def _redact_credentials(value: Any) -> Any:
    if not isinstance(value, dict):
        return REDACTED
    secret = {"header", "query", "authorization", "certificate"}
    return {name: REDACTED if name in secret else redact(member) for name, member in value.items()}


def _redact_message(message: Mapping[str, Any]) -> dict[str, Any]:
    headers = {
        name: REDACTED if name.lower() in _SECRET_HEADERS else value
        for name, value in message["headers"].items()
    }
    return {**message, "headers": headers, "body": redact(message["body"])}
