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
from shared.ports import Clock

API_VERSION = "2025-09-01"
_SECOND_LOOK_S = 2.0


class ArmInventory:
    """The Inventory port on Microsoft.CognitiveServices."""

    def __init__(self, arm: Arm, clock: Clock, *, subscriptions: Sequence[str]) -> None:
        self._arm = arm
        self._clock = clock
        self._subscriptions = tuple(subscriptions)

    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        account, deployments = await asyncio.gather(
            self._twice(unit.arm_id, until, again=bool(confirm)), self._deployments(unit, until)
        )
        if account is None:
            if deployments:
                raise Unavailable(f"ARM lists deployments of {unit.arm_id} and denies it")
            return None
        listed = {str(item.get("name", "")).lower() for item in deployments}
        missing = await asyncio.gather(
            *(
                self._twice(f"{unit.arm_id}/deployments/{name}", until, again=True)
                for name in sorted(confirm - listed)
            )
        )
        return parse_account(unit, account, [*deployments, *(it for it in missing if it)])

    async def accounts(self) -> tuple[AccountId, ...]:
        lists = await asyncio.gather(*map(self._accounts_of, self._subscriptions))
        return tuple(sorted({unit for units in lists for unit in units}))

    async def _deployments(self, unit: AccountId, until: float) -> list[Json]:
        path = f"{unit.arm_id}/deployments"
        return [item async for item in self._arm.list(path, api_version=API_VERSION, until=until)]

    async def _twice(self, path: str, until: float, *, again: bool) -> Json | None:
        """Read *path*; what is served is not given up for one 404 alone.

        A GET answered 404 a second after a 200 (terraform-provider-azurerm#32535).
        """
        answer = await self._arm.get(path, api_version=API_VERSION, until=until)
        if answer is None and again:
            await self._clock.sleep(_SECOND_LOOK_S)
            answer = await self._arm.get(path, api_version=API_VERSION, until=until)
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
    properties = account.get("properties") or {}
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
        name=str(item.get("name", "")),
        model=Model(
            format=str(model.get("format", "")),
            name=str(model.get("name", "")),
            version=str(model.get("version", "")),
        ),
        sku=str(sku.get("name", "")),
        capacity=int(_number(sku.get("capacity"))),
        provisioning_state=str(properties.get("provisioningState", "")),
        capabilities={str(k): str(v) for k, v in (properties.get("capabilities") or {}).items()},
        tokens_per_minute=tokens_per_minute(properties.get("rateLimits") or []),
        tags={str(k): str(v) for k, v in (item.get("tags") or {}).items()},
    )


def tokens_per_minute(rate_limits: Sequence[Json]) -> int | None:
    """The token limit that ARM states for a deployment, whatever period it states it for.

    Periods differ (10 s and 60 s were both seen), and provisioned SKUs state none.
    """
    for limit in rate_limits:
        period = _number(limit.get("renewalPeriod"))
        if limit.get("key") == "token" and period > 0:
            return int(_number(limit.get("count")) * 60 / period) or None
    return None


def _number(value: object) -> float:
    """A number as ARM or a client wrote it; 0 for anything else, for one odd field stops nobody."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0
