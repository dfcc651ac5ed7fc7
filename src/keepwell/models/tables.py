"""Tables as estimators take them: Arrow, data frames or plain columns, each read by what it must hold."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, SupportsInt

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from keepwell.core.errors import WrongUseError, did_you_mean

Column = npt.NDArray[Any]

A_DATE = r"^\d{4}-\d{2}-\d{2}([T ]|$)"
DATES = "Give dates, instants or ISO text such as 2026-10-05."
FARTHEST_DAYS = 36_525  # a hundred years


def is_table(value: Any) -> bool:
    """Whether it has columns by name."""
    return isinstance(value, pa.Table | pa.RecordBatch | Mapping) or (hasattr(value, "columns") and hasattr(value, "__getitem__"))


def columns_of(table: Any) -> dict[str, Column]:
    """The columns of an Arrow table, a data frame or a mapping, by name, all of one length."""
    if not is_table(table):
        raise WrongUseError(f"A {type(table).__name__} is no table.", "Give an Arrow table, a data frame or a dictionary of columns.")
    found = {name: array_of(values, f"Column {name!r}") for name, values in _named(table)}
    check_lengths(found)
    return found


def _named(table: Any) -> list[tuple[str, Any]]:
    if isinstance(table, pa.Table | pa.RecordBatch):
        names = table.schema.names
        found = [table.column(i) for i in range(len(names))]
    elif isinstance(table, Mapping):
        names, found = list(table), list(table.values())
    else:
        names = list(table.columns)
        found = [table[name] for name in names]
    if len({str(n) for n in names}) < len(names):
        raise WrongUseError(f"Two columns of the table have one name: {', '.join(map(str, names))}.", "Give each its own.")
    return list(zip(map(str, names), found, strict=True))


def check_lengths(columns: Mapping[str, Any]) -> None:
    """Refuse columns of which one is longer than another: values would stand in the wrong row."""
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in list(sizes.items())[:6])
        raise WrongUseError(f"The columns differ in length: {told}.", "Give one value a row in each.")


def column(table: Mapping[str, Column], name: str) -> Column:
    """That column; an unknown name is an error that tells the nearest one."""
    if name not in table:
        raise WrongUseError(f"The table has no column {name!r}.", did_you_mean(str(name), list(table)))
    return table[name]


def array_of(values: Any, what: str) -> Column:
    """A row of values; ``what`` names them in an error."""
    if isinstance(values, str | bytes | Mapping):
        raise WrongUseError(f"{what} is a single {type(values).__name__}.", "Give a list of values, one a row.")
    try:
        found = values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else np.asarray(values)
    except ValueError as error:
        raise WrongUseError(f"{what} holds lists of different lengths.", "Give a single value a row.") from error
    # a list of text and NaN would be text alone: "nan"
    if found.dtype.kind in "US" and not isinstance(values, np.ndarray):
        found = np.asarray(values, dtype=object)
    if found.ndim != 1:
        raise WrongUseError(f"{what} is no list of values.", "Give a list, an array or a column: a single value a row.")
    return found


def is_missing(values: Column) -> npt.NDArray[np.bool_]:
    """Which values are None, not a number or no time."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    if values.dtype.kind != "O":
        return np.zeros(len(values), bool)
    # pandas' NA answers no comparison; what is not a number is not even equal to itself
    return np.array([v is None or type(v).__name__ == "NAType" or bool(v != v) for v in values], bool)  # noqa: PLR0124


def numbers(values: Any, what: str, *, least: float = -math.inf, may_lack: bool = False) -> npt.NDArray[np.float64]:
    """Finite numbers of at least ``least``; ``may_lack`` lets values be missing, which then are NaN."""
    found = array_of(values, what)
    if found.dtype.kind in "USmMcV" or (found.dtype.kind == "O" and any(isinstance(v, str | bytes) for v in found)):
        raise WrongUseError(f"{what} is not of numbers.", "Give numbers: text and dates have no size.")
    lacks = is_missing(found)
    if lacks.any() and not may_lack:
        raise WrongUseError(f"{what} has no number in row {_first(lacks)}.", "Leave such rows out, or put in what is known.")
    try:
        numeric = np.where(lacks, np.nan, found).astype(float) if found.dtype.kind == "O" else found.astype(float)
    except (TypeError, ValueError) as error:
        raise WrongUseError(f"{what} is not of numbers: {error}.", "Give numbers.") from error
    wrong = np.isinf(numeric) | (numeric < least)
    if wrong.any():
        bound = "finite" if least == -math.inf else "finite and not negative" if least == 0 else f"finite, and {least:g} or more"
        raise WrongUseError(f"{what} is {numeric[wrong][0]:g} in row {_first(wrong)}.", f"Give numbers that are {bound}.")
    return numeric


def whole(values: Any, what: str, *, least: int = 0) -> npt.NDArray[np.int64]:
    """Whole numbers of at least ``least``."""
    found = numbers(values, what, least=least)
    wrong = found != np.floor(found)
    if wrong.any():
        raise WrongUseError(f"{what} is {found[wrong][0]:g} in row {_first(wrong)}.", "Give whole numbers.")
    return found.astype(np.int64)


