"""The months that the demo business covers, in the days of its own time zone.

Moments are whole seconds since the first local midnight, so that a day is ``moment // DAY_S``. China has no summer time, so
local time is a fixed distance from UTC.
"""

import functools
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import NONE, Flags, Ints

TIME_ZONE = "Asia/Shanghai"
OFFSET_S = 8 * 3600
DAY_S = 86_400
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Timeline:
    """The days from the first of some month to ``last_day``, both included."""

    first_day: date
    last_day: date

    @classmethod
    def ending(cls, last_day: date, months: int) -> "Timeline":
        """The months that end on that day; the last one may be cut short."""
        index = last_day.year * 12 + last_day.month - months
        return cls(date(index // 12, index % 12 + 1, 1), last_day)

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    @property
    def end_s(self) -> int:
        """The moment at which the last day is over."""
        return self.days * DAY_S

    @functools.cached_property
    def dates_of_days(self) -> tuple[date, ...]:
        return tuple(self.first_day + timedelta(days=i) for i in range(self.days))

    @functools.cached_property
    def months(self) -> tuple[str, ...]:
        """The months as ``2026-10``."""
        return tuple(dict.fromkeys(f"{day:%Y-%m}" for day in self.dates_of_days))

    @functools.cached_property
    def month_of_day(self) -> Ints:
        """For each day the place of its month."""
        place = {month: i for i, month in enumerate(self.months)}
        return np.array([place[f"{day:%Y-%m}"] for day in self.dates_of_days], dtype=np.int64)

    @functools.cached_property
    def month_starts_s(self) -> Ints:
        """The moment at which each month begins, and the end of them all."""
        firsts = np.searchsorted(self.month_of_day, np.arange(len(self.months)))
        return np.append(firsts, self.days).astype(np.int64) * DAY_S

    def month_of(self, moments: Ints) -> Ints:
        """The place of the month in which each moment lies."""
        return self.month_of_day[np.clip(moments // DAY_S, 0, self.days - 1)]

    def at(self, day: date, hour: float = 0) -> int:
        """The moment of that local hour."""
        return (day - self.first_day).days * DAY_S + round(hour * 3600)

    def past(self, moments: Ints) -> Ints:
        """The moments that have come by the end of the last day; none for later ones, which nobody can know yet."""
        return np.where(moments < self.end_s, moments, NONE)

    def instants(self, moments: Ints) -> pa.Array:
        """Instants in UTC, to the second."""
        return pa.array(moments + self._start_s - OFFSET_S, pa.timestamp("s", "UTC"), mask=moments < 0)

    def local_times(self, moments: Ints) -> pa.Array:
        """What the clock on the wall showed, without a zone."""
        return pa.array(moments + self._start_s, pa.timestamp("s"), mask=moments < 0)

    def days_of(self, moments: Ints) -> pa.Array:
        """The local days."""
        return self.dates(moments // DAY_S, moments >= 0)

    def dates(self, days: Ints, known: Flags) -> pa.Array:
        """Days by their distance from the first day; days before it have negative numbers."""
        numbers = (days + (self.first_day - _EPOCH).days).astype(np.int32)
        return pa.array(numbers, mask=~known).cast(pa.date32())

    @property
    def _start_s(self) -> int:
        return (self.first_day - _EPOCH).days * DAY_S
