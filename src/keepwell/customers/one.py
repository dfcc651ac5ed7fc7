"""One customer's rows, read from all tables: only those who may see the customer come this far."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from keepwell.access.scope import Scope
from keepwell.core.errors import UnknownError, unknown
from keepwell.customers.book import Book
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.protocol import Engine
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake.entity import entities
from keepwell.lake.snapshots import IDENTITY_KEY, Snapshot
from keepwell.metrics.session import Ground, Session

MOST_NEAR = 200


@dataclass(frozen=True)
class OneCustomer:
    """Tables of a moment with the rows about one customer only, whatever id a source has for the customer."""

    base: Snapshot
    customer_id: str
    stored_ids: tuple[str, ...]

    def rows(self, name: str) -> int:
        return self.base.rows(name)

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        """Make a table readable by its name, or as ``known_as``. A filter on stored ids reads only the files that hold them."""
        e = entities().get(name)
        if e is None or not e.has_column("customer_id"):
            self.base.register(engine, name, known_as)
            return
        shown = known_as or name
        stored = self.base.table(name, f"{shown}__stored")
        engine.register(stored)
        columns = ", ".join(f"{literal(self.customer_id)} as customer_id" if c == "customer_id" else quoted(c) for c, _ in stored.columns)
        listed = ", ".join(literal(i) for i in self.stored_ids)
        engine.define(shown, Steps().then(name, f"select {columns} from {quoted(stored.name)} where customer_id in ({listed})"))


@dataclass(frozen=True)
class Reader:
    """What the parts of a customer's page are read with."""

    book: Book
    scope: Scope
    session: Session
    customer_id: str

    @property
    def engine(self) -> Engine:
        return self.session.engine

    def rows(self, name: str, query: str, *others: str) -> list[dict[str, Any]]:
        """The answer of a query over the customer's rows of a table, and of ``others``; amounts are in the reporting currency."""
        for table in (name, *others):
            self.session.make_ready(table)
        found: list[dict[str, Any]] = self.engine.arrow(Steps().then(name, query)).to_pylist()
        return found


@contextmanager
def opened(book: Book, scope: Scope, customer_id: str, ground: Ground) -> Iterator[Reader]:
    """The rows of that customer. One whom the scope hides is as unknown as one who is not there, and the nearest known is one who is seen."""
    check_seen(book, scope, customer_id)
    snapshot = book.lake.snapshot(book.versions)
    with book.reader() as engine:
        tables = OneCustomer(snapshot, customer_id, _stored_ids(engine, snapshot, customer_id))
        yield Reader(book, scope, Session(engine, tables, ground), customer_id)


def check_seen(book: Book, scope: Scope, customer_id: str) -> None:
    """An unknown customer, and one whom the scope hides, answer with the nearest whom it shows."""
    if not book.sees(scope, customer_id):
        raise not_known(book, scope, customer_id)


def not_known(book: Book, scope: Scope, customer_id: str) -> UnknownError:
    with book.people(scope, is_barrier=False) as (cursor, people):
        near = [r[0] for r in cursor.rows(f"select customer_id from {people} order by customer_id limit {MOST_NEAR}")]
    return unknown("customer", customer_id, near)


def _stored_ids(engine: DuckDBEngine, snapshot: Snapshot, customer_id: str) -> tuple[str, ...]:
    """The ids under which sources know the customer; the own one too, unless it was merged into another."""
    if not snapshot.rows("identities"):
        return (customer_id,)
    engine.register(snapshot.table("identities", "_identities"))
    query = (
        f"select {IDENTITY_KEY} as stored_id, min(customer_id) as customer_id from _identities group by 1 "
        f"having min(customer_id) = {literal(customer_id)} or stored_id = {literal(customer_id)}"
    )
    today = dict(engine.rows(query))
    mine = [stored for stored, owner in today.items() if owner == customer_id]
    return tuple(sorted({*mine, *([customer_id] if today.get(customer_id, customer_id) == customer_id else [])}))
