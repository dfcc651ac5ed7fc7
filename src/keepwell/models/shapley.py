"""How much of a score's variance each driver explains: the Shapley value of R² (Lindeman, Merenda & Gold 1980; Grömping 2006)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import factorial
from typing import Any

import numpy as np

from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.summary import Floats, Ints
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import check_lengths, ids, numbers

MOST_DRIVERS = 10  # all subsets are looked at: 1,024 of ten
BOOTSTRAPS = 300
MOST_BLOCKS = 1_000  # of customers, which are drawn together
FOLDS = 5  # and with fewer customers nothing can be tested
# so little is added to each variance that columns which repeat each other still have an answer
RIDGE = 1e-10


@dataclass(frozen=True)
class Importance:
    """One place a driver, in their order. ``shares`` add up to ``r2``; ``low`` and ``high`` hold 95 % of the resamples of customers.

    ``noise`` is what a driver that means nothing stays below in 95 of 100 samples. ``tested_r2`` is the R² on customers that were not
    learned from; ``best_alone`` that of the single driver that did best on those that were.
    """

    drivers: tuple[str, ...]
    n: int
    r2: float
    shares: Floats
    low: Floats
    high: Floats
    noise: Floats
    tested_r2: float
    best_alone: float


def importance(score: Any, drivers: Mapping[str, Any], customer: Any = None, seed: int = 20_260_101) -> Importance:
    """From a score and columns (or groups of them, as matrices) that may explain it; at most ten drivers.

    What is not a number is unknown: it is put at the mean, and that it is unknown is a column of its own in the driver's group.
    Answers of one ``customer`` are drawn together. Raises ``WrongUseError`` where there are too many drivers, a column is too short or
    a score is not a number, ``RefusedError`` where all scores are the same or of fewer than five customers.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - loaded only where something is learned

    if not 1 <= len(drivers) <= MOST_DRIVERS:
        raise WrongUseError(f"{len(drivers)} drivers can't be told apart.", f"Give 1 to {MOST_DRIVERS}.")
    score = numbers(score, "The score")
    whose = None if customer is None else ids(customer, "The list of customers")
    check_lengths({"score": score, **drivers, **({} if whose is None else {"customer": whose})})
    who = np.arange(len(score)) if whose is None else np.unique(whose.astype(str), return_inverse=True)[1]
    _check(score, who)
    groups = [_known(_group(v, name)) for name, v in drivers.items()]
    place = np.repeat(np.arange(len(groups)), [g.shape[1] for g in groups])
    with threadpool_limits(1, "blas"):
        moments = _moments(np.column_stack(groups), score, who)
        drawn = _drawn(moments, seed)
        r2 = _all_r2(_correlations(drawn), place, len(groups))
        shares = _shapley(r2, len(groups))
        tested, alone = _held_out(moments, place, len(groups))
    low, high = np.quantile(shares[1:], (0.025, 0.975), axis=0)
    return Importance(
        drivers=tuple(drivers),
        n=len(score),
        r2=float(r2[0, -1]),
        shares=shares[0],
        low=low,
        high=high,
        noise=_noise(float(r2[0, -1]), [g.shape[1] for g in groups], int(who.max()) + 1),
        tested_r2=tested,
        best_alone=alone,
    )


def _check(score: Floats, who: Ints) -> None:
    customers = len(np.unique(who))
    if customers < FOLDS:
        raise RefusedError(
            f"The scores are of {customers} customers; at least {FOLDS} are needed.", "Give answers of more customers.",
            chinese=f"评分仅来自 {customers} 位客户，至少需要 {FOLDS} 位。", chinese_hint="请提供更多客户的回答。",
        )  # fmt: skip
    if np.ptp(score) == 0:
        raise RefusedError(
            "All scores are the same: there is nothing to explain.",
            "Give scores that differ.",
            chinese="所有评分都相同，没有可解释的差异。",
            chinese_hint="请提供有差异的评分。",
        )


def _group(values: Any, name: str) -> Floats:
    """A driver's column or columns as numbers; what is missing is NaN."""
    if getattr(values, "ndim", 1) == 1:
        return numbers(values, f"Driver {name!r}", may_lack=True)
    return np.column_stack([numbers(v, f"Driver {name!r}", may_lack=True) for v in np.asarray(values).T])


def _known(values: Floats) -> Floats:
    """A group's columns, standardised, without constant ones; unknown values at the mean, and a column that tells them."""
    columns = values[:, None] if values.ndim == 1 else values
    found = []
    for column in columns.T:
        is_known = np.isfinite(column)
        if not is_known.any():
            continue
        mean, spread = column[is_known].mean(), column[is_known].std()
        if spread > 1e-12 * max(1.0, abs(mean)):
            found.append(np.where(is_known, (column - mean) / spread, 0.0))
        if not is_known.all():
            found.append((~is_known - (~is_known).mean()) / (~is_known).std())
    return np.column_stack(found) if found else np.zeros((len(values), 0))


