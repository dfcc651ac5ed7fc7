"""What calls for an alert, by numbers worked out otherwise; and when it may be sent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from math import exp, log, sqrt
from statistics import mean, stdev

import pytest
from scipy import stats

from keepwell.core.errors import WrongUseError
from keepwell.core.periods import Calendar, Grain
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.kpi_file import catalogue
from keepwell.metrics.reading import Reading, Status
from keepwell.performance.alerts.condition import anomaly_or_none, changed_or_none
from keepwell.performance.alerts.quiet import Quiet

CALENDAR = Calendar("Asia/Shanghai")
SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"


def kpi(name: str) -> Kpi:
    return catalogue()[name]


def months(*values: float | None) -> list[Reading]:
    """Readings of revenue of as many months from January 2025 on."""
    starts = CALENDAR.periods(Grain.MONTH, date(2025, 1, 1), date(2027, 12, 31))
    return [
        Reading(
            "revenue", "month", p.label, p.start, p.end, None, None, None if v is None else Decimal(str(v)), None, None, 100, 0, None, None,
            Status.NO_DATA if v is None else Status.OK, False, None, None, None, None, None, None, None, None, None, None, "x",
        )
        for p, v in zip(starts, values, strict=False)
    ]  # fmt: skip


def walk(values: Sequence[float]) -> tuple[float, float]:
    """The 99 % band of the next step of a random walk with drift in logarithms (Hyndman and Athanasopoulos, 3rd ed., table 5.2)."""
    moves = [log(b / a) for a, b in pairwise(values)]
    reach = float(stats.t.ppf(0.995, len(moves) - 1)) * stdev(moves) * sqrt(1 + 1 / len(moves))
    return values[-1] * exp(mean(moves) - reach), values[-1] * exp(mean(moves) + reach)


STEADY = [100.0, 104, 101, 106, 103, 108, 104, 107]


@pytest.mark.parametrize("beyond", [-0.5, 0.5])
def test_a_month_outside_the_band_of_those_before_is_an_anomaly_and_one_within_is_none(beyond: float) -> None:
    low, high = walk(STEADY)
    inside, outside = (low + 0.1, low + beyond) if beyond < 0 else (high - 0.1, high + beyond)
    assert anomaly_or_none(kpi("revenue"), months(*STEADY, inside), CALENDAR) is None
    found = anomaly_or_none(kpi("revenue"), months(*STEADY, outside), CALENDAR)
    assert found is not None
    assert (found.key, found.period, found.data["is_above"], found.data["way"]) == ("2025-09", "2025-09", beyond > 0, "drift")
    assert (found.data["low"], found.data["high"]) == pytest.approx((low, high))


def test_what_every_december_brings_is_no_anomaly() -> None:
    # a season that doubles in December, and grows by 2 % a year with a little of its own each month
    wobble = [0.0, 0.012, -0.008, 0.015, -0.011, 0.006, -0.014, 0.009, 0.004, -0.007, 0.011, -0.003]
    year = [100.0] * 11 + [200.0]
    two = [*year, *(v * 1.02 * (1 + w) for v, w in zip(year, wobble, strict=True))]
    readings = months(*two, *(v * 1.04 for v in year))
    assert anomaly_or_none(kpi("revenue"), readings[:36], CALENDAR) is None
    # without the season that would be twice as much as ever
    assert anomaly_or_none(kpi("revenue"), [*readings[:34], replace(readings[34], value=Decimal(208))], CALENDAR) is not None


@pytest.mark.parametrize(
    "values",
    [
        (),
        (100.0, 101, 300),  # too few to tell
        (*STEADY, None),  # the last month has none
        (*STEADY, None, 100, 101, 300),  # after a gap too few
    ],
)
def test_where_too_little_is_known_nothing_is_told(values: tuple[float | None, ...]) -> None:
    assert anomaly_or_none(kpi("revenue"), months(*values), CALENDAR) is None


def test_a_change_is_told_where_it_is_real_over_and_of_the_wanted_direction() -> None:
    (plain,) = months(80)
    fell = replace(
        plain, change_previous=Decimal(-20), change_previous_ci_low=-30.0, change_previous_ci_high=-10.0, change_previous_is_real=True
    )
    found = changed_or_none(kpi("revenue"), fell, is_worse_only=True)
    assert found is not None
    assert found.data == {"value": 80.0, "before": 100.0, "change": -20.0, "low": -30.0, "high": -10.0, "is_better": False}
    # fewer complaints are better
    assert changed_or_none(kpi("complaints"), fell, is_worse_only=True) is None
    assert changed_or_none(kpi("complaints"), fell, is_worse_only=False) is not None
    for other in (
        replace(fell, is_open=True),
        replace(fell, change_previous_is_real=False),
        replace(fell, status=Status.TOO_FEW),
        replace(fell, change_previous=None),
    ):
        assert changed_or_none(kpi("revenue"), other, is_worse_only=False) is None


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "zone", "found", "sent"),
    [
        # Shanghai is eight hours ahead: 14:30 there is 22:30
        ("22:00", "07:00", SHANGHAI, "2026-11-23 14:30", "2026-11-23 23:00"),
        ("22:00", "07:00", SHANGHAI, "2026-11-23 22:30", "2026-11-23 23:00"),
        ("22:00", "07:00", SHANGHAI, "2026-11-23 23:00", "2026-11-23 23:00"),
        ("22:00", "07:00", SHANGHAI, "2026-11-23 13:59", "2026-11-23 13:59"),
        ("12:00", "13:00", SHANGHAI, "2026-11-23 04:30", "2026-11-23 05:00"),
        ("12:00", "12:00", SHANGHAI, "2026-11-23 04:00", "2026-11-23 04:00"),
        # in the night in which Berlin's clocks go back, 07:00 is an hour further away
        ("22:00", "07:00", BERLIN, "2026-10-24 21:00", "2026-10-25 06:00"),
    ],
)
def test_in_quiet_hours_it_waits_for_their_end(start: str, end: str, zone: str, found: str, sent: str) -> None:
    assert Quiet(start, end).after(at(found), zone) == at(sent)


def test_hours_that_there_are_not_are_refused() -> None:
    with pytest.raises(WrongUseError, match="no time of a day"):
        Quiet("22:00", "7 o'clock")
