"""Alerts: what people want to be told of, and what they were told."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table

COUNTS = text("deleted_at is null")


class AlertRow(Table):
    """What somebody wants to be told of a KPI. Of a person, KPI and condition there is one that was not deleted."""

    __tablename__ = "alerts"
    __table_args__ = (Index("uq_alerts_counts", "user_id", "kpi", "condition", unique=True, sqlite_where=COUNTS, postgresql_where=COUNTS),)

    alert_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    kpi: Mapped[str] = mapped_column(String(100))
    condition: Mapped[str] = mapped_column(String(20))
    by_mail: Mapped[bool]
    channel_id: Mapped[str | None] = mapped_column(String(40))
    every_days: Mapped[int]
    quiet_start: Mapped[str] = mapped_column(String(5))
    quiet_end: Mapped[str] = mapped_column(String(5))
    made_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class NoticeRow(Table):
    """Something that somebody was told: of an alert each thing once. ``sent_at`` is empty where it only lies in the inbox."""

    __tablename__ = "notices"
    __table_args__ = (UniqueConstraint("alert_id", "key", name="uq_notices_alert_id"), Index(None, "user_id", "made_at"))

    notice_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.alert_id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    kpi: Mapped[str] = mapped_column(String(100))
    condition: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(120))
    period: Mapped[str] = mapped_column(String(20))
    run_id: Mapped[str] = mapped_column(String(60))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    made_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
