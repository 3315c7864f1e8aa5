"""A plan as text: what would be done, in order, and why."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rich.console import Group, RenderableType
from rich.text import Text

from onramp.screen import (
    bullets,
    counted,
    dim,
    heading,
    indented,
    short_account,
    short_name,
    signed,
    table,
    verbatim,
    with_command,
)
from shared.core.diff import cut
from shared.core.records import ChangeRecord, DecisionRecord, PlanRecord, PlansAnswer
from shared.core.resource_kinds import ResourceKind, kind_of

_DIFF_LINES = 40
_VALUE = 120  # characters
_LINE = 66  # of them fit beside the sign on any terminal
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_COUNTED = {
    "create": "to create",
    "update": "to update",
    "delete": "to delete",
    "blocked": "blocked",
}
_QUIET = frozenset({"keep"})
# As shared/core says it of what has no owner mark at all; adopt refuses another installation's.
_BY_HAND = ("exists without our owner mark", "(adopt takes it over)")
_PARKED = frozenset({"quarantined", "seen"})


@dataclass(frozen=True, slots=True)
class View:
    """How much of a plan is shown; *rest* says what shows all of it, if anything does."""

    full: bool = False
    rest: str = ""

    def more(self, what: str) -> str:
        return f"{what}: {self.rest} them" if self.rest else what


SHORT = View()


def show_plans(answer: PlansAnswer, view: View) -> Iterator[RenderableType]:
    """All of it; of several accounts those with nothing to do in one line, unless in full."""
    folds = len(answer.plans) > 1 and not view.full
    calm = [it for it in answer.plans if folds and _is_calm(it)]
    for plan in answer.plans:
        if plan not in calm:
            yield from _plan(plan, view)
            yield ""
    if calm:
        names = ", ".join(short_name(it.account) for it in calm)
        rest = f" ({view.rest} them)" if view.rest else ""
        yield Text.assemble(signed("keep"), f": {names}", (rest, "dim"))
        yield ""
    yield Text(_summary(answer), style="bold")
    if any(map(_is_by_hand, answer.plans)):
        yield Text("What was made by hand can be taken over: python -m onramp adopt --help")


def _summary(answer: PlansAnswer) -> str:
    actions = [change.action for plan in answer.plans for change in plan.changes]
    counts = ((actions.count(action), words) for action, words in _COUNTED.items())
    said = ", ".join(f"{number} {words}" for number, words in counts if number)
    errors = sum(bool(plan.error) for plan in answer.plans)
    unread = f"{counted(errors, 'account')} could not be looked at"
    if not answer.plans:
        return "No account to look at."
    if errors == len(answer.plans):
        return f"No plan: {unread}."
    where = f" on {counted(len(answer.plans) - errors, 'account')}"
    return f"Plan: {said or 'nothing to do'}{where}{f'; {unread}' if errors else ''}."


def _is_calm(plan: PlanRecord) -> bool:
    """Nobody has to do anything: neither the app nor a person."""
    calm = all(it.action in _QUIET for it in plan.changes)
    parked = any(it.state in _PARKED for it in plan.deployments)
    return calm and not (plan.error or plan.held or parked)


def _is_by_hand(plan: PlanRecord) -> bool:
    blocked = (it.reason for it in plan.changes if it.action == "blocked")
    return any(reason.endswith(_BY_HAND) for reason in blocked)


def _plan(plan: PlanRecord, view: View) -> Iterator[RenderableType]:
    title = short_account(plan.account)
    if plan.error:
        yield title
        yield indented(Text.assemble(("x no plan: ", "bold red"), plan.error))
        return
    yield title
    yield indented(dim("; ".join(_facts(plan))))
    if plan.held:
        yield indented(Text.assemble(signed("held"), f": {plan.held}"))
    if plan.mode == "observe" and plan.writes:
        yield indented(dim("In mode observe the app itself writes nothing of this."))
    changes = [it for it in plan.changes if view.full or it.action not in _QUIET]
    if changes:
        yield ""
        yield indented(_changes(changes, view))
        yield from commands_in(changes)
        yield from _differences(changes, view)
    if plan.deployments:
        yield ""
        yield indented(_deployments(plan.deployments))
    if plan.notes:
        yield ""
        yield indented(heading("Notes"))
        yield from bullets(plan.notes)


def _facts(plan: PlanRecord) -> Iterator[str]:
    yield f"mode {plan.mode}"
    if kept := sum(it.action in _QUIET for it in plan.changes):
        yield f"{kept} unchanged"
    if plan.writes:
        yield f"digest {plan.digest}"


def _deployments(decisions: Sequence[DecisionRecord]) -> RenderableType:
    rows = table("becomes", "deployment", "because")
    for it in decisions:
        rows.add_row(signed(it.state), it.name, it.reason)
    return rows


def _changes(changes: Sequence[ChangeRecord], view: View) -> RenderableType:
    rows = table("action", "what", "resource")
    for it in changes:
        rows.add_row(signed(it.action), kind_word(it.path), Group(*_why(it, view)))
    return rows


def commands_in(changes: Iterable[ChangeRecord]) -> Iterator[RenderableType]:
    """What somebody else has to run, to be copied."""
    for it in changes:
        _words, command = with_command(it.detail)
        if command:
            yield verbatim(f"    {command}")


def kind_word(path: str) -> str:
    try:
        kind = kind_of(path)
    except ValueError:  # of an app that knows more kinds
        return path.partition("/")[0]
    return {ResourceKind.OPERATION_POLICY: "API policy"}.get(kind, kind.value)


def name_of(path: str) -> str:
    """What tells it from others of its kind."""
    parts = path.split("/")
    if path.startswith("/"):  # a role assignment: the role is in its reason
        return f"on {short_name(path.partition('/providers/Microsoft.Authorization/')[0])}"
    if parts[0] == "products" and len(parts) > 2:
        return f"{parts[-1]} in {parts[1]}"
    return parts[1] if len(parts) > 1 else path


def _why(change: ChangeRecord, view: View) -> Iterator[RenderableType]:
    yield Text(name_of(change.path))
    shows_difference = change.drift or change.policy_diff
    says_more = change.action != "create" or change.path.startswith("/")
    if change.reason and not shows_difference and says_more:
        yield dim(change.reason)
    if change.detail:
        words, _command = with_command(change.detail)
        yield Text.assemble(signed(change.status), f": {words}")
    if change.action == "create" and change.policy_diff and not view.full:
        yield dim(view.more(f"{counted(len(_lines(change)) - 1, 'line')} of policy"))


def _differences(changes: Sequence[ChangeRecord], view: View) -> Iterator[RenderableType]:
    """What stands and what should, at the terminal's full width."""
    for it in changes:
        has_drift = it.action == "update" and it.drift
        has_diff = it.policy_diff and (view.full or it.action == "update")
        if not has_drift and not has_diff:
            continue
        yield ""
        yield indented(
            Text.assemble(signed(it.action), f" {kind_word(it.path)} {name_of(it.path)}")
        )
        for drift in it.drift if has_drift else ():
            yield indented(dim(drift.field), 4)
            stands, wanted = _value(drift.actual), _value(drift.desired)
            if not view.full:
                stands, wanted = cut(stands, wanted, _VALUE)
            yield indented(Text(f"- {stands}", style="red"), 4)
            yield indented(Text(f"+ {wanted}", style="green"), 4)
        if has_diff:
            yield from _policy(it, view)


