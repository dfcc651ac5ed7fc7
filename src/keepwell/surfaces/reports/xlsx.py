"""A report as an Excel workbook: numbers as numbers, charts as Excel's own."""

import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range_abs

from keepwell.surfaces.reports.document import Cell, Chart, ChartKind, Document, Heading, Points, Section, Series, Table, Text, Tiles, Tone

CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - Excel knows no zones; a file made twice is the same
COLOURS = {Tone.BETTER: "#2b8a3e", Tone.WORSE: "#c92a2a", Tone.WARN: "#b35c00"}
INK, SOFT, ACCENT = "#1f2937", "#6b7280", "#206bc4"
MOST_NAME, WIDEST, NARROWEST = 31, 60, 8
TEXT_WIDTH = 100  # letters of a line of the first sheet's sentences
CHART_WIDTH, CHART_HEIGHT, CHART_ROWS = 640, 280, 16


def workbook(document: Document) -> bytes:
    """The report as a workbook: sentences and figures first, then a sheet a table, then the charts beside their data.

    Values are exact as far as Excel's 15 digits reach. Text is text, whatever it begins with.
    """
    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": document.title, "created": CREATED})
    writer = _Writer(book)
    writer.overview(document)
    for table in document.tables():
        writer.table(table)
    for section in document.sections:
        charts = [b for b in section.blocks if isinstance(b, Chart)]
        if charts:
            writer.charts(section, charts)
    book.close()
    return target.getvalue()


