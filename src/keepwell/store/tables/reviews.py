"""What people write down in reviews."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table


class ReviewEntryRow(Table):
    """A decision, an action, a point of the agenda or a note about the market. A mistake is withdrawn, and stays in the store."""

    __tablename__ = "review_entries"
    __table_args__ = (Index(None, "grain", "period_start"),)

    entry_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    grain: Mapped[str] = mapped_column(String(20))
    period: Mapped[str] = mapped_column(String(20))
    period_start: Mapped[date]
    text: Mapped[str] = mapped_column(String(1_000))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    due: Mapped[date | None]
    kpi: Mapped[str | None] = mapped_column(String(100))
    effect: Mapped[Decimal | None]
    value: Mapped[Decimal | None]
    source: Mapped[str | None] = mapped_column(String(300))
    noted_on: Mapped[date | None]
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    closed_at: Mapped[datetime | None]
    closed_note: Mapped[str | None] = mapped_column(String(1_000))
    withdrawn_at: Mapped[datetime | None]
