"""What is read of all customers as of a day, and who left after it: the measures that health rests on."""

from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from keepwell.engine.sql import Steps, literal
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Bools, Floats
from keepwell.models.features import features
from keepwell.models.population import DAYS_BY_ID
from keepwell.performance.health.measure import HALF_YEAR, MEASURES, YEAR

EVER = 40_000  # days: whoever ordered within them, so everybody


@dataclass(frozen=True)
class Seen:
    """Customers as of a day, ordered by id: by measure a number each, NaN where unknown. ``has_left`` where it was asked for."""

    customers: pa.Array
    is_subscriber: Bools
    values: dict[str, Floats]
    has_left: Bools | None

    def where(self, chosen: Bools) -> "Seen":
        left = None if self.has_left is None else self.has_left[chosen]
        return Seen(
            self.customers.filter(pa.array(chosen)), self.is_subscriber[chosen], {n: v[chosen] for n, v in self.values.items()}, left
        )


def seen(session: Session, day: date, inactive_days: int = EVER, label_after: tuple[int, int] | None = None) -> Seen:
    """Everybody who had ordered within ``inactive_days`` before that day, or paid for a subscription on it; nothing later is read of them.

    ``label_after`` is that of :func:`~keepwell.models.features.features`: with it ``has_left`` says who left, as the churn model means it.
    The session must hold what :func:`~keepwell.models.population.kept_purchases` keeps.
    """
    rows = features(session, [day], inactive_days, label_after)
    customers = rows.column("customer_id").combine_chunks()
    others = {"cut", "customer_id", "has_left"}
    columns = {n: rows.column(n).to_numpy(zero_copy_only=False).astype(float) for n in rows.column_names if n not in others}
    left = rows.column("has_left").to_numpy(zero_copy_only=False).astype(bool) if label_after else None
    del rows
    columns |= _half_years(session, day, customers)
    values = {name: found for name, m in MEASURES.items() if (found := m.values(columns)) is not None}
    return Seen(customers, columns["is_subscriber"] > 0, values, left)


def _half_years(session: Session, day: date, customers: pa.Array) -> dict[str, Floats]:
    """Orders and net amount of the last half year, and of the same days a year before."""
    session.engine.lend("_health_customers", pa.table({"customer_id": customers}))
    now, before = (
        f"t.day > DATE {literal(end - timedelta(days=HALF_YEAR))} and t.day <= DATE {literal(end)}"
        for end in (day, day - timedelta(days=YEAR))
    )
    sums = ", ".join(
        f"cast(coalesce(sum(case when {window} then t.{column} else 0 end), 0) as DOUBLE) as {name}"
        for column, name, window in (
            ("orders", "orders_180", now),
            ("orders", "orders_180_last_year", before),
            ("amount", "amount_180", now),
            ("amount", "amount_180_last_year", before),
        )
    )
    query = (
        f"select c.customer_id, {sums} from _health_customers as c left join {DAYS_BY_ID} as t on t.customer_id = c.customer_id\n"
        f"and t.day > DATE {literal(day - timedelta(days=YEAR + HALF_YEAR))} and t.day <= DATE {literal(day)}\n"
        "group by c.customer_id order by c.customer_id"
    )
    rows = session.engine.arrow(Steps().then("half_years", query))
    return {n: rows.column(n).to_numpy(zero_copy_only=False) for n in rows.column_names if n != "customer_id"}
