"""CLV: who is still active, how many orders will come, and what they are worth within a named horizon."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import gammaincinv

from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.gamma_gamma import FittedGammaGamma, GammaGamma
from keepwell.models.btyd.hold_out import HoldOut, Naive, compared, naive
from keepwell.models.btyd.model import FAMILIES, BuyingModel, Forecaster, Grid
from keepwell.models.btyd.nbd import NegativeBinomial
from keepwell.models.btyd.summary import DAYS_A_WEEK, Floats, Groups, Ints, Summary, grouped
from keepwell.models.estimator import Estimate, Judgement, Parameter, Sight
from keepwell.models.lifetime import HORIZONS, lifetime_scores
from keepwell.models.parts import in_parts
from keepwell.models.population import EPOCH, Population, population
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import column, columns_of, day_of, days_of, horizon_of, ids, numbers

LEAST_CUSTOMERS = 100
LONGEST_HOLD_OUT = 365
LEAST_DAYS = 60  # of history: a third of it is held out
SAMPLE = 10_000  # customers among whom the families are compared
PARETO_GROUPS = 50_000  # on which Pareto/NBD is fitted at most
KNOWN_MARGINS = 0.95
STEP = 1e-3
WINDOWS = (7, 30, 90)
NEXT_ORDER = {"next_order_from": 0.25, "next_order_on": 0.5, "next_order_to": 0.75}
FARTHEST = 3_650  # days; what lies beyond is not told
LABELS = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD", "nbd": "NBD"}


@dataclass(frozen=True)
class Clv:
    """Chosen by the likelihood of a hold-out among BG/NBD, MBG/NBD and Pareto/NBD; values by Gamma-Gamma, discounted.

    Orders are purchase days. CLV is margin where at least 95 % of the orders have one, else net revenue, and says which.
    """

    name: ClassVar[str] = "clv"
    title: ClassVar[tuple[str, str]] = ("Customer lifetime value", "客户终身价值")
    meaning: ClassVar[tuple[str, str]] = (
        "How likely customers are still active, how often they will order and what that is worth, with intervals.",
        "客户仍活跃的概率、未来订单数及其价值，均附置信区间。",
    )

    def fit(
        self, log: Any, until: date | str, *, customer: str = "customer_id", day: str = "ordered_on", amount: str = "amount"
    ) -> "FittedClv":
        """From a log with one row a purchase and what it was worth, known until the end of ``until``.

        Raises ``RefusedError`` under 100 customers or 60 days, and where no family can be fitted.
        """
        last = day_of(until, "until")
        whole = Summary.of_log(log, until, customer=customer, day=day)
        _check(len(whole), int(whole.age.max(initial=0)))
        cut = EPOCH + timedelta(days=last - int(min(LONGEST_HOLD_OUT, whole.age.max() // 3)))
        before = Summary.of_log(log, cut, customer=customer, day=day)
        kept = np.isin(_names(whole), _names(before))
        best = compared(before, Summary(whole.x[kept], whole.t_x[kept], whole.age[kept]))[0]
        seen = Forecaster(_fitted(best, grouped(whole)[0]), whole)
        return FittedClv(best, seen, _spend_of_log(log, whole, last, (customer, day, amount)))

    def estimate(self, sight: Sight) -> Estimate:
        p, choices = sight.population, sight.choices
        _check(len(p), p.today - int(p.first_day.min(initial=p.today)))
        tried, baseline = _tried(sight)
        best = tried[0]
        summary = p.summary
        groups, place = grouped(summary)
        model = _fitted(best, groups)
        spend = _Spend.of(p)
        seen = Forecaster(model, summary)
        days = choices.horizon_days
        columns, worth = _forecast(seen, spend, days, choices.annual_rate)
        value = spend.expected
        equity_low, equity_high = _equity_interval(sight, model, groups, place, spend, worth)
        del groups, place, worth  # room for what follows
        # no customer is worth less than nothing
        equity_low = np.maximum(equity_low, 0.0)
        is_known = model.name != NegativeBinomial.name
        scores = {
            "probability_active": pa.array(seen.active) if is_known else pa.nulls(len(p), pa.float64()),
            **{name: pa.array(values) for name, values in columns.items()},
            **lifetime_scores(sight, seen, value, is_margin=spend.is_margin),
            **{f"buys_within_{h}_days": pa.array(seen.buys_within(h)) for h in WINDOWS},
            **{name: _dates(seen.days_to_chance(chance), p.today) for name, chance in NEXT_ORDER.items()},
        }
        total = float(columns["clv"].sum())
        return Estimate(
            scores=scores,
            parameters=[
                *_parameters(model, spend, days, choices.annual_rate, total, equity_low, equity_high),
                *_means(days, len(p), total, equity_low, equity_high),
            ],
            judgements=_judgements(sight, tried, baseline),
            verdict=_verdict(sight, best, model, spend, total),
        )


@dataclass(frozen=True)
class FittedClv:
    """The family that did best on the hold-out, fitted on all, with what a purchase day of each customer is worth."""

    best: HoldOut
    seen: Forecaster
    spend: "_Spend"

    def predict(self, horizon_days: float = 365, annual_rate: float = 0.10) -> pa.Table:
        """``probability_active``, ``expected_orders`` (purchase days) and ``clv``, one row a customer, with 95 % predictive intervals.

        What comes later is worth less by ``annual_rate`` a year. The probability is empty where nobody is seen to leave.
        """
        if not 0 <= annual_rate <= 1:
            raise WrongUseError(f"The annual rate is {annual_rate!r}.", "Give a share from 0 to 1, such as 0.1 for 10 %.")
        columns, _ = _forecast(self.seen, self.spend, round(max(horizon_of(horizon_days), 1)), annual_rate)
        is_known = self.seen.model.name != NegativeBinomial.name
        return pa.table({
            "customer_id": pa.array(_names(self.seen.summary)),
            "probability_active": pa.array(self.seen.active) if is_known else pa.nulls(len(self.seen.active), pa.float64()),
            **{name: pa.array(values) for name, values in columns.items()},
        })  # fmt: skip


def _names(summary: Summary) -> list[str]:
    return [] if summary.customers is None else [str(c) for c in summary.customers]


def _spend_of_log(log: Any, summary: Summary, last: int, names: tuple[str, str, str]) -> "_Spend":
    """What the days after the first brought each customer of a summary of that log."""
    columns = columns_of(log)
    who = ids(column(columns, names[0]), f"Column {names[0]!r}").astype(str)
    days, amounts = days_of(column(columns, names[1]), f"Column {names[1]!r}"), numbers(column(columns, names[2]), f"Column {names[2]!r}")
    is_seen = days <= last
    place = np.searchsorted(np.array(_names(summary)), who[is_seen])
    is_repeat = days[is_seen] > (last - summary.age.astype(np.int64))[place]
    repeat = np.bincount(place, np.where(is_repeat, amounts[is_seen], 0.0), len(summary))
    return _Spend.made(summary.x, repeat.astype(float), float(amounts[is_seen].sum()), is_margin=False)


def _forecast(seen: Forecaster, spend: "_Spend", days: int, rate: float) -> tuple[dict[str, Floats], "_Worth"]:
    """Orders and value of the next ``days`` with their intervals, by name."""
    expected, discounted = seen.expected(days), seen.discounted(days, rate)
    low, high = seen.orders_interval(days)
    clv = discounted * spend.expected
    worth = _Worth.of(seen, spend, expected, days, np.divide(discounted, expected, out=np.ones_like(expected), where=expected > 0))
    return {
        "expected_orders": expected,
        "expected_orders_low": low.astype(float),
        # a mean of rare large numbers lies above nearly all of them
        "expected_orders_high": np.maximum(high, np.ceil(expected)),
        "clv": clv,
        "clv_low": np.minimum(worth.quantile(0.025), clv),
        "clv_high": np.maximum(worth.quantile(0.975), clv),
    }, worth


def _check(customers: int, days: int) -> None:
    if customers < LEAST_CUSTOMERS:
        raise RefusedError(
            f"{customers} customers have bought; CLV needs {LEAST_CUSTOMERS}.", "Wait for more, or import an older history.",
            chinese=f"仅有 {customers} 位买家，CLV 至少需要 {LEAST_CUSTOMERS} 位。", chinese_hint="请等待数据积累，或导入更早的历史数据。",
        )  # fmt: skip
    if days < LEAST_DAYS:
        raise RefusedError(
            f"The orders go back {days} days; CLV needs {LEAST_DAYS}.", "Import an older history, or wait.",
            chinese=f"订单历史仅 {days} 天，CLV 至少需要 {LEAST_DAYS} 天。", chinese_hint="请导入更早的历史数据，或等待数据积累。",
        )  # fmt: skip


def _dates(days: Floats, today: int) -> pa.Array:
    is_told = np.isfinite(days) & (days < FARTHEST)
    found = (np.where(is_told, np.ceil(np.where(is_told, days, 0.0)), 0.0) + today).astype(np.int32)
    return pa.array(found, mask=~is_told).cast(pa.date32())


# ------------------------------------------------------------------- choice


def _tried(sight: Sight) -> tuple[list[HoldOut], Naive]:
    """All families on a sample, fitted until a cut and judged on what came after."""
    p = sight.population
    known = p.today - int(p.first_day.min())
    days = int(min(LONGEST_HOLD_OUT, known // 3))
    cut = p.as_of - timedelta(days=days)
    chosen = np.flatnonzero(p.first_day <= (cut - EPOCH).days)
    if len(chosen) > SAMPLE:
        chosen = chosen[np.linspace(0, len(chosen) - 1, SAMPLE).astype(np.int64)]
    before = population(sight.bought, cut, among=p.customers.take(pa.array(chosen)))
    # who had only refunds until then is no buyer yet
    at = pc.index_in(before.customers, p.customers).to_numpy()
    whole = Summary(p.purchase_days[at] - 1, (p.last_day - p.first_day)[at].astype(float), (p.today - p.first_day[at]).astype(float))
    return compared(before.summary, whole), naive(before.summary, whole)


def _fitted(best: HoldOut, groups: Groups) -> BuyingModel:
    """The family that did best, fitted on all; the search begins where the hold-out's ended."""
    is_limit = best.family == NegativeBinomial.name
    family = "bg_nbd" if is_limit else best.family
    used = groups
    if family == "pareto_nbd" and len(groups.x) > PARETO_GROUPS:
        some = np.linspace(0, len(groups.x) - 1, PARETO_GROUPS).astype(np.int64)
        used = Groups(groups.x[some], groups.t_x[some], groups.age[some], groups.weight[some])
    found: Any = FAMILIES[family].fitted(used, None if is_limit else best.model.parameters)
    model: BuyingModel = found
    return model


