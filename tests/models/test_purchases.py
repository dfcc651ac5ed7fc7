"""Purchase days as they are read: exact money, whatever the batch, and sums against sums made by hand."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from keepwell.models.population import EPOCH, ORDER, Purchases, _by_day, _in_numbers, population

DAY = date(2026, 1, 10)


def batch(rows: list[tuple[str, date, bool, str | None, str | None]]) -> pa.RecordBatch:
    who, days, sales, amounts, margins = zip(*rows, strict=True) if rows else ((),) * 5
    money = pa.decimal128(18, 4)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(who, pa.string()),
            pa.array(days, pa.date32()),
            pa.array(sales, pa.bool_()),
            *(pa.array([None if v is None else Decimal(v) for v in values], money) for values in (amounts, margins)),
        ],
        names=ORDER.names,
    )


ROWS: list[tuple[str, date, bool, str | None, str | None]] = [
    ("b", DAY, True, "99999999999999.9999", None),
    ("a", DAY, True, "-0.0001", "1.5"),
    ("b", DAY - timedelta(days=3), False, "-12.34", "-2"),
    ("c", DAY, False, "0", "0"),
    ("a", DAY, True, "7", None),
]


def test_money_is_read_to_the_last_digit() -> None:
    found = _in_numbers(batch(ROWS))
    assert found.column("amount").to_pylist() == [999_999_999_999_999_999, -1, -123_400, 0, 70_000]
    assert found.column("margin").to_pylist() == [None, 15_000, -20_000, 0, None]


@pytest.mark.parametrize(("start", "size"), [(0, 0), (0, 2), (1, 3), (4, 1), (5, 0)])
def test_a_part_of_a_batch_is_read_like_the_whole(start: int, size: int) -> None:
    assert _in_numbers(batch(ROWS).slice(start, size)).to_pylist() == _in_numbers(batch(ROWS)).to_pylist()[start : start + size]


def purchases(rows: list[tuple[str, date, bool, str | None, str | None]]) -> Purchases:
    return _by_day(pa.Table.from_batches([_in_numbers(batch(rows))], ORDER))


def test_days_of_a_customer_are_put_together_in_order() -> None:
    found = purchases(ROWS[1:])
    assert found.customers.to_pylist() == ["a", "b", "c"]
    today = (DAY - EPOCH).days
    assert found.days.place.tolist() == [0, 1, 2]
    assert found.days.day.tolist() == [today, today - 3, today]
    assert found.days.orders.tolist() == [2, 0, 0]
    assert found.days.amount.tolist() == [69_999, -123_400, 0]
    assert found.days.with_margin.tolist() == [1, 0, 0]


def test_nobody_is_nobody() -> None:
    found = purchases([])
    assert len(found.days) == 0
    assert len(population(found, DAY)) == 0


def test_who_only_returned_is_no_buyer_and_sums_are_those_by_hand() -> None:
    rng = np.random.default_rng(3)
    rows: list[tuple[str, date, bool, str | None, str | None]] = []
    for _ in range(4_000):
        who, ago = f"c{rng.integers(0, 300):03}", int(rng.integers(0, 700))
        is_sale = bool(rng.random() < 0.9) and who > "c010"  # the first eleven only return
        rows.append((who, DAY - timedelta(days=ago), is_sale, str(int(rng.integers(1, 500)) * (1 if is_sale else -1)), None))
    found = population(purchases(rows), DAY)
    by_customer: dict[str, list[tuple[date, bool, int]]] = {}
    for who, day, is_sale, amount, _ in rows:
        by_customer.setdefault(who, []).append((day, is_sale, int(amount or 0)))
    buyers = sorted(w for w, lines in by_customer.items() if any(sale for _, sale, _ in lines))
    assert found.customers.to_pylist() == buyers
    assert "c005" not in buyers
    for place, who in enumerate(buyers):
        lines = by_customer[who]
        days = sorted({d for d, sale, _ in lines if sale})
        assert found.purchase_days[place] == len(days)
        assert found.first_day[place] == (days[0] - EPOCH).days
        assert found.amount[place] == sum(a for _, _, a in lines)
        assert found.half_amount[place] == sum(a for d, _, a in lines if d > DAY - timedelta(days=180))
        assert found.year_amount[place] == sum(a for d, _, a in lines if d > date(2025, 1, 10))
        later = sum(a for d, _, a in lines if d > days[0])
        assert found.repeat_amount[place] == (later if len(days) > 1 else 0)


def test_some_customers_until_a_day_are_those_of_the_whole() -> None:
    rows = [(f"c{i % 7}", DAY - timedelta(days=i), True, "1", None) for i in range(70)]
    whole = purchases(list(rows))
    some = population(whole, DAY - timedelta(days=20), among=pa.array(["c3", "c5", "nobody"]))
    assert some.customers.to_pylist() == ["c3", "c5"]
    # days 20 to 69 before: of every seventh day 3 → 24 … 66, of 5 → 26 … 68
    assert some.purchase_days.tolist() == [7, 7]


def test_customers_are_numbered_alike_over_all_batches() -> None:
    parts = [[("b", DAY, True, "1", None)], [("c", DAY, True, "2", None), ("a", DAY, True, "4", None)], [("b", DAY, True, "8", None)]]
    found = _by_day(pa.Table.from_batches([_in_numbers(batch(list(p))) for p in parts], ORDER))
    assert found.customers.to_pylist() == ["a", "b", "c"]
    assert found.days.amount.tolist() == [40_000, 90_000, 20_000]
