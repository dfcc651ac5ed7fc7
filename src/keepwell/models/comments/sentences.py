"""Sentences of a comment, and what of them must not be shown."""

import re

# after a full stop only before a blank: 3.5 is no end; the signs of Chinese end a sentence wherever they stand
_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？；])\s*|[\r\n]+")
_SHORTEST = 2
_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE), "[link]"),
    # reference numbers of letters and digits
    (re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z0-9-]*[A-Za-z])(?=(?:[A-Za-z-]*\d){3})[A-Za-z0-9-]{6,}(?![A-Za-z0-9])"), "[number]"),
    # telephone, order and card numbers: six digits or more, with what is written between them
    (re.compile(r"(?<![A-Za-z0-9])\+?\d(?:[\s().-]{0,3}\d){5,}(?![A-Za-z0-9])"), "[number]"),
    # postcodes of the United Kingdom
    (re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s*\d[A-Z]{2}\b"), "[postcode]"),
    (re.compile(r"\b((?i:mr|mrs|ms|miss|dr)\.?)\s+[A-Z][\w'’-]*(?:\s+[A-Z][\w'’-]*)*"), r"\1 [name]"),
    (re.compile(r"(?<=姓)[\u4e00-\u9fff]"), "某"),
    (re.compile(r"[\u4e00-\u9fff](?=(?:先生|女士|小姐|太太)(?!们))"), "某"),
)
# without one of these there is nothing to be masked, as in most texts
_TELLING = re.compile(r"[@\d]|//|www|姓|先生|女士|小姐|太太|\b(?:mr|mrs|ms|miss|dr)\b", re.IGNORECASE)


def sentences(text: str) -> list[str]:
    """The sentences of a text in their order, without those of a single letter."""
    return [s for part in _END.split(text) if len(s := part.strip()) >= _SHORTEST]


def masked(text: str) -> str:
    """The text with e-mail addresses, links, long numbers, postcodes and names after a form of address replaced.

    Names that stand alone can't be known by rule and stay.
    """
    if _TELLING.search(text):
        for pattern, sign in _MASKS:
            text = pattern.sub(sign, text)
    return text
