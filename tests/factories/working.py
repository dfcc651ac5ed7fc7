"""Workers as processes, and jobs that they do: asked for, watched, killed."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from keepwell.core.clock import SystemClock
from keepwell.core.workspace import Workspace, open_workspace
from keepwell.lake import runs
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run
from keepwell.models.stored import rows_of_run
from keepwell.surfaces.worker.job import Job
from keepwell.surfaces.worker.jobs import Jobs

PATIENCE = 120.0  # seconds, on a busy machine
OF_THE_RUN = {"run_id", "source", "batch_id", "updated_at"}


@dataclass(frozen=True)
class Working:
    """A workspace of its own, what is asked of its jobs, and workers for it."""

    folder: Path
    jobs: Jobs

    @property
    def place(self) -> Workspace:
        return open_workspace(self.folder)

    @property
    def lake(self) -> Lake:
        return Lake(self.place.lake_folder)

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[str]"]:
        """``keepwell worker`` while the block runs; then it is asked to stop."""
        process = subprocess.Popen(
            [sys.executable, "-m", "keepwell.surfaces.cli", "-w", str(self.folder), "worker"], stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)

    def killed_when(self, sign: Callable[[], bool]) -> None:
        """A worker that is killed (``kill -9``) as soon as there is that sign."""
        with self.worker() as process:
            wait_until(sign, often=True)
            process.kill()
            process.wait()

    def over(self, job_id: str) -> Job:
        """The job, once it is over."""
        wait_until(lambda: self.jobs.job(job_id).is_over)
        return self.jobs.job(job_id)

    def is_at(self, job_id: str, step: str, done: int = 0) -> bool:
        """Whether the job does that step, and so many of its parts are done."""
        current = self.jobs.job(job_id).current_or_none
        return current is not None and current.name == step and (current.done or 0) >= done

    def rows(self, run: Run) -> dict[str, list[dict[str, object]]]:
        """What a run wrote, by derived table, without what names the run, in an order of its own."""
        return {name: sorted(_plain(rows_of_run(self.lake, run, name)), key=repr) for name in run.results}

    def runs(self) -> list[Run]:
        return runs.all_runs(self.lake)


@contextmanager
def working(folder: Path) -> Iterator[Working]:
    jobs = Jobs(open_workspace(folder), SystemClock())
    try:
        yield Working(folder, jobs)
    finally:
        jobs.close()


@contextmanager
def working_copy(of: Path, folder: Path) -> Iterator[Working]:
    """A copy of a workspace, to be worked on."""
    shutil.copytree(of, folder)
    with working(folder) as found:
        yield found


def wait_until(is_so: Callable[[], bool], *, often: bool = False) -> None:
    """Wait until that is so; what never is fails the test."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.001 if often else 0.1)


def _plain(rows: pa.Table) -> list[dict[str, object]]:
    return [{k: v for k, v in r.items() if k not in OF_THE_RUN} for r in rows.to_pylist()]
