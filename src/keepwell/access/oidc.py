"""Signing in by an OpenID provider: a browser is sent there with a request of its own, and comes back as somebody whom we know."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.keys import key_hash, new_key
from keepwell.access.oidc_provider import (
    Identity,
    InvalidTokenError,
    Provider,
    ProviderRefusedError,
    ProviderUnavailableError,
    Request,
)
from keepwell.access.sign_in import SignedIn, SignInError, TooManyAttemptsError, begin, check_address
from keepwell.access.users import folded, user_of
from keepwell.store.db import Database
from keepwell.store.tables.accounts import UserRow
from keepwell.store.tables.sign_in import AttemptRow, OidcRequestRow

ON_THE_WAY = timedelta(minutes=10)
MOST_ON_THE_WAY = 200  # from one address, behind which a whole office may be
MOST_WANTED = 2_000
# no address of a person is written like this
ACCOUNT = "single sign-on"


class Reason(StrEnum):
    """Why single sign-on did not lead in."""

    STALE = "stale"  # took too long, was used before, or was begun by another browser
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"  # by the provider, or what it sent by us
    UNVERIFIED = "unverified"
    UNKNOWN = "unknown"
    TAKEN = "taken"  # the account is another identity's
    DISABLED = "disabled"


class RefusedError(SignInError):
    """Not signed in, and why; ``email`` is whom the provider named, where nobody here is known by it."""

    def __init__(self, reason: Reason, email: str | None = None, detail: str = "", user_id: str | None = None) -> None:
        super().__init__(f"Single sign-on did not lead in: {reason}. {detail}".strip())
        self.reason = reason
        self.email = email
        self.user_id = user_id


@dataclass(frozen=True)
class Browser:
    """Who asks: ``key`` is known to that browser alone; ``name`` is what it calls itself."""

    key: str
    address: str
    name: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the browser brings back from the provider."""

    state: str
    code: str
    error: str = ""
    issuer: str = ""


@dataclass(frozen=True)
class Arrived:
    """Somebody who came back and is known, and the page that was wanted."""

    signed_in: SignedIn
    wanted: str


def start(store: Database, at: datetime, provider: Provider, browser: Browser, *, redirect_uri: str, wanted: str) -> str:
    """Where the browser goes to be recognised. What comes back counts once, within ten minutes, from the same browser."""
    request = Request(new_key(), new_key(), new_key())
    with store.transaction() as session:
        _check_on_the_way(session, at, browser.address)
    with _told():
        url = provider.authorization_url(request, redirect_uri)
    with store.transaction() as session:
        session.add(
            OidcRequestRow(
                state_hash=key_hash(request.state),
                browser_hash=key_hash(browser.key),
                nonce=request.nonce,
                code_verifier=request.code_verifier,
                wanted=wanted if len(wanted) <= MOST_WANTED else "/",
                address=browser.address,
                expires_at=at + ON_THE_WAY,
            )
        )
    return url


def finish(store: Database, at: datetime, provider: Provider, browser: Browser, answer: Answer, *, redirect_uri: str) -> Arrived:
    """Raises :class:`RefusedError`, of which the audit tells, or ``TooManyAttemptsError``.

    As with passwords, the attempt is noted before it is looked at.
    """
    with store.transaction() as session:
        check_address(session, at, browser.address)
        attempt = AttemptRow(email=ACCOUNT, address=browser.address, at=at)
        session.add(attempt)
        session.flush()
        attempt_id = attempt.attempt_id
        begun = _taken_or_none(session, at, browser, answer)
    try:
        request = _request(begun, answer)
        _check_answer(answer, provider)
        with _told():
            identity = provider.identity(at, answer.code, request, redirect_uri)
        return Arrived(_come_in(store, at, identity, browser, attempt_id), begun.wanted if begun else "/")
    except RefusedError as error:
        with store.transaction() as session:
            _note_refusal(session, at, browser, error, attempt_id)
        raise


