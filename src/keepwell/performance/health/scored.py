"""The health of one customer by exact fractions, and of all customers at once by arrays: the same arithmetic twice, tested to agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from keepwell.models.btyd.summary import Floats, Ints
from keepwell.performance.health.definition import PLACES, Band, Health, Part
from keepwell.performance.scorecards.card import Missing
from keepwell.performance.scorecards.curve import FULL

UNIT = Decimal(1).scaleb(-PLACES)
POINTS = Decimal("0.0001")
# a float's last digits must not settle to which side a half is rounded: 0.015 is read as 0.01499999999999999944…
SETTLED = 9
BAND_ORDER = tuple(Band)
NO_BAND = -1


@dataclass(frozen=True)
class ScoredPart:
    """A part of one customer. Points are 0–100, more where the curve goes further; ``share`` is its weight in percent of all.

    ``adds`` is what it brings to the score; None where it has no points, or there is no score.
    """

    part: Part
    value: float | None
    points: Decimal | None
    share: Decimal
    adds: Decimal | None


@dataclass(frozen=True)
class Scored:
    """A customer's health. ``score`` is None where too little is known; ``known`` is the share of weight that has points, in percent."""

    score: Decimal | None
    band: Band | None
    known: Decimal
    parts: tuple[ScoredPart, ...]


def scored(health: Health, values: Mapping[str, float | None]) -> Scored:
    """The health of one customer, from what was read of each part by its name; what is not there is missing."""
    whole = sum((Fraction(p.weight) for p in health.parts), Fraction(0))
    points = {
        p.name: None if (v := values.get(p.name)) is None or not np.isfinite(v) else p.curve.points(Fraction(v)) for p in health.parts
    }
    present = sum((Fraction(p.weight) for p in health.parts if points[p.name] is not None), Fraction(0))
    known = present / whole * 100
    counts = whole if health.missing is Missing.ZERO else present
    has_score = present > 0 and known >= Fraction(health.least_known) and not (health.missing is Missing.REFUSE and present != whole)
    lines = []
    total = Fraction(0)
    for p in health.parts:
        own = points[p.name]
        adds = Fraction(p.weight) / counts * own if has_score and own is not None else None
        total += adds or 0
        lines.append(
            ScoredPart(p, values.get(p.name), _decimal_or_none(own), _decimal(Fraction(p.weight) / whole * 100), _decimal_or_none(adds))
        )
    score = _decimal(min(FULL, total), Decimal(1).scaleb(-SETTLED)).quantize(UNIT) if has_score else None
    return Scored(score, None if score is None else health.bands.of(Fraction(score)), _decimal(known), tuple(lines))


@dataclass(frozen=True)
class ScoredMany:
    """Scores of many customers, a place each: NaN, and ``NO_BAND``, where too little is known. Bands are places in ``BAND_ORDER``."""

    scores: Floats
    bands: Ints


def scored_many(health: Health, values: Mapping[str, Floats], size: int) -> ScoredMany:
    """The health of ``size`` customers; ``values`` holds a number a customer for each part that the workspace has data of, NaN where missing."""
    whole = sum((p.weight for p in health.parts), Decimal(0))
    total, present = np.zeros(size), np.zeros(size)
    for p in health.parts:
        if p.name not in values:
            continue
        points = points_of(p, values[p.name])
        is_known = np.isfinite(points)
        weight = float(p.weight)
        total += np.where(is_known, points, 0.0) * weight
        present += is_known * weight
    # sums of weights in another order may differ in the last digit, and the border counts as reached
    known = np.round(present / float(whole) * 100, SETTLED)
    has_score = (present > 0) & (known >= float(health.least_known))
    if health.missing is Missing.REFUSE:
        has_score &= known >= 100
    counts = np.full(size, float(whole)) if health.missing is Missing.ZERO else present
    scores = np.full(size, np.nan)
    settled = np.round(np.minimum(total[has_score] / counts[has_score], float(FULL)), SETTLED)
    scores[has_score] = np.round(settled, PLACES)
    bands = np.where(scores >= float(health.bands.healthy), 0, np.where(scores >= float(health.bands.watch), 1, 2))
    return ScoredMany(scores, np.where(has_score, bands, NO_BAND))


def points_of(part: Part, values: Floats) -> Floats:
    """The points of many values by the part's curve; NaN of NaN."""
    xs, ys = (np.array([float(knot[place]) for knot in part.curve.knots]) for place in (0, 1))
    found: Floats = np.interp(values, xs, ys)
    found[~np.isfinite(values)] = np.nan
    return found


def _decimal(value: Fraction, unit: Decimal = POINTS) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(unit)


def _decimal_or_none(value: Fraction | None) -> Decimal | None:
    return None if value is None else _decimal(value)
