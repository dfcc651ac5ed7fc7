"""Arrow columns from the numbers in which the demo business is drawn.

Everything is drawn as numpy numbers: places in a list of words, running numbers of records, cents, seconds of a timeline.
A negative number stands for "none" throughout, and becomes null here.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NONE = -1


def stream(seed: int, subject: str) -> np.random.Generator:
    """The randomness of one subject: the same for a seed, whatever other subjects there are."""
    return np.random.default_rng([seed, crc32(subject.encode())])


def nothing(size: int) -> Ints:
    """That many times "none"."""
    return np.full(size, NONE, dtype=np.int64)


def where(known: Flags, values: Ints) -> Ints:
    """The values where known, none elsewhere."""
    return np.where(known, values, NONE)


def numbered(prefix: str, numbers: Ints, width: int = 7) -> pa.Array:
    """Identifiers such as ``C0000012``."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers, mask=numbers < 0), pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(prefix, digits, "")


def words(choice: Sequence[str], places: Ints) -> pa.Array:
    """The words at those places of a list."""
    return pa.array(choice, pa.string()).take(pa.array(places, mask=places < 0))


def joined(*parts: pa.Array | str) -> pa.Array:
    """Texts side by side; null where one of them is."""
    return pc.binary_join_element_wise(*parts, "")


def only(column: pa.Array, known: Flags) -> pa.Array:
    """The column with null where it is not known."""
    return pc.if_else(pa.array(known), column, None)


def either(first: Flags, column: pa.Array, other: pa.Array) -> pa.Array:
    """The one column where the flag holds, the other elsewhere."""
    return pc.if_else(pa.array(first), column, other)


def counts(numbers: Ints) -> pa.Array:
    """Whole numbers."""
    return pa.array(numbers, mask=numbers < 0)


def money(cents: Ints, known: Flags | None = None) -> pa.Array:
    """Amounts of cents as decimals; unlike elsewhere a negative number is an amount, so what is known is told apart."""
    # Arrow offers no division of integers into decimals: the 128 bits are the number itself and its sign.
    halves = np.empty((len(cents), 2), dtype=np.int64)
    halves[:, 0] = cents
    halves[:, 1] = cents >> 63
    column = pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(halves)])
    return column if known is None else only(column, known)


def flags(values: Flags) -> pa.Array:
    """True or false."""
    return pa.array(values)


def same(word: str | None, size: int) -> pa.Array:
    """One word for every row."""
    return pa.nulls(size, pa.string()) if word is None else pa.repeat(pa.scalar(word), size)
