"""Segments on the page: the matrix and the moves are the command line's, and a segment is built, seen, taken along and undone."""

import csv
import html
import io
import re
from collections import Counter
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from factories.served import NASTY, Browser, Company, with_people
from factories.surfaces import Surfaces

FIRST, LAST = date(2026, 3, 31), date(2026, 5, 31)
BUYERS = 520
RULE = {"match": "all", "g0": "all", "c0.group": "0", "c0.field": "region", "c0.ask": "is", "c0.value": "CN-EAST"}


def _orders() -> list[dict[str, Any]]:
    """Every buyer orders each so many days; a third stop before the first day looked from."""
    made = []
    for i in range(BUYERS):
        day, every = date(2025, 1, 1) + timedelta(days=i % 60), 20 + i % 90
        end = date(2026, 2, 1) if i % 3 == 0 else LAST
        while day <= end:
            made.append({
                "order_id": f"{i}-{day}", "customer_id": f"B{i:03}", "ordered_at": f"{day} 12:00:00", "status": "completed",
                "amount": 20 + i % 7 * 100, "currency": "CNY",
            })  # fmt: skip
            day += timedelta(days=every)
    return made


@pytest.fixture(scope="module")
def buyers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Company, list[dict[str, Any]]]:
    """A company of buyers with two runs, and the scores of the first."""
    surfaces = Surfaces.made(tmp_path_factory.mktemp("buyers"), timezone="Asia/Shanghai")
    surfaces.bring("orders", _orders())
    surfaces.ask("refresh", "--as-of", FIRST.isoformat())
    before = _scores(surfaces)
    surfaces.ask("refresh", "--as-of", LAST.isoformat())
    return with_people(surfaces), before


def _scores(surfaces: Surfaces) -> list[dict[str, Any]]:
    return surfaces.python.customers(columns=["customer_id", "rfm_recency", "rfm_frequency", "clv", "cluster"]).to_json()


def _rows(browser: Browser, path: str) -> list[dict[str, str]]:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def _address(**more: str) -> str:
    return f"/segments/build?{urlencode({**RULE, **more})}"


def _count(text: str) -> int:
    found = re.search(r"data-size>([\d,]+)", text)
    assert found, text
    return int(found.group(1).replace(",", ""))


def _made(browser: Browser, name: str, address: str) -> str:
    """Save what the builder shows; gives the segment's address."""
    page = browser.get(address).text
    rule = re.search(r'name="rule" value="([^"]+)"', page)
    assert rule, page
    answer = browser.post("/segments", name=name, rule=html.unescape(rule.group(1)), note="", form_token=browser.token(address))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_the_matrix_counts_those_whom_the_command_line_lists(buyers: tuple[Company, list[dict[str, Any]]]) -> None:
    company, before = buyers
    now = _scores(company.surfaces)
    with company.browser("analyst") as browser:
        rows = _rows(browser, "/segments/download/matrix.csv")
    told = {(int(r["recency"]), int(r["frequency"])): r for r in rows}
    counts = Counter((c["rfm_recency"], c["rfm_frequency"]) for c in now if c["rfm_recency"] is not None)
    assert {k: int(r["customers"]) for k, r in told.items() if int(r["customers"])} == counts
    assert sum(float(r["clv"] or 0) for r in rows) == pytest.approx(sum(float(c["clv"] or 0) for c in now), abs=0.01)
    # who stood where on the first day, and has ordered after it, by the orders themselves
    stood = Counter((c["rfm_recency"], c["rfm_frequency"]) for c in before if c["rfm_recency"] is not None)
    bought = {o["customer_id"] for o in _orders() if o["ordered_at"][:10] > FIRST.isoformat()}
    again = Counter((c["rfm_recency"], c["rfm_frequency"]) for c in before if c["rfm_recency"] is not None and c["customer_id"] in bought)
    assert {k: (int(r["were"]), int(r["bought"])) for k, r in told.items() if int(r["were"])} == {
        k: (n, again[k]) for k, n in stood.items()
    }
    assert 0 < sum(again.values()) < sum(stood.values())


