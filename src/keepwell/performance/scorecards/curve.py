"""Curves: how many points a reading earns. Pure arithmetic in fractions, so that a grade never hangs on a rounded digit."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from keepwell.core.errors import WrongUseError
from keepwell.metrics.kpi import Better

FULL = Fraction(100)  # points at the target
MOST_POINTS = 150
LEAST_STRETCH = Fraction(1, 4)  # of the way from floor to target that a target of the workspace leaves


class Versus(StrEnum):
    """What a curve's readings are factors of."""

    ABSOLUTE = "absolute"  # of nothing: they are readings
    LAST_YEAR = "last_year"  # the same period of the year before
    PREVIOUS = "previous"  # the period before
    MEAN = "mean"  # the mean of the twelve periods before


class CurveError(WrongUseError):
    """A curve that says nothing, or two things at once."""


@dataclass(frozen=True)
class Curve:
    """Straight lines between knots of (reading, points); outside the first and the last knot the points stay as they are there.

    With ``versus`` the knots are factors of a baseline, 1.05 is five percent more than it. ``better`` says which way is up.
    """

    knots: tuple[tuple[Fraction, Fraction], ...]
    better: Better
    versus: Versus = Versus.ABSOLUTE

    def points(self, reading: Fraction, baseline: Fraction | None = None) -> Fraction:
        """The points of a reading. A relative curve needs a ``baseline`` above 0; ValueError without."""
        at = self._at(baseline)
        if reading <= at[0][0]:
            return at[0][1]
        for (x0, y0), (x1, y1) in pairwise(at):
            if reading <= x1:
                return y0 + (y1 - y0) * (reading - x0) / (x1 - x0)
        return at[-1][1]

    def span(self, low: Fraction, high: Fraction, baseline: Fraction | None = None) -> tuple[Fraction, Fraction]:
        """The fewest and the most points of all readings from ``low`` to ``high``: about a value the most may lie between the ends."""
        between = [x for x, _ in self._at(baseline) if low < x < high]
        found = [self.points(x, baseline) for x in (low, *between, high)]
        return min(found), max(found)

    def target(self, baseline: Fraction | None = None) -> Fraction | None:
        """The least demanding reading that earns full points; None where none does."""
        full = [x for x, y in self._at(baseline) if y >= FULL]
        if not full:
            return None
        if self.better is Better.DOWN:
            return max(full)
        return min(full)

    def aimed(self, aim: Fraction, baseline: Fraction | None = None) -> "Curve":
        """The curve with full points at ``aim``: stretched from its floor, which stays; shifted where the aim is not well beyond the floor.

        A curve about a value, and one that never gives full points, stay as they are. A relative curve becomes one of readings.
        """
        before = self.target(baseline)
        knots = self._at(baseline)
        if before is None or self.better is Better.TARGET:
            return self
        floor = knots[-1][0] if self.better is Better.DOWN else knots[0][0]
        stretch = (aim - floor) / (before - floor) if before != floor else Fraction(0)
        if stretch >= LEAST_STRETCH:
            moved = [(floor + (x - floor) * stretch, y) for x, y in knots]
        else:
            moved = [(x + aim - before, y) for x, y in knots]
        return Curve(tuple(moved), self.better)

    def _at(self, baseline: Fraction | None) -> tuple[tuple[Fraction, Fraction], ...]:
        if self.versus is Versus.ABSOLUTE:
            return self.knots
        if baseline is None or baseline <= 0:
            raise ValueError("a curve of factors needs a baseline above 0")
        return tuple((x * baseline, y) for x, y in self.knots)


def straight(floor: Decimal, target: Decimal, better: Better, *, most: Decimal = Decimal(100), versus: Versus = Versus.ABSOLUTE) -> Curve:
    """The usual curve: no points at the floor, 100 at the target, as many more per unit beyond it until ``most``."""
    low, high = Fraction(floor), Fraction(target)
    if better is Better.TARGET:
        raise CurveError("A KPI that shall come near a value has no floor and target.", "Give its points: [[reading, points], …].")
    if (low < high) is not (better is Better.UP) or low == high:
        raise CurveError(
            f"The floor {floor} must be below the target {target}: more is better."
            if better is Better.UP
            else f"The floor {floor} must be above the target {target}: less is better.",
            "Exchange the two, or change what is better.",
        )
    cap = Fraction(most)
    if not FULL <= cap <= MOST_POINTS:
        raise CurveError(f"The most points are {most}.", f"Give 100 to {MOST_POINTS}.")
    knots = [(low, Fraction(0)), (high, FULL)]
    if cap > FULL:
        knots.append((low + (high - low) * cap / FULL, cap))
    return Curve(tuple(sorted(knots)), better, versus)


def bent(knots: Sequence[tuple[Decimal, Decimal]], better: Better, versus: Versus = Versus.ABSOLUTE) -> Curve:
    """A curve through knots of (reading, points). It rises where more is better, falls where less is, and does one after the other about a value."""
    found = tuple((Fraction(x), Fraction(y)) for x, y in knots)
    if len(found) < 2:
        raise CurveError("A curve needs at least two knots.", "Give [[reading, points], [reading, points], …].")
    for (x0, _), (x1, _) in pairwise(found):
        if x1 <= x0:
            raise CurveError(
                f"The readings of a curve rise: {_plain(x1)} stands after {_plain(x0)}.", "Give the smallest reading first, each once."
            )
    if not all(0 <= y <= MOST_POINTS for _, y in found):
        raise CurveError("Points lie outside their range.", f"Give 0 to {MOST_POINTS}.")
    steps = [y1 - y0 for (_, y0), (_, y1) in pairwise(found)]
    if not _is_monotone(steps, better):
        shape = {Better.UP: "never fall", Better.DOWN: "never rise"}.get(better, "rise to one place and fall after it")
        raise CurveError(
            f"The curve is not monotone: its points must {shape}, and they are {', '.join(_plain(y) for _, y in found)}.",
            "Mend the points, or change what is better.",
        )
    return Curve(found, better, versus)


def _is_monotone(steps: Sequence[Fraction], better: Better) -> bool:
    if better is Better.UP:
        return all(s >= 0 for s in steps)
    if better is Better.DOWN:
        return all(s <= 0 for s in steps)
    falls = next((i for i, s in enumerate(steps) if s < 0), len(steps))
    return all(s <= 0 for s in steps[falls:])


def _plain(value: Fraction) -> str:
    return f"{float(value):g}"
