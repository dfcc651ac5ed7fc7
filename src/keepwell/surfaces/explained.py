"""Explanations that a run writes down: of the changes that a page tells first, for people who open it should not wait for them."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from keepwell.core.periods import Period
from keepwell.engine.sql import Steps, literal
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run
from keepwell.lake.table import table
from keepwell.metrics.cut import AGE
from keepwell.metrics.drivers import Driver, Effect
from keepwell.metrics.explain import Decomposition, Explanation
from keepwell.metrics.kpi import Better, Kpi
from keepwell.models.results import typed

TABLE = "explanations"
# changes of a whole month that are explained beforehand, the most telling first
MOST = 12


def telling(kpi: Kpi, change: Decimal, low: float | None, high: float | None, before: Decimal, *, is_of_a_part: bool) -> float:
    """How much a change tells: beside its own uncertainty, less where no direction is better, and less where it is of a part only."""
    half = (high - low) / 2 if low is not None and high is not None else 0.0
    size = max(half, kpi.smallest_change(float(before)), 1e-12)
    return abs(float(change)) / size * (1.0 if kpi.better is not Better.TARGET else 0.5) * (0.6 if is_of_a_part else 1.0)


def most_telling(readings: pa.Table, known: Mapping[str, Kpi], period: Period) -> list[str]:
    """The KPIs of whose real changes from the month before to ``period`` people are told first, of ``kpi_values`` of a run."""
    of_month = pc.and_(pc.equal(readings["grain"], str(period.grain)), pc.equal(readings["period_start"], pa.scalar(period.start)))
    is_told = pc.and_(of_month, pc.and_(readings["change_previous_is_real"], pc.not_equal(readings["dimension"], AGE)))
    weights: dict[str, float] = {}
    for r in readings.filter(pc.fill_null(is_told, fill_value=False)).to_pylist():
        kpi = known.get(r["kpi"])
        if kpi is not None and r["value"] is not None and r["change_previous"] and not r["is_open"]:
            change, interval = r["change_previous"], (r["change_previous_ci_low"], r["change_previous_ci_high"])
            weight = telling(kpi, change, *interval, r["value"] - change, is_of_a_part=bool(r["dimension"]))
            weights[kpi.name] = max(weight, weights.get(kpi.name, 0.0))
    return sorted(weights, key=lambda name: (-weights[name], name))[:MOST]


def rows_of(explanation: Explanation) -> list[dict[str, Any]]:
    """An explanation as rows of ``explanations``: one a part, and one for a way without parts."""
    of_all = {
        "kpi": explanation.kpi,
        "period": explanation.period,
        "versus": explanation.versus,
        "value_before": explanation.before,
        "value_now": explanation.now,
        "change": explanation.change,
        "is_real": explanation.is_real,
        "is_open": explanation.is_open,
    }
    found = []
    for way, told in enumerate(explanation.decompositions):
        parts: Iterable[Driver | None] = told.parts or (None,)
        for place, part in enumerate(parts):
            own = {"way": way, "place": place, "by": told.by, "not_decomposable": told.reason}
            found.append(of_all | own | (_of_part(part) if part else {}))
    return found


def _of_part(part: Driver) -> dict[str, Any]:
    return {
        "member": part.member,
        "effect": str(part.effect),
        "amount": part.amount,
        "member_before": part.before,
        "member_now": part.now,
    }


def as_table(run_id: str, explanations: Iterable[Explanation]) -> pa.Table:
    """Explanations as the run's rows of the derived table."""
    rows = [row for e in explanations for row in rows_of(e)]
    columns = [c for c, _ in table(TABLE).columns if c != "run_id"]
    return typed(TABLE, pa.table({c: [r.get(c) for r in rows] for c in columns}), run_id)


def explanation_or_none(lake: Lake, run: Run, kpi: Kpi, period: str, versus: str) -> Explanation | None:
    """What the run wrote down of why the KPI changed between these periods; None where it wrote nothing, or was of another definition."""
    if TABLE not in run.results or run.definitions.get(kpi.name) != kpi.definition_hash:
        return None
    asked = {"run_id": run.run_id, "kpi": kpi.name, "period": period, "versus": versus}
    where = " and ".join(f"{c} = {literal(v)}" for c, v in asked.items())
    with lake.engine(lake.folder / ".spill") as engine:
        lake.snapshot({TABLE: run.results[TABLE]}).register(engine, TABLE)
        rows = engine.arrow(Steps().then(TABLE, f"select * from {TABLE} where {where} order by way, place")).to_pylist()
    return _explanation(rows) if rows else None


def _explanation(rows: Sequence[Mapping[str, Any]]) -> Explanation:
    first = rows[0]
    ways = [list(of_way) for _, of_way in groupby(rows, key=lambda r: r["way"])]
    return Explanation(
        first["kpi"],
        first["period"],
        first["versus"],
        first["value_before"],
        first["value_now"],
        first["change"],
        first["is_real"],
        tuple(Decomposition(w[0]["by"], tuple(_part(r) for r in w if r["member"] is not None), w[0]["not_decomposable"]) for w in ways),
        first["is_open"],
    )


def _part(row: Mapping[str, Any]) -> Driver:
    return Driver(row["member"], Effect(row["effect"]), row["amount"], row["member_before"], row["member_now"])
