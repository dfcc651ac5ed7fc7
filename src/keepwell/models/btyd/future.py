"""How many purchases may come: their distribution for customers who are still active, and quantiles and moments for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from keepwell.models.btyd.summary import Bools, Floats, Ints

# beyond this share of the distribution nothing is written down
COVERED = 1 - 1e-7
MOST_ORDERS = 20_000
SHRINK_EVERY = 8


class Course(Protocol):
    """The distribution of purchases of some places, one number of purchases after another."""

    def step(self, y: int) -> Floats:
        """The chances of at most ``y``; asked for 0, 1, 2 … in turn."""

    def narrowed(self, keep: Bools) -> "Course":
        """What goes on with these places only."""


class Outlook:
    """The distribution of purchases to come of customers who are still active, told step by step.

    ``begin`` makes the steps for some places (indices), so that those that are told wholly need not go on with the rest.
    """

    def __init__(self, size: int, begin: Callable[[Ints], "Course"]) -> None:
        self.size = size
        self._begin = begin

    def walk(self, needed: Callable[[int, Ints, Floats], Bools]) -> None:
        """Call ``needed(y, places, at_most)`` for y = 0, 1, …; it returns a mask of the places that must go on."""
        places = np.arange(self.size)
        course = self._begin(places)
        for y in range(MOST_ORDERS):
            at_most = course.step(y)
            goes_on = needed(y, places, at_most) & (at_most < COVERED)
            if not goes_on.any():
                return
            if y % SHRINK_EVERY == 0 and goes_on.sum() < 0.8 * len(places):
                places = places[goes_on]
                course = course.narrowed(goes_on)

    def quantiles(self, probability_active: Floats, shares: Sequence[float], place: Ints) -> list[Ints]:
        """Of each customer, for each share, the smallest number of purchases that is not exceeded with it; ``place`` is the customer's."""
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = [np.where(probability_active > 0, (s - 1 + probability_active) / probability_active, 0.0) for s in shares]
        found = [np.zeros(len(place), np.int64) for _ in shares]
        short = [np.flatnonzero(w > 0) for w in wanted]  # those who have not reached the share
        at_most_of = np.ones(self.size)

        def needed(y: int, places: Ints, at_most: Floats) -> Bools:
            at_most_of[places] = at_most
            is_wanted = np.zeros(self.size, bool)
            for i, want in enumerate(wanted):
                # what is told wholly has reached every share
                reached = at_most_of[place[short[i]]]
                short[i] = short[i][(reached < want[short[i]]) & (reached < COVERED)]
                found[i][short[i]] = y + 1
                is_wanted[place[short[i]]] = True
            return is_wanted[places]

        self.walk(needed)
        return found

    def second_moment(self) -> Floats:
        """Of each place E[Y²] = Σ (2y + 1) P(Y > y), if still active."""
        total = np.zeros(self.size)

        def needed(y: int, places: Ints, at_most: Floats) -> Bools:
            total[places] += (2 * y + 1) * (1 - at_most)
            return np.ones(len(places), bool)

        self.walk(needed)
        return total

    def at_most(self, most: int) -> Floats:
        """The chances of at most 0, 1 … ``most`` purchases; a row a place."""
        found = np.ones((self.size, most + 1))

        def needed(y: int, places: Ints, at_most: Floats) -> Bools:
            if y <= most:
                found[places, y] = at_most
            return np.full(len(places), y < most)

        self.walk(needed)
        return found


@dataclass
class Counting:
    """The running sums of a distribution for some places: ``shape`` of the rate, ``z`` the share of the time still to come.

    With ``b``, each purchase may be the last one: its chance is Beta(a, b). Each chance is made of the one before.
    """

    shape: Floats
    log_z: Floats
    a: float
    b: Floats | None
    total: Floats  # chance of what has been asked for so far
    fewer: Floats  # the same of customers who can't leave
    log_exactly: Floats
    stays: Floats  # after so many purchases
    leaves: Floats  # with just this one

    @classmethod
    def begun(cls, shape: Floats, z: Floats, a: float = 0.0, b: Floats | None = None) -> "Counting":
        none = np.zeros_like(shape)
        return cls(shape, np.log(z), a, b, none, none, shape * np.log1p(-z), np.ones_like(shape), none)

    def step(self, y: int) -> Floats:
        if y:
            self.log_exactly = self.log_exactly + np.log((self.shape + y - 1) / y) + self.log_z
        exactly = np.exp(self.log_exactly)
        chance = exactly
        if self.b is not None:
            if y:
                self.leaves = self.stays * self.a / (self.a + self.b + y - 1)
                self.stays = self.stays - self.leaves
            chance = self.stays * exactly + self.leaves * np.maximum(1 - self.fewer, 0.0)
            self.fewer = self.fewer + exactly
        self.total = np.minimum(self.total + chance, 1.0)
        return self.total

    def narrowed(self, keep: Bools) -> "Counting":
        b = None if self.b is None else self.b[keep]
        sums = (v[keep] for v in (self.total, self.fewer, self.log_exactly, self.stays, self.leaves))
        return Counting(self.shape[keep], self.log_z[keep], self.a, b, *sums)


def negative_binomial(shape: Floats, z: Floats) -> Outlook:
    """Purchases of rates Gamma(shape, ·), of which ``z`` is the share of the time still to come."""
    return Outlook(len(shape), lambda places: Counting.begun(shape[places], z[places]))


def beta_geometric(shape: Floats, z: Floats, a: float, b: Floats) -> Outlook:
    """The same when customers may leave after each purchase: eq. 8 of Fader, Hardie & Lee (2005), from the posterior."""
    return Outlook(len(shape), lambda places: Counting.begun(shape[places], z[places], a, b[places]))
