"""The only source of "now": everything that needs the time is given a clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Tells the present instant, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still, for runs "as of" an instant and for tests. Raises ValueError for an instant without a time zone."""

    instant: datetime

    def __post_init__(self) -> None:
        if self.instant.tzinfo is None:
            raise ValueError(f"{self.instant.isoformat()} carries no time zone.")

    def now(self) -> datetime:
        return self.instant.astimezone(UTC)


def today(clock: Clock, timezone: str) -> date:
    """The local day in that IANA time zone."""
    return local_day(clock.now(), timezone)


def local_day(at: datetime, timezone: str) -> date:
    """The day on which an instant falls there."""
    return at.astimezone(ZoneInfo(timezone)).date()
