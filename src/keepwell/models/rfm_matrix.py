"""The RFM matrix: customers by recency and frequency, what they are worth, and how many of a cell bought again."""

from dataclasses import dataclass
from decimal import Decimal

from keepwell.access.scope import EVERYTHING, Scope
from keepwell.access.visible import seen_tables
from keepwell.engine.sql import Steps, literal
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run


@dataclass(frozen=True)
class Cell:
    """Customers with the same two scores, 5 the best. Of ``were`` who stood here in the earlier run, ``bought`` have ordered since."""

    recency: int
    frequency: int
    customers: int
    clv: Decimal | None
    net_amount_12m: Decimal | None
    were: int
    bought: int


def rfm_matrix(lake: Lake, run: Run, earlier: Run | None = None, scope: Scope = EVERYTHING) -> list[Cell]:
    """Every cell in which somebody whom ``scope`` shows stands or, in the earlier run, stood; without an earlier run ``were`` is 0.

    Whoever of the earlier run is unknown to the later one has not bought.
    """
    with lake.engine(lake.folder / ".spill") as engine:
        steps = Steps()
        for side, of_run in (("now", run), ("then", earlier)):
            written = lake.snapshot({"customer_scores": of_run.results["customer_scores"]} if of_run else {})
            seen_tables(written, written, lake, scope).register(engine, "customer_scores", f"scores_{side}")
            condition = f"run_id = {literal(of_run.run_id)}" if of_run else "false"
            steps = steps.then(
                f"s_{side}",
                "select customer_id, rfm_recency as recency, rfm_frequency as frequency, clv, net_amount_12m, last_order_on\n"
                f"from scores_{side} where {condition}",
            )
        day = f"DATE {literal(earlier.as_of if earlier else run.as_of)}"
        steps = steps.then(
            "standing",
            "select recency, frequency, count(*) as customers, sum(clv) as clv, sum(net_amount_12m) as net_amount_12m\n"
            "from s_now where recency is not null group by 1, 2",
        ).then(
            "stood",
            "select e.recency, e.frequency, count(*) as were, count(*) filter (l.last_order_on > "
            f"{day}) as bought\nfrom s_then as e left join s_now as l on l.customer_id = e.customer_id where e.recency is not null group by 1, 2",
        )
        query = (
            "select coalesce(n.recency, o.recency) as recency, coalesce(n.frequency, o.frequency) as frequency,\n"
            "  coalesce(customers, 0) as customers, clv, net_amount_12m, coalesce(were, 0) as were, coalesce(bought, 0) as bought\n"
            "from standing as n full join stood as o on o.recency = n.recency and o.frequency = n.frequency order by 1, 2"
        )
        return [Cell(**row) for row in engine.arrow(steps.then("cells", query)).to_pylist()]
