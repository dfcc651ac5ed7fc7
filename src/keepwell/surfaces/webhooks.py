"""Webhooks as all surfaces tell of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from keepwell.access.audit import Actor
from keepwell.access.console import person
from keepwell.access.webhooks.deliveries import Delivery
from keepwell.access.webhooks.desk import Made, Webhooks
from keepwell.access.webhooks.hooks import Hook, NewHook
from keepwell.access.webhooks.subscriptions import NewSubscription, Subscription
from keepwell.core.clock import Clock
from keepwell.core.workspace import Workspace
from keepwell.store.db import Database, store_of
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


class Console:
    """Webhooks for whoever sits at the machine: each call opens the store of the workspace, and gives plain values."""

    def __init__(self, place: Workspace, clock: Clock) -> None:
        self._place, self._clock = place, clock

    def all(self) -> list[dict[str, Any]]:
        """Those where rows come in, then those where events go out."""
        with self._desk() as desk:
            return [webhook_to_json(w) for w in desk.all()]

    def receive(self, name: str, entity: str | None, mapping: str | None, source: str, secret: str | None) -> dict[str, Any]:
        """A door for rows, with its ``secret``."""
        return self._made(lambda desk, at, actor: desk.add_hook(at, actor, NewHook(name, entity, mapping, source, secret)))

    def send(self, name: str, url: str, kinds: Sequence[str]) -> dict[str, Any]:
        """Where events are sent, with the ``secret`` that they are signed with."""
        return self._made(lambda desk, at, actor: desk.add_subscription(at, actor, NewSubscription(name, url, tuple(kinds))))

    def rotate(self, webhook_id: str, *, at_once: bool) -> dict[str, Any]:
        """The webhook with another ``secret``."""
        return self._made(lambda desk, at, actor: desk.rotate(at, actor, webhook_id, at_once=at_once))

    def switch(self, webhook_id: str, *, on: bool) -> dict[str, Any]:
        """The webhook, switched on or off."""
        with self._desk() as desk:
            return webhook_to_json(desk.switch(self._clock.now(), Actor(None, person()), webhook_id, on=on))

    def send_test(self, webhook_id: str) -> str:
        """Put a test in line; gives the message's id."""
        with self._desk() as desk:
            return desk.send_test(self._clock.now(), Actor(None, person()), webhook_id)

    def sent(self, webhook_id: str, limit: int) -> list[dict[str, Any]]:
        """What was sent there, or is on its way; the newest first."""
        with self._desk() as desk:
            return [delivery_to_json(d) for d in desk.deliveries(webhook_id, limit)]

    def _made(self, make: Callable[[Webhooks, datetime, Actor], Made]) -> dict[str, Any]:
        with self._desk() as desk:
            made = make(desk, self._clock.now(), Actor(None, person()))
        return webhook_to_json(made.webhook) | {"secret": made.secret}

    @contextmanager
    def _desk(self) -> Iterator[Webhooks]:
        with store_of(self._place) as store:
            yield webhooks_of(self._place, store)


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in told.items()}
