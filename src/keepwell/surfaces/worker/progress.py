"""The progress of a job: told in a file of the job's folder, and stopped by another one."""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keepwell.core.files import read_json_or_none, write_json_atomically
from keepwell.core.progress import StoppedError
from keepwell.core.workspace import Workspace
from keepwell.surfaces.worker.job import JobStep, StepState

FOLDER = "jobs"
PROGRESS, CANCEL = "progress.json", "cancel"
SECONDS_BETWEEN = 0.4  # between two tellings of one step


def folder_of(place: Workspace, job_id: str) -> Path:
    """Where a job keeps what it found so far, and tells where it is."""
    return place.folder / FOLDER / job_id


def ask_to_stop(folder: Path) -> None:
    """From now on the job stops as soon as it can."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CANCEL).touch()


def is_asked_to_stop(folder: Path) -> bool:
    return (folder / CANCEL).exists()


def is_final(folder: Path) -> bool:
    """Whether the job has come so far that it is brought to its end."""
    return bool((read_json_or_none(folder / PROGRESS) or {}).get("is_final", False))


def steps_told(folder: Path, now: float | None = None) -> tuple[JobStep, ...]:
    """The steps as the job told them; of the one that runs, the seconds until now."""
    told = (read_json_or_none(folder / PROGRESS) or {}).get("steps", [])
    at = time.time() if now is None else now
    return tuple(_step(s, at) for s in told)


def _step(told: dict[str, Any], at: float) -> JobStep:
    state = StepState(told["state"])
    seconds = max(0.0, at - told["began"]) if state is StepState.RUNNING else told["seconds"]
    return JobStep(told["name"], state, seconds, *(told.get(n) for n in ("share", "done", "total", "expected")))


def put_away(folder: Path, files: Sequence[Path] = ()) -> None:
    """Remove what a job that is over needs no more; what it told stays. ``files`` are those that were brought for it alone."""
    shutil.rmtree(folder / "found", ignore_errors=True)
    for file in files:
        file.unlink(missing_ok=True)


class JobProgress:
    """Writes where the job is, not too often, and raises :class:`StoppedError` once it was cancelled.

    ``expected`` tells how long steps took the last time. From the step ``final_step`` on it is brought to its end whatever is asked: nothing is left half-written. A job that goes on
    after its process died keeps the steps that it had told.
    """

    def __init__(
        self, folder: Path, planned: Sequence[str] = (), final_step: str | None = None, expected: Mapping[str, float] | None = None
    ) -> None:
        self._folder, self._final_step, self._expected = folder, final_step, expected or {}
        known = read_json_or_none(folder / PROGRESS) or {}
        self._steps: list[dict[str, Any]] = [s for s in known.get("steps", []) if planned or s["state"] == StepState.DONE]
        self._is_final = bool(known.get("is_final", False))
        names = [s["name"] for s in self._steps]
        self._steps += [self._waiting(name) for name in planned if name not in names]
        self._told = 0.0
        self._is_counted = False

    def start(self, step: str) -> None:
        self.check()
        if step == self._final_step:
            self._is_final = True
        found = next((s for s in self._steps if s["name"] == step), None)
        if found is None:
            found = self._waiting(step)
            self._steps.append(found)
        found.update(self._waiting(step) | {"state": StepState.RUNNING, "began": time.time()})
        self._is_counted = False
        self._tell()

    def advance(self, share: float) -> None:
        self.check()
        if not self._is_counted:
            self._update(share=round(min(share, 1.0), 4))

    def count(self, done: int, total: int) -> None:
        self.check()
        self._is_counted = True
        self._update(share=round(done / max(total, 1), 4), done=done, total=total)

    def check(self) -> None:
        if not self._is_final and is_asked_to_stop(self._folder):
            raise StoppedError("the job was cancelled")

    def finish(self, note: str = "") -> None:
        del note
        for step in self._running():
            seconds = round(time.time() - step["began"], 3)
            step.update(state=StepState.DONE, seconds=seconds, share=1.0, done=step["total"])
        self._tell()

    def _update(self, **told: float) -> None:
        for step in self._running():
            step.update(told)
        if time.monotonic() - self._told >= SECONDS_BETWEEN:
            self._tell()

    def _running(self) -> list[dict[str, Any]]:
        return [s for s in self._steps if s["state"] == StepState.RUNNING]

    def _tell(self) -> None:
        self._told = time.monotonic()
        write_json_atomically(self._folder / PROGRESS, {"steps": self._steps, "is_final": self._is_final})

    def _waiting(self, name: str) -> dict[str, Any]:
        nothing = dict.fromkeys(("began", "seconds", "share", "done", "total"))
        return {"name": name, "state": StepState.WAITING, **nothing, "expected": self._expected.get(name)}
