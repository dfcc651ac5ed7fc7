"""The business clock against calculations by hand, an official calendar, and itself computed in another way."""

import csv
import os
import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.metrics.clocks import (
    CalendarWarning,
    Schedule,
    WorkingDays,
    business_time,
    opening_or_none,
    schedules,
    working_time,
)

DATA = Path(os.environ.get("KEEPWELL_REFERENCE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
CHINA = DATA / "business_calendars" / "china_workdays.csv"
BERLIN, NEW_YORK, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_LENGTH = 86_400_000_000


def team(zone: ZoneInfo, country: str, days: Sequence[int] = (1, 2, 3, 4, 5), opens: time = time(9), closes: time | None = time(18)) -> Schedule:  # fmt: skip
    return Schedule(dict.fromkeys(days, (opens, closes)), zone, country)


def hours_of(name: str, opens: str, closes: str, days: Sequence[int], zone: ZoneInfo, country: str) -> list[dict[str, Any]]:
    """Rows as the lake's ``business_hours`` has them."""
    place = {"time_zone": zone.key, "country": country}
    return [{"team": name, "weekday": day, "opens_at": opens, "closes_at": closes} | place for day in days]


def worked(schedule: Schedule, start: datetime, end: datetime, days: WorkingDays | None = None) -> timedelta:
    return business_time(schedule, days or WorkingDays(), start, end)


def at(zone: ZoneInfo, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=zone)  # type: ignore[arg-type,misc] # mypy takes the parts for the zone


# ------------------------------------------------------------------------------------ by hand


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ((2025, 10, 13, 10, 0), (2025, 10, 13, 10, 10), timedelta(minutes=10)),  # within a Monday
        ((2025, 10, 13, 17, 0), (2025, 10, 14, 10, 0), 2 * HOUR),  # 17–18 and 9–10
        ((2025, 10, 13, 9, 0), (2025, 10, 13, 18, 0), 9 * HOUR),  # all of it
        ((2025, 10, 13, 0, 0), (2025, 10, 14, 0, 0), 9 * HOUR),
        ((2025, 10, 13, 18, 0), (2025, 10, 14, 9, 0), timedelta(0)),  # from closing to opening
        ((2025, 10, 17, 17, 0), (2025, 10, 20, 10, 0), 2 * HOUR),  # Friday to Monday
        ((2025, 10, 18, 10, 0), (2025, 10, 19, 10, 0), timedelta(0)),  # a weekend
        ((2025, 9, 30, 17, 0), (2025, 10, 9, 10, 0), 2 * HOUR),  # National Day, 1 to 8 October, in between
        ((2025, 10, 10, 17, 0), (2025, 10, 11, 10, 0), 2 * HOUR),  # Saturday, 11 October, makes up for it
        ((2025, 9, 28, 0, 0), (2025, 9, 29, 0, 0), 9 * HOUR),  # and so does Sunday, 28 September
        ((2025, 10, 13, 10, 0), (2025, 10, 13, 10, 0), timedelta(0)),
    ],
)
def test_hours_of_a_shanghai_office_are_those_counted_by_hand(start: tuple[int, ...], end: tuple[int, ...], expected: timedelta) -> None:
    assert worked(team(SHANGHAI, "CN"), at(SHANGHAI, *start), at(SHANGHAI, *end)) == expected


def test_two_instants_of_other_zones_are_the_same_instants() -> None:
    office = team(BERLIN, "DE")
    # 13 October, 8–10 UTC is 10–12 in Berlin and 16–18 in Shanghai
    pairs = [(at(z, 2025, 10, 13, 8 + plus, 0), at(z, 2025, 10, 13, 10 + plus, 0)) for z, plus in ((ZoneInfo("UTC"), 0), (BERLIN, 2), (SHANGHAI, 8))]  # fmt: skip
    assert {worked(office, start, end) for start, end in pairs} == {2 * HOUR}


