"""Ask the gateway for every deployment that is applied, until each has answered once."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared import logs, telemetry
from shared.core.probes import Probe
from shared.core.proofs import (
    NOT_ASKED,
    UNPROVABLE,
    Answer,
    Proof,
    fingerprint_of,
    proof_of,
    proven,
)
from shared.core.resource_ids import AccountId
from shared.core.states import DeploymentState, Verdict
from shared.errors import OnboardingError, Unavailable
from shared.ports import Clock, GatewayCalls, Ledger

logger = logging.getLogger(__name__)

_AT_ONCE = 4  # a client among others


@dataclass(frozen=True, slots=True)
class Prover:
    calls: GatewayCalls
    ledger: Ledger
    clock: Clock

    @telemetry.traced("prove")
    async def prove(
        self,
        unit: AccountId,
        verdicts: Sequence[Verdict],
        probes: Mapping[str, tuple[Probe, ...]],
        *,
        until: float,
        asks: bool = True,
    ) -> Mapping[str, Proof]:
        """What is proven of the applied deployments, by lower-cased name.

        What was proven before and has not changed is not asked again. Where the gateway can't be
        asked at all, one question is enough: nobody waits for the others in vain. Without *asks*
        nobody is called, and only what was proven before is.
        """
        known = await self.ledger.proofs(unit)
        slots, obstacles = asyncio.Semaphore(_AT_ONCE), list[Proof]()

        async def one(name: str) -> Proof:
            if not probes[name]:
                return UNPROVABLE
            if known.get(name) == fingerprint_of(probes[name]):
                return proven(probes[name])
            if not asks:
                return NOT_ASKED
            async with slots:
                if obstacles:
                    return obstacles[0]
                try:
                    return await self._ask(name, probes[name], until)
                except OnboardingError as exc:
                    obstacles.append(Proof(proven=False, words=f"not verified yet: {exc}"))
                    logs.warning(logger, "gateway can't be asked", detail=str(exc))
                    return obstacles[0]

        names = [
            verdict.name.lower()
            for verdict in verdicts
            if verdict.state is DeploymentState.APPLIED and verdict.name.lower() in probes
        ]
        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    async def _ask(self, name: str, probes: Sequence[Probe], until: float) -> Proof:
        answers: list[Answer] = []
        for probe in probes:
            if self.clock.monotonic() >= until:
                raise Unavailable("the run's time is up")
            about = {"onramp.surface": probe.surface, "peer.service": "gateway"}
            with telemetry.span("probe", about, calls_out=True) as span:
                answers.append(await self.calls.ask(probe, until=until))
                span.set({"onramp.answer": answers[-1].status})
        proof = proof_of(probes, answers)
        words = "deployment verified" if proof.proven else "deployment not verified"
        write = logs.info if proof.proven else logs.warning
        pairs = zip(probes, answers, strict=True)
        statuses = ", ".join(f"{probe.surface} {answer.status}" for probe, answer in pairs)
        write(logger, words, deployment=name, answers=statuses, detail=proof.words)
        return proof
