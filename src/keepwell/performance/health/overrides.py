"""Overrides of health in the store: added, ended, never deleted; each with a line in the audit. No run touches them."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.users import user_of
from keepwell.core.errors import UnknownError, WrongUseError
from keepwell.core.ids import new_id
from keepwell.performance.health.definition import Band
from keepwell.performance.health.override import Override, State, Wanted, checked
from keepwell.store.tables.health import HealthOverrideRow


def overrides_of(session: Session, customer_id: str) -> list[Override]:
    """Every override that the customer ever had, the newest first."""
    query = select(HealthOverrideRow).where(HealthOverrideRow.customer_id == customer_id)
    return [_override(r) for r in session.scalars(query.order_by(HealthOverrideRow.made_at.desc(), HealthOverrideRow.override_id.desc()))]


def override(session: Session, at: datetime, today: date, actor: Actor, customer_id: str, wanted: Wanted) -> Override:
    """Keep it from now on; the one that counted until now ends. ``WrongUseError`` for what is missing, unknown owners are errors too."""
    asked = checked(wanted, today)
    owner = user_of(session, asked.owner)
    if not owner.is_active:
        raise WrongUseError(f"{owner.name} is disabled.", "Name an owner who can be asked.")
    before = _open_row_or_none(session, customer_id)
    if before is not None:
        _end(before, at, actor)
        # the new row may only come when the old one no longer counts
        session.flush()
    row = HealthOverrideRow(
        override_id=new_id("hov", at), customer_id=customer_id, band=asked.band, score=asked.score, reason=asked.reason,
        owner_id=owner.user_id, owner_name=owner.name, until=asked.until, made_at=at, made_by=actor.user_id, made_by_name=actor.name[:200],
    )  # fmt: skip
    session.add(row)
    session.flush()
    noted(
        session, at, actor, "added", "health override", row.override_id,
        customer=customer_id, band=asked.band, score=None if asked.score is None else str(asked.score), until=str(asked.until), owner=owner.user_id,
    )  # fmt: skip
    return _override(row)


def end_override(session: Session, at: datetime, today: date, actor: Actor, customer_id: str) -> Override:
    """The one that counts ends now; its row stays. An error where none counts."""
    row = _open_row_or_none(session, customer_id)
    if row is None or _override(row).state(today) is not State.COUNTS:
        raise UnknownError(f"No override of the health of {customer_id} counts.", "It has expired or ended already, or there was none.")
    _end(row, at, actor)
    session.flush()
    noted(session, at, actor, "ended", "health override", row.override_id, customer=customer_id)
    return _override(row)


def _open_row_or_none(session: Session, customer_id: str) -> HealthOverrideRow | None:
    query = select(HealthOverrideRow).where(HealthOverrideRow.customer_id == customer_id, HealthOverrideRow.ended_at.is_(None))
    return session.scalars(query.with_for_update()).first()


def _end(row: HealthOverrideRow, at: datetime, actor: Actor) -> None:
    row.ended_at, row.ended_by_name = at, actor.name[:200]


def _override(row: HealthOverrideRow) -> Override:
    return Override(
        row.override_id, row.customer_id, Band(row.band) if row.band else None, row.score, row.reason, row.owner_id, row.owner_name,
        row.until, row.made_at, row.made_by_name, row.ended_at, row.ended_by_name,
    )  # fmt: skip
