"""From the engine's sums to a value with its interval and its change."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

from keepwell.core.errors import KeepwellError
from keepwell.metrics import intervals
from keepwell.metrics.cut import Plan
from keepwell.metrics.formula import Result, quotient_or_none, result_or_none
from keepwell.metrics.intervals import Interval, Spread
from keepwell.metrics.kpi import Kpi, Unit
from keepwell.metrics.measure import Measure, Shape
from keepwell.metrics.reading import PLACES, Status

EXACT = Context(prec=60)
PLACES_OF_MOMENTS = 8  # a product of two values with four places each
UNIT = 100_000_000


@dataclass(frozen=True)
class Value:
    """A KPI in one period and member, before it is compared."""

    value: Decimal | None
    interval: Interval | None
    n: int
    missing: int
    numerator: Decimal | None
    denominator: Decimal | None
    status: Status
    slopes: Mapping[int, Fraction] | None = None  # by part: how the value moves with it
    second: float = math.nan  # Σ of the squares of the customers' linearised contributions
    error: float | None = None  # standard error of a quantile

    @property
    def coverage(self) -> float | None:
        """The share of the rows that belong whose values could be used."""
        return self.n / (self.n + self.missing) if self.n + self.missing else None


@dataclass(frozen=True)
class Change:
    """A difference between two periods."""

    value: Decimal | None = None
    low: float | None = None
    high: float | None = None
    is_real: bool | None = None


def kept(value: Fraction | Decimal) -> Decimal:
    """A value with the places that readings have, rounded half to even."""
    exact = EXACT.divide(Decimal(value.numerator), Decimal(value.denominator)) if isinstance(value, Fraction) else value
    return exact.quantize(PLACES, context=EXACT)


def fraction(value: Any) -> Fraction:
    return Fraction(value) if value is not None else Fraction(0)


def value_of(kpi: Kpi, plan: Plan, row: Mapping[str, Any]) -> Value:
    """The reading of sums: value, interval, and what a comparison needs."""
    measure = kpi.measure
    places = [plan.parts.index(p) for p in measure.parts]
    sums = {f"p{i}": fraction(row[f"s{j}"]) for i, j in enumerate(places)}
    counted = plan.counted.index(measure.parts[measure.counted])
    n = int(row[f"n{counted}"] or 0)
    missing = int(row[f"t{counted}"] or 0) - n
    result = result_or_none(measure.formula, sums)
    numerator, denominator = _fraction_of(measure, sums)
    if n == 0 or result is None:
        return Value(None, None, n, missing, numerator, denominator, Status.NO_DATA)
    # what is shipped is a share by its definition; there only odd data, such as a negative amount, can lead beyond
    if kpi.is_users and measure.shape is Shape.SHARE and not 0 <= result.value <= 1:
        raise KeepwellError(
            f"{kpi.name} is a share and came to {float(result.value):g}: its numerator is not a part of its denominator.",
            "Let the numerator count among the denominator's rows, or say `is_subset: false` where it may exceed 1.",
        )
    slopes = {places[int(name[1:])]: s for name, s in result.slopes.items() if s}
    customers = int(row[f"c{counted}"] or 0)
    second = _second(slopes, row)
    if customers < 2 and measure.shape not in {Shape.FLOW, Shape.STOCK}:
        # one customer's ratio shows no spread, which is not none
        second = math.nan
    spread = Spread(customers, second, _third(slopes, row))
    status = Status.TOO_FEW if n < kpi.min_n else Status.OK
    rows = float(sums["p1"]) if measure.shape is Shape.SHARE and plan.is_whole(places[1]) else None
    # there is no chance in amounts that are known
    is_certain = bool(slopes) and all(plan.is_certain(j) for j in slopes)
    interval = None if is_certain else _interval(kpi, result, sums, spread, rows)
    return Value(kept(result.value), interval, n, missing, numerator, denominator, status, slopes, second)


def _fraction_of(measure: Measure, sums: Mapping[str, Fraction]) -> tuple[Decimal | None, Decimal | None]:
    """Numerator and denominator; of a sum the sum itself."""
    if measure.shape is Shape.NPS:
        return kept(sums["p0"] - sums["p1"]), kept(sums["p2"])
    parts = quotient_or_none(measure.formula)
    if parts is None:
        found = result_or_none(measure.formula, sums)
        return (kept(found.value) if found else None), None
    top, bottom = (result_or_none(p, sums) for p in parts)
    return (kept(top.value) if top else None), (kept(bottom.value) if bottom else None)


@dataclass(frozen=True)
class _Scaled:
    """Slopes as whole numbers over one denominator: products of whole numbers are exact, and much faster than those of fractions."""

    numerators: dict[int, int]
    denominator: int

    @classmethod
    def of(cls, slopes: Mapping[int, Fraction]) -> "_Scaled":
        denominator = math.lcm(*(s.denominator for s in slopes.values()))
        return cls({j: s.numerator * (denominator // s.denominator) for j, s in slopes.items()}, denominator)


def _whole(moment: Decimal | int | None) -> int:
    """A moment in units of its last place."""
    if moment is None:
        return 0
    return moment * UNIT if isinstance(moment, int) else int(EXACT.scaleb(moment, PLACES_OF_MOMENTS))


def _second(slopes: Mapping[int, Fraction], row: Mapping[str, Any]) -> float:
    scaled = _Scaled.of(slopes)
    total = 0
    for (a, s), (b, t) in combinations_with_replacement(sorted(scaled.numerators.items()), 2):
        total += (1 if a == b else 2) * s * t * _whole(row.get(f"m{a}_{b}"))
    return max(total, 0) / (scaled.denominator * scaled.denominator * UNIT)


def _third(slopes: Mapping[int, Fraction], row: Mapping[str, Any]) -> float | None:
    scaled = _Scaled.of(slopes)
    total = 0
    for triple in combinations_with_replacement(sorted(scaled.numerators.items()), 3):
        (a, s), (b, t), (c, u) = triple
        moment = row.get(f"q{a}_{b}_{c}")
        if moment is None:
            return None
        orders = {1: 1, 2: 3, 3: 6}[len({a, b, c})]
        total += orders * s * t * u * _whole(moment)
    return total / (scaled.denominator * scaled.denominator * scaled.denominator * UNIT)


def _interval(kpi: Kpi, result: Result, sums: Mapping[str, Fraction], spread: Spread, rows: float | None) -> Interval | None:
    value = float(result.value)
    match kpi.measure.shape:
        case Shape.STOCK:
            return None
        case Shape.FLOW:
            return intervals.of_flow(value, spread)
        case Shape.SHARE:
            return intervals.of_share(value, spread, rows) if 0 <= value <= 1 else intervals.of_ratio(value, spread)
        case Shape.NPS:
            return intervals.of_nps(float(sums["p0"]), float(sums["p1"]), float(sums["p2"]), spread)
        case _:
            found = intervals.of_ratio(value, spread)
            is_quotient = quotient_or_none(kpi.measure.formula) is not None
            if found is not None and kpi.unit is Unit.SHARE and is_quotient and value >= 0:
                return Interval(max(0.0, found.low), found.high)
            return found


def change_of(kpi: Kpi, now: Value, then: Value, prefix: str, row: Mapping[str, Any]) -> Change:
    """The difference, its interval, and whether it is real: more than chance and at least worth saying."""
    if now.value is None or then.value is None:
        return Change()
    difference = now.value - then.value
    if now.error is not None and then.error is not None:
        variance = now.error**2 + then.error**2
    elif now.slopes is None or then.slopes is None:
        return Change(difference, is_real=False)
    else:
        # of a stock too: what stayed is in both and falls out, what came and went is chance
        variance = intervals.change_variance(now.second, then.second, _cross(now, then, prefix, row))
    interval = intervals.of_difference(float(difference), variance)
    if interval is None:
        return Change(difference, is_real=False)
    excludes_zero = interval.low > 0 or interval.high < 0
    is_enough = Status.TOO_FEW not in {now.status, then.status}
    is_real = excludes_zero and is_enough and abs(float(difference)) >= kpi.smallest_change(float(then.value))
    return Change(difference, interval.low, interval.high, is_real)


def _cross(now: Value, then: Value, prefix: str, row: Mapping[str, Any]) -> float:
    first, second = _Scaled.of(now.slopes or {}), _Scaled.of(then.slopes or {})
    total = 0
    for a, s in first.numerators.items():
        for b, t in second.numerators.items():
            total += s * t * _whole(row.get(f"{prefix}{a}_{b}"))
    return total / (first.denominator * second.denominator * UNIT)
