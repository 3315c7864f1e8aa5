"""What is known before anything is decided."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.core.model import Account, GatewayFacts, Service
from shared.core.modes import Mode
from shared.core.resource_ids import AccountId
from shared.core.rulebook import RuleBook
from shared.core.standing import Standing


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of how deployments become APIs."""

    owner: str
    mode: Mode
    grace: timedelta  # how long the gateway says that a deployment is gone, before it forgets it
    book: RuleBook


@dataclass(frozen=True, slots=True)
class Observed:
    """What was read before anything is decided.

    Attributes:
        account: None when ARM confirmed that it is gone.
        standing: What the gateway serves now. It stays while ARM has it, whatever state it is in,
            and answers 410 for the grace period when ARM no longer has it.
        service: The gateway, for what its tier can't do.
        now: Aware, UTC.
        last_mode: Of the account, when it was last seen.
        facts: What the gateway has besides the unit's own.
    """

    unit: AccountId
    account: Account | None
    standing: Standing
    service: Service
    now: datetime
    last_mode: Mode | None = None
    facts: GatewayFacts = field(default_factory=GatewayFacts)
