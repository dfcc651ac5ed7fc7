"""What a KPI is: one entry of ``kpis/<theme>.yaml``, or of a file of the same shape in a workspace's ``kpis/``.

The evaluator knows kinds; an entry fills one in. Everything that says what the number means stands in the entry;
:mod:`keepwell.metrics.kpi_file` reads and checks it.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from keepwell.core.errors import unknown
from keepwell.metrics.fact import facts
from keepwell.metrics.measure import Measure, Placement


class Kind(StrEnum):
    """How a KPI is computed."""

    SIMPLE = "simple"  # a count, sum, mean or quantile of one fact, or the number of its customers
    RATIO = "ratio"  # sum ÷ sum, never a mean of ratios
    SURVEY = "survey"  # answers on a declared scale: NPS, the share of satisfied ones, the mean
    RETENTION = "retention"  # who comes back: from one period to the next, or by age of a cohort
    DURATION = "duration"  # a quantile of the time between two instants, by the calendar or in business hours
    DERIVED = "derived"  # a formula over other KPIs
    CUMULATIVE = "cumulative"  # a sum or a ratio over a window that ends with the period
    MODEL = "model"  # a sum or a mean of what the run of the period expects of its customers


class Unit(StrEnum):
    """What a value is measured in. Shares are fractions, durations seconds."""

    COUNT = "count"
    MONEY = "money"
    SHARE = "share"
    POINTS = "points"
    SECONDS = "seconds"
    DAYS = "days"
    SCORE = "score"


class Better(StrEnum):
    """Which direction is good."""

    UP = "up"
    DOWN = "down"
    TARGET = "target"


class Additivity(StrEnum):
    """Whether parts add up to the whole."""

    ADDITIVE = "additive"
    SEMI = "semi"  # over members, but not over periods: stocks
    NON = "non"


class WhenEmpty(StrEnum):
    """What a period without rows, but within the data, reads."""

    NULL = "null"
    ZERO = "zero"


DEFAULT_MIN_N = 30
MATERIAL_RELATIVE = 0.02
MATERIAL_SHARE = 0.01
MATERIAL_POINTS = 1.0
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Example:
    """Rows in, value out: what the definition means, executed on every engine."""

    rows: dict[str, list[dict[str, Any]]]
    period: str
    value: float | None
    n: int
    as_of: str | None = None
    by: str | None = None
    member: str | None = None


@dataclass(frozen=True)
class Benchmark:
    """A value from elsewhere, drawn only where its definition is the KPI's."""

    value: float
    source: str


@dataclass(frozen=True)
class Kpi:
    """One definition."""

    name: str
    theme: str
    title: dict[str, str]
    meaning: dict[str, str]
    formula: dict[str, str]
    kind: Kind
    measure: Measure
    unit: Unit
    better: Better
    additivity: Additivity
    version: int
    example: Example
    pitfalls: dict[str, str] = field(default_factory=dict)
    when_empty: WhenEmpty = WhenEmpty.NULL
    min_n: int = 0
    material: float | None = None
    dimensions: tuple[str, ...] = ()
    benchmark: Benchmark | None = None
    owner: str | None = None
    parameters: dict[str, int] = field(default_factory=dict)
    settles_after_days: int = 0  # a reading is open until so many days after its period
    never_settles: bool = False  # readings of a period keep moving one way for long after it: periods are no two of a kind
    definition: dict[str, Any] = field(default_factory=dict)  # the entry's fields that decide the value, as written
    is_users: bool = False

    @property
    def definition_hash(self) -> str:
        """A fingerprint of all that decides the value; words may change without changing it."""
        used = sorted({s.fact for s in self.measure.sources})
        decides = [repr(self.measure), [facts()[f].definition for f in used], self.when_empty, self.settles_after_days]
        decides += [list(m) for m in (self.measure.models, self.measure.bounded_by) if m]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]

    @property
    def is_by_age(self) -> bool:
        """Whether ``age`` is a dimension of it."""
        return any(s.placement is Placement.COHORT for s in self.measure.sources)

    def smallest_change(self, before: float) -> float:
        """The smallest change worth saying, in the KPI's unit, seen from the value before."""
        if self.material is not None:
            return self.material
        if self.unit is Unit.SHARE:
            return MATERIAL_SHARE
        if self.unit in {Unit.POINTS, Unit.SCORE}:
            return MATERIAL_POINTS
        return abs(before) * MATERIAL_RELATIVE


def kpi(name: str, known: dict[str, Kpi]) -> Kpi:
    """The KPI of that name; an unknown name answers with the nearest known one."""
    try:
        return known[name]
    except KeyError:
        raise unknown("KPI", name, known) from None
