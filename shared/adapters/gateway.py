"""API Management through ARM: the only module that knows its resources' wire shapes."""

import asyncio
from collections.abc import Sequence

from shared.adapters.arm import Answer, Arm
from shared.core.diff import drift
from shared.core.model import Actual, ActualResource, Json, Service
from shared.core.ownership import marked_unit
from shared.core.plan import Action, Change
from shared.core.resource_ids import AccountId, GatewayId
from shared.core.resource_kinds import ResourceKind, kind_of
from shared.errors import Rejected, Unavailable
from shared.ports import Clock

API_VERSION = "2024-05-01"
_READ_BACKS = 5  # what was just accepted can be invisible, or old, for a moment (apiops-cli)


class ApimGateway:
    """The Gateway port on one API Management service."""

    def __init__(
        self,
        arm: Arm,
        clock: Clock,
        gateway: GatewayId,
        *,
        parallel_reads: int,
        parallel_writes: int,
    ) -> None:
        self._arm = arm
        self._clock = clock
        self._root = gateway.arm_id
        self._slots = asyncio.Semaphore(parallel_reads)
        self._write_slots = asyncio.Semaphore(parallel_writes)

    async def actual(self, paths: Sequence[str], *, until: float) -> Actual:
        service, found = await asyncio.gather(
            self._service(until), asyncio.gather(*(self._read(path, until) for path in paths))
        )
        return Actual(service, {item.path: item for item in found if item is not None})

    async def apply(self, change: Change, *, until: float) -> None:
        async with self._write_slots:
            await self._apply(change, until)

    async def _apply(self, change: Change, until: float) -> None:
        path = f"{self._root}/{change.path}"
        etag = change.actual.etag if change.actual else None
        if change.action is Action.DELETE:
            query = {"deleteRevisions": "true"} if change.kind is ResourceKind.API else {}
            await self._arm.delete(
                path, api_version=API_VERSION, if_match=etag or "*", until=until, **query
            )
            return
        if change.desired is None:
            raise Rejected(f"{change.path}: nothing to write", code="EmptyChange")
        answer = await self._arm.put(
            path, change.desired.body, api_version=API_VERSION, if_match=etag, until=until
        )
        await self._check_written(change, answer, until + self._arm.request_s)

    async def owned_units(self, owner: str) -> tuple[AccountId, ...]:
        units = {
            marked_unit(item.get("properties", {}).get("description"), owner)
            async for item in self._arm.list(f"{self._root}/backends", api_version=API_VERSION)
        }
        return tuple(sorted(unit for unit in units if unit is not None))

    async def _check_written(self, change: Change, answer: Answer, until: float) -> None:
        """Compare what stands with what was meant: a success alone proves nothing.

        An import can report success and leave the old document (terraform-provider-azurerm#22042),
        and a field that the service doesn't know is dropped without a word.
        """
        desired = change.desired
        if desired is None:
            return
        if change.kind is not ResourceKind.API and "properties" in answer.body:
            differs = drift(desired, ActualResource(change.path, answer.body, answer.etag))
        else:
            for attempt in range(_READ_BACKS):
                if attempt:
                    await self._clock.sleep(float(attempt))
                found = await self._read(change.path, until)
                differs = drift(desired, found) if found else ()
                if found and not differs:
                    return
            if found is None:
                raise Unavailable(f"{change.path}: written, but not visible yet")
        if differs:
            fields = ", ".join(item.field for item in differs)
            raise Rejected(f"{change.path}: written, yet differs in {fields}", code="NotAsWritten")

    async def _service(self, until: float) -> Service:
        async with self._slots:
            answer = await self._arm.get(self._root, api_version=API_VERSION, until=until)
        if answer is None:
            raise Unavailable(f"{self._root} does not exist, or its role assignments hide it")
        state = (answer.body.get("properties") or {}).get("provisioningState") or "Succeeded"
        # Writes fail while a service is being changed, which takes half an hour and more.
        if state.lower() not in ("succeeded", "failed"):
            raise Unavailable(f"{self._root} is {state}")
        return Service(
            sku=(answer.body.get("sku") or {}).get("name") or "", provisioning_state=state
        )

    async def _read(self, path: str, until: float) -> ActualResource | None:
        kind = kind_of(path)
        answer, operations = await asyncio.gather(
            self._get(path, kind, until),
            self._operations(path, until) if kind is ResourceKind.API else _no_operations(),
        )
        if answer is None:
            return None
        if not answer.etag:
            raise Unavailable(f"{path} came without an ETag")
        return ActualResource(path, answer.body, answer.etag, operations)

    async def _get(self, path: str, kind: ResourceKind, until: float) -> Answer | None:
        query = {"format": "xml"} if kind is ResourceKind.API_POLICY else {}
        async with self._slots:
            return await self._arm.get(
                f"{self._root}/{path}", api_version=API_VERSION, until=until, **query
            )

    async def _operations(self, path: str, until: float) -> tuple[tuple[str, str, str], ...]:
        async with self._slots:
            items = [
                _operation(item)
                async for item in self._arm.list(
                    f"{self._root}/{path}/operations", api_version=API_VERSION, until=until
                )
            ]
        return tuple(sorted(items))


async def _no_operations() -> tuple[tuple[str, str, str], ...]:
    return ()


def _operation(item: Json) -> tuple[str, str, str]:
    properties = item.get("properties", {})
    return item["name"], str(properties.get("method")), str(properties.get("urlTemplate"))
