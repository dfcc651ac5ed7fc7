"""Scorecards: points of a reading, totals and grades by hand, what is missing, faults of files."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.surfaces import Surfaces
from keepwell.access.audit import Actor
from keepwell.access.roles import Rows
from keepwell.access.scope import Scope
from keepwell.core.errors import KeepwellError
from keepwell.core.periods import Calendar, Grain, Period
from keepwell.core.yaml_file import YamlError
from keepwell.metrics.kpi import Better
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.reading import Reading, Status
from keepwell.performance.scorecards.card import Card, Grade, Grades
from keepwell.performance.scorecards.card_file import cards, read_card
from keepwell.performance.scorecards.curve import CurveError, Versus, bent, straight
from keepwell.performance.scorecards.scored import Given, Scored, Without, scored
from keepwell.store.db import store_of
from keepwell.surfaces.scorecards import Scorecards

D = Decimal
OCTOBER = Period("2026-10", Grain.MONTH, date(2026, 10, 1), date(2026, 10, 31))
TWO = """
name: two
title: {en: Two, zh: 二}
meaning: {en: Two sides., zh: 两个方面。}
version: 1
MISSING
perspectives:
  - name: money
    title: {en: Money, zh: 财务}
    weight: 60
    items:
      - {kpi: revenue, weight: 75, curve: {floor: 100, target: 200, most: 120}}
      - {kpi: orders, weight: 25, curve: {versus: previous, floor: 0.5, target: 1}}
  - name: people
    title: {en: People, zh: 客户}
    weight: 40
    items:
      - {kpi: complaints, weight: 50, curve: {floor: 10, target: 0}}
      - {manual: familiarity, title: {en: Familiarity, zh: 熟悉度}, weight: 50, most: 10, guidance: {en: "0: none.", zh: 0 分：互不熟悉。}}
