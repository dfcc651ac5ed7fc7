"""The one evaluator: web, API, command line, reports and refresh all read KPIs through :func:`evaluate`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean
from keepwell.core.periods import Calendar, Grain, Period, Span
from keepwell.engine.protocol import Engine
from keepwell.engine.sql import SqlError, Steps, literal
from keepwell.engine.walls import check_expression
from keepwell.lake.entity import entities
from keepwell.metrics import intervals
from keepwell.metrics.compile import (
    TOTAL,
    Rates,
    Slice,
    UnsliceableError,
    compile_kpis,
    fact_rows,
    missing_rates,
    period_start_sql,
    with_period_sql,
)
from keepwell.metrics.fact import Fact, dimensions_of, facts
from keepwell.metrics.intervals import CrossSums, Interval, Sums
from keepwell.metrics.kpi import Kind, Kpi, Unit, WhenEmpty
from keepwell.metrics.reading import PLACES, Reading, Readings, Status


class Tables(Protocol):
    """Where the evaluator reads from: the lake at one moment, or the rows of a worked example."""

    def register(self, engine: Engine, name: str) -> None:
        """Make an entity readable by its name."""

    def rows(self, name: str) -> int:
        """How many rows a table has."""


class MissingRateError(KeepwellError):
    """Amounts in a currency for whose day there is no exchange rate."""


@dataclass(frozen=True)
class Question:
    """What to read. ``grain`` None is the span's own; ``where`` is SQL over the fact's own and the customer's columns."""

    span: Span
    grain: Grain | None = None
    dimension: str | None = None
    where: str | None = None
    as_of: date | None = None


@dataclass(frozen=True)
class Ground:
    """What a workspace settles for all its KPIs."""

    calendar: Calendar
    currency: str
    today: date
    rate_max_age_days: int = 7


def evaluate(engine: Engine, tables: Tables, kpis: Sequence[Kpi], question: Question, ground: Ground) -> Readings:
    """Readings of every KPI for every period and member, in the order of the KPIs; one query a fact and date.

    A dimension that a KPI's fact does not have, a filter that can't be read or a missing exchange rate is an error.
    """
    where = check_expression(question.where) if question.where else None
    groups: dict[tuple[str, str], list[Kpi]] = defaultdict(list)
    for kpi in kpis:
        groups[kpi.fact, kpi.time].append(kpi)
    found: dict[str, list[Reading]] = {}
    for (fact_name, _), members in groups.items():
        reader = _Reader(engine, tables, facts()[fact_name], members, question, ground, where)
        try:
            found.update(reader.read())
        except SqlError as error:
            if where is None:
                raise
            raise WrongUseError(
                f"{question.where!r} can't be used as a filter: {error.reason.splitlines()[0]}", "It is SQL over one row's columns."
            ) from error
    return Readings(tuple(r for kpi in kpis for r in found[kpi.name]))


@dataclass(frozen=True)
class _Extent:
    """The days and the last instant that a fact's data covers."""

    first: date | None
    last: date | None
    fresh_until: datetime | None


