"""Which readings stand on top of the Overview."""

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table


class PinsRow(Table):
    """The names of KPIs in their order. ``whose`` is a user's id, or ``everybody`` for who chose none."""

    __tablename__ = "pins"

    whose: Mapped[str] = mapped_column(String(40), primary_key=True)
    kpis: Mapped[list[str]] = mapped_column(JSON)
