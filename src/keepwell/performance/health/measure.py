"""What a health score can rest on: measures of one customer on a day, each with its direction and words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from keepwell.metrics.kpi import Better
from keepwell.models.btyd.summary import Floats

Columns = Mapping[str, Floats]
HALF_YEAR = 180
YEAR = 365


class Kind(StrEnum):
    """How a measure's values are written."""

    TIMES = "times"  # 1.5 is one and a half times
    SHARE = "share"  # 0.5 is half
    COUNT = "count"


@dataclass(frozen=True)
class Measure:
    """One number of a customer. ``better`` says which way is healthy; ``needs`` are the columns that it is read from.

    ``label`` and ``meaning`` are English and Chinese; the meaning says whom it tells nothing of.
    """

    name: str
    label: tuple[str, str]
    meaning: tuple[str, str]
    kind: Kind
    better: Better
    needs: tuple[str, ...]
    read: Callable[[Columns], Floats]

    def values(self, columns: Columns) -> Floats | None:
        """A number a customer, NaN where nothing is known; None where the workspace has no such data."""
        return self.read(columns) if all(n in columns for n in self.needs) else None


def _column(name: str) -> Callable[[Columns], Floats]:
    return lambda columns: columns[name]


def _rhythm(columns: Columns) -> Floats:
    # who pays for a subscription stays while paying, however seldom they order besides
    return np.where(columns["is_subscriber"] > 0, np.nan, columns["gaps_missed"])


def _to_last_year(now: str, before: str) -> Callable[[Columns], Floats]:
    """The last half year as a factor of the same one a year before; unknown of who bought nothing then, or came in its course."""

    def read(columns: Columns) -> Floats:
        was_there = (columns["days_since_first_order"] >= HALF_YEAR + YEAR) & (columns["is_subscriber"] == 0)
        return _quotient(columns[now], np.where(was_there, columns[before], np.nan))

    return read


def _quotient(upper: Floats, lower: Floats) -> Floats:
    found = np.full(len(upper), np.nan)
    is_known = np.isfinite(upper) & (lower > 0)
    found[is_known] = upper[is_known] / lower[is_known]
    return found


def _use(columns: Columns) -> Floats:
    return _quotient(columns["use_30"], columns["use_before_30"])


def _entries() -> tuple[Measure, ...]:
    up, down = Better.UP, Better.DOWN
    return (
        Measure(
            "rhythm", ("Time since the last order", "距上次下单"),
            ("Days since the last order ÷ the customer's own mean gap between orders; unknown of who ordered on one day only, and of subscribers.",
             "距上次下单天数 ÷ 该客户自己的平均下单间隔；仅在一天下过单的客户与订阅客户未知。"),
            Kind.TIMES, down, ("gaps_missed",), _rhythm,
        ),
        Measure(
            "orders_to_last_year", ("Orders against last year", "订单数同比"),
            ("Orders of the last 180 days ÷ those of the same 180 days a year before; unknown of who was no customer through all of them, or did not order in them, and of subscribers.",
             "近 180 天订单数 ÷ 上年同期 180 天订单数；当时尚非客户或未下单的客户与订阅客户未知。"),
            Kind.TIMES, up, ("orders_180", "orders_180_last_year", "days_since_first_order"), _to_last_year("orders_180", "orders_180_last_year"),
        ),
        Measure(
            "spend_to_last_year", ("Spend against last year", "消费额同比"),
            ("Net amount of the last 180 days ÷ that of the same 180 days a year before; unknown of who was no customer through all of them, or spent nothing in them, and of subscribers.",
             "近 180 天净消费额 ÷ 上年同期 180 天净消费额；当时尚非客户或无消费的客户与订阅客户未知。"),
            Kind.TIMES, up, ("amount_180", "amount_180_last_year", "days_since_first_order"), _to_last_year("amount_180", "amount_180_last_year"),
        ),
        Measure(
            "satisfaction", ("Satisfaction", "满意度"),
            ("The mean answer of the last year as a share of its scale; unknown of who did not answer.", "近一年答卷平均得分占满分的比例；未答卷的未知。"),
            Kind.SHARE, up, ("mean_answer",), _column("mean_answer"),
        ),
        Measure(
            "open_tickets", ("Open tickets", "未解决工单"),
            ("Tickets that are open, opened within 180 days.", "180 天内提出且未解决的工单数。"), Kind.COUNT, down, ("open_tickets",), _column("open_tickets"),
        ),
        Measure(
            "late_tickets", ("Tickets resolved late", "超时工单"),
            ("Tickets whose deadline was missed within the last 90 days.", "近 90 天错过解决时限的工单数。"),
            Kind.COUNT, down, ("late_tickets_90",), _column("late_tickets_90"),
        ),
        Measure(
            "complaints", ("Complaints", "投诉"), ("Complaints of the last 180 days.", "近 180 天的投诉次数。"),
            Kind.COUNT, down, ("complaints_180",), _column("complaints_180"),
        ),
        Measure(
            "contacts", ("Contacts", "接触"), ("Contacts of the last 90 days, in either direction.", "近 90 天的双向接触次数。"),
            Kind.COUNT, up, ("contacts_90",), _column("contacts_90"),
        ),
        Measure(
            "use_to_month_before", ("Use against the month before", "使用量环比"),
            ("Use of the last 30 days ÷ that of the 30 days before; unknown of who did not use it then.", "近 30 天使用量 ÷ 此前 30 天使用量；此前未使用的未知。"),
            Kind.TIMES, up, ("use_30", "use_before_30"), _use,
        ),
        Measure(
            "points_used", ("Points spent", "使用积分"), ("Loyalty points spent in the last 180 days.", "近 180 天使用的积分。"),
            Kind.COUNT, up, ("points_spent_180",), _column("points_spent_180"),
        ),
        Measure(
            "late_payments", ("Late payments", "逾期付款"),
            ("Payments that fell due within the last 180 days and came late or not at all.", "近 180 天到期而逾期或未付的付款笔数。"),
            Kind.COUNT, down, ("late_payments_180",), _column("late_payments_180"),
        ),
    )  # fmt: skip


MEASURES = {m.name: m for m in _entries()}
