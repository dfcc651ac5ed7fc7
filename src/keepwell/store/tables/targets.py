"""What KPIs shall come to, with every version that counted once, and the objectives that group them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table

IS_THERE = text("ended_at is null")


class ObjectiveRow(Table):
    """What somebody wants to achieve; its key results are the targets that name it."""

    __tablename__ = "objectives"

    objective_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    made_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class TargetRow(Table):
    """A target. Of one KPI, slice and period there is one that has not ended."""

    __tablename__ = "targets"
    __table_args__ = (
        Index("uq_targets_aimed", "kpi", "slice_key", "period", unique=True, sqlite_where=IS_THERE, postgresql_where=IS_THERE),
    )

    target_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kpi: Mapped[str] = mapped_column(String(100))
    slice_key: Mapped[str] = mapped_column(String(300))
    scope: Mapped[str] = mapped_column(String(20))
    dimension: Mapped[str | None] = mapped_column(String(100))
    member: Mapped[str | None] = mapped_column(String(200))
    grain: Mapped[str] = mapped_column(String(20))
    period: Mapped[str] = mapped_column(String(20))
    deadline: Mapped[date]
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None] = mapped_column(String(500))


class TargetVersionRow(Table):
    """A target as it was set at a moment. Rows are added, never changed."""

    __tablename__ = "target_versions"

    target_id: Mapped[str] = mapped_column(ForeignKey("targets.target_id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    set_at: Mapped[datetime]
    set_by: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    value: Mapped[Decimal]
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    objective_id: Mapped[str | None] = mapped_column(ForeignKey("objectives.objective_id", ondelete="SET NULL"))
    reason: Mapped[str | None] = mapped_column(String(500))
    change: Mapped[str | None] = mapped_column(String(500))
    baseline: Mapped[Decimal | None]
    baseline_period: Mapped[str | None] = mapped_column(String(20))
    path: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
