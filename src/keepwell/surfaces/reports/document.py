"""A report before it has a format: sections of text, figures, tables and charts. Each format writes the same one, so all say the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from keepwell.core.settings import Locale


class Tone(StrEnum):
    """What a reader shall feel about a number; a word or a sign always goes with it."""

    BETTER = "better"
    WORSE = "worse"
    WARN = "warn"
    PLAIN = "plain"


class ChartKind(StrEnum):
    """How a chart is drawn: lines over periods, or bars beside their names."""

    LINES = "lines"
    BARS = "bars"


@dataclass(frozen=True)
class Cell:
    """What stands in a cell: words for people and, of a number or a day, the value itself for programs.

    ``form`` is the number format of spreadsheets, such as ``0.0%``, with which ``value`` reads like ``words``.
    """

    words: str
    value: Decimal | int | date | None = None
    form: str | None = None
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Heading:
    """The head of a column. ``width`` is its share of the table's width beside the others'."""

    label: str
    is_number: bool = False
    width: int = 1


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    words: str


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Tile:
    """A figure with its name, its interval and how it changed."""

    name: str
    label: str
    figure: Cell
    interval: str
    change: Cell | None


@dataclass(frozen=True)
class Tiles:
    """Figures side by side."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells below their heads. Without rows, ``empty`` says so."""

    name: str  # of a sheet: letters, digits and _
    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Series:
    """Values of a chart, one a place; ``low`` and ``high`` are bounds of an interval where there is one."""

    label: str
    cells: tuple[Cell, ...]
    low: tuple[Decimal | None, ...] = ()
    high: tuple[Decimal | None, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart of one or several series over ``places``: periods, or the names of bars."""

    name: str
    title: str
    kind: ChartKind
    places: tuple[str, ...]
    series: tuple[Series, ...]
    form: str
    note: str = ""


Block = Text | Points | Tiles | Table | Chart


@dataclass(frozen=True)
class Section:
    """A part with its own title: of a deck a slide or several, of a workbook a sheet or several."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole report. ``about`` are lines on where its numbers come from; ``page`` words a page's number as in ``Page {page} of {pages}``."""

    title: str
    subtitle: str
    language: Locale
    about: tuple[str, ...]
    sections: tuple[Section, ...]
    page: str

    def tables(self) -> Sequence[Table]:
        """Every table, in the order of the report."""
        return [b for s in self.sections for b in s.blocks if isinstance(b, Table)]
