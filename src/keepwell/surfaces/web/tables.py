"""Tables as pages show them and as people take them along: CSV and Excel."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from keepwell.core.errors import WrongUseError

CSV, XLSX = "csv", "xlsx"
KINDS = {CSV: "text/csv; charset=utf-8", XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
# a spreadsheet would take a cell that begins so for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
MOST_WIDTH = 60
MOST_EXCEL_ROWS = 1_048_575  # below the first one
ROWS_AT_A_TIME = 2_000
FIRST_YEAR = 1900  # before it Excel has no days


@dataclass(frozen=True)
class Column:
    """A column: its name in data, its words, and whether it holds numbers."""

    name: str
    label: str
    is_number: bool = False


@dataclass(frozen=True)
class Sheet:
    """Rows with their columns: exact values, not the figures people read. ``name`` is its place in addresses and file names."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows)


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_parts(sheet: Sheet, rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """UTF-8 with a mark at its beginning, without which Excel takes Chinese for something else; a few thousand rows at a time."""
    out = io.StringIO(newline="")
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([harmless(c.name) for c in sheet.columns])
    for number, row in enumerate(rows, 1):
        writer.writerow([_plain(value) for value in row])
        if number % ROWS_AT_A_TIME == 0:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def exact(value: Any) -> str:
    """A value as programs read it beside the figure that people read; nothing where there is none."""
    if isinstance(value, float):
        return repr(value)
    return str(_plain(value) if not isinstance(value, str) else value)


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value


def write_xlsx(sheet: Sheet, rows: Iterable[Sequence[Any]], file: Path) -> None:
    """One sheet with a fixed first row and a filter; text is written as text, whatever it looks like. Rows go to the file as they come."""
    # it takes a tenth of a second to load, and few need it
    import xlsxwriter  # noqa: PLC0415 - as said

    options = {"constant_memory": True, "tmpdir": str(file.parent), "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(file), options) as book:
        page = book.add_worksheet(sheet.name[:31])
        bold, day, moment = (
            book.add_format({"bold": True}),
            book.add_format({"num_format": "yyyy-mm-dd"}),
            book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        )
        for x, column in enumerate(sheet.columns):
            page.write_string(0, x, column.label, bold)
            page.set_column(x, x, min(MOST_WIDTH, max(10, 2 + len(column.label))))
        last = 0
        for last, row in enumerate(rows, 1):
            if last > MOST_EXCEL_ROWS:
                raise WrongUseError(f"Excel holds {MOST_EXCEL_ROWS:,} rows, and these are more.", "Take them as CSV.")
            for x, value in enumerate(row):
                _write_cell(page, (last, x), value, day, moment)
        page.freeze_panes(1, 0)
        if last:
            page.autofilter(0, 0, last, len(sheet.columns) - 1)


def _write_cell(page: Any, at: tuple[int, int], value: Any, day: Any, moment: Any) -> None:
    if isinstance(value, datetime) and value.year >= FIRST_YEAR:
        page.write_datetime(*at, value.replace(tzinfo=None), moment)
    elif isinstance(value, date) and value.year >= FIRST_YEAR:
        page.write_datetime(*at, datetime(value.year, value.month, value.day), day)  # noqa: DTZ001 - Excel knows no zones
    elif isinstance(value, bool):
        page.write_boolean(*at, value)
    elif isinstance(value, int | float | Decimal):
        page.write_number(*at, float(value))
    elif value is not None:
        page.write_string(*at, str(value))


def download(sheet: Sheet, kind: str, name: str) -> Response:
    """The file, as an attachment. ``name`` is ours, of plain letters."""
    return streamed(sheet, sheet.rows, kind, name)


def streamed(sheet: Sheet, rows: Iterable[Sequence[Any]], kind: str, name: str) -> Response:
    """The same of rows that come one after another, more than memory may hold."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    if kind == CSV:
        return StreamingResponse(csv_parts(sheet, rows), headers=headers, media_type=KINDS[CSV])
    with ExitStack() as until_sent:
        file = Path(until_sent.enter_context(TemporaryDirectory(prefix="keepwell-export-"))) / "sheet.xlsx"
        write_xlsx(sheet, rows, file)
        kept = until_sent.pop_all()
    return FileResponse(file, headers=headers, media_type=KINDS[XLSX], background=BackgroundTask(kept.close))
