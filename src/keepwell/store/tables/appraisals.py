"""Appraisals of people and teams: rounds as they were opened, every step of each appraisal, what raters said apart from who they are."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table

COUNTS = text("withdrawn_at is null")


class AppraisalRoundRow(Table):
    """A plan for a period, with its definition as it was. Of a plan and period there is one that was not withdrawn."""

    __tablename__ = "appraisal_rounds"
    __table_args__ = (Index("uq_appraisal_rounds_counts", "plan", "period", unique=True, sqlite_where=COUNTS, postgresql_where=COUNTS),)

    round_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    plan: Mapped[str] = mapped_column(String(100))
    version: Mapped[int]
    of: Mapped[str] = mapped_column(String(20))
    grain: Mapped[str] = mapped_column(String(20))
    period: Mapped[str] = mapped_column(String(20))
    period_start: Mapped[date]
    period_end: Mapped[date]
    run_id: Mapped[str] = mapped_column(String(60))
    opened_at: Mapped[datetime]
    opened_by: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_because: Mapped[str | None] = mapped_column(String(500))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    compared: Mapped[dict[str, Any]] = mapped_column(JSON)


class AppraisalRow(Table):
    """One person or team in a round, with the readings as they were when it was opened. Those never change."""

    __tablename__ = "appraisals"
    __table_args__ = (UniqueConstraint("round_id", "subject", name="uq_appraisals_round_id"),)

    appraisal_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    round_id: Mapped[str] = mapped_column(ForeignKey("appraisal_rounds.round_id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(300))
    team: Mapped[str | None] = mapped_column(String(200))
    answers_id: Mapped[str | None] = mapped_column(String(200))
    readings: Mapped[dict[str, Any]] = mapped_column(JSON)


class AppraisalStepRow(Table):
    """What was done about an appraisal, in order. Rows are added, never changed."""

    __tablename__ = "appraisal_steps"

    appraisal_id: Mapped[str] = mapped_column(ForeignKey("appraisals.appraisal_id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    done_at: Mapped[datetime]
    done_by: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    done_by_name: Mapped[str] = mapped_column(String(200))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class AppraisalRaterRow(Table):
    """Who is asked about somebody, and whether an answer came. It does not say which, nor when."""

    __tablename__ = "appraisal_raters"

    appraisal_id: Mapped[str] = mapped_column(ForeignKey("appraisals.appraisal_id", ondelete="CASCADE"), primary_key=True)
    rater: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    has_answered: Mapped[bool] = mapped_column(Boolean)


class AppraisalAnswerRow(Table):
    """What somebody said, until it is summed up. The id is random and there is no number of a row, so that the order tells nothing."""

    __tablename__ = "appraisal_answers"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - the library's own way to name options of a table

    answer_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    appraisal_id: Mapped[str] = mapped_column(ForeignKey("appraisals.appraisal_id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    marks: Mapped[dict[str, str]] = mapped_column(JSON)


class AppraisalEntryRow(Table):
    """A coaching note, or a training that was planned; it stays with the person or team from round to round."""

    __tablename__ = "appraisal_entries"

    entry_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    appraisal_id: Mapped[str] = mapped_column(ForeignKey("appraisals.appraisal_id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(1000))
    due: Mapped[date | None]
    made_at: Mapped[datetime]
    made_by_name: Mapped[str] = mapped_column(String(200))
    done_at: Mapped[datetime | None]
