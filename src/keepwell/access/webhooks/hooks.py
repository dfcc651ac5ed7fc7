"""Doors for rows of other systems: whoever knows the secret may send rows of one entity, or through one mapping."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.keys import key_hash
from keepwell.access.sealing import Sealer
from keepwell.access.webhooks import signature
from keepwell.access.webhooks.signature import BadSignatureError, Message
from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.core.ids import MAIN_SOURCE, check_source, new_id
from keepwell.core.text import clean
from keepwell.lake.entity import entities, entity
from keepwell.store.db import Database
from keepwell.store.tables.sign_in import AttemptRow
from keepwell.store.tables.webhooks import HookMessageRow, HookRow

MOST_NAME = 100
BOTH_COUNT = timedelta(hours=24)  # how long the old secret still counts beside a new one
KEPT = timedelta(days=7)  # messages; longer than anybody goes on trying
LONGEST = timedelta(minutes=10)  # after that a message that was never answered is taken for lost
# refusals that are written down, of one address at one hook, within the window
WINDOW, MOST_NOTED = timedelta(minutes=15), 10


@dataclass(frozen=True)
class Hook:
    """A door for rows, without its secret. ``entity`` or ``mapping`` says what a row is."""

    hook_id: str
    name: str
    entity: str | None
    mapping: str | None
    source: str
    is_on: bool
    made_at: datetime
    both_until: datetime | None
    last_at: datetime | None = None


@dataclass(frozen=True)
class NewHook:
    """What a hook is to be. ``secret`` is the sender's own, where the sender makes it; else one is made here."""

    name: str
    entity: str | None = None
    mapping: str | None = None
    source: str = MAIN_SOURCE
    secret: str | None = None


class RefusedHookError(KeepwellError):
    """Unknown hook, one that is off, bad signature: all told alike. ``is_flood`` once nothing more of it is written down."""

    def __init__(self, *, is_flood: bool) -> None:
        super().__init__("The webhook is refused.", "Check its address, its secret, and the clock of who sends it.")
        self.is_flood = is_flood


class RepeatedError(KeepwellError):
    """A message of that id is at work, or said something else."""


@dataclass(frozen=True)
class Answered:
    """How a message was answered before."""

    status: int
    body: Mapping[str, Any]