def flags(values: Any, what: str) -> npt.NDArray[np.bool_]:
    """True and False, or 1 and 0: nothing else is taken for either."""
    found = array_of(values, what)
    if found.dtype.kind == "b":
        return found
    is_text = (
        np.array([isinstance(v, str | bytes) for v in found], bool)
        if found.dtype.kind == "O"
        else np.full(len(found), found.dtype.kind in "US")
    )
    wrong = is_text | is_missing(found)
    if not wrong.any():
        wrong = ~np.array([bool(v == 0 or v == 1) for v in found], bool)  # noqa: PLR1714 - an array of objects may hold anything
    if wrong.any():
        raise WrongUseError(
            f"{what} is {found[wrong][0]!s} in row {_first(wrong)}, which is neither True nor False.",
            'Give True and False, or 1 and 0: of text, for example answer == "Yes"; leave out rows of which it is not known.',
        )
    return found.astype(bool)


def ids(values: Any, what: str) -> npt.NDArray[np.object_]:
    """Who or what each row is of, as it is given; none may be missing or empty."""
    found = array_of(values, what)
    lacks = is_missing(found)
    if found.dtype.kind in "OUS":
        lacks = lacks | np.array([isinstance(v, str | bytes) and not v.strip() for v in found], bool)
    if lacks.any():
        raise WrongUseError(f"{what} is empty in row {_first(lacks)}.", "Leave out rows of which it is not known whose they are.")
    return found.astype(object)


def texts_of(values: Any, what: str = "The list of texts") -> list[str]:
    """Texts; one that is missing is an error."""
    if isinstance(values, str | bytes) or is_table(values):
        raise WrongUseError(f"{what} is a single {type(values).__name__}.", "Give a list of texts.")
    found = values.to_pylist() if isinstance(values, pa.Array | pa.ChunkedArray) else list(values)
    for i, text in enumerate(found, 1):
        if not isinstance(text, str):
            raise WrongUseError(f"Text {i} is {text!r}.", "Give texts only: leave out what has none, together with what belongs to it.")
    return found


def days_of(values: Any, what: str = "The column of dates") -> npt.NDArray[np.int64]:
    """Dates or instants as whole days since 1970; numbers are none, for 20261005 and days since 1970 look alike."""
    found = array_of(values, what)
    if not len(found):
        return np.zeros(0, np.int64)
    lacks = is_missing(found)
    is_number = np.full(len(found), found.dtype.kind in "biufc")
    if found.dtype.kind == "O":
        is_number = np.array([isinstance(v, int | float | np.number) for v in found], bool)
    is_number &= ~lacks
    if is_number.any():
        raise WrongUseError(f"{what} has the number {found[is_number][0]} in row {_first(is_number)}.", DATES)
    if found.dtype.kind in "OUS":
        lacks = lacks | _check_text(found, what)
    if lacks.any():
        raise WrongUseError(f"{what} is empty in row {_first(lacks)}.", "Leave out rows without a date.")
    try:
        days: npt.NDArray[np.int64] = found.astype("datetime64[D]").astype(np.int64)
    except (ValueError, TypeError) as error:
        raise WrongUseError(f"There are values that are no dates: {error}", DATES) from error
    return days


def _check_text(values: Column, what: str) -> npt.NDArray[np.bool_]:
    """Which texts are empty; one that is not empty must begin like a date (``now`` and ``20261005`` would be read as others)."""
    is_text = np.array([isinstance(v, str) for v in values], bool)
    text = np.where(is_text, values, "")
    is_empty: npt.NDArray[np.bool_] = is_text & (text == "")
    is_date: npt.NDArray[np.bool_] = pc.match_substring_regex(pa.array(text, pa.string()), A_DATE).to_numpy(zero_copy_only=False)
    wrong = is_text & ~is_empty & ~is_date
    if wrong.any():
        raise WrongUseError(f"{what} is {str(values[wrong][0])!r} in row {_first(wrong)}, which is no date.", DATES)
    return is_empty


def day_of(value: Any, what: str) -> int:
    """A single date as whole days since 1970."""
    return int(days_of(np.array([value], dtype=object), what)[0])


def horizon_of(days: Any) -> float:
    """How far ahead to look: more than no day, and at most a hundred years."""
    if isinstance(days, bool | np.bool_) or not isinstance(days, int | float | np.number) or not 0 < days <= FARTHEST_DAYS:
        raise WrongUseError(f"A forecast can't look {days!r} days ahead.", f"Give a number of days from 1 to {FARTHEST_DAYS:,}.")
    return float(days)


def count_of(value: SupportsInt, what: str, least: int) -> int:
    """A single whole number of at least ``least``."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < least:
        raise WrongUseError(f"{what} can't be {value!r}.", f"Give a whole number of {least} or more.")
    return int(value)


def names_of(values: Sequence[str], what: str) -> tuple[str, ...]:
    """A list of names; a single text is none."""
    if isinstance(values, str | bytes) or not all(isinstance(v, str) for v in values):
        raise WrongUseError(f"{what} are {values!r}.", "Give a list of names of columns.")
    return tuple(values)


def _first(where: npt.NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(where)[0]) + 1
