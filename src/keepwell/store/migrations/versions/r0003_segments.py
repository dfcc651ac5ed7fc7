"""Named rules that say which customers belong."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0003"
down_revision = "0002"

IS_THERE = sa.text("deleted_at is null")


def upgrade() -> None:
    op.create_table(
        "segments",
        sa.Column("segment_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_key", sa.String(100), nullable=False),
        sa.Column("note", sa.String(500)),
        sa.Column("rule", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("made_by", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
    )
    op.create_index("uq_segments_name_key", "segments", ["name_key"], unique=True, sqlite_where=IS_THERE, postgresql_where=IS_THERE)
