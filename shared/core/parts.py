"""Whom each surface of an account serves, and who is gone from ARM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.model_kinds import ModelKind
from shared.core.modes import Mode
from shared.core.observed import Observed, Rules
from shared.core.states import DeploymentState, Verdict


@dataclass(frozen=True, slots=True)
class Part:
    """One surface.

    Attributes:
        live: Served anew.
        kept: Served as they stand, with what the policy says of them.
        retired: Gone, and since when.
    """

    live: Mapping[str, Verdict]
    kept: Mapping[str, str] = field(default_factory=dict)
    retired: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.live or self.kept or self.retired)


def part_of(
    observed: Observed, surface: str, verdicts: Sequence[Verdict], rules: Rules, mode: Mode
) -> Part:
    live = {verdict.name.lower(): verdict for verdict in verdicts if surface in verdict.rules}
    standing = observed.standing.get(surface)
    if standing is None:
        return Part(live)
    lost = {name: block for name, block in standing.rules.served.items() if name not in live}
    doubtful = {verdict.name.lower() for verdict in verdicts if surface in verdict.keeps}
    present, oldest = names_of(verdicts), observed.now - rules.grace
    gone = {name: since for name, since in standing.rules.retired.items() if name not in present}
    if mode is Mode.UPSERT_ONLY:
        return Part(live, kept=lost, retired=gone)
    gone |= {name: observed.now for name in lost if name not in present}
    return Part(
        live,
        kept={name: block for name, block in lost.items() if name in doubtful},
        retired={name: since for name, since in gone.items() if since > oldest},
    )


def gone_verdicts(
    parts: Mapping[str, Part], present: frozenset[str], rules: Rules
) -> tuple[Verdict, ...]:
    """What becomes of deployments that ARM no longer has; *present* are those that it has."""
    retired = {name: since for part in parts.values() for name, since in part.retired.items()}
    kept = {name for part in parts.values() for name in part.kept} - present
    reasons = {
        **{
            name: f"ARM no longer has it; answers 410 until {since + rules.grace:%Y-%m-%d %H:%M}Z"
            for name, since in retired.items()
        },
        **dict.fromkeys(kept, f"ARM no longer has it; kept in mode {Mode.UPSERT_ONLY.value}"),
    }
    return tuple(
        Verdict(name, DeploymentState.RETIRING, reason, ModelKind.UNKNOWN)
        for name, reason in sorted(reasons.items())
        if name not in present
    )


def names_of(verdicts: Sequence[Verdict]) -> frozenset[str]:
    return frozenset(verdict.name.lower() for verdict in verdicts)
