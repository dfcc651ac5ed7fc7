"""Schedules, the channels that reports go to, each occasion as it went, and each message on its way."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table


class ScheduleRow(Table):
    """What is done on a calendar. Nothing before ``counts_from`` is made up."""

    __tablename__ = "schedules"

    schedule_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    what: Mapped[str] = mapped_column(String(20))
    every: Mapped[str] = mapped_column(String(20))
    on_day: Mapped[int]
    at: Mapped[str] = mapped_column(String(5))
    of: Mapped[str] = mapped_column(String(20))
    card: Mapped[str] = mapped_column(String(100))
    formats: Mapped[list[str]] = mapped_column(JSON)
    recipients: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    is_on: Mapped[bool]
    counts_from: Mapped[datetime]
    made_at: Mapped[datetime]
    made_by: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    deleted_at: Mapped[datetime | None]


class OccasionRow(Table):
    """One time that a schedule was due. Its id is made of the schedule and the day, so that each day has one."""

    __tablename__ = "schedule_occasions"
    __table_args__ = (Index(None, "schedule_id", "due_at"), Index(None, "state"))

    occasion_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    schedule_id: Mapped[str] = mapped_column(ForeignKey("schedules.schedule_id", ondelete="CASCADE"))
    day: Mapped[date]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    ended_at: Mapped[datetime | None]
    job_id: Mapped[str | None] = mapped_column(String(100))
    error: Mapped[str | None] = mapped_column(String(1000))
    hint: Mapped[str | None] = mapped_column(String(1000))


class ChannelRow(Table):
    """A group chat of another service. Its address holds a key, and is sealed."""

    __tablename__ = "channels"

    channel_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    service: Mapped[str] = mapped_column(String(40))
    address: Mapped[str] = mapped_column(String(2_000))
    language: Mapped[str] = mapped_column(String(10))
    is_on: Mapped[bool]
    made_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class MessageRow(Table):
    """One message to one recipient. Of a subject (an occasion, a notice) each recipient gets one."""

    __tablename__ = "messages"
    __table_args__ = (Index("uq_messages_subject_id", "subject_id", "recipient", unique=True), Index(None, "state", "due_at"))

    message_id: Mapped[str] = mapped_column(String(60), primary_key=True)
    subject: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[str] = mapped_column(String(80))
    recipient: Mapped[str] = mapped_column(String(80))
    sees_as: Mapped[str] = mapped_column(String(40))
    scope_key: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(20))
    tries: Mapped[int]
    patient_from: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime]
    handed_over_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    fault: Mapped[str | None] = mapped_column(String(40))
    answer: Mapped[str | None] = mapped_column(String(300))
