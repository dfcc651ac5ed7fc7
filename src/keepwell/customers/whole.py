"""Customer 360: all that is known of one customer, as a page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from keepwell.customers.book import book_columns
from keepwell.customers.lists import customer_columns, score_columns
from keepwell.customers.one import Reader
from keepwell.customers.profiles import profiles
from keepwell.customers.relations import Consent, Contact, Coverage, Relative, company_tree, consents_today, contacts, coverage_or_none
from keepwell.customers.score_history import ScorePoint, score_history
from keepwell.customers.suggestions import Situation, Suggestion, suggestions
from keepwell.customers.value import Value, value
from keepwell.engine.sql import Steps, literal
from keepwell.lake.table import KEY_SEPARATOR, TEXTS

MOST_ANSWERS = 200


@dataclass(frozen=True)
class Answer:
    """One question that the customer answered; the comment only for those who see personal data."""

    response_id: str
    metric: str
    answered_at: datetime
    score: float | None
    scale_min: float
    scale_max: float
    comment: str | None


@dataclass(frozen=True)
class Customer360:
    """One customer. ``personal`` holds name, e-mail, phone, address, birth date and gender as far as the reader may see them.

    ``own`` are the other columns, ``scores`` those of the published run (None before the first one, or where it did not know the customer).
    """

    customer_id: str
    run_id: str | None
    as_of: date | None
    personal: Mapping[str, Any]
    own: Mapping[str, Any]
    owner_name: str | None
    scores: Mapping[str, Any]
    last_contact_on: date | None
    suggestions: tuple[Suggestion, ...]
    value: Value
    voice: tuple[Answer, ...]
    consents: tuple[Consent, ...]
    contacts: tuple[Contact, ...]
    coverage: Coverage | None
    tree: tuple[Relative, ...]
    history: tuple[ScorePoint, ...]


def customer_360(reader: Reader) -> Customer360:
    """All parts of the page. Ids of other customers whom the scope hides are not in it."""
    book, customer_id, day = reader.book, reader.customer_id, reader.session.last_day
    with book.people(reader.scope, is_barrier=True) as (cursor, people):
        query = f"select {', '.join(book_columns())} from {people} where customer_id = {literal(customer_id)}"
        (row,) = cursor.arrow(Steps().then("customer", query)).to_pylist()
    people_there = contacts(reader, day)
    companies = [customer_id] if row["kind"] == "company" else []
    return Customer360(
        customer_id=customer_id,
        run_id=book.run.run_id if book.run else None,
        as_of=row["as_of"],
        personal=profiles(book, reader.scope, "customer", [customer_id], companies).get(customer_id, {}),
        own={c: row[c] for c in customer_columns() if c != "customer_id"},
        owner_name=book.colleagues.get(row["owner_id"]),
        scores={c: row[c] for c in score_columns() if c != "as_of"},
        last_contact_on=row["last_contact_on"],
        suggestions=tuple(suggestions(_situation(reader, row, people_there, day))),
        value=value(reader, row),
        voice=tuple(voice(reader)),
        consents=tuple(consents_today(reader, day)),
        contacts=tuple(people_there),
        coverage=coverage_or_none(people_there, day) if row["kind"] == "company" else None,
        tree=tuple(company_tree(reader)) if row["kind"] == "company" else (),
        history=tuple(score_history(reader)),
    )


def voice(reader: Reader) -> list[Answer]:
    """What the customer answered, newest first."""
    query = (
        "select response_id, question_id, metric, answered_at, score, scale_min, scale_max from responses\n"
        f"order by answered_at desc, response_id, question_id limit {MOST_ANSWERS}"
    )
    rows = reader.rows("responses", query)
    said = _comments(reader, rows) if reader.scope.sees_personal else {}
    return [
        Answer(
            r["response_id"],
            r["metric"],
            r["answered_at"],
            r["score"],
            r["scale_min"],
            r["scale_max"],
            said.get((r["response_id"], r["question_id"])),
        )
        for r in rows
    ]


def _comments(reader: Reader, rows: list[dict[str, Any]]) -> dict[tuple[str, str], str | None]:
    if not rows:
        return {}
    reader.session.make_ready(TEXTS)
    listed = ", ".join(f"concat_ws({KEY_SEPARATOR}, {literal(r['response_id'])}, {literal(r['question_id'])})" for r in rows)
    query = (
        f"select split_part(row_key, {KEY_SEPARATOR}, 1) as response_id, split_part(row_key, {KEY_SEPARATOR}, 2) as question_id, comment\n"
        f"from {TEXTS} where entity = 'responses' and row_key in ({listed})"
    )
    found = reader.engine.arrow(Steps().then("comments", query)).to_pylist()
    return {(r["response_id"], r["question_id"]): r["comment"] for r in found}


def _situation(reader: Reader, row: Mapping[str, Any], people: list[Contact], day: date) -> Situation:
    open_ones = "select opened_on from tickets where kind = 'complaint' and resolved_at is null and closed_at is null order by opened_on"
    complaints = tuple(r["opened_on"] for r in reader.rows("tickets", open_ones))
    ending = f"select min(ends_on) as ends_on from contracts where ends_on >= DATE {literal(day)}"
    contracts = reader.rows("contracts", ending)
    return Situation(
        day,
        complaints,
        row["churn_band"],
        row["churn_probability"],
        row["top_reasons"],
        row["last_order_on"],
        row["next_order_to"],
        contracts[0]["ends_on"] if contracts else None,
        is_looked_after=row["owner_id"] is not None or bool(people),
        last_contact_on=row["last_contact_on"],
    )
