"""What people write down in reviews."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Exact, Instant

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "review_entries",
        sa.Column("entry_id", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("grain", sa.String(20), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("period_start", sa.Date, nullable=False),
        sa.Column("text", sa.String(1_000), nullable=False),
        sa.Column("owner_id", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("due", sa.Date),
        sa.Column("kpi", sa.String(100)),
        sa.Column("effect", Exact),
        sa.Column("value", Exact),
        sa.Column("source", sa.String(300)),
        sa.Column("noted_on", sa.Date),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("closed_at", Instant),
        sa.Column("closed_note", sa.String(1_000)),
        sa.Column("withdrawn_at", Instant),
    )
    op.create_index("ix_review_entries_grain_period_start", "review_entries", ["grain", "period_start"])
