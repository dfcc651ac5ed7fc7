"""The words of a comment that may name what it is about: English ones by their stem, Chinese ones as jieba cuts them."""

import functools
import importlib.resources
import logging
import re
import warnings
from typing import Any

from keepwell.core.yaml_file import shipped
from keepwell.models.comments.language import Language
from keepwell.models.comments.lexicon import lexicons
from keepwell.models.comments.sentences import masked

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+|[a-z]+")
_MASK = re.compile(r"\[[a-z-]+\]")
BETWEEN = "|"  # stands where a phrase must not cross
_PUNCTUATION = re.compile(r"[.,!?;:()\"\r\n]+")
# shorter stems would join words that have nothing to do with each other
_SHORTEST_STEM = 3
_DOUBLE = re.compile(r"([bdgmnprt])\1$")


def words(text: str, language: Language) -> list[str]:
    """The words in their order with ``|`` where a phrase ends; none of a language that is not known. Masked parts have no words."""
    plain = _MASK.sub(" | ", masked(text)).lower().replace("’", "'")
    if language is Language.ENGLISH:
        return _english(plain)
    return _chinese(plain) if language is Language.CHINESE else []


@functools.lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """An English word without its ending: plural, -ed, -ing and a last e. Enough to count, not to be read."""
    word = word.removesuffix("'s")
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > _SHORTEST_STEM:
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > _SHORTEST_STEM and re.search("[aeiouy]", rest):
            word = _DOUBLE.sub(r"\1", rest)
            break
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word


def _english(text: str) -> list[str]:
    stops = _stop_words(Language.ENGLISH)
    found = []
    for part in _PUNCTUATION.split(text):
        found += [w if (w := token) not in stops and len(w) > 1 else BETWEEN for token in _WORD.findall(part)]
        found.append(BETWEEN)
    return found


def _chinese(text: str) -> list[str]:
    stops, cut = _stop_words(Language.CHINESE), _tokenizer()
    found: list[str] = []
    for part in _HAN.findall(text):
        # without guesses at unknown words, which are many and seldom right
        found += [w if w not in stops and (len(w) > 1 or w in _SINGLE) else BETWEEN for w in cut.lcut(part, HMM=False)]
        found.append(BETWEEN)
    return found


# single characters that name a thing; others are parts of words
_SINGLE = frozenset("床菜饭茶脏吵旧贵慢")


@functools.cache
def _stop_words(language: Language) -> frozenset[str]:
    path = importlib.resources.files("keepwell.models.comments") / "stop_words.yaml"
    told: dict[str, Any] = shipped(path.read_text(encoding="utf-8"))
    return frozenset(str(w) for w in told[str(language)]) | lexicons()[language].general


@functools.cache
def _tokenizer() -> Any:
    """Jieba with its own dictionary, taken in here: it takes a second and a half, and only Chinese comments need it."""
    with warnings.catch_warnings():
        # its source is older than some rules of the language
        warnings.simplefilter("ignore")
        import jieba  # noqa: PLC0415 - see above

    jieba.setLogLevel(logging.WARNING)
    made = jieba.Tokenizer()
    # what its initialize does, without the cache that it would leave in (and believe from) a folder open to everybody
    made.FREQ, made.total = made.gen_pfdict(made.get_dict_file())
    made.initialized = True
    return made
