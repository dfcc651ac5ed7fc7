"""How long customers wait, at every surface where the number appears. The numbers are those of the conformance catalogue.

Business hours are Monday to Friday, 9 to 18 o'clock in Shanghai; in 2025 China rested from 1 to 8 October and worked on Saturday, 11 October.
"""

from typing import Any

import pytest

from factories.everywhere import Everywhere

PERIOD = "2025-10"
MINUTE, HOUR = 60, 3600
OFFICE = [
    {"team": "*", "weekday": day, "opens_at": "09:00", "closes_at": "18:00", "time_zone": "Asia/Shanghai", "country": "CN"}
    for day in range(1, 6)
]
NIGHT = {"team": "night", "weekday": 7, "opens_at": "00:00", "closes_at": "06:00", "time_zone": "Europe/Berlin", "country": "DE"}


@pytest.fixture
def desk(everywhere: Everywhere) -> Everywhere:
    everywhere.bring("business_hours", [*OFFICE, NIGHT])
    return everywhere


def ticket(key: str, opened: str, answered: str | None = None, **more: Any) -> dict[str, Any]:
    status = {"status": "closed" if answered else "open"}
    return {"ticket_id": key, "customer_id": key, "kind": "question", "team": "care", "opened_at": opened, "first_response_at": answered} | status | more  # fmt: skip


def told(desk: Everywhere, name: str, period: str = PERIOD, **question: Any) -> tuple[Any, int, int]:
    """Value, n and how many rows lack the value."""
    found = desk.reading(name, period=period, **question)
    return (found["value"], found["n"], found["missing"])


# 6: minutes are minutes


@pytest.mark.parametrize("name", ["resolution_time", "resolution_time_p90", "resolution_time_business", "resolution_time_business_p90"])
def test_06_ten_minutes_are_ten_minutes(desk: Everywhere, name: str) -> None:
    desk.bring("tickets", [ticket("t1", "2025-10-13 10:00:00", resolved_at="2025-10-13 10:10:00", status="resolved")])
    assert told(desk, name) == (10 * MINUTE, 1, 0)


@pytest.mark.on_pages
def test_06_ten_minutes_over_midnight_are_ten_minutes(desk: Everywhere) -> None:
    desk.bring("tickets", [ticket("t1", "2025-10-13 23:55:00", resolved_at="2025-10-14 00:05:00", status="resolved")])
    assert told(desk, "resolution_time") == (10 * MINUTE, 1, 0)


# 7: a reopening is a beginning


@pytest.mark.on_pages
def test_07_first_response_counts_from_the_reopening_for_that_episode(desk: Everywhere) -> None:
    desk.bring("tickets", [ticket("t1", "2025-10-13 09:00:00", "2025-10-13 09:30:00", resolved_at="2025-11-20 11:00:00", reopened_count=1)])
    events = [
        ("2025-10-13 09:00:00", "opened"), ("2025-10-13 09:30:00", "responded"), ("2025-10-13 10:00:00", "resolved"),
        ("2025-11-20 10:00:00", "reopened"), ("2025-11-20 10:05:00", "responded"), ("2025-11-20 11:00:00", "resolved"),
    ]  # fmt: skip
    desk.bring("ticket_events", [{"ticket_id": "t1", "at": at, "kind": kind} for at, kind in events])
    for name in ("first_response_time", "first_response_time_business"):
        # not the 38 days since it was first opened
        assert (told(desk, name), told(desk, name, "2025-11")) == ((30 * MINUTE, 1, 0), (5 * MINUTE, 1, 0))
    assert (told(desk, "resolution_time"), told(desk, "resolution_time", "2025-11")) == ((HOUR, 1, 0), (HOUR, 1, 0))


# 8: the business clock


@pytest.mark.parametrize(
    ("opened", "answered", "seconds"),
    [
        ("2025-10-13 17:50:00", "2025-10-13 20:00:00", 10 * MINUTE),  # only until 18:00
        ("2025-10-13 20:00:00", "2025-10-13 21:00:00", 0),  # all of it after hours
        ("2025-10-13 07:00:00", "2025-10-13 09:05:00", 5 * MINUTE),  # from 9:00 on
        ("2025-10-17 17:00:00", "2025-10-20 10:00:00", 2 * HOUR),  # Friday 17–18 and Monday 9–10
        ("2025-10-18 10:00:00", "2025-10-19 10:00:00", 0),  # a weekend
    ],
    ids=["answered in the evening", "asked and answered in the evening", "asked before opening", "over a weekend", "on a weekend"],
)
def test_08_response_outside_business_hours(desk: Everywhere, opened: str, answered: str, seconds: int) -> None:
    desk.bring("tickets", [ticket("t1", opened, answered)])
    assert told(desk, "first_response_time_business") == (seconds, 1, 0)


