"""Pages as a program reads them: elements with their attributes and their words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

EMPTY = frozenset(
    {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "rect", "line", "circle", "polyline", "use"}
)


@dataclass
class Element:
    """One element of a page."""

    name: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    inside: "list[Element | str]" = field(default_factory=list)

    def __getitem__(self, attribute: str) -> str:
        return self.attributes[attribute]

    def __contains__(self, attribute: str) -> bool:
        return attribute in self.attributes

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    @property
    def text(self) -> str:
        """Its words, each space once."""
        return " ".join("".join(self._pieces()).split())

    def _pieces(self) -> Iterator[str]:
        for part in self.inside:
            if isinstance(part, str):
                yield part
            elif "visually-hidden" not in part.classes and part.name not in {"script", "svg"}:
                yield from part._pieces()

    def all(self, name: str | None = None, attribute: str | None = None, css: str | None = None) -> "list[Element]":
        """What is in it of that name, with that attribute, of that class, in order."""
        return [
            e
            for e in self._below()
            if (name is None or e.name == name) and (attribute is None or attribute in e) and (css is None or css in e.classes)
        ]

    def one(self, name: str | None = None, attribute: str | None = None, css: str | None = None) -> "Element":
        """The first of them; an error where there is none."""
        found = self.all(name, attribute, css)
        if not found:
            raise AssertionError(f"no {name or 'element'} with {attribute or css} in: {self.text[:300]}")
        return found[0]

    def _below(self) -> "Iterator[Element]":
        for part in self.inside:
            if isinstance(part, Element):
                yield part
                yield from part._below()

    def within(self, attribute: str) -> "Element | None":
        """The nearest element around it, or itself, with that attribute."""
        at: Element | None = self
        while at is not None and attribute not in at:
            at = at.parent
        return at


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("page", {})
        self._at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {n: v or "" for n, v in attrs}, self._at)
        self._at.inside.append(made)
        if tag not in EMPTY:
            self._at = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._at.inside.append(Element(tag, {n: v or "" for n, v in attrs}, self._at))

    def handle_endtag(self, tag: str) -> None:
        at: Element | None = self._at
        while at is not None and at.name != tag:
            at = at.parent
        if at is not None and at.parent is not None:
            self._at = at.parent

    def handle_data(self, data: str) -> None:
        self._at.inside.append(data)


def read(text: str) -> Element:
    """A page, or a part of one."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.root


def rows_of(table: Element) -> list[dict[str, str]]:
    """The rows of a table by its columns: what a program reads of each cell, else its words."""
    heads = [h.attributes.get("data-column", "") for h in table.one("thead").all("th")]
    found = []
    for line in (r for body in table.all("tbody") for r in body.all("tr")):
        cells = [c for c in line.inside if isinstance(c, Element) and c.name in {"td", "th"}]
        told = {
            c.attributes.get("data-column") or heads[i]: c.attributes.get("data-value", c.text)
            for i, c in enumerate(cells)
            if len(cells) == len(heads)
        }
        found.append({n: v for n, v in told.items() if n})
    return [r for r in found if r]
