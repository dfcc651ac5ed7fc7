"""The list of customers for a page: filtered, sorted, counted and added up, with names as far as the reader may see them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from keepwell.access.scope import Scope, with_regions_below
from keepwell.core.errors import WrongUseError, did_you_mean, unknown
from keepwell.customers.attention import attention_sql
from keepwell.customers.book import LAST_CONTACT, OTHERS, PERSONAL, Book, among, book_columns, personal_shown
from keepwell.customers.lists import SEGMENTS
from keepwell.customers.profiles import names_of_employees
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import SqlError, Steps, literal, names, quoted
from keepwell.engine.walls import check_expression

OWNER_NAME = "owner_name"
SHOWN = ("customer_id", "name", "kind", "tier", "lifecycle_stage", "owner_id", OWNER_NAME, "region", "clv", "net_amount_12m", "churn_band", "last_order_on", LAST_CONTACT)  # fmt: skip
LONGEST_PAGE = 1000
PART = 50_000  # rows of a whole list that are read at a time
MOST_SQL, LIST_SECONDS = 2_000, 30.0
MOST_DIGITS = 13  # after the first one, before the point


@dataclass(frozen=True)
class Filters:
    """Which customers; all that are given must hold. Ranges hold both ends. A region means those below it too; ``value`` is CLV."""

    segment: str | None = None  # an RFM group, lifecycle stage, tier, cluster or churn band
    tiers: Sequence[str] = ()
    stages: Sequence[str] = ()
    churn_bands: Sequence[str] = ()
    owners: Sequence[str] = ()
    regions: Sequence[str] = ()
    value_from: Decimal | None = None
    value_to: Decimal | None = None
    last_contact_from: date | None = None
    last_contact_to: date | None = None
    health_bands: Sequence[str] = ()
    attention: Sequence[str] = ()  # reasons of ATTENTIONS; one of them is enough
    where: str | None = None  # SQL over own columns and scores
    rule: str | None = None  # the same, made of known columns and literals: it needs no barrier and can't fail


@dataclass(frozen=True)
class People:
    """A page of a list, and what the whole list comes to. ``clv`` and ``net_amount`` are None where nobody has any."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    total: int
    net_amount: Decimal | None
    clv: Decimal | None
    offset: int
    run_id: str | None
    as_of: date | None


@dataclass(frozen=True)
class Page:
    """Which part of a list, in which order: the highest of ``sort`` first (``-`` before it: the lowest), what is not known last."""

    columns: Sequence[str] = SHOWN
    sort: str | None = "clv"
    offset: int = 0
    limit: int = 50


def whole_list(book: Book, scope: Scope, filters: Filters, page: Page) -> Iterator[People]:
    """The whole list in parts that memory holds, the first one with the page's columns and order; there is always a first one."""
    offset = 0
    while True:
        found = people(book, scope, filters, replace(page, offset=offset, limit=PART), longest=PART)
        yield found
        offset += len(found.rows)
        if not found.rows or offset >= found.total:
            return


def people(book: Book, scope: Scope, filters: Filters = Filters(), page: Page = Page(), *, longest: int = LONGEST_PAGE) -> People:
    """The page of the customers whom ``scope`` shows and who pass the filters; never more than ``longest``.

    Unknown columns, segments, and SQL that can't be computed raise ``WrongUseError``; no hint tells of a customer who is hidden.
    """
    known = book_columns()
    for name in page.columns:
        if name not in known and name not in PERSONAL and name != OWNER_NAME:
            raise WrongUseError(f"Customers have no column {name!r}.", did_you_mean(name, [*known, *PERSONAL, OWNER_NAME]))
    by = _column_of(page.sort, known)
    order = f"_by {'asc' if (page.sort or '').startswith('-') else 'desc'} nulls last, customer_id" if by else "customer_id"
    # the faster way is for lists that hold no SQL of a user's, and name no other customer
    is_barrier = filters.where is not None or bool({*page.columns, (page.sort or "").removeprefix("-")} & set(OTHERS))
    with book.people(scope, is_barrier=is_barrier) as (cursor, table):
        condition = _condition(book, scope, cursor, table, filters)
        own = list(dict.fromkeys(["customer_id", "owner_id", *(c for c in page.columns if c in known)]))
        found = f"select customer_id, net_amount, clv{f', {quoted(by)} as _by' if by else ''} from {table} where {condition}"
        try:
            # a condition of one's own may take as long as it likes
            with cursor.time_limit(LIST_SECONDS):
                totals = _totals(
                    cursor,
                    found,
                    order,
                    (min(max(page.limit, 0), longest), max(page.offset, 0)),
                    is_all=condition == "true" and scope.is_whole,
                )
        except SqlError as error:
            raise _not_computed(filters, error) from error
        ids = totals["ids"] or []
        rows = _rows(cursor, table, own, ids)
        if any(c in PERSONAL for c in page.columns):
            personal = personal_shown(cursor, scope, ids)
            rows = [r | personal.get(r["customer_id"], {}) for r in rows]
    if OWNER_NAME in page.columns:
        owners = names_of_employees(book, {r["owner_id"] for r in rows if r["owner_id"]})
        rows = [r | {OWNER_NAME: owners.get(r["owner_id"])} for r in rows]
    return People(
        columns=tuple(page.columns),
        rows=tuple({c: r.get(c) for c in page.columns} for r in rows),
        total=totals["total"],
        net_amount=totals["net_amount"],
        clv=totals["clv"],
        offset=page.offset,
        run_id=book.run.run_id if book.run else None,
        as_of=book.run.as_of if book.run else None,
    )


