"""KPIs of models: read from the scores of a run of the period, on the command line, in Python and from the run itself."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from factories.boosting import boosted
from factories.buyers import TODAY, orders
from factories.surfaces import Surfaces
from keepwell.metrics.kpi_file import built_in
from keepwell.models.estimator import REGISTRY
from keepwell.surfaces.cli.app import app
from keepwell.surfaces.worker.refresh import reads_results

# churn is one of the estimators of a refresh
pytestmark = boosted

EARLIER = date(2026, 3, 31)
SPENT = 60.0  # on ads, each month


def bought() -> list[dict[str, Any]]:
    """The orders of a shop, and those of some who came in May."""
    new = {"ordered_at": "2026-05-10 09:00:00", "status": "completed", "amount": 50.0, "margin": 20.0, "currency": "GBP"}
    return [*orders()[0], *({**new, "order_id": f"n{i}", "customer_id": f"new{i:02}"} for i in range(20))]


def made_in(folder: Path, **settings: Any) -> Surfaces:
    site = Surfaces.made(folder, currency="GBP", timezone="UTC", **settings)
    rows = bought()
    ids = sorted({r["customer_id"] for r in rows})
    site.bring("channels", [{"channel": "ads", "is_paid": "true"}])
    site.bring(
        "customers",
        [{"customer_id": c, "kind": "person", "acquired_from": "ads", "country": "DE" if i % 3 else "FR"} for i, c in enumerate(ids)],
    )
    site.bring("orders", rows)
    costs = [
        {
            "cost_id": f"k{m}",
            "incurred_on": f"2026-{m:02}-01",
            "purpose": "acquisition",
            "kind": "media",
            "amount": SPENT,
            "currency": "GBP",
        }
        for m in range(1, 6)
    ]
    site.bring("costs", costs)
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Surfaces:
    made = made_in(tmp_path_factory.mktemp("model_kpis"))
    made.ask("refresh", "--as-of", str(EARLIER))
    made.ask("refresh", "--as-of", str(TODAY))
    return made


def said(site: Surfaces, *command: str) -> str:
    done = CliRunner().invoke(app, ["-w", str(site.folder), *command])
    assert done.exit_code == 0, done.stderr
    return " ".join(done.stderr.split())


def scores(site: Surfaces) -> list[dict[str, Any]]:
    columns = ["customer_id", "country", "first_order_on", "tier", "clv", "clv_12m", "clv_36m", "ltv_12m", "ltv_36m"]
    return [r for r in site.python.customers(columns=columns) if r["clv"] is not None]


def parameters(site: Surfaces) -> dict[str, float]:
    return {p["parameter"]: p["value"] for p in site.python.model("clv").parameters}


def test_the_mean_and_the_sum_are_those_of_the_scores_with_the_models_interval(site: Surfaces) -> None:
    rows, known = scores(site), parameters(site)
    mean = site.reading("clv_12m", period="2026-05", as_of=str(TODAY))
    assert mean["n"] == len(rows)
    assert mean["value"] == pytest.approx(float(sum(r["clv_12m"] for r in rows)) / len(rows))
    total = site.reading("customer_equity", period="2026-05", as_of=str(TODAY))
    assert total["value"] == pytest.approx(float(sum(r["clv"] for r in rows)))
    assert (total["ci_low"], total["ci_high"]) == pytest.approx((known["customer_equity_low"], known["customer_equity_high"]), rel=1e-5)
    # the horizon is twelve months here, so the mean's interval is the sum's over all customers
    assert (mean["ci_low"] * len(rows), mean["ci_high"] * len(rows)) == pytest.approx((total["ci_low"], total["ci_high"]), rel=1e-5)


def test_a_slice_adds_up_and_has_no_interval(site: Surfaces) -> None:
    for dimension in ("tier", "country"):
        found = site.readings("customer_equity", period="2026-05", by=dimension, as_of=str(TODAY))
        assert len(found) > 1
        assert {r["ci_low"] for r in found} == {None}
        assert sum(r["value"] for r in found) == pytest.approx(float(sum(r["clv"] for r in scores(site))))
    (french,) = site.readings("clv_12m", period="2026-05", where="country = 'FR'", as_of=str(TODAY))
    rows = [r for r in scores(site) if r["country"] == "FR"]
    assert french["value"] == pytest.approx(float(sum(r["clv_12m"] for r in rows)) / len(rows))


def test_ltv_to_cac_is_that_of_customers_who_came_in_the_period(site: Surfaces) -> None:
    new = [r for r in scores(site) if r["first_order_on"] >= date(2026, 5, 1)]
    for months in ("12m", "36m"):
        ltv = sum(r[f"ltv_{months}"] for r in new) / len(new)
        found = site.reading(f"ltv_to_cac_{months}", period="2026-05", as_of=str(TODAY))
        assert found["n"] == len(new)
        # all came through ads, so the loaded cost is what was spent over all of them
        assert found["value"] == pytest.approx(float(ltv) / (SPENT / len(new)))
        assert len(new) == 20
        assert found["ci_low"] is None


def test_an_earlier_period_reads_its_own_run_and_one_without_a_run_says_so(site: Surfaces) -> None:
    found = {r["period"]: r for r in site.readings("clv_12m", period="2026-03..2026-05", as_of=str(TODAY))}
    assert found["2026-03"]["value"] is not None
    assert found["2026-03"]["value"] != found["2026-05"]["value"]
    assert (found["2026-04"]["value"], found["2026-04"]["status"], found["2026-04"]["reason"]) == (None, "no_data", "no_run")
    assert found["2026-05"]["reason"] is None
    told = said(site, "kpi", "clv_12m", "--period", "2026-04", "--as-of", str(TODAY))
    assert "no run looks from a day of 2026-04" in told
    assert "Runs look from 2026-03-31, 2026-05-31." in told
    assert "no run looks from a day" in said(site, "kpi", "clv_12m", "--period", "2026-04", "--by", "tier", "--as-of", str(TODAY))
    # seen from April, May's run is not known
    assert site.reading("clv_12m", period="all", as_of="2026-04-30")["value"] == found["2026-03"]["value"]


def test_the_run_writes_what_is_read(site: Surfaces) -> None:
    last = site.python.runs()[-1]
    names = ("clv_12m", "customer_equity", "new_customer_ltv_12m", "ltv_to_cac_36m")
    known = site.python.kpi(*names, period="2026-05", run=last.run_id)
    now = site.python.kpi(*names, period="2026-05", as_of=TODAY)
    assert [(r.kpi, r.value, r.n) for r in known] == [(r.kpi, r.value, r.n) for r in now]
    assert known[0].ci_low == pytest.approx(now[0].ci_low or 0)
    # a slice that it did not write is computed from what it knew
    first = site.python.runs()[0]
    sliced = site.python.kpi("customer_equity", period="2026-03", by="tier+country", run=first.run_id)
    assert sum((r.value or Decimal(0)) for r in sliced) == site.python.kpi("customer_equity", period="2026-03", run=first.run_id)[0].value


def test_a_change_is_explained_by_members_exactly(site: Surfaces) -> None:
    found = site.python.explain("customer_equity", period="2026-05", versus="2026-03", by=["tier"], as_of=TODAY).explanation
    (by_tier,) = found.decompositions
    assert sum(p.amount for p in by_tier.parts) == found.change
    mean = site.python.explain("clv_12m", period="2026-05", versus="2026-03", by=["tier"], as_of=TODAY).explanation
    assert {str(p.effect) for p in mean.decompositions[0].parts} == {"mix", "rate"}
    assert sum(p.amount for p in mean.decompositions[0].parts) == mean.change
    ratio = site.python.explain("ltv_to_cac_12m", period="2026-05", versus="2026-03", as_of=TODAY).explanation
    assert {p.member for p in ratio.decompositions[0].parts} == {"new_customer_ltv_12m", "cac_loaded"}


def test_rows_behind_are_the_customers(site: Surfaces) -> None:
    (behind,) = site.python.rows("customer_equity", period="2026-05", as_of=TODAY)
    assert sum(r["contribution"] for r in behind.rows) == pytest.approx(sum(r["clv"] for r in scores(site)))


def test_the_first_months_are_what_came_and_what_is_expected_of_the_rest(site: Surfaces) -> None:
    """What came is added up here from the orders' file, without the lake."""
    margin: dict[str, list[tuple[date, float]]] = {}
    for o in bought():
        day = datetime.fromisoformat(o["ordered_at"]).date()
        margin.setdefault(o["customer_id"], []).append((day, o["margin"]))
    old = fresh = 0
    for r in scores(site):
        first = min(d for d, _ in margin[r["customer_id"]])
        assert r["first_order_on"] == first
        came = sum(m for d, m in margin[r["customer_id"]] if (d - first).days < 365)
        if (TODAY - first).days >= 364:
            assert float(r["ltv_12m"]) == pytest.approx(came, abs=1e-3)
            old += 1
        else:
            assert came - 1e-3 <= float(r["ltv_12m"]) <= came + float(r["clv_12m"]) + 1e-3
            fresh += 1
        assert r["clv_12m"] <= r["clv_36m"]
        # nobody is expected to buy faster later, and what is later counts less
        assert float(r["clv_36m"]) <= 3.01 * float(r["clv_12m"]) + 1e-3
        assert r["ltv_12m"] <= r["ltv_36m"]
    assert min(old, fresh) > 100


