"""Whatever somebody asks, in whatever way: nothing of a customer who is hidden is ever answered.

All that is told of hidden customers holds a mark; what is asked may hold it too, and is taken out of the answer first.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.company import CUSTOMERS, MARK, SEEN_BY_LEE, SEEN_BY_MO
from keepwell.access.roles import Rows
from keepwell.access.scope import NOBODY, Scope
from keepwell.core.errors import KeepwellError
from keepwell.customers.people import Filters, Page
from keepwell.surfaces.answers import Behind
from keepwell.surfaces.python import Workspace

SEEN = {
    Scope(Rows.TEAM, "lee", sees_personal=True): SEEN_BY_LEE,
    Scope(Rows.TEAM, "lee"): SEEN_BY_LEE,
    Scope(Rows.OWN, "mo"): SEEN_BY_MO,
    NOBODY: set(),
}
IDS = [*CUSTOMERS, "c-HID", "C-HID-EUROPE", "c-an", ""]
# some fail on what hidden rows hold, if they are computed over them
ORACLES = [
    "case when owner_id = 'zoe-HID' then cast(city as integer) = 1 else true end",
    "case when parent_id = 'c-HID-europe' then cast(city as integer) = 1 else true end",
    "case when referred_by is not null then cast(city as integer) = 1 else true end",
]
CONDITIONS = [
    None,
    *ORACLES,
    "cast(city as integer) > 0",
    "region = 'europe-HID'",
    "nam = 'x'",
    "name = 'c-HID-boss name'",
    "parent_id = 'c-lee'",
    "city like '%HID%'",
]
CUTS = [None, "owner_id", "region", "customer_id", "city", "parent_id"]


def answered(ask: Callable[[], Any], *asked: str | None) -> str:
    """What is answered, or the error with its hint, without what was asked."""
    try:
        found = ask()
        if isinstance(found, list):
            found = [(b.part, b.total, list(b.rows)) if isinstance(b, Behind) else b for b in found]
        elif hasattr(found, "to_json"):
            found = found.to_json()
        elif hasattr(found, "__iter__"):
            found = list(found)
        text = str(found)
    except KeepwellError as error:
        text = str(error)
    # a condition comes back as it was understood, its values unchanged
    words = {w for a in asked if a for w in (a, *re.findall("'([^']*)'", a))}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "?").replace(repr(word), "?")
    return text


@settings(max_examples=40)
@given(data=st.data())
def test_no_answer_holds_anything_of_a_hidden_customer(everything: Workspace, data: st.DataObject) -> None:
    scope = data.draw(st.sampled_from(list(SEEN)))
    where, by = (data.draw(st.sampled_from(options)) for options in (CONDITIONS, CUTS))
    who = data.draw(st.sampled_from(IDS))
    text = data.draw(st.sampled_from(["hid", "europe", "HID", "c", "138", "example", "张", "name"]))
    sort = data.draw(st.sampled_from([None, "city", "-parent_id", "referred_by", "clv", "name", "owner_id"]))
    ws = everything.seen_by(scope)
    ways: dict[str, Callable[[], Any]] = {
        "kpi": lambda: ws.kpi("revenue", period="2026", by=by, where=where),
        "rows": lambda: ws.rows("revenue", period="2026", where=where),
        "explain": lambda: ws.explain("revenue", period="2026-03", by=[by] if by else (), where=where),
        "definition": lambda: ws.definition("nps"),
        "customers": lambda: ws.customers(where=where, columns=["customer_id", "city", "parent_id", "referred_by", "owner_id"], sort=sort),
        "segment": lambda: ws.customers(segment="HI"),
        "customer": lambda: ws.customer(who),
        "people": lambda: ws.people(Filters(where=where), Page(columns=["customer_id", "name", "email", "parent_id", "city", "owner_name"], sort=sort)),
        "filtered": lambda: ws.people(Filters(segment=text, owners=["zoe-HID"], regions=["world"])),
        "search": lambda: ws.search(text),
        "customer 360": lambda: ws.customer_360(who),
        "timeline": lambda: ws.timeline(who),
        "transitions": lambda: ws.transitions("lifecycle"),
        "model": lambda: ws.model("topics"),
    }  # fmt: skip
    way = data.draw(st.sampled_from(sorted(ways)))
    assert MARK not in answered(ways[way], where, who, text, sort, "zoe-HID" if way == "filtered" else None), way


@pytest.mark.parametrize("where", ORACLES)
def test_sql_of_a_user_is_never_computed_over_hidden_rows(everything: Workspace, where: str) -> None:
    """Over all rows it fails; whether it does would tell what hidden rows hold."""
    lee = everything.seen_by(Scope(Rows.TEAM, "lee"))
    ways: tuple[Callable[[Workspace], Any], ...] = (
        lambda w: w.people(Filters(where=where)),
        lambda w: w.customers(where=where),
        lambda w: w.kpi("revenue", period="2026", where=where),
    )
    for ask in ways:
        with pytest.raises(KeepwellError):
            ask(everything)
        ask(lee)


@pytest.mark.parametrize("method", ["customer", "customer_360", "timeline"])
def test_a_hidden_customer_is_as_unknown_as_one_who_is_not_there(everything: Workspace, method: str) -> None:
    mo = everything.seen_by(Scope(Rows.OWN, "mo"))
    told = []
    for who in ("c-HID-europe", "c-NOT-europe"):
        with pytest.raises(KeepwellError) as error:
            getattr(mo, method)(who)
        told.append(str(error.value).replace(who, "?"))
    assert told[0] == told[1]
    # what is near are those whom one sees, and nobody is listed who is not
    assert "c-" not in told[0]
    with pytest.raises(KeepwellError, match="c-mo"):
        getattr(mo, method)("c-m0")


@pytest.mark.parametrize(("scope", "seen"), SEEN.items(), ids=lambda s: s.key if isinstance(s, Scope) else "")
def test_lists_counts_and_searches_are_of_visible_customers(everything: Workspace, scope: Scope, seen: set[str]) -> None:
    ws = everything.seen_by(scope)
    for filters in (Filters(), Filters(where="true")):
        page = ws.people(filters)
        assert {r["customer_id"] for r in page.rows} == seen
        assert page.total == len(seen)
    assert {h.customer_id for h in ws.search("c", limit=50)} == seen
    assert {r["customer_id"] for r in ws.customers()} == seen
    assert sum(m.customers for m in ws.transitions("lifecycle")) == len(seen)
