"""When schedules are due: days of calendars that were looked up, across months, quarters and the change of clocks."""

from datetime import UTC, date, datetime, timedelta

import pytest

from keepwell.core.errors import WrongUseError
from keepwell.performance.schedules.schedule import NewSchedule, OccasionState, Of, Ran, Recipient, Schedule, To, What
from keepwell.performance.schedules.timing import Every, Timing

SHANGHAI, BERLIN, NEW_YORK = "Asia/Shanghai", "Europe/Berlin", "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("timing", "now", "zone", "latest", "following"),
    [
        # Shanghai is eight hours ahead: 08:00 there is 00:00 UTC
        (Timing(Every.DAY), "2026-11-23 00:00", SHANGHAI, "2026-11-23 00:00", "2026-11-24 00:00"),
        (Timing(Every.DAY), "2026-11-22 23:59", SHANGHAI, "2026-11-22 00:00", "2026-11-23 00:00"),
        # November 23rd of 2026 is a Monday
        (Timing(Every.WEEK, 1), "2026-11-23 10:00", SHANGHAI, "2026-11-23 00:00", "2026-11-30 00:00"),
        (Timing(Every.WEEK, 7), "2026-11-23 10:00", SHANGHAI, "2026-11-22 00:00", "2026-11-29 00:00"),
        (Timing(Every.MONTH, 1), "2026-11-23 10:00", SHANGHAI, "2026-11-01 00:00", "2026-12-01 00:00"),
        # beyond the end it is the last day: February has 28, of a leap year 29
        (Timing(Every.MONTH, 31), "2026-03-01 10:00", SHANGHAI, "2026-02-28 00:00", "2026-03-31 00:00"),
        (Timing(Every.MONTH, 31), "2028-03-01 10:00", SHANGHAI, "2028-02-29 00:00", "2028-03-31 00:00"),
        (Timing(Every.QUARTER, 5), "2026-11-23 10:00", SHANGHAI, "2026-10-05 00:00", "2027-01-05 00:00"),
        (Timing(Every.QUARTER, 92), "2026-03-30 10:00", SHANGHAI, "2025-12-31 00:00", "2026-03-31 00:00"),
        # Berlin leaves 02:00 to 03:00 out on March 29th, and has it twice on October 25th
        (Timing(Every.DAY, at="02:30"), "2026-03-29 12:00", BERLIN, "2026-03-29 01:30", "2026-03-30 00:30"),
        (Timing(Every.DAY, at="02:30"), "2026-10-25 12:00", BERLIN, "2026-10-25 00:30", "2026-10-26 01:30"),
        (Timing(Every.DAY, at="02:30"), "2026-10-25 01:00", BERLIN, "2026-10-25 00:30", "2026-10-26 01:30"),
        # on the evening of the 31st in UTC it is the afternoon there
        (Timing(Every.MONTH, 1, "08:00"), "2026-11-01 02:00", NEW_YORK, "2026-10-01 12:00", "2026-11-01 13:00"),
    ],
)
def test_the_latest_and_the_next_occasion(timing: Timing, now: str, zone: str, latest: str, following: str) -> None:
    assert (timing.latest(at(now), zone).at, timing.next(at(now), zone).at) == (at(latest), at(following))


@pytest.mark.parametrize(
    "timing", [Timing(Every.DAY, at="02:30"), Timing(Every.WEEK, 6, "23:59"), Timing(Every.MONTH, 30), Timing(Every.QUARTER, 91)]
)
@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN, NEW_YORK])
def test_going_on_from_one_occasion_to_the_next_leaves_none_out_and_none_twice(timing: Timing, zone: str) -> None:
    found = timing.next(at("2025-12-31 00:00"), zone)
    days = []
    while found.day < date(2028, 1, 1):
        # the instant itself counts as reached, the one before does not
        assert timing.latest(found.at, zone) == found
        assert timing.latest(found.at - timedelta(seconds=1), zone).at < found.at
        days.append(found.day)
        found = timing.next(found.at, zone)
    # December 31st of 2025 is not over in any of the zones when it begins in UTC; two years follow
    expected = {Every.DAY: 730, Every.WEEK: 104, Every.MONTH: 24, Every.QUARTER: 8}[timing.every]
    assert expected <= len(days) <= expected + 1
    assert sorted(set(days)) == days


@pytest.mark.parametrize(
    ("every", "day", "time"), [("day", 2, "08:00"), ("week", 8, "08:00"), ("month", 0, "08:00"), ("quarter", 93, "08:00")]
)
def test_a_day_that_there_is_not_is_refused(every: str, day: int, time: str) -> None:
    with pytest.raises(WrongUseError, match=f"has no day {day}"):
        Timing(Every(every), day, time)


@pytest.mark.parametrize("time", ["24:00", "8", "08:60", "", "08:00:00", "８:00"])
def test_a_time_that_there_is_not_is_refused(time: str) -> None:
    with pytest.raises(WrongUseError, match="no time of a day"):
        Timing(Every.DAY, at=time)


def test_nothing_is_made_up_from_before_it_counted_or_while_it_was_off() -> None:
    def kept(*, is_on: bool, counts_from: str) -> Schedule:
        ran = Ran("o", date(2026, 11, 1), at("2026-11-01 00:00"), OccasionState.DONE, None, None, None, None)
        return Schedule("s", "s", What.REFRESH, Timing(Every.MONTH), (), (), Of.MONTH, "company", is_on, at(counts_from), None, ran)

    now = at("2026-11-23 00:00")
    due = kept(is_on=True, counts_from="2026-10-01 00:00").due_or_none(now, SHANGHAI)
    assert due is not None
    assert due.day == date(2026, 11, 1)
    assert kept(is_on=True, counts_from="2026-11-01 00:00").due_or_none(now, SHANGHAI) is None
    assert kept(is_on=False, counts_from="2026-10-01 00:00").due_or_none(now, SHANGHAI) is None
    assert kept(is_on=False, counts_from="2026-10-01 00:00").next_or_none(now, SHANGHAI) is None


def test_a_schedule_that_makes_no_sense_is_refused_with_what_to_do() -> None:
    me = (Recipient(To.USER, "usr_1", "usr_1"),)
    for what, to, formats, words in (
        (What.REFRESH, me, ("pdf",), "sent to nobody"),
        (What.REVIEW, (), ("pdf",), "Nobody would get"),
        (What.REVIEW, me, (), "no format"),
        (What.REVIEW, me, ("docx",), "docx"),
    ):
        with pytest.raises(WrongUseError, match=words) as told:
            NewSchedule("monthly", what, Timing(Every.MONTH), to, formats)
        assert told.value.hint
    with pytest.raises(WrongUseError, match="no name"):
        NewSchedule("  ", What.REVIEW, Timing(Every.MONTH), me)
