"""What a file column's values say about what it holds, whatever it is called."""

import functools
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from babel import Locale
from babel.core import get_global

from keepwell.core.money import currencies
from keepwell.core.text import clean
from keepwell.sources.formats import Ambiguous, DateFormat, detect_dates, is_number, share_of_dates
from keepwell.sources.naming import fold, words

# Three hundred values tell a column's kind as well as a million do.
_ENOUGH = 300
_MISSING = frozenset({"", "na", "n/a", "#n/a", "null", "none", "nil", "nan", "-", "--", "?", "\\n", "无", "空"})
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"\+?\(?[0-9][0-9 ()./*-]{5,19}[0-9]")
_CERTAIN_PHONE = re.compile(r"1[3-9][0-9]{9}$|1[3-9][0-9]\*{4}[0-9]{4}$|\+[0-9][0-9 ()-]{6,}|\([0-9]{2,4}\) ?[0-9]")
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0+)?")
_PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_TIME = re.compile(r"([01]?[0-9]|2[0-4]):[0-5][0-9](:[0-5][0-9])?")
# Two letters that babel lists beside the countries: unions, and codes for tests and for "unknown".
_NO_COUNTRIES = {"EU", "EZ", "UN", "XA", "XB", "ZZ"}
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", re.IGNORECASE)
_SIGN = re.compile(r"^\s*(US\$|HK\$|NT\$|CN¥|RMB|CNY|USD|EUR|GBP|[¥￥$€£])\s*|\s*(CNY|USD|EUR|GBP|RMB|[元€£])\s*$")


@dataclass(frozen=True)
class SampleColumn:
    """A file's column: its header and some of its values as text, in the file's order."""

    name: str
    values: tuple[str | None, ...] = ()


class Evidence:
    """The shares, 0 to 1, of a column's values that are not missing which read as one thing or another."""

    def __init__(self, column: SampleColumn) -> None:
        self.source = column
        texts = [clean(value) for value in column.values if value is not None]
        self.texts = tuple(text for text in texts if text.lower() not in _MISSING)
        self.fillers = tuple(dict.fromkeys(text for text in texts if text and text.lower() in _MISSING))
        self._few = self.texts[:_ENOUGH]
        self._counted = Counter(self._few)

    def share(self, holds: Callable[[str], object]) -> float:
        """The share of values for which something holds; 0 where there is no value."""
        return sum(times for text, times in self._counted.items() if holds(text)) / len(self._few) if self._few else 0.0

    @functools.cached_property
    def distinct(self) -> tuple[str, ...]:
        """The different values, in the order in which they first come."""
        return tuple(dict.fromkeys(self.texts))

    @functools.cached_property
    def is_unique(self) -> bool:
        return len(self.distinct) == len(self.texts)

    @functools.cached_property
    def dates(self) -> float:
        return share_of_dates(self._few)

    @functools.cached_property
    def has_offsets(self) -> bool:
        """Whether every instant says its offset from UTC."""
        return isinstance(self.date_format, DateFormat) and self.date_format.has_offset

    @functools.cached_property
    def date_format(self) -> DateFormat | Ambiguous[DateFormat] | None:
        """The format of its dates; a few cells that are no dates at all ("unknown") do not hide that of the others."""
        found = detect_dates(self.texts)
        return found if found is not None else detect_dates(text for text in self.texts if share_of_dates([text]))

    @functools.cached_property
    def emails(self) -> float:
        return self.share(_EMAIL.fullmatch)

    @functools.cached_property
    def phones(self) -> float:
        return self.share(lambda text: _PHONE.fullmatch(text) and 7 <= sum(c.isdigit() or c == "*" for c in text) <= 15)

    @functools.cached_property
    def certain_phones(self) -> float:
        """Those that no identifier looks like: Chinese mobile numbers, and numbers written with a + or with brackets."""
        return self.share(_CERTAIN_PHONE.match) if self.phones else 0.0

    @functools.cached_property
    def numbers(self) -> float:
        return self.share(lambda text: is_number(without_sign(text)))

    @functools.cached_property
    def flags(self) -> float:
        return self.share(lambda text: member_or_none(text, ("true", "false")))

    @functools.cached_property
    def whole_numbers(self) -> float:
        return self.share(_WHOLE.fullmatch)

    @functools.cached_property
    def times(self) -> float:
        return self.share(_TIME.fullmatch)

    @functools.cached_property
    def languages(self) -> float:
        return self.share(lambda text: _LANGUAGE.fullmatch(text) or member_or_none(text, ("zh", "en")))

    @functools.cached_property
    def words(self) -> float:
        """Values with a letter in them that are no date, number or address."""
        return self.share(lambda text: any(c.isalpha() for c in text) and not _EMAIL.fullmatch(text))

    @functools.cached_property
    def signs(self) -> tuple[str, ...]:
        """The currency signs and codes beside numbers."""
        found = (match for text in self._few if (match := _SIGN.search(text)) and is_number(without_sign(text)))
        return tuple(dict.fromkeys(next(sign for sign in match.groups() if sign) for match in found))

    @functools.cached_property
    def range(self) -> tuple[Decimal, Decimal] | None:
        """The smallest and the largest of the values written in plain digits."""
        plain = [Decimal(text) for text in self._few if _PLAIN.fullmatch(text)]
        return (min(plain), max(plain)) if plain else None


def without_sign(text: str) -> str:
    """A number without the currency's sign or code before or after it."""
    return _SIGN.sub("", text).strip()


@functools.lru_cache(maxsize=10_000)
def member_or_none(text: str, allowed: tuple[str, ...]) -> str | None:
    """The allowed member that a cell means, in either language; None when no member is known to be meant."""
    folded = fold(text)
    for member in allowed:
        if folded == fold(member):
            return member
    return next((member for member in allowed if folded in words()["members"].get(member, ())), None)


def currency_or_none(text: str) -> str | None:
    """The ISO 4217 code that a cell means: a code, or a word or sign for one of the common ones."""
    code = text.strip().upper()
    return code if code in currencies() else member_or_none(text, ("CNY", "USD", "EUR", "GBP", "JPY", "HKD", "TWD"))


def country_or_none(text: str) -> str | None:
    """The ISO 3166 code of two letters that a cell means: a code, or a country's name in English or Chinese."""
    return _countries().get(fold(text))


@functools.cache
def _countries() -> dict[str, str]:
    names = {language: {str(code): str(name) for code, name in Locale(language).territories.items()} for language in ("en", "zh")}
    codes = {code for code in names["en"] if len(code) == 2 and code.isalpha()} - _NO_COUNTRIES
    aliases: Mapping[str, list[str]] = get_global("territory_aliases")
    # Three letters or digits of ISO 3166; an alias for several territories is a country that is no more.
    found = {alias.lower(): targets[0] for alias, targets in aliases.items() if len(alias) == 3 and len(targets) == 1}
    for by_code in names.values():
        found |= {fold(name): code for code, name in by_code.items() if code in codes}
    found |= {word: member for member, known in words()["members"].items() if member in codes for word in known}
    return found | {code.lower(): code for code in codes}