def test_a_country_without_make_up_days_rests_on_weekends_and_holidays() -> None:
    office = team(BERLIN, "DE")
    # 1 May 2025 is a Thursday and Labour Day; 9–18 on the 30th, the 2nd and Monday the 5th
    assert worked(office, at(BERLIN, 2025, 4, 30, 0), at(BERLIN, 2025, 5, 6, 0)) == 3 * 9 * HOUR
    # the Fourth of July is a Friday
    assert worked(team(NEW_YORK, "US"), at(NEW_YORK, 2025, 7, 3, 0), at(NEW_YORK, 2025, 7, 8, 0)) == 2 * 9 * HOUR


def test_a_night_shift_until_24_o_clock_ends_at_midnight() -> None:
    night = schedules(hours_of("night", "22:00:00", "24:00:00", [1, 2], SHANGHAI, "CN"))["night"]
    assert night.hours[1] == (time(22), None)
    assert opening_or_none(night, date(2025, 10, 13), WorkingDays()) == (at(SHANGHAI, 2025, 10, 13, 22), at(SHANGHAI, 2025, 10, 14, 0))
    # Monday 22–24 and Tuesday 22–24
    assert worked(night, at(SHANGHAI, 2025, 10, 13, 12), at(SHANGHAI, 2025, 10, 15, 12)) == 4 * HOUR
    # a shift over midnight: until 24 o'clock and from 0 on the next day
    over = schedules(
        [*hours_of("n", "22:00:00", "24:00:00", [1], SHANGHAI, "CN"), *hours_of("n", "00:00:00", "06:00:00", [2], SHANGHAI, "CN")]
    )["n"]
    assert worked(over, at(SHANGHAI, 2025, 10, 13, 12), at(SHANGHAI, 2025, 10, 14, 12)) == 8 * HOUR


def test_a_lunch_hour_can_not_be_said_so_it_counts() -> None:
    # a team has one opening a weekday: who rests from 12 to 13 is open from 9 to 18 here, nine hours and not eight
    office = team(SHANGHAI, "CN")
    assert worked(office, at(SHANGHAI, 2025, 10, 13, 11, 30), at(SHANGHAI, 2025, 10, 13, 13, 30)) == 2 * HOUR


@pytest.mark.parametrize(
    ("zone", "start", "end", "hours"),
    [
        # Berlin's clocks go from 3:00 back to 2:00 on 26 October and from 2:00 to 3:00 on 30 March 2025; both are Sundays
        (BERLIN, (2025, 10, 26, 0), (2025, 10, 26, 6), 7),
        (BERLIN, (2025, 10, 26, 1), (2025, 10, 26, 4), 4),
        (BERLIN, (2025, 3, 30, 0), (2025, 3, 30, 6), 5),
        (BERLIN, (2025, 3, 30, 1), (2025, 3, 30, 4), 2),
        (BERLIN, (2025, 3, 23, 0), (2025, 3, 23, 6), 6),
        # New York's on 2 November and 9 March 2025
        (NEW_YORK, (2025, 11, 2, 0), (2025, 11, 2, 6), 7),
        (NEW_YORK, (2025, 3, 9, 0), (2025, 3, 9, 6), 5),
        (NEW_YORK, (2025, 10, 26, 0), (2025, 10, 26, 6), 6),
    ],
)
def test_hours_are_real_ones_on_the_night_when_clocks_change(
    zone: ZoneInfo, start: tuple[int, ...], end: tuple[int, ...], hours: int
) -> None:
    night = team(zone, "DE" if zone is BERLIN else "US", days=(7,), opens=time(0), closes=time(6))
    assert worked(night, at(zone, *start), at(zone, *end)) == hours * HOUR
    table = working_time(rows_of(night, "night"), [], *(microseconds(at(zone, *t)) for t in (start, end)))
    assert passed(table, "night", at(zone, *end)) - passed(table, "night", at(zone, *start)) == hours * HOUR


# ------------------------------------------------------------------------------------ which days


