"""Sums, shares, slices and runs, at every surface where the number appears. The numbers are those of the conformance catalogue."""

import subprocess
import sys
from typing import Any

import pytest

from factories.everywhere import Everywhere
from factories.markup import rows_of
from keepwell.core.errors import KeepwellError
from keepwell.metrics.currencies import MissingRateError
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.measure import Shape

PERIOD = "2025-10"
SHARES = [k for k in built_in().values() if k.measure.shape is Shape.SHARE]


@pytest.fixture
def shop(everywhere: Everywhere) -> Everywhere:
    return everywhere


def order(key: str, customer: str | None, day: str, amount: float, **more: Any) -> dict[str, Any]:
    return {"order_id": key, "customer_id": customer, "ordered_at": f"{day} 10:00:00", "status": "completed", "amount": amount, "currency": "CNY"} | more  # fmt: skip


def of_amounts(shop: Everywhere, period: str = PERIOD, **question: Any) -> Any:
    return shop.reading("revenue", period=period, **question)["value"]


# 5: a part is no more than the whole


@pytest.mark.parametrize("definition", SHARES, ids=lambda k: k.name)
def test_05_a_share_rests_on_rows_of_its_denominator(definition: Kpi) -> None:
    numerator, denominator = definition.measure.parts
    assert (numerator.source, numerator.where, numerator.per_customer) == (denominator.source, denominator.where, denominator.per_customer)


def test_05_shares_stay_between_nothing_and_all(shop: Everywhere) -> None:
    shop.bring("customers", [{"customer_id": c, "email": f"{c}@example.org", "created_at": "2025-08-01 10:00:00"} for c in "abcd"])
    shop.bring("consents", [{"consent_id": "k", "customer_id": "a", "purpose": "marketing", "status": "granted", "at": "2025-08-02"}])
    orders = [
        order(f"{c}{n}", c, f"2025-{month}-0{n}", 10 * n, discount=n) for n in range(1, 6) for c in "abc" for month in ("08", "09", "10")
    ]
    for n, row in enumerate(orders):
        row["order_id"] = f"o{n}"
    refunds = [order("r1", "a", "2025-10-09", -500, status="refund"), order("r2", None, "2025-10-09", -70, status="refund")]
    others = [order("x1", None, "2025-10-08", 20), order("x2", "d", "2025-10-08", 9000, status="cancelled")]
    shop.bring("orders", [*orders, *refunds, *others])
    found = shop.readings(*(k.name for k in SHARES), period="2025-08..2025-10")
    with_value = [r for r in found if r["value"] is not None]
    assert {"contactable_share", "identified_revenue_share", "retention_rate", "repeat_purchase_rate"} <= {r["kpi"] for r in with_value}
    for r in with_value:
        assert 0 <= r["numerator"] <= r["denominator"], (r["kpi"], r["period"])
        assert 0 <= r["value"] <= 1, (r["kpi"], r["period"])
        assert r["ci_low"] is None or 0 <= r["ci_low"] <= r["value"] <= r["ci_high"] <= 1, (r["kpi"], r["period"])
    share = next(r for r in with_value if r["kpi"] == "identified_revenue_share" and r["period"] == PERIOD)
    # three customers with 10 + 20 + 30 + 40 + 50 each, one sale of 20 without a customer; refunds are no part of it
    assert (share["numerator"], share["denominator"]) == (450, 470)


@pytest.mark.on_pages
def test_05_a_share_of_amounts_leaves_out_what_is_below_zero(shop: Everywhere) -> None:
    below = [
        order("o2", None, "2025-10-02", -20),
        order("o3", "b", "2025-10-02", -40, discount=-3),
        order("o4", "b", "2025-10-02", 10, discount=-9),
    ]
    shop.bring("orders", [order("o1", "a", "2025-10-01", 60, discount=20), *below, order("o5", None, "2025-10-03", 30)])
    owed = [("p1", 100, 50), ("p2", -50, -50), ("p3", 100, -30)]
    days = {"due_at": "2025-10-05", "paid_at": "2025-10-05", "currency": "CNY"}
    shop.bring("payments", [{"payment_id": p, "customer_id": "a", "amount_due": due, "amount_paid": paid} | days for p, due, paid in owed])
    expected = {
        "identified_revenue_share": (70, 100),  # 60 + 10 of 60 + 10 + 30
        "top_20_share": (60, 70),  # one buyer of two
        "discount_rate": (20, 80),  # a discount below nothing is none
        "collection_rate": (50, 200),  # what we owe is not owed to us, and paying back collects nothing
        "on_time_collection_rate": (50, 200),
    }
    for name, (numerator, denominator) in expected.items():
        found = shop.reading(name, period=PERIOD)
        assert (found["numerator"], found["denominator"]) == (numerator, denominator)
        assert found["value"] == pytest.approx(numerator / denominator)
        assert found["missing"] > 0, "what was left out is shown"


