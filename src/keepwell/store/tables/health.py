"""What people say of a customer's health against the score, with why, whose word it is, and until when it counts."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table

IS_THERE = text("ended_at is null")


class HealthOverrideRow(Table):
    """An override. Of a customer there is one that has not ended; rows are never deleted, and change only by ending."""

    __tablename__ = "health_overrides"
    __table_args__ = (
        Index("uq_health_overrides_counts", "customer_id", unique=True, sqlite_where=IS_THERE, postgresql_where=IS_THERE),
        Index("ix_health_overrides_customer_id", "customer_id"),
    )

    override_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[str] = mapped_column(String(500))
    band: Mapped[str | None] = mapped_column(String(20))
    score: Mapped[Decimal | None]
    reason: Mapped[str] = mapped_column(String(500))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    owner_name: Mapped[str] = mapped_column(String(200))
    until: Mapped[date]
    made_at: Mapped[datetime]
    made_by: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    made_by_name: Mapped[str] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]
    ended_by_name: Mapped[str | None] = mapped_column(String(200))
