"""Runs: what was computed when, from which versions, and how long each stage took."""

from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.access.roles import Capability
from keepwell.lake import runs
from keepwell.lake.runs import Run
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.data_tabs import Tab, entity_words, tabs
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
DRAWN = 20  # runs in the picture
A_PAGE = 50


@dataclass(frozen=True)
class RunLine:
    """One run in the list."""

    run: Run
    seconds: float
    kpis: int
    is_published: bool
    is_shown: bool
    inputs: tuple[tuple[str, int, bool], ...]  # entity, version, whether it is another than the run before read


@dataclass(frozen=True)
class RunsPage:
    """Every run, the newest first."""

    title: str
    tabs: tuple[Tab, ...]
    lines: tuple[RunLine, ...]
    chart: Chart | None
    older: str | None
    sheets: tuple[Sheet, ...]


@ROUTES.page("/data/runs", Capability.SEE_DATA, "data_runs.html")
def list_runs(visit: Visit) -> RunsPage:
    lake = visit.workspace.lake
    known = runs.all_runs(lake)
    published = runs.published_or_none(lake)
    before: dict[str, Mapping[str, int]] = {}
    for earlier, later in zip([None, *known], known, strict=False):
        before[later.run_id] = earlier.versions if earlier else {}
    asked = visit.asked("from")
    first = int(asked) if asked.isdecimal() and len(asked) < 9 else 0
    newest = known[::-1][first : first + A_PAGE]
    lines = tuple(
        RunLine(
            run,
            (run.finished_at - run.started_at).total_seconds(),
            len(run.definitions),
            published is not None and run.run_id == published.run_id,
            visit.known_run_or_none is not None and run.run_id == visit.known_run_or_none.run_id,
            tuple(
                (entity_words(visit, n), v, bool(before[run.run_id]) and before[run.run_id].get(n) != v) for n, v in run.versions.items()
            ),
        )
        for run in newest
    )
    chart = _chart(visit, known[-DRAWN:]) if known else None
    sheets = (_sheet(visit, known[::-1]), *([chart.sheet] if chart else []))
    older = visit.address_with(**{"from": str(first + A_PAGE)}) if len(known) > first + A_PAGE else None
    return RunsPage(visit.say("data.title"), tabs(visit), lines, chart, older, sheets)


def _sheet(visit: Visit, known: list[Run]) -> Sheet:
    heads = ("run_id", "as_of", "started_at", "took", "kpis", "problems")
    columns = tuple(Column(n, visit.say(f"data.of_{n}"), n in {"took", "kpis", "problems"}) for n in heads)
    rows = [
        [r.run_id, r.as_of, r.started_at, (r.finished_at - r.started_at).total_seconds(), len(r.definitions), len(r.problems)]
        for r in known
    ]
    return Sheet("runs", columns, rows)


def _chart(visit: Visit, known: list[Run]) -> Chart:
    """The time that each stage took, run by run."""
    stages = list(dict.fromkeys(s for r in known for s in r.seconds))
    places = [visit.moment(r.started_at) for r in known]
    layers = [
        {
            "name": visit.word_or(f"data.stage_{stage.replace(' ', '_')}", stage),
            "values": [r.seconds.get(stage, 0.0) for r in known],
            "words": [visit.say("data.seconds", n=f"{r.seconds.get(stage, 0.0):,.1f}") for r in known],
        }
        for stage in stages
    ]
    columns = (Column("run_id", visit.say("run")), *(Column(s, str(layers[i]["name"]), is_number=True) for i, s in enumerate(stages)))
    rows = [[r.run_id, *(r.seconds.get(s, 0.0) for s in stages)] for r in known]
    figures = [[place, *(f"{r.seconds.get(s, 0.0):,.1f}" for s in stages)] for place, r in zip(places, known, strict=True)]
    drawn = {"places": places, "layers": layers, "bars": True}
    return Chart("stages", visit.say("data.stages"), "stack", drawn, Sheet("stages", columns, rows), height="low", figures=figures)
