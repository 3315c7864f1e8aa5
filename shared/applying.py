"""Apply a plan: level by level, and one bad change stops only what needs it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from shared import logs, telemetry
from shared.core.applied import STANDS, AppliedChange, ChangeStatus, untried
from shared.core.plan import Change
from shared.errors import RetryableError, StaleRead, TerminalError
from shared.ports import Gateway

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applier:
    gateway: Gateway

    @telemetry.traced("apply")
    async def apply(
        self,
        plan: Sequence[Change],
        *,
        withheld: Mapping[str, AppliedChange],
        until: float,
        tell: Callable[[Sequence[AppliedChange]], Awaitable[None]] | None = None,
    ) -> tuple[AppliedChange, ...]:
        """Write *plan*, starting nothing after *until*; what became of each change, in order.

        Changes in *withheld* are not tried but recorded as given there. Ends with the level in
        which a change turned out STALE: the plan is worth nothing then. Before each level but the
        first, *tell* hears what is done.
        """
        done: list[AppliedChange] = []
        for _, level in groupby(plan, key=lambda change: change.level):
            if tell and any(item.status is ChangeStatus.APPLIED for item in done):
                await tell(done)
            failed = {item.change.path: item for item in done if item.status not in STANDS}
            results = await asyncio.gather(
                *(
                    _given(withheld[change.path])
                    if change.path in withheld
                    else self._one(change, failed, until)
                    for change in level
                ),
                return_exceptions=True,  # whatever one meets, its neighbours come to their end
            )
            done += [_or_raise(result) for result in results]
            if any(item.status is ChangeStatus.STALE for item in done):
                break
        return tuple(done)

    async def _one(
        self,
        change: Change,
        failed: Mapping[str, AppliedChange],
        until: float,
    ) -> AppliedChange:
        result = untried(change, failed) or await self._write(change, until)
        if result.status is not ChangeStatus.KEPT:
            _log(result)
        return result

    async def _write(self, change: Change, until: float) -> AppliedChange:
        try:
            await self.gateway.apply(change, until=until)
        except StaleRead as exc:
            return AppliedChange(change, ChangeStatus.STALE, str(exc))
        except RetryableError as exc:
            return AppliedChange(change, ChangeStatus.POSTPONED, str(exc), exc.retry_after)
        except TerminalError as exc:
            return AppliedChange(change, ChangeStatus.REJECTED, str(exc))
        return AppliedChange(change, ChangeStatus.APPLIED)


def _or_raise(result: AppliedChange | BaseException) -> AppliedChange:
    if isinstance(result, BaseException):
        raise result
    return result


async def _given(item: AppliedChange) -> AppliedChange:
    return item


def _log(item: AppliedChange) -> None:
    write = logs.info if item.status is ChangeStatus.APPLIED else logs.warning
    write(
        logger,
        f"change {item.status.value}",
        action=item.change.action.value,
        path=item.change.path,
        reason=item.change.reason,
        detail=item.detail,
    )
