"""Webhooks: doors by which other systems send rows, and where events are sent; what came, and what was tried."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from keepwell.store.tables.table import Table


class HookRow(Table):
    """A door for rows of another system. Secrets are sealed; ``secret_before`` counts until ``before_until``, while they are changed."""

    __tablename__ = "hooks"

    hook_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    entity: Mapped[str | None] = mapped_column(String(60))
    mapping: Mapped[str | None] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(60))
    secret: Mapped[str] = mapped_column(String(600))
    secret_before: Mapped[str | None] = mapped_column(String(600))
    before_until: Mapped[datetime | None]
    is_on: Mapped[bool]
    made_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class HookMessageRow(Table):
    """A message that came, by the SHA-256 of its id; ``body`` is empty until it is answered."""

    __tablename__ = "hook_messages"

    hook_id: Mapped[str] = mapped_column(ForeignKey("hooks.hook_id", ondelete="CASCADE"), primary_key=True)
    message_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    body: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class SubscriptionRow(Table):
    """Where events of some kinds are sent. ``failing_since`` is the first failure after which nothing has arrived."""

    __tablename__ = "webhook_subscriptions"

    subscription_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    url: Mapped[str] = mapped_column(String(1_000))
    kinds: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[str] = mapped_column(String(600))
    secret_before: Mapped[str | None] = mapped_column(String(600))
    before_until: Mapped[datetime | None]
    is_on: Mapped[bool]
    off_reason: Mapped[str | None] = mapped_column(String(40))
    failing_since: Mapped[datetime | None]
    made_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class DeliveryRow(Table):
    """One event on its way to one subscriber; each event goes there once."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("uq_webhook_deliveries_event", "subscription_id", "event_id", unique=True), Index(None, "state", "due_at"))

    delivery_id: Mapped[str] = mapped_column(String(60), primary_key=True)
    subscription_id: Mapped[str] = mapped_column(ForeignKey("webhook_subscriptions.subscription_id", ondelete="CASCADE"))
    event_id: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    tries: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime]


class DeliveryAttemptRow(Table):
    """One try: what was answered, or what kept it from being sent, and how long it took."""

    __tablename__ = "webhook_attempts"

    attempt_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_deliveries.delivery_id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    status: Mapped[int | None]
    fault: Mapped[str | None] = mapped_column(String(40))
    milliseconds: Mapped[int]
