"""Events on their way out: announced once to each subscriber, tried until they arrive or are given up, each try written down."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.sealing import Sealer, SealingError
from keepwell.access.webhooks import signature
from keepwell.access.webhooks.destination import Fault
from keepwell.access.webhooks.hooks import live_secrets
from keepwell.access.webhooks.sending import Sent
from keepwell.access.webhooks.subscriptions import OffReason
from keepwell.core.ids import new_id
from keepwell.store.tables.webhooks import DeliveryAttemptRow, DeliveryRow, SubscriptionRow

# how long until the next try, after each one that failed; two days and a half in all, then a message is given up
PAUSES = tuple(
    timedelta(**{unit: n})
    for unit, n in (
        ("seconds", 2), ("seconds", 10), ("minutes", 1), ("minutes", 10), ("hours", 1), ("hours", 4), ("hours", 8), ("hours", 16), ("hours", 30),
    )
)  # fmt: skip
SPREAD = 0.1  # by as much of it each pause may be longer, so that not all come at once
KEPT = timedelta(days=30)
HORIZON = timedelta(days=7)  # an event that happened earlier is not announced any more; well below KEPT, so that none is announced twice
TEST = "webhook.test"
GONE = 410
SERVER = Actor(None, "worker")


class State(StrEnum):
    """Where a message is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"  # tried as often as is tried
    STOPPED = "stopped"  # its subscription was switched off or deleted


@dataclass(frozen=True)
class Event:
    """Something that happened. ``event_id`` is the same however often it is found; ``data`` hold ids and counts, no rows."""

    event_id: str
    kind: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Attempt:
    """One try: what was answered, or what kept it from being sent."""

    at: datetime
    status: int | None
    fault: Fault | None
    milliseconds: int


@dataclass(frozen=True)
class Delivery:
    """A message on its way, with the tries until now, the first one first."""

    delivery_id: str
    subscription_id: str
    kind: str
    state: State
    made_at: datetime
    due_at: datetime
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class Outgoing:
    """A message that is due: what is sent, and where."""

    delivery_id: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def wanted_kinds(session: Session) -> frozenset[str]:
    """The kinds of events that somebody wants now."""
    return frozenset(k for row in _listening(session) for k in row.kinds)


def unannounced(session: Session, events: Sequence[Event]) -> list[Event]:
    """Those of the events that somebody wants and has not got in line."""
    listening = _listening(session)
    return [e for e in events if _missing(session, e, listening)]


def announce(session: Session, at: datetime, event: Event) -> int:
    """Put the event in line for each subscriber that wants it and was there when it happened; gives for how many. Once, however often."""
    missing = _missing(session, event, _listening(session))
    for row in missing:
        _add(session, at, row.subscription_id, event)
    return len(missing)


def announce_test(session: Session, at: datetime, subscription_id: str) -> str:
    """Put a message that says nothing in line; gives its id."""
    own = new_id("test", at)
    return _add(session, at, subscription_id, Event(own, TEST, at, {"subscription_id": subscription_id}))


def stop_waiting(session: Session, subscription_id: str) -> None:
    """What waits for a subscription that is off is sent no more, not even when it is on again."""
    mine = (DeliveryRow.subscription_id == subscription_id, DeliveryRow.state == State.WAITING)
    session.execute(update(DeliveryRow).where(*mine).values(state=State.STOPPED))


def due(session: Session, at: datetime, limit: int = 100) -> list[tuple[str, int, datetime]]:
    """What is to be tried now, the longest due first: id, tries until now, since when."""
    query = select(DeliveryRow.delivery_id, DeliveryRow.tries, DeliveryRow.due_at).where(
        DeliveryRow.state == State.WAITING, DeliveryRow.due_at <= at
    )
    return [(own, tries, since) for own, tries, since in session.execute(query.order_by(DeliveryRow.due_at).limit(limit))]


def outgoing_or_none(session: Session, at: datetime, sealer: Sealer, delivery_id: str) -> Outgoing | Fault | None:
    """The message, signed at that instant; None where it is not due, or no more; a fault where it can't be signed."""
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is None or row.state != State.WAITING or row.due_at > at:
        return None
    to = session.get_one(SubscriptionRow, row.subscription_id)
    if not to.is_on or to.deleted_at is not None:
        row.state = State.STOPPED
        return None
    body = row.body.encode()
    try:
        live = live_secrets(to, sealer, at)
    except SealingError:
        return Fault.SEALED
    marks = signature.Message(delivery_id, int(at.astimezone(UTC).timestamp()))
    return Outgoing(delivery_id, to.url, signature.headers(live, marks, body), body)


