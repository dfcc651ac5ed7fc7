"""Words: cleaned, folded, measured for a terminal, and told apart by their script."""

import re
import unicodedata
from typing import Literal

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\u1100-\u11ff\uac00-\ud7af]")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LATIN_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)*", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")


def clean(text: str) -> str:
    """The text in Unicode's composed form (NFC), without what :func:`visible` leaves out, and without white space at its ends (the full-width space included)."""
    return unicodedata.normalize("NFC", visible(text)).strip()


def visible(text: str) -> str:
    """The text without control characters, but with tabs and line ends, and without marks that make it run the other way than it stands there."""
    return _UNSEEN.sub("", text)


def fold_email(text: str) -> str:
    """An e-mail address as it is compared: cleaned and case-folded. Dots and +tags stay, for some hosts tell them apart."""
    return clean(text).casefold()


def display_width(text: str) -> int:
    """The columns a text takes on a terminal: 2 for a wide character (Chinese, emoji), 0 for one that only marks another."""
    return sum(_width(character) for character in text)


def language_of(text: str) -> Literal["zh", "en", "other"]:
    """The language by its characters alone; no letters at all is ``other``.

    A Chinese character counts as one word, so a Chinese sentence that names a brand stays Chinese. Kana or Hangul is
    ``other``, and so is anything mostly in another script. A language that writes plain Latin letters passes for English.
    """
    if _KANA_OR_HANGUL.search(text):
        return "other"
    han = len(_HAN.findall(text))
    words = _LATIN_WORD.findall(text)
    if han and han >= len(words):
        return "zh"
    plain = sum(len(_LETTER.findall(word)) for word in words)
    letters = len(_LETTER.findall(text)) - han
    # A rare accent is a name or a borrowed word ("café"); one letter in seven is another language.
    return "en" if plain and plain >= 6 / 7 * letters else "other"


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
