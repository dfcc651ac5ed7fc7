"""The customers of a workspace as estimators see them: one place a customer, ordered by id, with what they bought until a day."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
MONEY = ("amount", "repeat_amount", "margin", "repeat_margin", "year_amount", "half_amount", "half_before_amount")
COUNTS = ("orders", "with_margin")
PART = 50_000  # customers
NEVER = np.int32(np.iinfo(np.int32).max)


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


@dataclass(frozen=True)
class Purchases:
    """What all who ever ordered bought, as far as a session sees; ``customers`` holds their ids in order, by place."""

    customers: pa.Array
    days: PurchaseDays

    def until(self, day: date, among: pa.Array | None = None) -> PurchaseDays:
        """The days up to this one, or of some customers only."""
        chosen = self.days.day <= (day - EPOCH).days
        if among is not None:
            chosen &= pc.is_in(self.customers, value_set=among).to_numpy(zero_copy_only=False)[self.days.place]
        return self.days.where(chosen)


def put_away(session: Session) -> None:
    """Let go of what :func:`kept_purchases` lent to queries."""
    session.engine.lend(BUYERS, pa.table({"customer_id": pa.array([], pa.string()), "place": pa.array([], pa.int32())}))
    none = np.zeros(0, np.int32)
    session.engine.lend(DAYS, PurchaseDays(none, none, none, none.astype(np.int64), none.astype(np.int64), none).to_table())


# an order as it is read
ORDER = pa.schema({"customer_id": pa.string(), "day": pa.int32(), "is_sale": pa.bool_(), "amount": pa.int64(), "margin": pa.int64()})


def kept_purchases(session: Session) -> Purchases:
    """Bring orders down to one row a customer and day, once for all that reads them: here, and below ``DAYS_BY_ID`` in queries."""
    session.make_ready("orders")
    engine = session.engine
    money = ", ".join(f"cast({c} as DECIMAL(18, 4)) as {c}" for c in ("amount", "margin"))
    query = (
        f"select customer_id, ordered_on as day, status = 'completed' as is_sale, {money}\nfrom orders\n"
        f"where customer_id is not null and status in ('completed', 'refund') and ordered_on <= DATE {literal(session.last_day)}"
    )
    found = _by_day(engine.map_batches(Steps().then("bought", query), _in_numbers, ORDER))
    engine.lend(BUYERS, pa.table({"customer_id": found.customers, "place": pa.array(np.arange(len(found.customers), dtype=np.int32))}))
    engine.lend(DAYS, found.days.to_table())
    money = ", ".join(f"cast(d.{c} as DECIMAL(19, 0)) * 0.0001 as {c}" for c in ("amount", "margin"))
    by_id = (
        f"select b.customer_id, d.place, d.day, d.orders, {money}, d.with_margin from {DAYS} as d join {BUYERS} as b on b.place = d.place"
    )
    engine.define(DAYS_BY_ID, Steps().then("days", by_id))
    return found


def _in_numbers(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Days since 1970, and money in parts of ``UNIT``."""
    who, day, is_sale, amount, margin = batch.columns
    return pa.RecordBatch.from_arrays([who.cast(pa.string()), day.cast(pa.int32()), is_sale, _parts(amount), _parts(margin)], schema=ORDER)


def _parts(amounts: pa.Array) -> pa.Array:
    """Of decimals with four digits behind the point the number without it, which has 18 digits at most: the lower half of each."""
    if not len(amounts):
        return pa.array([], pa.int64())
    low = np.frombuffer(amounts.buffers()[1], np.int64)[::2][amounts.offset : amounts.offset + len(amounts)]
    return pa.array(low, mask=amounts.is_null().to_numpy(zero_copy_only=False))


