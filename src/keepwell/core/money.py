"""Money: ISO 4217 codes, and amounts as people read them. Amounts are Decimal; rounding is for the eye only."""

import functools
from decimal import ROUND_HALF_UP, Decimal

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.localedata import locale_identifiers
from babel.numbers import format_currency, get_currency_precision

from keepwell.core.errors import unknown


@functools.cache
def currencies() -> tuple[str, ...]:
    """The ISO 4217 codes that are or were legal tender somewhere, sorted; no metals, no funds, no test codes."""
    by_territory = get_global("territory_currencies")
    return tuple(sorted({code for periods in by_territory.values() for code, _, _, is_tender in periods if is_tender}))


def check_currency(code: str) -> str:
    """The code in capitals, without space around it. Raises WrongUseError with the nearest codes when there is none such."""
    cleaned = code.strip().upper()
    if cleaned in currencies():
        return cleaned
    raise unknown("currency", code, currencies())


def decimals(currency: str) -> int:
    """The decimals in which a currency is written: 2 for CNY, 0 for JPY, 3 for KWD. Raises WrongUseError for an unknown currency."""
    return get_currency_precision(check_currency(currency))


def rounded_for_display(amount: Decimal, currency: str) -> Decimal:
    """The amount in its currency's decimals, halves away from zero as people round. Never for storing or for further sums."""
    return amount.quantize(Decimal(1).scaleb(-decimals(currency)), ROUND_HALF_UP)


def format_money(amount: Decimal, currency: str, locale: str) -> str:
    """The amount with its currency's sign as the locale (``zh``, ``en_GB``, ``de-DE``) writes it.

    Raises WrongUseError for an unknown currency or locale.
    """
    try:
        known = Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError) as error:
        raise unknown("locale", locale, locale_identifiers()) from error
    return format_currency(rounded_for_display(amount, currency), check_currency(currency), locale=known)
