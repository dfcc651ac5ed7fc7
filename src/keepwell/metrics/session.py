"""What all questions of one evaluation share: entities made readable as of a day and in one currency, and the days that they cover."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

import pyarrow as pa

from keepwell.core.periods import Calendar, Grain, Span
from keepwell.engine.protocol import Engine
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake.entity import Column, ColumnType, Entity, entities
from keepwell.metrics import currencies
from keepwell.metrics.currencies import Missing
from keepwell.metrics.fact import MOMENTS, OBSERVED, PERIOD_RUNS, PERIOD_STARTS, STOCK_TIME, Fact, facts
from keepwell.metrics.measure import Placement, Source

EVALUATORS = {MOMENTS, PERIOD_RUNS, PERIOD_STARTS}
# larger tables are read from their files, column by column
MOST_KEPT = 300_000
# a row of these is somebody or something that later rows refer to: it is never taken away
LASTING = {"customers", "contacts", "employees", "products", "channels", "regions", "teams", "campaigns", "programmes", "identities"}

# what a row says of its end, which is not known before the end is: column -> (the instants of the end, what it says until then)
TOLD_BY_THE_END = {
    ("tickets", "status"): (("resolved_at", "closed_at"), "'open'"),
    ("tickets", "sla_met"): (("resolved_at", "closed_at"), "NULL"),
    ("opportunities", "outcome"): (("closed_at",), "NULL"),
    ("cases", "outcome"): (("closed_at",), "NULL"),
    ("tasks", "outcome"): (("done_at",), "NULL"),
    ("subscriptions", "end_reason"): (("ended_at",), "NULL"),
}


# what names a row that may come later: (entity, column) -> the entity of that row
TOLD_BY_ANOTHER = {("invitations", "response_id"): "responses"}


class Tables(Protocol):
    """Where the evaluator reads from: the lake at one moment, or the rows of a worked example."""

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        """Make an entity readable by its name, or as ``known_as``."""

    def rows(self, name: str) -> int:
        """How many rows a table has."""


@dataclass(frozen=True)
class Ground:
    """What a workspace settles for all its KPIs."""

    calendar: Calendar
    currency: str
    today: date
    rate_max_age_days: int = 7
    active_by: str = "orders"  # what makes a customer active: orders, or subscriptions


@dataclass(frozen=True)
class Extent:
    """The days and the last instant that data cover."""

    first: date | None
    last: date | None
    fresh_until: datetime | None


@dataclass
class Session:
    """An engine with the tables of one moment. Things after ``as_of`` are not known in it.

    ``keeps`` is for many questions: tables that are not large, and views over them, are then computed once.
    """

    engine: Engine
    tables: Tables
    ground: Ground
    as_of: date | None = None
    keeps: bool = False
    _ready: set[str] = field(default_factory=set)
    _missing: dict[str, list[Missing]] = field(default_factory=dict)
    _anonymous: dict[str, bool] = field(default_factory=dict)
    _extents: dict[tuple[str, str], Extent] = field(default_factory=dict)

    @property
    def last_day(self) -> date:
        """The day from which it is looked."""
        return self.as_of or self.ground.today

    @property
    def last_whole_day(self) -> date:
        """The last day of which everything can be known: that of a look back is over, today is not."""
        return min(self.last_day, self.ground.today - timedelta(days=1))

    @property
    def end_of_last_day(self) -> datetime:
        day = self.last_day
        return self.ground.calendar.instants(Span("", Grain.DAY, day, day))[1]

    def make_ready(self, name: str) -> None:
        """Make an entity readable: as of the day, in the reporting currency, each once."""
        if name in self._ready or name in EVALUATORS:
            return
        self._ready.add(name)
        if name == OBSERVED:
            self._lend_observed()
            return
        found = entities().get(name)
        is_stored = found is not None and not found.is_derived and self.tables.rows(name) > 0
        money = self._rates(found) if found is not None and is_stored else []
        is_as_stored = not money and self.as_of is None
        if found is None or not is_stored or (is_as_stored and not self._is_kept([name])):
            self.tables.register(self.engine, name)
            return
        stored = f"{name}__as_stored"
        self.tables.register(self.engine, name, stored)
        query = f"select * from {quoted(stored)}" if is_as_stored else self._told(found, stored, money)
        self._define(name, query, [name])

    def _told(self, e: Entity, stored: str, money: list[str]) -> str:
        columns = [f"{self._column(e, c.name, money)} as {quoted(c.name)}" for c in e.stored_columns]
        join = (
            f"\nleft join {quoted(f'_rates_{e.name}')} as r on r.currency = t.currency and r.day = {_of_t(currencies.MONEY_DAY[e.name])}"
            if money
            else ""
        )
        for column, other in self._told_by_others(e):
            self.make_ready(other)
            join += f"\nleft join (select distinct {quoted(column)} from {quoted(other)}) as known_{other} on known_{other}.{quoted(column)} = t.{quoted(column)}"
        return f"select {', '.join(columns)}\nfrom {quoted(stored)} as t{join}{self._known(e)}"

    def _told_by_others(self, e: Entity) -> list[tuple[str, str]]:
        found = [(column, other) for (name, column), other in TOLD_BY_ANOTHER.items() if name == e.name]
        return [(column, other) for column, other in found if self.as_of is not None and self.tables.rows(other)]

    def _is_kept(self, names: Collection[str]) -> bool:
        return self.keeps and all(self.tables.rows(n) <= MOST_KEPT for n in names if n != OBSERVED)

    def _define(self, name: str, query: str, reads: Collection[str]) -> None:
        steps = Steps().then(name, query)
        if self._is_kept(reads):
            self.engine.keep(name, steps)
        else:
            self.engine.define(name, steps)

    def query_of(self, fact: Fact, time: str) -> str:
        """The fact's rows as a query, the tables that it reads made ready."""
        for name in fact.reads:
            self.make_ready(name)
        query = fact.query(time, self.ground.active_by)
        # what is there at moments, and what looks at periods, is another thing in every question
        if not fact.sql or time == STOCK_TIME or set(fact.reads) & EVALUATORS or PERIOD_STARTS in query or not self._is_kept(fact.reads):
            return query
        name = f"{fact.name}__rows"
        if name not in self._ready:
            self._ready.add(name)
            self.engine.keep(name, Steps().then(name, query))
        return f"select * from {quoted(name)}"

    def check_rates(self, fact: Fact, columns: Collection[str], first: date, last: date) -> None:
        """Refuse when an amount of those days lacks a rate, if ``columns`` of the fact read amounts."""
        for name in fact.reads:
            if name not in entities() or not set(columns) & set(currencies.money_columns(entities()[name])):
                continue
            currencies.check(self._missing.get(name, []), first, last, self.ground.currency, self.ground.rate_max_age_days)

    def has_anonymous(self, fact: Fact) -> bool:
        """Whether some row of an entity has no customer; of a view it is not worth finding out."""
        if fact.sql or not fact.customer:
            return True
        if fact.name not in self._anonymous:
            self.make_ready(fact.name)
            steps = Steps().then("fact", f"select 1 as x from {quoted(fact.name)} where {quoted(fact.customer)} is null limit 1")
            self._anonymous[fact.name] = self.engine.arrow(steps).num_rows > 0
        return self._anonymous[fact.name]

    def rows_of(self, fact: Fact) -> int:
        return sum(self.tables.rows(name) for name in fact.reads if name not in {*EVALUATORS, OBSERVED})

    def _rates(self, e: Entity) -> list[str]:
        money = currencies.money_columns(e)
        if not money:
            return []
        probe = f"{e.name}__amounts"
        self.tables.register(self.engine, e.name, probe)
        only = Steps().then(
            "foreign_amounts", f"select 1 as x from {quoted(probe)} where currency <> {literal(self.ground.currency)} limit 1"
        )
        if not self.engine.arrow(only).num_rows:
            return []
        self.make_ready("fx_rates")
        rated = self.engine.arrow(currencies.foreign(probe, e, self.ground.currency))
        self._missing[e.name] = currencies.missing_rates(rated.to_pylist(), self.ground.rate_max_age_days)
        self.engine.lend(f"_rates_{e.name}", rated.select(["currency", "day", "rate"]))
        return money

    def _column(self, e: Entity, name: str, money: list[str]) -> str:
        column = e.column(name)
        if name in money:
            return currencies.converted(name, self.ground.currency, column.sql_type)
        own = f"t.{quoted(name)}"
        if self.as_of is None or column.may_be_future or e.name in LASTING:
            return own
        return self._as_known(e, column, own)

    def _as_known(self, e: Entity, column: Column, own: str) -> str:
        """The column as it was known at the end of ``as_of``: what happened later is not known yet."""
        if (column.name, other := TOLD_BY_ANOTHER.get((e.name, column.name))) in self._told_by_others(e):
            return f"known_{other}.{quoted(column.name)}"
        if (e.name, column.name) in TOLD_BY_THE_END:
            instants, until_then = TOLD_BY_THE_END[e.name, column.name]
            is_later = " or ".join(f"t.{quoted(i)} >= {self._instant()}" for i in instants)
            return f"case when {is_later} then {until_then} else {own} end"
        source = e.column(column.date_of) if column.date_of else None
        if column.type is ColumnType.INSTANT:
            return f"case when {own} < {self._instant()} then {own} end"
        if source is not None and not source.may_be_future:
            return f"case when {own} <= DATE {literal(self.as_of)} then {own} end"
        return own

    def _known(self, e: Entity) -> str:
        day = first_day(e)
        if self.as_of is None or day is None or e.name in LASTING:
            return ""
        return f"\nwhere t.{quoted(day)} is null or t.{quoted(day)} <= DATE {literal(self.as_of)}"

    def _instant(self) -> str:
        return self._instant_of_last_day()

    def _instant_of_last_day(self) -> str:
        return f"TIMESTAMPTZ {literal(self.end_of_last_day.isoformat())}"

    # ------------------------------------------------------------- extents

    def extent(self, source: Source) -> Extent:
        """The days that the data cover: of a flow those of its own rows, of a stock those of the lake."""
        key = ("", STOCK_TIME) if source.time == STOCK_TIME else (source.fact, source.time)
        if key not in self._extents:
            if source.time == STOCK_TIME:
                self._extents[key] = self._whole_extent()
            else:
                fact = facts()[source.fact]
                if any(PERIOD_STARTS in sql for sql in fact.sql.values()):
                    self.engine.lend(PERIOD_STARTS, pa.table({"day": pa.array([], pa.date32())}))
                instant = fact.instants.get(source.time)
                newest = f"max({quoted(instant)})" if instant else f"cast(max({quoted(source.time)}) as TIMESTAMP WITH TIME ZONE)"
                steps = Steps().then("fact", self.query_of(fact, source.time))
                day = quoted(source.time)
                steps = steps.then("extent", f"select min({day}) as first, max({day}) as last, {newest} as newest from fact")
                row = self.engine.arrow(steps).to_pylist()[0]
                self._extents[key] = Extent(row["first"], row["last"], row["newest"])
        return self._extents[key]

    def _observed_until(self) -> datetime:
        """Up to when it is known that something has not happened yet: the day looked from, else the newest instant of all that is known.

        A fact's own newest row would not do: a ticket opened before the last ticket was, and waited for until the last order came.
        """
        newest = None if self.as_of else self.extent(Source("", STOCK_TIME, Placement.STOCK)).fresh_until
        return min(self.end_of_last_day, newest) if newest else self.end_of_last_day

    def _lend_observed(self) -> None:
        until = pa.array([self._observed_until()], pa.timestamp("us", tz="UTC"))
        self.engine.lend(OBSERVED, pa.table({"until": until, "on_day": pa.array([self.last_day], pa.date32())}))

    def _whole_extent(self) -> Extent:
        """From the first to the last day on which anything is known to have happened, today at most."""
        first: date | None = None
        last: date | None = None
        fresh: datetime | None = None
        for name, e in entities().items():
            day = first_day(e)
            if e.is_derived or day is None or not self.tables.rows(name):
                continue
            self.make_ready(name)
            days = [c.name for c in e.stored_columns if c.date_of and not e.column(c.date_of).may_be_future] or [day]
            instants = [d for c in days if (d := e.column(c).date_of)]
            is_past = f"<= DATE {literal(self.last_day)}"
            lasts = ", ".join(f"max(case when {quoted(d)} {is_past} then {quoted(d)} end)" for d in days)
            newest = ", ".join(f"max(case when {quoted(i)} < {self._instant_of_last_day()} then {quoted(i)} end)" for i in instants)
            fresh_sql = f"greatest({newest})" if newest else f"cast(max({quoted(day)}) as TIMESTAMP WITH TIME ZONE)"
            row = self.engine.arrow(
                Steps().then(
                    "extent", f"select min({quoted(day)}) as first, greatest({lasts}) as last, {fresh_sql} as newest from {quoted(name)}"
                )
            ).to_pylist()[0]
            if row["first"] is None or row["last"] is None:
                continue
            first = row["first"] if first is None else min(first, row["first"])
            last = row["last"] if last is None else max(last, row["last"])
            if row["newest"] is not None:
                fresh = row["newest"] if fresh is None else max(fresh, row["newest"])
        return Extent(first, last, fresh)


def first_day(e: Entity) -> str | None:
    """The date column that says when a row of the entity came to be."""
    if e.month_of:
        return e.month_of
    return next((c.name for c in e.stored_columns if c.date_of and e.column(c.date_of).is_required), None)


def _of_t(sql: str) -> str:
    return sql.replace("coalesce(due_on, paid_on)", "coalesce(t.due_on, t.paid_on)") if "(" in sql else f"t.{quoted(sql)}"