@dataclass
class _Writer:
    book: Any
    _formats: dict[tuple[tuple[str, Any], ...], Any] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def _format(self, **wanted: Any) -> Any:
        """A format of these properties; one that is there already is used again."""
        key = tuple(sorted({"font_color": INK, "valign": "top", **wanted}.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format(dict(key))
        return self._formats[key]

    def _sheet(self, title: str) -> Any:
        """A sheet of that name, as far as Excel allows it; names that differ only in case are one to Excel."""
        name = re.sub(r"[\[\]:*?/\\]", " ", title).strip("' ")[:MOST_NAME] or "Sheet"
        place = 2
        while name.lower() in self._names:
            name = f"{name[: MOST_NAME - 4].rstrip()} ({place})"
            place += 1
        self._names.add(name.lower())
        sheet = self.book.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.hide_gridlines(2)
        return sheet

    def _put(self, sheet: Any, row: int, column: int, cell: Cell, **wanted: Any) -> None:
        if cell.tone in COLOURS:
            wanted["font_color"] = COLOURS[cell.tone]
        match cell.value:
            case None:
                sheet.write_string(row, column, cell.words, self._format(text_wrap=True, **wanted))
            case date():
                sheet.write_datetime(row, column, cell.value, self._format(num_format=cell.form or "yyyy-mm-dd", **wanted))
            case _:
                sheet.write_number(row, column, float(cell.value), self._format(num_format=cell.form or "General", **wanted))

    def overview(self, document: Document) -> None:
        sheet = self._sheet(document.title)
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 3, 22)
        sheet.write_string(0, 0, document.title, self._format(bold=True, font_size=18))
        sheet.write_string(1, 0, document.subtitle, self._format(font_color=SOFT, font_size=12))
        row = 2
        for line in document.about:
            sheet.write_string(row, 0, line, self._format(font_color=SOFT))
            row += 1
        for section in document.sections:
            said = [b for b in section.blocks if isinstance(b, Text | Points | Tiles)]
            if said:
                row += 1
                sheet.write_string(row, 0, section.title, self._format(bold=True, font_size=13))
                row += 1
            for block in said:
                row = self._said(sheet, row, block)

    def _said(self, sheet: Any, row: int, block: Text | Points | Tiles) -> int:
        """A block of the first sheet from that row on; returns the row after it."""
        if isinstance(block, Tiles):
            for tile in block.tiles:
                sheet.write_string(row, 0, tile.label, self._format())
                self._put(sheet, row, 1, tile.figure, bold=True, align="left")
                sheet.write_string(row, 2, tile.interval, self._format(font_color=SOFT))
                if tile.change is not None:
                    self._put(sheet, row, 3, Cell(tile.change.words, tone=tile.change.tone))
                row += 1
            return row
        for words in (block.words,) if isinstance(block, Text) else (f"• {item}" for item in block.items):
            sheet.merge_range(row, 0, row, 3, "", self._format(text_wrap=True))
            sheet.write_string(row, 0, words, self._format(text_wrap=True))
            sheet.set_row(row, 15 * -(-letters(words) // TEXT_WIDTH))
            row += 1
        return row

    def table(self, table: Table) -> None:
        sheet = self._sheet(table.title)
        sheet.write_string(0, 0, table.title, self._format(bold=True, font_size=13))
        head = 2
        for column, heading in enumerate(table.headings):
            align = "right" if heading.is_number else "left"
            sheet.write_string(head, column, heading.label, self._format(bold=True, bottom=1, align=align, text_wrap=True))
            sheet.set_column(column, column, _width(heading, [row[column] for row in table.rows]))
        for place, cells in enumerate(table.rows, head + 1):
            for column, cell in enumerate(cells):
                self._put(sheet, place, column, cell, align="right" if table.headings[column].is_number else "left")
        after = head + 1 + len(table.rows)
        if not table.rows:
            sheet.write_string(after, 0, table.empty, self._format(font_color=SOFT))
            after += 1
        if table.note:
            sheet.write_string(after + 1, 0, table.note, self._format(font_color=SOFT))
        sheet.freeze_panes(head + 1, 0)
        sheet.repeat_rows(head)

    def charts(self, section: Section, charts: Sequence[Chart]) -> None:
        """Each chart to the right of the cells that it draws."""
        sheet = self._sheet(section.title)
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 6, 14)
        row = 0
        for chart in charts:
            sheet.write_string(row, 0, chart.title, self._format(bold=True, font_size=13))
            drawn = self._chart(sheet, row + 1, chart)
            sheet.insert_chart(row, 8, drawn, {"description": chart.title})
            if chart.note:
                sheet.write_string(row + 2 + len(chart.places), 0, chart.note, self._format(font_color=SOFT))
            row += max(CHART_ROWS, len(chart.places) + 5)

    def _chart(self, sheet: Any, head: int, chart: Chart) -> Any:
        drawn = self.book.add_chart({"type": "line" if chart.kind is ChartKind.LINES else "bar"})
        first, last = head + 1, head + len(chart.places)
        for row, place in enumerate(chart.places, first):
            sheet.write_string(row, 0, place, self._format())
        column = 1
        for series in chart.series:
            for label, cells, is_bound in _columns(series):
                sheet.write_string(head, column, label, self._format(bold=True, bottom=1, align="right"))
                for row, cell in enumerate(cells, first):
                    if cell.value is not None:
                        self._put(sheet, row, column, Cell("", cell.value, chart.form))
                line = {"color": ACCENT, "width": 0.75, "dash_type": "dash"} if is_bound else {"color": ACCENT, "width": 2.25}
                drawn.add_series({
                    "name": [sheet.get_name(), head, column],
                    "categories": f"={_quoted(sheet.get_name())}!{xl_range_abs(first, 0, last, 0)}",
                    "values": f"={_quoted(sheet.get_name())}!{xl_range_abs(first, column, last, column)}",
                    **({"line": line} if chart.kind is ChartKind.LINES else {"fill": {"color": ACCENT}}),
                })  # fmt: skip
                column += 1
        drawn.set_title({"name": chart.title, "name_font": {"size": 11, "bold": True}})
        drawn.set_size({"width": CHART_WIDTH, "height": CHART_HEIGHT})
        drawn.set_legend({"none": True})
        drawn.show_blanks_as("gap")
        value_axis = {"num_format": chart.form, "major_gridlines": {"visible": True, "line": {"color": "#e5e7eb"}}}
        if chart.kind is ChartKind.LINES:
            drawn.set_y_axis(value_axis)
        else:
            # the first name stands on top, as in the report
            drawn.set_y_axis({"reverse": True})
            drawn.set_x_axis(value_axis)
        return drawn


def _columns(series: Series) -> list[tuple[str, Sequence[Cell], bool]]:
    """The columns of a series: its values, and the bounds of its interval where it has one."""
    made: list[tuple[str, Sequence[Cell], bool]] = [(series.label, series.cells, False)]
    for sign, bounds in (("−", series.low), ("+", series.high)):
        if bounds:
            made.append((f"95 % {sign}", [_bound(b) for b in bounds], True))
    return made


def _bound(value: Decimal | None) -> Cell:
    return Cell("", value)


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def letters(words: str) -> int:
    """How wide words are in letters; a Chinese one is as wide as two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in words)


def _width(heading: Heading, cells: Sequence[Cell]) -> int:
    widest = max([letters(heading.label), *(letters(c.words) for c in cells)])
    return max(NARROWEST, min(WIDEST, widest + 3))
