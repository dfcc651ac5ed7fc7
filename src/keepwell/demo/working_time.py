"""Working days of the countries, and the clock that runs only while a team works."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Flags, Ints
from keepwell.demo.timeline import DAY_S, Timeline

COUNTRIES = ("CN", "GB", "DE", "US")
_AHEAD_DAYS = 60  # deadlines reach beyond the last day


def _days(*spans: tuple[date, int]) -> frozenset[date]:
    return frozenset(first + timedelta(days=i) for first, count in spans for i in range(count))


# As announced by the State Council; in years not listed here weekdays count.
_FREE_IN_CHINA = _days(
    *((date(2024, 1, 1), 1), (date(2024, 2, 10), 8), (date(2024, 4, 4), 3), (date(2024, 5, 1), 5), (date(2024, 6, 10), 1)),
    *((date(2024, 9, 15), 3), (date(2024, 10, 1), 7)),
    *((date(2025, 1, 1), 1), (date(2025, 1, 28), 8), (date(2025, 4, 4), 3), (date(2025, 5, 1), 5), (date(2025, 5, 31), 3)),
    *((date(2025, 10, 1), 8),),
    *((date(2026, 1, 1), 3), (date(2026, 2, 15), 9), (date(2026, 4, 4), 3), (date(2026, 5, 1), 5), (date(2026, 6, 19), 3)),
    *((date(2026, 9, 25), 3), (date(2026, 10, 1), 7)),
)
_WORKED_WEEKENDS_IN_CHINA = frozenset(
    {
        *(date(2024, 2, 4), date(2024, 2, 18), date(2024, 4, 7), date(2024, 4, 28), date(2024, 5, 11), date(2024, 9, 14)),
        *(date(2024, 9, 29), date(2024, 10, 12), date(2025, 1, 26), date(2025, 2, 8), date(2025, 4, 27), date(2025, 9, 28)),
        *(date(2025, 10, 11), date(2026, 1, 4), date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9), date(2026, 9, 20)),
        date(2026, 10, 10),
    }
)
_FREE_ELSEWHERE = ((1, 1), (12, 25), (12, 26))


def is_business_day(country: str, day: date) -> bool:
    """Whether people work in that country on that day."""
    if country == "CN":
        return day in _WORKED_WEEKENDS_IN_CHINA or (day.weekday() < 5 and day not in _FREE_IN_CHINA)
    return day.weekday() < 5 and (day.month, day.day) not in _FREE_ELSEWHERE


def calendar_table(timeline: Timeline) -> pa.Table:
    """The canonical ``calendar``, some weeks beyond the last day."""
    days = [timeline.first_day + timedelta(days=i) for i in range(timeline.days + _AHEAD_DAYS)]
    rows = [(country, day, is_business_day(country, day)) for country in COUNTRIES for day in days]
    country, on, works = zip(*rows, strict=True)
    return pa.table({"country": country, "on": pa.array(on, pa.date32()), "is_business_day": works})


class WorkingClock:
    """Counts the seconds in which a team works: Monday to Friday between two hours, on working days in China."""

    def __init__(self, timeline: Timeline, opens_hour: int, closes_hour: int) -> None:
        days = [timeline.first_day + timedelta(days=i) for i in range(timeline.days + _AHEAD_DAYS)]
        # A weekend that is worked by decree has no opening hours, so the team stays closed.
        self._is_open: Flags = np.array([d.weekday() < 5 and is_business_day("CN", d) for d in days])
        self._before: Ints = np.concatenate([[0], np.cumsum(self._is_open)]).astype(np.int64)
        self._opens_s = opens_hour * 3600
        self._length_s = (closes_hour - opens_hour) * 3600

    def worked_s(self, moments: Ints) -> Ints:
        """The working seconds from the timeline's start to each moment."""
        day = np.clip(moments // DAY_S, 0, len(self._is_open) - 1)
        today = np.clip(moments % DAY_S - self._opens_s, 0, self._length_s)
        seconds: Ints = self._before[day] * self._length_s + np.where(self._is_open[day], today, 0)
        return seconds

    def moment_of(self, worked_s: Ints) -> Ints:
        """The moment at which so many working seconds are over; work that never ends within the calendar ends with it."""
        whole, rest = np.divmod(worked_s, self._length_s)
        open_days = np.flatnonzero(self._is_open)
        day = open_days[np.minimum(whole, len(open_days) - 1)]
        return day * DAY_S + self._opens_s + rest

    def later(self, moments: Ints, working_s: Ints) -> Ints:
        """The moments that many working seconds later."""
        return self.moment_of(self.worked_s(moments) + working_s)
