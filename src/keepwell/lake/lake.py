"""The lake: what a workspace knows, in tables that change together and are read at one moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from keepwell.core.errors import KeepwellError
from keepwell.core.ids import new_id
from keepwell.core.progress import Progress, Silent, step
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.lake import delta, head, journal, locks, records, spread
from keepwell.lake.landing import Change, Difference, difference, write_change
from keepwell.lake.records import ChangeKind, ChangeRecord, EntityCounts
from keepwell.lake.snapshots import Snapshot
from keepwell.lake.spread import StagedEntity


class Lake:
    """One folder of tables. Opening it finishes what a process that died had begun to commit."""

    def __init__(self, folder: Path, *, memory_limit: str = "700MB", threads: int = 0) -> None:
        delta.check_folder_name(folder)
        if not folder.is_dir():
            raise KeepwellError(
                f"The lake's folder {folder} is not there.",
                "Is a disk not mounted, or `lake` in keepwell.toml wrong? A new workspace has one.",
            )
        self.folder = folder
        self._memory_limit = memory_limit
        self._threads = threads
        journal.recover_if_idle(folder)

    def resources(self, spill_folder: Path) -> Resources:
        """What an engine working for this lake may use."""
        return Resources(spill_folder, self._memory_limit, self._threads)

    def engine(
        self,
        spill_folder: Path | None = None,
        progress: Progress | None = None,
        *,
        attach: Path | None = None,
        threads: int | None = None,
        memory_limit: str | None = None,
    ) -> DuckDBEngine:
        """An engine that reads and writes anywhere; it spills to ``spill_folder``, by default one of the lake's."""
        resources = self.resources(spill_folder or self.folder / ".spill")
        chosen = replace(
            resources,
            threads=resources.threads if threads is None else threads,
            memory_limit=memory_limit or resources.memory_limit,
        )
        return DuckDBEngine(chosen, attach=attach, progress=progress)

    def snapshot(self, versions: dict[str, int] | None = None) -> Snapshot:
        """The lake at ``versions``, by default as it is now."""
        return Snapshot(self.folder, head.read(self.folder).tables if versions is None else versions)

    def changes(self) -> list[ChangeRecord]:
        """Every import, undo and erasure, oldest first."""
        return [r for r in records.read_all(self.folder) if r.kind not in {ChangeKind.RESULTS, ChangeKind.COMPACTION}]

    def change(self, import_id: str) -> ChangeRecord:
        return records.read(self.folder, import_id)

    def finished_or_none(self, import_id: str) -> ChangeRecord | None:
        """The change of that id if it counts, also where its process died while it was committed; else its traces are swept away.

        Whoever gives a change its id asks this first, and so makes it once however often its process dies.
        """
        with locks.writer(self.folder):
            journal.recover(self.folder)
        return records.read_or_none(self.folder, import_id)

    @contextmanager
    def begin(self, source: str, at: datetime, prefix: str = "imp", zone: str = "UTC", *, import_id: str | None = None) -> Iterator[Change]:
        """A change in the making, with a scratch folder; what it wrote without committing is swept away when the block ends.

        ``zone`` decides on which day it lands; ``import_id`` is for who must know it beforehand (see :meth:`finished_or_none`).
        """
        import_id = import_id or new_id(prefix, at)
        staging = self.folder / journal.STAGING / import_id
        change = Change(import_id, source, at, staging, records.folder_of(self.folder, import_id) / "before", zone)
        with journal.alive(staging):
            try:
                yield change
            finally:
                journal.sweep(self.folder, import_id)

    def land(
        self,
        change: Change,
        staged: Sequence[StagedEntity],
        record: ChangeRecord,
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ChangeRecord:
        """Make staged rows part of the lake, all entities together; the record comes back with what became of the rows.

        A row equal to the one in the lake changes nothing. With ``dry_run`` the counts are the same and nothing is written.
        """
        watcher = progress or Silent()
        attach = change.stage if change.stage.exists() else None
        with locks.writer(self.folder), self.engine(change.staging / ".spill", progress, attach=attach) as engine:
            journal.recover(self.folder)
            snapshot = self.snapshot()
            with step(watcher, "compare with the lake"):
                found, counted = _compare(engine, change, staged, snapshot)
            record = replace(record, entities=_merged(record.entities, counted))
            if dry_run:
                return record
            with step(watcher, "write"):
                changes = [write_change(engine, change, d, snapshot) for d in found if not d.is_empty]
            with step(watcher, "commit"):
                return journal.commit(self.folder, replace(record, finished_at=change.at), changes)


def _compare(
    engine: DuckDBEngine, change: Change, staged: Sequence[StagedEntity], snapshot: Snapshot
) -> tuple[list[Difference], list[EntityCounts]]:
    """The differences of every table that the staged rows touch, and the counts of each entity."""
    found: list[Difference] = []
    counted: list[EntityCounts] = []
    own: dict[str, Difference] = {}
    parents_first = sorted(staged, key=lambda s: spread.parent_or_none(s.entity) is not None)
    for part in parents_first:
        rows = spread.with_copies(engine, spread.own_rows(part), own, snapshot)
        rows = spread.with_followers(engine, rows, own, snapshot)
        mine = own[part.entity.name] = difference(engine, change, rows, snapshot)
        personal_rows = spread.personal_rows_or_none(part)
        personal = difference(engine, change, personal_rows, snapshot, label=f"personal.{part.entity.name}") if personal_rows else None
        history = spread.history_or_none(change, mine, part.entity)
        found += [d for d in (mine, personal, history) if d is not None]
        counted.append(spread.counts(engine, part, mine, personal))
    for child in spread.children_of(own):
        follow = difference(engine, change, spread.followers(engine, child, own, snapshot), snapshot)
        found.append(follow)
        if follow.updated:
            counted.append(EntityCounts(entity=child.name, updated=follow.updated))
    return spread.one_a_table(found), counted


def _merged(before: Sequence[EntityCounts], counted: Sequence[EntityCounts]) -> tuple[EntityCounts, ...]:
    """What the checks counted (rows read, rejected, warnings) together with what became of the rows that passed."""
    checks = {c.entity: c for c in before}
    merged = []
    for c in counted:
        check = checks.pop(c.entity, None)
        merged.append(replace(c, read=check.read, rejected=check.rejected, warnings=check.warnings) if check else c)
    return (*merged, *checks.values())
