"""A customer's card: what is known and expected, each with its reason in plain words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import Any

from keepwell.access.scope import EVERYTHING, Scope
from keepwell.core.errors import unknown
from keepwell.core.settings import Locale
from keepwell.customers.book import Book
from keepwell.customers.lists import customer_columns, customer_list, score_columns
from keepwell.customers.one import check_seen
from keepwell.engine.sql import Steps, literal, names
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run
from keepwell.models.choices import BANDS
from keepwell.models.estimators import lifecycle, rfm
from keepwell.models.estimators.clusters import persona_of
from keepwell.models.products import names_from, names_today, shown
from keepwell.models.stored import rows_of_run, run_with_scores

MOST_NEAR = 200
BETWEEN = ", "  # the ids of offers

Say = Callable[[str, str], str]


@dataclass(frozen=True)
class Reason:
    """A score with its value as people read it and why it is so."""

    score: str
    label: str
    value: str
    why: str


@dataclass(frozen=True)
class CustomerCard:
    """One customer: own columns, scores of the published run, and the reasons for them."""

    customer_id: str
    run_id: str
    as_of: date
    profile: dict[str, Any]
    scores: dict[str, Any]
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "customer_id": self.customer_id,
            "run_id": self.run_id,
            "as_of": self.as_of,
            **self.profile,
            **self.scores,
            "reasons": [r.__dict__ for r in self.reasons],
        }


@dataclass(frozen=True)
class Wording:
    """How a card speaks: the language, the reporting currency, and words of the workspace's own RFM groups."""

    locale: Locale
    currency: str
    groups: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def customer_card(lake: Lake, customer_id: str, wording: Wording, scope: Scope = EVERYTHING) -> CustomerCard:
    """The card of that customer; an unknown id answers with the nearest known one, and so does that of a customer whom ``scope`` hides."""
    run = run_with_scores(lake)
    own, scores = customer_columns(), score_columns()
    found = customer_list(lake, where=f"customer_id = {literal(customer_id)}", columns=[*own, *scores], scope=scope).to_pylist()
    if not found:
        near = customer_list(lake, columns=["customer_id"], limit=MOST_NEAR, scope=scope).column(0).to_pylist()
        raise unknown("customer", customer_id, get_close_matches(customer_id, near))
    row = found[0]
    known = _Known(_said_by(lake, run), run.as_of, wording, names_today(lake, _offers(row)))
    return _card(customer_id, row, run, known)


def card_in_book(book: Book, customer_id: str, wording: Wording, scope: Scope = EVERYTHING) -> CustomerCard:
    """The same, read from what lies in memory: for pages."""
    run = run_with_scores(book.lake) if book.run is None or "model_reports" not in book.run.results else book.run
    check_seen(book, scope, customer_id)
    said: _Said = book.prepared("what a run said of all customers", lambda _: _said_by(book.lake, run))
    with book.people(scope, is_barrier=True) as (cursor, people):
        query = f"select {names([*customer_columns(), *score_columns()])} from {people} where customer_id = {literal(customer_id)}"
        (row,) = cursor.arrow(Steps().then("card", query)).to_pylist()
        offers = _offers(row)
        products = names_from(cursor, book.lake.snapshot(book.versions), offers) if offers else {}
    return _card(customer_id, row, run, _Known(said, run.as_of, wording, products))


def _offers(row: Mapping[str, Any]) -> list[str]:
    return row["next_products"].split(BETWEEN) if row["next_products"] else []


def _card(customer_id: str, row: Mapping[str, Any], run: Run, known: "_Known") -> CustomerCard:
    is_chinese = known.wording.locale is Locale.CHINESE

    def say(english: str, chinese: str) -> str:
        return chinese if is_chinese else english

    return CustomerCard(
        customer_id=customer_id,
        run_id=run.run_id,
        as_of=run.as_of,
        profile={c: row[c] for c in customer_columns() if c != "customer_id"},
        scores={c: row[c] for c in score_columns() if c != "as_of"},
        reasons=tuple(_reasons(row, known, say, is_chinese=is_chinese)),
    )


@dataclass(frozen=True)
class _Said:
    """What a run said of all customers: parameters of its models, and personas."""

    parameters: Mapping[str, Mapping[str, float]]
    personas: Mapping[str, Mapping[str, Any]]


def _said_by(lake: Lake, run: Run) -> _Said:
    parameters: dict[str, dict[str, float]] = {}
    for p in rows_of_run(lake, run, "model_parameters", "model, parameter, value").to_pylist():
        parameters.setdefault(p["model"], {})[p["parameter"]] = p["value"]
    return _Said(parameters, {p["cluster"]: p for p in rows_of_run(lake, run, "personas").to_pylist()})


@dataclass(frozen=True)
class _Known:
    """What the reasons of a customer are told with."""

    said: _Said
    day: date
    wording: Wording
    products: Mapping[str, str]

    def of(self, model: str) -> Mapping[str, float]:
        """The parameters of a model."""
        return self.said.parameters.get(model, {})


