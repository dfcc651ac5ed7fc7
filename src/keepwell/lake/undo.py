"""Taking an import back: what it replaced comes back, what it inserted goes, what changed since is kept and told."""

from dataclasses import dataclass
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


def undo(
    lake: Lake, import_id: str, clock: Clock, progress: Progress | None = None, *, by: str | None = None, change_id: str | None = None
) -> ChangeRecord:
    """Undo one import and return the record of the undoing, which can itself be undone.

    Rows come back exactly as they were, with the id of the import that had written them; what an import that is undone by now
    had written does not come back, but what stood there before it. A row that a later import has changed keeps what that import
    gave it, and is counted as unchanged with a warning. Under a ``change_id`` of the caller's it is done once, however often its
    process dies.
    """
    if change_id is not None and (known := lake.finished_or_none(change_id)) is not None:
        return known
    watcher = progress or Silent()
    with (
        lake.begin("keepwell", clock.now(), prefix="undo", import_id=change_id) as change,
        locks.writer(lake.folder),
        lake.engine(change.staging / ".spill", progress) as engine,
    ):
        journal.recover(lake.folder)
        record = lake.change(import_id)
        _check_undoable(record)
        snapshot = lake.snapshot()
        touched = [n for n, v in record.versions_after.items() if record.versions_before.get(n) != v]
        found: list[Difference] = []
        counted: list[EntityCounts] = []
        with step(watcher, "find what it changed"):
            for name in sorted(touched, key=list(tables()).index):
                back, kept = _Undoing(engine, change, record, snapshot, table(name)).way_back()
                found.append(back)
                counted.append(_counts(back, kept))
        with step(watcher, "write"):
            changes = [write_change(engine, change, d, snapshot) for d in found if not d.is_empty]
        undoing = ChangeRecord(
            change.import_id,
            ChangeKind.UNDO,
            record.source,
            change.at,
            finished_at=change.at,
            entities=tuple(counted),
            undoes=import_id,
            by=by,
        )
        with step(watcher, "commit"):
            return journal.commit(lake.folder, undoing, changes, also_undone=import_id)


def _check_undoable(record: ChangeRecord) -> None:
    if record.undone_by:
        raise KeepwellError(
            f"{record.import_id} has been undone already, by {record.undone_by}.", f"`keepwell undo {record.undone_by}` brings it back."
        )
    if record.kind not in {ChangeKind.IMPORT, ChangeKind.UNDO}:
        raise KeepwellError(f"{record.import_id} is an {record.kind}, which can't be undone.", "What was erased is gone for good.")


def _counts(back: Difference, kept: int) -> EntityCounts:
    warnings = (f"{kept} rows were changed by a later import and are kept as they are",) if kept else ()
    return EntityCounts(
        entity=back.table.name, read=back.inserted + back.updated + back.removed + kept, inserted=back.inserted,
        updated=back.updated, removed=back.removed, unchanged=kept, warnings=warnings,
    )  # fmt: skip


