"""Commands by way of a deployed app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import aiohttp

from onramp.app_client import TIMEOUT, AppClient, base_url
from onramp.connection import Tell, Wish, chosen, split_deployment
from onramp.errors import CliError
from onramp.options import Deployed, Target
from onramp.records import StatusAnswer
from shared.core.records import (
    AcceptedAnswer,
    DeadLettersAnswer,
    DeploymentRecord,
    DeploymentsAnswer,
    HealthAnswer,
    PlanRecord,
    PlansAnswer,
    RunAnswer,
    RunLink,
    UnitRecord,
    UnitRunRecord,
    UnitsAnswer,
    WhyAnswer,
)
from shared.core.resource_ids import AccountId, parse_account_or_deployment
from shared.core.run_summaries import RunsAnswer
from shared.errors import InvalidId

_LOOK_S = 0.5  # between looks at a run
_PATIENCE_S = 900.0  # a run ends within minutes; the queue before it may be long
_UNDER_WAY = ("queued", "running")
_PAGE = "1000"


class App:
    """A deployed app."""

    def __init__(self, client: AppClient) -> None:
        self.client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, at: Deployed) -> AsyncIterator["App"]:
        base, headers = base_url(at.app), {"User-Agent": "model-onramp-cli"}
        if at.key:
            headers["x-functions-key"] = at.key
        if at.audience:
            headers["Authorization"] = f"Bearer {await _token(at.audience)}"
        async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
            yield cls(AppClient(session, base))

    async def plans(self, target: Target, wish: Wish) -> PlansAnswer:
        body = {**await self._body(target), **_wishes(wish), "dryRun": True}
        return await self.client.post("reimport", PlansAnswer, body)

    async def apply(self, plan: PlanRecord, wish: Wish, tell: Tell) -> UnitRunRecord:
        body = {"account": plan.account, "digest": plan.digest, **_wishes(wish)}
        accepted = await self.client.post("reimport", AcceptedAnswer, body)
        (done,) = await self.follow(accepted.run, tell)
        return done

    async def follow(self, asked: RunLink, tell: Tell) -> tuple[UnitRunRecord, ...]:
        """Look at a run until it ends; *tell* hears how far it is."""
        ends = monotonic() + _PATIENCE_S
        while monotonic() < ends:
            run = await self.client.get(f"runs/{asked.id}", RunAnswer)
            for it in run.units:
                tell(it)
            if all(it.status not in _UNDER_WAY for it in run.units):
                return run.units
            await asyncio.sleep(_LOOK_S)
        raise CliError(
            f"the run {asked.id} has not ended in {_PATIENCE_S / 60:.0f} minutes",
            "It goes on without you: see status. If it is still queued, the app's queue trigger "
            "does not run.",
        )

    async def status(self, target: Target) -> StatusAnswer:
        get = self.client.get
        health, deployments, units, letters, runs = await asyncio.gather(
            get("health", HealthAnswer, also=(503,)),
            self.deployments(),
            get("units", UnitsAnswer),
            get("dead-letters", DeadLettersAnswer, replayed="false"),
            get("runs", RunsAnswer, limit="5"),
        )
        found = _only(deployments, target)
        _check_known(target, found, units)
        return StatusAnswer(
            app=self.client.base,
            health=health,
            deployments=found,
            units=units.units,
            dead_letters=letters.dead_letters,
            runs=runs.runs,
        )

    async def why(self, deployment: str) -> WhyAnswer:
        account, name = split_deployment(deployment)
        found = [
            it
            for it in (await self.deployments()).deployments
            if it.name.lower() == name.lower() and account.lower() in _names(it)
        ]
        if len(found) == 1:
            return await self.client.get(f"deployments/{found[0].id}/why", WhyAnswer)
        if found:
            ids = "".join(f"\n  {it.account}/deployments/{it.name}" for it in found)
            raise CliError(f"{len(found)} deployments are called that", f"Use the id:{ids}")
        raise _never_seen(deployment)

    async def deployments(self) -> DeploymentsAnswer:
        """All of them, whatever a page holds."""
        answer = await self.client.get("deployments", DeploymentsAnswer, limit=_PAGE)
        found, after = [*answer.deployments], answer.next
        while after:
            page = await self.client.get("deployments", DeploymentsAnswer, limit=_PAGE, after=after)
            found += page.deployments
            after = page.next
        return answer.model_copy(update={"deployments": tuple(found), "next": ""})

    async def _body(self, target: Target) -> dict[str, object]:
        if target.deployment:
            account, name = split_deployment(target.deployment)
            unit = await self._account(account)
            return {"deployment": f"{unit.arm_id}/deployments/{name}"}
        if target.account:
            return {"account": (await self._account(target.account)).arm_id}
        return {"all": True}

    async def _account(self, text: str) -> AccountId:
        try:
            return parse_account_or_deployment(text)[0]
        except InvalidId:
            return AccountId.parse((await self.unit(text)).account)

    async def unit(self, text: str) -> UnitRecord:
        """The account with this name or id, as the app knows it."""
        return _unit(await self.client.get("units", UnitsAnswer), text)


def _unit(answer: UnitsAnswer, text: str) -> UnitRecord:
    known = {AccountId.parse(it.account): it for it in answer.units}
    return known[chosen(tuple(known), text)]


def _check_known(target: Target, found: DeploymentsAnswer, units: UnitsAnswer) -> None:
    """A name that is not there is a typing error, not an account without deployments."""
    if target.account and not found.deployments:
        _unit(units, target.account)
    if target.deployment and not found.deployments:
        raise _never_seen(target.deployment)


def _never_seen(deployment: str) -> CliError:
    account, name = split_deployment(deployment)
    return CliError(
        f"the app has never seen {account.rpartition('/')[2]}/{name}",
        "See python -m onramp status --deployments for those it knows; python -m onramp plan "
        "--account tells what it would make of one it should know.",
    )


def _only(answer: DeploymentsAnswer, target: Target) -> DeploymentsAnswer:
    """Those of the target; the counts stay those of all."""
    account, name = target.account.lower(), ""
    if target.deployment:
        account, name = (it.lower() for it in split_deployment(target.deployment))
    found = tuple(
        it
        for it in answer.deployments
        if account in ("", *_names(it)) and name in ("", it.name.lower())
    )
    return answer.model_copy(update={"deployments": found, "total": len(found)})


def _names(record: DeploymentRecord) -> tuple[str, str]:
    account = record.account.lower()
    return account, account.rpartition("/")[2]


def _wishes(wish: Wish) -> dict[str, bool]:
    return {"force": wish.force, "allowRemovals": wish.removals}


async def _token(audience: str) -> str:
    from onramp.sign_in import SignIn  # noqa: PLC0415 - azure's clients take a second to import

    async with SignIn() as sign_in:
        return (await sign_in.get_token(f"{audience.removesuffix('/.default')}/.default")).token
