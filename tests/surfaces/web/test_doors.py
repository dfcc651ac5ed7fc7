"""Every route for every role and an outsider, from the table of routes: one that is added without a rule, or beside the table, fails here."""

import re

import pytest
from starlette.routing import Mount
from starlette.routing import Route as ServedRoute

from factories.served import OUTSIDER, Company
from keepwell.access.roles import ROLES, Capability
from keepwell.surfaces.web.app import all_routes
from keepwell.surfaces.web.route import Door, Route

# something to stand in an address's places
PLACES = {
    "name": "revenue",
    "user_id": "usr_none",
    "token_id": "tok_none",
    "dimension": "channel",
    "table": "none",
    "kind": "csv",
    "customer_id": "C001",
    "segment_id": "seg_none",
    "import_id": "imp_none",
    "draft_id": "drf_none",
    "job_id": "job_none",
    "webhook_id": "sub_none",
    "view_id": "vew_none",
    "target_id": "tgt_none",
    "round_id": "rnd_none",
    "appraisal_id": "apr_none",
    "entry_id": "dev_none",
    "period": "2026-05",
    "schedule_id": "sched_none",
    "message_id": "msg_none",
    "channel_id": "chn_none",
    "alert_id": "alr_none",
}
PEOPLE = [*ROLES, OUTSIDER]
TABLE = list(all_routes())


def _path(route: Route) -> str:
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: PLACES[found.group(1)], route.path)


def _may(who: str, route: Route) -> bool:
    if route.needs is Door.OPEN:
        return True
    return who != OUTSIDER and all(c in ROLES[who].may for c in route.capabilities)


def test_application_answers_nothing_but_the_table(company: Company) -> None:
    served = {(m, r.path) for r in company.app.routes if isinstance(r, ServedRoute) for m in r.methods or () if m != "HEAD"}
    mounted = {r.path for r in company.app.routes if isinstance(r, Mount)}
    assert served == {(r.method, r.path) for r in TABLE}
    assert mounted == {"/static", "/api/v1"}


def test_no_address_is_in_the_table_twice() -> None:
    addresses = [(r.method, r.path) for r in TABLE]
    assert len(set(addresses)) == len(addresses)


def test_open_doors_are_few_and_known() -> None:
    assert {(r.method, r.path) for r in TABLE if r.needs is Door.OPEN} == {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/sign-in/oidc"),
        ("GET", "/sign-in/oidc/back"),
        ("POST", "/look"),
    }


def test_downloads_need_the_right_to_export() -> None:
    downloads = [r for r in TABLE if "download" in r.path]
    assert downloads
    assert all(Capability.EXPORT in r.capabilities for r in downloads)


@pytest.mark.parametrize("who", PEOPLE)
def test_pages_open_to_those_who_may_and_to_nobody_else(company: Company, who: str) -> None:
    with company.browser(who) as browser:
        for route in (r for r in TABLE if not r.writes):
            answer = browser.get(_path(route))
            if _may(who, route):
                # what the places stand for need not be there
                assert answer.status_code in {200, 303, 404}, (route, answer.status_code, answer.text)
            elif who == OUTSIDER:
                assert answer.status_code == 303, route
                assert answer.headers["location"].startswith("/sign-in"), route
            else:
                assert answer.status_code == 403, route


@pytest.mark.parametrize("who", PEOPLE)
def test_forms_from_elsewhere_are_refused_for_everybody(company: Company, who: str) -> None:
    with company.browser(who) as browser:
        for route in (r for r in TABLE if r.writes):
            answer = browser.client.request(route.method, _path(route), data={"form_token": "0" * 64})
            assert answer.status_code == (303 if who == OUTSIDER and route.needs is not Door.OPEN else 403), (route, answer.text)


@pytest.mark.parametrize("who", list(ROLES))
def test_forms_of_ours_are_refused_to_those_who_may_not(company: Company, who: str) -> None:
    with company.browser(who) as browser:
        token = browser.token()
        for route in (r for r in TABLE if r.writes and not _may(who, r)):
            assert browser.client.request(route.method, _path(route), data={"form_token": token}).status_code == 403, route


def test_a_form_that_another_site_sent_is_refused_whatever_it_carries(company: Company) -> None:
    with company.browser("analyst") as browser:
        token = browser.token()
        answer = browser.client.post("/look", data={"form_token": token, "theme": "dark"}, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403


def test_a_session_that_was_ended_leads_nowhere(company: Company) -> None:
    with company.browser("analyst") as browser:
        key = browser.client.cookies["keepwell_session"]
        assert browser.post("/sign-out", form_token=browser.token()).status_code == 303
        browser.client.cookies.set("keepwell_session", key)
        assert browser.get("/").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", ""])
def test_signing_in_leads_to_no_other_site(company: Company, wanted: str) -> None:
    with company.browser() as browser:
        token = browser.token("/sign-in")
        answer = browser.post("/sign-in", email="analyst@example.com", password="correct horse battery", form_token=token, next=wanted)
        assert answer.headers["location"] == "/"


def test_wrong_passwords_are_told_alike_and_stopped(company: Company) -> None:
    with company.browser() as browser:
        token = browser.token("/sign-in")
        told = [
            browser.post("/sign-in", email=f"{who}@example.com", password="wrong", form_token=token) for who in ("marketing", "stranger")
        ]
        assert {t.status_code for t in told} == {401}
        assert told[0].text.replace("marketing", "stranger") == told[1].text
        for _ in range(4):
            browser.post("/sign-in", email="stranger@example.com", password="wrong", form_token=token)
        assert browser.post("/sign-in", email="stranger@example.com", password="wrong", form_token=token).status_code == 429


def test_every_answer_carries_the_headers_that_protect_it(company: Company) -> None:
    with company.browser("executive") as browser:
        for path in ("/", "/sign-in", "/no-such-page", "/static/keepwell.css", "/kpi/nonsense", "/overview/../../keepwell.toml"):
            headers = browser.get(path).headers
            assert "script-src 'self';" in headers["content-security-policy"], path
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
        assert browser.get("/").headers["cache-control"] == "no-store"
        assert "immutable" in browser.get("/static/keepwell.css").headers["cache-control"]


def test_the_cookie_is_not_for_scripts_nor_for_other_sites(company: Company) -> None:
    with company.browser() as browser:
        token = browser.token("/sign-in")
        told = browser.post("/sign-in", email="executive@example.com", password="correct horse battery", form_token=token).headers[
            "set-cookie"
        ]
        assert "HttpOnly" in told
        assert "SameSite=lax" in told


def test_pages_hold_no_script_or_style_of_their_own(company: Company) -> None:
    with company.browser("operations") as browser:
        for route in (r for r in TABLE if not r.writes and "download" not in r.path):
            text = browser.get(_path(route)).text
            assert not re.search(r"<script(?![^>]*(src=|application/json))|\sstyle=|\son\w+=|javascript:", text), route
