"""In which language a text is written, told by its characters alone."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from keepwell.core.errors import WrongUseError, unknown


class Language(StrEnum):
    """The languages that words and sentiment are known in; every other one is ``other``."""

    ENGLISH = "en"
    CHINESE = "zh"
    OTHER = "other"


_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['’][A-Za-z]+)?")
_ACCENTED = re.compile(r"[\u00c0-\u024f]")
# kana, Hangul, Cyrillic, Greek, Arabic, Hebrew, Thai, Devanagari
_FOREIGN = re.compile(r"[\u3040-\u30ff\uac00-\ud7af\u0370-\u05ff\u0600-\u06ff\u0900-\u097f\u0e00-\u0e7f]")
# of the words of an English text as good as none has an accent; of a German, French or Spanish one every tenth and more
_ACCENTED_SHARE = 0.1


def language_of(text: str) -> Language:
    """Chinese where there are at least as many Han characters as Latin words, so that brand names do not make a text English.

    English where Latin words prevail and few have an accent. Anything else (other scripts, numbers, signs alone) is ``other``.
    Languages that are written without accents are taken for English.
    """
    han, latin = len(_HAN.findall(text)), _LATIN_WORD.findall(text)
    foreign = len(_FOREIGN.findall(text))
    # Japanese has Han characters too, but never without kana for long
    if 4 * foreign > han + len(latin):
        return Language.OTHER
    if han and han >= len(latin):
        return Language.CHINESE
    accented = sum(bool(_ACCENTED.search(word)) for word in latin)
    return Language.ENGLISH if latin and accented <= _ACCENTED_SHARE * len(latin) else Language.OTHER


def languages(texts: Iterable[str]) -> list[Language]:
    """The language of each text."""
    return [language_of(text) for text in texts]


def spoken_in(texts: Sequence[str], given: Iterable[str] | None) -> list[Language]:
    """The language of each text: as given, by ``en``, ``zh`` or ``other``, or as its characters tell."""
    if given is None:
        return languages(texts)
    names = list(given)
    if len(names) != len(texts):
        raise WrongUseError(f"{len(texts)} texts have {len(names)} languages.", "Give as many of both.")
    known = {k.value: k for k in Language}
    for name in names:
        if name not in known:
            raise unknown("language", str(name), known)
    return [known[name] for name in names]
