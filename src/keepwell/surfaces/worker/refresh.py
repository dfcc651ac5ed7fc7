"""The refresh: everything computed from one moment of the lake, published as one run."""

import functools
import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from typing import Self

import pyarrow as pa

import keepwell
from keepwell.core.clock import Clock, today
from keepwell.core.errors import KeepwellError
from keepwell.core.ids import new_id
from keepwell.core.periods import Grain, Period, Span
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
from keepwell.metrics.explain import explain
from keepwell.metrics.fact import facts
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.kpi_file import catalogue
from keepwell.metrics.reading import Reading, Readings
from keepwell.metrics.session import Ground, Session, Tables
from keepwell.models.choices import Choices
from keepwell.models.choices_file import chosen
from keepwell.models.results import estimated
from keepwell.models.stored import known_before
from keepwell.performance.health.definition_file import health_of
from keepwell.performance.health.results import health_tables, with_health
from keepwell.surfaces.explained import TABLE as EXPLANATIONS
from keepwell.surfaces.explained import as_table, most_telling
from keepwell.surfaces.worker.engines import reading_engine
from keepwell.surfaces.worker.stages import (
    HEALTH,
    KPIS,
    KPIS_OF_MODELS,
    MODELS,
    PUBLISH,
    REASONS,
    STAGES,
    WRITE,
    Found,
    Outcome,
    Plan,
    check_day,
)

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
    plan = plan_of(workspace, lake, clock, as_of=as_of, engine=engine)
    with Refresh(workspace, lake, clock, plan, Found(), progress) as work:
        for stage in STAGES:
            work.do(stage)
        return work.run


def plan_of(workspace: Workspace, lake: Lake, clock: Clock, *, as_of: date | None = None, engine: EngineName | None = None) -> Plan:
    """What a refresh that begins now rests on; its versions are held until it ends. A fault in the settings is told before anything is computed."""
    check_day(as_of)
    mark = definitions_mark(workspace)
    started = clock.now()
    versions = runs.pinned_versions(lake)
    if not versions:
        raise KeepwellError(
            "There is nothing to compute: the lake is empty.", "Import something first: `keepwell import FILE --as orders`."
        )
    plan = Plan(new_id("run", started), started, today(clock, workspace.settings.timezone), as_of, engine, versions, mark)
    runs.hold(lake, plan.run_id, versions)
    return plan


def definitions_mark(workspace: Workspace) -> str:
    """The same as long as a refresh would compute the same: the KPIs' definitions, the settings, and Keepwell itself."""
    known = catalogue(workspace.kpi_folder, [])
    told = [
        keepwell.__version__,
        repr(workspace.settings),
        repr(choices_of(workspace)),
        repr(health_of(workspace.folder).plain),
        *(f"{k.name} {k.definition_hash}" for k in known.values()),
    ]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


