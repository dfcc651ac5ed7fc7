"""Runs: what a refresh computed, from which versions, published all at once.

The results lie in the derived tables under their run's id. The pointer to the published run moves last, so a reader never sees
half a run, and a run that died is never seen at all.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from keepwell.core.errors import unknown
from keepwell.core.files import read_json_or_none, write_json_atomically
from keepwell.lake import journal, locks
from keepwell.lake.delta import repeated
from keepwell.lake.entity import entities
from keepwell.lake.lake import Lake
from keepwell.lake.landing import Difference, parquet, write_change
from keepwell.lake.records import ChangeKind, ChangeRecord
from keepwell.lake.table import BATCH, META_COLUMNS, PROFILES, SOURCE, TEXTS, UPDATED, table

FOLDER = "runs"
HELD = "runs_under_way"
PUBLISHED = "published.json"
SOURCE_OF_RESULTS = "keepwell"
# erasure must reach every version of these, so no run may hold on to one
NEVER_PINNED = {PROFILES, TEXTS}


@dataclass(frozen=True)
class Run:
    """One refresh: the day it looked from, the versions it read, the definitions it used."""

    run_id: str
    as_of: date
    started_at: datetime
    finished_at: datetime
    code_version: str
    versions: dict[str, int]
    definitions: dict[str, str]
    seconds: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # the workspace's own KPIs that could not be computed, and why
    results: dict[str, int] = field(default_factory=dict)  # derived table -> its version with this run's rows

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        given = dict(found)
        given["as_of"] = date.fromisoformat(given["as_of"])
        given["started_at"] = datetime.fromisoformat(given["started_at"])
        given["finished_at"] = datetime.fromisoformat(given["finished_at"])
        return cls(**given)


def pinned_versions(lake: Lake) -> dict[str, int]:
    """The versions that a run beginning now reads: every table of facts, none of personal data or results."""
    results = {name for name, e in entities().items() if e.is_derived}
    return {n: v for n, v in lake.snapshot().versions.items() if n not in NEVER_PINNED and n not in results}


def texts_of_today(lake: Lake) -> dict[str, int]:
    """The version of the words of customers, to be read at once and never to be kept with a run: an erasure must reach it."""
    return {n: v for n, v in lake.snapshot().versions.items() if n == TEXTS}


def store_results(lake: Lake, run_id: str, at: datetime, results: Mapping[str, pa.Table]) -> dict[str, int]:
    """Write the rows that a run computed, one Arrow table a derived table; returns the versions that hold them.

    The rows carry ``run_id``; nothing is replaced, so an earlier run can always be read as it was known. They are written once,
    however often a process that dies begins anew.
    """
    change_id = f"res_{run_id.partition('_')[2]}"
    known = lake.finished_or_none(change_id)
    if known is not None:
        return {name: known.versions_after[name] for name in results if name in known.versions_after}
    with (
        lake.begin(SOURCE_OF_RESULTS, at, import_id=change_id) as change,
        locks.writer(lake.folder),
        lake.engine(change.staging / ".spill") as engine,
    ):
        journal.recover(lake.folder)
        snapshot = lake.snapshot()
        changes = []
        for name, rows in results.items():
            path = change.staging / f"{name}.parquet"
            pq.write_table(_with_meta(name, rows, run_id, at), path)
            if rows.num_rows:
                found = Difference(table(name), inserted=rows.num_rows, rows=f"(select *, true as _is_new from {parquet(path)})")
                changes.append(write_change(engine, change, found, snapshot, keep_images=False))
        record = ChangeRecord(change.import_id, ChangeKind.RESULTS, SOURCE_OF_RESULTS, at, finished_at=at)
        done = journal.commit(lake.folder, record, changes)
        return {name: done.versions_after[name] for name in results if name in done.versions_after}


def _with_meta(name: str, rows: pa.Table, run_id: str, at: datetime) -> pa.Table:
    wanted = [c for c, _ in table(name).columns]
    given = rows.select([c for c in rows.column_names if c in wanted])
    size = rows.num_rows
    meta = {
        SOURCE: repeated(SOURCE_OF_RESULTS, pa.string(), size),
        BATCH: repeated(run_id, pa.string(), size),
        UPDATED: repeated(at, pa.timestamp("us", tz="UTC"), size),
    }
    for column, _ in META_COLUMNS:
        given = given.append_column(column, meta[column])
    missing = [c for c in wanted if c not in given.column_names]
    if missing:
        raise ValueError(f"the rows for {name} lack {missing}")
    return given


def publish(lake: Lake, run: Run) -> Run:
    """Make the run the one that readers see. Published again after its process died, it is as it was, and gives way to a later one."""
    path = lake.folder / FOLDER / f"{run.run_id}.json"
    known = read_json_or_none(path)
    if known is not None:
        run = Run.from_json(known)
        newest = published_or_none(lake)
        if newest is not None and newest.finished_at > run.finished_at:
            return run
    else:
        write_json_atomically(path, run.to_json())
    write_json_atomically(lake.folder / PUBLISHED, {"run_id": run.run_id})
    return run


def hold(lake: Lake, run_id: str, versions: Mapping[str, int]) -> None:
    """Keep the files of these versions for a run that is being computed, until it lets go or is forgotten."""
    write_json_atomically(lake.folder / HELD / f"{run_id}.json", dict(versions))


def let_go(lake: Lake, run_id: str) -> None:
    """The run is published or given up."""
    (lake.folder / HELD / f"{run_id}.json").unlink(missing_ok=True)


def held_versions(lake: Lake, since: datetime) -> list[dict[str, int]]:
    """The versions that runs under way read; those begun earlier than ``since`` are taken for dead and forgotten."""
    found = []
    for path in sorted((lake.folder / HELD).glob("*.json")):
        if path.stat().st_mtime < since.timestamp():
            path.unlink(missing_ok=True)
        elif (versions := read_json_or_none(path)) is not None:
            found.append(versions)
    return found


def published_or_none(lake: Lake) -> Run | None:
    """The run that readers see; None before the first refresh."""
    pointer = read_json_or_none(lake.folder / PUBLISHED)
    return run(lake, pointer["run_id"]) if pointer else None


def all_runs(lake: Lake) -> list[Run]:
    """Every run, oldest first."""
    folder: Path = lake.folder / FOLDER
    found = [Run.from_json(r) for p in sorted(folder.glob("*.json")) if (r := read_json_or_none(p)) is not None] if folder.is_dir() else []
    return sorted(found, key=lambda r: (r.started_at, r.run_id))


def names(lake: Lake) -> list[str]:
    """The ids of all runs, without opening one."""
    folder: Path = lake.folder / FOLDER
    return sorted(p.stem for p in folder.glob("*.json") if not p.name.startswith(".")) if folder.is_dir() else []


def run(lake: Lake, run_id: str) -> Run:
    """The run of that id; an unknown id answers with the nearest known one."""
    found = read_json_or_none(lake.folder / FOLDER / f"{run_id}.json") if run_id.replace("_", "").isalnum() else None
    if found is None:
        raise unknown("run", run_id, (r.run_id for r in all_runs(lake)))
    return Run.from_json(found)
