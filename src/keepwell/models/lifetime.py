"""What customers are worth over 12 and 36 months: from today, and from their own first order."""

import numpy as np
import pyarrow as pa

from keepwell.models.btyd.model import Forecaster
from keepwell.models.btyd.summary import DAYS_A_WEEK, Floats, Ints
from keepwell.models.estimator import Sight
from keepwell.models.population import UNIT

HORIZONS = {"12m": 365, "36m": 1_096}  # days; three years of 365.25
STEPS = 12
PART = 250_000  # purchase days


def lifetime_scores(sight: Sight, seen: Forecaster, value: Floats, *, is_margin: bool) -> dict[str, pa.Array]:
    """Scores over both horizons, a place a customer of the population; ``value`` is what a purchase day of each is worth.

    ``clv_12m`` and ``clv_36m`` are the expected discounted value of the time to come. ``ltv_12m`` and ``ltv_36m`` are that of so many
    months from the first order: the part that has come as it came, the rest as it is expected.
    """
    p, rate = sight.population, sight.choices.annual_rate
    found = {f"clv_{name}": pa.array(seen.discounted(days, rate, STEPS) * value) for name, days in HORIZONS.items()}
    came = _realised(sight, "margin" if is_margin else "amount")
    age = (p.today - p.first_day).astype(np.int64)
    for name, days in HORIZONS.items():
        # the day of the first order is the first of them
        left = np.maximum(days - 1 - age, 0)
        found[f"ltv_{name}"] = pa.array(came[name] + _discounted_until(seen, left, rate) * value)
    return found


def _discounted_until(seen: Forecaster, days: Ints, rate: float) -> Floats:
    """Expected discounted purchases of a horizon that each customer has to themselves; those of one age share it."""
    total: Floats = np.zeros(len(seen.active))
    some = np.flatnonzero(days > 0)
    if not len(some):
        return total
    # one place for all who share their repeat purchases and age, and with them the horizon
    cells, at = np.unique(seen.place[some], return_inverse=True)
    x, age = seen.x[cells], seen.age[cells]
    left = np.zeros(len(cells))
    left[at] = days[some]
    worth: Floats = np.zeros(len(cells))
    before: Floats = np.zeros(len(cells))
    for k in range(1, STEPS + 1):
        now = seen.model.expected_if_active(x, age, left * k / STEPS / DAYS_A_WEEK)
        worth += (now - before) * (1 + rate) ** (-left * (k - 0.5) / STEPS / 365.25)
        before = now
    total[some] = seen.active[some] * worth[at]
    return total


def _realised(sight: Sight, column: str) -> dict[str, Floats]:
    """What each customer has brought within each horizon from the first order until today, net of refunds."""
    days = sight.bought.until(sight.population.as_of)
    amounts: Ints = getattr(days, column)
    size = len(sight.bought.customers)
    is_sale = days.orders > 0
    places, at = np.unique(days.place[is_sale], return_index=True)
    first = np.zeros(size, np.int32)
    first[places] = days.day[is_sale][at]
    found = {name: np.zeros(size) for name in HORIZONS}
    # some days at a time: what lies between then stays small
    for rows in (slice(i, i + PART) for i in range(0, len(days), PART)):
        place = days.place[rows]
        age = days.day[rows] - first[place]
        own = slice(place[0], place[-1] + 1)
        for name, length in HORIZONS.items():
            # sums of whole numbers are the same in any order
            found[name][own] += np.bincount(place - own.start, amounts[rows] * (age < length), own.stop - own.start)
    return {name: total[places] / UNIT for name, total in found.items()}