def _by_day(orders: pa.Table) -> Purchases:
    """Orders of a day put together. Sorting numbers takes half as long as a hash of millions of groups."""
    coded = orders.column("customer_id").dictionary_encode()
    ids = coded.chunk(0).dictionary if coded.num_chunks else pa.array([], pa.string())
    in_order = pc.sort_indices(ids)
    rank = np.empty(len(ids), np.int32)
    rank[in_order.to_numpy()] = np.arange(len(ids), dtype=np.int32)
    day = _numbers(orders.column("day"))
    first = int(day.min(initial=0))
    span = int(day.max(initial=0)) - first + 1
    key = np.concatenate([rank[c.indices.to_numpy()] for c in coded.chunks] or [rank]).astype(np.int64)
    del coded
    key *= span
    key += day
    key -= first
    order = np.argsort(key).astype(np.int32)
    key = key[order]
    starts = starts_of(key)
    key = key[starts]

    def added(values: Ints) -> Ints:
        found: Ints = np.add.reduceat(values[order], starts, dtype=values.dtype) if len(starts) else values[:0]
        return found

    def money(name: str) -> Ints:
        values = _numbers(orders.column(name))
        if float(np.abs(values).sum(dtype=np.float64)) > MOST_MONEY * UNIT:
            raise KeepwellError(
                f"The {name}s of all orders add up to more than {MOST_MONEY:.0e}.", "Choose a currency whose unit is worth more."
            )
        return added(values)

    is_sale = orders.column("is_sale").to_numpy()
    has_margin = orders.column("margin").is_valid().to_numpy() & is_sale
    days = PurchaseDays(
        (key // span).astype(np.int32),
        (key % span + first).astype(np.int32),
        added(is_sale.astype(np.int32)),
        money("amount"),
        money("margin"),
        added(has_margin.astype(np.int32)),
    )
    return Purchases(ids.take(in_order), days)


def starts_of(values: Ints) -> Ints:
    """Where a run of equal values begins."""
    if not len(values):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])).astype(np.int64)


def _numbers(column: pa.ChunkedArray) -> Ints:
    """Whole numbers; unknown is 0."""
    values: Ints = column.fill_null(0).to_numpy()
    return values


def population(bought: Purchases, as_of: date, among: pa.Array | None = None) -> Population:
    """Those who bought until ``as_of``, as the purchase days up to it tell. With ``among``, only these customers."""
    days, ids = bought.until(as_of, among), bought.customers
    is_sale = days.orders > 0
    place, day = days.place[is_sale], days.day[is_sale]
    starts = starts_of(place)
    places, ends = place[starts], np.append(starts[1:], len(place))[: len(starts)]
    count = (ends - starts).astype(np.int32)
    first, last, before = (day[i] for i in (starts, ends - 1, np.maximum(ends - 2, 0)))
    # of customers with nothing but refunds the first purchase is never
    first_of, count_of = np.full(len(ids), NEVER), np.zeros(len(ids), np.int32)
    first_of[places], count_of[places] = first, count
    starts = starts_of(days.place)
    who = days.place[starts]
    sums = _sums(days, starts, first_of[who], count_of[who], as_of)
    is_buyer = count_of[who] > 0
    return Population(
        as_of=as_of,
        customers=ids if len(places) == len(ids) else ids.take(pa.array(places)),
        first_day=first,
        last_day=last,
        previous_day=np.where(count > 1, before, first),
        purchase_days=count,
        **(sums if is_buyer.all() else {n: v[is_buyer] for n, v in sums.items()}),
    )


def _sums(days: PurchaseDays, starts: Ints, first: Ints, count: Ints, as_of: date) -> dict[str, Any]:
    """What the days of each customer add up to, where theirs begin at ``starts``."""
    today, year = (as_of - EPOCH).days, (months_before(as_of, 12) - EPOCH).days
    found: dict[str, Any] = {n: np.empty(len(starts)) for n in MONEY} | {n: np.empty(len(starts), np.int32) for n in COUNTS}
    # some customers at a time: what lies between then stays small
    for part in (slice(i, i + PART) for i in range(0, len(starts), PART)):
        own = starts[part]
        rows = slice(own[0], starts[part.stop] if part.stop < len(starts) else len(days))
        day, amount, margin = days.day[rows], days.amount[rows], days.margin[rows]
        sizes = np.diff(own, append=rows.stop)
        is_later = day > np.repeat(first[part], sizes)
        of_money = {
            "amount": amount,
            "repeat_amount": amount * (is_later & np.repeat(count[part] > 1, sizes)),
            "margin": margin,
            "repeat_margin": margin * (is_later & np.repeat(count[part] > 1, sizes)),
            "year_amount": amount * (day > year),
            "half_amount": amount * (day > today - HALF_YEAR),
            "half_before_amount": amount * ((day > today - 2 * HALF_YEAR) & (day <= today - HALF_YEAR)),
        }
        for name, values in of_money.items():
            found[name][part] = np.add.reduceat(values, own - rows.start) / UNIT
        for name in COUNTS:
            found[name][part] = np.add.reduceat(getattr(days, name)[rows], own - rows.start)
    return found
