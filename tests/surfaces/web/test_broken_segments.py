"""A saved segment whose rule asks a field that is gone is shown as broken, and breaks nothing else."""

import json
from typing import Any

import pytest

from factories.markup import read
from factories.served import Company
from keepwell.core.errors import WrongUseError
from keepwell.store.tables.segments import SegmentRow

RULE = '{"match": "all", "groups": [{"match": "all", "conditions": [{"field": "orders", "ask": "at_least", "values": ["%s"]}]}]}'
# as a later version would find it, when the field that it asks is gone
GONE: dict[str, Any] = {"match": "all", "groups": [{"match": "all", "conditions": [{"field": "stars", "ask": "at_least", "values": ["3"]}, {"field": "orders", "ask": "at_least", "values": ["2"]}]}]}  # fmt: skip
REASON = "There is no field of customers named 'stars'."


@pytest.fixture(scope="module")
def places(company: Company) -> dict[str, str]:
    """Name -> the address of a segment that is whole and of one that is broken."""
    with company.browser("operations") as browser:
        made = {
            name: browser.post("/segments", name=name, rule=RULE % 3, note="", form_token=browser.token()).headers["location"]
            for name in ("Frequent buyers", "Starred")
        }
    with company.app.state.site.store.transaction() as session:
        session.get_one(SegmentRow, made["Starred"].rpartition("/")[2]).rule = GONE
    return made


def test_the_list_shows_it_as_broken_with_the_reason_and_the_others_with_their_size(company: Company, places: dict[str, str]) -> None:
    with company.browser("operations") as browser:
        rows = {r.one("a").text: r for r in read(browser.get("/segments").text).one("table", "data-table").one("tbody").all("tr")}
        assert "broken" in rows["Starred"].text
        assert REASON in rows["Starred"].text
        listed = browser.get("/customers?segment=Frequent+buyers")
        total = read(listed.text).one(attribute="data-total")["data-total"]
        assert rows["Frequent buyers"].one(attribute="data-value")["data-value"] == total
        assert "Starred" in browser.get("/search?q=Starred").text
        taken = browser.get("/segments/download/saved.csv")
        assert taken.status_code == 200
        assert REASON in taken.text
    assert places


def test_its_page_says_why_and_the_builder_keeps_what_still_holds(company: Company, places: dict[str, str]) -> None:
    with company.browser("operations") as browser:
        page = read(browser.get(places["Starred"]).text).one("main")
        assert REASON in page.text
        change = next(a["href"] for a in page.all("a") if a.attributes.get("href", "").startswith("/segments/build"))
        builder = browser.get(change)
        assert builder.status_code == 200, builder.text
        assert "at least 2" in read(builder.text).one("main").text or 'value="2"' in builder.text
        # the page of another one, which is compared with all others
        assert browser.get(places["Frequent buyers"]).status_code == 200
        browser.post("/look", locale="zh", next="/", form_token=browser.token())
        chinese = browser.get(places["Starred"]).text
        browser.post("/look", locale="en", next="/", form_token=browser.token())
        assert "已失效" in chinese
        assert "没有名为" in chinese


def test_a_list_of_its_members_is_refused_with_the_reason_on_every_surface(company: Company, places: dict[str, str]) -> None:
    assert places
    with company.browser("operations") as browser:
        answer = browser.get("/customers?segment=Starred")
        assert answer.status_code == 400, answer.text
        assert "is broken" in answer.text
        assert browser.get("/customers").status_code == 200
    with company.program(company.token("operations")) as program:
        refused = program.get("/api/v1/customers", params={"segment": "Starred"})
        assert (refused.status_code, "stars" in json.dumps(refused.json())) == (400, True)
        told = {s["name"]: s for s in program.get("/api/v1/segments").json()["data"]}
        assert (told["Starred"]["fault"], told["Starred"]["customers"], told["Starred"]["rule"]) == (REASON, None, GONE)
        assert told["Frequent buyers"]["fault"] is None
        assert told["Frequent buyers"]["customers"] > 0
    with pytest.raises(WrongUseError, match="The segment Starred is broken: There is no field"):
        company.surfaces.python.customers(segment="Starred")


def test_it_can_be_deleted_and_changed(company: Company, places: dict[str, str]) -> None:
    with company.browser("operations") as browser:
        own = places["Starred"].rpartition("/")[2]
        assert browser.post(f"{places['Starred']}/delete", form_token=browser.token()).status_code == 303
        assert browser.post(f"{places['Starred']}/restore", form_token=browser.token()).status_code == 303
        saved = browser.post("/segments", name="Starred", rule=RULE % 2, note="", segment_id=own, version="1", form_token=browser.token())
        assert saved.status_code == 303, saved.text
        assert "broken" not in read(browser.get(places["Starred"]).text).one("main").text
        for path in places.values():
            browser.post(f"{path}/delete", form_token=browser.token())