@pytest.mark.on_pages
def test_08_who_still_waits_is_not_left_out(desk: Everywhere) -> None:
    waiting = ticket("t3", "2025-10-13 09:00:00")
    answered = [ticket("t1", "2025-10-13 10:00:00", "2025-10-13 11:00:00"), ticket("t2", "2025-10-13 10:00:00", "2025-10-13 12:00:00")]
    desk.bring("tickets", [*answered, waiting])
    # 1 h, 2 h, and 18 h so far by Tuesday evening: waiting longer than 1 h 2/3, longer than 2 h 1/3. Of the answered ones alone it is 1 ½ h
    assert told(desk, "first_response_time_business", as_of="2025-10-14") == (2 * HOUR, 3, 0)


def test_08_while_nobody_is_answered_there_is_no_value(desk: Everywhere) -> None:
    desk.bring("tickets", [ticket("t1", "2025-10-13 09:00:00")])
    value, _, missing = told(desk, "first_response_time_business", as_of="2025-10-14")
    assert (value, missing) == (None, 0)


@pytest.mark.on_pages
def test_08_closed_without_a_response_is_missing_and_shown(desk: Everywhere) -> None:
    closed = ticket("t2", "2025-10-13 09:00:00", closed_at="2025-10-14 09:00:00", status="closed")
    desk.bring("tickets", [ticket("t1", "2025-10-13 10:00:00", "2025-10-13 11:00:00"), closed])
    for name in ("first_response_time", "first_response_time_business"):
        assert told(desk, name) == (HOUR, 1, 1)
        assert desk.reading(name, period=PERIOD)["coverage"] == 0.5


def test_08_holidays_do_not_count_and_make_up_days_do(desk: Everywhere) -> None:
    over_national_day = ticket("t1", "2025-09-30 17:00:00", "2025-10-09 10:00:00")
    desk.bring("tickets", [over_national_day, ticket("t2", "2025-10-10 17:00:00", "2025-10-11 11:00:00")])
    # Tuesday 17–18 and Thursday, 9 October, 9–10
    assert told(desk, "first_response_time_business", "2025-09") == (2 * HOUR, 1, 0)
    # Friday 17–18 and Saturday 9–11, which makes up for a holiday
    assert told(desk, "first_response_time_business") == (3 * HOUR, 1, 0)


def test_08_a_day_off_of_our_own_does_not_count(desk: Everywhere) -> None:
    desk.bring("calendar", [{"country": "CN", "on": "2025-10-14", "is_business_day": "false"}])
    desk.bring("tickets", [ticket("t1", "2025-10-13 17:00:00", "2025-10-15 10:00:00")])
    # Monday 17–18 and Wednesday 9–10
    assert told(desk, "first_response_time_business") == (2 * HOUR, 1, 0)


@pytest.mark.parametrize(
    ("opened", "answered", "period", "hours"),
    [
        ("2025-10-26 00:30:00+02:00", "2025-10-26 04:30:00+01:00", "2025-10", 5),  # 3:00 is 2:00 again
        ("2025-03-30 00:30:00+01:00", "2025-03-30 04:30:00+02:00", "2025-03", 3),  # 2:00 is 3:00 at once
        ("2025-10-25 20:00:00+02:00", "2025-10-26 08:00:00+01:00", "2025-10", 7),  # the whole night shift of six hours by the clock
    ],
    ids=["clocks go back", "clocks go forward", "the whole night"],
)
def test_08_hours_are_real_where_clocks_change(desk: Everywhere, opened: str, answered: str, period: str, hours: int) -> None:
    desk.bring("tickets", [ticket("t1", opened, answered, team="night")])
    assert told(desk, "first_response_time_business", period) == (hours * HOUR, 1, 0)


@pytest.mark.on_pages
def test_08_without_business_hours_there_is_no_value(everywhere: Everywhere) -> None:
    bare = everywhere
    bare.bring("tickets", [ticket("t1", "2025-10-13 10:00:00", "2025-10-13 11:00:00")])
    assert told(bare, "first_response_time_business") == (None, 0, 1)
    assert told(bare, "first_response_time") == (HOUR, 1, 0)
