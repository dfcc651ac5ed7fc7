"""Several tables change together or not at all, whatever moment the process dies at.

A change first writes its Parquet files, which nobody reads yet, then this journal, then one Delta transaction a table, then
the head. Before the journal stands, a dead change is swept away; once it stands, whoever comes next rolls it forward. Each
transaction carries the change's id, so that rolling forward twice commits once.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from keepwell.core.errors import KeepwellError
from keepwell.core.files import read_json_or_none, write_json_atomically
from keepwell.lake import delta, head, locks, records
from keepwell.lake.delta import DataFile
from keepwell.lake.head import Head
from keepwell.lake.records import ChangeRecord
from keepwell.lake.table import table

PENDING = "pending.json"
STAGING = "staging"
ALIVE = ".alive.lock"
# held while scratch folders are made or looked through
CENSUS = ".staging.lock"


@dataclass(frozen=True)
class TableChange:
    """The files that a change adds to and removes from one table."""

    table: str
    add: tuple[DataFile, ...]
    remove: tuple[DataFile, ...]
    data_change: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "add": [f.to_json() for f in self.add],
            "remove": [f.to_json() for f in self.remove],
            "data_change": self.data_change,
        }


def _table_change(found: dict[str, Any]) -> TableChange:
    return TableChange(
        found["table"],
        tuple(DataFile(**f) for f in found["add"]),
        tuple(DataFile(**f) for f in found["remove"]),
        found["data_change"],
    )


def commit(lake: Path, record: ChangeRecord, changes: Sequence[TableChange], *, also_undone: str | None = None) -> ChangeRecord:
    """Make ``changes`` count, all of them. The caller is the lake's writer and has written the files.

    ``also_undone`` names the import whose record must say that this change undid it.
    """
    known = head.read(lake).tables
    for change in changes:
        _check_nobody_else_wrote(lake / change.table, known.get(change.table))
        delta.open_for_writing(lake / change.table, table(change.table))
    write_json_atomically(
        lake / PENDING,
        {"record": record.to_json(), "changes": [c.to_json() for c in changes], "also_undone": also_undone},
    )
    return _roll_forward(lake)


def _check_nobody_else_wrote(folder: Path, version: int | None) -> None:
    """Refuse to build on files that another program put into the table: their rows passed no check and have no import."""
    newest = delta.open_or_none(folder)
    if newest is None or newest.version() == version:
        return
    ours = delta.open_or_none(folder, version) if version is not None else None
    foreign = {f.path for f in delta.files(newest)} - ({f.path for f in delta.files(ours)} if ours else set())
    if foreign:
        raise KeepwellError(
            f"Another program wrote {len(foreign)} files to the lake's table {folder.name}, so nothing was changed.",
            f"Take them back with deltalake: DeltaTable({str(folder)!r}).restore({version or 0}); then import their rows.",
        )


def recover(lake: Path) -> None:
    """Finish what a dead process had begun to commit, and sweep away what it had not. The caller is the lake's writer."""
    if (lake / PENDING).exists():
        _roll_forward(lake)
    with FileLock(lake / CENSUS):
        for folder in sorted((lake / STAGING).glob("*")):
            with locks.held_or_none(folder / ALIVE) as lock:
                if lock is not None:
                    sweep(lake, folder.name)


def recover_if_idle(lake: Path) -> None:
    """:func:`recover` unless a living writer is at work: it will see to its own journal."""
    if not ((lake / PENDING).exists() or any((lake / STAGING).glob("*"))):
        return
    with locks.held_or_none(lake / locks.WRITER) as lock:
        if lock is not None:
            recover(lake)


@contextmanager
def alive(staging: Path) -> Iterator[None]:
    """Make the scratch folder of a change, which nobody sweeps away while the block runs."""
    lock = FileLock(staging / ALIVE)
    staging.parent.mkdir(parents=True, exist_ok=True)
    # a folder that is made and not yet locked would be taken for a dead one's
    with FileLock(staging.parent.parent / CENSUS):
        staging.mkdir()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def sweep(lake: Path, import_id: str) -> None:
    """Remove every trace of a change that was never committed."""
    pending = read_json_or_none(lake / PENDING)
    if pending and pending["record"]["import_id"] == import_id:
        # it was stopped while it was committed: its files count, and the next start rolls it forward
        return
    if not (records.folder_of(lake, import_id) / records.RECORD).exists():
        shutil.rmtree(records.folder_of(lake, import_id), ignore_errors=True)
        for path in lake.glob(f"*/**/{import_id}-*.parquet"):
            path.unlink(missing_ok=True)
    shutil.rmtree(lake / STAGING / import_id, ignore_errors=True)


def _roll_forward(lake: Path) -> ChangeRecord:
    pending = read_json_or_none(lake / PENDING)
    record = ChangeRecord.from_json(pending["record"])
    before = head.read(lake)
    after = dict(before.tables)
    if before.change != record.import_id:
        for change in map(_table_change, pending["changes"]):
            after[change.table] = _commit_once(lake, record.import_id, change)
        record = replace(record, versions_before=before.tables, versions_after=after)
        records.write(lake, record)
        head.write(lake, Head(before.number + 1, record.import_id, after))
    _note_undone(lake, pending["also_undone"], record.import_id)
    (lake / PENDING).unlink()
    return records.read(lake, record.import_id)


def _note_undone(lake: Path, import_id: str | None, undone_by: str | None) -> None:
    """Undoing an undo makes the first import count again; undoing that undo, no more; and so on."""
    while import_id:
        undone = records.read(lake, import_id)
        records.write(lake, replace(undone, undone_by=undone_by))
        import_id, undone_by = undone.undoes, None if undone_by else import_id


def _commit_once(lake: Path, import_id: str, change: TableChange) -> int:
    found = delta.open_for_writing(lake / change.table, table(change.table))
    done = delta.committed_version_or_none(found, import_id)
    if done is not None:
        return done
    return delta.commit(found, import_id, add=change.add, remove=change.remove, data_change=change.data_change)
