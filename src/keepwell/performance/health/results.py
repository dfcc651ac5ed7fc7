"""The health of all customers as rows of a run, with the definition that it was computed by and the check against who left."""

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Floats
from keepwell.models.choices import Choices
from keepwell.models.population import kept_purchases, put_away
from keepwell.models.results import typed
from keepwell.performance.health.check import Check, checked
from keepwell.performance.health.definition import Health
from keepwell.performance.health.scored import BAND_ORDER, scored_many
from keepwell.performance.health.seen import seen

OF_CUSTOMERS = "customer_health"  # rows until they stand among the scores
CHECKS, DEFINITIONS = "health_checks", "health_definitions"
NOT_SCORED = "not_scored"
COLUMNS = ("health", "health_band", "health_parts")


def health_tables(session: Session, run_id: str, health: Health, choices: Choices) -> dict[str, pa.Table]:
    """Everybody's health as of the session's day, the check, and the definition."""
    kept_purchases(session)
    rows = _rows(session, health)
    checks = [row for check in checked(session, health, choices) for row in _check_rows(check)]
    put_away(session)
    told = {"version": [health.version], "is_own": [health.is_own], "definition": [json.dumps(health.plain, ensure_ascii=False)]}
    found = {OF_CUSTOMERS: rows, DEFINITIONS: typed(DEFINITIONS, pa.table(told), run_id)}
    if checks:
        found[CHECKS] = typed(CHECKS, pa.Table.from_pylist(checks), run_id)
    return found


def with_health(scored: Mapping[str, pa.Table], health: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """A run's tables of models with everybody's health among the scores, and the other tables of health beside them."""
    found = {**scored, **{n: t for n, t in health.items() if n != OF_CUSTOMERS}}
    if OF_CUSTOMERS in health:
        scores, rows = scored["customer_scores"], health[OF_CUSTOMERS]
        at = pc.index_in(scores.column("customer_id"), rows.column("customer_id"))
        for name in COLUMNS:
            place = scores.column_names.index(name)
            scores = scores.set_column(place, scores.schema.field(place), rows.column(name).take(at).cast(scores.schema.field(place).type))
        found["customer_scores"] = scores
    return found


def _rows(session: Session, health: Health) -> pa.Table:
    found = seen(session, session.last_day)
    read = {p.name: found.values[p.name] for p in health.parts if p.name in found.values}
    scored = scored_many(health, read, len(found.customers))
    names = pa.array([*map(str, BAND_ORDER), None])  # the last place, -1, is that of who has no band
    return pa.table({
        "customer_id": found.customers,
        "health": pa.array(scored.scores, from_pandas=True),
        "health_band": names.take(pa.array(np.where(scored.bands < 0, len(BAND_ORDER), scored.bands))),
        "health_parts": _parts(read, len(found.customers)),
    })  # fmt: skip


def _parts(read: Mapping[str, Floats], size: int) -> pa.Array:
    """Of each customer the known parts by name."""
    if not read:
        return pa.nulls(size, pa.map_(pa.string(), pa.string()))
    values = np.column_stack(list(read.values()))
    is_known = np.isfinite(values)
    names = pa.array(list(read)).take(pa.array(np.broadcast_to(np.arange(len(read)), values.shape)[is_known]))
    offsets = pa.array(np.concatenate([[0], np.cumsum(is_known.sum(axis=1))]).astype(np.int32))
    return pa.MapArray.from_arrays(offsets, names, pa.array(values[is_known]).cast(pa.string()))


def _check_rows(check: Check) -> list[dict[str, object]]:
    return [
        {
            "who": str(check.who), "band": str(line.band) if line.band else NOT_SCORED, "checked_on": check.day,
            "left_from": check.left_from, "left_until": check.left_until, "customers": line.customers, "churned": line.churned,
            "share": line.share, "ci_low": line.low, "ci_high": line.high,
        }
        for line in check.lines
    ]  # fmt: skip
