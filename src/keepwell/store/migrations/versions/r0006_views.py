"""Filters of pages that people keep under a name."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "views",
        sa.Column("view_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("page", sa.String(40), nullable=False),
        sa.Column("query", sa.String(2_000), nullable=False),
        sa.Column("owner_id", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
    )
    op.create_index("ix_views_page", "views", ["page"])
