"""What customers looked like on a day: features that read nothing of what came after it, each with its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from keepwell.engine.sql import Steps, literal, quoted
from keepwell.metrics.session import Session
from keepwell.models.population import DAYS_BY_ID as DAYS

CUTS = "_cuts"  # cut, and the days before it that windows begin after


@dataclass(frozen=True)
class Feature:
    """One column. ``sql`` sums over an entity's rows ``t`` beside the cut ``k``; the words tell a value as a reason."""

    name: str
    sql: str
    english: str
    chinese: str
    is_count: bool = True  # without a row it is 0; else unknown


@dataclass(frozen=True)
class Source:
    """An entity whose rows are looked at back to ``days`` before the cut."""

    entity: str
    day: str
    days: int
    features: tuple[Feature, ...]
    where: str = "true"


def _within(days: int, day: str, what: str = "1") -> str:
    return f"sum(case when t.{day} > k.d{days} then {what} else 0 end)"


# an answer as a share of its scale; exact, so that no sum hangs on the order of rows
POINT = (
    "cast(case when t.higher_is_better then t.score - t.scale_min else t.scale_max - t.score end / nullif(t.scale_max - t.scale_min, 0)"
    " as DECIMAL(18, 6))"
)
WINDOWS = (30, 60, 90, 180, 365)
SOURCES = (
    Source(
        DAYS,
        "day",
        365,
        (
            Feature("orders_90", _within(90, "day", "t.orders"), "{n} order{s} in the last 90 days", "近 90 天 {n} 单"),
            Feature("orders_365", _within(365, "day", "t.orders"), "{n} order{s} in the last year", "近一年 {n} 单"),
            Feature("amount_90", _within(90, "day", "t.amount"), "spent {n} {c} in the last 90 days", "近 90 天消费 {n} {c}"),
            Feature("amount_365", _within(365, "day", "t.amount"), "spent {n} {c} in the last year", "近一年消费 {n} {c}"),
            Feature(
                "refund_days_180",
                _within(180, "day", "case when t.amount < 0 or t.orders = 0 then 1 else 0 end"),
                "sent goods back on {n} day{s} of the last 180",
                "近 180 天有 {n} 天退货",
            ),
        ),
    ),
    Source(
        "tickets",
        "opened_on",
        180,
        (
            Feature("tickets_90", _within(90, "opened_on"), "{n} ticket{s} in the last 90 days", "近 90 天 {n} 个工单"),
            Feature(
                "late_tickets_30",
                "sum(case when t.resolution_due_on > k.d30 and t.resolution_due_on <= k.cut"
                " and (t.resolved_at is null or t.resolved_at > t.resolution_due_at) then 1 else 0 end)",
                "{n} ticket{s} resolved late in the last 30 days",
                "近 30 天有 {n} 个工单超时未解决",
            ),
            Feature(
                "late_tickets_90",
                "sum(case when t.resolution_due_on > k.d90 and t.resolution_due_on <= k.cut"
                " and (t.resolved_at is null or t.resolved_at > t.resolution_due_at) then 1 else 0 end)",
                "{n} ticket{s} resolved late in the last 90 days",
                "近 90 天有 {n} 个工单超时未解决",
            ),
            Feature(
                "complaints_180",
                _within(180, "opened_on", "case when t.kind = 'complaint' then 1 else 0 end"),
                "{n} complaint{s} in the last 180 days",
                "近 180 天 {n} 次投诉",
            ),
            Feature(
                "open_tickets",
                "sum(case when t.resolved_on is null or t.resolved_on > k.cut then 1 else 0 end)",
                "{n} open ticket{s}",
                "{n} 个工单未解决",
            ),
        ),
    ),
    Source(
        "responses",
        "answered_on",
        365,
        (
            Feature("answers_365", _within(365, "answered_on"), "{n} survey answer{s} in the last year", "近一年答卷 {n} 次"),
            Feature(
                "mean_answer",
                f"cast(sum({POINT}) as DOUBLE) / nullif(count({POINT}), 0)",
                "answers surveys with {p} of the scale",
                "调查平均得分为满分的 {p}",
                is_count=False,
            ),
            Feature(
                "detractions_180",
                _within(180, "answered_on", "case when t.metric = 'nps' and t.score <= 6 then 1 else 0 end"),
                "{n} answer{s} as a detractor in the last 180 days",
                "近 180 天 {n} 次贬损评价",
            ),
        ),
        "t.score is not null",
    ),
    Source(
        "interactions",
        "occurred_on",
        90,
        (
            Feature("contacts_90", _within(90, "occurred_on"), "{n} contact{s} in the last 90 days", "近 90 天接触 {n} 次"),
            Feature(
                "inbound_30",
                _within(30, "occurred_on", "case when t.direction = 'inbound' then 1 else 0 end"),
                "came to us {n} time{s} in the last 30 days",
                "近 30 天主动联系 {n} 次",
            ),
        ),
    ),
    Source(
        "usage",
        "used_on",
        60,
        (
            Feature(
                "use_30", _within(30, "used_on", 't."count"'), "used the product {n} time{s} in the last 30 days", "近 30 天使用 {n} 次"
            ),
            Feature(
                "use_before_30",
                'sum(case when t.used_on <= k.d30 then t."count" else 0 end)',
                "used it {n} time{s} in the 30 days before",
                "此前 30 天使用 {n} 次",
            ),
            Feature(
                "errors_30",
                _within(30, "used_on", "coalesce(t.errors, 0)"),
                "met {n} error{s} in the last 30 days",
                "近 30 天遇到 {n} 次错误",
            ),
        ),
    ),
    Source(
        "loyalty_entries",
        "on_date",
        180,
        (
            Feature(
                "points_earned_180",
                _within(180, "on_date", "case when t.kind = 'earn' then t.points else 0 end"),
                "earned {n} point{s} in the last 180 days",
                "近 180 天获得 {n} 积分",
            ),
            Feature(
                "points_spent_180",
                _within(180, "on_date", "case when t.kind = 'spend' then -t.points else 0 end"),
                "spent {n} point{s} in the last 180 days",
                "近 180 天使用 {n} 积分",
            ),
        ),
    ),
    Source(
        "payments",
        "due_on",
        180,
        (
            Feature(
                "late_payments_180",
                "sum(case when t.due_on <= k.cut and (t.paid_on is null or t.paid_on > t.due_on) then 1 else 0 end)",
                "{n} payment{s} late in the last 180 days",
                "近 180 天有 {n} 笔逾期付款",
            ),
        ),
    ),
)
# of the customer as such, beside every source
OWN = (
    Feature("days_since_order", "", "last order {n} day{s} ago", "距上次下单 {n} 天", is_count=False),
    Feature("days_since_first_order", "", "first order {n} day{s} ago", "首次下单距今 {n} 天", is_count=False),
    Feature("mean_gap", "", "orders every {n} day{s}", "平均每 {n} 天下单一次", is_count=False),
    Feature("gaps_missed", "", "{d} times the usual time between orders has passed", "已超过通常下单间隔的 {d} 倍", is_count=False),
    Feature("paid_monthly", "", "pays {n} {c} a month", "每月付费 {n} {c}", is_count=True),
    Feature("days_subscribed", "", "subscribed for {n} day{s}", "已订阅 {n} 天", is_count=False),
    Feature("price_rises_180", "", "{n} price rise{s} in the last 180 days", "近 180 天涨价 {n} 次", is_count=True),
)
FEATURES = {f.name: f for f in (*OWN, *(f for s in SOURCES for f in s.features))}


