"""Users, passwords, sessions, tokens and the audit, on SQLite and on PostgreSQL."""

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, entries
from keepwell.access.roles import ROLES, Capability, Rows, capabilities, widest_rows
from keepwell.access.sign_in import (
    IDLE,
    LONGEST,
    MOST_OF_ACCOUNT,
    MOST_OF_ADDRESS,
    MOST_OF_PAIR,
    WINDOW,
    SignInError,
    TooManyAttemptsError,
    browsers,
    note_use,
    sign_in,
    sign_out,
    sign_out_everywhere,
    signed_in_or_none,
)
from keepwell.access.tokens import SCOPES, bearer_or_none, create_token, revoke_token, tokens
from keepwell.access.tokens import note_use as token_used
from keepwell.access.users import NewUser, User, add_user, disable, enable, set_password, set_roles, user_of, users
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.store.db import Database
from keepwell.store.tables.accounts import UserRow
from keepwell.store.tables.sign_in import AttemptRow, SessionRow
from keepwell.store.tables.tokens import TokenRow

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
CONSOLE = Actor(None, "console")
PASSWORD = "four words in a row"
HERE = "192.0.2.7"


def added(database: Database, name: str, *roles: str) -> User:
    with database.transaction() as session:
        return add_user(session, AT, CONSOLE, NewUser(f"{name}@example.com", name.title(), roles, PASSWORD))


def test_a_user_is_found_by_address_in_any_case_and_by_id(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    with database.transaction(writes=False) as session:
        assert user_of(session, " ANA@Example.com ") == ana
        assert user_of(session, ana.user_id) == ana
        with pytest.raises(WrongUseError, match=r"ana@example\.com"):
            user_of(session, "anna@example.com")


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (NewUser("no address", "Ana", ["analyst"]), "no e-mail address"),
        (NewUser("a@b", " ", ["analyst"]), "no name"),
        (NewUser("a@b", "Ana", []), "no role"),
        (NewUser("a@b", "Ana", ["analist"]), "Did you mean analyst"),
        (NewUser("a@b", "Ana", ["analyst"], "short"), "5 characters"),
        (NewUser("a@b", "Ana", ["analyst"], "aaaaaaaaaaaaaa"), "same few characters"),
        (NewUser("ana.maria.lopez@b", "Ana", ["analyst"], "ana.maria.lopez"), "the name or the address"),
        (NewUser("a@b", "Ana", ["account_manager"]), "must be an employee"),
        (NewUser("TAKEN@example.com", "Ana", ["analyst"]), "has an account already"),
    ],
)
def test_a_new_user_that_can_not_be_is_told(database: Database, new: NewUser, message: str) -> None:
    added(database, "taken", "analyst")
    with pytest.raises(WrongUseError) as told, database.transaction() as session:
        add_user(session, AT, CONSOLE, new)
    assert message in str(told.value)
    with database.transaction(writes=False) as session:
        assert len(users(session)) == 1


