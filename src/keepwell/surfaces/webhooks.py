"""Webhooks as all surfaces tell of them."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from keepwell.access.webhooks.deliveries import Delivery
from keepwell.access.webhooks.desk import Webhooks
from keepwell.access.webhooks.hooks import Hook
from keepwell.access.webhooks.subscriptions import Subscription
from keepwell.core.workspace import Workspace
from keepwell.store.db import Database
from keepwell.surfaces.worker.event import EVENTS


def webhooks_of(place: Workspace, store: Database) -> Webhooks:
    """The webhooks of a workspace, with every kind of event that there is."""
    return Webhooks(place, store, EVENTS)


def id_of(webhook: Hook | Subscription) -> str:
    """Its id: ``hook_…`` of what comes in, ``sub_…`` of what goes out."""
    return webhook.hook_id if isinstance(webhook, Hook) else webhook.subscription_id


def webhook_to_json(webhook: Hook | Subscription) -> dict[str, Any]:
    """A webhook in plain values, without its secret; instants are ISO 8601."""
    told = {k: v for k, v in asdict(webhook).items() if k not in {"hook_id", "subscription_id"}}
    return {"webhook_id": id_of(webhook), "direction": "in" if isinstance(webhook, Hook) else "out", **_plain(told)}


def delivery_to_json(delivery: Delivery) -> dict[str, Any]:
    """A message in plain values, with each try; it holds nothing of what was sent."""
    return _plain(asdict(delivery)) | {"attempts": [_plain(asdict(a)) for a in delivery.attempts]}


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in told.items()}
