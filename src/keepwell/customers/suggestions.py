"""What to do now with a customer, and why: rules over what is known. Pure: the same facts always give the same advice."""

from dataclasses import dataclass
from datetime import date

SOON_DAYS = 90  # before the end of a contract
SILENT_DAYS = 90
LATE_DAYS = 30  # a complaint that is open for longer is told as such


@dataclass(frozen=True)
class Situation:
    """What the rules look at; what is not known is None."""

    today: date
    open_complaints: tuple[date, ...] = ()  # the days on which they were opened
    churn_band: str | None = None
    churn_probability: float | None = None
    churn_reasons: str | None = None
    last_order_on: date | None = None
    next_order_to: date | None = None
    contract_ends_on: date | None = None  # of the contract that ends next
    is_looked_after: bool = False  # has an owner, or contacts
    last_contact_on: date | None = None


@dataclass(frozen=True)
class Suggestion:
    """One thing to do, with the reason; both in English and Chinese."""

    name: str
    title: tuple[str, str]
    reason: tuple[str, str]


def suggestions(s: Situation) -> list[Suggestion]:
    """What to do now, the most urgent first; nothing where nothing calls for it."""
    found = [_complaint(s), _leaving(s), _contract(s), _overdue(s), _silent(s)]
    return [f for f in found if f is not None]


def _complaint(s: Situation) -> Suggestion | None:
    if not s.open_complaints:
        return None
    n, oldest = len(s.open_complaints), min(s.open_complaints)
    days = (s.today - oldest).days
    is_late = days > LATE_DAYS
    return Suggestion(
        "close_complaint",
        ("Close the open complaint", "处理未结投诉") if n == 1 else (f"Close the {n} open complaints", f"处理 {n} 个未结投诉"),
        (
            f"Open since {oldest}, for {days} days{': far too long' if is_late else ''}.",
            f"自 {oldest} 起未结，已 {days} 天{'，严重超时' if is_late else ''}。",
        ),
    )


def _leaving(s: Situation) -> Suggestion | None:
    if s.churn_band != "high":
        return None
    p = "" if s.churn_probability is None else f"{s.churn_probability:.0%}"
    why = s.churn_reasons or ""
    return Suggestion(
        "keep",
        ("Call before the customer leaves", "联系客户以挽留"),
        (f"Churn warning: {p} likely to leave. {why}".replace(":  likely", ": likely").strip(), f"流失预警：流失概率 {p}。{why}".replace("流失概率 。", "流失风险高。")),
    )  # fmt: skip


def _contract(s: Situation) -> Suggestion | None:
    if s.contract_ends_on is None or not 0 <= (s.contract_ends_on - s.today).days <= SOON_DAYS:
        return None
    days = (s.contract_ends_on - s.today).days
    return Suggestion(
        "renew",
        ("Offer the renewal", "推进续约"),
        (f"The contract ends on {s.contract_ends_on}, in {days} days.", f"合同将于 {s.contract_ends_on} 到期，还有 {days} 天。"),
    )


def _overdue(s: Situation) -> Suggestion | None:
    if s.next_order_to is None or s.next_order_to >= s.today:
        return None
    days = (s.today - s.next_order_to).days
    last_en, last_zh = (
        ("", "") if s.last_order_on is None else (f" The last one came on {s.last_order_on}.", f"上次下单为 {s.last_order_on}。")
    )
    return Suggestion(
        "remind",
        ("Ask about the next order", "跟进下次下单"),
        (
            f"An order was to be expected by {s.next_order_to}, {days} days ago.{last_en}",
            f"预计最迟 {s.next_order_to} 下单，已逾期 {days} 天。{last_zh}",
        ),
    )


def _silent(s: Situation) -> Suggestion | None:
    if not s.is_looked_after or (s.last_contact_on is not None and (s.today - s.last_contact_on).days <= SILENT_DAYS):
        return None
    if s.last_contact_on is None:
        return Suggestion("get_in_touch", ("Get in touch", "主动联系"), ("Nobody has spoken with the customer yet.", "尚无任何互动记录。"))
    days = (s.today - s.last_contact_on).days
    return Suggestion(
        "get_in_touch",
        ("Get in touch", "主动联系"),
        (
            f"Nobody has spoken with the customer since {s.last_contact_on}, for {days} days.",
            f"自 {s.last_contact_on} 起无互动，已 {days} 天。",
        ),
    )
