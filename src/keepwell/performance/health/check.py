"""Whether health foretold who left: bands as they were on an earlier day, and what became of their customers since."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from math import hypot

import numpy as np

from keepwell.metrics.intervals import wilson
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Bools, Ints
from keepwell.models.choices import Choices
from keepwell.performance.health.definition import Band, Health
from keepwell.performance.health.scored import BAND_ORDER, NO_BAND, scored_many
from keepwell.performance.health.seen import seen


class Who(StrEnum):
    """How they leave: subscribers by ending what they pay for, the others by not ordering."""

    BUYERS = "buyers"
    SUBSCRIBERS = "subscribers"


@dataclass(frozen=True)
class BandLine:
    """A band on the earlier day: its customers, how many of them left, and the share with its interval; None without customers.

    ``band`` is None for those of whom too little was known for a score.
    """

    band: Band | None
    customers: int
    churned: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Check:
    """Bands as of ``day`` against who left from ``left_from`` until ``left_until``, both included; of one kind of customers."""

    who: Who
    day: date
    left_from: date
    left_until: date
    lines: tuple[BandLine, ...]

    @property
    def separates(self) -> bool | None:
        """Whether more of the customers at risk left than of the healthy ones, by more than chance; None where one of the bands is empty."""
        found = {line.band: line for line in self.lines}
        risky, healthy = found[Band.AT_RISK], found[Band.HEALTHY]
        if risky.share is None or risky.low is None or healthy.share is None or healthy.high is None:
            return None
        # the difference's interval of Newcombe (1998), Statistics in Medicine 17, 873-890, method 10
        return risky.share - healthy.share > hypot(risky.share - risky.low, healthy.high - healthy.share)


def checked(session: Session, health: Health, choices: Choices) -> list[Check]:
    """Bands on the latest day whose answer is known, by the churn model's own definition of leaving; one check a kind that was there."""
    today = session.last_day
    day = today - timedelta(days=choices.embargo_days + choices.churn_days)
    found = seen(session, day, choices.inactive_days, (choices.embargo_days, choices.churn_days))
    bands = scored_many(health, found.values, len(found.customers)).bands
    left = np.zeros(len(bands), bool) if found.has_left is None else found.has_left
    begins = day + timedelta(days=choices.embargo_days + 1)
    return [
        Check(who, day, begins, today, _lines(bands[chosen], left[chosen]))
        for who, chosen in ((Who.SUBSCRIBERS, found.is_subscriber), (Who.BUYERS, ~found.is_subscriber))
        if chosen.any()
    ]


def _lines(bands: Ints, left: Bools) -> tuple[BandLine, ...]:
    places = [*((band, place) for place, band in enumerate(BAND_ORDER)), (None, NO_BAND)]
    return tuple(band_line(band, left[bands == place]) for band, place in places)


def band_line(band: Band | None, left: Bools) -> BandLine:
    """The line of a band whose customers left or did not."""
    size, gone = len(left), int(left.sum())
    if not size:
        return BandLine(band, 0, 0, None, None, None)
    found = wilson(gone / size, size)
    return BandLine(band, size, gone, gone / size, found.low, found.high)
