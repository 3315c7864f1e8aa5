"""The fingerprint of an inventory: as long as it is the same, the gateway needs nothing new."""

import json
from dataclasses import asdict
from hashlib import sha256

from shared.core.model import Account
from shared.core.observed import Rules
from shared.core.rulebook import fingerprint


def inventory_fingerprint(account: Account | None, rules: Rules) -> str:
    """Covers all that the desired state is made of, settings included, but for time and gateway."""
    if account is None:
        return ""
    deployments = sorted(account.deployments, key=lambda item: item.name)
    facts = {**asdict(account), "deployments": [asdict(item) for item in deployments]}
    text = json.dumps([facts, *_meaning(rules)], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:32]


def missing(account: Account | None, expected: tuple[str, ...]) -> tuple[str, ...]:
    """The names of *expected* that ARM doesn't show."""
    shown = {item.name.lower() for item in account.deployments} if account else set[str]()
    return tuple(name for name in expected if name.lower() not in shown)


def _meaning(rules: Rules) -> tuple[object, ...]:
    return rules.owner, rules.mode.value, rules.grace, fingerprint(rules.book)
