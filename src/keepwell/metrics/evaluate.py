"""The one evaluator: web, API, command line, reports and refresh all read KPIs through :func:`evaluate`."""

import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean
from keepwell.core.periods import Grain, Period, Span
from keepwell.engine.aggregates import column_names, paths_of, simplified, with_flat_paths, with_other_paths, with_simplified_filters
from keepwell.engine.protocol import Engine
from keepwell.engine.sql import SqlError, Steps
from keepwell.engine.walls import check_expression
from keepwell.metrics import clocks, hierarchies, placement, scored
from keepwell.metrics.behind import compile_rows, compile_value_rows
from keepwell.metrics.compile import WORKING, compile_extent, compile_sums, compile_values
from keepwell.metrics.cut import AGE, TOTAL, Cut, Plan, columns_needed
from keepwell.metrics.dimensions import WITH_HISTORY, LookUps, Path, UnsliceableError, is_dividing, known_paths, path_of, shared_name
from keepwell.metrics.distributions import DECIMALS, MICROSECONDS, Histogram, histograms, quantiles
from keepwell.metrics.fact import OBSERVED, facts
from keepwell.metrics.frame import Frame, lend_placements
from keepwell.metrics.intervals import Interval
from keepwell.metrics.kpi import Kpi, WhenEmpty
from keepwell.metrics.measure import Measure, Part, Placement, Shape, Source
from keepwell.metrics.reading import Reading, Readings, Status
from keepwell.metrics.scored import ScoredRun
from keepwell.metrics.session import Extent, Ground, Session, Tables
from keepwell.metrics.values import Change, Value, change_of, kept, value_of

# up to so many rows the third moments, by which intervals allow for skewness, come with the first query; samples beyond are large
CUBED_ROWS = 400_000
# with fewer customers than this an interval allows for skewness
SKEWED_BELOW = 2_000


@dataclass(frozen=True)
class Question:
    """What to read. ``grain`` None is the span's own; ``where`` is SQL over columns and the ways to them (``owner_id.team``).

    ``against`` is the period that ``change_previous`` compares with, instead of the one before.
    """

    span: Span
    grain: Grain | None = None
    dimension: str | None = None
    where: str | None = None
    as_of: date | None = None
    has_comparisons: bool = True
    against: Period | None = None


def evaluate(engine: Engine, tables: Tables, kpis: Sequence[Kpi], question: Question, ground: Ground) -> Readings:
    """Readings of every KPI for every period and member, in the order of the KPIs; one query a source.

    A dimension that a KPI's fact does not have, a filter that can't be read or a missing exchange rate is an error.
    """
    return read(Session(engine, tables, ground, question.as_of), kpis, question)


def read(session: Session, kpis: Sequence[Kpi], question: Question) -> Readings:
    """The same in a session that is kept for several questions, whose ``as_of`` it is."""
    where = check_expression(question.where) if question.where else None
    found: dict[str, list[Reading]] = {}
    for members in _bundles(kpis):
        reader = _Reader(session, members, question, where)
        try:
            found.update(reader.read())
        except SqlError as error:
            reason = error.reason.splitlines()[0]
            if members[0].is_users and where is None:
                raise KeepwellError(
                    f"{members[0].name} can't be computed: {reason}", "Correct its SQL in the workspace's kpis folder."
                ) from error
            if where is None:
                raise
            raise WrongUseError(f"{question.where!r} can't be used as a filter: {reason}", "It is SQL over one row's columns.") from error
    return Readings(tuple(r for kpi in kpis for r in found[kpi.name]))


def _bundles(kpis: Iterable[Kpi]) -> list[list[Kpi]]:
    """KPIs that are computed together: from the same sources, or quantiles of the same value; those that rank customers by themselves.

    Each of the users' own by itself too, so that one that fails spoils no other.
    """
    groups: dict[object, list[Kpi]] = defaultdict(list)
    for kpi in kpis:
        d = kpi.measure.distribution
        ranks = any(p.top for p in kpi.measure.parts)
        alone = kpi.name if kpi.is_users else ""
        groups[(replace(d, quantile="") if d else frozenset(kpi.measure.sources), ranks, alone)].append(kpi)
    return list(groups.values())


