"""Excel and OpenDocument sheets: the first sheet, or the one that the mapping names."""

import datetime as dt
import hashlib
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from keepwell.core.errors import did_you_mean
from keepwell.sources.reader import RawFile, Reading, UnreadableFileError, clean_header, staged_parquet
from keepwell.sources.readers import encoding as encodings
from keepwell.sources.readers.packed import check_unpacked_size

BATCH = 50_000
ENDINGS = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}


def read(source: Path, reading: Reading) -> RawFile:
    """Read one sheet as text: numbers without a needless ``.0``, dates and times as ISO 8601."""
    reading.progress.start(f"read {source.name}")
    check_unpacked_size(source)
    sheet = _sheet(source, reading.options.sheet)
    rows = iter(sheet.iter_rows())
    header = next((r for r in rows if any(c not in {"", None} for c in r)), None)
    if header is None:
        raise UnreadableFileError(f"{source.name}, sheet {sheet.name!r} is empty.", "Name another sheet in a mapping (`sheet: NAME`).")
    columns = clean_header([_text(c) for c in header], f"{source.name}, sheet {sheet.name!r}")
    raw = reading.folder / "raw.parquet"
    places = _write(raw, columns, sheet, reading)
    if not places:
        raise UnreadableFileError(
            f"{source.name}, sheet {sheet.name!r} has a header and no rows.", "Name another sheet in a mapping (`sheet: NAME`)."
        )
    digest = hashlib.sha256()
    for chunk in encodings.chunks(source):
        digest.update(chunk)

    def lines_of(records: Sequence[int]) -> list[int]:
        return [places[r] + 1 for r in records]

    reading.progress.finish(f"{len(places):,} records")
    understood = {"format": "Excel", "sheet": sheet.name}
    return RawFile(
        source,
        staged_parquet(raw),
        tuple((c, "VARCHAR") for c in columns),
        len(places),
        source.stat().st_size,
        digest.hexdigest(),
        understood,
        (),
        lines_of,
    )


def sheet_names(source: Path) -> list[str]:
    """The sheets of a workbook; none of a file that is no workbook. It has been read before, so that it is known to be harmless."""
    if source.suffix.lower() not in ENDINGS:
        return []
    try:
        return CalamineWorkbook.from_path(source).sheet_names
    except (CalamineError, OSError):
        return []


def _sheet(source: Path, name: str | None) -> CalamineSheet:
    try:
        book = CalamineWorkbook.from_path(source)
        if name is not None and name not in book.sheet_names:
            raise UnreadableFileError(f"{source.name} has no sheet {name!r}.", did_you_mean(name, book.sheet_names))
        return book.get_sheet_by_name(name) if name else book.get_sheet_by_index(0)
    except (CalamineError, OSError) as error:
        raise UnreadableFileError(
            f"{source.name} is no Excel file that can be read: {error}", "Save it again as .xlsx or as CSV."
        ) from error


def _write(raw: Path, columns: Sequence[str], sheet: CalamineSheet, reading: Reading) -> list[int]:
    """Write the rows below the header, empty ones left out; returns each row's place in the sheet."""
    schema = pa.schema([(c, pa.string()) for c in columns])
    places: list[int] = []
    total = max(1, sheet.height)
    with pq.ParquetWriter(raw, schema) as writer:
        for batch in _batches(sheet):
            places += [place for place, _ in batch]
            arrays = [pa.array([_text(row[i]) for _, row in batch], pa.string()) for i in range(len(columns))]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            reading.progress.advance((batch[-1][0] + 1) / total)
    return places


def _batches(sheet: CalamineSheet) -> Iterator[list[tuple[int, list[object]]]]:
    batch: list[tuple[int, list[object]]] = []
    seen_header = False
    for place, row in enumerate(sheet.iter_rows()):
        if not any(c not in {"", None} for c in row):
            continue
        if not seen_header:
            seen_header = True
            continue
        batch.append((place, list(row)))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _text(cell: object) -> str | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        # the shortest text that reads back as the same number, never in exponents
        return format(Decimal(repr(cell)), "f").removesuffix(".0") if math.isfinite(cell) else str(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return str(cell)
