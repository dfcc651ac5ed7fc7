"""The small tables that place rows in periods: which day counts in which period, for every kind of placement.

They are made from the calendar in one place, so that a period means the same on every engine and in every query.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa

from keepwell.core.periods import Calendar, Grain, Period, Span
from keepwell.metrics.measure import Source, Window

ONE_DAY = timedelta(days=1)
COMPARISONS = "_comparisons"  # period_start, p_start, y_start
RETURNING = "_returning"  # day, period_start, period_end, part


def days_of(source: Source) -> str:
    """The name of the source's table of days (day, period_start, period_end); sources with other windows have other tables."""
    window = source.window
    return "_days" if window is None else f"_days_{window.months}_months_{window.days}_days"


def ages_of(source: Source) -> str:
    """The name of a cohort's table of ages (period_start, age, from_day, to_day); how far it reaches is the fact's own."""
    return f"_ages_{source.fact}"


def age_days_of(source: Source) -> str:
    """The same by day (period_start, day, age)."""
    return f"_age_days_{source.fact}"


def days(periods: Iterable[Period], until: date) -> pa.Table:
    """Each day with the period that it counts in."""
    return _days(((p, p.start, p.end) for p in periods), until)


def trailing(periods: Iterable[Period], window: Window, until: date) -> pa.Table:
    """Each day with every period whose window it lies in."""
    return _days(((p, window_start(p, window), p.end) for p in periods), until)


def window_start(period: Period, window: Window) -> date:
    """The first day of the window that ends with the period: so many months to the day after, or so many days."""
    if window.days:
        return period.end - (window.days - 1) * ONE_DAY
    after = period.end + ONE_DAY
    index = after.year * 12 + after.month - 1 - window.months
    year, month = index // 12, index % 12 + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - ONE_DAY).day
    return date(year, month, min(after.day, last))


def _days(ranges: Iterable[tuple[Period, date, date]], until: date) -> pa.Table:
    day: list[date] = []
    start: list[date] = []
    end: list[date] = []
    for period, first, last in ranges:
        count = (min(last, until) - first).days + 1
        day += [first + i * ONE_DAY for i in range(count)]
        start += [period.start] * max(count, 0)
        end += [period.end] * max(count, 0)
    return pa.table(
        {"day": pa.array(day, pa.date32()), "period_start": pa.array(start, pa.date32()), "period_end": pa.array(end, pa.date32())}
    )


def returning(periods: Iterable[Period], calendar: Calendar, until: date) -> pa.Table:
    """Each day of a period (part ``return``) and of the one before it (part ``start``)."""
    given = list(periods)
    now = _days(((p, p.start, p.end) for p in given), until)
    ranges = []
    for period in given:
        earlier = calendar.previous_or_none(period)
        if earlier is not None:
            ranges.append((period, earlier.start, earlier.end))
    before = _days(ranges, until)
    return pa.concat_tables(
        [
            now.append_column("part", pa.array(["return"] * now.num_rows, pa.string())),
            before.append_column("part", pa.array(["start"] * before.num_rows, pa.string())),
        ]
    )


def moments(periods: Iterable[Period], calendar: Calendar, until: date) -> pa.Table:
    """The end of each period that has begun, the last day known at the latest."""
    begun = [p for p in periods if p.start <= until]
    ends = [min(p.end, until) for p in begun]
    return pa.table(
        {
            "period_start": pa.array([p.start for p in begun], pa.date32()),
            "period_end": pa.array(ends, pa.date32()),
            "day_before": pa.array([p.start - ONE_DAY if p.start > date.min else p.start for p in begun], pa.date32()),
            "ends_at": pa.array([calendar.instants(Span("", Grain.DAY, e, e))[1] for e in ends], pa.timestamp("us", tz="UTC")),
        }
    )


def period_starts(periods: Iterable[Period]) -> pa.Table:
    """The first day of every period."""
    return pa.table({"day": pa.array([p.start for p in periods], pa.date32())})


def ages(periods: Iterable[Period], calendar: Calendar, until: date) -> tuple[pa.Table, pa.Table]:
    """For each cohort the periods that are over by ``until``, numbered from 0; and their days. What is not over has no number yet."""
    start: list[date] = []
    age: list[int] = []
    first: list[date] = []
    last: list[date] = []
    for cohort in periods:
        period, number = cohort, 0
        while period.end <= until:
            start.append(cohort.start)
            age.append(number)
            first.append(period.start)
            last.append(period.end)
            period, number = calendar.containing(cohort.grain, period.end + ONE_DAY), number + 1
    table = pa.table(
        {
            "period_start": pa.array(start, pa.date32()),
            "age": pa.array(age, pa.int32()),
            "from_day": pa.array(first, pa.date32()),
            "to_day": pa.array(last, pa.date32()),
        }
    )
    every = [(s, a, f + i * ONE_DAY) for s, a, f, t in zip(start, age, first, last, strict=True) for i in range((t - f).days + 1)]
    by_day = pa.table(
        {
            "period_start": pa.array([s for s, _, _ in every], pa.date32()),
            "day": pa.array([d for _, _, d in every], pa.date32()),
            "age": pa.array([a for _, a, _ in every], pa.int32()),
        }
    )
    return table, by_day


def comparisons(periods: Sequence[Period], before: Mapping[date, date], last_year: Mapping[date, date]) -> pa.Table:
    """Of each period the starts of those that it is compared with."""
    return pa.table(
        {
            "period_start": pa.array([p.start for p in periods], pa.date32()),
            "p_start": pa.array([before.get(p.start) for p in periods], pa.date32()),
            "y_start": pa.array([last_year.get(p.start) for p in periods], pa.date32()),
        }
    )
