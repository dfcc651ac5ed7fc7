"""A customer's scores over the runs: what each run said, and what moved since the one before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from keepwell.customers.one import Reader
from keepwell.engine.duckdb import snapshot_sql
from keepwell.engine.sql import Steps, literal, names
from keepwell.lake import runs

STATES = ("tier", "lifecycle_stage", "rfm_group", "churn_band", "health_band")
NUMBERS = ("clv", "probability_active", "churn_probability", "health", "contract_value")
# score -> what it is made of: that which also moved is why
MADE_OF = {
    "tier": ("net_amount_12m",),
    "lifecycle_stage": ("last_order_on", "orders", "net_amount"),
    "rfm_group": ("rfm_recency", "rfm_frequency", "rfm_money"),
    "churn_band": ("last_order_on", "orders", "subscribed_months"),
    "clv": ("orders", "last_order_on", "net_amount", "probability_active"),
    "probability_active": ("orders", "last_order_on"),
    "churn_probability": ("last_order_on", "orders", "subscribed_months"),
    "contract_value": ("paid_monthly", "subscribed_at_horizon"),
    "health": ("last_order_on", "orders", "net_amount_12m"),
    "health_band": ("health",),
}
INPUTS = tuple(dict.fromkeys(c for causes in MADE_OF.values() for c in causes))


@dataclass(frozen=True)
class Moved:
    """A score that differs from that of the run before, with what it is made of that differs too: name -> (before, now)."""

    score: str
    before: Any
    now: Any
    because: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True)
class ScorePoint:
    """What one run said of a customer."""

    run_id: str
    as_of: date
    scores: Mapping[str, Any]
    moved: tuple[Moved, ...]


def score_history(reader: Reader) -> list[ScorePoint]:
    """Every finished run that scored the customer, oldest day first; of several of one day the last."""
    finished = {r.run_id: r for r in runs.all_runs(reader.book.lake)}
    if not finished:
        return []
    snapshot = reader.book.lake.snapshot(reader.book.versions)
    columns = names(list(dict.fromkeys(["run_id", "as_of", *STATES, *NUMBERS, *INPUTS])))

    def query() -> Steps:
        stored = Steps().then("stored", snapshot_sql(snapshot.table("customer_scores")))
        return stored.then("scores", f"select {columns} from stored where customer_id = {literal(reader.customer_id)}")

    found = reader.tables.read(reader.engine, "score history", query).to_pylist()
    rows = [r for r in found if r["run_id"] in finished]
    rows.sort(key=lambda r: (r["as_of"], finished[r["run_id"]].started_at))
    last_of_day = list({r["as_of"]: r for r in rows}.values())
    befores: list[Mapping[str, Any] | None] = [None, *last_of_day][: len(last_of_day)]
    return [
        ScorePoint(r["run_id"], r["as_of"], {k: v for k, v in r.items() if k not in {"run_id", "as_of"}}, _moved(before, r))
        for before, r in zip(befores, last_of_day, strict=True)
    ]


def _moved(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> tuple[Moved, ...]:
    if before is None:
        return ()
    return tuple(
        Moved(score, before[score], now[score], {c: (before[c], now[c]) for c in MADE_OF[score] if before[c] != now[c]})
        for score in (*STATES, *NUMBERS)
        if before[score] != now[score]
    )
