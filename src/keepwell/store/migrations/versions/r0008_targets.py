"""Targets with their versions, and objectives."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Exact, Instant

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "objectives",
        sa.Column("objective_id", sa.String(40), primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("owner_id", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
    )
    op.create_table(
        "targets",
        sa.Column("target_id", sa.String(40), primary_key=True),
        sa.Column("kpi", sa.String(100), nullable=False),
        sa.Column("slice_key", sa.String(300), nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("dimension", sa.String(100)),
        sa.Column("member", sa.String(200)),
        sa.Column("grain", sa.String(20), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("deadline", sa.Date, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("ended_because", sa.String(500)),
    )
    is_there = sa.text("ended_at is null")
    op.create_index(
        "uq_targets_aimed", "targets", ["kpi", "slice_key", "period"], unique=True, sqlite_where=is_there, postgresql_where=is_there
    )
    op.create_table(
        "target_versions",
        sa.Column("target_id", sa.String(40), sa.ForeignKey("targets.target_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("set_at", Instant, nullable=False),
        sa.Column("set_by", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("value", Exact, nullable=False),
        sa.Column("owner_id", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("objective_id", sa.String(40), sa.ForeignKey("objectives.objective_id", ondelete="SET NULL")),
        sa.Column("reason", sa.String(500)),
        sa.Column("change", sa.String(500)),
        sa.Column("baseline", Exact),
        sa.Column("baseline_period", sa.String(20)),
        sa.Column("path", sa.JSON, nullable=False),
    )
