"""The business clock: how much of a stretch of time lay within a team's hours.

A team has hours by weekday in its own time zone, and the holidays of its country. Where the lake's ``calendar`` says whether a day
is worked, that counts; else China's announced calendar with its make-up working days, else the holidays of the country.
Elapsed time is real time: on the day on which clocks change an opening from 0 to 6 o'clock has five or seven hours.
"""

import warnings
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

ONE_DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY_LENGTH = 86_400_000_000
EVERYONE = "*"  # the hours of this team count for teams without hours of their own, and for tickets without a team
WEEKEND = 6


class CalendarWarning(UserWarning):
    """A year for which no public holidays are known: weekdays count as working days."""


@dataclass(frozen=True)
class Schedule:
    """When a team works: weekday (1 Monday … 7) -> opening and closing, in its time zone."""

    hours: Mapping[int, tuple[time, time | None]]  # None closes at midnight
    zone: ZoneInfo
    country: str


@dataclass
class WorkingDays:
    """Which days are worked in a country. ``declared`` maps (country, day) to what the lake's calendar says."""

    declared: Mapping[tuple[str, date], bool] = field(default_factory=dict)
    _holidays: dict[str, Callable[[date], bool | None]] = field(default_factory=dict)

    def is_worked(self, country: str, day: date) -> bool | None:
        """Whether a day is worked; None where that only depends on the weekday."""
        if (country, day) in self.declared:
            return self.declared[country, day]
        if country not in self._holidays:
            self._holidays[country] = _china if country == "CN" else _elsewhere(country)
        return self._holidays[country](day)


def _china(day: date) -> bool | None:
    import chinese_calendar  # noqa: PLC0415 - most workspaces never need it

    try:
        is_holiday, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        warnings.warn(
            f"China's calendar for {day.year} is not known to the installed chinesecalendar: weekdays count as working days.",
            CalendarWarning,
            stacklevel=2,
        )
        return None
    if is_holiday:
        # an ordinary weekend has no name: whoever has hours then, works
        return False if name else None
    return True


def _elsewhere(country: str) -> Callable[[date], bool | None]:
    import holidays  # noqa: PLC0415 - most workspaces never need it

    try:
        known = holidays.country_holidays(country)
    except NotImplementedError:
        warnings.warn(f"The public holidays of {country!r} are not known: weekdays count as working days.", CalendarWarning, stacklevel=2)
        return lambda _: None
    return lambda day: False if day in known else None


def schedules(rows: Iterable[Mapping[str, Any]]) -> dict[str, Schedule]:
    """Rows of ``business_hours`` as one schedule a team."""
    hours: dict[str, dict[int, tuple[time, time | None]]] = defaultdict(dict)
    place: dict[str, tuple[str, str]] = {}
    for row in sorted(rows, key=lambda r: (r["team"], r["weekday"])):
        hours[row["team"]][int(row["weekday"])] = (_time(row["opens_at"]) or time(0), _time(row["closes_at"]))
        place[row["team"]] = (row["time_zone"], row["country"])
    return {team: Schedule(h, ZoneInfo(place[team][0]), place[team][1]) for team, h in hours.items()}


def _time(text: str) -> time | None:
    return None if text.startswith("24:00") else time.fromisoformat(text)


def opening_or_none(schedule: Schedule, day: date, working: WorkingDays) -> tuple[datetime, datetime] | None:
    """When the team opens and closes on a local day, as instants; None on a day off.

    A day that is worked though the team has no hours for its weekday (a make-up working day) has those of the team's first weekday.
    """
    worked = working.is_worked(schedule.country, day)
    found = schedule.hours.get(day.isoweekday())
    if worked is False:
        return None
    if found is None:
        if not worked or day.isoweekday() < WEEKEND:
            return None
        found = schedule.hours[min(schedule.hours)]
    opens, closes = found
    begin = datetime.combine(day, opens, schedule.zone).astimezone(UTC)
    end = datetime.combine(day + ONE_DAY, time(0), schedule.zone) if closes is None else datetime.combine(day, closes, schedule.zone)
    return begin, end.astimezone(UTC)


def business_time(schedule: Schedule, working: WorkingDays, start: datetime, end: datetime) -> timedelta:
    """How much of the time from ``start`` to ``end`` lay within the team's hours."""
    # of two instants in one zone Python subtracts what their clocks show
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    total = timedelta(0)
    day = start.astimezone(schedule.zone).date() - ONE_DAY
    while day <= end.astimezone(schedule.zone).date():
        opening = opening_or_none(schedule, day, working)
        if opening is not None:
            total += max(min(opening[1], end) - max(opening[0], start), timedelta(0))
        day += ONE_DAY
    return total


def working_time(
    hours: Sequence[Mapping[str, Any]], declared: Iterable[Mapping[str, Any]], first: int | None, last: int | None
) -> pa.Table:
    """Each team's openings by UTC day, so that the business time between two instants is one subtraction.

    ``first`` and ``last`` are microseconds since 1970. Columns: ``team``, ``day_no`` (days since 1970), ``base`` (business time before the day),
    and up to two openings within the day, all in microseconds: at ``t`` so much business time has passed since the table's first day:
    base + Σ max(min(t, closes) − opens, 0).
    """
    columns: dict[str, list[Any]] = {c: [] for c in ("team", "day_no", "base", "opens_1", "closes_1", "opens_2", "closes_2")}
    if first is not None and last is not None:
        working = WorkingDays({(r["country"], r["on"]): bool(r["is_business_day"]) for r in declared})
        for team, schedule in schedules(hours).items():
            _add_team(columns, team, schedule, working, (first // DAY_LENGTH, last // DAY_LENGTH))
    kinds = {c: pa.string() if c == "team" else pa.int64() for c in columns}
    return pa.table({c: pa.array(v, kinds[c]) for c, v in columns.items()})


def _add_team(columns: dict[str, list[Any]], team: str, schedule: Schedule, working: WorkingDays, days: tuple[int, int]) -> None:
    openings = []
    day = (EPOCH + days[0] * ONE_DAY).date() - ONE_DAY
    while day <= (EPOCH + days[1] * ONE_DAY).date() + ONE_DAY:
        found = opening_or_none(schedule, day, working)
        if found is not None and found[0] < found[1]:
            openings.append(((found[0] - EPOCH) // MICROSECOND, (found[1] - EPOCH) // MICROSECOND))
        day += ONE_DAY
    openings.sort()
    starts = [o for o, _ in openings]
    base = 0
    for number in range(days[0], days[1] + 1):
        begin, end = number * DAY_LENGTH, (number + 1) * DAY_LENGTH
        around = openings[max(bisect_right(starts, begin) - 1, 0) : bisect_right(starts, end)]
        within = [(max(o, begin) - begin, min(c, end) - begin) for o, c in around if o < end and c > begin][:2]
        padded = [*within, (0, 0), (0, 0)][:2]
        values = (team, number, base, *(edge for pair in padded for edge in pair))
        for column, value in zip(columns, values, strict=True):
            columns[column].append(value)
        base += sum(c - o for o, c in within)
