"""Search as one types: by name, Chinese names by pinyin and initials too, phone, e-mail and id.

A reader who sees no personal data searches ids and names of companies only.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from keepwell.access.scope import Scope, reach_of
from keepwell.customers.book import ALL, PERSONAL_TABLE, Book, personal_shown
from keepwell.customers.search_index import SearchIndex
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import Steps, literal

INDEX = "search"
START, WORD = "\x1f", "\x1e"  # before a whole thing, before a later word of it
ENOUGH = 1_000  # matches among which the nearest are looked for; of more the beginnings are looked for by themselves
MOST_READINGS = 3  # of a family name's character
LONGEST = 100  # characters of a question
# of a folded text only letters and figures stay, so that 138-0013 is 1380013
FOLDED = r"regexp_replace(lower(strip_accents(nfc_normalize({v}))), '[^\p{{L}}\p{{N}}@ ]', '', 'g')"
WHOLE = "replace({v}, ' ', '')"


@dataclass(frozen=True)
class Hit:
    """A customer who was found; personal columns as far as the reader may see them."""

    customer_id: str
    kind: str | None
    name: str | None
    email: str | None
    phone: str | None
    owner_id: str | None
    tier: str | None


def search(book: Book, scope: Scope, text: str, limit: int = 10) -> list[Hit]:
    """The customers whom ``scope`` shows and of whom something matches: whole matches first, then beginnings, then others.

    Among equals the most valuable come first. Case, accents, spaces and signs do not count.
    """
    asked = folded(text[:LONGEST])
    if not asked or limit < 1:
        return []
    index: SearchIndex = book.prepared(INDEX, _index)
    seen = None if scope.is_whole else book.prepared(f"{INDEX} {_reach_key(scope)}", lambda engine: _seen(engine, book, scope))
    is_open = not scope.sees_personal

    def rows(what: str, most: int) -> list[int]:
        return index.rows_with(what.encode(), most, seen, is_open=is_open)

    found = rows(asked, ENOUGH)
    if len(found) == ENOUGH:
        # a beginning may be among those that were not reached
        found = [*rows(START + asked + START, limit), *rows(START + asked, limit), *found]
    near = sorted(dict.fromkeys(found), key=lambda row: (_distance(index.text(row), asked), row))[:limit]
    with book.people(scope, is_barrier=False) as (cursor, people):
        return _hits(cursor, people, scope, [index.ids[row].as_py() for row in near])


def folded(text: str) -> str:
    """As texts are compared: without case, accents, spaces and signs."""
    plain = unicodedata.normalize("NFKD", text).lower()
    return unicodedata.normalize("NFC", "".join(c for c in plain if c.isalnum() or c == "@"))


def _distance(text: bytes, asked: str) -> int:
    ways = (START + asked + START, START + asked, WORD + asked)
    return next((i for i, way in enumerate(ways) if way.encode() in text), len(ways))


def _reach_key(scope: Scope) -> str:
    return Scope(scope.rows, scope.employee_id).key


def _seen(engine: DuckDBEngine, book: Book, scope: Scope) -> npt.NDArray[np.bool_]:
    """Of each row of the index whether the scope shows it."""
    index: SearchIndex = book.prepared(INDEX, _index)
    mine = engine.arrow(Steps().then("mine", f"select customer_id from {ALL} as t where {reach_of(book.lake, scope).condition('t')}"))
    found: npt.NDArray[np.bool_] = pc.is_in(index.ids, value_set=mine.column(0)).to_numpy(zero_copy_only=False)
    return found


def _hits(cursor: DuckDBEngine, people: str, scope: Scope, ids: list[str]) -> list[Hit]:
    if not ids:
        return []
    listed = ", ".join(literal(i) for i in ids)
    query = f"select customer_id, kind, owner_id, tier from {people} where customer_id in ({listed})"
    rows = {r["customer_id"]: r for r in cursor.arrow(Steps().then("hits", query)).to_pylist()}
    personal = personal_shown(cursor, scope, ids)
    return [_hit(rows[i], personal.get(i, {})) for i in ids if i in rows]


def _hit(row: dict[str, Any], personal: dict[str, Any]) -> Hit:
    return Hit(
        row["customer_id"], row["kind"], personal.get("name"), personal.get("email"), personal.get("phone"), row["owner_id"], row["tier"]
    )


def _index(engine: DuckDBEngine) -> SearchIndex:
    """Of every customer, the most valuable first: the id, the name, how it sounds, the e-mail and the phone, each begun by a separator."""
    chinese = engine.rows(f"select distinct name from {PERSONAL_TABLE} where regexp_matches(name, '\\p{{Han}}')")
    engine.lend("_sounds", _sounds([r[0] for r in chinese]))
    name, email = FOLDED.format(v="p.name"), WHOLE.format(v=FOLDED.format(v="p.email"))
    word, start = literal(WORD), literal(START)
    later = f"case when contains(name, ' ') then {word} || replace(substr(name, instr(name, ' ') + 1), ' ', {word}) else '' end"
    steps = (
        Steps()
        .then(
            "folded",
            f"select c.customer_id, c.kind, c.clv, trim({name}) as name, {email} as email, regexp_replace(p.phone, '[^0-9]', '', 'g') as phone, s.sounds\n"
            f"from {ALL} as c left join {PERSONAL_TABLE} as p on p.customer_id = c.customer_id left join _sounds as s on s.name = p.name",
        )
        .then(
            "told",
            f"select customer_id, kind, clv, {start} || {WHOLE.format(v=FOLDED.format(v='customer_id'))} || {start} as id,\n"
            f"  coalesce({WHOLE.format(v='name')} || {later} || {start}, '') || coalesce(sounds || {start}, '') as name,\n"
            f"  coalesce(email || {start}, '') || coalesce(phone || {start}, '') as reached from folded",
        )
    )
    query = (
        "select customer_id, id || name || reached as text, strlen(id || case when kind = 'company' then name else '' end) as open_to\n"
        "from told order by clv desc nulls last, customer_id"
    )
    told = engine.arrow(steps.then("texts", query))
    engine.take_back("_sounds")
    return SearchIndex.of(told.column("customer_id"), told.column("text"), told.column("open_to"))


def _sounds(chinese: list[str]) -> pa.Table:
    """Names with how they sound: in full and by initials, a family name in each of its readings."""
    # taken in only where somebody searches: its dictionary is large
    from pypinyin import Style, pinyin  # noqa: PLC0415 - see above

    letters = sorted({c for name in chinese for c in name if unicodedata.category(c) == "Lo"})
    readings = {c: list(dict.fromkeys(pinyin(c, style=Style.NORMAL, heteronym=True)[0])) for c in letters}
    full = str.maketrans({c: r[0] for c, r in readings.items()})
    first = str.maketrans({c: r[0][:1] for c, r in readings.items()})
    sounds = []
    for name in chinese:
        ways = readings.get(name[0], [name[0]])[:MOST_READINGS]
        after, initials = name[1:].translate(full), name[1:].translate(first)
        sounds.append(START.join(dict.fromkeys(folded(w) for way in ways for w in (way + after, way[:1] + initials))))
    return pa.table({"name": pa.array(chinese, pa.string()), "sounds": pa.array(sounds, pa.string())})