# 23: whoever asks for the parent means all below


@pytest.mark.on_pages
def test_23_a_region_includes_the_regions_below(shop: Everywhere) -> None:
    tree = {"World": None, "EMEA": "World", "DE": "EMEA", "Bavaria": "DE", "APAC": "World", "CN": "APAC"}
    shop.bring("regions", [{"region": r, "parent": p} for r, p in tree.items()])
    homes = {"a": "EMEA", "b": "DE", "c": "Bavaria", "d": "CN", "e": None}
    shop.bring("customers", [{"customer_id": c, "region": r} for c, r in homes.items()])
    shop.bring("orders", [order(f"o{n}", c, "2025-10-05", 10**n) for n, c in enumerate("abcde")])
    assert of_amounts(shop) == 11111
    assert of_amounts(shop, where="region = 'EMEA'") == 111
    assert of_amounts(shop, where="region in ('DE', 'APAC')") == 1110
    assert of_amounts(shop, where="region = 'World'") == 1111
    # broken down, everyone stands once, where they are
    assert shop.members("revenue", period=PERIOD, by="region") == {"EMEA": 1, "DE": 10, "Bavaria": 100, "CN": 1000, "(none)": 10000}
    assert shop.members("revenue", period=PERIOD, by="region", where="region = 'DE'") == {"DE": 10, "Bavaria": 100}


def test_23_a_team_includes_the_teams_below(shop: Everywhere) -> None:
    shop.bring(
        "teams", [{"team": "service", "parent": None}, {"team": "north", "parent": "service"}, {"team": "harbour", "parent": "north"}]
    )
    shop.bring("employees", [{"employee_id": e, "name": e, "team": t} for e, t in (("e1", "service"), ("e2", "harbour"), ("e3", "sales"))])
    rows = [
        {"ticket_id": f"t{n}", "customer_id": "a", "kind": "question", "status": "open", "opened_at": "2025-10-05 10:00:00", "team": team}
        for n, team in enumerate(["service", "north", "harbour", "sales", None])
    ]
    shop.bring("tickets", rows)
    assert shop.reading("open_backlog", period=PERIOD, where="team = 'service'")["value"] == 3
    assert shop.reading("open_backlog", period=PERIOD, where="team = 'north'")["value"] == 2
    # two ways on: of the employee who sold
    shop.bring("orders", [order(f"o{n}", "a", "2025-10-05", 10**n, employee_id=f"e{n + 1}") for n in range(3)])
    assert of_amounts(shop, where="employee_id.team = 'service'") == 11


def test_23_a_company_includes_its_subsidiaries(shop: Everywhere) -> None:
    parents = {"group": None, "plant": "group", "office": "plant", "other": None}
    shop.bring("customers", [{"customer_id": c, "kind": "company", "parent_id": p} for c, p in parents.items()])
    shop.bring("orders", [order(f"o{n}", c, "2025-10-05", 10**n) for n, c in enumerate(parents)])
    assert of_amounts(shop, where="parent_id = 'group'") == 111
    assert of_amounts(shop, where="parent_id = 'plant'") == 110


# 29: each owner once


@pytest.mark.on_pages
def test_29_a_report_by_owner_shows_each_owner_once(shop: Everywhere) -> None:
    for team in ("north", "south", "north"):
        # three versions of each, and two owners of the same name
        shop.bring("employees", [{"employee_id": e, "name": "Ann", "team": team} for e in ("e1", "e2")])
    shop.bring(
        "customers", [{"customer_id": f"c{n}", "owner_id": ("e1", "e2", "e1", None)[n], "created_at": "2025-09-01"} for n in range(4)]
    )
    shop.bring("orders", [order(f"o{n}", f"c{n % 4}", "2025-10-05", 10) for n in range(40)])
    assert shop.members("revenue", period=PERIOD, by="owner_id") == {"e1": 200, "e2": 100, "(none)": 100}
    assert shop.members("customers", period=PERIOD, by="owner_id") == {"e1": 2, "e2": 1, "(none)": 1}
    assert sum(shop.members("revenue", period=PERIOD, by="owner_id.team").values()) == of_amounts(shop) == 400


