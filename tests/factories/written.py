"""Reports read back from their files by other libraries, and numbers read back from words."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
from pptx import Presentation

NUMBER = re.compile(r"[+−-]?\s?(?:CN)?[¥$€]?\s?\d[\d,]*(?:\.\d+)?")
# what a number in words is multiplied with
SCALES = {
    "percent": (re.compile(r"^\s*(%|pp|个百分点)"), Decimal("0.01")),
    "days": (re.compile(r"^\s*(d\b|天)"), Decimal(86_400)),
    "hours": (re.compile(r"^\s*(h\b|小时)"), Decimal(3_600)),
    "minutes": (re.compile(r"^\s*(min\b|分钟)"), Decimal(60)),
    "ten thousands": (re.compile(r"^\s*万"), Decimal(10_000)),
    "thousands": (re.compile(r"^K\b"), Decimal(1_000)),
    "millions": (re.compile(r"^M\b"), Decimal(1_000_000)),
}


def numbers_in(words: str) -> Iterator[tuple[Decimal, Decimal]]:
    """Every number that people read in words, with half of its last place: between ``n - half`` and ``n + half`` lies what was meant."""
    # a period's name, a name with digits in it, and "95 %" of an interval are no readings
    plain = re.sub(r"\d{4}-(?:\d\d|Q\d)|FY\d+|\b[A-Za-z_]+\d+\b", " ", words)
    for found in NUMBER.finditer(plain):
        digits = re.sub(r"[^\d.]", "", found[0])
        scale = next((s for pattern, s in SCALES.values() if pattern.match(plain[found.end() :])), Decimal(1))
        half = Decimal(5).scaleb(-len(digits.partition(".")[2]) - 1) * scale
        sign = -1 if found[0][0] in "−-" else 1
        yield sign * Decimal(digits) * scale, half


def is_told(words: str, value: Decimal | float) -> bool:
    """Whether words that hold one number, and a word or two, tell that value as exactly as they can."""
    (number, half), *_ = numbers_in(words)
    return abs(number - Decimal(str(value))) <= half * Decimal("1.000001")


def sheets(path: Path) -> dict[str, list[list[Any]]]:
    """The rows of every sheet of a workbook, formulas as they are written."""
    return {s.title: [[c.value for c in row] for row in s.iter_rows()] for s in openpyxl.load_workbook(path)}


def tables(path: Path) -> list[list[list[str]]]:
    """Every table of a deck; the parts of one that goes on over slides are one."""
    found: list[list[list[str]]] = []
    for slide in Presentation(str(path)).slides:
        for shape in slide.shapes:
            if shape.has_table:
                rows = [[c.text for c in row.cells] for row in shape.table.rows]
                if found and found[-1][0] == rows[0]:
                    found[-1] += rows[1:]
                else:
                    found.append(rows)
    return found


def charts(path: Path) -> list[tuple[list[str], list[list[float | None]]]]:
    """Every native chart of a deck: its places, and the values of each series."""
    shapes = [s for slide in Presentation(str(path)).slides for s in slide.shapes if s.has_chart]
    return [(list(s.chart.plots[0].categories), [list(x.values) for x in s.chart.plots[0].series]) for s in shapes]


def sentences(path: Path) -> list[str]:
    """Every paragraph of a deck outside its tables."""
    frames = [s.text_frame for slide in Presentation(str(path)).slides for s in slide.shapes if s.has_text_frame]
    return [p.text for f in frames for p in f.paragraphs if p.text]


def pages(path: Path) -> list[str]:
    """The text of every page of a PDF, in the order in which it was written."""
    with pypdfium2.PdfDocument(path) as document:
        return [page.get_textpage().get_text_range() for page in document]


def squeezed(parts: Iterable[str]) -> str:
    """Text without what only breaks lines. A hyphen at the end of a line is read back as another sign."""
    return re.sub(r"[\s\u200b]+", "", "".join(parts).replace("\ufffe", "-"))


def check_page(page: Any) -> None:
    """No word lies on another one, and the margins of the page as it is seen are white."""
    told = page.get_textpage()
    boxes = [told.get_rect(i) for i in range(told.count_rects())]
    for place, (left, bottom, right, top) in enumerate(boxes):
        for other in boxes[place + 1 :]:
            across = min(right, other[2]) - max(left, other[0])
            along = min(top, other[3]) - max(bottom, other[1])
            # lines of a paragraph touch, and so do the parts of a line
            assert across <= 1 or along <= 0.35 * min(top - bottom, other[3] - other[1]), told.get_text_bounded(*other)
    image = page.render(scale=1).to_pil().convert("L")
    width, height = image.size
    for box in ((0, 0, 40, height), (width - 40, 0, width, height), (0, 0, width, 20), (0, height - 20, width, height)):
        assert image.crop(box).getextrema() == (255, 255)
