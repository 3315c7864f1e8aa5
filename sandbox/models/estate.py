"""The accounts and deployments behind a host, read from the ARM emulator's store on each call.

Hosts: learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains, with the suffixes
of the public cloud, US Government and China. Accounts of kind OpenAI have no services.ai host
(learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/endpoints).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sandbox.arm.cognitive import accounts, deployments
from sandbox.arm.store import Entry, Store


class Host(Enum):
    OPENAI = "openai"
    FOUNDRY = "services.ai"
    COGNITIVE = "cognitiveservices"
    REGIONAL = "api.cognitive"


_MODEL_KINDS = frozenset({"openai", "aiservices"})
_KINDS = {
    Host.OPENAI: _MODEL_KINDS,
    Host.FOUNDRY: frozenset({"aiservices"}),
    Host.COGNITIVE: _MODEL_KINDS,
    Host.REGIONAL: _MODEL_KINDS,
}
_HOST = re.compile(
    r"(?P<name>[^.]+)\.(?:(?P<own>openai|services\.ai|cognitiveservices)\.azure\.(?:com|us|cn)"
    r"|(?P<shared>api\.cognitive)\.(?:microsoft\.com|microsoft\.us|azure\.cn))"
)
# What has been made once is called at, while it is changed too.
_SERVING = frozenset({"Succeeded", "Accepted", "Moving"})


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    name: str
    kind: str
    location: str
    keys: frozenset[str]
    takes_keys: bool

    @classmethod
    def of(cls, entry: Entry) -> "Account":
        body = entry.body
        return cls(
            id=entry.id,
            name=entry.name,
            kind=str(body["kind"]),
            location=str(body["location"]),
            keys=frozenset(str(it) for it in entry.hidden.values()),
            takes_keys=body["properties"].get("disableLocalAuth") is not True,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """What a host leads to: one account, or all of a region that keys tell apart."""

    host: Host
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class Deployment:
    name: str
    format: str
    model: str
    version: str
    capabilities: Mapping[str, str]
    per_minute: Mapping[str, int]  # "token" and "request" -> how many; what is absent has no limit
    is_paused: bool = False

    @classmethod
    def of(cls, entry: Entry) -> "Deployment":
        properties = entry.body["properties"]
        model = properties["model"]
        return cls(
            name=entry.name,
            format=str(model["format"]),
            model=str(model["name"]),
            version=str(model["version"]),
            capabilities=properties.get("capabilities") or {},
            per_minute={
                str(it["key"]): int(it["count"] * 60 / it["renewalPeriod"])
                for it in properties.get("rateLimits") or ()
            },
            is_paused=properties.get("deploymentState") == "Paused",
        )


def place(store: Store, host: str) -> Place | None:
    """Where a Host header leads; None where no name server would know it."""
    match = _HOST.fullmatch(host.rpartition(":")[0] or host) or _HOST.fullmatch(host)
    if match is None:
        return None
    kind, name = Host(match["own"] or match["shared"]), match["name"]
    of_kind = [
        it
        for it in store.of_type(accounts.TYPE)
        if str(it.body["kind"]).lower() in _KINDS[kind] and _is_named(it, kind, name)
    ]
    found = tuple(Account.of(it) for it in of_kind)
    return Place(kind, found) if found or kind is Host.REGIONAL else None


def _is_named(entry: Entry, kind: Host, name: str) -> bool:
    if kind is Host.REGIONAL:
        return bool(entry.body["location"] == name)
    subdomain = entry.body["properties"].get("customSubDomainName") or ""
    return bool(subdomain.lower() == name)


def deployment(store: Store, account: Account, name: str) -> Deployment | None:
    """The deployment of a name, if it answers calls.

    One that is being created does not yet, one that is being deleted no longer. That names are
    compared without case, as in ARM, is UNVERIFIED for calls.
    """
    if not name or "/" in name:
        return None
    entry = store.get(f"{account.id}/deployments/{name}")
    if entry is None or entry.type.lower() != deployments.TYPE.lower():
        return None
    serves = entry.body["properties"].get("provisioningState") in _SERVING
    return Deployment.of(entry) if serves else None
