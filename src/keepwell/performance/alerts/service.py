"""Alerts and notices in the store: wanted, taken back, found once, read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.users import User
from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.performance.alerts.condition import Finding, When
from keepwell.performance.alerts.quiet import MOST_DAYS, Quiet
from keepwell.store.tables.alerts import AlertRow, NoticeRow

MOST_ALERTS = 100
KEPT = timedelta(days=400)


@dataclass(frozen=True)
class NewAlert:
    """What somebody wants to be told. Everything lies in the inbox; what is sent besides is so at most every ``every_days`` days, 0 for always."""

    kpi: str
    when: When
    by_mail: bool = True
    channel_id: str | None = None
    every_days: int = 0
    quiet: Quiet = Quiet()

    def __post_init__(self) -> None:
        if not 0 <= self.every_days <= MOST_DAYS:
            raise WrongUseError(f"{self.every_days} days can't be waited for.", f"Give 0 to {MOST_DAYS} days.")


@dataclass(frozen=True)
class Alert:
    """An alert as it is kept."""

    alert_id: str
    user_id: str
    wanted: NewAlert
    made_at: datetime


@dataclass(frozen=True)
class Notice:
    """Something that somebody was told."""

    notice_id: str
    alert_id: str
    user_id: str
    kpi: str
    when: When
    period: str
    run_id: str
    data: dict[str, Any]
    made_at: datetime
    sent_at: datetime | None
    read_at: datetime | None


def add_alert(session: Session, at: datetime, actor: Actor, user: User, new: NewAlert) -> Alert:
    """Somebody wants to be told from the next run on. Raises where the same is wanted already."""
    mine = alerts(session, user.user_id)
    if any((a.wanted.kpi, a.wanted.when) == (new.kpi, new.when) for a in mine):
        raise KeepwellError(f"{user.name} is told of that already.", "Delete the alert that is there first.")
    if len(mine) >= MOST_ALERTS:
        raise KeepwellError(f"{user.name} has {len(mine)} alerts.", "Delete one that nobody reads.")
    row = AlertRow(
        alert_id=new_id("alr", at), user_id=user.user_id, kpi=new.kpi, condition=new.when, by_mail=new.by_mail, channel_id=new.channel_id,
        every_days=new.every_days, quiet_start=new.quiet.start, quiet_end=new.quiet.end, made_at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", "alert", row.alert_id, kpi=new.kpi, condition=str(new.when), user=user.user_id)
    return _alert(row)


def delete_alert(session: Session, at: datetime, actor: Actor, alert_id: str, user_id: str | None = None) -> Alert:
    """Nobody is told any more; notices stay. With ``user_id`` only one of that person's is known."""
    row = _row(session, alert_id, user_id, is_deleted=False)
    row.deleted_at = at
    noted(session, at, actor, "deleted", "alert", alert_id, kpi=row.kpi)
    return _alert(row)


def restore_alert(session: Session, at: datetime, actor: Actor, alert_id: str, user_id: str | None = None) -> Alert:
    """One that was deleted is there again."""
    row = _row(session, alert_id, user_id, is_deleted=True)
    if any((a.wanted.kpi, a.wanted.when) == (row.kpi, row.condition) for a in alerts(session, row.user_id)):
        raise KeepwellError("The same is wanted again since.", "Delete that one first.")
    row.deleted_at = None
    noted(session, at, actor, "restored", "alert", alert_id, kpi=row.kpi)
    return _alert(row)


def alerts(session: Session, user_id: str | None = None) -> list[Alert]:
    """Everybody's, or those of a person, by KPI."""
    query = select(AlertRow).where(AlertRow.deleted_at.is_(None)).order_by(AlertRow.kpi, AlertRow.condition, AlertRow.alert_id)
    return [_alert(r) for r in session.scalars(query if user_id is None else query.where(AlertRow.user_id == user_id))]


def tell(session: Session, at: datetime, alert: Alert, run_id: str, found: Finding) -> Notice | None:
    """Put it into the inbox. ``sent_at`` of what comes back says whether it is to be sent too; None where it was told before."""
    known = select(NoticeRow.notice_id).where(NoticeRow.alert_id == alert.alert_id, NoticeRow.key == found.key)
    if session.scalars(known).first() is not None:
        return None
    last = session.scalar(select(func.max(NoticeRow.sent_at)).where(NoticeRow.alert_id == alert.alert_id))
    wanted = alert.wanted
    is_sent = (wanted.by_mail or wanted.channel_id is not None) and (last is None or last + timedelta(days=wanted.every_days) <= at)
    row = NoticeRow(
        notice_id=new_id("ntc", at), alert_id=alert.alert_id, user_id=alert.user_id, kpi=wanted.kpi, condition=wanted.when, key=found.key,
        period=found.period, run_id=run_id, data=dict(found.data), made_at=at, sent_at=at if is_sent else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return _notice(row)


def notices(session: Session, user_id: str, limit: int = 100) -> list[Notice]:
    """What a person was told, the newest first."""
    query = select(NoticeRow).where(NoticeRow.user_id == user_id).order_by(NoticeRow.made_at.desc(), NoticeRow.notice_id.desc())
    return [_notice(r) for r in session.scalars(query.limit(limit))]


def notice_or_none(session: Session, notice_id: str) -> Notice | None:
    """That one."""
    row = session.get(NoticeRow, notice_id)
    return None if row is None else _notice(row)


def unread(session: Session, user_id: str) -> int:
    """How many a person has not read."""
    return session.scalar(select(func.count()).select_from(NoticeRow).where(NoticeRow.user_id == user_id, NoticeRow.read_at.is_(None))) or 0


def mark_read(session: Session, at: datetime, user_id: str, notice_ids: Sequence[str] | None = None, *, is_read: bool = True) -> None:
    """All of a person's notices, or these, are read, or not after all. It concerns nobody else, so the audit does not tell of it."""
    mine = update(NoticeRow).where(NoticeRow.user_id == user_id)
    if notice_ids is not None:
        mine = mine.where(NoticeRow.notice_id.in_(notice_ids))
    session.execute(
        mine.where(NoticeRow.read_at.is_(None) if is_read else NoticeRow.read_at.is_not(None)).values(read_at=at if is_read else None)
    )


def forget_old_notices(session: Session, at: datetime) -> None:
    """Notices are kept for a year and a bit: the same month of last year is still there."""
    session.execute(delete(NoticeRow).where(NoticeRow.made_at <= at - KEPT))


def _row(session: Session, alert_id: str, user_id: str | None, *, is_deleted: bool) -> AlertRow:
    row = session.get(AlertRow, alert_id)
    if row is None or (row.deleted_at is not None) != is_deleted or (user_id is not None and row.user_id != user_id):
        raise unknown("alert", alert_id, [a.alert_id for a in alerts(session, user_id)])
    return row


def _alert(row: AlertRow) -> Alert:
    quiet = Quiet(row.quiet_start, row.quiet_end)
    return Alert(
        row.alert_id, row.user_id, NewAlert(row.kpi, When(row.condition), row.by_mail, row.channel_id, row.every_days, quiet), row.made_at
    )


def _notice(row: NoticeRow) -> Notice:
    return Notice(
        row.notice_id, row.alert_id, row.user_id, row.kpi, When(row.condition), row.period, row.run_id, row.data, row.made_at, row.sent_at,
        row.read_at,
    )  # fmt: skip
