"""Comments of one language as counts of their terms, each different text once."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.comments.copies import different
from keepwell.models.comments.glossary import themes
from keepwell.models.comments.language import Language
from keepwell.models.comments.words import BETWEEN, stem, words

MOST_TERMS = 2_000
LEAST_TEXTS, LEAST_SHARE = 3, 0.003  # that hold a term
LEAST_WRITERS = 5  # of a term that is told


@dataclass(frozen=True)
class Bag:
    """Different texts, sorted, as TF-IDF of their terms; ``copies`` is how often each occurs, ``rows`` which comments there are.

    A term is told (``is_tellable``) if enough different people wrote it.
    """

    language: Language
    texts: list[str]
    copies: Floats
    rows: Ints  # of the comments of this language, in their order
    at: Ints  # of each of them its text
    terms: tuple[str, ...]  # as they are written most often
    keys: dict[str, int]
    is_tellable: Bools
    scaled: Any  # texts × terms, rows of length 1
    themes: Any  # texts × themes of the glossary
    _inverse: Floats  # document frequency, inverse

    @property
    def weighted(self) -> Any:
        """The rows by the root of their copies: least squares on them are those on all comments."""
        from scipy.sparse import diags  # noqa: PLC0415 - loaded only where something is learned

        return (diags(np.sqrt(self.copies)) @ self.scaled).tocsr()

    def spread(self, is_about: Bools, size: int) -> Bools:
        """What holds of texts, for the comments among ``size``."""
        found = np.zeros(size, bool)
        found[self.rows] = is_about[self.at]
        return found

    def text_of(self, comments: Ints) -> Ints:
        """The places of the texts of some of the comments."""
        found: Ints = self.at[np.searchsorted(self.rows, comments)]
        return found

    def marking(self, is_about: Bools, most: int) -> list[str]:
        """The terms that these texts have more often than the others, by the difference of the shares."""
        inside, outside = (self.copies * side for side in (is_about, ~is_about))
        if not inside.sum():
            return []
        has = self.scaled > 0
        rest = max(outside.sum(), 1.0)
        more = (has.T @ inside) / inside.sum() - (has.T @ outside) / rest
        found: list[str] = []
        for i in np.argsort(-more, kind="stable"):
            if len(found) == most or more[i] <= 0:
                break
            if self.is_tellable[i] and not any(self.terms[i] in f.split() or f in self.terms[i].split() for f in found):
                found.append(self.terms[i])
        return found

    def vectors(self, sentences: Sequence[str]) -> Any:
        """Other texts in the same terms."""
        return _scaled(_counts([terms_of(s, self.language) for s in sentences], self.keys), self._inverse)


def terms_of(text: str, language: Language) -> list[tuple[str, str]]:
    """Single words, and in English pairs of neighbours, each as its key and as it is written."""
    found = words(text, language)
    if language is not Language.ENGLISH:
        return [(w, w) for w in found if w != BETWEEN]
    keys = [stem(w) for w in found]
    single = [(k, w) for k, w in zip(keys, found, strict=True) if w != BETWEEN]
    pairs = [
        (f"{keys[i]} {keys[i + 1]}", f"{found[i]} {found[i + 1]}")
        for i in range(len(found) - 1)
        if BETWEEN not in (found[i], found[i + 1]) and keys[i] != keys[i + 1]
    ]
    return single + pairs


def bag(texts: Sequence[str], language: Language, rows: Ints, writers: Sequence[Hashable]) -> Bag:
    """From texts of one language, in which rows they stand, ascending, and who wrote them; None is somebody else each time."""
    distinct, at = different(texts)
    copies = np.bincount(at, minlength=len(distinct)).astype(float)
    spoken = [terms_of(t, language) for t in distinct]
    kept, forms = _kept(spoken, copies, max(LEAST_TEXTS, LEAST_SHARE * len(texts)))
    keys = {k: i for i, k in enumerate(kept)}
    counts = _counts(spoken, keys)
    heard = (counts > 0).astype(float).T @ copies
    inverse = np.log((1 + copies.sum()) / (1 + heard)) + 1
    return Bag(
        language,
        distinct,
        copies,
        rows,
        at,
        forms,
        keys,
        _tellable(counts, at, writers),
        _scaled(counts, inverse),
        _about(distinct, language),
        inverse,
    )


def _kept(spoken: list[list[tuple[str, str]]], copies: Floats, least: float) -> tuple[list[str], tuple[str, ...]]:
    """The keys of the most frequent terms, and how each is written most often."""
    written: dict[str, Counter[str]] = {}
    for each, weight in zip(spoken, copies.tolist(), strict=True):
        for key, form in dict(each).items():
            written.setdefault(key, Counter())[form] += int(weight)
    heard = {k: forms.total() for k, forms in written.items()}
    kept = sorted((k for k, n in heard.items() if n >= least), key=lambda k: (-heard[k], k))[:MOST_TERMS]
    return kept, tuple(min(written[k].items(), key=lambda item: (-item[1], item[0]))[0] for k in kept)


def _counts(spoken: list[list[tuple[str, str]]], keys: dict[str, int]) -> Any:
    pairs = [(i, keys[k]) for i, each in enumerate(spoken) for k, _ in each if k in keys]
    return _matrix(pairs, (len(spoken), len(keys)))


def _matrix(pairs: list[tuple[int, int]], shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - loaded only where something is learned

    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    return csr_matrix((np.ones(len(pairs)), (rows, columns)), shape=shape)


def _scaled(counts: Any, inverse: Floats) -> Any:
    """1 + the logarithm of the count, by the inverse document frequency, each row of length 1."""
    found = counts.copy()
    found.data = (1 + np.log(found.data)) * inverse[found.indices]
    size = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    found.data /= np.repeat(np.where(size > 0, size, 1.0), np.diff(found.indptr))
    return found


def _tellable(counts: Any, at: Ints, writers: Sequence[Hashable]) -> Bools:
    """Of each term whether enough different people wrote it."""
    number: dict[Hashable, int] = {}
    who = np.array([number.setdefault(("anonymous", i) if w is None else w, len(number)) for i, w in enumerate(writers)], np.int64)
    wrote = _matrix(list(zip(who.tolist(), at.tolist(), strict=True)), (len(number), counts.shape[0]))
    different: Ints = np.asarray(((wrote @ (counts > 0).astype(float)) > 0).sum(axis=0)).ravel()
    return different >= LEAST_WRITERS


def _about(texts: list[str], language: Language) -> Any:
    known = list(themes().values())
    pairs = [(i, j) for i, t in enumerate(texts) for low in (t.lower(),) for j, theme in enumerate(known) if theme.is_in(low, language)]
    return _matrix(pairs, (len(texts), len(known)))