# -------------------------------------------------------------------- value


@dataclass(frozen=True)
class _Spend:
    """What a purchase day is worth: by Gamma-Gamma, or the mean of all where that can't be fitted."""

    is_margin: bool
    x: Ints
    mean: Floats
    model: FittedGammaGamma | None
    overall: float
    refused: RefusedError | None

    @classmethod
    def of(cls, p: Population) -> "_Spend":
        is_margin = bool(p.with_margin.sum() >= KNOWN_MARGINS * p.orders.sum())
        repeat, total = (p.repeat_margin, p.margin) if is_margin else (p.repeat_amount, p.amount)
        return cls.made(p.purchase_days - 1, repeat, float(total.sum()), is_margin=is_margin)

    @classmethod
    def made(cls, x: Ints, repeat: Floats, total: float, *, is_margin: bool) -> "_Spend":
        """From repeat purchase days, what they brought each customer, and what all days brought all."""
        mean = np.divide(repeat, x, out=np.zeros(len(x)), where=x > 0)
        overall = max(total / float((x + 1).sum()), 0.0)
        try:
            return cls(is_margin, x, mean, GammaGamma.fitted(x, mean), overall, None)
        except RefusedError as error:
            return cls(is_margin, x, mean, None, overall, error)

    @cached_property
    def expected(self) -> Floats:
        return np.full(len(self.x), self.overall) if self.model is None else self.model.expected(self.x, self.mean)

    def variance(self, orders: Floats, square: Floats) -> Floats:
        """Of what each customer's purchases bring together, of whose number the mean and the mean of its square are given."""

        def of(x: Ints, mean: Floats, value: Floats, orders: Floats, square: Floats) -> Floats:
            within, between = self._variances(x, mean, value)
            found: Floats = np.maximum(orders * within + square * (between + value**2) - (value * orders) ** 2, 0.0)
            return found

        return in_parts(of, self.x, self.mean, self.expected, orders, square)

    def _variances(self, x: Ints, mean: Floats, value: Floats) -> tuple[Floats, Floats]:
        if self.model is None:
            # as spread as it is high: nothing is known of it
            return value**2, np.zeros(len(x))
        within, between = self.model.variance(x, mean)
        # where the spread has no bound it is taken as ten times the mean
        return np.where(np.isfinite(within), within, 100 * value**2), np.where(np.isfinite(between), between, 100 * value**2)


