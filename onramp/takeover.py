"""One API on its way to become ours: each step is checked by reading what stands.

So whatever ended a takeover half way, a lost terminal included, the next one sees what is left.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from types import FrameType

from onramp.adoption import (
    ASIDE,
    Adoption,
    Case,
    adoption,
    answers,
    is_needed,
    marks,
    path_of,
    plan_without_it,
)
from onramp.adoption_losses import losses
from onramp.adoption_reads import Reader, leads_elsewhere, side_of_ours
from onramp.adoption_words import az, to_write, words
from onramp.connection import Tell, Wish
from onramp.direct import Direct
from onramp.errors import CliError
from onramp.records import AdoptionAnswer
from shared.adapters.gateway_reads import API_VERSION
from shared.core.model import Json
from shared.core.outlook import Outlook, plan_record
from shared.core.ownership import mark_of
from shared.core.plan import Action, Change
from shared.core.records import PlanRecord, UnitRunRecord
from shared.core.survey import GatewaySurvey, SurveyedApi
from shared.errors import OnboardingError

_STANDS = frozenset({"applied", "kept"})
_LOOKS = 3  # an app that runs on its own may write at the same moment
_UNDO_PAUSES_S = (0.0, 2.0, 6.0)  # what was cut off may still be taking effect


@dataclass(frozen=True, slots=True)
class Takeover:
    """What was found of an API and of the account that it is to be of.

    Attributes:
        products: That it is in; *unlinked* are those that ours is not in.
    """

    direct: Direct
    name: str
    body: Json
    outlook: Outlook
    adoption: Adoption
    products: tuple[str, ...] = ()
    unlinked: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    async def find(cls, direct: Direct, name: str, account: str) -> "Takeover":
        """Read all that decides.

        Raises:
            CliError: there is no such API, or it is none that can be taken over.
        """
        if ";" in name:
            raise CliError(
                f"{name} is one revision of an API", "Name the API: its id without ;rev=."
            )
        reader = Reader(direct)
        body = (await reader.api(name)).body
        name = str(body.get("name") or name)
        _check_owner(name, body, direct.settings.owner)
        outlook = await direct.look(await direct.unit(account), Wish())
        if outlook.account is None:
            raise CliError(f"there is no account {account}", "Check --account.")
        its = adoption(name, body, outlook, owner=direct.settings.owner)
        made = cls(direct, name, body, outlook, its)
        if its.case is Case.OURS:
            return made
        api, survey = await reader.survey(name)
        led = leads_elsewhere(api, survey, outlook.account)
        if its.case is Case.ELSEWHERE:
            return made
        made._check()
        ours = its.ours.partition("/")[2]
        products, linked = await asyncio.gather(reader.products(name), reader.products(ours))
        unlinked = tuple(it for it in products if it not in linked)
        if its.case is Case.RESUME and not unlinked and answers(outlook, its):
            return replace(made, adoption=replace(its, case=Case.OURS))
        lost = await made._lost(reader, api, survey)
        return replace(made, products=products, unlinked=unlinked, warnings=(*led, *lost))

    @property
    def case(self) -> Case:
        return self.adoption.case

    @property
    def plan(self) -> PlanRecord:
        """Of the account, as adopting will find it."""
        return plan_record(replace(self.outlook, plan=self._plan))

    @property
    def answer(self) -> AdoptionAnswer:
        steps, next_step, undo = words(self)
        return AdoptionAnswer(
            api=self.name,
            path=path_of(self.body),
            account=self.outlook.unit.arm_id,
            case=self.case.value,
            steps=tuple(steps),
            warnings=self.warnings,
            snippet=to_write(self),
            next_step=next_step,
            undo=undo,
        )

    @property
    def is_served(self) -> bool:
        """Whether ours answers at the path already, so that nothing is to be taken back."""
        return answers(self.outlook, self.adoption)

    def marks(self) -> Mapping[str, str]:
        return marks(self.outlook, self.adoption.ours, owner=self.direct.settings.owner)

    async def run(self, tell: Tell, say: Callable[[str], None]) -> None:
        """Do what is left; *say* hears what is taken back."""
        if self.case is Case.MARK:
            await self._mark()
        elif self.is_served:
            await self._make_ours(tell)
        else:
            async with self._taken_back(say):
                await self._move(f"apis/{self.name}", f"{self.adoption.path}{ASIDE}")
                await self._make_ours(tell)

    async def _mark(self) -> None:
        for path, text in self.marks().items():
            item = self.outlook.actual.resources[path]
            await self._patch(path, {"description": text}, item.etag)

    async def _make_ours(self, tell: Tell) -> None:
        for _ in range(_LOOKS):
            outlook = await self.direct.look(self.outlook.unit, Wish())
            run = await self.direct.write(outlook, tell, started=self.direct.clock.now())
            if not run.error:
                break
        if said := _obstacle(run, self.adoption.ours):
            raise CliError(
                f"ours could not be made: {said}",
                "Change what the message says, and adopt it again.",
            )
        for product in self.unlinked:
            path = f"products/{product}/{self.adoption.ours}"
            await self.direct.arm.put(
                self._at(path),
                None,
                api_version=API_VERSION,
                if_match=None,
                until=self.direct.until,
            )

    @asynccontextmanager
    async def _taken_back(self, say: Callable[[str], None]) -> AsyncIterator[None]:
        """What fails is taken back, Ctrl-C included; a second Ctrl-C is not heard."""
        where = f"/{self.adoption.path}"
        with _one_interrupt():
            try:
                yield
            except BaseException as exc:  # Ctrl-C and bugs too: its callers get no answer now
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                say(f"{self.name} goes back to {where}: please wait")
                await self._take_back(exc)
                say(f"{self.name} is at {where}, as before.")
                raise

    async def _take_back(self, cause: BaseException) -> None:
        for pause in _UNDO_PAUSES_S:
            await self.direct.clock.sleep(pause)
            try:
                await self._take_ours_off()
                await self._move(f"apis/{self.name}", self.adoption.path)
            except OnboardingError as exc:
                also = exc
            else:
                return
        raise CliError(
            f"{str(cause) or 'stopped'}; and {self.name} could not be moved back: {also}",
            "Adopt it again to go on. To go back, delete "
            f"{self.adoption.ours}, then: {az(self, f'--path {self.adoption.path}')}",
        ) from cause

    async def _take_ours_off(self) -> None:
        """What was half made holds the path that the other is to have again.

        Ours may have stood at another path before: then it goes back there.
        """
        path, its = self.adoption.ours, self.adoption.path.lower()
        before = self.outlook.actual.resources.get(path)
        was = path_of(before.body) if before else ""
        outlook = await self.direct.look(self.outlook.unit, Wish())
        stands = outlook.actual.resources.get(path)
        if stands is None:
            return
        if was and was.lower() != its:
            await self._move(path, was)
            return
        change = Change(Action.DELETE, path, "not adopted", actual=stands)
        await self.direct.gateway.apply(change, until=self.direct.until)

    async def _move(self, api: str, path: str) -> None:
        found = await Reader(self.direct).api(api.partition("/")[2])
        if path_of(found.body) != path:
            await self._patch(api, {"path": path}, found.etag)

    async def _patch(self, path: str, properties: Json, etag: str) -> None:
        await self.direct.arm.patch(
            self._at(path),
            {"properties": properties},
            api_version=API_VERSION,
            if_match=etag,
            until=self.direct.until,
        )

    def _at(self, path: str) -> str:
        return f"{self.direct.settings.gateway_id.arm_id}/{path}"

    @property
    def _plan(self) -> tuple[Change, ...]:
        if self.case not in (Case.MARK, Case.REPLACE):
            return self.outlook.plan
        owner = self.direct.settings.owner
        return plan_without_it(self.outlook, self.adoption.ours, owner=owner)

    def _check(self) -> None:
        if self.body["properties"].get("apiVersionSetId"):
            raise CliError(
                f"{self.name} is one of several versions of an API, which share one path",
                "Take it out of its version set first, or give ours another path in onramp.yaml.",
            )
        if self.outlook.held:
            raise CliError(f"the account is held: {self.outlook.held}", "See status.")
        needed = (it for it in self._plan if is_needed(it.path, self.adoption.ours))
        for it in needed:
            if it.action is Action.BLOCKED:
                raise CliError(
                    f"ours can't be made: {it.path} {it.reason}{_whose(it)}",
                    "Take that off first, or adopt the API that it belongs to.",
                )

    async def _lost(self, reader: Reader, api: SurveyedApi, survey: GatewaySurvey) -> Iterator[str]:
        """What callers lose, as warnings."""
        theirs, subscriptions = await asyncio.gather(
            reader.side(self.name, self.body, api, survey), reader.subscriptions(self.name)
        )
        ours = side_of_ours(self.outlook, self.adoption.ours)
        return chain(losses(theirs, ours), self._alone(subscriptions))

    def _alone(self, subscriptions: tuple[str, ...]) -> Iterator[str]:
        if self.case is not Case.MARK and subscriptions:
            yield (
                f"The keys of these subscriptions are for {self.name} alone and won't open ours: "
                f"{', '.join(subscriptions)}. Give their owners others first."
            )


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """The first Ctrl-C cancels, as asyncio has it; asyncio would let the second one kill."""
    asyncios = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if callable(asyncios):
            asyncios(number, frame)

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, asyncios)


def _check_owner(name: str, body: Json, owner: str) -> None:
    """What another installation made, it would write again."""
    mark = mark_of(body)
    if mark is not None and mark.owner != owner:
        raise CliError(
            f"{name} belongs to another installation, with the owner {mark.owner}",
            "Have that one give it up first; or give its --owner, if it is the one that you mean.",
        )


def _whose(change: Change) -> str:
    mark = mark_of(change.actual.body) if change.actual else None
    return f" and has the owner mark {mark}" if mark else ""


def _obstacle(run: UnitRunRecord, ours: str) -> str:
    """Why our API can't answer; "" if it can."""
    done = {it.path: it for it in run.changes if is_needed(it.path, ours)}
    if ours not in done:
        return run.error or "nothing was written"
    for it in done.values():
        if it.status not in _STANDS:
            return f"{it.path} is {it.status}: {it.detail}"
    return ""
