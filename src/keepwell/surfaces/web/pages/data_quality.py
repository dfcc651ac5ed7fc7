"""Quality: which columns are filled, how many values they have, how fresh they are, and what was rejected; over time."""

from dataclasses import dataclass
from typing import Any

from keepwell.access.roles import Capability
from keepwell.engine.sql import quoted
from keepwell.lake.entity import ColumnType, Entity, entities
from keepwell.lake.lake import Lake
from keepwell.lake.records import ChangeKind, ChangeRecord
from keepwell.lake.table import UPDATED
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.data_tabs import Tab, day_words, entity_words, tabs
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
MONTHS, IMPORTS = 12, 20
EXACT_UP_TO = 200_000  # rows; of more, different values are estimated
DAY = 10  # characters of an instant that are its day
DATED = {ColumnType.DATE, ColumnType.INSTANT}
CLEARLY = 0.1  # by how much a share falls that is told of; with at least so many rows on each side:
ENOUGH = 30


@dataclass(frozen=True)
class Filled:
    """A column: the share of rows that have a value, how many different ones, the latest."""

    name: str
    label: str
    share: float
    distinct: int | None
    freshest: str
    is_required: bool
    fell_from: float | None  # the share before, where the last month's is clearly lower
    last: float | None  # the share of the last month


@dataclass(frozen=True)
class EntityLine:
    """An entity in the list."""

    name: str
    label: str
    rows: int
    last: ChangeRecord | None
    read: int
    rejected: int
    is_chosen: bool

    @property
    def share_rejected(self) -> float:
        return self.rejected / self.read if self.read else 0.0


@dataclass(frozen=True)
class QualityPage:
    """What the data are worth."""

    title: str
    tabs: tuple[Tab, ...]
    lines: tuple[EntityLine, ...]
    days: dict[str, str]  # of each entity's last import
    entity: str
    rows: int
    columns: tuple[Filled, ...]
    charts: tuple[Chart, ...]
    by_month_of: str
    is_exact: bool  # the numbers of different values
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True)
class _Found:
    """What one query over an entity's table answers."""

    rows: int
    filled: dict[str, int]
    distinct: dict[str, int]
    latest: dict[str, Any]
    months: tuple[tuple[str, int, dict[str, int]], ...]


@ROUTES.page("/data/quality", Capability.SEE_DATA, "data_quality.html")
def quality(visit: Visit) -> QualityPage:
    lake = visit.workspace.lake
    snapshot = lake.snapshot()
    there = [n for n, e in entities().items() if not e.is_derived and snapshot.rows(n)]
    chosen = visit.asked("entity") or (there[0] if there else "")
    if chosen and chosen not in there:
        raise NotFoundError(visit.say("data.no_entity"))
    changes = [c for c in lake.changes() if c.kind is ChangeKind.IMPORT and c.undone_by is None]
    lines = tuple(_line(visit, n, snapshot.rows(n), changes, chosen) for n in there)
    columns: tuple[Filled, ...] = ()
    charts: tuple[Chart, ...] = ()
    rows = 0
    if chosen:
        of = entities()[chosen]
        # the same for everybody who may see it: shares and counts of all rows
        found: _Found = visit.site.kept.get(("quality", chosen, snapshot.versions[chosen]), lambda: _ask(lake, of))
        rows, columns = found.rows, _columns(visit, of, found)
        charts = tuple(c for c in (_heat(visit, of, found), _rejections(visit, chosen, changes)) if c is not None)
    sheets = (_sheet(visit, columns), *(c.sheet for c in charts))
    by = _month_words(visit, entities()[chosen]) if chosen else ""
    days = {line.name: day_words(visit, line.last.started_at) for line in lines if line.last}
    return QualityPage(
        visit.say("data.title"),
        tabs(visit),
        lines,
        days,
        entity_words(visit, chosen) if chosen else "",
        rows,
        columns,
        charts,
        by,
        rows <= EXACT_UP_TO,
        sheets,
    )


def _line(visit: Visit, name: str, rows: int, changes: list[ChangeRecord], chosen: str) -> EntityLine:
    mine = [(c, e) for c in changes for e in c.entities if e.entity == name][-IMPORTS:]
    return EntityLine(
        name, entity_words(visit, name), rows, mine[-1][0] if mine else None, sum(e.read for _, e in mine), sum(e.rejected for _, e in mine),
        name == chosen,
    )  # fmt: skip


def _ask(lake: Lake, of: Entity) -> _Found:
    """One query: counts by month and over all, distinct values and latest days over all."""
    stored = of.stored_columns
    month = f"strftime({quoted(of.month_of or UPDATED)}, '%Y-%m')"
    counts = ", ".join(f"count({quoted(c.name)})" for c in stored)
    is_exact = lake.snapshot().rows(of.name) <= EXACT_UP_TO
    distinct = ", ".join(f"count(distinct {quoted(c.name)})" if is_exact else f"approx_count_distinct({quoted(c.name)})" for c in stored)
    latest = ", ".join(f"max({quoted(c.name)})" if c.type in DATED else "NULL" for c in stored)
    with lake.engine() as engine:
        engine.register(lake.snapshot().table(of.name))
        by_month = engine.rows(
            f"select {month} as m, count(*), {counts} from {quoted(of.name)} group by 1 order by 1 desc limit {MONTHS + 1}"
        )
        whole = engine.rows(f"select count(*), {counts}, {distinct}, {latest} from {quoted(of.name)}")[0]
    names_, n = [c.name for c in stored], len(stored)
    filled, different, last = (dict(zip(names_, whole[1 + i * n : 1 + (i + 1) * n], strict=True)) for i in range(3))
    months = tuple((m, rows, dict(zip(names_, held, strict=True))) for m, rows, *held in by_month if m is not None)[:MONTHS]
    return _Found(whole[0], filled, different, last, months[::-1])