def _reasons(row: Mapping[str, Any], known: _Known, say: Say, *, is_chinese: bool) -> list[Reason]:
    day, currency = known.day, known.wording.currency
    groups = {**rfm.LABELS, **known.wording.groups}
    told = [
        _rfm(row, day, currency, say, groups, is_chinese=is_chinese),
        _tier(row, known.of("tiers"), currency, say),
        _stage(row, known.of("lifecycle"), say, is_chinese=is_chinese),
        _cluster(row, known.of("clusters"), known.said.personas, say, is_chinese=is_chinese),
        _active(row, day, say),
        _value(row, known.of("clv"), currency, say),
        _contract(row, known.of("contracts"), currency, say),
        _leaving(row, known.of("churn"), say, is_chinese=is_chinese),
        _next_order(row, say),
        _next_products(row, known.of("next_product"), known.products, say),
    ]
    return [r for r in told if r is not None]


def _since(row: Mapping[str, Any], state: str, labels: Mapping[str, tuple[str, str]], say: Say, *, is_chinese: bool) -> str:
    since, before = row.get(f"{state}_since"), row.get(f"{state}_previous")
    if since is None:
        return ""
    was = labels.get(before, (before, before))[1 if is_chinese else 0] if before else None
    text = say(f" Since {since}", f" 自 {since} 起")
    return text + (say(f", before: {was}.", f"，此前：{was}。") if was else say(".", "。"))


def _rfm(
    row: Mapping[str, Any], day: date, currency: str, say: Say, groups: Mapping[str, tuple[str, str]], *, is_chinese: bool
) -> Reason | None:
    if row["rfm_group"] is None or row["last_order_on"] is None:
        return None
    label = groups.get(row["rfm_group"], (row["rfm_group"],) * 2)[1 if is_chinese else 0]
    days = (day - row["last_order_on"]).days
    r, f, m = row["rfm_recency"], row["rfm_frequency"], row["rfm_money"]
    why = say(
        f"Last order {days} days ago (recency {r}), {row['orders']} orders (frequency {f}), {row['net_amount']:,.0f} {currency} (money {m}).",
        f"{days} 天前最近下单（近度 {r}），共 {row['orders']} 单（频度 {f}），净消费 {row['net_amount']:,.0f} {currency}（额度 {m}）。",
    )
    return Reason("rfm_group", "RFM", label, why + _since(row, "rfm_group", groups, say, is_chinese=is_chinese))


def _tier(row: Mapping[str, Any], found: Mapping[str, float], currency: str, say: Say) -> Reason | None:
    if row["tier"] is None:
        return None
    why = say(
        f"{row['net_amount_12m']:,.0f} {currency} in the last twelve months.", f"近十二个月净消费 {row['net_amount_12m']:,.0f} {currency}。"
    )
    for name, key in (("A", "from_a"), ("B", "from_b")):
        if key in found:
            why += say(f" Tier {name} begins at {found[key]:,.0f}.", f" {name} 级起点为 {found[key]:,.0f}。")
    return Reason("tier", say("Value tier", "客户分级"), row["tier"], why)


def _stage(row: Mapping[str, Any], found: Mapping[str, float], say: Say, *, is_chinese: bool) -> Reason | None:
    stage = row["lifecycle_stage"]
    if stage is None:
        return None
    n = int(found.get("inactive_days", 90))
    rules = {
        "lead": ("No order yet.", "尚未下单。"),
        "lost": (f"No order for more than {2 * n} days.", f"超过 {2 * n} 天未下单。"),
        "dormant": (f"No order for more than {n} days.", f"超过 {n} 天未下单。"),
        "returned": (f"Ordered within {n} days, after a gap of more than {n}.", f"间隔超过 {n} 天后，近 {n} 天内再次下单。"),
        "new": (f"First order within {n} days.", f"首单在近 {n} 天内。"),
        "growing": ("Spent over 10 % more in 180 days than in the 180 before.", "近 180 天消费较此前 180 天增长逾 10%。"),
        "declining": ("Spent over 30 % less in 180 days than in the 180 before.", "近 180 天消费较此前 180 天下降逾 30%。"),
        "mature": ("Spends about as much as in the 180 days before.", "消费与此前 180 天相当。"),
    }
    place = 1 if is_chinese else 0
    why = rules[stage][place] + _since(row, "lifecycle_stage", lifecycle.LABELS, say, is_chinese=is_chinese)
    return Reason("lifecycle_stage", say("Lifecycle", "生命周期"), lifecycle.LABELS[stage][place], why)


def _cluster(
    row: Mapping[str, Any], found: Mapping[str, float], personas: Mapping[str, Mapping[str, Any]], say: Say, *, is_chinese: bool
) -> Reason | None:
    if row["cluster"] is None:
        return None
    label, code = say("Cluster", "行为聚类"), row["cluster"]
    if code not in personas:
        # a run from before personas were kept
        return Reason("cluster", label, code, persona_of(found, code, is_chinese=is_chinese))
    told = personas[code]
    name = say(f"{told['name_en']} ({code})", f"{told['name_zh']}（{code}）")
    return Reason("cluster", label, name, say(told["description_en"], told["description_zh"]))


