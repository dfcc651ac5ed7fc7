"""What a target is: a KPI, of whom, which value, by when, whose it is, and the way there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from keepwell.core.periods import Calendar, Grain, Period
from keepwell.metrics.kpi import Better, Kpi
from keepwell.performance.slices import WHOLE, Slice


@dataclass(frozen=True)
class Point:
    """A reading as a target looks at it, without the interval."""

    start: date
    value: float


@dataclass(frozen=True)
class Step:
    """What is expected of one period on the way."""

    period: str
    start: date
    value: Decimal


@dataclass(frozen=True)
class Aim:
    """What is asked: ``value`` for the period whose last day is the deadline."""

    kpi: str
    grain: Grain
    period: str
    deadline: date
    value: Decimal
    slice: Slice = WHOLE
    owner_id: str | None = None
    reason: str | None = None
    objective_id: str | None = None


@dataclass(frozen=True)
class Version:
    """An aim as it was set at a moment, with the baseline and the way that were computed then. Later versions leave it as it is."""

    version: int
    set_at: datetime
    set_by: str | None
    aim: Aim
    baseline: Decimal | None
    baseline_period: str | None
    path: tuple[Step, ...]
    change: str | None = None  # why it is another one than before

    def expected(self, start: date) -> Decimal | None:
        """What the way expects of the period that begins then; None before it starts and after the deadline."""
        return next((s.value for s in self.path if s.start == start), None)


@dataclass(frozen=True)
class Target:
    """A target with every version it ever had, oldest first."""

    target_id: str
    versions: tuple[Version, ...]
    ended_at: datetime | None = None
    ended_because: str | None = None

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def aim(self) -> Aim:
        return self.now.aim

    def as_known(self, at: datetime) -> Version | None:
        """The version that counted at that moment; None where it was not set yet, or had ended."""
        if self.ended_at is not None and self.ended_at <= at:
            return None
        return next((v for v in reversed(self.versions) if v.set_at <= at), None)


def is_reached(kpi: Kpi, value: Decimal | float, aim: Decimal | float) -> bool:
    """Whether a value is as good as the aim; nearer is no better where a KPI shall come to a value."""
    if kpi.better is Better.DOWN:
        return float(value) <= float(aim)
    return float(value) >= float(aim)


def attainment(baseline: float, value: float, aim: float) -> float | None:
    """The share of the way from the baseline to the aim that is done: 0 at the baseline, 1 at the aim, continuous beyond either.

    None where baseline and aim are the same.
    """
    if aim == baseline:
        return None
    # nothing of a way that leads down is 0 too, not -0
    return (value - baseline) / (aim - baseline) + 0.0


def periods_until(calendar: Calendar, grain: Grain, after: Period, deadline: date) -> Sequence[Period]:
    """The periods of that grain after ``after`` up to the one in which the deadline lies."""
    last = calendar.containing(grain, deadline)
    return [p for p in calendar.periods(grain, after.start, last.end) if p.start > after.start]