def _columns(visit: Visit, of: Entity, found: _Found) -> tuple[Filled, ...]:
    def latest(name: str) -> str:
        value = found.latest[name]
        return "" if value is None else str(value)[:DAY]

    return tuple(
        Filled(
            c.name, c.label[visit.locale], found.filled[c.name] / found.rows if found.rows else 0.0,
            min(found.distinct[c.name], found.filled[c.name]), latest(c.name), c.is_required, *_fall(found, c.name),
        )
        for c in of.stored_columns
    )  # fmt: skip


def _fall(found: _Found, name: str) -> tuple[float | None, float | None]:
    """The filled share before the last month and in it, where it clearly fell."""
    if len(found.months) < 2:
        return None, None
    *earlier, (_, rows, held) = found.months
    before = sum(n for _, n, _ in earlier)
    was, now = sum(h[name] for *_, h in earlier) / before, held[name] / rows
    return (was, now) if min(before, rows) >= ENOUGH and was - now >= CLEARLY else (None, None)


def _month_words(visit: Visit, of: Entity) -> str:
    """By which date rows stand in months."""
    return visit.say("data.by_month_of", column=of.column(of.month_of).label[visit.locale]) if of.month_of else visit.say("data.by_landing")


def _heat(visit: Visit, of: Entity, found: _Found) -> Chart | None:
    """The filled share of each column, month by month."""
    if not found.months:
        return None
    places = [m for m, *_ in found.months]
    labels = [c.label[visit.locale] for c in of.stored_columns]
    cells, table, figures = [], [], []
    for y, c in enumerate(of.stored_columns):
        shares = [held[c.name] / rows for _, rows, held in found.months]
        for x, (share, (month, rows, held)) in enumerate(zip(shares, found.months, strict=True)):
            words = visit.say("data.filled_of", filled=f"{held[c.name]:,}", rows=f"{rows:,}")
            cells.append({"x": x, "y": y, "value": share, "label": _percent(share), "title": f"{labels[y]} · {month}", "words": words})
        table.append([c.name, *shares])
        figures.append([labels[y], *(_percent(s) for s in shares)])
    heads = (Column("column", visit.say("data.of_column")), *(Column(p, p, is_number=True) for p in places))
    drawn = {"columns": places, "rows": labels, "cells": cells, "x": "", "y": ""}
    return Chart(
        "filled", visit.say("data.filled"), "heat", drawn, Sheet("filled", heads, table), note=_month_words(visit, of), height="high", figures=figures
    )  # fmt: skip


def _percent(share: float) -> str:
    """A share that is not whole is never said to be."""
    return "100%" if share == 1 else "0%" if share == 0 else f"{min(99.9, max(0.1, 100 * share)):.3g}%"


def _rejections(visit: Visit, name: str, changes: list[ChangeRecord]) -> Chart | None:
    """Rows rejected beside those that were taken, import by import."""
    mine = [(c, e) for c in changes for e in c.entities if e.entity == name and e.read][-IMPORTS:]
    if not mine:
        return None
    places = [visit.moment(c.started_at) for c, _ in mine]
    kinds = (("taken", [e.read - e.rejected for _, e in mine], 1), ("rejected", [e.rejected for _, e in mine], 6))
    heads = {"taken": visit.say("data.rows_taken"), "rejected": visit.say("rejected")}
    layers = [
        {"name": heads[kind], "colour": colour, "values": values, "words": [f"{v:,}" for v in values]} for kind, values, colour in kinds
    ]
    columns = (Column("import_id", visit.say("import")), *(Column(kind, heads[kind], is_number=True) for kind, *_ in kinds))
    rows = [[c.import_id, e.read - e.rejected, e.rejected] for c, e in mine]
    figures = [[place, f"{e.read - e.rejected:,}", f"{e.rejected:,}"] for place, (_, e) in zip(places, mine, strict=True)]
    drawn = {"places": places, "layers": layers, "bars": True}
    return Chart(
        "rejections", visit.say("data.rejections"), "stack", drawn, Sheet("rejections", columns, rows), height="low", figures=figures
    )


def _sheet(visit: Visit, columns: tuple[Filled, ...]) -> Sheet:
    heads = ("column", "share", "distinct", "freshest")
    told = tuple(Column(n, visit.say(f"data.of_{n}"), n in {"share", "distinct"}) for n in heads)
    return Sheet("columns", told, [[c.name, c.share, c.distinct, c.freshest] for c in columns])