def features(
    session: Session, cuts: Sequence[date], inactive_days: int, label_after: tuple[int, int] | None, share: float = 1.0
) -> pa.Table:
    """One row a cut and a customer who is active at it: an order within ``inactive_days``, or a paid subscription.

    With ``label_after`` = (embargo, horizon), days of which the second begins where the first ends, a column ``has_left``: a
    subscriber whose last paid subscription has ended by the end of the horizon, or somebody else without an order in it. Subscribers who
    end within the embargo are left out: they had all but left. Ordered by cut and customer.
    ``share`` is that of the customers who are looked at: the same ones at all cuts, drawn by their ids.
    """
    embargo, horizon = label_after or (0, 0)
    session.engine.lend(CUTS, _cut_table(cuts, inactive_days, embargo, horizon))
    present = [s for s in SOURCES if s.entity == DAYS or session.tables.rows(s.entity)]
    for name in ("subscriptions", *(s.entity for s in present if s.entity != DAYS)):
        session.make_ready(name)
    rows = _Rows(share)
    steps = _active(rows.drawn(Steps()), rows, has_label=label_after is not None)
    joins, selected = [], []
    for s in present:
        steps = steps.then(f"of_{s.entity}", _of_source(s, rows))
        alias = f"s_{s.entity.strip('_')}"
        joins.append(f"left join {f'of_{s.entity}'} as {alias} on {alias}.cut = a.cut and {alias}.customer_id = a.customer_id")
        selected += [_selected(f, f"{alias}.{f.name}") for f in s.features]
    label = ", a.has_left" if label_after else ""
    own = [
        f"{_days_between('b.last_day', 'a.cut')} as days_since_order", f"{_days_between('b.first_day', 'a.cut')} as days_since_first_order",
        f"case when b.purchase_days > 1 then {_days_between('b.first_day', 'b.last_day')} / (b.purchase_days - 1) end as mean_gap",
        f"case when b.purchase_days > 1 then {_days_between('b.last_day', 'a.cut')} * (b.purchase_days - 1) / {_days_between('b.first_day', 'b.last_day')} end as gaps_missed",
        "cast(coalesce(a.paid_monthly, 0) as DOUBLE) as paid_monthly", f"{_days_between('a.subscribed_on', 'a.cut')} as days_subscribed",
        "coalesce(a.price_rises_180, 0) as price_rises_180",
    ]  # fmt: skip
    steps = steps.then(
        "features",
        f"select a.cut, a.customer_id, a.is_subscriber{label}, {', '.join([*own, *selected])}\n"
        "from active as a left join bought as b on b.cut = a.cut and b.customer_id = a.customer_id\n"
        + "\n".join(joins)
        + "\norder by a.cut, a.customer_id",
    )
    return session.engine.arrow(steps)


