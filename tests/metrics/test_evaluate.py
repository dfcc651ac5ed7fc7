"""The evaluator: periods, members, filters, changes, currencies, history."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keepwell.core.errors import WrongUseError
from keepwell.core.periods import Calendar, Grain
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.metrics.currencies import MissingRateError
from keepwell.metrics.evaluate import Question, evaluate
from keepwell.metrics.example import ExampleTables
from keepwell.metrics.kpi_file import built_in, catalogue
from keepwell.metrics.reading import Readings, Status
from keepwell.metrics.session import Ground

TODAY = date(2026, 11, 21)


def order(key: str, customer: str | None, day: str, amount: float, **more: Any) -> dict[str, Any]:
    row = {
        "order_id": key,
        "customer_id": customer,
        "ordered_on": day,
        "ordered_at": f"{day} 10:00:00+00",
        "status": "completed",
        "amount": amount,
        "currency": "CNY",
    }
    return {k: v for k, v in (row | more).items() if v is not None}


def read(
    tmp_path: Path, rows: dict[str, list[dict[str, Any]]], kpi: str, period: str, *, grain: Grain | None = None, threads: int = 0,
    calendar: Calendar | None = None, today: date = TODAY, **question: Any,
) -> Readings:  # fmt: skip
    calendar = calendar or Calendar("Asia/Shanghai")
    with DuckDBEngine(Resources(tmp_path, threads=threads)) as engine:
        asked = Question(calendar.parse(period, today=today), grain, **question)
        return evaluate(engine, ExampleTables(rows), [built_in()[kpi]], asked, Ground(calendar, "CNY", today))


ORDERS = {
    "orders": [
        order("1", "a", "2026-08-31", 10, country="CN"),
        order("2", "a", "2026-09-01", 20, country="CN"),
        order("3", "b", "2026-09-30", 30, country="US"),
        order("4", None, "2026-10-01", 40),
        order("5", "b", "2026-10-31", 50.25, country="US"),
        order("6", "b", "2026-10-31", -5.25, country="US", status="refund"),
    ]
}


WORDS = "title: {en: t, zh: t}\n  meaning: {en: m, zh: m}\n  formula: {en: f, zh: f}\n  unit: money\n  better: up\n  additivity: non\n  version: 1"
EMPTY = "example: {rows: {orders: []}, period: 2026-10, value: null, n: 0}"
WINDOW = f"""
- name: in_NUMBER_months
  kind: cumulative
  fact: orders
  time: ordered_on
  window: NUMBER months
  where: "status in ('completed', 'refund')"
  expression: sum(amount)
  {WORDS}
  {EMPTY}
