"""What the models need of a customer's purchases: how many repeat days, when the last of them was, and how long we have watched."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from keepwell.core.errors import WrongUseError
from keepwell.models.tables import check_lengths, column, columns_of, day_of, days_of, ids, numbers, whole

DAYS_A_WEEK = 7.0

SAMPLE = 20_000  # customers on whom the peak of a likelihood is looked for first
MOST_COUNTED = 1_000_000
MANY = 3 * SAMPLE  # different ones from which on that is quicker

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.signedinteger[Any]]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Summary:
    """One customer a place: ``x`` repeat purchase days, ``t_x`` days from the first to the last purchase, ``age`` days from the first on.

    Purchases of one day are one, and the first is not counted (Fader, Hardie & Lee 2005). ``customers`` holds their ids, in order.
    """

    x: Ints
    t_x: Floats
    age: Floats
    customers: npt.NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        for name, values in (("x", whole(self.x, "x")), ("t_x", numbers(self.t_x, "t_x")), ("age", numbers(self.age, "age"))):
            object.__setattr__(self, name, values)
        columns: dict[str, npt.NDArray[Any]] = {"x": self.x, "t_x": self.t_x, "age": self.age}
        if self.customers is not None:
            object.__setattr__(self, "customers", ids(self.customers, "The list of customers"))
            columns["customers"] = self.customers
        check_lengths(columns)
        wrong = (
            (self.x < 0)
            | (self.t_x < 0)
            | (self.t_x > self.age + 1e-9)
            | ((self.x == 0) & (self.t_x > 0))
            | ((self.x > 0) & (self.t_x <= 0))
        )
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise WrongUseError(
                f"Row {i + 1} of the summary can't be: x {self.x[i]}, t_x {self.t_x[i]:g}, age {self.age[i]:g}.",
                "x counts repeat purchase days, t_x ends with the last of them (0 without one), age is at least t_x; both in days.",
            )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def repeaters(self) -> int:
        return int((self.x > 0).sum())

    @classmethod
    def of_log(cls, log: Any, until: date | str, *, customer: str = "customer_id", day: str = "ordered_on") -> Self:
        """From a log with one row a purchase: an Arrow table, a data frame or a dictionary of columns. Later rows than ``until`` are left out.

        Every row has a customer and a date; one that lacks either raises ``WrongUseError``, which names it.
        """
        table = columns_of(log)
        who, when = ids(column(table, customer), f"Column {customer!r}"), days_of(column(table, day), f"Column {day!r}")
        names, codes = np.unique(who.astype(str), return_inverse=True)
        last = day_of(until, "until")
        is_seen = when <= last
        span = int(when.max(initial=0) - when.min(initial=0)) + 1
        base = int(when.min(initial=0))
        pairs = np.unique(codes[is_seen].astype(np.int64) * span + (when[is_seen] - base))
        owner, days = pairs // span, pairs % span + base
        present, starts, counts = np.unique(owner, return_index=True, return_counts=True)
        first, newest = days[starts], days[starts + counts - 1]
        return cls(
            (counts - 1).astype(np.int64), (newest - first).astype(float), (last - first).astype(float), names[present].astype(object)
        )

    @classmethod
    def of_table(cls, found: Any) -> "Summary":
        """A summary as it is, or a table with columns x (frequency), t_x (recency), age (T) in days and, if there is one, customer_id."""
        if isinstance(found, Summary):
            return found
        table = columns_of(found)
        named = {}
        for name, others in {"x": ("frequency",), "t_x": ("recency",), "age": ("T",)}.items():
            present = next((n for n in (name, *others) if n in table), None)
            if present is None:
                raise WrongUseError(f"The summary has no column {name!r}.", "It needs x, t_x and age (days), one row a customer.")
            named[name] = numbers(table[present], f"Column {present!r}")
        who = ids(table["customer_id"], "Column 'customer_id'") if "customer_id" in table else None
        return cls(whole(named["x"], "x"), named["t_x"], named["age"], who)


@dataclass(frozen=True)
class Groups:
    """The different (x, t_x, age) of a summary, times in weeks, each with how many customers share it."""

    x: Ints
    t_x: Floats
    age: Floats
    weight: Floats

    @property
    def size(self) -> float:
        """How many customers they are."""
        return float(self.weight.sum())

    @property
    def repeaters(self) -> float:
        return float(self.weight[self.x > 0].sum())

    def sampled(self, count: int) -> "Groups":
        """``count`` of the customers, at even distances in the order of the groups."""
        reached = np.cumsum(self.weight)
        places = np.searchsorted(reached, (np.arange(count) + 0.5) * reached[-1] / count)
        some, times = np.unique(places, return_counts=True)
        return Groups(self.x[some], self.t_x[some], self.age[some], times.astype(float))

    def weighted(self, weight: Floats) -> "Groups":
        return Groups(self.x, self.t_x, self.age, weight)


def grouped(s: Summary) -> tuple[Groups, Ints]:
    """The groups, and of each customer the place of the own one."""
    if not len(s):
        nothing = np.zeros(0)
        return Groups(nothing.astype(np.int64), nothing, nothing, nothing), np.zeros(0, np.int64)
    times, at = _coded(np.concatenate([s.t_x, s.age]))
    own_x, x_at = _coded(s.x)
    size, half = len(times), len(s)
    keys, place, counts = np.unique((x_at * size + at[:half]) * size + at[half:], return_inverse=True, return_counts=True)
    rest, age_at = np.divmod(keys, size)
    x_index, t_index = np.divmod(rest, size)
    weeks = times / DAYS_A_WEEK
    return Groups(own_x[x_index], weeks[t_index], weeks[age_at], counts.astype(float)), place.astype(np.int64)


def _coded(values: Floats | Ints) -> tuple[Any, Ints]:
    """The different values, ascending, and of each one its place among them; whole numbers that are not large need no sorting."""
    largest = values.max()
    whole = values.astype(np.int64)
    if largest > MOST_COUNTED or (whole != values).any():
        found, at = np.unique(values, return_inverse=True)
        return found, at.astype(np.int64)
    is_there = np.zeros(int(largest) + 1, bool)
    is_there[whole] = True
    return np.flatnonzero(is_there).astype(values.dtype), (np.cumsum(is_there) - 1)[whole]
