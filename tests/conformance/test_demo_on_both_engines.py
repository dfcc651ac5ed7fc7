"""A whole business read on both engines: every KPI as it is, and a handful by dimension, compared exactly."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from factories.alike import assert_alike
from factories.shop import TickingClock, as_csv
from factories.spark import spark_or_skip
from keepwell.core.settings import Settings
from keepwell.core.workspace import Workspace, create_workspace
from keepwell.demo.business import generate
from keepwell.engine.sql import Steps
from keepwell.lake.lake import Lake
from keepwell.lake.snapshots import Snapshot
from keepwell.metrics.evaluate import Question, read
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.reading import Readings
from keepwell.metrics.session import Session
from keepwell.sources.imports import ImportRequest, run
from keepwell.surfaces.worker.refresh import ground_of, has_data

pytestmark = [pytest.mark.xdist_group("spark"), pytest.mark.slow]

CUSTOMERS, MONTHS, PERIOD = 80, 6, "2026-09..2026-10"
TODAY = date(2026, 11, 1)
AFTER_ALL = datetime(2026, 11, 1, 8, tzinfo=UTC)
# in the middle of what is read: who was moved then stands in two regions
MOVED = datetime(2026, 10, 1, 8, tzinfo=UTC)
BY = [
    ("revenue", "region"),  # through the history of customers
    ("revenue", "owner_id.team"),  # two hops: the customer's owner, and that one's team
    ("orders", "channel"),
    ("top_20_share", "kind"),
    ("nps", "country"),
    ("first_response_time", "team"),
    ("open_backlog", "product_id.category"),
    ("contactable_share", "country"),
]


@dataclass(frozen=True)
class Business:
    """A workspace with the demo business in it, and a session on each engine."""

    workspace: Workspace
    snapshot: Snapshot
    duckdb: Session
    spark: Session

    def on_both(self, kpis: list[Kpi], by: str | None = None, period: str = PERIOD) -> tuple[Readings, Readings]:
        """Broken down with the changes from other periods too, which take Spark several times as long."""
        span = self.workspace.calendar.parse(period, today=TODAY)
        first, second = (
            read(session, kpis, Question(span, dimension=by, has_comparisons=by is not None)) for session in (self.duckdb, self.spark)
        )
        return first, second


def filled(folder: Path) -> tuple[Workspace, Lake]:
    """The demo business, of which every third customer moved to the next region."""
    workspace = create_workspace(folder / "workspace", Settings(timezone="Asia/Shanghai"))
    lake = Lake(workspace.lake_folder, threads=1)
    clock = TickingClock(AFTER_ALL)
    for d in generate(folder / "files", customers=CUSTOMERS, months=MONTHS).imports:
        run(workspace, lake, ImportRequest(d.files, d.entity, d.mapping, d.source), clock)
    with lake.engine() as engine:
        lake.snapshot().register(engine, "customers")
        asked = Steps().then("some", "select customer_id, region from customers where region is not null order by customer_id")
        rows = engine.arrow(asked).to_pylist()[::3]
    regions = sorted({r["region"] for r in rows})
    moved = [r | {"region": regions[(regions.index(r["region"]) + 1) % len(regions)]} for r in rows]
    file = folder / "moved.csv"
    file.write_text(as_csv(moved), encoding="utf-8")
    run(workspace, lake, ImportRequest((file,), "customers"), TickingClock(MOVED))
    return workspace, lake


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Business]:
    with spark_or_skip(tmp_path_factory.mktemp("spark")) as spark:
        workspace, lake = filled(tmp_path_factory.mktemp("demo"))
        snapshot, ground = lake.snapshot(), ground_of(workspace, TODAY)
        with lake.engine() as duckdb:
            yield Business(workspace, snapshot, Session(duckdb, snapshot, ground), Session(spark, snapshot, ground))


def test_every_kpi_reads_alike_on_both_engines(business: Business) -> None:
    present = [k for k in built_in().values() if has_data(k, business.snapshot)]
    of_facts = [k for k in built_in().values() if not k.measure.models]
    assert present == of_facts, "the demo business has data for all of them, beside those that wait for a run"
    first, second = business.on_both(present)
    assert len(first) == 2 * len(present)
    assert_alike(first, second)
    assert sum(r.value is not None for r in first) > len(present)


@pytest.mark.parametrize(("name", "dimension"), BY)
def test_a_break_down_reads_alike_on_both_engines(business: Business, name: str, dimension: str) -> None:
    first, second = business.on_both([built_in()[name]], dimension)
    assert len({r.member for r in first}) > 1
    assert_alike(first, second)


def test_cohorts_age_alike_on_both_engines(business: Business) -> None:
    """Of cohorts old enough to have more than their first month behind them."""
    first, second = business.on_both([built_in()["cohort_retention_classic"]], "age", "2026-07..2026-08")
    assert {(r.period, r.member) for r in first} == {
        ("2026-07", "0"),
        ("2026-07", "1"),
        ("2026-07", "2"),
        ("2026-08", "0"),
        ("2026-08", "1"),
    }
    assert_alike(first, second)


def test_the_history_was_looked_up(business: Business) -> None:
    """What is compared by region above is not where customers are today."""
    assert business.snapshot.rows("customers_history") > 0
    revenue = [built_in()["revenue"]]
    span = business.workspace.calendar.parse(PERIOD, today=TODAY)
    by_region = {(r.period, r.member): r.value for r in read(business.duckdb, revenue, Question(span, dimension="region"))}
    asked = Steps().then(
        "today",
        "select strftime(o.ordered_on, '%Y-%m') as period, coalesce(c.region, '(none)') as region, sum(o.amount) as amount from orders as o "
        "left join customers as c using (customer_id) where o.status in ('completed', 'refund') and o.ordered_on >= date '2026-09-01' group by all",
    )
    of_today = {(r["period"], r["region"]): r["amount"] for r in business.duckdb.engine.arrow(asked).to_pylist()}
    assert {k: v for k, v in by_region.items() if k in of_today} != of_today
    assert sum(v for v in by_region.values() if v) == sum(of_today.values())
