"""SQL that turns local time into UTC and an instant into its local day.

The engine's own conversion is right for every zone but slow; a zone whose offset has not changed since some day and will not
(China, since 1991) needs only an addition from that day on.
"""

import functools
import zoneinfo
from datetime import UTC, datetime, timedelta

from keepwell.engine.sql import literal

FIRST_YEAR, LAST_YEAR = 1970, 2037
DAY_MICROSECONDS = 86_400_000_000


@functools.cache
def _steady_since_or_none(zone: str) -> tuple[datetime, timedelta] | None:
    """The first month from which the zone keeps one offset, and that offset; None where it still changes."""
    info = zoneinfo.ZoneInfo(zone)
    months = [datetime(year, month, 1, tzinfo=UTC) for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13)]
    offsets = [info.utcoffset(m.astimezone(info)) or timedelta() for m in months]
    steady = len(months) - 1
    while steady > 0 and offsets[steady - 1] == offsets[-1]:
        steady -= 1
    if months[steady].year >= LAST_YEAR - 1:
        return None
    # a month later, so that a change within the month, and the offset itself, lie before it
    later = months[min(steady + 1, len(months) - 1)]
    return later, offsets[-1]


def _microseconds(offset: timedelta) -> int:
    return int(offset.total_seconds()) * 1_000_000


def instant_of_local(local: str, zone: str) -> str:
    """SQL: the instant (TIMESTAMPTZ, UTC) of a local TIMESTAMP. An hour that comes twice means its second, standard-time one."""
    steady = _steady_since_or_none(zone)
    by_engine = f"timezone({literal(zone)}, {local})"
    if steady is None:
        return by_engine
    since, offset = steady
    # whole numbers, since the engine's casts between local time and instants take ten times as long
    shifted = f"make_timestamptz(epoch_us({local}) - {_microseconds(offset)})"
    return f"case when {local} >= {literal(since.strftime('%Y-%m-%d'))}::timestamp then {shifted} else {by_engine} end"


def local_day(instant: str, zone: str) -> str:
    """SQL: the day (DATE) on which an instant falls in the zone."""
    steady = _steady_since_or_none(zone)
    by_engine = f"cast(timezone({literal(zone)}, {instant}) as date)"
    if steady is None:
        return by_engine
    since, offset = steady
    day = f"DATE '1970-01-01' + cast((epoch_us({instant}) + {_microseconds(offset)}) // {DAY_MICROSECONDS} as integer)"
    return f"case when {instant} >= {literal(since.isoformat())}::timestamptz then {day} else {by_engine} end"
