"""API tokens: made once, shown once, limited in what they may do, ended at any time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.keys import key_hash, new_key
from keepwell.access.roles import Capability
from keepwell.access.users import User, user_of
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.text import clean
from keepwell.store.tables.tokens import TokenRow

MARK = "kw"
SEEN_EVERY = timedelta(minutes=1)
MOST_DAYS = 36_500  # that a token holds

# what a token may do, each with what its user must be able to do
SCOPES: dict[str, Capability] = {
    "kpis:read": Capability.SEE_KPIS,
    "customers:read": Capability.SEE_CUSTOMERS,
    "customers:write": Capability.ACT,
    "personal:read": Capability.SEE_PERSONAL,
    "models:read": Capability.SEE_MODELS,
    "data:read": Capability.SEE_DATA,
    "data:write": Capability.IMPORT,
    "runs:write": Capability.REFRESH,
    "targets:read": Capability.SEE_KPIS,
    "targets:write": Capability.SET_TARGETS,
    "appraisals:read": Capability.SEE_KPIS,
    "appraisals:write": Capability.SEE_KPIS,
    "alerts:read": Capability.SEE_KPIS,
    "alerts:write": Capability.SEE_KPIS,
    "reviews:read": Capability.SEE_KPIS,
    "reviews:write": Capability.SET_TARGETS,
    "schedules:read": Capability.SCHEDULE,
    "schedules:write": Capability.SCHEDULE,
    "views:read": Capability.SEE_KPIS,
    "views:write": Capability.SEE_KPIS,
    "webhooks:read": Capability.MANAGE_SETTINGS,
    "webhooks:write": Capability.MANAGE_SETTINGS,
}


@dataclass(frozen=True)
class Token:
    """A token without its secret."""

    token_id: str
    user_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class Bearer:
    """Who calls, with what the token and the user both allow."""

    user: User
    token: Token

    def may(self, scope: str) -> bool:
        return scope in self.token.scopes and self.user.may(SCOPES[scope])


def create_token(
    session: Session, at: datetime, actor: Actor, email_or_id: str, name: str, scopes: Collection[str], days: int | None = 365
) -> tuple[str, Token]:
    """The token as its holder writes it, which is shown only now, and what is known of it.

    Raises ``WrongUseError`` for an unknown scope, or one that the user could not use.
    """
    user = user_of(session, email_or_id)
    for scope in scopes:
        if scope not in SCOPES:
            raise unknown("scope", scope, SCOPES)
        if not user.may(SCOPES[scope]):
            raise WrongUseError(f"{user.name} may not do what {scope} allows.", "Choose other scopes, or give the user a role that may.")
    if not user.may(Capability.USE_API):
        raise WrongUseError(f"{user.name} may not use the API.", "Give the user a role that may: operations, analyst or administrator.")
    if not scopes or not clean(name):
        raise WrongUseError("A token needs a name and at least one scope.", f"Scopes are {', '.join(SCOPES)}.")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise WrongUseError(f"The token would hold for {days} days.", f"Give 1 to {MOST_DAYS}.")
    secret = new_key()
    row = TokenRow(
        token_id=new_id("tok", at),
        user_id=user.user_id,
        name=clean(name)[:200],
        secret_hash=key_hash(secret),
        scopes=sorted(set(scopes)),
        created_at=at,
        expires_at=None if days is None else at + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    noted(session, at, actor, "created", "token", row.token_id, scopes=row.scopes, user=user.user_id)
    return f"{MARK}.{row.token_id}.{secret}", _token(row)


def bearer_or_none(session: Session, at: datetime, written: str) -> Bearer | None:
    """Whose token it is; None where it is malformed, unknown, ended, or its user disabled."""
    mark, _, rest = written.partition(".")
    token_id, _, secret = rest.partition(".")
    row = session.get(TokenRow, token_id) if mark == MARK and secret else None
    if row is None or not compare_digest(row.secret_hash, key_hash(secret)):
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
        return None
    user = user_of(session, row.user_id)
    return Bearer(user, _token(row)) if user.is_active else None


def is_use_noted(token: Token, at: datetime) -> bool:
    """Whether its use was noted within the last minute; noting each call would write with each."""
    return token.used_at is not None and token.used_at + SEEN_EVERY > at


def note_use(session: Session, at: datetime, token_id: str) -> None:
    row = session.get(TokenRow, token_id)
    if row is not None and (row.used_at is None or row.used_at + SEEN_EVERY <= at):
        row.used_at = at


def revoke_token(session: Session, at: datetime, actor: Actor, token_id: str) -> None:
    """It is heard no more. An unknown one answers with the nearest."""
    row = session.get(TokenRow, token_id)
    if row is None:
        raise unknown("token", token_id, session.scalars(select(TokenRow.token_id)).all())
    if row.revoked_at is None:
        row.revoked_at = at
        noted(session, at, actor, "revoked", "token", token_id)


def tokens(session: Session, user_id: str | None = None) -> list[Token]:
    """All, or those of a user; the newest first."""
    query = select(TokenRow).order_by(TokenRow.created_at.desc(), TokenRow.token_id)
    return [_token(r) for r in session.scalars(query if user_id is None else query.where(TokenRow.user_id == user_id))]


def _token(row: TokenRow) -> Token:
    return Token(row.token_id, row.user_id, row.name, tuple(row.scopes), row.created_at, row.expires_at, row.used_at, row.revoked_at)
