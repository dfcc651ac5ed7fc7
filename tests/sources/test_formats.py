from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.sources import formats
from keepwell.sources.formats import Ambiguous, DateFormat, DecimalStyle, detect_dates, detect_decimal, is_number, share_of_dates

# ------------------------------------------------------------------------ dates


@pytest.mark.parametrize(
    ("values", "pattern", "has_time"),
    [
        (["2026-10-05", "2026-1-5"], None, False),
        (["2026-10-05", "2026-10-05 09:30"], None, True),
        (["2026-10-05T09:30:00Z", "2026-10-05T09:30:00.123+08:00"], None, True),
        (["2026/10/05"], "%Y/%m/%d", False),
        (["2026/10/05 9:30:15"], "%Y/%m/%d %H:%M:%S", True),
        (["2026.10.05"], "%Y.%m.%d", False),
        (["31/01/2026", "05/02/2026"], "%d/%m/%Y", False),
        (["01/31/2026", "02/05/2026"], "%m/%d/%Y", False),
        (["1/31/26"], "%m/%d/%y", False),
        (["29/2/2016 11:29", "5/3/2016 12:00"], "%d/%m/%Y %H:%M", True),
        (["05.01.2026", "31.12.2026"], "%d.%m.%Y", False),
        (["05.01.2026 10:11:12.5"], "%d.%m.%Y %H:%M:%S.%f", True),
        (["31-12-2026"], "%d-%m-%Y", False),
        (["20261231", "20260105"], "%Y%m%d", False),
        (["20261231235959"], "%Y%m%d%H%M%S", True),
        (["2026年1月5日", "2026年12月31日"], "%Y年%m月%d日", False),
        (["2026年1月5日 10:30:00"], "%Y年%m月%d日 %H:%M:%S", True),
        (["2026年1月5日 10时30分"], "%Y年%m月%d日 %H时%M分", True),
        (["01/31/2026 03:04 PM", "02/01/2026 12:00 am"], "%m/%d/%Y %I:%M %p", True),
        (["1/31/2026, 3:04:05 PM"], "%m/%d/%Y, %I:%M:%S %p", True),
        (["5 Jan 2026", "31 dec 2026"], "%d %b %Y", False),
        (["5-JAN-26"], "%d-%b-%y", False),
        (["January 5, 2026"], "%B %d, %Y", False),
        (["May 5, 2026"], "%b %d, %Y", False),
        (["2026-01-05 10:00:00 -0500"], "%Y-%m-%d %H:%M:%S %z", True),
        (["2026/10/05", None, "", "  "], "%Y/%m/%d", False),
    ],
)
def test_the_format_that_reads_all_values_is_found(values: list[str | None], pattern: str | None, has_time: bool) -> None:
    found = detect_dates(values)
    assert isinstance(found, DateFormat)
    assert (found.pattern, found.has_time) == (pattern, has_time)


@pytest.mark.parametrize(
    ("values", "has_offset"),
    [
        (["2026-10-05T09:30:00Z", "2026-10-05 09:30+08"], True),
        (["2026-10-05T09:30:00Z", "2026-10-05 09:30"], False),
        (["2026-10-05"], False),
        (["2026-10-05 09:30:00 +0800"], True),
        (["05.10.2026 09:30"], False),
    ],
)
def test_an_offset_counts_only_where_every_value_has_one(values: list[str], has_offset: bool) -> None:
    found = detect_dates(values)
    assert isinstance(found, DateFormat)
    assert found.has_offset is has_offset


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["01/02/2026", "03/04/2026"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["01/02/2026 10:00"], ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]),
        (["01-02-2026"], ["%d-%m-%Y", "%m-%d-%Y"]),
        (["1/2/26"], ["%d/%m/%y", "%m/%d/%y"]),
        (["05/05/2026"], ["%d/%m/%Y", "%m/%d/%Y"]),  # the same day either way, and yet the next row may not be
    ],
)
def test_day_and_month_that_cannot_be_told_apart_are_ambiguous(values: list[str], options: list[str]) -> None:
    found = detect_dates(values)
    assert isinstance(found, Ambiguous)
    assert [option.pattern for option in found.options] == options
    assert str(found) == " or ".join(options)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [None, ""],
        ["2026-02-30"],
        ["31/02/2026"],
        ["31/01/2026", "01/31/2026"],  # two programs wrote this
        ["2026-10-05", "soon"],
        ["12345678"],  # the year 1234: a number
        ["2026"],
        ["13:30"],
        ["2026-10-05 25:00"],
        ["05/01/2026 0:04 PM"],
        ["17850"],
    ],
)
def test_what_no_one_format_reads_has_none(values: list[str | None]) -> None:
    assert detect_dates(values) is None


