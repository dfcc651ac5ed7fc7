"""A report as the text of a mail: HTML with its styles within, which is what mail programs read, and plain text beside it.

Charts stay in the files: few mail programs draw vectors.
"""

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from keepwell.surfaces.reports.document import Block, Document, Points, Section, Table, Text, Tile, Tiles, Tone
from keepwell.surfaces.words import words_of

MOST_ROWS = 12
COLOURS = {Tone.BETTER: "#146c43", Tone.WORSE: "#b02a37", Tone.WARN: "#8a5a00", Tone.PLAIN: "#1c2430"}
KINDS: dict[type[Block], str] = {Text: "text", Points: "points", Tiles: "tiles", Table: "table"}


def html_mail(document: Document, link: str = "") -> str:
    """The report as an HTML page for a mail, with a link to the pages where there is one."""
    word = words_of(document.language)
    return _template().render(
        document=document, told=_told, colours=COLOURS, most=MOST_ROWS, more=word("mail_more_rows"), open=word("mail_open"), link=link
    )


def plain_mail(document: Document, link: str = "") -> str:
    """The report as plain text: what it says in sentences, and its figures."""
    lines = [document.title, document.subtitle, *([link] if link else [])]
    for section in document.sections:
        said = [line for block in section.blocks for line in _lines(block)]
        lines += ["", section.title, *said] if said else []
    return "\n".join([*lines, "", *document.about]) + "\n"


def short_text(document: Document, link: str = "") -> str:
    """The first section as plain text, for chats."""
    said = [line for block in document.sections[0].blocks for line in _lines(block)]
    return "\n".join([document.subtitle, *said, *([link] if link else [])])


@functools.cache
def _template() -> Template:
    made = Environment(
        loader=PackageLoader("keepwell.surfaces.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return made.get_template("mail.html")


def _told(section: Section) -> list[tuple[str, Block]]:
    return [(KINDS[type(b)], b) for b in section.blocks if type(b) in KINDS]


def _lines(block: Block) -> list[str]:
    match block:
        case Text():
            return [block.words]
        case Points():
            return [f"- {item}" for item in block.items]
        case Tiles():
            return [_line(t) for t in block.tiles]
        case _:
            return []


def _line(tile: Tile) -> str:
    beside = [p for p in (tile.interval, tile.change.words if tile.change else "") if p]
    return f"- {tile.label}: {tile.figure.words}" + (f" ({'; '.join(beside)})" if beside else "")
