"""Lifecycle: where a customer stands between first and last purchase, by declared rules."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.summary import Floats, Ints
from keepwell.models.estimator import Estimate, Parameter, Sight
from keepwell.models.estimators.rfm import coded
from keepwell.models.population import Population
from keepwell.models.refusal import RefusedError
from keepwell.models.scoring import Numbers
from keepwell.models.tables import column, columns_of, count_of, numbers

GROWING, DECLINING = 1.1, 0.7  # times the spend of the half-year before
STAGES = ("lost", "dormant", "returned", "new", "growing", "declining", "mature")
LABELS = {
    "lead": ("Lead", "潜在客户"),
    "lost": ("Lost", "已流失"),
    "dormant": ("Dormant", "休眠"),
    "returned": ("Returned", "回流"),
    "new": ("New", "新客户"),
    "growing": ("Growing", "成长"),
    "declining": ("Declining", "下滑"),
    "mature": ("Mature", "成熟"),
}


def rules(inactive_days: int) -> dict[str, tuple[str, str]]:
    """Of each stage its rule in words, in the order in which they are asked."""
    n = inactive_days
    return {
        "lost": (f"no order for more than {2 * n} days", f"超过 {2 * n} 天未下单"),
        "dormant": (f"no order for more than {n} days", f"超过 {n} 天未下单"),
        "returned": (f"ordered within {n} days, after a gap of more than {n}", f"{n} 天内下单，且此前间隔超过 {n} 天"),
        "new": (f"first order within {n} days", f"{n} 天内首次下单"),
        "growing": (f"spends more than {GROWING:g} times as much in 180 days as in the 180 before", f"近 180 天消费超过此前 180 天的 {GROWING:g} 倍"),
        "declining": (f"spends less than {DECLINING:g} times as much in 180 days as in the 180 before", f"近 180 天消费不足此前 180 天的 {DECLINING:g} 倍"),
        "mature": ("everybody else who has bought", "其余买家"),
        "lead": ("has not bought yet", "尚未购买"),
    }  # fmt: skip


@dataclass(frozen=True)
class Lifecycle:
    """The first rule that fits counts; N are ``inactive_days``, by default the workspace's.

    Lost: no order for more than 2N days. Dormant: for more than N. Returned: the last order within N days, after a gap of more than N.
    New: the first order within N days. Growing, declining: the spend of 180 days above 1.1, below 0.7 times that of the 180 before.
    Mature otherwise.
    """

    inactive_days: int | None = None
    growing: float = GROWING
    declining: float = DECLINING

    stages: ClassVar[tuple[str, ...]] = STAGES
    name: ClassVar[str] = "lifecycle"
    title: ClassVar[tuple[str, str]] = ("Lifecycle", "客户生命周期")
    meaning: ClassVar[tuple[str, str]] = (
        "Where customers stand between first and last purchase: new, growing, mature, declining, dormant, lost, returned.",
        "客户所处的生命周期阶段：新客户、成长、成熟、下滑、休眠、已流失、回流。",
    )

    def __post_init__(self) -> None:
        if self.inactive_days is not None:
            count_of(self.inactive_days, "The number of days that make a customer inactive", 1)

    def assign(self, table: Any, inactive_days: int | None = None) -> Ints:
        """Of each buyer the place of the stage in ``stages``.

        The table has one row a buyer: ``recency`` and ``age`` are days since the last and since the first purchase, ``gap`` those between
        the last purchase and the one before (0 where there is none), ``amount`` and ``amount_before`` what was spent in the last 180 days
        and in the 180 before them.
        """
        n = inactive_days if inactive_days is not None else self.inactive_days
        if n is None:
            raise WrongUseError("It is not said how many days make a customer inactive.", "For example: Lifecycle(inactive_days=90).")
        count_of(n, "The number of days that make a customer inactive", 1)
        if isinstance(table, Population):
            p = table
            return self._placed(p.recency, p.last_day - p.previous_day, p.today - p.first_day, (p.half_amount, p.half_before_amount), n)
        columns = columns_of(table)
        recency, gap, age = (numbers(column(columns, c), f"Column {c!r}", least=0) for c in ("recency", "gap", "age"))
        spent = tuple(numbers(column(columns, c), f"Column {c!r}") for c in ("amount", "amount_before"))
        wrong = recency + gap > age
        if wrong.any():
            raise WrongUseError(
                f"Row {int(np.flatnonzero(wrong)[0]) + 1} has a purchase before the first one.", "Age is at least recency and gap together."
            )
        return self._placed(recency, gap, age, (spent[0], spent[1]), n)

    def _placed(self, recency: Numbers, gap: Numbers, age: Numbers, spent: tuple[Floats, Floats], n: int) -> Ints:
        now, before = spent
        rules = [recency > 2 * n, recency > n, gap > n, age <= n, now > self.growing * before, now < self.declining * before]
        found: Ints = np.select(rules, range(len(rules)), default=len(rules)).astype(np.int64)
        return found

    def estimate(self, sight: Sight) -> Estimate:
        p = sight.population
        if not len(p):
            raise RefusedError("Nobody has bought.", "Import orders.", chinese="尚无客户购买。", chinese_hint="请导入订单。")
        n = self.inactive_days or sight.choices.inactive_days
        place = self.assign(p, n)
        counts = np.bincount(place, minlength=len(STAGES))
        gone = int(counts[0] + counts[1])
        return Estimate(
            scores={"lifecycle_stage": coded(place, STAGES)},
            parameters=[Parameter("inactive_days", n)],
            verdict=sight.say(
                f"{len(p) - gone:,} of {len(p):,} buyers bought within {n} days; {int(counts[3]):,} are new, {int(counts[5]):,} declining.",
                f"{len(p):,} 位买家中有 {len(p) - gone:,} 位在 {n} 天内购买过；新客户 {int(counts[3]):,} 位，下滑 {int(counts[5]):,} 位。",
            ),
        )
