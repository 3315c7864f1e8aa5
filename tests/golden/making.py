"""From a world to its plans, and from those to text."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared.core.desired import Desired, desired
from shared.core.model import Account, Actual, ActualResource, GatewayFacts, RoleGrant
from shared.core.naming import unit_hash
from shared.core.observed import Observed
from shared.core.plan import WRITES, Action, Change, make_plan
from shared.core.resource_kinds import POLICIES, ResourceKind
from shared.core.rulebook import RuleBook
from shared.core.standing import read_standing
from shared.rules_file import read_rules_file
from tests.builders import RULES, UNIT, as_actual
from tests.golden.worlds import START, Step, World

_WIDTH = 96
_BELOW = "(below)"


@dataclass(frozen=True, slots=True)
class Look:
    """One reconcile of the world."""

    says: str
    desired: Desired
    plan: tuple[Change, ...]

    @property
    def writes(self) -> tuple[Change, ...]:
        return tuple(change for change in self.plan if change.action in WRITES)


def looks(world: World) -> tuple[Look, ...]:
    """What is decided at first, and after each of its steps."""
    rules = replace(RULES, book=_book(world.rules))
    actual: dict[str, ActualResource] = {}
    now, facts, found = START, world.facts, []
    for step in (Step("", world.account), *world.then):
        now += step.after
        standing = read_standing(UNIT, Actual(world.service, actual), owner=rules.owner)
        seen = Observed(UNIT, step.account, standing, world.service, now, facts=facts)
        wanted = desired(seen, rules)
        plan = make_plan(wanted, actual, owner=rules.owner, unit=unit_hash(UNIT))
        look = Look(step.says, wanted, plan)
        found.append(look)
        actual = _after(actual, look.writes)
        facts = _facts_after(facts, look.writes)
    return tuple(found)


def writes(world: World) -> list[Change]:
    """All that is written, step after step."""
    return [change for look in looks(world) for change in look.writes]


def text_of(world: World) -> str:
    """The golden file."""
    first, *later = looks(world)
    parts = [
        world.says,
        f"Gateway: {world.sku}. {_account(world.account)}",
        *([f"onramp.yaml:\n\n{_indented(world.rules)}"] if world.rules else []),
        *_look(first),
    ]
    for look in later:
        parts += [f"########## then: {look.says}", *_look(look)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def document_of(change: Change) -> str:
    """The OpenAPI document that an API is made from; empty for other resources."""
    if change.kind is not ResourceKind.API or change.desired is None:
        return ""
    return str(change.desired.body["properties"].get("value", ""))


def policy_of(change: Change) -> str:
    if change.kind not in POLICIES or change.desired is None:
        return ""
    return str(change.desired.body["properties"]["value"])


def _book(rules: str) -> RuleBook:
    with TemporaryDirectory() as folder:
        file = Path(folder, "onramp.yaml")
        file.write_text(rules)
        return read_rules_file(file)


def _after(
    actual: Mapping[str, ActualResource], writes: Iterable[Change]
) -> dict[str, ActualResource]:
    """What stands when they were carried out; an API takes with it what belongs to it."""
    found = dict(actual)
    for change in writes:
        if change.action is not Action.DELETE and change.desired is not None:
            found[change.path] = _standing(change)
            continue
        belongs = [it for it in found if it == change.path or _is_below(it, change.path)]
        for path in belongs:
            del found[path]
    return found


def _is_below(path: str, api: str) -> bool:
    return path.startswith(f"{api}/") or path.endswith(f"/{api}")


def _standing(change: Change) -> ActualResource:
    assert change.desired is not None
    if change.kind is ResourceKind.PRODUCT_LINK:
        return ActualResource(change.path, {}, "")
    return as_actual(change.desired)


def _facts_after(facts: GatewayFacts, writes: Iterable[Change]) -> GatewayFacts:
    """Products that were made are found the next time, and so are roles."""
    made = [it for it in writes if it.action is Action.CREATE]
    products = {it.path.split("/")[1].lower() for it in made if it.kind is ResourceKind.PRODUCT}
    roles = tuple(_grant(it) for it in made if it.kind is ResourceKind.ROLE_ASSIGNMENT)
    return replace(facts, products=facts.products | products, roles=(*(facts.roles or ()), *roles))


def _grant(change: Change) -> RoleGrant:
    assert change.desired is not None
    properties = change.desired.body["properties"]
    definition = properties["roleDefinitionId"].rpartition("/")[2]
    return RoleGrant(change.path, properties["principalId"], definition, UNIT.arm_id)


def _account(account: Account) -> str:
    lines = [f"Account {account.id.name} of kind {account.kind} with"]
    for it in account.deployments:
        tags = "".join(f", tag {key}={value}" for key, value in it.tags.items())
        what = f"{it.model.format} {it.model.name} {it.model.version}"
        lines.append(f"  {it.name}: {what}, {it.sku} {it.capacity}{tags}")
    return "\n".join(lines)


def _look(look: Look) -> Iterator[str]:
    verdicts = [f"  {it.name}: {it.state.value}, {it.reason}" for it in look.desired.verdicts]
    yield "\n".join(["Deployments:", *(verdicts or ["  none"])])
    if look.desired.notes:
        yield "\n".join(["Notes:", *(f"  {note}" for note in look.desired.notes)])
    kept = [f"  {it.path}" for it in look.plan if it.action is Action.KEEP]
    if kept:
        yield "\n".join(["Stays as it is:", *kept])
    for change in look.writes:
        yield from _change(change)


def _change(change: Change) -> Iterator[str]:
    if change.action is Action.DELETE or change.desired is None:
        yield f"===== DELETE {change.path}"
        return
    body = change.desired.body
    if document := document_of(change):
        yield f"===== PUT {change.path}\n{_pretty(_without_value(body))}"
        yield f"----- the OpenAPI document, as its value\n{_pretty(json.loads(document))}"
    elif policy := policy_of(change):
        yield f"===== PUT {change.path}\n{_pretty(_without_value(body))}\n\n{policy}"
    else:
        yield f"===== PUT {change.path}\n{_pretty(body) if body else '(no body)'}"


def _without_value(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "properties": {**body["properties"], "value": _BELOW}}


def _pretty(value: Any, indent: int = 0) -> str:
    """JSON with what fits on a line in one line."""
    plain = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(plain) + indent <= _WIDTH or not value:
        return plain
    deeper = " " * (indent + 2)
    if isinstance(value, list):
        lines = [f"{deeper}{_pretty(it, indent + 2)}" for it in value]
    else:
        lines = [f"{deeper}{json.dumps(k)}: {_pretty(v, indent + 2)}" for k, v in value.items()]
    start, end = ("[", "]") if isinstance(value, list) else ("{", "}")
    return "\n".join([start, ",\n".join(lines), f"{' ' * indent}{end}"])


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
