"""Commands on the gateway itself, with the user's own sign-in: no app, no storage, no memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from onramp.connection import Tell, Wish, chosen, split_deployment
from onramp.errors import CliError
from onramp.looking import decision_record, served_record
from onramp.options import Target, Where
from onramp.records import DecisionAnswer, ServedAccountRecord, ServedAnswer
from onramp.sign_in import SignIn
from shared.adapters.arm import Arm
from shared.adapters.gateway_reads import API_VERSION
from shared.adapters.gateway_survey import ApimSurvey
from shared.applying import Applier
from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.model import Account, Wants
from shared.core.moments import said
from shared.core.naming import unit_hash
from shared.core.observed import Rules
from shared.core.orders import Order
from shared.core.outlook import Outlook, change_record, plan_record
from shared.core.policy_rules import read_rules
from shared.core.records import (
    FindingRecord,
    PlanRecord,
    PlansAnswer,
    RunState,
    UngovernedAnswer,
    UnitRunRecord,
)
from shared.core.resource_ids import AccountId
from shared.core.runs import after_changes, run_status
from shared.core.single_flight import Claim
from shared.core.ungoverned import ungoverned
from shared.errors import ConfigError, Denied, OnboardingError, Unavailable
from shared.planning import Planner
from shared.ports import Clock, Gateway, Inventory
from shared.rules_file import read_rules_file
from shared.settings import Settings, read_settings
from shared.wiring import outside

_AT_ONCE = 4  # accounts
_PATIENCE_S = 8.0  # for the first answer: whoever watches learns soon that there is none
_DEFAULT_RULES = Path("onramp.yaml")


@dataclass(frozen=True, slots=True)
class Direct:
    """One gateway."""

    settings: Settings
    arm: Arm
    clock: Clock
    gateway: Gateway
    inventory: Inventory
    planner: Planner
    survey: ApimSurvey

    @classmethod
    @asynccontextmanager
    async def open(cls, where: Where) -> AsyncIterator["Direct"]:
        its, rules = _settings(where), _rules(where)
        async with SignIn() as sign_in:
            it = outside(its, rules, sign_in)
            try:
                await _check_gateway(it.arm, its, until=it.clock.monotonic() + _PATIENCE_S)
                yield cls(its, it.arm, it.clock, it.gateway, it.inventory, it.planner, it.survey)
            finally:
                await it.arm.close()

    @property
    def rules(self) -> Rules:
        return self.planner.rules

    @property
    def until(self) -> float:
        """By when to start the last request of something that begins now."""
        return self.clock.monotonic() + self.settings.run_deadline_s

    async def plans(self, target: Target, wish: Wish) -> PlansAnswer:
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(unit: AccountId) -> PlanRecord:
            async with slots:
                try:
                    return plan_record(await self.look(unit, wish))
                except OnboardingError as exc:
                    return _no_plan(unit, exc)

        plans = await asyncio.gather(*map(one, await self.units(target)))
        return PlansAnswer(writes=sum(it.writes for it in plans), plans=tuple(plans))

    async def apply(self, plan: PlanRecord, wish: Wish, tell: Tell) -> UnitRunRecord:
        """What was read before somebody said yes may be old, so all is read again first."""
        unit, started = AccountId.parse(plan.account), self.clock.now()
        outlook = await self.look(unit, wish)
        if outlook.digest != plan.digest:
            raise CliError(
                "the plan is no longer the one that was shown",
                "Somebody changed something meanwhile: look at the new plan.",
            )
        return await self.write(outlook, tell, started=started)

    async def write(self, outlook: Outlook, tell: Tell, *, started: datetime) -> UnitRunRecord:
        """Apply what was just looked at, under its ETags.

        Raises:
            CliError: it would take off more than an accident may.
        """
        if outlook.held:
            raise CliError(outlook.held, "Nothing was written. See plan; apply --digest does it.")

        async def progress(done: Sequence[AppliedChange]) -> None:
            tell(_record(outlook, done, started, "running"))

        await progress(())
        done = await Applier(self.gateway).apply(
            outlook.plan, withheld=outlook.withheld, until=self.until, tell=progress
        )
        verdicts = after_changes(outlook.wanted.verdicts, done)
        state: RunState = run_status(done, outlook.wanted.verdicts).value
        record = _record(outlook, done, started, state)
        reasons = (f"{it.name}: {it.reason}" for it in verdicts if it.state.value == "quarantined")
        update = {"finished": said(self.clock.now()), "notes": (*record.notes, *reasons)}
        return record.model_copy(update=update)

    async def served(self, target: Target) -> ServedAnswer:
        """What the gateway serves now."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(unit: AccountId) -> ServedAccountRecord:
            async with slots:
                try:
                    actual = await self.gateway.actual(unit, Wants(), until=self.until)
                except OnboardingError as exc:
                    return ServedAccountRecord(account=unit.arm_id, error=str(exc))
            return served_record(unit, actual, owner=self.settings.owner)

        found = await asyncio.gather(*map(one, await self.units(target)))
        return ServedAnswer(gateway=self.settings.gateway_id.arm_id, accounts=tuple(found))

    async def ungoverned(self) -> UngovernedAnswer:
        """What reaches models past us; what our APIs let through counts as onboarded."""
        slots, until = asyncio.Semaphore(_AT_ONCE), self.until

        async def one(unit: AccountId) -> Account | None:
            async with slots:
                return await self.inventory.read(unit, confirm=frozenset(), until=until)

        survey = await self.survey.read(until=until)
        found = await asyncio.gather(*map(one, await self.inventory.accounts()))
        accounts, owner = [it for it in found if it is not None], self.settings.owner
        ids = {unit_hash(it.id): it.id.arm_id.lower() for it in accounts}
        known = {
            (ids.get(api.mark.unit, ""), name.lower()): "applied"
            for api in survey.apis
            if api.mark and api.is_of(owner)
            for name in read_rules(api.policy).served
        }
        findings = ungoverned(survey, accounts, known, owner=owner)
        records = (FindingRecord.model_validate(asdict(it)) for it in findings)
        return UngovernedAnswer(at=said(self.clock.now()), findings=tuple(records))

    async def decision(self, deployment: str) -> DecisionAnswer:
        """What would become of a deployment now."""
        account, name = split_deployment(deployment)
        outlook = await self.look(await self.unit(account), Wish())
        return decision_record(outlook, name)

    async def look(self, unit: AccountId, wish: Wish) -> Outlook:
        """As the app looks, but that nobody remembers anything."""
        claim = Claim(
            unit, gen=0, owner="", epoch=0, go_ahead=wish.removals, order=Order(force=wish.force)
        )
        return await self.planner.look(claim, until=self.until)

    async def units(self, target: Target) -> tuple[AccountId, ...]:
        if target.deployment:
            return (await self.unit(split_deployment(target.deployment)[0]),)
        if target.account:
            return (await self.unit(target.account),)
        return await self._watched()

    async def unit(self, text: str) -> AccountId:
        """The account with this name or id."""
        if text.startswith("/"):
            return AccountId.parse(text)
        return chosen(await self._watched(), text)

    async def _watched(self) -> tuple[AccountId, ...]:
        """Those that ARM has, and those that the gateway still has something of."""
        accounts, owned = await asyncio.gather(
            self.inventory.accounts(), self.gateway.owned_units(self.settings.owner)
        )
        watched = {it for it in owned if it.subscription in self.settings.watched}
        return tuple(sorted({*accounts, *watched}))


