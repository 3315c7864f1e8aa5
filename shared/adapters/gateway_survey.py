"""Everything on the gateway that can lead a call somewhere, whoever made it.

What it costs in reads, beyond the pages of long lists: 4 for the gateway (its APIs, backends and
products and its own policy), 1 for each product, 1 for each API of ours, 2 for each other one (its
policy and its operations) and 1 for each operation of those, for no list says which operations
have a policy. Besides, 1 for the named values if something names one, 1 for each policy fragment
that is included, and 1 for each product with a policy that may lead calls elsewhere.

APIs in workspaces are not looked at.
"""

import asyncio
from dataclasses import replace
from urllib.parse import quote

from shared.adapters.arm import Arm
from shared.adapters.gateway_reads import Reads, is_websocket
from shared.core.model import Json
from shared.core.naming import policy_path
from shared.core.ownership import mark_of
from shared.core.policy_tree import parse_policy
from shared.core.resource_ids import GatewayId
from shared.core.survey import (
    GatewaySurvey,
    SurveyedApi,
    SurveyedBackend,
    SurveyedOperation,
    SurveyedProduct,
)

# ARM gives one identity 25 reads a second, see read_rate: 40 seconds.
_MOST_OPERATIONS = 1000
_LEADING = ("set-backend-service", "send-", "rewrite-uri", "include-fragment", "return-response")
_INCLUDE, _FRAGMENTS = "include-fragment", "policyFragments"


class ApimSurvey:
    """Reads the whole gateway."""

    def __init__(
        self,
        arm: Arm,
        gateway: GatewayId,
        *,
        owner: str,
        parallel_reads: int,
        most_operations: int = _MOST_OPERATIONS,
    ) -> None:
        self._owner = owner
        self._reads = Reads(arm, gateway.arm_id, asyncio.Semaphore(parallel_reads))
        self._most_operations = most_operations

    async def read(self, *, until: float) -> GatewaySurvey:
        """Read the gateway.

        Raises:
            RetryableError: something could not be read. Part of it is never passed off as all.
        """
        items, backends, products, policy = await asyncio.gather(
            self._reads.list("apis", until),
            self._reads.list("backends", until),
            self._products(until),
            self._policy("policies/policy", until),
        )
        found = await asyncio.gather(*(self._api(it, until) for it in items if _is_online(it)))
        apis = await self._with_policies(found, until)
        policies = [policy, *(it.policy for it in apis), *(it.policy for it in products)]
        policies += [it.policy for api in apis for it in api.operations]
        fragments = await self._fragments(policies, until)
        urls = [*(it.service_url for it in apis), *map(str, backends)]
        texts = (*policies, *fragments.values(), *urls)
        return GatewaySurvey(
            apis=tuple(sorted(apis, key=lambda it: it.name)),
            backends=tuple(sorted(map(_backend, backends), key=lambda it: it.name)),
            products=products,
            named_values=await self._named_values(until) if any("{{" in t for t in texts) else {},
            fragments=fragments,
            policy=policy,
        )

    async def _api(self, item: Json, until: float) -> SurveyedApi:
        """The API with its policy and, unless it is ours, its operations without theirs.

        The only policy of a WebSocket API that is run is its operation's, see naming.policy_path.
        """
        properties, name = item.get("properties") or {}, str(item.get("name", ""))
        api = SurveyedApi(
            name,
            _path(name, str(properties.get("path") or "")),
            str(properties.get("serviceUrl") or ""),
            mark_of(item),
        )
        if api.is_of(self._owner):
            path = policy_path(_segment(name), websocket=is_websocket(item))
            return replace(api, policy=await self._policy(path, until))
        policy, operations = await asyncio.gather(
            self._policy(policy_path(_segment(name), websocket=False), until),
            self._reads.list(f"apis/{_segment(name)}/operations", until),
        )
        return replace(api, policy=policy, operations=tuple(map(_operation, operations)))

    async def _with_policies(self, apis: list[SurveyedApi], until: float) -> list[SurveyedApi]:
        """The APIs with the policies of their operations, as far as the limit goes: small first."""
        left, work = self._most_operations, []
        for api in sorted(apis, key=lambda it: (len(it.operations), it.name)):
            left -= len(api.operations)
            work.append(self._operations(api, until) if left >= 0 else _unread(api))
        return list(await asyncio.gather(*work))

    async def _operations(self, api: SurveyedApi, until: float) -> SurveyedApi:
        root = f"apis/{_segment(api.name)}/operations"
        paths = (f"{root}/{_segment(it.name)}/policies/policy" for it in api.operations)
        policies = await asyncio.gather(*(self._policy(it, until) for it in paths))
        pairs = zip(api.operations, policies, strict=True)
        return replace(api, operations=tuple(replace(it, policy=text) for it, text in pairs))

    async def _products(self, until: float) -> tuple[SurveyedProduct, ...]:
        names = [str(it.get("name", "")) for it in await self._reads.list("products", until)]
        found = await asyncio.gather(*(self._product(it, until) for it in names))
        return tuple(it for it in found if it is not None)

    async def _product(self, name: str, until: float) -> SurveyedProduct | None:
        """The product, if its policy may lead calls elsewhere."""
        root = f"products/{_segment(name)}"
        policy = await self._policy(f"{root}/policies/policy", until)
        if not any(it in policy for it in _LEADING):
            return None
        apis = await self._reads.list(f"{root}/apis", until)
        return SurveyedProduct(name, policy, tuple(str(it.get("name", "")) for it in apis))

    async def _policy(self, path: str, until: float) -> str:
        """The document at *path*; "" where there is none."""
        answer = await self._reads.get(path, until, format="xml")
        return str((answer.body.get("properties") or {}).get("value") or "") if answer else ""

    async def _fragments(self, policies: list[str], until: float) -> dict[str, str]:
        roots = (parse_policy(it) for it in policies if "include-fragment" in it)
        includes = (it for root in roots if root is not None for it in root.iter(_INCLUDE))
        names = sorted({str(it.get("fragment-id")).lower() for it in includes})
        paths = (f"{_FRAGMENTS}/{_segment(it)}" for it in names)
        texts = await asyncio.gather(*(self._policy(it, until) for it in paths))
        return {name: text for name, text in zip(names, texts, strict=True) if text}

    async def _named_values(self, until: float) -> dict[str, str]:
        """By display name, which is what policies refer to. A list never shows a secret."""
        items = [it.get("properties") or {} for it in await self._reads.list("namedValues", until)]
        return {
            str(it.get("displayName")).lower(): str(it["value"])
            for it in items
            if it.get("value") and not it.get("secret")
        }


