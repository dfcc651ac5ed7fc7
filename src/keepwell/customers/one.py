"""One customer's rows, read from all tables: only those who may see the customer come this far."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from keepwell.access.scope import Scope
from keepwell.core.errors import UnknownError, unknown
from keepwell.customers.book import Book
from keepwell.engine.duckdb import DuckDBEngine, snapshot_sql
from keepwell.engine.protocol import Engine
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake.entity import entities
from keepwell.lake.snapshots import IDENTITY_KEY, Snapshot
from keepwell.metrics.session import Ground, Session

MOST_NEAR = 200
MOST_REMEMBERED_BYTES = 1_000_000  # of one customer's rows


@dataclass(frozen=True)
class OneCustomer:
    """Tables of a moment with the rows about one customer only, whatever id a source has for the customer."""

    base: Snapshot
    customer_id: str
    stored_ids: tuple[str, ...]
    kept: dict[str, pa.Table] = field(default_factory=dict)  # table, or another name -> rows about the customer

    def rows(self, name: str) -> int:
        return self.base.rows(name)

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        """Make a table readable by its name, or as ``known_as``. The customer's rows are read once for all who ask for them."""
        e = entities().get(name)
        if e is None or not e.has_column("customer_id") or not self.base.rows(name):
            self.base.register(engine, name, known_as)
            return
        engine.lend(known_as or name, self.read(engine, name, lambda: self._query(name)))

    def read(self, engine: Engine, name: str, query: Callable[[], Steps]) -> pa.Table:
        """The answer of a query about the customer, asked once for all parts of a page."""
        if name not in self.kept:
            self.kept[name] = engine.arrow(query())
        return self.kept[name]

    def _query(self, name: str) -> Steps:
        """A filter on stored ids reads only the files that hold them, and few groups of rows of each."""
        stored = self.base.table(name)
        columns = ", ".join(f"{literal(self.customer_id)} as customer_id" if c == "customer_id" else quoted(c) for c, _ in stored.columns)
        listed = ", ".join(literal(i) for i in self.stored_ids)
        # a view would be bound once more, and binding many files takes as long as reading the few rows
        return Steps().then("stored", snapshot_sql(stored)).then("mine", f"select {columns} from stored where customer_id in ({listed})")


@dataclass(frozen=True)
class Reader:
    """What the parts of a customer's page are read with."""

    book: Book
    scope: Scope
    session: Session
    tables: OneCustomer

    @property
    def customer_id(self) -> str:
        return self.tables.customer_id

    @property
    def engine(self) -> Engine:
        return self.session.engine

    def rows(self, name: str, query: str, *others: str) -> list[dict[str, Any]]:
        """The answer of a query over the customer's rows of a table, and of ``others``; amounts are in the reporting currency.

        Of a table without rows there is none, so a query of a single total has no row either.
        """
        if not self.tables.rows(name):
            return []
        for table in (name, *others):
            self.session.make_ready(table)
        found: list[dict[str, Any]] = self.engine.arrow(Steps().then(name, query)).to_pylist()
        return found


@contextmanager
def opened(book: Book, scope: Scope, customer_id: str, ground: Ground) -> Iterator[Reader]:
    """The rows of that customer. One whom the scope hides is as unknown as one who is not there, and the nearest known is one who is seen."""
    check_seen(book, scope, customer_id)
    with book.reader() as engine:
        tables = book.recent(customer_id) or _tables(book, engine, customer_id)
        yield Reader(book, scope, Session(engine, tables, ground), tables)
    # a page is read in parts: those after the first find the rows in memory
    if sum(rows.nbytes for rows in tables.kept.values()) <= MOST_REMEMBERED_BYTES:
        book.remember(customer_id, tables)


def check_seen(book: Book, scope: Scope, customer_id: str) -> None:
    """An unknown customer, and one whom the scope hides, answer with the nearest whom it shows."""
    if not book.sees(scope, customer_id):
        raise not_known(book, scope, customer_id)


def not_known(book: Book, scope: Scope, customer_id: str) -> UnknownError:
    with book.people(scope, is_barrier=False) as (cursor, people):
        near = [r[0] for r in cursor.rows(f"select customer_id from {people} order by customer_id limit {MOST_NEAR}")]
    return unknown("customer", customer_id, get_close_matches(customer_id, near))


def _tables(book: Book, engine: DuckDBEngine, customer_id: str) -> OneCustomer:
    snapshot = book.lake.snapshot(book.versions)
    stored_ids: tuple[str, ...] = (customer_id,)
    if snapshot.rows("identities"):
        book.prepared("merged ids", lambda cursor: _keep_merged(cursor, snapshot))
        stored_ids = _stored_ids(engine, customer_id)
    return OneCustomer(snapshot, customer_id, stored_ids)


def _keep_merged(engine: DuckDBEngine, snapshot: Snapshot) -> int:
    """Keep the ids that are another customer's today: few beside those that are still their own."""
    engine.register(snapshot.table("identities", "_identities"))
    return engine.create_table(
        "merged_ids",
        f"select {IDENTITY_KEY} as stored_id, min(customer_id) as customer_id from _identities group by 1 having min(customer_id) <> stored_id",
    )


def _stored_ids(engine: DuckDBEngine, customer_id: str) -> tuple[str, ...]:
    """The ids under which sources know the customer; the own one too, unless it was merged into another."""
    wanted = literal(customer_id)
    merged = engine.rows(f"select stored_id, customer_id from merged_ids where customer_id = {wanted} or stored_id = {wanted}")
    mine = {stored for stored, owner in merged if owner == customer_id}
    return tuple(sorted(mine if customer_id in {stored for stored, _ in merged} else {*mine, customer_id}))
