"""What people do about webhooks: one object for the page, the API and the command line. Each call is one transaction, with its line in the audit."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.sealing import Sealer
from keepwell.access.webhooks import deliveries, hooks, signature, subscriptions
from keepwell.access.webhooks.deliveries import Delivery
from keepwell.access.webhooks.destination import Resolve, allowed_hosts, checked, system_resolve
from keepwell.access.webhooks.hooks import BOTH_COUNT, Hook, NewHook
from keepwell.access.webhooks.subscriptions import NewSubscription, OffReason, Subscription
from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.core.workspace import Workspace
from keepwell.store.db import Database
from keepwell.store.tables.webhooks import HookRow, SubscriptionRow

KINDS = {HookRow: "hook", SubscriptionRow: "subscription"}


@dataclass(frozen=True)
class Made:
    """A webhook that was just made, or given another secret; ``secret`` is shown only now."""

    webhook: Hook | Subscription
    secret: str


class Webhooks:
    """The webhooks of a workspace. ``kinds`` are the events that there are. Unknown ids answer with the nearest known one."""

    def __init__(self, place: Workspace, store: Database, kinds: Collection[str], resolve: Resolve = system_resolve) -> None:
        self._place, self._store, self._kinds, self._resolve = place, store, tuple(kinds), resolve
        self.sealer = Sealer(place.folder)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of events that can be sent."""
        return self._kinds

    @property
    def mappings(self) -> list[str]:
        """The mappings of the workspace, through which a hook may read what comes."""
        folder = self._place.mapping_folder
        return sorted(p.name for p in folder.glob("*.yaml")) if folder.is_dir() else []

    def hooks(self) -> list[Hook]:
        """The doors for rows."""
        with self._store.transaction(writes=False) as session:
            return hooks.hooks(session)

    def subscriptions(self) -> list[Subscription]:
        """Where events are sent."""
        with self._store.transaction(writes=False) as session:
            return subscriptions.subscriptions(session)

    def all(self) -> list[Hook | Subscription]:
        """Both, those that come in first."""
        return [*self.hooks(), *self.subscriptions()]

    def deliveries(self, subscription_id: str | None = None, limit: int = 20) -> list[Delivery]:
        """What was sent, or is on its way; the newest first."""
        with self._store.transaction(writes=False) as session:
            if subscription_id is not None:
                _row(session, subscription_id)
            return deliveries.deliveries(session, subscription_id, limit)

    def add_hook(self, at: datetime, actor: Actor, new: NewHook) -> Made:
        """A door for rows; see :func:`keepwell.access.webhooks.hooks.add_hook`."""
        if new.mapping is not None and new.mapping not in self.mappings:
            raise unknown("mapping", new.mapping, self.mappings)
        with self._store.transaction() as session:
            return Made(*hooks.add_hook(session, at, actor, self.sealer, new))

    def add_subscription(self, at: datetime, actor: Actor, new: NewSubscription) -> Made:
        """Where events are sent. Raises where the URL may not be sent to, as of now; each try asks again."""
        checked(new.url, allowed_hosts(self._place.settings.webhook_hosts), self._resolve)
        with self._store.transaction() as session:
            return Made(*subscriptions.add_subscription(session, at, actor, self.sealer, new, self._kinds))

    def rotate(self, at: datetime, actor: Actor, webhook_id: str, *, at_once: bool = False) -> Made:
        """Another secret. The old one counts beside it for a day, unless it has to end ``at_once``."""
        with self._store.transaction() as session:
            row, secret = _row(session, webhook_id), signature.new_secret()
            row.secret_before, row.before_until = (None, None) if at_once else (row.secret, at + BOTH_COUNT)
            row.secret = self.sealer.seal(secret, webhook_id)
            noted(session, at, actor, "rotated", KINDS[type(row)], webhook_id, at_once="yes" if at_once else "no")
            return Made(_told(session, row), secret)

    def switch(self, at: datetime, actor: Actor, webhook_id: str, *, on: bool) -> Hook | Subscription:
        """Switch it on or off. What happened while it was off is not sent later."""
        with self._store.transaction() as session:
            row = _row(session, webhook_id)
            row.is_on = on
            if isinstance(row, SubscriptionRow):
                row.off_reason = None if on else OffReason.BY_HAND
                row.failing_since = None
                deliveries.stop_waiting(session, webhook_id)
            noted(session, at, actor, "switched on" if on else "switched off", KINDS[type(row)], webhook_id)
            return _told(session, row)

    def delete(self, at: datetime, actor: Actor, webhook_id: str) -> None:
        """It is there no more; :meth:`restore` brings it back as it was."""
        with self._store.transaction() as session:
            row = _row(session, webhook_id)
            row.deleted_at = at
            noted(session, at, actor, "deleted", KINDS[type(row)], webhook_id, name=row.name)

    def restore(self, at: datetime, actor: Actor, webhook_id: str) -> Hook | Subscription:
        """One that was deleted is there again."""
        with self._store.transaction() as session:
            row = _row(session, webhook_id, is_deleted=True)
            row.deleted_at = None
            noted(session, at, actor, "restored", KINDS[type(row)], webhook_id, name=row.name)
            return _told(session, row)

    def send_test(self, at: datetime, actor: Actor, subscription_id: str) -> str:
        """Put a message that says nothing in line; gives its id. The worker sends it."""
        with self._store.transaction() as session:
            row = _row(session, subscription_id)
            if not isinstance(row, SubscriptionRow):
                raise WrongUseError(f"{row.name} only receives.", "A test can be sent to where events go.")
            if not row.is_on:
                raise KeepwellError(f"{row.name} is switched off.", "Switch it on first.")
            noted(session, at, actor, "tested", "subscription", subscription_id)
            return deliveries.announce_test(session, at, subscription_id)


def _row(session: Session, webhook_id: str, *, is_deleted: bool = False) -> HookRow | SubscriptionRow:
    row = session.get(HookRow, webhook_id, with_for_update=True) or session.get(SubscriptionRow, webhook_id, with_for_update=True)
    if row is None or (row.deleted_at is not None) != is_deleted:
        known = [h.hook_id for h in hooks.hooks(session)] + [s.subscription_id for s in subscriptions.subscriptions(session)]
        raise unknown("webhook", webhook_id, known)
    return row


def _told(session: Session, row: HookRow | SubscriptionRow) -> Hook | Subscription:
    session.flush()
    if isinstance(row, SubscriptionRow):
        return subscriptions.subscription_of(row)
    return next(h for h in hooks.hooks(session) if h.hook_id == row.hook_id)
