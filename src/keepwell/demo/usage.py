"""What subscribers do with their plan, week by week: less and less before they leave."""

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Ints, counts, numbered, words
from keepwell.demo.sampling import chance, picks, repeated
from keepwell.demo.subscriptions import Rows, Subscribers
from keepwell.demo.timeline import DAY_S, Timeline

_FEATURES = ("free delivery", "member prices", "reorder", "tea calendar", "invoices")
_WEEK_S = 7 * DAY_S
_FADES_WEEKS = 8


def usage_table(rng: np.random.Generator, timeline: Timeline, subscribers: Subscribers, rows: Rows) -> pa.Table:
    """The canonical ``usage``: in most weeks of a subscription one entry."""
    row, used_s, strength = _weeks(rng, timeline, rows)
    size = len(row)
    times = 1 + rng.poisson(3.0 * strength)
    return pa.table(
        {
            "usage_id": numbered("U", np.arange(size), 8),
            "customer_id": numbered("C", subscribers.customer[rows.subscriber[row]]),
            "subscription_id": numbered("S", row),
            "used_on": timeline.days_of(used_s),
            "feature": words(_FEATURES, picks(rng, (5, 4, 3, 2, 1), size)),
            "count": counts(times),
            "duration_s": pa.array((times * rng.integers(20, 200, size)).astype(np.float64)),
            "errors": counts(rng.poisson(0.05, size)),
        }
    )


def _weeks(rng: np.random.Generator, timeline: Timeline, rows: Rows) -> tuple[Ints, Ints, np.typing.NDArray[np.float64]]:
    until_s = np.where(rows.ended_s >= 0, rows.ended_s, timeline.end_s)
    row, week = repeated((until_s - rows.started_s) // _WEEK_S)
    leaves = (rows.ended_s >= 0) & (rows.renewed_as < 0)
    weeks_left = (until_s[row] - rows.started_s[row]) // _WEEK_S - week
    strength = np.where(leaves[row], np.minimum(weeks_left / _FADES_WEEKS, 1.0), 1.0)
    happens = chance(rng, 0.6 * strength, len(row))
    row, week, strength = row[happens], week[happens], strength[happens]
    used_s = rows.started_s[row] + week * _WEEK_S + rng.integers(0, _WEEK_S, len(row))
    return row, used_s, strength
