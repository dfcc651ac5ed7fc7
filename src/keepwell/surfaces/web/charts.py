"""Charts: what is drawn, told to the browser as data, each with its table. Colours are names of the theme's, never values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from keepwell.metrics.kpi import Unit
from keepwell.surfaces.web.tables import Sheet


@dataclass(frozen=True)
class Chart:
    """A picture and the table of what it shows. ``kind`` names the drawing in ``static/charts.js``, ``drawn`` is what it draws."""

    name: str
    title: str
    kind: str
    drawn: dict[str, Any]
    sheet: Sheet
    note: str = ""
    height: str = "middle"  # low | middle | high | highest
    figures: Sequence[Sequence[str]] = field(default=())  # the table as people read it


@dataclass(frozen=True)
class Point:
    """One point of a line: place, value, words of the value; with an interval, where there is one, and an address behind it."""

    at: str
    value: float | None
    words: str
    low: float | None = None
    high: float | None = None
    is_open: bool = False
    href: str | None = None


@dataclass(frozen=True)
class Mark:
    """A place on a line where something happened: a short word beside it, and what is told where one points at it."""

    at: str
    words: str
    told: tuple[str, ...] = ()


def measured(unit: Unit) -> dict[str, bool]:
    """How a chart's axis tells its numbers: shares in percent, durations in minutes, hours or days."""
    return {"share": unit is Unit.SHARE, "seconds": unit is Unit.SECONDS}


def trend(points: Sequence[Point], *, targets: Sequence[tuple[str, float, str]] = (), events: Sequence[Mark] = ()) -> dict[str, Any]:
    """A line with its band. ``targets`` are name, value and style (target | benchmark)."""
    return {
        "points": [
            {"at": p.at, "value": p.value, "words": p.words, "low": p.low, "high": p.high, "open": p.is_open, "href": p.href}
            for p in points
        ],
        "targets": [{"name": name, "value": value, "style": style} for name, value, style in targets],
        "events": [{"at": e.at, "words": e.words, "told": list(e.told)} for e in events],
    }
