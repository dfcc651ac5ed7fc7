"""Appraisals of people and teams."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    _rounds()
    op.create_table(
        "appraisals",
        sa.Column("appraisal_id", sa.String(40), primary_key=True),
        sa.Column("round_id", sa.String(40), sa.ForeignKey("appraisal_rounds.round_id", ondelete="CASCADE"), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("team", sa.String(200)),
        sa.Column("answers_id", sa.String(200)),
        sa.Column("readings", sa.JSON, nullable=False),
        sa.UniqueConstraint("round_id", "subject", name="uq_appraisals_round_id"),
    )
    op.create_table(
        "appraisal_steps",
        sa.Column("appraisal_id", sa.String(40), sa.ForeignKey("appraisals.appraisal_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("done_at", Instant, nullable=False),
        sa.Column("done_by", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("done_by_name", sa.String(200), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    _asked()
    op.create_table(
        "appraisal_entries",
        sa.Column("entry_id", sa.String(40), primary_key=True),
        sa.Column("appraisal_id", sa.String(40), sa.ForeignKey("appraisals.appraisal_id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("due", sa.Date),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("made_by_name", sa.String(200), nullable=False),
        sa.Column("done_at", Instant),
    )


def _rounds() -> None:
    op.create_table(
        "appraisal_rounds",
        sa.Column("round_id", sa.String(40), primary_key=True),
        sa.Column("plan", sa.String(100), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("of", sa.String(20), nullable=False),
        sa.Column("grain", sa.String(20), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("period_start", sa.Date, nullable=False),
        sa.Column("period_end", sa.Date, nullable=False),
        sa.Column("run_id", sa.String(60), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("opened_by", sa.String(40), sa.ForeignKey("users.user_id", ondelete="SET NULL")),
        sa.Column("withdrawn_at", Instant),
        sa.Column("withdrawn_because", sa.String(500)),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("compared", sa.JSON, nullable=False),
    )
    counts = sa.text("withdrawn_at is null")
    op.create_index(
        "uq_appraisal_rounds_counts", "appraisal_rounds", ["plan", "period"], unique=True, sqlite_where=counts, postgresql_where=counts
    )


def _asked() -> None:
    op.create_table(
        "appraisal_raters",
        sa.Column("appraisal_id", sa.String(40), sa.ForeignKey("appraisals.appraisal_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("rater", sa.String(200), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("has_answered", sa.Boolean, nullable=False),
    )
    op.create_table(
        "appraisal_answers",
        sa.Column("answer_id", sa.String(40), primary_key=True),
        sa.Column("appraisal_id", sa.String(40), sa.ForeignKey("appraisals.appraisal_id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("marks", sa.JSON, nullable=False),
        sqlite_with_rowid=False,
    )
