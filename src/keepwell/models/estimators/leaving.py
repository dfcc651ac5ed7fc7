"""Who will leave, on a workspace: features as of earlier days, a time split, a naive rule beside the model, reasons in words."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import expit

from keepwell.models.btyd.beta_geometric import ModifiedBetaGeometric
from keepwell.models.btyd.model import BuyingModel, Forecaster
from keepwell.models.btyd.summary import Bools, Floats, Ints, grouped
from keepwell.models.choices import BANDS
from keepwell.models.choices_noted import noted
from keepwell.models.estimator import Estimate, Judgement, Parameter, Sight
from keepwell.models.estimators.churn import Churn, FittedChurn, calibration_line
from keepwell.models.features import FEATURES, features, first_paid, reason, template
from keepwell.models.judging import Discrimination, discrimination, gain
from keepwell.models.population import EPOCH, population
from keepwell.models.refusal import RefusedError

TRAINING_CUTS, TEST_CUTS, DAYS_BETWEEN_CUTS, LEAST_HISTORY = 6, 3, 30, 90
LEAST_SUBSCRIBERS, LEAST_CUSTOMERS = 200, 200
REASONS = 3
LEAST_REASON = 0.1  # of the log-odds: what raises the odds by less than a tenth is no reason
DRIFT_BINS = 10
ROUNDS = 120
MOST_LEARNED = 30_000  # customers: more teach nothing that these do not, and take their time
MOST_REASONED = 50_000  # customers whose reasons are told
# these grow with the mere passing of time
TENURE = ("days_since_first_order", "days_subscribed")
MOVED = 0.25  # from which index on a feature has moved
NEVER = 3_650.0  # days since an order of who has none


@dataclass(frozen=True)
class Rows:
    """Customers at cuts: their features, and who left afterwards (where that is known)."""

    table: pa.Table
    columns: dict[str, Floats]

    @classmethod
    def of(cls, table: pa.Table, *, subscribers: bool) -> "Rows":
        """Of subscribers only, or of all; columns without any value are left out."""
        kept = table.filter(table.column("is_subscriber")) if subscribers else table
        names = [n for n in FEATURES if n in kept.column_names]
        return cls(kept, {n: kept.column(n).to_numpy(zero_copy_only=False).astype(float) for n in names})

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def days(self) -> Any:
        """Of each row the day on which the customer looked like this."""
        return self.table.column("cut").to_numpy()

    def on(self, day: Any) -> "Rows":
        chosen = self.days == day
        return Rows(self.table.filter(pa.array(chosen)), {n: v[chosen] for n, v in self.columns.items()})

    @property
    def left(self) -> Bools:
        found: Bools = self.table.column("has_left").to_numpy(zero_copy_only=False).astype(bool)
        return found

    @property
    def customers(self) -> pa.Array:
        return self.table.column("customer_id").combine_chunks()

    @property
    def whose(self) -> Ints:
        """Of each row a number for its customer, who may be there on several days."""
        found: Ints = np.unique(np.asarray(self.customers), return_inverse=True)[1]
        return found

    @property
    def recency(self) -> Floats:
        found = self.columns["days_since_order"]
        return np.where(np.isfinite(found), found, NEVER)


@dataclass(frozen=True)
class Rule:
    """A naive rule: one number of each customer, brought to probabilities by a line."""

    name: str
    slope: float
    shift: float

    @classmethod
    def fitted(cls, name: str, score: Floats, left: Bools) -> "Rule":
        return cls(name, *calibration_line(score, left))

    def predict(self, score: Floats) -> Floats:
        found: Floats = expit(self.slope * score + self.shift)
        return found


@dataclass(frozen=True)
class Leaving:
    """Where there are paid subscriptions, who ends them; else who stops ordering.

    The naive rule is used unless the model's log loss is lower by more than chance would have it (99 %), on days later than all that
    it was learned from.
    """

    name: ClassVar[str] = "churn"
    title: ClassVar[tuple[str, str]] = ("Churn", "流失预测")
    meaning: ClassVar[tuple[str, str]] = (
        "How likely customers leave within 90 days, counted from a week after the day on, and why.",
        "客户流失的概率及原因：自观察日一周后起的 90 天内。",
    )

    def estimate(self, sight: Sight) -> Estimate:
        today = sight.population.as_of
        cuts, tests = _cuts(sight)
        split = (sight.choices.embargo_days, sight.choices.churn_days)
        known = max(len(sight.population), sight.session.tables.rows("subscriptions"), 1)
        labelled = features(sight.session, [*cuts, *tests], sight.choices.inactive_days, split, MOST_LEARNED / known)
        current = features(sight.session, [today], sight.choices.inactive_days, None)
        is_contract = int(np.sum(current.column("is_subscriber").to_numpy(zero_copy_only=False))) >= LEAST_SUBSCRIBERS
        is_test = labelled.column("cut").to_numpy() >= np.datetime64(tests[-1])
        train, held = (Rows.of(labelled.filter(pa.array(m)), subscribers=is_contract) for m in (~is_test, is_test))
        everything, now = Rows.of(labelled, subscribers=is_contract), Rows.of(current, subscribers=is_contract)
        _check(train, held, now)
        learner = Churn(rounds=ROUNDS, seed=sight.choices.seed, may_leak=("days_since_order",))
        fitted = learner.fit(train.columns, train.left, customers=np.asarray(train.customers), judge=False)
        if fitted.leaks:
            raise RefusedError(
                f"{fitted.leaks[0]} alone tells who leaves: what is known too late is in it.", "Check the times of that data.",
                chinese=f"仅凭 {fitted.leaks[0]} 就能判断谁流失：其中含有事后才知道的信息。", chinese_hint="请检查该数据的时间。",
            )  # fmt: skip
        predicted = fitted.predict(held.columns)
        judged = discrimination(predicted, held.left, held.whose)
        rule, naive = _naive(sight, train, held)
        gained = gain(predicted, naive, held.left, held.whose)
        is_better = gained[1] > 0
        if is_better:
            final = learner.fit(everything.columns, everything.left, customers=np.asarray(everything.customers), judge=False)
            probability = final.predict(now.columns)
            reasons = _reasons(final, now, probability, sight)
        else:
            probability = _by_rule(sight, rule, now, today)
            currency = sight.session.ground.currency
            reasons = [reason("days_since_order", v, currency, is_chinese=sight.is_chinese) if v < NEVER else None for v in now.recency]
        names = list(BANDS)
        bands = np.searchsorted(sight.choices.churn_bands, probability, side="right")
        scores = {
            "customer_id": now.customers,
            "churn_probability": pa.array(probability),
            "churn_band": pa.array([names[b] for b in bands]),
            "top_reasons": pa.array(reasons, pa.string()),
        }
        naive_judged = discrimination(naive, held.left, held.whose)
        drift = _drift(train, now)
        rules, changed = noted(sight, self.name, dict(zip(names[1:], sight.choices.churn_bands, strict=True)))
        return Estimate(
            of_some=pa.table(scores),
            tables={"calibration_points": _points(judged if is_better else naive_judged)},
            parameters=[
                Parameter("is_contract", float(is_contract)), Parameter("horizon_days", split[1]), Parameter("embargo_days", split[0]),
                Parameter("is_model_used", float(is_better)), *(Parameter(f"band_from_{b}", v) for b, v in zip(names[1:], sight.choices.churn_bands, strict=True)), *rules,
            ],
            judgements=_judgements(judged, naive_judged, rule, cuts[0], held, today, is_better=is_better, gained=gained, drift=_drift_told(sight, drift)),
            verdict=_verdict(sight, judged, naive_judged, rule, bands, is_better=is_better, is_contract=is_contract) + _moved(sight, drift) + changed,
        )  # fmt: skip


def _cuts(sight: Sight) -> tuple[list[date], list[date]]:
    """Days to learn from and days to be judged on, the newest first. No answer of the former is known on any of the latter."""
    today = sight.population.as_of
    step = timedelta(days=sight.choices.embargo_days + sight.choices.churn_days)
    first = min(
        EPOCH + timedelta(days=int(sight.population.first_day.min(initial=sight.population.today))), first_paid(sight.session) or today
    )
    least = first + timedelta(days=LEAST_HISTORY)
    for size in range(TEST_CUTS, 0, -1):
        tests = [today - step - timedelta(days=DAYS_BETWEEN_CUTS * k) for k in range(size)]
        cuts = [tests[-1] - step - timedelta(days=DAYS_BETWEEN_CUTS * k) for k in range(TRAINING_CUTS)]
        known = [c for c in cuts if c >= least]
        if known:
            return known, tests
    needed = 2 * step.days + LEAST_HISTORY
    raise RefusedError(
        f"Orders and subscriptions go back {(today - first).days} days; churn needs {needed}.", "Import an older history, or wait.",
        chinese=f"订单与订阅历史仅 {(today - first).days} 天，流失预测至少需要 {needed} 天。", chinese_hint="请导入更早的历史数据，或等待数据积累。",
    )  # fmt: skip


def _check(train: Rows, held: Rows, now: Rows) -> None:
    for rows in (train, held, now):
        if len(rows) < LEAST_CUSTOMERS:
            raise RefusedError(
                f"{len(rows)} customers were active on a day to be learned from; churn needs {LEAST_CUSTOMERS}.",
                chinese=f"学习日仅有 {len(rows)} 位活跃客户，流失预测至少需要 {LEAST_CUSTOMERS} 位。",
            )
    if held.left.all() or not held.left.any():
        raise RefusedError("On the days to be judged on all left, or nobody did.", chinese="在检验日，客户全部流失或无一流失。")


def _naive(sight: Sight, train: Rows, held: Rows) -> tuple[Rule, Floats]:
    """The better of two rules: days since the last order, and the chance of being active by MBG/NBD."""
    rule = Rule.fitted("recency", np.log1p(train.recency), train.left)
    best = rule, rule.predict(np.log1p(held.recency))
    last = train.on(max(train.days))
    try:
        # the line is of days before those that it is judged on, as the model is
        other = Rule.fitted("p_active", _inactive(sight, last.customers, last.days[0].item()), last.left)
        score = np.empty(len(held))
        for day in np.unique(held.days):
            score[held.days == day] = _inactive(sight, held.on(day).customers, day.item())
    except RefusedError:
        return best
    found = other.predict(score)
    return (other, found) if discrimination(found, held.left).auc > discrimination(best[1], held.left).auc else best


def _inactive(sight: Sight, customers: pa.Array, day: date) -> Floats:
    """1 − P(active) of each customer, as of the day; 1 of who never ordered."""
    p = population(sight.bought, day, among=customers)
    fitted: Any = ModifiedBetaGeometric.fitted(grouped(p.summary)[0])
    model: BuyingModel = fitted
    chance = 1 - Forecaster(model, p.summary).active
    at = pc.index_in(customers, p.customers).to_numpy(zero_copy_only=False)
    found = np.ones(len(customers))
    known = np.isfinite(at.astype(float))
    found[known] = chance[at[known].astype(np.int64)]
    return found


def _by_rule(sight: Sight, rule: Rule, now: Rows, today: date) -> Floats:
    return rule.predict(np.log1p(now.recency) if rule.name == "recency" else _inactive(sight, now.customers, today))


def _drift(train: Rows, now: Rows) -> tuple[str, float]:
    """The feature that has moved most since it was learned from, by the population stability index."""
    worst = ("", 0.0)
    for name, values in train.columns.items():
        if name in TENURE:
            continue
        before, after = values[np.isfinite(values)], now.columns[name][np.isfinite(now.columns[name])]
        if len(before) < LEAST_CUSTOMERS or len(after) < LEAST_CUSTOMERS:
            continue
        edges = np.unique(np.quantile(before, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1]))
        was, is_now = (np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1) / len(v) for v in (before, after))
        was, is_now = np.maximum(was, 1e-4), np.maximum(is_now, 1e-4)
        index = float(((is_now - was) * np.log(is_now / was)).sum())
        if index > worst[1]:
            worst = (name, index)
    return worst


def _drift_told(sight: Sight, drift: tuple[str, float]) -> tuple[str | None, float]:
    """The index with the feature's name and words."""
    name, index = drift
    return (sight.say(f"{name}: {template(name, is_chinese=False)}", f"{name}：{template(name, is_chinese=True)}") if name else None), index


