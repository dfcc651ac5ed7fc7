"""Taking an import back: what it replaced comes back, what it inserted goes, what changed since is kept and told."""

from pathlib import Path

from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError
from keepwell.core.progress import Progress, Silent, step
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal, names, quoted
from keepwell.lake import journal, locks, records
from keepwell.lake.lake import Lake
from keepwell.lake.landing import Change, Difference, on_key, parquet, write_change
from keepwell.lake.records import ChangeKind, ChangeRecord, EntityCounts
from keepwell.lake.snapshots import Snapshot
from keepwell.lake.table import BATCH, Table, table, tables


def undo(lake: Lake, import_id: str, clock: Clock, progress: Progress | None = None) -> ChangeRecord:
    """Undo one import and return the record of the undoing, which can itself be undone.

    Rows come back exactly as they were, with the id of the import that had written them. A row that a later import has
    changed keeps what that import gave it, and is counted as unchanged with a warning.
    """
    watcher = progress or Silent()
    with lake.begin("keepwell", clock.now(), prefix="undo") as change:
        with locks.writer(lake.folder), lake.engine(change.staging / ".spill", progress) as engine:
            journal.recover(lake.folder)
            record = lake.change(import_id)
            _check_undoable(record)
            snapshot = lake.snapshot()
            touched = [n for n, v in record.versions_after.items() if record.versions_before.get(n) != v]
            found: list[Difference] = []
            counted: list[EntityCounts] = []
            with step(watcher, "find what it changed"):
                for name in sorted(touched, key=list(tables()).index):
                    back, kept = _way_back(engine, change, record, table(name), snapshot)
                    found.append(back)
                    counted.append(_counts(back, kept))
            with step(watcher, "write"):
                changes = [write_change(engine, change, d, snapshot) for d in found if not d.is_empty]
            undoing = ChangeRecord(
                change.import_id, ChangeKind.UNDO, record.source, started_at=change.at, finished_at=change.at, entities=tuple(counted), undoes=import_id
            )
            with step(watcher, "commit"):
                return journal.commit(lake.folder, undoing, changes, also_undone=import_id)


def _check_undoable(record: ChangeRecord) -> None:
    if record.undone_by:
        raise KeepwellError(f"{record.import_id} has been undone already, by {record.undone_by}.", f"`keepwell undo {record.undone_by}` brings it back.")
    if record.kind not in {ChangeKind.IMPORT, ChangeKind.UNDO}:
        raise KeepwellError(f"{record.import_id} is an {record.kind}, which can't be undone.", "What was erased is gone for good.")


def _counts(back: Difference, kept: int) -> EntityCounts:
    warnings = (f"{kept} rows were changed by a later import and are kept as they are",) if kept else ()
    return EntityCounts(
        entity=back.table.name, read=back.inserted + back.updated + back.removed + kept, inserted=back.inserted,
        updated=back.updated, removed=back.removed, unchanged=kept, warnings=warnings,
    )  # fmt: skip


def _way_back(engine: DuckDBEngine, change: Change, record: ChangeRecord, of: Table, snapshot: Snapshot) -> tuple[Difference, int]:
    """The difference that takes the import back from one table, and how many of its rows are no longer its own."""
    engine.register(snapshot.table(of.name))
    current = quoted(of.name)
    images = _images_or_none(snapshot.lake, record.import_id, of)
    columns = [c for c, _ in of.all_columns]
    mine = f"o.{BATCH} = {literal(record.import_id)}"
    gone = f"select {names(of.key, 'o')} from {current} o where {mine}"
    rows, changed_since = None, 0
    if images:
        matched = f"{images} i left join {current} o on {on_key(of, 'i', 'o')}"
        is_there = f"o.{BATCH} is not null"
        still = f"(({is_there} and o.{BATCH} = i._after_batch) or (not {is_there} and i._after_batch is null))"
        rows = change.staging / f"{of.name}.rows.parquet"
        back = f"select {names(columns, 'i')}, not {is_there} as _is_new from {matched} where i._op <> 'insert' and {still}"
        engine.write_parquet(back, rows)
        gone = (
            f"select {names(of.key, 'o')} from {current} o where {mine} and not exists (select 1 from {images} i where {on_key(of, 'i', 'o')}) "
            f"union all select {names(of.key, 'o')} from {matched} where i._op = 'insert' and {is_there} and {still}"
        )
        changed_since = int(engine.value(f"select count(*) from {matched} where not {still}"))
    gone_path = change.staging / f"{of.name}.gone.parquet"
    removed = sum(f.rows for f in engine.write_parquet(gone, gone_path))
    inserted, updated = _new_and_old(engine, rows)
    taken_over = _inserted_but_changed_since(engine, record, of, snapshot)
    difference = Difference(
        of, inserted, updated, removed, parquet(rows) if rows and inserted + updated else None, parquet(gone_path) if removed else None
    )
    return difference, changed_since + taken_over


def _new_and_old(engine: DuckDBEngine, rows: Path | None) -> tuple[int, int]:
    if rows is None:
        return 0, 0
    new, old = engine.rows(f"select count(*) filter (where _is_new), count(*) filter (where not _is_new) from {parquet(rows)}")[0]
    return int(new), int(old)


def _images_or_none(lake: Path, import_id: str, of: Table) -> str | None:
    path = records.folder_of(lake, import_id) / "before" / f"{of.name}.parquet"
    return parquet(path) if path.exists() else None


def _inserted_but_changed_since(engine: DuckDBEngine, record: ChangeRecord, of: Table, snapshot: Snapshot) -> int:
    """Rows that the import inserted and a later one, which still stands, changed: the later one's images carry our id."""
    if record.kind is not ChangeKind.IMPORT:
        return 0
    count = 0
    mine = _images_or_none(snapshot.lake, record.import_id, of)
    known = f"anti join {mine} m on {on_key(of, 'm', 'i')}" if mine else ""
    for later in records.read_all(snapshot.lake):
        if later.started_at < record.started_at or later.undone_by or later.import_id == record.import_id or later.kind is not ChangeKind.IMPORT:
            continue
        images = _images_or_none(snapshot.lake, later.import_id, of)
        if images:
            count += int(engine.value(f"select count(*) from {images} i {known} where i._op = 'update' and i.{BATCH} = {literal(record.import_id)}"))
    return count


