"""Backends: single ones and pools of single ones.

Rules: learn.microsoft.com/azure/api-management/backends, and where marked the issues in which the
service said so.
"""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.arm.apim.call import Call, tail_name
from sandbox.arm.apim.entities import Draft, Kind
from sandbox.arm.apim.shapes import mapping, objects
from sandbox.arm.apim.validation import Field, invalid, validation_error
from sandbox.arm.errors import ArmError, Detail
from sandbox.arm.provider import Reply
from sandbox.arm.store import Entry
from sandbox.contracts import Json

_MAX_MEMBERS = 30
# ``fabric:/app/service``: example ApiManagementCreateBackendServiceFabric in azure-rest-api-specs
_URL = re.compile(r"^(https?|wss?)://[^\s/]+|^fabric:/", re.IGNORECASE)


def _prepare(draft: Draft) -> Draft:
    properties = draft.properties
    problems = list(_pool_problems(draft) if _is_pool(properties) else _single_problems(properties))
    problems += _breaker_problems(draft.call.tier, properties)
    problems += _identity_problems(properties)
    if problems:
        raise validation_error(*(Detail("ValidationError", text, at) for at, text in problems))
    kind = "Pool" if _is_pool(properties) else "Single"
    return Draft(draft.call, draft.existing, {**properties, "type": kind})


def _is_pool(properties: Json) -> bool:
    return str(properties.get("type", "")).lower() == "pool" or "pool" in properties


def _single_problems(properties: Json) -> Iterator[tuple[str, str]]:
    """Both are needed (Azure/azure-powershell#26837)."""
    for name in ("url", "protocol"):
        if not properties.get(name):
            yield name, f"'{name}' should not be empty."
    url = str(properties.get("url", ""))
    if url and not _URL.match(url):
        yield "url", "Invalid value of the backend url."  # text UNVERIFIED
    # "Don't end it in a slash" is advice of the backends page; the service takes it (UNVERIFIED).


def _pool_problems(draft: Draft) -> Iterator[tuple[str, str]]:
    """Azure/bicep#14097 (url, protocol), Azure/apiops#797 (members); other texts UNVERIFIED."""
    for name in ("url", "protocol"):
        if draft.properties.get(name) is not None:
            yield name, f"{name.capitalize()} is not supported for backend pool."
    services = objects(mapping(draft.properties.get("pool")).get("services"))
    if not 1 <= len(services) <= _MAX_MEMBERS:
        yield "pool", f"Backend pool must have between 1 and {_MAX_MEMBERS} services."
        return
    for service in services:
        yield from _member_problems(draft.call, service)


def _member_problems(call: Call, service: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(service, dict) or not isinstance(service.get("id"), str):
        yield "pool", "Backend pool service must have an id."
        return
    name = tail_name(service["id"])
    member = call.find("backends", name)
    if member is None or "/backends/" not in service["id"].lower():
        yield "pool", f"Backend Entity '{name}' not found."
    elif _is_pool(member.body["properties"]):
        yield "pool", f"Backend '{name}' is a pool: a pool holds single backends only."
    for bound in ("priority", "weight"):
        value = service.get(bound)
        if value is not None and not (isinstance(value, int) and 0 <= value <= 100):
            yield "pool", f"'{bound}' must be between 0 and 100."


def _breaker_problems(tier: str, properties: Json) -> Iterator[tuple[str, str]]:
    """One rule per backend, and none on Consumption; the texts are UNVERIFIED."""
    if not properties.get("circuitBreaker"):
        return
    rules = [mapping(rule) for rule in objects(properties["circuitBreaker"].get("rules"))]
    if tier == "Consumption":
        yield "circuitBreaker", "Circuit breaker is not supported in the Consumption tier."
    if len(rules) > 1:
        yield "circuitBreaker", "Only one circuit breaker rule can be configured for a backend."
    for rule in rules:
        condition = mapping(rule.get("failureCondition"))
        if not rule.get("name"):
            yield "circuitBreaker", "'name' should not be empty."
        if condition.get("count") is not None and condition.get("percentage") is not None:
            yield "circuitBreaker", "Only one of 'count' and 'percentage' can be specified."
        for span in objects(condition.get("statusCodeRanges")):
            low, high = (mapping(span).get(bound) for bound in ("min", "max"))
            if not (isinstance(low, int) and isinstance(high, int) and 200 <= low <= high <= 599):
                yield "circuitBreaker", "Status code range must lie between 200 and 599."


def _identity_problems(properties: Json) -> Iterator[tuple[str, str]]:
    """``credentials.managedIdentity`` works and is echoed although no specification has it.

    Azure/azure-rest-api-specs#32665; that a resource is needed is UNVERIFIED.
    """
    identity = mapping(properties.get("credentials")).get("managedIdentity")
    if identity is not None and not mapping(identity).get("resource"):
        yield "credentials", "'resource' of a managed identity should not be empty."


def pools_of(call: Call, name: str) -> list[str]:
    """Pools that a backend is a member of, as ids relative to the service."""
    pools = [b for b in call.members("backends") if _is_pool(b.body["properties"])]
    return [
        call.relative(pool.id)
        for pool in pools
        for service in pool.body["properties"]["pool"]["services"]
        if tail_name(service["id"]).lower() == name.lower()
    ]


def _check_unused(call: Call, entry: Entry) -> None:
    """Refused by analogy with fragments (Azure/apiops-cli#261): status and text UNVERIFIED."""
    users = [*pools_of(call, entry.name), *call.policy_users("backends", entry.name)]
    if users:
        raise ArmError(
            400,
            "ValidationError",
            f"The Backend '{entry.name}' is used by the following entities: {', '.join(users)}",
            null_details=True,
        )


BACKENDS = Kind(
    path="service/backends",
    label="Backend",
    id_name="backendId",
    fields=(
        Field("title", least=1, most=300),
        Field("description", least=1, most=2000),
        Field("resourceId", least=1, most=2000),
        Field("url", most=2000),
        # "http" also for https URLs: Azure/bicep#14093
        Field("protocol", choices=frozenset({"http", "soap"})),
        Field("type", choices=frozenset({"Single", "Pool"})),
        Field("credentials", dict),
        Field("properties", dict),
        Field("proxy", dict),
        Field("tls", dict),
        Field("circuitBreaker", dict),
        Field("pool", dict),
        Field("azureRegion", since="2025-03-01-preview"),
    ),
    prepare=_prepare,
    check_delete=_check_unused,
)


def reconnect(call: Call) -> Reply:
    if call.entry is None:
        raise invalid("backendId", "Backend not found.")
    return Reply(202)
