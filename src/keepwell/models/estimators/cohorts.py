"""Cohorts: what became of the customers who came in the same month, by age, whole and by how they came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from keepwell.core.errors import WrongUseError
from keepwell.engine.sql import Steps, quoted
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.estimator import Estimate, Judgement, Sight
from keepwell.models.population import BUYERS, EPOCH, starts_of
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import column, columns_of, day_of, days_of, ids, is_missing

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

    @overload
    def fit(self, log: Any, until: date | str, *, customer: str = ..., day: str = ..., by: None = None) -> Triangle: ...
    @overload
    def fit(self, log: Any, until: date | str, *, customer: str = ..., day: str = ..., by: str) -> dict[str, Triangle]: ...
    def fit(
        self, log: Any, until: date | str, *, customer: str = "customer_id", day: str = "ordered_on", by: str | None = None
    ) -> Triangle | dict[str, Triangle]:
        """From a log with one row a purchase, known until the end of ``until``.

        With ``by``, a column of the log, a triangle for each of its values: customers belong to that of their first purchase (of its day
        the first row), or to ``(none)`` where it is missing.
        """
        table = columns_of(log)
        days = days_of(column(table, day), f"Column {day!r}")
        last = day_of(until, "until")
        is_seen = days <= last
        _, who = np.unique(ids(column(table, customer), f"Column {customer!r}").astype(str)[is_seen], return_inverse=True)
        if not len(who):
            raise RefusedError("Nobody has bought.", "Import orders.", chinese="尚无客户购买。", chinese_hint="请导入订单。")
        months = _Months.of(who.astype(np.int64), days[is_seen])
        names, code = [""], np.zeros(len(months.first), np.int64)
        if by is not None:
            names, code = _first_of(column(table, by)[is_seen], who, days[is_seen])
        found = months.triangle(code, len(names), EPOCH + timedelta(days=last))
        return found[0] if by is None else dict(zip(names, found, strict=True))

    def estimate(self, sight: Sight) -> Estimate:
        if not len(sight.population):
            raise RefusedError("Nobody has bought.", "Import orders.", chinese="尚无客户购买。", chinese_hint="请导入订单。")
        session, until = sight.session, sight.population.as_of
        session.make_ready("customers")
        days = sight.bought.until(until)
        days = days.where(days.orders > 0)
        months = _Months.of(days.place, days.day)
        tables: list[pa.Table] = []
        whole = months.triangle(np.zeros(len(months.first), np.int64), 1, until)[0]
        tables.append(_rows(whole, "", ""))
        for dimension in _known(session, self.dimensions):
            names, code = _members(session, dimension)
            found = months.triangle(code[months.customer], len(names), until)
            tables += [_rows(t, dimension, name) for name, t in zip(names, found, strict=True) if len(t.size)]
        judgement, verdict = _spoken(sight, whole)
        return Estimate(tables={"cohort_values": pa.concat_tables(tables)}, judgements=[judgement] if judgement else [], verdict=verdict)


@dataclass(frozen=True)
class _Months:
    """The months in which each customer bought, each once; counted from ``base``, itself counted from 1970."""

    base: int
    span: int
    customer: Ints  # of each customer the number
    first: Ints
    last: Ints
    owner: Ints  # of each month the place of its customer
    month: Ints

    @classmethod
    def of(cls, who: Ints, days: Ints) -> "_Months":
        calendar = np.arange(days.min(), days.max() + 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        base, span = int(calendar[0]), int(calendar[-1] - calendar[0]) + 1
        key = who.astype(np.int64)
        key *= span
        key += (calendar - base)[days - days.min()]
        if (key[1:] < key[:-1]).any():
            key.sort()
        key = key[starts_of(key)]
        customer, month = (key // span).astype(np.int32), (key % span).astype(np.int32)
        starts = starts_of(customer)
        size = np.diff(starts, append=len(key))
        first, last = (month[i].astype(np.int64) for i in (starts, starts + size - 1))
        return cls(base, span, customer[starts], first, last, np.repeat(np.arange(len(starts), dtype=np.int32), size), month)

    def triangle(self, code: Ints, members: int, until: date) -> list[Triangle]:
        """One for each member; ``code`` is each customer's."""
        cell = code * self.span + self.first
        shape = (members, self.span, self.span)
        # a month's cell begins at its customer's row, less the customer's first month
        at = (cell * self.span - self.first)[self.owner]
        at += self.month
        cells = np.bincount(at, minlength=members * self.span**2)
        lasts = np.bincount(cell * self.span + (self.last - self.first), minlength=members * self.span**2)
        return [triangle(self.base, a, b, until) for a, b in zip(cells.reshape(shape), lasts.reshape(shape), strict=True)]


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


def _first_of(values: npt.NDArray[Any], who: Ints, days: Ints) -> tuple[list[str], Ints]:
    """The different values of the customers' first rows, sorted, and of each customer the place of the own one."""
    order = np.lexsort((np.arange(len(who)), days, who))
    first = values[order[np.unique(who[order], return_index=True)[1]]]
    told = first.astype(str).astype(object)
    told[is_missing(first)] = NO_MEMBER
    names, code = np.unique(told.astype(str), return_inverse=True)
    return names.tolist(), code.astype(np.int64)


def _known(session: Session, dimensions: Sequence[str]) -> list[str]:
    """Those of which some customer has a value."""
    counts = ", ".join(f"count({quoted(d)}) as {quoted(d)}" for d in dimensions)
    if not counts:
        return []
    (found,) = session.engine.arrow(Steps().then("known", f"select {counts} from customers")).to_pylist()
    return [d for d in dimensions if found[d]]


def _members(session: Session, dimension: str) -> tuple[list[str], Ints]:
    """The members of a dimension, and of each buyer the number of the own one."""
    shown = f"coalesce(cast(c.{quoted(dimension)} as varchar), '{NO_MEMBER}') as member"
    query = f"select {shown} from {BUYERS} as b left join customers as c on c.customer_id = b.customer_id order by b.place"
    found = session.engine.arrow(Steps().then("members", query)).column(0).combine_chunks().dictionary_encode()
    names = found.dictionary.to_pylist()
    order = np.argsort(np.asarray(names, dtype=object))
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    return [names[i] for i in order], rank[found.indices.to_numpy()]


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
