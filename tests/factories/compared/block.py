"""A table, a tile, a list or a figure of a page, and what it is compared with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from factories.markup import Element, rows_of
from factories.shown import is_number, says
from factories.told import Told, alike

# what has to have a name, so that the walk knows with what to compare it
KINDS = {"table": "data-table", "dl": "data-facts", "ul": "data-list", "ol": "data-list", "": "data-figure"}
FIGURES = {"kw-value", "kw-big", "kw-facts", "kw-findings", "kw-timeline"}


@dataclass(frozen=True)
class At:
    """A page that was opened: its route, the places and the question of its address, and what it shows."""

    route: str
    address: str
    places: Mapping[str, str]
    locale: str
    main: Element

    @property
    def asked(self) -> dict[str, str]:
        """The address's question; the last value of each name."""
        return {n: v[-1] for n, v in parse_qs(urlsplit(self.address).query).items()}

    @property
    def period(self) -> str:
        return self.asked.get("period", "2026-10")


Compare = Callable[[Told, At, Element], None]


def blocks(main: Element) -> Iterator[tuple[str, Element]]:
    """Every table, list, fact and figure with its name, and every reading. One without a name is an error."""
    for e in main.all():
        kind = next((f"{a.removeprefix('data-')}:{e[a]}" for a in KINDS.values() if a in e), None)
        if kind is not None:
            yield kind, e
        elif "data-kpi" in e and "data-value" in e and e.name != "li":
            yield "reading", e
        elif e.name == "table" or (e.classes & FIGURES and e.within("data-kpi") is None and "data-shown" not in e):
            raise AssertionError(f"a {e.name} has no name: give it data-table, data-facts, data-list or data-figure: {e.text[:200]}")


def check_words(main: Element) -> int:
    """Every figure that people read is the exact one beside it, rounded; gives how many there were."""
    checked = 0
    for e in main.all(attribute="data-value"):
        exact, text = e["data-value"], e.text
        if "data-kpi" in e or e.name in {"tr", "section", "table"}:
            continue
        if exact == "":
            assert not any(c.isdigit() for c in text), (text, "stands where there is no value")
        elif is_number(exact) and any(c.isdigit() for c in text):
            assert says(text, float(exact)), (text, exact, e.attributes)
            checked += 1
        elif is_number(exact):
            raise AssertionError(f"{text!r} tells nothing of {exact}: {e.attributes}")
    return checked


def each(block: Element, told: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """The rows of a table are those that were told, in their order; ``columns`` are the page's name -> the told one's."""
    rows = rows_of(block)
    assert len(rows) == len(told), (block["data-table"], len(rows), len(told))
    for row, one in zip(rows, told, strict=True):
        for column, name in columns.items():
            assert alike(row[column], one[name]), (block["data-table"], column, row[column], one[name])


def numbers(row: Mapping[str, str], one: Mapping[str, Any], columns: Sequence[str]) -> None:
    """These columns are those that were told."""
    for name in columns:
        assert alike(row[name], _plain(one[name])), (name, row[name], one[name], row)


def _plain(value: Any) -> Any:
    return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