def test_the_moves_are_those_of_the_command_line(buyers: tuple[Company, list[dict[str, Any]]]) -> None:
    company, _ = buyers
    with company.browser("executive") as browser:
        rows = _rows(browser, "/segments/download/flow.csv?state=rfm")
        assert "is in the same group" in browser.get("/segments").text or "are in the same group" in browser.get("/segments").text
    told = company.surfaces.ask("transitions", "rfm")
    assert {(r["before"], r["after"]): int(r["customers"]) for r in rows} == {(r["from"], r["to"]): r["customers"] for r in told}


def test_clusters_are_those_of_the_run_that_is_shown(buyers: tuple[Company, list[dict[str, Any]]]) -> None:
    company, before = buyers
    now = company.surfaces.python.customers(columns=["customer_id", "cluster"]).to_json()
    earlier = company.surfaces.ask("runs")[0]["run_id"]
    with company.browser("analyst") as browser:
        for run, told in (("", now), (f"?run={earlier}", before)):
            counts = Counter(c["cluster"] for c in told if c["cluster"])
            text = browser.get(f"/segments{run}").text
            found = dict(re.findall(r'data-cluster="(\w+)".*?<dt>Customers</dt><dd[^>]*>([\d,]+)</dd>', text, re.DOTALL))
            assert counts
            assert {c: int(n.replace(",", "")) for c, n in found.items()} == counts


def test_a_cell_leads_to_its_customers(buyers: tuple[Company, list[dict[str, Any]]]) -> None:
    company, _ = buyers
    with company.browser("executive") as browser:
        cell = max(_rows(browser, "/segments/download/matrix.csv"), key=lambda r: int(r["customers"]))
        page = browser.get(f"/customers?where=rfm_recency+%3D+{cell['recency']}+and+rfm_frequency+%3D+{cell['frequency']}").text
    assert f"of {int(cell['customers']):,}" in page


def test_who_bought_without_standing_in_a_list_has_a_page(buyers: tuple[Company, list[dict[str, Any]]]) -> None:
    company, _ = buyers
    with company.browser("service") as browser:
        for path in ("/customers/B001", "/customers/B001/timeline"):
            assert browser.get(path).status_code == 200


def test_a_segment_is_built_saved_and_taken_along(company: Company) -> None:
    wanted = {c["customer_id"] for c in company.surfaces.ask("customers", "--where", "region in ('CN-EAST', 'CN-SHANGHAI')")}
    with company.browser("marketing") as browser:
        assert _count(browser.get(_address()).text) == len(wanted)
        path = _made(browser, "East & <b>", _address())
        page = browser.get(path).text
        assert _count(page) == len(wanted)
        assert "East &amp; &lt;b&gt;" in page
        rows = _rows(browser, f"/customers/download/customers.csv?{urlencode({'segment': 'East & <b>', 'column': 'name'})}")
        assert {r["customer_id"] for r in rows} == wanted
        # marketing sees no names of persons
        assert not {r["name"] for r in rows} & {"张伟", "欧阳娜娜", NASTY}
        assert "East &amp; &lt;b&gt;" in browser.get("/search?q=east").text
    # the command line and the API list the same ones
    assert {c["customer_id"] for c in company.surfaces.ask("customers", "--segment", "east & <B>", "--limit", "1000")} == wanted
    assert len(company.surfaces.ask("customers", "--segment", "East & <b>", "--where", "kind = 'company'", "--limit", "3")) <= 3
    with company.program(company.token("analyst")) as program:
        listed = program.get("/api/v1/customers", params={"segment": "East & <b>", "limit": 1000}).json()
        assert {c["customer_id"] for c in listed["data"]} == wanted
        (told,) = [s for s in program.get("/api/v1/segments").json()["data"] if s["name"] == "East & <b>"]
        assert (told["customers"], told["everybody"]) == (len(wanted), 60)
        assert told["rule"]["groups"][0]["conditions"] == [{"field": "region", "ask": "is", "values": ["CN-EAST"]}]
        assert program.get("/api/v1/customers", params={"segment": "nobody knows"}).status_code == 404
    with company.browser("own") as browser:
        mine = {c["customer_id"] for c in company.surfaces.ask("customers", "--where", "owner_id = 'E1'")}
        assert _count(browser.get(path).text) == len(wanted & mine)
        # an account manager may look, not change
        assert browser.get(_address()).status_code == 403
        assert "/delete" not in browser.get(path).text
    with company.browser("administrator") as browser:
        assert "exported" in browser.get("/settings/audit").text
    with company.browser("marketing") as browser:
        answer = browser.post(f"{path}/delete", form_token=browser.token(path))
        undone = browser.get(answer.headers["location"]).text
        assert browser.get(path).status_code == 404
        assert "/restore" in undone
        assert browser.post(f"{path}/restore", form_token=browser.token()).headers["location"] == path
        assert browser.get(path).status_code == 200


