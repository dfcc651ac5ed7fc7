"""The tables that lie in the lake: one an entity, and those that landing makes of them.

Personal columns never lie in an entity's own table. Those of people go to ``profiles``, those of facts to ``texts``.
"""

import functools
from dataclasses import dataclass

from keepwell.core.errors import unknown
from keepwell.lake.entity import SQL_TYPES, ColumnType, Entity, entities

SOURCE, BATCH, UPDATED = "source", "batch_id", "updated_at"
META_COLUMNS = ((SOURCE, "VARCHAR"), (BATCH, "VARCHAR"), (UPDATED, "TIMESTAMP WITH TIME ZONE"))
PROFILES, TEXTS = "profiles", "texts"
HISTORY_SUFFIX = "_history"
# between the parts of a key that stands in one column; no identifier holds it
KEY_SEPARATOR = "chr(31)"


@dataclass(frozen=True)
class Table:
    """Columns as (name, SQL type) without the columns that landing adds to every table; ``defaults`` maps a column to SQL."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    month_of: str | None = None
    defaults: tuple[tuple[str, str], ...] = ()
    leaves_empty_rows_out: bool = False

    @property
    def all_columns(self) -> tuple[tuple[str, str], ...]:
        return (*self.columns, *self.meta_columns)

    @property
    def meta_columns(self) -> tuple[tuple[str, str], ...]:
        """The columns that landing adds; ``identities`` has a ``source`` of its own, which is part of its key."""
        return tuple((name, kind) for name, kind in META_COLUMNS if name not in self.column_names)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @property
    def month_sql(self) -> str:
        """The partition a row belongs to."""
        return f"coalesce(strftime({self.month_of}, '%Y-%m'), 'none')" if self.month_of else "NULL"


def _entity_table(e: Entity) -> Table:
    return Table(
        name=e.name,
        columns=tuple((c.name, c.sql_type) for c in e.stored_columns),
        key=e.key,
        month_of=e.month_of,
        defaults=tuple((c.name, c.default) for c in e.stored_columns if c.default),
    )


def _history_table(e: Entity) -> Table:
    instant = SQL_TYPES[ColumnType.INSTANT]
    columns = (*((c.name, c.sql_type) for c in e.stored_columns), ("valid_from", instant), ("valid_to", instant))
    return Table(name=e.name + HISTORY_SUFFIX, columns=columns, key=(*e.key, "valid_to"))


def _personal_table(name: str, key: tuple[str, ...], owners: list[Entity]) -> Table:
    columns: dict[str, str] = dict.fromkeys(key, "VARCHAR")
    for owner in owners:
        columns.update({c.name: c.sql_type for c in owner.personal_columns})
    return Table(name=name, columns=tuple(columns.items()), key=key, leaves_empty_rows_out=True)


@functools.cache
def tables() -> dict[str, Table]:
    """Every table by name."""
    found = {name: _entity_table(e) for name, e in entities().items()}
    found |= {t.name: t for e in entities().values() if e.keeps_history for t in [_history_table(e)]}
    people = [e for e in entities().values() if e.person]
    facts = [e for e in entities().values() if e.personal_columns and not e.person]
    found[PROFILES] = _personal_table(PROFILES, ("person", "id"), people)
    found[TEXTS] = _personal_table(TEXTS, ("entity", "row_key"), facts)
    return found


def table(name: str) -> Table:
    """The table of that name; an unknown name answers with the nearest known one."""
    try:
        return tables()[name]
    except KeyError:
        raise unknown("table", name, tables()) from None
