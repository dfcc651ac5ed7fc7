"""In which format a column writes its dates and its numbers, told from its values alone."""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

Format = TypeVar("Format")

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_SHORT_MONTHS = tuple(name[:3] for name in _MONTHS)
_ISO = re.compile(
    r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})"
    r"(?:[T ](?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:\.[0-9]{1,9})?)?(?P<z>Z| ?UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
# Where two of them read the same values in the same order of year, month and day, the first is preferred.
_DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y"),
)
_CLOCKS = (
    *("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I:%M:%S%p"),
    *("%H:%M:%S %z", "%H:%M:%S%z", "%H:%M:%S.%f %z", "%H:%M:%S.%f%z"),
)
_CHINESE_CLOCKS = ("%H时%M分", "%H时%M分%S秒")
_COMPACT_TIMES = ("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d %H%M%S", "%Y%m%dT%H%M%S")
_FIELDS = {
    "%Y": "(?P<Y>[0-9]{4})",
    "%y": "(?P<y>[0-9]{2})",
    "%m": "(?P<m>[0-9]{1,2})",
    "%d": "(?P<d>[0-9]{1,2})",
    "%b": f"(?P<b>{'|'.join(_SHORT_MONTHS)})",
    "%B": f"(?P<B>{'|'.join(_MONTHS)})",
    "%H": "(?P<H>[0-9]{1,2})",
    "%I": "(?P<I>[0-9]{1,2})",
    "%M": "(?P<M>[0-9]{2})",
    "%S": "(?P<S>[0-9]{2})",
    "%f": "[0-9]{1,6}",
    "%p": "(?:am|pm)",
    "%z": "(?P<z>[+-][0-9]{2}:?[0-9]{2})",
}
_SPACES = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "’": "'"})


@dataclass(frozen=True)
class DateFormat:
    """How a column writes a day or an instant.

    ``pattern`` is a strptime format that DuckDB reads too; None stands for ISO 8601, with or without a time and an offset.
    """

    pattern: str | None
    has_time: bool
    has_offset: bool

    @property
    def order(self) -> str:
        """``ymd``, ``dmy`` or ``mdy``: two formats of one order never take day and month for each other."""
        return "".join(field[1].lower().replace("b", "m") for field in re.findall(r"%[YymbBd]", self.pattern or "%Y-%m-%d"))

    def __str__(self) -> str:
        return self.pattern or "ISO 8601"


@dataclass(frozen=True)
class DecimalStyle:
    """How a column writes a number: its decimal ``point``, and the ``group`` sign between thousands ('' for none)."""

    point: str
    group: str

    @property
    def is_plain(self) -> bool:
        """Whether a database reads these numbers as they are."""
        return self.point == "." and not self.group

    def __str__(self) -> str:
        return f"1{self.group}234{self.point}56"


_STYLES = tuple(DecimalStyle(point, group) for point in (".", ",") for group in ("", ",", ".", " ", "'") if group != point)


@dataclass(frozen=True)
class Ambiguous(Generic[Format]):
    """Several formats read every value, and they do not mean the same."""

    options: tuple[Format, ...]

    def __str__(self) -> str:
        return " or ".join(str(option) for option in self.options)


def detect_dates(values: Iterable[str | None]) -> DateFormat | Ambiguous[DateFormat] | None:
    """The one format that reads every value that is not empty; None when there is none, or nothing to read.

    Ambiguous when two formats read all of them but take day and month for each other.
    """
    texts = _texts(values)
    if not texts:
        return None
    if all(_is_real(_ISO.fullmatch(text)) for text in texts):
        return _described(None, texts)
    by_order: dict[str, DateFormat] = {}
    for found in (_described(pattern, texts) for pattern in _patterns() if all(_reads(pattern, text) for text in texts)):
        by_order.setdefault(found.order, found)
    options = tuple(by_order.values())
    if len(options) > 1:
        return Ambiguous(options)
    return options[0] if options else None


def share_of_dates(values: Iterable[str | None]) -> float:
    """The share, 0 to 1, of the values that are not empty which the format that reads most of them reads; 0 without values."""
    texts = _texts(values)
    if not texts:
        return 0.0
    iso = sum(_is_real(_ISO.fullmatch(text)) for text in texts)
    # A format that reads most values reads one of any few of them, which spares trying hundreds on a column of words.
    likely = [pattern for pattern in _patterns() if any(_reads(pattern, text) for text in texts[:5])]
    return max(iso, *(sum(_reads(pattern, text) for text in texts) for pattern in likely), 0) / len(texts)