def test_the_lake_s_calendar_wins_over_the_library() -> None:
    office = team(SHANGHAI, "CN")
    # 1 October is a holiday, 14 October is none; ours says otherwise
    ours = WorkingDays({("CN", date(2025, 10, 1)): True, ("CN", date(2025, 10, 14)): False, ("DE", date(2025, 10, 15)): False})
    for day, open_hours in ((1, 9), (2, 0), (14, 0), (15, 9)):
        start = at(SHANGHAI, 2025, 10, day, 0)
        assert worked(office, start, start + timedelta(days=1), ours) == open_hours * HOUR
    declared = [{"country": "CN", "on": date(2025, 10, 14), "is_business_day": False}]
    start, end = at(SHANGHAI, 2025, 10, 13, 17), at(SHANGHAI, 2025, 10, 15, 10)
    table = working_time(rows_of(office, "*"), declared, microseconds(start), microseconds(end))
    # Monday 17–18 and Wednesday 9–10
    assert passed(table, "*", end) - passed(table, "*", start) == 2 * HOUR


def test_a_make_up_day_has_the_hours_of_the_first_weekday() -> None:
    short_fridays = Schedule({1: (time(8), time(12)), 5: (time(9), time(10))}, SHANGHAI, "CN")
    assert worked(short_fridays, at(SHANGHAI, 2025, 10, 11, 0), at(SHANGHAI, 2025, 10, 12, 0)) == 4 * HOUR
    # a Tuesday is worked in China, but not by this team
    assert worked(short_fridays, at(SHANGHAI, 2025, 10, 14, 0), at(SHANGHAI, 2025, 10, 15, 0)) == timedelta(0)


def test_who_has_hours_on_weekends_works_on_ordinary_ones_and_not_on_holidays() -> None:
    shop = team(SHANGHAI, "CN", days=range(1, 8))
    # Saturday the 18th is an ordinary one; Saturday the 4th lies in the holiday
    assert worked(shop, at(SHANGHAI, 2025, 10, 18, 0), at(SHANGHAI, 2025, 10, 19, 0)) == 9 * HOUR
    assert worked(shop, at(SHANGHAI, 2025, 10, 4, 0), at(SHANGHAI, 2025, 10, 5, 0)) == timedelta(0)


def test_a_year_beyond_the_known_calendar_warns_and_counts_weekdays() -> None:
    office = team(SHANGHAI, "CN")
    # 1 October 2068 is a Monday
    with pytest.warns(CalendarWarning, match="2068"):
        assert worked(office, at(SHANGHAI, 2068, 10, 1, 0), at(SHANGHAI, 2068, 10, 8, 0)) == 5 * 9 * HOUR


def test_a_country_without_known_holidays_warns_and_counts_weekdays() -> None:
    with pytest.warns(CalendarWarning, match="XX"):
        assert worked(team(BERLIN, "XX"), at(BERLIN, 2025, 12, 22, 0), at(BERLIN, 2025, 12, 29, 0)) == 5 * 9 * HOUR


@pytest.mark.skipif(not CHINA.is_file(), reason=f"no {CHINA.name} in {CHINA.parent}: KEEPWELL_REFERENCE_DATA names the folder above it")
def test_every_day_of_three_years_is_worked_in_china_as_announced() -> None:
    with CHINA.open(encoding="utf-8") as file:
        announced = {
            date.fromisoformat(r["date"]): r["is_workday"] == "1" for r in csv.DictReader(file) if "2024" <= r["date"][:4] <= "2026"
        }
    assert len(announced) == 366 + 365 + 365
    office, days = team(SHANGHAI, "CN"), WorkingDays()
    opened = {day: opening_or_none(office, day, days) is not None for day in announced}
    assert opened == announced
    # the number that the State Council's notice gives
    assert sum(is_open for day, is_open in opened.items() if day.year == 2025) == 248


