"""Clusters as personas: five facts each, and where the group stands among all customers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erf, sqrt
from typing import Any

from keepwell.lake.runs import Run
from keepwell.metrics.kpi import Unit
from keepwell.models.cluster_sums import ClusterSums, cluster_sums
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

# what a cluster is made by, and its value; of recency little is much
FEATURES = ("recency", "frequency", "value_per_order", "span")
AXES = (*FEATURES, "clv")
MIDDLE = 50.0


@dataclass(frozen=True)
class ClusterCard:
    """A cluster: its persona, five facts, its picture, and where its customers are."""

    cluster: str
    name: str
    description: str
    customers: int
    facts: tuple[tuple[str, str, str, Any], ...]  # name, words, figure, and the same exactly
    chart: Chart
    href: str


def cluster_cards(visit: Visit, run: Run) -> tuple[ClusterCard, ...]:
    """One a cluster, the largest first; none where the model refused, or there is nobody."""
    if not {"model_reports", "customer_scores"} <= run.results.keys():
        return ()
    card = visit.kept(("clusters", run.run_id, visit.locale), lambda: _card_or_none(visit, run))
    if card is None or card.refused:
        return ()
    centres: dict[str, dict[str, float]] = {}
    for p in card.parameters:
        parts = str(p["parameter"]).split(".")
        if parts[0] == "centre" and p["value"] is not None:
            centres.setdefault(parts[1], {})[parts[2]] = float(p["value"])
    sums = visit.kept(("cluster sums", run.run_id), lambda: cluster_sums(visit.workspace.lake, run, visit.scope))
    whole = sum(s.customers for s in sums.values())
    return tuple(
        _cluster(visit, str(r["cluster"]), r, centres[str(r["cluster"])], sums, whole)
        for r in card.rows
        if r["cluster"] in centres and r["cluster"] in sums
    )


def _card_or_none(visit: Visit, run: Run) -> Any:
    names = {c.name for c in visit.workspace.models(run.run_id)}
    return visit.workspace.model("clusters", run.run_id) if "clusters" in names else None


def _cluster(
    visit: Visit, cluster: str, row: Mapping[str, Any], centre: Mapping[str, float], sums: Mapping[str, ClusterSums], whole: int
) -> ClusterCard:
    own = sums[cluster]
    standing = [_percentile(-centre[f] if f == "recency" else centre[f]) for f in FEATURES if f in centre]
    standing.append(_percentile(float(own.clv_deviations)) if own.clv_deviations is not None else MIDDLE)
    axes = [visit.say(f"segments.axis_{a}") for a in AXES if a in centre or a == "clv"]
    share = own.customers / whole
    facts: list[tuple[str, str, str, Any]] = [
        ("customers", visit.say("segments.head_customers"), f"{own.customers:,}", own.customers),
        ("share", visit.say("segments.of_all"), visit.figure(share, Unit.SHARE), share),
    ]
    if own.mean_clv is not None and own.clv is not None:
        facts += [
            ("mean_clv", visit.say("segments.mean_clv"), visit.money(own.mean_clv), own.mean_clv),
            ("clv", visit.say("segments.head_clv"), visit.short_money(own.clv), own.clv),
        ]
    if own.churn_probability is not None:
        facts.append(
            ("churn_probability", visit.say("segments.mean_churn"), visit.figure(own.churn_probability, Unit.SHARE), own.churn_probability)
        )
    return ClusterCard(
        cluster, str(row["name"]), str(row["description"]), own.customers, tuple(facts), _radar(visit, cluster, str(row["name"]), axes, standing),
        f"/customers?segment={cluster}",
    )  # fmt: skip


def _radar(visit: Visit, cluster: str, name: str, axes: Sequence[str], standing: Sequence[float]) -> Chart:
    everybody = visit.say("segments.everybody")
    told = [f"{a}: {s:.0f}" for a, s in zip(axes, standing, strict=True)]
    shapes = [
        {"name": name, "values": [round(s, 1) for s in standing], "words": told},
        {"name": everybody, "values": [MIDDLE] * len(axes), "words": [f"{a}: {MIDDLE:.0f}" for a in axes]},
    ]
    columns = (
        Column("axis", visit.say("segments.axis")),
        Column("standing", name, is_number=True),
        Column("everybody", everybody, is_number=True),
    )
    rows = [[a, s, MIDDLE] for a, s in zip(axes, standing, strict=True)]
    figures = [[a, f"{s:.0f}", f"{MIDDLE:.0f}"] for a, s in zip(axes, standing, strict=True)]
    return Chart(
        f"cluster-{cluster.lower()}", name, "radar", {"axes": list(axes), "shapes": shapes, "max": 100}, Sheet(f"cluster-{cluster.lower()}", columns, rows),
        visit.say("segments.radar_note"), "middle", figures,
    )  # fmt: skip


def _percentile(z: float) -> float:
    """Where a customer so many deviations from the mean stands among all, were they normally spread."""
    return 100 * 0.5 * (1 + erf(z / sqrt(2)))
