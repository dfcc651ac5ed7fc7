"""Topics: what comments are about. Themes of a glossary, the same in every language, and topics found in one language by NMF."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.comments.bags import Bag, bag
from keepwell.models.comments.glossary import themes
from keepwell.models.comments.language import Language, spoken_in
from keepwell.models.comments.sentences import sentences
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import check_lengths, is_missing, texts_of

LEAST_COMMENTS = 50  # of all, to look for topics
LEAST_SHARE, LEAST_OF_TOPIC, LEAST_WRITERS = 0.01, 10, 5
FIT_SAMPLE, STABILITY_SAMPLE = 10_000, 4_000  # different texts
CANDIDATES = (4, 6, 8, 10, 12, 16)  # numbers of topics to be found in a language
TEXTS_PER_TOPIC = 10  # different ones, at least
STABLE = 0.75  # mean likeness of the topics that two halves of the comments give
MOST_PHRASES = 5
# a text is about a found topic that makes up so much of what it says, and is no mere trace
OWN_PART, OWN_WEIGHT = 0.25, 0.15
# a found topic of which so many comments speak of one theme belongs to it; as alike as this it is the theme
BELONGS, SAME = 0.6, 0.7
MOST_CANDIDATES = 100  # texts among which quotes are looked for
SHORTEST_QUOTE, LONGEST_QUOTE = 8, 240  # characters; Chinese ones say twice as much


@dataclass(frozen=True)
class Topic:
    """``language`` is None where it is spoken of in more than one; ``theme`` the one of the glossary that it is or belongs to."""

    name: str
    language: Language | None
    theme: str | None
    phrases: tuple[str, ...]

    @property
    def is_theme(self) -> bool:
        return self.theme == self.name


@dataclass(frozen=True)
class Quote:
    """The sentence at ``sentence`` (from 0, by :func:`~keepwell.models.comments.sentences.sentences`) of the comment at ``comment``."""

    comment: int
    sentence: int


@dataclass(frozen=True)
class FittedTopics:
    """Topics, the most frequent first, and which comments (rows) are about which of them (columns); a comment may be about several."""

    topics: tuple[Topic, ...]
    members: Bools
    spoken: tuple[Language, ...]  # of each comment
    found: dict[Language, int]  # how many topics NMF was asked for; 0 where halves of the comments do not agree on any
    _bags: dict[Language, Bag]

    def quotes(self, topic: int, among: Bools, most: int = 1) -> list[Quote]:
        """For each language the most typical sentences of the topic, of different texts, from the comments where ``among`` holds.

        The language in which most is said of it comes first.
        """
        told = self.members[:, topic] & among
        chosen = {k: b.rows[told[b.rows]] for k, b in sorted(self._bags.items())}
        order = sorted(chosen, key=lambda k: -len(chosen[k]))
        return [q for k in order if len(chosen[k]) for q in _typical(self._bags[k], self.topics[topic], chosen[k], most)]


@dataclass(frozen=True)
class Topics:
    """Finds what comments are about; the seed halves the comments to see on how many topics they agree."""

    seed: int = 20_260_101

    def fit(self, texts: Sequence[str], spoken: Sequence[Language] | None = None, writers: Sequence[Any] | None = None) -> FittedTopics:
        """From comments, their languages and who wrote them; None is somebody of whom no more is known.

        Phrases are words of at least five writers, so that no phrase points to a person. Scores play no part: what topics do to
        them can be judged on the same comments.
        """
        texts = texts_of(texts)
        known = spoken_in(texts, spoken)
        who = _known_writers(writers) if writers is not None else [None] * len(texts)
        check_lengths({"texts": texts, "writers": who})
        understood = [i for i, k in enumerate(known) if k is not Language.OTHER]
        if len(understood) < LEAST_COMMENTS:
            raise RefusedError(
                f"{len(understood)} comments are in a language that is understood; topics need {LEAST_COMMENTS}.",
                "Import answers with comments in English or Chinese.",
                chinese=f"仅有 {len(understood)} 条评论的语言可识别，话题分析至少需要 {LEAST_COMMENTS} 条。",
                chinese_hint="请导入带中文或英文评论的回答。",
            )
        bags = {}
        for language in sorted({known[i] for i in understood}):
            rows = np.array([i for i in understood if known[i] is language])
            bags[language] = bag([texts[i] for i in rows], language, rows, [who[i] for i in rows])
        least = max(LEAST_OF_TOPIC, LEAST_SHARE * len(understood))
        topics, members = _themes(bags, len(texts), least)
        asked = {}
        for language, b in bags.items():
            asked[language], weights, parts = _found(b, self.seed)
            own = [(_own(b, parts[t]), b.spread(weights[:, t] > 0, len(texts))) for t in range(len(parts))]
            for phrases, about in own:
                if about.sum() >= least and phrases:
                    _add(topics, members, phrases, about, language)
        if not topics:
            raise RefusedError(
                "The comments have no topic in common: no word is used by enough of them.", "Import more comments.",
                chinese="评论没有共同话题：没有一个词被足够多的评论使用。", chinese_hint="请导入更多评论。",
            )  # fmt: skip
        order = sorted(range(len(topics)), key=lambda i: (-int(members[i].sum()), topics[i].name))
        return FittedTopics(tuple(topics[i] for i in order), np.column_stack([members[i] for i in order]), tuple(known), asked, bags)


def _known_writers(writers: Sequence[Any]) -> list[Any]:
    """Of each comment who wrote it; None where that is missing, in whatever way it is written."""
    found = np.empty(len(writers), dtype=object)
    found[:] = list(writers)
    found[is_missing(found)] = None
    return list(found)


def _themes(bags: dict[Language, Bag], size: int, least: float) -> tuple[list[Topic], list[Bools]]:
    topics: list[Topic] = []
    members: list[Bools] = []
    for j, name in enumerate(themes()):
        about = np.zeros(size, bool)
        phrases: list[str] = []
        heard = []
        for language, b in bags.items():
            is_in = np.asarray(b.themes[:, [j]].todense()).ravel() > 0
            mine = b.spread(is_in, size)
            if mine.sum() >= LEAST_OF_TOPIC:
                heard.append(language)
            about |= mine
            phrases += b.marking(is_in, MOST_PHRASES)
        if about.sum() >= least:
            topics.append(Topic(name, heard[0] if len(heard) == 1 else None, name, tuple(phrases)))
            members.append(about)
    return topics, members


def _add(topics: list[Topic], members: list[Bools], phrases: tuple[str, ...], about: Bools, language: Language) -> None:
    """Put a found topic beside the others, unless it is one of them."""
    theme, most = None, 0.0
    for topic, other in zip(topics, members, strict=True):
        both, either = int((about & other).sum()), int((about | other).sum())
        if both >= SAME * either:
            return
        share = both / about.sum()
        if topic.is_theme and share >= BELONGS and share > most:
            theme, most = topic.name, share
    taken = {t.name for t in topics}
    name = next((p for p in phrases if p not in taken), None)
    if name is not None:
        topics.append(Topic(name, language, theme, phrases))
        members.append(about)


def _found(b: Bag, seed: int) -> tuple[int, Floats, Floats]:
    """How many topics, of each text those that it is about (else 0), and of each topic the weight of each term."""
    nothing = 0, np.zeros((len(b.texts), 0)), np.zeros((0, len(b.terms)))
    most = min(len(b.terms), len(b.texts) // TEXTS_PER_TOPIC)
    if most < CANDIDATES[0]:
        return nothing
    with _one_thread():
        matrix = b.weighted
        k = _stable_number(_sample(matrix, STABILITY_SAMPLE), [c for c in CANDIDATES if c <= most], seed)
        if not k:
            return nothing
        model = _nmf(k).fit(_sample(matrix, FIT_SAMPLE))
        parts = model.components_
        size = np.sqrt((parts**2).sum(axis=1))
        # rows are weighted for learning only: how much a text is about a topic does not hang on its copies
        own = model.transform(b.scaled) * size
    total = own.sum(axis=1, keepdims=True)
    is_about = (own >= OWN_PART * total) & (own >= OWN_WEIGHT)
    return k, np.where(is_about, own, 0.0), parts / np.where(size > 0, size, 1.0)[:, None]


def _stable_number(matrix: Any, candidates: Sequence[int], seed: int) -> int:
    """The largest number of topics that two halves of the texts agree upon; 0 where there is none."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - loaded only where something is learned

    is_first = np.random.default_rng(seed).permutation(matrix.shape[0]) < matrix.shape[0] // 2
    found = 0
    for k in candidates:
        if k > min(int(is_first.sum()), matrix.shape[1]):
            break
        one, other = (_unit(_nmf(k).fit(matrix[half]).components_) for half in (is_first, ~is_first))
        alike = one @ other.T
        rows, columns = linear_sum_assignment(-alike)
        if alike[rows, columns].mean() >= STABLE:
            found = k
    return found