@dataclass(frozen=True)
class _Undoing:
    """The undoing of one change in one table."""

    engine: DuckDBEngine
    change: Change
    record: ChangeRecord
    snapshot: Snapshot
    of: Table

    def way_back(self) -> tuple[Difference, int]:
        """The difference that takes the change back, and how many of its rows are no longer its own."""
        engine, of = self.engine, self.of
        engine.register(self.snapshot.table(of.name))
        images = self._images_or_none(self.record.import_id)
        mine = f"o.{BATCH} = {literal(self.record.import_id)}"
        gone = f"select {names(of.key, 'o')} from {quoted(of.name)} o where {mine}"
        rows, changed_since = None, 0
        if images:
            matched = f"{images} i left join {quoted(of.name)} o on {on_key(of, 'i', 'o')}"
            is_there = f"o.{BATCH} is not null"
            still = f"(({is_there} and o.{BATCH} = i._after_batch) or (not {is_there} and i._after_batch is null))"
            rows = self.change.staging / f"{of.name}.rows.parquet"
            back = f"select {self._columns('i')}, not {is_there} as _is_new from {matched} where i._op <> 'insert' and {still}"
            engine.write_parquet(back, rows)
            gone = (
                f"{gone} and not exists (select 1 from {images} i where {on_key(of, 'i', 'o')}) "
                f"union all select {names(of.key, 'o')} from {matched} where i._op = 'insert' and {is_there} and {still}"
            )
            gone += "".join(f" union all select {names(of.key)} from {v}" for v in self._older_than_undone(rows))
            changed_since = int(engine.value(f"select count(*) from {matched} where not {still}"))
        gone_path = self.change.staging / f"{of.name}.gone.parquet"
        removed = sum(f.rows for f in engine.write_parquet(gone, gone_path))
        inserted, updated = self._new_and_old(rows)
        back_rows = parquet(rows) if rows and inserted + updated else None
        gone_keys = parquet(gone_path) if removed else None
        difference = Difference(of, inserted, updated, removed, back_rows, gone_keys, restores=True)
        return difference, changed_since + self._inserted_but_changed_since()

    def _columns(self, of: str) -> str:
        return names([c for c, _ in self.of.all_columns], of)

    def _older_than_undone(self, rows: Path) -> list[str]:
        """Put, for rows of imports that are undone themselves, what those had replaced; returns the keys of rows that they had inserted.

        The keys are table expressions, of rows that stand in the table now.
        """
        undone = self._undone_afterwards()
        vanished: list[str] = []
        while stale := undone & {batch for (batch,) in self.engine.rows(f"select distinct {BATCH} from {parquet(rows)}")}:
            import_id = min(stale)
            is_stale = f"b.{BATCH} = {literal(import_id)}"
            images = self._images_or_none(import_id) or f"(select *, 'none' as _op from {parquet(rows)} where false)"
            replaced = f"{images} i join {parquet(rows)} b on {on_key(self.of, 'i', 'b')} and i._op = 'update'"
            inserted = f"{parquet(rows)} b anti join {images} i on {on_key(self.of, 'i', 'b')} and i._op = 'update'"
            number = len(vanished)
            keys, older = (self.change.staging / f"{self.of.name}.{what}{number}.parquet" for what in ("vanished", "older"))
            if self.engine.write_parquet(f"select {names(self.of.key, 'b')} from {inserted} where {is_stale} and not b._is_new", keys):
                vanished.append(parquet(keys))
            self.engine.write_parquet(
                f"select * from {parquet(rows)} b where not {is_stale} "
                f"union all select {self._columns('i')}, b._is_new from {replaced} where {is_stale}",
                older,
            )
            older.replace(rows)
        return vanished

    def _undone_afterwards(self) -> set[str]:
        """The changes that will be undone: to undo an undoing brings the first change back, to undo that takes it away again."""
        known = {r.import_id: r for r in records.read_all(self.snapshot.lake)}
        undone = {import_id for import_id, r in known.items() if r.undone_by}
        import_id, is_undone = self.record.import_id, True
        while import_id:
            undone = undone | {import_id} if is_undone else undone - {import_id}
            import_id, is_undone = known[import_id].undoes or "", not is_undone
        return undone

    def _new_and_old(self, rows: Path | None) -> tuple[int, int]:
        if rows is None:
            return 0, 0
        new, old = self.engine.rows(f"select count(*) filter (where _is_new), count(*) filter (where not _is_new) from {parquet(rows)}")[0]
        return int(new), int(old)

    def _images_or_none(self, import_id: str) -> str | None:
        path = records.folder_of(self.snapshot.lake, import_id) / "before" / f"{self.of.name}.parquet"
        if not path.exists():
            return None
        # the typed empty set brings the columns that the table has got since
        typed = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in self.of.all_columns)
        return f"(select * from {parquet(path)} union all by name select {typed} where false)"

    def _inserted_but_changed_since(self) -> int:
        """Rows that the import inserted and a later one, which still stands, changed: the later one's images carry our id."""
        if self.record.kind is not ChangeKind.IMPORT:
            return 0
        count = 0
        mine = self._images_or_none(self.record.import_id)
        known = f"anti join {mine} m on {on_key(self.of, 'm', 'i')}" if mine else ""
        for later in records.read_all(self.snapshot.lake):
            if later.undone_by or later.import_id == self.record.import_id or later.kind is not ChangeKind.IMPORT:
                continue
            images = self._images_or_none(later.import_id)
            if images:
                by_us = f"i._op = 'update' and i.{BATCH} = {literal(self.record.import_id)}"
                count += int(self.engine.value(f"select count(*) from {images} i {known} where {by_us}"))
        return count
