"""Users: added, found, changed and disabled."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from keepwell.access import passwords
from keepwell.access.audit import Actor, noted
from keepwell.access.roles import Capability, Rows, capabilities, check_roles, widest_rows
from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.settings import Locale
from keepwell.core.text import clean
from keepwell.store.tables.accounts import UserRoleRow, UserRow
from keepwell.store.tables.sign_in import SessionRow
from keepwell.store.tables.tokens import TokenRow

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
MOST_ADDRESS, MOST_NAME = 320, 200


@dataclass(frozen=True)
class User:
    """Somebody who may sign in, with what the person may do and see."""

    user_id: str
    email: str
    name: str
    roles: tuple[str, ...]
    rows: Rows
    employee_id: str | None
    locale: Locale | None
    theme: str | None
    is_active: bool
    created_at: datetime

    def may(self, capability: Capability) -> bool:
        return self.is_active and capability in capabilities(self.roles)

    def as_actor(self, address: str | None = None) -> Actor:
        return Actor(self.user_id, self.name, address)


@dataclass(frozen=True)
class NewUser:
    """What is told of a new user. Without ``rows`` they are those of the roles, without a password single sign-on leads in."""

    email: str
    name: str
    roles: Collection[str]
    password: str | None = None
    rows: Rows | None = None
    employee_id: str | None = None
    locale: Locale | None = None


def add_user(session: Session, at: datetime, actor: Actor, new: NewUser) -> User:
    """Raises ``WrongUseError`` for an address that is none, an unknown role, no role, a weak password, or an address that is taken."""
    email, name, roles = folded(new.email), clean(new.name)[:MOST_NAME], check_roles(new.roles)
    if not ADDRESS.fullmatch(email) or len(email) > MOST_ADDRESS:
        raise WrongUseError(f"{new.email!r} is no e-mail address.", "Write it like ana@example.com.")
    if not name:
        raise WrongUseError("The user has no name.", "Give one: it stands beside what the user does.")
    if not roles:
        raise WrongUseError("The user has no role.", "Give at least one: without it nothing is seen.")
    rows = new.rows or widest_rows(roles)
    if rows is not Rows.ALL and not new.employee_id:
        raise WrongUseError(
            f"Who sees the rows of {'the own team' if rows is Rows.TEAM else 'the own customers'} must be an employee.",
            "Give the employee's id, as in the table of employees, or let the user see all rows.",
        )
    if session.scalars(select(UserRow.user_id).where(UserRow.email == email)).first():
        raise WrongUseError(f"{email} has an account already.", "Change that one.")
    if new.password is not None:
        passwords.check_password(new.password, email, name)
    row = UserRow(
        user_id=new_id("usr", at),
        email=email,
        name=name,
        password_hash=None if new.password is None else passwords.hashed(new.password),
        employee_id=new.employee_id,
        rows=rows,
        locale=new.locale,
        is_active=True,
        created_at=at,
        roles=[UserRoleRow(role=r) for r in roles],
    )
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", "user", row.user_id, roles=list(roles), rows=rows)
    return _user(row)


def users(session: Session) -> list[User]:
    """All of them, by name."""
    return [_user(r) for r in session.scalars(select(UserRow).order_by(UserRow.name, UserRow.user_id))]


def administrators(session: Session) -> list[User]:
    """Those who may manage users now."""
    return [u for u in users(session) if u.may(Capability.MANAGE_USERS)]


def user_of(session: Session, email_or_id: str) -> User:
    """The one with that address or id; an unknown one answers with the nearest."""
    return _user(_row(session, email_or_id))


def set_password(session: Session, at: datetime, actor: Actor, email_or_id: str, password: str) -> None:
    """A new password; whoever is signed in with the old one is signed out."""
    row = _row(session, email_or_id)
    passwords.check_password(password, row.email, row.name)
    row.password_hash = passwords.hashed(password)
    session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
    noted(session, at, actor, "password set", "user", row.user_id)


def set_roles(
    session: Session,
    at: datetime,
    actor: Actor,
    email_or_id: str,
    roles: Collection[str],
    rows: Rows | None = None,
    employee_id: str | None = None,
) -> User:
    """Other roles, and whose rows are seen; without ``rows`` or ``employee_id`` these stay. The last active administrator stays one."""
    row, wanted = _row(session, email_or_id), check_roles(roles)
    if not wanted:
        raise WrongUseError("The user would have no role.", "Give at least one, or disable the user.")
    if not _administers(wanted):
        _check_not_the_last(session, row)
    seen, row.employee_id = rows or Rows(row.rows), employee_id or row.employee_id
    if seen is not Rows.ALL and not row.employee_id:
        raise WrongUseError("Who does not see all rows must be an employee.", "Give the employee's id.")
    before = [r.role for r in row.roles]
    row.roles = [r for r in row.roles if r.role in wanted] + [UserRoleRow(role=r) for r in wanted if r not in before]
    row.rows = seen
    session.flush()
    noted(session, at, actor, "roles set", "user", row.user_id, before=before, after=list(wanted), rows=seen)
    return _user(row)


def set_look(session: Session, email_or_id: str, locale: Locale | None = None, theme: str | None = None) -> None:
    """The person's own language and theme; what is None stays. It concerns nobody else, so the audit does not tell of it."""
    row = _row(session, email_or_id)
    row.locale = str(locale) if locale else row.locale
    row.theme = theme or row.theme