def _check_on_the_way(session: Session, at: datetime, address: str) -> None:
    check_address(session, at, address)
    session.execute(delete(OidcRequestRow).where(OidcRequestRow.expires_at <= at))
    here = select(func.count()).select_from(OidcRequestRow).where(OidcRequestRow.address == address)
    if (session.scalar(here) or 0) >= MOST_ON_THE_WAY:
        raise TooManyAttemptsError(ON_THE_WAY)


def _taken_or_none(session: Session, at: datetime, browser: Browser, answer: Answer) -> OidcRequestRow | None:
    """The request that the answer belongs to, which is no more: of two that bring the same answer, one gets it."""
    mine = (
        OidcRequestRow.state_hash == key_hash(answer.state),
        OidcRequestRow.browser_hash == key_hash(browser.key),
        OidcRequestRow.expires_at > at,
    )
    return session.scalars(delete(OidcRequestRow).where(*mine).returning(OidcRequestRow)).first()


def _request(begun: OidcRequestRow | None, answer: Answer) -> Request:
    if begun is None:
        raise RefusedError(Reason.STALE)
    return Request(answer.state, begun.nonce, begun.code_verifier)


def _check_answer(answer: Answer, provider: Provider) -> None:
    if answer.error:
        raise RefusedError(Reason.CANCELLED if answer.error == "access_denied" else Reason.REFUSED, detail=answer.error[:100])
    # RFC 9207: a provider that says who it is says the truth
    if answer.issuer and answer.issuer.rstrip("/") != provider.issuer.rstrip("/"):
        raise RefusedError(Reason.REFUSED, detail="The answer is another provider's.")
    if not answer.code:
        raise RefusedError(Reason.REFUSED, detail="The answer holds no code.")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ProviderUnavailableError as error:
        raise RefusedError(Reason.UNAVAILABLE, detail=str(error)) from error
    except (ProviderRefusedError, InvalidTokenError) as error:
        raise RefusedError(Reason.REFUSED, detail=str(error)) from error


def _come_in(store: Database, at: datetime, identity: Identity, browser: Browser, attempt_id: int) -> SignedIn:
    with store.transaction() as session:
        row = _known(session, at, identity, browser)
        session.execute(delete(AttemptRow).where(AttemptRow.attempt_id == attempt_id))
        user = user_of(session, row.user_id)
        return begin(session, at, user, address=browser.address, browser=browser.name, by=ACCOUNT)


def _known(session: Session, at: datetime, identity: Identity, browser: Browser) -> UserRow:
    """Whose identity it is: by the subject, else by an address that the provider has verified; that subject is remembered."""
    row = session.scalars(select(UserRow).where(UserRow.oidc_subject == identity.key)).first()
    if row is None:
        row = _by_address(session, identity)
        if row.is_active:
            row.oidc_subject = identity.key
            noted(session, at, user_of(session, row.user_id).as_actor(browser.address), "single sign-on linked", "user", row.user_id)
    if not row.is_active:
        raise RefusedError(Reason.DISABLED, user_id=row.user_id)
    return row


def _by_address(session: Session, identity: Identity) -> UserRow:
    email = identity.email
    if email is None or not identity.is_verified:
        raise RefusedError(Reason.UNVERIFIED, email)
    # folding makes some different letters the same: an address like that is not taken for somebody's
    row = session.scalars(select(UserRow).where(UserRow.email == folded(email))).first() if email.isascii() else None
    if row is None:
        raise RefusedError(Reason.UNKNOWN, email)
    if row.oidc_subject is not None and row.oidc_subject.startswith(f"{identity.issuer} "):
        # the provider has given the address to somebody else: that person is not the one who had it
        raise RefusedError(Reason.TAKEN, email, user_id=row.user_id)
    return row


def _note_refusal(session: Session, at: datetime, browser: Browser, error: RefusedError, attempt_id: int) -> None:
    actor = Actor(None, ACCOUNT, browser.address)
    noted(session, at, actor, "sign-in refused", "user" if error.user_id else "session", error.user_id, reason=error.reason)
    if error.reason in {Reason.UNAVAILABLE, Reason.CANCELLED}:
        # nobody has guessed at anything
        session.execute(delete(AttemptRow).where(AttemptRow.attempt_id == attempt_id))
