"""How many purchases may come: their distribution for customers who are still active, and quantiles and moments for all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import betaln, gammaln

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

    def quantiles(self, probability_active: Floats, share: float, place: Ints) -> Ints:
        """Of each customer the smallest number of purchases that is not exceeded with ``share``; ``place`` is the customer's place."""
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = np.where(probability_active > 0, (share - 1 + probability_active) / probability_active, 0.0)
        found = np.zeros(len(place), np.int64)
        order = np.argsort(place, kind="stable")
        short = order
        at = np.full(self.size, -1, np.int64)

        def needed(y: int, places: Ints, at_most: Floats) -> Bools:
            nonlocal short
            at[:] = -1
            at[places] = np.arange(len(places))
            mine = at[place[short]]
            # what is told wholly has reached every share
            reached = np.where(mine >= 0, at_most[mine], 1.0)
            still = (reached < wanted[short]) & (reached < COVERED)
            short = short[still]
            found[short] = y + 1
            goes_on = np.zeros(len(places), bool)
            goes_on[at[place[short]]] = True
            return goes_on

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

    With ``b``, each purchase may be the last one: its chance is Beta(a, b).
    """

    shape: Floats
    z: Floats
    a: float
    b: Floats | None
    total: Floats  # chance of what has been asked for so far
    fewer: Floats  # the same of customers who can't leave

    @classmethod
    def begun(cls, shape: Floats, z: Floats, a: float = 0.0, b: Floats | None = None) -> "Counting":
        return cls(shape, z, a, b, np.zeros_like(shape), np.zeros_like(shape))

    def step(self, y: int) -> Floats:
        exactly = np.exp(
            gammaln(self.shape + y) - gammaln(self.shape) - gammaln(y + 1) + self.shape * np.log1p(-self.z) + y * np.log(self.z)
        )
        chance = exactly
        if self.b is not None:
            stays = betaln(self.a, self.b)
            chance = np.exp(betaln(self.a, self.b + y) - stays) * exactly
            if y:
                chance = chance + np.exp(betaln(self.a + 1, self.b + y - 1) - stays) * np.maximum(1 - self.fewer, 0.0)
            self.fewer = self.fewer + exactly
        self.total = np.minimum(self.total + chance, 1.0)
        return self.total

    def narrowed(self, keep: Bools) -> "Counting":
        b = self.b[keep] if self.b is not None else None
        return Counting(self.shape[keep], self.z[keep], self.a, b, self.total[keep], self.fewer[keep])


def negative_binomial(shape: Floats, z: Floats) -> Outlook:
    """Purchases of rates Gamma(shape, ·), of which ``z`` is the share of the time still to come."""
    return Outlook(len(shape), lambda places: Counting.begun(shape[places], z[places]))


def beta_geometric(shape: Floats, z: Floats, a: float, b: Floats) -> Outlook:
    """The same when customers may leave after each purchase: eq. 8 of Fader, Hardie & Lee (2005), from the posterior."""
    return Outlook(len(shape), lambda places: Counting.begun(shape[places], z[places], a, b[places]))
