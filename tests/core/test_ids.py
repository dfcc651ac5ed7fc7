import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.errors import WrongUseError
from keepwell.core.ids import check_source, clean_id, id_of_part, new_id, part_of_path, with_source

AT = datetime(2026, 11, 21, 19, 30, tzinfo=UTC)


def test_new_id_reads_as_prefix_utc_second_and_random_suffix() -> None:
    assert re.fullmatch(r"imp_20261121T193000_[0-9a-f]{6}", new_id("imp", AT))


def test_new_id_of_another_zone_is_written_in_utc() -> None:
    in_shanghai = AT.astimezone(timezone(timedelta(hours=8)))
    assert new_id("run", in_shanghai).startswith("run_20261121T193000_")


def test_new_ids_of_one_second_differ() -> None:
    assert new_id("imp", AT) != new_id("imp", AT)


def test_new_id_refuses_an_instant_without_a_time_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        new_id("imp", AT.replace(tzinfo=None))


@given(st.lists(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)), max_size=9))
def test_ids_sort_as_their_seconds_do(instants: list[datetime]) -> None:
    seconds = sorted({instant.replace(microsecond=0) for instant in instants})
    ids = [new_id("imp", second) for second in seconds]
    assert sorted(ids) == ids


def test_clean_id_trims_and_composes_but_never_folds_case() -> None:
    decomposed = unicodedata.normalize("NFD", "é")
    assert clean_id(f" A{decomposed}1\u3000") == "A\u00e91"
    assert clean_id("aB") != clean_id("AB")


def test_ids_of_the_source_main_stay_and_others_carry_their_source() -> None:
    assert with_source("17", "main") == "17"
    assert with_source("17", "shop_2") == "shop_2:17"


@pytest.mark.parametrize("name", ["main", "shop-2", "crm_eu", "7"])
def test_good_source_names_pass(name: str) -> None:
    assert check_source(name) == name


@pytest.mark.parametrize("name", ["", "Shop", "my shop", "a:b", "店铺", "é", "shop\n"])
def test_other_source_names_are_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(WrongUseError) as caught:
        with_source("17", name)
    assert "lowercase letters, digits, _ and -" in (caught.value.hint or "")


def test_refused_source_name_offers_a_good_one() -> None:
    with pytest.raises(WrongUseError, match="my-shop"):
        check_source("My Shop")


@given(st.text(alphabet="a/%2Ff5. ?#"))
def test_an_id_in_an_address_is_one_part_and_read_back(key: str) -> None:
    part = part_of_path(key)
    assert "/" not in part
    assert id_of_part(part) == key
