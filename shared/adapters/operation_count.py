"""How many API operations the service has: the tier's quota counts them all, ours and others'.

There is no such number to ask for. It is the sum over all APIs, at one request per API: a gateway
with 500 APIs costs 500 of ARM's reads, which is 20 seconds of its rate. So it is counted once in
ten minutes per process, and kept true to our own writes in between.
"""

import asyncio
from urllib.parse import quote

from shared.adapters.gateway_reads import Reads
from shared.ports import Clock

_KEPT_S = 600.0


class OperationCount:
    def __init__(self, reads: Reads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._counting = asyncio.Lock()
        self._count = 0
        self._until = float("-inf")

    async def read(self, until: float) -> int:
        async with self._counting:
            if self._clock.monotonic() >= self._until:
                self._count = await self._sum(until)
                self._until = self._clock.monotonic() + _KEPT_S
            return self._count

    def change(self, by: int) -> None:
        self._count += by

    async def _sum(self, until: float) -> int:
        apis = await self._reads.list("apis", until)
        names = [quote(str(item.get("name", "")), safe="") for item in apis]
        return sum(await asyncio.gather(*(self._of(name, until) for name in names)))

    async def _of(self, api: str, until: float) -> int:
        """``count`` is of all records, whatever the page has (the reference's OperationCollection).

        Whether a list of APIs names other revisions too, which the quota counts, is UNVERIFIED.
        """
        path = f"apis/{api}/operations"
        answer = await self._reads.get(path, until, **{"$top": "1"})
        if answer is None:
            return 0
        if "count" not in answer.body:
            return len(await self._reads.list(path, until))
        return int(answer.body["count"])
