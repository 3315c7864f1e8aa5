"""What can become of a deployment.

Apart from how that is worked out (verdicts.py), because the ledger needs no more than this, and an
event is taken in without importing the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from shared.core.model import Deployment
from shared.core.model_kinds import ModelKind

if TYPE_CHECKING:
    from shared.core.policy_documents import DeploymentRule


class DeploymentState(Enum):
    SEEN = "seen"  # there, but not ready, or not written yet
    APPLIED = "applied"  # the gateway holds what it needs
    VERIFIED = "verified"  # and it answered a call through the gateway
    QUARANTINED = "quarantined"  # can't be onboarded until somebody changes something
    EXCLUDED = "excluded"  # somebody chose not to onboard it
    RETIRING = "retiring"  # gone from ARM, and the gateway says so for a while
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one deployment, and why.

    Attributes:
        deployment: None when ARM no longer has it.
        rules: What the policy of each surface that is to serve it says of it.
        keeps: Surfaces where it stays as it stands, if not served anew.
        resources: The paths that it depends on.
        proof: Fingerprint of what was proven.
        because: What had a say in it: rules, profiles, tags.
    """

    name: str
    state: DeploymentState
    reason: str
    kind: ModelKind
    deployment: Deployment | None = None
    rules: "Mapping[str, DeploymentRule]" = field(default_factory=dict)
    keeps: frozenset[str] = frozenset()
    resources: tuple[str, ...] = ()
    proof: str = ""
    because: tuple[str, ...] = ()

    @property
    def is_at_work(self) -> bool:
        """ARM changes it right now: it is kept as it stands, everywhere."""
        return bool(self.keeps) and not self.rules