def disable(session: Session, at: datetime, actor: Actor, email_or_id: str) -> None:
    """No more signing in; sessions and tokens end at once. The last active administrator can't be disabled."""
    row = _row(session, email_or_id)
    _check_not_the_last(session, row)
    row.is_active = False
    session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
    for token in session.scalars(select(TokenRow).where(TokenRow.user_id == row.user_id, TokenRow.revoked_at.is_(None))):
        token.revoked_at = at
    noted(session, at, actor, "disabled", "user", row.user_id)


def enable(session: Session, at: datetime, actor: Actor, email_or_id: str) -> None:
    """May sign in again; tokens stay revoked."""
    row = _row(session, email_or_id)
    row.is_active = True
    noted(session, at, actor, "enabled", "user", row.user_id)


def unlink(session: Session, at: datetime, actor: Actor, email_or_id: str) -> None:
    """Single sign-on forgets who the user is there; the next identity with the verified address is remembered instead.

    Whoever is signed in as the user is signed out.
    """
    row = _row(session, email_or_id)
    row.oidc_subject = None
    session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
    noted(session, at, actor, "single sign-on unlinked", "user", row.user_id)


def folded(email: str) -> str:
    """As addresses are compared: trimmed, in one case."""
    return clean(email).casefold()


def _administers(roles: Collection[str]) -> bool:
    return Capability.MANAGE_USERS in capabilities(roles)


def _check_not_the_last(session: Session, row: UserRow) -> None:
    others = select(UserRow).where(UserRow.is_active.is_(True), UserRow.user_id != row.user_id)
    if (
        row.is_active
        and _administers([r.role for r in row.roles])
        and not any(_administers([r.role for r in o.roles]) for o in session.scalars(others))
    ):
        raise KeepwellError(f"{row.name} is the last one who manages users.", "Make somebody else an administrator first.")


def _row(session: Session, email_or_id: str) -> UserRow:
    found = session.scalars(select(UserRow).where((UserRow.user_id == email_or_id) | (UserRow.email == folded(email_or_id)))).first()
    if found is None:
        raise unknown("user", email_or_id, session.scalars(select(UserRow.email).order_by(func.lower(UserRow.email))).all())
    return found


def _user(row: UserRow) -> User:
    return User(
        row.user_id,
        row.email,
        row.name,
        tuple(sorted(r.role for r in row.roles)),
        Rows(row.rows),
        row.employee_id,
        Locale(row.locale) if row.locale else None,
        row.theme,
        row.is_active,
        row.created_at,
    )
