"""Lists of customers: their own columns beside the scores of the published run."""

from collections.abc import Sequence

import pyarrow as pa

from keepwell.access.scope import EVERYTHING, Scope
from keepwell.access.visible import seen_tables
from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean, unknown
from keepwell.engine.sql import Steps, literal, names, quoted
from keepwell.engine.walls import check_expression
from keepwell.lake import runs
from keepwell.lake.entity import entity
from keepwell.lake.lake import Lake

SEGMENTS = ("rfm_group", "lifecycle_stage", "tier", "cluster", "churn_band")
SCORES = "_scores"


def customer_columns() -> list[str]:
    return [c.name for c in entity("customers").stored_columns]


def score_columns() -> list[str]:
    """The columns of ``customer_scores`` that stand beside the customer's own; parts of health are read where one customer is shown."""
    return [c.name for c in entity("customer_scores").stored_columns if c.name not in {"run_id", "customer_id", "health_parts"}]


def customer_list(
    lake: Lake,
    *,
    where: str | None = None,
    columns: Sequence[str] | None = None,
    sort: str | None = None,
    segment: str | None = None,
    limit: int | None = None,
    scope: Scope = EVERYTHING,
) -> pa.Table:
    """The customers whom ``scope`` shows, without their personal columns; ``where`` is SQL over their own columns and their scores.

    Ordered by id, or by ``sort`` with the highest first (the lowest with ``-`` before it); what is not known comes last.
    ``segment`` is an RFM group, a lifecycle stage, a tier, a cluster or a churn band.
    """
    own, scores = customer_columns(), score_columns()
    known = [*own, *scores]
    falls = not (sort or "").startswith("-")
    by = (sort or "").removeprefix("-")
    for name in (*(columns or ()), *([by] if by else [])):
        if name not in known:
            raise WrongUseError(f"Customers have no column {name!r}.", did_you_mean(name, known))
    asked = [*(columns or own), *([by] if by else [])]
    condition = check_expression(where) if where else None
    run = runs.published_or_none(lake)
    has_scores = run is not None and "customer_scores" in run.results
    needs_scores = segment is not None or any(n in scores for n in asked)
    if needs_scores and not has_scores:
        raise KeepwellError("Customers have no scores yet.", "Run `keepwell refresh`.")
    with lake.engine(lake.folder / ".spill") as engine:
        now = lake.snapshot()
        written = lake.snapshot({"customer_scores": run.results["customer_scores"]} if run is not None and has_scores else {})
        is_barrier = condition is not None
        seen_tables(now, now, lake, scope, is_barrier=is_barrier).register(engine, "customers")
        seen_tables(written, written, lake, scope, is_barrier=is_barrier).register(engine, "customer_scores", SCORES)
        of_run = f"select * from {SCORES} where {f'run_id = {literal(run.run_id)}' if run is not None else 'false'}"
        steps = Steps().then("scores", of_run)
        # who bought without standing in the list of customers is a customer too
        shown = ", ".join(
            [
                "coalesce(c.customer_id, s.customer_id) as customer_id",
                *(f"c.{quoted(n)}" for n in own if n != "customer_id"),
                names(scores, "s"),
            ]
        )
        steps = steps.then("everyone", f"select {shown} from customers as c full join scores as s on s.customer_id = c.customer_id")
        if segment is not None:
            known_segments = {
                str(v)
                for column in SEGMENTS
                for v in engine.arrow(steps.then("values", f"select distinct {column} from everyone")).column(0).to_pylist()
                if v
            }
            if segment not in known_segments:
                raise unknown("segment", segment, known_segments)
        conditions = [
            *([f"({condition})"] if condition else []),
            *([f"{literal(segment)} in ({', '.join(SEGMENTS)})"] if segment is not None else []),
        ]
        order = f"{quoted(by)} {'desc' if falls else 'asc'} nulls last, customer_id" if by else "customer_id"
        query = (
            f"select {names(list(dict.fromkeys(asked)))} from everyone{' where ' + ' and '.join(conditions) if conditions else ''} order by {order}"
            f"{f' limit {int(limit)}' if limit is not None else ''}"
        )
        return engine.arrow(steps.then("customers", query))
