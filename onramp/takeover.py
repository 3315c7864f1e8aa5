"""One API on its way to become ours, step by step; what fails is taken back."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote

from onramp.adoption import (
    ASIDE,
    Adoption,
    Case,
    adoption,
    is_needed,
    marks,
    plan_when_marked,
)
from onramp.adoption_words import az, to_write, words
from onramp.connection import Tell, Wish
from onramp.direct import Direct
from onramp.errors import CliError
from onramp.records import AdoptionAnswer
from shared.adapters.arm import Answer
from shared.adapters.gateway_reads import API_VERSION
from shared.core.leads import leads_of
from shared.core.model import Account, Json
from shared.core.model_hosts import AccountHosts, host_of
from shared.core.outlook import Outlook, plan_record
from shared.core.plan import Action, Change
from shared.core.records import PlanRecord, UnitRunRecord
from shared.errors import OnboardingError

_STANDS = frozenset({"applied", "kept"})


@dataclass(frozen=True, slots=True)
class Takeover:
    """What was found of an API and of the account that it is to be of.

    Attributes:
        products: That it is in, and *subscriptions* whose keys are for it alone.
    """

    direct: Direct
    name: str
    body: Json
    outlook: Outlook
    adoption: Adoption
    products: tuple[str, ...]
    subscriptions: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    async def find(cls, direct: Direct, name: str, account: str) -> "Takeover":
        """Read all that decides.

        Raises:
            CliError: there is no such API, it leads to another account, or it is one of several
                versions of an API.
        """
        found = await _Reader(direct).api(name)
        name = str(found.body.get("name") or name)
        outlook = await direct.look(await direct.unit(account), Wish())
        if outlook.account is None:
            raise CliError(f"there is no account {account}", "Check --account.")
        its = adoption(name, found.body, outlook, owner=direct.settings.owner)
        made = cls(direct, name, found.body, outlook, its, (), ())
        if its.case in (Case.OURS, Case.ELSEWHERE):
            return made
        made._check()
        warnings = (*await _leads_elsewhere(direct, name, outlook.account), *made._key_names())
        products, subscriptions = await asyncio.gather(
            _Reader(direct).products(name), _Reader(direct).subscriptions(name)
        )
        return replace(
            made, products=products, subscriptions=subscriptions, warnings=tuple(warnings)
        )

    @property
    def case(self) -> Case:
        return self.adoption.case

    @property
    def plan(self) -> PlanRecord:
        """Of the account: with its mark, if that is what it gets."""
        if self.case is not Case.MARK:
            return plan_record(self.outlook)
        changes = plan_when_marked(self.outlook, self.marks(), owner=self.direct.settings.owner)
        return plan_record(replace(self.outlook, plan=changes))

    @property
    def answer(self) -> AdoptionAnswer:
        steps, next_step, undo = words(self)
        return AdoptionAnswer(
            api=self.name,
            path=str(self.body["properties"].get("path") or ""),
            account=self.outlook.unit.arm_id,
            case=self.case.value,
            steps=tuple(steps),
            warnings=self._all_warnings(),
            snippet=to_write(self),
            next_step=next_step,
            undo=undo,
        )

    async def run(self, tell: Tell) -> None:
        if self.case is Case.MARK:
            await self._mark()
            return
        async with self._moved_aside():
            await self._make_ours(tell)

    async def _mark(self) -> None:
        for path, text in self.marks().items():
            item = self.outlook.actual.resources[path]
            await self._patch(path, {"description": text}, item.etag)

    async def _make_ours(self, tell: Tell) -> None:
        outlook = await self.direct.look(self.outlook.unit, Wish())
        run = await self.direct.write(outlook, tell, started=self.direct.clock.now())
        if said := _obstacle(run, self.adoption.ours):
            raise CliError(
                f"ours could not be made: {said}",
                f"{self.name} is back at /{self.adoption.path}. Change what the message says, and "
                "adopt it again.",
            )
        api = self.adoption.ours.partition("/")[2]
        for product in self.products:
            path = f"products/{product}/apis/{api}"
            await self.direct.arm.put(
                self._at(path), None, api_version=API_VERSION, if_match=None, until=self._until
            )

    @asynccontextmanager
    async def _moved_aside(self) -> AsyncIterator[None]:
        """The API elsewhere, and back again if something fails, Ctrl-C included."""
        if self.case is Case.REPLACE:
            await self._move(f"{self.adoption.path}{ASIDE}")
        try:
            yield
        except BaseException as exc:
            try:
                await self._take_ours_off()
                await self._move(self.adoption.path)
            except OnboardingError as also:
                raise CliError(
                    f"{exc}; and {self.name} could not be moved back: {also}",
                    f"Delete {self.adoption.ours}, then: "
                    + az(self, f"--path {self.adoption.path}"),
                ) from exc
            raise

    async def _take_ours_off(self) -> None:
        """What was half made holds the path that the other is to have again."""
        outlook = await self.direct.look(self.outlook.unit, Wish())
        path = self.adoption.ours
        if path in outlook.actual.resources:
            change = Change(
                Action.DELETE, path, "not adopted", actual=outlook.actual.resources[path]
            )
            await self.direct.gateway.apply(change, until=self._until)

    async def _move(self, path: str) -> None:
        found = await _Reader(self.direct).api(self.name)
        await self._patch(f"apis/{self.name}", {"path": path}, found.etag)

    async def _patch(self, path: str, properties: Json, etag: str) -> None:
        await self.direct.arm.patch(
            self._at(path),
            {"properties": properties},
            api_version=API_VERSION,
            if_match=etag,
            until=self._until,
        )

    @property
    def _until(self) -> float:
        return self.direct.until

    def _at(self, path: str) -> str:
        return f"{self.direct.settings.gateway_id.arm_id}/{path}"

    def marks(self) -> Mapping[str, str]:
        return marks(self.outlook, self.adoption.ours, owner=self.direct.settings.owner)

    def _check(self) -> None:
        properties = self.body["properties"]
        if properties.get("apiVersionSetId"):
            raise CliError(
                f"{self.name} is one of several versions of an API, which share one path",
                "Take it out of its version set first, or give ours another path in onramp.yaml.",
            )
        if self.outlook.held:
            raise CliError(f"the account is held: {self.outlook.held}", "See status.")

    def _key_names(self) -> list[str]:
        """Where callers put their key now, if ours won't look there."""
        if self.case is Case.MARK:
            return []
        resources = {it.path: it.body for it in self.outlook.wanted.resources}
        theirs = self.body["properties"].get("subscriptionKeyParameterNames") or {}
        ours = resources[self.adoption.ours]["properties"]["subscriptionKeyParameterNames"]
        if theirs.get("header", "").lower() in ("", ours["header"].lower()):
            return []
        return [f"Callers send their key as {theirs['header']}; ours takes it as {ours['header']}."]

    def _all_warnings(self) -> tuple[str, ...]:
        if self.case is Case.MARK or not self.subscriptions:
            return self.warnings
        names = ", ".join(self.subscriptions)
        warning = (
            f"The keys of these subscriptions are for {self.name} alone and won't open ours: "
            f"{names}. Give their owners others first."
        )
        return (*self.warnings, warning)


