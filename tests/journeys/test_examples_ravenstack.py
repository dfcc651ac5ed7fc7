"""A made-up software company's accounts, subscriptions and tickets: examples/ravenstack on the files it is about.

Subscriptions ended, satisfaction and times of tickets stand in the data's own README; the movements of MRR are counted here by DuckDB alone.
"""

from decimal import Decimal

import pytest

from factories.journey import DATA, Walk, counted, needs, parts, started, value

FOLDER = DATA / "ravenstack_saas_synthetic"
FILES = [FOLDER / f"ravenstack_{name}.csv" for name in ("accounts", "subscriptions", "supports_ticket")]
ACCOUNTS, SUBSCRIPTIONS, TICKETS = FILES
pytestmark = [pytest.mark.slow, needs(*FILES)]

NOVEMBER, DECEMBER = Decimal(8_460_824), Decimal(10_159_608)
MOVEMENTS = {"mrr_new": 496_667, "mrr_expansion": 1_365_101, "mrr_contraction": -162_984, "mrr_churned": 0, "mrr_reactivated": 0}

# what a customer paid a month on the two days; a subscription does not run on the day it ends
BY_HAND = f"""
    with paid as (
      select account_id, mrr_amount as amount, strptime(start_date, '%d-%m-%Y') as began, strptime(end_date, '%d-%m-%Y') as ended
      from read_csv('{SUBSCRIPTIONS}', types = {{'start_date': 'varchar', 'end_date': 'varchar'}}) where not is_trial and mrr_amount > 0
    ),
    sides as (
      select account_id, min(began) as first_on,
        coalesce(sum(amount) filter (where began <= '2024-11-30' and (ended is null or ended > '2024-11-30')), 0) as a,
        coalesce(sum(amount) filter (where began <= '2024-12-31' and (ended is null or ended > '2024-12-31')), 0) as b
      from paid group by account_id
    )
    select sum(a) as november, sum(b) as december, count_if(a > 0) as customers, count_if(a > 0 and b = 0) as lost,
      sum(least(a, b)) as kept, sum(b) filter (where a > 0) as of_the_start,
      coalesce(sum(b) filter (where a = 0 and first_on >= '2024-12-01'), 0) as mrr_new,
      coalesce(sum(b) filter (where a = 0 and first_on < '2024-12-01'), 0) as mrr_reactivated,
      coalesce(sum(b - a) filter (where a > 0 and b > a), 0) as mrr_expansion,
      coalesce(sum(b - a) filter (where b > 0 and b < a), 0) as mrr_contraction,
      coalesce(sum(-a) filter (where a > 0 and b = 0), 0) as mrr_churned
    from sides
"""
FLAGS = f"""
    with flagged as (
      select a.churn_flag, count(*) filter (where s.end_date is not null) as ended,
        count(*) filter (where not s.is_trial and s.end_date is null) as running
      from '{ACCOUNTS}' as a join '{SUBSCRIPTIONS}' as s using (account_id) group by a.account_id, a.churn_flag
    )
    select count_if(churn_flag) as flagged, count_if(churn_flag and running > 0) as flagged_but_paying,
      count_if(ended > 0) as with_an_end, count_if(ended > 0 and churn_flag) as with_an_end_and_flagged
    from flagged
"""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    walk = started(tmp_path_factory.mktemp("ravenstack") / "w", "ravenstack", profile="saas", currency="USD", timezone="UTC")
    landed = walk.bring(*FILES)
    assert {name: (e["inserted"], e["rejected"], e["warnings"]) for name, e in landed.items()} == {
        "channels": (5, 0, []), "customers": (500, 0, []), "subscriptions": (5_000, 0, []), "tickets": (2_000, 0, []), "responses": (2_000, 0, []),
    }  # fmt: skip
    return walk


def test_the_files_say_what_the_example_says() -> None:
    found = counted(BY_HAND)
    assert (found["november"], found["december"], found["customers"], found["lost"]) == (NOVEMBER, DECEMBER, 474, 0)
    assert {name: found[name] for name in MOVEMENTS} == MOVEMENTS
    assert round(found["kept"] / found["november"], 4) == 0.9807
    assert round(found["of_the_start"] / found["november"], 4) == 1.1421


def test_mrr_is_what_is_paid_at_the_end_of_the_month(walk: Walk) -> None:
    assert walk.read("mrr", "2024-11").value == NOVEMBER
    assert walk.read("mrr", "2024-12").value == DECEMBER


def test_the_movements_add_up_to_the_change(walk: Walk) -> None:
    found = {name: value(walk.read(name, "2024-12")) for name in MOVEMENTS}
    assert found == MOVEMENTS
    assert sum(found.values()) == DECEMBER - NOVEMBER


def test_retention_of_revenue_and_of_customers(walk: Walk) -> None:
    gross, net, churn = (walk.read(k, "2024-12") for k in ("gross_revenue_retention", "net_revenue_retention", "churn_rate"))
    assert (round(value(gross), 4), round(value(net), 4)) == (Decimal("0.9807"), Decimal("1.1421"))
    assert gross.denominator == net.denominator == NOVEMBER
    assert parts(churn) == (0, 474)
    assert value(churn) == 0


def test_subscriptions_end_but_the_source_s_flag_says_something_else(walk: Walk) -> None:
    (row,) = walk.held("subscriptions", "select count(ended_on) as ended, count(*) as n from subscriptions")
    assert row == {"ended": 486, "n": 5_000}
    assert counted(FLAGS) == {"flagged": 110, "flagged_but_paying": 110, "with_an_end": 312, "with_an_end_and_flagged": 72}


def test_tickets_have_their_times_and_their_satisfaction(walk: Walk) -> None:
    median = counted(f"select median(first_response_time_minutes) as first, median(resolution_time_hours) as last from '{TICKETS}'")
    assert median == {"first": 88, "last": 35}
    first, resolution = walk.read("first_response_time"), walk.read("resolution_time")
    assert value(first) == 88 * 60
    assert value(resolution) == 35 * 3_600
    assert all((r.n, r.missing) == (2_000, 0) for r in (first, resolution))
    assert parts(walk.read("escalation_rate")) == (95, 2_000)
    mean, satisfied = walk.read("csat_mean"), walk.read("csat")
    assert (mean.n, mean.missing) == (1_175, 825)
    # 3.981 of 1 to 5 is 74.53 of 0 to 100; 405 gave a 4 and 374 a 5
    assert round(1 + value(mean) * 4 / 100, 3) == Decimal("3.981")
    assert parts(satisfied) == (405 + 374, 1_175)


def test_importing_again_changes_nothing(walk: Walk) -> None:
    assert all(e["unchanged"] == e["read"] for e in walk.bring(*FILES, is_dry=True).values())
