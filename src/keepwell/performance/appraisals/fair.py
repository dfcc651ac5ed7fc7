"""Fair comparison of teams and people: by what they do, not by whom they serve or by luck.

Results are compared with what is expected for the customers that a team has (indirect standardisation): what an average team gets from each kind of
customer, found together with the teams' effects, so that a kind is not thought hard because weak teams have many of it (Henderson's mixed-model
equations, solved by turns; Henderson, Biometrics 31, 1975).

Where little is known of a team its difference is drawn towards what teams with such customers come to (empirical Bayes with the mix as a predictor;
Fay and Herriot, J. Am. Stat. Assoc. 74, 1979; the slope of that prediction has itself a normal prior about 0). How much teams differ beyond chance is not chosen but averaged over, each spread counting
as likely as it makes the differences seen (restricted likelihood), so that a handful of teams is never told to be all alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
LEAST_N = 30  # results of a team, by default
SLOPE = 0.5  # before anything is seen: how far the slope lies from 0, as a standard deviation
LEAST_TEAMS = 5  # fewer tell nothing of how the mix goes with the results
MOST_TURNS, CLOSE = 50, 1e-7
SPREADS = 60  # tried
SURE, OUTER = 0.975, 0.999  # both sides: 95 and 99.8 percent


@dataclass(frozen=True)
class Cell:
    """The results of one team with one kind of customer: how many, their sum and the sum of their squares. Of yes and no the last two are the same."""

    n: int
    total: float
    squares: float


@dataclass(frozen=True)
class Compared:
    """A team among its peers.

    ``observed`` is its mean, ``expected`` what an average team would have had with its customers, ``difference`` the one less the other with its
    standard ``error``. ``fair`` is the difference drawn towards its peers, with its 95 percent interval; ``weight`` is how much of its own
    difference it keeps. ``standing`` is the reading to show: everybody's mean plus ``fair``. ``rank`` counts from 1: one more than how many are surely
    better, so teams that nothing tells apart share one. It is None for a team with too few results, whose figures are for nobody's eyes.
    """

    name: str
    n: int
    observed: float
    expected: float
    difference: float
    error: float
    fair: float
    low: float
    high: float
    weight: float
    standing: float
    rank: int | None
    is_masked: bool


@dataclass(frozen=True)
class Comparison:
    """Everybody compared, in the order given.

    ``spread`` is the standard deviation between teams beyond chance; ``by_kind`` what an average team gets from each kind of customer; ``slope``
    how much more a team is above what is expected where more is expected: 0 where the mix says nothing of the teams.
    """

    teams: tuple[Compared, ...]
    mean: float
    spread: float
    slope: float
    by_kind: Mapping[str, float]

    def funnel(self, sizes: Sequence[int]) -> list[tuple[int, tuple[float, float], tuple[float, float]]]:
        """Between which readings teams of these sizes lie by chance alone: in 95 and in 99.8 of 100 cases."""
        largest = max(self.teams, key=lambda t: t.n)
        one = largest.error * sqrt(largest.n)
        made = []
        for size in sizes:
            inner, outer = (float(stats.norm.ppf(sure)) * one / sqrt(size) for sure in (SURE, OUTER))
            made.append((size, (self.mean - inner, self.mean + inner), (self.mean - outer, self.mean + outer)))
        return made


@dataclass(frozen=True)
class _Drawn:
    """The teams' effects with their standard errors, how much each keeps of its own, the spread and the slope."""

    effects: Floats
    errors: Floats
    weights: Floats
    spread: float
    slope: float


def compare(results: Mapping[str, Mapping[str, Cell]], *, more_is_better: bool = True, least_n: int = LEAST_N) -> Comparison:
    """Compare teams by their results with each kind of customer.

    Teams without results are left out. Raises ValueError where fewer than two have any: there is nobody to compare with.
    """
    names = [t for t, cells in results.items() if sum(c.n for c in cells.values())]
    if len(names) < 2:
        raise ValueError("there are no two teams with results")
    kinds = sorted({k for t in names for k, c in results[t].items() if c.n})
    counts, totals, squares = (
        np.array([[float(getattr(results[t].get(k, Cell(0, 0, 0)), field)) for k in kinds] for t in names])
        for field in ("n", "total", "squares")
    )
    sizes = counts.sum(axis=1)
    observed, mean = totals.sum(axis=1) / sizes, float(totals.sum() / sizes.sum())
    level, error, drawn = _solved(counts, totals, squares)
    expected = counts @ level / sizes
    reach = float(stats.norm.ppf(SURE)) * drawn.errors
    masked = sizes < least_n
    ranks = _ranks(drawn, masked, sign=1 if more_is_better else -1)
    teams = tuple(
        Compared(
            name,
            int(sizes[i]),
            float(observed[i]),
            float(expected[i]),
            float(observed[i] - expected[i]),
            float(error[i]),
            float(drawn.effects[i]),
            float(drawn.effects[i] - reach[i]),
            float(drawn.effects[i] + reach[i]),
            float(drawn.weights[i]),
            mean + float(drawn.effects[i]),
            ranks[i],
            bool(masked[i]),
        )
        for i, name in enumerate(names)
    )
    return Comparison(teams, mean, drawn.spread, drawn.slope, {k: float(v) for k, v in zip(kinds, level, strict=True)})