@dataclass(frozen=True, slots=True)
class _Reader:
    direct: Direct

    async def api(self, name: str) -> Answer:
        found = await self.direct.arm.get(
            f"{self._root}/apis/{quote(name, safe='')}",
            api_version=API_VERSION,
            until=self.direct.until,
        )
        if found is None:
            raise CliError(
                f"there is no API {name} on {self.direct.settings.gateway_id.name}",
                "The portal shows an API's id under Settings; so does: az apim api list.",
            )
        return found

    async def products(self, name: str) -> tuple[str, ...]:
        items = await self._list(f"apis/{quote(name, safe='')}/products")
        return tuple(sorted(str(it.get("name")) for it in items))

    async def subscriptions(self, name: str) -> tuple[str, ...]:
        """Those whose scope is this API alone; a scope is a whole resource id."""
        end = f"/apis/{name}".lower()
        items = await self._list("subscriptions")
        return tuple(
            sorted(
                str(it["properties"].get("displayName") or it.get("name"))
                for it in items
                if str(it["properties"].get("scope", "")).lower().endswith(end)
            )
        )

    async def _list(self, path: str) -> list[Json]:
        pages = self.direct.arm.list(
            f"{self._root}/{path}", api_version=API_VERSION, until=self.direct.until
        )
        return [it async for it in pages]

    @property
    def _root(self) -> str:
        return self.direct.settings.gateway_id.arm_id


async def _leads_elsewhere(direct: Direct, name: str, account: Account) -> list[str]:
    """Warnings about what was not understood.

    Raises:
        CliError: the API leads somewhere, and nowhere to *account*.
    """
    survey = await direct.survey.read(until=direct.until)
    api = next((it for it in survey.apis if it.name.lower() == name.lower()), None)
    if api is None:
        return [f"Where {name} leads was not found: it is no current revision."]
    found, hosts = leads_of(api, survey), AccountHosts.of([account])
    reached = [it for it in found.leads if hosts.accounts(it)]
    others = sorted({host_of(it.url) for it in found.leads if not hosts.accounts(it)} - {""})
    if others and not reached:
        raise CliError(
            f"{name} leads to {', '.join(others)}, not to {account.id.name}",
            "Name the --account that it leads to.",
        )
    warnings = [f"Not understood of it: {it}." for it in sorted(found.unclear)]
    warnings += [f"It also leads to {it}, where ours won't." for it in others]
    return warnings


def _obstacle(run: UnitRunRecord, ours: str) -> str:
    """Why our API can't answer; "" if it can."""
    done = {it.path: it for it in run.changes if is_needed(it.path, ours)}
    if ours not in done:
        return run.error or "nothing was written"
    for it in done.values():
        if it.status not in _STANDS:
            return f"{it.path} is {it.status}: {it.detail}"
    return ""
