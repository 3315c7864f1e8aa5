"""What commands ask for, wherever they work: of a deployed app, or of the gateway itself."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from onramp.errors import CliError
from onramp.options import Target, Where
from onramp.screen import Screen
from shared.core.records import PlanRecord, PlansAnswer, UnitRunRecord
from shared.core.resource_ids import AccountId

if TYPE_CHECKING:
    from onramp.app import App
    from onramp.direct import Direct

_NAMED = 10  # accounts in an error


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


@asynccontextmanager
async def connect(where: Where) -> "AsyncIterator[App | Direct]":
    """The app if one is named, else the gateway.

    Raises:
        CliError: neither is named.
    """
    # Both import this module; and azure's clients take a second, which --help can do without.
    if where.app:
        from onramp.app import App  # noqa: PLC0415

        async with App.open(where.deployed) as app:
            yield app
    elif where.gateway:
        from onramp.direct import Direct  # noqa: PLC0415

        async with AsyncExitStack() as stack:
            with Screen().busy(f"signing in to {urlsplit(where.arm_endpoint).netloc}"):
                direct = await stack.enter_async_context(Direct.open(where))
            yield direct
    else:
        raise CliError(
            "neither an app nor a gateway is named",
            "Set ONRAMP_APP and ONRAMP_KEY for a deployed app, or ONRAMP_GATEWAY_ID to work on a "
            "gateway with your own sign-in.",
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
    names = sorted({it.name for it in accounts})
    more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    known = f"{', '.join(names[:_NAMED]) or 'none'}{more}"
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