def _solved(counts: Floats, totals: Floats, squares: Floats) -> tuple[Floats, Floats, _Drawn]:
    """What an average team gets of each kind, the standard errors of the teams' differences, and their effects."""
    sizes, of_kind = counts.sum(axis=1), counts.sum(axis=0)
    level = totals.sum(axis=0) / of_kind
    # results of one kind about their mean; what the teams differ in it is small beside it
    within = np.maximum(squares.sum(axis=0) / of_kind - level**2, 1e-12)
    error = np.sqrt(counts @ within) / sizes
    drawn = _drawn(totals.sum(axis=1) / sizes - counts @ level / sizes, error, counts @ level / sizes)
    for _ in range(MOST_TURNS):
        level = (totals - counts * drawn.effects[:, None]).sum(axis=0) / of_kind
        expected = counts @ level / sizes
        before, drawn = drawn, _drawn(totals.sum(axis=1) / sizes - expected, error, expected)
        if float(np.abs(drawn.effects - before.effects).max()) < CLOSE:
            break
    return level, error, drawn


def _drawn(difference: Floats, error: Floats, expected: Floats) -> _Drawn:
    """Differences drawn towards what their peers come to, over all spreads between teams, each counting as likely as it makes the differences."""
    variance = error**2
    has_slope = len(difference) >= LEAST_TEAMS and float(np.ptp(expected)) > CLOSE
    ones = np.ones(len(difference))
    design = np.column_stack([ones, expected - expected.mean()]) if has_slope else ones[:, None]
    # where the kinds are alike, or teams few, any slope would fit: it is held to what mixes do at all
    held = np.diag([0.0, SLOPE**-2]) if has_slope else np.zeros((1, 1))
    spreads = np.linspace(0, 1, SPREADS + 1)[1:] * max(3 * float(difference.std()), float(error.min()) / SPREADS)
    logs, effects, left, keeps, slopes = [], [], [], [], []
    for spread in spreads:
        weight = 1 / (variance + spread**2)
        information = (design.T * weight) @ design + held
        inverse = np.linalg.inv(information)
        fitted = inverse @ ((design.T * weight) @ difference)
        rest = difference - design @ fitted
        keep = spread**2 * weight
        misfit = float((weight * rest**2).sum()) + float(fitted @ held @ fitted)
        logs.append(0.5 * float(np.log(weight).sum()) - 0.5 * float(np.linalg.slogdet(information)[1]) - 0.5 * misfit)
        effects.append(design @ fitted + keep * rest)
        left.append(variance * keep + (1 - keep) ** 2 * ((design @ inverse) * design).sum(axis=1))
        keeps.append(keep)
        slopes.append(float(fitted[1]) if has_slope else 0.0)
    likely = np.exp(np.array(logs) - max(logs))
    likely /= likely.sum()
    found = likely @ np.array(effects)
    doubt = likely @ (np.array(left) + (np.array(effects) - found) ** 2)
    # effects are against an average team
    return _Drawn(found - found.mean(), np.sqrt(doubt), likely @ np.array(keeps), float(likely @ spreads), float(likely @ np.array(slopes)))


def _ranks(drawn: _Drawn, masked: NDArray[np.bool_], *, sign: int) -> list[int | None]:
    gap = sign * (drawn.effects[:, None] - drawn.effects[None, :])
    unsure = float(stats.norm.ppf(SURE)) * np.sqrt(drawn.errors[:, None] ** 2 + drawn.errors[None, :] ** 2)
    surely = (gap > unsure) & ~masked[:, None]
    return [None if masked[i] else 1 + int(surely[:, i].sum()) for i in range(len(masked))]