def _moments(x: Floats, y: Floats, who: Ints) -> Floats:
    """Of each block of customers the sums of all products of (1, x, y)."""
    spread = y.std()
    z = np.column_stack([np.ones(len(y)), x, (y - y.mean()) / (spread if spread > 0 else 1.0)])
    block = who % MOST_BLOCKS
    order = np.argsort(block, kind="stable")
    bounds = np.searchsorted(block[order], np.arange(min(MOST_BLOCKS, int(who.max()) + 1) + 1))
    return np.stack([z[order[a:b]].T @ z[order[a:b]] for a, b in pairwise(bounds.tolist())])


def _drawn(moments: Floats, seed: int) -> Floats:
    """The sums of all blocks, and those of as many blocks drawn with replacement, again and again."""
    blocks = len(moments)
    counts = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), BOOTSTRAPS)
    weights = np.vstack([np.ones(blocks), counts])
    size = moments.shape[1]
    found: Floats = (weights @ moments.reshape(blocks, -1)).reshape(-1, size, size)
    return found


def _correlations(sums: Floats) -> Floats:
    """Correlations of (x, y) by sums of products; of a constant column none with any other."""
    n = sums[:, :1, :1]
    mean = sums[:, :1, 1:] / n
    covariance = sums[:, 1:, 1:] / n - mean.transpose(0, 2, 1) @ mean
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    spread = np.sqrt(np.where(variance > 1e-12, variance, np.inf))
    found: Floats = covariance / spread[:, :, None] / spread[:, None, :]
    at = np.arange(found.shape[1])
    found[:, at, at] = 1.0
    return found


def _all_r2(correlations: Floats, place: Ints, drivers: int) -> Floats:
    """R² of each set of drivers (bit i of its number: driver i) in each sample."""
    found = np.zeros((len(correlations), 2**drivers))
    for number in range(1, 2**drivers):
        at = np.flatnonzero((number >> place) & 1)
        if not len(at):
            continue
        inside = correlations[:, at[:, None], at[None, :]] + RIDGE * np.eye(len(at))
        with_y = correlations[:, at, -1]
        found[:, number] = (with_y * np.linalg.solve(inside, with_y[:, :, None])[:, :, 0]).sum(axis=1)
    return found


def _shapley(r2: Floats, drivers: int) -> Floats:
    """What each driver adds to R², on average over all orders in which the drivers can come."""
    found = np.zeros((len(r2), drivers))
    for number in range(2**drivers):
        size = number.bit_count()
        for i in range(drivers):
            if not number >> i & 1:
                weight = factorial(size) * factorial(drivers - size - 1) / factorial(drivers)
                found[:, i] += weight * (r2[:, number | 1 << i] - r2[:, number])
    return found


def _held_out(moments: Floats, place: Ints, drivers: int) -> tuple[float, float]:
    """R² on fifths of the customers by what the others taught: of all drivers, and of the one that is best alone on the others."""
    fold = np.arange(len(moments)) % FOLDS
    left = np.zeros(2)
    total = 0.0
    for k in range(FOLDS):
        train, test = moments[fold != k].sum(axis=0), moments[fold == k].sum(axis=0)
        if test[0, 0] == 0 or train[0, 0] == 0:
            return float("nan"), float("nan")
        every = np.arange(moments.shape[1] - 1)
        alone = [np.flatnonzero(np.concatenate([[True], place == i])) for i in range(drivers)]
        best = min(alone, key=lambda at: _error(train, train, at))
        left += [_error(train, test, every), _error(train, test, best)]
        total += _error(train, test, np.array([0]))
    if total <= 0:
        return float("nan"), float("nan")
    return float(1 - left[0] / total), float(1 - left[1] / total)


def _error(train: Floats, test: Floats, at: Ints) -> float:
    """The sum of squared errors on the sums ``test`` of the line that ``train`` teaches with the columns ``at``."""
    inside = train[np.ix_(at, at)]
    weights = np.linalg.solve(inside + RIDGE * train[0, 0] * np.eye(len(at)), train[at, -1])
    return float(test[-1, -1] - 2 * weights @ test[at, -1] + weights @ test[np.ix_(at, at)] @ weights)


def _noise(r2: float, columns: Sequence[int], customers: int) -> Floats:
    """95 % of the chi-square by which R² grows from columns that mean nothing, as if each customer had answered once."""
    from scipy.stats import chi2  # noqa: PLC0415 - loaded only where something is learned

    free = max(customers - sum(columns) - 1, 1)
    found: Floats = np.array([chi2.ppf(0.95, c) if c else 0.0 for c in columns]) * (1 - r2) / free
    return found