def test_twelve_months_are_twelve_months_whatever_the_horizon(tmp_path: Path, site: Surfaces) -> None:
    other = made_in(tmp_path, clv_horizon_days=90)
    other.ask("refresh", "--as-of", str(TODAY))
    asked = {"period": "2026-05", "as_of": str(TODAY)}
    short, long = other.reading("clv_12m", **asked), site.reading("clv_12m", **asked)
    assert short["value"] == pytest.approx(long["value"])
    # an interval is known of the horizon's sum only
    assert short["ci_low"] is None
    assert other.reading("customer_equity", **asked)["value"] < 0.5 * site.reading("customer_equity", **asked)["value"]


def test_without_a_run_or_where_clv_was_refused_there_is_no_value_and_a_reason(tmp_path: Path) -> None:
    site = Surfaces.made(tmp_path, currency="GBP", timezone="UTC", locale="zh")
    site.bring("customers", [{"customer_id": "ann", "kind": "person"}])
    site.bring(
        "orders",
        [
            {
                "order_id": "a",
                "customer_id": "ann",
                "ordered_at": "2026-05-03 10:00:00",
                "status": "completed",
                "amount": 5,
                "currency": "GBP",
            }
        ],
    )
    asked = ("--period", "2026-05", "--as-of", str(TODAY))
    for name in ("clv_12m", "customer_equity", "ltv_to_cac_12m"):
        found = site.reading(name, period="2026-05", as_of=str(TODAY))
        assert (found["value"], found["reason"]) == (None, "no_run")
    assert "尚无计算批次" in said(site, "kpi", "customer_equity", *asked)
    site.ask("refresh", "--as-of", str(TODAY))
    found = site.reading("customer_equity", period="2026-05", as_of=str(TODAY))
    assert (found["value"], found["status"], found["reason"]) == (None, "no_data", "refused")
    assert "`keepwell model clv`" in said(site, "kpi", "customer_equity", *asked)


def test_every_model_that_a_shipped_kpi_names_is_one() -> None:
    named = {m for k in built_in().values() for m in k.measure.models}
    assert named
    assert named <= set(REGISTRY)
    parameters = {b.split(".")[0] for k in built_in().values() for b in k.measure.bounded_by}
    assert parameters <= set(REGISTRY)


def test_kpis_of_models_are_told_from_those_of_the_lake() -> None:
    """They are read after the models; all others before."""
    found = {name for name, kpi in built_in().items() if reads_results(kpi)}
    of_models = {"clv_12m", "customer_equity", "contract_equity", "new_customer_ltv_12m", "new_customer_ltv_36m"}
    assert found == {*of_models, "ltv_to_cac_12m", "ltv_to_cac_36m"}
