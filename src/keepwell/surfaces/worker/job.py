"""A job: a refresh or an import that the worker does, as pages and the API tell of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

SURE = 0.02  # a share below this tells nothing of how long the rest takes


class Kind(StrEnum):
    """What a job does."""

    REFRESH = "refresh"
    IMPORT = "import"
    CHECK = "check"  # of an upload, before it is imported
    UNDO = "undo"  # of an import


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"  # another one is at work, or no worker is
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepState(StrEnum):
    """Where a step of a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER = {State.DONE, State.FAILED, State.CANCELLED}


@dataclass(frozen=True)
class JobStep:
    """One step: how long it has taken, and how much of it is done where that is known."""

    name: str
    state: StepState
    seconds: float | None = None
    share: float | None = None  # 0 to 1
    done: int | None = None
    total: int | None = None
    expected: float | None = None  # the seconds that it took the last time

    @property
    def seconds_left(self) -> float | None:
        """As long as the rest takes: as the last time, or longer than that at the pace until now. None where that can't be told."""
        if self.state is StepState.WAITING:
            return self.expected
        if self.state is not StepState.RUNNING or self.seconds is None:
            return None
        if self.expected is not None and self.seconds < self.expected:
            return self.expected - self.seconds
        if self.share is None or not SURE <= self.share <= 1:
            return None
        return self.seconds * (1 - self.share) / self.share


@dataclass(frozen=True)
class Job:
    """One job. ``result`` names what came of it: of a refresh ``run_id``, of an import or an undo ``import_id``, ``entities`` and ``rejected``, of a check ``draft_id``."""

    job_id: str
    kind: Kind
    state: State
    asked_by: str
    asked_at: datetime
    about: str = ""  # of an import its files, of a refresh that looks back its day
    started_at: datetime | None = None
    ended_at: datetime | None = None
    steps: tuple[JobStep, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    hint: str | None = None
    is_stopping: bool = False  # somebody cancelled it, and it has not stopped yet

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def current_or_none(self) -> JobStep | None:
        """The step that runs."""
        return next((s for s in self.steps if s.state is StepState.RUNNING), None)

    @property
    def seconds_left(self) -> float | None:
        """As long as it still takes; None where that can't be told of some step."""
        left = [s.seconds_left for s in self.steps if s.state in {StepState.RUNNING, StepState.WAITING}]
        known = [s for s in left if s is not None]
        return sum(known) if self.state is State.RUNNING and known and len(known) == len(left) else None

    @property
    def seconds(self) -> float | None:
        """How long it took, once it is over."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at and self.ended_at else None

    def to_json(self) -> dict[str, Any]:
        """As the API and the stream of events tell it; instants are ISO 8601."""
        told = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(self).items()}
        steps = [{**asdict(s), "seconds_left": s.seconds_left} for s in self.steps]
        return {**told, "result": dict(self.result), "steps": steps, "seconds_left": self.seconds_left, "is_over": self.is_over}
