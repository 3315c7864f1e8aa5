"""The least that ARM makes anybody pay, by arithmetic and independent of the app.

Writes. A backend, an API and its policy cannot travel in one PUT, and a policy is saved only where
its backend and its API exist (github.com/Azure/apiops/issues/565). So each surface of a new account
takes three writes on two levels. One API is changed by one request at a time
(github.com/Azure/apiops/issues/141), so two surfaces go side by side and one surface does not. The
gateway's identity needs its role on the account once, and nothing waits for that.

Reads. What stands must be read with its ETags before the inventory is, or an older decision could
overwrite a newer one (docs/architecture.md, Single flight). What each read is there for:

| read | why no other tells |
|---|---|
| the service | its tier decides what can be written, its identity who needs the role |
| APIs, filtered by name | a GET tells of one name; other settings made others, which have to go |
| backends, filtered by name | written beside its API, either can stand without the other |
| each backend, API and policy | ETags come with a GET and not with a list (below) |
| an API's operations | only their own list tells them |
| account, deployments | the inventory |
| roles on the account | it may have the role there or above; or lose it by hand, unseen |
| what is to be created: 404 | a PUT would overwrite it (below) |
| API and operations after an import | its success proves nothing (below) |

The answer of learn.microsoft.com/rest/api/apimanagement/apis/get has an ETag header, that of
.../apis/list-by-service has none. An import can report success and leave the old document
(github.com/hashicorp/terraform-provider-azurerm/issues/22042). A PUT without If-Match overwrites
what is there, which is how github.com/Azure/apiops writes, and whether If-None-Match works is
documented nowhere. That a list may lag is UNVERIFIED but must be reckoned with, so only a GET
proves absence; what belongs to an API that is absent is absent too. Which APIs it takes depends on
the models, so the proof comes after the inventory: before it, every surface there is would have to
be asked for.

Left out, as it is spread over all events: counting the operations that the tier's quota is for,
which takes a list and one request per API of the service, whoever's it is.
"""

from dataclasses import dataclass

from sandbox.arm.throttle import BUCKETS

SURFACES = 2
FIRST_WRITES = 3 * SURFACES + 1  # the role
POLICY_WRITES = SURFACES
IMPORT_WRITES = 2 * SURFACES  # the document and the policy
WRITE_LEVELS = 2
_SERVICE = 1
_LISTS = 2  # APIs, backends
_INVENTORY = 2  # the account, and its deployments in one page
_ROLES = 1  # one list per identity of the gateway
_STANDING = 4 * SURFACES  # backend, API, operations, policy
_ABSENT = 2 * SURFACES  # backend, API
READ_BACKS = 2 * SURFACES  # what an import made of a document: the API and its operations
POLLS = SURFACES  # an accepted import goes on: at least one look at its end
# Where nothing stands and nothing is to be made, nobody needs a role.
EMPTY_READS = _SERVICE + _LISTS + _INVENTORY
FIRST_READS = EMPTY_READS + _ROLES + _ABSENT + READ_BACKS
# An event on a deployment says nothing of roles; whether they still stand is a full look's to find.
KNOWN_READS = EMPTY_READS + _STANDING
FULL_READS = KNOWN_READS + _ROLES
# A deployment that the list lacks is asked for by itself, and twice: one 404 proves nothing
# (github.com/hashicorp/terraform-provider-azurerm/issues/32535).
GONE_READS = 2
# Round trips in a row. The names of what stood last time can be remembered, so what stands takes
# one trip, lists and GETs side by side; the inventory is the second, with the roles beside it.
LOOK_TRIPS = 2
IMPORT_TRIPS = 4  # the API, a look at its end, its read-back, the policy
MEAN_JITTER = 1.1  # sandbox/arm/latency.py draws from 0.7 to 1.5


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, as sandbox/arm/latency.py has them, at their mean."""

    read: float
    policy: float
    api: float  # its request
    importing: float  # what goes on after the API's first answer

    @property
    def first_deployment(self) -> float:
        """The look, proof of absence, the API to its end, its read-back, the policy."""
        return (LOOK_TRIPS + 2) * self.read + self.api + self.importing + self.policy

    @property
    def next_deployment(self) -> float:
        return LOOK_TRIPS * self.read + self.policy


def times(scale: float) -> Times:
    per_s = MEAN_JITTER * scale
    return Times(read=0.15 * per_s, policy=1.0 * per_s, api=1.4 * per_s, importing=10.0 * per_s)


def critical_path_s(firsts: list[float], lasts: list[float], model: Times) -> float:
    """No account can be done sooner than its events and its own writes allow.

    Args:
        firsts: When each account's first event came, in seconds since the storm began.
        lasts: The same of its last event.
        model: What the service takes.
    """
    return max(
        max(first + model.first_deployment, last + model.next_deployment)
        for first, last in zip(firsts, lasts, strict=True)
    )


def reads_allowed_s(lasts: list[float], model: Times) -> float:
    """When ARM's read limit lets the last account be done, all accounts taken together.

    Each has to be read once more after its last event. The reads of all accounts whose last event
    came at some moment or after it have a full bucket at best and its refill from then on.
    """
    size, refill = BUCKETS["reads"]
    ordered = sorted(lasts)
    return max(
        last + max(0.0, ((len(ordered) - i) * KNOWN_READS - size) / refill) + model.policy
        for i, last in enumerate(ordered)
    )
