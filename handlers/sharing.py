"""One look for all who ask at once: what takes long, or fails slowly, is not queued for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Shared[T]:
    """What *look* found lately; each process has its own."""

    def __init__(
        self,
        look: Callable[[], Coroutine[Any, Any, T]],
        *,
        kept_s: float,
        failure_kept_s: float,
    ) -> None:
        self._look = look
        self._kept_s, self._failure_kept_s = kept_s, failure_kept_s
        self._last: asyncio.Task[T] | None = None
        self._until = 0.0

    async def get(self, *, fresh: bool) -> T:
        """What is found, or what went wrong: by the look under way, or the last one, or a new one.

        Args:
            fresh: Not by the last one.
        """
        if self._last is None or (self._last.done() and (fresh or self._is_old)):
            self._last = asyncio.create_task(self._looked())
        return await asyncio.shield(self._last)  # whoever goes away takes it from nobody

    @property
    def _is_old(self) -> bool:
        return asyncio.get_running_loop().time() >= self._until

    async def _looked(self) -> T:
        kept_s = self._failure_kept_s
        try:
            found = await self._look()
            kept_s = self._kept_s
        finally:
            self._until = asyncio.get_running_loop().time() + kept_s
        return found
