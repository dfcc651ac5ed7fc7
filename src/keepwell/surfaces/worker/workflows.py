"""The jobs as durable workflows: each stage is a step that is not done again once it was done, whatever dies meanwhile."""

import functools
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dbos import DBOS

from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError
from keepwell.core.files import read_json_or_none, write_json_atomically
from keepwell.core.progress import StoppedError
from keepwell.core.settings import EngineName
from keepwell.core.workspace import Workspace, open_workspace
from keepwell.lake import runs
from keepwell.lake.lake import Lake
from keepwell.lake.records import EntityCounts
from keepwell.lake.undo import undo
from keepwell.sources import draft_checks, drafts, imports
from keepwell.sources.imports import ImportRefusedError, ImportReport, cause
from keepwell.surfaces.worker import outbox, timetable
from keepwell.surfaces.worker.job import Kind, State
from keepwell.surfaces.worker.progress import JobProgress, folder_of, put_away
from keepwell.surfaces.worker.refresh import Refresh, definitions_mark, plan_of
from keepwell.surfaces.worker.requests import files_of, import_from_json
from keepwell.surfaces.worker.stages import PUBLISH, STAGES, TIDY_UP, WRITE, FoundInFolder, Plan

LINES_TOLD = 100
COMMIT = "commit"
Asked = Mapping[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where one job is done: its workspace with the settings of now, its folder."""

    place: Workspace
    clock: Clock
    job_id: str

    @property
    def folder(self) -> Path:
        return folder_of(self.place, self.job_id)

    @property
    def lake(self) -> Lake:
        settings = self.place.settings
        return Lake(self.place.lake_folder, memory_limit=settings.memory_limit, threads=settings.threads)


def register(place: Workspace, clock: Clock) -> None:
    """Make the workflows of this workspace known to DBOS; before it is launched."""

    def bench() -> Bench:
        # a job that waited is done with the settings of now
        return Bench(open_workspace(place.folder), clock, DBOS.workflow_id or "")

    @DBOS.workflow(name=str(Kind.REFRESH), max_recovery_attempts=None)
    def refresh(asked: Asked) -> Asked:
        found = bench()
        try:
            return _ended(lambda: _refresh(found, asked))
        finally:
            put_away(found.folder)

    def of_one_step(kind: Kind, work: Callable[[Bench, Asked], Asked]) -> None:
        @DBOS.workflow(name=str(kind), max_recovery_attempts=None)
        def workflow(asked: Asked) -> Asked:
            found = bench()
            try:
                return _step(str(kind), lambda: work(found, asked))
            finally:
                put_away(found.folder, files_of(found.place, asked))

    @DBOS.workflow(name=outbox.WORKFLOW, max_recovery_attempts=None)
    def deliver(asked: Asked) -> None:
        DBOS.run_step({"name": outbox.WORKFLOW}, lambda: outbox.deliver(place, clock, asked))

    @DBOS.workflow(name=timetable.MAKE, max_recovery_attempts=None)
    def make(asked: Asked) -> None:
        DBOS.run_step({"name": timetable.MAKE}, lambda: timetable.make_occasion(place, clock, asked))

    @DBOS.workflow(name=timetable.LOOK, max_recovery_attempts=None)
    def alerts(asked: Asked) -> None:
        DBOS.run_step({"name": timetable.LOOK}, lambda: timetable.look_for_alerts(place, clock, asked))

    @DBOS.workflow(name=timetable.SEND, max_recovery_attempts=None)
    def send(asked: Asked) -> None:
        DBOS.run_step({"name": timetable.SEND}, lambda: timetable.send_message(place, clock, asked))

    for kind, work in ((Kind.IMPORT, _imported), (Kind.CHECK, _checked), (Kind.UNDO, _undone)):
        of_one_step(kind, work)


def _ended(work: Callable[[], Asked]) -> Asked:
    """What becomes of work. What a person can understand is its outcome, not a fault, and ends the job."""
    try:
        return work()
    except StoppedError:
        return {"state": State.CANCELLED.value}
    except ImportRefusedError as error:
        # what is told of jobs is kept where no erasure reaches: no values of rows
        return {"state": State.FAILED.value, "error": "\n".join(map(cause, error.message.splitlines())), "hint": error.hint}
    except KeepwellError as error:
        return {"state": State.FAILED.value, "error": error.message, "hint": error.hint}


def _step(name: str, work: Callable[[], Asked]) -> Asked:
    """A step: once it was done, its outcome stands."""
    return DBOS.run_step({"name": name}, lambda: _ended(work))


def _refresh(bench: Bench, asked: Asked) -> Asked:
    last = runs.published_or_none(bench.lake)
    expected = {PUBLISH: 0.0, TIDY_UP: 0.0, **last.seconds} if last else {}
    progress = JobProgress(bench.folder, STAGES, final_step=WRITE, expected=expected)
    outcome = _step("begin", lambda: _begun(bench, asked, progress))
    if "state" in outcome:
        return outcome
    plan = _plan(bench, asked, outcome["plan"])
    with Refresh(bench.place, bench.lake, bench.clock, plan, FoundInFolder(_found(bench)), progress) as work:
        for stage in STAGES:
            outcome = _step(stage, functools.partial(_done, work, stage))
            if "state" in outcome:
                return outcome
        return _step("tell", lambda: _told_run(work))


def _found(bench: Bench) -> Path:
    return bench.folder / "found"


def _plan_file(bench: Bench) -> Path:
    return _found(bench) / "plan.json"


def _begun(bench: Bench, asked: Asked, progress: JobProgress) -> Asked:
    progress.check()
    known = read_json_or_none(_plan_file(bench))
    return {"plan": known or _made_plan(bench, asked).to_json()}


def _made_plan(bench: Bench, asked: Asked) -> Plan:
    as_of = date.fromisoformat(asked["as_of"]) if asked["as_of"] else None
    engine = EngineName(asked["engine"]) if asked["engine"] else None
    plan = plan_of(bench.place, bench.lake, bench.clock, as_of=as_of, engine=engine)
    write_json_atomically(_plan_file(bench), plan.to_json())
    return plan


def _plan(bench: Bench, asked: Asked, told: Asked) -> Plan:
    """The plan with which the job goes on: the one it had, unless what it computes was changed while nobody was at work."""
    known = read_json_or_none(_plan_file(bench))
    plan = Plan.from_json(known or told)
    if known is None or plan.mark == definitions_mark(bench.place) or FoundInFolder(_found(bench)).outcome_or_none(WRITE) is not None:
        return plan
    shutil.rmtree(_found(bench))
    runs.let_go(bench.lake, plan.run_id)
    return _made_plan(bench, asked)


def _done(work: Refresh, stage: str) -> Asked:
    work.do(stage)
    return {}


def _told_run(work: Refresh) -> Asked:
    shutil.rmtree(work.lake.folder / ".spill" / work.plan.run_id, ignore_errors=True)
    run = work.run
    return {"state": State.DONE.value, "result": {"run_id": run.run_id, "as_of": run.as_of.isoformat(), "problems": run.problems}}


def _imported(bench: Bench, asked: Asked) -> Asked:
    request = import_from_json(bench.place, asked)
    progress = JobProgress(bench.folder, final_step=COMMIT)
    progress.check()
    import_id = f"imp_{bench.job_id.partition('_')[2]}"
    report = imports.run(bench.place, bench.lake, request, bench.clock, progress, import_id=import_id)
    if report.import_id is not None:
        drafts.forget_imported(bench.place, request.files)
    return {"state": State.DONE.value, "result": _told_import(report)}


def _checked(bench: Bench, asked: Asked) -> Asked:
    draft = drafts.draft_of(bench.place, asked["draft_id"], asked["by"])
    draft_checks.check(bench.place, bench.lake, draft, bench.clock, JobProgress(bench.folder))
    return {"state": State.DONE.value, "result": {"draft_id": draft.draft_id}}


def _undone(bench: Bench, asked: Asked) -> Asked:
    progress = JobProgress(bench.folder, final_step=COMMIT)
    progress.check()
    change_id = f"undo_{bench.job_id.partition('_')[2]}"
    record = undo(bench.lake, asked["import_id"], bench.clock, progress, by=asked["by"], change_id=change_id)
    told = {"import_id": record.import_id, "source": record.source, "entities": _told_counts(record.entities), "rejected": 0, "lines": []}
    return {"state": State.DONE.value, "result": told}


def _told_counts(entities: Sequence[EntityCounts]) -> list[dict[str, Any]]:
    counted = ("entity", "read", "inserted", "updated", "unchanged", "removed", "rejected")
    return [{n: getattr(e, n) for n in counted} | {"warnings": list(e.warnings)} for e in entities]


def _told_import(report: ImportReport) -> Asked:
    return {
        "import_id": report.import_id,
        "source": report.source,
        "entities": _told_counts(report.entities),
        "rejected": report.rejected_rows,
        "lines": [{"file": r.file, "line": r.line, "entity": r.entity, "reason": cause(r.reason)} for r in report.rejected[:LINES_TOLD]],
    }