def test_teams_have_their_own_hours_and_everyone_else_those_of_the_star() -> None:
    found = schedules(
        [*hours_of("*", "09:00:00", "18:00:00", [1], SHANGHAI, "CN"), *hours_of("night", "00:00:00", "06:00:00", [7], BERLIN, "DE")]
    )
    assert set(found) == {"*", "night"}
    assert found["night"] == team(BERLIN, "DE", days=(7,), opens=time(0), closes=time(6))
    assert found["*"].hours.keys() == {1}


# ------------------------------------------------------------------------------------ the table


def microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND


def rows_of(schedule: Schedule, name: str) -> list[dict[str, Any]]:
    return [
        {"team": name, "weekday": day, "opens_at": str(opens), "closes_at": str(closes) if closes else "24:00:00", "time_zone": schedule.zone.key, "country": schedule.country}
        for day, (opens, closes) in schedule.hours.items()
    ]  # fmt: skip


def passed(table: pa.Table, name: str, instant: datetime) -> timedelta:
    """Business time from the table's first day up to an instant, as the table promises it."""
    number, into = divmod(microseconds(instant), DAY_LENGTH)
    (row,) = (r for r in table.to_pylist() if (r["team"], r["day_no"]) == (name, number))
    within = sum(max(min(into, row[f"closes_{i}"]) - row[f"opens_{i}"], 0) for i in (1, 2))
    total: int = row["base"] + within
    return total * MICROSECOND


def test_the_table_of_a_shanghai_monday_is_the_one_made_by_hand() -> None:
    start, end = at(SHANGHAI, 2025, 10, 13, 10), at(SHANGHAI, 2025, 10, 14, 10)
    table = working_time(rows_of(team(SHANGHAI, "CN"), "*"), [], microseconds(start), microseconds(end))
    number, hour = microseconds(at(ZoneInfo("UTC"), 2025, 10, 13, 0)) // DAY_LENGTH, 3_600_000_000
    # 9–18 in Shanghai is 1–10 UTC
    day = {"team": "*", "opens_1": 1 * hour, "closes_1": 10 * hour, "opens_2": 0, "closes_2": 0}
    assert table.to_pylist() == [day | {"day_no": number, "base": 0}, day | {"day_no": number + 1, "base": 9 * hour}]


def test_without_hours_or_instants_the_table_is_empty_and_typed() -> None:
    empty = working_time([], [], 0, 1)
    assert (empty.num_rows, working_time(rows_of(team(SHANGHAI, "CN"), "*"), [], None, None).num_rows) == (0, 0)
    assert empty.schema == working_time(rows_of(team(BERLIN, "DE"), "*"), [], 0, 1).schema


ZONES = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "America/St_Johns",
]
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 30)).map(lambda t: t.replace(tzinfo=UTC))


@st.composite
def teams(draw: st.DrawFn) -> Schedule:
    hours = {}
    for day in draw(st.sets(st.integers(1, 7), min_size=1)):
        opens, closes = sorted(draw(st.lists(st.integers(0, 24 * 60), min_size=2, max_size=2, unique=True)))
        hours[day] = (time(opens // 60, opens % 60), None if closes == 24 * 60 else time(closes // 60, closes % 60))
    return Schedule(hours, ZoneInfo(draw(st.sampled_from(ZONES))), draw(st.sampled_from(["CN", "DE", "US", "IN"])))


@settings(deadline=None, max_examples=60)
@given(teams(), INSTANTS, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_counting_day_by_day_and_subtracting_in_the_table_agree(schedule: Schedule, start: datetime, length: timedelta) -> None:
    end = start + length
    with warnings.catch_warnings():
        # the last days may reach into a year that is not announced
        warnings.simplefilter("ignore", CalendarWarning)
        expected = worked(schedule, start, end)
        table = working_time(rows_of(schedule, "*"), [], microseconds(start), microseconds(end))
    assert passed(table, "*", end) - passed(table, "*", start) == expected
    assert timedelta(0) <= expected <= length