@dataclass(frozen=True)
class _Answer:
    """What the engine said for one KPI: values and sums by period and member."""

    values: Mapping[tuple[date, str], Value]
    rows: Mapping[tuple[date, str], Mapping[str, Any]]
    extent: Extent
    frame: Frame


@dataclass(frozen=True)
class _Reader:
    """Reads the KPIs of one bundle."""

    session: Session
    kpis: list[Kpi]
    question: Question
    where: str | None

    @functools.cached_property
    def measures(self) -> list[Measure]:
        return [k.measure for k in self.kpis]

    @functools.cached_property
    def sources(self) -> list[Source]:
        return list(dict.fromkeys(s for m in self.measures for s in m.sources))

    @property
    def grain(self) -> Grain:
        return self.question.grain or self.question.span.grain

    def read(self) -> dict[str, list[Reading]]:
        cut = self.cut()
        extent = self.extent()
        frame = self._frame(extent)
        if not frame.wanted:
            return {k.name: [] for k in self.kpis}
        self.prepare(cut, frame)
        values, rows = self._values(cut, frame)
        members = sorted({m for cells in values.values() for _, m in cells}, key=_member_order) if self.question.dimension else [TOTAL]
        return {kpi.name: self._readings(kpi, _Answer(values[kpi.name], rows, extent, frame), members) for kpi in self.kpis}

    # ----------------------------------------------------------- preparing

    def cut(self) -> Cut:
        """What the question asks of these facts: the ways to its columns, and its filter with every parent's descendants."""
        if self.question.dimension == AGE and not all(k.is_by_age for k in self.kpis):
            raise WrongUseError(f"{self.kpis[0].name} can't be broken down by {AGE!r}.", "Only the retention of cohorts can.")
        dimension, where = self._shared(self.question.dimension, self.where)
        needed = columns_needed(self.measures, where, dimension)
        asked: dict[str, Path] = {}
        look_ups: dict[Source, LookUps] = {}
        has_history = [e for e in WITH_HISTORY if self.session.tables.rows(f"{e}_history")]
        for source, names in needed.items():
            paths = {name: self._path(source, name) for name in names}
            for name in dimension.split("+") if dimension else []:
                if name in paths and not is_dividing(facts()[source.fact], paths[name]):
                    raise WrongUseError(
                        f"{self.kpis[0].name} can't be broken down by {name!r}.",
                        "A dimension is a name or a code, not an amount or a moment.",
                    )
            look_ups[source] = LookUps(tuple(p for p in paths.values() if p.hops or p.attribute is not None), has_history)
            asked |= paths
        flat = None
        if where:
            named = {n: asked[n] for n in paths_of(where)}
            flat = with_flat_paths(hierarchies.with_descendants(where, named, self._tree))
        named_customers = tuple(
            s.fact for s in self.sources if s.placement is not Placement.STOCK and not self.session.has_anonymous(facts()[s.fact])
        )
        return Cut(
            dimension,
            flat,
            look_ups,
            has_comparisons=self.question.has_comparisons,
            rows={(s.fact, s.time): self.session.query_of(facts()[s.fact], s.time) for s in self.sources},
            without_anonymous=named_customers,
        )

    def _shared(self, dimension: str | None, where: str | None) -> tuple[str | None, str | None]:
        """The names that are asked by, so that they mean the same in every fact of a formula."""
        places = list({(s.fact, s.time): (facts()[s.fact], s.time) for s in self.sources}.values())
        if len(places) == 1:
            return dimension, where
        try:
            if dimension and dimension != AGE:
                dimension = "+".join(shared_name(places, name) for name in dimension.split("+"))
            if where:
                where = with_other_paths(where, {name: shared_name(places, name) for name in paths_of(where)})
        except UnsliceableError as error:
            raise self._unsliceable(str(error), error.known) from error
        return dimension, where

    def _unsliceable(self, name: str, known: Sequence[str]) -> WrongUseError:
        asked = "filtered" if self.where and name in paths_of(self.where) else "broken down"
        return WrongUseError(f"{self.kpis[0].name} can't be {asked} by {name!r}.", did_you_mean(name, known))

    def _path(self, source: Source, name: str) -> Path:
        fact = facts()[source.fact]
        own = fact.columns_at(source.time)
        if name in own or (name in {"period_start", "period_end"} and name not in own):
            return Path(name, (), name)
        try:
            return path_of(fact, source.time, name)
        except UnsliceableError as error:
            raise self._unsliceable(name, error.known or known_paths(fact, source.time)) from error

    def _tree(self, entity: str, key: str, parent: str) -> list[tuple[str, str]]:
        self.session.make_ready(entity)
        steps = Steps().then("tree", f'select "{key}" as child, "{parent}" as parent from "{entity}" where "{parent}" is not null')
        return [(r["child"], r["parent"]) for r in self.session.engine.arrow(steps).to_pylist()]

    def extent(self) -> Extent:
        """The days that every part covers: where one is not known yet, a formula of several says nothing."""
        found = [self._extent_of(s) for s in self.sources]
        firsts = [e.first for e in found if e.first is not None]
        lasts = [e.last for e in found if e.last is not None]
        fresh = [e.fresh_until for e in found if e.fresh_until is not None]
        if len(firsts) < len(found):
            return Extent(None, None, None)
        return Extent(max(firsts), min(lasts), min(fresh, default=None))

    def _extent_of(self, source: Source) -> Extent:
        """Of scores the days of the lake, up to the last one from which a run looked."""
        found = self.session.extent(source)
        if not scored.is_scored(facts()[source.fact]) or found.last is None or not self._scored_runs:
            return found
        return replace(found, last=max(found.last, self._scored_runs[-1].as_of))

    @functools.cached_property
    def _scored_runs(self) -> list[ScoredRun]:
        return scored.scored_runs(self.session) if any(m.models for m in self.measures) else []

    def _frame(self, extent: Extent) -> Frame:
        is_compared = self.grain is not Grain.ALL and self.question.has_comparisons
        return Frame.of(self._periods(extent), self.session.ground.calendar, is_compared=is_compared, against=self.question.against)

    def _periods(self, extent: Extent) -> list[Period]:
        """The periods asked for; a span without ends is that of the data."""
        span = self.question.span
        first, last = span.start, span.end
        if first == date.min or last == date.max:
            if extent.first is None or extent.last is None:
                return []
            first, last = max(first, extent.first), min(last, extent.last)
            if last < first:
                return []
        if self.grain is Grain.ALL or (self.question.grain is None and span.grain is Grain.ALL):
            return [Period(span.label, Grain.ALL, first, last)]
        return self.session.ground.calendar.periods(self.grain, first, last)

    def prepare(self, cut: Cut, frame: Frame) -> None:
        """Make readable all that the query reads: entities, and the tables that place rows in periods."""
        session = self.session
        entities = {e for found in cut.look_ups.values() for e in found.entities}
        if any(m.distribution and m.distribution.starts for m in self.measures):
            entities.add(OBSERVED)
        for name in sorted(entities):
            session.make_ready(name)
        for name in {e for found in cut.look_ups.values() for e in found.with_versions}:
            session.make_ready(f"{name}_history")
        for source in self.sources:
            first = (
                date.min if source.placement in {Placement.STOCK, Placement.COHORT} else frame.first_day(source, session.ground.calendar)
            )
            fact = facts()[source.fact]
            # a view may look at amounts of later days too
            last = session.last_day if fact.sql else min(frame.everything[-1].end, session.last_day)
            session.check_rates(fact, self._columns_read(source), first, last)
        lend_placements(session, self.sources, cut, frame, self.question.as_of or date.max)

    def _columns_read(self, source: Source) -> set[str]:
        """The columns that a source's query reads, those inside a view too."""
        fact = facts()[source.fact]
        own = set(columns_needed(self.measures, self.where, None).get(source, []))
        query = fact.stock_sql if source.placement is Placement.STOCK else next(iter(fact.sql.values()), None)
        return own | set(column_names(query)) if query else own

    # ------------------------------------------------------------- values

    def _values(self, cut: Cut, frame: Frame) -> tuple[dict[str, dict[tuple[date, str], Value]], dict[tuple[date, str], dict[str, Any]]]:
        d = self.kpis[0].measure.distribution
        if d is not None:
            if d.is_business:
                cut = self.with_working_time(cut)
            return quantiles(self.session.engine, self.kpis, d, cut), {}
        rows_read = sum(self.session.rows_of(facts()[s.fact]) for s in self.sources)
        cut = replace(cut, has_cubes=rows_read <= CUBED_ROWS)
        rows, plan = self._sums(cut)
        small = {start for (start, _), r in rows.items() if any(0 < (r[f"c{i}"] or 0) < SKEWED_BELOW for i in range(len(plan.counted)))}
        if not cut.has_cubes and plan.cubes and small:
            self._add_cubes(cut, frame, rows, small)
        found = {k.name: {cell: value_of(k, plan, row) for cell, row in rows.items()} for k in self._simplified(cut)}
        return found | {k.name: self._of_model(k, found[k.name], frame) for k in self.kpis if k.measure.models}, rows

    def _of_model(self, kpi: Kpi, values: Mapping[tuple[date, str], Value], frame: Frame) -> dict[tuple[date, str], Value]:
        """The values with what the model knows of how far it may be off: of the whole, not of a slice."""
        is_whole = self.question.dimension is None and self.where is None
        bounds = scored.bounds(self.session, kpi.measure, frame.everything, self._scored_runs) if is_whole else {}
        return {(start, m): scored.of_model(v, bounds.get(start)) for (start, m), v in values.items()}

    def _simplified(self, cut: Cut) -> list[Kpi]:
        """The KPIs without conditions that hold for every row of these data, so that parts which then are equal are computed once."""
        parts = {p: _simplified(p, cut.without_anonymous) for m in self.measures for p in m.parts}
        return [replace(k, measure=replace(k.measure, parts=tuple(parts[p] for p in k.measure.parts))) for k in self.kpis]

    def _add_cubes(self, cut: Cut, frame: Frame, rows: dict[tuple[date, str], dict[str, Any]], small: set[date]) -> None:
        """The third moments of the periods that have small samples, to the rows that have the others."""
        few = [p for p in frame.everything if p.start in small]
        self.prepare(cut, Frame(few, few, {}, {}))
        cubed, _ = self._sums(replace(cut, has_cubes=True, has_comparisons=False))
        for cell, row in cubed.items():
            rows[cell].update({k: v for k, v in row.items() if k.startswith("q")})

    def _sums(self, cut: Cut) -> tuple[dict[tuple[date, str], dict[str, Any]], Plan]:
        steps, plan = compile_sums([k.measure for k in self._simplified(cut)], cut)
        rows = self.session.engine.arrow(steps).to_pylist()
        return {(r["period_start"], r.get("member", TOTAL)): r for r in rows}, plan

    def with_working_time(self, cut: Cut) -> Cut:
        d = self.kpis[0].measure.distribution
        assert d is not None  # noqa: S101 - only called for distributions
        session = self.session
        plain = replace(d, is_business=False)
        row = session.engine.arrow(compile_extent(plain, cut)).to_pylist()[0]
        for name in ("business_hours", "calendar"):
            session.make_ready(name)
        hours = session.engine.arrow(
            Steps().then("hours", "select team, weekday, opens_at, closes_at, time_zone, country from business_hours")
        ).to_pylist()
        days_off = session.engine.arrow(Steps().then("days", 'select country, "on", is_business_day from calendar')).to_pylist()
        working = clocks.working_time(hours, days_off, row["first"], row["last"])
        session.engine.lend(WORKING, working)
        return replace(cut, scheduled_teams=tuple(sorted(set(working.column("team").to_pylist()))))

    # ----------------------------------------------------------- readings

    def _readings(self, kpi: Kpi, answer: _Answer, members: Sequence[str]) -> list[Reading]:
        frame = answer.frame

        def is_told(period: Period, member: str) -> bool:
            """A member is told in a period in which it has rows, or in one with which such a period is compared."""
            starts = [period.start]
            if self.question.dimension != AGE:
                starts += [s for s in (frame.before.get(period.start), frame.last_year.get(period.start)) if s]
            return self.question.dimension is None or any((start, member) in answer.values for start in starts)

        hash_ = kpi.definition_hash
        return [self._reading(kpi, p, m, answer, hash_) for p in frame.wanted for m in members if is_told(p, m)]

    def _reading(self, kpi: Kpi, period: Period, member: str, answer: _Answer, hash_: str) -> Reading:
        values, extent, frame = answer.values, answer.extent, answer.frame
        now = self._at(kpi, values.get((period.start, member)), period.start, period.end, extent)
        row = answer.rows.get((period.start, member), {})
        is_open = self._is_open(kpi, period)
        changes = []
        for prefix, starts in (("p", frame.before), ("y", frame.last_year)):
            other = starts.get(period.start)
            # the sum of a part of a month says nothing beside that of a whole one
            if other is None or (is_open and kpi.measure.shape is Shape.FLOW):
                changes.append(Change())
                continue
            end = frame.end_of(other)
            then = self._at(kpi, values.get((other, member)), other, end, extent)
            change = change_of(kpi, now, then, prefix, row)
            if kpi.never_settles:
                # the older period has had more time: that they differ is no finding
                change = Change(change.value)
            is_known = self._begins_in_time(kpi, other, end, extent)
            is_told = is_known or change.value is None or kpi.never_settles
            changes.append(change if is_told else replace(change, is_real=False))
        return Reading(
            kpi=kpi.name,
            grain=str(self.grain),
            period=period.label,
            period_start=period.start,
            period_end=period.end,
            dimension=self.question.dimension,
            member=member if self.question.dimension else None,
            value=now.value,
            ci_low=now.interval.low if now.interval else None,
            ci_high=now.interval.high if now.interval else None,
            n=now.n,
            missing=now.missing,
            numerator=now.numerator,
            denominator=now.denominator,
            status=now.status,
            is_open=is_open,
            coverage=now.coverage,
            fresh_until=extent.fresh_until,
            change_previous=changes[0].value,
            change_previous_ci_low=changes[0].low,
            change_previous_ci_high=changes[0].high,
            change_previous_is_real=changes[0].is_real,
            change_last_year=changes[1].value,
            change_last_year_ci_low=changes[1].low,
            change_last_year_ci_high=changes[1].high,
            change_last_year_is_real=changes[1].is_real,
            definition_hash=hash_,
            reason=self._reason(kpi, period) if now.value is None else None,
        )

    def _reason(self, kpi: Kpi, period: Period) -> str | None:
        """Why what a model should tell is not there."""
        if not kpi.measure.models:
            return None
        if scored.run_of_or_none(period, self._scored_runs) is None:
            return scored.Reason.NO_RUN
        # a formula may lack another part
        is_scored = all(scored.is_scored(facts()[s.fact]) for s in kpi.measure.sources)
        return scored.Reason.REFUSED if is_scored else None

    def _at(self, kpi: Kpi, value: Value | None, start: date, end: date, extent: Extent) -> Value:
        """The value of a period; without rows 0 or nothing; nothing while what is counted may still happen."""
        is_stock = any(s.placement is Placement.STOCK for s in self.sources)
        last = self.session.last_day if is_stock else extent.last
        is_within_data = extent.first is not None and last is not None and end >= extent.first and start <= last
        if value is not None and len(self.sources) > 1 and not is_within_data:
            return Value(None, None, 0, 0, None, None, Status.NO_DATA)
        if value is None or (value.n == 0 and value.value is None):
            missing = value.missing if value else 0
            if kpi.when_empty is WhenEmpty.ZERO and is_within_data:
                zero = kept(Decimal(0))
                interval = None if is_stock else Interval(0.0, 0.0)
                return Value(zero, interval, 0, missing, zero, None, Status.OK, {}, 0.0)
            return Value(None, None, 0, missing, None, None, Status.NO_DATA)
        if kpi.settles_after_days and self._settles_on(kpi, end) > self.session.last_whole_day:
            # a low number would be no finding, only early
            return replace(value, value=None, interval=None, status=Status.NO_DATA)
        return value

    def _settles_on(self, kpi: Kpi, end: date) -> date:
        return end if end >= date(9990, 1, 1) else end + timedelta(days=kpi.settles_after_days)

    def _is_open(self, kpi: Kpi, period: Period) -> bool:
        return self._settles_on(kpi, period.end) > self.session.last_whole_day

    def _begins_in_time(self, kpi: Kpi, start: date, end: date, extent: Extent) -> bool:
        """Whether the data reach back over at least half of the period: a year of which they know a month is no measure of the next."""
        windows = [s.window for s in kpi.measure.sources if s.window]
        if windows:
            start = min(placement.window_start(Period("", self.grain, start, end), w) for w in windows)
        missing = (extent.first - start).days if extent.first else 0
        return missing <= ((end - start).days + 1) / 2


