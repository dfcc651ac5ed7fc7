"""When something is done: every day, week, month or quarter, on which day of it, and at what time of the workspace's zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from keepwell.core.errors import WrongUseError
from keepwell.core.periods import Calendar, Grain

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_DAY = timedelta(days=1)


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


MOST_DAY = {Every.DAY: 1, Every.WEEK: 7, Every.MONTH: 31, Every.QUARTER: 92}


@dataclass(frozen=True)
class Timing:
    """``on_day`` counts from 1: in a week from Monday, in a month or quarter from its first; beyond the end it is the last day.

    Raises ``WrongUseError`` for a day or a time that there is not. Quarters are those of the calendar year.
    """

    every: Every
    on_day: int = 1
    at: str = "08:00"

    def __post_init__(self) -> None:
        if not 1 <= self.on_day <= MOST_DAY[self.every]:
            raise WrongUseError(
                f"A {self.every} has no day {self.on_day}.", f"Give a day from 1 to {MOST_DAY[self.every]}; of a week 1 is Monday."
            )
        time_of(self.at)

    def latest(self, now: datetime, zone: str) -> "Occasion":
        """The last occasion that is due by ``now``."""
        day = now.astimezone(ZoneInfo(zone)).date()
        found = self._of(day, zone)
        return found if found.at <= now else self._of(_start(self.every, day) - _DAY, zone)

    def next(self, now: datetime, zone: str) -> "Occasion":
        """The first occasion after ``now``."""
        day = now.astimezone(ZoneInfo(zone)).date()
        found = self._of(day, zone)
        return found if found.at > now else self._of(_end(self.every, day) + _DAY, zone)

    def _of(self, day: date, zone: str) -> "Occasion":
        """The one in the day, week, month or quarter that holds ``day``."""
        on = min(_start(self.every, day) + (self.on_day - 1) * _DAY, _end(self.every, day))
        # a time that the clocks leave out comes as much later, of one that comes twice the first counts
        at = datetime.combine(on, time_of(self.at), ZoneInfo(zone)).astimezone(UTC)
        return Occasion(on, at)


@dataclass(frozen=True)
class Occasion:
    """One time that something is due: the local day, by which it is known, and the instant."""

    day: date
    at: datetime


def time_of(text: str) -> time:
    """A time of a day as people write it. Raises ``WrongUseError``."""
    if not _TIME.fullmatch(text):
        raise WrongUseError(f"{text!r} is no time of a day.", "Write it like 08:00 or 17:30.")
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))


_PLAIN = Calendar("UTC")  # weeks from Monday, quarters of the calendar year; of days alone no zone matters
_GRAINS = {Every.DAY: Grain.DAY, Every.WEEK: Grain.WEEK, Every.MONTH: Grain.MONTH, Every.QUARTER: Grain.QUARTER}


def _start(every: Every, day: date) -> date:
    return _PLAIN.containing(_GRAINS[every], day).start


def _end(every: Every, day: date) -> date:
    return _PLAIN.containing(_GRAINS[every], day).end
