"""What a KPI may rest on: an entity, or a named view over entities in which one row is one event, or one thing at one moment.

A view never joins two facts row by row: it looks things up by key, or brings a second fact down to one row a key first, so that
no row can be counted twice.
"""

import functools
import importlib.resources
import json
from dataclasses import dataclass, field
from typing import Any

from keepwell.core.yaml_file import shipped
from keepwell.engine.aggregates import output_columns
from keepwell.lake.entity import ColumnType, Entity, entities

STOCK_TIME = "snapshot"  # the ``time`` of KPIs that read what is there at the end of a period
# tables that the evaluator makes for a view, beside the entities
MOMENTS = "moments"  # period_start, period_end, day_before (the period), ends_at (the instant after its last)
PERIOD_STARTS = "period_starts"  # day: the first day of every period
PERIOD_RUNS = "period_runs"  # period_start, run_id: the run whose scores the period reads
OBSERVED = "observed"  # one row: until (the instant up to which things are known), on_day


@dataclass(frozen=True)
class Fact:
    """Rows: their key, whose they are, and the dates that can place them in a period."""

    name: str
    reads: tuple[str, ...]  # entities
    key: str  # SQL that names a row
    customer: str | None  # the column that names the customer, the unit of randomness
    times: tuple[str, ...]
    instants: dict[str, str]  # date column -> the instant it is the day of, where there is one
    columns: tuple[str, ...]
    sql: dict[str, str] = field(default_factory=dict)  # variant -> query; "" where there is one only; empty: the entity itself
    stock_sql: str | None = None  # what is there at each of ``moments``
    stock_columns: tuple[str, ...] = ()
    optional_columns: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()  # own columns by which readings may be broken down
    is_certain: bool = False  # known amounts (invoices, quotas), in which there is no chance
    meaning: dict[str, str] = field(default_factory=dict)

    @property
    def definition(self) -> str:
        return json.dumps([self.name, self.reads, sorted(self.sql.items()), self.stock_sql])

    def columns_at(self, time: str) -> tuple[str, ...]:
        """The columns that a KPI with that ``time`` may read."""
        return self.stock_columns if time == STOCK_TIME else self.columns

    def query(self, time: str, variant: str) -> str:
        """The rows as a query."""
        if time == STOCK_TIME:
            return (self.stock_sql or "").strip()
        if not self.sql:
            return f'select * from "{self.name}"'
        return (self.sql.get(variant) or self.sql.get("") or next(iter(self.sql.values()))).strip()


@functools.cache
def facts() -> dict[str, Fact]:
    """Every fact by name."""
    found = {name: _of_entity(e) for name, e in entities().items() if not e.is_derived}
    folder = importlib.resources.files("keepwell.metrics") / "facts"
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name.endswith(".yaml"):
            for name, spec in shipped(path.read_text(encoding="utf-8")).items():
                found[name] = _of_view(name, spec, found.get(name))
    return found


def dimensions_of(e: Entity) -> tuple[str, ...]:
    """The columns of an entity that name kinds, places and people; amounts, moments and free attributes divide nothing."""
    dividing = {ColumnType.ID, ColumnType.CODE, ColumnType.TEXT, ColumnType.FLAG}
    return tuple(c.name for c in e.stored_columns if c.type in dividing and not c.is_key)


@functools.cache
def references() -> dict[str, str]:
    """Column name -> the entity whose key it is. A name means the same in every entity."""
    found: dict[str, str] = {}
    for e in entities().values():
        for c in e.columns:
            if c.references and c.name != "parent":
                found.setdefault(c.name, c.references)
    return found


def _of_entity(e: Entity) -> Fact:
    stored = e.stored_columns
    return Fact(
        name=e.name,
        reads=(e.name,),
        key=e.key[0] if len(e.key) == 1 else f"concat_ws(chr(31), {', '.join(_as_text(e, k) for k in e.key)})",
        customer="customer_id" if e.has_column("customer_id") else None,
        times=tuple(c.name for c in stored if c.type is ColumnType.DATE),
        instants={c.name: c.date_of for c in stored if c.date_of},
        columns=tuple(c.name for c in stored),
        dimensions=dimensions_of(e),
        optional_columns=tuple(c.name for c in stored if not c.is_required and not c.is_key),
        meaning={"en": e.meaning, "zh": e.meaning},
    )


def _as_text(e: Entity, column: str) -> str:
    kept = f'"{column}"'
    return kept if e.column(column).type in {ColumnType.ID, ColumnType.CODE, ColumnType.TEXT} else f"cast({kept} as varchar)"


def _of_view(name: str, spec: dict[str, Any], entity: Fact | None) -> Fact:
    """A view of that name; of an entity's name, what of it is there at a moment."""
    given = dict(spec)
    meaning = given.pop("meaning", None)
    reads = tuple(given.pop("reads", ()))
    stock = given.pop("at_moments", None)
    sql = given.pop("sql", None)
    variants = {str(k): str(v) for k, v in sql.items()} if isinstance(sql, dict) else {"": str(sql)} if sql else {}
    columns = tuple(output_columns(next(iter(variants.values())))) if variants else ()
    stock_columns = tuple(output_columns(str(stock))) if stock else ()
    if entity is not None:
        return Fact(
            **{
                **entity.__dict__,
                "reads": tuple(dict.fromkeys((*entity.reads, *reads))),
                "stock_sql": stock,
                "stock_columns": stock_columns,
            }
        )
    everything = (*columns, *stock_columns)
    times = tuple(given.pop("times", ()))
    fact = Fact(
        name=name,
        reads=reads,
        key=str(given.pop("key")),
        customer=given.pop("customer", None),
        times=times,
        instants=dict(given.pop("instants", {})),
        columns=columns,
        sql=variants,
        stock_sql=str(stock) if stock else None,
        stock_columns=stock_columns,
        optional_columns=tuple(given.pop("optional", ())),
        dimensions=tuple(c for c in dict.fromkeys(everything) if _may_divide(c) and c not in times),
        is_certain=bool(given.pop("certain", False)),
        meaning=meaning or {},
    )
    if given:
        raise ValueError(f"the fact {name} has unknown fields {sorted(given)}")
    return fact


@functools.cache
def _dividing_names() -> frozenset[str]:
    return frozenset(c for e in entities().values() for c in (*dimensions_of(e), *e.key))


def _may_divide(column: str) -> bool:
    return column in _dividing_names() or column.endswith(("stage", "category"))
