"""The customers of one moment in memory: their own columns beside the scores of the published run, for pages that must answer at once.

A book is of one head of the lake and one run; both are looked at before each use, and a new book is made when either is another one.
Many threads may read one book; each uses a cursor of its own. Names and addresses lie in a table apart, which no user's SQL comes near;
since they are there, nothing of a book is ever written to disk.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from keepwell.access.masking import masked_profile
from keepwell.access.scope import Scope, reach_of
from keepwell.customers.lists import customer_columns, score_columns
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.engine.sql import Steps, literal, names, quoted
from keepwell.lake import head, runs
from keepwell.lake.head import Head
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run
from keepwell.lake.table import PROFILES

ALL, PERSONAL_TABLE = "people", "personal"
PERSONAL = ("name", "email", "phone", "birth_date", "gender")  # addresses are read where one customer is shown
LAST_CONTACT, CASE_DUE, CONTRACT_ENDS = "last_contact_on", "case_due_on", "contract_ends_on"
# days of a customer that stand in other tables: the last contact; the day by which the oldest open case or complaint was to be closed; the end of
# the contract that ends next, seen from the day of the run
FROM_FACTS = (LAST_CONTACT, CASE_DUE, CONTRACT_ENDS)
OTHERS = ("parent_id", "referred_by")  # columns that name another customer
# of the book's own rows, in the lists of all who see some of them; what was not used for longest goes first
MOST_COPIED = 2
PARTS = 8  # in which the customers are put together
MOST_REMEMBERED = 50  # customers looked at last
FEW, LENT = 2_000, "_among"  # ids that a query lists; the name of a table of more


def book_columns() -> list[str]:
    """What a list of customers can show, filter and sort by, without personal columns."""
    return [*customer_columns(), *score_columns(), *FROM_FACTS]


@dataclass
class _Share:
    """The rows that one scope sees, as a table of their own."""

    name: str
    rows: int
    readers: int = 0


@dataclass
class Book:
    """The customers of one moment; see :func:`book_of`."""

    lake: Lake
    moment: tuple[str | None, str | None]
    run: Run | None
    versions: dict[str, int]
    colleagues: Mapping[str, str]  # employee -> name
    _engine: DuckDBEngine
    _size: int = 0
    _shares: OrderedDict[str, _Share] = field(default_factory=OrderedDict)
    _ready: dict[str, Any] = field(default_factory=dict)
    _recent: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    _making: threading.RLock = field(default_factory=threading.RLock)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def people(self, scope: Scope, *, is_barrier: bool = True) -> Iterator[tuple[DuckDBEngine, str]]:
        """A cursor and what to read the customers from whom ``scope`` shows, as SQL.

        With ``is_barrier`` it is a table in which there are no others, so that a user's SQL may be run over it; the first time it takes a while.
        Without, hidden rows are filtered out, and columns that name another customer are empty.
        """
        if scope.is_whole or not is_barrier:
            with self.reader() as cursor:
                yield cursor, ALL if scope.is_whole else self._filtered(scope)
            return
        with self._lock:
            share = self._share(scope)
            share.readers += 1
        try:
            with self.reader() as cursor:
                yield cursor, share.name
        finally:
            with self._lock:
                share.readers -= 1

    def _filtered(self, scope: Scope) -> str:
        hidden = ", ".join(f"cast(null as VARCHAR) as {c}" for c in OTHERS)
        return f"(select * replace ({hidden}) from {ALL} as t where {reach_of(self.lake, scope).condition('t')}) as t"

    @contextmanager
    def reader(self) -> Iterator[DuckDBEngine]:
        """A cursor to read tables of the lake with, at the book's versions."""
        cursor = self._engine.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def sees(self, scope: Scope, customer_id: str) -> bool:
        """Whether there is such a customer whom ``scope`` shows."""
        with self.people(scope, is_barrier=False) as (cursor, people):
            return bool(cursor.rows(f"select 1 from {people} where customer_id = {literal(customer_id)} limit 1"))

    def prepared(self, name: str, make: Callable[[DuckDBEngine], Any]) -> Any:
        """What ``make`` makes of the tables, made once for all who read the book."""
        with self._making:
            if name not in self._ready:
                with self.reader() as cursor:
                    self._ready[name] = make(cursor)
            return self._ready[name]

    def recent(self, key: str) -> Any:
        """What was remembered under that key, or None: few are, and the longest unused is forgotten first."""
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
            return self._recent.get(key)

    def remember(self, key: str, value: Any) -> None:
        """Hold something small for those who ask next."""
        with self._lock:
            self._recent[key] = value
            self._recent.move_to_end(key)
            if len(self._recent) > MOST_REMEMBERED:
                self._recent.popitem(last=False)

    def _share(self, scope: Scope) -> _Share:
        key = Scope(scope.rows, scope.employee_id).key
        if key not in self._shares:
            name = f"seen_{next(self._numbers)}"
            mine = [c for c in book_columns() if c not in OTHERS]
            seen = f"select customer_id from {ALL} as t where {reach_of(self.lake, scope).condition('t')}"
            joins = "\n".join(f"left join mine as {c}_seen on {c}_seen.customer_id = t.{c}" for c in OTHERS)
            others = ", ".join(f"{c}_seen.customer_id as {c}" for c in OTHERS)
            query = f"with mine as ({seen}) select {names(mine, 't')}, {others} from {ALL} as t join mine on mine.customer_id = t.customer_id\n{joins}"
            self._shares[key] = _Share(name, self._engine.create_table(name, query))
            _index(self._engine, name)
        self._shares.move_to_end(key)
        self._drop_unused(key)
        return self._shares[key]

    def _drop_unused(self, wanted: str) -> None:
        total = sum(s.rows for s in self._shares.values())
        for key, share in list(self._shares.items()):
            if total <= MOST_COPIED * self._size:
                return
            if key != wanted and not share.readers:
                self._engine.execute(f"drop table {share.name}")
                total -= share.rows
                del self._shares[key]


