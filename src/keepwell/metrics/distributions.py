"""Quantiles: of a value, or of a time of which some are still running."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from keepwell.engine.protocol import Engine
from keepwell.metrics import survival
from keepwell.metrics.compile import THRESHOLDS, compile_threshold_sums, compile_values
from keepwell.metrics.cut import TOTAL, Cut
from keepwell.metrics.intervals import Interval, Z
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.measure import Distribution
from keepwell.metrics.reading import Status
from keepwell.metrics.values import Value, kept

Cell = tuple[date, str]
MICROSECONDS = 1_000_000
DECIMALS = 10_000


@dataclass(frozen=True)
class Histogram:
    """How often each value occurs, ascending; whole numbers (microseconds, or ten-thousandths)."""

    values: np.ndarray[Any, Any]
    is_reached: np.ndarray[Any, Any]
    counts: np.ndarray[Any, Any]
    missing: int

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def is_censored(self) -> bool:
        return not bool(self.is_reached.all())


def quantiles(engine: Engine, kpis: Sequence[Kpi], d: Distribution, cut: Cut) -> dict[str, dict[Cell, Value]]:
    """Values by KPI, period and member. All KPIs rest on the same values and differ in the quantile only."""
    scale = MICROSECONDS if d.value is None else DECIMALS
    found_in = histograms(engine.arrow(compile_values(d, cut)), scale, is_by_member=cut.dimension is not None)
    found: dict[str, dict[Cell, Value]] = {}
    for kpi in kpis:
        own = kpi.measure.distribution
        if own is None:
            continue
        q = float(own.quantile)
        points = {cell: _point_or_none(h, q) for cell, h in found_in.items()}
        clusters = _effective(engine, own, cut, {c: p for c, p in points.items() if p is not None})
        found[kpi.name] = {cell: _value(kpi, h, q, scale, clusters.get(cell)) for cell, h in found_in.items()}
    return found


def histograms(table: pa.Table, scale: int, *, is_by_member: bool) -> dict[Cell, Histogram]:
    rows: dict[Cell, list[tuple[int, bool, int]]] = defaultdict(list)
    missing: dict[Cell, int] = defaultdict(int)
    starts = table.column("period_start").to_pylist()
    members = table.column("member").to_pylist() if is_by_member else [TOTAL] * table.num_rows
    values = table.column("value").to_pylist()
    reached = table.column("is_reached").to_pylist()
    counts = table.column("n").to_pylist()
    for start, member, value, is_reached, count in zip(starts, members, values, reached, counts, strict=True):
        if value is None:
            missing[start, member] += int(count)
        else:
            whole = int(value * scale) if isinstance(value, Decimal) else int(value)
            rows[start, member].append((whole, bool(is_reached), int(count)))
    found = {}
    for cell in {*rows, *missing}:
        ordered = sorted(rows[cell])
        found[cell] = Histogram(
            np.array([v for v, _, _ in ordered], dtype=np.int64),
            np.array([r for _, r, _ in ordered], dtype=bool),
            np.array([c for _, _, c in ordered], dtype=np.int64),
            missing[cell],
        )
    return found


def _point_or_none(h: Histogram, q: float) -> float | None:
    if h.n == 0:
        return None
    if h.is_censored:
        return survival.kaplan_meier_quantile(h.values, h.is_reached, h.counts, q).value
    return survival.order_statistics(h.values, h.counts, q, None).value


def _effective(engine: Engine, d: Distribution, cut: Cut, points: Mapping[Cell, float]) -> dict[Cell, float]:
    """How many independent values the customers' values are worth, where customers have several (Woodruff 1952)."""
    if not points:
        return {}
    scale = 1 if d.value is None else DECIMALS
    kind = pa.int64() if d.value is None else pa.decimal128(18, 4)
    thresholds = [int(np.floor(p)) if d.value is None else Decimal(int(np.floor(p))) / scale for p in points.values()]
    columns = {"period_start": pa.array([c[0] for c in points], pa.date32()), "threshold": pa.array(thresholds, kind)}
    if cut.dimension:
        columns["member"] = pa.array([c[1] for c in points], pa.string())
    engine.lend(THRESHOLDS, pa.table(columns))
    found = {}
    for row in engine.arrow(compile_threshold_sums(d, cut)).to_pylist():
        below, n, customers = float(row["s0"]), float(row["s1"]), int(row["c0"])
        p = below / n
        spread = float(row["m0_0"]) - 2 * p * float(row["m0_1"]) + p * p * float(row["m1_1"])
        # one value a customer gives n itself; where they do not differ, or all lie on one side, customers are what is observed
        found[row["period_start"], row.get("member", TOTAL)] = n * n * p * (1 - p) / spread if spread > 0 else float(customers)
    return found


def _value(kpi: Kpi, h: Histogram, q: float, scale: int, effective: float | None) -> Value:
    if h.n == 0:
        return Value(None, None, 0, h.missing, None, None, Status.NO_DATA)
    if h.is_censored:
        estimate = survival.kaplan_meier_quantile(h.values, h.is_reached, h.counts, q, effective)
    else:
        estimate = survival.order_statistics(h.values, h.counts, q, effective)
    if estimate.value is None:
        return Value(None, None, h.n, h.missing, None, None, Status.NO_DATA)
    interval = None
    error = None
    if estimate.low is not None and estimate.high is not None:
        interval = Interval(estimate.low / scale, estimate.high / scale)
        error = (interval.high - interval.low) / (2 * Z)
    status = Status.TOO_FEW if h.n < kpi.min_n else Status.OK
    # values are whole in their unit, so between two of them lies at most a half, and what is beyond that is noise of floating numbers
    return Value(kept(Decimal(str(round(estimate.value, 1))) / scale), interval, h.n, h.missing, None, None, status, error=error)
