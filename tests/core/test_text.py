import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.text import clean, display_width, fold_email, language_of


def test_clean_composes_and_trims_full_width_space_too() -> None:
    assert clean(" \u3000" + unicodedata.normalize("NFD", "Zoë") + "\t\n") == "Zoë"


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_clean_leaves_out_what_can_not_be_seen_and_keeps_lines() -> None:
    assert clean("\x00a\u202eb\u2066c\x07\x9f\nd\te\r\n") == "abc\nd\te"


def test_fold_email_ignores_case_and_outer_space_but_keeps_dots_and_tags() -> None:
    assert fold_email(" Li.Wei+vip@Example.COM ") == "li.wei+vip@example.com"


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("abc", 3), ("客户", 4), ("客户 A", 6), ("é", 1), ("e\u0301", 1), ("Ａ", 2), ("😀", 2), ("a\u200bb", 2)],
)
def test_display_width_counts_terminal_columns(text: str, columns: int) -> None:
    assert display_width(text) == columns


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("物流很慢，客服不错", "zh"),
        ("iPhone 很好用", "zh"),
        ("Delivery was slow, but don't worry", "en"),
        ("Great café in Zürich, friendly staff and quick service", "en"),
        ("très déçu, colis abîmé", "other"),
        ("配達が遅い", "other"),
        ("배송이 느려요", "other"),
        ("Очень медленно", "other"),
        ("", "other"),
        ("9/10 👍", "other"),
    ],
)
def test_language_is_told_by_the_characters(text: str, language: str) -> None:
    assert language_of(text) == language
