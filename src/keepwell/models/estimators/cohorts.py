"""Cohorts: what became of the customers who came in the same month, by age, whole and by how they came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from keepwell.core.errors import WrongUseError
from keepwell.engine.sql import Steps, quoted
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.estimator import Estimate, Judgement, Sight
from keepwell.models.population import BUYERS, DAYS
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import column, columns_of, days_of

KINDS = ("cohort_retention_classic", "cohort_retention_unbounded")
DIMENSIONS = ("acquired_from", "country", "region", "kind")
NO_MEMBER = "(none)"
LEAST_SIZE = 20  # of the cohorts that a verdict speaks of
SPOKEN_AGE = 3


@dataclass(frozen=True)
class Triangle:
    """Cohort by age. ``classic`` customers were active in that month, ``unbounded`` in it or later; open cells are empty."""

    cohorts: tuple[date, ...]
    size: Ints
    classic: Ints
    unbounded: Ints
    is_open: Bools  # the month of that age had not ended, or lies in the future

    def retention(self, kind: str = "classic") -> Floats:
        """Shares of the cohort; NaN where open."""
        if kind not in {"classic", "unbounded"}:
            raise WrongUseError(f"There is no retention {kind!r}.", "Choose classic or unbounded.")
        active = self.classic if kind == "classic" else self.unbounded
        found: Floats = np.where(self.is_open, np.nan, active / self.size[:, None])
        return found


@dataclass(frozen=True)
class Cohorts:
    """Monthly cohorts of first purchase, classic and unbounded, and by each of ``dimensions`` of the customer's first touch."""

    dimensions: tuple[str, ...] = DIMENSIONS

    name: ClassVar[str] = "cohorts"
    title: ClassVar[tuple[str, str]] = ("Cohorts", "同期群留存")
    meaning: ClassVar[tuple[str, str]] = (
        "How many of the customers who first bought in a month are active at each age.",
        "首次购买于同一月份的客户在之后各月的活跃情况。",
    )

    def fit(self, log: Any, until: date, *, customer: str = "customer_id", day: str = "ordered_on") -> Triangle:
        """From a log with one row a purchase, known until the end of ``until``."""
        table = columns_of(log)
        when = column(table, day)
        days = days_of(when)
        last = int(np.datetime64(until, "D").astype(np.int64))
        is_seen = days <= last
        _, who = np.unique(np.asarray(column(table, customer), dtype=object).astype(str)[is_seen], return_inverse=True)
        months = days[is_seen].astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        if not len(months):
            raise RefusedError("Nobody has bought.", "Import orders.")
        base, span = int(months.min()), int(months.max() - months.min()) + 1
        pairs = np.unique(who.astype(np.int64) * span + (months - base))
        owner, month = pairs // span, pairs % span
        first = np.minimum.reduceat(month, np.flatnonzero(np.diff(owner, prepend=-1)))
        cells = np.bincount(
            first[np.unique(owner, return_inverse=True)[1]] * span + (month - first[np.unique(owner, return_inverse=True)[1]]),
            minlength=span * span,
        )
        ends = np.flatnonzero(np.diff(owner, append=-1))
        ages = month[ends] - first
        lasts = np.bincount(first * span + ages, minlength=span * span)
        return triangle(base, cells.reshape(span, span), lasts.reshape(span, span), until)

    def estimate(self, sight: Sight) -> Estimate:
        if not len(sight.population):
            raise RefusedError("Nobody has bought.", "Import orders.")
        session = sight.session
        session.make_ready("customers")
        tables, whole = [], None
        for dimension in ("", *_known(session, self.dimensions)):
            for member, cells, lasts, base in _cells(sight, dimension):
                found = triangle(base, cells, lasts, sight.population.as_of)
                whole = found if not dimension else whole
                tables.append(_rows(found, dimension, member))
        judgement, verdict = _spoken(sight, whole) if whole else (None, "")
        return Estimate(tables={"cohort_values": pa.concat_tables(tables)}, judgements=[judgement] if judgement else [], verdict=verdict)


