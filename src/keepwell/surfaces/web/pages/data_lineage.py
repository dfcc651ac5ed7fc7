"""Lineage: from sources over entities to KPIs, and what rests on an entity."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from keepwell.access.roles import Capability
from keepwell.lake.entity import entities
from keepwell.lake.records import ChangeKind
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.lineage import lineage
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.data_import import Choice
from keepwell.surfaces.web.pages.data_tabs import Tab, entity_words, tabs
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
MOST_KPIS = 36  # in the picture of one entity; the table has them all
FEW = 20  # things in a picture of common height


@dataclass(frozen=True)
class RestingKpi:
    """A KPI, and the columns of the entity that it reads."""

    name: str
    title: str
    theme: str
    columns: str


@dataclass(frozen=True)
class LineagePage:
    """What comes from where."""

    title: str
    tabs: tuple[Tab, ...]
    choices: tuple[Choice, ...]
    entity: str
    chart: Chart | None
    kpis: tuple[RestingKpi, ...]
    sheets: tuple[Sheet, ...]


Read = dict[str, dict[str, tuple[str, ...]]]  # KPI -> entity -> its columns


@ROUTES.page("/data/lineage", Capability.SEE_DATA, "data_lineage.html")
def show_lineage(visit: Visit) -> LineagePage:
    known = visit.workspace.kpis
    read: Read = visit.kept(("lineage", tuple((k.name, k.definition_hash) for k in known.values())), lambda: _read(known))
    chosen = visit.asked("entity")
    if chosen and chosen not in entities():
        raise NotFoundError(visit.say("data.no_entity"))
    brought = _brought(visit)
    used = sorted({e for columns in read.values() for e in columns} | {e for _, e in brought}, key=list(entities()).index)
    shown = {k: c for k, c in read.items() if not chosen or chosen in c}
    chart = _chart(visit, known, shown, brought, chosen) if brought else None
    kpis = tuple(
        RestingKpi(name, known[name].title[visit.locale], known[name].theme, _reads(visit, columns, chosen))
        for name, columns in sorted(shown.items(), key=lambda item: (known[item[0]].theme, known[item[0]].title[visit.locale]))
    )
    return LineagePage(
        visit.say("data.title"),
        tabs(visit),
        tuple(Choice(e, entity_words(visit, e), e == chosen) for e in used),
        entity_words(visit, chosen) if chosen else "",
        chart,
        kpis,
        (_sheet(visit, known, read), *([chart.sheet] if chart else [])),
    )


def _reads(visit: Visit, columns: dict[str, tuple[str, ...]], chosen: str) -> str:
    """The columns of the chosen entity that a KPI reads, or all its entities, in words."""
    words = (visit.column(c) for c in columns[chosen]) if chosen else (entity_words(visit, e) for e in columns)
    return visit.say("data.comma").join(words)


def _read(known: dict[str, Kpi]) -> Read:
    return {name: lineage(kpi).columns for name, kpi in known.items()}


def _brought(visit: Visit) -> dict[tuple[str, str], int]:
    """Source and entity -> the rows that imports which still stand have read."""
    found: Counter[tuple[str, str]] = Counter()
    for change in visit.workspace.lake.changes():
        if change.kind is ChangeKind.IMPORT and change.undone_by is None:
            for e in change.entities:
                found[change.source, e.entity] += e.read
    return dict(found)


def _sheet(visit: Visit, known: dict[str, Kpi], read: Read) -> Sheet:
    heads = ("entity", "columns", "kpi", "theme")
    rows = [[e, ", ".join(columns), name, known[name].theme] for name, found in read.items() for e, columns in found.items()]
    return Sheet("lineage", tuple(Column(n, visit.say(f"data.of_{n}")) for n in heads), sorted(rows))


def _chart(visit: Visit, known: dict[str, Kpi], shown: Read, brought: dict[tuple[str, str], int], chosen: str) -> Chart:
    """Sources to entities by KPIs that rest on them; entities to themes, or to the KPIs of the one that is chosen."""
    ends: dict[str, Counter[str]] = defaultdict(Counter)  # entity -> theme or KPI -> how many KPIs
    for name, columns in list(shown.items())[: MOST_KPIS if chosen else None]:
        for e in columns:
            if any(entity == e for _, entity in brought) and (not chosen or e == chosen):
                ends[e][name if chosen else known[name].theme] += 1
    nodes: dict[str, dict[str, object]] = {}
    links: list[dict[str, object]] = []
    rows: list[list[object]] = []

    def node(kind: str, name: str, label: str, depth: int, colour: int) -> str:
        key = f"{kind}:{name}"
        nodes.setdefault(key, {"id": key, "name": label, "words": label, "depth": depth, "colour": colour})
        return key

    for (source, e), n in brought.items():
        if e != chosen if chosen else e not in ends:
            continue
        weight = max(1, sum(ends[e].values()) if e in ends else 1)
        told = visit.say("data.brought", source=source, entity=entity_words(visit, e), n=f"{n:,}")
        left, right = node("source", source, source, 0, 0), node("entity", e, entity_words(visit, e), 1, 3)
        links.append({"from": left, "to": right, "value": weight, "words": told})
        rows.append([source, entity_words(visit, e), n])
    for e, targets in ends.items():
        for target, n in targets.items():
            label = known[target].title[visit.locale] if chosen else visit.word_or(f"data.theme_{target}", target)
            told = visit.say("data.rest_on", n=n, entity=entity_words(visit, e), what=label)
            links.append(
                {"from": f"entity:{e}", "to": node("end", target, label, 2, 2), "value": n, "words": told},
            )
            rows.append([entity_words(visit, e), label, n])
    heads = (Column("from", visit.say("data.of_from")), Column("to", visit.say("data.of_to")), Column("n", visit.say("n"), is_number=True))
    figures = [[str(a), str(b), f"{n:,}"] for a, b, n in rows]
    drawn = {"nodes": list(nodes.values()), "links": links, "right": 230 if chosen else 130}
    sheet = Sheet("flow", heads, rows)
    return Chart(
        "flow",
        visit.say("data.flow"),
        "flow",
        drawn,
        sheet,
        height="high" if len(nodes) <= FEW else "highest",
        note=visit.say("data.flow_note"),
        figures=figures,
    )
