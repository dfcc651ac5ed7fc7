"""What is due by the calendar, as the worker looks for it: each occasion and each message is handed to one durable workflow."""

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError
from keepwell.core.workspace import Workspace, open_workspace
from keepwell.lake import runs
from keepwell.lake.lake import Lake
from keepwell.performance.alerts.service import forget_old_notices
from keepwell.performance.schedules import messages, services
from keepwell.performance.schedules.schedule import What
from keepwell.store.db import Database
from keepwell.surfaces.alerts import look
from keepwell.surfaces.delivery.making import make
from keepwell.surfaces.delivery.package import forget_packages
from keepwell.surfaces.delivery.sending import send
from keepwell.surfaces.worker import database
from keepwell.surfaces.worker.jobs import Jobs

if TYPE_CHECKING:
    from dbos import DBOSClient

MAKE, SEND, LOOK = "make", "send", "alerts"
AT_ONCE = 2  # messages at one time
SECONDS_BETWEEN = 1.5  # two looks
LATE = timedelta(hours=1)  # an occasion that was handed over so long ago and left no trace is handed over again
PACKAGES_KEPT = timedelta(days=30)
log = logging.getLogger("keepwell.schedules")


class Timetable:
    """Looks for what is due, and hands it over. Its database and its jobs are closed with it."""

    def __init__(self, place: Workspace, clock: Clock, client: "DBOSClient") -> None:
        self._place, self._clock, self._client = place, clock, client
        self._store = Database(place.settings.store, place.folder)
        self._jobs = Jobs(place, clock)
        self._handed_over: set[str] = set()
        self._looked = 0.0
        self._was_ready = False

    def close(self) -> None:
        """Let go of the databases."""
        self._jobs.close()
        self._store.close()

    def look(self) -> None:
        """Begin what is due and hand it over; not too often. A store that can't be reached is told to the log."""
        if time.monotonic() - self._looked < SECONDS_BETWEEN:
            return
        self._looked = time.monotonic()
        try:
            if not self._is_ready():
                return
            at = self._clock.now()
            self._begin(at)
            waiting = self._occasions(at) | self._messages(at) | self._alerts()
        except KeepwellError as error:
            log.warning("schedules can't be looked at for now: %s", error.message)
            return
        self._handed_over &= waiting

    def forget_old(self) -> None:
        """Messages and occasions of long ago go, and what was made for them."""
        if not self._is_ready():
            return
        at = self._clock.now()
        with self._store.transaction() as session:
            messages.forget_old(session, at)
            services.forget_old_occasions(session, at)
            forget_old_notices(session, at)
            keep = messages.subjects_on_their_way(session)
        forget_packages(self._place, keep, (at - PACKAGES_KEPT).timestamp())

    def _is_ready(self) -> bool:
        # while nobody has used the store, or this version of it, there are no schedules
        self._was_ready = self._was_ready or (self._store.is_made and self._store.is_current)
        return self._was_ready

    def _begin(self, at: datetime) -> None:
        # the zone may have been changed since the worker began
        zone = open_workspace(self._place.folder).settings.timezone
        with self._store.transaction(writes=False) as session:
            due = [
                (s, o) for s in services.schedules(session) if (o := s.due_or_none(at, zone)) and (s.last is None or s.last.due_at < o.at)
            ]
        if due:
            with self._store.transaction() as session:
                for schedule, occasion in due:
                    services.begin_occasion(session, schedule, occasion)

    def _occasions(self, at: datetime) -> set[str]:
        with self._store.transaction(writes=False) as session:
            waiting = services.waiting_occasions(session)
        names = {f"{own}-{(at - since) // LATE}": own for own, what, since in waiting if what is What.REVIEW}
        self._hand_over(MAKE, database.REPORTS_QUEUE, {n: {"occasion_id": own} for n, own in names.items()})
        for own, what, _ in waiting:
            if what is What.REFRESH:
                self._start_refresh(at, own)
        return set(names)

    def _start_refresh(self, at: datetime, occasion_id: str) -> None:
        job_id, error = f"job_{occasion_id}", None
        try:
            self._jobs.start_refresh(asked_by="schedule", job_id=job_id)
        except KeepwellError as refused:
            error = refused
        with self._store.transaction() as session:
            if error:
                services.end_occasion(session, at, occasion_id, error=error.message, hint=error.hint)
            else:
                services.end_occasion(session, at, occasion_id, job_id=job_id)

    def _messages(self, at: datetime) -> set[str]:
        with self._store.transaction(writes=False) as session:
            names = messages.due(session, at)
        self._hand_over(SEND, database.MAIL_QUEUE, {n: {"message_id": messages.message_of_try(n)} for n in names})
        return set(names)

    def _alerts(self) -> set[str]:
        """Each published run is looked at once."""
        run = runs.published_or_none(Lake(self._place.lake_folder))
        if run is None:
            return set()
        name = f"{LOOK}-{run.run_id}"
        self._hand_over(LOOK, database.REPORTS_QUEUE, {name: {"run_id": run.run_id}})
        return {name}

    def _hand_over(self, workflow: str, queue: str, asked: Mapping[str, Mapping[str, str]]) -> None:
        for name, told in asked.items():
            if name in self._handed_over:
                continue
            self._client.enqueue(
                {
                    "workflow_name": workflow,
                    "queue_name": queue,
                    "workflow_id": name,
                    "workflow_id_reuse_policy": "return-existing",
                    "app_version": database.APPLICATION_VERSION,
                },
                dict(told),
            )
            self._handed_over.add(name)


def make_occasion(place: Workspace, clock: Clock, asked: Mapping[str, str]) -> None:
    """Make what a schedule is to make on an occasion, with the settings of now."""
    place = open_workspace(place.folder)
    with closing(Database(place.settings.store, place.folder)) as store:
        make(place, clock, store, asked["occasion_id"])


def look_for_alerts(place: Workspace, clock: Clock, asked: Mapping[str, str]) -> None:
    """What people want to be told of a run, with the settings of now."""
    place = open_workspace(place.folder)
    with closing(Database(place.settings.store, place.folder)) as store:
        look(place, clock, store, asked["run_id"])


def send_message(place: Workspace, clock: Clock, asked: Mapping[str, str]) -> None:
    """One try of one message, with the settings of now."""
    place = open_workspace(place.folder)
    with closing(Database(place.settings.store, place.folder)) as store:
        send(place, clock, store, asked["message_id"])
