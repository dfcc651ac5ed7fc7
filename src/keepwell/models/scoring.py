"""Scores by thresholds, so that equal values always share a score."""

import numpy as np
import numpy.typing as npt

from keepwell.models.btyd.summary import Floats, Ints

Numbers = npt.NDArray[np.float64] | npt.NDArray[np.int64]


def quantile_thresholds(values: Numbers, levels: int) -> Floats:
    """The upper ends of all scores but the highest: the values at 1/levels, 2/levels and so on.

    Each is the value that stands there when all are sorted, one of those seen, so a rerun on shuffled rows gives the same.
    """
    if not len(values):
        return np.zeros(levels - 1)
    places = [min(len(values) - 1, max(0, -(-len(values) * k // levels) - 1)) for k in range(1, levels)]
    return np.partition(values, places)[places].astype(float)


def scored(values: Numbers, thresholds: Floats) -> Ints:
    """1 up to the first threshold, one more above each: thresholds belong to the lower score."""
    found: Ints = np.searchsorted(thresholds, values, side="left").astype(np.int64) + 1
    return found