def _moved(sight: Sight, drift: tuple[str, float]) -> str:
    name, index = drift
    if index <= MOVED:
        return ""
    english, chinese = (template(name, is_chinese=c) for c in (False, True))
    return sight.say(
        f" One feature has moved since it was learned from: “{english}” (PSI {index:.2f}).",
        f"自学习以来，有一个特征已明显变化：“{chinese}”（PSI {index:.2f}）。",
    )


def _points(judged: Discrimination) -> pa.Table:
    """The bins, that of the highest probabilities first."""
    size = len(judged.counts)
    down = slice(None, None, -1)
    return pa.table({
        "model": pa.array([Leaving.name] * size, pa.string()),
        "bin": pa.array(range(1, size + 1), pa.int64()),
        "n": pa.array(judged.counts[down], pa.int64()),
        "predicted": pa.array(judged.predicted[down], pa.float64()),
        "observed": pa.array(judged.observed[down], pa.float64()),
        "cumulative_lift": pa.array(judged.cumulative_lift[down], pa.float64()),
    })  # fmt: skip


def _reasons(fitted: FittedChurn, now: Rows, probability: Floats, sight: Sight) -> list[str | None]:
    """Of each customer up to three features that speak most for leaving; where there are very many, of those likeliest to leave."""
    found: list[str | None] = [None] * len(now)
    currency = sight.session.ground.currency
    who = np.sort(np.argsort(-probability, kind="stable")[:MOST_REASONED])
    columns = {name: values[who] for name, values in now.columns.items()}
    names, each = fitted.contributions(columns)
    order = np.argsort(-each, axis=1, kind="stable")[:, :REASONS]
    for i, places in enumerate(order):
        told = [
            reason(names[j], columns[names[j]][i], currency, is_chinese=sight.is_chinese)
            for j in places
            if each[i, j] > LEAST_REASON and np.isfinite(columns[names[j]][i])
        ]
        found[who[i]] = sight.say("; ", "；").join(told) or None
    return found