def _value(value: object) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value)


def _policy(change: ChangeRecord, view: View) -> Iterator[RenderableType]:
    lines = _lines(change)
    shown = lines if view.full else _around_differences(lines[:_DIFF_LINES])
    for line in shown:
        style = _DIFF_STYLES.get(line[:1], "dim")
        overflow: Literal["fold", "ellipsis"] = "fold" if view.full else "ellipsis"
        yield indented(Text(line, style=style, no_wrap=not view.full, overflow=overflow), 4)
    if left := len(lines) - len(shown):
        yield indented(dim(view.more(f"{counted(left, 'line')} more")), 4)


def _around_differences(lines: Sequence[str]) -> list[str]:
    """A line and what it becomes both from where they differ, if no terminal shows that."""
    shown = list(lines)
    for at, (one, other) in enumerate(pairwise(lines)):
        is_pair = (one[:1], other[:1]) == ("-", "+")
        if is_pair and one[1 : _LINE + 1] == other[1 : _LINE + 1]:
            stands, wanted = cut(one[1:], other[1:], _LINE)
            shown[at : at + 2] = [f"-{stands}", f"+{wanted}"]
    return shown


def _lines(change: ChangeRecord) -> list[str]:
    return [it for it in change.policy_diff if not it.startswith(("---", "+++"))]