@dataclass(frozen=True)
class _Reader:
    """Reads the KPIs of one fact and date."""

    engine: Engine
    tables: Tables
    fact: Fact
    kpis: list[Kpi]
    question: Question
    ground: Ground
    where: str | None

    def read(self) -> dict[str, list[Reading]]:
        for name in {*self.fact.reads, "customers", "customers_history", "fx_rates"}:
            self.tables.register(self.engine, name)
        extent = self._extent()
        wanted = self._periods(extent)
        if not wanted:
            return {k.name: [] for k in self.kpis}
        cut = self._slice(wanted)
        rates = self._rates(cut)
        steps = self._compiled(cut, rates)
        rows = self.engine.arrow(steps).to_pylist()
        by_cell = {(r["period_start"], r["member"]): r for r in rows}
        members = sorted({r["member"] for r in rows}) if self.question.dimension else [TOTAL]

        def is_told(period: Period, member: str) -> bool:
            """A member is told in a period in which it has rows, or in one with which such a period is compared."""
            starts = (period.start, cut.before.get(period.start), cut.last_year.get(period.start))
            return self.question.dimension is None or any((start, member) in by_cell for start in starts)

        return {
            kpi.name: [self._reading(i, kpi, p, m, by_cell, extent, cut) for p in wanted for m in members if is_told(p, m)]
            for i, kpi in enumerate(self.kpis)
        }

    @property
    def grain(self) -> Grain:
        return self.question.grain or self.question.span.grain

    @property
    def time(self) -> str:
        return self.kpis[0].time

    def _extent(self) -> _Extent:
        instant = self.fact.instants.get(self.time)
        newest = f"max({instant})" if instant else f"cast(max({self.time}) as timestamptz)"
        until = f"where {self.time} <= {literal(self.question.as_of)}" if self.question.as_of else ""
        steps = (
            Steps()
            .then("fact", fact_rows(self.fact))
            .then("extent", f"select min({self.time}) as first, max({self.time}) as last, {newest} as newest from fact {until}")
        )
        row = self.engine.arrow(steps).to_pylist()[0]
        return _Extent(row["first"], row["last"], row["newest"])

    def _periods(self, extent: _Extent) -> list[Period]:
        """The periods asked for; a span without ends is that of the data."""
        span = self.question.span
        first, last = span.start, span.end
        if first == date.min or last == date.max:
            if extent.first is None or extent.last is None:
                return []
            first, last = max(first, extent.first), min(last, extent.last)
        if self.grain is Grain.ALL or (self.question.grain is None and span.grain is Grain.ALL):
            return [Period(span.label, Grain.ALL, first, last)]
        return self.ground.calendar.periods(self.grain, first, last)

    def _slice(self, wanted: Sequence[Period]) -> Slice:
        calendar = self.ground.calendar
        before: dict[date, date] = {}
        last_year: dict[date, date] = {}
        everything = {p.start: p for p in wanted}
        if self.grain is not Grain.ALL:
            for period in wanted:
                for store, other in ((before, calendar.previous_or_none(period)), (last_year, calendar.same_last_year_or_none(period))):
                    if other is not None:
                        store[period.start] = other.start
                        everything.setdefault(other.start, other)
        periods = tuple((p.start, p.end) for p in sorted(everything.values()))
        return Slice(self.grain, periods, before, last_year, self.question.dimension, self.where, self.question.as_of)

    def _rates(self, cut: Slice) -> Rates:
        rates = Rates(self.ground.currency, self.ground.rate_max_age_days, needed=False)
        if not self.fact.money_columns:
            return rates
        foreign = (
            Steps()
            .then("fact", fact_rows(self.fact))
            .then("foreign_amounts", f"select 1 as x from fact where currency <> {literal(rates.reporting)} limit 1")
        )
        if not self.engine.arrow(foreign).num_rows:
            return rates
        missing = self.engine.arrow(missing_rates(self.fact, rates, self.time, cut)).to_pylist()
        if missing:
            m = missing[0]
            pair = f"{m['currency']}/{rates.reporting}"
            newest = f"the newest one before is of {m['rated_on']}" if m["rated_on"] else "there is none before"
            raise MissingRateError(
                f"There is no exchange rate {pair} for {m['day']}: {newest}, and a rate counts for {rates.max_age_days} days.",
                "Import `fx_rates` (currency, on, rate: reporting currency per unit) for those days.",
            )
        return Rates(rates.reporting, rates.max_age_days, needed=True)

    def _compiled(self, cut: Slice, rates: Rates) -> Steps:
        has_history = self.tables.rows("customers_history") > 0
        try:
            steps = compile_kpis(self.kpis, self.fact, cut, rates, has_history=has_history)
        except UnsliceableError as error:
            known = [*self.fact.dimensions, *dimensions_of(entities()["customers"])]
            raise WrongUseError(f"{self.kpis[0].name} can't be broken down by {str(error)!r}.", did_you_mean(str(error), known)) from error
        calendar = self.ground.calendar
        start = period_start_sql(self.grain, self.time, calendar.week_start, calendar.fiscal_start)
        if self.grain is Grain.ALL:
            start = f"DATE {literal(cut.periods[0][0])}"
        return with_period_sql(steps, start)

    def _reading(
        self, i: int, kpi: Kpi, period: Period, member: str, cells: Mapping[tuple[date, str], dict[str, Any]], extent: _Extent, cut: Slice
    ) -> Reading:
        row = cells.get((period.start, member))
        now = _of_period(i, kpi, row, period.start, period.end, extent)
        changes = []
        for prefix, starts in (("p", cut.before), ("y", cut.last_year)):
            other = starts.get(period.start)
            then, is_known = None, True
            if other is not None:
                end = next(e for s, e in cut.periods if s == other)
                then = _of_period(i, kpi, cells.get((other, member)), other, end, extent)
                is_known = _begins_in_time(other, end, extent)
            change = _change(kpi, i, prefix, now, then, row)
            changes.append(change if is_known or change.value is None else replace(change, is_real=False))
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
            numerator=_kept(now.sums.num) if now.sums else None,
            denominator=_kept(now.sums.den) if now.sums and kpi.kind is Kind.RATIO else None,
            status=now.status,
            is_open=period.end >= (self.question.as_of or self.ground.today),
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
            definition_hash=kpi.definition_hash,
        )


