"""What a run wrote of customers' health, read back: the definition, the check, and one customer's parts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from keepwell.core.errors import KeepwellError
from keepwell.engine.sql import literal
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run
from keepwell.models.stored import rows_of_run
from keepwell.performance.health.check import BandLine, Check, Who
from keepwell.performance.health.definition import PLACES, Band, Health
from keepwell.performance.health.definition_file import health_again
from keepwell.performance.health.results import CHECKS, DEFINITIONS, NOT_SCORED
from keepwell.performance.health.scored import Scored, scored


@dataclass(frozen=True)
class Known:
    """What a run tells of health as such: by which definition it was computed, and what the check came to."""

    run_id: str
    as_of: date
    health: Health
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Computed:
    """A customer's health as a run computed it; ``stored`` is the score that lists show, None where there is none."""

    scored: Scored
    stored: Decimal | None


def known_of(lake: Lake, run: Run | None) -> Known:
    """The definition and the check of a run; an error tells what to do where it has none."""
    if run is None or DEFINITIONS not in run.results:
        raise KeepwellError("The health of customers has not been computed yet.", "Run `keepwell refresh`.")
    (row,) = rows_of_run(lake, run, DEFINITIONS).to_pylist()
    rows = rows_of_run(lake, run, CHECKS).to_pylist() if CHECKS in run.results else []
    checks = tuple(_check(who, found) for who in Who if (found := [r for r in rows if r["who"] == who]))
    return Known(run.run_id, run.as_of, health_again(json.loads(row["definition"]), is_own=row["is_own"]), checks)


def computed_of(lake: Lake, run: Run, health: Health, customer_id: str) -> Computed:
    """One customer's health with its parts, by the run's own definition; who has no scores has no points either."""
    found = rows_of_run(lake, run, "customer_scores", "health, health_parts", f"and customer_id = {literal(customer_id)}").to_pylist()
    row: Mapping[str, Any] = found[0] if found else {"health": None, "health_parts": None}
    values = {name: float(value) for name, value in row["health_parts"] or ()}
    stored = None if row["health"] is None else Decimal(str(row["health"])).quantize(Decimal(1).scaleb(-PLACES))
    return Computed(scored(health, values), stored)


def _check(who: Who, rows: list[dict[str, Any]]) -> Check:
    by_band = {r["band"]: r for r in rows}
    lines = [
        BandLine(None if band == NOT_SCORED else Band(band), r["customers"], r["churned"], r["share"], r["ci_low"], r["ci_high"])
        for band in (*map(str, Band), NOT_SCORED)
        if (r := by_band.get(band))
    ]
    first = rows[0]
    return Check(who, first["checked_on"], first["left_from"], first["left_until"], tuple(lines))