def _active(row: Mapping[str, Any], day: date, say: Say) -> Reason | None:
    p = row["probability_active"]
    if p is None or row["last_order_on"] is None:
        return None
    days = (day - row["last_order_on"]).days
    why = say(
        f"{row['orders']} orders, the last {days} days ago, beside how customers like this one usually go on.",
        f"共 {row['orders']} 单，最近一次在 {days} 天前，并与同类客户的规律比较。",
    )
    return Reason("probability_active", say("Still active", "仍活跃概率"), f"{p:.0%}", why)


def _value(row: Mapping[str, Any], found: Mapping[str, float], currency: str, say: Say) -> Reason | None:
    if row["clv"] is None:
        return None
    days, rate = int(found.get("horizon_days", 365)), found.get("annual_rate", 0.0)
    kind = say("margin", "毛利") if found.get("is_margin") else say("net revenue", "净收入")
    value = f"{row['clv']:,.0f} {currency} ({row['clv_low']:,.0f} – {row['clv_high']:,.0f})"
    why = say(
        f"{row['expected_orders']:.1f} orders expected in {days} days ({row['expected_orders_low']:.0f} to {row['expected_orders_high']:.0f}); {kind}, at {rate:.0%} a year.",
        f"未来 {days} 天预期 {row['expected_orders']:.1f} 单（{row['expected_orders_low']:.0f} 至 {row['expected_orders_high']:.0f}）；按{kind}计，年折现率 {rate:.0%}。",
    )
    return Reason("clv", say("CLV", "终身价值"), value, why)


def _contract(row: Mapping[str, Any], found: Mapping[str, float], currency: str, say: Say) -> Reason | None:
    if row["subscribed_at_horizon"] is None:
        return None
    months, stays = int(found.get("horizon_months", 12)), row["subscribed_at_horizon"]
    why = say(
        f"Pays {row['paid_monthly']:,.0f} {currency} a month, for {row['subscribed_months']} months now. Of all who have subscribed for so long {stays:.0%} are still there in {months} months.",
        f"每月付费 {row['paid_monthly']:,.0f} {currency}，已订阅 {row['subscribed_months']} 个月。订阅时长相同的客户中，{months} 个月后仍订阅的占 {stays:.0%}。",
    )
    if row["churn_band"] == "high":
        why += say(" What speaks for this one's leaving is not in it.", "该客户自身的流失原因未计入其中。")
    if row["contract_value"] is None:
        return Reason("contract_value", say("Subscriptions", "订阅价值"), f"{stays:.0%}", why + say(" Counted in CLV.", "已计入终身价值。"))
    if row["clv"] is not None:
        why += (
            say(" Beside what is ordered.", "可与订单的终身价值相加。")
            if found.get("adds_to_clv")
            else say(" Net revenue: it does not add to CLV.", "按净收入计，不与终身价值相加。")
        )
    return Reason("contract_value", say("Subscriptions", "订阅价值"), f"{row['contract_value']:,.0f} {currency}", why)


def _leaving(row: Mapping[str, Any], found: Mapping[str, float], say: Say, *, is_chinese: bool) -> Reason | None:
    if row["churn_probability"] is None:
        return None
    band = BANDS[row["churn_band"]][1 if is_chinese else 0]
    days = int(found.get("horizon_days", 90))
    why = row["top_reasons"] or say("Nothing speaks for leaving more than of others.", "无突出的流失原因。")
    return Reason(
        "churn_probability", say(f"Leaves within {days} days", f"{days} 天内流失"), f"{row['churn_probability']:.0%} ({band})", why
    )


def _next_order(row: Mapping[str, Any], say: Say) -> Reason | None:
    if row["buys_within_30_days"] is None:
        return None
    value = str(row["next_order_on"]) if row["next_order_on"] else say("unlikely", "可能性较低")
    why = say(
        f"{row['buys_within_7_days']:.0%} within 7 days, {row['buys_within_30_days']:.0%} within 30, {row['buys_within_90_days']:.0%} within 90.",
        f"7 天内 {row['buys_within_7_days']:.0%}，30 天内 {row['buys_within_30_days']:.0%}，90 天内 {row['buys_within_90_days']:.0%}。",
    )
    return Reason("next_order_on", say("Next order", "预计下单"), value, why)


def _next_products(row: Mapping[str, Any], found: Mapping[str, float], names: Mapping[str, str], say: Say) -> Reason | None:
    if row["next_products"] is None:
        return None
    why = say("Bought by those who bought the same.", "购买过相同商品的客户也购买了这些。")
    if not found.get("is_model_used", 1.0):
        why = say("The most popular ones: nothing tells this customer's own better.", "最热门的商品：暂无更适合该客户的推荐依据。")
    offers = say(", ", "、").join(shown(i, names) for i in row["next_products"].split(BETWEEN))
    return Reason("next_products", say("Next products", "推荐商品"), offers, why)
