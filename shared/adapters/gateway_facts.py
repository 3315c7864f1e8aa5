"""What else of the gateway decides what can stand in it: loggers, caches, products, roles."""

import asyncio
from collections.abc import Iterable

from shared.adapters.gateway_reads import ROLES_VERSION, Reads
from shared.core.model import ActualResource, GatewayFacts, Json, RoleGrant, Service, Wants
from shared.core.resource_ids import AccountId
from shared.errors import Denied, Unavailable

_ROLES = "providers/Microsoft.Authorization/roleAssignments"


async def read_service(reads: Reads, until: float) -> Service:
    """The service itself.

    Raises:
        Unavailable: it can't be seen, or is being changed: writes fail then for half an hour.
    """
    answer = await reads.get(reads.root, until)
    if answer is None:
        raise Unavailable(f"{reads.root} does not exist, or its role assignments hide it")
    state = (answer.body.get("properties") or {}).get("provisioningState") or "Succeeded"
    if state.lower() not in ("succeeded", "failed"):
        raise Unavailable(f"{reads.root} is {state}")
    return Service(
        sku=(answer.body.get("sku") or {}).get("name") or "",
        provisioning_state=state,
        identities=_identities(answer.body.get("identity") or {}),
    )


async def read_facts(reads: Reads, wants: Wants, until: float) -> GatewayFacts:
    """All of :class:`GatewayFacts` but the roles."""
    loggers, caches, products, backends = await asyncio.gather(
        reads.list("loggers", until) if wants.loggers else _nothing(),
        reads.list("caches", until) if wants.caches else _nothing(),
        _existing(reads, "products", wants.products, until),
        _existing(reads, "backends", wants.backends, until),
    )
    insights = [item for item in loggers if _logger_type(item) == "applicationinsights"]
    return GatewayFacts(
        loggers=tuple(sorted(str(item.get("name", "")) for item in insights)),
        has_cache=bool(caches),
        products=products,
        backends=backends,
    )


async def read_roles(
    reads: Reads, unit: AccountId, service: Service, until: float
) -> tuple[tuple[RoleGrant, ...] | None, list[ActualResource]]:
    """What the gateway's identities may do on the account, and the assignments made on it itself.

    The filter ``principalId eq`` lists what was assigned at, above and below the scope; what is
    below, on a deployment or a project, does not hold on the account
    (learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest).
    """
    try:
        lists = await asyncio.gather(
            *(
                reads.list(
                    f"{unit.arm_id}/{_ROLES}",
                    until,
                    api_version=ROLES_VERSION,
                    **{"$filter": f"principalId eq '{principal}'"},
                )
                for principal in sorted(set(service.identities.values()))
            )
        )
    except Denied:
        return None, []
    found = [(_grant(item), item) for items in lists for item in items]
    account = unit.arm_id.lower()
    grants = [it for it, _body in found if not it.scope.lower().startswith(f"{account}/")]
    own = [
        ActualResource(f"{unit.arm_id}/{_ROLES}/{_tail(grant.id)}", body, "")
        for grant, body in found
        if grant.scope.lower() == account
    ]
    return tuple(sorted(grants, key=lambda it: it.id)), own


async def _existing(
    reads: Reads, collection: str, names: Iterable[str], until: float
) -> frozenset[str]:
    wanted = sorted(set(names))
    answers = await asyncio.gather(*(reads.get(f"{collection}/{it}", until) for it in wanted))
    return frozenset(it.lower() for it, answer in zip(wanted, answers, strict=True) if answer)


async def _nothing() -> list[Json]:
    return []


def _identities(identity: Json) -> dict[str, str]:
    """``identity`` as in learn.microsoft.com/rest/api/apimanagement/api-management-service/get."""
    user_assigned = (identity.get("userAssignedIdentities") or {}).values()
    pairs = [(it.get("clientId"), it.get("principalId")) for it in user_assigned if it]
    system = identity.get("principalId")
    return {
        **({"": str(system).lower()} if system else {}),
        **{str(client).lower(): str(who).lower() for client, who in pairs if client and who},
    }


def _logger_type(item: Json) -> str:
    return str((item.get("properties") or {}).get("loggerType", "")).lower()


def _grant(item: Json) -> RoleGrant:
    properties = item.get("properties") or {}
    return RoleGrant(
        id=str(item.get("id", "")),
        principal=str(properties.get("principalId", "")).lower(),
        definition=_tail(properties.get("roleDefinitionId")),
        scope=str(properties.get("scope", "")).rstrip("/"),
        description=str(properties.get("description") or ""),
    )


def _tail(value: object) -> str:
    return str(value).rstrip("/").rpartition("/")[2].lower()