def _totals(cursor: DuckDBEngine, found: str, order: str, part: tuple[int, int], *, is_all: bool) -> dict[str, Any]:
    """What the list comes to, and the ids of the page. The order needs few columns, and the page few rows."""
    steps = Steps().then("found", found)
    of_page = f"select * from found order by {order} limit {part[0]} offset {part[1]}"
    ids, sums = (
        f"select list(customer_id order by {order}) as ids from page",
        "count(*) as total, sum(net_amount) as net_amount, sum(clv) as clv",
    )
    if is_all:
        # what both read would be copied first
        total: dict[str, Any] = cursor.arrow(steps.then("totals", f"select {sums} from found")).to_pylist()[0]
        (first,) = cursor.arrow(steps.then("page", of_page).then("ids", ids)).to_pylist()
        return {**total, **first}
    both: list[dict[str, Any]] = cursor.arrow(
        steps.then("page", of_page).then("both", f"select {sums}, ({ids}) as ids from found")
    ).to_pylist()
    return both[0]


def regions_of(book: Book, scope: Scope) -> tuple[str, ...]:
    """The regions of the customers whom the scope shows, that of most of them first."""
    with book.people(scope, is_barrier=False) as (cursor, table):
        query = f"select region from {table} where region is not null group by region order by count(*) desc, region"
        return tuple(r[0] for r in cursor.rows(query))


def _column_of(sort: str | None, known: Sequence[str]) -> str | None:
    by = (sort or "").removeprefix("-")
    sortable = [c for c in known if c != "attributes"]
    if by and by not in sortable:
        # nor by a personal column: the order would tell what is masked
        raise WrongUseError(f"Customers can't be sorted by {by!r}.", did_you_mean(by, sortable))
    return by or None


def _rows(cursor: DuckDBEngine, table: str, columns: list[str], ids: list[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    with among(cursor, ids) as listed:
        query = f"select {names(columns)} from {table} where customer_id in {listed}"
        found = {r["customer_id"]: r for r in cursor.arrow(Steps().then("page", query)).to_pylist()}
    return [found[i] for i in ids]


def _condition(book: Book, scope: Scope, cursor: DuckDBEngine, table: str, filters: Filters) -> str:
    parts = ["true"]
    if filters.segment is not None:
        _check_segment(cursor, table, filters.segment)
        parts.append(f"{literal(filters.segment)} in ({', '.join(SEGMENTS)})")
    lists = {
        "tier": filters.tiers,
        "lifecycle_stage": filters.stages,
        "churn_band": filters.churn_bands,
        "health_band": filters.health_bands,
        "owner_id": filters.owners,
        "region": sorted(with_regions_below(book.lake, filters.regions)) if filters.regions else (),
    }
    parts += [f"{column} in ({', '.join(literal(v) for v in values)})" for column, values in lists.items() if values]
    ends = {"clv": (filters.value_from, filters.value_to), LAST_CONTACT: (filters.last_contact_from, filters.last_contact_to)}
    for column, (first, last) in ends.items():
        parts += [f"{column} >= {_plain(first)}"] if first is not None else []
        parts += [f"{column} <= {_plain(last)}"] if last is not None else []
    if filters.attention:
        parts.append(f"({' or '.join(attention_sql(book, scope, name) for name in filters.attention)})")
    if filters.rule:
        parts.append(f"({filters.rule})")
    if filters.where:
        if len(filters.where) > MOST_SQL:
            raise WrongUseError("The condition is too long.", f"At most {MOST_SQL:,} characters.")
        parts.append(f"({check_expression(filters.where)})")
    return " and ".join(parts)


def _plain(value: Decimal | date) -> str:
    if isinstance(value, date):
        return f"DATE {literal(value)}"
    # a number of few letters may be one of a billion digits
    if not value.is_finite() or value.adjusted() > MOST_DIGITS:
        raise WrongUseError("A value is too large to look for.", "Give a number of at most 14 digits.")
    return f"{value.quantize(Decimal('0.0001')):f}"


def _check_segment(cursor: DuckDBEngine, table: str, segment: str) -> None:
    found = {r[0] for c in SEGMENTS for r in cursor.rows(f"select distinct {c} from {table} where {c} is not null")}
    if segment not in found:
        raise unknown("segment", segment, found)


def _not_computed(filters: Filters, error: SqlError) -> WrongUseError:
    # the whole query would say which owners and regions somebody sees
    reason = error.reason.splitlines()[0]
    if filters.where is None:
        return WrongUseError("These filters can't be computed.", "Choose others.")
    return WrongUseError(f"The filter {filters.where!r} can't be computed: {reason}", "It is SQL over customers' own columns and scores.")
