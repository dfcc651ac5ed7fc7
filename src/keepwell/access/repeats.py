"""Requests under a key of the caller's own: the same one twice is done once and answered alike."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from keepwell.access.keys import key_hash
from keepwell.core.errors import KeepwellError
from keepwell.store.tables.repeats import RepeatRow

KEPT = timedelta(days=1)
LONGEST = timedelta(minutes=10)  # after that one that was never answered is taken for dead


class RepeatError(KeepwellError):
    """The key is at work, or was used for another request."""


@dataclass(frozen=True)
class Answered:
    """How the first one was answered."""

    status: int
    body: Mapping[str, Any]


def fingerprint(*parts: str) -> str:
    """What a request says: the same for the same."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def begun(session: Session, at: datetime, token_id: str, key: str, told: str) -> Answered | None:
    """How this request was answered before; None where it is new, and is now at work.

    Raises :class:`RepeatError` where the key was used for another request, or its first one is still at work.
    """
    session.execute(delete(RepeatRow).where(RepeatRow.at <= at - KEPT))
    row = session.get(RepeatRow, (token_id, key_hash(key)))
    if row is not None and row.body is None and row.at <= at - LONGEST:
        session.delete(row)
        session.flush()
        row = None
    if row is None:
        session.add(RepeatRow(token_id=token_id, key_hash=key_hash(key), fingerprint=told, at=at))
        return None
    if row.fingerprint != told:
        raise RepeatError("This Idempotency-Key was used for another request.", "Take a new key for each request.")
    if row.body is None or row.status is None:
        raise RepeatError("The request with this Idempotency-Key is still at work.", "Ask again in a moment.")
    return Answered(row.status, row.body)


def ended(session: Session, token_id: str, key: str, status: int, body: Mapping[str, Any]) -> None:
    """Keep the answer for whoever asks again."""
    row = session.get(RepeatRow, (token_id, key_hash(key)))
    if row is not None:
        row.status, row.body = status, dict(body)


def forgotten(session: Session, token_id: str, key: str) -> None:
    """The request failed: it may be tried again under the same key."""
    session.execute(delete(RepeatRow).where(RepeatRow.token_id == token_id, RepeatRow.key_hash == key_hash(key)))
