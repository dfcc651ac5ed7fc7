"""Schedules, channels, occasions and messages on their way."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("schedule_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("every", sa.String(20), nullable=False),
        sa.Column("on_day", sa.Integer, nullable=False),
        sa.Column("at", sa.String(5), nullable=False),
        sa.Column("of", sa.String(20), nullable=False),
        sa.Column("card", sa.String(100), nullable=False),
        sa.Column("formats", sa.JSON, nullable=False),
        sa.Column("recipients", sa.JSON, nullable=False),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("counts_from", Instant, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("made_by", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("deleted_at", Instant),
    )
    op.create_table(
        "schedule_occasions",
        sa.Column("occasion_id", sa.String(80), primary_key=True),
        sa.Column("schedule_id", sa.String(40), sa.ForeignKey("schedules.schedule_id", ondelete="CASCADE"), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("job_id", sa.String(100)),
        sa.Column("error", sa.String(1000)),
        sa.Column("hint", sa.String(1000)),
    )
    op.create_index("ix_schedule_occasions_schedule_id_due_at", "schedule_occasions", ["schedule_id", "due_at"])
    op.create_index("ix_schedule_occasions_state", "schedule_occasions", ["state"])
    _out()


def _out() -> None:
    op.create_table(
        "channels",
        sa.Column("channel_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("address", sa.String(2_000), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
    )
    op.create_table(
        "messages",
        sa.Column("message_id", sa.String(60), primary_key=True),
        sa.Column("subject", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.String(80), nullable=False),
        sa.Column("recipient", sa.String(80), nullable=False),
        sa.Column("sees_as", sa.String(40), nullable=False),
        sa.Column("scope_key", sa.String(200), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("patient_from", sa.Integer, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("handed_over_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("fault", sa.String(40)),
        sa.Column("answer", sa.String(300)),
    )
    op.create_index("uq_messages_subject_id", "messages", ["subject_id", "recipient"], unique=True)
    op.create_index("ix_messages_state_due_at", "messages", ["state", "due_at"])
    op.create_index("ix_messages_made_at", "messages", ["made_at"])
