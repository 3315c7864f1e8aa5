"""How a moment is written down and told: ISO 8601, in UTC, to the millisecond."""

from datetime import UTC, datetime


def said(moment: datetime) -> str:
    """*moment*, which is aware, as ``2026-11-23T12:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