@dataclass(frozen=True)
class _Worth:
    """What each customer's orders within the horizon may bring: none at all, or a gamma with this mean and variance, discounted."""

    none: Floats  # chance of no order
    mean: Floats
    variance: Floats
    ratio: Floats  # discounted ÷ plain

    @classmethod
    def of(cls, seen: Forecaster, spend: _Spend, expected: Floats, days: int, ratio: Floats) -> "_Worth":
        return cls(1 - seen.buys_within(days), spend.expected * expected, spend.variance(expected, seen.second_moment(days)), ratio)

    def quantile(self, share: float) -> Floats:
        def of(none: Floats, mean: Floats, variance: Floats, ratio: Floats) -> Floats:
            found = np.zeros(len(mean))
            may = np.flatnonzero((share > none) & (mean > 0))
            some = np.maximum(1 - none[may], 1e-12)
            if_any = mean[may] / some
            spread = np.maximum((variance[may] + mean[may] ** 2) / some - if_any**2, 1e-12 * if_any**2)
            found[may] = gammaincinv(if_any**2 / spread, (share - none[may]) / some) * spread / if_any
            return found * ratio

        return in_parts(of, self.none, self.mean, self.variance, self.ratio)


def _equity_interval(sight: Sight, model: BuyingModel, groups: Groups, place: Ints, spend: _Spend, worth: _Worth) -> tuple[float, float]:
    """95 % of the sum over all customers: what chance does to each of them, and what is not known of the parameters.

    The latter by the infinitesimal jackknife, to which a weighted bootstrap of the groups comes with ever more replicates.
    """
    if model.fit.covariance is None:
        return float("nan"), float("nan")
    choices, value = sight.choices, spend.expected
    # all who share a group have the same outlook, so their values are added up first
    by_group = np.bincount(place, value, len(groups.x))
    summary = Summary(groups.x, groups.t_x * DAYS_A_WEEK, groups.age * DAYS_A_WEEK)
    grid = Grid.of(groups.x, groups.age)

    def sum_at(shift: Floats) -> float:
        seen = Forecaster(model.moved(shift), summary, grid)
        return float(seen.discounted(choices.horizon_days, choices.annual_rate, 1) @ by_group)

    moved = model.fit.covariance @ _slope(sum_at, len(model.parameter_names))
    influence_of_group = in_parts(lambda *g: model.scores(Groups(*g)) @ moved, groups.x, groups.t_x, groups.age, groups.weight)
    influence: Floats = influence_of_group[place]
    fitted = spend.model
    covariance = fitted.fit.covariance if fitted is not None else None
    if fitted is not None and covariance is not None:
        orders = worth.mean / np.where(value > 0, value, 1.0) * worth.ratio
        slope = _slope(lambda shift: float(orders @ fitted.moved(shift).expected(spend.x, spend.mean)), 3)
        used = np.flatnonzero((spend.x > 0) & (spend.mean > 0))
        moved_spend = covariance @ slope
        influence[used] += in_parts(lambda x, mean: fitted.scores(x, mean) @ moved_spend, spend.x[used], spend.mean[used])
    total = float((worth.mean * worth.ratio).sum())
    half = 1.959963984540054 * float(np.sqrt((influence**2).sum() + (worth.variance * worth.ratio**2).sum()))
    return total - half, total + half


