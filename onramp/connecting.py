"""Opens what the options name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from onramp.app import App
from onramp.connection import NOWHERE
from onramp.options import Where

if TYPE_CHECKING:
    from onramp.direct import Direct


@asynccontextmanager
async def connect(where: Where) -> "AsyncIterator[App | Direct]":
    """The app if one is named, else the gateway.

    Raises:
        CliError: neither is named.
    """
    if where.app:
        async with App.open(where) as app:
            yield app
    elif where.gateway:
        # Importing azure's clients takes a second, which --help and an app don't need.
        from onramp.direct import Direct  # noqa: PLC0415

        async with Direct.open(where) as direct:
            yield direct
    else:
        raise NOWHERE
