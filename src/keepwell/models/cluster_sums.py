"""What the clusters of a run come to: customers, value, and how likely they leave."""

from dataclasses import dataclass

from keepwell.access.scope import EVERYTHING, Scope
from keepwell.access.visible import seen_tables
from keepwell.engine.sql import Steps, literal
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run


@dataclass(frozen=True)
class ClusterSums:
    """One cluster. ``clv_deviations`` is how far its mean CLV lies from everybody's, in standard deviations of customers; None where none differ."""

    cluster: str
    customers: int
    clv: float | None
    mean_clv: float | None
    churn_probability: float | None
    clv_deviations: float | None


def cluster_sums(lake: Lake, run: Run, scope: Scope = EVERYTHING) -> dict[str, ClusterSums]:
    """By cluster, of the customers whom ``scope`` shows, as that run scored them."""
    written = lake.snapshot({"customer_scores": run.results["customer_scores"]})
    query = (
        "select cluster, count(*) as customers, cast(sum(clv) as DOUBLE) as clv, cast(avg(clv) as DOUBLE) as mean_clv,\n"
        "  avg(churn_probability) as churn_probability,\n"
        "  cast(avg(clv) - (select avg(clv) from everyone) as DOUBLE) / nullif((select stddev_pop(clv) from everyone), 0) as clv_deviations\n"
        "from everyone where cluster is not null group by cluster"
    )
    with lake.engine(lake.folder / ".spill") as engine:
        seen_tables(written, written, lake, scope).register(engine, "customer_scores", "scores")
        steps = Steps().then("everyone", f"select cluster, clv, churn_probability from scores where run_id = {literal(run.run_id)}")
        rows = engine.arrow(steps.then("sums", query)).to_pylist()
    return {r["cluster"]: ClusterSums(**r) for r in rows}