def _settings(where: Where) -> Settings:
    """The options, as the app reads its environment: the same rules, the same words."""
    env = {
        "ONRAMP_GATEWAY_ID": where.gateway,
        "ONRAMP_SUBSCRIPTIONS": where.subscriptions,
        "ONRAMP_OWNER": where.owner,
        "ONRAMP_MODE": where.mode.value,
        "ONRAMP_GRACE_HOURS": str(where.grace_hours),
        "ONRAMP_ARM_ENDPOINT": where.arm_endpoint,
        "AzureWebJobsStorage": "not used",
    }
    try:
        return read_settings(env)
    except ConfigError as exc:
        problems = str(exc).partition("\n")[2]
        raise CliError(f"these options can't be used:\n{problems}", "Correct them.") from exc


def _rules(where: Where) -> Rules:
    path = where.rules or (_DEFAULT_RULES if _DEFAULT_RULES.is_file() else None)
    try:
        book = read_rules_file(path)
    except ConfigError as exc:
        raise CliError(str(exc), "docs/settings.md describes the file.") from exc
    grace = timedelta(hours=where.grace_hours)
    return Rules(owner=where.owner, mode=where.mode, grace=grace, book=book)


async def _check_gateway(arm: Arm, its: Settings, *, until: float) -> None:
    """One error for all, before each account has its own."""
    gateway = its.gateway_id
    try:
        found = await arm.get(gateway.arm_id, api_version=API_VERSION, until=until)
    except Denied as exc:
        raise CliError(
            f"you may not see the gateway {gateway.name}",
            "To plan you need the role Reader on it and on the accounts; az account show tells "
            "who you are.",
        ) from exc
    except Unavailable as exc:
        raise _unavailable(str(exc), its) from exc
    if found is None:
        raise CliError(
            f"there is no gateway {gateway.name} in {gateway.resource_group}, or it is hidden "
            "from you",
            "Check --gateway: az apim list --query [].id. To plan you need the role Reader.",
        )


def _unavailable(said: str, its: Settings) -> CliError:
    """Azure Resource Manager takes nobody's token, or can't be reached at all."""
    host = urlsplit(its.arm_endpoint).netloc
    _, refused, why = said.partition(" answered 401 ")
    if refused:
        return CliError(
            f"{host} does not take your sign-in: {why.partition('; check its role')[0]}",
            "Sign in to the gateway's tenant: az login --tenant <tenant>.",
        )
    if " answered nothing " in said:
        return CliError(
            f"{host} can't be reached",
            "Check --arm-endpoint, your network, and HTTPS_PROXY if there is a proxy.",
        )
    return CliError(said, "Try again in a minute.")


def _no_plan(unit: AccountId, exc: OnboardingError) -> PlanRecord:
    return PlanRecord(
        unit_id=unit_hash(unit), account=unit.arm_id, digest="", mode="", error=str(exc)
    )


def _record(
    outlook: Outlook, done: Sequence[AppliedChange], started: datetime, status: RunState
) -> UnitRunRecord:
    is_stale = any(it.status is ChangeStatus.STALE for it in done)
    return UnitRunRecord(
        unit_id=unit_hash(outlook.unit),
        account=outlook.unit.arm_id,
        status=status,
        started=said(started),
        writes=sum(it.status is ChangeStatus.APPLIED for it in done),
        planned=len(outlook.writes),
        changes=tuple(change_record(it.change, it) for it in done),
        notes=outlook.wanted.notes,
        error="somebody else wrote meanwhile: run it again" if is_stale else "",
    )
