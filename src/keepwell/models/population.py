"""The customers of a workspace as estimators see them: one place a customer, ordered by id, with what they bought until a day."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from keepwell.core.periods import months_before
from keepwell.engine.sql import Steps, literal
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Floats, Ints, Summary

BUYERS = "_buyers"  # customer_id, place: numbered from 0 in the order of their ids
DAYS = "_purchase_days"  # place, day, orders, amount, margin, with_margin
DAYS_BY_ID = "_purchase_days_by_id"  # the same with customer_id
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


def keep_purchase_days(session: Session) -> None:
    """Bring orders down to one row a customer and day, once for all that reads them."""
    session.make_ready("orders")
    counted = f"customer_id is not null and status in ('completed', 'refund')\n  and ordered_on <= DATE {literal(session.last_day)}"
    engine = session.engine
    who = Steps().then("who", f"select distinct customer_id from orders where {counted}")
    engine.keep(BUYERS, who.then("numbered", "select customer_id, row_number() over (order by customer_id) - 1 as place from who"))
    # grouped by a number, which takes half as long as by an id
    query = (
        "select b.place, o.ordered_on as day, cast(sum(case when o.status = 'completed' then 1 else 0 end) as BIGINT) as orders,\n"
        "  sum(o.amount) as amount, sum(o.margin) as margin, count(case when o.status = 'completed' then o.margin end) as with_margin\n"
        f"from (select customer_id, ordered_on, status, amount, margin from orders where {counted}) as o\n"
        f"join {BUYERS} as b on b.customer_id = o.customer_id group by b.place, o.ordered_on"
    )
    engine.keep(DAYS, Steps().then("purchase_days", query))
    engine.define(DAYS_BY_ID, Steps().then("days", f"select b.customer_id, d.* from {DAYS} as d join {BUYERS} as b on b.place = d.place"))


def population(session: Session, as_of: date, among: pa.Array | None = None) -> Population:
    """Those who bought until ``as_of``, as the purchase days up to it tell; :func:`keep_purchase_days` goes before.

    With ``among``, only these customers.
    """
    days = DAYS
    if among is not None:
        days = f"{DAYS}_some"
        session.engine.lend("_among", pa.table({"customer_id": among}))
        places = Steps().then("places", f"select b.place from _among as a join {BUYERS} as b on b.customer_id = a.customer_id")
        session.engine.keep(days, places.then("some", f"select d.* from {DAYS} as d join places as p on p.place = d.place"))
    day = f"DATE {literal(as_of)}"
    year = f"DATE {literal(months_before(as_of, 12))}"
    half, half_before = (f"DATE {literal(as_of - timedelta(days=HALF_YEAR * n))}" for n in (1, 2))
    sums = (
        "select place, min(case when orders > 0 then day end) as first_day, max(case when orders > 0 then day end) as last_day,\n"
        "  sum(case when orders > 0 then 1 else 0 end) as purchase_days, sum(orders) as orders, sum(amount) as amount, sum(margin) as margin,\n"
        f"  sum(with_margin) as with_margin, sum(case when day > {year} then amount else 0 end) as year_amount,\n"
        f"  sum(case when day > {half} then amount else 0 end) as half_amount,\n"
        f"  sum(case when day > {half_before} and day <= {half} then amount else 0 end) as half_before_amount\n"
        f"from {days} where day <= {day} group by place"
    )
    steps = (
        Steps()
        .then("whole", sums)
        .then("buyers", "select * from whole where purchase_days > 0")
        .then(
            "later",
            "select d.place, max(case when d.orders > 0 and d.day < b.last_day then d.day end) as previous_day,\n"
            "  sum(case when d.day > b.first_day then d.amount end) as repeat_amount,\n"
            "  sum(case when d.day > b.first_day then d.margin end) as repeat_margin\n"
            f"from {days} as d join buyers as b on b.place = d.place\n"
            f"where d.day <= {day} and b.purchase_days > 1 group by d.place",
        )
    )
    columns = ", ".join([
        "i.customer_id",
        *(_days(f"b.{c}", c) for c in ("first_day", "last_day")),
        _days("coalesce(l.previous_day, b.first_day)", "previous_day"),
        *(f"cast(b.{c} as BIGINT) as {c}" for c in ("purchase_days", "orders", "with_margin")),
        *(_money(f"b.{c}", c) for c in ("amount", "margin", "year_amount", "half_amount", "half_before_amount")),
        *(_money(f"l.{c}", c) for c in ("repeat_amount", "repeat_margin")),
    ])  # fmt: skip
    steps = steps.then(
        "population",
        f"select {columns}\nfrom buyers as b join {BUYERS} as i on i.place = b.place left join later as l on l.place = b.place order by b.place",
    )
    found = session.engine.arrow(steps)

    def whole(name: str) -> Ints:
        return np.ascontiguousarray(found.column(name).to_numpy(), dtype=np.int64)

    def money(name: str) -> npt.NDArray[np.float64]:
        return np.ascontiguousarray(found.column(name).to_numpy(), dtype=np.float64)

    return Population(
        as_of=as_of,
        customers=found.column("customer_id").combine_chunks(),
        first_day=whole("first_day"),
        last_day=whole("last_day"),
        previous_day=whole("previous_day"),
        purchase_days=whole("purchase_days"),
        orders=whole("orders"),
        amount=money("amount"),
        repeat_amount=money("repeat_amount"),
        margin=money("margin"),
        repeat_margin=money("repeat_margin"),
        with_margin=whole("with_margin"),
        year_amount=money("year_amount"),
        half_amount=money("half_amount"),
        half_before_amount=money("half_before_amount"),
    )


def _days(sql: str, name: str) -> str:
    return f"cast(datediff('day', DATE '1970-01-01', {sql}) as BIGINT) as {name}"


def _money(sql: str, name: str) -> str:
    # exact sums, so that neither the order of rows nor threads show in the floating number made of them
    return f"cast(coalesce({sql}, 0) as DOUBLE) as {name}"
