"""What stands of an account, and what would be decided for one of its deployments, as records."""

from collections.abc import Iterator

from onramp.errors import CliError
from onramp.records import DecisionAnswer, PlaceRecord, ServedAccountRecord, ServedApiRecord
from shared.core.model import Actual, Deployment
from shared.core.naming import api_id
from shared.core.outlook import Outlook, change_record
from shared.core.plan import WRITES, Action
from shared.core.policy_features import Limit
from shared.core.resource_ids import AccountId
from shared.core.standing import read_standing
from shared.core.states import DeploymentState, Verdict
from shared.core.stories import advice_on
from shared.core.surfaces import SURFACES


def served_record(unit: AccountId, actual: Actual, *, owner: str) -> ServedAccountRecord:
    """The APIs of ours that stand, and whom their policies let through."""
    apis = []
    for surface, api in read_standing(unit, actual, owner=owner).items():
        id_ = api_id(unit, surface)
        apis.append(
            ServedApiRecord(
                surface=surface,
                api=id_,
                path=_path(actual.resources[f"apis/{id_}"].body),
                deployments=tuple(sorted(api.rules.served)),
                retired=tuple(sorted(api.rules.retired)),
                products=api.products,
            )
        )
    return ServedAccountRecord(account=unit.arm_id, apis=tuple(apis))


def decision_record(outlook: Outlook, name: str) -> DecisionAnswer:
    """What becomes of the deployment called *name*.

    Raises:
        CliError: neither ARM nor the gateway has it.
    """
    verdict = _verdict(outlook, name)
    made = verdict.deployment
    writes = (*WRITES, Action.BLOCKED)
    return DecisionAnswer(
        account=outlook.unit.arm_id,
        name=verdict.name,
        state=verdict.state.value,
        reason=verdict.reason,
        advice=_advice(outlook, verdict),
        model=_model(made) if made else "",
        kind=verdict.kind.value,
        provisioning_state=made.provisioning_state if made else "",
        because=verdict.because,
        places=tuple(_places(outlook, verdict)),
        notes=(*_unwritten(outlook), *outlook.wanted.notes),
        changes=tuple(
            change_record(it, outlook.untouched.get(it.path))
            for it in outlook.plan
            if it.path in verdict.resources and it.action in writes
        ),
    )


def _verdict(outlook: Outlook, name: str) -> Verdict:
    verdicts = outlook.verdicts
    for it in verdicts:
        if it.name.lower() == name.lower():
            return it
    known = ", ".join(it.name for it in verdicts) or "none"
    raise CliError(
        f"{outlook.unit.name} has no deployment {name}",
        f"It has: {known}. Deploy it, or check the name.",
    )


def _unwritten(outlook: Outlook) -> Iterator[str]:
    if outlook.held:
        yield f"held, so none of this is written: {outlook.held}"
    if outlook.observes and outlook.writes:
        yield "in mode observe the app itself writes nothing of this"


def _advice(outlook: Outlook, verdict: Verdict) -> str:
    if outlook.observes and verdict.state is DeploymentState.SEEN:
        return "Change the account's mode, or apply its plan yourself, if it should be served."
    return advice_on(verdict.state.value)


def _places(outlook: Outlook, verdict: Verdict) -> Iterator[PlaceRecord]:
    wanted = {it.path: it.body for it in outlook.wanted.resources}
    for name, rule in verdict.rules.items():
        body = wanted.get(f"apis/{api_id(outlook.unit, SURFACES[name].name)}", {})
        yield PlaceRecord(
            surface=name,
            path=_path(body),
            limit=_limit(rule.limit),
            content_safety=f"by {rule.safety.backend}" if rule.safety else "",
        )


def _path(body: object) -> str:
    properties = body.get("properties") if isinstance(body, dict) else None
    return str((properties or {}).get("path", ""))


def _model(made: Deployment) -> str:
    model = made.model
    return f"{model.format} {model.name} {model.version}, {made.sku} {made.capacity}"


def _limit(limit: Limit | None) -> str:
    if limit is None:
        return ""
    rate = f"{limit.tokens_per_minute:,} tokens a minute" if limit.tokens_per_minute else ""
    quota = f"{limit.quota[0]:,} tokens {limit.quota[1].lower()}" if limit.quota else ""
    return f"{', '.join(filter(None, (rate, quota)))} per {limit.counter_key}"