def detect_decimal(values: Iterable[str | None]) -> DecimalStyle | Ambiguous[DecimalStyle] | None:
    """The plainest style in which every value that is not empty is a number; None when there is none, or nothing to read.

    Ambiguous when two styles read all values as different numbers: ``1,234`` alone may be 1234 or 1.234.
    """
    texts = list(dict.fromkeys(text.translate(_SPACES) for text in _texts(values)))
    by_meaning: dict[tuple[str, ...], DecimalStyle] = {}
    for style in _STYLES if texts else ():
        pattern = _number(style)
        if all(pattern.fullmatch(text) for text in texts):
            meaning = tuple((text.replace(style.group, "") if style.group else text).replace(style.point, ".") for text in texts)
            by_meaning.setdefault(meaning, style)
    options = tuple(by_meaning.values())
    if len(options) > 1:
        return Ambiguous(options)
    return options[0] if options else None


def common_decimal(values: Iterable[str | None]) -> DecimalStyle | Ambiguous[DecimalStyle] | None:
    """The style in which most of the values are numbers; see :func:`detect_decimal`."""
    texts = [text.translate(_SPACES) for text in _texts(values)]
    read = [[text for text in texts if _number(style).fullmatch(text)] for style in _STYLES]
    most = max(len(found) for found in read)
    return detect_decimal(next(found for found in read if len(found) == most))


def is_number(text: str) -> bool:
    """Whether a text is a number in any of the styles."""
    plain = text.strip().translate(_SPACES)
    return any(_number(style).fullmatch(plain) for style in _STYLES)


def _texts(values: Iterable[str | None]) -> list[str]:
    return [value.strip() for value in values if value and value.strip()]


@functools.cache
def _patterns() -> tuple[str, ...]:
    timed = (f"{day}{gap}{clock}" for day in _DATES for gap in (" ", ", ") for clock in _CLOCKS)
    chinese = (f"%Y年%m月%d日{gap}{clock}" for gap in (" ", "") for clock in (*_CHINESE_CLOCKS, "%H:%M:%S"))
    return (*_DATES, *_COMPACT_TIMES, *timed, *chinese)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # Fields that touch each other can be told apart only at full width.
    is_compact = "%Y%m" in pattern
    regex = re.sub(r"%[A-Za-z]|.", lambda part: _FIELDS.get(part[0]) or re.escape(part[0]), pattern)
    return re.compile(regex.replace("{1,2}", "{2}") if is_compact else regex, re.IGNORECASE)


def _reads(pattern: str, text: str) -> bool:
    return _is_real(_compiled(pattern).fullmatch(text), is_compact="%Y%m" in pattern)


def _is_real(match: re.Match[str] | None, *, is_compact: bool = False) -> bool:
    if match is None:
        return False
    found = match.groupdict()
    year = int(found.get("Y") or 2000 + int(found.get("y") or 0))
    names = _SHORT_MONTHS if found.get("b") else _MONTHS
    word = found.get("b") or found.get("B")
    month = names.index(word.lower()) + 1 if word else int(found["m"])
    # Eight digits are as likely a number as a day; only a year that a business may have seen makes them one.
    if is_compact and not 1900 <= year <= 2100:
        return False
    if int(found.get("H") or 0) > 23 or int(found.get("M") or 0) > 59 or int(found.get("S") or 0) > 59:
        return False
    if found.get("I") and not 1 <= int(found["I"]) <= 12:
        return False
    try:
        date(year, month, int(found["d"]))
    except ValueError:
        return False
    return True


def _described(pattern: str | None, texts: Sequence[str]) -> DateFormat:
    if pattern is None:
        matches = [match for text in texts if (match := _ISO.fullmatch(text))]
        return DateFormat(None, any(match["H"] for match in matches), all(match["z"] for match in matches))
    return DateFormat(pattern, "%M" in pattern, "%z" in pattern)


@functools.cache
def _number(style: DecimalStyle) -> re.Pattern[str]:
    point, group = re.escape(style.point), re.escape(style.group)
    whole = f"(?:[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[0-9]+)" if style.group else "[0-9]+"
    return re.compile(rf"[+-]?(?:{whole}(?:{point}[0-9]+)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?")
