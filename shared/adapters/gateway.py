"""API Management through ARM: writes, each fenced, followed to its end and read back.

The wire shapes of its resources are known here, in gateway_reads and in gateway_facts alone.
"""

import asyncio
from dataclasses import replace

from shared.adapters.arm import Answer, Arm
from shared.adapters.gateway_facts import read_facts, read_roles, read_service
from shared.adapters.gateway_reads import (
    API_VERSION,
    ROLES_VERSION,
    WITHOUT_ETAG,
    Look,
    Reads,
    apis_at,
    children_of,
    is_websocket,
)
from shared.adapters.operation_count import OperationCount
from shared.core.bodies import assign_command
from shared.core.diff import drift
from shared.core.model import Actual, ActualResource, Resource, RoleGrant, Service, Wants
from shared.core.naming import unit_hash
from shared.core.ownership import marked_unit
from shared.core.plan import Action, Change
from shared.core.quota import operations_of
from shared.core.resource_ids import AccountId, GatewayId
from shared.core.resource_kinds import ResourceKind, kind_of
from shared.errors import Denied, Rejected, StaleRead, Unavailable
from shared.ports import Clock

# The only api-version that knows subscriptionKeyParameterNames.bearer
# (Azure-Samples/AI-Gateway, modules/apim/v3/inference-api.bicep); others drop it without a word.
BEARER_VERSION = "2025-03-01-preview"
_READ_BACKS = 5  # what was just accepted can be invisible, or old, for a moment (apiops-cli)
# Their PUT answers before it has taken effect: only reading tells what came of it.
_READ_BACK = frozenset({ResourceKind.API, ResourceKind.NAMED_VALUE})


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
        self._reads = Reads(arm, gateway.arm_id, asyncio.Semaphore(parallel_reads))
        self._write_slots = asyncio.Semaphore(parallel_writes)
        self._operations = OperationCount(self._reads, clock)
        self._absent: set[str] = set()  # what a GET denied since its unit was last looked at
        self._unlisted: set[str] = set()  # what a GET found and a list lacked: Look.known

    async def actual(
        self, unit: AccountId, wants: Wants, *, until: float, known: frozenset[str] = frozenset()
    ) -> Actual:
        token = unit_hash(unit)
        self._absent = {path for path in self._absent if token not in path}
        known |= {path for path in self._unlisted if token in path}
        look = Look(self._reads, unit, wants, until, known)
        (service, roles, own_roles), facts, _ = await asyncio.gather(
            self._service_and_roles(unit, wants, until),
            read_facts(self._reads, wants, until),
            look.take(),
        )
        self._absent |= look.denied
        self._unlisted -= look.listed | look.denied
        resources = {**look.found, **{item.path: item for item in own_roles}}
        return Actual(service, resources, replace(facts, roles=roles))

    async def apply(self, change: Change, *, until: float) -> None:
        async with self._write_slots:
            try:
                await self._apply(change, until)
            except Denied as exc:
                if change.kind is not ResourceKind.ROLE_ASSIGNMENT:
                    raise
                raise Rejected(_no_right_to_assign(change), code="AuthorizationFailed") from exc
        if change.kind is ResourceKind.API:
            self._operations.change(operations_of(change.desired) - operations_of(change.actual))

    async def owned_units(self, owner: str) -> tuple[AccountId, ...]:
        backends, sockets = await asyncio.gather(
            self._reads.list("backends", None),
            # These have no backend, so their own marks name the account.
            self._reads.list("apis", None, **{"$filter": "contains(name,'-realtime-')"}),
        )
        units = {
            marked_unit((item.get("properties") or {}).get("description"), owner)
            for item in (*backends, *sockets)
        }
        return tuple(sorted(unit for unit in units if unit is not None))

    async def apis_at(self, paths: frozenset[str], *, until: float) -> tuple[ActualResource, ...]:
        found = await asyncio.gather(*(apis_at(self._reads, path, until) for path in sorted(paths)))
        return tuple(item for items in found for item in items)

    async def operations_in_use(self, *, until: float) -> int:
        return await self._operations.read(until)

    async def _service_and_roles(
        self, unit: AccountId, wants: Wants, until: float
    ) -> tuple[Service, tuple[RoleGrant, ...] | None, list[ActualResource]]:
        service = await read_service(self._reads, until)
        if not wants.roles:
            return service, (), []
        return service, *await read_roles(self._reads, unit, service, until)

    async def _apply(self, change: Change, until: float) -> None:
        path = self._reads.at(change.path)
        etag = (change.actual.etag if change.actual else "") or None
        if change.action is Action.DELETE:
            query = {"deleteRevisions": "true"} if change.kind is ResourceKind.API else {}
            await self._arm.delete(
                path,
                api_version=_api_version(change),
                if_match=None if change.kind in WITHOUT_ETAG else etag or "*",
                until=until,
                **query,
            )
            return
        if change.desired is None:
            raise Rejected(f"{change.path}: nothing to write", code="EmptyChange")
        if change.action is Action.CREATE and change.kind not in WITHOUT_ETAG:
            await self._check_absent(change.path, until)
        answer = await self._arm.put(
            path,
            change.desired.body or None,
            api_version=_api_version(change),
            if_match=etag,
            until=until,
        )
        if answer.status < 400:  # else it was so already
            await self._check_written(change.desired, change.kind, answer, until)

    async def _check_absent(self, path: str, until: float) -> None:
        """Make sure that a create creates: without an ETag, a PUT overwrites whatever is there.

        A 404 that this run has seen is good for one create, and for those of what belongs to the
        API that it was for. Products are everybody's, so another run may have made one meanwhile.
        Whether ``If-None-Match: *`` would do instead is documented nowhere.

        Raises:
            StaleRead: it exists. The next look reads it even if the lists still lack it.
        """
        if path not in self._absent and await self._reads.get(path, until) is not None:
            self._unlisted.add(path)
            raise StaleRead(f"{path} exists, yet was not seen when its creation was planned")
        self._absent.discard(path)
        if kind_of(path) is ResourceKind.API:
            self._absent |= children_of(path)

    async def _check_written(
        self, desired: Resource, kind: ResourceKind, answer: Answer, until: float
    ) -> None:
        """Compare what stands with what was meant: a success alone proves nothing.

        An import can report success and leave the old document (terraform-provider-azurerm#22042),
        and a field that the service doesn't know is dropped without a word.
        """
        until += self._arm.request_s
        if kind not in _READ_BACK and "properties" in answer.body:
            differs = drift(desired, ActualResource(desired.path, answer.body, answer.etag))
        else:
            for attempt in range(_READ_BACKS):
                if attempt:
                    await self._clock.sleep(float(attempt))
                found = await self._reads.resource(
                    desired.path, until, is_websocket=is_websocket(desired.body)
                )
                differs = drift(desired, found) if found else ()
                if found and not differs:
                    return
            if found is None:
                raise Unavailable(f"{desired.path}: written, but not visible yet")
        if differs:
            fields = ", ".join(item.field for item in differs)
            raise Rejected(f"{desired.path}: written, yet differs in {fields}", code="NotAsWritten")


def _api_version(change: Change) -> str:
    if change.kind is ResourceKind.ROLE_ASSIGNMENT:
        return ROLES_VERSION
    properties = (change.desired.body.get("properties") or {}) if change.desired else {}
    has_bearer = "bearer" in (properties.get("subscriptionKeyParameterNames") or {})
    return BEARER_VERSION if change.kind is ResourceKind.API and has_bearer else API_VERSION


def _no_right_to_assign(change: Change) -> str:
    """Who lacks what, and the command for somebody who has it."""
    scope = change.path.partition("/providers/Microsoft.Authorization/")[0]
    if change.desired is None:
        need, command = "delete", f"az role assignment delete --ids {change.path}"
    else:
        properties = change.desired.body.get("properties") or {}
        role = str(properties.get("roleDefinitionId", "")).rpartition("/")[2]
        principal = str(properties.get("principalId"))
        need, command = "write", assign_command(scope, principal, role)
    return (
        f"model-onramp's identity needs Microsoft.Authorization/roleAssignments/{need} on {scope} "
        f"(role Role Based Access Control Administrator), or somebody who has it runs: {command}"
    )
