"""What commands ask for, wherever they work: of a deployed app, or of the gateway itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from onramp.errors import CliError
from onramp.options import Target
from shared.core.records import PlanRecord, PlansAnswer, UnitRunRecord
from shared.core.resource_ids import AccountId


@dataclass(frozen=True, slots=True)
class Wish:
    """How somebody wants it.

    Attributes:
        force: Write again what is as it should be.
        removals: However many deployments that takes off the gateway.
    """

    force: bool = False
    removals: bool = False


type Tell = Callable[[UnitRunRecord], None]


class Connection(Protocol):
    async def plans(self, target: Target, wish: Wish) -> PlansAnswer:
        """What would be done now; nothing is."""

    async def apply(self, plan: PlanRecord, wish: Wish, tell: Tell) -> UnitRunRecord:
        """Do *plan* if it is still the same; *tell* hears how far it is.

        Raises:
            CliError: it is not the same any more.
        """


NOWHERE = CliError(
    "neither an app nor a gateway is named",
    "Set ONRAMP_APP and ONRAMP_KEY for a deployed app, or ONRAMP_GATEWAY_ID to work on a gateway "
    "with your own sign-in.",
)


def chosen(accounts: tuple[AccountId, ...], name: str) -> AccountId:
    """The account called *name*, or with this resource id.

    Raises:
        CliError: there is none, or more than one.
    """
    found = [it for it in accounts if name.lower() in (it.name, it.arm_id.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        ids = "".join(f"\n  {it.arm_id}" for it in found)
        raise CliError(f"{len(found)} accounts are called {name}", f"Use the resource id:{ids}")
    known = ", ".join(sorted({it.name for it in accounts})[:10]) or "none"
    raise CliError(
        f"no watched account is called {name}",
        f"Known are: {known}. Use the resource id, or watch its subscription.",
    )


def split_deployment(text: str) -> tuple[str, str]:
    """The account and the deployment's name in ``account/deployment`` or in a resource id."""
    account, _, name = text.rstrip("/").replace("/deployments/", "/").rpartition("/")
    if not account or not name:
        raise CliError(
            "that names no deployment", "Write account/deployment, or the deployment's resource id."
        )
    return account, name
