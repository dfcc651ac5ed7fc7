"""Readings as a run wrote them down."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from keepwell.core.errors import KeepwellError
from keepwell.core.periods import Calendar, Grain, Span
from keepwell.engine.sql import Steps, literal
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run
from keepwell.lake.snapshots import Snapshot
from keepwell.metrics.cut import AGE
from keepwell.metrics.evaluate import Question
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.reading import Reading, Readings, Status


def stored_or_none(lake: Lake, run: Run, wanted: Sequence[Kpi], question: Question, calendar: Calendar) -> Readings | None:
    """What the run wrote, if it wrote this slice; else None, and the slice is computed from the run's versions."""
    if question.where or question.against or "kpi_values" not in run.results:
        return None
    grain = question.grain or question.span.grain
    snapshot: Snapshot = lake.snapshot({"kpi_values": run.results["kpi_values"]})
    with lake.engine(lake.folder / ".spill") as engine:
        snapshot.register(engine, "kpi_values")
        listed = ", ".join(literal(k.name) for k in wanted)
        query = (
            f"select * from kpi_values where run_id = {literal(run.run_id)} and kpi in ({listed}) and grain = {literal(grain)} "
            f"and dimension = {literal(question.dimension or '')} and period_start >= DATE '{question.span.start}' and period_end <= DATE '{question.span.end}' "
            "order by period_start, member"
        )
        rows = engine.arrow(Steps().then("stored", query)).to_pylist()
    if not rows or grain is Grain.ALL:
        return None
    order = {k.name: i for i, k in enumerate(wanted)}
    if {r["kpi"] for r in rows} != set(order):
        return None
    is_all = all(_covers([r for r in rows if r["kpi"] == name], question.span) for name in order)
    if not is_all and all(run.definitions.get(k.name) == k.definition_hash for k in wanted):
        # the run stores no period beyond a KPI's data; its versions tell the same, and that there is nothing in the others
        return None
    found = [_reading(row, calendar.label(Grain(row["grain"]), row["period_start"])) for row in rows]
    return Readings(tuple(sorted(found, key=lambda r: (order[r.kpi], r.period_start, r.member or ""))))


def readings_of_run(
    lake: Lake, run: Run, grain: Grain, dimension: str | None, calendar: Calendar, name: str | None = None
) -> list[Reading]:
    """All that the run wrote at this grain, of the whole or by a dimension, oldest first; only of the KPI ``name`` where it is told."""
    only = f" and kpi = {literal(name)}" if name else ""
    rows = _rows(lake, run, f"grain = {literal(grain)} and dimension = {literal(dimension or '')}{only}")
    return [_reading(row, calendar.label(grain, row["period_start"])) for row in rows]


def real_changes_of_members(lake: Lake, run: Run, period: Span) -> list[Reading]:
    """Members of any dimension that changed for real from the month before to this one, or from the same month last year."""
    where = (
        f"grain = {literal(Grain.MONTH)} and dimension not in ('', {literal(AGE)}) and period_start = DATE '{period.start}' "
        "and (change_previous_is_real or change_last_year_is_real)"
    )
    return [_reading(row, period.label) for row in _rows(lake, run, where)]


def _rows(lake: Lake, run: Run, where: str) -> list[dict[str, Any]]:
    if "kpi_values" not in run.results:
        return []
    snapshot = lake.snapshot({"kpi_values": run.results["kpi_values"]})
    with lake.engine(lake.folder / ".spill") as engine:
        snapshot.register(engine, "kpi_values")
        query = f"select * from kpi_values where run_id = {literal(run.run_id)} and {where} order by kpi, period_start, dimension, member"
        found: list[dict[str, Any]] = engine.arrow(Steps().then("stored", query)).to_pylist()
    return found


def check_same_definitions(run: Run, wanted: Sequence[Kpi]) -> None:
    """A slice that the run did not write can be computed from its versions only while the definitions are still its own."""
    for k in wanted:
        if run.definitions.get(k.name) != k.definition_hash:
            raise KeepwellError(
                f"{k.name} is defined otherwise than when {run.run_id} was computed, and the run holds no such slice.",
                "Ask for a month, quarter or year without a filter, which the run wrote down, or leave --run out.",
            )


def _covers(rows: Sequence[dict[str, Any]], span: Span) -> bool:
    """Whether stored rows reach both ends of the span: a run stores no period beyond its data."""
    starts_in_time = span.start == date.min or min(r["period_start"] for r in rows) <= span.start
    ends_in_time = span.end == date.max or max(r["period_end"] for r in rows) >= span.end
    return bool(starts_in_time and ends_in_time)


def _reading(row: dict[str, Any], period: str) -> Reading:
    given = {k: v for k, v in row.items() if k not in {"source", "batch_id", "updated_at"}}
    given["dimension"] = given["dimension"] or None
    given["member"] = given["member"] or None
    given["status"] = Status(given["status"])
    return Reading(period=period, **given)