@dataclass(frozen=True)
class _Value:
    """A KPI in one period, before it is compared."""

    value: Decimal | None
    interval: Interval | None
    n: int
    sums: Sums | None
    status: Status
    coverage: float | None


@dataclass(frozen=True)
class _Change:
    value: Decimal | None = None
    low: float | None = None
    high: float | None = None
    is_real: bool | None = None


def _kept(value: Decimal) -> Decimal:
    return value.quantize(PLACES)


def _of_period(i: int, kpi: Kpi, row: Mapping[str, Any] | None, start: date, end: date, extent: _Extent) -> _Value:
    n = int(row[f"n_{i}"]) if row else 0
    if row is None or n == 0:
        is_within_data = extent.first is not None and extent.last is not None and end >= extent.first and start <= extent.last
        if kpi.when_empty is WhenEmpty.ZERO and is_within_data:
            return _Value(_kept(Decimal(0)), Interval(0.0, 0.0), 0, _NO_SUMS, Status.OK, None)
        return _Value(None, None, 0, None, Status.NO_DATA, None)
    sums = Sums(int(row[f"cells_{i}"]), *(Decimal(row.get(f"{part}_{i}") or 0) for part in ("num", "den", "nn", "nd", "dd")))
    coverage = float(row[f"covered_{i}"]) / n
    status = Status.TOO_FEW if n < kpi.min_n else Status.OK
    if kpi.kind is Kind.RATIO:
        if sums.den == 0:
            return _Value(None, None, n, sums, Status.NO_DATA, coverage)
        interval = intervals.of_share(sums) if kpi.unit is Unit.SHARE else intervals.of_ratio(sums)
        return _Value(_kept(sums.ratio), interval, n, sums, status, coverage)
    return _Value(_kept(sums.num), intervals.of_flow(sums), n, sums, status, coverage)


_NO_SUMS = Sums(0, Decimal(0), Decimal(0), Decimal(0), Decimal(0), Decimal(0))


def _begins_in_time(start: date, end: date, extent: _Extent) -> bool:
    """Whether the data reach back over at least half of the period: a year of which they know a month is no measure of the next."""
    missing = (extent.first - start).days if extent.first else 0
    return missing <= ((end - start).days + 1) / 2


def _change(kpi: Kpi, i: int, prefix: str, now: _Value, then: _Value | None, row: Mapping[str, Any] | None) -> _Change:
    """The difference, its interval, and whether it is real: more than chance and at least worth saying."""
    if then is None or now.value is None or then.value is None or now.sums is None or then.sums is None:
        return _Change()
    difference = now.value - then.value
    cross = CrossSums(*(Decimal((row or {}).get(f"{prefix}_{part}_{i}") or 0) for part in ("nn", "nd", "dn", "dd")))
    if kpi.kind is Kind.RATIO:
        variance = intervals.ratio_change_variance(now.sums, then.sums, cross)
    else:
        variance = intervals.flow_change_variance(now.sums, then.sums, cross)
    interval = intervals.of_difference(float(difference), variance)
    if interval is None:
        return _Change(difference, is_real=False)
    excludes_zero = interval.low > 0 or interval.high < 0
    is_enough = Status.TOO_FEW not in {now.status, then.status}
    is_real = excludes_zero and is_enough and abs(float(difference)) >= kpi.smallest_change(float(then.value))
    return _Change(difference, interval.low, interval.high, is_real)
