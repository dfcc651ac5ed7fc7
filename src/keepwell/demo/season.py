"""When people buy: months with known factors, festivals, weekdays, hours.

The factor of a month is the mean of its days' weights, so that it can be found again in the orders: November and June stand
out, and the fortnight around Chinese New Year is quiet.
"""

import functools
from dataclasses import dataclass
from datetime import date

import numpy as np

from keepwell.demo.columns import Floats, Ints
from keepwell.demo.timeline import DAY_S, Timeline

MONTHS = {1: 0.95, 2: 0.90, 3: 0.95, 4: 0.95, 5: 1.00, 6: 1.45, 7: 0.95, 8: 0.90, 9: 1.00, 10: 1.00, 11: 1.90, 12: 1.10}
NEW_YEAR_DIP = 0.35
NEW_YEAR_DAYS = range(-5, 10)  # from five days before the New Year to nine after
NEW_YEARS = (
    *(date(2018, 2, 16), date(2019, 2, 5), date(2020, 1, 25), date(2021, 2, 12), date(2022, 2, 1), date(2023, 1, 22)),
    *(date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6), date(2028, 1, 26), date(2029, 2, 13)),
    *(date(2030, 2, 3), date(2031, 1, 23), date(2032, 2, 11), date(2033, 1, 31), date(2034, 2, 19), date(2035, 2, 8)),
)
SALES_DAYS = {(6, 18): 5.0, (11, 11): 8.0}  # how much more than on another day of the same month
WEEKDAYS = (0.92, 0.90, 0.92, 0.95, 1.02, 1.16, 1.13)
HOURS = (2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 10, 9, 8, 9, 9, 8, 8, 10, 13, 16, 16, 11, 5)


@dataclass(frozen=True)
class Season:
    """The rhythm of a timeline."""

    timeline: Timeline

    @functools.cached_property
    def weights(self) -> Floats:
        """How much is bought on each day compared with a day of an even year."""
        days = self.timeline.dates_of_days
        dips = {new_year.toordinal() + shift for new_year in NEW_YEARS for shift in NEW_YEAR_DAYS}
        of_month = np.array([MONTHS[d.month] * (NEW_YEAR_DIP if d.toordinal() in dips else 1.0) for d in days])
        shape = np.array([WEEKDAYS[d.weekday()] * SALES_DAYS.get((d.month, d.day), 1.0) for d in days])
        # Weekdays and sales days move purchases within a month and leave its factor alone.
        months = self.timeline.month_of_day
        mass = np.bincount(months, of_month * shape) / np.bincount(months, of_month)
        weights: Floats = of_month * shape / mass[months]
        return weights

    @functools.cached_property
    def month_factors(self) -> dict[str, float]:
        """Month -> the mean weight of its days."""
        months = self.timeline.month_of_day
        means = np.bincount(months, self.weights) / np.bincount(months)
        return {name: round(float(mean), 6) for name, mean in zip(self.timeline.months, means, strict=True)}

    @functools.cached_property
    def _sums(self) -> Floats:
        return np.concatenate([[0.0], np.cumsum(self.weights)])

    def expected(self, from_s: Ints, to_s: Ints) -> Floats:
        """The weights between two moments added up: the number of even days that they are worth."""
        edges = np.arange(self.timeline.days + 1) * DAY_S
        difference: Floats = np.interp(to_s, edges, self._sums) - np.interp(from_s, edges, self._sums)
        return difference

    def moments(self, rng: np.random.Generator, from_s: Ints, to_s: Ints) -> Ints:
        """One moment between each pair of moments, as the season has it."""
        edges = np.arange(self.timeline.days + 1) * DAY_S
        low, high = np.interp(from_s, edges, self._sums), np.interp(to_s, edges, self._sums)
        days = np.clip(np.searchsorted(self._sums, rng.uniform(low, high), side="right") - 1, 0, self.timeline.days - 1)
        moments = days * DAY_S + seconds_of_day(rng, len(days))
        # On the first and the last day the hour may lie outside; an even draw of what counts of that day does not.
        first, last = np.maximum(days * DAY_S, from_s), np.minimum((days + 1) * DAY_S, to_s)
        even = first + (rng.random(len(days)) * np.maximum(last - first, 0)).astype(np.int64)
        return np.where((moments >= first) & (moments < last), moments, even)


def seconds_of_day(rng: np.random.Generator, size: int) -> Ints:
    """Times of day at which people buy."""
    shares = np.array(HOURS) / sum(HOURS)
    hours = rng.choice(24, size, p=shares).astype(np.int64)
    return hours * 3600 + rng.integers(0, 3600, size)
