"""Durations as host.json writes them: .NET ``TimeSpan`` strings.

"00:05:00"         five minutes
"1.02:03:04.5"     a day, two hours, three minutes and four and a half seconds
"7"                seven days (learn.microsoft.com/dotnet/api/system.timespan.parse)
"""

import re
from datetime import timedelta

_SPAN = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})"
    r"(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?"
)


def parse_timespan(text: str) -> timedelta:
    """Raises ValueError when .NET would not parse the text, e.g. ``"24:00:00"``."""
    text = text.strip()
    if re.fullmatch(r"-?\d+", text):
        return timedelta(days=int(text))
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a TimeSpan such as '00:05:00'")
    hours, minutes = int(match["hours"]), int(match["minutes"])
    seconds = int(match["seconds"] or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"{text!r} has a component out of range (write days as 'd.hh:mm:ss')")
    span = timedelta(
        days=int(match["days"] or 0),
        hours=hours,
        minutes=minutes,
        seconds=seconds + float(f"0.{match['fraction'] or 0}"),
    )
    return -span if match["sign"] else span
