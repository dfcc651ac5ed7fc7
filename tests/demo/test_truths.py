"""What the business declares can be found again in its files, by calculations that share nothing with the generator."""

import csv
import math
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import duckdb
import numpy as np
import pytest

from keepwell.demo.business import Business

Z = 3.3  # one in a thousand: these are single draws, and there are many of them


def value(db: duckdb.DuckDBPyConnection, sql: str) -> float:
    return float(db.execute(sql).fetchall()[0][0])


def scores(db: duckdb.DuckDBPyConnection, metric: str, where: str) -> np.ndarray:
    sql = f"""
        select r.score, c.region, cast(r.answered_at as date) >= $month as after, r.customer_id,
               t.ticket_id is not null and coalesce(t.resolved_at > t.resolution_due_at, t.resolution_due_at < '2026-11-01') as late
        from responses r join customers c using (customer_id) left join tickets t using (ticket_id)
        where r.metric = '{metric}' and r.score is not null"""
    return db.execute(f"select score from ({sql}) where {where}", {"month": "2026-07-01"}).fetchnumpy()["score"]


def nps(answers: np.ndarray) -> tuple[float, float]:
    """The score and its standard error, somewhat widened because customers answer more than once."""
    votes = (answers >= 9).astype(float) - (answers <= 6)
    return 100 * float(votes.mean()), 115 * float(votes.std()) / math.sqrt(len(votes))


def satisfied(answers: np.ndarray) -> tuple[float, float]:
    share = float((answers >= 4).mean())
    return share, 1.15 * math.sqrt(share * (1 - share) / len(answers))


