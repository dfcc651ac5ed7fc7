"""Explanations: why a KPI differs between two periods, or from what it was known to be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.periods import Period
from keepwell.engine.protocol import Engine
from keepwell.engine.sql import Steps, quoted
from keepwell.lake.table import tables as lake_tables
from keepwell.metrics import drivers, survival
from keepwell.metrics.compile import compile_customer_flow
from keepwell.metrics.cut import TOTAL
from keepwell.metrics.distributions import DECIMALS, MICROSECONDS, Histogram
from keepwell.metrics.drivers import Driver, Effect, Flow, Member
from keepwell.metrics.evaluate import Question, histograms_of, plan_of, read
from keepwell.metrics.formula import quotient_or_none, result_or_none
from keepwell.metrics.kpi import Kpi, Unit, kpi
from keepwell.metrics.measure import Measure, Shape
from keepwell.metrics.reading import Reading
from keepwell.metrics.session import Session, Tables

CUSTOMERS = "customers"  # the decomposition by new, lost and kept customers
FACTORS = "formula"  # the decomposition by the KPIs of a formula
DATA = "data"  # the difference between a number restated and as known


@dataclass(frozen=True)
class Decomposition:
    """Parts of a change, largest first, that add up to it exactly; ``by`` is the dimension (several joined by " × ")."""

    by: str
    parts: tuple[Driver, ...]
    reason: str | None = None  # why there are none

    @property
    def largest(self) -> Decimal:
        return max((abs(p.amount) for p in self.parts), default=Decimal(0))


@dataclass(frozen=True)
class Explanation:
    """A change and its decompositions, the one with the largest part first."""

    kpi: str
    period: str
    versus: str
    before: Decimal | None
    now: Decimal | None
    change: Decimal | None
    is_real: bool | None
    decompositions: tuple[Decomposition, ...]
    is_open: bool = False  # a sum of a period that is not over yet


def explain(
    session: Session, found: Kpi, known: dict[str, Kpi], periods: tuple[Period, Period], by: Sequence[str], where: str | None
) -> Explanation:
    """Why ``found`` differs between ``periods`` (the later one first), by each dimension of ``by``; without any, by all of the KPI's own.

    A dimension written ``a+b`` means the combinations of both.
    """
    now, before = periods
    whole = [_one(session, found, p, None, where) for p in periods]
    change = _difference(whole[0], whole[1])
    real = _is_real(session, found, now, before, where)
    if change is None:
        return Explanation(found.name, now.label, before.label, whole[1].value, whole[0].value, None, None, ())
    decompositions = []
    if found.measure.needs and not by:
        decompositions.append(_by_formula(session, found, known, periods, where, change))
    if (
        found.measure.shape is Shape.FLOW
        and found.unit is Unit.MONEY
        and len(found.measure.parts) == 1
        and not found.measure.parts[0].per_customer
    ):
        decompositions += [d for d in [_by_customers(session, found, periods, where, change)] if d]
    for dimension in by or [d for d in found.dimensions if d != "age"]:
        decompositions.append(_by_dimension(session, found, periods, dimension, where, change))
    ranked = sorted(decompositions, key=lambda d: -d.largest) if not by else decompositions
    is_open = whole[0].is_open and found.measure.shape is Shape.FLOW
    return Explanation(found.name, now.label, before.label, whole[1].value, whole[0].value, change, real, tuple(ranked), is_open)


def _question(period: Period, dimension: str | None, where: str | None, session: Session) -> Question:
    return Question(period, period.grain, dimension, where, session.as_of, has_comparisons=False)


def _one(session: Session, found: Kpi, period: Period, dimension: str | None, where: str | None) -> Reading:
    readings = read(session, [found], _question(period, dimension, where, session))
    return readings[0]


def _difference(now: Reading, before: Reading) -> Decimal | None:
    return None if now.value is None or before.value is None else now.value - before.value


def _is_real(session: Session, found: Kpi, now: Period, before: Period, where: str | None) -> bool | None:
    """Whether the change is real, where the evaluator compares these two periods anyway."""
    calendar = session.ground.calendar
    question = replace(_question(now, None, where, session), has_comparisons=True)
    reading = read(session, [found], question)[0]
    if calendar.previous_or_none(now) == before:
        return reading.change_previous_is_real
    if calendar.same_last_year_or_none(now) == before:
        return reading.change_last_year_is_real
    return None


# ------------------------------------------------------------- dimensions


def _by_dimension(
    session: Session, found: Kpi, periods: tuple[Period, Period], dimension: str, where: str | None, change: Decimal
) -> Decomposition:
    shown = dimension.replace("+", " × ")
    if found.measure.distribution:
        return _by_rows(session, found, periods, dimension, where, change)
    readings = [{r.member or TOTAL: r for r in found_then} for found_then in _of_both(session, found, periods, dimension, where)]
    members = [_member(name, readings[0].get(name), readings[1].get(name)) for name in sorted({*readings[0], *readings[1]})]
    scale = _scale_or_none(found.measure)
    if scale is None:
        if any(sign in found.measure.formula for sign in "*/"):
            return Decomposition(shown, (), "not decomposable: it is no quotient of sums")
        return Decomposition(shown, tuple(drivers.of_sums(members, change)))
    return Decomposition(shown, tuple(drivers.of_ratio(members, scale, change)))


def _of_both(
    session: Session, found: Kpi, periods: tuple[Period, Period], dimension: str, where: str | None
) -> tuple[list[Reading], list[Reading]]:
    """The readings of the later and of the earlier period: from one look at the rows, where the periods follow each other."""
    now, before = periods
    if session.ground.calendar.previous_or_none(now) != before:
        of_now, of_before = (read(session, [found], _question(p, dimension, where, session)) for p in periods)
        return list(of_now), list(of_before)
    both = Period(f"{before.label}..{now.label}", now.grain, before.start, now.end)
    readings = read(session, [found], _question(both, dimension, where, session))
    return [r for r in readings if r.period_start == now.start], [r for r in readings if r.period_start == before.start]


def _member(name: str, now: Reading | None, before: Reading | None) -> Member:
    def of(reading: Reading | None, field: str) -> Fraction:
        value = getattr(reading, field) if reading else None
        return Fraction(value) if value is not None else Fraction(0)

    return Member(name, of(before, "numerator"), of(now, "numerator"), of(before, "denominator"), of(now, "denominator"))


def _scale_or_none(measure: Measure) -> Fraction | None:
    """The constant factor of a quotient, 100 of an NPS; None for what is no quotient."""
    if measure.shape is Shape.NPS:
        return Fraction(100)
    parts = quotient_or_none(measure.formula)
    if parts is None:
        return None
    # any sums will do to compare the formula with its bare quotient
    sums = {f"p{i}": Fraction(p) for i, p in zip(range(len(measure.parts)), (7, 3, 11, 5, 13, 17, 19, 23), strict=False)}
    whole, top, bottom = (result_or_none(f, sums) for f in (measure.formula, *parts))
    if whole is None or top is None or bottom is None or not top.value:
        return None
    return whole.value * bottom.value / top.value


def _by_rows(
    session: Session, found: Kpi, periods: tuple[Period, Period], dimension: str, where: str | None, change: Decimal
) -> Decomposition:
    """A quantile by the members' rows: what it would be, had only some members' rows changed."""
    shown = dimension.replace("+", " × ")
    d = found.measure.distribution
    if d is None:
        return Decomposition(shown, (), "not decomposable")
    now, before = (histograms_of(session, found, _question(p, dimension, where, session)) for p in periods)
    sizes = {m: Fraction(sum(h[m].n for h in (now, before) if m in h)) for m in {*now, *before}}
    player = drivers.merged({m: s for m, s in sizes.items() if s})
    players = sorted(set(player.values()))
    scale = MICROSECONDS if d.value is None else DECIMALS

    def value(changed: frozenset[str]) -> Fraction | None:
        pooled = [(now if player[m] in changed else before).get(m) for m in sorted(player)]
        point = _quantile_or_none([h for h in pooled if h is not None], float(d.quantile))
        return None if point is None else Fraction(str(point)) / scale

    parts = drivers.of_players(players, Effect.ROWS, value, change)
    if parts is None:
        return Decomposition(shown, (), "not decomposable: without some members there is no value")
    return Decomposition(shown, tuple(parts))


def _quantile_or_none(histograms: Sequence[Histogram], q: float) -> float | None:
    if not histograms or not sum(h.n for h in histograms):
        return None
    values = np.concatenate([h.values for h in histograms])
    reached = np.concatenate([h.is_reached for h in histograms])
    counts = np.concatenate([h.counts for h in histograms])
    order = np.argsort(values, kind="stable")
    if bool(reached.all()):
        return survival.order_statistics(values[order], counts[order], q, None).value
    return survival.kaplan_meier_quantile(values[order], reached[order], counts[order], q).value


# ---------------------------------------------------- formula and customers


def _by_formula(
    session: Session, found: Kpi, known: dict[str, Kpi], periods: tuple[Period, Period], where: str | None, change: Decimal
) -> Decomposition:
    """A formula by the KPIs in it: each one's Shapley value."""
    needed = [kpi(name, known) for name in found.measure.needs]
    if len(needed) > drivers.MOST_PLAYERS:
        return Decomposition(FACTORS, (), f"not decomposable: more than {drivers.MOST_PLAYERS} KPIs stand in it")
    values = [{k.name: _one(session, k, p, None, where).value for k in needed} for p in periods]
    expression = str(found.definition["expression"])

    def value(changed: frozenset[str]) -> Fraction | None:
        chosen = {k.name: (values[0] if k.name in changed else values[1])[k.name] for k in needed}
        if any(v is None for v in chosen.values()):
            return None
        result = result_or_none(expression, {n: Fraction(v) for n, v in chosen.items() if v is not None})
        return result.value if result else None

    parts = drivers.of_players([k.name for k in needed], Effect.FACTOR, value, change)
    if parts is None:
        return Decomposition(FACTORS, (), "not decomposable: a part of the formula has no value")
    told = tuple(replace(p, before=values[1].get(p.member), now=values[0].get(p.member)) for p in parts)
    return Decomposition(FACTORS, told)


