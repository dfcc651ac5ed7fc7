"""Calendar periods of a workspace: their names, their days, their instants.

A workspace has one time zone, one first day of the week and one first month of the fiscal year; together they are a
:class:`Calendar`. Days are inclusive at both ends; instants are UTC and half-open.

- A **week** starts on the workspace's week day. Week 1 of a year is the week that holds January 4th; for Monday starts
  that is ISO 8601. A year has 52 or 53 weeks, and a week belongs to the year of its fourth day.
- A **fiscal year** is named after the calendar year in which it ends: with April as its first month, FY2026 is
  2025-04-01 to 2026-03-31. With January it is the calendar year.
"""

import calendar
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from keepwell.core.errors import WrongUseError, did_you_mean

_ONE_DAY = timedelta(days=1)
_ONE_WEEK = timedelta(weeks=1)
# Four-digit years that leave room for a period before and after; a year with leading zeros is a slip of the keyboard.
_FIRST_YEAR, _LAST_YEAR = 1000, 9998


class Grain(StrEnum):
    """How finely a range is divided."""

    ALL = "all"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF = "half"
    YEAR = "year"
    FISCAL_QUARTER = "fiscal_quarter"
    FISCAL_YEAR = "fiscal_year"


# what targets are set for, cards and people are judged over, and what is looked back on
MOST_YEARS_AWAY = 10  # of a day that people write down beside a period
JUDGED = (Grain.MONTH, Grain.QUARTER, Grain.YEAR)
REVIEWED = (Grain.WEEK, *JUDGED)

_FINE_TO_COARSE = (
    Grain.DAY,
    Grain.WEEK,
    Grain.MONTH,
    Grain.QUARTER,
    Grain.FISCAL_QUARTER,
    Grain.HALF,
    Grain.YEAR,
    Grain.FISCAL_YEAR,
    Grain.ALL,
)
_MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.FISCAL_QUARTER: 3, Grain.HALF: 6, Grain.YEAR: 12, Grain.FISCAL_YEAR: 12}
_FISCAL = (Grain.FISCAL_QUARTER, Grain.FISCAL_YEAR)
_PARTS_OF_A_YEAR = {Grain.MONTH: 12, Grain.QUARTER: 4, Grain.FISCAL_QUARTER: 4, Grain.HALF: 2}
_SHAPES = {
    Grain.YEAR: re.compile(r"([0-9]{4})"),
    Grain.HALF: re.compile(r"([0-9]{4})-H([0-9]+)"),
    Grain.QUARTER: re.compile(r"([0-9]{4})-Q([0-9]+)"),
    Grain.MONTH: re.compile(r"([0-9]{4})-([0-9]{2})"),
    Grain.WEEK: re.compile(r"([0-9]{4})-W([0-9]{2})"),
    Grain.DAY: re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"),
    Grain.FISCAL_YEAR: re.compile(r"FY([0-9]{4})"),
    Grain.FISCAL_QUARTER: re.compile(r"FY([0-9]{4})-Q([0-9]+)"),
}
_RELATIVE = re.compile(r"(THIS|LAST)-(DAY|WEEK|MONTH|QUARTER|HALF|YEAR|FISCAL-QUARTER|FISCAL-YEAR)")


@dataclass(frozen=True)
class Span:
    """A range of days, both ends included, and the grain in which it was named."""

    label: str
    grain: Grain
    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


@dataclass(frozen=True)
class Period(Span):
    """One whole period of a calendar. Periods sort by their start, then their end."""

    def __lt__(self, other: "Period") -> bool:
        return (self.start, self.end) < (other.start, other.end)