def test_nps_drops_in_one_region_from_a_month_on(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    drop = business.truths.satisfaction_drop
    assert (drop.region, drop.from_month) == ("East", "2026-07")
    before, error_before = nps(scores(db, "nps", "region = 'East' and not after"))
    after, error_after = nps(scores(db, "nps", "region = 'East' and after"))
    assert before == pytest.approx(drop.nps_before, abs=Z * error_before)
    assert after == pytest.approx(drop.nps_after, abs=Z * error_after)
    assert before - after > Z * math.hypot(error_before, error_after)


def test_nps_stays_as_it_was_elsewhere(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    elsewhere, error = nps(scores(db, "nps", "region <> 'East' and after"))
    assert elsewhere == pytest.approx(business.truths.satisfaction_drop.nps_before, abs=Z * error)


@pytest.mark.parametrize("late", [False, True])
def test_csat_drops_by_as_much_after_late_service_and_without(business: Business, db: duckdb.DuckDBPyConnection, late: bool) -> None:
    drop, is_late = business.truths.satisfaction_drop, "late" if late else "not late"
    before, error_before = satisfied(scores(db, "csat", f"region = 'East' and not after and {is_late}"))
    after, error_after = satisfied(scores(db, "csat", f"region = 'East' and after and {is_late}"))
    assert before == pytest.approx(drop.csat_late_before if late else drop.csat_before, abs=Z * error_before)
    assert after == pytest.approx(drop.csat_late_after if late else drop.csat_after, abs=Z * error_after)


def test_the_unhappy_then_write_about_delivery(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    said = db.execute("""
        select r.comment, cast(r.answered_at as date) >= '2026-07-01' from responses r join customers c using (customer_id)
        where r.comment is not null and c.region = 'East' and ((metric = 'nps' and score <= 6) or (metric = 'csat' and score <= 2))""").fetchall()
    about = re.compile("快递|物流|送货|Delivery|parcel|courier")
    after, before = ([bool(about.search(text)) for text, is_after in said if is_after is when] for when in (True, False))
    share = business.truths.satisfaction_drop.topic_share
    assert np.mean(after) == pytest.approx(share, abs=Z * math.sqrt(share * (1 - share) / len(after)))
    assert np.mean(before) < 0.4


def test_campaign_works_as_much_as_declared(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    truth = business.truths.campaign_effect
    outcome = db.execute(
        """
        select e.is_control, coalesce(bool_or(o.status = 'completed' and o.ordered_at > e.assigned_at
               and o.ordered_at <= e.assigned_at + to_days($window)), false)
        from exposures e left join orders o using (customer_id) where e.experiment_id = $experiment group by e.is_control, e.customer_id""",
        {"window": truth.window_days, "experiment": truth.experiment_id},
    ).fetchall()
    treated, control = (np.array([bought for is_control, bought in outcome if is_control is arm], dtype=float) for arm in (False, True))
    effect = treated.mean() - control.mean()
    error = math.sqrt(treated.var() / len(treated) + control.var() / len(control))
    assert effect - 1.96 * error < truth.effect < effect + 1.96 * error
    assert effect - 1.96 * error > 0


def test_arms_were_drawn_by_lot_before_anything_was_sent(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    del business
    treated, control = (value(db, f"select count(*) from exposures where is_control = {arm}") for arm in ("false", "true"))
    assert abs(treated - control) <= 1
    assert (
        value(
            db,
            "select count(*) from exposures where is_control and coalesce(sent_at, opened_at, clicked_at, action_id::varchar::timestamptz) is not null",
        )
        == 0
    )
    assert value(db, "select count(*) from exposures where not is_control and sent_at <= assigned_at") == 0


def test_customers_leave_after_late_service(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    truth = business.truths.late_service_churn
    rows = db.execute("""
        with months as (select unnest(generate_series(date '2025-03-01', date '2026-10-01', interval 1 month))::date as m),
        paying as (
            select m, customer_id from months join subscriptions
            on not is_trial and started_at < m::timestamptz and (ended_at is null or ended_at > m::timestamptz) group by all),
        stays as (
            select m, customer_id from months join subscriptions
            on not is_trial and started_at < (m + interval 1 month)::timestamptz and (ended_at is null or ended_at >= (m + interval 1 month)::timestamptz)
            group by all),
        late as (
            select customer_id, date_trunc('month', resolution_due_at)::date as missed from tickets
            where coalesce(resolved_at > resolution_due_at, resolution_due_at < timestamptz '2026-11-01 00:00+08') group by all),
        exposed as (
            select distinct m, p.customer_id from paying p join late l using (customer_id)
            where l.missed < m and l.missed >= m - to_months(3))
        select e.customer_id is not null, s.customer_id is null, count(*)
        from paying left join stays s using (m, customer_id) left join exposed e using (m, customer_id) group by all""").fetchall()
    counted = {(is_exposed, leaves): n for is_exposed, leaves, n in rows}
    rates = {}
    for is_exposed, declared in ((False, truth.monthly_churn), (True, truth.monthly_churn_after_late_service)):
        left, stayed = counted[is_exposed, True], counted[is_exposed, False]
        rates[is_exposed] = left / (left + stayed)
        assert rates[is_exposed] == pytest.approx(declared, abs=Z * math.sqrt(declared * (1 - declared) / (left + stayed)))
    assert rates[True] > 3 * rates[False]


@pytest.mark.parametrize(
    ("month", "before", "after"), [("2025-11", "2025-10", "2025-12"), ("2026-06", "2026-05", "2026-07"), ("2026-02", "2026-01", "2026-03")]
)
def test_seasons_stand_out_as_declared(business: Business, db: duckdb.DuckDBPyConnection, month: str, before: str, after: str) -> None:
    # The business grows and customers leave; against the mean of the neighbours that cancels out.
    counted = dict(
        db.execute(
            "select strftime(ordered_at, '%Y-%m'), count(*) / max(day(last_day(ordered_at::date))) from orders where status <> 'refund' group by 1"
        ).fetchall()
    )
    factors = business.truths.month_factors
    found = counted[month] / ((counted[before] + counted[after]) / 2)
    assert found == pytest.approx(factors[month] / ((factors[before] + factors[after]) / 2), rel=0.12)


def test_double_eleven_and_new_year_are_seen_by_the_day(db: duckdb.DuckDBPyConnection) -> None:
    by_day = dict(
        db.execute("select cast(ordered_at as date)::varchar, count(*) from orders where status <> 'refund' group by 1").fetchall()
    )
    assert max((day for day in by_day if day.startswith("2025")), key=by_day.__getitem__) == "2025-11-11"
    assert by_day["2026-06-18"] > 3 * by_day["2026-06-16"]
    assert by_day["2026-02-17"] < by_day["2026-03-17"]


def test_media_money_is_spent_by_new_buyer(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    for channel, cost in business.truths.cost_per_new_buyer.items():
        spent = value(db, f"select sum(amount) from costs where kind = 'media' and channel = '{channel}'")
        won = value(
            db,
            f"""select count(*) from customers c where acquired_from = '{channel}'
                and exists (select 1 from orders o where o.customer_id = c.customer_id and status = 'completed')""",
        )
        assert spent / won == pytest.approx(cost, abs=0.001)


def test_one_product_takes_another_along(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    first, second = business.truths.bought_together
    baskets = "(select order_id, list(product_id) as goods from order_lines group by order_id having count(*) > 1)"
    with_first = value(db, f"select avg(list_contains(goods, '{second}')::int) from {baskets} where list_contains(goods, '{first}')")
    in_all = value(db, f"select avg(list_contains(goods, '{second}')::int) from {baskets}")
    assert with_first > 2 * in_all


def test_true_pairs_are_the_same_people(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    db.execute("""create or replace temp table records as
        select customer_id, lower(trim(email)) as email, right(regexp_replace(phone, '[^0-9]', '', 'g'), 7) as phone, region from customers
        union all select 'crm:' || customer_id, lower(trim(email)), right(regexp_replace(phone, '[^0-9]', '', 'g'), 7), region from crm_customers""")
    records = {row[0]: row[1:] for row in db.execute("from records").fetchall()}
    pairs = business.truths.duplicates
    assert len(pairs) > 0.1 * business.truths.customers
    assert len({second for _, second in pairs}) == len(pairs)
    for first, second in pairs:
        (email, phone, region), (other_email, other_phone, other_region) = records[first], records[second]
        assert (email and email == other_email) or (phone and phone == other_phone), (first, second)
        assert region == other_region


def test_same_email_means_a_true_pair(business: Business, db: duckdb.DuckDBPyConnection) -> None:
    found = db.execute("""
        select a.customer_id, 'crm:' || b.customer_id from customers a join crm_customers b on lower(trim(a.email)) = lower(trim(b.email))
        union all select a.customer_id, b.customer_id from customers a join customers b
        on lower(trim(a.email)) = lower(trim(b.email)) and a.customer_id < b.customer_id""").fetchall()
    # A second registration may stand between a customer and the record of the other system.
    closed = _closed(business.truths.duplicates)
    assert all(closed.get(first, first) == closed.get(second, second) for first, second in found)


def _closed(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    firsts = {second: first for first, second in pairs}
    return {name: firsts.get(firsts.get(name, name), firsts.get(name, name)) for pair in pairs for name in pair}


def test_second_system_writes_people_differently(db: duckdb.DuckDBPyConnection) -> None:
    written = db.execute("select name, email from crm_customers where email is not null").fetchall()
    assert any(email != email.strip() for _, email in written)
    assert any(email != email.lower() for _, email in written)
    assert not {name for name, _ in written} <= {name for (name,) in db.execute("select name from customers").fetchall()}


def is_unreadable(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ValueError, InvalidOperation):
        return True
    return False


def faults(row: dict[str, str], times: Counter[str]) -> list[str]:
    """What is wrong with a line of the cash desk, judged by hand."""
    is_written = all(row[column] for column in ("order_id", "ordered_at", "status", "amount", "currency"))
    is_impossible = is_unreadable(datetime.fromisoformat, row["ordered_at"])
    found = {
        "duplicate key": times[row["order_id"]] > 1,
        "missing required value": not is_written,
        "impossible date": is_impossible,
        "future date": not is_impossible and datetime.fromisoformat(row["ordered_at"]).year > 2026,
        "bad number": is_written and is_unreadable(Decimal, row["amount"]),
        "unknown currency": row["currency"] not in {"CNY", "USD", "EUR", "GBP"},
        "unknown status": row["status"] not in {"completed", "pending", "cancelled", "refund"},
    }
    return [kind for kind, is_so in found.items() if is_so]


def test_dirty_lines_are_those_declared_and_few(business: Business, folder: Path) -> None:
    text = (folder / business.truths.dirty_file).read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    times = Counter(row["order_id"] for row in rows)
    found = [(line, kind) for line, row in enumerate(rows, start=2) for kind in faults(row, times)]
    assert found == [(row.line, row.kind) for row in business.truths.dirty_rows]
    assert len(found) <= 0.05 * len(rows)
    kinds = Counter(kind for _, kind in found)
    assert kinds.pop("duplicate key") == 2 * kinds["bad number"]
    assert len(kinds) == 6
    assert len(set(kinds.values())) == 1
