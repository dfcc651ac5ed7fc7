"""A report as a PowerPoint deck: native tables, and native charts that can be edited."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE
from pptx.enum.dml import MSO_LINE
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Emu, Inches, Pt

from keepwell.surfaces.reports.document import (
    Block,
    Cell,
    Chart,
    ChartKind,
    Document,
    Heading,
    Points,
    Section,
    Series,
    Table,
    Text,
    Tile,
    Tiles,
    Tone,
)
from keepwell.surfaces.reports.xlsx import letters

MADE = datetime(2000, 1, 1, tzinfo=UTC)  # a file made twice is the same
FONT = "Noto Sans SC"
INK, SOFT, ACCENT, RULE, WHITE = "1F2937", "6B7280", "206BC4", "D1D5DB", "FFFFFF"
COLOURS = {Tone.PLAIN: INK, Tone.BETTER: "2B8A3E", Tone.WORSE: "C92A2A", Tone.WARN: "B35C00"}
WIDTH, HEIGHT, MARGIN = 13.333, 7.5, 0.6  # inches
TOP, BOTTOM = 1.3, 6.85  # of what stands below the title
ACROSS = WIDTH - 2 * MARGIN
TILES_A_ROW, TILES_A_SLIDE, CHARTS_A_SLIDE = 4, 8, 2
BODY, SMALL, TABLE = 14, 9, 10.5  # points
LETTER = 0.56  # of its size is how wide a letter is at most, on average
LEADING = 1.35
CELL_MARGIN = 0.08


def deck(document: Document) -> bytes:
    """The report as a deck of 16:9 slides; what does not fit on one goes on on the next."""
    made = Presentation()
    made.slide_width, made.slide_height = Inches(WIDTH), Inches(HEIGHT)
    properties = made.core_properties
    properties.title, properties.author, properties.created, properties.modified = document.title, document.subtitle, MADE, MADE
    writer = _Writer(made, document)
    writer.cover()
    for section in document.sections:
        writer.section(section)
    writer.number()
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


@dataclass
class _Writer:
    made: Any
    document: Document

    def _slide(self, title: str) -> Any:
        slide = self.made.slides.add_slide(self.made.slide_layouts[5])  # title only
        shape = slide.shapes.title
        shape.left, shape.top, shape.width, shape.height = (Inches(v) for v in (MARGIN, 0.4, ACROSS, 0.75))
        _write(shape.text_frame, [(title, 24, INK, True)])
        shape.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        return slide

    def _box(
        self, slide: Any, place: tuple[float, float, float, float], lines: Sequence[tuple[str, float, str, bool]], align: Any = None
    ) -> Any:
        box = slide.shapes.add_textbox(*(Inches(v) for v in place))
        _write(box.text_frame, lines, align)
        return box

    def cover(self) -> None:
        slide = self._slide(self.document.title)
        title = slide.shapes.title
        title.top, title.height = Inches(2.2), Inches(1.1)
        _write(title.text_frame, [(self.document.title, 36, INK, True)])
        about = [(self.document.subtitle, 18, SOFT, False), *((line, 11, SOFT, False) for line in self.document.about)]
        self._box(slide, (MARGIN, 3.4, ACROSS, 2.0), about)

    def section(self, section: Section) -> None:
        """Sentences share slides; tiles, tables and charts have their own."""
        said: list[str] = []
        charts: list[Chart] = []
        for block in section.blocks:
            if isinstance(block, Text):
                said.append(block.words)
            elif isinstance(block, Points):
                said += [f"• {item}" for item in block.items]
            elif isinstance(block, Chart):
                charts.append(block)
            else:
                self._said(section.title, said)
                said = []
                self._own(section.title, block)
        self._said(section.title, said)
        drawn = [c for c in charts if any(x.value is not None for s in c.series for x in s.cells)]
        for pair in _parts(drawn, CHARTS_A_SLIDE):
            self._charts(section.title, pair)

    def _own(self, title: str, block: Block) -> None:
        if isinstance(block, Tiles):
            for tiles in _parts(block.tiles, TILES_A_SLIDE):
                self._tiles(title, tiles)
        elif isinstance(block, Table):
            self._table(title, block)

    def _said(self, title: str, said: Sequence[str]) -> None:
        room = BOTTOM - TOP
        for page in _pages([(words, _height(words, ACROSS - 0.2, BODY) + 0.1) for words in said], room):
            slide = self._slide(title)
            box = self._box(slide, (MARGIN, TOP, ACROSS, room), [(words, BODY, INK, False) for words in page])
            for paragraph in box.text_frame.paragraphs:
                paragraph.space_after = Pt(6)

    def _tiles(self, title: str, tiles: Sequence[Tile]) -> None:
        slide = self._slide(title)
        gap, tall = 0.2, 2.3
        across = (ACROSS - gap * (TILES_A_ROW - 1)) / TILES_A_ROW
        for place, tile in enumerate(tiles):
            row, column = divmod(place, TILES_A_ROW)
            left, top = MARGIN + column * (across + gap), TOP + 0.1 + row * (tall + gap)
            shape = slide.shapes.add_shape(MSO_SHAPE.ROUNDED_RECTANGLE, *(Inches(v) for v in (left, top, across, tall)))
            shape.adjustments[0] = 0.05
            shape.fill.solid()
            shape.fill.fore_color.rgb = RGBColor.from_string(WHITE)
            shape.line.color.rgb = RGBColor.from_string(RULE)
            shape.shadow.inherit = False
            lines = [(tile.label, 12, SOFT, False), (tile.figure.words, 22, INK, True), (tile.interval, 10, SOFT, False)]
            if tile.change is not None:
                lines.append((tile.change.words, 12, COLOURS[tile.change.tone], False))
            _write(shape.text_frame, [line for line in lines if line[0]])
            shape.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE

    def _table(self, title: str, table: Table) -> None:
        own = title if table.title == title else f"{title} · {table.title}"
        if not table.rows:
            self._said(own, [table.empty, *((table.note,) if table.note else ())])
            return
        widths = _widths(table.headings)
        head = _row_height([h.label for h in table.headings], widths)
        heights = [_row_height([c.words for c in row], widths) for row in table.rows]
        note = _height(table.note, ACROSS - 0.2, SMALL) + 0.1 if table.note else 0.0
        pages = list(_pages(list(zip(table.rows, heights, strict=True)), BOTTOM - TOP - head - note))
        done = 0
        for place, rows in enumerate(pages, 1):
            slide = self._slide(f"{own} ({place}/{len(pages)})" if len(pages) > 1 else own)
            tall = self._grid(slide, table, rows, [head, *heights[done : done + len(rows)]], widths)
            done += len(rows)
            if table.note:
                self._box(slide, (MARGIN, TOP + tall + 0.05, ACROSS, note), [(table.note, SMALL, SOFT, False)])

    def _grid(self, slide: Any, table: Table, rows: Sequence[Sequence[Cell]], heights: Sequence[float], widths: Sequence[float]) -> float:
        """A native table of these rows; returns how tall it is."""
        place = (MARGIN, TOP, ACROSS, sum(heights))
        frame = slide.shapes.add_table(len(rows) + 1, len(table.headings), *(Inches(v) for v in place))
        grid = frame.table
        # banding and colours of the theme are not ours
        grid.horz_banding = False
        for column, width in zip(grid.columns, widths, strict=True):
            column.width = Inches(width)
        for row, height in zip(grid.rows, heights, strict=True):
            row.height = Inches(height)
        for column, heading in enumerate(table.headings):
            _fill(grid.cell(0, column), (heading.label, TABLE, WHITE, True), ACCENT, is_number=heading.is_number)
        for y, cells in enumerate(rows, 1):
            for x, cell in enumerate(cells):
                back = "F8FAFC" if y % 2 else WHITE
                _fill(grid.cell(y, x), (cell.words, TABLE, COLOURS[cell.tone], False), back, is_number=table.headings[x].is_number)
        return sum(heights)

    def _charts(self, title: str, charts: Sequence[Chart]) -> None:
        slide = self._slide(title)
        gap = 0.4
        across = ACROSS if len(charts) == 1 else (ACROSS - gap) / CHARTS_A_SLIDE
        for place, chart in enumerate(charts):
            left = MARGIN + place * (across + gap)
            self._box(slide, (left, TOP, across, 0.4), [(chart.title, 14, INK, True)])
            box = [Inches(v) for v in (left, TOP + 0.45, across, BOTTOM - TOP - 0.9)]
            kind = XL_CHART_TYPE.LINE if chart.kind is ChartKind.LINES else XL_CHART_TYPE.BAR_CLUSTERED
            frame = slide.shapes.add_chart(kind, *box, _data(chart))
            _style(frame.chart, chart)
            if chart.note:
                self._box(slide, (left, BOTTOM - 0.4, across, 0.4), [(chart.note, SMALL, SOFT, False)])

    def number(self) -> None:
        """The number of each slide but the first."""
        slides = list(self.made.slides)
        for place, slide in enumerate(slides[1:], 2):
            words = self.document.page.format(page=place, pages=len(slides))
            self._box(slide, (WIDTH - MARGIN - 3, HEIGHT - 0.5, 3, 0.3), [(words, SMALL, SOFT, False)], PP_ALIGN.RIGHT)


def _write(frame: Any, lines: Sequence[tuple[str, float, str, bool]], align: Any = None) -> None:
    """Lines of a text frame: words, size, colour, whether bold."""
    frame.clear()
    frame.word_wrap = True
    for place, (words, size, colour, is_bold) in enumerate(lines):
        paragraph = frame.paragraphs[0] if place == 0 else frame.add_paragraph()
        paragraph.alignment = PP_ALIGN.LEFT if align is None else align
        run = paragraph.add_run()
        run.text = words
        run.font.size, run.font.bold, run.font.color.rgb = Pt(size), is_bold, RGBColor.from_string(colour)
        _set_font(run._r.get_or_add_rPr())  # noqa: SLF001 - python-pptx sets the Latin font only


def _set_font(properties: Any) -> None:
    """One font for Latin and for Chinese."""
    for name in ("a:latin", "a:ea"):
        element = properties.find(qn(name))
        if element is None:
            element = properties.makeelement(qn(name), {})
            properties.append(element)
        element.set("typeface", FONT)


def _fill(cell: Any, line: tuple[str, float, str, bool], back: str, *, is_number: bool) -> None:
    _write(cell.text_frame, [line], PP_ALIGN.RIGHT if is_number else PP_ALIGN.LEFT)
    cell.vertical_anchor = MSO_ANCHOR.MIDDLE
    cell.margin_left = cell.margin_right = Inches(CELL_MARGIN)
    cell.margin_top = cell.margin_bottom = Inches(0.03)
    cell.fill.solid()
    cell.fill.fore_color.rgb = RGBColor.from_string(back)


def _data(chart: Chart) -> CategoryChartData:
    data = CategoryChartData(number_format=chart.form)
    data.categories = chart.places
    for series in chart.series:
        data.add_series(series.label, [None if c.value is None else float(c.value) for c in series.cells])  # type: ignore[arg-type] # days are no heights
        for sign, bounds in _bounds(series):
            data.add_series(f"{series.label} {sign}", [None if v is None else float(v) for v in bounds])
    return data


def _bounds(series: Series) -> list[tuple[str, Sequence[Any]]]:
    return [(sign, bounds) for sign, bounds in (("− 95 %", series.low), ("+ 95 %", series.high)) if bounds]


def _style(drawn: Any, chart: Chart) -> None:
    drawn.has_legend, drawn.has_title = False, False
    drawn.font.size = Pt(10)
    drawn.value_axis.tick_labels.number_format, drawn.value_axis.tick_labels.number_format_is_linked = chart.form, False
    drawn.value_axis.major_gridlines.format.line.color.rgb = RGBColor.from_string("E5E7EB")
    drawn.value_axis.format.line.fill.background()
    if chart.kind is ChartKind.BARS:
        # the first name stands on top, as in the report
        drawn.category_axis.reverse_order = True
    widths = [w for s in chart.series for w in (2.25, *(0.75 for _ in _bounds(s)))]
    for series, width in zip(drawn.plots[0].series, widths, strict=True):
        if chart.kind is ChartKind.BARS:
            series.format.fill.solid()
            series.format.fill.fore_color.rgb = RGBColor.from_string(ACCENT)
            continue
        series.smooth = False
        series.format.line.width = Emu(int(width * 12_700))
        series.format.line.color.rgb = RGBColor.from_string(ACCENT)
        if width < 1:
            series.format.line.dash_style = MSO_LINE.DASH


def _parts(things: Iterable[Any], most: int) -> Iterable[list[Any]]:
    rest = iter(things)
    while part := list(islice(rest, most)):
        yield part


def _pages(things: Sequence[tuple[Any, float]], room: float) -> Iterable[list[Any]]:
    """Things in their order, as many on a page as are not taller than it."""
    page: list[Any] = []
    left = room
    for thing, tall in things:
        if page and tall > left:
            yield page
            page, left = [], room
        page.append(thing)
        left -= tall
    if page:
        yield page


def _height(words: str, width: float, size: float) -> float:
    """How tall words are at most in a column of that width, in inches."""
    a_line = max(1, int(width * 72 / (size * LETTER)))
    return -(-max(1, letters(words)) // a_line) * size * LEADING / 72


def _widths(headings: Sequence[Heading]) -> list[float]:
    whole = sum(h.width for h in headings)
    return [ACROSS * h.width / whole for h in headings]


def _row_height(words: Sequence[str], widths: Sequence[float]) -> float:
    return max(_height(w, width - 2 * CELL_MARGIN, TABLE) for w, width in zip(words, widths, strict=True)) + 0.12
