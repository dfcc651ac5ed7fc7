"""Every change and every export leaves a line that names who, what and when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.store.tables.audit import AuditRow

MOST_TEXT = 200


@dataclass(frozen=True)
class Actor:
    """Who acts: a user, or a command on the machine itself (without an id)."""

    user_id: str | None
    name: str
    address: str | None = None


@dataclass(frozen=True)
class Entry:
    """One line of the audit."""

    entry_id: int
    at: datetime
    user_id: str | None
    user_name: str
    action: str
    kind: str
    object_id: str | None
    details: Mapping[str, Any]
    address: str | None


def noted(
    session: Session,
    at: datetime,
    actor: Actor,
    action: str,
    kind: str,
    object_id: str | None = None,
    **details: str | float | list[str] | None,
) -> None:
    """Write a line in the same transaction as what it tells of. ``details`` hold no passwords, keys or personal data."""
    session.add(
        AuditRow(
            at=at,
            user_id=actor.user_id,
            user_name=actor.name[:MOST_TEXT],
            action=action,
            kind=kind,
            object_id=object_id[:MOST_TEXT] if object_id else None,
            details=details,
            address=actor.address,
        )
    )


def entries(
    session: Session, *, limit: int = 50, before: int | None = None, kind: str | None = None, user_id: str | None = None
) -> list[Entry]:
    """The newest first; ``before`` an entry's number for the next page."""
    query = select(AuditRow).order_by(AuditRow.entry_id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditRow.entry_id < before)
    if kind is not None:
        query = query.where(AuditRow.kind == kind)
    if user_id is not None:
        query = query.where(AuditRow.user_id == user_id)
    return [
        Entry(r.entry_id, r.at, r.user_id, r.user_name, r.action, r.kind, r.object_id, r.details, r.address) for r in session.scalars(query)
    ]
