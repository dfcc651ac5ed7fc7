"""RFM: how recently, how often and for how much a customer bought, as scores; and the groups to which they lead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.summary import Floats, Ints
from keepwell.models.choices import DIMENSIONS, Group, Range, RfmChoices
from keepwell.models.choices_noted import CHOSEN, noted
from keepwell.models.estimator import Estimate, Parameter, Sight
from keepwell.models.refusal import RefusedError
from keepwell.models.scoring import quantile_thresholds, scored
from keepwell.models.tables import column, columns_of, numbers

LEAST_BUYERS = 500
LEAST_DAYS = 180
RECENT_DAYS = 30

_ANY = (1, 5)
# the first that fits counts; written for five levels, and brought down to three by `_three`
GROUPS = (
    Group("champions", ("Champions", "冠军客户"), (4, 5), (4, 5), (4, 5)),
    Group("loyal", ("Loyal", "忠诚客户"), (3, 5), (3, 5), _ANY),
    Group("recent", ("Recent", "近期客户"), (4, 5), _ANY, _ANY),
    Group("needs_attention", ("Needs attention", "需要关注"), (3, 3), _ANY, _ANY),
    Group("at_risk", ("At risk", "流失风险"), (1, 2), (3, 5), _ANY),
    Group("at_risk", ("At risk", "流失风险"), (1, 2), _ANY, (4, 5)),
    Group("inactive", ("Inactive", "不活跃"), (1, 2), _ANY, _ANY),
)
_THREE = {1: 1, 2: 1, 3: 2, 4: 3, 5: 3}
LABELS = {g.name: g.label for g in GROUPS}


@dataclass(frozen=True)
class RfmScores:
    """Of each customer three scores, their weighted mean, and the place of the group in ``names`` (−1: none fits)."""

    recency: Ints
    frequency: Ints
    money: Ints
    score: Floats
    group: Ints
    names: tuple[str, ...]

    @property
    def groups(self) -> list[str | None]:
        return [self.names[g] if g >= 0 else None for g in self.group.tolist()]


@dataclass(frozen=True)
class FittedRfm:
    """Thresholds: of recency (days), frequency and money the upper ends of all bins but the last, ascending."""

    rules: "Rfm"
    recency: Floats
    frequency: Floats
    money: Floats

    def score(self, table: Any) -> RfmScores:
        """Scores of a table with columns recency (days), frequency and money, one row a customer."""
        r, f, m = _columns(table)
        found = self.rules.levels + 1 - scored(r, self.recency), scored(f, self.frequency), scored(m, self.money)
        weights = np.array(self.rules.weights, dtype=float)
        mean = sum(w * s for w, s in zip(weights, found, strict=True)) / weights.sum()
        groups = self.rules.groups_used
        names = tuple(dict.fromkeys(g.name for g in groups))
        place = np.full(len(r), -1, np.int64)
        for g in groups:
            fits = place < 0
            for s, (low, high) in zip(found, (g.recency, g.frequency, g.money), strict=True):
                fits &= (s >= low) & (s <= high)
            place[fits] = names.index(g.name)
        return RfmScores(*found, mean, place, names)

    def map(self) -> list[dict[str, Any]]:
        """Which scores lead to which group, as rows to print."""
        return [
            {"group": g.name, "recency": _shown(g.recency), "frequency": _shown(g.frequency), "money": _shown(g.money)}
            for g in self.rules.groups_used
        ]


@dataclass(frozen=True)
class Rfm:
    """Scores 1 (worst) to ``levels`` (best) by quantiles, or by fixed ``thresholds`` (upper ends, recency in days); ties share a score.

    ``weights`` are those of recency, frequency and money in the mean score. ``groups`` are read in order, the first that fits counts.
    """

    levels: int = 5
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    thresholds: tuple[Sequence[float], Sequence[float], Sequence[float]] | None = None
    groups: tuple[Group, ...] = field(default=GROUPS)
    least_buyers: int = LEAST_BUYERS
    least_days: int = LEAST_DAYS
    recent_days: int = RECENT_DAYS

    name: ClassVar[str] = "rfm"
    title: ClassVar[tuple[str, str]] = ("RFM", "RFM 分群")
    meaning: ClassVar[tuple[str, str]] = (
        "How recently, how often and for how much customers bought, as scores and named groups.",
        "按最近一次购买、购买频次与金额打分，并归入命名分群。",
    )

    def __post_init__(self) -> None:
        if self.levels not in {3, 5}:
            raise WrongUseError(f"RFM has no {self.levels} levels.", "Choose 3 or 5.")
        if len(self.weights) != len(DIMENSIONS) or not sum(numbers(self.weights, "A weight", least=0)) > 0:
            raise WrongUseError(f"The weights of RFM are {self.weights}.", "Give three numbers that are not negative, and not all 0.")
        if self.thresholds is not None and len(self.thresholds) != len(DIMENSIONS):
            raise WrongUseError(f"There are thresholds of {len(self.thresholds)} dimensions.", f"Give those of {', '.join(DIMENSIONS)}.")
        for name, ends in zip(DIMENSIONS, self.thresholds or (), strict=False):
            numbers(ends, f"The list of thresholds of {name}")
            if len(ends) != self.levels - 1 or list(ends) != sorted(ends):
                raise WrongUseError(f"The thresholds of {name} are {list(ends)}.", f"Give {self.levels - 1} numbers in ascending order.")

    @property
    def groups_used(self) -> tuple[Group, ...]:
        if self.levels == 5 or self.groups is not GROUPS:
            return self.groups
        return tuple(Group(g.name, g.label, *(_three(r) for r in (g.recency, g.frequency, g.money))) for g in self.groups)

    def fit(self, table: Any) -> FittedRfm:
        """Thresholds from a table with columns recency (days), frequency and money, unless they are fixed.

        All are finite numbers; a table without rows raises ``RefusedError``.
        """
        if self.thresholds:
            return FittedRfm(self, *(np.asarray(ends, dtype=float) for ends in self.thresholds))
        r, f, m = _columns(table)
        if not len(r):
            raise RefusedError(
                "There are no customers to score.",
                "Give one row a customer.",
                chinese="没有可评分的客户。",
                chinese_hint="请提供每位客户一行的数据。",
            )
        return FittedRfm(self, *(quantile_thresholds(v, self.levels) for v in (r, f, m)))

    def estimate(self, sight: Sight) -> Estimate:
        """RFM of all buyers; refused with few buyers, a short history, or without a recent order."""
        p = sight.population
        self._check(len(p), int(p.today - p.first_day.min(initial=p.today)), int(p.recency.min(initial=10**9)))
        table = {"recency": p.recency, "frequency": p.orders, "money": p.amount}
        used = self._as_chosen(sight.choices.rfm)
        fitted = used.fit(table)
        found = fitted.score(table)
        parameters = [
            Parameter(f"{name}_{i}", float(v))
            for name, ends in zip(DIMENSIONS, (fitted.recency, fitted.frequency, fitted.money), strict=True)
            for i, v in enumerate(ends, 1)
        ]
        counts = np.bincount(found.group[found.group >= 0], minlength=len(found.names))
        # the first group is the one that matters most, whatever it is called
        best, top = used.groups_used[0].label, int(counts[0])
        rules, changed = noted(sight, self.name, used.settings)
        return Estimate(
            scores={
                "rfm_recency": pa.array(found.recency),
                "rfm_frequency": pa.array(found.frequency),
                "rfm_money": pa.array(found.money),
                "rfm_score": pa.array(found.score),
                "rfm_group": coded(found.group, found.names),
            },
            parameters=[*parameters, *rules],
            verdict=sight.say(
                f"{len(p):,} buyers scored; {top:,} of them are in the first group: {best[0]}.",
                f"已为 {len(p):,} 位买家评分，其中首个分群“{best[1]}”{top:,} 位。",
            )
            + changed,
        )

    def _as_chosen(self, given: RfmChoices | None) -> "Rfm":
        """These rules, or those that the workspace has written down."""
        if given is None:
            return self
        return replace(self, levels=given.levels, weights=given.weights, thresholds=given.thresholds, groups=given.groups or self.groups)

    @property
    def settings(self) -> dict[str, float]:
        """What was chosen, as numbers that a run keeps; groups only where they are the workspace's own."""
        found = {"levels": float(self.levels), "is_fixed": float(self.thresholds is not None)}
        found |= {f"weight_{d}": w for d, w in zip(DIMENSIONS, self.weights, strict=True)}
        for i, g in enumerate(self.groups if self.groups is not GROUPS else (), 1):
            for d, (low, high) in zip(DIMENSIONS, (g.recency, g.frequency, g.money), strict=True):
                found |= {f"group_{i}.{g.name}.{d}_from": float(low), f"group_{i}.{g.name}.{d}_to": float(high)}
        return found

    def _check(self, buyers: int, days: int, newest: int) -> None:
        if buyers < self.least_buyers:
            raise RefusedError(
                f"{buyers} customers have bought; RFM needs {self.least_buyers}.", "With so few, look at them one by one.",
                chinese=f"仅有 {buyers} 位买家，RFM 至少需要 {self.least_buyers} 位。", chinese_hint="客户不多时，可逐个查看。",
            )  # fmt: skip
        if days < self.least_days:
            raise RefusedError(
                f"The orders go back {days} days; RFM needs {self.least_days}.", "Import an older history, or wait.",
                chinese=f"订单历史仅 {days} 天，RFM 至少需要 {self.least_days} 天。", chinese_hint="请导入更早的历史数据，或等待数据积累。",
            )  # fmt: skip
        if newest > self.recent_days:
            raise RefusedError(
                f"The last order is {newest} days old; RFM needs one of the last {self.recent_days} days.", "Import the newest orders.",
                chinese=f"最近一单距今 {newest} 天，RFM 需要最近 {self.recent_days} 天内的订单。", chinese_hint="请导入最新订单。",
            )  # fmt: skip


