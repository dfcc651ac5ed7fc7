"""Topics on a workspace: what customers write about, how they sound, and what each topic does to NPS and satisfaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from keepwell.lake.delta import schema_of
from keepwell.lake.table import META_COLUMNS, table
from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.comments.effects import Effect, effect_or_none
from keepwell.models.comments.language import Language
from keepwell.models.comments.sentiment import FittedSentiment, Judged, Sentiment
from keepwell.models.comments.stored import METRICS, Comments, comments_of, day_before
from keepwell.models.comments.titles import title_of
from keepwell.models.comments.topics import LEAST_COMMENTS, FittedTopics, Topic, Topics
from keepwell.models.estimator import Estimate, Judgement, Parameter, Sight
from keepwell.models.population import EPOCH
from keepwell.models.refusal import RefusedError

RECENT_DAYS = 365
LEAST_RECENT = 200  # comments; with fewer in the last year all are looked at
ALL_LANGUAGES = "all"
WITHOUT_SCORE = "other"
QUOTES = 2  # a language
NAMES = {"nps": ("NPS", "净推荐值"), "csat": ("satisfaction", "客户满意度")}


@dataclass(frozen=True)
class _Told:
    """One topic beside one score."""

    metric: str
    place: int
    topic: Topic
    speaks: Bools  # of the comments with that score
    of: int  # comments with that score
    effect: Effect | None

    @property
    def language(self) -> str:
        return str(self.topic.language or ALL_LANGUAGES)


@dataclass(frozen=True)
class CommentTopics:
    """Comments of the last year (of all time where these are few), by language, sentiment and topic."""

    name: ClassVar[str] = "topics"
    title: ClassVar[tuple[str, str]] = ("Topics of comments", "评论话题")
    meaning: ClassVar[tuple[str, str]] = (
        "What customers write about, how they sound, and by how many points each topic moves NPS and satisfaction.",
        "客户在谈什么、情绪如何，以及每个话题使净推荐值与客户满意度变动多少点。",
    )

    def estimate(self, sight: Sight) -> Estimate:
        everything = comments_of(sight.session)
        if len(everything) < LEAST_COMMENTS:
            raise RefusedError(
                f"There are {len(everything)} comments; topics need {LEAST_COMMENTS}.", "Import survey answers with comments.",
                chinese=f"仅有 {len(everything)} 条评论，话题分析至少需要 {LEAST_COMMENTS} 条。", chinese_hint="请导入带评论的问卷回答。",
            )  # fmt: skip
        known = np.isfinite(everything.mood)
        learner = Sentiment(sight.choices.seed)
        at = np.flatnonzero(known)
        feeling = learner.fit([everything.text[i] for i in at], everything.mood[at] == 1, [everything.language[i] for i in at])
        recent = everything.since(day_before(sight.population.as_of, RECENT_DAYS))
        is_recent = int(recent.sum()) >= LEAST_RECENT
        rows = np.flatnonzero(recent) if is_recent else np.arange(len(everything))
        comments = everything.some(rows)
        writers = comments.customer.tolist()
        fitted = Topics(sight.choices.seed).fit(comments.text, comments.language, writers)
        sentiment = feeling.predict(comments.text, comments.language)
        told = _told(comments, fitted)
        return Estimate(
            tables={"topics": _topic_rows(told, sentiment), "topic_quotes": _quote_rows(told, fitted, comments)},
            parameters=_parameters(comments, fitted, feeling, is_recent=is_recent),
            judgements=[j for judged in feeling.judged.values() for j in _judgements(sight, judged, feeling)]
            + [Judgement("share_with_a_topic", float(fitted.members.any(axis=1).mean()), n=len(comments))],
            verdict=_verdict(sight, told, comments, is_recent=is_recent),
            data_from=EPOCH + timedelta(days=int(comments.answered_on.min())),
            for_later=_for_later(comments, fitted, sentiment),
        )


def _told(comments: Comments, fitted: FittedTopics) -> list[_Told]:
    """Every topic beside every score, those that move it most first; a topic that nobody with a score speaks of is left out."""
    found = []
    for metric in METRICS:
        score = comments.scores[metric]
        scored = np.isfinite(score)
        if scored.sum() < LEAST_COMMENTS:
            continue
        mine = []
        for i, topic in enumerate(fitted.topics):
            speaks = fitted.members[:, i] & scored
            if speaks.any():
                effect = effect_or_none(score[scored], speaks[scored], comments.customer[scored])
                mine.append(_Told(metric, i, topic, speaks, int(scored.sum()), effect))
        found += sorted(mine, key=lambda t: (-abs(t.effect.effect) if t.effect else 0.0, t.place))
    if not found:
        found = [_Told(WITHOUT_SCORE, i, topic, fitted.members[:, i], len(comments), None) for i, topic in enumerate(fitted.topics)]
    return found


def _topic_rows(told: Sequence[_Told], sentiment: Floats) -> pa.Table:
    rows = [
        {
            "metric": t.metric, "language": t.language, "topic": t.topic.name, "theme": t.topic.theme, "phrases": ", ".join(t.topic.phrases),
            "comments": int(t.speaks.sum()), "share": float(t.speaks.sum()) / t.of,
            "mean_score": t.effect.mean_with if t.effect else None, "mean_without": t.effect.mean_without if t.effect else None,
            "effect": t.effect.effect if t.effect else None, "effect_low": t.effect.low if t.effect else None,
            "effect_high": t.effect.high if t.effect else None, "sentiment": float(sentiment[t.speaks].mean()),
        }
        for t in told
    ]  # fmt: skip
    return _table("topics", rows)


def _quote_rows(told: Sequence[_Told], fitted: FittedTopics, comments: Comments) -> pa.Table:
    """Typical sentences from comments on the side to which the topic moves the score."""
    rows: list[dict[str, Any]] = []
    for t in told:
        among = t.speaks
        if t.effect is not None:
            score = comments.scores[t.metric]
            mean = np.nanmean(score)
            side = np.nan_to_num(score - mean) * np.sign(t.effect.effect) > 0
            among = t.speaks & side if (t.speaks & side).any() else t.speaks
        for place, q in enumerate(fitted.quotes(t.place, among, QUOTES), start=1):
            rows.append(
                {
                    "metric": t.metric, "language": t.language, "topic": t.topic.name, "place": place, "sentence": q.sentence,
                    "response_id": comments.response_id[q.comment].as_py(), "question_id": comments.question_id[q.comment].as_py(),
                }
            )  # fmt: skip
    return _table("topic_quotes", rows)


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    hidden = {"run_id", *(c for c, _ in META_COLUMNS)}
    return pa.Table.from_pylist(rows, pa.schema([f for f in schema_of(table(name)) if f.name not in hidden]))


def _for_later(comments: Comments, fitted: FittedTopics, sentiment: Floats) -> pa.Table:
    """For the drivers: which answer speaks of which topic, and how it sounds; with an empty topic where it speaks of none."""
    at, topic = np.nonzero(fitted.members)
    silent = np.flatnonzero(~fitted.members.any(axis=1))
    rows: Ints = np.concatenate([at, silent])
    names = [*(fitted.topics[i].name for i in topic), *([None] * len(silent))]
    return pa.table({
        "response_id": comments.response_id.take(pa.array(rows)),
        "topic": pa.array(names, pa.string()),
        "sentiment": pa.array(sentiment[rows]),
    })  # fmt: skip


def _parameters(comments: Comments, fitted: FittedTopics, feeling: FittedSentiment, *, is_recent: bool) -> list[Parameter]:
    counts = {str(k): float(sum(spoken is k for spoken in comments.language)) for k in Language}
    return [
        Parameter("comments", float(len(comments))),
        *(Parameter(f"comments_{k}", n) for k, n in counts.items()),
        *([Parameter("recent_days", float(RECENT_DAYS))] if is_recent else []),
        *(Parameter(f"found_topics_{k}", float(n)) for k, n in fitted.found.items()),
        *(Parameter(f"is_sentiment_learned_{k}", float(k in feeling.models)) for k in feeling.judged),
    ]


def _judgements(sight: Sight, judged: Judged, feeling: FittedSentiment) -> list[Judgement]:
    """Sentiment on texts not learned from: the learned one beside the list of words, else that list beside the commoner mood."""
    k, learned = judged.language, judged.learned
    is_used = k in feeling.models
    by_majority = judged.majority_accuracy >= judged.lexicon_accuracy
    best = ("majority", judged.majority_accuracy) if by_majority or learned is None else ("lexicon", judged.lexicon_accuracy)
    accuracy = judged.lexicon_accuracy if judged.learned_accuracy is None else judged.learned_accuracy
    found = [
        Judgement(
            f"sentiment_accuracy_{k}", accuracy, n=judged.texts, baseline=best[0], baseline_value=best[1], beats_baseline=accuracy > best[1],
            note=sight.say(
                f"{'learned' if is_used else 'lexicon'} is used; each different text counts once",
                f"采用{'学习模型' if is_used else '词典'}；相同文本只计一次",
            ),
        )
    ]  # fmt: skip
    shown = judged.lexicon if learned is None else learned
    baseline, other = ("chance", 0.5) if learned is None else ("lexicon", judged.lexicon.auc)
    found.append(
        Judgement(
            f"sentiment_auc_{k}", shown.auc, n=judged.texts, ci_low=shown.auc_low, ci_high=shown.auc_high, baseline=baseline,
            baseline_value=other, beats_baseline=shown.auc_low > other,
        )
    )  # fmt: skip
    return found


def _verdict(sight: Sight, told: Sequence[_Told], comments: Comments, *, is_recent: bool) -> str:
    size = len(comments)
    when = sight.say(" of the last twelve months", "近十二个月的 ") if is_recent else ""
    start = sight.say(f"{size:,} comments{when}.", f"{when}{size:,} 条评论。")
    parts = [_moves(sight, metric, [t for t in told if t.metric == metric]) for metric in NAMES if any(t.metric == metric for t in told)]
    if not parts:
        parts = [sight.say("None has a score, so what topics do to one can't be told.", "评论均无评分，无法判断话题对评分的影响。")]
    return (start if sight.is_chinese else start + " ") + ("" if sight.is_chinese else " ").join(parts)


def _moves(sight: Sight, metric: str, told: Sequence[_Told]) -> str:
    """The topics that surely lower and raise a score most."""
    sure = [(t, t.effect) for t in told if t.effect is not None and t.effect.low * t.effect.high > 0]
    name = NAMES[metric][1 if sight.is_chinese else 0]
    down, up = ([(t, e) for t, e in sure if e.effect * sign > 0] for sign in (-1, 1))
    if not sure:
        return sight.say(f"No topic surely moves {name}.", f"没有话题能确定影响{name}。")
    said = []
    for which, english, chinese in (
        (down, f"What lowers {name} most", f"最拉低{name}的是"),
        (up, f"What raises {name} most", f"最拉高{name}的是"),
    ):
        if which:
            t, e = which[0]
            title = title_of(t.topic.name, is_chinese=sight.is_chinese)
            said.append(
                sight.say(
                    f"{english}: {title} ({e.effect:+.1f} points, {e.low:+.1f} to {e.high:+.1f}).",
                    f"{chinese}{title}（{e.effect:+.1f} 点，{e.low:+.1f} 至 {e.high:+.1f}）。",
                )
            )
    return ("" if sight.is_chinese else " ").join(said)
