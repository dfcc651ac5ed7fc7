"""Scorecards as pages show them: figures and words, and what is wrong with a change of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.yaml_file import YamlError
from keepwell.metrics.kpi import Benchmark, Kpi
from keepwell.performance.scorecards.card import Item
from keepwell.performance.scorecards.scored import Scored, ScoredItem
from keepwell.surfaces.answers import plain
from keepwell.surfaces.codes import title_of
from keepwell.surfaces.figures import change_words, interval_or_empty
from keepwell.surfaces.scorecards import Scorecards
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.picked import Picked
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

GRADE_TONES = {"excellent": "better", "good": "better", "fair": "warn", "poor": "worse"}
MARK = "mark."  # before an item's name in addresses and forms
TEXTS = {"perspective", "item", "kpi", "without", "benchmark_source"}
ITEM_COLUMNS = (
    "perspective", "item", "kpi", "value", "target", "benchmark", "benchmark_source", "points", "points_low", "points_high", "share", "adds", "without",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A number as people read it, and exactly."""

    words: str
    exact: Any


@dataclass(frozen=True)
class Change:
    """A change that is more than chance: of which item, and in words with its arrow."""

    title: str
    words: str
    tone: str
    href: str


@dataclass(frozen=True)
class Summary:
    """What a card comes to."""

    total: Told
    interval: str
    grade: str
    grade_words: str
    grade_tone: str
    known: str


@dataclass(frozen=True)
class ItemLine:
    """An item of a card in a period."""

    item: str
    title: str
    href: str
    value: Told
    interval: str
    change: Change | None
    target: Told
    is_aimed: bool
    benchmark: Told
    source: str
    points: Told
    points_interval: str
    weight: Told
    adds: Told
    without: str


@dataclass(frozen=True)
class PerspectiveLine:
    """A perspective with its items."""

    name: str
    title: str
    weight: Told
    points: Told
    items: tuple[ItemLine, ...]


def kpi_of(item: Item) -> str:
    """The KPI that an item reads."""
    return item.kpi or item.name


def item_title(visit: Visit, item: Item) -> str:
    """An item in words."""
    if item.manual is not None:
        return item.manual.title[visit.locale]
    known = visit.workspace.kpis.get(kpi_of(item))
    return title_of(known, item.by, item.member, visit.locale) if known else item.name


def grade_words(visit: Visit, grade: str | None) -> str:
    """A grade in words; where there is none, that there is no total."""
    return visit.say(f"cards.grade_{grade}") if grade else visit.say("cards.no_total")


def one_decimal(value: Any) -> Told:
    """Points, weights and what they add, as people read them."""
    return Told("–" if value is None else f"{float(value):.1f}", plain(value))


def ends(low: Any, high: Any) -> str:
    """An interval of points; nothing where it has no width."""
    return "" if low is None or high is None or low == high else f"{float(low):.1f} – {float(high):.1f}"


def summary(visit: Visit, found: Scored) -> Summary:
    """What a card comes to, in words."""
    grade = str(found.grade) if found.grade else ""
    return Summary(
        one_decimal(found.total), ends(found.low, found.high), grade, grade_words(visit, grade), GRADE_TONES.get(grade, "none"),
        visit.say("cards.known", share=f"{found.known:.0f} %"),
    )  # fmt: skip


def perspectives(visit: Visit, found: Scored, which: Picked) -> tuple[PerspectiveLine, ...]:
    """A card's perspectives and items, in words."""
    return tuple(
        PerspectiveLine(
            p.perspective.name,
            p.perspective.title[visit.locale],
            one_decimal(p.perspective.weight),
            one_decimal(p.points),
            tuple(_item(visit, i, which) for i in p.items),
        )
        for p in found.perspectives
    )


def _item(visit: Visit, found: ScoredItem, which: Picked) -> ItemLine:
    item, reading = found.item, found.reading
    without = visit.say(f"cards.without_{found.without}") if found.without else ""
    points, weight, adds = one_decimal(found.points), one_decimal(found.share), one_decimal(found.adds)
    none = Told("", None)
    if item.manual is not None:
        title = item.manual.title[visit.locale]
        value = none if found.judged is None else Told(f"{found.judged:f}", plain(found.judged))
        return ItemLine(item.name, title, "", value, "", None, none, False, none, "", points, "", weight, adds, without)
    kpi = visit.workspace.kpis[kpi_of(item)]
    value = none if reading is None or reading.value is None else Told(visit.figure(reading.value, kpi.unit), plain(reading.value))
    target = none if found.target is None else Told(visit.figure(found.target, kpi.unit), plain(found.target))
    known = benchmark_or_none(visit, item)
    benchmark = none if known is None else Told(visit.figure(known.value, kpi.unit), known.value)
    return ItemLine(
        item.name, item_title(visit, item), kpi_address(kpi, which), value, interval_or_empty(reading, kpi, visit.settings) if reading else "",
        real_change_or_none(visit, found, which), target, found.is_aimed, benchmark, known.source if known else "", points,
        ends(found.low, found.high), weight, adds, without,
    )  # fmt: skip


def benchmark_or_none(visit: Visit, item: Item) -> Benchmark | None:
    """What others come to; nothing of a part of the company."""
    return None if item.manual is not None or item.by is not None else visit.workspace.kpis[kpi_of(item)].benchmark


