"""The health score as it is defined: parts with weights and curves, what becomes of missing parts, bands."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from keepwell.performance.health.measure import Measure
from keepwell.performance.scorecards.card import Missing
from keepwell.performance.scorecards.curve import Curve

PLACES = 1  # decimals of a score: what is shown is what is stored, and its band is that of the rounded score


class Band(StrEnum):
    """The score in a word, the best first."""

    HEALTHY = "healthy"
    WATCH = "watch"
    AT_RISK = "at_risk"


# English, Chinese
LABELS: dict[str, tuple[str, str]] = {
    Band.HEALTHY: ("Healthy", "健康"), Band.WATCH: ("Watch", "需关注"), Band.AT_RISK: ("At risk", "有风险"),
}  # fmt: skip


@dataclass(frozen=True)
class Bands:
    """From which score on a band is reached; a score at the border belongs to the better band."""

    healthy: Decimal
    watch: Decimal

    def of(self, score: Fraction | Decimal) -> Band:
        """The band of a score of 0 to 100."""
        if score >= self.healthy:
            return Band.HEALTHY
        return Band.WATCH if score >= self.watch else Band.AT_RISK


@dataclass(frozen=True)
class Part:
    """One line of the score. ``weight`` is its share in percent."""

    measure: Measure
    weight: Decimal
    curve: Curve

    @property
    def name(self) -> str:
        return self.measure.name


@dataclass(frozen=True)
class Health:
    """The definition. ``least_known`` is the share of weight in percent that must have points for a score."""

    title: Mapping[str, str]
    meaning: Mapping[str, str]
    version: int
    parts: tuple[Part, ...]
    missing: Missing
    least_known: Decimal
    bands: Bands
    plain: Mapping[str, Any]  # as it was written, from which the same definition can be read again
    is_own: bool = False  # the workspace's, not the shipped one
