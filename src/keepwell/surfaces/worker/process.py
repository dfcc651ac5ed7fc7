"""The worker's process: it does the jobs that are asked for, one after the other, until it is asked to stop."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

from dbos import DBOS, DBOSClient
from filelock import FileLock, Timeout

from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError
from keepwell.core.workspace import Workspace
from keepwell.store.db import reached
from keepwell.surfaces.worker import database, timetable, workflows
from keepwell.surfaces.worker.outbox import AT_ONCE, Outbox
from keepwell.surfaces.worker.pruning import prune

SECONDS_TO_GET_IN = 5.0  # as long as somebody may be looking whether the lock is held
SECONDS_BETWEEN_LOOKS = 0.5  # for a job that waits
PRUNE_EVERY = timedelta(days=1)
UNDER_WAY = ["PENDING"]
log = logging.getLogger("keepwell.jobs")


def work(place: Workspace, clock: Clock, *, ends_with_input: bool = False) -> None:
    """Do jobs until the process is asked to stop (SIGTERM, Ctrl-C), or with ``ends_with_input`` until its input ends.

    A job under way is left as it is: the next worker goes on with it. Raises where another worker is at work.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if ends_with_input:
        threading.Thread(target=_until_input_ends, args=(stop,), daemon=True).start()
    with _only_worker(place):
        client = _launched(place, clock)
        try:
            _wait(place, clock, client, stop)
        finally:
            _end(client)


@contextmanager
def _only_worker(place: Workspace) -> Iterator[None]:
    path = database.worker_lock(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=SECONDS_TO_GET_IN)
    try:
        lock.acquire()
    except Timeout as error:
        raise KeepwellError(f"Another worker is at work for {place.folder}.", "One is enough; `keepwell serve` starts its own.") from error
    try:
        yield
    finally:
        lock.release()


def _launched(place: Workspace, clock: Clock) -> DBOSClient:
    """DBOS at work, listening to nobody but the database of jobs, and a client beside it to look at jobs with."""
    database.prepare(place)
    workflows.register(place, clock)
    DBOS(
        config={
            "name": database.APPLICATION,
            "system_database_url": database.address(place),
            "application_version": database.APPLICATION_VERSION,
            "executor_id": "worker",
            "enable_otlp": False,
            "log_level": "ERROR",
        }
    )
    with reached(database.named(place)):
        DBOS.launch()
        DBOS.register_queue(database.QUEUE, global_concurrency=1, worker_concurrency=1, polling_interval_sec=SECONDS_BETWEEN_LOOKS)
        DBOS.register_queue(database.EVENTS_QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=SECONDS_BETWEEN_LOOKS)
        DBOS.register_queue(database.REPORTS_QUEUE, worker_concurrency=1, polling_interval_sec=SECONDS_BETWEEN_LOOKS)
        DBOS.register_queue(database.MAIL_QUEUE, worker_concurrency=timetable.AT_ONCE, polling_interval_sec=SECONDS_BETWEEN_LOOKS)
        return DBOSClient(system_database_url=database.address(place), application_name=database.APPLICATION)


def _wait(place: Workspace, clock: Clock, client: DBOSClient, stop: threading.Event) -> None:
    pruned = -PRUNE_EVERY.total_seconds()
    with closing(Outbox(place, clock, client)) as outbox, closing(timetable.Timetable(place, clock, client)) as table:
        while not stop.wait(1.0):
            outbox.look()
            table.look()
            if time.monotonic() - pruned >= PRUNE_EVERY.total_seconds():
                pruned = time.monotonic()
                prune(place, clock, client)
                outbox.forget_old()
                table.forget_old()


def _end(client: DBOSClient) -> None:
    """Stop; a job under way can't be interrupted anywhere, and need not be: whatever moment it ends at, it goes on from there."""
    left = client.list_workflows(status=UNDER_WAY, load_input=False, load_output=False)
    client.destroy()
    if left:
        sys.stderr.write("Stopped. The job under way goes on when a worker is started again.\n")
        sys.stderr.flush()
        os._exit(0)
    DBOS.destroy()


def _until_input_ends(stop: threading.Event) -> None:
    # read past Python's own buffer, whose lock a thread that waits would keep when the process ends
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stop.set()