def _judgements(
    judged: Discrimination, naive: Discrimination, rule: Rule, trained: date, held: Rows, today: date, **found: Any
) -> list[Judgement]:
    def one(measure: str, value: float, other: float | None = None, **more: Any) -> Judgement:
        # by the log loss, which is sharper than the area where leavers are few, and judges what is used: the probabilities
        beats = None if other is None else found["is_better"]
        return Judgement(
            measure, value, n=len(held), baseline=None if other is None else rule.name, baseline_value=other, beats_baseline=beats,
            trained_until=trained, tested_until=today, **more,
        )  # fmt: skip

    name, index = found["drift"]
    return [
        one("auc", judged.auc, naive.auc, ci_low=judged.auc_low, ci_high=judged.auc_high),
        one("log_loss_gain", found["gained"][0], ci_low=found["gained"][1], ci_high=found["gained"][2]),
        one("average_precision", judged.average_precision, naive.average_precision),
        one("brier", judged.brier, naive.brier),
        one("calibration_error", judged.calibration_error, naive.calibration_error),
        one("lift_at_10", judged.lift, naive.lift),
        one("drift", index, note=name),
    ]


def _verdict(
    sight: Sight, judged: Discrimination, naive: Discrimination, rule: Rule, bands: Ints, *, is_better: bool, is_contract: bool
) -> str:
    days, size, high = sight.choices.churn_days, len(bands), int((bands == len(BANDS) - 1).sum())
    who = sight.say("subscribers", "订阅客户") if is_contract else sight.say("customers", "客户")
    rules = {"recency": ("days since the last order", "距上次下单天数"), "p_active": ("probability of being active", "活跃概率")}
    place = 1 if sight.is_chinese else 0
    english = f"{high:,} of {size:,} {who} are at high risk of leaving within {days} days. AUC {judged.auc:.2f}, by {rules[rule.name][place]} {naive.auc:.2f}: "
    chinese = (
        f"{size:,} 位{who}中有 {high:,} 位在 {days} 天内流失风险高。AUC {judged.auc:.2f}，按{rules[rule.name][place]}为 {naive.auc:.2f}："
    )
    if is_better:
        return sight.say(english + "the model is used.", chinese + "采用模型。")
    return sight.say(
        english + "the model is not surely better, so the simple rule is used.", chinese + "模型未显著优于简单规则，因此采用简单规则。"
    )
