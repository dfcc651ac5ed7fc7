"""Users and tokens for whoever sits at the machine: each question or change is one transaction of the workspace's store.

Who may run commands in a workspace's folder may do all of this; the audit tells it from what users do in the pages.
"""

import getpass
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from keepwell.access import tokens, users
from keepwell.access.audit import Actor
from keepwell.access.roles import Capability, Rows, capabilities, check_roles
from keepwell.access.tokens import Token
from keepwell.access.users import NewUser, User
from keepwell.core.clock import Clock
from keepwell.core.errors import WrongUseError
from keepwell.core.workspace import Workspace
from keepwell.store.db import Database, store_of


@dataclass(frozen=True)
class HeldToken:
    """A token, and whose it is."""

    token: Token
    email: str

    def state(self, at: datetime) -> str:
        """``active``, ``expired`` or ``revoked`` at that instant."""
        if self.token.revoked_at is not None:
            return "revoked"
        return "expired" if self.token.expires_at is not None and self.token.expires_at <= at else "active"


@dataclass(frozen=True)
class Standing:
    """How the store is: what it is kept in, whether there is one yet, and who is in it."""

    kind: str
    is_made: bool
    is_current: bool
    users: int
    administrators: int


def standing(workspace: Workspace) -> Standing:
    """Looks and changes nothing: a store that nobody has needed yet is not made, an older one is not brought up to date."""
    with Database(workspace.settings.store, workspace.folder) as store:
        kind = "SQLite" if store.is_sqlite else "PostgreSQL"
        if not store.is_made or not store.is_current:
            return Standing(kind, store.is_made, is_current=False, users=0, administrators=0)
        with store.transaction(writes=False) as session:
            known, managing = users.users(session), users.administrators(session)
    return Standing(kind, is_made=True, is_current=True, users=len(known), administrators=len(managing))


class Accounts:
    """The users and tokens of a workspace. Unknown names, weak passwords and the like are errors of ``access``."""

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        self._workspace, self._clock = workspace, clock
        self._actor = Actor(None, person())

    def users(self) -> list[User]:
        with self._transaction(writes=False) as session:
            return users.users(session)

    def user(self, email_or_id: str) -> User:
        with self._transaction(writes=False) as session:
            return users.user_of(session, email_or_id)

    def add(self, new: NewUser) -> User:
        """A new user. As long as nobody manages users, the new one must be able to, with a password."""
        with self._transaction() as session:
            may = capabilities(check_roles(new.roles))
            if not users.administrators(session) and (Capability.MANAGE_USERS not in may or new.password is None):
                raise WrongUseError(
                    "The first user must be able to manage users and to sign in.",
                    "Give the role administrator, beside others if you like (--role administrator --role analyst), and a password.",
                )
            return users.add_user(session, self._clock.now(), self._actor, new)

    def set_password(self, email_or_id: str, password: str) -> User:
        with self._transaction() as session:
            users.set_password(session, self._clock.now(), self._actor, email_or_id, password)
            return users.user_of(session, email_or_id)

    def set_roles(self, email_or_id: str, roles: Collection[str], rows: Rows | None, employee_id: str | None) -> User:
        """Other roles, rows or another employee; what is not given stays."""
        with self._transaction() as session:
            wanted = roles or users.user_of(session, email_or_id).roles
            return users.set_roles(session, self._clock.now(), self._actor, email_or_id, wanted, rows, employee_id)

    def disable(self, email_or_id: str) -> User:
        with self._transaction() as session:
            users.disable(session, self._clock.now(), self._actor, email_or_id)
            return users.user_of(session, email_or_id)

    def enable(self, email_or_id: str) -> User:
        with self._transaction() as session:
            users.enable(session, self._clock.now(), self._actor, email_or_id)
            return users.user_of(session, email_or_id)

    def unlink(self, email_or_id: str) -> User:
        with self._transaction() as session:
            users.unlink(session, self._clock.now(), self._actor, email_or_id)
            return users.user_of(session, email_or_id)

    def tokens(self, email_or_id: str | None = None) -> list[HeldToken]:
        """All, or those of a user; the newest first."""
        with self._transaction(writes=False) as session:
            emails = {u.user_id: u.email for u in users.users(session)}
            of = None if email_or_id is None else users.user_of(session, email_or_id).user_id
            return [HeldToken(t, emails[t.user_id]) for t in tokens.tokens(session, of)]

    def create_token(self, email_or_id: str, name: str, scopes: Collection[str], days: int | None) -> tuple[str, HeldToken]:
        """The token as its holder writes it, known from now on to nobody else, and what is known of it."""
        with self._transaction() as session:
            written, token = tokens.create_token(session, self._clock.now(), self._actor, email_or_id, name, scopes, days)
            return written, HeldToken(token, users.user_of(session, token.user_id).email)

    def revoke_token(self, id_or_written: str) -> HeldToken:
        """By its id, or by the token itself as somebody found it: no error ever repeats its secret."""
        mark, _, rest = id_or_written.partition(".")
        token_id = rest.partition(".")[0] if mark == tokens.MARK else id_or_written
        with self._transaction() as session:
            tokens.revoke_token(session, self._clock.now(), self._actor, token_id)
            (token,) = (t for t in tokens.tokens(session) if t.token_id == token_id)
            return HeldToken(token, users.user_of(session, token.user_id).email)

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Iterator[Session]:
        with store_of(self._workspace) as store, store.transaction(writes=writes) as session:
            yield session


def person() -> str:
    """Who sits at the machine, as the audit names them."""
    try:
        return f"command line ({getpass.getuser()})"
    except (OSError, KeyError, ImportError):
        # a container may run under a number that has no name
        return "command line"
