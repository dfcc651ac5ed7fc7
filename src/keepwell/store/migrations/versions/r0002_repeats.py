"""Requests that may come again."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "repeats",
        sa.Column("token_id", sa.String(40), sa.ForeignKey("api_tokens.token_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("body", sa.JSON),
    )
    op.create_index("ix_repeats_at", "repeats", ["at"])
