"""What a KPI computes: sums over customers and a formula over them, or the distribution of a value.

Every kind of KPI comes down to one of the two, so that intervals, changes, break-downs and explanations are written once.
A sum is *linear*: it adds up over rows, hence over customers, so a customer's part of it is known, and with it how far chance
can move the whole (:mod:`keepwell.metrics.intervals`).
"""

import functools
from dataclasses import dataclass, field
from enum import StrEnum


class Placement(StrEnum):
    """How rows come to stand in a period."""

    FLOW = "flow"  # by their day
    STOCK = "stock"  # what is there at the end of the period
    TRAILING = "trailing"  # by a window of days that ends with the period
    RETURNING = "returning"  # by the period before, and by the period: who comes back
    COHORT = "cohort"  # by a customer's first day, and by how many periods later


class Shape(StrEnum):
    """What kind of value it is: decides the interval."""

    FLOW = "flow"  # a count or a sum of what happened
    STOCK = "stock"  # a count or a sum of what is there: known, so without an interval
    SHARE = "share"  # rows out of rows
    RATIO = "ratio"  # a sum out of a sum, a mean, or a formula of such
    NPS = "nps"  # promoters less detractors
    DISTRIBUTION = "distribution"  # a quantile


@dataclass(frozen=True)
class Window:
    """So many months or days that end with the period."""

    months: int = 0
    days: int = 0


@dataclass(frozen=True)
class Source:
    """One scan: a fact and how its rows are placed. Parts with the same source are computed together."""

    fact: str
    time: str
    placement: Placement
    window: Window | None = None
    where: str | None = None  # RETURNING and COHORT: which rows count as activity
    returned_on: str | None = None  # COHORT: the day of activity
    is_unbounded: bool = False  # COHORT: active in that period or later
    age: int = 1  # COHORT: how many periods after the first, where not broken down by age


@dataclass(frozen=True)
class Part:
    """One sum. ``sql`` is an aggregate over rows; with ``per_customer`` over one line a customer, whose columns those are."""

    source: Source
    sql: str
    where: str | None = None
    counts: str | None = None  # rows for which it does not hold are missing: they belong, but lack the value
    per_customer: tuple[tuple[str, str], ...] = ()
    top: str | None = None  # keeps the customers who are among the top share by this sum


@dataclass(frozen=True)
class Distribution:
    """A quantile of a value, or of the time between two instants of which the later may be yet to come."""

    source: Source
    quantile: str
    where: str | None = None
    value: str | None = None  # SQL; None for a duration
    starts: str | None = None
    ends: str | None = None
    is_over: str | None = None  # SQL: nothing more will come; a missing end is then missing and not awaited
    is_business: bool = False


@dataclass(frozen=True)
class Measure:
    """Either ``parts`` with a ``formula`` over their names p0, p1, …, or a ``distribution``."""

    shape: Shape
    parts: tuple[Part, ...] = ()
    formula: str = ""
    counted: int = 0  # the part whose rows, or customers, are n
    distribution: Distribution | None = None
    needs: tuple[str, ...] = field(default=())  # for a formula over KPIs: their names
    # of what models expect: their names, and the parameters (model.parameter) whose bounds are those of the whole
    models: tuple[str, ...] = field(default=(), repr=False)
    bounded_by: tuple[str, ...] = field(default=(), repr=False)

    @functools.cached_property
    def sources(self) -> tuple[Source, ...]:
        if self.distribution:
            return (self.distribution.source,)
        return tuple(dict.fromkeys(p.source for p in self.parts))
