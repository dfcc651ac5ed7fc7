"""Targets: the way by hand, forecasts by the textbook and in simulation, how one stands, the SMART check, and what the store keeps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import exp, log, sqrt

import numpy as np
import pytest

from keepwell.access import audit
from keepwell.access.audit import Actor
from keepwell.core.errors import UnknownError, WrongUseError
from keepwell.core.periods import Calendar, Grain
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.kpi_file import built_in
from keepwell.performance.slices import ScopeKind, Slice
from keepwell.performance.targets import service
from keepwell.performance.targets.forecast import Way, forecasts, total
from keepwell.performance.targets.path import shares, way
from keepwell.performance.targets.service import Computed
from keepwell.performance.targets.smart import Lack, Letter, smart
from keepwell.performance.targets.standing import History, State, standing, way_of
from keepwell.performance.targets.target import Aim, Point, Step, Version
from keepwell.store.db import Database

D = Decimal
CALENDAR = Calendar("Asia/Shanghai")
AT = datetime(2026, 1, 5, tzinfo=UTC)
ROOT = Actor(None, "test")


def months(first: int, count: int) -> list[date]:
    """Months from that one of 2025 on, counted from 1."""
    return [date(2025 + (first - 1 + i) // 12, (first - 1 + i) % 12 + 1, 1) for i in range(count)]


def points(values: Sequence[float], first: int = 1) -> list[Point]:
    return [Point(m, v) for m, v in zip(months(first, len(values)), values, strict=True)]


def year_before(*starts: date) -> dict[date, date]:
    return {s: s.replace(year=s.year - 1) for s in starts}


def kpi(name: str) -> Kpi:
    return built_in()[name]


def aim(name: str, value: str, period: str = "2026-06", grain: Grain = Grain.MONTH, of: Slice | None = None) -> Aim:
    span = CALENDAR.parse(period, today=date(2026, 1, 1))
    return Aim(name, grain, period, span.end, D(value), of or Slice())


def version(asked: Aim, path: Sequence[tuple[date, str]] = (), baseline: str | None = None, at: datetime = AT) -> Version:
    steps = tuple(Step(s.isoformat()[:7], s, D(v)) for s, v in path)
    return Version(1, at, None, asked, None if baseline is None else D(baseline), None, steps)


# ------------------------------------------------------------------ the way


def test_an_amounts_way_follows_last_years_shape_with_growth_that_moves_evenly() -> None:
    # last year 100, 200, 100, 400, 100, 100; this January twice as much. June shall be 4 × 100.
    # growth 2 in January, 4 in June: February 2.4, March 2.8, April 3.2, May 3.6, June 4.
    history = points([100, 200, 100, 400, 100, 100, 50, 50, 50, 50, 50, 50, 200])
    ahead = months(14, 5)
    found = way(history, ahead, year_before(*months(13, 6)), 400, is_amount=True)
    assert found.is_seasonal
    assert found.values == pytest.approx((480, 280, 1280, 360, 400))


def test_a_shares_way_moves_in_differences() -> None:
    # last year .30 .10 .20; this January + .05; March shall be .40, which is + .20 over last year: February + .125
    history = points([0.3, 0.1, 0.2, *[0.2] * 9, 0.35])
    found = way(history, months(14, 2), year_before(*months(13, 3)), 0.4, is_amount=False)
    assert found.values == pytest.approx((0.225, 0.4))


def test_without_a_year_behind_the_way_is_straight() -> None:
    found = way(points([10, 20], first=11), months(13, 4), {}, 60, is_amount=True)
    assert (found.values, found.is_seasonal) == ((30, 40, 50, 60), False)


def test_a_years_amount_is_divided_as_last_year_was() -> None:
    history = points([10, 20, 30, 40])
    found = shares(history, months(13, 4), year_before(*months(13, 4)), 1_000)
    assert found.values == pytest.approx((100, 200, 300, 400))
    assert shares(history[1:], months(13, 4), year_before(*months(13, 4)), 1_000).values == (250,) * 4


# ------------------------------------------------------------------ forecasts


def test_with_few_readings_a_random_walk_with_drift() -> None:
    # moves + 1, + 3, + 1, + 3, + 2: drift 2, their standard deviation 1; two months on: 10 + 2 × 2, spread √(2 × (1 + 2 / 5))
    history = points([0, 1, 4, 5, 8, 10])
    found = forecasts(history, months(7, 2), {}, is_amount=False)
    assert [f.value for f in found] == pytest.approx([12, 14])
    assert found[1].spread == pytest.approx(sqrt(2 * 1.4))
    # Student's t with 4 degrees of freedom: 1.5332 is its 90th percentile (any table)
    assert found[1].high - 14 == pytest.approx(1.5332 * sqrt(2.8), abs=1e-3)
    assert found[1].probability(14, or_more=True) == pytest.approx(0.5)
    assert found[1].probability(14 + 1.5332 * sqrt(2.8), or_more=True) == pytest.approx(0.1, abs=1e-4)
    assert found[0].way is Way.DRIFT
    assert forecasts(points([1, 2, 3, 4, 5]), months(6, 1), {}, is_amount=False) == ()


def test_growth_that_outgrows_all_numbers_is_told_still() -> None:
    # a hundredfold each month: in 200 months 10^400, more than a float holds
    history = points([100.0**m for m in range(1, 8)])
    for found in (
        forecasts(history, months(9, 200), {}, is_amount=True),
        forecasts(points([100.0**-m for m in range(1, 8)]), months(9, 200), {}, is_amount=True),
    ):
        assert np.isfinite([v for f in found for v in (f.low, f.value, f.high)]).all()
        assert 0 <= found[-1].probability(1, or_more=True) <= 1
        assert np.isfinite(total(found, 0).value)


def test_even_growth_over_last_year_goes_on_and_leaves_no_doubt() -> None:
    first = [100 + 10 * m for m in range(12)]
    history = points([*first, *(v * 1.1 for v in first[:8])])
    before = year_before(*months(13, 20))
    found = forecasts(history, months(21, 6), before, is_amount=True)
    # September to December of 2026 stand 10 percent above 2025, January of 2027 10 percent above what is told of 2026
    assert [f.value for f in found[:4]] == pytest.approx([v * 1.1 for v in first[8:]])
    assert found[4].value == pytest.approx(first[0] * 1.1 * 1.1)
    assert found[0].probability(first[8] * 1.1 - 0.01, or_more=True) == pytest.approx(1, abs=1e-6)
    assert found[0].probability(first[8] * 1.2, or_more=True) == pytest.approx(0, abs=1e-6)


def simulated(rng: np.random.Generator, count: int, *, is_amount: bool) -> list[float]:
    """Season, a level that wanders, and noise."""
    season = 0.3 * np.sin(2 * np.pi * (np.arange(count) + rng.integers(12)) / 12)
    level = np.cumsum(rng.normal(0.01, 0.03, count))
    values = 3 + season + level + rng.normal(0, 0.08, count)
    return list(np.exp(values) if is_amount else values)


@pytest.mark.parametrize("is_amount", [True, False])
@pytest.mark.parametrize("readings", [12, 24, 36])
def test_probabilities_hold_what_they_say(readings: int, *, is_amount: bool) -> None:
    """Of what is told as 80 in 100 about 80 in 100 come true: 600 made-up businesses, each looked at six months ahead."""
    rng = np.random.default_rng(20261123 + readings)
    ahead = months(readings + 1, 6)
    before = year_before(*months(13, readings + 6 - 12))
    within, told, came = [], [], []
    for _ in range(600):
        values = simulated(rng, readings + 6, is_amount=is_amount)
        found = forecasts(points(values[:readings]), ahead, before, is_amount=is_amount)[-1]
        within.append(found.low <= values[-1] <= found.high)
        goal = values[readings - 1] * exp(rng.normal(0, 0.3)) if is_amount else values[readings - 1] + rng.normal(0, 0.3)
        told.append(found.probability(goal, or_more=True))
        came.append(values[-1] >= goal)
    assert 0.72 <= np.mean(within) <= 0.92
    assert abs(np.mean(told) - np.mean(came)) < 0.06
    likely = np.array(told) > 0.7
    assert np.array(came)[likely].mean() > 0.7
    assert np.array(came)[np.array(told) < 0.3].mean() < 0.3


def test_a_sums_spread_holds_too() -> None:
    rng = np.random.default_rng(7)
    before = year_before(*months(13, 24))
    within = []
    for _ in range(400):
        values = simulated(rng, 36, is_amount=True)
        found = total(forecasts(points(values[:30]), months(31, 6), before, is_amount=True), so_far=sum(values[24:30]))
        within.append(found.low <= sum(values[24:]) <= found.high)
    assert 0.7 <= np.mean(within) <= 0.92


# ------------------------------------------------------------------ how it stands


def test_a_target_that_is_over_was_reached_or_missed() -> None:
    asked = aim("complaints", "20", "2026-03")
    made = version(asked, [(date(2026, 3, 1), "20")], baseline="30")
    below = standing(kpi("complaints"), made, History(points([25, 22, 20], first=13), ()), CALENDAR)
    # fewer is better: 20 reaches 20. From 30 to 20 the whole way is done
    assert (below.state, below.attained, below.probability) == (State.REACHED, 1.0, None)
    above = standing(kpi("complaints"), made, History(points([25, 22, 25], first=13), ()), CALENDAR)
    assert (above.state, above.attained) == (State.MISSED, 0.5)
    later = standing(kpi("complaints"), made, History(points([25, 22, 25, 10], first=13), ()), CALENDAR)
    assert (later.state, later.value) == (State.MISSED, 25)


def test_on_the_way_it_is_told_what_was_expected_and_how_likely_it_is() -> None:
    history = History(points([50.0 + m % 2 for m in range(12)]), ())
    asked = aim("complaints", "60", "2026-06")
    made = version(asked, [(date(2026, 1, 1), "51")], baseline="50")
    found = standing(kpi("complaints"), made, history, CALENDAR)
    assert (found.period, found.value, found.state) == ("2025-12", 51, State.ON_TRACK)
    assert found.probability is not None
    assert found.probability > 0.9  # fewer complaints are better: 60 at most is easy


def test_a_years_amount_is_what_came_so_far_and_what_is_to_come() -> None:
    months_behind = points([100] * 12 + [120] * 6)
    asked = aim("revenue", "1380", "2026", Grain.YEAR)
    periods, made = way_of(kpi("revenue"), asked, History(months_behind, ()), CALENDAR)
    assert [p.label for p in periods][::11] == ["2026-01", "2026-12"]
    assert made.values == pytest.approx([115] * 12)
    found = standing(kpi("revenue"), version(asked, [(p.start, "115") for p in periods]), History(months_behind, ()), CALENDAR)
    # 6 × 120 are there, 6 × 115 were expected; going on by + 20 percent the year comes to 1440
    assert (found.value, found.expected) == (720, 690)
    assert found.forecast is not None
    assert found.forecast.value == pytest.approx(1440)
    assert found.state is State.ON_TRACK
    assert found.attained == pytest.approx(720 / 1380)


def test_too_few_readings_tell_nothing() -> None:
    found = standing(kpi("complaints"), version(aim("complaints", "1")), History((), ()), CALENDAR)
    assert (found.state, found.value, found.probability) == (State.UNKNOWN, None, None)


# ------------------------------------------------------------------ SMART


def test_the_check_names_what_is_missing() -> None:
    asked = aim("complaints", "10")
    stands = standing(kpi("complaints"), version(asked), History((), ()), CALENDAR)
    found = {c.letter: c for c in smart(kpi("complaints"), asked, stands, None, date(2026, 1, 1))}
    assert {letter: c.lack for letter, c in found.items()} == {
        Letter.SPECIFIC: Lack.NO_OWNER,
        Letter.MEASURABLE: Lack.NO_READING,
        Letter.ACHIEVABLE: Lack.UNTOLD,
        Letter.RELEVANT: Lack.NO_REASON,
        Letter.TIME_BOUND: None,
    }
    whole = replace(asked, owner_id="usr_1", reason="complaints cost customers")
    history = History(points([50.0 + m % 2 for m in range(12)]), ())
    hard = smart(kpi("complaints"), whole, standing(kpi("complaints"), version(whole), history, CALENDAR), 50, date(2026, 7, 1))
    assert [c.is_met for c in hard] == [True, True, True, True, False]
    assert [(c.lack, c.is_doubt) for c in hard if c.letter is Letter.ACHIEVABLE] == [(Lack.TOO_HARD, True)]


# ------------------------------------------------------------------ the store


def keep(store: Database, at: datetime, asked: Aim, change: str | None = None) -> str:
    with store.transaction() as session:
        made = service.set_target(
            session, at, ROOT, asked, Computed(D("0.3"), "2025-12", (Step("2026-01", date(2026, 1, 1), D("0.31")),)), change
        )
    return made.target_id


def test_a_change_is_the_next_version_and_the_first_stays_as_it_was(database: Database) -> None:
    asked = aim("repeat_purchase_rate", "0.32")
    first = keep(database, AT, asked)
    assert keep(database, AT + timedelta(days=1), asked) == first  # the same again is none
    later = AT + timedelta(days=30)
    assert keep(database, later, replace(asked, value=D("0.35")), "the first was reached in January") == first
    with database.transaction(writes=False) as session:
        found = service.target(session, first)
        log_lines = [(e.action, e.details.get("value")) for e in audit.entries(session) if e.kind == "target"]
    assert [(v.version, v.aim.value, v.change) for v in found.versions] == [
        (1, D("0.32"), None),
        (2, D("0.35"), "the first was reached in January"),
    ]
    assert [s.value for s in found.versions[0].path] == [D("0.31")]
    before, after = found.as_known(later - timedelta(days=1)), found.as_known(later)
    assert before is not None
    assert after is not None
    assert (before.aim.value, after.aim.value) == (D("0.32"), D("0.35"))
    assert found.as_known(AT - timedelta(seconds=1)) is None
    assert sorted(log_lines) == [("added", "0.32"), ("changed", "0.35")]


def test_values_are_kept_with_every_digit(database: Database) -> None:
    kept = keep(database, AT, aim("revenue", "123456789012345.1234567891"))
    with database.transaction(writes=False) as session:
        assert service.target(session, kept).aim.value == D("123456789012345.1234567891")


def test_a_target_ends_for_a_reason_and_can_resume(database: Database) -> None:
    asked = aim("nps", "40", of=Slice(ScopeKind.REGION, "region", "East"))
    kept = keep(database, AT, asked)
    with pytest.raises(WrongUseError, match="reason"), database.transaction() as session:
        service.end_target(session, AT, ROOT, kept, "  ")
    ended = AT + timedelta(days=2)
    with database.transaction() as session:
        service.end_target(session, ended, ROOT, kept, "the region was closed")
    with database.transaction(writes=False) as session:
        assert service.targets(session) == []
        found = service.targets(session, with_ended=True)[0]
    assert found.as_known(ended) is None
    assert found.as_known(ended - timedelta(seconds=1)) == found.now
    other = keep(database, ended, asked)
    assert other != kept
    with pytest.raises(WrongUseError, match="place"), database.transaction() as session:
        service.resume_target(session, ended, ROOT, kept)
    with database.transaction() as session:
        service.end_target(session, ended, ROOT, other, "again")
        assert service.resume_target(session, ended, ROOT, kept).ended_at is None


def test_owner_and_objective_must_be_there(database: Database) -> None:
    with pytest.raises(UnknownError, match="user"):
        keep(database, AT, replace(aim("nps", "40"), owner_id="usr_nobody"))
    with pytest.raises(UnknownError, match="objective"):
        keep(database, AT, replace(aim("nps", "40"), objective_id="obj_none"))
    with database.transaction() as session:
        made = service.add_objective(session, AT, ROOT, "Customers who stay")
    keep(database, AT, replace(aim("nps", "40"), objective_id=made.objective_id))
    with database.transaction() as session:
        service.delete_objective(session, AT, ROOT, made.objective_id)
        assert service.objectives(session) == []
        assert len(service.targets(session)) == 1
    with pytest.raises(WrongUseError, match="characters"), database.transaction() as session:
        service.add_objective(session, AT, ROOT, "")


def test_logs_and_differences_agree_where_nothing_moves() -> None:
    found = forecasts(points([5.0] * 30), months(31, 1), year_before(*months(13, 19)), is_amount=True)
    assert found[0].value == pytest.approx(5)
    assert log(found[0].high / 5) == pytest.approx(0)
