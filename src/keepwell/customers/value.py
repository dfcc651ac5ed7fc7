"""What a customer is worth: what came in the last twelve months, what is expected, and how likely there is more to come, day by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from keepwell.core.periods import months_before
from keepwell.customers.one import Reader
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal
from keepwell.models.btyd.model import restored_or_none
from keepwell.models.btyd.summary import DAYS_A_WEEK
from keepwell.models.stored import rows_of_run

STEP_DAYS = 7
MOST_POINTS = 400


@dataclass(frozen=True)
class ActivePoint:
    """How likely the customer was still active at the end of a day, by what was known then."""

    day: date
    probability: float


@dataclass(frozen=True)
class Value:
    """Money is in the reporting currency. ``expected`` is CLV within ``horizon_days``; None where the model refused.

    ``margin_12m`` is None where no order has a margin. ``active`` is the curve of the published run's model, ``purchase_days`` its jumps.
    """

    from_day: date
    until_day: date
    net_12m: Decimal
    margin_12m: Decimal | None
    expected: Decimal | None
    expected_low: Decimal | None
    expected_high: Decimal | None
    horizon_days: int | None
    is_margin: bool
    active: tuple[ActivePoint, ...]
    purchase_days: tuple[date, ...]


def value(reader: Reader, scores: Mapping[str, Any]) -> Value:
    """The value panel, as of the published run's day, without a run as of today. ``scores`` are those of the customer."""
    run = reader.book.run
    day = run.as_of if run else reader.session.last_day
    first = months_before(day, 12) + timedelta(days=1)
    bought = _bought(reader, day)
    of_year = [b for b in bought if b["ordered_on"] >= first]
    margins = [b["margin"] for b in of_year if b["margin"] is not None]
    days = sorted({b["ordered_on"] for b in bought if b["status"] == "completed"})
    parameters = _parameters(reader)
    is_known = scores.get("probability_active") is not None
    return Value(
        first,
        day,
        sum((b["net"] for b in of_year if b["net"] is not None), Decimal(0)),
        sum(margins, Decimal(0)) if margins else None,
        scores.get("clv"),
        scores.get("clv_low"),
        scores.get("clv_high"),
        int(parameters["horizon_days"]) if "horizon_days" in parameters else None,
        bool(parameters.get("is_margin")),
        tuple(active_curve(parameters, days, day)) if is_known else (),
        tuple(days),
    )


def active_curve(parameters: Mapping[str, float], purchase_days: Sequence[date], until: date) -> list[ActivePoint]:
    """P(active) from the first purchase to ``until``: each week, and the day before and of each purchase.

    ``parameters`` are those that a run stored of its model of buying; without one, or without a purchase, there is no curve. Each point is
    what the model says of the purchases until that day: Fader, Hardie & Lee (2005).
    """
    model = restored_or_none(parameters)
    days = sorted(d for d in set(purchase_days) if d <= until)
    if model is None or not days:
        return []
    length = (until - days[0]).days
    step = max(STEP_DAYS, length // MOST_POINTS)
    shown = {days[0] + timedelta(days=n) for n in range(0, length + 1, step)} | {until}
    shown |= {d for bought in days for d in (bought, bought - timedelta(days=1)) if d >= days[0]}
    at = np.array(sorted((d - days[0]).days for d in shown), float)
    bought = np.array([(d - days[0]).days for d in days], float)
    x = np.searchsorted(bought, at, side="right") - 1
    found = model.probability_active(x.astype(np.int64), bought[x] / DAYS_A_WEEK, at / DAYS_A_WEEK)
    return [ActivePoint(days[0] + timedelta(days=int(d)), float(p)) for d, p in zip(at, found, strict=True)]


def _bought(reader: Reader, until: date) -> list[dict[str, Any]]:
    """What each day came to, by status: one look at the orders answers all that is asked of them."""
    condition = f"ordered_on <= DATE {literal(until)} and status in ('completed', 'refund')"
    query = f"select ordered_on, status, sum(amount) as net, sum(margin) as margin from orders where {condition} group by 1, 2"
    return reader.rows("orders", query)


def _parameters(reader: Reader) -> dict[str, float]:
    run = reader.book.run
    if run is None:
        return {}

    def read(_: DuckDBEngine) -> dict[str, float]:
        rows = rows_of_run(reader.book.lake, run, "model_parameters", "parameter, value", "and model = 'clv'").to_pylist()
        return {r["parameter"]: r["value"] for r in rows if r["value"] is not None}

    found: dict[str, float] = reader.book.prepared("parameters of clv", read)
    return found
