"""Scorecards as they were published."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "published_cards",
        sa.Column("card_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("period_start", sa.Date, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("run_id", sa.String(60), nullable=False),
        sa.Column("published_at", Instant, nullable=False),
        sa.Column("published_by", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("note", sa.String(500)),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("marks", sa.JSON, nullable=False),
        sa.Column("rows", sa.JSON, nullable=False),
        sa.UniqueConstraint("name", "period", name="uq_published_cards_name"),
    )
