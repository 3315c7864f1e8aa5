"""What stands, as tables: read from ARM and from the app, never from what was asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from rich.table import Table

from sandbox.client import GATEWAY_VERSION, ArmClient
from sandbox.contracts import Json

_NAME = re.compile(r'"([^"]+)"\)$')


@dataclass(frozen=True, slots=True)
class Standing:
    """One API of the gateway; *deployments* with their tokens per minute, as its policy says."""

    name: str
    path: str
    operations: Sequence[str]
    backend: str
    identity: str
    policy: str
    deployments: Mapping[str, int]
    gone: Sequence[str]  # those that answer 410


async def standing(arm: ArmClient, gateway: str) -> list[Standing]:
    apis = await arm.list(f"{gateway}/apis", version=GATEWAY_VERSION)
    found = [await _read(arm, gateway, api) for api in apis]
    return sorted(found, key=lambda api: api.path)


async def _read(arm: ArmClient, gateway: str, api: Json) -> Standing:
    root = f"{gateway}/apis/{api['name']}"
    operations = await arm.list(f"{root}/operations", version=GATEWAY_VERSION)
    policy = await arm.get(f"{root}/policies/policy", version=GATEWAY_VERSION)
    document = ET.fromstring(policy["properties"]["value"] if policy else "<policies />")  # noqa: S314
    names = {it.get("backend-id", "") for it in document.iter("set-backend-service")}
    backend = await _backend(arm, gateway, names)
    return Standing(
        name=api["name"],
        path=api["properties"]["path"],
        operations=sorted(it["properties"]["displayName"] for it in operations),
        backend=backend.get("url", ""),
        identity=backend.get("credentials", {}).get("managedIdentity", {}).get("resource", ""),
        policy=_summary(document),
        deployments=_deployments(document),
        gone=[_name(when) for when in document.iter("when") if not _is_served(when)],
    )


async def _backend(arm: ArmClient, gateway: str, names: set[str]) -> Json:
    if len(names) != 1:
        return {}
    found = await arm.get(f"{gateway}/backends/{names.pop()}", version=GATEWAY_VERSION)
    properties: Json = (found or {}).get("properties", {})
    return properties


def _summary(document: ET.Element) -> str:
    refused = [it.get("code", "") for it in document.iterfind(".//otherwise//set-status")]
    dropped = [
        it.get("name", "") for it in document.iterfind(".//set-header[@exists-action='delete']")
    ]
    return f"others get {', '.join(refused)}\ndrops {', '.join(dropped)}"


def _deployments(document: ET.Element) -> dict[str, int]:
    found = {}
    for when in filter(_is_served, document.iter("when")):
        limit = when.find("llm-token-limit")
        found[_name(when)] = int(limit.get("tokens-per-minute", "0")) if limit is not None else 0
    return found


def _is_served(when: ET.Element) -> bool:
    return when.find("set-backend-service") is not None


def _name(when: ET.Element) -> str:
    match = _NAME.search(when.get("condition", ""))
    return match[1] if match else "?"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def gateway_table(apis: Sequence[Standing]) -> Table:
    table = _table(
        "In the gateway", "API and path", "operations", "backend", "policy", "tokens per minute"
    )
    for api in apis:
        table.add_row(
            f"{api.name}\n/{api.path}",
            "\n".join(api.operations),
            f"{api.backend}\nmanaged identity for {api.identity or 'nothing'}",
            api.policy,
            "\n".join(
                [
                    *(f"{name}: {limit:,}" for name, limit in api.deployments.items()),
                    *(f"{name}: 410 Gone" for name in api.gone),
                ]
            ),
        )
    return table


def state_table(deployments: Sequence[Json]) -> Table:
    table = _table("In the state table", "deployment", "model", "sku", "kind", "state", "reason")
    for it in deployments:
        table.add_row(
            f"{it['account'].rpartition('/')[2]}/{it['name']}",
            f"{it['model_name']} {it['model_version']}",
            f"{it['sku']} {it['capacity']}",
            it["kind"],
            it["state"],
            it["reason"],
        )
    return table
