"""Sentiment by a list of words: what is used while a workspace has too few scored comments to learn from."""

import functools
import importlib.resources
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keepwell.core.yaml_file import shipped
from keepwell.models.btyd.summary import Floats
from keepwell.models.comments.language import Language, language_of

# how far a word that negates reaches: words in English, characters in Chinese; never beyond a comma
REACH = {Language.ENGLISH: 3, Language.CHINESE: 3}
_CLAUSE = re.compile(r"[,.!?;:，。！？；：、…\r\n]+|\b(?:but|however|although|though)\b|但是|但|不过|可是|就是")


@dataclass(frozen=True)
class Lexicon:
    """The words of one language; ``general`` ones praise or blame without saying what."""

    values: dict[str, int]  # 1, -1; 0 of what holds a listed word without its meaning
    general: frozenset[str]
    negations: frozenset[str]
    pattern: re.Pattern[str]  # any of the words, the longest first
    reach: int
    is_spaced: bool

    def balance(self, text: str) -> tuple[int, int]:
        """How many words praise, how many blame."""
        counts = [0, 0]
        for clause in _CLAUSE.split(text.lower().replace("’", "'")):
            for found in self.pattern.finditer(clause):
                value = self.values.get(found.group(), 0)
                if value:
                    counts[(value > 0) == self._is_negated(clause[: found.start()])] += 1
        return counts[0], counts[1]

    def _is_negated(self, before: str) -> bool:
        if self.is_spaced:
            words = before.split()[-self.reach :]
            near, pairs = set(words), {" ".join(words[i : i + 2]) for i in range(len(words) - 1)}
            return bool((near | pairs) & self.negations)
        near_text = before[-self.reach :]
        return any(word in near_text for word in self.negations)


def polarity(text: str, language: Language | None = None) -> float:
    """(praise − blame) ÷ (praise + blame + 1), between −1 and 1; 0 where no word is known."""
    lexicon = lexicons().get(language or language_of(text))
    if lexicon is None:
        return 0.0
    praise, blame = lexicon.balance(text)
    return (praise - blame) / (praise + blame + 1)


def polarities(texts: Iterable[str], languages: Iterable[Language]) -> Floats:
    """:func:`polarity` of each text."""
    return np.array([polarity(t, language) for t, language in zip(texts, languages, strict=True)], dtype=float)


@functools.cache
def lexicons() -> dict[Language, Lexicon]:
    """The shipped words by language."""
    path = importlib.resources.files("keepwell.models.comments") / "lexicon.yaml"
    told: dict[str, Any] = shipped(path.read_text(encoding="utf-8"))
    return {Language(name): _lexicon(Language(name), words) for name, words in told.items()}


def _lexicon(language: Language, told: dict[str, Any]) -> Lexicon:
    general = {side: set(told["general"][side]) for side in ("positive", "negative")}
    values = {word: sign for side, sign in (("positive", 1), ("negative", -1)) for word in (*told[side], *general[side])}
    values |= dict.fromkeys(told["neutral"], 0)
    listed = "|".join(re.escape(w) for w in sorted(values, key=lambda w: (-len(w), w)))
    is_spaced = language is Language.ENGLISH
    # most places of a text begin no word: they are passed over by their first letter
    first = "".join(sorted({re.escape(w[0]) for w in values}))
    pattern = rf"(?<![\w'])(?=[{first}])(?:{listed})(?![\w'])" if is_spaced else rf"(?=[{first}])(?:{listed})"
    return Lexicon(
        values, frozenset().union(*general.values()), frozenset(told["negations"]), re.compile(pattern), REACH[language], is_spaced
    )
