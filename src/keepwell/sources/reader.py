"""What every reader of a file format does: any file in, its records out as a table expression.

A registry line a format; ``entry points`` of the group ``keepwell.readers`` add more.
"""

import importlib
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from keepwell.core.errors import KeepwellError, did_you_mean
from keepwell.core.progress import Progress
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal


class UnreadableFileError(KeepwellError):
    """A file that can't be read as a whole; nothing of it is imported."""


class UnknownEncodingError(UnreadableFileError):
    """A text file whose encoding has to be told."""


@dataclass(frozen=True)
class ReadOptions:
    """What a mapping says of the file itself; None is found out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class BadRecord:
    """A record that has no columns to check: where it stands, why, and its text."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class RawFile:
    """One file, read: its good records as a table expression, and all that is needed to name a record's line.

    ``raw`` has the file's columns and ``_record``, the place among the good records from 0.
    """

    source: Path
    raw: str
    columns: tuple[tuple[str, str], ...]  # name, SQL type; text everywhere but in typed formats
    rows: int
    size: int
    sha256: str
    understood: dict[str, str] = field(default_factory=dict)
    bad: tuple[BadRecord, ...] = ()
    lines_of: Callable[[Sequence[int]], list[int]] = lambda records: [r + 1 for r in records]
    """Line numbers (1 is the file's first) of records by their place among the good ones (0 is the first), ascending."""

    @property
    def records(self) -> int:
        """Good and bad ones."""
        return self.rows + len(self.bad)


def staged_table(name: str) -> str:
    """A table of staged records as ``raw``."""
    return f"(select *, rowid as _record from {name})"


def staged_parquet(path: Path) -> str:
    """A Parquet file of staged records as ``raw``."""
    return f"(select * exclude (file_row_number), file_row_number as _record from read_parquet({literal(str(path))}, file_row_number = true, hive_partitioning = false))"


@dataclass(frozen=True)
class Reading:
    """The means a reader is given: a folder of its own, an engine, tables ``stage.NAME…`` of its own, and somebody who watches."""

    folder: Path
    engine: DuckDBEngine
    progress: Progress
    options: ReadOptions
    name: str = "file"


class Reader(Protocol):
    """Read ``source`` into ``reading.folder``; a file that is broken as a whole is an :class:`UnreadableFileError`."""

    def __call__(self, source: Path, reading: Reading) -> RawFile: ...


READERS = {
    ".csv": "keepwell.sources.readers.delimited:read",
    ".tsv": "keepwell.sources.readers.delimited:read",
    ".txt": "keepwell.sources.readers.delimited:read",
    ".xlsx": "keepwell.sources.readers.excel:read",
    ".xlsm": "keepwell.sources.readers.excel:read",
    ".xlsb": "keepwell.sources.readers.excel:read",
    ".xls": "keepwell.sources.readers.excel:read",
    ".ods": "keepwell.sources.readers.excel:read",
    ".parquet": "keepwell.sources.readers.parquet:read",
    ".jsonl": "keepwell.sources.readers.json_lines:read",
    ".ndjson": "keepwell.sources.readers.json_lines:read",
}


def readers() -> dict[str, str]:
    """Suffix -> "module:function", the built-in formats and those of installed plug-ins."""
    added = {e.name: e.value for e in importlib.metadata.entry_points(group="keepwell.readers")}
    return {**READERS, **added}


def reader_for(path: Path) -> Reader:
    """The reader of the file's format, by its suffix."""
    known = readers()
    address = known.get(path.suffix.lower())
    if address is None:
        raise UnreadableFileError(
            f"{path.name}: files that end in {path.suffix or 'nothing'!r} can't be read.",
            did_you_mean(path.suffix, known) or f"Known: {', '.join(known)}.",
        )
    module, _, function = address.partition(":")
    found: Reader = getattr(importlib.import_module(module), function)
    return found


def clean_header(names: Sequence[str | None], where: str) -> list[str]:
    """Column names as they will be used: trimmed, an empty one named by its place; a name that stands twice is an error."""
    cleaned = [str(n).strip() if n is not None and str(n).strip() else f"column{i}" for i, n in enumerate(names, start=1)]
    folded = [c.casefold() for c in cleaned]
    twice = sorted({c for c in cleaned if folded.count(c.casefold()) > 1})
    if twice:
        raise UnreadableFileError(
            f"{where}: the column {twice[0]!r} stands more than once in the header.", "Give each column its own name."
        )
    return cleaned
