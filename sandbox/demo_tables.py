"""What stands, as tables: read from ARM and from the app, never from what was asked for."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from rich.table import Table

from sandbox.client import GATEWAY_VERSION, ArmClient
from sandbox.contracts import Json

_ROLES_VERSION = "2022-04-01"
_WIDE = 110  # columns, for all of a table's own
_NAME = re.compile(r'@\(\(string\)context\.Variables\["deployment"\] == "([^"]+)"\)')
_START = re.compile(r"^/(deployments/\{[^}]+\}/|v\d/)?")


@dataclass(frozen=True, slots=True)
class Standing:
    """One API of the gateway; *deployments* with their tokens per minute, as its policy says.

    Attributes:
        calls: What its operations are for, without ids of stored things, and how many each.
        backend: Where requests go.
        identity: Whom the gateway's token is for.
        gone: Those that answer 410.
    """

    name: str
    path: str
    operations: Sequence[str]
    calls: Mapping[str, int]
    backend: str
    identity: str
    deployments: Mapping[str, int]
    gone: Sequence[str]
    products: Sequence[str]


async def standing(arm: ArmClient, gateway: str) -> list[Standing]:
    apis = await arm.list(f"{gateway}/apis", version=GATEWAY_VERSION)
    found = await asyncio.gather(*(_read(arm, gateway, api) for api in apis))
    return sorted(found, key=lambda api: api.path)


async def roles_of(arm: ArmClient, account: str, principal: str) -> list[str]:
    """The names of the roles that *principal* has on the account itself."""
    path = f"{account}/providers/Microsoft.Authorization/roleAssignments"
    given = [it["properties"] for it in await arm.list(path, version=_ROLES_VERSION)]
    ids = [it["roleDefinitionId"] for it in given if it["principalId"] == principal]
    definitions = [await arm.get(id_, version=_ROLES_VERSION) for id_ in ids]
    return sorted(it["properties"]["roleName"] for it in definitions if it)


async def _read(arm: ArmClient, gateway: str, api: Json) -> Standing:
    root, properties = f"{gateway}/apis/{api['name']}", api["properties"]
    is_socket = properties.get("type") == "websocket"
    operations = await arm.list(f"{root}/operations", version=GATEWAY_VERSION)
    holder = f"{root}/operations/onHandshake" if is_socket else root
    policy = await arm.get(f"{holder}/policies/policy", version=GATEWAY_VERSION)
    document = ET.fromstring(policy["properties"]["value"] if policy else "<policies />")  # noqa: S314
    url, identity = await _target(arm, gateway, document)
    products = await arm.list(f"{root}/products", version=GATEWAY_VERSION)
    return Standing(
        name=api["name"],
        path=properties["path"],
        operations=sorted(it["properties"]["displayName"] for it in operations),
        calls=_calls(operations),
        backend=properties["serviceUrl"] if is_socket else url,
        identity=identity,
        deployments=_deployments(document),
        gone=[name for name, when in _named(document) if not _is_served(when)],
        products=sorted(it["name"] for it in products),
    )


async def _target(arm: ArmClient, gateway: str, document: ET.Element) -> tuple[str, str]:
    """Backend and whom its token is for; on a WebSocket API the policy itself gets the token."""
    own = {it.get("resource", "") for it in document.iter("authentication-managed-identity")}
    if len(own) == 1:
        return "", own.pop()
    names = {it.get("backend-id", "") for it in document.iter("set-backend-service")}
    if len(names) != 1:
        return "", ""
    found = await arm.get(f"{gateway}/backends/{names.pop()}", version=GATEWAY_VERSION)
    properties: Json = (found or {}).get("properties", {})
    identity = properties.get("credentials", {}).get("managedIdentity", {})
    return properties.get("url", ""), identity.get("resource", "")


def _calls(operations: Sequence[Json]) -> Mapping[str, int]:
    templates = (it["properties"]["urlTemplate"] for it in operations)
    paths = (_START.sub("", it).partition("?")[0] for it in templates)
    heads = (path.partition("/{")[0] for path in paths)
    return Counter(
        "responses" if it.startswith("responses/") else it or "handshake" for it in heads
    )


def _deployments(document: ET.Element) -> dict[str, int]:
    found = {}
    for name, when in _named(document):
        if not _is_served(when):
            continue
        limit = when.find("llm-token-limit")
        found[name] = int(limit.get("tokens-per-minute", "0")) if limit is not None else 0
    return found


def _is_served(when: ET.Element) -> bool:
    return when.find("return-response") is None


def _named(document: ET.Element) -> Iterator[tuple[str, ET.Element]]:
    """What the policy says of single deployments."""
    for when in document.iterfind("inbound/choose/when"):
        if match := _NAME.fullmatch(when.get("condition", "")):
            yield match[1], when


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", show_lines=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def gateway_table(
    apis: Sequence[Standing], roles: Mapping[str, Sequence[str]], *, width: int = _WIDE
) -> Table:
    """What stands; less than *_WIDE* has two columns, so that no word is broken."""
    title, limits = "In the gateway", "tokens per minute"
    table = (
        _table(title, "API, and where it leads", limits)
        if width < _WIDE
        else _table(title, "API, and where it leads", "calls", "product", limits)
    )
    for api in apis:
        backend, identity = api.backend or "leads nowhere", urlsplit(api.identity).hostname
        calls, products = _with_counts(api.calls), ", ".join(api.products)
        where = f"as the gateway, for {identity or 'nobody'}"
        if width < _WIDE:
            backend, lines = backend.removeprefix("https://"), ", ".join(calls)
            first = f"/{api.path}\n{backend}\n{where}\n{lines}\nin {products or 'no product'}"
            table.add_row(first, _limits(api))
        else:
            lines = "\n".join(calls)
            table.add_row(f"/{api.path}\n{backend}\n{where}", lines, products, _limits(api))
    given = (f"{', '.join(names) or 'no role'} on {name}" for name, names in roles.items())
    table.caption = f"The gateway's identity has: {'; '.join(given)}"
    return table


def _with_counts(calls: Mapping[str, int]) -> list[str]:
    return [name if count == 1 else f"{name} ({count})" for name, count in sorted(calls.items())]


def _limits(api: Standing) -> str:
    rows = [
        (name, f"{limit:,}" if limit else "no limit") for name, limit in api.deployments.items()
    ]
    rows += [(name, "410 Gone") for name in api.gone]
    width = max((len(name) for name, _what in rows), default=0)
    return "\n".join(f"{name:<{width}} {what:>8}" for name, what in rows)


def state_table(known: Json) -> Table:
    """What GET /api/deployments answers, and how long it took from event to first answer."""
    table = _table(
        "In the state table", "deployment\nmodel", "kind\nstate", "first answer\nafter", "reason"
    )
    for it in known["deployments"]:
        table.add_row(
            f"{it['account'].rpartition('/')[2]}/{it['name']}\n{it['modelName']}",
            f"{it['kind']}\n{it['state']}",
            _seconds(it["secondsToVerified"]),
            "\n".join(it["reason"].split("; ")),
        )
    time, reasons = known["timeToVerified"], [it["reason"] for it in known["deployments"]]
    near = sum("up to the gateway only" in it for it in reasons)
    table.caption = (
        f"From event to first answer: p50 {_seconds(time['p50'])}, p95 {_seconds(time['p95'])}, "
        f"of {time['count']} deployments, {near} of them asked up to the gateway only"
    )
    return table


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"
