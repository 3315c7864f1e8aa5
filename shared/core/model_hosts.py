"""Which account answers at an address."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from shared.core.leads import Lead
from shared.core.model import Account
from shared.core.resource_ids import AccountId
from shared.errors import InvalidId

# What comes after an account's custom subdomain, in each cloud
# (learn.microsoft.com/azure/private-link/private-endpoint-dns); services.ai of the other clouds is
# UNVERIFIED.
_SUBDOMAINS = tuple(
    f"{service}.azure.{cloud}"
    for service in ("openai", "services.ai", "cognitiveservices")
    for cloud in ("com", "us", "cn")
)
# Regional addresses, at which the key tells which account is meant
# (learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains), and models that
# have an endpoint instead of an account
# (learn.microsoft.com/azure/machine-learning/concept-endpoints-online and
# learn.microsoft.com/azure/machine-learning/how-to-deploy-models-serverless).
_OTHERS = (
    "api.cognitive.microsoft.com",
    "api.cognitive.microsoft.us",
    "api.cognitive.azure.cn",
    "models.ai.azure.com",
    "inference.ml.azure.com",
)
_MODELS = re.compile(rf"[a-z0-9.-]+\.(?:{'|'.join(map(re.escape, (*_SUBDOMAINS, *_OTHERS)))})")
_SPEECH = ".speech.microsoft.com"  # in an account's endpoints, and no deployment answers there


@dataclass(frozen=True, slots=True)
class AccountHosts:
    by_host: Mapping[str, tuple[Account, ...]]
    by_id: Mapping[AccountId, Account]

    @classmethod
    def of(cls, accounts: Iterable[Account]) -> Self:
        by_id = {it.id: it for it in accounts}
        by_host: dict[str, tuple[Account, ...]] = {}
        for account in by_id.values():
            for host in _hosts_of(account):
                by_host[host] = (*by_host.get(host, ()), account)
        return cls(by_host, by_id)

    def accounts(self, lead: Lead) -> tuple[Account, ...]:
        """The watched accounts that a lead can mean: several where they share an address."""
        if found := self.by_host.get(host_of(lead.url), ()):
            return found
        account = self.by_id.get(unit) if (unit := _account_id(lead.resource_id)) else None
        return (account,) if account else ()

    def unwatched(self, lead: Lead) -> str:
        """The host or, failing that, the account that a lead to no watched account is about."""
        host = host_of(lead.url)
        if _MODELS.fullmatch(host):
            return host
        unit = _account_id(lead.resource_id)
        return unit.arm_id if unit else ""


def host_of(url: str) -> str:
    """The host, lower-cased, as the public name of what it may be a private one of; "" for none."""
    try:
        host = urlsplit(url if "://" in url else f"https://{url}").hostname or ""
    except ValueError:
        return ""
    return host.rstrip(".").replace(".privatelink.", ".", 1)


def _hosts_of(account: Account) -> frozenset[str]:
    named = {host_of(url) for url in account.endpoints.values()}
    subdomain = (account.custom_subdomain or "").lower()
    own = {f"{subdomain}.{it}" for it in _SUBDOMAINS} if subdomain else set()
    return frozenset(it for it in named | own if it and not it.endswith(_SPEECH))


def _account_id(resource_id: str) -> AccountId | None:
    """The account in a backend's resource id, which can be a whole address of ARM's."""
    start = resource_id.lower().find("/subscriptions/")
    try:
        return AccountId.parse(resource_id[start:].rstrip("/")) if start >= 0 else None
    except InvalidId:
        return None