def map_of(parameters: Mapping[str, float]) -> list[dict[str, Any]]:
    """Which scores lead to which group, by the rules that a run kept as its parameters."""
    own: dict[str, dict[str, int]] = {}
    for name, value in parameters.items():
        group, _, end = name.removeprefix(CHOSEN).rpartition(".")
        if group.startswith("group_"):
            own.setdefault(group, {})[end] = int(value)
    groups = tuple(
        Group(key.partition(".")[2], ("", ""), *((ends[f"{d}_from"], ends[f"{d}_to"]) for d in DIMENSIONS))
        for key, ends in sorted(own.items(), key=lambda o: int(o[0].partition(".")[0].removeprefix("group_")))
    )
    levels = int(parameters.get(f"{CHOSEN}levels", 5))
    nothing = np.zeros(0)
    return FittedRfm(Rfm(levels=levels, groups=groups or GROUPS), nothing, nothing, nothing).map()


def coded(places: Ints, names: Sequence[str]) -> pa.Array:
    """Names by their places; −1 is empty."""
    codes = pa.array(places, mask=places < 0, type=pa.int32(), from_pandas=False, safe=False) if len(places) else pa.array([], pa.int32())
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(names), pa.string())).cast(pa.string())


def _columns(table: Any) -> tuple[npt.NDArray[np.float64], ...]:
    found = columns_of(table)
    return tuple(numbers(column(found, n), f"Column {n!r}") for n in DIMENSIONS)


def _three(given: Range) -> Range:
    return _THREE[given[0]], _THREE[given[1]]


def _shown(given: Range) -> str:
    return str(given[0]) if given[0] == given[1] else f"{given[0]}-{given[1]}"