def add_hook(session: Session, at: datetime, actor: Actor, sealer: Sealer, new: NewHook) -> tuple[Hook, str]:
    """The hook and its secret, which is shown only now. Raises ``WrongUseError`` for what can't be one."""
    name = checked_name(new.name)
    if (new.entity is None) == (new.mapping is None):
        raise WrongUseError("Say what comes in by the webhook.", "Name either an entity or a mapping.")
    if new.entity is not None and entity(new.entity).is_derived:
        raise unknown("entity to bring", new.entity, (n for n, e in entities().items() if not e.is_derived))
    if new.secret is not None and not signature.is_secret(new.secret):
        raise WrongUseError("This is no secret of Standard Webhooks.", "It is whsec_ and 24 to 64 bytes in base64; or leave it empty.")
    hook_id, secret = new_id("hook", at), new.secret or signature.new_secret()
    row = HookRow(
        hook_id=hook_id, name=name, entity=new.entity, mapping=new.mapping, source=check_source(new.source),
        secret=sealer.seal(secret, hook_id), is_on=True, made_at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", "hook", hook_id, name=name, entity=new.entity, mapping=new.mapping)
    return _hook(row), secret


def hooks(session: Session) -> list[Hook]:
    """Those that were not deleted, the oldest first."""
    newest = select(HookMessageRow.hook_id, func.max(HookMessageRow.at)).group_by(HookMessageRow.hook_id)
    last: dict[str, datetime] = {row[0]: row[1] for row in session.execute(newest)}
    rows = session.scalars(select(HookRow).where(HookRow.deleted_at.is_(None)).order_by(HookRow.made_at, HookRow.hook_id))
    return [_hook(r, last.get(r.hook_id)) for r in rows]


def checked_name(name: str) -> str:
    """The name as it is kept; raises ``WrongUseError`` where it is none."""
    found = clean(name)
    if not 1 <= len(found) <= MOST_NAME:
        raise WrongUseError("A webhook needs a name.", f"Give it 1 to {MOST_NAME} characters.")
    return found


def accepted(
    store: Database, at: datetime, sealer: Sealer, hook_id: str, headers: Mapping[str, str], body: bytes, address: str
) -> tuple[Hook, Message]:
    """The hook and the message's marks, if it is signed, now, with a secret that counts.

    Raises :class:`RefusedHookError`; the audit tells why, a few times for each address.
    """
    with store.transaction(writes=False) as session:
        row = session.get(HookRow, hook_id)
        is_open = row is not None and row.is_on and row.deleted_at is None
        hook, live = (_hook(row), live_secrets(row, sealer, at)) if row is not None and is_open else (None, ())
    try:
        message = signature.checked(live, headers, body, at)
    except BadSignatureError as error:
        reason = str(error.reason) if hook else "off" if row is not None else "unknown hook"
        raise RefusedHookError(is_flood=_note_refusal(store, at, hook_id, address, reason)) from error
    if hook is None:
        raise ValueError(f"{hook_id} has no secret and yet it signed")
    return hook, message


def begun(session: Session, at: datetime, hook_id: str, message_id: str, body: bytes) -> Answered | None:
    """How this message was answered before; None where it is new, and is now at work.

    Raises :class:`RepeatedError` where its id said something else, or its first one is still at work.
    """
    session.execute(delete(HookMessageRow).where(HookMessageRow.at <= at - KEPT))
    told = hashlib.sha256(body).hexdigest()
    row = session.get(HookMessageRow, (hook_id, key_hash(message_id)))
    if row is not None and row.body is None and row.at <= at - LONGEST:
        session.delete(row)
        session.flush()
        row = None
    if row is None:
        session.add(HookMessageRow(hook_id=hook_id, message_hash=key_hash(message_id), fingerprint=told, at=at))
        return None
    if row.fingerprint != told:
        raise RepeatedError("This webhook-id was used for another message.", "Take a new id for each message.")
    if row.body is None or row.status is None:
        raise RepeatedError("The message with this webhook-id is still at work.", "Send it again in a moment.")
    return Answered(row.status, row.body)


def ended(session: Session, hook_id: str, message_id: str, status: int, body: Mapping[str, Any]) -> None:
    """Keep the answer for whoever sends it again."""
    row = session.get(HookMessageRow, (hook_id, key_hash(message_id)))
    if row is not None:
        row.status, row.body = status, dict(body)


def forgotten(session: Session, hook_id: str, message_id: str) -> None:
    """It failed, and may be sent again."""
    mine = (HookMessageRow.hook_id == hook_id, HookMessageRow.message_hash == key_hash(message_id))
    session.execute(delete(HookMessageRow).where(*mine))


def live_secrets(row: Any, sealer: Sealer, at: datetime) -> tuple[str, ...]:
    """The secrets that count now, the new one first; ``row`` is a hook's or a subscription's."""
    own = getattr(row, "hook_id", None) or row.subscription_id
    sealed = [row.secret, *([row.secret_before] if row.secret_before and row.before_until and row.before_until > at else [])]
    return tuple(sealer.opened(s, own) for s in sealed)


def _note_refusal(store: Database, at: datetime, hook_id: str, address: str, reason: str) -> bool:
    """Write the refusal down, unless there were many; gives whether there were."""
    # in the table of failed sign-ins, under names that no person and no network has
    asked, whence = f"hook {hook_id}"[:300], f"hook {address}"[:64]
    mine = (AttemptRow.email == asked, AttemptRow.address == whence)
    anywhere = (AttemptRow.address == whence,)
    recent = AttemptRow.at > at - WINDOW
    with store.transaction(writes=False) as session:
        of_hook, of_address = (
            session.scalar(select(func.count()).select_from(AttemptRow).where(*w, recent)) or 0 for w in (mine, anywhere)
        )
    if of_hook >= MOST_NOTED or of_address >= 10 * MOST_NOTED:
        return True
    with store.transaction() as session:
        session.execute(delete(AttemptRow).where(AttemptRow.at <= at - WINDOW))
        session.add(AttemptRow(email=asked, address=whence, at=at))
        noted(session, at, Actor(None, "webhook", address), "webhook refused", "hook", hook_id, reason=reason)
    return False


def _hook(row: HookRow, last_at: datetime | None = None) -> Hook:
    return Hook(row.hook_id, row.name, row.entity, row.mapping, row.source, row.is_on, row.made_at, row.before_until, last_at)