# 30: what was published stays


OWN = """
- name: large_orders
  title: {{en: "Large orders", zh: "大额订单"}}
  meaning: {{en: "Completed orders above a limit.", zh: "高于限额的已完成订单。"}}
  formula: {{en: "number of such orders", zh: "此类订单的数量"}}
  kind: simple
  fact: orders
  time: ordered_on
  where: "status = 'completed' and amount >= {limit}"
  expression: "count(*)"
  unit: count
  better: up
  additivity: additive
  when_empty: zero
  dimensions: [channel]
  version: {version}
  example:
    rows: {{orders: [{{order_id: a, ordered_on: 2025-10-01, status: completed, amount: 100, currency: CNY}}]}}
    period: 2025-10
    value: 1
    n: 1
"""


def shown(shop: Everywhere, name: str, run: str, locale: str) -> str:
    """The value on the KPI's page as of a run."""
    return shop.page(f"/kpi/{name}?period={PERIOD}&run={run}", locale).one(attribute="data-shown").text


def test_30_a_changed_definition_does_not_change_what_a_run_stored(shop: Everywhere) -> None:
    shop.bring("orders", [order("o1", "a", "2025-10-05", 100, channel="web"), order("o2", "b", "2025-10-06", 50, channel="web")])
    file = shop.folder / "kpis" / "own.yaml"
    file.write_text(OWN.format(limit=100, version=1), encoding="utf-8")
    (first,) = shop.ask("refresh")
    file.write_text(OWN.format(limit=10, version=2), encoding="utf-8")
    question = {"period": PERIOD, "run": first["run_id"]}
    assert shop.reading("large_orders", period=PERIOD)["value"] == 2
    published = shop.reading("large_orders", **question)
    assert (published["value"], published["definition_hash"]) == (1, first["definitions"]["large_orders"])
    assert shop.members("large_orders", by="channel", **question) == {"web": 1}
    (second,) = shop.ask("refresh")
    assert second["definitions"]["large_orders"] != first["definitions"]["large_orders"]
    assert shop.reading("large_orders", period=PERIOD, run=second["run_id"])["value"] == 2
    assert shop.reading("large_orders", **question) == published
    assert {r["run_id"]: r["definitions"]["large_orders"] for r in shop.ask("runs")}[first["run_id"]] == first["definitions"][
        "large_orders"
    ]
    for locale in ("en", "zh"):
        assert shown(shop, "large_orders", first["run_id"], locale) == "1"
        assert shown(shop, "large_orders", second["run_id"], locale) == "2"
    with shop.api() as program:
        asked = {"kpi": "large_orders", "period": PERIOD, "run": first["run_id"]}
        assert program.get("/api/v1/readings", params=asked).json()["data"] == [published]
    # a slice that it did not store would be told by today's definition: it is refused
    assert "defined otherwise" in str(shop.refused("large_orders", where="amount > 0", **question))


# 32: what is not over is empty


def cohort(shop: Everywhere, name: str, **question: Any) -> dict[str, Any]:
    """Age -> value of the cohort of August."""
    return {r["member"]: r["value"] for r in shop.readings(name, period="2025-08", by="age", **question) if r["value"] is not None}


def test_32_an_incomplete_cohort_cell_is_empty_and_not_low(shop: Everywhere) -> None:
    firsts = [order(f"f{c}", c, "2025-08-05", 10) for c in "abcd"]
    shop.bring(
        "orders", [*firsts, order("s1", "a", "2025-09-30", 10), order("s2", "b", "2025-10-02", 10), order("s3", "e", "2025-10-31", 10)]
    )
    # seen in the middle of October: September is over (a came back), October is not, though b has come already
    for name in ("cohort_retention_classic", "cohort_retention_unbounded"):
        seen = cohort(shop, name, as_of="2025-10-15")
        assert set(seen) == {"0", "1"}
    assert cohort(shop, "cohort_retention_classic", as_of="2025-10-15") == {"0": 1, "1": 0.25}
    assert cohort(shop, "cohort_retention_classic", as_of="2025-10-31") == {"0": 1, "1": 0.25}, "the last day is not over either"
    assert cohort(shop, "cohort_retention_classic", as_of="2025-11-01") == {"0": 1, "1": 0.25, "2": 0.25}
    assert cohort(shop, "cohort_retention_unbounded", as_of="2025-11-01") == {"0": 1, "1": 0.5, "2": 0.25}
    # not broken down, it is the first age; nothing before it is over
    young = shop.reading("cohort_retention_classic", period="2025-10", as_of="2025-11-10")
    assert (young["value"], young["status"]) == (None, "no_data")


