"""The embedded engine."""

import copy
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa

from keepwell.core.errors import KeepwellError
from keepwell.core.progress import Progress, Silent, StoppedError
from keepwell.engine.protocol import TableSnapshot
from keepwell.engine.sql import SqlError, Steps, literal, names, quoted

PROGRESS_SECONDS = 0.25
BATCH_ROWS = 100_000
GROUP_ROWS = 20_480  # of a file: small enough that few rows are read with few others
LONGEST_REASON = 2_000
STAGE, PACKED = "stage", "packed"
# for the whole process and once: silencing it around each query would be no business of one thread
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)


class OutOfTimeError(KeepwellError):
    """A query of a user's that ran longer than it may."""


@dataclass(frozen=True)
class WrittenFile:
    """One Parquet file that a query wrote."""

    path: Path
    rows: int
    size: int
    partition: dict[str, str]


@dataclass(frozen=True)
class Resources:
    """What an engine may use. ``spill_folder`` takes what does not fit into ``memory_limit``; 0 threads are all cores.

    Without a folder nothing is ever written to disk, and what does not fit is an error. Tables of an engine that ``packs`` take longer to
    make and a fifth of the room: for those that are read for hours.
    """

    spill_folder: Path | None
    memory_limit: str = "700MB"
    threads: int = 0
    packs: bool = False


