"""Sentiment of comments: learned from a workspace's own scored ones where that is better than a list of words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.comments.copies import different
from keepwell.models.comments.language import Language, spoken_in
from keepwell.models.comments.lexicon import polarities
from keepwell.models.judging import Discrimination, discrimination
from keepwell.models.tables import flags, texts_of

LEAST_EACH = 100  # different texts of the happy, and of the unhappy
MOST_TEXTS = 8_000  # to learn from, of a language
FOLDS = 5
INVERSE_PENALTY, TOLERANCE = 10.0, 1e-2
CHUNK = 20_000
# one or two characters are a word of Chinese; English ones need more, and end at the word
SHAPES = {Language.CHINESE: ("char", (1, 2)), Language.ENGLISH: ("char_wb", (2, 4)), Language.OTHER: ("char_wb", (2, 4))}


@dataclass(frozen=True)
class Judged:
    """How one language's sentiment does on texts that it has not learned from, beside the list of words and the commoner mood.

    Each different text counts once. ``learned`` is None where there were too few to learn from.
    """

    language: Language
    texts: int
    happy: int
    learned: Discrimination | None
    learned_accuracy: float | None
    lexicon: Discrimination
    lexicon_accuracy: float
    majority_accuracy: float

    @property
    def is_learned(self) -> bool:
        """Whether the learned model is used: its area under the curve is surely larger than that of the list of words."""
        return self.learned is not None and self.learned.auc_low > self.lexicon.auc


@dataclass(frozen=True)
class FittedSentiment:
    """Models by language; a language without one is read by the list of words."""

    models: Mapping[Language, "LearnedSentiment"]
    judged: Mapping[Language, Judged]

    def predict(self, texts: Sequence[str], spoken: Sequence[Language] | None = None) -> Floats:
        """From −1, surely unhappy, to 1, surely happy; 0 where nothing is known. Equal texts get equal values."""
        texts = texts_of(texts)
        known = spoken_in(texts, spoken)
        found = np.zeros(len(texts))
        for language in sorted(set(known)):
            at = np.flatnonzero([k is language for k in known])
            some, back = different([texts[i] for i in at.tolist()])
            model = self.models.get(language)
            each = polarities(some, [language] * len(some)) if model is None else model.predict(some)
            found[at] = each[back]
        return found


@dataclass(frozen=True)
class Sentiment:
    """Logistic regression on TF-IDF of character n-grams and the list of words, one model a language, judged by five-fold cross-validation.

    All copies of a text lie in one fold, so that none is judged by its own copy.
    """

    seed: int = 20_260_101

    def fit(self, texts: Sequence[str], is_happy: Sequence[bool] | Bools, spoken: Sequence[Language] | None = None) -> FittedSentiment:
        """From comments and whether their writer's score was a happy one; neither-nor ones are left out by the caller."""
        texts = texts_of(texts)
        mood = flags(is_happy, "The mood").astype(float)
        if len(mood) != len(texts):
            raise WrongUseError(f"{len(texts)} texts have {len(mood)} moods.", "Give as many of both.")
        known = spoken_in(texts, spoken)
        models: dict[Language, LearnedSentiment | None] = {}
        judged: dict[Language, Judged] = {}
        for language in sorted(set(known)):
            some, happy = _with_mood([t for t, k in zip(texts, known, strict=True) if k is language], mood[[k is language for k in known]])
            if len(some) and 0 < happy.sum() < len(happy):
                judged[language], models[language] = self._judged(some, happy, language)
        return FittedSentiment({k: m for k, m in models.items() if m is not None and judged[k].is_learned}, judged)

    def _judged(self, texts: list[str], happy: Bools, language: Language) -> tuple[Judged, "LearnedSentiment | None"]:
        by_words = polarities(texts, [language] * len(texts))
        # a text without a known word is taken for the commoner mood
        says = np.where(by_words == 0, happy.mean() > 0.5, by_words > 0)
        majority = max(happy.mean(), 1 - happy.mean())
        held, model = None, None
        if min(happy.sum(), (~happy).sum()) >= LEAST_EACH:
            held, model = self._held_out(texts, by_words, happy, language)
        return Judged(
            language=language,
            texts=len(texts),
            happy=int(happy.sum()),
            learned=None if held is None else discrimination(held, happy),
            learned_accuracy=None if held is None else float(((held > 0.5) == happy).mean()),
            lexicon=discrimination(by_words, happy),
            lexicon_accuracy=float((says == happy).mean()),
            majority_accuracy=float(majority),
        ), model

    def _held_out(self, texts: list[str], by_words: Floats, happy: Bools, language: Language) -> tuple[Floats, "LearnedSentiment"]:
        """Of each text the chance that it is a happy one, by a model that has not seen it; and the model of all."""
        from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415 - scikit-learn takes a second to load

        analyzer, lengths = SHAPES[language]
        counter = CountVectorizer(analyzer=analyzer, ngram_range=lengths, min_df=2, dtype=np.float64)
        counts = counter.fit_transform(texts)
        fold = _folds(happy, self.seed)
        found = np.zeros(len(texts))
        for k in range(FOLDS):
            inside = fold != k
            found[~inside] = _Weighing.of(counts[inside], by_words[inside], happy[inside]).chance(counts[~inside], by_words[~inside])
        return found, LearnedSentiment(language, counter, _Weighing.of(counts, by_words, happy))