def test_32_the_page_leaves_an_incomplete_cell_empty(shop: Everywhere) -> None:
    firsts = [order(f"f{c}", c, "2025-08-05", 10) for c in "abcd"]
    shop.bring(
        "orders", [*firsts, order("s1", "a", "2025-09-30", 10), order("s2", "b", "2025-10-02", 10), order("s3", "e", "2025-10-10", 10)]
    )
    shop.published("2025-10-15")
    for locale in ("en", "zh"):
        # b, who came on the second, was not gone in September
        for measure, september in (("classic", "0.25"), ("unbounded", "0.5")):
            (triangle,) = [t for t in shop.page(f"/retention?measure={measure}", locale).all("table") if t["data-table"] == "triangle"]
            cells = {r["cohort"]: {n: v for n, v in r.items() if n.startswith("month_")} for r in rows_of(triangle)}
            # September is over, October is not, though b has come already; a later one is not even a column
            assert cells["2025-08"] == {"month_0": "1", "month_1": september}
            assert "2025-10" not in cells
    with shop.api() as program:
        for name, came_back in (("cohort_retention_classic", 0.25), ("cohort_retention_unbounded", 0.5)):
            found = program.get("/api/v1/readings", params={"kpi": name, "period": "2025-08", "by": "age"}).json()["data"]
            assert {r["member"]: r["value"] for r in found if r["value"] is not None} == {"0": 1, "1": came_back}
            assert {r["status"] for r in found if r["value"] is None} <= {"no_data"}


# 33: no adding of currencies without a dated rate


@pytest.mark.on_pages
def test_33_amounts_in_two_currencies_are_converted_at_the_last_rate_before_each(shop: Everywhere) -> None:
    rates = [("2025-10-01", 7), ("2025-10-05", 8), ("2025-10-07", 1000)]
    shop.bring("fx_rates", [{"currency": "USD", "on": day, "rate": rate} for day, rate in rates])
    dollars = [order("o1", "a", "2025-10-04", 10, currency="USD"), order("o2", "a", "2025-10-05", 10, currency="USD"), order("o3", "a", "2025-10-06", 10, currency="USD")]  # fmt: skip
    shop.bring("orders", [*dollars, order("o4", "b", "2025-10-06", 100)])
    # 10 × 7 (of the 1st) + 10 × 8 (of the same day) + 10 × 8 (of the day before; the later rate of 1000 is not known yet) + 100
    assert of_amounts(shop) == 330


def test_33_a_rate_counts_for_seven_days_and_not_for_eight(shop: Everywhere) -> None:
    shop.bring("fx_rates", [{"currency": "USD", "on": "2025-10-01", "rate": 7}])
    shop.bring("orders", [order("o1", "a", "2025-10-08", 10, currency="USD"), order("o2", "b", "2025-10-08", 100)])
    assert of_amounts(shop) == 170
    shop.bring("orders", [order("o3", "a", "2025-10-09", 10, currency="USD")])
    error = shop.refused("revenue", period=PERIOD)
    assert isinstance(error, MissingRateError)
    assert "USD/CNY" in error.message
    assert "2025-10-09" in error.message
    assert "2025-10-01" in error.message, "the day of the newest rate is told"
    # a period in which the rate is young enough can be read still
    assert of_amounts(shop, "2025-10-08") == 170


