"""When who buys: each customer at an own pace, in the season's rhythm, until leaving unnoticed."""

from dataclasses import dataclass

import numpy as np

from keepwell.demo.columns import Flags, Ints, nothing
from keepwell.demo.sampling import chance, repeated
from keepwell.demo.scene import Scene
from keepwell.demo.season import Season
from keepwell.demo.timeline import DAY_S

STATUSES = ("completed", "pending", "cancelled", "refund")
COMPLETED, PENDING, CANCELLED, REFUND = range(4)
_CANCELLED_SHARE = 0.03
_PENDING_SHARE = 0.4  # of what was ordered in the last two days
_ANONYMOUS_SHARE = 0.05


@dataclass(frozen=True)
class Purchases:
    """Purchases before they have an order number, one element each; no customer for an anonymous sale."""

    customer: Ints
    moment_s: Ints
    status: Ints
    campaign: Ints  # only where the campaign caused it

    def __len__(self) -> int:
        return len(self.customer)

    def and_also(self, other: "Purchases") -> "Purchases":
        return Purchases(
            np.concatenate([self.customer, other.customer]),
            np.concatenate([self.moment_s, other.moment_s]),
            np.concatenate([self.status, other.status]),
            np.concatenate([self.campaign, other.campaign]),
        )

    def buyers_between(self, from_s: int, to_s: int, size: int) -> Flags:
        """For each of so many customers, whether a completed purchase lies in that time."""
        within = (self.moment_s > from_s) & (self.moment_s <= to_s) & (self.status == COMPLETED) & (self.customer >= 0)
        bought: Flags = np.bincount(self.customer[within], minlength=size) > 0
        return bought


def draw_purchases(rng: np.random.Generator, scene: Scene) -> Purchases:
    """The first purchase of every buyer and all that follow, and sales to people nobody knows."""
    season, people = scene.season, scene.people
    buyers = np.flatnonzero(people.is_buyer)
    expected = people.daily_orders * season.expected(people.joined_s, people.leaves_s)
    repeats, _ = repeated(rng.poisson(np.where(people.is_buyer, expected, 0.0)))
    again_s = season.moments(rng, people.joined_s[repeats] + 1, people.leaves_s[repeats])
    known = Purchases(
        customer=np.concatenate([buyers, repeats]),
        moment_s=np.concatenate([people.joined_s[buyers], again_s]),
        status=np.concatenate([np.full(len(buyers), COMPLETED), _statuses(rng, season, again_s)]),
        campaign=nothing(len(buyers) + len(repeats)),
    )
    return known.and_also(_anonymous(rng, season, round(len(known) * _ANONYMOUS_SHARE)))


def _statuses(rng: np.random.Generator, season: Season, moment_s: Ints) -> Ints:
    is_recent = moment_s >= season.timeline.end_s - 2 * DAY_S
    is_pending = is_recent & chance(rng, _PENDING_SHARE, len(moment_s))
    is_cancelled = chance(rng, _CANCELLED_SHARE, len(moment_s))
    return np.select([is_pending, is_cancelled], [PENDING, CANCELLED], COMPLETED).astype(np.int64)


def _anonymous(rng: np.random.Generator, season: Season, size: int) -> Purchases:
    whole = np.zeros(size, dtype=np.int64), np.full(size, season.timeline.end_s, dtype=np.int64)
    moment_s = season.moments(rng, *whole)
    return Purchases(nothing(size), moment_s, np.full(size, COMPLETED), nothing(size))
