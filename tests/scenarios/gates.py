"""A part of Azure that answers when a test lets it, however fast or slow everything else is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Gate:
    """Where what a fault delays waits, whatever time the fault names."""

    _reached: asyncio.Event = field(default_factory=asyncio.Event)
    _opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def reached(self) -> None:
        """Wait until something waits here."""
        async with asyncio.timeout(_PATIENCE_S):
            await self._reached.wait()

    def open(self) -> None:
        self._opened.set()

    async def wait(self, seconds: float) -> None:
        if seconds > 0:
            self._reached.set()
            await self._opened.wait()


@asynccontextmanager
async def a_gate(server: type) -> AsyncIterator[Gate]:
    """A gate in *server*, which waits by its method ``_wait``; open when the block ends."""
    gate = Gate()

    async def wait(_server: Any, seconds: float) -> None:
        await gate.wait(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_wait", wait)
        try:
            yield gate
        finally:
            gate.open()
