"""Customers who call for attention: each reason is a condition over the book, so that the list of those whom it names holds exactly as many as were told.

Days are counted to the day of the published run; whether a case is still open is what the lake knows now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from keepwell.access.scope import Scope
from keepwell.core.errors import unknown
from keepwell.customers.book import ALL, CASE_DUE, CONTRACT_ENDS, LAST_CONTACT, Book
from keepwell.customers.suggestions import SILENT_DAYS
from keepwell.engine.sql import Steps, literal

TOP_SHARE = 0.1  # of the customers who are seen and of whom a value is expected
ENDING_DAYS = 60


@dataclass(frozen=True)
class Attention:
    """A reason to look at customers: SQL that holds of them, and the column of a list that shows why."""

    holds: str
    column: str


# those that are worth most first; {day} is that of the run, {top} the least CLV of the top share
ATTENTIONS: Mapping[str, Attention] = {
    "value_leaving": Attention("churn_band = 'high' and clv_12m > 0 and clv_12m >= {top}", "clv_12m"),
    # where nobody writes contacts down, nobody is known to be silent
    "silent": Attention(
        f"tier = 'A' and {{has_contacts}} and ({LAST_CONTACT} is null or {LAST_CONTACT} < {{day}} - {SILENT_DAYS})", LAST_CONTACT
    ),
    "overdue": Attention(f"{CASE_DUE} <= {{day}}", CASE_DUE),
    "contract_ending": Attention(f"churn_band in ('high', 'medium') and {CONTRACT_ENDS} <= {{day}} + {ENDING_DAYS}", CONTRACT_ENDS),
}


@dataclass(frozen=True)
class Called:
    """How many customers a reason names, and their CLV of 12 months together in the reporting currency; None where nobody has any."""

    name: str
    customers: int
    clv_12m: Decimal | None


def attention_sql(book: Book, scope: Scope, name: str) -> str:
    """The condition of that reason over the customers whom ``scope`` shows; an unknown name answers with the nearest."""
    if name not in ATTENTIONS:
        raise unknown("reason for attention", name, ATTENTIONS)
    found = ATTENTIONS[name].holds
    day = f"cast({literal(book.run.as_of if book.run else None)} as DATE)"
    has_contacts = literal(bool(book.prepared("has contacts", lambda c: c.value(f"select count({LAST_CONTACT}) > 0 from {ALL}"))))
    top = _top_value(book, scope) if "{top}" in found else None
    return f"({found.format(day=day, has_contacts=has_contacts, top='NULL' if top is None else f'{top:f}')})"


def called(book: Book, scope: Scope) -> tuple[Called, ...]:
    """What calls for attention among the customers whom ``scope`` shows; a reason that names nobody is left out."""
    told = ", ".join(
        f"count(*) filter ({sql}) as n{i}, sum(clv_12m) filter ({sql}) as v{i}"
        for i, sql in enumerate(attention_sql(book, scope, name) for name in ATTENTIONS)
    )
    with book.people(scope, is_barrier=False) as (cursor, people):
        (row,) = cursor.arrow(Steps().then("called", f"select {told} from {people}")).to_pylist()
    found = (Called(name, row[f"n{i}"], row[f"v{i}"]) for i, name in enumerate(ATTENTIONS))
    return tuple(c for c in found if c.customers)


def _top_value(book: Book, scope: Scope) -> Decimal | None:
    """The CLV from which on somebody belongs to the top share; of equal ones all do."""

    def found() -> Decimal | None:
        with book.people(scope, is_barrier=False) as (cursor, people):
            # the value in the place ceil(share × number), counted from the highest
            query = (
                f"select percentile_disc({TOP_SHARE}) within group (order by clv_12m desc) as top from {people} where clv_12m is not null"
            )
            top: Decimal | None = cursor.arrow(Steps().then("top", query)).to_pylist()[0]["top"]
            return top

    return book.prepared(f"top value of {Scope(scope.rows, scope.employee_id).key}", lambda _: found())  # type: ignore[no-any-return]  # as made right above