_books: dict[Path, Book] = {}
_making = threading.Lock()


def book_of(lake: Lake, memory_limit: str) -> Book:
    """The book of the lake as it is; made anew where the head or the published run is another one than that of the last.

    It takes as much memory as its customers need (about 0.6 GB a million), ``memory_limit`` at most; above that it is an error.
    """
    now, run = head.read(lake.folder), runs.published_or_none(lake)
    moment = _moment(now, run)
    with _making:
        found = _books.get(lake.folder)
        if found is None or found.moment != moment:
            # whoever still reads the old one keeps it until done
            found = _books[lake.folder] = _made(lake, moment, run, now.tables, memory_limit)
        return found


def is_ready(lake: Lake) -> bool:
    """Whether :func:`book_of` has the lake's book already, so that nobody would wait for it."""
    found = _books.get(lake.folder)
    return found is not None and found.moment == _moment(head.read(lake.folder), runs.published_or_none(lake))


def _moment(now: Head, run: Run | None) -> tuple[str | None, str | None]:
    return now.change, run.run_id if run else None


def _made(lake: Lake, moment: tuple[str | None, str | None], run: Run | None, versions: dict[str, int], memory_limit: str) -> Book:
    engine = DuckDBEngine(Resources(None, memory_limit, packs=True))
    snapshot = lake.snapshot(versions)
    for name in ("customers", "interactions", "cases", "tickets", "contracts"):
        snapshot.register(engine, name)
    of_run = run.run_id if run is not None and "customer_scores" in run.results else None
    lake.snapshot({"customer_scores": run.results["customer_scores"]} if run is not None and of_run else {}).register(
        engine, "customer_scores"
    )
    day = run.as_of if run else None
    size = engine.create_table(ALL, *(_everyone(of_run, day, part) for part in _parts(engine)))
    _index(engine, ALL)
    snapshot.register(engine, PROFILES)
    engine.create_table(PERSONAL_TABLE, f"select id as customer_id, {names(PERSONAL)} from {PROFILES} where person = 'customer'")
    _index(engine, PERSONAL_TABLE)
    colleagues = dict(engine.rows(f"select id, name from {PROFILES} where person = 'employee' and name is not null"))
    return Book(lake, moment, run, versions, colleagues, engine, size)


