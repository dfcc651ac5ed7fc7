"""Days, months and instants of a timeline, and the clock that runs only while people work."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from keepwell.demo.season import MONTHS, Season
from keepwell.demo.timeline import DAY_S, TIME_ZONE, Timeline
from keepwell.demo.working_time import WorkingClock, is_business_day

TIMELINE = Timeline.ending(date(2026, 10, 31), 24)
SHANGHAI = ZoneInfo(TIME_ZONE)


def moment_of(local: datetime) -> int:
    return TIMELINE.at(local.date(), local.hour + local.minute / 60)


def local_of(moment: int) -> datetime:
    return datetime(2024, 11, 1, tzinfo=SHANGHAI) + timedelta(seconds=moment)


def local(month: int, day: int, hour: int) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=SHANGHAI)


def test_months_end_with_the_last_day() -> None:
    assert (TIMELINE.first_day, TIMELINE.days) == (date(2024, 11, 1), 730)
    assert (TIMELINE.months[0], TIMELINE.months[-1], len(TIMELINE.months)) == ("2024-11", "2026-10", 24)
    assert Timeline.ending(date(2026, 2, 10), 2).first_day == date(2026, 1, 1)


def test_instants_are_those_of_the_local_clock() -> None:
    moments = np.array([0, TIMELINE.at(date(2026, 6, 18), 9.5), -1])
    first, later, none = TIMELINE.instants(moments).to_pylist()
    assert first == datetime(2024, 11, 1, tzinfo=SHANGHAI)
    assert later.astimezone(UTC) == datetime(2026, 6, 18, 1, 30, tzinfo=UTC)
    assert none is None
    assert TIMELINE.local_times(moments).to_pylist()[1] == local(6, 18, 9).replace(minute=30, tzinfo=None)
    assert TIMELINE.days_of(moments).to_pylist() == [date(2024, 11, 1), date(2026, 6, 18), None]


def test_months_begin_at_local_midnight() -> None:
    starts = TIMELINE.instants(TIMELINE.month_starts_s[:-1]).to_pylist()
    assert [start.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") for start in starts[:3]] == [
        "2024-11-01 00:00",
        "2024-12-01 00:00",
        "2025-01-01 00:00",
    ]
    assert TIMELINE.month_of(np.array([0, TIMELINE.end_s - 1])).tolist() == [0, 23]


def test_nobody_knows_what_comes_after_the_last_day() -> None:
    assert TIMELINE.past(np.array([5, TIMELINE.end_s - 1, TIMELINE.end_s])).tolist() == [5, TIMELINE.end_s - 1, -1]


def test_month_factors_are_the_declared_ones_but_for_new_year() -> None:
    factors = Season(TIMELINE).month_factors
    for month, factor in factors.items():
        if month[-2:] not in {"01", "02"}:
            assert factor == pytest.approx(MONTHS[int(month[-2:])])
    # New Year 2026 is on 17 February: 15 of the month's 28 days count 0.35.
    assert factors["2026-02"] == pytest.approx(0.90 * (13 + 15 * 0.35) / 28, abs=1e-6)
    assert factors["2026-01"] == pytest.approx(0.95)


def test_drawn_moments_lie_between_their_bounds_and_follow_the_season() -> None:
    season, rng = Season(TIMELINE), np.random.default_rng(1)
    low, high = np.sort(rng.integers(0, TIMELINE.end_s, (2, 20_000)), axis=0)
    moments = season.moments(rng, low, high + 1)
    assert np.all((moments >= low) & (moments <= high))
    whole = season.moments(rng, np.zeros(60_000, dtype=np.int64), np.full(60_000, TIMELINE.end_s, dtype=np.int64))
    counted = np.bincount(TIMELINE.month_of(whole), minlength=24)
    days = np.bincount(TIMELINE.month_of_day)
    expected = np.array(list(season.month_factors.values())) * days
    assert counted / counted.sum() == pytest.approx(expected / expected.sum(), rel=0.08)


@pytest.mark.parametrize(
    ("country", "day", "works"),
    [
        ("CN", date(2026, 2, 17), False),  # New Year
        ("CN", date(2026, 2, 14), True),  # a Saturday worked for it
        ("CN", date(2026, 10, 8), True),
        ("CN", date(2026, 10, 10), True),  # a Saturday worked for National Day
        ("CN", date(2031, 10, 1), True),  # not announced yet: a Wednesday
        ("GB", date(2026, 10, 1), True),
        ("GB", date(2025, 12, 25), False),
        ("US", date(2026, 10, 31), False),
    ],
)
def test_working_days_are_those_announced(country: str, day: date, works: bool) -> None:
    assert is_business_day(country, day) is works


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        (local(10, 12, 10), 3, local(10, 12, 13)),  # Monday
        (local(10, 12, 20), 3, local(10, 13, 11)),  # into the next day
        (local(10, 16, 20), 2, local(10, 19, 10)),  # over a week-end
        (local(10, 12, 3), 1, local(10, 12, 10)),  # opened at night
        (local(10, 10, 12), 1, local(10, 12, 10)),  # a Saturday that is worked has no opening hours
        (local(9, 30, 20), 2, local(10, 8, 10)),  # over National Day
    ],
)
def test_promised_hours_count_only_while_the_team_works(start: datetime, hours: int, end: datetime) -> None:
    clock = WorkingClock(TIMELINE, 9, 21)
    found = clock.later(np.array([moment_of(start)]), np.array([hours * 3600]))
    assert local_of(int(found[0])) == end


def test_working_clock_agrees_with_counting_minutes() -> None:
    clock, rng = WorkingClock(TIMELINE, 9, 18), np.random.default_rng(2)
    start = int(rng.integers(200, 210)) * DAY_S
    moments = np.sort(rng.integers(0, 14 * 24 * 60, 12)) * 60 + start

    def is_open(moment: int) -> bool:
        day = TIMELINE.first_day + timedelta(days=moment // DAY_S)
        return day.weekday() < 5 and is_business_day("CN", day) and 9 <= moment % DAY_S // 3600 < 18

    counted = [sum(60 for moment in range(start, int(end), 60) if is_open(moment)) for end in moments]
    assert (clock.worked_s(moments) - clock.worked_s(np.array([start]))).tolist() == counted