def _by_customers(session: Session, found: Kpi, periods: tuple[Period, Period], where: str | None, change: Decimal) -> Decomposition | None:
    """A sum of money by who is new, who is lost, and how often and how much the others bought."""
    now, before = periods
    plan = plan_of(session, found, periods, where)
    rows = session.engine.arrow(compile_customer_flow(found.measure, plan, now.start, before.start)).to_pylist()
    row: dict[str, Any] = rows[0] if rows else {}

    def sum_of(name: str) -> Fraction:
        return Fraction(row.get(name) or 0)

    flow = Flow(
        new=sum_of("new_sum"),
        lost=sum_of("lost_sum"),
        kept=int(row.get("kept") or 0),
        kept_rows_before=int(row.get("kept_rows_before") or 0),
        kept_rows_now=int(row.get("kept_rows_now") or 0),
        kept_before=sum_of("kept_before"),
        kept_now=sum_of("kept_now"),
        anonymous_before=sum_of("alone_before"),
        anonymous_now=sum_of("alone_now"),
    )
    return Decomposition(CUSTOMERS, tuple(drivers.of_customers(flow, change)))


# --------------------------------------------------------------- as known


@dataclass(frozen=True)
class WithLateRows:
    """Tables as they were, with the rows that have come since; rows that were changed since are as they were."""

    before: Tables
    now: Tables

    def rows(self, name: str) -> int:
        return max(self.before.rows(name), self.now.rows(name))

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        key = lake_tables()[name].key
        if not self.before.rows(name):
            self.now.register(engine, name, known_as)
            return
        self.before.register(engine, name, f"{name}__before")
        self.now.register(engine, name, f"{name}__now")
        columns = ", ".join(f"n.{quoted(c)}" for c, _ in lake_tables()[name].all_columns)
        plain = ", ".join(quoted(c) for c, _ in lake_tables()[name].all_columns)
        on = " and ".join(f"b.{quoted(k)} = n.{quoted(k)}" for k in key)
        union = (
            f"select {plain} from {quoted(f'{name}__before')} union all "
            f"select {columns} from {quoted(f'{name}__now')} as n left join {quoted(f'{name}__before')} as b on {on} where b.{quoted(key[0])} is null"
        )
        engine.define(known_as or name, Steps().then(name, union))


def restated(known: Reading, redefined: Reading, with_late: Reading, now: Reading) -> Explanation:
    """Why a number is another one today than it was known to be: definition, late data, corrected data."""
    values = (known.value, redefined.value, with_late.value, now.value)
    if any(v is None for v in values):
        raise KeepwellError(
            f"{known.kpi} has no value for {known.period} in one of the two states, so there is no difference to explain.",
            "Look at both with `keepwell kpi` and `keepwell kpi --run`.",
        )
    first, second, third, last = (v for v in values if v is not None)
    parts = drivers.of_data(first, second, third, last)
    return Explanation(known.kpi, known.period, known.run_id or "", first, last, last - first, None, (Decomposition(DATA, tuple(parts)),))


def check_periods(now: Period, before: Period) -> None:
    """Refuse to compare a period with itself, or periods of different length in name."""
    if now == before:
        raise WrongUseError(f"{now.label} can't be explained against itself.", "Give another period with --versus.")
    if now.grain is not before.grain:
        raise WrongUseError(
            f"{now.label} and {before.label} are periods of different length.", "Compare a month with a month, a year with a year."
        )