def first_paid(session: Session) -> date | None:
    """The day on which the first paid subscription began; None where there is none."""
    session.make_ready("subscriptions")
    query = "select min(started_on) as first from subscriptions where not is_trial and monthly_amount > 0"
    found: date | None = session.engine.arrow(Steps().then("first", query)).column(0)[0].as_py()
    return found


def _days_between(first: str, last: str) -> str:
    return f"cast(datediff('day', {first}, {last}) as DOUBLE)"


def _selected(f: Feature, sql: str) -> str:
    return f"cast(coalesce({sql}, 0) as DOUBLE) as {f.name}" if f.is_count else f"cast({sql} as DOUBLE) as {f.name}"


def _cut_table(cuts: Sequence[date], inactive_days: int, embargo: int, horizon: int) -> pa.Table:
    columns: dict[str, list[date]] = {"cut": list(cuts), "active_after": [c - timedelta(days=inactive_days) for c in cuts]}
    columns |= {f"d{w}": [c - timedelta(days=w) for c in cuts] for w in WINDOWS}
    columns["label_from"] = [c + timedelta(days=embargo) for c in cuts]
    columns["label_until"] = [c + timedelta(days=embargo + horizon) for c in cuts]
    return pa.table({n: pa.array(v, pa.date32()) for n, v in columns.items()})


@dataclass(frozen=True)
class _Rows:
    """An entity's rows, or those of a share of the customers."""

    share: float

    def drawn(self, steps: Steps) -> Steps:
        if self.share >= 1:
            return steps
        # four hexadecimal digits of a hash that all engines know
        below = literal(f"{int(self.share * 0xFFFF):04x}")
        everyone = f"select customer_id from {DAYS} union select customer_id from subscriptions where customer_id is not null"
        return steps.then("drawn", f"select customer_id from ({everyone}) as e where substr(md5(customer_id), 1, 4) < {below}")

    def of(self, entity: str) -> str:
        if self.share >= 1:
            return quoted(entity)
        return f"(select x.* from {quoted(entity)} as x join drawn as m on m.customer_id = x.customer_id)"


