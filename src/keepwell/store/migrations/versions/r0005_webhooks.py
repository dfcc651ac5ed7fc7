"""Webhooks in and out."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "hooks",
        sa.Column("hook_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("entity", sa.String(60)),
        sa.Column("mapping", sa.String(200)),
        sa.Column("source", sa.String(60), nullable=False),
        *_secrets(),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
    )
    op.create_table(
        "hook_messages",
        sa.Column("hook_id", sa.String(40), sa.ForeignKey("hooks.hook_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("message_hash", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("body", sa.JSON),
    )
    op.create_index("ix_hook_messages_at", "hook_messages", ["at"])
    op.create_table(
        "webhook_subscriptions",
        sa.Column("subscription_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("url", sa.String(1_000), nullable=False),
        sa.Column("kinds", sa.JSON, nullable=False),
        *_secrets(),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("off_reason", sa.String(40)),
        sa.Column("failing_since", Instant),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
    )
    _create_deliveries()


def _secrets() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("secret", sa.String(600), nullable=False),
        sa.Column("secret_before", sa.String(600)),
        sa.Column[Any]("before_until", Instant),
    )


def _create_deliveries() -> None:
    subscription = sa.ForeignKey("webhook_subscriptions.subscription_id", ondelete="CASCADE")
    op.create_table(
        "webhook_deliveries",
        sa.Column("delivery_id", sa.String(60), primary_key=True),
        sa.Column("subscription_id", sa.String(40), subscription, nullable=False),
        sa.Column("event_id", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
    )
    op.create_index("uq_webhook_deliveries_event", "webhook_deliveries", ["subscription_id", "event_id"], unique=True)
    op.create_index("ix_webhook_deliveries_state_due_at", "webhook_deliveries", ["state", "due_at"])
    op.create_index("ix_webhook_deliveries_made_at", "webhook_deliveries", ["made_at"])
    delivery = sa.ForeignKey("webhook_deliveries.delivery_id", ondelete="CASCADE")
    op.create_table(
        "webhook_attempts",
        sa.Column("attempt_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("delivery_id", sa.String(60), delivery, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("fault", sa.String(40)),
        sa.Column("milliseconds", sa.Integer, nullable=False),
    )
    op.create_index("ix_webhook_attempts_delivery_id", "webhook_attempts", ["delivery_id"])
