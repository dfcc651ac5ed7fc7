"""The finders of events: what the lake and the jobs tell of what happened."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from keepwell.access.webhooks.deliveries import Event
from keepwell.lake import records, runs
from keepwell.lake.records import ChangeKind, ChangeRecord
from keepwell.surfaces.worker.job import State
from keepwell.surfaces.worker.sight import Sight


class _Once:
    """Remembers by name what need not be looked at again: records of the lake never change what they tell of here."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._settled: set[str] = set()
        self._looked_at: dict[str, datetime] = {}

    def settle(self, until: datetime) -> None:
        """What happened before ``until`` is done with; later things may still be wanted by somebody who comes in this very moment."""
        self._settled.update(name for name, at in self._looked_at.items() if at < until)
        self._looked_at.clear()

    def _is_new(self, name: str) -> bool:
        return name not in self._settled

    def _look(self, name: str, at: datetime, since: datetime) -> bool:
        self._looked_at[name] = at
        return at > since


class RunsPublished(_Once):
    """``run.published``: results can be read."""

    def found(self, since: datetime, until: datetime) -> Iterator[Event]:
        del until
        for name in runs.names(self._sight.lake):
            if self._is_new(name):
                run = runs.run(self._sight.lake, name)
                if self._look(name, run.finished_at, since):
                    told = {"run_id": run.run_id, "as_of": run.as_of.isoformat(), "kpis_with_problems": sorted(run.problems)}
                    yield Event(f"run.published:{run.run_id}", "run.published", run.finished_at, told)


class _Changes(_Once):
    """Changes of the lake of one kind."""

    kind: ChangeKind
    event: str

    def found(self, since: datetime, until: datetime) -> Iterator[Event]:
        del until
        lake = self._sight.lake.folder
        for name in records.names(lake):
            record = records.read_or_none(lake, name) if self._is_new(name) else None
            # one without a record is on its way, or was given up
            if (
                record is not None
                and record.finished_at is not None
                and self._look(name, record.finished_at, since)
                and record.kind is self.kind
            ):
                yield Event(f"{self.event}:{record.import_id}", self.event, record.finished_at, self._told(record))

    def _told(self, record: ChangeRecord) -> Mapping[str, Any]:
        counted = ("entity", "read", "inserted", "updated", "unchanged", "removed", "rejected")
        counts = [{n: getattr(e, n) for n in counted} for e in record.entities]
        return {"import_id": record.import_id, "source": record.source, "entities": counts}


class ImportsFinished(_Changes):
    """``import.finished``: rows have come in, whoever brought them."""

    kind, event = ChangeKind.IMPORT, "import.finished"


class ImportsUndone(_Changes):
    """``import.undone``: what an import had brought is gone again."""

    kind, event = ChangeKind.UNDO, "import.undone"

    def _told(self, record: ChangeRecord) -> Mapping[str, Any]:
        return {**super()._told(record), "import_id": record.undoes, "undone_by": record.import_id}


class JobsFailed:
    """``job.failed``: what was asked of the worker could not be done."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._from: datetime | None = None

    def found(self, since: datetime, until: datetime) -> Iterable[Event]:
        """Asks for those alone that ended since the last time it asked."""
        for job in self._sight.jobs.ended(max(since, self._from or since), until):
            if job.state is State.FAILED and job.ended_at is not None:
                told = {"job_id": job.job_id, "kind": str(job.kind), "about": job.about, "error": job.error, "hint": job.hint}
                yield Event(f"job.failed:{job.job_id}", "job.failed", job.ended_at, told)

    def settle(self, until: datetime) -> None:
        self._from = until
