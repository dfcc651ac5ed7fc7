"""Scorecards as they were published: what people were told, kept as it was."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table


class PublishedCardRow(Table):
    """A card of a period, once. Rows are added, never changed."""

    __tablename__ = "published_cards"
    __table_args__ = (UniqueConstraint("name", "period", name="uq_published_cards_name"),)

    card_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    period: Mapped[str] = mapped_column(String(20))
    period_start: Mapped[date]
    version: Mapped[int]
    run_id: Mapped[str] = mapped_column(String(60))
    published_at: Mapped[datetime]
    published_by: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    note: Mapped[str | None] = mapped_column(String(500))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    marks: Mapped[dict[str, str]] = mapped_column(JSON)
    rows: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
