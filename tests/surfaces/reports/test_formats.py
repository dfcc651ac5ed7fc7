"""What people call things is text in every format, numbers stay in their cells, and what is long goes on on the next page."""

from decimal import Decimal
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pypdfium2
import pytest
from pptx import Presentation

from factories.written import check_page, pages, squeezed, tables
from keepwell.core.settings import Locale
from keepwell.surfaces.reports.document import (
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
from keepwell.surfaces.reports.pdf import pdf
from keepwell.surfaces.reports.pptx import deck
from keepwell.surfaces.reports.xlsx import workbook

NASTY = (
    "=cmd()|'/C calc'!A0",
    "+1",
    "@SUM(A1)",
    "#emph[x] *bold* $x^2$ `raw` \\u{1F600}",
    "<script>alert(1)</script>",
    "https://example.com",
    "https://example.com/" + "a" * 300,
    "{page}",
)
ROWS = 70


def document(language: Locale = Locale.ENGLISH) -> Document:
    """A report of everything there can be, with long words in a language."""
    long = "客户满意度调查结果与去年同期相比" * 12 if language is Locale.CHINESE else "satisfaction of customers beside last year's " * 12
    headings = (Heading("Name", width=3), *(Heading(n, is_number=True) for n in ("Amount", "Again", "Share")), Heading("Means", width=2))
    rows = tuple(
        (
            Cell(NASTY[i % len(NASTY)] + f" {i}"),
            *(Cell("CN¥123,456,789,012.34" if i % 2 else "−1.50", Decimal("123456789012.34") if i % 2 else Decimal("-1.5"), "#,##0.00"),)
            * 2,
            Cell("no data") if i % 5 == 0 else Cell(f"{i / 100:.1%}", Decimal(i) / 100, "0.0%"),
            Cell("better", tone=Tone.BETTER),
        )
        for i in range(ROWS)
    )
    values = tuple(Cell("", None) if i == 3 else Cell(f"{i}", Decimal(i * i)) for i in range(6))
    low, high = tuple(Decimal(i * i - 1) for i in range(6)), tuple(Decimal(i * i + 1) for i in range(6))
    tile = Tile(
        "revenue",
        "A figure",
        Cell("1.5 %", Decimal("0.015"), "0.0%"),
        "1.0 % – 2.0 %",
        Cell("▲ 0.5 pp", Decimal("0.005"), "0.0%", Tone.BETTER),
    )
    places = tuple(f"2026-0{i + 1}" for i in range(6))
    return Document(
        "A *report*",
        NASTY[0],
        language,
        (NASTY[3],),
        (
            Section("said", "Said [here]: a/b?", (Text(long), Points((*NASTY, *[long] * 9)), Tiles((tile,) * 11))),
            Section("rows", "Rows", (Table("rows", "Rows", headings, rows, "A note."), Table("none", "rows", headings, (), empty="Nothing."))),
            Section("drawn", "Drawn", (Chart("one", "One", ChartKind.LINES, places, (Series("One", values, low, high),), "0"), Chart("two", "Two", ChartKind.BARS, places, (Series("Two", values),), "0"))),
        ),
        "Page {page} of {pages}",
    )  # fmt: skip


@pytest.mark.parametrize("language", list(Locale))
def test_a_workbook_holds_no_formula_and_every_number(language: Locale) -> None:
    made = workbook(document(language))
    book = openpyxl.load_workbook(BytesIO(made))
    assert len({s.title.lower() for s in book}) == len(book.sheetnames) == 4
    cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
    assert [c.value for c in cells if c.data_type == "f" or c.hyperlink] == []
    rows = list(book["Rows"].iter_rows(min_row=4, max_row=3 + ROWS))
    for (name, amount, _, share, _), expected in zip(rows, document().tables()[0].rows, strict=True):
        assert name.value == expected[0].words
        assert Decimal(str(amount.value)) == expected[1].value
        assert amount.number_format == "#,##0.00"
        assert share.value == (expected[3].words if expected[3].value is None else float(str(expected[3].value)))
    assert len([n for n in ZipFile(BytesIO(made)).namelist() if n.startswith("xl/charts/chart")]) == 2


@pytest.mark.parametrize("language", list(Locale))
def test_a_deck_goes_on_on_the_next_slide(language: Locale, tmp_path: Path) -> None:
    path = tmp_path / "deck.pptx"
    path.write_bytes(deck(document(language)))
    (rows,) = tables(path)
    assert [r[0] for r in rows[1:]] == [r[0].words for r in document().tables()[0].rows]
    made = Presentation(str(path))
    for slide in made.slides:
        for shape in slide.shapes:
            tall = sum(r.height for r in shape.table.rows) if shape.has_table else shape.height
            assert shape.top >= 0
            assert shape.top + tall <= made.slide_height
            assert shape.left >= 0
            assert shape.left + shape.width <= made.slide_width
    drawn = [s.chart for slide in made.slides for s in slide.shapes if s.has_chart]
    assert [list(c.plots[0].series[0].values) for c in drawn] == [[0, 1, 4, None, 16, 25]] * 2
    assert [len(c.plots[0].series) for c in drawn] == [3, 1]
    words = [p.text for slide in made.slides for s in slide.shapes if s.has_text_frame for p in s.text_frame.paragraphs]
    assert [n for n in NASTY if f"• {n}" not in words] == []
    assert words.count("A figure") == 11


@pytest.mark.parametrize("language", list(Locale))
def test_a_pdf_reads_no_markup_and_nothing_leaves_its_cell(language: Locale, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf(document(language)))
    text = squeezed(pages(path))
    assert [n for n in NASTY if squeezed([n]) not in text] == []
    assert text.count("CN¥123,456,789,012.34") == ROWS
    with pypdfium2.PdfDocument(path) as made:
        assert len(made) > 3
        for page in made:
            check_page(page)
    assert pdf(document(language)) == path.read_bytes()