@dataclass(frozen=True)
class _Weighing:
    """TF-IDF of the n-grams that occur in two texts or more, the list of words as one more column, and their weights."""

    often: Ints
    scaled: Any
    model: Any

    @classmethod
    def of(cls, counts: Any, by_words: Floats, happy: Bools) -> "_Weighing":
        from sklearn.feature_extraction.text import TfidfTransformer  # noqa: PLC0415 - scikit-learn takes a second to load
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the same

        often = np.flatnonzero(np.asarray((counts > 0).sum(axis=0)).ravel() >= 2)
        scaled = TfidfTransformer(sublinear_tf=True).fit(counts[:, often])
        # the dual problem, whose coordinates are taken in a seeded order: three times as fast as the primal one, by one thread
        model = LogisticRegression(C=INVERSE_PENALTY, solver="liblinear", dual=True, tol=TOLERANCE, max_iter=1_000, random_state=0)
        return cls(often, scaled, model.fit(_beside(scaled.transform(counts[:, often]), by_words), happy))

    def chance(self, counts: Any, by_words: Floats) -> Floats:
        found: Floats = self.model.predict_proba(_beside(self.scaled.transform(counts[:, self.often]), by_words))[:, 1]
        return found


@dataclass(frozen=True)
class LearnedSentiment:
    """One language's model."""

    language: Language
    counter: Any
    weighing: _Weighing

    def predict(self, texts: Sequence[str]) -> Floats:
        """2 × the chance of a happy writer − 1."""
        chances = []
        for start in range(0, len(texts), CHUNK):
            some = texts[start : start + CHUNK]
            chances.append(self.weighing.chance(self.counter.transform(some), polarities(some, [self.language] * len(some))))
        return 2 * np.concatenate(chances) - 1


def _beside(matrix: Any, column: Floats) -> Any:
    from scipy.sparse import csr_matrix, hstack  # noqa: PLC0415 - loaded only where something is learned

    return hstack([matrix, csr_matrix(column[:, None])], format="csr")


def _with_mood(texts: list[str], mood: Floats) -> tuple[list[str], Bools]:
    """Each different text once, in their order, with the mood of most of its copies; those without one are left out."""
    distinct, at = different(texts)
    mean = np.bincount(at, mood) / np.bincount(at)
    kept = np.flatnonzero(mean != 0.5)
    if len(kept) > MOST_TEXTS:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_TEXTS).astype(np.int64)]
    return [distinct[i] for i in kept.tolist()], mean[kept] > 0.5


def _folds(happy: Bools, seed: int) -> Ints:
    """Of each text its fold; happy and unhappy ones are spread evenly."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(happy), np.int64)
    for side in (happy, ~happy):
        fold[rng.permutation(np.flatnonzero(side))] = np.arange(int(side.sum())) % FOLDS
    return fold
