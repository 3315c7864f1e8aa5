"""Loggers, and the diagnostics of a service and of its APIs that write to them.

Fields and lengths: azure-rest-api-specs, Microsoft.ApiManagement 2024-05-01.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.arm.apim.call import Call, tail_name
from sandbox.arm.apim.entities import Draft, Kind
from sandbox.arm.apim.shapes import mapping
from sandbox.arm.apim.validation import LONG_ID, Field, IdRule, invalid
from sandbox.arm.errors import ArmError
from sandbox.arm.store import Entry
from sandbox.contracts import Json

_INSIGHTS_KEYS = ("instrumentationKey", "connectionString")
_DIAGNOSTICS = ("applicationinsights", "azuremonitor", "local")


def _logger(draft: Draft) -> Draft:
    """Credentials go into hidden named values; what is shown is their reference.

    learn.microsoft.com/rest/api/apimanagement/logger/create-or-update, sample response. Which
    credentials a kind has is said in LoggerContract; that others are refused, and the texts, are
    UNVERIFIED.
    """
    properties = dict(draft.properties)
    kind = properties["loggerType"].lower()
    given = properties.get("credentials") or {}
    if not given and kind != "azuremonitor":
        raise invalid("credentials", "'credentials' should not be empty.")
    if kind == "applicationinsights" and not any(given.get(it) for it in _INSIGHTS_KEYS):
        raise invalid("credentials", "'instrumentationKey' or 'connectionString' is required.")
    if kind == "azureeventhub" and not given.get("name"):
        raise invalid("credentials", "'name' of the event hub should not be empty.")
    shown = {k: "{{Logger-Credentials}}" if k in _INSIGHTS_KEYS else v for k, v in given.items()}
    visible: Json = {**properties, "credentials": shown or None}
    return replace(draft, properties=visible, hidden={"credentials": given})


def _logger_unused(call: Call, entry: Entry) -> None:
    """Refused by analogy with fragments: status and text UNVERIFIED."""
    diagnostics = [*call.everything("diagnostics"), *call.everything("apis/diagnostics")]
    users = [
        call.relative(d.id)
        for d in diagnostics
        if tail_name(d.body["properties"]["loggerId"]).lower() == entry.name.lower()
    ]
    users += call.policy_users("loggers", entry.name)
    if users:
        raise ArmError(
            400,
            "ValidationError",
            f"The Logger '{entry.name}' is used by the following entities: {', '.join(users)}",
            null_details=True,
        )


def _diagnostic(draft: Draft) -> Draft:
    """The logger exists and is of the diagnostic's kind (which is UNVERIFIED, as are the texts)."""
    call, properties = draft.call, draft.properties
    logger = call.find("loggers", tail_name(properties["loggerId"]))
    if logger is None or "/loggers/" not in f"/{properties['loggerId']}".lower():
        raise invalid("loggerId", "Logger not found.")
    name, kind = call.path.name.lower(), logger.body["properties"]["loggerType"].lower()
    if name in ("applicationinsights", "azuremonitor") and kind != name:
        raise invalid("loggerId", f"The logger '{logger.name}' is not of type {name}.")
    _check_sampling(mapping(properties.get("sampling")))
    blanks = dict.fromkeys(("sampling", "frontend", "backend"))
    return replace(draft, properties={**blanks, **properties, "loggerId": logger.id})


def _check_sampling(sampling: Mapping[str, Any]) -> None:
    """``fixed``, 0 to 100 (SamplingSettings)."""
    share = sampling.get("percentage", 0)
    if sampling.get("samplingType", "fixed") != "fixed":
        raise invalid("sampling", "'samplingType' must be fixed.")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 100:
        raise invalid("sampling", "'percentage' must be between 0 and 100.")


_DIAGNOSTIC_FIELDS = (
    Field("loggerId", required=True, least=1),
    Field("alwaysLog", choices=frozenset({"allErrors"})),
    Field("sampling", dict),
    Field("frontend", dict),
    Field("backend", dict),
    # In no SDK model; Azure-Samples/AI-Gateway writes it with this version.
    Field("largeLanguageModel", dict, since="2024-06-01-preview"),
    Field("logClientIp", bool),
    Field("httpCorrelationProtocol", choices=frozenset({"None", "Legacy", "W3C"})),
    Field("verbosity", choices=frozenset({"verbose", "information", "error"})),
    Field("operationNameFormat", choices=frozenset({"Name", "Url"})),
    Field("metrics", bool),
)


def _diagnostic_kind(path: str) -> Kind:
    pattern = rf"^({'|'.join(_DIAGNOSTICS)})$"
    return Kind(path, "Diagnostic", "diagnosticId", _DIAGNOSTIC_FIELDS,
                IdRule(80, f"(?i){pattern}"), prepare=_diagnostic)  # fmt: skip


LOGGING_KINDS = (
    Kind(
        "service/loggers",
        "Logger",
        "loggerId",
        (
            Field(
                "loggerType",
                required=True,
                choices=frozenset({"azureEventHub", "applicationInsights", "azureMonitor"}),
            ),
            Field("description", most=256),
            Field("credentials", dict),
            Field("isBuffered", bool),
            Field("resourceId"),
        ),
        LONG_ID,
        {"isBuffered": True},
        prepare=_logger,
        check_delete=_logger_unused,
    ),
    _diagnostic_kind("service/diagnostics"),
    _diagnostic_kind("service/apis/diagnostics"),
)
