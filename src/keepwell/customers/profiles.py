"""Names and addresses of a few people, read when they are shown, as far as the reader may see them."""

from collections.abc import Collection
from typing import Any

from keepwell.access.masking import masked_profile
from keepwell.access.scope import Scope
from keepwell.customers.book import Book
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake.entity import entity
from keepwell.lake.table import PROFILES


def profiles(book: Book, scope: Scope, person: str, ids: Collection[str], companies: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Id -> personal columns of customers, contacts or employees (``person``), masked unless the scope sees them; None where nothing is known.

    The caller has made sure that the scope shows these people. Of ``companies`` the name is no personal data.
    """
    if not ids:
        return {}
    listed = ", ".join(literal(i) for i in sorted(ids))
    known = ", ".join(literal(i) for i in sorted(companies)) or "NULL"
    kind = f"case when t.id in ({known}) then 'company' end"
    columns = [c.name for c in entity(f"{person}s").personal_columns]
    shown = ", ".join(f"{f't.{c}' if scope.sees_personal else masked_profile(c, 't', kind)} as {quoted(c)}" for c in columns)
    with book.reader() as engine:
        book.lake.snapshot(book.versions).register(engine, PROFILES)
        query = f"select t.id as _id, {shown} from {PROFILES} as t where t.person = {literal(person)} and t.id in ({listed})"
        found = {r.pop("_id"): r for r in engine.arrow(Steps().then("profiles", query)).to_pylist()}
    # of who bought without standing in any list nothing is known
    return {i: found.get(i, dict.fromkeys(columns)) for i in ids}


def names_of_employees(book: Book, ids: Collection[str]) -> dict[str, str]:
    """Id -> name of colleagues, which everybody may see."""
    return {i: book.colleagues[i] for i in ids if i in book.colleagues}
