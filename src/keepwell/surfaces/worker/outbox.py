"""Events out, as the worker does it: what happened is put in line, what is due is tried, each try a durable workflow of its own."""

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from keepwell.access.sealing import Sealer
from keepwell.access.webhooks import deliveries
from keepwell.access.webhooks.destination import Fault, allowed_hosts
from keepwell.access.webhooks.sending import Sent, send
from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError
from keepwell.core.workspace import Workspace, open_workspace
from keepwell.store.db import Database
from keepwell.surfaces.worker import database
from keepwell.surfaces.worker.event import EVENTS, Finder, finders
from keepwell.surfaces.worker.jobs import Jobs
from keepwell.surfaces.worker.sight import Sight

if TYPE_CHECKING:
    from dbos import DBOSClient

WORKFLOW = "deliver"
AT_ONCE = 4  # tries at one time
SECONDS_BETWEEN = 1.5  # two looks at what is new
OVERLAP = timedelta(minutes=5)  # what is younger is looked at again: somebody may have subscribed in that very moment
LATE = timedelta(minutes=15)  # a try that was handed over so long ago and left no trace is handed over again
log = logging.getLogger("keepwell.webhooks")


class Outbox:
    """Looks for events that somebody wants, and hands over what is due. Its database and its jobs are closed with it."""

    def __init__(self, place: Workspace, clock: Clock, client: "DBOSClient") -> None:
        self._place, self._clock, self._client = place, clock, client
        self._store = Database(place.settings.store, place.folder)
        self._jobs = Jobs(place, clock)
        self._finders: dict[str, Finder] = {}
        self._handed_over: set[str] = set()
        self._looked = 0.0
        self._was_ready = False

    def close(self) -> None:
        """Let go of the databases."""
        self._jobs.close()
        self._store.close()

    def look(self) -> None:
        """Put in line what happened, hand over what is due; not too often. A store that can't be reached is told to the log."""
        if time.monotonic() - self._looked < SECONDS_BETWEEN:
            return
        self._looked = time.monotonic()
        try:
            if not self._is_ready():
                return
            at = self._clock.now()
            self._announce(at)
            self._hand_over(at)
        except KeepwellError as error:
            log.warning("events can't be sent for now: %s", error.message)

    def forget_old(self) -> None:
        """Messages that were made long ago go, with their tries."""
        if self._is_ready():
            with self._store.transaction() as session:
                deliveries.forget_old(session, self._clock.now())

    def _is_ready(self) -> bool:
        # while nobody has used the store, or this version of it, there are no subscribers
        self._was_ready = self._was_ready or (self._store.is_made and self._store.is_current)
        return self._was_ready

    def _announce(self, at: datetime) -> None:
        with self._store.transaction(writes=False) as session:
            wanted = deliveries.wanted_kinds(session)
        # one that nobody wants any more has missed nothing when it is wanted again: it looks at the last days anew
        self._finders = {k: f for k, f in self._finders.items() if k in wanted}
        self._finders |= finders(Sight(self._place, self._jobs), (k for k in EVENTS if k in wanted and k not in self._finders))
        for finder in self._finders.values():
            found = list(finder.found(at - deliveries.HORIZON, at))
            with self._store.transaction(writes=False) as session:
                missing = deliveries.unannounced(session, found)
            if missing:
                with self._store.transaction() as session:
                    for event in missing:
                        deliveries.announce(session, at, event)
            finder.settle(at - OVERLAP)

    def _hand_over(self, at: datetime) -> None:
        with self._store.transaction(writes=False) as session:
            waiting = deliveries.due(session, at)
        names = {f"{own}-{tries}-{(at - since) // LATE}": own for own, tries, since in waiting}
        for name, own in names.items():
            if name not in self._handed_over:
                self._client.enqueue(
                    {
                        "workflow_name": WORKFLOW,
                        "queue_name": database.EVENTS_QUEUE,
                        "workflow_id": name,
                        "workflow_id_reuse_policy": "return-existing",
                        "app_version": database.APPLICATION_VERSION,
                    },
                    {"delivery_id": own},
                )
        self._handed_over = set(names)


def deliver(place: Workspace, clock: Clock, asked: Mapping[str, str]) -> None:
    """One try of one message, with the settings of now. One that is not due, or was delivered, is let be."""
    place = open_workspace(place.folder)
    delivery_id = asked["delivery_id"]
    with closing(Database(place.settings.store, place.folder)) as store:
        with store.transaction() as session:
            found = deliveries.outgoing_or_none(session, clock.now(), Sealer(place.folder), delivery_id)
        if found is None:
            return
        if isinstance(found, Fault):
            sent = Sent(0, fault=found)
        else:
            sent = send(found.url, found.headers, found.body, allowed_hosts(place.settings.webhook_hosts))
        with store.transaction() as session:
            deliveries.note_attempt(session, clock.now(), delivery_id, sent)