def kpi_address(kpi: Kpi, which: Picked) -> str:
    """The KPI's page at the same period."""
    return f"/kpi/{kpi.name}?period={which.period.label}&compare={which.compare}"


def real_change_or_none(visit: Visit, found: ScoredItem, which: Picked) -> Change | None:
    """How an item's reading changed, where that is more than chance."""
    reading, kpi = found.reading, None if found.item.manual else visit.workspace.kpis.get(kpi_of(found.item))
    if reading is None or kpi is None:
        return None
    is_year = which.compare == "year"
    change = reading.change_last_year if is_year else reading.change_previous
    is_real = reading.change_last_year_is_real if is_year else reading.change_previous_is_real
    if not is_real:
        return None
    words, tone = change_words(change, is_real, kpi, visit.settings)
    return Change(item_title(visit, found.item), words, tone or "none", kpi_address(kpi, which))


def item_sheet(visit: Visit, found: Scored) -> Sheet:
    """The items of a card, exactly."""
    rows = []
    for i in found.items:
        benchmark = benchmark_or_none(visit, i.item)
        rows.append(
            [i.perspective, i.item.name, i.item.kpi, i.reading.value if i.reading else i.judged, i.target, benchmark.value if benchmark else None,
             benchmark.source if benchmark else None, i.points, i.low, i.high, i.share, i.adds, str(i.without) if i.without else None]
        )  # fmt: skip
    return Sheet("items", tuple(Column(n, visit.say(f"cards.{n}"), n not in TEXTS) for n in ITEM_COLUMNS), rows)


def points_chart(visit: Visit, found: Scored) -> Chart | None:
    """The points of each item that has some, with what its interval makes of them."""
    known = [i for i in found.items if i.points is not None]
    if not known:
        return None
    names = ("item", "points", "points_low", "points_high")
    rows = [[i.item.name, i.points, i.low, i.high] for i in known]
    figures = [
        [item_title(visit, i.item), *(one_decimal(v).words if v is not None else "" for v in (i.points, i.low, i.high))] for i in known
    ]
    items = [
        {
            # names are cut where they are long, and members are told apart by theirs
            "name": " · ".join(reversed(f[0].split(" · "))) if i.item.member else f[0],
            "value": float(i.points or 0),
            "low": None if i.low is None else float(i.low),
            "high": None if i.high is None else float(i.high),
            "words": f[1],
        }
        for f, i in zip(figures, known, strict=True)
    ]
    columns = tuple(Column(n, visit.say(f"cards.{n}"), n != "item") for n in names)
    height = "middle" if len(items) <= 8 else "high"
    return Chart(
        "points",
        visit.say("cards.points_of_items"),
        "bars",
        {"items": items},
        Sheet("points", columns, rows),
        height=height,
        figures=figures,
    )


# ------------------------------------------------------------------ changes of a card


@dataclass(frozen=True)
class MovedLine:
    """An item, or the total, before a change and after it."""

    item: str
    title: str
    is_total: bool
    is_moved: bool
    cells: tuple[tuple[str, Told], ...]


PREVIEWED = ("share_before", "share", "points_before", "points", "adds_before", "adds")


def moved_lines(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> tuple[MovedLine, ...]:
    """What a change moves, item by item, the total last."""
    made = []
    for row in rows:
        is_moved = any(row[f"{n}_before"] != row[n] for n in ("share", "points", "adds"))
        cells = tuple((n, one_decimal(row[n])) for n in PREVIEWED)
        made.append(MovedLine(row["item"], titles[row["item"]], row["item"] == "total", is_moved, cells))
    return tuple(made)


def fault_words(visit: Visit, error: KeepwellError, values: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """What is wrong, and what to do, in the person's language; of a definition with the place, in the words that the form has for it."""
    hint = visit.told(error.hint)
    if not isinstance(error, YamlError) or values is None:
        return visit.told(error.message), hint
    said = visit.told(error.said)
    place = " › ".join(_place(visit, error.address, values))
    return (visit.say("cards.fault", place=place, said=said) if place else said), hint


def _place(visit: Visit, address: Sequence[str | int], values: Any) -> list[str]:
    at, made = values, []
    for part in address:
        at = at.get(part) if isinstance(at, dict) else at[part] if isinstance(at, list) and isinstance(part, int) else None
        if isinstance(part, int) and isinstance(at, dict):
            made.append(_entry_title(visit, at))
    if address and isinstance(address[-1], str):
        made.append(visit.word_or(f"cards.field_{address[-1]}", address[-1]))
    return made


def _entry_title(visit: Visit, entry: Mapping[str, Any]) -> str:
    if "title" in entry:
        return str(entry["title"][visit.locale])
    known = visit.workspace.kpis.get(str(entry.get("kpi")))
    return known.title[visit.locale] if known else str(entry.get("kpi"))


def marks_of(given: Mapping[str, str]) -> dict[str, Decimal]:
    """Marks by item from the fields of an address or a form; a field that was left empty gives none."""
    made = {}
    for name, text in given.items():
        if name.startswith(MARK) and text.strip():
            try:
                made[name.removeprefix(MARK)] = Decimal(text.strip())
            except InvalidOperation:
                raise WrongUseError(f"{text!r} is no number.", "Write a number.") from None
    return made


def desk_of(visit: Visit) -> Scorecards:
    """The scorecards as this person sees them; readings are kept as long as the run is."""
    return Scorecards(visit.workspace, visit.site.store, visit.kept)