def note_attempt(session: Session, at: datetime, delivery_id: str, sent: Sent) -> State:
    """Write the try down, and settle what comes next; ``at`` is when it ended."""
    row = session.get_one(DeliveryRow, delivery_id)
    to = session.get_one(SubscriptionRow, row.subscription_id)
    session.add(DeliveryAttemptRow(delivery_id=delivery_id, at=at, status=sent.status, fault=sent.fault, milliseconds=sent.milliseconds))
    row.tries += 1
    if sent.is_delivered:
        row.state, to.failing_since = State.DELIVERED, None
        return State.DELIVERED
    to.failing_since = to.failing_since or at
    if sent.status == GONE:
        row.state = State.GIVEN_UP
        _switch_off(session, at, to, OffReason.GONE)
    elif row.tries > len(PAUSES):
        row.state = State.GIVEN_UP
        tried = select(DeliveryAttemptRow.at).where(DeliveryAttemptRow.delivery_id == delivery_id)
        first = session.scalars(tried.order_by(DeliveryAttemptRow.attempt_id)).first()
        if first is not None and to.failing_since <= first:
            _switch_off(session, at, to, OffReason.FAILING)
    else:
        row.due_at = at + max(_pause(delivery_id, row.tries), timedelta(seconds=sent.retry_after_seconds or 0))
    return State(row.state)


def deliveries(session: Session, subscription_id: str | None = None, limit: int = 20) -> list[Delivery]:
    """All, or those of one subscription; the newest first."""
    query = select(DeliveryRow).order_by(DeliveryRow.made_at.desc(), DeliveryRow.delivery_id.desc()).limit(limit)
    rows = session.scalars(query if subscription_id is None else query.where(DeliveryRow.subscription_id == subscription_id)).all()
    tried = select(DeliveryAttemptRow).where(DeliveryAttemptRow.delivery_id.in_([r.delivery_id for r in rows]))
    attempts: dict[str, list[Attempt]] = {}
    for a in session.scalars(tried.order_by(DeliveryAttemptRow.attempt_id)):
        attempts.setdefault(a.delivery_id, []).append(Attempt(a.at, a.status, Fault(a.fault) if a.fault else None, a.milliseconds))
    return [
        Delivery(r.delivery_id, r.subscription_id, r.kind, State(r.state), r.made_at, r.due_at, tuple(attempts.get(r.delivery_id, ())))
        for r in rows
    ]


def forget_old(session: Session, at: datetime) -> None:
    """Messages are kept for thirty days."""
    session.execute(delete(DeliveryRow).where(DeliveryRow.made_at <= at - KEPT))


def _listening(session: Session) -> list[SubscriptionRow]:
    return list(session.scalars(select(SubscriptionRow).where(SubscriptionRow.is_on.is_(True), SubscriptionRow.deleted_at.is_(None))))


def _missing(session: Session, event: Event, listening: Sequence[SubscriptionRow]) -> list[SubscriptionRow]:
    wanting = [s for s in listening if event.kind in s.kinds and s.made_at <= event.at]
    if not wanting:
        return []
    known = set(session.scalars(select(DeliveryRow.subscription_id).where(DeliveryRow.event_id == event.event_id)))
    return [s for s in wanting if s.subscription_id not in known]


def _add(session: Session, at: datetime, subscription_id: str, event: Event) -> str:
    told = {"type": event.kind, "timestamp": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "data": dict(event.data)}
    row = DeliveryRow(
        delivery_id=new_id("msg", at), subscription_id=subscription_id, event_id=event.event_id, kind=event.kind,
        body=json.dumps(told, ensure_ascii=False, separators=(",", ":")), state=State.WAITING, tries=0, made_at=at, due_at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.delivery_id


def _pause(delivery_id: str, tries: int) -> timedelta:
    # as if by chance, and the same for the same: nothing here is random
    chance = hashlib.sha256(f"{delivery_id}.{tries}".encode()).digest()[0] / 255
    return PAUSES[tries - 1] * (1 + SPREAD * chance)


def _switch_off(session: Session, at: datetime, to: SubscriptionRow, reason: OffReason) -> None:
    to.is_on, to.off_reason = False, reason
    session.flush()
    stop_waiting(session, to.subscription_id)
    noted(session, at, SERVER, "switched off", "subscription", to.subscription_id, reason=str(reason))