def plan_of(session: Session, kpi: Kpi, periods: Sequence[Period], where: str | None) -> Cut:
    """Make ready what a query of the KPI over exactly these periods reads, and give its cut."""
    return _ready(session, kpi, periods, None, where)[0]


def histograms_of(session: Session, kpi: Kpi, question: Question) -> dict[str, Histogram]:
    """The values of a quantile KPI by member, in one period."""
    d = kpi.measure.distribution
    if d is None:
        raise ValueError(f"{kpi.name} is no quantile")
    cut, reader = _ready(session, kpi, [_as_period(question.span)], question.dimension, question.where)
    if d.is_business:
        cut = reader.with_working_time(cut)
    found = histograms(
        session.engine.arrow(compile_values(d, cut)), MICROSECONDS if d.value is None else DECIMALS, is_by_member=bool(cut.dimension)
    )
    return {member: h for (_, member), h in found.items()}


def rows_of(session: Session, kpi: Kpi, question: Question, part: int) -> Steps:
    """The query for the rows behind a part of the KPI in one period."""
    cut, _ = _ready(session, kpi, [_as_period(question.span)], question.dimension, question.where)
    d = kpi.measure.distribution
    return compile_value_rows(d, cut) if d else compile_rows(kpi.measure, part, cut)


def _as_period(span: Span) -> Period:
    return Period(span.label, span.grain, span.start, span.end)


def _ready(session: Session, kpi: Kpi, periods: Sequence[Period], dimension: str | None, where: str | None) -> tuple[Cut, "_Reader"]:
    question = Question(periods[0], periods[0].grain, dimension, where, session.as_of, has_comparisons=False)
    reader = _Reader(session, [kpi], question, check_expression(where) if where else None)
    cut = reader.cut()
    extent = reader.extent()
    known = [
        p if p.start > date.min and p.end < date.max else replace(p, start=extent.first or p.start, end=extent.last or p.end)
        for p in periods
    ]
    reader.prepare(cut, Frame(known, sorted(known), {}, {}))
    return cut, reader


def _simplified(part: Part, named: Collection[str]) -> Part:
    """The part with conditions in one way of writing, without those that hold for every row of facts of which each has a customer."""
    always = f"{facts()[part.source.fact].customer} is not null" if part.source.fact in named else None
    where, counts = (simplified(c, always) if c else None for c in (part.where, part.counts))
    return replace(part, sql=with_simplified_filters(part.sql, always), where=where, counts=counts)


def _member_order(member: str) -> tuple[int, int, str]:
    """Numbers by size, then words."""
    return (0, int(member), "") if member.isdecimal() else (1, 0, member)
