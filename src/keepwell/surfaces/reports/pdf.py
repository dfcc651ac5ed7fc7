"""A report as PDF, set by Typst with the font that comes with Keepwell: it looks the same on every machine."""

import functools
import importlib.resources
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from keepwell.core.errors import KeepwellError
from keepwell.core.text import visible
from keepwell.surfaces.reports.document import Block, Cell, Chart, Document, Points, Section, Series, Table, Text, Tile, Tiles

FONTS = Path(str(importlib.resources.files("keepwell.surfaces.web"))) / "static" / "vendor"
FONT = FONTS / "NotoSansSC-Regular.ttf"
TEMPLATE = importlib.resources.files("keepwell.surfaces.reports") / "report.typ"
# of signs without a place to break, and the pieces that they may break into
LONG, PIECE, BREAK = re.compile(r"[!-~]{40,}"), re.compile(r".{12}"), "\u200b"
NOW = datetime(2000, 1, 1, tzinfo=UTC)  # a file made twice is the same; when it was made stands on its first page


def pdf(document: Document) -> bytes:
    """The report as a PDF on A4, its charts as vectors. Without the font, which the build fetches, it is an error."""
    if not FONT.is_file():
        raise KeepwellError(f"The font of PDFs is not there: {FONT.name}.", "Run `make setup` again: the build fetches it.")
    made: bytes = typst.compile(
        TEMPLATE.read_bytes(),
        font_paths=_fonts(),
        format="pdf",
        sys_inputs={"report": json.dumps(_printable(_report(document)), ensure_ascii=False)},
        timestamp=NOW,
    )
    return made


@functools.cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, font_paths=[str(FONTS)])


def _printable(value: Any) -> Any:
    """The same with texts that fit and can be drawn: what can't be seen is left out, and what has no place to break, such as an address, may break anywhere."""
    if isinstance(value, str):
        return LONG.sub(lambda m: PIECE.sub(r"\g<0>" + BREAK, m.group()), visible(value))
    if isinstance(value, list):
        return [_printable(v) for v in value]
    return {k: _printable(v) for k, v in value.items()} if isinstance(value, dict) else value


def _report(document: Document) -> dict[str, Any]:
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "language": str(document.language),
        "about": list(document.about),
        "page": document.page,
        "sections": [{"title": s.title, "parts": list(_parts(s))} for s in document.sections],
    }


def _parts(section: Section) -> Iterable[dict[str, Any]]:
    """Blocks in their order; charts that follow each other stand side by side."""
    charts: list[dict[str, Any]] = []
    for block in section.blocks:
        if isinstance(block, Chart):
            charts.append(_chart(block))
            continue
        if charts:
            yield {"kind": "charts", "charts": charts}
            charts = []
        yield _part(block, section.title)
    if charts:
        yield {"kind": "charts", "charts": charts}


def _part(block: Block, section_title: str) -> dict[str, Any]:
    match block:
        case Text():
            return {"kind": "text", "words": block.words}
        case Points():
            return {"kind": "points", "items": list(block.items)}
        case Tiles():
            return {"kind": "tiles", "tiles": [_tile(t) for t in block.tiles]}
        case Table():
            return _table(block, section_title)
        case Chart():
            return {"kind": "charts", "charts": [_chart(block)]}


def _tile(tile: Tile) -> dict[str, Any]:
    return {
        "label": tile.label,
        "figure": _cell(tile.figure),
        "interval": tile.interval,
        "change": _cell(tile.change) if tile.change else None,
    }


def _table(table: Table, section_title: str) -> dict[str, Any]:
    return {
        "kind": "table",
        # a title that says what the section's said is said once
        "title": None if table.title == section_title else table.title,
        "headings": [{"label": h.label, "is_number": h.is_number, "width": h.width} for h in table.headings],
        "rows": [[_cell(c) for c in row] for row in table.rows],
        "note": table.note,
        "empty": table.empty,
    }


def _chart(chart: Chart) -> dict[str, Any]:
    has_values = any(c.value is not None for s in chart.series for c in s.cells)
    return {
        "kind": str(chart.kind),
        "title": chart.title,
        "places": list(chart.places) if has_values else [],
        "series": [_series(s) for s in chart.series],
        "note": chart.note,
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "values": [_number(c) for c in series.cells],
        "words": [c.words for c in series.cells],
        "low": [None if v is None else float(v) for v in series.low],
        "high": [None if v is None else float(v) for v in series.high],
    }


def _number(cell: Cell) -> float | None:
    # days are no heights
    return None if cell.value is None or not hasattr(cell.value, "__float__") else float(cell.value)


def _cell(cell: Cell) -> dict[str, str]:
    return {"words": cell.words, "tone": str(cell.tone)}
