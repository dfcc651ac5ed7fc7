"""Alerts and notices."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(40), primary_key=True),
        sa.Column("user_id", sa.String(40), sa.ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
        sa.Column("kpi", sa.String(100), nullable=False),
        sa.Column("condition", sa.String(20), nullable=False),
        sa.Column("by_mail", sa.Boolean, nullable=False),
        sa.Column("channel_id", sa.String(40)),
        sa.Column("every_days", sa.Integer, nullable=False),
        sa.Column("quiet_start", sa.String(5), nullable=False),
        sa.Column("quiet_end", sa.String(5), nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
    )
    counts = sa.text("deleted_at is null")
    op.create_index(
        "uq_alerts_counts", "alerts", ["user_id", "kpi", "condition"], unique=True, sqlite_where=counts, postgresql_where=counts
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.String(40), primary_key=True),
        sa.Column("alert_id", sa.String(40), sa.ForeignKey("alerts.alert_id", ondelete="CASCADE"), nullable=False),
        sa.Column("user_id", sa.String(40), sa.ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
        sa.Column("kpi", sa.String(100), nullable=False),
        sa.Column("condition", sa.String(20), nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("run_id", sa.String(60), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("sent_at", Instant),
        sa.Column("read_at", Instant),
        sa.UniqueConstraint("alert_id", "key", name="uq_notices_alert_id"),
    )
    op.create_index("ix_notices_user_id_made_at", "notices", ["user_id", "made_at"])
