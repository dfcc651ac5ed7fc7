"""Where events are sent: made, switched off and on, and switched off by itself where nothing has arrived for long."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.sealing import Sealer
from keepwell.access.webhooks import signature
from keepwell.access.webhooks.hooks import checked_name
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.store.tables.webhooks import SubscriptionRow


class OffReason(StrEnum):
    """Why nothing is sent any more."""

    BY_HAND = "by_hand"
    FAILING = "failing"  # a message was given up, and nothing else had arrived meanwhile
    GONE = "gone"  # the other side says that there is nobody any more (410)


@dataclass(frozen=True)
class Subscription:
    """Where events of some kinds go, without the secret."""

    subscription_id: str
    name: str
    url: str
    kinds: tuple[str, ...]
    is_on: bool
    off_reason: OffReason | None
    failing_since: datetime | None
    made_at: datetime
    both_until: datetime | None


@dataclass(frozen=True)
class NewSubscription:
    """What a subscription is to be."""

    name: str
    url: str
    kinds: tuple[str, ...]


def add_subscription(
    session: Session, at: datetime, actor: Actor, sealer: Sealer, new: NewSubscription, known_kinds: Collection[str]
) -> tuple[Subscription, str]:
    """The subscription and its secret, which is shown only now. Where its URL leads was checked before.

    Raises ``WrongUseError`` for a name that is none, and for kinds that are unknown.
    """
    name = checked_name(new.name)
    if not new.kinds:
        raise WrongUseError("Say which events are sent.", f"Kinds are {', '.join(known_kinds)}.")
    for kind in new.kinds:
        if kind not in known_kinds:
            raise unknown("kind of event", kind, known_kinds)
    own, secret = new_id("sub", at), signature.new_secret()
    row = SubscriptionRow(
        subscription_id=own,
        name=name,
        url=new.url.strip(),
        kinds=sorted(set(new.kinds)),
        secret=sealer.seal(secret, own),
        is_on=True,
        made_at=at,
    )
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", "subscription", own, name=name, kinds=row.kinds)
    return subscription_of(row), secret


def subscriptions(session: Session) -> list[Subscription]:
    """Those that were not deleted, the oldest first."""
    query = select(SubscriptionRow).where(SubscriptionRow.deleted_at.is_(None))
    return [subscription_of(r) for r in session.scalars(query.order_by(SubscriptionRow.made_at, SubscriptionRow.subscription_id))]


def subscription_of(row: SubscriptionRow) -> Subscription:
    """What is known of it, without the secret."""
    return Subscription(
        row.subscription_id,
        row.name,
        row.url,
        tuple(row.kinds),
        row.is_on,
        OffReason(row.off_reason) if row.off_reason else None,
        row.failing_since,
        row.made_at,
        row.before_until,
    )