def _active(steps: Steps, rows: _Rows, *, has_label: bool) -> Steps:
    steps = steps.then(
        "bought",
        "select k.cut, t.customer_id, min(t.day) as first_day, max(t.day) as last_day, sum(1) as purchase_days, max(k.active_after) as active_after\n"
        f"from {rows.of(DAYS)} as t join {CUTS} as k on t.day <= k.cut where t.orders > 0 group by k.cut, t.customer_id",
    )
    steps = steps.then(
        "paid",
        f"select k.cut, s.customer_id, sum(s.monthly_amount) as paid_monthly from {rows.of('subscriptions')} as s "
        f"join {CUTS} as k on s.started_on <= k.cut and (s.ended_on is null or s.ended_on > k.cut)\n"
        "where not s.is_trial and s.monthly_amount > 0 group by k.cut, s.customer_id",
    )
    steps = steps.then(
        "subscribed",
        "select k.cut, s.customer_id, min(s.started_on) as subscribed_on,\n"
        "  sum(case when s.monthly_amount > e.monthly_amount and s.started_on > k.d180 then 1 else 0 end) as price_rises_180\n"
        f"from {rows.of('subscriptions')} as s join {CUTS} as k on s.started_on <= k.cut\n"
        # what it followed; a trial costs nothing, and its end is no rise
        "left join (select renewed_as, max(monthly_amount) as monthly_amount from subscriptions where not is_trial and renewed_as is not null "
        "group by renewed_as) as e on e.renewed_as = s.subscription_id\n"
        "where not s.is_trial and s.monthly_amount > 0 group by k.cut, s.customer_id",
    )
    steps = steps.then(
        "who",
        "select cut, customer_id from bought where last_day > active_after union select cut, customer_id from paid",
    )
    labels, joins, where = "", "", ""
    if has_label:
        steps = steps.then(
            "paid_still",
            f"select distinct k.cut, s.customer_id from {rows.of('subscriptions')} as s "
            f"join {CUTS} as k on s.started_on <= k.label_from and (s.ended_on is null or s.ended_on > k.label_from)\n"
            "where not s.is_trial and s.monthly_amount > 0",
        )
        steps = steps.then(
            "paid_later",
            f"select distinct k.cut, s.customer_id from {rows.of('subscriptions')} as s "
            f"join {CUTS} as k on s.started_on <= k.label_until and (s.ended_on is null or s.ended_on > k.label_until)\n"
            "where not s.is_trial and s.monthly_amount > 0",
        )
        steps = steps.then(
            "bought_later",
            f"select distinct k.cut, t.customer_id from {rows.of(DAYS)} as t join {CUTS} as k on t.day > k.label_from and t.day <= k.label_until where t.orders > 0",
        )
        labels = ", case when p.customer_id is not null then pl.customer_id is null else bl.customer_id is null end as has_left"
        joins = (
            "left join paid_still as ps on ps.cut = w.cut and ps.customer_id = w.customer_id\n"
            "left join paid_later as pl on pl.cut = w.cut and pl.customer_id = w.customer_id\n"
            "left join bought_later as bl on bl.cut = w.cut and bl.customer_id = w.customer_id"
        )
        where = "\nwhere p.customer_id is null or ps.customer_id is not null"
    return steps.then(
        "active",
        f"select w.cut, w.customer_id, p.customer_id is not null as is_subscriber, p.paid_monthly, s.subscribed_on, s.price_rises_180{labels}\nfrom who as w\n"
        "left join paid as p on p.cut = w.cut and p.customer_id = w.customer_id\n"
        f"left join subscribed as s on s.cut = w.cut and s.customer_id = w.customer_id\n{joins}{where}",
    )


def _of_source(s: Source, rows: _Rows) -> str:
    columns = ", ".join(f"{f.sql} as {f.name}" for f in s.features)
    return (
        f"select k.cut, t.customer_id, {columns}\nfrom {rows.of(s.entity)} as t join {CUTS} as k on t.{s.day} <= k.cut and t.{s.day} > k.d{s.days}\n"
        f"where t.customer_id is not null and {s.where} group by k.cut, t.customer_id"
    )


def reason(name: str, value: float, currency: str, *, is_chinese: bool) -> str:
    """A feature's value as words; unknown values are not told."""
    f = FEATURES[name]
    text = f.chinese if is_chinese else f.english
    return text.format(c=currency, n=f"{value:,.0f}", s="" if round(value) == 1 else "s", p=f"{value:.0%}", d=f"{value:,.1f}")


def template(name: str, *, is_chinese: bool) -> str:
    """What a feature counts, as words with n in the place of a value."""
    f = FEATURES[name]
    text = f.chinese if is_chinese else f.english
    return " ".join(text.format(c="", n="n", s="s", p="n %", d="n").split())