def _nmf(k: int) -> Any:
    from sklearn.decomposition import NMF  # noqa: PLC0415 - scikit-learn takes a second to load

    return NMF(k, init="nndsvd", tol=1e-3, max_iter=200, random_state=0)


def _unit(rows: Floats) -> Floats:
    size = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    found: Floats = rows / np.where(size > 0, size, 1.0)
    return found


def _sample(matrix: Any, most: int) -> Any:
    if matrix.shape[0] <= most:
        return matrix
    return matrix[np.linspace(0, matrix.shape[0] - 1, most).astype(np.int64)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order, so that the last digit does not hang on the machine; a search that ends early is no fault."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - scikit-learn takes a second to load
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - the same

    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _own(b: Bag, part: Floats) -> tuple[str, ...]:
    """The phrases of a found topic: its heaviest terms, without a word that a heavier phrase holds."""
    found: list[str] = []
    for i in np.argsort(-part, kind="stable"):
        term = b.terms[i]
        if part[i] < 0.1 * part.max() or len(found) == MOST_PHRASES:
            break
        if b.is_tellable[i] and not any(term in other.split() or other in term.split() for other in found):
            found.append(term)
    return tuple(found)


def _typical(b: Bag, topic: Topic, chosen: Ints, most: int) -> list[Quote]:
    """Sentences nearest to the mean of the topic's texts, one a text."""
    text_of = b.text_of(chosen)
    first = dict(zip(text_of.tolist()[::-1], chosen.tolist()[::-1], strict=True))
    distinct = np.array(sorted(first), np.int64)
    centre = np.asarray(b.scaled[distinct].mean(axis=0)).ravel()
    nearest = distinct[np.argsort(-(b.scaled[distinct] @ centre), kind="stable")[:MOST_CANDIDATES]]
    theme = themes().get(topic.name) if topic.is_theme else None
    longest = LONGEST_QUOTE // (2 if b.language is Language.CHINESE else 1)
    shortest = SHORTEST_QUOTE // (2 if b.language is Language.CHINESE else 1)
    told: list[tuple[int, int, str]] = []
    for t in nearest.tolist():
        for place, sentence in enumerate(sentences(b.texts[t])):
            speaks = theme is None or theme.is_in(sentence.lower(), b.language)
            if shortest <= len(sentence) <= longest and speaks:
                told.append((t, place, sentence))
    likeness = b.vectors([s for _, _, s in told]) @ centre
    found: list[Quote] = []
    seen: set[int] = set()
    for i in np.argsort(-likeness, kind="stable"):
        t, place, _ = told[i]
        if likeness[i] > 0 and t not in seen and len(found) < most:
            seen.add(t)
            found.append(Quote(first[t], place))
    return found
