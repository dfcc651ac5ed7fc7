"""A randomised e-mail test with three arms: examples/hillstrom on the file it is about.

Customers, visits, purchases and spend by arm stand in the data's own README; the effects with their intervals are computed here from them.
"""

import shutil
from decimal import Decimal
from math import sqrt
from pathlib import Path

import duckdb
import pytest

import keepwell as kw
from factories.journey import DATA, Walk, needs, started, value
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.metrics.example import execute

FILE = DATA / "hillstrom_email" / "hillstrom.csv"
pytestmark = [pytest.mark.slow, needs(FILE)]

# customers, visits, purchases, spend
ARMS = {
    arm: tuple(map(Decimal, numbers.split()))
    for arm, numbers in {
        "No E-Mail": "21306 2262 122 13908.33",
        "Womens E-Mail": "21387 3238 189 23038.11",
        "Mens E-Mail": "21307 3894 267 30311.69",
    }.items()
}
CONTROL = "No E-Mail"
MARCH = "2008-03"
Z = 1.959964


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    walk = started(tmp_path_factory.mktemp("hillstrom") / "w", "hillstrom", profile="retail", currency="USD", timezone="UTC")
    shutil.copy(walk.mapping("kpis.yaml"), walk.folder / "kpis" / "hillstrom.yaml")
    landed = walk.bring(FILE)
    assert {name: (e["inserted"], e["rejected"], e["warnings"]) for name, e in landed.items()} == {
        "channels": (1, 0, []), "campaigns": (1, 0, []), "customers": (64_000, 0, []), "exposures": (64_000, 0, []), "orders": (578, 0, []),
    }  # fmt: skip
    return walk


def only(arm: str) -> str:
    return f"arm = '{arm}' or is_control"


def wald(arm: str, what: int) -> tuple[float, float, float]:
    """The difference of two shares with its 95 % interval: two independent samples."""
    (n1, x1), (n0, x0) = ((float(ARMS[a][0]), float(ARMS[a][what])) for a in (arm, CONTROL))
    p1, p0 = x1 / n1, x0 / n0
    half = Z * sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
    return p1 - p0, p1 - p0 - half, p1 - p0 + half


def test_the_file_says_what_its_readme_says() -> None:
    query = f"select segment, count(*), sum(visit), sum(conversion), sum(spend::decimal(18, 2)) from '{FILE}' group by segment"
    assert {arm: tuple(row) for arm, *row in duckdb.connect().execute(query).fetchall()} == ARMS


@pytest.mark.parametrize(
    ("arm", "effect", "low", "high"), [("Mens E-Mail", 7.66, 7.00, 8.32), ("Womens E-Mail", 4.52, 3.89, 5.16)], ids=["men", "women"]
)
def test_the_effect_on_visits(walk: Walk, arm: str, effect: float, low: float, high: float) -> None:
    reading = walk.read("campaign_response_effect", MARCH, where=only(arm))
    found = [None if v is None else 100 * float(v) for v in (reading.value, reading.ci_low, reading.ci_high)]
    assert found == pytest.approx([effect, low, high], abs=0.005)
    assert found == pytest.approx([100 * v for v in wald(arm, 1)], abs=0.005)
    assert reading.n == ARMS[CONTROL][0]
    assert not reading.is_open


def test_both_arms_together_are_compared_with_the_one_control(walk: Walk) -> None:
    treated = [ARMS[a] for a in ARMS if a != CONTROL]
    customers, visits = (sum((a[i] for a in treated), Decimal(0)) for i in (0, 1))
    effect = visits / customers - ARMS[CONTROL][1] / ARMS[CONTROL][0]
    reading = walk.read("campaign_response_effect", MARCH)
    assert float(value(reading)) == pytest.approx(float(effect), abs=1e-9)


def test_arms_have_their_customers_visitors_buyers_and_spend(walk: Walk) -> None:
    kpis = ("treated_customers", "treated_responders", "treated_buyers", "treated_revenue")
    found = {kpi: {member: value(r) for member, r in walk.by(kpi, "arm", MARCH).items()} for kpi in kpis}
    assert {arm: tuple(found[kpi][arm] for kpi in kpis) for arm in ARMS if arm != CONTROL} == {
        a: v for a, v in ARMS.items() if a != CONTROL
    }
    control = ("control_customers", "control_responders", "control_buyers", "control_revenue")
    assert tuple(value(walk.read(kpi, MARCH)) for kpi in control) == ARMS[CONTROL]


@pytest.mark.parametrize("arm", ["Mens E-Mail", "Womens E-Mail"])
def test_the_effect_on_buying_and_on_spend_by_kpis_of_our_own(walk: Walk, arm: str) -> None:
    buying = walk.read("campaign_conversion_effect", MARCH, where=only(arm))
    found = [float(v or 0) for v in (buying.value, buying.ci_low, buying.ci_high)]
    assert found == pytest.approx(wald(arm, 2), abs=0.00005)
    spend = walk.read("campaign_revenue_effect", MARCH, where=only(arm))
    assert float(value(spend)) == pytest.approx(float(ARMS[arm][3] / ARMS[arm][0] - ARMS[CONTROL][3] / ARMS[CONTROL][0]), abs=1e-6)
    assert (spend.ci_low or 0) > 0


def test_kpis_of_our_own_compute_their_worked_examples(walk: Walk, tmp_path: Path) -> None:
    own = [k for k in kw.open(walk.folder).kpis.values() if k.is_users]
    assert len(own) == 4
    for definition in own:
        with DuckDBEngine(Resources(tmp_path, threads=1)) as engine:
            reading = execute(engine, definition).reading
        assert reading is not None
        assert (value(reading), reading.n) == (Decimal(str(definition.example.value)), definition.example.n), definition.name


def test_importing_again_changes_nothing(walk: Walk) -> None:
    assert all(e["unchanged"] == e["read"] for e in walk.bring(FILE, is_dry=True).values())
