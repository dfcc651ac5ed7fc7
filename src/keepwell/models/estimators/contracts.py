"""Contracts: how long subscribers will go on paying, and what that is worth within a named horizon."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa

from keepwell.core.errors import WrongUseError
from keepwell.engine.sql import Steps, literal
from keepwell.metrics.survival import kaplan_meier
from keepwell.models.btyd.contracts import FittedShiftedBetaGeometric, ShiftedBetaGeometric, counts_of
from keepwell.models.btyd.summary import Floats, Ints
from keepwell.models.estimator import Estimate, Judgement, Parameter, Sight
from keepwell.models.population import EPOCH
from keepwell.models.refusal import RefusedError
from keepwell.models.spells import Paid, Spells, day_number, whole_months
from keepwell.models.tables import count_of, whole

LEAST_SPELLS, LEAST_ENDS, LEAST_HELD = 50, 20, 30
LEAST_AT_RISK = 20  # beyond the months that so many have reached, the curve goes on at the mean rate of ending
LONGEST_HOLD_OUT_MONTHS = 12
DAYS_A_MONTH = 365.25 / 12
SURE = 1e-3  # no chance is taken to be nearer to 0 or 1: one surprise must not decide all
BOOTSTRAPS = 200
Z95 = 1.959963984540054
PAYMENTS = 0.5  # of subscribers' orders that are as large as their monthly amount: then orders are the payments
LABELS = {"sbg": "sBG", "kaplan_meier": "Kaplan–Meier", "constant": "A constant monthly churn"}
LABELS_CHINESE = {"sbg": "sBG", "kaplan_meier": "Kaplan–Meier", "constant": "固定流失率"}


class Survival(Protocol):
    """The share of subscribers who are still there after so many whole months."""

    name: ClassVar[str]

    def survival(self, periods: Floats) -> Floats: ...


@dataclass(frozen=True)
class Constant:
    """The naive rule: in every month the same share leaves (ends ÷ months at risk)."""

    monthly_churn: float
    name: ClassVar[str] = "constant"

    @classmethod
    def fitted(cls, left: Floats, goes_on: Floats) -> "Constant":
        return cls(float(left.sum() / _at_risk(left, goes_on).sum()))

    def survival(self, periods: Floats) -> Floats:
        found: Floats = (1 - self.monthly_churn) ** periods
        return found


@dataclass(frozen=True)
class KaplanMeier:
    """The curve by counts (Kaplan & Meier 1958); beyond the months that 20 have reached it falls at the mean rate."""

    curve: Floats  # after 0, 1, 2 … months
    monthly_churn: float
    name: ClassVar[str] = "kaplan_meier"

    @classmethod
    def fitted(cls, left: Floats, goes_on: Floats) -> "KaplanMeier":
        months = np.arange(1, len(left) + 1)
        is_event = np.repeat([True, False], len(left))
        found = kaplan_meier(np.concatenate([months, months]), is_event, np.concatenate([left, goes_on]).astype(np.int64))
        heights = dict(zip(found.times.tolist(), found.survival.tolist(), strict=True))
        reached = int(np.sum(_at_risk(left, goes_on) >= LEAST_AT_RISK))
        curve = [1.0]
        for month in range(1, reached + 1):
            curve.append(heights.get(month, curve[-1]))
        return cls(np.array(curve), Constant.fitted(left, goes_on).monthly_churn)

    def survival(self, periods: Floats) -> Floats:
        last = len(self.curve) - 1
        beyond = np.maximum(periods - last, 0)
        found: Floats = self.curve[np.minimum(periods, last).astype(np.int64)] * (1 - self.monthly_churn) ** beyond
        return found


def _at_risk(left: Floats, goes_on: Floats) -> Floats:
    """How many could have ended in the 1st, 2nd … month: those who ended then or later, or were seen through all of it."""
    found: Floats = (left + goes_on)[::-1].cumsum()[::-1]
    return found


@dataclass(frozen=True)
class FittedContracts:
    """A survival curve of whole months."""

    family: Survival

    def stays(self, months: Any, ahead: int) -> Floats:
        """Of subscribers of so many whole months the chance to be there ``ahead`` months later."""
        return self._stays(whole(months, "The list of months"), count_of(ahead, "The number of months ahead", 0))

    def _stays(self, months: Ints, ahead: int) -> Floats:
        now = self.family.survival(months.astype(float))
        later = self.family.survival((months + ahead).astype(float))
        return np.divide(later, now, out=np.zeros(len(months)), where=now > 0)

    def payments(self, months: Any, ahead: int, annual_rate: float) -> tuple[Floats, Floats]:
        """Mean and variance of the discounted number of monthly payments in the ``ahead`` months to come.

        The k-th is made by who is there after k months, and lies k − ½ months ahead on average (the month that runs is paid).
        """
        months = whole(months, "The list of months")
        k = np.arange(1, count_of(ahead, "The number of months ahead", 1) + 1)
        worth = (1 + annual_rate) ** (-(k - 0.5) / 12)
        there = np.column_stack([self._stays(months, int(i)) for i in k]) if len(months) else np.zeros((0, ahead))
        mean = there @ worth
        # who makes the k-th payment has made all before it: E[V²] = Σ P(there at k) · worth_k · (worth_k + 2 Σ_{j<k} worth_j)
        earlier = np.concatenate([[0.0], np.cumsum(worth)[:-1]])
        square = there @ (worth * (worth + 2 * earlier))
        return mean, np.maximum(square - mean**2, 0.0)


@dataclass(frozen=True)
class Contracts:
    """sBG or Kaplan–Meier, whichever makes what came after a cut likelier; a constant monthly churn where neither does better.

    A spell is an unbroken paid time: a change of price or plan is no end. Value is the monthly amount of the day times the payments to
    come, as net revenue; as margin where the workspace says what share of subscriptions is margin.
    """

    name: ClassVar[str] = "contracts"
    title: ClassVar[tuple[str, str]] = ("Value of subscriptions", "订阅价值")
    meaning: ClassVar[tuple[str, str]] = (
        "How likely subscribers are still there at the end of the horizon, and what they will have paid by then.",
        "订阅客户在预测期末仍在订阅的概率，以及届时预期支付的金额。",
    )

    def fit(self, left: Any, goes_on: Any, family: str = "sbg") -> FittedContracts:
        """From counts by month: how many ended in the 1st, 2nd … month; how many go on that have lasted 1, 2 … whole months.

        ``family`` is sbg, kaplan_meier or constant. Raises ``RefusedError`` where sBG is not to be had: nobody left, or all alike.
        """
        ended, lasting = counts_of(left, goes_on)
        if family == "sbg":
            return FittedContracts(ShiftedBetaGeometric.fitted(list(ended), list(lasting)))
        known: dict[str, Callable[[Floats, Floats], Survival]] = {"kaplan_meier": KaplanMeier.fitted, "constant": Constant.fitted}
        if family not in known:
            raise WrongUseError(f"There is no family {family!r}.", "Choose sbg, kaplan_meier or constant.")
        return FittedContracts(known[family](ended, lasting))

    def estimate(self, sight: Sight) -> Estimate:
        paid = _paid(sight)
        spells, today = paid.spells(), day_number(sight.session.last_day)
        _check(spells)
        tried = _tried(self, spells, today, sight)
        best = tried[0]
        left, goes_on = spells.counts(today)
        fitted = self.fit(list(left), list(goes_on), best.family)
        choices = sight.choices
        ahead = max(1, round(choices.horizon_days / DAYS_A_MONTH))
        lasting = np.flatnonzero(~spells.is_over)
        months = spells.months(today)[lasting]
        stays = fitted.stays(months, ahead)
        monthly = paid.monthly_on(today)[spells.place[lasting]]
        share = choices.subscription_margin if choices.subscription_margin is not None else 1.0
        payments, variance = fitted.payments(months, ahead, choices.annual_rate)
        value = monthly * share * payments
        half = _half_width(self, best.family, spells, today, (months, monthly * share, variance), ahead, sight)
        are_payments = _orders_that_are_payments(sight) >= PAYMENTS
        columns = {
            "customer_id": paid.customers.take(pa.array(spells.place[lasting])),
            "subscribed_months": pa.array(months),
            "paid_monthly": pa.array(monthly),
            "subscribed_at_horizon": pa.array(stays),
            # what its orders tell already is not told twice
            "contract_value": pa.nulls(len(lasting), pa.float64()) if are_payments else pa.array(value),
        }
        total = float(value.sum())
        adds = not are_payments and _is_alike(sight)
        used = [
            *_family_parameters(fitted.family),
            Parameter("horizon_months", ahead),
            Parameter("annual_rate", choices.annual_rate),
            Parameter("is_margin", float(choices.subscription_margin is not None)),
            Parameter("adds_to_clv", float(adds)),
        ]
        if not are_payments:
            used += [Parameter(f"contract_equity{end}", v) for end, v in (("", total), ("_low", total - half), ("_high", total + half))]
        return Estimate(
            of_some=pa.table(columns),
            data_from=EPOCH + timedelta(days=int(spells.start.min())),
            parameters=used,
            judgements=_judgements(tried, today),
            verdict=_verdict(sight, best, len(lasting), float(stays.mean()), ahead, None if are_payments else total, adds=adds),
        )


def _paid(sight: Sight) -> Paid:
    if not sight.session.tables.rows("subscriptions"):
        raise RefusedError(
            "Nobody pays for a subscription.", "Import subscriptions, where there are any.",
            chinese="没有付费订阅的客户。", chinese_hint="如有订阅数据，请导入。",
        )  # fmt: skip
    return Paid.read(sight.session)


def _check(spells: Spells) -> None:
    ends = int(spells.is_over.sum())
    if len(spells) < LEAST_SPELLS:
        raise RefusedError(
            f"There are {len(spells)} paid times of subscribers; {LEAST_SPELLS} are needed.", "Wait for more.",
            chinese=f"付费订阅仅 {len(spells)} 段，至少需要 {LEAST_SPELLS} 段。", chinese_hint="请等待数据积累。",
        )  # fmt: skip
    if ends < LEAST_ENDS:
        raise RefusedError(
            f"{ends} of {len(spells)} subscribers have ended; {LEAST_ENDS} are needed to tell how long they stay.",
            "Import an older history.",
            chinese=f"{len(spells)} 段订阅中仅有 {ends} 段已结束，至少需要 {LEAST_ENDS} 段才能判断订阅时长。",
            chinese_hint="请导入更早的历史数据。",
        )
    if ends == len(spells):
        raise RefusedError("Every subscription has ended: there is nothing to foretell.", chinese="所有订阅均已结束，无需预测。")


# ------------------------------------------------------------------- choice


@dataclass(frozen=True)
class Tried:
    """How a family foretold, from a cut, who would still be there some months later."""

    family: str
    log_likelihood: float
    brier: float
    expected: float
    stayed: int
    n: int
    months: int
    cut: int


def _tried(estimator: Contracts, spells: Spells, today: int, sight: Sight) -> list[Tried]:
    """All families, the likeliest first; of equals the simpler one."""
    history = (today - int(spells.start.min())) / DAYS_A_MONTH
    months = min(LONGEST_HOLD_OUT_MONTHS, int(history // 3))
    if months < 1:
        raise RefusedError(
            f"Subscriptions go back {history:.1f} months; 3 are needed.", "Import an older history, or wait.",
            chinese=f"订阅历史仅 {history:.1f} 个月，至少需要 3 个月。", chinese_hint="请导入更早的历史数据，或等待数据积累。",
        )  # fmt: skip
    cut = int((np.datetime64(sight.session.last_day, "D") - np.timedelta64(round(months * DAYS_A_MONTH), "D")).astype(np.int64))
    before = spells.seen_on(cut)
    held = np.flatnonzero((spells.start <= cut) & (spells.end > cut))
    ends = int(before.is_over.sum())
    if len(held) < LEAST_HELD or ends < LEAST_ENDS // 2:
        raise RefusedError(
            f"{months} months ago there were {len(held)} subscribers, and {ends} had ended; {LEAST_HELD} and {LEAST_ENDS // 2} are needed "
            "to judge a forecast by what came.",
            "Wait for more, or import an older history.",
            chinese=f"{months} 个月前有 {len(held)} 位订阅客户，另有 {ends} 位已结束；需要 {LEAST_HELD} 位与 {LEAST_ENDS // 2} 位才能检验预测。",
            chinese_hint="请等待数据积累，或导入更早的历史数据。",
        )
    lasted, stayed = whole_months(spells.start[held], np.full(len(held), cut)), spells.end[held] > today
    left, goes_on = before.counts(cut)
    found = []
    for family in ("constant", "kaplan_meier", "sbg"):
        try:
            fitted = estimator.fit(list(left), list(goes_on), family)
        except RefusedError:
            # what is not to be had is not chosen
            continue
        chance = np.clip(fitted.stays(lasted, months), SURE, 1 - SURE)
        likelihood = float(np.where(stayed, np.log(chance), np.log1p(-chance)).sum())
        brier = float(((chance - stayed) ** 2).mean())
        found.append(Tried(family, likelihood, brier, float(chance.sum()), int(stayed.sum()), len(held), months, cut))
    return sorted(found, key=lambda t: -round(t.log_likelihood, 6))


def _half_width(
    estimator: Contracts, family: str, spells: Spells, today: int, told: tuple[Ints, Floats, Floats], ahead: int, sight: Sight
) -> float:
    """Half the 95 % interval of the sum: what chance does to each subscriber, and what is not known of the curve, by a bootstrap of spells."""
    months, monthly, variance = told
    left, goes_on = spells.counts(today)
    cells = np.concatenate([left, goes_on])
    rng = np.random.default_rng(sight.choices.seed)
    different, at = np.unique(months, return_inverse=True)
    by_months = np.bincount(at, monthly, len(different))
    totals = []
    for _ in range(BOOTSTRAPS):
        drawn = rng.multinomial(int(cells.sum()), cells / cells.sum()).astype(float)
        try:
            again = estimator.fit(list(drawn[: len(left)]), list(drawn[len(left) :]), family)
        except RefusedError:
            continue
        totals.append(float(again.payments(different, ahead, sight.choices.annual_rate)[0] @ by_months))
    unknown = float(np.var(totals)) if len(totals) > 1 else 0.0
    return Z95 * float(np.sqrt(unknown + (variance * monthly**2).sum()))


# ------------------------------------------------------------- beside orders


def _orders_that_are_payments(sight: Sight) -> float:
    """Of the orders that subscribers placed while they paid, the share that is as large as a monthly amount of theirs that day."""
    session = sight.session
    if not session.tables.rows("orders"):
        return 0.0
    session.make_ready("orders")
    day = f"DATE {literal(session.last_day)}"
    steps = (
        Steps()
        .then(
            "paid",
            "select customer_id, started_on, ended_on, monthly_amount from subscriptions where not is_trial and monthly_amount > 0",
        )
        .then(
            "placed",
            "select o.order_id, max(case when o.amount = p.monthly_amount then 1 else 0 end) as is_payment\n"
            "from orders as o join paid as p on p.customer_id = o.customer_id and o.ordered_on >= p.started_on\n"
            "  and (p.ended_on is null or o.ordered_on <= p.ended_on)\n"
            f"where o.status = 'completed' and o.ordered_on <= {day} group by o.order_id",
        )
        .then("share", "select cast(coalesce(sum(is_payment), 0) as DOUBLE) as payments, cast(count(*) as DOUBLE) as orders from placed")
    )
    (row,) = session.engine.arrow(steps).to_pylist()
    return float(row["payments"]) / float(row["orders"]) if row["orders"] else 0.0


def _is_alike(sight: Sight) -> bool:
    """Whether CLV of orders is money of the same kind: both margin, or both net revenue."""
    clv = sight.done.get("clv")
    if clv is None:
        return True
    is_margin = next((p.value for p in clv.parameters if p.name == "is_margin"), 0.0)
    return bool(is_margin) == (sight.choices.subscription_margin is not None)


# ------------------------------------------------------------------- report


def _family_parameters(family: Survival) -> list[Parameter]:
    if isinstance(family, FittedShiftedBetaGeometric):
        errors = family.standard_errors or {}
        return [Parameter(f"sbg.{n}", v, errors.get(n)) for n, v in family.parameters.items()]
    rate = family.monthly_churn if isinstance(family, KaplanMeier | Constant) else float("nan")
    return [Parameter(f"{family.name}.monthly_churn", rate)]


def _judgements(tried: Sequence[Tried], today: int) -> list[Judgement]:
    naive = next(t for t in tried if t.family == "constant")

    def judged(measure: str, value: float) -> Judgement:
        until = EPOCH + timedelta(days=tried[0].cut)
        return Judgement(measure, value, n=naive.n, trained_until=until, tested_until=EPOCH + timedelta(days=today))

    def beside(found: Judgement, other: float, *, is_better: bool) -> Judgement:
        return replace(found, baseline="constant", baseline_value=other, beats_baseline=is_better)

    found = []
    for t in tried:
        likelihood, brier = judged(f"{t.family}.holdout_log_likelihood", t.log_likelihood), judged(f"{t.family}.brier", t.brier)
        if t is not naive:
            likelihood = beside(likelihood, naive.log_likelihood, is_better=t.log_likelihood > naive.log_likelihood)
            brier = beside(brier, naive.brier, is_better=t.brier < naive.brier)
        there = replace(judged(f"{t.family}.holdout_subscribers", t.expected), baseline="actual", baseline_value=float(t.stayed))
        found += [likelihood, brier, there]
    return found


def _verdict(sight: Sight, best: Tried, subscribers: int, stays: float, ahead: int, total: float | None, *, adds: bool) -> str:
    currency = sight.session.ground.currency
    is_margin = sight.choices.subscription_margin is not None
    english = (
        f"{LABELS[best.family]} foretells the last {best.months} months best: of {best.n:,} subscribers {best.expected:,.0f} were expected "
        f"to stay, {best.stayed:,} did. "
    )
    chinese = f"{LABELS_CHINESE[best.family]} 对最近 {best.months} 个月预测最好：{best.n:,} 位订阅客户中预期留存 {best.expected:,.0f} 位，实际 {best.stayed:,} 位。"
    if best.family == "constant":
        english += "Neither sBG nor Kaplan–Meier does better. "
        chinese += "sBG 与 Kaplan–Meier 均未更好。"
    english += f"Of the {subscribers:,} of today {stays:.0%} are expected to be there in {ahead} months"
    chinese += f"现有 {subscribers:,} 位中，{ahead} 个月后预期留存 {stays:.0%}"
    if total is None:
        english += "; their payments are orders too, and counted in CLV."
        return sight.say(english, chinese + "；其付款即订单，价值已计入 CLV。")
    kind = ("margin", "毛利") if is_margin else ("net revenue", "净收入")
    english += f"; they are worth {total:,.0f} {currency} of {kind[0]}"
    chinese += f"，价值合计 {total:,.0f} {currency}（{kind[1]}）"
    if adds:
        return sight.say(english + ", beside what they order.", chinese + "，可与订单的 CLV 相加。")
    english += ", which does not add to the CLV of their orders: one is margin and the other is not."
    return sight.say(english, chinese + "，与订单的 CLV 口径不同，不可相加。")
