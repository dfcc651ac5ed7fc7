"""How alike a file's header and a column's names are, in Chinese and English."""

import functools
import importlib.resources
import re
import unicodedata
from collections.abc import Iterable
from typing import TypedDict

from keepwell.core.yaml_file import shipped

# Below an exact name, so that the column that is called so always goes first.
_MOST_BY_WORDS = 0.94
# A header in a file of orders says "order" without meaning much by it.
_WEIGHT_OF_THE_ENTITY = 0.3
_LATIN = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|[\u3400-\u9fff]+")
_E_MAIL = re.compile(r"\be[-_ ]mail", re.IGNORECASE)


class Implication(TypedDict):
    """A header's words that settle what no column says."""

    column: str
    words: list[str]
    range: tuple[float, float]
    constants: dict[str, str]


class Aside(TypedDict):
    """What to say of a column when another header holds one of the words."""

    words: list[str]
    says: str


class Words(TypedDict):
    """What ``words.yaml`` holds; the file says what each list is for."""

    synonyms: dict[str, list[str]]
    weak: dict[str, float]
    empty: list[str]
    members: dict[str, list[str]]
    joined: dict[str, list[list[str]]]
    implied: dict[str, list[Implication]]
    asides: dict[str, dict[str, Aside]]


@functools.cache
def words() -> Words:
    """The word lists of ``words.yaml``."""
    text = (importlib.resources.files("keepwell.sources") / "words.yaml").read_text(encoding="utf-8")
    loaded: Words = shipped(text)
    return loaded


@functools.lru_cache(maxsize=10_000)
def fold(text: str) -> str:
    """A text as it is compared: half width, lower case, without space and punctuation; currency signs stay."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in plain if character.isalnum() or unicodedata.category(character) == "Sc")


@functools.cache
def tokens(header: str) -> frozenset[str]:
    """The words of a header, each as the group of words that mean the same; ``createdAt``, ``创建时间`` → created, time."""
    text = _E_MAIL.sub("email", unicodedata.normalize("NFKC", header))
    found: list[str] = []
    for run in _LATIN.findall(text):
        found += _split_han(run) if _is_han(run) else _split_latin(run.lower())
    return frozenset(found) - frozenset(words()["empty"])


def similarity(header: str, names: Iterable[str], entity: str) -> float:
    """How alike a header and the best of a column's names are by their words, 0 to 0.94: twice what they share over what they hold."""
    given, of_entity = tokens(header), tokens(entity)
    best = 0.0
    for name in names:
        wanted = tokens(name)
        all_weights = _weight(given, of_entity) + _weight(wanted, of_entity)
        if all_weights:
            best = max(best, 2 * _weight(given & wanted, of_entity) / all_weights)
    return _MOST_BY_WORDS * best


def _weight(found: frozenset[str], of_entity: frozenset[str]) -> float:
    weak = words()["weak"]
    return sum(_WEIGHT_OF_THE_ENTITY if token in of_entity else weak.get(token, 1.0) for token in found)


@functools.cache
def _groups() -> dict[str, str]:
    groups = {fold(word): group for group, members in words()["synonyms"].items() for word in members}
    return groups | {fold(word): fold(word) for word in words()["empty"]}


def _is_han(run: str) -> bool:
    return run[0] >= "\u3400"


def _split_han(run: str) -> list[str]:
    """Known words from left to right, the longest first; what is between them stays together."""
    found, rest = [], ""
    while run:
        known = next((run[:length] for length in range(min(4, len(run)), 0, -1) if run[:length] in _groups()), None)
        if known is None:
            rest, run = rest + run[0], run[1:]
            continue
        found += [rest] if rest else []
        found.append(_groups()[known])
        rest, run = "", run[len(known) :]
    return [*found, rest] if rest else found


def _split_latin(word: str) -> list[str]:
    groups = _groups()
    for candidate in (word, word.removesuffix("s")):
        if candidate in groups:
            return [groups[candidate]]
    # ``ordertime`` is two known words; short words count at the end only, or ``online`` would be "on" and "line".
    for cut in range(len(word) - 2, 2, -1):
        if word[:cut] in groups and word[cut:] in groups:
            return [groups[word[:cut]], groups[word[cut:]]]
    return [word]