INSTANT = datetime(2026, 11, 25, 13, 4, 5, 120_000, tzinfo=timezone(timedelta(hours=8)))


def test_duckdb_reads_every_format_as_strftime_wrote_it() -> None:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    misread = {}
    for pattern in formats._patterns():
        written = INSTANT.strftime(pattern)
        assert formats._reads(pattern, written), pattern
        expected = datetime.strptime(written, pattern)  # noqa: DTZ007 - local where the format has no offset
        expected = expected.astimezone(UTC) if expected.tzinfo else expected
        row = connection.execute(f"select strptime($1, '{pattern}')", [written]).fetchone()
        if row != (expected,):
            misread[pattern] = (written, row)
    assert not misread


@pytest.mark.parametrize(
    "text",
    [
        "2026-1-5",
        "2026-10-05 9:30",
        "2026-10-05T09:30Z",
        "2026-10-05 09:30:00 UTC",
        "2026-10-05T09:30:00.123456789+0800",
        "2026-10-05 09:30-05",
    ],
)
def test_duckdb_reads_what_is_called_iso(text: str) -> None:
    found = detect_dates([text])
    assert isinstance(found, DateFormat)
    assert found.pattern is None
    assert duckdb.connect().execute("select try_cast($1 as timestamptz) is not null", [text]).fetchone() == (True,)


@given(st.lists(st.datetimes(datetime(1950, 1, 1), datetime(2049, 12, 31)), min_size=1, max_size=9), st.sampled_from(formats._patterns()))
def test_written_dates_are_read_in_the_order_in_which_they_were_written(instants: list[datetime], pattern: str) -> None:
    found = detect_dates(instant.replace(tzinfo=UTC).strftime(pattern) for instant in instants)
    options = found.options if isinstance(found, Ambiguous) else (found,)
    order = formats._described(pattern, ()).order
    assert order in {option.order for option in options if option}


def test_the_share_of_dates_is_that_of_the_best_format() -> None:
    assert share_of_dates(["31/01/2026", "30/01/2026", "01/31/2026", "x"]) == 0.5
    assert share_of_dates(["2026-01-31", "soon", None]) == 0.5
    assert share_of_dates(["red", "blue"]) == 0
    assert share_of_dates([]) == 0


# ---------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("values", "point", "group"),
    [
        (["1", "-20", "+3"], ".", ""),
        (["1.5", "1e3", ".5"], ".", ""),
        (["1,234.56", "12"], ".", ","),
        (["1,234,567"], ".", ","),
        (["1.234,56"], ",", "."),
        (["1.234.567"], ",", "."),
        (["12,34"], ",", ""),
        (["12,34", "1.234"], ",", "."),
        (["1 234,56"], ",", " "),
        (["1\u00a0234,56", "1\u202f234"], ",", " "),
        (["1 234.5"], ".", " "),
        (["1'234.56", "1’000.00"], ".", "'"),
        (["1.234", "0.125"], ".", ""),  # no group starts with 0
        (["1,234", "1234.5"], ".", ","),
        (["1.5", None, " "], ".", ""),
    ],
)
def test_the_plainest_style_that_reads_all_numbers_is_found(values: list[str | None], point: str, group: str) -> None:
    assert detect_decimal(values) == DecimalStyle(point, group)


@pytest.mark.parametrize(("values", "said"), [(["1,234"], "1,234.56 or 1234,56"), (["1.234", "12"], "1234.56 or 1.234,56")])
def test_a_sign_that_may_be_point_or_group_is_ambiguous(values: list[str], said: str) -> None:
    found = detect_decimal(values)
    assert isinstance(found, Ambiguous)
    assert str(found) == said


@pytest.mark.parametrize("values", [[], [None], ["a"], ["1.2.3"], ["1,23,4"], ["12,34", "12.34"], ["1_000"], ["--1"], ["¥5"], ["0x10"]])
def test_what_is_no_number_in_one_style_has_none(values: list[str | None]) -> None:
    assert detect_decimal(values) is None


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=9))
def test_numbers_written_in_german_are_read_back(numbers: list[Decimal]) -> None:
    written = [f"{number:,.2f}".translate(str.maketrans(",.", ".,")) for number in numbers]
    found = detect_decimal(written)
    assert isinstance(found, DecimalStyle)
    read = [Decimal((text.replace(found.group, "") if found.group else text).replace(found.point, ".")) for text in written]
    assert read == numbers


def test_a_number_in_any_style_is_a_number() -> None:
    assert all(is_number(text) for text in ["1", "1,5", "1.234,5", "1'000", " -3 "])
    assert not any(is_number(text) for text in ["", "1-2", "ten", "1,2,3"])
