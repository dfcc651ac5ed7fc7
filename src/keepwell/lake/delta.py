"""Delta tables: which files a version holds, and one transaction that adds and removes files.

The engine writes the Parquet files and reads them; the Delta log only says which of them count.
"""

import functools
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, PostCommitHookProperties, Schema, Transaction
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from keepwell.core.errors import KeepwellError
from keepwell.lake.table import Table

MOST_KEPT = 512  # versions whose files are known
REPEATED = 10_000  # rows that share one piece of a column

_ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "DECIMAL(18, 4)": pa.decimal128(18, 4),
    "DECIMAL(18, 6)": pa.decimal128(18, 6),
    "DECIMAL(38, 10)": pa.decimal128(38, 10),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "DATE": pa.date32(),
    "MAP(VARCHAR, VARCHAR)": pa.map_(pa.string(), pa.string()),
}


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a table; ``path`` is relative to the table's folder."""

    path: str
    rows: int
    size: int
    month: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


# a run that was published years ago can be read as it was known, so no version's log entry may expire
KEEPING_VERSIONS = PostCommitHookProperties(cleanup_expired_logs=False)
# what the Delta library (deltalake 1.6) or, of ?, the engine (duckdb 2.0) takes for part of an address instead of a name
UNUSABLE_NAME = re.compile(r"[\[\]^|?\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}" + ("" if os.sep == "\\" else r"|\\"))


def check_folder_name(folder: Path) -> None:
    """Refuse a folder whose name the Delta library can't open, before anything is written to it."""
    found = UNUSABLE_NAME.search(str(folder.resolve()))
    if found:
        raise KeepwellError(
            f"The lake can't lie in {folder}: its tables can't be opened below a name with {found.group()!r}.",
            "Choose a folder without [ ] ^ | ? \\, without control characters and without a % followed by two digits, or set `lake` in keepwell.toml to another folder.",
        )


def schema_of(table: Table) -> pa.Schema:
    """The table's columns as Arrow types, the partition column last."""
    fields = [(name, _ARROW_TYPES[kind]) for name, kind in table.all_columns]
    if table.month_of:
        fields.append(("month", pa.string()))
    return pa.schema(fields)


def repeated(value: Any, kind: pa.DataType, size: int) -> pa.ChunkedArray:
    """A column of one value, held once for many of its rows."""
    part = pa.repeat(pa.scalar(value, kind), min(size, REPEATED))
    whole, rest = divmod(size, REPEATED)
    return pa.chunked_array([part] * whole + [part[:rest]], kind) if size > REPEATED else pa.chunked_array([part], kind)


def open_or_none(folder: Path, version: int | None = None) -> DeltaTable | None:
    """The table at its newest or the named version; None where there is no table yet."""
    try:
        return DeltaTable(str(folder), version=version)
    except TableNotFoundError:
        return None


def open_for_writing(folder: Path, table: Table) -> DeltaTable:
    """The newest version, with every column that the table has by now; made when missing."""
    found = open_or_none(folder)
    schema = schema_of(table)
    if found is None:
        folder.mkdir(parents=True, exist_ok=True)
        partition = ["month"] if table.month_of else []
        return DeltaTable.create(str(folder), schema=schema, partition_by=partition, name=table.name, mode="ignore")
    known = {f.name for f in found.schema().fields}
    missing = [f for f in schema if f.name not in known]
    if missing:
        added = Schema.from_arrow(pa.schema(missing)).fields
        found.alter.add_columns([Field(f.name, f.type, nullable=True) for f in added], post_commithook_properties=KEEPING_VERSIONS)
        found = DeltaTable(str(folder))
    return found


def files(found: DeltaTable) -> list[DataFile]:
    """The files that count in the table's version."""
    # paths come as they lie on disk; file_uris() would percent-encode them, which breaks folders such as "客户 一"
    actions = found.get_add_actions(flatten=True)
    months = actions.column("partition.month").to_pylist() if "partition.month" in actions.column_names else [None] * actions.num_rows
    rows = actions.column("num_records").to_pylist() if "num_records" in actions.column_names else [0] * actions.num_rows
    return [
        DataFile(path, int(count or 0), int(size), month)
        for path, count, size, month in zip(
            actions.column("path").to_pylist(), rows, actions.column("size_bytes").to_pylist(), months, strict=True
        )
    ]


def files_or_none(folder: Path, version: int) -> list[DataFile] | None:
    """The files of that version; None where there is no such table. Reading a table's log is half of a small question, so what was read is kept."""
    log = folder / "_delta_log" / f"{version:020}.json"
    try:
        told = log.stat()
    except FileNotFoundError:
        # folded into a checkpoint, or gone
        found = open_or_none(folder, version)
        return None if found is None else files(found)
    # a table that was put there anew has a log of its own
    return list(_files_of(folder, version, (told.st_ino, told.st_mtime_ns, told.st_size)))


@functools.lru_cache(maxsize=MOST_KEPT)
def _files_of(folder: Path, version: int, _log: tuple[int, int, int]) -> tuple[DataFile, ...]:
    return tuple(files(DeltaTable(str(folder), version=version)))


def committed_version_or_none(found: DeltaTable, transaction: str) -> int | None:
    """The version that this transaction made, if it was committed to the table before."""
    return found.transaction_version(transaction)


def commit(found: DeltaTable, transaction: str, *, add: Sequence[DataFile], remove: Sequence[DataFile], data_change: bool = True) -> int:
    """Add and remove files in one transaction, marked with the transaction's name; returns the version it made.

    A commit that another writer has overtaken raises deltalake's ``CommitFailedError`` and changes nothing.
    """
    now = int(time.time() * 1000)
    partition_by = found.metadata().partition_columns

    def where(file: DataFile) -> dict[str, str | None]:
        return {"month": file.month} if partition_by else {}

    actions: list[AddAction | RemoveAction] = [
        AddAction(f.path, f.size, where(f), now, data_change, json.dumps({"numRecords": f.rows})) for f in add
    ]
    actions += [
        RemoveAction(f.path, data_change=data_change, deletion_timestamp=now, size=f.size, partition_values=where(f)) for f in remove
    ]
    made = found.version() + 1
    found.create_write_transaction(
        actions,
        mode="append",
        schema=found.schema(),
        partition_by=partition_by,
        commit_properties=CommitProperties(app_transactions=[Transaction(transaction, made)], custom_metadata={"keepwell": transaction}),
        post_commithook_properties=KEEPING_VERSIONS,
    )
    found.update_incremental()
    return found.version()
