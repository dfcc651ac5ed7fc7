"""Signing in and out: passwords under a limit of attempts, sessions that end by themselves and can be ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from keepwell.access import passwords
from keepwell.access.audit import noted
from keepwell.access.keys import key_hash, new_key
from keepwell.access.users import MOST_ADDRESS, User, folded, user_of
from keepwell.core.errors import KeepwellError
from keepwell.store.db import Database
from keepwell.store.tables.accounts import UserRow
from keepwell.store.tables.sign_in import AttemptRow, SessionRow

WINDOW = timedelta(minutes=15)
# failed attempts within the window: at one account from one address, from one address, at one account from anywhere. The last is high, so
# that nobody is kept out by strangers who guess.
MOST_OF_PAIR, MOST_OF_ADDRESS, MOST_OF_ACCOUNT = 5, 30, 50
IDLE, LONGEST = timedelta(hours=12), timedelta(days=14)
MOST_BROWSER = 300
NOTED_EVERY = timedelta(minutes=1)


class SignInError(KeepwellError):
    """Not signed in. It never says whether the account exists."""


class TooManyAttemptsError(SignInError):
    """Too many failed attempts; ``wait`` is how long until the next one is heard."""

    def __init__(self, wait: timedelta) -> None:
        minutes = -(-int(wait.total_seconds()) // 60)
        super().__init__("Too many failed attempts.", f"Try again in {minutes} minute{'s' if minutes != 1 else ''}.")
        self.wait = wait


@dataclass(frozen=True)
class SignedIn:
    """A session: ``key`` is for the browser alone."""

    key: str
    user: User
    expires_at: datetime


@dataclass(frozen=True)
class Browser:
    """Where somebody is signed in, as shown to the person."""

    key_hash: str
    created_at: datetime
    seen_at: datetime
    address: str | None
    browser: str | None


def sign_in(store: Database, at: datetime, email: str, password: str, *, address: str, browser: str | None = None) -> SignedIn:
    """Raises :class:`SignInError`; it takes as long, and says the same, whether or not there is such an account.

    The attempt is noted before it is looked at, so that many at once count as many.
    """
    name = folded(email)[:MOST_ADDRESS]
    with store.transaction() as session:
        _check_attempts(session, at, name, address)
        session.add(AttemptRow(email=name, address=address, at=at))
        row = session.scalars(select(UserRow).where(UserRow.email == name)).first()
    kept = row.password_hash if row else None
    # outside of any transaction: it takes a tenth of a second on purpose
    is_right = passwords.matches(password, kept)
    if row is None or kept is None or not is_right:
        raise _wrong()
    stronger = passwords.hashed(password) if passwords.is_outdated(kept) else kept
    with store.transaction() as session:
        # as it is now: meanwhile the user may have been disabled, or been given another password
        same = (UserRow.user_id == row.user_id, UserRow.password_hash == kept, UserRow.is_active.is_(True))
        if not session.scalars(update(UserRow).where(*same).values(password_hash=stronger).returning(UserRow.user_id)).all():
            raise _wrong()
        session.execute(delete(AttemptRow).where(AttemptRow.email == name, AttemptRow.address == address))
        return begin(session, at, user_of(session, row.user_id), address=address, browser=browser)


def _wrong() -> SignInError:
    return SignInError("The e-mail address or the password is wrong.", "Ask your administrator for a new password if you have lost it.")


def begin(session: Session, at: datetime, user: User, *, address: str, browser: str | None = None, by: str | None = None) -> SignedIn:
    """A session of somebody who has been recognised; ``by`` is told where it was not by a password."""
    key, ends = new_key(), at + LONGEST
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= at))
    session.add(
        SessionRow(
            key_hash=key_hash(key),
            user_id=user.user_id,
            created_at=at,
            seen_at=at,
            expires_at=ends,
            address=address,
            browser=browser[:MOST_BROWSER] if browser else None,
        )
    )
    noted(session, at, user.as_actor(address), "signed in", "session", **({"by": by} if by else {}))
    return SignedIn(key, user, ends)


def signed_in_or_none(session: Session, at: datetime, key: str) -> User | None:
    """Whose session it is, if it goes on. It ends after twelve hours without use, and after two weeks."""
    row = session.get(SessionRow, key_hash(key))
    if row is None or row.expires_at <= at or row.seen_at + IDLE <= at:
        return None
    user = user_of(session, row.user_id)
    return user if user.is_active else None


def is_use_noted(session: Session, at: datetime, key: str) -> bool:
    """Whether the session's use was noted within the last minute; noting each request would write with each."""
    row = session.get(SessionRow, key_hash(key))
    return row is None or at - row.seen_at < NOTED_EVERY


def note_use(session: Session, at: datetime, key: str) -> None:
    row = session.get(SessionRow, key_hash(key))
    if row is not None and row.seen_at < at:
        row.seen_at = at


def sign_out(session: Session, at: datetime, user: User, key: str, *, address: str | None = None) -> None:
    session.execute(delete(SessionRow).where(SessionRow.key_hash == key_hash(key)))
    noted(session, at, user.as_actor(address), "signed out", "session")


def sign_out_everywhere(session: Session, at: datetime, user: User, *, address: str | None = None) -> None:
    session.execute(delete(SessionRow).where(SessionRow.user_id == user.user_id))
    noted(session, at, user.as_actor(address), "signed out everywhere", "session")


def browsers(session: Session, at: datetime, user: User) -> list[Browser]:
    """Where the user is signed in, the last used first."""
    query = (
        select(SessionRow)
        .where(SessionRow.user_id == user.user_id, SessionRow.expires_at > at, SessionRow.seen_at > at - IDLE)
        .order_by(SessionRow.seen_at.desc(), SessionRow.key_hash)
    )
    return [Browser(r.key_hash, r.created_at, r.seen_at, r.address, r.browser) for r in session.scalars(query)]


def check_address(session: Session, at: datetime, address: str) -> None:
    """Raises ``TooManyAttemptsError`` where too many have failed from there, whoever was meant."""
    session.execute(delete(AttemptRow).where(AttemptRow.at <= at - WINDOW))
    _check_most(session, at, MOST_OF_ADDRESS, AttemptRow.address == address)


def _check_attempts(session: Session, at: datetime, email: str, address: str) -> None:
    account = AttemptRow.email == email
    check_address(session, at, address)
    _check_most(session, at, MOST_OF_PAIR, account, AttemptRow.address == address)
    _check_most(session, at, MOST_OF_ACCOUNT, account)


def _check_most(session: Session, at: datetime, most: int, *which: ColumnElement[bool]) -> None:
    times = session.scalars(select(AttemptRow.at).where(*which).order_by(AttemptRow.at.desc()).limit(most)).all()
    if len(times) == most:
        # when the oldest of them no longer counts
        raise TooManyAttemptsError(times[-1] + WINDOW - at)
