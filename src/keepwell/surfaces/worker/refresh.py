"""The refresh: everything computed from one moment of the lake, published as one run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pyarrow as pa

import keepwell
from keepwell.core.clock import Clock, today
from keepwell.core.errors import KeepwellError
from keepwell.core.ids import new_id
from keepwell.core.periods import Grain, Span
from keepwell.core.progress import Progress, Silent, step
from keepwell.core.settings import EngineName, Profile
from keepwell.core.workspace import Workspace
from keepwell.lake import maintenance, runs
from keepwell.lake.entity import entities
from keepwell.lake.lake import Lake
from keepwell.lake.results import WithResults
from keepwell.lake.runs import Run
from keepwell.metrics.cut import AGE
from keepwell.metrics.dimensions import path_of, shared_name
from keepwell.metrics.evaluate import Question, read
from keepwell.metrics.fact import facts
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.kpi_file import catalogue
from keepwell.metrics.reading import Reading, Readings
from keepwell.metrics.session import Ground, Session, Tables
from keepwell.models.choices import Choices
from keepwell.models.choices_file import chosen
from keepwell.models.results import estimated
from keepwell.models.stored import known_before
from keepwell.surfaces.worker.engines import reading_engine

# what a refresh keeps as known; any other slice is computed when asked for, from the run's versions
WHOLE_GRAINS = (Grain.MONTH, Grain.QUARTER, Grain.YEAR, Grain.ALL)
DIMENSION_GRAIN = Grain.MONTH
# of a KPI's dimensions the first ones are kept; by the others it is computed when asked for, from the run's versions
DIMENSIONS_KEPT = 3
EVERYTHING = Span("all", Grain.ALL, date.min, date.max)


def ground_of(workspace: Workspace, day: date) -> Ground:
    """What the workspace settles for all its KPIs, seen from ``day``."""
    settings = workspace.settings
    active_by = "subscriptions" if settings.profile is Profile.SAAS else "orders"
    return Ground(workspace.calendar, settings.currency, day, settings.fx_max_age_days, active_by)


def refresh(
    workspace: Workspace,
    lake: Lake,
    clock: Clock,
    *,
    as_of: date | None = None,
    engine: EngineName | None = None,
    progress: Progress | None = None,
) -> Run:
    """Compute every KPI and publish one run. Facts after ``as_of`` are not known to it; today's day is the default.

    The run reads one set of versions, whatever is imported meanwhile, and readers see it when all of it is written.
    ``engine`` computes it, by default the workspace's.
    """
    watcher = progress or Silent()
    # a fault in it is told before anything is computed
    choices = choices_of(workspace)
    started = clock.now()
    day = as_of or today(clock, workspace.settings.timezone)
    versions = runs.pinned_versions(lake)
    if not versions:
        raise KeepwellError(
            "There is nothing to compute: the lake is empty.", "Import something first: `keepwell import FILE --as orders`."
        )
    known = catalogue(workspace.kpi_folder, [])
    run_id = new_id("run", started)
    seconds: dict[str, float] = {}
    with reading_engine(workspace.settings, lake, name=engine, task=run_id, progress=progress) as reader:
        # words are read as they are now, and no run holds on to them
        told = lake.snapshot(versions | runs.texts_of_today(lake))
        session = Session(reader, told, ground_of(workspace, today(clock, workspace.settings.timezone)), as_of, keeps=True)
        problems: dict[str, str] = {}
        # first what rests on the lake alone: it need not be computed beside all the scores
        with _timed(watcher, seconds, "KPIs"):
            readings = _readings(session, [k for k in known.values() if not reads_results(k)], problems)
        with _timed(watcher, seconds, "models"):
            found = estimated(session, run_id, choices, workspace.settings.locale, known_before(lake, day))
        with _timed(watcher, seconds, "KPIs of models"):
            earlier = tuple(r.run_id for r in runs.all_runs(lake))
            seen = WithResults(lake.snapshot(_with_results(lake, versions)), earlier, found.tables)
            of_models = _readings(replace(session, tables=seen), [k for k in known.values() if reads_results(k)], problems)
            readings = Readings((*readings, *of_models))
        with _timed(watcher, seconds, "write"):
            results = runs.store_results(lake, run_id, started, {"kpi_values": kpi_values(run_id, readings), **found.tables})
    run = Run(
        run_id=run_id,
        as_of=day,
        started_at=started,
        finished_at=clock.now(),
        code_version=keepwell.__version__,
        versions=versions,
        definitions={k.name: k.definition_hash for k in known.values()},
        seconds=seconds,
        problems=problems,
        results=results,
    )
    with step(watcher, "publish"):
        runs.publish(lake, run)
    with step(watcher, "tidy up"):
        maintenance.compact(lake, clock)
        maintenance.vacuum(lake, clock)
    return run


def _with_results(lake: Lake, versions: dict[str, int]) -> dict[str, int]:
    """The versions that the run reads, and beside them the newest ones of what earlier runs wrote."""
    return versions | {n: v for n, v in lake.snapshot().versions.items() if n in entities() and entities()[n].is_derived}


@contextmanager
def _timed(progress: Progress, seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    with step(progress, name):
        yield
    seconds[name] = round(time.perf_counter() - began, 3)


def choices_of(workspace: Workspace) -> Choices:
    """What the workspace settles for its estimators: in its settings, and in ``models.yaml`` where there is one."""
    settings = workspace.settings
    return chosen(workspace.folder, Choices(settings.inactive_days, settings.clv_horizon_days, settings.clv_annual_rate))


def reads_results(kpi: Kpi) -> bool:
    """Whether the KPI rests on what a run's models found."""
    return any(entities()[name].is_derived for s in kpi.measure.sources for name in facts()[s.fact].reads if name in entities())