@dataclass(frozen=True)
class Calendar:
    """The periods of one workspace.

    ``timezone`` is an IANA name, ``week_start`` an ISO week day (1 Monday … 7 Sunday), ``fiscal_start`` the first month of
    the fiscal year (1 … 12). Raises WrongUseError for anything else.
    """

    timezone: str
    week_start: int = 1
    fiscal_start: int = 1

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            hint = did_you_mean(self.timezone, available_timezones())
            raise WrongUseError(f"There is no time zone named {self.timezone!r}.", hint) from error
        if self.week_start not in range(1, 8):
            raise WrongUseError(f"A week cannot start on day {self.week_start}.", "Give 1 for Monday to 7 for Sunday.")
        if self.fiscal_start not in range(1, 13):
            raise WrongUseError(f"A fiscal year cannot start in month {self.fiscal_start}.", "Give 1 for January to 12 for December.")

    # ------------------------------------------------------------------ names

    def one(self, text: str, *, today: date, grains: Collection[Grain] = JUDGED) -> Period:
        """One whole period of one of these grains, by a name that :meth:`parse` takes. Raises WrongUseError where it is none."""
        span = self.parse(text, today=today)
        if span.grain in grains and ".." not in span.label:
            return Period(span.label, span.grain, span.start, span.end)
        if Grain.WEEK in grains:
            raise WrongUseError(f"{text} is no week, month, quarter or year.", "Write 2026-W43, 2026-10, 2026-Q3 or 2026.")
        raise WrongUseError(f"{text} is no month, quarter or year.", "Write 2026-10, 2026-Q3 or 2026.")

    def parse(self, text: str, *, today: date, first: date | None = None, last: date | None = None) -> Span:
        """The days that a name stands for.

        Accepts ``all``, ``2026``, ``2026-H1``, ``2026-Q3``, ``2026-10``, ``2026-W41``, ``2026-10-05``, ``FY2026``, ``FY2026-Q1``,
        ``last-…`` and ``this-…`` with day, week, month, quarter, half, year, fiscal-quarter or fiscal-year (seen from ``today``, the
        workspace's local day; their label is the name of the period found), and ``A..B``: from the first day of A to the last
        day of B, in the finer grain of the two. Upper and lower case are the same.

        ``all`` stands alone and is ``first`` to ``last``, the days of the data; an end not given is open (``date.min``, ``date.max``).
        Raises WrongUseError that says what is accepted.
        """
        name = text.strip()
        if name.count("..") == 1:
            a, b = (self._named(part.strip(), text, today) for part in name.split(".."))
            if b.end < a.start:
                self._refuse(text, f"{b.label} ends on {b.end}, before {a.label} starts on {a.start}")
            if b.end < a.end:
                self._refuse(text, f"{b.label} ends on {b.end}, before {a.label} ends on {a.end}")
            return Span(f"{a.label}..{b.label}", min(a.grain, b.grain, key=_FINE_TO_COARSE.index), a.start, b.end)
        if name.upper() == "ALL":
            return Span("all", Grain.ALL, first or date.min, last or date.max)
        return self._named(name, text, today)

    def label(self, grain: Grain, day: date) -> str:
        """The name of the period of that grain that holds the day; :meth:`parse` reads it back."""
        return self.containing(grain, day).label

    # ---------------------------------------------------------------- periods

    def containing(self, grain: Grain, day: date) -> Period:
        """The whole period of that grain that holds the day. ALL is ``date.min`` to ``date.max``.

        Raises WrongUseError for days before the year 1000 or after 9998 (except for ALL).
        """
        if grain is Grain.ALL:
            return Period("all", grain, date.min, date.max)
        if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            raise WrongUseError(f"{day} lies outside the calendar.", f"Periods exist for the years {_FIRST_YEAR} to {_LAST_YEAR}.")
        if grain is Grain.DAY:
            return Period(day.isoformat(), grain, day, day)
        if grain is Grain.WEEK:
            start = self._week_start(day)
            year = (start + 3 * _ONE_DAY).year
            number = (start - self._first_week(year)) // _ONE_WEEK + 1
            return Period(f"{year:04d}-W{number:02d}", grain, start, start + 6 * _ONE_DAY)
        months = _MONTHS[grain]
        offset = self.fiscal_start - 1 if grain in _FISCAL else 0
        index = (day.year * 12 + day.month - 1 - offset) // months * months + offset
        start = _month_at(index)
        return Period(self._month_label(grain, start), grain, start, _month_at(index + months) - _ONE_DAY)

    def periods(self, grain: Grain, start: date, end: date) -> list[Period]:
        """Every whole period that shares a day with ``start`` … ``end``, in order, without gap or overlap.

        ALL does not divide: it gives one period with exactly these ends. Raises WrongUseError when ``end`` lies before ``start``.
        """
        if end < start:
            raise WrongUseError(f"The range ends on {end}, before it starts on {start}.", "Give the earlier day first.")
        if grain is Grain.ALL:
            return [Period("all", grain, start, end)]
        found = [self.containing(grain, start)]
        while found[-1].end < end:
            found.append(self.containing(grain, found[-1].end + _ONE_DAY))
        return found

    def previous_or_none(self, period: Period) -> Period | None:
        """The period of the same grain that ends the day before; None for ALL, which has none."""
        if period.grain is Grain.ALL or period.start.year <= _FIRST_YEAR:
            return None
        return self.containing(period.grain, period.start - _ONE_DAY)

    def same_last_year_or_none(self, period: Period) -> Period | None:
        """The period of the same name a year earlier; None for ALL.

        Where last year has no such period its nearest earlier one stands in: February 28th for the 29th, week 52 for week 53.
        """
        if period.grain is Grain.ALL or period.start.year <= _FIRST_YEAR:
            return None
        if period.grain is Grain.WEEK:
            year = (period.start + 3 * _ONE_DAY).year
            number = (period.start - self._first_week(year)) // _ONE_WEEK
            number = min(number, self._weeks_in(year - 1) - 1)
            return self.containing(Grain.WEEK, self._first_week(year - 1) + number * _ONE_WEEK)
        start = period.start
        day = min(start.day, calendar.monthrange(start.year - 1, start.month)[1])
        return self.containing(period.grain, date(start.year - 1, start.month, day))

    # --------------------------------------------------------------- instants

    def instants(self, span: Span) -> tuple[datetime, datetime]:
        """The UTC instants of a span, half-open: its first local midnight and the one after its last day.

        A day may have 23 or 25 hours. Where local midnight is skipped the day begins with its first instant; where it comes
        twice, with the first. Ends that no instant can hold (``date.min``, ``date.max``) give the first and last instant.
        """
        start = datetime.min.replace(tzinfo=UTC) if span.start == date.min else self._first_instant(span.start)
        end = datetime.max.replace(tzinfo=UTC) if span.end == date.max else self._first_instant(span.end + _ONE_DAY)
        return start, end

    def day_of(self, instant: datetime) -> date:
        """The local day of an aware instant. Raises ValueError for one without a time zone."""
        if instant.tzinfo is None:
            raise ValueError(f"{instant.isoformat()} carries no time zone.")
        return instant.astimezone(ZoneInfo(self.timezone)).date()

    # ---------------------------------------------------------------- private

    def _first_instant(self, day: date) -> datetime:
        zone = ZoneInfo(self.timezone)
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        late = midnight.astimezone(UTC)
        if late.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
            return late
        # Clocks jump over midnight: before the jump the offset is that of fold 0, after it that of fold 1 (PEP 495). The
        # jump itself lies between the two readings of midnight, on a whole second.
        early, before = midnight.replace(fold=1).astimezone(UTC), midnight.utcoffset()
        while late - early > timedelta(seconds=1):
            middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
            if middle.astimezone(zone).utcoffset() == before:
                early = middle
            else:
                late = middle
        return late

    def _week_start(self, day: date) -> date:
        return day - (day.isoweekday() - self.week_start) % 7 * _ONE_DAY

    def _first_week(self, year: int) -> date:
        return self._week_start(date(year, 1, 4))

    def _weeks_in(self, year: int) -> int:
        return (self._first_week(year + 1) - self._first_week(year)) // _ONE_WEEK

    def _fiscal_year_start(self, year: int) -> date:
        return date(year if self.fiscal_start == 1 else year - 1, self.fiscal_start, 1)

    def _month_label(self, grain: Grain, start: date) -> str:
        if grain in _FISCAL:
            year = start.year if start < self._fiscal_year_start(start.year + 1) else start.year + 1
            part = f"-Q{(start.month - self.fiscal_start) % 12 // 3 + 1}" if grain is Grain.FISCAL_QUARTER else ""
            return f"FY{year:04d}{part}"
        part = {
            Grain.MONTH: f"-{start.month:02d}",
            Grain.QUARTER: f"-Q{(start.month + 2) // 3}",
            Grain.HALF: f"-H{(start.month + 5) // 6}",
            Grain.YEAR: "",
        }[grain]
        return f"{start.year:04d}{part}"

    def _named(self, name: str, text: str, today: date) -> Span:
        upper = name.upper()
        if match := _RELATIVE.fullmatch(upper):
            period = self.containing(Grain(match[2].lower().replace("-", "_")), today)
            if match[1] == "LAST":
                period = self.containing(period.grain, period.start - _ONE_DAY)
            return _as_span(period)
        for grain, shape in _SHAPES.items():
            if match := shape.fullmatch(upper):
                return self._numbered(grain, [int(number) for number in match.groups()], text)
        return self._refuse(text, f"{name!r} names no period" if name else "a name is missing")

    def _numbered(self, grain: Grain, numbers: list[int], text: str) -> Span:
        year, part = numbers[0], (numbers[1] if len(numbers) > 1 else 1)
        if not _FIRST_YEAR <= year <= _LAST_YEAR:
            self._refuse(text, f"years run from {_FIRST_YEAR} to {_LAST_YEAR}")
        if grain is Grain.DAY:
            try:
                day = date(year, part, numbers[2])
            except ValueError:
                self._refuse(text, "there is no such day")
            return _as_span(self.containing(grain, day))
        if grain is Grain.WEEK:
            if not 1 <= part <= self._weeks_in(year):
                starts = f"with weeks that start on {calendar.day_name[self.week_start - 1]}"
                self._refuse(text, f"{starts}, the weeks of {year} are W01 to W{self._weeks_in(year)}")
            return _as_span(self.containing(grain, self._first_week(year) + (part - 1) * _ONE_WEEK))
        count = _PARTS_OF_A_YEAR.get(grain, 1)
        if not 1 <= part <= count:
            self._refuse(text, f"a {grain.replace('_', ' ')} is numbered 1 to {count}")
        start = self._fiscal_year_start(year) if grain in _FISCAL else date(year, 1, 1)
        start = _month_at(start.year * 12 + start.month - 1 + (part - 1) * _MONTHS[grain])
        return _as_span(self.containing(grain, start))

    def _refuse(self, text: str, why: str) -> NoReturn:
        start, end = self._fiscal_year_start(2026), self._fiscal_year_start(2027) - _ONE_DAY
        raise WrongUseError(
            f"{text!r} is no period: {why}.",
            "Give all, 2026, 2026-H1, 2026-Q3, 2026-10, 2026-W41, 2026-10-05, FY2026, FY2026-Q1, last-month, this-year, or A..B with both "
            f"ends included, for example 2026-01..2026-06. FY2026 is the fiscal year that ends in 2026: {start} to {end}.",
        )


def months_before(day: date, months: int) -> date:
    """The same day that many months earlier, or the last one of that month where it has no such day."""
    first = _month_at(day.year * 12 + day.month - 1 - months)
    return first.replace(day=min(day.day, calendar.monthrange(first.year, first.month)[1]))


def _month_at(index: int) -> date:
    """The first day of the month with that number, counted from January of the year 0."""
    return date(index // 12, index % 12 + 1, 1)


def _as_span(period: Period) -> Span:
    return Span(period.label, period.grain, period.start, period.end)


def check_near(day: date | None, beside: date) -> None:
    """Raises WrongUseError for a day that lies more than ten years from another: it is a slip of the pen, and files can't hold all that calendars can."""
    if day is not None and abs(day.year - beside.year) > MOST_YEARS_AWAY:
        raise WrongUseError(f"{day} lies too far away.", f"Give a day within {MOST_YEARS_AWAY} years.")
