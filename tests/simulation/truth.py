"""What must be served, worked out from the world alone: the app's `desired()` is not asked.

Only the ids of resources are the app's own rule, which its golden tests hold.

And what is served, read off the policies in the gateway. Both say it in the same words, so that
they can be compared: by API path, where calls go and who may be called with which limit.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from sandbox.arm.store import Entry, Store
from shared.core import naming
from shared.core.resource_ids import AccountId
from tests.simulation.azure import ACCOUNTS, GATEWAY

OWNER_MARK = "[model-onramp owner=default "
# model name -> surfaces, as a table of the product's promise and not of its code
SURFACES_OF: Mapping[str, tuple[str, ...]] = {
    "gpt-4o": ("azure-openai", "azure-openai-v1"),
    "text-embedding-3-small": ("azure-openai", "azure-openai-v1"),
    "Llama-3.2-11B-Vision-Instruct": ("azure-openai-v1",),
    "whisper": ("azure-openai", "azure-openai-v1"),
    "claude-sonnet-4-6": ("anthropic",),
    "sora-2": (),
}
SUFFIX_OF = {"azure-openai": "openai", "azure-openai-v1": "openai/v1", "anthropic": "anthropic"}
_FOUNDRY_ALONE = frozenset({"anthropic"})  # accounts of kind OpenAI don't have it
# No limit: whisper has no tokens, and tier Developer does not count Anthropic's.
_UNCOUNTED = frozenset({"whisper", "claude-sonnet-4-6"})
_NAME = re.compile(r'@\(\(string\)context\.Variables\["deployment"\] == "([^"]+)"\)')


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    limits: Mapping[str, int | None]  # deployment -> tokens per minute


def expected(store: Store) -> dict[str, Served]:
    """By API path; at a moment when nothing is under way."""
    found: dict[str, Served] = {}
    for account in store.members(ACCOUNTS):
        subdomain = account.body["properties"].get("customSubDomainName")
        if account.body["kind"] not in ("OpenAI", "AIServices") or not subdomain:
            continue
        for deployment in deployments_of(store, account.name):
            for surface in SURFACES_OF[deployment.body["properties"]["model"]["name"]]:
                if surface in _FOUNDRY_ALONE and account.body["kind"] != "AIServices":
                    continue
                url = _url(account.body["kind"], subdomain, surface)
                path = f"{account.name.lower()}/{SUFFIX_OF[surface]}"
                limits = dict(found[path].limits) if path in found else {}
                model = deployment.body["properties"]["model"]["name"]
                capacity = deployment.body["sku"]["capacity"]
                limits[deployment.name.lower()] = None if model in _UNCOUNTED else capacity * 1000
                found[path] = Served(url, limits)
    return found


def actual(store: Store) -> dict[str, Served]:
    """What stands in the gateway with our mark and lets somebody through, by API path."""
    found: dict[str, Served] = {}
    for api in store.members(f"{GATEWAY}/apis"):
        policy = store.get(f"{api.id}/policies/policy")
        rules = served_by(policy)
        if not is_ours(api) or not rules:
            continue
        backends = {backend for backend, _limit in rules.values()}
        urls = {_backend_url(store, backend) for backend in backends}
        url = urls.pop() if len(urls) == 1 else f"several: {sorted(urls)}"
        limits = {name: limit for name, (_backend, limit) in rules.items()}
        found[api.body["properties"]["path"]] = Served(url, limits)
    return found


def served_by(policy: Entry | None) -> dict[str, tuple[str, int | None]]:
    """Deployment -> (backend, tokens per minute) of what a policy of ours sends on."""
    return {} if policy is None else rules_of(policy.body["properties"]["value"])


def rules_of(text: str) -> dict[str, tuple[str, int | None]]:
    rules: dict[str, tuple[str, int | None]] = {}
    for when in ET.fromstring(text).iter("when"):
        backend = when.find("set-backend-service")
        name = _NAME.fullmatch(when.get("condition", ""))
        if backend is None or name is None:
            continue
        limit = when.find("llm-token-limit")
        tokens = None if limit is None else int(limit.get("tokens-per-minute", "0"))
        rules[name[1]] = (backend.get("backend-id", ""), tokens)
    return rules


def leftovers(store: Store) -> list[str]:
    """Our resources of accounts for which nothing is to be served."""
    units = {unit for path in expected(store) for unit in own_ids(path.split("/")[0], path)}
    entries = [*store.members(f"{GATEWAY}/apis"), *store.members(f"{GATEWAY}/backends")]
    return [entry.name for entry in entries if is_ours(entry) and entry.name not in units]


def blocked(store: Store) -> set[str]:
    """API paths that somebody else's resource keeps us from serving."""
    taken: set[str] = set()
    apis = store.members(f"{GATEWAY}/apis")
    for account in store.members(ACCOUNTS):
        for suffix in SUFFIX_OF.values():
            path = f"{account.name.lower()}/{suffix}"
            api, backend = own_ids(account.name, path)
            ours = store.get(f"{GATEWAY}/apis/{api}"), store.get(f"{GATEWAY}/backends/{backend}")
            squatter = any(it.body["properties"]["path"] == path and it.name != api for it in apis)
            if squatter or any(entry is not None and not is_ours(entry) for entry in ours):
                taken.add(path)
    return taken


def is_ours(entry: Entry) -> bool:
    return OWNER_MARK in (entry.body["properties"].get("description") or "")


def own_ids(account: str, path: str = "") -> tuple[str, ...]:
    """The ids of the API and the backend at *path*; of all of the account's without it."""
    ids: list[str] = []
    unit = AccountId.parse(f"{ACCOUNTS}/{account}")
    for surface, suffix in SUFFIX_OF.items():
        if not path or path.endswith(f"/{suffix}"):
            ids += [naming.api_id(unit, surface), naming.backend_id(unit, surface)]
    return tuple(ids)


def deployments_of(store: Store, account: str) -> Iterable[Entry]:
    return store.members(f"{ACCOUNTS}/{account}/deployments")


def _url(kind: str, subdomain: str, surface: str) -> str:
    foundry = kind == "AIServices" and surface != "azure-openai"
    host = "services.ai.azure.com" if foundry else "openai.azure.com"
    return f"https://{subdomain}.{host}/{SUFFIX_OF[surface]}"


def _backend_url(store: Store, name: str) -> str:
    backend = store.get(f"{GATEWAY}/backends/{name}")
    return str(backend.body["properties"].get("url")) if backend else f"no backend {name}"
