"""The canonical entities, as data: the contract for ``entities/*.yaml``.

Import checks, mapping suggestions, documentation, masking and the lake's tables all read these definitions; nothing else
names a column of the model.
"""

import functools
import importlib.resources
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from keepwell.core.errors import unknown
from keepwell.core.yaml_file import shipped


class ColumnType(StrEnum):
    """What a column holds. The engine's type is in :data:`SQL_TYPES`."""

    ID = "id"  # an identifier: trimmed, NFC, never case-folded; carries its source's prefix
    TEXT = "text"  # words for people
    CODE = "code"  # a word for machines: a member of ``allowed``, a currency, a country
    MONEY = "money"  # decimal(18, 4), beside a currency column
    NUMBER = "number"  # a measured number: scores, rates, probabilities
    DECIMAL = "decimal"  # an exact number that is no money: quantities, points, rates
    READING = "reading"  # decimal(38, 10): the value of a KPI, whatever its unit
    COUNT = "count"  # a whole number
    FLAG = "flag"  # true or false
    INSTANT = "instant"  # a moment, UTC, microseconds
    DATE = "date"  # a calendar day
    TIME = "time"  # a time of day, HH:MM
    ATTRIBUTES = "attributes"  # what the model does not name: map of strings


SQL_TYPES = {
    ColumnType.ID: "VARCHAR",
    ColumnType.TEXT: "VARCHAR",
    ColumnType.CODE: "VARCHAR",
    ColumnType.MONEY: "DECIMAL(18, 4)",
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.DECIMAL: "DECIMAL(18, 6)",
    ColumnType.READING: "DECIMAL(38, 10)",
    ColumnType.COUNT: "BIGINT",
    ColumnType.FLAG: "BOOLEAN",
    ColumnType.INSTANT: "TIMESTAMP WITH TIME ZONE",
    ColumnType.DATE: "DATE",
    ColumnType.TIME: "VARCHAR",
    ColumnType.ATTRIBUTES: "MAP(VARCHAR, VARCHAR)",
}


@dataclass(frozen=True)
class Column:
    """One column of an entity."""

    name: str
    type: ColumnType
    label: dict[str, str]  # language -> words
    meaning: str
    is_key: bool = False
    is_required: bool = False
    is_personal: bool = False
    allowed: tuple[str, ...] = ()
    references: str | None = None  # the entity whose key this is
    minimum: float | None = None
    maximum: float | None = None
    may_be_future: bool = False  # due dates, ends, expiries
    default: str | None = None  # SQL over the row's own columns, for rows that bring no value
    derived: str | None = None  # SQL over the row's columns ``derived_from``: computed at landing, never read from a file
    derived_from: tuple[str, ...] = ()
    date_of: str | None = None  # the instant whose day, in the workspace's time zone, this is: computed at landing
    copied_from: str | None = None  # the entity from which a row's parent gives this column at landing
    aliases: tuple[str, ...] = ()  # other names seen in files, in any language

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]

    @property
    def is_computed(self) -> bool:
        """Whether landing computes it, so that no file may bring it."""
        return bool(self.derived or self.date_of or self.copied_from)


@dataclass(frozen=True)
class Rule:
    """A statement about one row that must hold (SQL; NULL counts as holding)."""

    name: str
    holds: str
    says: dict[str, str]
    is_warning: bool = False


@dataclass(frozen=True)
class Entity:
    """One table of the canonical model."""

    name: str
    theme: str
    label: dict[str, str]
    meaning: str
    columns: tuple[Column, ...]
    month_of: str | None = None  # the date column whose month partitions the table; None for tables that stay small
    person: str | None = None  # customer | contact | employee: personal columns go to ``profiles``, else to ``texts``
    keeps_history: bool = False
    rules: tuple[Rule, ...] = ()
    is_derived: bool = False  # written by a refresh, never imported
    aliases: tuple[str, ...] = field(default=())

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.is_key)

    @property
    def personal_columns(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.is_personal)

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """The columns of the entity's own table: everything that is not personal."""
        return tuple(c for c in self.columns if not c.is_personal)

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise unknown(f"column of {self.name}", name, (c.name for c in self.columns))

    def has_column(self, name: str) -> bool:
        return any(c.name == name for c in self.columns)


def _words(pair: list[str]) -> dict[str, str]:
    english, chinese = pair
    return {"en": english, "zh": chinese}


def _column(name: str, spec: dict[str, Any]) -> Column:
    given = dict(spec)
    derived = given.pop("derived", {})
    return Column(
        name=name,
        type=ColumnType(given.pop("type")),
        label=_words(given.pop("label")),
        meaning=given.pop("meaning"),
        is_key=given.pop("key", False),
        is_required=given.pop("required", False) or spec.get("key", False),
        is_personal=given.pop("personal", False),
        allowed=tuple(given.pop("allowed", ())),
        aliases=tuple(given.pop("aliases", ())),
        derived=derived.get("sql"),
        derived_from=tuple(derived.get("from", ())),
        **given,
    )


def _entity(name: str, theme: str, spec: dict[str, Any]) -> Entity:
    given = dict(spec)
    return Entity(
        name=name,
        theme=theme,
        label=_words(given.pop("label")),
        columns=tuple(_column(n, c) for n, c in given.pop("columns").items()),
        rules=tuple(Rule(n, r["holds"], _words(r["says"]), is_warning=r.get("warning", False)) for n, r in given.pop("rules", {}).items()),
        aliases=tuple(given.pop("aliases", ())),
        **given,
    )


@functools.cache
def entities() -> dict[str, Entity]:
    """Every entity of the model by name, in the order of the themes."""
    found: dict[str, Entity] = {}
    folder = importlib.resources.files("keepwell.lake") / "entities"
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name.endswith(".yaml"):
            theme = path.name.removesuffix(".yaml").partition("_")[2]
            for name, spec in shipped(path.read_text(encoding="utf-8")).items():
                found[name] = _entity(name, theme, spec)
    return found


def entity(name: str) -> Entity:
    """The entity of that name; an unknown name answers with the nearest known one."""
    try:
        return entities()[name]
    except KeyError:
        raise unknown("entity", name, entities()) from None
