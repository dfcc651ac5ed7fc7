"""A workspace with a lake, files to import into it, and what then lies there."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace
from keepwell.engine.sql import names
from keepwell.lake.lake import Lake
from keepwell.lake.records import ChangeRecord, EntityCounts
from keepwell.lake.undo import undo
from keepwell.sources.imports import ImportReport, ImportRequest, run

OPENING = datetime(2026, 6, 1, 8, tzinfo=UTC)
# who wrote a row last, and when: what may differ where two lakes hold the same
WHO_AND_WHEN = ("batch_id", "updated_at")


class TickingClock:
    """A clock that is a second later each time it is read."""

    def __init__(self, start: datetime = OPENING) -> None:
        self._next = start

    def now(self) -> datetime:
        found, self._next = self._next, self._next + timedelta(seconds=1)
        return found


class Shop:
    """A workspace in a folder; every import of it lands a second after the one before."""

    def __init__(self, folder: Path, *, lake_name: str = "lake", threads: int = 0, **settings: Any) -> None:
        self.workspace = create_workspace(folder / "workspace", Settings(lake=lake_name, **{"currency": "GBP", **settings}))
        self.lake = Lake(self.workspace.lake_folder, threads=threads)
        self.clock = TickingClock()
        self._files = folder / "files"
        self._files.mkdir()

    def file(self, name: str, content: str | bytes) -> Path:
        path = self._files / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def bring(self, entity: str, content: str | bytes, *, name: str | None = None, **request: Any) -> ImportReport:
        """Import the text of a CSV file, whose columns have the model's names."""
        return self.bring_files([self.file(name or f"{entity}.csv", content)], entity=entity, **request)

    def bring_rows(self, entity: str, rows: Iterable[Mapping[str, Any]], **request: Any) -> ImportReport:
        return self.bring(entity, as_csv(rows), **request)

    def bring_mapped(self, mapping: str, *files: Path, **request: Any) -> ImportReport:
        return self.bring_files(files, mapping=self.file("mapping.yaml", mapping), **request)

    def bring_files(self, files: Sequence[Path], **request: Any) -> ImportReport:
        return run(self.workspace, self.lake, ImportRequest(tuple(files), **request), self.clock)

    def undo(self, import_id: str | None) -> ChangeRecord:
        assert import_id is not None
        return undo(self.lake, import_id, self.clock)

    def rows(self, table: str, *columns: str, versions: dict[str, int] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a table, sorted; all columns or the named ones."""
        with self.lake.engine() as engine:
            self.lake.snapshot(versions).register(engine, table)
            return engine.rows(f'select {names(columns) if columns else "*"} from "{table}" order by all')

    def contents(self, *tables: str) -> dict[str, list[dict[str, Any]]]:
        """Table -> its rows without who wrote them last and when."""
        found = {}
        with self.lake.engine() as engine:
            snapshot = self.lake.snapshot()
            for table in tables or sorted(snapshot.versions):
                engine.register(snapshot.table(table))
                arrow_rows = engine.rows(f'select * exclude ({", ".join(WHO_AND_WHEN)}) from "{table}" order by all')
                columns = [c for c, _ in engine.columns(f'select * exclude ({", ".join(WHO_AND_WHEN)}) from "{table}"')]
                found[table] = [dict(zip(columns, row, strict=True)) for row in arrow_rows]
        return found

    def listing(self) -> dict[str, bytes]:
        """Every file of the lake but the locks, with its bytes."""
        folder = self.workspace.lake_folder
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".lock"}


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV text; None is an empty field."""
    listed = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(c for r in listed for c in r)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return out.getvalue()


def counted(report: ImportReport | ChangeRecord, entity: str) -> dict[str, int]:
    """What an import did to one entity: its counts that are not zero."""
    found: EntityCounts = next(e for e in report.entities if e.entity == entity)
    kinds = ("read", "inserted", "updated", "unchanged", "rejected", "removed")
    return {kind: getattr(found, kind) for kind in kinds if getattr(found, kind)}


def warnings_of(report: ImportReport | ChangeRecord, entity: str) -> tuple[str, ...]:
    return next(e.warnings for e in report.entities if e.entity == entity)