class Refresh:
    """One refresh on its way, stage by stage. What a stage found is kept in ``found``; a stage that is found there is not done again."""

    def __init__(self, workspace: Workspace, lake: Lake, clock: Clock, plan: Plan, found: Found, progress: Progress | None = None) -> None:
        self.workspace, self.lake, self.clock, self.plan, self.found = workspace, lake, clock, plan, found
        self.progress = progress or Silent()
        self.known = catalogue(workspace.kpi_folder, [])
        self._open = ExitStack()
        self._stages: dict[str, Callable[[], Outcome]] = dict(
            zip(
                STAGES,
                (self._kpis, self._models, self._kpis_of_models, self._health, self._reasons, self._write, self._publish, self._tidy_up),
                strict=True,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        runs.let_go(self.lake, self.plan.run_id)

    @property
    def run(self) -> Run:
        """The run, once it is published."""
        return runs.run(self.lake, self.plan.run_id)

    def do(self, stage: str) -> None:
        """Do one of ``STAGES``, those before it done; at once where it was done already."""
        if self.found.outcome_or_none(stage) is not None:
            return
        began = time.perf_counter()
        with step(self.progress, stage):
            outcome = self._stages[stage]()
            self.found.keep(stage, replace(outcome, seconds=round(time.perf_counter() - began, 3)))

    def _outcome(self, stage: str) -> Outcome:
        self.do(stage)
        return self.found.outcome(stage)

    @functools.cached_property
    def _session(self) -> Session:
        plan = self.plan
        reader = reading_engine(self.workspace.settings, self.lake, name=plan.engine, task=plan.run_id, progress=self.progress)
        self._open.callback(reader.close)
        # words are read as they are now, and no run holds on to them
        told = self.lake.snapshot({**plan.versions, **runs.texts_of_today(self.lake)})
        return Session(reader, told, ground_of(self.workspace, plan.today), plan.as_of, keeps=True)

    def _kpis(self) -> Outcome:
        # first what rests on the lake alone: it need not be computed beside all the scores
        return self._read(self._session, [k for k in self.known.values() if not reads_results(k)], {})

    def _read(self, session: Session, kpis: list[Kpi], problems: dict[str, str]) -> Outcome:
        readings = _readings(session, kpis, problems, self.progress)
        return Outcome({"kpi_values": kpi_values(self.plan.run_id, readings)}, problems)

    def _models(self) -> Outcome:
        choices, before = choices_of(self.workspace), known_before(self.lake, self.plan.day)
        found = estimated(self._session, self.plan.run_id, choices, self.workspace.settings.locale, before, progress=self.progress)
        return Outcome(found.tables)

    @functools.cached_property
    def _session_with_models(self) -> Session:
        earlier = tuple(r.run_id for r in runs.all_runs(self.lake))
        seen = WithResults(self.lake.snapshot(_with_results(self.lake, self.plan.versions)), earlier, self._outcome(MODELS).tables)
        return replace(self._session, tables=seen)

    def _kpis_of_models(self) -> Outcome:
        problems = dict(self._outcome(KPIS).problems)
        return self._read(self._session_with_models, [k for k in self.known.values() if reads_results(k)], problems)

    def _health(self) -> Outcome:
        """How customers are: of whom models know something."""
        if "customer_scores" not in self._outcome(MODELS).tables:
            return Outcome()
        return Outcome(health_tables(self._session, self.plan.run_id, health_of(self.workspace.folder), choices_of(self.workspace)))

    def _reasons(self) -> Outcome:
        """Why the last whole month differs from the one before: of the changes that an Overview tells first."""
        plan, calendar, last_day = self.plan, self.workspace.calendar, self._session.last_whole_day
        period: Period | None = calendar.containing(Grain.MONTH, last_day)
        if period is not None and period.end > last_day:
            period = calendar.previous_or_none(period)
        before = calendar.previous_or_none(period) if period else None
        if period is None or before is None:
            return Outcome({EXPLANATIONS: as_table(plan.run_id, ())})
        names = most_telling(self._kpi_values, self.known, period)
        found = []
        for done, kpi in enumerate(self.known[n] for n in names):
            self.progress.count(done, len(names))
            session = self._session_with_models if reads_results(kpi) else self._session
            found.append(explain(session, kpi, self.known, (period, before), (), None))
        return Outcome({EXPLANATIONS: as_table(plan.run_id, found)})

    @functools.cached_property
    def _kpi_values(self) -> pa.Table:
        return pa.concat_tables([self._outcome(stage).tables["kpi_values"] for stage in (KPIS, KPIS_OF_MODELS)])

    def _write(self) -> Outcome:
        scored = with_health(self._outcome(MODELS).tables, self._outcome(HEALTH).tables)
        tables = {"kpi_values": self._kpi_values, **scored, **self._outcome(REASONS).tables}
        return Outcome(results=runs.store_results(self.lake, self.plan.run_id, self.plan.started_at, tables))

    def _publish(self) -> Outcome:
        plan = self.plan
        run = Run(
            run_id=plan.run_id,
            as_of=plan.day,
            started_at=plan.started_at,
            finished_at=self.clock.now(),
            code_version=keepwell.__version__,
            versions=dict(plan.versions),
            definitions={k.name: k.definition_hash for k in self.known.values()},
            seconds={stage: self._outcome(stage).seconds for stage in STAGES[: STAGES.index(PUBLISH)]},
            problems=dict(self._outcome(KPIS_OF_MODELS).problems),
            results=dict(self._outcome(WRITE).results),
        )
        runs.publish(self.lake, run)
        runs.let_go(self.lake, plan.run_id)
        return Outcome()

    def _tidy_up(self) -> Outcome:
        maintenance.compact(self.lake, self.clock)
        maintenance.vacuum(self.lake, self.clock)
        return Outcome()


def _with_results(lake: Lake, versions: Mapping[str, int]) -> dict[str, int]:
    """The versions that the run reads, and beside them the newest ones of what earlier runs wrote."""
    return {**versions, **{n: v for n, v in lake.snapshot().versions.items() if n in entities() and entities()[n].is_derived}}


def choices_of(workspace: Workspace) -> Choices:
    """What the workspace settles for its estimators: in its settings, and in ``models.yaml`` where there is one."""
    settings = workspace.settings
    return chosen(workspace.folder, Choices(settings.inactive_days, settings.clv_horizon_days, settings.clv_annual_rate))


def reads_results(kpi: Kpi) -> bool:
    """Whether the KPI rests on what a run's models found."""
    return any(entities()[name].is_derived for s in kpi.measure.sources for name in facts()[s.fact].reads if name in entities())


def _readings(session: Session, kpis: list[Kpi], problems: dict[str, str], progress: Progress) -> Readings:
    """Every one of these KPIs that has data, whole and by each of its dimensions. What is wrong with the workspace's own is noted in ``problems``."""
    snapshot, as_of = session.tables, session.as_of
    present = [k for k in kpis if has_data(k, snapshot)]
    questions = [(present, Question(EVERYTHING, grain, as_of=as_of)) for grain in WHOLE_GRAINS]
    by_dimension: dict[str, list[Kpi]] = {}
    for kpi in present:
        for dimension in (d for d in kpi.dimensions[:DIMENSIONS_KEPT] if divides(kpi, d, snapshot)):
            by_dimension.setdefault(dimension, []).append(kpi)
    questions += [(kpis, Question(EVERYTHING, DIMENSION_GRAIN, d, as_of=as_of)) for d, kpis in sorted(by_dimension.items())]
    found: list[Reading] = []
    for done, (asked, question) in enumerate(questions):
        progress.count(done, len(questions))
        found += _read(session, asked, question, problems)
    return Readings(tuple(found))


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
