"""The tables of a moment together with what runs wrote of it: KPIs of models read both."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from keepwell.engine.protocol import Engine
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake import runs
from keepwell.lake.entity import entities
from keepwell.lake.lake import Lake
from keepwell.lake.runs import SOURCE_OF_RESULTS, Run
from keepwell.lake.snapshots import Snapshot
from keepwell.lake.table import BATCH, META_COLUMNS, SOURCE, UPDATED, table


@dataclass(frozen=True)
class WithResults:
    """A snapshot in which the derived tables hold the rows of finished runs only, and of the run that is being computed (``fresh``)."""

    base: Snapshot
    run_ids: tuple[str, ...]
    fresh: Mapping[str, pa.Table] = field(default_factory=dict)  # derived table -> its rows, without those of every table

    def rows(self, name: str) -> int:
        return self.base.rows(name) + (self.fresh[name].num_rows if name in self.fresh else 0)

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        """Make a table readable by its name, or as ``known_as``."""
        found = entities().get(name)
        if found is None or not found.is_derived:
            self.base.register(engine, name, known_as)
            return
        shown = known_as or name
        stored = f"{shown}__of_runs"
        self.base.register(engine, name, stored)
        columns = [c for c, _ in table(name).all_columns]
        finished = f"run_id in ({', '.join(literal(r) for r in self.run_ids)})" if self.run_ids else "false"
        query = f"select {', '.join(quoted(c) for c in columns)} from {quoted(stored)} where {finished}"
        if name in self.fresh:
            engine.lend(f"{shown}__fresh", self.fresh[name])
            meta = {SOURCE: literal(SOURCE_OF_RESULTS), BATCH: "run_id", UPDATED: "cast(null as TIMESTAMP WITH TIME ZONE)"}
            own = {c for c, _ in META_COLUMNS}
            given = ", ".join(f"{meta[c]} as {quoted(c)}" if c in own else quoted(c) for c in columns)
            query += f"\nunion all\nselect {given} from {quoted(f'{shown}__fresh')}"
        engine.define(shown, Steps().then(name, query))


def with_results(lake: Lake, past: Run | None = None) -> WithResults:
    """The lake as it is, or as that run knew it, with what runs had written by then."""
    listed = runs.all_runs(lake)
    if past is None:
        return WithResults(lake.snapshot(), tuple(r.run_id for r in listed))
    until = [r.run_id for r in listed if (r.started_at, r.run_id) <= (past.started_at, past.run_id)]
    return WithResults(lake.snapshot(past.versions | past.results), tuple(until))
