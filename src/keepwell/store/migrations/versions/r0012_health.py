"""Overrides of customers' health."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Exact, Instant

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "health_overrides",
        sa.Column("override_id", sa.String(40), primary_key=True),
        sa.Column("customer_id", sa.String(500), nullable=False),
        sa.Column("band", sa.String(20)),
        sa.Column("score", Exact),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("owner_id", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("owner_name", sa.String(200), nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("made_by", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("made_by_name", sa.String(200), nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("ended_by_name", sa.String(200)),
    )
    op.create_index("ix_health_overrides_customer_id", "health_overrides", ["customer_id"])
    counts = sa.text("ended_at is null")
    op.create_index(
        "uq_health_overrides_counts", "health_overrides", ["customer_id"], unique=True, sqlite_where=counts, postgresql_where=counts
    )
