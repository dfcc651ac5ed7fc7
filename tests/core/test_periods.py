import functools
import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.errors import WrongUseError
from keepwell.core.periods import Calendar, Grain, Period, Span

TODAY = date(2026, 11, 21)  # a Saturday
SHANGHAI = Calendar("Asia/Shanghai")
APRIL = Calendar("Asia/Shanghai", fiscal_start=4)
SUNDAYS = Calendar("America/New_York", week_start=7)

calendars = st.builds(Calendar, st.just("Asia/Shanghai"), week_start=st.integers(1, 7), fiscal_start=st.integers(1, 12))
days = st.dates(date(1900, 1, 1), date(2200, 12, 31))
grains = st.sampled_from([grain for grain in Grain if grain is not Grain.ALL])


# ------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("text", "grain", "start", "end"),
    [
        ("2026", "year", "2026-01-01", "2026-12-31"),
        ("2026-H1", "half", "2026-01-01", "2026-06-30"),
        ("2026-H2", "half", "2026-07-01", "2026-12-31"),
        ("2026-Q3", "quarter", "2026-07-01", "2026-09-30"),
        ("2026-10", "month", "2026-10-01", "2026-10-31"),
        ("2028-02", "month", "2028-02-01", "2028-02-29"),
        ("2026-W41", "week", "2026-10-05", "2026-10-11"),
        ("2026-W53", "week", "2026-12-28", "2027-01-03"),
        ("2026-10-05", "day", "2026-10-05", "2026-10-05"),
        ("FY2026", "fiscal_year", "2025-04-01", "2026-03-31"),
        ("FY2026-Q1", "fiscal_quarter", "2025-04-01", "2025-06-30"),
        ("FY2026-Q4", "fiscal_quarter", "2026-01-01", "2026-03-31"),
        (" fy2026-q4 ", "fiscal_quarter", "2026-01-01", "2026-03-31"),
        ("last-day", "day", "2026-11-20", "2026-11-20"),
        ("last-week", "week", "2026-11-09", "2026-11-15"),
        ("last-month", "month", "2026-10-01", "2026-10-31"),
        ("last-quarter", "quarter", "2026-07-01", "2026-09-30"),
        ("last-year", "year", "2025-01-01", "2025-12-31"),
        ("this-month", "month", "2026-11-01", "2026-11-30"),
        ("this-half", "half", "2026-07-01", "2026-12-31"),
        ("last-fiscal-year", "fiscal_year", "2025-04-01", "2026-03-31"),
        ("2026-03..2026-05", "month", "2026-03-01", "2026-05-31"),
        ("2025-Q4 .. 2026-02-10", "day", "2025-10-01", "2026-02-10"),
        ("2026-03..2026", "month", "2026-03-01", "2026-12-31"),
    ],
)
def test_a_name_stands_for_the_days_the_calendar_shows(text: str, grain: str, start: str, end: str) -> None:
    span = APRIL.parse(text, today=TODAY)
    assert (span.grain.value, span.start.isoformat(), span.end.isoformat()) == (grain, start, end)


def test_relative_names_are_labelled_with_the_period_they_found() -> None:
    assert APRIL.parse("last-month", today=TODAY).label == "2026-10"
    assert APRIL.parse("2025-q4..last-month", today=TODAY).label == "2025-Q4..2026-10"


def test_all_is_the_days_of_the_data_or_open() -> None:
    known = SHANGHAI.parse("all", today=TODAY, first=date(2020, 3, 1), last=TODAY)
    assert known == Span("all", Grain.ALL, date(2020, 3, 1), TODAY)
    assert SHANGHAI.parse("ALL", today=TODAY) == Span("all", Grain.ALL, date.min, date.max)


def test_a_fiscal_year_from_january_is_the_calendar_year() -> None:
    assert SHANGHAI.parse("FY2026", today=TODAY).start == date(2026, 1, 1)
    assert SHANGHAI.parse("FY2026", today=TODAY).end == date(2026, 12, 31)


def test_weeks_from_sunday_count_from_the_one_that_holds_january_4th() -> None:
    # January 4th 2026 is itself a Sunday, so January 1st to 3rd belong to the last week of 2025.
    assert SUNDAYS.parse("2026-W01", today=TODAY).start == date(2026, 1, 4)
    assert SUNDAYS.label(Grain.WEEK, date(2026, 1, 3)) == "2025-W53"
    assert SUNDAYS.label(Grain.WEEK, date(2026, 1, 4)) == "2026-W01"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-13", "month is numbered 1 to 12"),
        ("2026-00", "month is numbered 1 to 12"),
        ("2026-Q5", "quarter is numbered 1 to 4"),
        ("2026-H3", "half is numbered 1 to 2"),
        ("FY2026-Q0", "fiscal quarter is numbered 1 to 4"),
        ("2025-W53", "weeks of 2025 are W01 to W52"),
        ("2026-W54", "weeks of 2026 are W01 to W53"),
        ("2026-02-30", "no such day"),
        ("0026", "years run from"),
        ("9999", "years run from"),
        ("2026-05..2026-03", "before 2026-05 starts"),
        ("2026..2026-03", "before 2026 ends"),
        ("2026-05..", "a name is missing"),
        ("", "a name is missing"),
        ("october", "names no period"),
        ("2026-10-05T00:00", "names no period"),
        ("2026..all", "names no period"),
        ("２０２６", "names no period"),
    ],
)
def test_a_wrong_name_is_refused_with_why_and_what_is_accepted(text: str, said: str) -> None:
    with pytest.raises(WrongUseError) as caught:
        APRIL.parse(text, today=TODAY)
    assert said in caught.value.message
    assert repr(text) in caught.value.message
    assert "2026-W41" in (caught.value.hint or "")
    assert "FY2026 is the fiscal year that ends in 2026: 2025-04-01 to 2026-03-31" in (caught.value.hint or "")


