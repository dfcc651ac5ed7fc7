"""KPIs of models: which run's scores a period reads, and how far the model itself may be off.

A prediction belongs to the day from which it was made. A period reads the last run that looks from a day of it; a period without one has
no value, for what a later run expects is not what was expected then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import hypot

import pyarrow as pa

from keepwell.core.periods import Grain, Period
from keepwell.engine.sql import Steps, literal
from keepwell.metrics.fact import PERIOD_RUNS, Fact
from keepwell.metrics.intervals import Interval
from keepwell.metrics.measure import Measure
from keepwell.metrics.session import Session
from keepwell.metrics.values import Value

SCORES, PARAMETERS = "customer_scores", "model_parameters"
Z95 = 1.959963984540054


class Reason(StrEnum):
    """Why a KPI of a model has no value."""

    NO_RUN = "no_run"  # no run looked from a day of the period
    REFUSED = "refused"  # the model refused, or had nobody to score


@dataclass(frozen=True)
class ScoredRun:
    """A run that scored customers, and the day from which it looked."""

    run_id: str
    as_of: date


def is_scored(fact: Fact) -> bool:
    """Whether the fact reads what runs wrote."""
    return PERIOD_RUNS in (fact.stock_sql or "")


def scored_runs(session: Session) -> list[ScoredRun]:
    """The runs with scores until the session's day, the newest last: by the day from which they looked, then by when they were made."""
    if not session.tables.rows(SCORES):
        return []
    session.make_ready(SCORES)
    query = (
        f"select run_id, max(as_of) as as_of from {SCORES} where as_of <= DATE {literal(session.last_day)}\n"
        "group by run_id order by as_of, run_id"
    )
    rows = session.engine.arrow(Steps().then("runs", query)).to_pylist()
    return [ScoredRun(r["run_id"], r["as_of"]) for r in rows]


def run_of_or_none(period: Period, runs: Sequence[ScoredRun]) -> ScoredRun | None:
    """The last run that looks from a day of the period; of all time the last one."""
    within = [r for r in runs if period.grain is Grain.ALL or period.start <= r.as_of <= period.end]
    return within[-1] if within else None


def period_runs(periods: Sequence[Period], runs: Sequence[ScoredRun]) -> pa.Table:
    """Of each period the run that it reads, where there is one."""
    found = [(p, run) for p in periods if (run := run_of_or_none(p, runs)) is not None]
    return pa.table({
        "period_start": pa.array([p.start for p, _ in found], pa.date32()),
        "run_id": pa.array([r.run_id for _, r in found], pa.string()),
    })  # fmt: skip


# ---------------------------------------------------------------- intervals


@dataclass(frozen=True)
class Bounds:
    """How far the whole may be off, below and above."""

    below: float
    above: float


def bounds(session: Session, measure: Measure, periods: Sequence[Period], runs: Sequence[ScoredRun]) -> dict[date, Bounds]:
    """By period the bounds that the models gave for the parameters of the measure; independent ones add up by their squares."""
    read = {p.start: run.run_id for p in periods if (run := run_of_or_none(p, runs)) is not None}
    if not measure.bounded_by or not read or not session.tables.rows(PARAMETERS):
        return {}
    session.make_ready(PARAMETERS)
    listed = ", ".join(literal(r) for r in sorted(set(read.values())))
    query = f"select run_id, model, parameter, value from {PARAMETERS} where run_id in ({listed})"
    known: dict[str, dict[str, float]] = {}
    for row in session.engine.arrow(Steps().then("parameters", query)).to_pylist():
        known.setdefault(row["run_id"], {})[f"{row['model']}.{row['parameter']}"] = row["value"]
    found = {start: _combined(measure.bounded_by, known.get(run, {})) for start, run in read.items()}
    return {start: b for start, b in found.items() if b is not None}


def _combined(names: Sequence[str], known: Mapping[str, float | None]) -> Bounds | None:
    below, above = [], []
    for name in names:
        if name not in known:
            # a model that refused adds nothing to the value either
            continue
        middle, low, high = (known.get(f"{name}{end}") for end in ("", "_low", "_high"))
        if middle is None or low is None or high is None:
            return None
        below.append(middle - low)
        above.append(high - middle)
    return Bounds(hypot(*below), hypot(*above)) if below else None


def of_model(value: Value, found: Bounds | None) -> Value:
    """The value with the interval that the model knows of it, and with none where it knows none.

    How customers differ among each other says nothing of how far a model is off, so the slopes of sums are left out. Two runs of one
    model err alike, so the variance of a change as the sum of both is rather too large.
    """
    bare = replace(value, interval=None, slopes=None, error=None)
    if found is None or value.value is None:
        return bare
    middle = float(value.value)
    return replace(bare, interval=Interval(middle - found.below, middle + found.above), error=(found.below + found.above) / (2 * Z95))