def test_33_without_any_rate_it_is_an_error_with_day_and_pair(shop: Everywhere) -> None:
    shop.bring("orders", [order("o1", "a", "2025-10-08", 10, currency="USD"), order("o2", "b", "2025-10-08", 100)])
    error = shop.refused("revenue", period=PERIOD)
    assert ("USD/CNY" in error.message, "2025-10-08" in error.message, "fx_rates" in (error.hint or "")) == (True, True, True)
    command = [
        sys.executable,
        "-m",
        "keepwell.surfaces.cli",
        "-w",
        str(shop.folder),
        "kpi",
        "revenue",
        "--period",
        PERIOD,
        "--format",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    assert (done.returncode, done.stdout) == (1, "")
    assert "USD/CNY for 2025-10-08" in done.stderr
    # a later rate does not count for an earlier day
    shop.bring("fx_rates", [{"currency": "USD", "on": "2025-10-09", "rate": 7}])
    assert isinstance(shop.refused("revenue", period=PERIOD), MissingRateError)


def test_33_with_a_rate_counts_and_means_are_told(shop: Everywhere) -> None:
    shop.bring("fx_rates", [{"currency": "USD", "on": "2025-10-08", "rate": 7}])
    shop.bring("orders", [order("o1", "a", "2025-10-08", 10, currency="USD"), order("o2", "b", "2025-10-08", 100)])
    assert shop.reading("orders", period=PERIOD)["value"] == 2
    assert shop.reading("average_order_value", period=PERIOD)["value"] == 85


def test_33_a_refresh_does_not_publish_without_a_rate(shop: Everywhere) -> None:
    shop.bring("orders", [order("o1", "a", "2025-10-08", 10, currency="USD"), order("o2", "b", "2025-10-08", 100)])
    with pytest.raises(KeepwellError, match="USD/CNY"):
        shop.ask("refresh")
    assert shop.ask("runs") == []
    # the page has nothing to show, and says so instead of a sum of both
    for locale in ("en", "zh"):
        page = shop.page("/", locale)
        assert not page.all(attribute="data-kpi")
        assert "110" not in page.text


# 34: effect by assignment


def exposed(customer: str, *, is_control: bool, opened: bool = False, responded: bool = False) -> dict[str, Any]:
    later = {"sent_at": "2025-09-02 10:00:00", "delivered_at": "2025-09-02 10:01:00"} if not is_control else {}
    return {
        "experiment_id": "x", "customer_id": customer, "campaign_id": "k", "arm": "control" if is_control else "mail",
        "is_control": str(is_control).lower(), "assigned_at": "2025-09-01 10:00:00", "opened_at": "2025-09-02 12:00:00" if opened else None,
        "responded_at": "2025-09-03 10:00:00" if responded else None, "sent_at": None, "delivered_at": None,
    } | later  # fmt: skip


def test_34_effect_is_told_by_assignment_and_not_by_who_opened(shop: Everywhere) -> None:
    treated = [exposed(f"t{n}", is_control=False, opened=n < 4, responded=n < 3) for n in range(10)]
    control = [exposed(f"c{n}", is_control=True, responded=n < 1) for n in range(10)]
    shop.bring("exposures", [*treated, *control])
    found = shop.reading("campaign_response_effect", period="2025-09")
    # 3 of 10 treated less 1 of 10 in the control group; of those who opened it would be 3 of 4
    assert (found["value"], found["n"]) == (pytest.approx(0.2), 10)
    assert shop.members("campaign_response_effect", period="2025-09", by="campaign_id") == {"k": pytest.approx(0.2)}


@pytest.mark.parametrize("name", ["campaign_response_effect", "roas_incremental"])
def test_34_without_a_control_group_the_effect_is_unknown(shop: Everywhere, name: str) -> None:
    shop.bring("exposures", [exposed(f"t{n}", is_control=False, opened=True, responded=True) for n in range(40)])
    shop.bring("orders", [order("o1", "t1", "2025-09-05", 100, campaign_id="k")])
    shop.bring("costs", [{"cost_id": "m", "incurred_on": "2025-09-01", "purpose": "retention", "kind": "media", "amount": 10, "currency": "CNY", "campaign_id": "k"}])  # fmt: skip
    found = shop.reading(name, period="2025-09")
    assert (found["value"], found["status"]) == (None, "no_data")
    assert shop.reading("campaign_response_rate", period="2025-09")["value"] == 1, "which is no effect"


def test_34_what_came_before_the_assignment_is_no_effect(shop: Everywhere) -> None:
    early = exposed("t1", is_control=False) | {"responded_at": "2025-08-31 10:00:00"}
    shop.bring("exposures", [early, exposed("t2", is_control=False), exposed("c1", is_control=True), exposed("c2", is_control=True)])
    assert shop.reading("campaign_response_effect", period="2025-09")["value"] == 0
