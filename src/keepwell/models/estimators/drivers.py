"""Drivers of NPS and satisfaction: how much of the score each question, wait and topic explains, and how well we do at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from keepwell.lake.delta import schema_of
from keepwell.lake.table import META_COLUMNS, table
from keepwell.models.answers import Answers, answers_of, questions_of, topics_of, waits_of
from keepwell.models.btyd.summary import Floats
from keepwell.models.comments.glossary import themes
from keepwell.models.comments.stored import METRICS, day_before
from keepwell.models.comments.titles import driver_title
from keepwell.models.estimator import Estimate, Judgement, Parameter, Sight
from keepwell.models.estimators.topics import LEAST_RECENT, NAMES, RECENT_DAYS
from keepwell.models.population import EPOCH
from keepwell.models.refusal import RefusedError
from keepwell.models.shapley import MOST_DRIVERS, Importance, importance

LEAST_ANSWERS, LEAST_CUSTOMERS = 100, 50
LEAST_KNOWN = 50  # answers that have a driver
MOST_QUESTIONS = 4  # the most often answered; topics, the most frequent ones, fill up to ten drivers


@dataclass(frozen=True)
class _Driver:
    """One column that may explain the score; ``performance`` from 0 to 100 where it can be told."""

    kind: str
    name: str
    value: Floats
    answers: int
    performance: float | None

    @property
    def key(self) -> str:
        return f"{self.kind}.{self.name}"

    def title(self, *, is_chinese: bool) -> str:
        return driver_title(self.kind, self.name, is_chinese=is_chinese)


@dataclass(frozen=True)
class _Explained:
    metric: str
    drivers: list[_Driver]
    found: Importance
    correlations: list[float | None]
    data_from: date


@dataclass(frozen=True)
class Drivers:
    """Shapley values of R² over all subsets of at most ten drivers, with intervals by resampling customers."""

    name: ClassVar[str] = "drivers"
    title: ClassVar[tuple[str, str]] = ("Drivers of satisfaction", "满意度驱动因素")
    meaning: ClassVar[tuple[str, str]] = (
        "How much of NPS and satisfaction each question, wait and topic explains, and how well we do at it.",
        "每个问题、等待与话题在多大程度上解释净推荐值与客户满意度，以及我们的表现如何。",
    )

    def estimate(self, sight: Sight) -> Estimate:
        explained: list[_Explained] = []
        reasons: list[RefusedError] = []
        for metric in METRICS:
            try:
                explained.append(_explained(sight, metric))
            except RefusedError as error:
                reasons.append(error)
        if not explained:
            raise RefusedError(
                " ".join(e.message for e in reasons),
                "Import answers to NPS or satisfaction questions with further questions, tickets or comments.",
                chinese="".join(e.chinese for e in reasons),
                chinese_hint="请导入净推荐值或满意度问卷的回答，并附其他问题、工单或评论。",
            )
        return Estimate(
            tables={"drivers": _rows(explained)},
            parameters=[Parameter(f"{what}.{e.metric}", float(v)) for e in explained for what, v in (("r2", e.found.r2), ("answers", e.found.n))],
            judgements=[
                Judgement(
                    f"r2_{e.metric}", e.found.tested_r2, n=e.found.n, baseline="best_single_driver", baseline_value=e.found.best_alone,
                    beats_baseline=e.found.tested_r2 > e.found.best_alone, note=sight.say("on customers not learned from", "在未参与学习的客户上检验"),
                )
                for e in explained
            ],
            data_from=min(e.data_from for e in explained),
            verdict=("" if sight.is_chinese else " ").join(_told(sight, e) for e in explained),
        )  # fmt: skip


def _explained(sight: Sight, metric: str) -> _Explained:
    answers, is_recent = _recent(sight, answers_of(sight.session, metric))
    name, chinese_name = NAMES[metric]
    if len(answers.points) < LEAST_ANSWERS or len(np.unique(answers.customer)) < LEAST_CUSTOMERS:
        raise RefusedError(
            f"{name}: {len(answers.points)} answers are too few; drivers need {LEAST_ANSWERS}, of {LEAST_CUSTOMERS} customers.",
            chinese=f"{chinese_name}：{len(answers.points)} 个回答太少，至少需要 {LEAST_CUSTOMERS} 位客户的 {LEAST_ANSWERS} 个回答。",
        )
    if np.ptp(answers.points) == 0:
        raise RefusedError(f"{name}: all answers are the same.", chinese=f"{chinese_name}：所有回答相同。")
    drivers = [*_questions(sight, metric, answers), *_waits(sight, metric, answers)]
    drivers += _topics(sight, answers, is_recent=is_recent)[: MOST_DRIVERS - len(drivers)]
    if not drivers:
        raise RefusedError(
            f"{name}: no question, wait or topic is known of {LEAST_KNOWN} answers.",
            chinese=f"{chinese_name}：没有任何问题、等待或话题覆盖 {LEAST_KNOWN} 个回答。",
        )
    found = importance(answers.points, {d.key: d.value for d in drivers}, answers.customer, sight.choices.seed)
    return _Explained(
        metric,
        drivers,
        found,
        [_correlation(d.value, answers.points) for d in drivers],
        EPOCH + timedelta(days=int(answers.answered_on.min())),
    )


def _recent(sight: Sight, answers: Answers) -> tuple[Answers, bool]:
    """Answers of the last year; of all time where these are few."""
    recent = answers.answered_on > day_before(sight.population.as_of, RECENT_DAYS)
    if recent.sum() < LEAST_RECENT:
        return answers, False
    return answers.some(np.flatnonzero(recent)), True


def _questions(sight: Sight, metric: str, answers: Answers) -> list[_Driver]:
    found = [
        _Driver("question", name, points, known, float(np.nanmean(points)))
        for name, points in questions_of(sight.session, metric, answers).items()
        if (known := int(np.isfinite(points).sum())) >= LEAST_KNOWN and np.ptp(points[np.isfinite(points)]) > 0
    ]
    return found[:MOST_QUESTIONS]


def _waits(sight: Sight, metric: str, answers: Answers) -> list[_Driver]:
    found = []
    for wait in waits_of(sight.session, metric, answers):
        known = np.isfinite(wait.value)
        if known.sum() >= LEAST_KNOWN and np.ptp(wait.value[known]) > 0:
            performance = float(100 * np.nanmean(wait.in_time)) if np.isfinite(wait.in_time).any() else None
            found.append(_Driver("wait", wait.name, wait.value, int(known.sum()), performance))
    return found


def _topics(sight: Sight, answers: Answers, *, is_recent: bool) -> list[_Driver]:
    """The most frequent themes of the comments, if they were looked for in the same time."""
    told = sight.done.get("topics")
    if told is None or told.for_later is None or any(p.name == "recent_days" for p in told.parameters) != is_recent:
        return []
    names = sorted({n for n in told.for_later.column("topic").to_pylist() if n in themes()})
    found = [
        _Driver("topic", name, speaks, int(speaks.sum()), float(50 + 50 * np.nanmean(sentiment)))
        for name, (speaks, sentiment) in topics_of(told.for_later, answers, names).items()
        if LEAST_KNOWN <= speaks.sum() < len(speaks)
    ]
    return sorted(found, key=lambda d: (-d.answers, d.name))


def _correlation(value: Floats, points: Floats) -> float | None:
    known = np.isfinite(value)
    if np.ptp(value[known]) == 0 or np.ptp(points[known]) == 0:
        return None
    x, y = value[known] - value[known].mean(), points[known] - points[known].mean()
    return float(np.clip((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()), -1, 1))


def _rows(explained: Sequence[_Explained]) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for e in explained:
        f = e.found
        for i in np.argsort(-f.shares, kind="stable").tolist():
            d = e.drivers[i]
            rows.append(
                {
                    "metric": e.metric, "kind": d.kind, "driver": d.name, "answers": d.answers, "importance": float(f.shares[i]),
                    "importance_low": float(f.low[i]), "importance_high": float(f.high[i]), "noise": float(f.noise[i]),
                    "correlation": e.correlations[i], "performance": d.performance,
                }
            )  # fmt: skip
    hidden = {"run_id", *(c for c, _ in META_COLUMNS)}
    return pa.Table.from_pylist(rows, pa.schema([f for f in schema_of(table("drivers")) if f.name not in hidden]))


def _told(sight: Sight, e: _Explained) -> str:
    """What explains most, and where most is to be gained: an important driver at which we do worse than at the others."""
    place = 1 if sight.is_chinese else 0
    name, f = NAMES[e.metric][place], e.found
    sure = [i for i in np.argsort(-f.shares, kind="stable").tolist() if f.low[i] > f.noise[i]]
    if not sure:
        return sight.say(f"{name}: no driver surely explains it.", f"{name}：没有因素能确定解释它。")
    top = e.drivers[sure[0]]
    title = top.title(is_chinese=sight.is_chinese)
    english = f"{name}: the drivers explain {f.r2:.0%} of the differences, {title} most ({f.shares[sure[0]]:.0%}, {f.low[sure[0]]:.0%} to {f.high[sure[0]]:.0%})"
    chinese = (
        f"{name}：各因素共解释差异的 {f.r2:.0%}，其中{title}最多（{f.shares[sure[0]]:.0%}，{f.low[sure[0]]:.0%} 至 {f.high[sure[0]]:.0%}）"
    )
    gains = {i: f.shares[i] * (100 - p) for i in sure if (p := e.drivers[i].performance) is not None}
    if gains:
        first = e.drivers[max(gains, key=lambda i: gains[i])]
        english += f"; most is to be gained at {first.title(is_chinese=False)}, where we stand at {first.performance:.0f} of 100"
        chinese += f"；{first.title(is_chinese=True)}的提升空间最大，当前为 {first.performance:.0f}（满分 100）"
    return sight.say(english + ".", chinese + "。")
