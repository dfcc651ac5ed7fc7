"""The customers of a workspace as estimators see them: one place a customer, ordered by id, with what they bought until a day."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from keepwell.core.errors import KeepwellError
from keepwell.core.periods import months_before
from keepwell.engine.sql import Steps, literal
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Bools, Floats, Ints, Summary

BUYERS = "_buyers"  # customer_id, place: numbered from 0 in the order of their ids
DAYS = "_purchase_days"  # place, day, orders, amount and margin in parts of UNIT, with_margin
DAYS_BY_ID = "_purchase_days_by_id"  # the same with customer_id, money as money
UNIT = 10_000  # parts of a unit of money: whole numbers add up to the same in any order
MOST_MONEY = np.iinfo(np.int64).max / 2 / UNIT  # of all orders together
HALF_YEAR = 180
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Population:
    """Buyers, ordered by id. Days are whole days since 1970; money is net of refunds, in the reporting currency.

    A purchase day is one with a completed order. ``repeat_amount`` is the net amount of all days after the first.
    """

    as_of: date
    customers: pa.Array
    first_day: Ints
    last_day: Ints
    previous_day: Ints  # the purchase day before the last; of one-time buyers the first
    purchase_days: Ints
    orders: Ints
    amount: Floats
    repeat_amount: Floats
    margin: Floats
    repeat_margin: Floats
    with_margin: Ints  # orders of known margin
    year_amount: Floats  # of the last twelve months
    half_amount: Floats  # of the last 180 days
    half_before_amount: Floats  # of the 180 days before these

    def __len__(self) -> int:
        return len(self.first_day)

    @property
    def today(self) -> int:
        """``as_of`` as a number of days."""
        return (self.as_of - EPOCH).days

    @property
    def recency(self) -> Ints:
        """Days since the last purchase."""
        found: Ints = self.today - self.last_day
        return found

    @property
    def summary(self) -> Summary:
        return Summary(
            self.purchase_days - 1, (self.last_day - self.first_day).astype(float), (self.today - self.first_day).astype(float), None
        )


@dataclass(frozen=True)
class PurchaseDays:
    """One element a customer and day with an order or a refund, ordered by both; money is in parts of ``UNIT``.

    ``place`` numbers the customers in the order of their ids; ``day`` counts from 1970. What need not be long is held in half the bytes.
    """

    place: Ints
    day: Ints
    orders: Ints  # completed ones
    amount: Ints
    margin: Ints
    with_margin: Ints

    def __len__(self) -> int:
        return len(self.place)

    def where(self, chosen: Bools) -> "PurchaseDays":
        if chosen.all():
            return self
        return PurchaseDays(
            self.place[chosen],
            self.day[chosen],
            self.orders[chosen],
            self.amount[chosen],
            self.margin[chosen],
            self.with_margin[chosen],
        )

    def to_table(self) -> pa.Table:
        return pa.table({
            "place": pa.array(self.place), "day": pa.array(self.day).cast(pa.date32()), "orders": pa.array(self.orders),
            "amount": pa.array(self.amount), "margin": pa.array(self.margin), "with_margin": pa.array(self.with_margin),
        })  # fmt: skip


def keep_purchase_days(session: Session) -> None:
    """Bring orders down to one row a customer and day, once for all that reads them."""
    session.make_ready("orders")
    engine = session.engine
    counted = f"customer_id is not null and status in ('completed', 'refund')\n  and ordered_on <= DATE {literal(session.last_day)}"
    who = engine.arrow(Steps().then("who", f"select distinct customer_id from orders where {counted} order by customer_id"))
    engine.lend(BUYERS, pa.table({"customer_id": who.column(0), "place": pa.array(np.arange(len(who), dtype=np.int32))}))
    orders = engine.arrow(
        Steps().then(
            "bought",
            f"select b.place, o.ordered_on as day, o.status = 'completed' as is_sale, {_units('o.amount')} as amount, {_units('o.margin')} as margin\n"
            f"from (select customer_id, ordered_on, status, amount, margin from orders where {counted}) as o\n"
            f"join {BUYERS} as b on b.customer_id = o.customer_id",
        )
    )
    engine.lend(DAYS, _by_day(orders).to_table())
    money = ", ".join(f"cast(d.{c} as DECIMAL(19, 0)) * 0.0001 as {c}" for c in ("amount", "margin"))
    by_id = (
        f"select b.customer_id, d.place, d.day, d.orders, {money}, d.with_margin from {DAYS} as d join {BUYERS} as b on b.place = d.place"
    )
    engine.define(DAYS_BY_ID, Steps().then("days", by_id))


def _units(sql: str) -> str:
    # as a wider number first: the largest amount that can be stored has no room for four more digits
    return f"cast(cast({sql} as DECIMAL(38, 4)) * {UNIT} as BIGINT)"


def _by_day(orders: pa.Table) -> PurchaseDays:
    """Orders of a day put together. Sorting numbers takes half as long as a hash of millions of groups."""
    day = _numbers(orders, "day")
    first = int(day.min(initial=0))
    span = int(day.max(initial=0)) - first + 1
    key = _numbers(orders, "place").astype(np.int64)
    key *= span
    key += day - first
    order = np.argsort(key).astype(np.int32)
    key = key[order]
    starts = _starts(key)
    key = key[starts]

    def added(values: Ints) -> Ints:
        found: Ints = np.add.reduceat(values[order], starts) if len(starts) else values[:0]
        return found

    for name in ("amount", "margin"):
        if float(np.abs(_numbers(orders, name)).sum(dtype=np.float64)) > MOST_MONEY * UNIT:
            raise KeepwellError(
                f"The {name}s of all orders add up to more than {MOST_MONEY:.0e}.", "Choose a currency whose unit is worth more."
            )
    is_sale = orders.column("is_sale").to_numpy()
    has_margin = orders.column("margin").is_valid().to_numpy() & is_sale
    return PurchaseDays(
        (key // span).astype(np.int32),
        (key % span + first).astype(np.int32),
        added(is_sale.astype(np.int32)),
        added(_numbers(orders, "amount")),
        added(_numbers(orders, "margin")),
        added(has_margin.astype(np.int32)),
    )


def _starts(values: Ints) -> Ints:
    """Where a run of equal values begins."""
    if not len(values):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])).astype(np.int64)


def purchase_days(session: Session, until: date, among: pa.Array | None = None) -> PurchaseDays:
    """Those up to ``until``, or of some customers only; :func:`keep_purchase_days` goes before."""
    join = ""
    if among is not None:
        session.engine.lend("_among", pa.table({"customer_id": among}))
        places = f"select b.place from _among as a join {BUYERS} as b on b.customer_id = a.customer_id"
        join = f"join ({places}) as p on p.place = d.place "
    found = session.engine.arrow(Steps().then("days", f"select d.* from {DAYS} as d {join}where d.day <= DATE {literal(until)}"))
    days = PurchaseDays(*(_numbers(found, c) for c in ("place", "day", "orders", "amount", "margin", "with_margin")))
    place, day = days.place, days.day
    # an engine may hand rows back in another order
    if ((place[1:] < place[:-1]) | ((place[1:] == place[:-1]) & (day[1:] < day[:-1]))).any():
        order = np.lexsort((day, place))
        days = PurchaseDays(place[order], day[order], days.orders[order], days.amount[order], days.margin[order], days.with_margin[order])
    return days


def bought_on(session: Session, until: date) -> tuple[Ints, Ints]:
    """Place and day of each purchase day up to ``until``, in no order; :func:`keep_purchase_days` goes before."""
    query = f"select place, day from {DAYS} where orders > 0 and day <= DATE {literal(until)}"
    found = session.engine.arrow(Steps().then("bought", query))
    return _numbers(found, "place"), _numbers(found, "day")


def _numbers(table: pa.Table, name: str) -> Ints:
    """A column as whole numbers, a day as days since 1970; unknown is 0."""
    column = table.column(name)
    values: Ints = (column.cast(pa.int32()) if pa.types.is_date(column.type) else column).fill_null(0).to_numpy()
    return values


def buyers(session: Session) -> pa.Array:
    """The ids of all who ordered, by place."""
    found = session.engine.arrow(Steps().then("buyers", f"select customer_id from {BUYERS} order by place"))
    return found.column(0).combine_chunks()


def population(session: Session, as_of: date, among: pa.Array | None = None) -> Population:
    """Those who bought until ``as_of``, as the purchase days up to it tell; :func:`keep_purchase_days` goes before.

    With ``among``, only these customers.
    """
    days, ids = purchase_days(session, as_of, among), buyers(session)
    is_sale = days.orders > 0
    place, day = days.place[is_sale], days.day[is_sale]
    starts = _starts(place)
    places, ends = place[starts], np.append(starts[1:], len(place))[: len(starts)]
    count = ends - starts
    first, last, before = (day[i].astype(np.int64) for i in (starts, ends - 1, np.maximum(ends - 2, 0)))
    bought = np.zeros(len(ids), bool)
    bought[places] = True
    days = days.where(bought[days.place])
    rows = _starts(days.place)
    first_of = np.zeros(len(ids), np.int32)
    first_of[places] = first
    is_later = days.day > first_of[days.place]
    today = (as_of - EPOCH).days
    year = (months_before(as_of, 12) - EPOCH).days

    def added(values: Ints) -> Ints:
        found: Ints = np.add.reduceat(values, rows).astype(np.int64) if len(rows) else np.zeros(0, np.int64)
        return found

    def money(values: Ints, chosen: Bools | None = None) -> Floats:
        return added(values if chosen is None else np.where(chosen, values, 0)) / UNIT

    return Population(
        as_of=as_of,
        customers=ids.take(pa.array(places)),
        first_day=first,
        last_day=last,
        previous_day=np.where(count > 1, before, first),
        purchase_days=count,
        orders=added(days.orders),
        amount=money(days.amount),
        repeat_amount=money(days.amount, is_later) * (count > 1),
        margin=money(days.margin),
        repeat_margin=money(days.margin, is_later) * (count > 1),
        with_margin=added(days.with_margin),
        year_amount=money(days.amount, days.day > year),
        half_amount=money(days.amount, days.day > today - HALF_YEAR),
        half_before_amount=money(days.amount, (days.day > today - 2 * HALF_YEAR) & (days.day <= today - HALF_YEAR)),
    )
