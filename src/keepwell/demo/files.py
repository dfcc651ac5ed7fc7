"""Tables as the files that real systems export. The same table gives the same bytes, on any machine."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from keepwell.demo.timeline import OFFSET_S

_CHUNK_ROWS = 65_536
_OFFSET = "+08:00"


def write_csv(table: pa.Table, path: Path) -> None:
    """UTF-8 with commas; instants with the offset of the company's own time zone."""
    with path.open("wb") as file:
        pa.csv.write_csv(_as_text(table), file)


def write_chinese_csv(table: pa.Table, path: Path) -> None:
    """As an older Chinese system writes: GB18030."""
    with path.open("wb") as file:
        for start in range(0, max(len(table), 1), _CHUNK_ROWS):
            sink = pa.BufferOutputStream()
            options = pa.csv.WriteOptions(include_header=start == 0)
            pa.csv.write_csv(_as_text(table.slice(start, _CHUNK_ROWS)), sink, options)
            file.write(sink.getvalue().to_pybytes().decode("utf-8").encode("gb18030"))


def write_european_csv(table: pa.Table, path: Path) -> None:
    """As an accountant in Europe exports: 31.10.2026 and 1234,50, fields parted by semicolons."""
    columns = {name: _european(table.column(name)) for name in table.column_names}
    with path.open("wb") as file:
        pa.csv.write_csv(pa.table(columns), file, pa.csv.WriteOptions(delimiter=";"))


def write_json_lines(table: pa.Table, path: Path) -> None:
    """One object a line; what is not known is left out."""
    with path.open("wb") as file:
        for start in range(0, len(table), _CHUNK_ROWS):
            lines = _json_lines(_as_text(table.slice(start, _CHUNK_ROWS)))
            file.write("\n".join([*lines.to_pylist(), ""]).encode("utf-8"))


def write_parquet(table: pa.Table, path: Path) -> None:
    """Typed columns; instants in UTC microseconds."""
    fields = [field.with_type(pa.timestamp("us", "UTC")) if pa.types.is_timestamp(field.type) else field for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), path, compression="zstd", row_group_size=1 << 19)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "csv": write_csv,
    "gb18030": write_chinese_csv,
    "european": write_european_csv,
    "jsonl": write_json_lines,
    "parquet": write_parquet,
}


def _as_text(table: pa.Table) -> pa.Table:
    """The table with its instants as local time and offset; Arrow's own writing of zones is ten times slower."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz:
            local = pc.add(table.column(place).cast(pa.int64()), OFFSET_S).cast(pa.timestamp("s"))
            text = pc.binary_join_element_wise(local.cast(pa.string()), _OFFSET, "")
            table = table.set_column(place, field.name, text)
    return table


def _european(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date(column.type):
        return pc.strftime(column, "%d.%m.%Y")
    if pa.types.is_decimal(column.type):
        return pc.replace_substring(column.cast(pa.string()), ".", ",")
    return column


def _json_lines(table: pa.Table) -> pa.Array:
    members = [
        pc.binary_join_element_wise(f'"{name}":', _json_values(column.combine_chunks()), "")
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    inside = pc.binary_join_element_wise(*members, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", inside, "}", "")


def _json_values(column: pa.Array) -> pa.Array:
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
        return column.cast(pa.string())
    escaped = pc.replace_substring(pc.replace_substring(column.cast(pa.string()), "\\", "\\\\"), '"', '\\"')
    return pc.binary_join_element_wise('"', escaped, '"', "")