def test_no_password_and_no_key_stands_in_the_store(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    signed = sign_in(database, AT, ana.email, PASSWORD, address=HERE)
    with database.transaction() as session:
        written, _ = create_token(session, AT, CONSOLE, ana.email, "notebook", ["kpis:read"])
        stored = [session.query(t).one().__dict__ for t in (UserRow, SessionRow, TokenRow)]
    text = repr(stored) + repr(entries_of(database))
    assert PASSWORD not in text
    assert signed.key not in text
    assert written.rsplit(".", 1)[1] not in text
    assert stored[0]["password_hash"].startswith("$argon2id$")


def entries_of(database: Database) -> list[tuple[str, str, str]]:
    with database.transaction(writes=False) as session:
        return [(e.user_name, e.action, e.kind) for e in reversed(entries(session))]


# ------------------------------------------------------------------ sign in


def test_a_session_leads_back_to_its_user_until_it_ends(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    key = sign_in(database, AT, "Ana@example.com", PASSWORD, address=HERE, browser="Firefox").key
    with database.transaction() as session:
        assert signed_in_or_none(session, AT + timedelta(hours=1), key) == ana
        assert signed_in_or_none(session, AT + timedelta(hours=1), key + "x") is None
        assert signed_in_or_none(session, AT + IDLE, key) is None
        for hours in range(1, 14 * 24):
            note_use(session, AT + timedelta(hours=hours), key)
        assert signed_in_or_none(session, AT + LONGEST - timedelta(minutes=1), key) == ana
        assert signed_in_or_none(session, AT + LONGEST, key) is None


@pytest.mark.parametrize(
    ("email", "password"), [("ana@example.com", "five words in a row"), ("nobody@example.com", PASSWORD), ("sso@example.com", PASSWORD)]
)
def test_a_wrong_password_and_an_unknown_user_are_told_alike(database: Database, email: str, password: str) -> None:
    added(database, "ana", "analyst")
    with database.transaction() as session:
        add_user(session, AT, CONSOLE, NewUser("sso@example.com", "Sso", ["analyst"]))
    with pytest.raises(SignInError, match="The e-mail address or the password is wrong"):
        sign_in(database, AT, email, password, address=HERE)


def test_attempts_at_an_account_are_limited_where_they_come_from(database: Database) -> None:
    added(database, "ana", "analyst")
    for i in range(MOST_OF_PAIR):
        with pytest.raises(SignInError, match="wrong"):
            sign_in(database, AT + timedelta(seconds=i), "ana@example.com", f"wrong {i}", address=HERE)
    with pytest.raises(TooManyAttemptsError) as told:
        sign_in(database, AT + timedelta(minutes=5), "ana@example.com", PASSWORD, address=HERE)
    assert told.value.wait == WINDOW - timedelta(minutes=5)
    # the person at the own desk is not kept out by a stranger elsewhere
    assert sign_in(database, AT + timedelta(minutes=5), "ana@example.com", PASSWORD, address="198.51.100.1").user.name == "Ana"
    assert sign_in(database, AT + WINDOW + timedelta(seconds=1), "ana@example.com", PASSWORD, address=HERE).user.name == "Ana"


def test_attempts_from_everywhere_at_one_account_are_limited_too(database: Database) -> None:
    with database.transaction() as session:
        session.add_all(AttemptRow(email="nobody@example.com", address=f"192.0.2.{i}", at=AT) for i in range(MOST_OF_ACCOUNT - 1))
    with pytest.raises(SignInError, match="wrong"):
        sign_in(database, AT, "nobody@example.com", "guess", address="203.0.113.9")
    with pytest.raises(TooManyAttemptsError):
        sign_in(database, AT, "nobody@example.com", "guess", address="203.0.113.10")


def test_attempts_from_one_address_at_many_accounts_are_limited_too(database: Database) -> None:
    with database.transaction() as session:
        session.add_all(AttemptRow(email=f"user{i}@example.com", address=HERE, at=AT) for i in range(MOST_OF_ADDRESS))
    with pytest.raises(TooManyAttemptsError):
        sign_in(database, AT, "nobody@example.com", "guess", address=HERE)


def test_attempts_at_once_count_as_many(database: Database) -> None:
    added(database, "ana", "analyst")
    told: list[type] = []

    def guess(i: int) -> None:
        try:
            sign_in(database, AT, "ana@example.com", f"guess {i}", address=HERE)
        except SignInError as error:
            told.append(type(error))

    threads = [threading.Thread(target=guess, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 12
    if database.is_sqlite:  # one writer at a time; PostgreSQL may let a few more through, never all
        assert told.count(SignInError) == MOST_OF_PAIR


def test_signing_in_forgives_the_failed_attempts_from_there(database: Database) -> None:
    added(database, "ana", "analyst")
    for _ in range(3):
        for _ in range(MOST_OF_PAIR - 1):
            with pytest.raises(SignInError, match="wrong"):
                sign_in(database, AT, "ana@example.com", "wrong", address=HERE)
        sign_in(database, AT, "ana@example.com", PASSWORD, address=HERE)


def test_sessions_are_listed_and_ended_one_by_one_and_all_at_once(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    keys = [sign_in(database, AT + timedelta(minutes=i), ana.email, PASSWORD, address=HERE, browser=f"B{i}").key for i in range(3)]
    now = AT + timedelta(minutes=5)
    with database.transaction() as session:
        assert [b.browser for b in browsers(session, now, ana)] == ["B2", "B1", "B0"]
        sign_out(session, now, ana, keys[1])
        assert [b.browser for b in browsers(session, now, ana)] == ["B2", "B0"]
        sign_out_everywhere(session, now, ana)
        assert browsers(session, now, ana) == []
        assert signed_in_or_none(session, now, keys[0]) is None


def test_a_new_password_signs_out(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    key = sign_in(database, AT, ana.email, PASSWORD, address=HERE).key
    with database.transaction() as session:
        set_password(session, AT, CONSOLE, ana.email, "another row of words")
    with database.transaction(writes=False) as session:
        assert signed_in_or_none(session, AT, key) is None
    with pytest.raises(SignInError):
        sign_in(database, AT, ana.email, PASSWORD, address=HERE)
    assert sign_in(database, AT, ana.email, "another row of words", address=HERE).user == ana


def test_who_is_disabled_is_out_at_once_and_so_are_the_tokens(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    key = sign_in(database, AT, ana.email, PASSWORD, address=HERE).key
    with database.transaction() as session:
        written, _ = create_token(session, AT, CONSOLE, ana.email, "notebook", ["kpis:read"])
        disable(session, AT, CONSOLE, ana.email)
    with database.transaction() as session:
        assert signed_in_or_none(session, AT, key) is None
        assert bearer_or_none(session, AT, written) is None
        enable(session, AT, CONSOLE, ana.email)
        assert bearer_or_none(session, AT, written) is None
    assert sign_in(database, AT, ana.email, PASSWORD, address=HERE).user.is_active


def test_who_is_disabled_while_the_password_is_compared_is_not_let_in(database: Database) -> None:
    ana = added(database, "ana", "analyst")

    @dataclass
    class Meanwhile:
        """The store, in which somebody disables Ana before the second transaction begins."""

        begun: int = 0

        def transaction(self, *, writes: bool = True) -> AbstractContextManager[Session]:
            self.begun += 1
            if self.begun == 2:
                with database.transaction() as session:
                    disable(session, AT, CONSOLE, ana.email)
            return database.transaction(writes=writes)

    with pytest.raises(SignInError, match="wrong"):
        sign_in(cast("Database", Meanwhile()), AT, ana.email, PASSWORD, address=HERE)
    with database.transaction(writes=False) as session:
        assert browsers(session, AT, ana) == []


# ------------------------------------------------------------ roles and rows


def test_the_last_administrator_stays(database: Database) -> None:
    root = added(database, "root", "administrator")
    with database.transaction() as session:
        with pytest.raises(KeepwellError, match="the last one who manages users"):
            disable(session, AT, CONSOLE, root.email)
        with pytest.raises(KeepwellError, match="the last one who manages users"):
            set_roles(session, AT, CONSOLE, root.email, ["analyst"])
    added(database, "second", "administrator")
    with database.transaction() as session:
        changed = set_roles(session, AT, CONSOLE, root.email, ["analyst", "marketing"])
    assert changed.roles == ("analyst", "marketing")
    with database.transaction(writes=False) as session:
        assert user_of(session, root.email).roles == ("analyst", "marketing")


def test_roles_are_those_that_are_meant() -> None:
    assert set(ROLES) == {
        "executive", "operations", "account_manager", "service", "marketing", "analyst", "administrator", "privacy_officer",
    }  # fmt: skip
    who_sees_persons = {name for name, role in ROLES.items() if Capability.SEE_PERSONAL in role.may}
    assert who_sees_persons == {"account_manager", "service", "privacy_officer"}
    assert {name for name, role in ROLES.items() if Capability.MANAGE_USERS in role.may} == {"administrator"}
    assert {name for name, role in ROLES.items() if Capability.ERASE in role.may} == {"privacy_officer"}
    # nobody both decides on access and sees customers
    assert Capability.SEE_CUSTOMERS not in ROLES["administrator"].may
    assert capabilities(["marketing", "analyst"]) == ROLES["marketing"].may | ROLES["analyst"].may
    assert capabilities([]) == frozenset()
    assert frozenset().union(*(r.may for r in ROLES.values())) == set(Capability)
    assert all(all(r.title) for r in ROLES.values())


def test_rows_are_those_of_the_widest_role() -> None:
    assert widest_rows(["account_manager"]) is Rows.OWN
    assert widest_rows(["account_manager", "marketing"]) is Rows.ALL
    assert widest_rows([]) is Rows.OWN


# ------------------------------------------------------------------- tokens


def test_a_token_does_what_both_it_and_its_user_may(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    with database.transaction() as session:
        written, token = create_token(session, AT, CONSOLE, ana.email, "notebook", ["kpis:read", "customers:read"])
    with database.transaction() as session:
        bearer = bearer_or_none(session, AT, written)
        assert bearer is not None
        assert [s for s in SCOPES if bearer.may(s)] == ["kpis:read", "customers:read"]
        set_roles(session, AT, CONSOLE, ana.email, ["administrator"])
        bearer = bearer_or_none(session, AT, written)
        assert bearer is not None
        assert [s for s in SCOPES if bearer.may(s)] == ["kpis:read"]
        assert tokens(session, ana.user_id) == [token]


@pytest.mark.parametrize(
    "spoil", [lambda w: w + "x", lambda w: w[:-1], lambda w: w.replace("kw.", "xx."), lambda w: "kw.." + w, lambda _: "", lambda _: "kw.a"]
)
def test_a_token_that_is_not_quite_it_is_none(database: Database, spoil: object) -> None:
    ana = added(database, "ana", "analyst")
    with database.transaction() as session:
        written, _ = create_token(session, AT, CONSOLE, ana.email, "notebook", ["kpis:read"])
        assert callable(spoil)
        assert bearer_or_none(session, AT, spoil(written)) is None


def test_the_last_use_of_a_token_is_noted_to_the_minute(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    with database.transaction() as session:
        _, token = create_token(session, AT, CONSOLE, ana.email, "notebook", ["kpis:read"])
        for seconds in (0, 59, 60, 90):
            token_used(session, AT + timedelta(seconds=seconds), token.token_id)
        assert [t.used_at for t in tokens(session)] == [AT + timedelta(seconds=60)]


def test_tokens_end(database: Database) -> None:
    ana = added(database, "ana", "analyst")
    with database.transaction() as session:
        short, _ = create_token(session, AT, CONSOLE, ana.email, "a day", ["kpis:read"], days=1)
        long, token = create_token(session, AT, CONSOLE, ana.email, "for ever", ["kpis:read"], days=None)
        assert bearer_or_none(session, AT + timedelta(days=1) - timedelta(seconds=1), short) is not None
        assert bearer_or_none(session, AT + timedelta(days=1), short) is None
        assert bearer_or_none(session, AT + timedelta(days=9_999), long) is not None
        revoke_token(session, AT, CONSOLE, token.token_id)
        assert bearer_or_none(session, AT, long) is None


@pytest.mark.parametrize(
    ("role", "scopes", "message"),
    [
        ("analyst", ["kpi:read"], "Did you mean kpis:read"),
        ("analyst", ["data:write"], "may not do what data:write allows"),
        ("analyst", [], "at least one scope"),
        ("marketing", ["kpis:read"], "may not use the API"),
    ],
)
def test_a_token_that_can_not_be_is_told(database: Database, role: str, scopes: list[str], message: str) -> None:
    ana = added(database, "ana", role)
    with pytest.raises(WrongUseError) as told, database.transaction() as session:
        create_token(session, AT, CONSOLE, ana.email, "notebook", scopes)
    assert message in str(told.value)


# -------------------------------------------------------------------- audit


def test_every_change_leaves_a_line(database: Database) -> None:
    ana = added(database, "ana", "administrator", "analyst")
    added(database, "root", "administrator")
    key = sign_in(database, AT, ana.email, PASSWORD, address=HERE).key
    with database.transaction() as session:
        actor = ana.as_actor(HERE)
        _, token = create_token(session, AT, actor, ana.email, "notebook", ["kpis:read"])
        revoke_token(session, AT, actor, token.token_id)
        set_roles(session, AT, actor, ana.email, ["analyst"])
        set_password(session, AT, actor, "root@example.com", "another row of words")
        sign_out(session, AT, ana, key)
        enable(session, AT, actor, "root@example.com")
    assert entries_of(database) == [
        ("console", "added", "user"),
        ("console", "added", "user"),
        ("Ana", "signed in", "session"),
        ("Ana", "created", "token"),
        ("Ana", "revoked", "token"),
        ("Ana", "roles set", "user"),
        ("Ana", "password set", "user"),
        ("Ana", "signed out", "session"),
        ("Ana", "enabled", "user"),
    ]
    with database.transaction(writes=False) as session:
        newest = entries(session, limit=2)
        assert [e.action for e in newest] == ["enabled", "signed out"]
        assert [e.action for e in entries(session, limit=2, before=newest[-1].entry_id)] == ["password set", "roles set"]
        (roles,) = [e for e in entries(session, kind="user") if e.action == "roles set"]
        assert roles.details == {"before": ["administrator", "analyst"], "after": ["analyst"], "rows": "all"}
        assert roles.address == HERE


def test_what_is_not_done_leaves_no_line(database: Database) -> None:
    added(database, "ana", "administrator")
    with pytest.raises(WrongUseError), database.transaction() as session:
        add_user(session, AT, CONSOLE, NewUser("ana@example.com", "Ana", ["analyst"]))
    assert entries_of(database) == [("console", "added", "user")]