async def _unread(api: SurveyedApi) -> SurveyedApi:
    count = len(api.operations)
    return replace(api, unread=f"the policies of its {count} operations were too many to read")


def _is_online(item: Json) -> bool:
    """Revisions that aren't current answer too, at ``<path>;rev=<n>``, until taken offline.

    learn.microsoft.com/azure/api-management/api-management-revisions; that a list says so of each
    is UNVERIFIED, so whatever doesn't say that it is offline counts as online.
    """
    return (item.get("properties") or {}).get("isOnline") is not False


def _segment(name: str) -> str:
    """An id that others chose, as one segment of a path."""
    return quote(name, safe=";=")


def _path(name: str, path: str) -> str:
    revision = name.lower().rpartition(";rev=")[2] if ";rev=" in name.lower() else ""
    return f"{path};rev={revision}" if revision else path


def _operation(item: Json) -> SurveyedOperation:
    properties = item.get("properties") or {}
    return SurveyedOperation(str(item.get("name", "")), str(properties.get("urlTemplate") or ""))


def _backend(item: Json) -> SurveyedBackend:
    """Members are named by id, ``/backends/<name>`` or all of it (learn: backends, pools)."""
    properties = item.get("properties") or {}
    members = (properties.get("pool") or {}).get("services") or ()
    return SurveyedBackend(
        name=str(item.get("name", "")),
        url=str(properties.get("url") or ""),
        resource_id=str(properties.get("resourceId") or ""),
        members=tuple(str(it.get("id", "")).rstrip("/").rpartition("/")[2] for it in members),
        mark=mark_of(item),
    )
