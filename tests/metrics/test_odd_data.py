"""Data that shops really have, and what readings must not make of them; expected values are counted by hand."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keepwell.core.periods import Calendar
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.metrics.currencies import MissingRateError
from keepwell.metrics.evaluate import Question, evaluate
from keepwell.metrics.example import ExampleTables
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.reading import Reading
from keepwell.metrics.session import Ground

TODAY = date(2026, 11, 21)
Rows = dict[str, list[dict[str, Any]]]


def read(
    tmp_path: Path, rows: Rows, kpi: str, period: str, *, today: date = TODAY, active_by: str = "orders", as_of: date | None = None
) -> Reading:
    calendar = Calendar("UTC")
    with DuckDBEngine(Resources(tmp_path, threads=1)) as engine:
        asked = Question(calendar.parse(period, today=today), as_of=as_of)
        ground = Ground(calendar, "CNY", today, active_by=active_by)
        (reading,) = evaluate(engine, ExampleTables(rows), [built_in()[kpi]], asked, ground)
    return reading


def order(key: str, customer: str, day: str, amount: float, currency: str = "CNY") -> dict[str, Any]:
    return {
        "order_id": key, "customer_id": customer, "ordered_on": day, "ordered_at": f"{day} 10:00:00+00", "status": "completed",
        "amount": amount, "currency": currency,
    }  # fmt: skip


def subscription(key: str, customer: str, start: str, end: str | None = None) -> dict[str, Any]:
    row = {
        "subscription_id": key, "customer_id": customer, "started_on": start, "started_at": f"{start} 00:00:00+00", "ended_on": end,
        "monthly_amount": 10, "currency": "CNY", "is_trial": False,
    }  # fmt: skip
    return {k: v for k, v in row.items() if v is not None}


def test_amount_after_the_period_that_counts_in_it_needs_its_rate_too(tmp_path: Path) -> None:
    """What a treated customer buys in the thirty days after belongs to the month of the assignment."""
    rows: Rows = {
        "exposures": [
            {"experiment_id": "x", "customer_id": "ann", "arm": "coupon", "is_control": False, "assigned_on": "2026-09-10", "assigned_at": "2026-09-10 00:00:00+00"}
        ],
        "orders": [order("1", "ann", "2026-10-05", 100, "USD")],
    }  # fmt: skip
    with pytest.raises(MissingRateError, match="USD/CNY"):
        read(tmp_path, rows, "treated_revenue", "2026-09")


def points(key: str, customer: str, day: str, amount: int, lot: str | None = None, expires: str | None = None) -> dict[str, Any]:
    row = {
        "entry_id": key, "programme_id": "p", "customer_id": customer, "on_date": day, "at": f"{day} 00:00:00+00", "points": amount,
        "lot_id": lot, "expires_at": f"{expires} 00:00:00+00" if expires else None,
    }  # fmt: skip
    return {k: v for k, v in row.items() if v is not None}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # expired, and said to be once more without naming the lot
        ([points("1", "ann", "2026-01-05", 1000, "A", "2026-06-30"), points("2", "ann", "2026-07-01", -1000)], 0),
        # 600 of the expired lot were spent before
        ([points("1", "bob", "2026-01-05", 1000, "B", "2026-06-30"), points("2", "bob", "2026-05-01", -600)], 0),
        # taken from what expires first: 300 are left of the lot that lasts, and 200 that never expire
        (
            [
                points("1", "cem", "2026-01-05", 500, "C", "2026-06-30"),
                points("2", "cem", "2026-01-06", 400, "D", "2027-06-30"),
                points("3", "cem", "2026-01-07", 200),
                points("4", "cem", "2026-05-01", -600),
            ],
            500,
        ),
    ],
)  # fmt: skip
def test_points_spent_without_naming_a_lot_leave_no_debt(tmp_path: Path, entries: list[dict[str, Any]], expected: int) -> None:
    programmes = [{"programme_id": "p", "point_value": 0.01, "currency": "CNY"}]
    found = read(tmp_path, {"loyalty_entries": entries, "programmes": programmes}, "points_liability", "2026-07")
    assert found.value == Decimal(expected) / 100


def test_customers_who_only_bought_are_customers(tmp_path: Path) -> None:
    rows = {"orders": [order("1", "ann", "2026-10-05", 10), order("2", "bob", "2026-10-06", 10)]}
    assert read(tmp_path, rows, "customers", "2026-10").value == 2
    contactable = read(tmp_path, rows, "contactable_share", "2026-10")
    assert (contactable.value, contactable.n) == (Decimal(0), 2)


def test_subscribers_are_active_where_the_profile_says_so(tmp_path: Path) -> None:
    rows: Rows = {
        "subscriptions": [subscription("1", "ann", "2026-08-05"), subscription("2", "bob", "2026-08-05", "2026-09-20")],
        "orders": [],
    }
    assert read(tmp_path, rows, "active_customers", "2026-10", active_by="subscriptions").value == 1


def test_change_of_price_is_no_second_purchase_and_use_before_buying_no_obstacle(tmp_path: Path) -> None:
    changed = [subscription("1", "ann", "2026-07-01", "2026-07-20"), subscription("2", "ann", "2026-07-20")]
    assert read(tmp_path, {"subscriptions": changed}, "activation_rate", "2026-07").value == 0
    used = {"usage": [{"usage_id": d, "customer_id": "ann", "used_on": d, "events": 1} for d in ("2026-06-01", "2026-07-05")]}
    columns = {"customer_id", "used_on"}
    only_known: Rows = {"usage": [{k: v for k, v in row.items() if k in columns} for row in used["usage"]]}
    assert read(tmp_path, {"subscriptions": changed} | only_known, "activation_rate", "2026-07").value == 1


@pytest.mark.parametrize(
    ("low", "high", "satisfied_from", "score", "expected", "missing"),
    [(0, 100, None, 85, None, 1), (0, 100, 80, 85, 1, 0), (1, 5, None, 4, 1, 0), (1, 4, None, 3, 0, 0), (1, 10, None, 9, 1, 0), (0, 10, None, 8, 0, 0)],
)  # fmt: skip
def test_scale_that_does_not_say_who_is_satisfied_calls_nobody_so(
    tmp_path: Path, low: int, high: int, satisfied_from: int | None, score: int, expected: int | None, missing: int
) -> None:
    answer = {
        "response_id": "r", "question_id": "q", "metric": "csat", "customer_id": "ann", "answered_on": "2026-10-05", "score": score,
        "answered_at": "2026-10-05 00:00:00+00", "scale_min": low, "scale_max": high, "higher_is_better": True, "satisfied_from": satisfied_from,
    }  # fmt: skip
    found = read(tmp_path, {"responses": [answer]}, "csat", "2026-10")
    assert (found.value, found.missing) == (expected, missing)


def test_answer_that_came_later_is_not_known_yet(tmp_path: Path) -> None:
    rows: Rows = {
        "invitations": [
            {"invitation_id": "i", "survey_id": "s", "customer_id": "ann", "decided_on": "2026-09-28", "sent_on": "2026-09-28", "response_id": "r"}
        ],
        "responses": [{"response_id": "r", "question_id": "q", "customer_id": "ann", "answered_on": "2026-10-05", "answered_at": "2026-10-05 00:00:00+00"}],
    }  # fmt: skip
    assert read(tmp_path, rows, "response_rate", "2026-09", as_of=date(2026, 9, 30)).value == 0
    assert read(tmp_path, rows, "response_rate", "2026-09", as_of=date(2026, 10, 6)).value == 1


def test_sum_of_a_month_that_is_not_over_is_not_compared(tmp_path: Path) -> None:
    days = [f"2026-{month}-{day:02}" for month in ("09", "10") for day in range(1, 29)]
    rows = {"orders": [order(day, f"c{i % 7}", day, 10) for i, day in enumerate(days)]}
    half = read(tmp_path, rows, "revenue", "2026-10", as_of=date(2026, 10, 14))
    assert (half.is_open, half.value, half.change_previous, half.change_previous_is_real) == (True, Decimal(140), None, None)
    whole = read(tmp_path, rows, "revenue", "2026-10")
    assert (whole.is_open, whole.change_previous) == (False, Decimal(0))
    average = read(tmp_path, rows, "average_order_value", "2026-10", as_of=date(2026, 10, 14))
    assert average.change_previous == 0, "a mean of what there is can be compared"
