"""The Team page: a target set, looked at beforehand, changed, ended and taken back; by whom, and seen by whom."""

import html
import re

from factories.served import Company

WANTED = {"kpi": "revenue", "value": "5000", "by": "2031-03", "reason": "growth"}


def set_one(company: Company, **more: str) -> str:
    """Gives the place of the target's page."""
    with company.browser("operations") as browser:
        answer = browser.post("/team/targets", **{**WANTED, **more}, form_token=browser.token())
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])


def test_what_it_would_be_is_seen_before_it_is_set(company: Company) -> None:
    with company.browser("executive") as browser:
        page = browser.get("/team/new?kpi=revenue&value=5000&by=2031-03").text
        assert "nobody owns it" in page
        assert 'action="/team/targets"' in page
        assert "No targets yet" in browser.get("/team").text or "2031-03" not in browser.get("/team").text


def test_what_is_wrong_is_told_beside_the_form_in_the_persons_language(company: Company) -> None:
    with company.browser("executive") as browser:
        for asked, words in (
            ("kpi=revenue&value=5000", "A target needs a deadline."),
            ("kpi=revenue&value=much&by=2031-03", "is no value of revenue"),
            ("kpi=revenue&value=5&by=2001-03", "is over already"),
            ("kpi=revenue&value=5&by=2031-03&dimension=region&member=Mars", "has no reading of region=Mars"),
        ):
            answer = browser.get(f"/team/new?{asked}")
            assert (answer.status_code, words in html.unescape(answer.text)) == (200, True), asked
            assert 'action="/team/targets"' not in answer.text
        browser.post("/look", locale="zh", next="/", form_token=browser.token())
        assert "目标必须有截止期限" in browser.get("/team/new?kpi=revenue&value=5000").text
        browser.post("/look", locale="en", next="/", form_token=browser.token())


def test_a_target_is_set_changed_ended_and_taken_back(company: Company) -> None:
    place = set_one(company)
    with company.browser("operations") as browser:
        page = browser.get(place).text
        assert "growth" in page
        assert place in browser.get("/team").text
        assert place in browser.get("/kpi/revenue").text
        assert set_one(company, value="6000", change="a better plan") == place
        page = browser.get(place).text
        assert re.findall(r"<td>(\d+)</td>", page) == ["2", "1"]
        assert "a better plan" in page
        browser.post(f"{place}/end", reason="the plan was dropped", form_token=browser.token())
        assert "the plan was dropped" in browser.get(place).text
        assert place not in browser.get("/team").text
        assert place in browser.get("/team?ended=yes").text
        browser.post(f"{place}/resume", form_token=browser.token())
        assert place in browser.get("/team").text
        browser.post(f"{place}/end", reason="a test's", form_token=browser.token())


def test_targets_stand_with_their_objective(company: Company) -> None:
    with company.browser("executive") as browser:
        browser.post("/team/objectives", title="Customers <b>who</b> stay", form_token=browser.token())
        page = browser.get("/team").text
        # other tests of the same company may have added objectives before it
        _, title, below = page.partition("Customers &lt;b&gt;who&lt;/b&gt; stay")
        assert title
        found = re.search(r"objective=(obj_\w+)", below)
        assert found
    place = set_one(company, objective=found.group(1), by="2031-04")
    with company.browser("executive") as browser:
        page = browser.get("/team").text
        assert page.index("who&lt;/b&gt; stay") < page.index(place)
        browser.post(f"{place}/end", reason="a test's", form_token=browser.token())


def test_who_may_not_set_targets_sees_them_and_changes_none(company: Company) -> None:
    place = set_one(company, by="2031-05")
    with company.browser("analyst") as browser:
        page = browser.get(place).text
        assert "growth" in page
        assert f"{place}/end" not in page
        assert browser.post(f"{place}/end", reason="x", form_token=browser.token()).status_code == 403
        assert browser.post("/team/targets", **WANTED, form_token=browser.token()).status_code == 403
        assert browser.get("/team/new").status_code == 403
    with company.browser("own") as browser:
        assert browser.get(place).status_code == 404
        assert place not in browser.get("/team").text
        assert place not in browser.get("/kpi/revenue").text
    with company.browser("operations") as browser:
        browser.post(f"{place}/end", reason="a test's", form_token=browser.token())
