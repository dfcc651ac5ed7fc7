"""The files agree with each other: money, deadlines, subscriptions, points, answers and people."""

from collections import defaultdict
from datetime import timedelta

import duckdb
import numpy as np
import pytest

from keepwell.demo.receivables import ON_TIME_SHARE
from keepwell.demo.sales import WIN_RATE


def none(db: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether no row is like that."""
    return db.execute(f"select count(*) from {sql}").fetchall() == [(0,)]


def share(db: duckdb.DuckDBPyConnection, what: str, rows: str) -> float:
    return float(db.execute(f"select avg(({what})::int) from {rows}").fetchall()[0][0])


def test_amount_of_an_order_is_the_sum_of_its_lines(db: duckdb.DuckDBPyConnection) -> None:
    sums = "(select order_id, sum(amount) as amount, sum(discount) as discount, sum(quantity * unit_cost) as cost from order_lines group by all) l"
    assert none(
        db, f"orders o full join {sums} using (order_id) where o.amount is distinct from l.amount or o.discount is distinct from l.discount"
    )
    assert none(db, f"orders o join {sums} using (order_id) where o.margin is not null and o.margin <> l.amount - l.cost")
    assert none(db, "order_lines where amount <> quantity * unit_price - discount")
    assert 0.9 < share(db, "margin is not null", "orders") < 1


def test_refund_follows_its_order_and_never_exceeds_it(db: duckdb.DuckDBPyConnection) -> None:
    pairs = "orders r join orders o on r.refund_of = o.order_id where r.status = 'refund' and"
    for wrong in (
        "r.amount >= 0",
        "-r.amount > o.amount",
        "r.ordered_at <= o.ordered_at",
        "r.customer_id is distinct from o.customer_id",
        "o.status <> 'completed'",
    ):
        assert none(db, f"{pairs} ({wrong})")
    assert none(db, "orders where (status = 'refund') <> (refund_of is not null)")
    assert 0.02 < share(db, "status = 'refund'", "orders") < 0.05


def test_sales_are_in_several_currencies_with_a_rate_for_every_day(db: duckdb.DuckDBPyConnection) -> None:
    assert {row[0] for row in db.execute("select distinct currency from orders").fetchall()} == {"CNY", "USD", "EUR", "GBP"}
    assert none(
        db,
        """orders o where currency <> 'CNY' and not exists (select 1 from fx_rates f where f.currency = o.currency and f."on" = o.ordered_at::date)""",
    )
    assert none(db, "orders where customer_id is not null and (country = 'CN') <> (currency = 'CNY')")


def test_first_completed_order_is_when_the_customer_became_one(db: duckdb.DuckDBPyConnection) -> None:
    first = "(select customer_id, min(ordered_at) as at from orders where status = 'completed' and customer_id is not null group by all) o"
    assert none(db, f"customers c full join {first} using (customer_id) where c.became_customer_at is distinct from o.at")
    assert none(db, "customers where became_customer_at < created_at")
    assert none(db, "customers c join customers r on c.referred_by = r.customer_id where r.created_at > c.created_at")


def test_buyers_differ_and_some_orders_have_no_buyer(db: duckdb.DuckDBPyConnection) -> None:
    counts = db.execute(
        "select count(*) from orders where status = 'completed' and customer_id is not null group by customer_id"
    ).fetchnumpy()
    orders = next(iter(counts.values()))
    assert np.var(orders) > 2 * np.mean(orders)
    assert 0.02 < share(db, "customer_id is null", "orders") < 0.08


def test_ticket_is_answered_before_it_is_settled_and_closed(db: duckdb.DuckDBPyConnection) -> None:
    assert none(db, "tickets where first_response_at < opened_at or resolved_at < first_response_at or closed_at < resolved_at")
    assert none(db, "tickets where first_response_due_at <= opened_at or resolution_due_at < first_response_due_at")
    assert 0.12 < share(db, "resolved_at > resolution_due_at", "tickets") < 0.3
    assert none(db, "tickets where resolution_due_at < opened_at + interval 1 hour")


def test_promises_fall_into_opening_hours(db: duckdb.DuckDBPyConnection) -> None:
    for column in ("first_response_due_at", "resolution_due_at", "first_response_at"):
        assert none(db, f"tickets where hour({column} - interval 1 second) not between 8 and 20 or isodow({column}) > 5")
    assert none(db, """tickets t join calendar c on c.country = 'CN' and c."on" = t.resolution_due_at::date where not is_business_day""")


def test_events_tell_the_same_story_as_their_ticket(db: duckdb.DuckDBPyConnection) -> None:
    story = """(select ticket_id, min("at") filter (kind = 'opened') as opened_at, min("at") filter (kind = 'responded') as first_response_at,
        max("at") filter (kind = 'resolved') as resolved_at, max("at") filter (kind = 'closed') as closed_at,
        count(*) filter (kind = 'reopened') as reopened_count, max("at") filter (kind = 'reopened') as reopened_at
        from ticket_events group by ticket_id) e"""
    for column in ("opened_at", "first_response_at", "closed_at", "reopened_count"):
        assert none(db, f"tickets t full join {story} using (ticket_id) where t.{column} is distinct from e.{column}")
    settled = "t.resolved_at is distinct from case when e.reopened_at is null or e.resolved_at > e.reopened_at then e.resolved_at end"
    assert none(db, f"tickets t join {story} using (ticket_id) where {settled}")


def test_subscriptions_of_a_customer_follow_each_other(db: duckdb.DuckDBPyConnection) -> None:
    assert none(
        db,
        "subscriptions a join subscriptions b on a.renewed_as = b.subscription_id where a.ended_at <> b.started_at or a.customer_id <> b.customer_id",
    )
    overlaps = "a.customer_id = b.customer_id and a.subscription_id < b.subscription_id"
    assert none(
        db,
        f"subscriptions a join subscriptions b on {overlaps} where a.started_at < coalesce(b.ended_at, '2027-01-01') and b.started_at < coalesce(a.ended_at, '2027-01-01')",
    )
    assert none(db, "subscriptions where is_trial <> (monthly_amount = 0)")
    assert none(db, "subscriptions where renewed_as is not null and ended_at is null")


def test_price_rises_on_one_day_for_all_who_stay(db: duckdb.DuckDBPyConnection) -> None:
    rises = db.execute("""select distinct a.ended_at::date, b.monthly_amount > a.monthly_amount from subscriptions a
        join subscriptions b on a.renewed_as = b.subscription_id where a.end_reason = 'price change'""").fetchall()
    assert len(rises) == 1
    assert rises[0][1]


def test_usage_lies_within_its_subscription_and_fades_before_the_end(db: duckdb.DuckDBPyConnection) -> None:
    joined = "usage u join subscriptions s using (subscription_id)"
    assert none(
        db,
        f"{joined} where used_on < started_at::date or used_on > coalesce(ended_at::date, '2026-10-31') or u.customer_id <> s.customer_id",
    )
    left = "renewed_as is null and ended_at - started_at > interval 140 day and"
    last, before = (
        db.execute(f"select count(*) from {joined} where {left} ended_at::date - used_on between {low} and {high}").fetchall()[0][0]
        for low, high in ((0, 27), (70, 97))
    )
    assert last < 0.6 * before


def test_contracts_bind_companies_and_are_paid_mostly_in_time(db: duckdb.DuckDBPyConnection) -> None:
    assert none(db, "contracts c join customers using (customer_id) where kind <> 'company'")
    assert none(db, "payments where (contract_id is null) = (order_id is null)")
    assert none(db, "payments where (paid_at is null) <> (amount_paid is null)")
    assert share(db, "coalesce(paid_at <= due_at, false)", "payments where due_at < '2026-08-01'") == pytest.approx(ON_TIME_SHARE, abs=0.03)
    assert 0.01 < share(db, "paid_at is null", "payments where due_at < '2026-08-01'") < 0.09


def test_points_replay_to_what_was_earned_and_no_lot_is_overdrawn(db: duckdb.DuckDBPyConnection) -> None:
    balances: dict[str, int] = defaultdict(int)
    expires, ended = {}, {}
    for lot, kind, points, at, available_at, expires_at in db.execute(
        """select lot_id, kind, points::bigint, "at", available_at, expires_at from loyalty_entries order by "at", entry_id"""
    ).fetchall():
        if kind in {"earn", "adjust"}:
            assert lot not in expires
            expires[lot] = (available_at, expires_at)
        if kind == "spend":
            assert expires[lot][0] <= at < expires[lot][1]
        if kind == "expire":
            assert at == expires[lot][1]
        if kind in {"spend", "expire"}:
            assert lot not in ended
            ended[lot] = at
        balances[lot] += points
        assert balances[lot] >= 0
    assert all(balances[lot] == 0 for lot in ended)
    assert {row[0] for row in db.execute("select distinct kind from loyalty_entries").fetchall()} == {
        "earn",
        "spend",
        "expire",
        "reverse",
        "adjust",
    }


def test_points_are_spent_from_the_lot_that_expires_first(db: duckdb.DuckDBPyConnection) -> None:
    lots = """(select l.customer_id, l.lot_id, l.available_at, l.expires_at, e."at" as gone_at from loyalty_entries l
        left join loyalty_entries e on e.lot_id = l.lot_id and e.kind in ('spend', 'expire') where l.kind in ('earn', 'adjust'))"""
    spent = f"""loyalty_entries s join {lots} o on o.customer_id = s.customer_id and o.lot_id <> s.lot_id
        join loyalty_entries own on own.lot_id = s.lot_id and own.kind in ('earn', 'adjust')"""
    passed_over = (
        """s.kind = 'spend' and o.available_at <= s."at" and o.expires_at < own.expires_at and (o.gone_at is null or o.gone_at > s."at")"""
    )
    # A lot that was taken back whole has nothing to spend.
    has_points = "(select sum(points) from loyalty_entries x where x.lot_id = o.lot_id and x.kind in ('earn', 'adjust', 'reverse')) > 0"
    assert none(db, f"{spent} where {passed_over} and {has_points}")


def test_refund_takes_back_its_points_once(db: duckdb.DuckDBPyConnection) -> None:
    earned = "loyalty_entries e join orders o using (order_id) where e.kind = 'earn'"
    assert none(db, f"{earned} and o.currency = 'CNY' and e.points <> floor(o.amount)")
    refunds = "loyalty_entries e join orders r on r.refund_of = e.order_id where e.kind = 'reverse'"
    assert none(db, f"{refunds} and r.currency = 'CNY' and e.points <> -floor(-r.amount)")
    assert none(db, f'{refunds} and r.ordered_at <> e."at"')
    missed = "loyalty_entries e join orders r on r.refund_of = e.order_id where e.kind = 'earn' and not exists (select 1 from loyalty_entries x where x.order_id = e.order_id and x.kind = 'reverse')"
    assert none(db, missed)


def test_points_are_earned_by_members_only(db: duckdb.DuckDBPyConnection) -> None:
    entries = "loyalty_entries e left join memberships m using (customer_id)"
    assert none(db, f"""{entries} where kind = 'earn' and (m.joined_at is null or e."at" < m.joined_at or e."at" >= m.left_at)""")


def test_one_customer_answers_a_wave_once(db: duckdb.DuckDBPyConnection) -> None:
    assert none(
        db, "(select customer_id, survey_id, wave, question_id from responses where wave is not null group by all having count(*) > 1)"
    )
    assert none(db, "invitations where refused_because is not null and (sent_at is not null or response_id is not null)")
    assert none(db, "responses r anti join invitations i using (response_id, customer_id, survey_id)")
    assert none(db, "invitations i anti join responses using (response_id) where response_id is not null")


def test_comments_fit_their_scores_and_languages(db: duckdb.DuckDBPyConnection) -> None:
    rows = db.execute("""select comment, metric, score, language from responses where comment is not null""").fetchall()
    moods = defaultdict(set)
    for comment, metric, score, language in rows:
        bounds = (6, 8) if metric == "nps" else (2, 3)
        moods[comment].add(0 if score <= bounds[0] else 1 if score <= bounds[1] else 2)
        assert any("\u4e00" <= letter <= "\u9fff" for letter in comment) is (language == "zh")
    assert all(len(found) == 1 for found in moods.values())
    assert len(moods) > 80  # of ninety texts
    assert {language for *_, language in rows} == {"zh", "en"}


def test_some_questions_are_skipped_and_skips_have_no_comment(db: duckdb.DuckDBPyConnection) -> None:
    assert 0.03 < share(db, "score is null", "responses where question_id = 'Q1'") < 0.07
    assert none(db, "responses where score is null and comment is not null")
    assert {row[0] for row in db.execute("select distinct metric from responses").fetchall()} == {"nps", "csat", "ces", "other"}


def test_late_service_costs_satisfaction_and_effort(db: duckdb.DuckDBPyConnection) -> None:
    late = "responses join tickets using (ticket_id) where (resolved_at > resolution_due_at) = {} and score is not null and metric ="
    for metric, satisfied in (("csat", 4), ("ces", 5)):
        good, bad = (share(db, f"score >= {satisfied}", f"{late.format(is_late)} '{metric}'") for is_late in ("false", "true"))
        assert good - bad > 0.1


def test_causes_go_with_the_recommendation(db: duckdb.DuckDBPyConnection) -> None:
    together = (
        "select corr(a.score, b.score) from responses a join responses b using (response_id) where a.metric = 'nps' and b.question_id = "
    )
    delivery, quality = (db.execute(f"{together} '{name}'").fetchall()[0][0] for name in ("Q2-DELIVERY", "Q3-QUALITY"))
    assert delivery > quality + 0.1 > 0.3


def test_companies_have_somebody_who_decides(db: duckdb.DuckDBPyConnection) -> None:
    assert none(db, "customers anti join contacts using (customer_id) where kind = 'company'")
    deciders = "(select customer_id, bool_or(decision_role = 'decides') as is_known from contacts group by all)"
    assert 0.8 < share(db, "is_known", deciders) < 0.9
    assert none(db, "interactions i join contacts c using (contact_id) where c.customer_id <> i.customer_id")


def test_opportunities_pass_their_stages_in_order(db: duckdb.DuckDBPyConnection) -> None:
    assert share(db, "outcome = 'won'", "opportunities where outcome is not null") == pytest.approx(WIN_RATE, abs=0.05)
    assert none(
        db,
        """(select lag(to_stage) over (partition by opportunity_id order by "at") as came_from, from_stage from stage_changes)
        where came_from is distinct from from_stage""",
    )
    reached = """(select opportunity_id, last(to_stage order by "at") as stage from stage_changes group by all) s"""
    assert none(db, f"opportunities o join {reached} using (opportunity_id) where o.stage <> s.stage")
    assert none(db, "leads where converted_at < created_at or lost_at < created_at or qualified_at < created_at")


def test_managers_and_teams_form_trees(db: duckdb.DuckDBPyConnection) -> None:
    managers = dict(db.execute("select employee_id, manager_id from employees").fetchall())
    for employee in managers:
        seen, at = set(), employee
        while at is not None:
            assert at not in seen
            seen.add(at)
            at = managers[at]
    assert sum(manager is None for manager in managers.values()) == 1
    assert none(
        db,
        "employees e join employees m on e.manager_id = m.employee_id join teams t on t.team = e.team where m.team not in (e.team, t.parent)",
    )


def test_customers_speak_two_languages_and_live_in_every_region(db: duckdb.DuckDBPyConnection) -> None:
    found = dict(db.execute("select region, count(*) from customers group by all").fetchall())
    assert set(found) == {"East", "North", "South", "West", "Europe", "America"}
    assert max(found, key=found.__getitem__) == "East"
    assert 0.1 < share(db, "language = 'en'", "customers") < 0.3
    assert 0.05 < share(db, "kind = 'company'", "customers") < 0.12
    assert 0.8 < share(db, "email is not null", "customers") < 0.95


def test_cases_are_due_after_three_days_and_some_customers_are_asked_again(db: duckdb.DuckDBPyConnection) -> None:
    assert db.execute("select distinct due_at - opened_at from cases where opened_at < '2026-10-31'").fetchall() == [(timedelta(days=3),)]
    again = "cases c join responses r on r.response_id = c.re_asked_response_id"
    assert none(db, f"{again} where r.answered_at <= c.closed_at or r.customer_id <> c.customer_id")
    assert 0 < share(db, "re_asked_response_id is not null", "cases") < 0.6
    assert 0.5 < share(db, "closed_at <= due_at", "cases where closed_at is not null") < 0.95