@given(calendars, days, grains)
def test_labels_are_read_back_as_the_same_days(calendar: Calendar, day: date, grain: Grain) -> None:
    period = calendar.containing(grain, day)
    span = calendar.parse(period.label, today=TODAY)
    assert (span.label, span.grain, span.start, span.end) == (period.label, grain, period.start, period.end)


@given(days)
def test_weeks_from_monday_are_iso_weeks(day: date) -> None:
    iso = day.isocalendar()
    assert SHANGHAI.label(Grain.WEEK, day) == f"{iso.year:04d}-W{iso.week:02d}"


@given(st.integers(1900, 2200), st.integers(1, 7))
def test_week_one_holds_january_4th_whatever_the_week_starts_on(year: int, week_start: int) -> None:
    calendar = Calendar("Asia/Shanghai", week_start=week_start)
    first = calendar.parse(f"{year}-W01", today=TODAY)
    assert first.start <= date(year, 1, 4) <= first.end
    assert first.start.isoweekday() == week_start


@pytest.mark.parametrize(
    ("timezone", "week_start", "fiscal_start", "said"),
    [("Asia/Shangai", 1, 1, "Asia/Shanghai"), ("Asia/Shanghai", 0, 1, "1 for Monday"), ("Asia/Shanghai", 1, 13, "1 for January")],
)
def test_an_impossible_calendar_is_refused(timezone: str, week_start: int, fiscal_start: int, said: str) -> None:
    with pytest.raises(WrongUseError, match=said):
        Calendar(timezone, week_start, fiscal_start)


# ---------------------------------------------------------------------- periods


@given(calendars, grains, days, st.integers(0, 800))
def test_periods_tile_the_range_without_gap_or_overlap(calendar: Calendar, grain: Grain, start: date, length: int) -> None:
    end = start + timedelta(days=length)
    found = calendar.periods(grain, start, end)
    assert found[0].start <= start <= found[0].end
    assert found[-1].start <= end <= found[-1].end
    assert all(later.start - earlier.end == timedelta(days=1) for earlier, later in itertools.pairwise(found))
    assert sorted(found) == found
    assert len({period.label for period in found}) == len(found)


@given(calendars, grains, days)
def test_every_day_of_a_period_is_contained_in_it(calendar: Calendar, grain: Grain, day: date) -> None:
    period = calendar.containing(grain, day)
    assert period.start <= day <= period.end
    assert calendar.containing(grain, period.start) == calendar.containing(grain, period.end) == period
    assert period.days == (period.end - period.start).days + 1


@given(calendars, grains, days)
def test_the_previous_period_ends_the_day_before(calendar: Calendar, grain: Grain, day: date) -> None:
    period = calendar.containing(grain, day)
    previous = calendar.previous_or_none(period)
    assert previous is not None
    assert previous.end + timedelta(days=1) == period.start
    assert calendar.containing(grain, previous.end + timedelta(days=1)) == period


def test_all_does_not_divide_a_range() -> None:
    assert SHANGHAI.periods(Grain.ALL, date(2026, 1, 5), date(2026, 2, 3)) == [Period("all", Grain.ALL, date(2026, 1, 5), date(2026, 2, 3))]


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(WrongUseError, match="before it starts"):
        SHANGHAI.periods(Grain.MONTH, date(2026, 2, 1), date(2026, 1, 31))


def test_days_outside_the_calendar_are_refused_rather_than_misnamed() -> None:
    with pytest.raises(WrongUseError, match="outside the calendar"):
        SHANGHAI.containing(Grain.MONTH, date(9999, 12, 31))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("2026-10", "2025-10"),
        ("2026-Q1", "2025-Q1"),
        ("2026-H2", "2025-H2"),
        ("2026", "2025"),
        ("FY2026", "FY2025"),
        ("FY2026-Q3", "FY2025-Q3"),
        ("2026-10-05", "2025-10-05"),
        ("2028-02-29", "2027-02-28"),
        ("2026-W41", "2025-W41"),
        ("2026-W53", "2025-W52"),  # by ISO 2026 has 53 weeks, 2025 has 52
        ("2027-W01", "2026-W01"),
    ],
)
def test_last_years_period_has_the_same_name_or_the_nearest(label: str, expected: str) -> None:
    span = APRIL.parse(label, today=TODAY)
    last_year = APRIL.same_last_year_or_none(APRIL.containing(span.grain, span.start))
    assert last_year is not None
    assert last_year.label == expected


