"""Named rules that say which customers belong."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table

IS_THERE = text("deleted_at is null")


class SegmentRow(Table):
    """A segment. One that was deleted stays, so that it can come back; of those that are there each has a name of its own."""

    __tablename__ = "segments"
    __table_args__ = (Index("uq_segments_name_key", "name_key", unique=True, sqlite_where=IS_THERE, postgresql_where=IS_THERE),)

    segment_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(100))  # as it is compared: without case
    note: Mapped[str | None] = mapped_column(String(500))
    rule: Mapped[dict[str, Any]] = mapped_column(JSON)
    version: Mapped[int]
    made_by: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    made_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
