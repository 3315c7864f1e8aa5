"""Which member of a pool is next (learn.microsoft.com/azure/api-management/backends)."""

from sandbox.arm.store import Entry
from sandbox.gateway.configuration import Configuration, properties
from sandbox.gateway.exchange import Gateway
from sandbox.gateway.rotation import Member


def choose(configuration: Configuration, gateway: Gateway, pool: Entry) -> Entry | None:
    """The next of the highest priority whose circuit breakers are closed; None if all are open.

    "Backends in lower priority groups will only be used when all backends in higher priority groups
    are unavailable because circuit breaker rules are tripped." A lower number goes first.
    """
    breakers, now = gateway.memory.breakers, gateway.now
    members = [
        it
        for it in _members(configuration, pool)
        if not breakers.is_open(it.backend.id.lower(), now)
    ]
    if not members:
        return None
    first = min(it.priority for it in members)
    group = [it for it in members if it.priority == first]
    return gateway.memory.rotation.next(pool.id.lower(), group)


def _members(configuration: Configuration, pool: Entry) -> list[Member]:
    found = []
    for service in properties(pool)["pool"]["services"]:
        name = str(service["id"]).rstrip("/").rpartition("/")[2]
        backend = configuration.find(f"backends/{name}")
        if backend is not None:
            weight = service.get("weight")
            # That a priority left out is 0, and a weight left out 1, is UNVERIFIED.
            found.append(
                Member(backend, service.get("priority") or 0, 1 if weight is None else weight)
            )
    return found
