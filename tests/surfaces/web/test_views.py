"""Saved views on the pages and by the API: saved from the filters, opened, shared, found, deleted and brought back."""

import html
import re

import pytest

from factories.served import Browser, Company

FILTERS = {
    "customers": "/customers?tier=A&tier=B&churn=high&sort=-clv",
    "scorecard": "/scorecard?grain=quarter&compare=year",
    "retention": "/retention?measure=unbounded&by=kind",
}


def _save(browser: Browser, path: str, name: str, **more: str) -> str:
    """Save what the page shows as its menu does; gives where that leads."""
    text = browser.get(path).text
    found = {n: html.unescape(v) for n, v in re.findall(r'name="(page|query)" value="([^"]*)"', text)}
    answer = browser.post("/views", name=name, form_token=browser.token(path), **found, **more)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def _id(browser: Browser, name: str) -> str:
    found = re.search(rf'data-view="(\w+)"><td><a [^>]*>{re.escape(name)}</a>', browser.get("/views").text)
    assert found, name
    return found.group(1)


@pytest.mark.parametrize("page", FILTERS)
def test_a_view_opens_the_filters_that_were_saved(company: Company, page: str) -> None:
    with company.browser("executive") as browser:
        assert _save(browser, FILTERS[page] + "&run=", f"Mine of {page}") == FILTERS[page]
        text = browser.get(FILTERS[page]).text
        shown = re.search(rf'<a href="([^"]+)" aria-current="true">Mine of {page}', text)
        assert shown
        assert html.unescape(shown.group(1)) == FILTERS[page]
        assert browser.get(html.unescape(shown.group(1))).status_code == 200
        assert f">Mine of {page}" in browser.get("/search?q=MINE").text
    with company.browser("analyst") as browser:
        for path in (FILTERS[page], "/views", "/search?q=mine"):
            assert f"Mine of {page}" not in browser.get(path).text


def test_a_shared_view_is_everybodys_who_may_open_its_page(company: Company) -> None:
    with company.browser("marketing") as browser:
        _save(browser, "/customers?tier=A", "Best <b>", shared="yes")
        view_id = _id(browser, "Best &lt;b&gt;")
    with company.browser("executive") as browser:
        assert "Best &lt;b&gt;" in browser.get("/customers").text
        assert f"/views/{view_id}/delete" not in browser.get("/views").text
        token = browser.token()
        assert browser.post(f"/views/{view_id}/delete", form_token=token).status_code == 404
        assert browser.post("/views", page="scorecard", query="", name="x", shared="yes", form_token=token).status_code == 400
    with company.browser("administrator") as browser:
        # who sees no customers hears of no view of them
        assert "Best" not in browser.get("/views").text
        assert "Best" not in browser.get("/search?q=best").text
        assert browser.post("/views", page="customers", query="tier=A", name="x", form_token=browser.token()).status_code == 404


def test_a_view_is_renamed_deleted_and_brought_back(company: Company) -> None:
    with company.browser("service") as browser:
        _save(browser, "/retention?by=kind", "Kinds")
        view_id, token = _id(browser, "Kinds"), browser.token()
        assert browser.post(f"/views/{view_id}", name="By kind", form_token=token).status_code == 303
        assert _id(browser, "By kind") == view_id
        gone = browser.post(f"/views/{view_id}/delete", form_token=token).headers["location"]
        assert gone == f"/views?deleted={view_id}"
        text = browser.get(gone).text
        assert f'action="/views/{view_id}/restore"' in text
        assert "By kind" not in text
        assert browser.post(f"/views/{view_id}/restore", form_token=token).status_code == 303
        assert _id(browser, "By kind") == view_id


@pytest.mark.parametrize("query", ["https://evil.example/", "run=abc", "tier=A&next=//evil.example"])
def test_what_is_no_filter_of_the_page_is_refused(company: Company, query: str) -> None:
    with company.browser("service") as browser:
        answer = browser.post("/views", page="customers", query=query, name="x", form_token=browser.token())
        assert answer.status_code == 400


def test_filters_that_hold_no_more_are_told_by_their_page(company: Company) -> None:
    with company.browser("service") as browser:
        token = browser.token()
        for page, query, status in (
            ("customers", "segment=gone", 404),
            ("customers", "where=gone+%3E+1", 400),
            ("scorecard", "period=x", 400),
        ):
            opened = browser.post("/views", page=page, query=query, name="old", form_token=token).headers["location"]
            assert browser.get(opened).status_code == status


def test_the_api_keeps_the_same_views(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        wanted = {"name": "By API", "page": "customers", "query": "tier=A&region=CN", "is_shared": True}
        made = program.post("/api/v1/views", json=wanted)
        assert made.status_code == 201, made.text
        assert {k: made.json()[k] for k in wanted} == wanted
        assert made.json() in program.get("/api/v1/views").json()["data"]
        with company.browser("executive") as browser:
            assert "/customers?tier=A&amp;region=CN" in browser.get("/customers").text
        view_id = made.json()["view_id"]
        assert program.delete(f"/api/v1/views/{view_id}").json() == {"view_id": view_id, "is_deleted": True}
        assert program.delete(f"/api/v1/views/{view_id}").status_code == 404
        assert view_id not in program.get("/api/v1/views").text
        assert program.post("/api/v1/views", json=wanted | {"page": "settings"}).status_code == 404
        assert program.post("/api/v1/views", json=wanted | {"query": "run=1"}).status_code == 400
    with company.program(company.token("administrator")) as program:
        assert program.post("/api/v1/views", json=wanted).status_code == 404