def _slope(sum_at: Callable[[Floats], float], size: int) -> Floats:
    """How a sum moves with each log-parameter, by central differences."""
    shifts = np.eye(size) * STEP
    return np.array([(sum_at(s) - sum_at(-s)) / (2 * STEP) for s in shifts])


# ------------------------------------------------------------------- report


def _parameters(model: BuyingModel, spend: _Spend, days: int, rate: float, equity: float, low: float, high: float) -> list[Parameter]:
    errors = model.standard_errors or {}
    found = [Parameter(f"{model.name}.{n}", v, errors.get(n)) for n, v in model.parameters.items()]
    if spend.model:
        errors = spend.model.standard_errors or {}
        found += [Parameter(f"gamma_gamma.{n}", v, errors.get(n)) for n, v in spend.model.parameters.items()]
        found.append(Parameter("frequency_value_correlation", spend.model.correlation))
    return [
        *found,
        Parameter("horizon_days", days),
        Parameter("annual_rate", rate),
        Parameter("is_margin", float(spend.is_margin)),
        Parameter("customer_equity", equity),
        Parameter("customer_equity_low", low),
        Parameter("customer_equity_high", high),
    ]


def _means(days: int, customers: int, equity: float, low: float, high: float) -> list[Parameter]:
    """The mean of 12 months with its interval, where the horizon is that."""
    if days != HORIZONS["12m"]:
        return []
    return [Parameter(f"clv_12m{end}", v / customers) for end, v in (("", equity), ("_low", low), ("_high", high))]


