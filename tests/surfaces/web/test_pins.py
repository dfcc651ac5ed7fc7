"""The readings on top of the Overview: everybody's own, a default for all, and nothing lost with a KPI that is gone."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from factories.served import Browser, Company
from keepwell.access.audit import Actor
from keepwell.access.pins import EVERYBODY, pins_or_none, reset_pins, set_pins
from keepwell.access.users import user_of
from keepwell.core.errors import WrongUseError
from keepwell.store.db import Database


@pytest.fixture
def fresh(company: Company) -> Iterator[Company]:
    """The company, with nothing pinned afterwards."""
    yield company
    for who, more in (("executive", {}), ("administrator", {}), ("administrator", {"whose": "everybody"})):
        with company.browser(who) as browser:
            browser.post("/pins", do="reset", form_token=browser.token(), **more)


def _tiles(browser: Browser) -> list[str]:
    return re.findall(r'kw-reading kw-2"[^>]*data-kpi="(\w+)"', browser.get("/?period=2026-05").text)


def _press(browser: Browser, do: str, kpi: str = "", **more: str) -> int:
    return int(browser.post("/pins", do=do, kpi=kpi, form_token=browser.token(), **more).status_code)


def test_what_one_pins_and_moves_stands_on_the_own_overview_only(fresh: Company) -> None:
    with fresh.browser("executive") as browser, fresh.browser("analyst") as other:
        before = _tiles(browser)
        assert len(before) == 6
        assert _press(browser, "pin", "discount_rate") == 400  # six are as many as there can be
        assert _press(browser, "unpin", before[0]) == 303
        assert _press(browser, "pin", "average_order_value") == 303
        assert _press(browser, "up", "average_order_value") == 303
        wanted = [*before[1:5], "average_order_value", before[5]]
        assert _tiles(browser) == wanted
        assert _press(browser, "down", wanted[0]) == 303
        assert _tiles(browser) == [wanted[1], wanted[0], *wanted[2:]]
        assert _tiles(other) == before
        assert 'name="do" value="unpin"' in browser.get("/kpi/average_order_value").text
        assert 'name="do" value="pin"' in other.get("/kpi/average_order_value").text
        assert _press(browser, "reset") == 303
        assert _tiles(browser) == before


def test_the_last_one_stays_and_a_kpi_that_is_none_is_refused(fresh: Company) -> None:
    with fresh.browser("executive") as browser:
        for kpi in _tiles(browser)[1:]:
            assert _press(browser, "unpin", kpi) == 303
        (last,) = _tiles(browser)
        assert _press(browser, "unpin", last) == 400
        assert _press(browser, "pin", "revenu") == 404


@pytest.mark.parametrize(("who", "whose"), [("executive", ""), ("administrator", "everybody")])
def test_what_cannot_be_pinned_is_told_on_the_page_of_pins_which_goes_on(fresh: Company, who: str, whose: str) -> None:
    with fresh.browser(who) as browser:
        before = _tiles(browser)
        token = browser.token()
        answer = browser.post("/pins", do="pin", kpi="discount_rate", whose=whose, form_token=token)
        assert answer.status_code == 400
        assert "7 readings can&#39;t stand on top of the Overview. Choose 1 to 6." in answer.text
        assert f'name="back" value="/pins{"?whose=everybody" if whose else ""}"' in answer.text
        assert re.findall(r'<li data-kpi="(\w+)"', answer.text.partition("</ol>")[0]) == before
        assert _tiles(browser) == before
        answer = browser.post("/pins", do="unpinn", kpi=before[0], whose=whose, form_token=token)
        assert answer.status_code == 400
        assert "There is no such thing to do" in answer.text
        assert _tiles(browser) == before
        assert _press(browser, "pin", before[0], whose=whose) == 303  # pressed twice
        assert _tiles(browser) == before


def test_an_administrator_chooses_for_all_who_chose_none(fresh: Company) -> None:
    with fresh.browser("administrator") as browser, fresh.browser("executive") as other:
        assert _press(other, "unpin", "revenue", whose="everybody") == 403
        assert other.get("/pins?whose=everybody").status_code == 403
        first = _tiles(other)[0]
        assert _press(browser, "unpin", first, whose="everybody") == 303
        assert first not in _tiles(other)
        assert len(_tiles(other)) == 5


def test_settings_lead_administrators_to_everybodys_readings_and_nobody_else(company: Company) -> None:
    for who, leads in (("administrator", True), ("operations", False)):
        with company.browser(who) as browser:
            assert ('href="/pins?whose=everybody"' in browser.get("/settings").text) is leads


def test_a_kpi_that_is_gone_leaves_its_place_to_another(fresh: Company) -> None:
    site = fresh.app.state.site
    with site.store.transaction() as session:
        user = user_of(session, "executive@example.com")
        set_pins(session, site.clock.now(), user.as_actor(), user.user_id, ["gone_kpi", "orders", "revenue"])
    with fresh.browser("executive") as browser:
        found = _tiles(browser)
        assert found[:2] == ["orders", "revenue"]
        assert len(found) == 3
        assert "gone_kpi" not in browser.get("/pins").text


def test_the_list_is_searched(company: Company) -> None:
    with company.browser("service") as browser:
        text = browser.get("/pins?q=average+order").text
        assert 'data-kpi="average_order_value"' in text
        assert 'data-kpi="complaint_rate_orders"' not in text


@pytest.mark.parametrize("kpis", [[], list("abcdefg")])
def test_one_to_six_are_pinned(database: Database, kpis: list[str]) -> None:
    root, at = Actor(None, "test"), datetime(2026, 11, 1, tzinfo=UTC)
    with database.transaction() as session:
        set_pins(session, at, root, EVERYBODY, ["revenue", "nps", "revenue"])
    with pytest.raises(WrongUseError, match="Overview"), database.transaction() as session:
        set_pins(session, at, root, EVERYBODY, kpis)
    with database.transaction() as session:
        assert pins_or_none(session, EVERYBODY) == ("revenue", "nps")
        reset_pins(session, at, root, EVERYBODY)
        assert pins_or_none(session, EVERYBODY) is None
