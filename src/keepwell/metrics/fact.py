"""What a KPI may rest on: an entity, or a named view over entities in which one row is one event."""

import functools
import importlib.resources
import json
from dataclasses import dataclass

import yaml

from keepwell.lake.entity import ColumnType, Entity, entities


@dataclass(frozen=True)
class Fact:
    """Rows of events: their key, whose they are, and the dates that can place them in a period."""

    name: str
    reads: tuple[str, ...]  # entities
    sql: str | None  # None: the entity itself
    key: str  # SQL that names a row
    customer: str | None  # the column that names the customer, the unit of randomness
    times: tuple[str, ...]
    instants: dict[str, str]  # date column -> the instant it is the day of, where there is one
    columns: tuple[str, ...]
    money_columns: tuple[str, ...] = ()
    optional_columns: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()  # columns by which readings may be broken down

    @property
    def definition(self) -> str:
        return json.dumps([self.name, self.reads, self.sql])


@functools.cache
def facts() -> dict[str, Fact]:
    """Every fact by name."""
    found = {name: _of_entity(e) for name, e in entities().items() if not e.is_derived}
    text = (importlib.resources.files("keepwell.metrics") / "facts.yaml").read_text(encoding="utf-8")
    for name, spec in yaml.safe_load(text).items():
        columns = (spec["key"], *spec["times"])
        found[name] = Fact(name, tuple(spec["reads"]), spec["sql"], spec["key"], spec["customer"], tuple(spec["times"]), {}, columns)
    return found


def dimensions_of(e: Entity) -> tuple[str, ...]:
    """The columns of an entity that name kinds, places and people; amounts, moments and free attributes divide nothing."""
    dividing = {ColumnType.ID, ColumnType.CODE, ColumnType.TEXT, ColumnType.FLAG}
    return tuple(c.name for c in e.stored_columns if c.type in dividing and not c.is_key)


def _of_entity(e: Entity) -> Fact:
    stored = e.stored_columns
    dates = tuple(c.name for c in stored if c.type is ColumnType.DATE)
    has_currency = any(c.name == "currency" for c in stored)
    return Fact(
        name=e.name,
        reads=(e.name,),
        sql=None,
        key=e.key[0] if len(e.key) == 1 else f"concat_ws(chr(31), {', '.join(e.key)})",
        customer="customer_id" if e.has_column("customer_id") else None,
        times=dates,
        instants={c.name: c.date_of for c in stored if c.date_of},
        columns=tuple(c.name for c in stored),
        money_columns=tuple(c.name for c in stored if c.type is ColumnType.MONEY) if has_currency else (),
        dimensions=dimensions_of(e),
        optional_columns=tuple(c.name for c in stored if not c.is_required and not c.is_key),
    )
