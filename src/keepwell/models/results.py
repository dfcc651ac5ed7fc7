"""All estimators of a refresh in their order, and what they found as rows of the derived tables."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from keepwell.core.memory import give_large_back
from keepwell.core.progress import Progress, Silent
from keepwell.core.settings import Locale
from keepwell.engine.sql import Steps, literal
from keepwell.lake.delta import repeated, schema_of
from keepwell.lake.table import META_COLUMNS, table
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.estimator import REGISTRY, Estimate, Previous, Sight, estimator
from keepwell.models.population import EPOCH, Population, put_away
from keepwell.models.refusal import RefusedError

# scores that are states: with the state before, and the day from which this one holds
STATES = ("rfm_group", "tier", "lifecycle_stage")
LEAD = "lead"
# these read nothing but the population, and nobody reads them
BESIDE = ("rfm", "tiers", "lifecycle", "clusters")
DERIVED = (
    "customer_scores",
    "cohort_values",
    "personas",
    "basket_rules",
    "topics",
    "topic_quotes",
    "drivers",
    "calibration_points",
    "model_parameters",
    "model_reports",
)


@dataclass(frozen=True)
class Results:
    """Rows by derived table, and why an estimator did not estimate."""

    tables: dict[str, pa.Table]
    refused: dict[str, str]


def estimated(
    session: Session,
    run_id: str,
    choices: Choices,
    locale: Locale,
    previous: Previous | None,
    names: Collection[str] = tuple(REGISTRY),
    *,
    progress: Progress | None = None,
) -> Results:
    """Every estimator of the registry, or the named ones, on the lake as of the session's day; ``progress`` counts them.

    Nothing where nobody orders or subscribes, and nobody answers a survey.
    """
    if not any(session.tables.rows(name) for name in ("orders", "subscriptions", "responses")):
        return Results({}, {})
    give_large_back()
    tables, refused = _found(Sight.of(session, choices, locale, previous), names, progress or Silent())
    # what the estimators saw and found is let go before its rows are copied
    put_away(session)
    rows = {n: typed(n, tables.pop(n), run_id) for n in sorted(tables)}
    return Results(rows, {n: e.reason(is_chinese=locale is Locale.CHINESE) for n, e in refused.items()})


def _found(sight: Sight, names: Collection[str], progress: Progress) -> tuple[dict[str, pa.Table], dict[str, RefusedError]]:
    """Rows by derived table, and who refused."""
    done, refused = _answers(lambda done: replace(sight, done=done), names, progress)
    tables = {
        "customer_scores": _scores(sight.session, sight.population, done, sight.previous),
        "model_parameters": _parameters(done),
        "model_reports": _reports(sight.population, done, refused, sight.locale),
    }
    for found in done.values():
        tables |= found.tables
    return tables, refused


def _answers(
    sight: Callable[[Mapping[str, Estimate]], Sight], names: Collection[str], progress: Progress
) -> tuple[dict[str, Estimate], dict[str, RefusedError]]:
    """What the estimators found, and why some refused; those of ``BESIDE`` on another core meanwhile."""
    done: dict[str, Estimate] = {}
    refused: dict[str, RefusedError] = {}

    def answer(name: str) -> Estimate | RefusedError:
        made = estimator(name)
        try:
            return made.estimate(sight(done))
        except RefusedError as error:
            return error

    def keep(name: str, found: Estimate | RefusedError) -> None:
        if isinstance(found, RefusedError):
            refused[name] = found
        else:
            done[name] = found

    # sums of many numbers on several threads would end in other digits on another machine
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(1) as other:
        running = {name: other.submit(answer, name) for name in names if name in BESIDE}
        for name in names:
            progress.count(len(done) + len(refused), len(names))
            if name not in BESIDE:
                keep(name, answer(name))
        for name, future in running.items():
            progress.count(len(done) + len(refused), len(names))
            keep(name, future.result())
    # in the order of the registry, whichever was ready first
    return {n: done[n] for n in names if n in done}, {n: refused[n] for n in names if n in refused}


def typed(name: str, rows: pa.Table, run_id: str) -> pa.Table:
    """The rows with every column that the derived table has, in its types; what was not found is empty."""
    meta = {c for c, _ in META_COLUMNS}
    columns = {}
    size, given = rows.num_rows, dict(zip(rows.column_names, rows.columns, strict=True))
    del rows  # a column goes when its copy is made
    for field in schema_of(table(name)):
        if field.name in meta:
            continue
        if field.name == "run_id":
            columns[field.name] = repeated(run_id, pa.string(), size)
        elif field.name in given:
            columns[field.name] = _cast(given.pop(field.name), field.type)
        else:
            columns[field.name] = repeated(None, field.type, size)
    return pa.table(columns)


def _cast(values: Any, kind: pa.DataType) -> Any:
    if pa.types.is_decimal(kind) and pa.types.is_floating(values.type):
        # a floating number may have more digits than an amount; it is rounded, not refused
        return pc.round(values, kind.scale).cast(pa.decimal128(38, kind.scale)).cast(kind)
    return values.cast(kind)


def _scores(session: Session, p: Population, done: Mapping[str, Estimate], previous: Previous | None) -> pa.Table:
    columns: dict[str, Any] = {
        "customer_id": p.customers,
        "first_order_on": pa.array(p.first_day).cast(pa.date32()),
        "last_order_on": pa.array(p.last_day).cast(pa.date32()),
        "orders": pa.array(p.orders),
        "net_amount": pa.array(p.amount),
        "net_amount_12m": pa.array(p.year_amount),
    }
    for found in done.values():
        columns |= found.scores
    rows = pa.table(columns)
    leads = _leads(session, p)
    # who is neither a buyer nor in the list of customers, but has been told something of
    others = [e.of_some.column("customer_id").combine_chunks() for e in done.values() if e.of_some is not None]
    known = pa.concat_arrays([rows.column("customer_id").combine_chunks(), leads])
    more = pc.unique(pa.concat_arrays([o.filter(pc.invert(pc.is_in(o, value_set=known))) for o in others])) if others else leads[:0]
    if len(leads) or len(more):
        stage = pa.array([LEAD, None]).take(pa.array(np.repeat([0, 1], [len(leads), len(more)])))
        added = pa.concat_arrays([leads, more.sort()])
        given = {"customer_id": added, "orders": pa.array(np.zeros(len(added), p.orders.dtype))}
        if "lifecycle_stage" in rows.column_names:
            given["lifecycle_stage"] = stage
        rows = pa.concat_tables([rows, pa.table(given)], promote_options="default")
    for found in done.values():
        if found.of_some is not None:
            at = pc.index_in(rows.column("customer_id"), found.of_some.column("customer_id"))
            for name in found.of_some.column_names[1:]:
                rows = rows.append_column(name, found.of_some.column(name).combine_chunks().take(at))
    rows = rows.append_column("as_of", repeated(p.as_of, pa.date32(), rows.num_rows))
    return _with_history(rows, previous)


def _leads(session: Session, p: Population) -> pa.Array:
    """Customers of whom there is no order."""
    if not session.tables.rows("customers"):
        return pa.array([], pa.string())
    session.make_ready("customers")
    session.engine.lend("_buyers_ids", pa.table({"customer_id": p.customers}))
    steps = Steps().then(
        "leads",
        "select c.customer_id from customers as c left join _buyers_ids as b on b.customer_id = c.customer_id\n"
        "where b.customer_id is null and (c.created_on is null or c.created_on <= "
        f"DATE {literal(session.last_day)}) order by c.customer_id",
    )
    return session.engine.arrow(steps).column("customer_id").combine_chunks()


def _with_history(rows: pa.Table, previous: Previous | None) -> pa.Table:
    """Beside each state the one before it, and since when it has held as far as runs have seen."""
    today = rows.column("as_of")
    at = pc.index_in(rows.column("customer_id"), previous.scores.column("customer_id")) if previous else None
    for state in STATES:
        if state not in rows.column_names:
            continue
        now = rows.column(state)
        before, since = pa.nulls(rows.num_rows, pa.string()), pc.if_else(pc.is_valid(now), today, None)
        if previous is not None and state in previous.scores.column_names:
            was, was_before, was_since = (previous.scores.column(n).take(at) for n in (state, f"{state}_previous", f"{state}_since"))
            is_same = pc.fill_null(pc.equal(was, now), fill_value=False)
            before = pc.if_else(is_same, was_before, was)
            since = pc.if_else(is_same, was_since, since)
        rows = rows.append_column(f"{state}_previous", before).append_column(f"{state}_since", since)
    return rows


def _parameters(done: Mapping[str, Estimate]) -> pa.Table:
    listed = [(name, p) for name, e in done.items() for p in e.parameters]
    return pa.table({
        "model": pa.array([n for n, _ in listed], pa.string()),
        "parameter": pa.array([p.name for _, p in listed], pa.string()),
        "value": pa.array([_finite(p.value) for _, p in listed], pa.float64()),
        "standard_error": pa.array([_finite(p.standard_error) for _, p in listed], pa.float64()),
    })  # fmt: skip


VERDICT, REFUSED = "verdict", "refused"


def _reports(p: Population, done: Mapping[str, Estimate], refused: Mapping[str, RefusedError], locale: Locale) -> pa.Table:
    first = EPOCH + timedelta(days=int(p.first_day.min())) if len(p) else None
    rows: list[dict[str, Any]] = []
    for name in REGISTRY:
        if name in refused:
            rows.append({"model": name, "measure": REFUSED, "note": refused[name].told(is_chinese=locale is Locale.CHINESE)})
            continue
        if name not in done:
            continue
        window = {"model": name, "data_from": done[name].data_from or first, "data_until": p.as_of}
        rows.append({**window, "measure": VERDICT, "note": done[name].verdict})
        rows += [
            {
                **window, "measure": j.measure, "trained_until": j.trained_until, "tested_until": j.tested_until, "n": j.n,
                "value": _finite(j.value), "ci_low": _finite(j.ci_low), "ci_high": _finite(j.ci_high), "baseline": j.baseline,
                "baseline_value": _finite(j.baseline_value), "beats_baseline": j.beats_baseline, "note": j.note,
            }
            for j in done[name].judgements
        ]  # fmt: skip
    schema = pa.schema([f for f in schema_of(table("model_reports")) if f.name != "run_id" and f.name not in {c for c, _ in META_COLUMNS}])
    return pa.Table.from_pylist(rows, schema)


def _finite(value: float | None) -> float | None:
    """What is not a number is empty: no table holds NaN."""
    return None if value is None or not np.isfinite(value) else float(value)


def previous_of(run_id: str, as_of: Any, parameters: Sequence[Mapping[str, Any]], scores: pa.Table) -> Previous:
    """What a run knew, from its stored rows."""
    by_model: dict[str, dict[str, float]] = {}
    for row in parameters:
        if row["value"] is not None:
            by_model.setdefault(row["model"], {})[row["parameter"]] = row["value"]
    return Previous(run_id, as_of, by_model, scores)
