"""One writer a lake. The system takes the lock back from a process that dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from keepwell.core.errors import KeepwellError

WRITER = ".writer.lock"
WAIT_SECONDS = 1800.0


class LakeBusyError(KeepwellError):
    """Another process has been writing for longer than one may wait."""


@contextmanager
def writer(lake: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Be the lake's only writer; waits for the one before."""
    lake.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lake / WRITER, timeout=wait_seconds):
            yield
    except Timeout as error:
        raise LakeBusyError(
            f"Another process has been writing to {lake} for {wait_seconds:g} seconds.",
            "Wait until its import or refresh is done, then try again.",
        ) from error


@contextmanager
def held_or_none(path: Path) -> Iterator[FileLock | None]:
    """The lock on ``path`` if nobody holds it, else None at once."""
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield None
        return
    try:
        yield lock
    finally:
        lock.release()
