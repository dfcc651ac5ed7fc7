"""A look at a file: its columns and some values from all over it, for suggesting a mapping."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from keepwell.core.errors import WrongUseError
from keepwell.core.progress import Progress, Silent
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.engine.sql import quoted
from keepwell.sources.evidence import SampleColumn
from keepwell.sources.reader import Reading, ReadOptions, reader_for
from keepwell.sources.readers.excel import sheet_names

VALUES = 400
FIRST_ROWS = 8
# of a longer text file only the beginning is looked at
LOOK_AT_BYTES = 32 << 20


@dataclass(frozen=True)
class Look:
    """A file at a glance: its columns with values from all over it, its first rows, and what was understood of it."""

    columns: tuple[SampleColumn, ...]
    first_rows: tuple[tuple[str | None, ...], ...]
    understood: dict[str, str]
    sheets: tuple[str, ...] = ()  # of a workbook


def sample(path: Path, progress: Progress | None = None) -> list[SampleColumn]:
    """The file's columns with up to 400 values each, the same ones each time."""
    return list(look(path, first_rows=0, progress=progress).columns)


def look(path: Path, first_rows: int = FIRST_ROWS, options: ReadOptions | None = None, progress: Progress | None = None) -> Look:
    """The file's columns with up to 400 values each, the same ones each time, and its first rows as text."""
    if not path.is_file():
        raise WrongUseError(f"There is no file {path}.", "Name the file to look at.")
    with tempfile.TemporaryDirectory(prefix="keepwell-") as scratch:
        folder = Path(scratch)
        with DuckDBEngine(Resources(folder / "spill"), attach=folder / "stage.duckdb") as engine:
            reading = Reading(folder, engine, progress or Silent(), options or ReadOptions())
            raw = reader_for(path)(_beginning(path, folder), reading)
            every = max(1, raw.rows // VALUES)
            columns = ", ".join(f"cast({quoted(c)} as varchar)" for c, _ in raw.columns)
            rows = engine.rows(f"select {columns} from {raw.raw} where _record % {every} = 0 order by _record limit {VALUES}")
            first = engine.rows(f"select {columns} from {raw.raw} order by _record limit {first_rows}") if first_rows else []
        found = tuple(SampleColumn(name, tuple(row[i] for row in rows)) for i, (name, _) in enumerate(raw.columns))
        return Look(found, tuple(tuple(row) for row in first), dict(raw.understood), tuple(sheet_names(path)) if first_rows else ())


def _beginning(path: Path, folder: Path) -> Path:
    """The file itself, or a copy of its first whole lines when it is long text."""
    if path.suffix.lower() not in {".csv", ".tsv", ".txt", ".jsonl", ".ndjson"} or path.stat().st_size <= LOOK_AT_BYTES:
        return path
    head = folder / path.name
    with path.open("rb") as source, head.open("wb") as target:
        target.write(source.read(LOOK_AT_BYTES))
        target.write(source.readline())
    return head
