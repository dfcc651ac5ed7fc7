"""What a rule may ask of a customer: own columns and scores, each of a kind that settles how it can be compared."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from keepwell.core.errors import unknown
from keepwell.customers.book import FROM_FACTS, OTHERS
from keepwell.lake.entity import Column, ColumnType, entity

# moments have a day of their own beside them; the rest says nothing of the customer, or names another one
LEFT_OUT = {*OTHERS, "run_id", "as_of", "health_parts", "attributes", "top_reasons"}


class Kind(StrEnum):
    """How values are compared."""

    CHOICE = "choice"  # one of few
    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    SHARE = "share"  # from 0 to 1
    DATE = "date"
    FLAG = "flag"


@dataclass(frozen=True)
class Field:
    """One thing that is known of customers. ``allowed`` are its values where the model declares them."""

    name: str
    kind: Kind
    allowed: tuple[str, ...] = ()


@functools.cache
def fields() -> Mapping[str, Field]:
    """Every field, scores first: they are what people choose by."""
    columns = [*entity("customer_scores").stored_columns, *entity("customers").stored_columns]
    found = {c.name: Field(c.name, kind, c.allowed) for c in columns if (kind := _kind(c)) is not None and c.name not in LEFT_OUT}
    return found | {name: Field(name, Kind.DATE) for name in FROM_FACTS}


def field(name: str) -> Field:
    """The field of that name; an unknown one answers with the nearest."""
    if name not in fields():
        raise unknown("field of customers", name, fields())
    return fields()[name]


def _kind(column: Column) -> Kind | None:
    if column.type in {ColumnType.NUMBER, ColumnType.DECIMAL, ColumnType.READING, ColumnType.COUNT}:
        return Kind.SHARE if column.minimum == 0 and column.maximum == 1 else Kind.NUMBER
    return {
        ColumnType.ID: Kind.TEXT if column.is_key else Kind.CHOICE,
        ColumnType.CODE: Kind.CHOICE,
        ColumnType.TEXT: Kind.TEXT,
        ColumnType.MONEY: Kind.MONEY,
        ColumnType.FLAG: Kind.FLAG,
        ColumnType.DATE: Kind.DATE,
    }.get(column.type)