def triangle(base: int, cells: Ints, lasts: Ints, until: date) -> Triangle:
    """From counts by cohort and age: who was active at that age, and whose last active month it was; months since 1970 from ``base`` on."""
    sizes = cells[:, 0]
    present = np.flatnonzero(sizes)
    unbounded = np.cumsum(lasts[:, ::-1], axis=1)[:, ::-1]
    months = base + np.arange(len(sizes))
    tomorrow = until + timedelta(days=1)
    current = (tomorrow.year - 1970) * 12 + tomorrow.month - 1  # the first month that is not over
    is_open = months[:, None] + np.arange(cells.shape[1])[None, :] >= current
    cohorts = tuple(date(1970 + int(m) // 12, int(m) % 12 + 1, 1) for m in months[present])
    return Triangle(cohorts, sizes[present], cells[present], unbounded[present], is_open[present])


def _known(session: Session, dimensions: Sequence[str]) -> list[str]:
    """Those of which some customer has a value."""
    counts = ", ".join(f"count({quoted(d)}) as {quoted(d)}" for d in dimensions)
    if not counts:
        return []
    (found,) = session.engine.arrow(Steps().then("known", f"select {counts} from customers")).to_pylist()
    return [d for d in dimensions if found[d]]


def _cells(sight: Sight, dimension: str) -> list[tuple[str, Ints, Ints, int]]:
    """Of each member the counts by cohort and age, and their first month."""
    steps = Steps().then(
        "months",
        "select place, cast(extract(year from day) * 12 + extract(month from day) - 1 - 1970 * 12 as BIGINT) as month\n"
        f"from {DAYS} where orders > 0 group by 1, 2",
    )
    steps = steps.then("spans", "select place, min(month) as cohort, max(month) as last from months group by place")
    if dimension:
        shown = f"coalesce(cast(c.{quoted(dimension)} as varchar), '{NO_MEMBER}')"
        who = (
            f"select s.*, {shown} as member from spans as s join {BUYERS} as b on b.place = s.place\n"
            "left join customers as c on c.customer_id = b.customer_id"
        )
    else:
        who = "select *, '' as member from spans"
    steps = steps.then("who", who)
    steps = steps.then(
        "counted",
        "select w.member, w.cohort, m.month - w.cohort as age, count(*) as active, 0 as ended\n"
        "from months as m join who as w on w.place = m.place group by 1, 2, 3\n"
        "union all select member, cohort, last - cohort, 0, count(*) from who group by 1, 2, 3",
    )
    steps = steps.then(
        "cells", "select member, cohort, age, sum(active) as active, sum(ended) as ended from counted group by 1, 2, 3 order by 1, 2, 3"
    )
    found = sight.session.engine.arrow(steps)
    members = np.asarray(found.column("member").to_pylist(), dtype=object)
    cohort, age, active, ended = (np.asarray(found.column(n).to_pylist(), dtype=np.int64) for n in ("cohort", "age", "active", "ended"))
    base = int(cohort.min())
    span = int((cohort + age).max()) - base + 1
    answers = []
    for member in dict.fromkeys(members.tolist()):
        mine = members == member
        cells, lasts = np.zeros((span, span), np.int64), np.zeros((span, span), np.int64)
        cells[cohort[mine] - base, age[mine]] = active[mine]
        lasts[cohort[mine] - base, age[mine]] = ended[mine]
        answers.append((str(member), cells, lasts, base))
    return answers


def _rows(found: Triangle, dimension: str, member: str) -> pa.Table:
    """Cells from age 0 to the newest month begun."""
    count, ages = found.classic.shape
    rows = [
        (kind, found.cohorts[i], k, int(found.size[i]), int(active[i, k]), bool(found.is_open[i, k]))
        for kind, active in zip(KINDS, (found.classic, found.unbounded), strict=True)
        for i in range(count)
        for k in range(_ages_begun(found, i, ages))
    ]
    kinds, cohorts, age, size, active_, is_open = zip(*rows, strict=True)
    share = [a / s if not o else None for a, s, o in zip(active_, size, is_open, strict=True)]
    return pa.table({
        "kpi": pa.array(kinds),
        "cohort": pa.array(cohorts, pa.date32()),
        "age_months": pa.array(age, pa.int64()),
        "dimension": pa.array([dimension] * len(rows)),
        "member": pa.array([member] * len(rows)),
        "cohort_size": pa.array(size, pa.int64()),
        "active": pa.array([None if o else a for a, o in zip(active_, is_open, strict=True)], pa.int64()),
        "value": pa.array(share, pa.float64()).cast(pa.decimal128(18, 4), safe=False),
        "is_open": pa.array(is_open, pa.bool_()),
    })  # fmt: skip


def _ages_begun(found: Triangle, i: int, ages: int) -> int:
    """Up to the first open age, that one too."""
    closed = int((~found.is_open[i]).sum())
    return min(closed + 1, ages)


def _spoken(sight: Sight, found: Triangle) -> tuple[Judgement | None, str]:
    """The newest cohorts beside those before them, at an age that both have reached."""
    age = min(SPOKEN_AGE, found.classic.shape[1] - 1)
    told = np.flatnonzero((found.size >= LEAST_SIZE) & ~found.is_open[:, age])
    if not len(told):
        return None, sight.say("No cohort is old enough to speak of.", "尚无足够成熟的同期群。")
    size, active = found.size[told].sum(), found.classic[told, age].sum()
    share = active / size
    verdict = sight.say(
        f"Of the customers of {len(told)} monthly cohorts {share:.1%} bought in the month {age} months after their first.",
        f"{len(told)} 个月度同期群的客户中，{share:.1%} 在首购后第 {age} 个月再次购买。",
    )
    return Judgement(f"retention_month_{age}", float(share), n=int(size)), verdict