"""


def reading(kpi: str, month: int, value: str | None, *, interval: tuple[float, float] | None = None, status: Status = Status.OK) -> Reading:
    start = date(2026, month, 1)
    low, high = interval or (None, None)
    return Reading(
        kpi, "month", f"2026-{month:02}", start, date(2026, month, 28), None, None, None if value is None else D(value), low, high, 50, 0, None, None,
        status if value is not None else Status.NO_DATA, False, None, None, None, None, None, None, None, None, None, None, "h",
    )  # fmt: skip


def card_of(folder: Path, text: str) -> Card:
    path = folder / "two.yaml"
    path.write_text(text, encoding="utf-8")
    return read_card(path, built_in())


def result(card: Card, *readings: Reading, judged: dict[str, D] | None = None, aims: dict[str, D] | None = None) -> Scored:
    found: dict[str, Sequence[Reading]] = {}
    for r in readings:
        found[r.kpi] = [*found.get(r.kpi, ()), r]
    return scored(card, OCTOBER, found, Calendar("UTC"), Given(judged or {}, aims or {}))


@pytest.mark.parametrize(("reading_", "points"), [(50, 0), (100, 0), (150, 50), (200, 100), (210, 110), (220, 120), (400, 120)])
def test_points_rise_from_the_floor_to_the_target_and_on_to_the_cap(reading_: int, points: int) -> None:
    assert straight(D(100), D(200), Better.UP, most=D(120)).points(Fraction(reading_)) == points


@pytest.mark.parametrize(("reading_", "points"), [(30, 0), (20, 0), (15, 50), (10, 100), (0, 100)])
def test_where_less_is_better_the_floor_lies_above(reading_: int, points: int) -> None:
    curve = straight(D(20), D(10), Better.DOWN)
    assert curve.points(Fraction(reading_)) == points
    assert curve.target() == 10


def test_about_a_value_the_most_points_may_lie_within_an_interval() -> None:
    curve = bent([(D(0), D(20)), (D(10), D(100)), (D(30), D(0))], Better.TARGET)
    assert curve.span(Fraction(5), Fraction(20)) == (Fraction(50), Fraction(100))  # 20 + 80/2 = 60 at 5, 100 − 100·10/20 = 50 at 20
    assert curve.target() == 10


def test_a_relative_curve_needs_a_baseline_above_0() -> None:
    curve = straight(D("0.5"), D(1), Better.UP, versus=Versus.PREVIOUS)
    assert curve.points(Fraction(30), Fraction(40)) == 50
    with pytest.raises(ValueError, match="baseline above 0"):
        curve.points(Fraction(30), Fraction(-1))


@given(st.lists(st.decimals(-1000, 1000, places=2), min_size=2, max_size=6, unique=True), st.data())
def test_more_is_never_worth_less(at: list[D], data: st.DataObject) -> None:
    points = sorted(data.draw(st.lists(st.integers(0, 150), min_size=len(at), max_size=len(at))))
    curve = bent(list(zip(sorted(at), map(D, points), strict=True)), Better.UP)
    low, high = sorted(data.draw(st.tuples(st.fractions(-1100, 1100), st.fractions(-1100, 1100))))
    assert curve.points(low) <= curve.points(high)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: straight(D(5), D(1), Better.UP), "must be below the target"),
        (lambda: straight(D(1), D(5), Better.DOWN), "must be above the target"),
        (lambda: straight(D(1), D(1), Better.UP), "must be below"),
        (lambda: straight(D(1), D(5), Better.TARGET), "near a value"),
        (lambda: straight(D(1), D(5), Better.UP, most=D(200)), "most points are 200"),
        (lambda: bent([(D(0), D(0)), (D(1), D(80)), (D(2), D(60))], Better.UP), "not monotone: its points must never fall"),
        (lambda: bent([(D(0), D(0)), (D(1), D(80))], Better.DOWN), "never rise"),
        (lambda: bent([(D(0), D(80)), (D(1), D(0)), (D(2), D(60))], Better.TARGET), "rise to one place"),
        (lambda: bent([(D(1), D(0)), (D(1), D(80))], Better.UP), "readings of a curve rise"),
        (lambda: bent([(D(1), D(0))], Better.UP), "two knots"),
    ],
)
def test_a_curve_that_says_two_things_is_refused(make: object, says: str) -> None:
    assert callable(make)
    with pytest.raises(CurveError, match=says):
        make()


def test_a_total_by_hand(tmp_path: Path) -> None:
    """Revenue 150 → 50; orders 45 of 60 = 0.75 → 50; complaints 4 → 60; familiarity 8 of 10 → 80.

    0.45 · 50 + 0.15 · 50 + 0.2 · 60 + 0.2 · 80 = 22.5 + 7.5 + 12 + 16 = 58.
    """
    found = result(
        card_of(tmp_path, TWO.replace("MISSING", "")),
        reading("revenue", 10, "150", interval=(130, 170)), reading("orders", 9, "60"), reading("orders", 10, "45"), reading("complaints", 10, "4"),
        judged={"familiarity": D(8)},
    )  # fmt: skip
    assert [i.points for i in found.items] == [50, 50, 60, 80]
    assert [i.adds for i in found.items] == [D("22.5"), D("7.5"), 12, 16]
    assert [p.points for p in found.perspectives] == [50, 70]
    assert (found.total, found.grade, found.known) == (D(58), Grade.POOR, D(100))
    # only revenue has an interval: 30 to 70 points, at a weight of 0.45
    assert (found.low, found.high) == (D(49), D(67))
    assert [i.target for i in found.items] == [200, 60, 0, None]


def test_weight_of_what_is_missing_goes_to_the_others(tmp_path: Path) -> None:
    """Without orders and a mark 0.45 and 0.2 are left: (0.45 · 50 + 0.2 · 60) / 0.65."""
    given_ = (reading("revenue", 10, "150"), reading("orders", 10, "45"), reading("complaints", 10, "4"))
    found = result(card_of(tmp_path, TWO.replace("MISSING", "")), *given_)
    assert found.total == (D("34.5") / D("0.65")).quantize(D("1e-10"))
    assert found.known == 65
    assert [i.without for i in found.items] == [None, Without.NO_BASELINE, None, Without.NOT_JUDGED]
    assert result(card_of(tmp_path, TWO.replace("MISSING", "missing: zero")), *given_).total == D("34.5")
    assert result(card_of(tmp_path, TWO.replace("MISSING", "missing: refuse")), *given_).total is None
    assert result(card_of(tmp_path, TWO.replace("MISSING", "least_known: 70")), *given_).total is None


def test_too_few_is_no_point_and_no_zero(tmp_path: Path) -> None:
    card = card_of(tmp_path, TWO.replace("MISSING", ""))
    found = result(card, reading("revenue", 10, "150"), reading("complaints", 10, "4", status=Status.TOO_FEW))
    assert found.items[2].points is None
    assert found.items[2].without is Without.TOO_FEW
    assert found.total is None  # 45 of 100 is known
    assert result(card).total is None


@pytest.mark.parametrize(
    ("total", "grade"), [("90", "excellent"), ("89.9999999", "good"), ("70", "good"), ("69.99", "fair"), ("60", "fair"), ("59.999", "poor")]
)
def test_grades_are_of_the_total_that_was_not_rounded(total: str, grade: str) -> None:
    assert Grades().of(Fraction(total)) == grade


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("weight: 60", "weight: 50", "line 7: perspectives: two: the weights add up to 90, not 100"),
        ("weight: 75", "weight: 80", "add up to 105, not 100"),
        ("weight: 75", "weight: 0", "above 0"),
        ("kpi: revenue", "kpi: revenu", "which no KPI is called"),
        ("floor: 100, target: 200", "floor: 200, target: 100", "The floor 200 must be below the target 100"),
        ("floor: 10, target: 0", "points: [[0, 10], [5, 90]]", "not monotone"),
        ("kpi: orders", "kpi: revenue", "hold revenue twice"),
        ("version: 1", "version: one", "is 'one'"),
        ("MISSING", "missing: guess", "is 'guess'"),
        ("MISSING", "grades: {excellent: 70, good: 80, fair: 60}", "must fall from excellent to fair"),
        ("MISSING", "colour: red", "is no field here"),
        (", most: 120", ", most: .inf", "is"),
        ("target: 200", "target: '1e999999999'", "is '1e999999999'"),
    ],
)  # fmt: skip
def test_faults_of_a_file_are_named_with_their_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(YamlError, match=says) as told:
        card_of(tmp_path, TWO.replace(old, new, 1).replace("MISSING", ""))
    assert "two.yaml, line " in told.value.message


def test_the_shipped_cards_are_whole() -> None:
    found = cards(built_in())
    assert set(found) == {"company", "service", "sales", "retention", "customer-relations-officer", "airline-loyalty"}
    familiarity = next(i for _, i in found["customer-relations-officer"].items if i.manual is not None)
    assert familiarity.manual is not None
    assert familiarity.name == "mutual_familiarity"
    assert familiarity.manual.most == 10
    assert {"loyalty_new_members", "loyalty_active_members", "members_with_email_share", "identified_margin_share"} <= set(
        found["airline-loyalty"].kpis
    )


@pytest.fixture
def shop(tmp_path: Path) -> Surfaces:
    made = Surfaces.made(tmp_path, timezone="Asia/Shanghai")
    amounts = {"2026-08-10": 100, "2026-09-10": 100, "2026-10-10": 150}
    made.bring(
        "orders",
        [{"order_id": d, "customer_id": "ann", "ordered_at": f"{d} 10:00:00", "status": "completed", "amount": a, "currency": "CNY"} for d, a in amounts.items()],
    )  # fmt: skip
    folder = made.folder / "scorecards"
    folder.mkdir()
    (folder / "two.yaml").write_text(TWO.replace("MISSING", "least_known: 10"), encoding="utf-8")
    made.ask("refresh", "--as-of", "2026-10-31")
    return made


def test_the_command_and_python_tell_the_same(shop: Surfaces) -> None:
    rows = {r["item"]: r for r in shop.ask("scorecard", "two", "--period", "2026-10")}
    # revenue 150 → 50; one order in both months → 100: (0.45 · 50 + 0.15 · 100) / 0.6 = 62.5
    assert (rows["revenue"]["points"], rows["orders"]["points"], rows["total"]["points"]) == (
        50,
        100,
        62.5,
    )
    assert rows["total"]["grade"] == "fair"
    assert Scorecards(shop.python).scored("two", "2026-10").total == D("62.5")
    assert {r["name"] for r in shop.ask("scorecard")} >= {"two", "company"}


def test_a_card_as_it_was_known_does_not_move(shop: Surfaces) -> None:
    before = Scorecards(shop.python).scored("two", "2026-10")
    run = shop.python.runs()[-1]
    late = {
        "order_id": "late",
        "customer_id": "bob",
        "ordered_at": "2026-10-20 10:00:00",
        "status": "completed",
        "amount": 50,
        "currency": "CNY",
    }
    shop.bring("orders", [late])
    shop.ask("refresh", "--as-of", "2026-10-31")
    now = Scorecards(shop.python).scored("two", "2026-10")
    assert now.items[0].points == 100
    assert Scorecards(shop.python.at(run)).scored("two", "2026-10") == before
    with pytest.raises(KeepwellError, match="Nothing was known on 2020-01-01"):
        Scorecards(shop.python).scored("two", "2026-10", as_known=date(2020, 1, 1))


def test_unknown_cards_and_faulty_files_are_told(shop: Surfaces) -> None:
    desk = Scorecards(shop.python)
    with pytest.raises(KeepwellError, match="no scorecard named 'tow'"):
        desk.card("tow")
    (shop.folder / "scorecards" / "two.yaml").write_text(TWO.replace("weight: 60", "weight: 61").replace("MISSING", ""), encoding="utf-8")
    with pytest.raises(YamlError, match="add up to 101"):
        desk.card("two")
    told = json.dumps(shop.ask("scorecard"))
    assert "add up to 101" in told
    assert "company" in told
    with pytest.raises(KeepwellError, match="no month, quarter or year"):
        desk.scored("company", "2026-10-05")


# ------------------------------------------------------------------ targets of the workspace


@pytest.mark.parametrize(
    ("floor", "target", "aim", "reading", "points"),
    [
        ("100", "200", "300", "200", 50),  # the floor stays, the way to the aim is twice as long
        ("100", "200", "150", "125", 50),
        ("100", "200", "50", "0", 50),  # an aim below the floor: the way keeps its length, -50 to 50
        ("10", "0", "5", "7.5", 50),  # less is better: from 10 down to 5
    ],
)
def test_a_target_of_the_workspace_moves_the_full_points(floor: str, target: str, aim: str, reading: str, points: int) -> None:
    better = Better.UP if D(floor) < D(target) else Better.DOWN
    curve = straight(D(floor), D(target), better).aimed(Fraction(D(aim)))
    assert curve.points(Fraction(D(reading))) == points
    assert curve.target() == Fraction(D(aim))
    assert curve.points(Fraction(D(aim))) == 100


def test_a_relative_curve_is_aimed_from_its_floor() -> None:
    # 0.8 to 1.05 of 1000 are 800 to 1050; the aim 1300: 1050 is half of the way
    curve = straight(D("0.8"), D("1.05"), Better.UP, versus=Versus.LAST_YEAR).aimed(Fraction(1300), Fraction(1000))
    assert curve.points(Fraction(1050)) == 50


def test_a_card_shows_the_workspaces_target_where_there_is_one(tmp_path: Path) -> None:
    card = card_of(tmp_path, TWO.replace("MISSING", ""))
    found = result(card, reading("revenue", 10, "150"), aims={"revenue": D(150)})
    item = found.items[0]
    assert (item.points, item.target) == (D(100), D(150))
    assert item.is_aimed
    assert (found.items[1].is_aimed, found.items[1].target) == (False, None)


def test_targets_of_the_store_stand_on_the_card_as_they_stood_then(shop: Surfaces) -> None:
    # 2026-10 is over: a target for later tells of the months on its way only
    shop.ask("target", "set", "revenue", "90", "--by", "2030-10")
    rows = {r["item"]: r for r in shop.ask("scorecard", "two", "--period", "2026-10")}
    assert rows["revenue"]["is_aimed"] is False
    shown = shop.ask("target", "list")[0]
    first = shown["path"][0]
    rows = {r["item"]: r for r in shop.ask("scorecard", "two", "--period", first["period"])}
    assert (rows["revenue"]["target"], rows["revenue"]["is_aimed"]) == (first["value"], True)


# ------------------------------------------------------------------ published cards


def test_a_published_card_stays_whatever_changes_after_it(shop: Surfaces) -> None:
    told = shop.ask("scorecard", "two", "--period", "2026-10", "--publish", "--mark", "familiarity=8", "--note", "first")
    rows = {r["item"]: r for r in told["rows"]}
    assert (rows["familiarity"]["points"], told["marks"], told["version"]) == (80, {"familiarity": "8"}, 1)
    same = shop.ask("scorecard", "two", "--period", "2026-10", "--restated")
    assert (same["rows"], same["restated"]) == (told["rows"], [])
    # the card is defined otherwise, and a late order comes
    file = shop.folder / "scorecards" / "two.yaml"
    changed = (
        file.read_text(encoding="utf-8")
        .replace("version: 1", "version: 2")
        .replace("weight: 60", "weight: 70")
        .replace("weight: 40", "weight: 30")
    )
    file.write_text(changed, encoding="utf-8")
    late = {
        "order_id": "l8",
        "customer_id": "bob",
        "ordered_at": "2026-10-21 10:00:00",
        "status": "completed",
        "amount": 50,
        "currency": "CNY",
    }
    shop.bring("orders", [late])
    shop.ask("refresh", "--as-of", "2026-10-31")
    again = shop.ask("scorecard", "two", "--period", "2026-10", "--restated")
    assert again["rows"] == told["rows"]
    assert again["definition"] == told["definition"]
    differing = {r["item"]: r for r in again["restated"]}
    assert differing["revenue"]["differs"] == ["value", "points", "share", "adds"]
    assert (differing["revenue"]["before"]["value"], differing["revenue"]["now"]["value"]) == (150, 200)
    assert {"familiarity", "total"} <= set(differing)


def test_who_sees_a_part_of_the_customers_publishes_no_card_of_everybody(shop: Surfaces) -> None:
    with store_of(shop.python.place) as store:
        desk = Scorecards(shop.python.seen_by(Scope(Rows.OWN, "E1")), store)
        with pytest.raises(KeepwellError, match="this is everybody's"):
            desk.publish(datetime(2026, 11, 1, tzinfo=UTC), Actor(None, "test"), "two", "2026-10")
        assert Scorecards(shop.python, store).published() == []


def test_a_card_is_published_once_and_only_when_its_period_is_over(shop: Surfaces) -> None:
    shop.ask("scorecard", "two", "--period", "2026-10", "--publish")
    for wrong, message in (
        (["--period", "2026-10", "--publish"], "published already"),
        (["--period", "2031-01", "--publish"], "not over yet"),
        (["--period", "2026-09", "--publish", "--mark", "familarity=3"], "no item 'familarity'"),
        (["--period", "2026-09", "--publish", "--mark", "familiarity=11"], "no mark of familiarity"),
        (["--period", "2026-09", "--publish", "--mark", "familiarity=1e-999999999"], "no mark of familiarity"),
        (["--period", "2026-09", "--publish", "--mark", "familiarity"], "is no mark"),
        (["--period", "2026-09", "--restated"], "no published scorecard named"),
    ):
        with pytest.raises(KeepwellError, match=message):
            shop.ask("scorecard", "two", *wrong)
