"""When somebody is told: not in quiet hours, and not too often."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from keepwell.performance.schedules.timing import time_of

MOST_DAYS = 365


@dataclass(frozen=True)
class Quiet:
    """Hours of the workspace's zone in which nothing is sent, over midnight too: 22:00 to 07:00. The same twice is no hours at all."""

    start: str = "00:00"
    end: str = "00:00"

    def __post_init__(self) -> None:
        # so that what is kept is a time
        time_of(self.start), time_of(self.end)

    def after(self, at: datetime, zone: str) -> datetime:
        """The instant itself, or within quiet hours their end."""
        local = at.astimezone(ZoneInfo(zone))
        start, end = time_of(self.start), time_of(self.end)
        if not _holds(start, end, local.time().replace(tzinfo=None)):
            return at
        day = local.date() + timedelta(days=1 if local.time() >= end else 0)
        return datetime.combine(day, end, ZoneInfo(zone)).astimezone(UTC)


def _holds(start: time, end: time, found: time) -> bool:
    if start <= end:
        return start <= found < end
    return found >= start or found < end