"""
SHARE_OF_QUARTER = (
    WINDOW.replace("NUMBER", "3")
    + WINDOW.replace("NUMBER", "2")
    + f"- name: share_of_quarter\n  kind: derived\n  expression: revenue / (in_3_months + in_2_months)\n  {WORDS}\n  {EMPTY}\n"
)


def test_periods_divide_the_rows_by_calendar_days(tmp_path: Path) -> None:
    found = read(tmp_path, ORDERS, "revenue", "2026-08..2026-10")
    assert [(r.period, r.value) for r in found] == [("2026-08", Decimal(10)), ("2026-09", Decimal(50)), ("2026-10", Decimal(85))]


@pytest.mark.parametrize(
    ("grain", "expected"),
    [
        (Grain.ALL, [145]),
        (Grain.YEAR, [145]),
        (Grain.QUARTER, [60, 85]),
        (Grain.HALF, [145]),
        # Monday weeks: 08-31 and 09-01 are one week (W36); 09-30 and 10-01 are one (W40); 10-31 is in W44
        (Grain.WEEK, [30, 0, 0, 0, 70, 0, 0, 0, 45]),
    ],
)
def test_grains_divide_the_same_rows(tmp_path: Path, grain: Grain, expected: list[int]) -> None:
    span = "2026-W36..2026-W44" if grain is Grain.WEEK else "2026-07-01..2026-12-31" if grain is not Grain.YEAR else "2026"
    found = read(tmp_path, ORDERS, "revenue", span, grain=grain)
    assert [r.value for r in found if r.value is not None] == expected


def test_fiscal_year_that_starts_in_october(tmp_path: Path) -> None:
    calendar = Calendar("Asia/Shanghai", fiscal_start=10)
    found = read(tmp_path, ORDERS, "revenue", "FY2026..FY2027", calendar=calendar)
    assert [(r.period, r.value) for r in found] == [("FY2026", Decimal(60)), ("FY2027", Decimal(85))]


def test_period_outside_the_data_is_no_data_and_an_empty_one_within_is_zero(tmp_path: Path) -> None:
    rows = {"orders": [order("1", "a", "2026-08-01", 1), order("2", "a", "2026-10-01", 1)]}
    found = read(tmp_path, rows, "orders", "2026-07..2026-11")
    assert [(r.value, r.status) for r in found] == [
        (None, Status.NO_DATA), (Decimal(1), Status.OK), (Decimal(0), Status.OK), (Decimal(1), Status.OK), (None, Status.NO_DATA),
    ]  # fmt: skip
    assert found[1].change_previous is None
    assert found[2].change_previous == -1


def test_ratio_without_rows_has_no_value(tmp_path: Path) -> None:
    rows = {"orders": [order("1", "a", "2026-08-01", 1), order("2", "a", "2026-10-01", 1)]}
    found = read(tmp_path, rows, "average_order_value", "2026-09")
    assert (found[0].value, found[0].status, found[0].n) == (None, Status.NO_DATA, 0)


def test_ratio_on_few_rows_says_too_few_and_keeps_the_value(tmp_path: Path) -> None:
    found = read(tmp_path, ORDERS, "average_order_value", "2026-09")
    assert (found[0].value, found[0].status, found[0].n) == (Decimal(25), Status.TOO_FEW, 2)
    assert found[0].change_previous_is_real is False


def test_members_add_up_to_the_whole_and_missing_values_have_a_member(tmp_path: Path) -> None:
    found = read(tmp_path, ORDERS, "revenue", "2026-10", dimension="country")
    # the US: 50.25 − 5.25; CN is a member because it bought in a month that is compared with
    assert {r.member: r.value for r in found} == {"(none)": 40, "CN": 0, "US": 45}


def test_dimension_of_the_customer_is_read_by_key(tmp_path: Path) -> None:
    rows = ORDERS | {
        "customers": [{"customer_id": "a", "kind": "person", "region": "East"}, {"customer_id": "b", "kind": "person", "region": "North"}]
    }
    found = read(tmp_path, rows, "revenue", "2026-09", dimension="region")
    assert {r.member: r.value for r in found if r.value} == {"East": 20, "North": 30}


def test_dimension_of_the_customer_is_that_of_the_time_of_the_fact(tmp_path: Path) -> None:
    rows = {
        "orders": [order("1", "a", "2026-08-31", 10), order("2", "a", "2026-10-01", 20)],
        "customers": [{"customer_id": "a", "kind": "person", "region": "West", "updated_at": "2026-09-15 00:00:00+00"}],
        "customers_history": [{"customer_id": "a", "kind": "person", "region": "East", "valid_to": "2026-09-15 00:00:00+00"}],
    }
    found = read(tmp_path, rows, "revenue", "2026-08..2026-10", dimension="region")
    assert {(r.period, r.member): r.value for r in found if r.value} == {("2026-08", "East"): 10, ("2026-10", "West"): 20}


def test_filter_reads_columns_of_the_fact_and_of_the_customer(tmp_path: Path) -> None:
    rows = ORDERS | {"customers": [{"customer_id": "a", "kind": "person"}, {"customer_id": "b", "kind": "company"}]}
    assert read(tmp_path, rows, "revenue", "2026-09", where="country = 'US'")[0].value == 30
    assert read(tmp_path, rows, "revenue", "2026-09", where="kind = 'person'")[0].value == 20


@pytest.mark.parametrize("where", ["1=1; drop table orders", "(select count(*) from read_csv('/etc/passwd')) > 0", "random() > 0.5"])
def test_filter_passes_the_wall(tmp_path: Path, where: str) -> None:
    with pytest.raises(Exception, match="may not be used"):
        read(tmp_path, ORDERS, "revenue", "2026-09", where=where)


def test_unknown_dimension_answers_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError) as caught:
        read(tmp_path, ORDERS, "revenue", "2026-09", dimension="contry")
    assert caught.value.hint is not None
    assert "country" in caught.value.hint


CONTRIBUTION = {
    "customers": [{"customer_id": "a", "kind": "person", "country": "FR"}],
    "orders": [order("1", "a", "2026-10-03", 60, country="DE", margin=30)],
    "costs": [
        {"cost_id": "k", "incurred_on": "2026-10-05", "purpose": "service", "kind": "visit", "amount": 10, "currency": "CNY", "customer_id": "a"}
    ],
}  # fmt: skip


@pytest.mark.parametrize(("dimension", "member"), [("country", "FR"), ("kind", "person"), ("customer_id", "a")])
def test_over_several_facts_a_name_is_the_customers_unless_it_is_a_key_of_all(tmp_path: Path, dimension: str, member: str) -> None:
    """By the order's own country and the customer's, margin and costs of one customer would fall apart."""
    found = read(tmp_path, CONTRIBUTION, "customer_contribution", "2026-10", dimension=dimension)
    assert [(r.member, r.value) for r in found] == [(member, Decimal(20))]
    where = f"{dimension} = '{member}'"
    assert [r.value for r in read(tmp_path, CONTRIBUTION, "customer_contribution", "2026-10", where=where)] == [Decimal(20)]


@pytest.mark.parametrize("question", [{"dimension": "status"}, {"where": "status = 'open'"}])
def test_a_name_that_means_something_else_in_each_fact_is_refused(tmp_path: Path, question: dict[str, Any]) -> None:
    """A ticket is open or resolved, an order is completed or refunded."""
    with pytest.raises(WrongUseError, match="status") as caught:
        read(tmp_path, ORDERS, "complaint_rate_orders", "2026-10", **question)
    assert caught.value.hint is not None
    assert "acquired_from" in caught.value.hint
    assert "kind" not in caught.value.hint.split(", ")


def test_what_waits_is_awaited_until_the_newest_thing_that_is_known_at_all(tmp_path: Path) -> None:
    """One of three is answered after 2 h. Up to the newest ticket, the other two have not waited at all; up to the order, for weeks."""
    rows: dict[str, list[dict[str, Any]]] = {
        "tickets": [
            {"ticket_id": "a", "opened_on": "2026-10-01", "opened_at": "2026-10-01 02:00:00+00", "first_response_at": "2026-10-01 04:00:00+00"},
            {"ticket_id": "b", "opened_on": "2026-10-01", "opened_at": "2026-10-01 05:00:00+00"},
            {"ticket_id": "c", "opened_on": "2026-10-01", "opened_at": "2026-10-01 05:00:00+00"},
        ]
    }  # fmt: skip
    (alone,) = read(tmp_path, rows, "first_response_time", "2026-10")
    assert (alone.value, alone.n) == (Decimal(2 * 3600), 3)
    (known,) = read(tmp_path, rows | {"orders": [order("1", "x", "2026-10-20", 5)]}, "first_response_time", "2026-10")
    assert (known.value, known.n) == (None, 3)


def test_windows_of_different_length_in_one_formula_keep_apart(tmp_path: Path) -> None:
    folder = tmp_path / "kpis"
    folder.mkdir()
    (folder / "mine.yaml").write_text(SHARE_OF_QUARTER, encoding="utf-8")
    known = catalogue(folder)
    calendar = Calendar("Asia/Shanghai")
    with DuckDBEngine(Resources(tmp_path)) as engine:
        asked = Question(calendar.parse("2026-10", today=TODAY))
        found = evaluate(engine, ExampleTables(ORDERS), [known["share_of_quarter"]], asked, Ground(calendar, "CNY", TODAY))
    # October 85 out of 10 + 50 + 85 less what was bought on the 31st of August (10), which the two months leave out
    assert [(r.numerator, r.denominator) for r in found] == [(Decimal(85), Decimal(145 + 135))]


def test_change_between_the_same_customers_is_surer_than_between_others(tmp_path: Path) -> None:
    same = [order(f"{m}{c}", f"c{c}", f"2026-{m}-10", 100 + c + (4 if m == "10" else 0)) for m in ("09", "10") for c in range(40)]
    others = [order(f"{m}{c}", f"c{m}{c}", f"2026-{m}-10", 100 + c + (4 if m == "10" else 0)) for m in ("09", "10") for c in range(40)]
    paired = read(tmp_path, {"orders": same}, "average_order_value", "2026-10")[0]
    unpaired = read(tmp_path, {"orders": others}, "average_order_value", "2026-10")[0]
    assert paired.change_previous == unpaired.change_previous == 4
    assert paired.change_previous_is_real
    assert not unpaired.change_previous_is_real


def test_a_period_can_be_compared_with_one_that_is_not_the_one_before(tmp_path: Path) -> None:
    """The same orders with and without a month between them: the change, its interval and whether it is real are the same."""
    calendar = Calendar("Asia/Shanghai")

    def then_and_now(then: str) -> list[dict[str, Any]]:
        return [order(f"{m}{c}", f"c{c}", f"2026-{m}-10", 100 + c + (4 if m == "10" else 0)) for m in (then, "10") for c in range(40)]

    against = calendar.containing(Grain.MONTH, date(2026, 7, 1))
    between = [order(f"x{c}", f"c{c}", "2026-09-10", 900) for c in range(40)]
    beside = read(tmp_path, {"orders": then_and_now("09")}, "average_order_value", "2026-10")[0]
    apart = read(tmp_path, {"orders": then_and_now("07") + between}, "average_order_value", "2026-10", against=against)[0]
    names = ("change_previous", "change_previous_ci_low", "change_previous_ci_high", "change_previous_is_real")
    assert [getattr(apart, n) for n in names] == [getattr(beside, n) for n in names]
    assert (apart.change_previous, apart.change_previous_is_real) == (Decimal(4), True)


def test_change_smaller_than_worth_saying_is_not_real(tmp_path: Path) -> None:
    rows = [order(f"{m}{c}", f"c{c}", f"2026-{m}-10", 100 + (1 if m == "10" else 0)) for m in ("09", "10") for c in range(40)]
    found = read(tmp_path, {"orders": rows}, "average_order_value", "2026-10")[0]
    assert found.change_previous == 1
    assert found.change_previous_ci_low is not None
    assert found.change_previous_ci_low > 0
    assert found.change_previous_is_real is False


def test_amounts_in_another_currency_take_the_last_rate_on_or_before_the_day(tmp_path: Path) -> None:
    rows = {
        "orders": [order("1", "a", "2026-10-05", 100), order("2", "a", "2026-10-07", 10, currency="USD")],
        "fx_rates": [
            {"currency": "USD", "on": "2026-10-01", "rate": 7},
            {"currency": "USD", "on": "2026-10-06", "rate": 7.125},
            {"currency": "USD", "on": "2026-10-08", "rate": 9},
        ],
    }
    assert read(tmp_path, rows, "revenue", "2026-10")[0].value == Decimal("171.25")


@pytest.mark.parametrize(
    "rates", [[], [{"currency": "USD", "on": "2026-09-29", "rate": 7}], [{"currency": "USD", "on": "2026-10-08", "rate": 7}]]
)
def test_missing_or_old_rate_is_an_error_with_pair_and_date(tmp_path: Path, rates: list[dict[str, Any]]) -> None:
    rows = {"orders": [order("2", "a", "2026-10-07", 10, currency="USD")], "fx_rates": rates}
    with pytest.raises(MissingRateError, match=r"USD/CNY for 2026-10-07"):
        read(tmp_path, rows, "revenue", "2026-10")


def test_period_is_open_until_its_last_day_is_over(tmp_path: Path) -> None:
    assert read(tmp_path, ORDERS, "revenue", "2026-10", today=date(2026, 10, 31))[0].is_open
    assert not read(tmp_path, ORDERS, "revenue", "2026-10", today=date(2026, 11, 1))[0].is_open


def test_facts_after_the_day_looked_from_are_not_known(tmp_path: Path) -> None:
    found = read(tmp_path, ORDERS, "revenue", "2026-10", as_of=date(2026, 10, 15))
    assert (found[0].value, found[0].is_open) == (Decimal(40), True)


def test_readings_are_the_same_for_any_order_of_rows_and_number_of_threads(tmp_path: Path) -> None:
    rows = [order(str(i), f"c{i % 37}", f"2026-{9 + i % 2:02d}-{1 + i % 28:02d}", round(0.1 * i + 0.07, 2)) for i in range(900)]
    answers = {
        str([r.to_json() for r in read(tmp_path, {"orders": rows[::step]}, "average_order_value", "2026-10", threads=threads)])
        for threads in (1, 2, 8)
        for step in (1, -1)
    }
    assert len(answers) == 1


def test_coverage_tells_the_share_of_rows_that_could_be_used(tmp_path: Path) -> None:
    assert read(tmp_path, ORDERS, "active_customers", "2026-10")[0].coverage == 0.5
    assert read(tmp_path, ORDERS, "revenue", "2026-10")[0].coverage == 1.0
