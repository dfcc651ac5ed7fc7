"""Where a KPI comes from: its facts, the entities and columns that they read, and the sources that those were imported from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from keepwell.engine.aggregates import column_names
from keepwell.engine.protocol import Engine
from keepwell.engine.sql import Steps, quoted
from keepwell.lake.entity import entities
from keepwell.metrics.cut import columns_needed
from keepwell.metrics.dimensions import path_of
from keepwell.metrics.fact import facts
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.session import Tables


@dataclass(frozen=True)
class SourceRows:
    """What one source brought to one entity."""

    entity: str
    source: str
    rows: int
    updated_at: datetime | None


@dataclass(frozen=True)
class Lineage:
    """From a number back to its files."""

    facts: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]  # entity -> its columns that are read
    sources: tuple[SourceRows, ...] = field(default=())


def lineage(kpi: Kpi) -> Lineage:
    """Facts, entities and columns, from the definition alone."""
    found: dict[str, dict[str, None]] = {}

    def note(entity: str, columns: Iterable[str]) -> None:
        if entity in entities():
            known = {c.name for c in entities()[entity].stored_columns}
            found.setdefault(entity, {}).update(dict.fromkeys(c for c in columns if c in known))

    used = []
    for source, names in columns_needed([kpi.measure], None, None).items():
        fact = facts()[source.fact]
        used.append(fact.name)
        texts = [*fact.sql.values()] if source.time in fact.times else [fact.stock_sql or ""]
        own = {n for n in names if "." not in n} | {source.time}
        for entity in fact.reads:
            inside = {c for text in texts if text for c in column_names(text)}
            note(entity, sorted(inside) if texts and any(texts) else sorted(own))
        for name in names:
            if name in fact.columns_at(source.time) or name in {"period_start", "period_end"}:
                continue
            path = path_of(fact, source.time, name)
            for i, hop in enumerate(path.hops):
                note(hop.entity, [path.hops[i + 1].column if i + 1 < len(path.hops) else path.column])
        d = kpi.measure.distribution
        if d and d.starts and d.ends and not any(texts):
            note(fact.name, [d.starts, d.ends])
    return Lineage(tuple(dict.fromkeys(used)), {e: tuple(c) for e, c in found.items()})


def sources(engine: Engine, tables: Tables, found: Lineage) -> tuple[SourceRows, ...]:
    """Which source brought how many rows to the entities, and when it last did."""
    listed: list[SourceRows] = []
    for entity in found.columns:
        if not tables.rows(entity):
            continue
        tables.register(engine, entity)
        query = f"select source, count(*) as n, max(updated_at) as updated_at from {quoted(entity)} group by source order by source"
        if entity == "identities":
            query = f"select '' as source, count(*) as n, max(updated_at) as updated_at from {quoted(entity)}"
        rows = engine.arrow(Steps().then("sources", query)).to_pylist()
        listed += [SourceRows(entity, row["source"] or "", int(row["n"]), row["updated_at"]) for row in rows]
    return tuple(listed)
