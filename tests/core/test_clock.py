from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from keepwell.core.clock import FixedClock, SystemClock, today


def test_system_clock_tells_an_aware_utc_instant_of_now() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


def test_fixed_clock_tells_its_instant_in_utc() -> None:
    noon_in_shanghai = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=8)))
    assert FixedClock(noon_in_shanghai).now() == datetime(2026, 11, 21, 4, tzinfo=UTC)
    assert FixedClock(noon_in_shanghai).now().tzinfo is UTC


def test_fixed_clock_refuses_an_instant_without_a_time_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        FixedClock(datetime(2026, 11, 21))


def test_today_is_the_local_day() -> None:
    late_evening_in_utc = FixedClock(datetime(2026, 11, 21, 17, tzinfo=UTC))
    assert today(late_evening_in_utc, "Europe/London") == date(2026, 11, 21)
    assert today(late_evening_in_utc, "Asia/Shanghai") == date(2026, 11, 22)
