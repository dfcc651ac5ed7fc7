"""Amounts in the reporting currency: each is converted once, where it is read, at the last rate on or before its own day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from keepwell.core.errors import KeepwellError
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake.entity import ColumnType, Entity

# the day on which an amount was agreed: that day's rate counts, wherever the amount is used later, so that a price that stays the
# same in its own currency does not look like one that moves
MONEY_DAY = {
    "orders": "ordered_on",
    "order_lines": "ordered_on",
    "contracts": "signed_on",
    "subscriptions": "started_on",
    "payments": "coalesce(due_on, paid_on)",
    "costs": "incurred_on",
    "opportunities": "created_on",
    "quotas": "period_start",
    "programmes": "starts_on",
}


class MissingRateError(KeepwellError):
    """Amounts in a currency for whose day there is no exchange rate."""


@dataclass(frozen=True)
class Missing:
    """A currency and day without a rate that is young enough; ``rated_on`` is the day of the newest one before."""

    currency: str
    day: date | None
    rated_on: date | None


def money_columns(e: Entity) -> list[str]:
    """The columns that are converted; none where the entity has no currency, or no day that names a rate."""
    if e.name not in MONEY_DAY or not e.has_column("currency"):
        return []
    kinds = {ColumnType.MONEY} if e.name != "quotas" else {ColumnType.DECIMAL}
    return [c.name for c in e.stored_columns if c.type in kinds]


def foreign(table: str, e: Entity, reporting: str) -> Steps:
    """The currencies and days that need a rate, each with the newest one on or before it."""
    day = MONEY_DAY[e.name]
    return (
        Steps()
        .then(
            "foreign_amounts",
            f"select distinct currency, {day} as day from {quoted(table)} where currency <> {literal(reporting)}",
        )
        .then(
            "newest",
            'select f.currency, f.day, max(r."on") as rated_on from foreign_amounts as f '
            'left join fx_rates as r on r.currency = f.currency and r."on" <= f.day group by f.currency, f.day',
        )
        .then(
            "rated",
            'select n.currency, n.day, n.rated_on, r.rate from newest as n left join fx_rates as r on r.currency = n.currency and r."on" = n.rated_on '
            "order by n.day, n.currency",
        )
    )


def missing_rates(rated: Sequence[dict[str, Any]], max_age_days: int) -> list[Missing]:
    """Those of :func:`foreign` whose rate is too old, or that have none."""
    return [
        Missing(r["currency"], r["day"], r["rated_on"])
        for r in rated
        if r["rated_on"] is None or (r["day"] - r["rated_on"]).days > max_age_days
    ]


def check(missing: Sequence[Missing], first: date, last: date, reporting: str, max_age_days: int) -> None:
    """Refuse when a day between ``first`` and ``last`` lacks a rate; the error names day and pair."""
    found = [m for m in missing if m.day is None or first <= m.day <= last]
    if not found:
        return
    m = found[0]
    if m.day is None:
        raise MissingRateError(
            f"There is an amount in {m.currency} without a day, so no exchange rate {m.currency}/{reporting} can be chosen.",
            "Give the row its date, or the amount in the reporting currency.",
        )
    newest = f"the newest one before is of {m.rated_on}" if m.rated_on else "there is none before"
    raise MissingRateError(
        f"There is no exchange rate {m.currency}/{reporting} for {m.day}: {newest}, and a rate counts for {max_age_days} days.",
        "Import `fx_rates` (currency, on, rate: reporting currency per unit) for those days.",
    )


def converted(column: str, reporting: str, kind: str) -> str:
    """SQL for an amount of ``t`` in the reporting currency by the rate of ``r``, rounded to four decimals."""
    return f"case when t.currency is null or t.currency = {literal(reporting)} then t.{quoted(column)} else cast(round(t.{quoted(column)} * r.rate, 4) as {kind}) end"