def _readings(session: Session, kpis: list[Kpi], problems: dict[str, str]) -> Readings:
    """Every one of these KPIs that has data, whole and by each of its dimensions. What is wrong with the workspace's own is noted in ``problems``."""
    snapshot, as_of = session.tables, session.as_of
    present = [k for k in kpis if has_data(k, snapshot)]
    questions = [(present, Question(EVERYTHING, grain, as_of=as_of)) for grain in WHOLE_GRAINS]
    by_dimension: dict[str, list[Kpi]] = {}
    for kpi in present:
        for dimension in (d for d in kpi.dimensions[:DIMENSIONS_KEPT] if divides(kpi, d, snapshot)):
            by_dimension.setdefault(dimension, []).append(kpi)
    questions += [(kpis, Question(EVERYTHING, DIMENSION_GRAIN, d, as_of=as_of)) for d, kpis in sorted(by_dimension.items())]
    return Readings(tuple(r for kpis, question in questions for r in _read(session, kpis, question, problems)))


def _read(session: Session, kpis: list[Kpi], question: Question, problems: dict[str, str]) -> list[Reading]:
    """Readings of the shipped KPIs, and of those of the workspace's own that can be computed."""
    found = list(read(session, [k for k in kpis if not k.is_users], question))
    for own in (k for k in kpis if k.is_users and k.name not in problems):
        try:
            found += read(session, [own], question)
        except KeepwellError as error:
            problems[own.name] = error.message
    return [r for r in found if r.kpi not in problems]


def divides(kpi: Kpi, dimension: str, snapshot: Tables) -> bool:
    """Whether a dimension can tell anything apart: not where the things that have it are not there at all."""
    if dimension == AGE:
        return True
    places = [(facts()[s.fact], s.time) for s in kpi.measure.sources]
    paths = [path_of(fact, time, shared_name(places, dimension)) for fact, time in places]
    return all(snapshot.rows(hop.entity) for path in paths for hop in path.hops)


def has_data(kpi: Kpi, snapshot: Tables) -> bool:
    """Whether every part of the KPI has rows to rest on."""
    return all(any(snapshot.rows(name) for name in facts()[s.fact].reads) for s in kpi.measure.sources)


def kpi_values(run_id: str, readings: Readings) -> pa.Table:
    """Readings as rows of ``kpi_values``; what is not broken down has the dimension and the member ''."""
    rows = readings.to_arrow()
    size = rows.num_rows
    rows = rows.set_column(rows.column_names.index("run_id"), "run_id", pa.array([run_id] * size, pa.string()))
    for name in ("dimension", "member"):
        filled = pa.array([v or "" for v in rows.column(name).to_pylist()], pa.string())
        rows = rows.set_column(rows.column_names.index(name), name, filled)
    return rows
