"""Keeping the lake small and quick: many little files become few, and versions that nobody needs go."""

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

from keepwell.core.clock import Clock
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal
from keepwell.lake import delta, head, journal, locks, runs
from keepwell.lake.delta import DataFile
from keepwell.lake.journal import TableChange
from keepwell.lake.lake import Lake
from keepwell.lake.landing import Change, write_files
from keepwell.lake.records import ChangeKind, ChangeRecord
from keepwell.lake.snapshots import Snapshot
from keepwell.lake.table import Table, table

# a month (or a table without months) with more files than this is put together; a big file is left alone
MANY_FILES = 8
BIG_FILE = 128 << 20
KEPT = timedelta(days=7)


def compact(lake: Lake, clock: Clock) -> int:
    """Put small files together, month by month; rows and readings stay the same. Returns the number of files that went."""
    with (
        lake.begin("keepwell", clock.now(), prefix="cmp") as change,
        locks.writer(lake.folder),
        lake.engine(change.staging / ".spill") as engine,
    ):
        journal.recover(lake.folder)
        snapshot = lake.snapshot()
        changes = [c for name in snapshot.versions for c in [_compacted(engine, change, table(name), snapshot)] if c.remove]
        if not changes:
            return 0
        record = ChangeRecord(change.import_id, ChangeKind.COMPACTION, "keepwell", change.at, finished_at=change.at)
        journal.commit(lake.folder, record, changes)
        return sum(len(c.remove) for c in changes)


def _compacted(engine: DuckDBEngine, change: Change, of: Table, snapshot: Snapshot) -> TableChange:
    by_month: dict[str | None, list[DataFile]] = defaultdict(list)
    for file in snapshot.data_files(of.name):
        if file.size < BIG_FILE:
            by_month[file.month].append(file)
    remove = [f for files in by_month.values() if len(files) > MANY_FILES for f in files]
    if not remove:
        return TableChange(of.name, (), ())
    folder = snapshot.lake / of.name
    listed = "[" + ", ".join(literal(str(folder / f.path)) for f in remove) + "]"
    rows = f"select * from read_parquet({listed}, union_by_name = true, hive_partitioning = false)"
    add = write_files(engine, change, of, rows, [c for c, _ in of.all_columns])
    # the rows are the same, so a reader of changes need not look
    return TableChange(of.name, tuple(add), tuple(remove), data_change=False)


def vacuum(lake: Lake, clock: Clock, kept: timedelta = KEPT) -> int:
    """Delete data files that no kept version needs: the present one, those of every run, and those younger than ``kept``.

    Returns the number of files deleted.
    """
    with locks.writer(lake.folder):
        journal.recover(lake.folder)
        oldest = clock.now() - kept
        needed = _needed_versions(lake, clock.now() - KEPT)
        return sum(_swept(lake.folder / name, sorted(versions), oldest.timestamp()) for name, versions in needed.items())


def _needed_versions(lake: Lake, since: datetime) -> dict[str, set[int]]:
    needed: dict[str, set[int]] = defaultdict(set)
    pinned = [*(r.versions | r.results for r in runs.all_runs(lake)), *runs.held_versions(lake, since)]
    for versions in [head.read(lake.folder).tables, *pinned]:
        for name, version in versions.items():
            needed[name].add(version)
    return needed


def _swept(folder: Path, versions: list[int], oldest: float) -> int:
    kept: set[Path] = set()
    for version in versions:
        found = delta.open_or_none(folder, version)
        kept |= {folder / f.path for f in delta.files(found)} if found else set()
    swept = [p for p in folder.rglob("*.parquet") if "_delta_log" not in p.parts and p not in kept and p.stat().st_mtime < oldest]
    for path in swept:
        path.unlink()
    return len(swept)