def test_why_somebody_is_in_is_told_with_what_they_have(company: Company) -> None:
    inside, outside = (company.surfaces.ask("customers", "--where", w)[0]["customer_id"] for w in ("region = 'CN-EAST'", "region = 'EU'"))
    with company.browser("analyst") as browser:
        told = html.unescape(browser.get(_address(customer=inside)).text)
        assert f"One change would take {inside} out." in told
        told = html.unescape(browser.get(_address(customer=outside)).text)
        assert f"One change would bring {outside} in." in told
        assert "(has: EU)" in told
        assert "There is no customer named 'C999'" in html.unescape(browser.get(_address(customer="C999")).text)


def test_what_is_pressed_in_the_builder_is_done_to_the_rule(company: Company) -> None:
    with company.browser("analyst") as browser:
        more = browser.get(_address(press="add-0"))
        assert more.status_code == 303
        assert "c1.field=clv" in more.headers["location"]
        # what is not finished is not counted, and can't be saved
        page = browser.get(more.headers["location"]).text
        assert _count(page) == _count(browser.get(_address()).text)
        assert 'name="rule"' not in page
        without = browser.get(_address(press="drop-0")).headers["location"]
        assert "c0.field" not in without
        assert "c1.group=1" in browser.get(_address(press="group")).headers["location"]
        # numbers that no page of ours writes
        for far in (_address(press="drop-" + "9" * 5000), _address(**{"c0.group": "9" * 5000})):
            assert browser.get(far).status_code in {200, 303}
        # another field forgets the values of the one before
        other = browser.get(_address(**{"c0.field": "country", "c0.was": "region"}), HX_Request="true")
        assert "CN-EAST" not in other.headers["hx-push-url"]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"name": "x", "rule": "no json"}, 400),
        ({"name": "x", "rule": "[]"}, 400),
        ({"name": "", "rule": '{"match": "all", "groups": []}'}, 422),
        ({"name": "x", "rule": '{"match": "all", "groups": []}'}, 400),
        ({"name": "x", "rule": '{"match": "all", "groups": [{"match": "all", "conditions": [{"field": "1; drop", "ask": "is", "values": ["a"]}]}]}'}, 404),
        ({"name": "champions", "rule": '{"match": "all", "groups": [{"match": "all", "conditions": [{"field": "clv", "ask": "known"}]}]}'}, 400),
        ({"name": "x", "rule": '{"match": "all", "groups": [{"match": "all", "conditions": [{"field": "clv", "ask": "known"}]}]}', "segment_id": "seg_none", "version": "1"}, 404),
    ],
)  # fmt: skip
def test_what_can_not_be_saved_is_told(company: Company, form: dict[str, str], status: int) -> None:
    with company.browser("analyst") as browser:
        answer = browser.post("/segments", form_token=browser.token(), **form)
    assert answer.status_code in {status, 400 if status == 422 else status}, answer.text


def test_a_page_of_what_is_open_in_the_builder_is_in_both_languages(company: Company) -> None:
    with company.browser("analyst") as browser:
        browser.post("/look", locale="zh", next="/", form_token=browser.token())
        page = browser.get(_address(**{"c1.group": "0", "c1.field": "clv", "c1.ask": "at_least", "c1.value": "1"})).text
        browser.post("/look", locale="en", next="/", form_token=browser.token())
    assert "区域为CN-EAST 且 " in page
