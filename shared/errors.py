"""What can go wrong, by what to do about it.

OnboardingError
    RetryableError      the same call may succeed later
        StaleRead       somebody wrote after we read: read again, then decide again
        Unavailable     the outside is busy, throttled or down
            Denied          a role is missing, or has not spread yet
    TerminalError       the same call will fail again until somebody changes something
        ConfigError     the app's own settings
        GuardRefused    an unsafe plan
        InvalidEvent    not an event of ours
        InvalidId       a resource id or name outside the allowlist
        Rejected        the outside said no, for good
        OrderPending    somebody else's order for the account is not done yet
        TooManyRuns     more runs wait for the account than can be remembered

Adapters translate library errors into these; only handlers decide on ack, retry or HTTP status.
"""

from datetime import timedelta


class OnboardingError(Exception):
    """Base of every error that the app raises on purpose."""


class RetryableError(OnboardingError):
    """Try again, not before *retry_after* where the outside named one."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StaleRead(RetryableError):
    """What was read is no longer what stands (412)."""


class Unavailable(RetryableError):
    """Busy, throttled, timed out or down."""


class Denied(Unavailable):
    """A role is missing, or has not spread yet; ARM does not say which."""


class TerminalError(OnboardingError):
    """Trying again won't help until somebody changes something."""


class ConfigError(TerminalError):
    """Every problem of the settings in one message."""


class GuardRefused(TerminalError):
    """The plan would do what must never happen unattended."""


class InvalidEvent(TerminalError):
    """Not an event that this app acts on; *reason* is a short, countable word for it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidId(TerminalError):
    """A resource id or name outside the allowlist."""


class Rejected(TerminalError):
    """The outside refused, and would refuse again."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class OrderPending(TerminalError):
    """Something else was ordered for the account, and is not done."""


class TooManyRuns(TerminalError):
    """More runs wait for the account than can be remembered."""
