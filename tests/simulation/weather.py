"""What may go wrong in one run and how often: drawn from the seed.

Every run switches on only some kinds of trouble, each at its own rate. Runs that mix everything
all the time drown the rare interleavings (swarm testing, Groce et al., ISSTA 2012).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

# kind -> the highest rate per call
FAULTS: Mapping[str, float] = {
    "409": 0.15,
    "412": 0.1,
    "422": 0.1,
    "429": 0.1,
    "403": 0.03,
    "500": 0.1,
    "500-after": 0.1,
    "504-after": 0.1,
    "timeout-before": 0.05,
    "timeout-after": 0.08,
    "drop-before": 0.08,
    "drop-after": 0.08,
    "partial-list": 0.3,
    "kill-before": 0.02,
    "kill-after": 0.06,
    "pause": 0.015,
    "storage-503": 0.05,
    "storage-before": 0.05,
    "storage-after": 0.05,
    "storage-echo": 0.1,
    "gateway-away": 0.1,
    "gateway-silent": 0.1,
}


@dataclass(frozen=True, slots=True)
class Weather:
    faults: Mapping[str, float]
    workers: int
    storm_s: float  # how long users act and things fail
    bursts: int  # people do several things in a row
    actions: int  # in a burst
    deployments: int  # names that are in use, per account
    meddling: float  # how much people do in the gateway by hand, 1 is usual
    latency_s: float  # of a call, on average
    scale: float  # of the emulator's realistic times of long-running operations
    kills: int
    pauses: int
    longest_pause_s: float
    lost: float  # share of events
    twice: float
    late: float
    longest_delay_s: float  # of a late event
    hidden_s: float  # how long a message stays invisible once taken
    sweeps: bool  # during the storm; afterwards always
    asks: int = 0  # how often somebody wants something of the app itself
    most_removals: int = 10  # what the brake lets pass: more than these worlds ever lose at once
    moods: int = 0  # how often somebody changes how far the app may go
    proves: bool = False  # each deployment is called through the gateway
    spread_s: float = 0.0  # from when a new one answers
    mute: str = ""  # never does


# Beyond the mixture: one thing that is hard on the app, and much of it.
_DENSE: Mapping[str, Any] = {
    "storm_s": 900.0,
    "bursts": 8,
    "latency_s": 1.0,
    "scale": 0.02,
    "pauses": 0,
    "kills": 0,
    "lost": 0.0,
    "late": 0.0,
    "meddling": 0.0,
    "sweeps": False,
    "asks": 0,
    "most_removals": 10,
    "moods": 0,
    "proves": False,
}
_ASKED: Mapping[str, Any] = {**_DENSE, "asks": 24, "bursts": 5, "deployments": 4}
SEASONS: Mapping[str, Mapping[str, Any]] = {
    "busy": {**_DENSE, "faults": {}},
    "rushed": {**_DENSE, "faults": {}, "workers": 3, "deployments": 1, "twice": 0.2},
    "deadly": {**_DENSE, "faults": {"kill-after": 0.06, "kill-before": 0.06}},
    "half-blind": {**_DENSE, "faults": {"partial-list": 0.3, "500": 0.15, "timeout-before": 0.03}},
    "denied": {**_DENSE, "faults": {"403": 0.1}},
    "throttled": {**_DENSE, "faults": {"429": 0.1, "timeout-before": 0.05}},
    "lossy": {**_DENSE, "faults": {}, "lost": 0.4, "bursts": 3},
    "meddled": {**_DENSE, "faults": {}, "meddling": 3.0, "bursts": 3},
    "asked": {**_ASKED, "faults": {}},
    "hampered": {**_ASKED, "faults": {"429": 0.1, "403": 0.03, "500": 0.05}},
    "braked": {**_ASKED, "faults": {}, "most_removals": 0},
    "unproven": {**_ASKED, "faults": {"gateway-away": 0.1}, "asks": 6, "proves": True},
    "moody": {**_ASKED, "faults": {}, "asks": 6, "moods": 8},
}


def weather(rng: Random, season: str | None = None) -> Weather:
    """The weather of a season; of one that the seed picks, as a rule the mixture, if not named."""
    mixed = _mixed(rng)
    picked = rng.choice(("mixed",) * len(SEASONS) + tuple(SEASONS))
    changes = SEASONS.get(season or picked)
    return replace(mixed, actions=rng.randint(1, 4), **changes) if changes else mixed


def _mixed(rng: Random) -> Weather:
    kinds = [kind for kind in FAULTS if rng.random() < 0.35] if rng.random() < 0.8 else []
    return Weather(
        faults={kind: FAULTS[kind] * rng.random() for kind in kinds},
        workers=rng.choice((1, 2, 2, 3)),
        storm_s=rng.choice((120.0, 600.0)),
        bursts=rng.randint(2, 5),
        actions=rng.randint(2, 12),
        deployments=rng.choice((1, 2, 4)),
        meddling=rng.choice((0.0, 1.0)),
        latency_s=rng.choice((0.3, 1.0)),
        scale=rng.choice((0.02, 0.1, 0.1, 1.0)),
        kills=rng.choice((0, 0, 0, 1, 2)),
        pauses=rng.choice((0, 0, 1, 3)),
        longest_pause_s=rng.choice((10.0, 100.0, 900.0)),
        lost=rng.choice((0.0, 0.0, 0.0, 0.3)),
        twice=rng.choice((0.0, 0.2)),
        late=rng.choice((0.0, 0.3)),
        longest_delay_s=rng.choice((20.0, 60.0, 600.0)),
        hidden_s=rng.choice((60.0, 600.0)),
        sweeps=rng.random() < 0.3,
        asks=rng.choice((0, 0, 4, 12)),
        most_removals=rng.choice((0, 1, 10, 10)),
        moods=rng.choice((0, 0, 3)),
        proves=rng.random() < 0.3,
        spread_s=rng.choice((0.0, 60.0, 600.0)),
        mute=rng.choice(("", "", "embed")),
    )


def calm(workers: int = 1) -> Weather:
    """Nothing goes wrong; for contracts and for tests that bring their own trouble."""
    return Weather(
        faults={},
        workers=workers,
        storm_s=60.0,
        bursts=0,
        actions=0,
        deployments=2,
        meddling=0.0,
        latency_s=0.05,
        scale=0.05,
        kills=0,
        pauses=0,
        longest_pause_s=0.0,
        lost=0.0,
        twice=0.0,
        late=0.0,
        longest_delay_s=5.0,
        hidden_s=600.0,
        sweeps=False,
    )
