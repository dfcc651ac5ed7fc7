"""Tiers: which customers bring most of the value, by its cumulative share (ABC)."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.summary import Ints
from keepwell.models.choices_noted import noted
from keepwell.models.estimator import Estimate, Parameter, Sight
from keepwell.models.estimators.rfm import coded
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import numbers

NAMES = ("A", "B", "C")


@dataclass(frozen=True)
class Tiers:
    """A while the customers before have less than ``first`` of all value, B while less than ``second``, else C.

    Customers of equal value share the better tier; who has no value above 0 is C.
    """

    first: float = 0.80
    second: float = 0.95

    names: ClassVar[tuple[str, ...]] = NAMES
    name: ClassVar[str] = "tiers"
    title: ClassVar[tuple[str, str]] = ("Value tiers", "客户价值分级")
    meaning: ClassVar[tuple[str, str]] = (
        "Customers by their share of the last twelve months' value: A the first 80 %, B to 95 %, C the rest.",
        "按近十二个月价值的累计占比分级：前 80% 为 A，至 95% 为 B，其余为 C。",
    )

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.second <= 1:
            raise WrongUseError(f"Tiers can't end at {self.first:g} and {self.second:g}.", "Give shares between 0 and 1, ascending.")

    def assign(self, value: Any) -> Ints:
        """Of each customer the place of the tier in ``names``, by their values: a list or column of finite numbers."""
        value = numbers(value, "The list of values")
        positive = np.flatnonzero(value > 0)
        found = np.full(len(value), 2, np.int64)
        if not len(positive):
            return found
        worth, at, counts = np.unique(value[positive], return_inverse=True, return_counts=True)
        # from the highest value down: what those before a value have together
        own = (worth * counts)[::-1]
        before = np.concatenate([[0.0], np.cumsum(own)[:-1]])
        share = (before / own.sum())[::-1]
        found[positive] = np.where(share < self.first, 0, np.where(share < self.second, 1, 2))[at]
        return found

    def estimate(self, sight: Sight) -> Estimate:
        p = sight.population
        if not len(p):
            raise RefusedError("Nobody has bought.", "Import orders.", chinese="尚无客户购买。", chinese_hint="请导入订单。")
        first, second = sight.choices.tiers
        place = replace(self, first=first, second=second).assign(p.year_amount)
        counts = np.bincount(place, minlength=3)
        total = p.year_amount[p.year_amount > 0].sum()
        share = p.year_amount[place == 0].sum() / total if total > 0 else 0.0
        lowest = [float(p.year_amount[place == i].min()) for i in (0, 1) if (place == i).any()]
        rules, changed = noted(sight, self.name, {"first": first, "second": second})
        return Estimate(
            scores={"tier": coded(place, NAMES)},
            parameters=[Parameter(f"from_{NAMES[i].lower()}", v) for i, v in enumerate(lowest)] + rules,
            verdict=sight.say(
                f"{counts[0]:,} of {len(p):,} buyers are tier A and bring {share:.0%} of the last twelve months' value.",
                f"{len(p):,} 位买家中有 {counts[0]:,} 位为 A 级，贡献近十二个月价值的 {share:.0%}。",
            )
            + changed,
        )
