"""How far the app may go.

| mode          | creates, updates | takes off what is gone |
|---------------|------------------|------------------------|
| `sync`        | yes              | yes                    |
| `upsert-only` | yes              | no                     |
| `observe`     | no: it only says what it would do         |

For the whole by a setting, for one account by the tag ``onramp:mode``. A tag that is none of these
is taken for `observe`: whoever set it wanted something special, and nothing can break that way.
"""

from collections.abc import Mapping
from enum import Enum

MODE_TAG = "onramp:mode"


class Mode(Enum):
    SYNC = "sync"
    UPSERT_ONLY = "upsert-only"
    OBSERVE = "observe"


def account_mode(tags: Mapping[str, str], default: Mode) -> tuple[Mode, tuple[str, ...]]:
    """The mode of an account, and what to say about it."""
    found = _tag(tags)
    if found is None:
        return default, ()
    try:
        return Mode(found.strip().lower()), ()
    except ValueError:
        known = ", ".join(mode.value for mode in Mode)
        return Mode.OBSERVE, (f"tag {MODE_TAG} is none of {known}: nothing is written",)


def tagged_mode(tags: Mapping[str, str]) -> str:
    """What is to be remembered for the day when the account is gone: the setting may change."""
    return "" if _tag(tags) is None else account_mode(tags, Mode.OBSERVE)[0].value


def _tag(tags: Mapping[str, str]) -> str | None:
    return {key.lower(): value for key, value in tags.items()}.get(MODE_TAG)
