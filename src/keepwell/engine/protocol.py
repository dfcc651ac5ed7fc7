"""What every engine can do. Small on purpose: a snapshot in, SQL in, Arrow out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from keepwell.engine.sql import Steps


@dataclass(frozen=True)
class TableSnapshot:
    """One table as it was at one moment: the files that hold its rows, and the columns it promises.

    ``columns`` are (name, SQL type) pairs. A file that lacks a column gives NULLs for it; no files at all give an empty
    table of the right types.
    """

    name: str
    files: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]


class Engine(Protocol):
    """Runs SQL in DuckDB's dialect over registered snapshots."""

    name: str

    def register(self, table: TableSnapshot) -> None:
        """Make ``table`` readable by its name."""

    def lend(self, name: str, table: pa.Table) -> None:
        """Make a table of ours readable by its name, as often as a query likes, until the engine is closed or the name given anew."""

    def define(self, name: str, query: Steps) -> None:
        """Make the answer of ``query`` readable by ``name``; it is computed when read."""

    def keep(self, name: str, query: Steps) -> None:
        """The same, computed once and now: for what many queries read."""

    def arrow(self, query: Steps) -> pa.Table:
        """The whole answer; a failing query raises :class:`~keepwell.engine.sql.SqlError` with the step to blame."""

    def map_batches(self, query: Steps, function: Callable[[pa.RecordBatch], pa.RecordBatch], schema: pa.Schema) -> pa.Table:
        """The answer with ``function`` applied to each of its batches; ``schema`` is what the function returns."""

    def close(self) -> None:
        """Give back memory and temporary files."""
