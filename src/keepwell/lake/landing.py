"""From staged rows to a change of one table: what is new, what differs, what goes, and the files that say so.

Rows are matched on the key only. Only files that hold a changed key are written anew; a row that is merely new goes into a
file of its own, so a table is never rewritten for an addition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal, names, quoted
from keepwell.lake import journal
from keepwell.lake.delta import DataFile
from keepwell.lake.entity import entities
from keepwell.lake.snapshots import Snapshot
from keepwell.lake.table import BATCH, SOURCE, UPDATED, Table

_META = {SOURCE, BATCH, UPDATED}
CUSTOMER = "customer_id"


@dataclass(frozen=True)
class Change:
    """The change being made: its id, where its rows came from, and when."""

    import_id: str
    source: str
    at: datetime
    staging: Path  # scratch of this change
    images: Path  # where the rows that it replaces are kept, for its undoing
    zone: str = "UTC"  # in which its day is told

    @property
    def lake(self) -> Path:
        return self.staging.parent.parent

    @property
    def stage(self) -> Path:
        """The database file in which staged rows may lie, as tables of ``stage``."""
        return self.staging / "stage.duckdb"

    @property
    def at_sql(self) -> str:
        return f"cast({literal(self.at.isoformat())} as timestamptz)"

    @property
    def on_sql(self) -> str:
        return f"cast({literal(self.at.astimezone(ZoneInfo(self.zone)).date().isoformat())} as date)"


@dataclass(frozen=True)
class Staged:
    """Typed, checked rows for one table: a table expression with the key and the ``provided`` columns, each key once.

    With ``replace_by``, rows of the table that share that column's value with a staged row, but are not staged themselves, go;
    except for the values that ``spared``, a table expression, lists.
    """

    table: Table
    rows: str
    provided: tuple[str, ...]
    replace_by: str | None = None
    spared: str | None = None

    @property
    def replaced_sql(self) -> str:
        """The values of ``replace_by`` whose other rows go."""
        by = quoted(self.replace_by or "")
        but = f" anti join {self.spared} s on r.{by} = s.{by}" if self.spared else ""
        return f"(select distinct {by} from {self.rows} r{but})"


@dataclass(frozen=True)
class Difference:
    """What staged rows change. ``rows`` is a table expression of whole new rows (with ``_is_new``), ``gone`` one of keys to go.

    ``told`` names the columns in which a row may hold something, where that is known: others need not be written.
    ``restores`` tells that rows keep the id of the import that once wrote them.
    """

    table: Table
    inserted: int = 0
    updated: int = 0
    removed: int = 0
    rows: str | None = None
    gone: str | None = None
    told: tuple[str, ...] | None = None
    restores: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.inserted or self.updated or self.removed)


def on_key(table: Table, left: str, right: str) -> str:
    """The join condition of two row sets of ``table``."""
    return " and ".join(f"{left}.{quoted(k)} = {right}.{quoted(k)}" for k in table.key)


def parquet(path: Path) -> str:
    """A Parquet file of ours as a table expression."""
    return f"read_parquet({literal(str(path))}, hive_partitioning = false)"


def difference(engine: DuckDBEngine, change: Change, staged: Staged, snapshot: Snapshot, *, label: str | None = None) -> Difference:
    """Compare staged rows with the table as it is; materializes only what differs, in scratch files named ``label``."""
    table = staged.table
    if not snapshot.data_files(table.name):
        rows = f"({_all_new(change, staged)})"
        count = int(engine.value(f"select count(*) from {rows}"))
        told = tuple(c for c, _ in table.columns if c in staged.provided or c in dict(table.defaults))
        return Difference(table, inserted=count, rows=rows if count else None, told=told)
    engine.register(snapshot.table(table.name))
    path = change.staging / f"{label or table.name}.rows.parquet"
    total = sum(f.rows for f in engine.write_parquet(_new_or_different(change, staged), path))
    new = int(engine.value(f"select count(*) filter (where _is_new) from {parquet(path)}")) if total else 0
    gone, removed = _children_gone(engine, change, staged) if staged.replace_by else (None, 0)
    return Difference(table, new, total - new, removed, parquet(path) if total else None, gone)


def _meta(change: Change, table: Table) -> str:
    values = {SOURCE: literal(change.source), BATCH: literal(change.import_id), UPDATED: change.at_sql}
    return ", ".join(f"{values[name]} as {name}" for name, _ in table.meta_columns)


def _default(table: Table, column: str, change: Change) -> str | None:
    default = dict(table.defaults).get(column)
    return default.replace("_landed_at", change.at_sql).replace("_landed_on", change.on_sql) if default else None


def _has_content(staged: Staged) -> str:
    """Whether a staged row says anything, for tables in which an empty row is no row."""
    told = [c for c in staged.provided if c not in staged.table.key]
    if not staged.table.leaves_empty_rows_out or not told:
        return "true"
    return "(" + " or ".join(f"n.{quoted(c)} is not null" for c in told) + ")"


def _all_new(change: Change, staged: Staged) -> str:
    columns = []
    for name, kind in staged.table.columns:
        default = _default(staged.table, name, change)
        value = f"n.{quoted(name)}" if name in staged.provided else f"cast(null as {kind})"
        columns.append(f"coalesce({value}, {default}) as {quoted(name)}" if default else f"{value} as {quoted(name)}")
    return f"select {', '.join(columns)}, {_meta(change, staged.table)}, true as _is_new from {staged.rows} n where {_has_content(staged)}"


def _new_or_different(change: Change, staged: Staged) -> str:
    table = staged.table
    first_key = quoted(table.key[0])
    defaults = dict(table.defaults)
    columns, differs = [], []
    for name, _ in table.columns:
        column, default = quoted(name), _default(table, name, change)
        if name not in staged.provided:
            columns.append(f"case when o.{first_key} is null then {default} else o.{column} end as {column}" if default else f"o.{column}")
            continue
        columns.append(f"coalesce(n.{column}, o.{column}, {default}) as {column}" if default else f"n.{column}")
        if name not in table.key:
            # a column with a default keeps what it has where the file says nothing
            silent = f"n.{column} is not null and " if name in defaults else ""
            differs.append(f"({silent}n.{column} is distinct from o.{column})")
    different = f" or (o.{first_key} is not null and ({' or '.join(differs)}))" if differs else ""
    return (
        f"select {', '.join(columns)}, {_meta(change, table)}, o.{first_key} is null as _is_new "
        f"from {staged.rows} n left join {quoted(table.name)} o on {on_key(table, 'n', 'o')} "
        f"where (o.{first_key} is null and {_has_content(staged)}){different}"
    )


def _children_gone(engine: DuckDBEngine, change: Change, staged: Staged) -> tuple[str | None, int]:
    table, parent = staged.table, quoted(staged.replace_by or "")
    path = change.staging / f"{table.name}.gone.parquet"
    query = (
        f"select {names(table.key, 'o')} from {quoted(table.name)} o "
        f"semi join {staged.replaced_sql} p on o.{parent} = p.{parent} "
        f"anti join {staged.rows} n on {on_key(table, 'n', 'o')}"
    )
    removed = sum(f.rows for f in engine.write_parquet(query, path))
    return (parquet(path) if removed else None), removed


def write_change(
    engine: DuckDBEngine, change: Change, found: Difference, snapshot: Snapshot, *, keep_images: bool = True
) -> journal.TableChange:
    """Write the files that make the difference true, and keep the rows they replace. Nothing counts until it is committed."""
    table = found.table
    folder = snapshot.lake / table.name
    columns = [c for c, _ in table.all_columns if found.told is None or c in found.told or c in _META]
    sources = [f"select {names(columns)} from {found.rows}"] if found.rows else []
    remove: list[DataFile] = []
    touched = _touched_keys(found)
    if keep_images and found.restores and found.inserted and not touched:
        engine.write_parquet(_images_of_restored(change, found), change.images / f"{table.name}.parquet")
    if touched:
        columns = [c for c, _ in table.all_columns]
        engine.register(snapshot.table(table.name))
        engine.execute(f"create or replace temp table _touched as {touched}")
        if keep_images:
            engine.write_parquet(_images(change, found), change.images / f"{table.name}.parquet")
        remove = _files_holding(engine, table, snapshot)
        sources.append(survivors(table, [folder / f.path for f in remove]))
    few = _few_values(change, table) if found.told is not None and not touched else {}
    add = write_files(engine, change, table, " union all by name ".join(sources), columns, few) if sources else []
    if touched:
        engine.execute("drop table _touched")
    return journal.TableChange(table.name, tuple(add), tuple(remove))


def _few_values(change: Change, table: Table) -> dict[str, tuple[str, ...]]:
    """For columns that hold one of a few words in rows that are all new: those words."""
    codes = {c.name: c.allowed for c in entities()[table.name].stored_columns if c.allowed} if table.name in entities() else {}
    ours = {SOURCE: (change.source,), BATCH: (change.import_id,)}
    return codes | {name: words for name, words in ours.items() if name in dict(table.meta_columns)}


def _touched_keys(found: Difference) -> str:
    """The keys of rows that are in the table and will be replaced or go."""
    parts = []
    if found.rows and found.updated:
        parts.append(f"select {names(found.table.key)}, 'update' as _op from {found.rows} where not _is_new")
    if found.gone:
        parts.append(f"select {names(found.table.key)}, 'delete' as _op from {found.gone}")
    return " union all ".join(parts)


def _images(change: Change, found: Difference) -> str:
    """The rows that will be replaced or go, with what is done to them and the import whose row stands there afterwards.

    Rows that are merely new need no image: they carry the import's id. An undoing writes rows that carry older ids, so its
    new rows are noted too.
    """
    table = found.table
    columns = names([c for c, _ in table.all_columns], "o")
    after = f"left join {found.rows} r on {on_key(table, 'o', 'r')}" if found.rows else ""
    batch = f"r.{BATCH}" if found.rows else "cast(null as varchar)"
    images = (
        f"select {columns}, t._op, {batch} as _after_batch from {quoted(table.name)} o join _touched t on {on_key(table, 'o', 't')} {after}"
    )
    return f"{images} union all {_images_of_restored(change, found)}" if found.restores and found.rows else images


def _images_of_restored(change: Change, found: Difference) -> str:
    columns = names([c for c, _ in found.table.all_columns])
    is_restored = f"_is_new and {BATCH} <> {literal(change.import_id)}"
    return f"select {columns}, 'insert' as _op, {BATCH} as _after_batch from {found.rows} where {is_restored}"


def _files_holding(engine: DuckDBEngine, table: Table, snapshot: Snapshot) -> list[DataFile]:
    """The data files in which a touched key lies."""
    files = snapshot.data_files(table.name)
    folder = snapshot.lake / table.name
    listed = "[" + ", ".join(literal(str(folder / f.path)) for f in files) + "]"
    hit = engine.rows(
        f"select distinct o.filename from read_parquet({listed}, union_by_name = true, hive_partitioning = false, filename = true) o "
        f"semi join _touched t on {on_key(table, 'o', 't')}"
    )
    paths = {Path(row[0]) for row in hit}
    return [f for f in files if folder / f.path in paths]


def survivors(table: Table, paths: Sequence[Path]) -> str:
    """The rows of data files whose keys are not touched, as a query."""
    listed = "[" + ", ".join(literal(str(p)) for p in paths) + "]"
    return f"select o.* from read_parquet({listed}, union_by_name = true, hive_partitioning = false) o anti join _touched t on {on_key(table, 'o', 't')}"


def write_files(
    engine: DuckDBEngine, change: Change, table: Table, rows: str, columns: Sequence[str], few: Mapping[str, tuple[str, ...]] | None = None
) -> list[DataFile]:
    """Write a query's rows as data files of the table, by month where it is partitioned.

    ``few`` gives the words of columns that hold few: writing their numbers instead takes half the time, and the files are the same.
    """
    folder = change.lake / table.name
    typed = [(c, kind) for c, kind in table.all_columns if c in columns]
    kinds = {c: f"enum ({', '.join(literal(word) for word in words)})" for c, words in (few or {}).items()}
    cast = ", ".join(f"cast({quoted(c)} as {kinds.get(c, kind)}) as {quoted(c)}" for c, kind in typed)
    # the typed empty set brings the columns that older files lack
    empty = "select " + ", ".join(f"cast(null as {kind}) as {quoted(c)}" for c, kind in typed) + " where false"
    whole = f"select {cast} from ({rows} union all by name {empty})"
    # the rows of one customer lie together, so a page about one reads few groups of rows of each file, not all
    sort_by = CUSTOMER if CUSTOMER in columns else None
    if table.month_of:
        query = f"select *, {table.month_sql} as month from ({whole})"
        written = engine.write_parquet(query, folder, partition_by="month", sort_by=sort_by, name=change.import_id)
    else:
        written = engine.write_parquet(whole, folder / f"{change.import_id}-0.parquet", sort_by=sort_by)
    return [DataFile(f.path.relative_to(folder).as_posix(), f.rows, f.size, f.partition.get("month")) for f in written]
