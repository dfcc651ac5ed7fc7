"""Time the KPIs of orders beside hand-written DuckDB over the same Parquet files, in one run, as ratios.

    make bench                        # 1 M customers, about 4 M orders, 24 months
    python bench/read_kpis.py 100000  # another number of customers

Both sides give, for every month, value, n, the variance behind the interval, and the variances behind the two changes. The peer is
the SQL that one would write for just these numbers, without dimensions, currencies, history or explanations to think of; both run
with the same memory limit and threads. ``values only`` is the same peer without intervals and changes.
"""

import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb

from import_orders import CACHE, data
from keepwell.core.clock import SystemClock
from keepwell.core.periods import Grain
from keepwell.core.settings import Settings
from keepwell.core.workspace import Workspace, create_workspace, open_workspace
from keepwell.lake.lake import Lake
from keepwell.metrics.evaluate import Question, read
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.session import Session
from keepwell.sources.imports import ImportRequest, run
from keepwell.surfaces.worker.engines import reading_engine
from keepwell.surfaces.worker.refresh import ground_of

CUSTOMERS = 1_000_000
SPAN, TODAY = "2024-11..2026-10", date(2026, 11, 21)
MOST_TIMES_PEER = 2.0
ROUNDS = 3
MAPPING = Path(__file__).with_name("kpi_orders.yaml")
PRODUCT = "sum({a}::DECIMAL(19, 4) * {b}::DECIMAL(18, 4))"

# what each KPI sums over one customer's rows of a month: one column for a sum, two for a ratio
DONE = "filter (status = 'completed')"
NOT_NEGATIVE = "filter (status = 'completed' and amount >= 0)"
DISCOUNTED = "filter (status = 'completed' and discount >= 0 and amount >= 0)"
MEMBER = "(count(*) filter (status = 'completed') > 0)::INT"
FLOWS = {
    "revenue": ["sum(amount)"],
    "orders": [f"count(*) {DONE}"],
    "active_customers": [MEMBER],
    "average_order_value": [f"sum(amount) {DONE}", f"count(*) {DONE}"],
    "revenue_per_customer": ["sum(amount)", MEMBER],
    "gross_margin": ["sum(margin)"],
    "discount_rate": [f"sum(discount) {DISCOUNTED}", f"sum(amount + discount) {DISCOUNTED}"],
    "identified_revenue_share": ["sum(amount) filter (customer_id is not null and status = 'completed' and amount >= 0)", f"sum(amount) {NOT_NEGATIVE}"],
    "identified_margin_share": ["sum(margin) filter (customer_id is not null and status = 'completed')", f"sum(margin) {DONE}"],
    "attributed_revenue": ["sum(amount) filter (campaign_id is not null)"],
}  # fmt: skip


def by_hand(keys: str, *, moments: bool) -> str:
    """One query for the flows of orders: a cell a customer and month, sums, and where asked the moments within and between months."""
    columns = list(dict.fromkeys(c for parts in FLOWS.values() for c in parts))
    alias = {sql: f"x{i}" for i, sql in enumerate(columns)}
    cells = (
        f"select date_trunc('month', ordered_on)::DATE as m, {keys}customer_id, count(*) as n, "
        + ", ".join(f"({sql})::DECIMAL(18, 4) as {a}" for sql, a in alias.items())
        + f" from orders where status = 'completed' group by m, {keys}customer_id"
    )
    group = f"m{', ' + keys.rstrip(', ') if keys else ''}"
    sums = ", ".join(f"sum({a}) as s_{a}" for a in alias.values())
    if not moments:
        return f"with cells as ({cells}) select {group}, sum(n), count(*), {sums} from cells group by {group}"
    pairs = sorted({tuple(sorted((alias[a], alias[b]))) for parts in FLOWS.values() for a in parts for b in parts})
    within = ", ".join(PRODUCT.format(a=a, b=b) + f" as m_{a}_{b}" for a, b in pairs)
    both = sorted({(alias[a], alias[b]) for parts in FLOWS.values() for a in parts for b in parts})

    def between(name: str, months: int) -> str:
        products = ", ".join(PRODUCT.format(a=f"a.{a}", b=f"b.{b}") + f" as {name}_{a}_{b}" for a, b in both)
        on = f"b.customer_id = a.customer_id and b.m = (a.m - to_months({months}))::DATE" + (" and b.channel = a.channel" if keys else "")
        a_group = ", ".join(f"a.{k}" for k in group.split(", "))
        return f"{name} as (select {a_group}, {products} from cells a join cells b on {on} group by {a_group})"

    return (
        f"with cells as ({cells}), sums as (select {group}, sum(n) as n, count(*) as customers, {sums}, {within} from cells group by {group}), "
        f"{between('p', 1)}, {between('y', 12)} select * from sums left join p using ({group}) left join y using ({group}) order by all"
    )


def workspace_of(customers: int) -> Path:
    """A workspace with the orders imported, made once."""
    folder: Path = CACHE / f"order-kpis-{customers}"
    if not (folder / "keepwell.toml").exists():
        create_workspace(folder, Settings(currency="CNY", timezone="UTC"))
        place = open_workspace(folder)
        run(place, Lake(place.lake_folder), ImportRequest((data(customers),), mapping=MAPPING), SystemClock())
    return folder


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(customers: int) -> bool:
    """Print the ratios; whether the aim is met."""
    place = open_workspace(workspace_of(customers))
    lake = Lake(place.lake_folder)
    span = place.calendar.parse(SPAN, today=TODAY)
    kpis = [built_in()[name] for name in FLOWS]
    files = [str(p) for p in sorted((place.lake_folder / "orders").rglob("*.parquet"))]
    answers = [compared(place, lake, kpis, Question(span, Grain.MONTH, dimension), files) for dimension in (None, "channel")]
    return all(answers)


def compared(place: Workspace, lake: Lake, kpis: list[Kpi], question: Question, files: list[str]) -> bool:
    """One line: both sides timed in turns; whether the aim is met."""
    keys = f"{question.dimension}, " if question.dimension else ""
    whole, bare = by_hand(keys, moments=True), by_hand(keys, moments=False)
    seconds: dict[str, list[float]] = {"ours": [], "hand": [], "values": []}
    peer = duckdb.connect(config={"memory_limit": place.settings.reading_memory_limit, "temp_directory": str(CACHE / "spill")})
    peer.execute(f"create view orders as select * from read_parquet({files})")
    with reading_engine(place.settings, lake) as engine:
        session = Session(engine, lake.snapshot(), ground_of(place, TODAY))
        for _ in range(ROUNDS):
            seconds["hand"].append(timed(lambda: peer.execute(whole).fetchall()))
            seconds["values"].append(timed(lambda: peer.execute(bare).fetchall()))
            seconds["ours"].append(timed(lambda: read(session, kpis, question)))
    ours, hand, values = (min(s) for s in seconds.values())
    is_met = ours <= MOST_TIMES_PEER * hand
    print(
        f"{question.dimension or 'in total':10s} Keepwell {ours:6.2f} s   by hand {hand:6.2f} s = {ours / hand:.2f} ×   "
        f"values only {values:6.2f} s = {ours / values:.1f} ×   {'met' if is_met else 'MISSED'}"
    )
    return is_met


def main() -> None:
    """Measure the size asked for; exit 1 when the aim is missed."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS
    print(f"{', '.join(FLOWS)}: {SPAN} by month, {customers:,} customers; best of three, interleaved")
    sys.exit(0 if measure(customers) else 1)


if __name__ == "__main__":
    main()
