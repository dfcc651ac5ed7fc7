"""A worker beside the web: started with it, started again when it dies, ended with it."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before it is started again
LONG_LIFE = 60.0  # seconds after which its death is taken for the first one
GOODBYE = 15.0  # seconds that it may take to end


@contextmanager
def worker_beside(folder: Path, tell: Callable[[str], None], command: Sequence[str] = ()) -> Iterator[None]:
    """A worker of the workspace while the block runs. ``tell`` hears when it died; ``command`` starts it, by default ``keepwell worker``."""
    wanted = [*(command or (sys.executable, "-m", "keepwell.surfaces.cli", "-w", str(folder), "worker", "--with-input"))]
    beside = _Beside(wanted, tell)
    keeper = threading.Thread(target=beside.keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        beside.end()
        keeper.join()


class _Beside:
    def __init__(self, command: Sequence[str], tell: Callable[[str], None]) -> None:
        self._command, self._tell = command, tell
        self._ending = threading.Event()
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        """Start it, and again whenever it ends before it is asked to."""
        pause = FIRST_PAUSE
        while (process := self._started_or_none()) is not None:
            began = time.monotonic()
            status = process.wait()
            if self._ending.is_set():
                return
            pause = FIRST_PAUSE if time.monotonic() - began >= LONG_LIFE else pause
            self._tell(f"The worker ended (status {status}); it is started again in {pause:g} s. Pages are served meanwhile, jobs wait.")
            if self._ending.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE)

    def end(self) -> None:
        """Ask it to end, and see that it does."""
        with self._guard:
            self._ending.set()
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _started_or_none(self) -> "subprocess.Popen[bytes] | None":
        with self._guard:
            if self._ending.is_set():
                return None
            # its input is a pipe that ends with this process, however that ends; Ctrl-C on the terminal is for this process alone
            self._process = subprocess.Popen(  # noqa: S603 - Keepwell itself, with the workspace's folder
                self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
            return self._process
