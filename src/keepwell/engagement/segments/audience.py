"""Audiences: who belongs to a segment now, how many they are, what they are worth, and whom other segments name too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from keepwell.access.scope import Scope
from keepwell.customers.book import Book
from keepwell.engine.sql import Steps


@dataclass(frozen=True)
class Size:
    """How many belong, of how many, and what they come to; None where nobody has such a value."""

    customers: int
    everybody: int
    clv: Decimal | None
    net_amount_12m: Decimal | None

    @property
    def share(self) -> float | None:
        return self.customers / self.everybody if self.everybody else None


@dataclass(frozen=True)
class Overlap:
    """How many belong to another segment, and how many to both."""

    name: str
    customers: int
    both: int


def size(book: Book, scope: Scope, asked: str) -> Size:
    """The size of those whom ``scope`` shows and for whom ``asked``, SQL made by :func:`.asked.rule_sql`, is true."""
    return sizes(book, scope, [asked])[0]


def sizes(book: Book, scope: Scope, asked: Sequence[str]) -> list[Size]:
    """The size of each of several, in one pass."""
    if not asked:
        return []
    told = ", ".join(
        f"count(*) filter ({a}) as n{i}, sum(clv) filter ({a}) as v{i}, sum(net_amount_12m) filter ({a}) as m{i}"
        for i, a in enumerate(asked)
    )
    with book.people(scope, is_barrier=False) as (cursor, people):
        (row,) = cursor.arrow(Steps().then("sizes", f"select count(*) as everybody, {told} from {people}")).to_pylist()
    return [Size(row[f"n{i}"], row["everybody"], row[f"v{i}"], row[f"m{i}"]) for i in range(len(asked))]


def overlaps(book: Book, scope: Scope, asked: str, others: Mapping[str, str]) -> list[Overlap]:
    """With each of the others, those with most in common first; those with nothing in common are left out."""
    if not others:
        return []
    told = ", ".join(
        f"count(*) filter ({other}) as n{i}, count(*) filter (({other}) and ({asked})) as b{i}" for i, other in enumerate(others.values())
    )
    with book.people(scope, is_barrier=False) as (cursor, people):
        (row,) = cursor.arrow(Steps().then("overlaps", f"select {told} from {people}")).to_pylist()
    found = [Overlap(name, row[f"n{i}"], row[f"b{i}"]) for i, name in enumerate(others)]
    return sorted((o for o in found if o.both), key=lambda o: (-o.both, o.name))
