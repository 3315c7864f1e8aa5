"""What stands in the work queue: a unit's identity, and nothing that could go stale."""

import json

from shared.core.resource_ids import AccountId
from shared.errors import InvalidId

QUEUE = "model-onramp-units"


def write_message(unit: AccountId) -> str:
    return json.dumps({"unit": unit.arm_id})


def read_message(text: str) -> AccountId:
    """The unit that a message names.

    Raises:
        InvalidId: it is no message of ours.
    """
    try:
        return AccountId.parse(str(json.loads(text)["unit"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise InvalidId("not a message of ours") from exc
