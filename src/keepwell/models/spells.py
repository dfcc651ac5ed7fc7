"""Unbroken paid times of subscribers, and how they ended: what survival is learned from."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from keepwell.engine.sql import Steps, literal
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.population import EPOCH

NEVER = 10**7  # a day that nobody reaches: the spell goes on


def whole_months(start: Ints, end: Ints) -> Ints:
    """Whole calendar months from one day to another, days since 1970: from the 31st of a month to the 30th of the next is none."""
    first, last = (days.astype("datetime64[D]") for days in (start, end))
    months = last.astype("datetime64[M]").astype(np.int64) - first.astype("datetime64[M]").astype(np.int64)
    day_of = [(d - d.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) for d in (first, last)]
    found: Ints = months - (day_of[1] < day_of[0])
    return found


@dataclass(frozen=True)
class Paid:
    """Paid subscriptions, one row each, ordered by customer and start; ``end`` is the first day that is not paid, or NEVER."""

    customers: pa.Array  # ids, in order
    place: Ints  # of the row's customer
    start: Ints
    end: Ints
    monthly: Floats

    @classmethod
    def read(cls, session: Session) -> "Paid":
        """Those that had begun by the session's day; what is known of their ends is known by then."""
        session.make_ready("subscriptions")
        day = f"DATE {literal(session.last_day)}"
        query = (
            "select customer_id, datediff('day', DATE '1970-01-01', started_on) as started,\n"
            f"  case when ended_on <= {day} then datediff('day', DATE '1970-01-01', ended_on) end as ended, cast(monthly_amount as DOUBLE) as monthly\n"
            f"from subscriptions where not is_trial and monthly_amount > 0 and started_on <= {day} and (ended_on is null or ended_on > started_on)\n"
            "order by customer_id, started, ended nulls last, monthly"
        )
        rows = session.engine.arrow(Steps().then("paid", query))
        coded = rows.column("customer_id").combine_chunks().dictionary_encode()
        end = np.nan_to_num(rows.column("ended").to_numpy(zero_copy_only=False).astype(float), nan=NEVER)
        return cls(
            coded.dictionary,
            np.asarray(coded.indices, dtype=np.int64),
            np.asarray(rows.column("started").to_numpy(), dtype=np.int64),
            end.astype(np.int64),
            np.asarray(rows.column("monthly").to_numpy(), dtype=np.float64),
        )

    def monthly_on(self, day: int) -> Floats:
        """What each customer pays a month on that day."""
        is_paid = (self.start <= day) & (self.end > day)
        found: Floats = np.bincount(self.place[is_paid], self.monthly[is_paid], len(self.customers)).astype(float)
        return found

    def spells(self) -> "Spells":
        """Rows that touch or overlap are one: a change of price or plan is no end."""
        if not len(self.place):
            nothing = np.zeros(0, np.int64)
            return Spells(nothing, nothing, nothing)
        # customers are set apart by more than any time, so one running maximum serves all
        shift = self.place * (4 * NEVER)
        reach = np.maximum.accumulate(self.end + shift)
        begins = np.append(True, (self.start + shift)[1:] > reach[:-1])
        at = np.flatnonzero(begins)
        return Spells(self.place[at], self.start[at], np.maximum.reduceat(self.end, at))


@dataclass(frozen=True)
class Spells:
    """One element a spell: whose it is, its first day, and the first day after it (NEVER while it lasts)."""

    place: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.start)

    def seen_on(self, day: int) -> "Spells":
        """What was known on that day."""
        had_begun = self.start <= day
        end = self.end[had_begun]
        return Spells(self.place[had_begun], self.start[had_begun], np.where(end <= day, end, NEVER))

    @property
    def is_over(self) -> Bools:
        return self.end < NEVER

    def months(self, day: int) -> Ints:
        """Of a spell that is over the month in which it ended, from 1; of one that goes on the whole months that it has lasted."""
        whole = whole_months(self.start, np.minimum(self.end, day))
        ended_within = whole_months(self.start, np.where(self.is_over, self.end - 1, day)) + 1
        return np.where(self.is_over, ended_within, whole)

    def counts(self, day: int) -> tuple[Floats, Floats]:
        """By months: how many ended in the 1st, 2nd … month; how many go on that have lasted 1, 2 … whole months."""
        months, over = self.months(day), self.is_over
        size = int(months.max(initial=0)) + 1
        left, goes_on = (np.bincount(months[m], minlength=size)[1:].astype(float) for m in (over, ~over))
        return left, goes_on


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days
