from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.errors import WrongUseError
from keepwell.core.money import check_currency, currencies, decimals, format_money, rounded_for_display


def test_currencies_hold_tender_of_today_and_yesterday_but_no_metals_funds_or_coins() -> None:
    assert {"CNY", "USD", "EUR", "GBP", "JPY", "HKD", "TWD", "DEM", "ITL"} <= set(currencies())
    assert not {"XAU", "XXX", "XTS", "BTC", "CHE"} & set(currencies())


def test_a_known_currency_is_answered_in_capitals() -> None:
    assert check_currency(" cny ") == "CNY"


def test_an_unknown_currency_answers_with_the_nearest() -> None:
    with pytest.raises(WrongUseError, match="EUR"):
        check_currency("EURO")
    with pytest.raises(WrongUseError, match="CNY"):
        check_currency("CNX")


# ISO 4217, column "minor unit"
@pytest.mark.parametrize(("currency", "expected"), [("CNY", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3)])
def test_decimals_are_those_of_the_standard(currency: str, expected: int) -> None:
    assert decimals(currency) == expected


def test_halves_round_away_from_zero() -> None:
    assert rounded_for_display(Decimal("2.345"), "CNY") == Decimal("2.35")
    assert rounded_for_display(Decimal("-2.345"), "CNY") == Decimal("-2.35")
    assert rounded_for_display(Decimal("2.5"), "JPY") == Decimal(3)


@given(st.decimals(min_value=-(10**13), max_value=10**13, places=4))
def test_rounding_moves_an_amount_by_half_a_unit_at_most(amount: Decimal) -> None:
    assert abs(rounded_for_display(amount, "CNY") - amount) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "expected"),
    [
        ("1234.5", "CNY", "zh", "¥1,234.50"),
        ("1234.5", "CNY", "en", "CN¥1,234.50"),
        ("-1234.565", "GBP", "en_GB", "-£1,234.57"),
        ("1234.5", "EUR", "de-DE", "1.234,50\u00a0€"),
        ("1234.5", "JPY", "en", "¥1,235"),
    ],
)
def test_money_reads_as_its_locale_writes_it(amount: str, currency: str, locale: str, expected: str) -> None:
    assert format_money(Decimal(amount), currency, locale) == expected


@pytest.mark.parametrize("locale", ["xx", "", "not a locale"])
def test_an_unknown_locale_is_refused(locale: str) -> None:
    with pytest.raises(WrongUseError, match="no locale"):
        format_money(Decimal(1), "CNY", locale)
