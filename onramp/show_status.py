"""How things stand, as text."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from onramp.records import ServedAnswer, StatusAnswer
from onramp.screen import (
    bullets,
    counted,
    dim,
    heading,
    indented,
    moment,
    short_account,
    short_name,
    signed,
    table,
)
from shared.core.records import (
    DeadLetterRecord,
    DeploymentRecord,
    UngovernedAnswer,
    UnitRecord,
)
from shared.core.run_summaries import RunSummary

# In the order in which they want attention.
_STATES = ("quarantined", "seen", "applied", "verified", "retiring", "excluded", "removed")
_IN_TROUBLE = frozenset({"quarantined", "seen"})


def show_status(status: StatusAnswer, *, every: bool) -> Iterator[RenderableType]:
    yield Text.assemble(signed(status.health.status), f"  {status.app}")
    yield from bullets(_below(it) for it in status.health.problems)
    yield from _sweep(status)
    yield ""
    yield from _deployments(status, every=every)
    yield from _held([it for it in status.units if it.hold or it.refused])
    yield from _letters(status.dead_letters)
    yield from _runs(status.runs)


def _below(problem: str) -> str:
    """What the HTTP API says where to find, stands further down."""
    return problem.partition(": GET /api/")[0]


def _sweep(status: StatusAnswer) -> Iterator[RenderableType]:
    health = status.health
    sweep = health.last_sweep
    seen = (
        f"last sweep {ago(sweep.age_seconds)}, {counted(sweep.units, 'account')}"
        if sweep
        else "no sweep yet"
    )
    left = f"{counted(health.unfinished, 'account')} unfinished, backlog {health.backlog}"
    yield indented(dim(f"{seen}; {left}"))
    if health.last_error:
        error = health.last_error
        name = short_name(error.account)
        yield indented(dim(f"last error {moment(error.at)}, {name}: {error.message}"))


def _deployments(status: StatusAnswer, *, every: bool) -> Iterator[RenderableType]:
    count = status.deployments.count
    yield heading(f"Deployments ({sum(count.values())})")
    yield indented(
        Text("  ").join(
            Text.assemble(signed(it), f" {count[it]}") for it in _STATES if count.get(it)
        )
        if count
        else dim("none were ever seen")
    )
    found = [it for it in status.deployments.deployments if every or it.state in _IN_TROUBLE]
    if found:
        yield ""
        yield indented(_deployments_table(found))
    spread = status.deployments.time_to_verified
    if spread.p50 is not None and spread.p95 is not None:
        yield indented(
            dim(f"from event to verified: p50 {spread.p50:.1f} s, p95 {spread.p95:.1f} s")
        )
    yield ""


def _deployments_table(found: Sequence[DeploymentRecord]) -> RenderableType:
    rows = table("state", "deployment", "reason")
    for it in found:
        name = f"{short_name(it.account)}/{it.name}"
        rows.add_row(signed(it.state), name, it.reason)
    return rows


def _held(units: Sequence[UnitRecord]) -> Iterator[RenderableType]:
    if not units:
        return
    yield heading("Held up")
    for it in units:
        lines: list[RenderableType] = [short_account(it.account)]
        if it.hold:
            lines.append(
                Text.assemble(signed("held"), f" since {moment(it.hold.since)}: {it.hold.reason}")
            )
            lines.append(dim(f"go ahead: python -m onramp release {short_name(it.account)}"))
        lines += [Text.assemble(signed("rejected"), f": {text}") for text in it.refused]
        yield indented(Group(*lines))
    yield ""


def _letters(letters: Sequence[DeadLetterRecord]) -> Iterator[RenderableType]:
    if not letters:
        return
    yield heading("Dead letters")
    rows = table("given up", "kind", "about", "reason")
    for it in letters:
        about = it.deployment or it.account or it.id
        rows.add_row(moment(it.given_up_at), it.kind, short_name(about), it.reason or it.problem)
    yield indented(rows)
    yield indented(dim("do them again: python -m onramp replay"))
    yield ""


def _runs(runs: Sequence[RunSummary]) -> Iterator[RenderableType]:
    yield heading("Last runs")
    if not runs:
        yield indented(dim("none"))
        return
    rows = table("status", "started", "writes", "about", "error")
    for it in runs:
        accounts = sorted({short_name(unit.account) for unit in it.units})
        more = len(accounts[3:]) + len(it.left_out)
        about = ", ".join(accounts[:3]) + (f" and {more} more" if more else "")
        error = next((unit.error for unit in it.units if unit.error), "")
        rows.add_row(signed(it.status), moment(it.started), str(it.writes), about, error)
    yield indented(rows)


def ago(seconds: float | None) -> str:
    if seconds is None:
        return "at an unknown time"
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{counted(int(seconds // size), word)} ago"
    return "just now"


def show_served(answer: ServedAnswer) -> Iterator[RenderableType]:
    for account in answer.accounts:
        yield short_account(account.account)
        if account.error:
            yield indented(Text.assemble(("x could not be read: ", "bold red"), account.error))
        elif account.apis:
            rows = table("surface", "path", "deployments")
            for it in account.apis:
                lines = [Text(", ".join(it.deployments))] if it.deployments else []
                if it.retired:
                    gone = ", ".join(it.retired)
                    lines.append(Text.assemble(signed("retiring"), f": {gone}"))
                rows.add_row(it.surface, f"/{it.path}", Group(*lines))
            yield indented(rows)
        else:
            yield indented(dim("nothing of ours stands on the gateway"))
        yield ""
    served = sum(bool(it.apis) for it in answer.accounts)
    yield heading(
        f"{short_name(answer.gateway)} serves {served} of "
        f"{counted(len(answer.accounts), 'account')}."
    )


def show_findings(answer: UngovernedAnswer) -> Iterator[RenderableType]:
    for it in answer.findings:
        yield Text.assemble(
            (f"! {it.kind}", "bold yellow"), f"  {it.api}  ", (f"/{it.path}", "dim")
        )
        yield indented(Text(it.words))
        if it.deployments:
            yield indented(dim(", ".join(it.deployments)))
        yield ""
    found = counted(len(answer.findings), "finding")
    yield heading(f"{found} at {moment(answer.at)}.")
