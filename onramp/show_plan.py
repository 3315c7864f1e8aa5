"""A plan as text: what would be done, in order, and why."""

import json
from collections.abc import Iterable, Iterator, Sequence
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
_PARKED = frozenset({"quarantined", "seen"})


def show_plans(answer: PlansAnswer, *, full: bool) -> Iterator[RenderableType]:
    """All of it; of several accounts those with nothing to do in one line, unless *full*."""
    folds = len(answer.plans) > 1 and not full
    calm = [it for it in answer.plans if folds and _is_calm(it)]
    for plan in answer.plans:
        if plan not in calm:
            yield from _plan(plan, full=full)
            yield ""
    if calm:
        names = ", ".join(it.account.rpartition("/")[2] for it in calm)
        yield Text.assemble(signed("keep"), f": {names}", (" (--full shows them)", "dim"))
        yield ""
    yield Text(summary(answer), style="bold")
    if any(change.action == "blocked" for plan in answer.plans for change in plan.changes):
        yield Text("What is blocked can be taken over: python -m onramp adopt --help")


def summary(answer: PlansAnswer) -> str:
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


def _plan(plan: PlanRecord, *, full: bool) -> Iterator[RenderableType]:
    title = short_account(plan.account)
    if plan.error:
        yield title
        yield indented(Text.assemble(("x no plan: ", "bold red"), plan.error))
        return
    changes = [it for it in plan.changes if full or it.action not in _QUIET]
    kept = sum(it.action in _QUIET for it in plan.changes)
    yield title
    facts = [f"mode {plan.mode}"]
    if kept:
        facts.append(f"{kept} unchanged")
    if plan.writes:
        facts.append(f"digest {plan.digest}")
    yield indented(dim("; ".join(facts)))
    if plan.held:
        yield indented(Text.assemble(signed("held"), f": {plan.held}"))
    if plan.mode == "observe" and plan.writes:
        yield indented(dim("In mode observe the app itself writes nothing of this."))
    if changes:
        yield ""
        yield indented(_changes(changes, full=full))
        yield from commands_in(changes)
        yield from _differences(changes, full=full)
    if plan.deployments:
        yield ""
        yield indented(deployments_table(plan.deployments))
    if plan.notes:
        yield ""
        yield indented(heading("Notes"))
        yield from bullets(plan.notes)


def deployments_table(decisions: Sequence[DecisionRecord]) -> RenderableType:
    rows = table("becomes", "deployment", "because")
    for it in decisions:
        rows.add_row(signed(it.state), it.name, it.reason)
    return rows


def _changes(changes: Sequence[ChangeRecord], *, full: bool) -> RenderableType:
    rows = table("action", "what", "resource")
    for it in changes:
        rows.add_row(signed(it.action), kind_word(it.path), Group(*_why(it, full=full)))
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
        return f"on {path.partition('/providers/Microsoft.Authorization/')[0].rpartition('/')[2]}"
    if parts[0] == "products" and len(parts) > 2:
        return f"{parts[-1]} in {parts[1]}"
    return parts[1] if len(parts) > 1 else path


def _why(change: ChangeRecord, *, full: bool) -> Iterator[RenderableType]:
    yield Text(name_of(change.path))
    shows_difference = change.drift or change.policy_diff
    says_more = change.action != "create" or change.path.startswith("/")
    if change.reason and not shows_difference and says_more:
        yield dim(change.reason)
    if change.detail:
        words, _command = with_command(change.detail)
        yield Text.assemble(signed(change.status), f": {words}")
    if change.action == "create" and change.policy_diff and not full:
        yield dim(f"{counted(len(_lines(change)) - 1, 'line')} of policy: --full shows them")


def _differences(changes: Sequence[ChangeRecord], *, full: bool) -> Iterator[RenderableType]:
    """What stands and what should, at the terminal's full width."""
    for it in changes:
        has_drift = it.action == "update" and it.drift
        has_diff = it.policy_diff and (full or it.action == "update")
        if not has_drift and not has_diff:
            continue
        yield ""
        yield indented(
            Text.assemble(signed(it.action), f" {kind_word(it.path)} {name_of(it.path)}")
        )
        for drift in it.drift if has_drift else ():
            yield indented(dim(drift.field), 4)
            stands, wanted = _value(drift.actual), _value(drift.desired)
            if not full:
                stands, wanted = cut(stands, wanted, _VALUE)
            yield indented(Text(f"- {stands}", style="red"), 4)
            yield indented(Text(f"+ {wanted}", style="green"), 4)
        if has_diff:
            yield from _policy(it, full=full)


def _value(value: object) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value)


def _policy(change: ChangeRecord, *, full: bool) -> Iterator[RenderableType]:
    lines = _lines(change)
    shown = lines if full else _around_differences(lines[:_DIFF_LINES])
    for line in shown:
        style = _DIFF_STYLES.get(line[:1], "dim")
        overflow: Literal["fold", "ellipsis"] = "fold" if full else "ellipsis"
        yield indented(Text(line, style=style, no_wrap=not full, overflow=overflow), 4)
    if left := len(lines) - len(shown):
        yield indented(dim(f"{counted(left, 'line')} more: --full shows them"), 4)


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
