"""Accounts and deployments, read from ARM and never written.

Concurrent writes under one account break its owners' own deployments (409 RequestConflict), so
there is no write here at all.
"""

import asyncio
from collections.abc import Sequence

from shared.adapters.arm import Arm
from shared.core.model import Account, Deployment, Json, Model
from shared.core.resource_ids import AccountId
from shared.errors import InvalidId, Unavailable

API_VERSION = "2025-09-01"


class ArmInventory:
    """The Inventory port on Microsoft.CognitiveServices."""

    def __init__(self, arm: Arm, *, subscriptions: Sequence[str]) -> None:
        self._arm = arm
        self._subscriptions = tuple(subscriptions)

    async def read(self, unit: AccountId, *, confirm: frozenset[str]) -> Account | None:
        account, deployments = await asyncio.gather(
            self._arm.get(unit.arm_id, api_version=API_VERSION), self._deployments(unit)
        )
        if account is None:
            return None
        listed = {item["name"].lower() for item in deployments}
        missing = await asyncio.gather(
            *(self._one(unit, name) for name in sorted(confirm - listed))
        )
        found = [*deployments, *(item for item in missing if item is not None)]
        return parse_account(unit, account.body, found)

    async def accounts(self) -> tuple[AccountId, ...]:
        lists = await asyncio.gather(*map(self._accounts_of, self._subscriptions))
        return tuple(sorted({unit for units in lists for unit in units}))

    async def _deployments(self, unit: AccountId) -> list[Json]:
        path = f"{unit.arm_id}/deployments"
        return [item async for item in self._arm.list(path, api_version=API_VERSION)]

    async def _one(self, unit: AccountId, name: str) -> Json | None:
        answer = await self._arm.get(f"{unit.arm_id}/deployments/{name}", api_version=API_VERSION)
        return answer.body if answer else None

    async def _accounts_of(self, subscription: str) -> list[AccountId]:
        path = f"/subscriptions/{subscription}/providers/Microsoft.CognitiveServices/accounts"
        items = [item async for item in self._arm.list(path, api_version=API_VERSION)]
        return [unit for item in items if (unit := _model_account(item)) is not None]


def _model_account(item: Json) -> AccountId | None:
    """The id of an account that can have model deployments, if it passes the allowlist."""
    if str(item.get("kind", "")).lower() not in ("openai", "aiservices"):
        return None
    try:
        return AccountId.parse(item["id"])
    except InvalidId:
        return None


def parse_account(unit: AccountId, account: Json, deployments: Sequence[Json]) -> Account:
    """Read ARM's JSON.

    Raises:
        Unavailable: the account is being created, moved or deleted. Its endpoints can be missing
            then, which must not look as if its deployments had none.
    """
    properties = account.get("properties", {})
    state = str(properties.get("provisioningState", ""))
    if state.lower() not in ("succeeded", "failed", "canceled"):
        raise Unavailable(f"{unit.arm_id} is {state or 'in no known state'}")
    return Account(
        id=unit,
        kind=str(account.get("kind", "")),
        location=str(account.get("location", "")),
        provisioning_state=state,
        custom_subdomain=properties.get("customSubDomainName") or None,
        endpoints={k: v for k, v in (properties.get("endpoints") or {}).items() if v},
        tags={str(k): str(v) for k, v in (account.get("tags") or {}).items()},
        deployments=tuple(_parse_deployment(item) for item in deployments),
    )


def _parse_deployment(item: Json) -> Deployment:
    properties = item.get("properties") or {}
    model, sku = properties.get("model") or {}, item.get("sku") or {}
    return Deployment(
        name=str(item["name"]),
        model=Model(
            format=str(model.get("format", "")),
            name=str(model.get("name", "")),
            version=str(model.get("version", "")),
        ),
        sku=str(sku.get("name", "")),
        capacity=int(sku.get("capacity") or 0),
        provisioning_state=str(properties.get("provisioningState", "")),
        capabilities={str(k): str(v) for k, v in (properties.get("capabilities") or {}).items()},
        tokens_per_minute=tokens_per_minute(properties.get("rateLimits") or []),
    )


def tokens_per_minute(rate_limits: Sequence[Json]) -> int | None:
    """The token limit that ARM states for a deployment, whatever period it states it for.

    Periods differ (10 s and 60 s were both seen), and provisioned SKUs state none.
    """
    for limit in rate_limits:
        period = float(limit.get("renewalPeriod") or 0)
        if limit.get("key") == "token" and period > 0:
            return int(float(limit["count"]) * 60 / period) or None
    return None