def _parts(engine: DuckDBEngine) -> list[str]:
    """Conditions on ``customer_id`` that part the customers into as many each: files in the order of ids are read once in all."""
    cuts = ", ".join(str(n / PARTS) for n in range(1, PARTS))
    ids = "select customer_id from customers union all select customer_id from customer_scores"
    found = sorted(set(engine.value(f"select quantile_disc(customer_id, [{cuts}]) from ({ids})") or ()))
    ends = [f"customer_id < {literal(i)}" for i in found]
    starts = [f"customer_id >= {literal(i)}" for i in found]
    return [" and ".join(c) for c in zip(["true", *starts], [*ends, "true"], strict=True)]


def _everyone(of_run: str | None, day: date | None, here: str) -> str:
    """A part of the customers with their scores: all at once would take twice the room while they are put together."""
    own, scores = [c for c in customer_columns() if c != "customer_id"], score_columns()
    contacts = "select customer_id, max(occurred_on) as last_contact_on from interactions"
    follow_ups = f"select customer_id, due_on from cases where closed_at is null and {here}"
    is_open = "resolved_at is null and closed_at is null and status not in ('closed', 'resolved')"
    complaints = f"select customer_id, resolution_due_on from tickets where kind = 'complaint' and {is_open} and {here}"
    # before the first run there is no day to look from
    ends = f"select customer_id, min(ends_on) as contract_ends_on from contracts where ends_on >= cast({literal(day)} as DATE)"
    return (
        Steps()
        .then("own", f"select * from customers where {here}")
        .then("scores", f"select * from customer_scores where run_id is not distinct from {literal(of_run)} and {here}")
        .then("contacts", f"{contacts} where {here} group by customer_id")
        .then("open_cases", f"{follow_ups}\nunion all\n{complaints}")
        .then("due", "select customer_id, min(due_on) as case_due_on from open_cases group by customer_id")
        .then("ends", f"{ends} and {here} group by customer_id")
        # who bought without standing in the list of customers is a customer too
        .then(
            "everyone",
            f"select coalesce(c.customer_id, s.customer_id) as customer_id, {names(own, 'c')}, {names(scores, 's')}, {names(FROM_FACTS)}\n"
            "from own as c full join scores as s on s.customer_id = c.customer_id\n"
            + "\n".join(f"left join {t} on {t}.customer_id = coalesce(c.customer_id, s.customer_id)" for t in ("contacts", "due", "ends")),
        )
        .render()
    )


def _index(engine: DuckDBEngine, name: str) -> None:
    # a page is fetched by its ids, which would otherwise be a pass over all columns
    engine.execute(f"create index {name}_by_id on {name} (customer_id)")


def personal_shown(cursor: DuckDBEngine, scope: Scope, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Id -> personal columns of customers whom the scope shows, masked unless it sees them."""
    if not ids:
        return {}
    shown = ", ".join(f"{f't.{c}' if scope.sees_personal else masked_profile(c, 't', 't.kind')} as {quoted(c)}" for c in PERSONAL)
    query = f"select t.customer_id as _id, {shown} from t"
    with among(cursor, ids) as listed:
        steps = (
            Steps()
            .then("kinds", f"select customer_id, kind from {ALL} where customer_id in {listed}")
            .then("these", f"select *, 'customer' as person from {PERSONAL_TABLE} where customer_id in {listed}")
            .then("t", "select s.*, k.kind from these as s left join kinds as k on k.customer_id = s.customer_id")
        )
        return {r.pop("_id"): r for r in cursor.arrow(steps.then("shown", query)).to_pylist()}


@contextmanager
def among(cursor: DuckDBEngine, ids: Collection[str]) -> Iterator[str]:
    """SQL that stands after ``in``: a few ids as they are, which an index finds, many as a table."""
    if len(ids) <= FEW:
        yield f"({', '.join(literal(i) for i in sorted(ids))})"
        return
    cursor.lend(LENT, pa.table({"id": pa.array(ids, pa.string())}))
    try:
        yield f"(select id from {LENT})"
    finally:
        cursor.take_back(LENT)
