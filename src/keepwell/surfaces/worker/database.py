"""The database of jobs: a file beside the store, or with the store on PostgreSQL in a schema of its own there. Only this folder knows DBOS."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from keepwell.core.errors import KeepwellError
from keepwell.core.workspace import Workspace
from keepwell.lake import locks
from keepwell.store.db import reached
from keepwell.surfaces.worker.progress import FOLDER

FILE = "jobs.db"
APPLICATION = "keepwell"
# fixed, so that a job that one version of Keepwell began is ended by the next
APPLICATION_VERSION = "1"
QUEUE = "lake"  # one at a time: all jobs write to the lake
EVENTS_QUEUE = "events"  # several at a time: they write to the store only
REPORTS_QUEUE = "reports"  # one at a time: each needs memory
MAIL_QUEUE = "mail"
WORKER_LOCK = "worker.lock"
log = logging.getLogger("keepwell.jobs")


def file_or_none(place: Workspace) -> Path | None:
    """The file of the jobs; None where they are on PostgreSQL."""
    return None if place.settings.store.startswith("postgres") else place.folder / FILE


def address(place: Workspace) -> str:
    """Where the jobs are."""
    file = file_or_none(place)
    return place.settings.store if file is None else f"sqlite:///{file}"


def named(place: Workspace) -> str:
    """The database in words, without a password."""
    return f"The database of jobs {file_or_none(place) or 'on PostgreSQL'}"


def prepare(place: Workspace) -> None:
    """Make the database, or bring it up to date; nothing where it is."""
    # its libraries take a second to load
    from dbos import DBOS  # noqa: PLC0415 - see above

    be_quiet()
    file = file_or_none(place)
    if file is not None:
        try:
            with closing(sqlite3.connect(file)) as connection:
                # who reads waits for nobody who writes
                connection.execute("pragma journal_mode = WAL")
        except sqlite3.Error as error:
            raise KeepwellError(
                f"{named(place)} can't be used: {error}", "Move it away; what it knows of jobs that are over is lost, and nothing else."
            ) from error
    with reached(named(place)):
        DBOS.migrate(address(place))


def be_quiet() -> None:
    """Of its own doings DBOS tells only what went wrong, and nothing to anybody elsewhere."""
    logging.getLogger("dbos").setLevel(logging.ERROR)


def worker_lock(place: Workspace) -> Path:
    """Held by the worker as long as it lives; the system takes it back from one that dies."""
    return place.folder / FOLDER / WORKER_LOCK


def is_worker_alive(place: Workspace) -> bool:
    """Whether a worker is at work for this workspace."""
    path = worker_lock(place)
    if not path.exists():
        return False
    with locks.held_or_none(path) as lock:
        return lock is None