class DuckDBEngine:
    """DuckDB in this process, with a memory limit, a folder to spill to, and UTC as its clock.

    With ``attach``, a database file is open as ``stage``; only one engine can have it open at a time.
    A *locked* engine reads and writes below one folder only, and can't be reconfigured: what runs in it may come from users.
    """

    name = "duckdb"

    def __init__(
        self, resources: Resources, *, locked_to: Path | None = None, attach: Path | None = None, progress: Progress | None = None
    ) -> None:
        config: dict[str, Any] = {
            "memory_limit": resources.memory_limit,
            "temp_directory": str(resources.spill_folder or ""),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        }
        if resources.threads:
            config["threads"] = resources.threads
        try:
            self._connection = duckdb.connect(config=config)
        except duckdb.Error as error:
            raise KeepwellError(f"The engine can't start: {error}", "Check memory_limit and threads in keepwell.toml.") from error
        self._progress: Progress = progress or Silent()
        self.execute("set TimeZone = 'UTC'")
        self.execute("set preserve_insertion_order = true")
        # what a query has given back goes back to the system while the next one runs, not after a while
        self.execute("set allocator_background_threads = true")
        # the moments of a KPI are few: comparing every row with each of them is faster than sorting both sides
        self.execute("set nested_loop_join_threshold = 1000")
        self._packs = resources.packs
        if self._packs:
            self.execute(f"attach ':memory:' as {PACKED} (compress)")
            self.execute(f"use {PACKED}")
            # the files of a version do not change
            self.execute("set parquet_metadata_cache = true")
        else:
            # tables of ours are read once or twice and dropped: packing them costs more than it saves
            self.execute("set force_compression = 'uncompressed'")
        if attach is not None:
            self.execute(f"attach {literal(str(attach))} as {STAGE}")
        if locked_to is not None:
            self.execute(f"set allowed_directories = [{literal(str(locked_to))}]")
            self.execute("set enable_external_access = false")
            self.execute("set lock_configuration = true")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def cursor(self) -> "DuckDBEngine":
        """Another reader of the same tables, for one thread; what it registers, defines or is lent is its own. To be closed by itself."""
        other = copy.copy(self)
        other._connection = self._connection.cursor()  # noqa: SLF001 - of its own kind
        other.execute("set TimeZone = 'UTC'")
        if self._packs:
            other.execute(f"use {PACKED}")
        return other

    def register(self, table: TableSnapshot) -> None:
        self.execute(f"create or replace temp view {quoted(table.name)} as {snapshot_sql(table)}")

    def lend(self, name: str, table: pa.Table) -> None:
        try:
            self._connection.register(name, table)
        except duckdb.Error as error:
            raise SqlError(str(error), name, f"-- a table that is lent: {table.schema}") from error

    def take_back(self, name: str) -> None:
        """Forget a table that was lent."""
        self._connection.unregister(name)

    def define(self, name: str, query: Steps) -> None:
        self.execute(f"create or replace temp view {quoted(name)} as {query.render()}")

    def keep(self, name: str, query: Steps) -> None:
        table = f"{name}__kept"
        self.execute(f"create or replace temp table {quoted(table)} as {query.render()}")
        self.define(name, Steps().then(name, f"select * from {quoted(table)}"))

    def execute(self, sql: str) -> None:
        """Run a statement whose answer nobody needs."""
        self._run(Steps().then("statement", sql), self._connection.execute)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of one statement as plain rows."""
        found: list[tuple[Any, ...]] = self._run(Steps().then("statement", sql), self._fetch)
        return found

    def value(self, sql: str) -> Any:
        """The first value of the first row."""
        return self.rows(sql)[0][0]

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """Names and types of a query's columns; the query is not run."""
        return [(row[0], row[1]) for row in self.rows(f"describe {sql}")]

    def arrow(self, query: Steps) -> pa.Table:
        def read(text: str) -> pa.Table:
            # a relation would be bound twice, which takes longer than copying the few rows of an answer
            return self._connection.execute(text).to_arrow_table()

        table: pa.Table = self._run(query, read)
        return table

    def map_batches(self, query: Steps, function: Callable[[pa.RecordBatch], pa.RecordBatch], schema: pa.Schema) -> pa.Table:
        def mapped(text: str) -> pa.Table:
            reader = self._connection.sql(text).to_arrow_reader(BATCH_ROWS)
            return pa.Table.from_batches((function(batch) for batch in reader), schema)

        table: pa.Table = self._run(query, mapped)
        return table

    def create_table(self, name: str, sql: str, *more: str) -> int:
        """Keep a query's answer as a table, its rows in their order and numbered by ``rowid`` from 0; returns their number.

        The answers of ``more`` queries with the same columns follow. Where tables are packed, each is packed before the next is asked.
        """
        for place, part in enumerate((sql, *more)):
            self.execute(f"create or replace table {name} as {part}" if not place else f"insert into {name} {part}")
            if self._packs:
                # what is written down is packed, in memory too; forced, it waits for those who read
                self.execute(f"force checkpoint {PACKED}")
        return int(self.value(f"select count(*) from {name}"))

    def write_parquet(
        self, sql: str, target: Path, *, partition_by: str | None = None, sort_by: str | None = None, name: str = "part"
    ) -> list[WrittenFile]:
        """Write a query's answer as Parquet: one file ``target``, or files below it, one a value of ``partition_by``.

        The rows of each file lie in the order of ``sort_by``. Files of the same ``name`` are replaced, all others are left.
        """
        if partition_by and sort_by:
            return self._write_sorted(sql, target, partition_by, sort_by, name)
        options = ""
        if partition_by:
            target.mkdir(parents=True, exist_ok=True)
            options = f", partition_by ({quoted(partition_by)}), overwrite_or_ignore, filename_pattern {literal(name + '-{i}')}"
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
        order = f" order by {quoted(sort_by)}" if sort_by else ""
        return self._copy(f"{sql}{order}", target, options)

    def _write_sorted(self, sql: str, target: Path, partition_by: str, sort_by: str, name: str) -> list[WrittenFile]:
        """One file after another: threads that write files of all partitions at once mix the order up."""
        by = quoted(partition_by)
        self.execute(f"create or replace temp table _sorted as select * from ({sql}) order by {by}, {quoted(sort_by)}")
        written = []
        for (value,) in self.rows(f"select distinct {by} from _sorted order by 1"):
            path = target / f"{partition_by}={value}" / f"{name}-0.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            (file,) = self._copy(f"select * exclude ({by}) from _sorted where {by} = {literal(value)}", path)
            written.append(replace(file, partition={partition_by: value}))
        self.execute("drop table _sorted")
        return written

    def _copy(self, sql: str, target: Path, options: str = "") -> list[WrittenFile]:
        copy = f"copy ({sql}) to {literal(str(target))} (format parquet, return_stats, row_group_size {GROUP_ROWS}{options})"
        written = self._run(Steps().then("write", copy), self._fetch)
        return [WrittenFile(Path(row[0]), row[1], row[2], dict(row[5] or {})) for row in written if row[1]]

    def write_csv(self, sql: str, target: Path) -> int:
        """Write a query's answer as UTF-8 CSV with a header; returns the number of rows."""
        return int(self.value(f"copy ({sql}) to {literal(str(target))} (format csv, header)"))

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Interrupt what runs in the block when it takes longer."""
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            self._connection.interrupt()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            yield
        except SqlError as error:
            if expired.is_set():
                raise OutOfTimeError(
                    f"The query ran longer than {seconds:g} seconds and was stopped.",
                    "Make it simpler, or give it a smaller file.",
                ) from error
            raise
        finally:
            timer.cancel()

    def _fetch(self, text: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(text).fetchall()

    def _run(self, query: Steps, take: Callable[[str], Any]) -> Any:
        stopped: list[StoppedError] = []
        try:
            with self._watched(stopped):
                return take(query.render())
        except duckdb.Error as error:
            if stopped:
                raise stopped[0] from error
            raise self._blame(query, error) from error
        except RuntimeError as error:
            # how the engine tells of Ctrl-C
            if "interrupted" in str(error):
                raise KeyboardInterrupt from error
            raise

    @contextmanager
    def _watched(self, stopped: list[StoppedError]) -> Iterator[None]:
        """Tell the progress, four times a second, how far the running query is; end the query where the work shall stop."""
        if isinstance(self._progress, Silent):
            yield
            return
        done = threading.Event()

        def watch() -> None:
            while not done.wait(PROGRESS_SECONDS):
                share = self._connection.query_progress()
                try:
                    if share > 0:
                        self._progress.advance(share / 100)
                    else:
                        self._progress.check()
                except StoppedError as error:
                    stopped.append(error)
                    self._connection.interrupt()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _blame(self, query: Steps, error: duckdb.Error) -> SqlError:
        """The error with the first step that fails by itself: when it is bound, else when it is run."""
        # the engine quotes values whole, however long they are
        reason = str(error).split("\n\nLINE")[0].strip()[:LONGEST_REASON]
        if len(query.steps) > 1 and not isinstance(error, duckdb.InterruptException):
            for probe in ("select * from ({}) limit 0", "select bit_xor(hash(s)) from ({}) s"):
                for step, prefix in query.prefixes():
                    try:
                        self._connection.execute(probe.format(prefix.render())).fetchall()
                    except duckdb.Error:
                        return SqlError(reason, step.name, step.sql)
        last = query.steps[-1]
        return SqlError(reason, last.name, last.sql)


def snapshot_sql(table: TableSnapshot) -> str:
    """A select of exactly the table's columns over its files.

    The typed empty set gives a column that older files lack its type, and an empty table its columns.
    """
    typed = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in table.columns)
    empty = f"select {typed} where false"
    if not table.files:
        return empty
    files = "[" + ", ".join(literal(f) for f in table.files) + "]"
    # a workspace may lie below a folder such as country=GB, which is no column of its tables
    everything = f"select * from read_parquet({files}, union_by_name = true, hive_partitioning = false) union all by name {empty}"
    return f"select {names([c for c, _ in table.columns])} from ({everything})"
