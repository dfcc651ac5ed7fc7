"""Functions of one customer at a time, over millions of them: part by part on all cores, with the same answer on any number of them."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keepwell.models.btyd.summary import Floats, Ints

PART = 50_000


def in_parts(function: Callable[..., Floats], *columns: Floats | Ints) -> Floats:
    """``function`` of the columns, element by element; NumPy and SciPy let other threads run meanwhile."""
    size = len(columns[0])
    if size <= PART:
        return function(*columns)
    starts = range(0, size, PART)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda start: function(*(c[start : start + PART] for c in columns)), starts))
    return np.concatenate(found)