def test_all_has_no_previous_and_no_last_year() -> None:
    everything = SHANGHAI.containing(Grain.ALL, TODAY)
    assert SHANGHAI.previous_or_none(everything) is None
    assert SHANGHAI.same_last_year_or_none(everything) is None


def test_the_first_period_of_the_calendar_has_none_before() -> None:
    first = SHANGHAI.containing(Grain.YEAR, date(1000, 1, 1))
    assert SHANGHAI.previous_or_none(first) is None
    assert SHANGHAI.same_last_year_or_none(first) is None


# --------------------------------------------------------------------- instants


@pytest.mark.parametrize(
    ("timezone", "day", "start", "hours"),
    [
        ("Europe/London", "2026-03-29", "2026-03-29T00:00+00:00", 23),
        ("Europe/London", "2026-10-25", "2026-10-24T23:00+00:00", 25),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00+00:00", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00+00:00", 25),
        ("Asia/Shanghai", "2026-03-29", "2026-03-28T16:00+00:00", 24),
        ("America/Santiago", "2022-09-11", "2022-09-11T04:00+00:00", 23),  # 00:00 to 01:00 is skipped
        ("America/Santiago", "2022-04-02", "2022-04-02T03:00+00:00", 25),  # 23:00 to 24:00 comes twice
        ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00+00:00", 23),  # 00:00 to 01:00 is skipped
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30+00:00", 23.5),  # 23:30 to 00:30 is skipped
        ("America/Havana", "2026-11-01", "2026-11-01T04:00+00:00", 25),  # 00:00 to 01:00 comes twice
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00+00:00", 0),  # the whole day is skipped
    ],
)
def test_a_day_has_the_instants_that_its_clocks_show(timezone: str, day: str, start: str, hours: float) -> None:
    calendar = Calendar(timezone)
    begins, ends = calendar.instants(calendar.parse(day, today=TODAY))
    assert begins == datetime.fromisoformat(start)
    assert ends - begins == timedelta(hours=hours)
    assert begins.tzinfo is ends.tzinfo is UTC


@given(
    st.sampled_from(["Europe/London", "America/New_York", "Asia/Shanghai", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe"]),
    st.dates(date(1985, 1, 1), date(2037, 12, 31)),
)
def test_a_days_instants_are_exactly_those_zoneinfo_dates_on_it(timezone: str, day: date) -> None:
    calendar, zone, second = Calendar(timezone), ZoneInfo(timezone), timedelta(seconds=1)
    begins, ends = calendar.instants(calendar.containing(Grain.DAY, day))
    assert begins.astimezone(zone).date() == (ends - second).astimezone(zone).date() == day
    assert (begins - second).astimezone(zone).date() == day - timedelta(days=1)
    assert ends.astimezone(zone).date() == day + timedelta(days=1)
    assert calendar.day_of(begins) == day


@given(calendars, grains, days)
def test_neighbouring_periods_meet_in_one_instant(calendar: Calendar, grain: Grain, day: date) -> None:
    earlier = calendar.containing(grain, day)
    later = calendar.containing(grain, earlier.end + timedelta(days=1))
    assert calendar.instants(earlier)[1] == calendar.instants(later)[0]


def test_an_open_span_has_the_first_and_last_instant_there_are() -> None:
    for timezone in ("Asia/Shanghai", "America/New_York"):
        calendar = Calendar(timezone)
        assert calendar.instants(calendar.parse("all", today=TODAY)) == (
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
        )


def test_the_day_of_an_instant_is_local() -> None:
    instant = datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert SHANGHAI.day_of(instant) == date(2026, 11, 1)
    assert SUNDAYS.day_of(instant) == date(2026, 10, 31)


def test_an_instant_without_a_time_zone_has_no_day() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        SHANGHAI.day_of(datetime(2026, 10, 31, 16))


@given(st.integers(1900, 2200), st.integers(1, 12))
def test_quarters_halves_and_fiscal_years_are_made_of_whole_months(year: int, fiscal_start: int) -> None:
    calendar = Calendar("Asia/Shanghai", fiscal_start=fiscal_start)
    parse = functools.partial(calendar.parse, today=TODAY)
    quarters = [parse(f"FY{year}-Q{number}") for number in (1, 2, 3, 4)]
    whole = parse(f"FY{year}")
    assert (quarters[0].start, quarters[-1].end) == (whole.start, whole.end)
    assert whole.end.year == year
    assert whole.start.month == fiscal_start
    assert sum(quarter.days for quarter in quarters) == whole.days
