"""What pages and the API ask of jobs: start one, see where it is, cancel it. The worker does them, never the process that asks."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from keepwell.core.clock import Clock
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.settings import EngineName
from keepwell.core.workspace import Workspace
from keepwell.lake import runs
from keepwell.lake.lake import Lake
from keepwell.sources.drafts import Draft
from keepwell.sources.imports import ImportRequest
from keepwell.store.db import reached
from keepwell.surfaces.worker import database
from keepwell.surfaces.worker.job import Job, JobStep, Kind, State, StepState
from keepwell.surfaces.worker.progress import ask_to_stop, folder_of, is_asked_to_stop, is_final, put_away, steps_told
from keepwell.surfaces.worker.requests import files_of, import_to_json
from keepwell.surfaces.worker.stages import STAGES, check_day

if TYPE_CHECKING:
    from dbos import DBOSClient, WorkflowStatus

STATES = {"ENQUEUED": State.QUEUED, "DELAYED": State.QUEUED, "PENDING": State.RUNNING, "CANCELLED": State.CANCELLED, "ERROR": State.FAILED}
UNDER_WAY = ["ENQUEUED", "PENDING"]
FRESH_SECONDS = 0.5  # many listeners of one job ask the database once
FAULT_HINT = "This is a fault of Keepwell's; the worker's output says more."


class Jobs:
    """The jobs of a workspace. Made at once; its database is opened when it is first needed, and made where it is missing.

    A page starts a job and sends the person on to where it is told::

        job_id = visit.site.jobs.start_import(ImportRequest((path,), mapping=mapping), asked_by=visit.who.name)
        return redirect(f"/data/jobs/{job_id}")
    """

    def __init__(self, place: Workspace, clock: Clock) -> None:
        self._place, self._clock = place, clock
        self._client: DBOSClient | None = None
        self._guard = threading.Lock()
        self._known: dict[str, tuple[float, Any]] = {}
        self.is_ending = False  # whoever listens to a job hangs up

    def close(self) -> None:
        """Let go of the database; whoever asks again opens it again."""
        with self._guard:
            if self._client is not None:
                self._client.destroy()
                self._client = None

    def hang_up(self) -> None:
        """The server is about to end."""
        self.is_ending = True

    def start_refresh(
        self, *, asked_by: str, as_of: date | None = None, engine: EngineName | None = None, job_id: str | None = None
    ) -> str:
        """Queue a refresh; gives the job's id. ``asked_by`` is the name that the list of jobs shows.

        With a ``job_id`` there is one of that id, however often it is asked for.

        Raises where there is nothing to compute, at once and not when its turn comes.
        """
        check_day(as_of)
        if not runs.pinned_versions(Lake(self._place.lake_folder)):
            raise WrongUseError("There is nothing to compute: the lake is empty.", "Import something first.")
        return self._start(
            Kind.REFRESH, asked_by, {"as_of": as_of.isoformat() if as_of else None, "engine": engine and str(engine)}, job_id
        )

    def start_import(self, request: ImportRequest, *, asked_by: str, remove_files: bool = False) -> str:
        """Queue an import; gives the job's id.

        ``request`` is what :func:`keepwell.sources.imports.run` takes; its files and its mapping lie below the workspace's folder,
        for the worker reads them when its turn comes. With ``remove_files`` the files go when the job is over, however it ends.
        Rejected rows lie at ``errors``, if that is given, and with the import's record. ``result`` of the job that is done:
        ``import_id`` (None for a dry run), ``source``, ``entities`` (counts of each), ``rejected`` (rows), ``lines`` (the first of them).
        """
        return self._start(Kind.IMPORT, asked_by, import_to_json(self._place, request, remove_files=remove_files))

    def start_check(self, draft: Draft, *, asked_by: str) -> str:
        """Queue the check of an upload; gives the job's id. What it finds lies with the draft."""
        return self._start(Kind.CHECK, asked_by, {"draft_id": draft.draft_id, "by": draft.by})

    def start_undo(self, import_id: str, *, asked_by: str, by: str | None = None) -> str:
        """Queue the taking back of an import; gives the job's id. ``result`` is as that of an import, and names the undoing."""
        return self._start(Kind.UNDO, asked_by, {"import_id": import_id, "by": by})

    def jobs(self, *, limit: int = 20, offset: int = 0) -> list[Job]:
        """The newest first."""
        with self._reached():
            found = self._opened().list_workflows(name=list(Kind), sort_desc=True, limit=limit, offset=offset)
        return [self._job(status) for status in found]

    def ended(self, since: datetime, until: datetime) -> list[Job]:
        """Those that ended within that time."""
        if not self._is_made:
            return []
        with self._reached():
            found = self._opened().list_workflows(
                name=list(Kind), completed_after=since.isoformat(), completed_before=until.isoformat(), load_input=True
            )
        return [self._job(status) for status in found]

    def count(self) -> int:
        """How many jobs there are."""
        with self._reached():
            return len(self._opened().list_workflows(name=list(Kind), load_input=False, load_output=False))

    def job_or_none(self, job_id: str) -> Job | None:
        """Where that job is; None where there is none of that id. Half a second old at most."""
        found: Job | None = self._fresh(job_id, lambda: self._found_or_none(job_id))
        return found

    def job(self, job_id: str) -> Job:
        """Where that job is; raises where there is none of that id."""
        found = self.job_or_none(job_id)
        if found is None:
            raise unknown("job", job_id, ())
        return found

    def under_way(self) -> list[Job]:
        """The jobs that run or wait, in their order; cheap enough for every page."""
        if not self._is_made:
            return []
        found: list[Job] = self._fresh("", self._under_way)
        return found

    def cancel(self, job_id: str) -> None:
        """Stop that job soon, wherever it is; nothing of it counts. One that is over, or about to be, is let be."""
        job = self.job(job_id)
        if job.is_over:
            return
        folder = folder_of(self._place, job_id)
        ask_to_stop(folder)
        if job.state is State.QUEUED or (not self.is_worker_alive and not is_final(folder)):
            # nobody is there to hear it
            with self._reached():
                (status,) = self._opened().list_workflows(workflow_ids=[job_id])
                self._opened().cancel_workflow(job_id)
            put_away(folder, files_of(self._place, _asked(status)))
        self._known.clear()

    @property
    def is_worker_alive(self) -> bool:
        """Whether somebody does the jobs; without a worker they wait."""
        return database.is_worker_alive(self._place)

    @property
    def _is_made(self) -> bool:
        file = database.file_or_none(self._place)
        return file is None or file.exists()

    def _start(self, kind: Kind, asked_by: str, asked: Mapping[str, Any], job_id: str | None = None) -> str:
        job_id = job_id or new_id("job", self._clock.now())
        with self._reached():
            self._opened().enqueue(
                {
                    "workflow_name": str(kind),
                    "queue_name": database.QUEUE,
                    "workflow_id": job_id,
                    "workflow_id_reuse_policy": "return-existing",
                    "app_version": database.APPLICATION_VERSION,
                    "authenticated_user": asked_by,
                },
                dict(asked),
            )
        self._known.clear()
        return job_id

    def _reached(self) -> Any:
        return reached(database.named(self._place))

    def _opened(self) -> "DBOSClient":
        with self._guard:
            if self._client is None:
                # its libraries take a second to load
                from dbos import DBOSClient  # noqa: PLC0415 - see above

                database.prepare(self._place)
                self._client = DBOSClient(
                    system_database_url=database.address(self._place),
                    application_name=database.APPLICATION,
                    retry_connection_errors=False,
                )
            return self._client

    def _fresh(self, key: str, find: Any) -> Any:
        now = time.monotonic()
        known = self._known.get(key)
        if known is None or now - known[0] >= FRESH_SECONDS:
            self._known = {k: v for k, v in self._known.items() if now - v[0] < FRESH_SECONDS}
            known = self._known[key] = (now, find())
        return known[1]

    def _found_or_none(self, job_id: str) -> Job | None:
        with self._reached():
            found = self._opened().list_workflows(workflow_ids=[job_id], name=list(Kind))
        return self._job(found[0]) if found else None

    def _under_way(self) -> list[Job]:
        with self._reached():
            found = self._opened().list_workflows(name=list(Kind), status=UNDER_WAY, load_output=False)
        jobs = [self._job(status) for status in found]
        return sorted(jobs, key=lambda j: (j.state is not State.RUNNING, j.asked_at))

    def _job(self, status: "WorkflowStatus") -> Job:
        told: Mapping[str, Any] = status.output if isinstance(status.output, Mapping) else {}
        state = State(told["state"]) if told else STATES.get(status.status, State.FAILED)
        folder = folder_of(self._place, status.workflow_id)
        steps = steps_told(folder, None if state is State.RUNNING else (status.completed_at or 0) / 1000)
        if not steps and status.name == Kind.REFRESH:
            steps = tuple(JobStep(stage, StepState.WAITING) for stage in STAGES)
        if state in {State.FAILED, State.CANCELLED}:
            ended = StepState.FAILED if state is State.FAILED else StepState.CANCELLED
            steps = tuple(replace(s, state=ended) if s.state is StepState.RUNNING else s for s in steps)
        is_fault = status.status == "ERROR"
        return Job(
            job_id=status.workflow_id,
            kind=Kind(status.name),
            state=state,
            asked_by=status.authenticated_user or "",
            asked_at=_moment_or_none(status.created_at) or self._clock.now(),
            started_at=_moment_or_none(status.dequeued_at),
            ended_at=_moment_or_none(status.completed_at) if state not in {State.QUEUED, State.RUNNING} else None,
            steps=steps,
            about=_about(_asked(status)),
            result=told.get("result", {}),
            error=f"{type(status.error).__name__}: {status.error}" if is_fault else told.get("error"),
            hint=FAULT_HINT if is_fault else told.get("hint"),
            is_stopping=state in {State.QUEUED, State.RUNNING} and is_asked_to_stop(folder) and not is_final(folder),
        )


def _asked(status: "WorkflowStatus") -> Mapping[str, Any]:
    given: Sequence[Any] = status.input["args"] if status.input else ()
    return given[0] if given else {}


def _about(asked: Mapping[str, Any]) -> str:
    """The files of an import, the day of a refresh that looks back."""
    return ", ".join(PurePosixPath(f).name for f in asked["files"]) if "files" in asked else asked.get("as_of") or ""


def _moment_or_none(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
