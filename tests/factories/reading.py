"""Files read by their reader, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepwell.core.progress import Silent
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.sources.reader import RawFile, Reading, ReadOptions, reader_for


@dataclass(frozen=True)
class Read:
    """What a reader made of a file."""

    file: RawFile
    rows: list[tuple[Any, ...]]

    @property
    def columns(self) -> list[str]:
        return [name for name, _ in self.file.columns]

    @property
    def bad(self) -> list[tuple[int, str]]:
        return [(b.line, b.reason) for b in self.file.bad]

    @property
    def lines(self) -> list[int]:
        """The line of every row."""
        return self.file.lines_of(list(range(self.file.rows)))


ReadFile = Callable[..., Read]


def reading_in(folder: Path) -> ReadFile:
    """A function that writes a file and has it read, or reads one that is there."""
    count = 0

    def read(content: str | bytes | Path, name: str = "file.csv", **options: str) -> Read:
        nonlocal count
        count += 1
        scratch = folder / f"scratch {count}"
        scratch.mkdir()
        path = content if isinstance(content, Path) else folder / f"{count}-{name}"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        with DuckDBEngine(Resources(scratch / ".spill", threads=1), attach=scratch / "stage.duckdb") as engine:
            found = reader_for(path)(path, Reading(scratch, engine, Silent(), ReadOptions(**options)))
            return Read(found, engine.rows(f"select * exclude (_record) from {found.raw} order by _record"))

    return read
