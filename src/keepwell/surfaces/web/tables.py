"""Tables as pages show them and as people take them along: CSV and Excel."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from starlette.responses import Response

CSV, XLSX = "csv", "xlsx"
KINDS = {CSV: "text/csv; charset=utf-8", XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
# a spreadsheet would take a cell that begins so for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
MOST_WIDTH = 60
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


def to_csv(sheet: Sheet) -> bytes:
    """UTF-8 with a mark at its beginning, without which Excel takes Chinese for something else."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([harmless(c.name) for c in sheet.columns])
    for row in sheet.rows:
        writer.writerow([_plain(value) for value in row])
    return ("\ufeff" + out.getvalue()).encode()


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


def to_xlsx(sheet: Sheet) -> bytes:
    """One sheet with a fixed first row and a filter; text is written as text, whatever it looks like."""
    # it takes a tenth of a second to load, and few need it
    import xlsxwriter  # noqa: PLC0415 - as said

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        page = book.add_worksheet(sheet.name[:31])
        bold, day, moment = (
            book.add_format({"bold": True}),
            book.add_format({"num_format": "yyyy-mm-dd"}),
            book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        )
        for x, column in enumerate(sheet.columns):
            page.write_string(0, x, column.label, bold)
            page.set_column(x, x, min(MOST_WIDTH, max(10, 2 + len(column.label))))
        for y, row in enumerate(sheet.rows, 1):
            for x, value in enumerate(row):
                if isinstance(value, datetime) and value.year >= FIRST_YEAR:
                    page.write_datetime(y, x, value.replace(tzinfo=None), moment)
                elif isinstance(value, date) and value.year >= FIRST_YEAR:
                    page.write_datetime(y, x, datetime(value.year, value.month, value.day), day)  # noqa: DTZ001 - Excel knows no zones
                elif isinstance(value, bool):
                    page.write_boolean(y, x, value)
                elif isinstance(value, int | float | Decimal):
                    page.write_number(y, x, float(value))
                elif value is not None:
                    page.write_string(y, x, str(value))
        page.freeze_panes(1, 0)
        if sheet.rows:
            page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)
    return out.getvalue()


def download(sheet: Sheet, kind: str, name: str) -> Response:
    """The file, as an attachment. ``name`` is ours, of plain letters."""
    body = to_csv(sheet) if kind == CSV else to_xlsx(sheet)
    return Response(body, headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'}, media_type=KINDS[kind])
