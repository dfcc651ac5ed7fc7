"""The SMART check: what a target lacks to be specific, measurable, achievable, relevant and time-bound (Doran, 1981)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from keepwell.metrics.kpi import Better, Kpi
from keepwell.performance.targets.standing import Standing
from keepwell.performance.targets.target import Aim, is_reached

TOO_HARD, TOO_EASY = 0.05, 0.95


class Letter(StrEnum):
    """What SMART stands for."""

    SPECIFIC = "specific"
    MEASURABLE = "measurable"
    ACHIEVABLE = "achievable"
    RELEVANT = "relevant"
    TIME_BOUND = "time_bound"


class Lack(StrEnum):
    """What is missing, or doubtful."""

    NO_OWNER = "no_owner"
    NO_READING = "no_reading"
    NO_DIRECTION = "no_direction"  # the KPI shall come near a value, so neither more nor less of it is better
    TOO_HARD = "too_hard"  # under 5 percent likely as things go
    TOO_EASY = "too_easy"  # over 95 percent likely without doing anything
    NO_BETTER = "no_better"  # the baseline is as good already
    UNTOLD = "untold"  # too few readings to say how likely it is
    NO_REASON = "no_reason"
    OVER = "over"  # the deadline is over


@dataclass(frozen=True)
class Criterion:
    """One letter: met, or what it lacks. ``is_doubt`` is a remark, not a want."""

    letter: Letter
    lack: Lack | None = None
    is_doubt: bool = False

    @property
    def is_met(self) -> bool:
        return self.lack is None or self.is_doubt


def smart(kpi: Kpi, aim: Aim, stands: Standing, baseline: float | None, today: date) -> Sequence[Criterion]:
    """One criterion a letter, in their order."""
    return (
        Criterion(Letter.SPECIFIC, Lack.NO_OWNER if aim.owner_id is None else None),
        _measurable(kpi, baseline),
        _achievable(kpi, aim, stands, baseline),
        Criterion(Letter.RELEVANT, Lack.NO_REASON if not aim.reason and aim.objective_id is None else None),
        Criterion(Letter.TIME_BOUND, Lack.OVER if aim.deadline < today else None),
    )


def _measurable(kpi: Kpi, baseline: float | None) -> Criterion:
    if kpi.better is Better.TARGET:
        return Criterion(Letter.MEASURABLE, Lack.NO_DIRECTION)
    return Criterion(Letter.MEASURABLE, Lack.NO_READING if baseline is None else None)


def _achievable(kpi: Kpi, aim: Aim, stands: Standing, baseline: float | None) -> Criterion:
    lack = None
    if stands.probability is None:
        lack = Lack.UNTOLD
    elif stands.probability < TOO_HARD:
        lack = Lack.TOO_HARD
    elif stands.probability > TOO_EASY:
        lack = Lack.TOO_EASY
    elif baseline is not None and is_reached(kpi, baseline, aim.value):
        lack = Lack.NO_BETTER
    return Criterion(Letter.ACHIEVABLE, lack, is_doubt=True)
