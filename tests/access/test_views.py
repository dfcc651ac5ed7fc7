"""Saved views in the store, on both databases: whose they are, what they may hold, and that none is lost by deleting it."""

from datetime import UTC, datetime, timedelta

import pytest

from keepwell.access import audit
from keepwell.access.audit import Actor
from keepwell.access.users import NewUser, User, add_user
from keepwell.access.views import MOST_VIEWS, NewView, View, add_view, change_view, checked_query, delete_view, restore_view, views
from keepwell.core.errors import KeepwellError, UnknownError, WrongUseError
from keepwell.store.db import Database

AT = datetime(2026, 11, 1, tzinfo=UTC)
KNOWN = ("tier", "churn", "where")


def people(store: Database) -> tuple[User, User]:
    """One who may share, and one who may not."""
    with store.transaction() as session:
        root = Actor(None, "test")
        ana = add_user(session, AT, root, NewUser("ana@example.com", "Ana", ["analyst"]))
        return ana, add_user(session, AT, root, NewUser("bo@example.com", "Bo", ["executive"]))


def saved(store: Database, user: User, name: str, query: str = "tier=A", *, shared: bool = False) -> View:
    with store.transaction() as session:
        return add_view(session, AT, user, NewView(name, "customers", query, shared), KNOWN)


def seen(store: Database, user: User) -> list[str]:
    with store.transaction(writes=False) as session:
        return [v.name for v in views(session, user, ["customers"])]


def test_own_views_are_seen_by_nobody_else_and_shared_ones_by_all(database: Database) -> None:
    ana, bo = people(database)
    saved(database, ana, "b shared", shared=True)
    saved(database, ana, "C own")
    saved(database, bo, "a of Bo", "")
    assert seen(database, ana) == ["b shared", "C own"]
    assert seen(database, bo) == ["a of Bo", "b shared"]
    with database.transaction(writes=False) as session:
        assert views(session, ana, ["scorecard"]) == []


def test_who_may_not_share_changes_nothing_that_is_everybodys(database: Database) -> None:
    ana, bo = people(database)
    shared, own = saved(database, ana, "shared", shared=True), saved(database, ana, "own")
    with pytest.raises(WrongUseError, match="everybody"):
        saved(database, bo, "mine", shared=True)
    for view in (shared, own):
        with pytest.raises(UnknownError), database.transaction() as session:
            delete_view(session, AT, bo, view.view_id)
        with pytest.raises(UnknownError), database.transaction() as session:
            change_view(session, AT, bo, view.view_id, "x", is_shared=False)
    bos = saved(database, bo, "bos")
    with pytest.raises(WrongUseError, match="everybody"), database.transaction() as session:
        change_view(session, AT, bo, bos.view_id, "bos", is_shared=True)
    assert seen(database, ana) == ["own", "shared"]


def test_what_was_deleted_comes_back_as_it_was_and_the_audit_tells_each_step(database: Database) -> None:
    ana, _ = people(database)
    made = saved(database, ana, "East", "tier=A&tier=B&churn=high", shared=True)
    with database.transaction() as session:
        changed = change_view(session, AT + timedelta(1), ana, made.view_id, "East 东", is_shared=False)
    with database.transaction() as session:
        delete_view(session, AT, ana, made.view_id)
    assert seen(database, ana) == []
    with database.transaction() as session:
        assert restore_view(session, AT, ana, made.view_id) == changed
    assert (changed.name, changed.is_shared, changed.query) == ("East 东", False, made.query)
    with database.transaction(writes=False) as session:
        told = audit.entries(session, kind="view")
    assert [e.action for e in told] == ["restored", "deleted", "changed", "added"]
    # what somebody looked for is nobody else's business
    assert "high" not in str([e.details for e in told])


@pytest.mark.parametrize("query", ["https://evil.example", "//evil.example/?tier=A", "next=/x", "tier=A&run=r1", "tier=" + "A" * 2_000])
def test_a_view_holds_filters_of_its_page_and_nothing_else(query: str) -> None:
    with pytest.raises(WrongUseError):
        checked_query(query, KNOWN)


def test_filters_are_kept_in_their_order_without_empty_ones() -> None:
    assert checked_query("?tier=B&tier=A&churn=&where=a+%3E+1", KNOWN) == "tier=B&tier=A&where=a+%3E+1"
    assert checked_query("", KNOWN) == ""


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb"])
def test_a_name_that_is_none_is_refused(database: Database, name: str) -> None:
    ana, _ = people(database)
    with pytest.raises(WrongUseError, match="name a view"):
        saved(database, ana, name)


def test_a_person_keeps_so_many_and_no_more(database: Database) -> None:
    ana, bo = people(database)
    with database.transaction() as session:
        for i in range(MOST_VIEWS):
            add_view(session, AT, ana, NewView(str(i), "customers", ""), KNOWN)
    with pytest.raises(KeepwellError, match="as many as can be kept"):
        saved(database, ana, "one more")
    saved(database, bo, "of somebody else")