def _judgements(sight: Sight, tried: list[HoldOut], baseline: Naive) -> list[Judgement]:
    best, as_of = tried[0], sight.population.as_of
    until = as_of - timedelta(days=best.days)

    def judged(measure: str, value: float) -> Judgement:
        return Judgement(measure, value, n=len(best.actual), trained_until=until, tested_until=as_of)

    found = []
    for h in tried:
        orders = judged(f"{h.family}.holdout_orders", h.total_predicted)
        found += [
            judged(f"{h.family}.holdout_log_likelihood", h.log_likelihood),
            replace(orders, baseline="actual", baseline_value=float(h.total_actual)),
        ]
    error = judged("mean_absolute_error", best.error)
    return [
        *found,
        replace(error, baseline="own_rate", baseline_value=baseline.error, beats_baseline=best.error < baseline.error),
        judged("interval_coverage", best.coverage),
        judged("interval_coverage_of_buyers", best.coverage_of_buyers),
        judged("interval_mean_width", best.mean_width),
    ]


def _verdict(sight: Sight, best: HoldOut, model: BuyingModel, spend: _Spend, equity: float) -> str:
    off = best.total_predicted / best.total_actual - 1 if best.total_actual else 0.0
    label = LABELS[best.family]
    days, currency = sight.choices.horizon_days, sight.session.ground.currency
    kind = ("margin", "毛利") if spend.is_margin else ("net revenue (margins are not known)", "净收入（毛利未知）")
    english = (
        f"{label} fits the last {best.days} days best: {best.total_predicted:,.0f} orders expected, {best.total_actual:,} came ({off:+.0%}). "
        f"The customers are worth {equity:,.0f} {currency} of {kind[0]} in the next {days} days."
    )
    chinese = (
        f"{label} 对最近 {best.days} 天拟合最好：预期 {best.total_predicted:,.0f} 单，实际 {best.total_actual:,} 单（{off:+.0%}）。"
        f"未来 {days} 天客户价值合计 {equity:,.0f} {currency}（{kind[1]}）。"
    )
    if model.name == NegativeBinomial.name:
        english += " Nobody is seen to leave, so whether a customer is still active can't be told."
        chinese += "数据中看不出客户流失，因此无法判断客户是否仍活跃。"
    if spend.refused:
        english += f" Every order counts with the mean value: {spend.refused.message}"
        chinese += f"每单按平均价值计算：{spend.refused.chinese}"
    return sight.say(english, chinese)
