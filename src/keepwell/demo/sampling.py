"""Draws that several subjects share."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Flags, Floats, Ints, only


def picks(rng: np.random.Generator, weights: Sequence[float], size: int) -> Ints:
    """Places of a list, each as often as its weight says."""
    shares = np.asarray(weights, dtype=np.float64)
    return rng.choice(len(shares), size, p=shares / shares.sum()).astype(np.int64)


def chance(rng: np.random.Generator, probability: float | Floats, size: int) -> Flags:
    """True with that probability."""
    drawn: Flags = rng.random(size) < probability
    return drawn


def between(rng: np.random.Generator, low: float, high: float, size: int) -> Ints:
    """Whole numbers from low to below high, evenly."""
    return rng.integers(int(low), int(high), size, dtype=np.int64)


def any_of(rng: np.random.Generator, choice: Ints, size: int) -> Ints:
    """So many of the choice, each as likely as the other."""
    return choice[rng.integers(0, len(choice), size)]


def answers(latent: Floats, shares: Sequence[float]) -> Ints:
    """Places on a scale for standard normal inclinations: the higher the inclination the higher the place, and each place as often as its share.

    Inclinations that share a part for one customer give answers that resemble each other, and leave the shares as declared.
    """
    edges = np.cumsum(np.asarray(shares) / sum(shares))[:-1]
    cuts = [NormalDist().inv_cdf(float(edge)) for edge in edges]
    return np.searchsorted(np.array(cuts), latent).astype(np.int64)


def repeated(counts: Ints) -> tuple[Ints, Ints]:
    """For so many rows of each owner: the owner of each row, and the row's number, from 0, among that owner's."""
    owners = np.repeat(np.arange(len(counts)), counts)
    firsts = np.cumsum(counts) - counts
    return owners, np.arange(len(owners)) - firsts[owners]


def ranked(values: Ints) -> Ints:
    """The place of each value in ascending order; equal values keep theirs."""
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def left_empty(rng: np.random.Generator, column: pa.Array, share: float) -> pa.Array:
    """The column with that share of its values missing, as in any real export."""
    return only(column, ~chance(rng, share, len(column)))
