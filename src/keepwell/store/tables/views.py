"""Filters of pages that people keep under a name."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table


class ViewRow(Table):
    """A saved view. One that was deleted stays, so that it can come back; one that is shared outlives its owner's account."""

    __tablename__ = "views"
    __table_args__ = (Index("ix_views_page", "page"),)

    view_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    page: Mapped[str] = mapped_column(String(40))
    query: Mapped[str] = mapped_column(String(2_000))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    is_shared: Mapped[bool]
    made_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
