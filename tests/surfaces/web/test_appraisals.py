"""The pages of appraisals: opened, assessed by forms, published, appealed; by whom, and what each is shown."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from factories.markup import read, rows_of
from factories.served import PASSWORD, Browser, Company
from factories.served import company as made
from keepwell.access.audit import Actor
from keepwell.access.roles import Rows
from keepwell.access.users import NewUser, add_user
from keepwell.core.workspace import open_workspace
from keepwell.store.db import store_of

PLAN = """
name: owners
title: {en: Owners, zh: 客户负责人考核}
meaning: {en: Owners, zh: 客户负责人}
version: 1
of: people
items:
  - {kpi: contact_coverage, by: owner_id, least: 5, weight: 50, curve: {floor: -0.5, target: 0.5}}
  - manual: quality
    title: {en: Quality, zh: 质量}
    weight: 20
    guidance: {en: "0: poor & slow", zh: "0 分：差"}
  - rater: trust
    title: {en: Trust, zh: 信任}
    weight: 10
    kinds: {peer: 50, customer: 50}
    guidance: {en: "0: poor", zh: "0 分：差"}
  - mbo: own
    title: {en: Own objectives, zh: 个人目标}
    weight: 20
"""
PLACE = "/team/appraisals"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company with the head Dan, to whom all report; Bo and Cai are account managers and have pages only."""
    found = made(tmp_path_factory.mktemp("appraised-pages"))
    with store_of(open_workspace(found.surfaces.folder)) as store, store.transaction() as session:
        new = NewUser("dan@example.com", "Dan Head", ["service"], PASSWORD, Rows.ALL, "E3")
        add_user(session, datetime(2026, 6, 1, tzinfo=UTC), Actor(None, "test"), new)
    folder = found.surfaces.folder / "appraisals"
    folder.mkdir()
    (folder / "owners.yaml").write_text(PLAN, encoding="utf-8")
    return found


@contextmanager
def browsing(company: Company, who: str) -> Iterator[Browser]:
    with company.browser(who) as browser:
        yield browser


def sent(browser: Browser, path: str, status: int = 303, **form: str | list[str]) -> str:
    answer = browser.client.post(f"{PLACE}{path}", data={**form, "form_token": browser.token()})
    assert answer.status_code == status, answer.text
    return str(answer.headers.get("location", answer.text))


def ids(browser: Browser, place: str) -> dict[str, str]:
    """Who stands in a round, with the place of each."""
    text = browser.get(place).text
    return {name: key for key, name in re.findall(rf'<a href="{PLACE}/(apr_\w+)">([^<]+)</a>', text)}


def test_a_round_by_its_pages(company: Company) -> None:
    with browsing(company, "executive") as keeper:
        place = sent(keeper, "", plan="owners", period="2026-Q1")
        assert "owners" not in sent(keeper, "", 400, plan="owners", period="2026-Q1").split("<main")[0]
        people = ids(keeper, place)
        assert set(people) == {"Bo Own", "Cai Team", "Dan Head", "Eli Else"}
        key = people["Bo Own"]
    with browsing(company, "own") as bo:
        assert set(ids(bo, place)) == {"Bo Own"}
        assert bo.get(f"{PLACE}/{people['Cai Team']}").status_code == 404
        sent(bo, f"/{key}/self-assessment", item=["quality"], mark=["9"], words="Fine")
        page = bo.get(f"{PLACE}/{key}").text
        assert "assessment" not in re.findall(rf'action="{PLACE}/{key}/([\w-]+)"', page)
        sent(bo, f"/{key}/assessment", 400, item=["quality"], mark=["10"])
    with browsing(company, "team") as cai:
        assert set(ids(cai, place)) == {"Bo Own", "Cai Team"}
        assert "poor &amp; slow" in cai.get(f"{PLACE}/{key}").text
        sent(cai, f"/{key}/assessment", 400, item=["quality"], mark=["much"])
        sent(
            cai, f"/{key}/assessment", item=["quality"], mark=["5"], text=["Learn", "", "Mentor"], weight=["50", "", "50"],
            attained=["80", "", "100"], words="Two complaints",
        )  # fmt: skip
        main = read(cai.get(f"{PLACE}/{key}").text).one("main")
        rows = {r["item"]: r for r in rows_of(main.one("table", "data-table"))}
        # half of the curve's way, 5 of 10, 90 percent of the objectives: (50 × 50 + 20 × 50 + 20 × 90) / 90
        assert (rows["quality"]["points"], rows["own"]["points"], rows["trust"]["points"]) == ("50.0", "90.0", "")
        sent(cai, f"/{key}/approval", 400)
    with browsing(company, "own") as bo:
        page = bo.get(f"{PLACE}/{key}").text
        assert "Two complaints" not in page
        assert "being assessed" in page
        assert 'data-figure="total"' not in page
    with browsing(company, "dan") as dan:
        sent(dan, f"/{key}/return", words="Look at March again")
        assert "Look at March again" in dan.get(f"{PLACE}/{key}").text
    with browsing(company, "team") as cai:
        sent(cai, f"/{key}/assessment", item=["quality"], mark=["6"])
    for name, appraisal in people.items():
        if name != "Bo Own":
            company.surfaces.ask("appraise", "assess", appraisal, "--mark", "quality=5")
            company.surfaces.ask("appraise", "approve", appraisal)
    with browsing(company, "dan") as dan:
        sent(dan, f"/{key}/approval")
    _published_and_appealed(company, place, key)


def _published_and_appealed(company: Company, place: str, key: str) -> None:
    """Nobody but who keeps the rounds publishes; then the person is told, and may disagree."""
    with browsing(company, "service") as stranger:
        assert stranger.get(place).status_code == 404
        sent(stranger, f"{place.removeprefix(PLACE)}/publish", 403)
    with browsing(company, "executive") as keeper:
        assert "/publish" in keeper.get(place).text
        sent(keeper, f"{place.removeprefix(PLACE)}/publish")
        assert "/publish" not in keeper.get(place).text
        found = keeper.get(f"{place}/download/appraisals.csv")
        assert found.text.count("\r\n") == 5
    with browsing(company, "own") as bo:
        page = bo.get(f"{PLACE}/{key}").text
        assert 'data-figure="total"' in page
        assert "Look at March again" not in page
        sent(bo, f"/{key}/appeal", words="One was withdrawn")
    with browsing(company, "dan") as dan:
        sent(dan, f"/{key}/answer", item=["quality"], mark=["8"], words="Right")
        page = dan.get(f"{PLACE}/{key}").text
        assert "One was withdrawn" in page
        assert "appeal answered" in page


def test_the_rows_behind_a_reading_are_one_click_away(company: Company) -> None:
    with browsing(company, "executive") as keeper:
        place = sent(keeper, "", plan="owners", period="2026-Q2")
        page = read(keeper.get(f"{PLACE}/{ids(keeper, place)['Bo Own']}").text).one("main")
        row = next(r for r in rows_of(page.one("table", "data-table")) if r["item"] == "contact_coverage")
        (link,) = page.all("a", "data-drawer")
        shown = {t["data-table"]: rows_of(t) for t in read(keeper.get(link["href"]).text).all("table", "data-table")}
        assert len(shown["rows-denominator"]) == int(row["n"]) > 0
        owners = {c["customer_id"] for c in company.surfaces.python.customers("owner_id = 'E1'").to_json()}
        assert {r["customer_id"] for r in shown["rows-denominator"]} <= owners


def test_a_rater_is_asked_on_the_page_and_answers_once(company: Company) -> None:
    with browsing(company, "executive") as keeper:
        place = sent(keeper, "", plan="owners", period="2025-Q4")
        key = ids(keeper, place)["Eli Else"]
        page = keeper.get(f"{PLACE}/{key}").text
        found = re.search(r'<option value="(usr_\w+)">Bo Own</option>', page)
        assert found
        sent(keeper, f"/{key}/raters", kind="peer", person=found.group(1))
        sent(keeper, f"/{key}/raters", kind="customer", customer="Firm A & Sons")
        (link,) = read(keeper.get(f"{PLACE}/{key}").text).one("ul", "data-list").all("a")
        assert "Firm A &amp; Sons" in keeper.get(link["href"]).text
        sent(keeper, f"/{key}/ratings", item=["trust"], mark=["3.3"], rater="Firm A & Sons")
        assert keeper.get(link["href"]).status_code == 404
        assert keeper.get(f"{PLACE}/{key}/rate?rater=Bo").status_code == 404
    with browsing(company, "own") as bo:
        assert f"{PLACE}/{key}/rate" in bo.get(PLACE).text
        assert "without your name" in bo.get(f"{PLACE}/{key}/rate").text
        assert bo.get(f"{PLACE}/{key}").status_code == 404
        sent(bo, f"/{key}/ratings", item=["trust"], mark=["7.7"])
        assert f"{PLACE}/{key}/rate" not in bo.get(PLACE).text
        assert bo.get(f"{PLACE}/{key}/rate").status_code == 404
    with browsing(company, "executive") as keeper:
        page = keeper.get(f"{PLACE}/{key}").text
        assert "7.7" not in page
        assert "Bo Own · peers" in page


def test_what_others_weigh_is_tried_and_faults_are_told_in_the_persons_language(company: Company) -> None:
    with browsing(company, "executive") as keeper:
        place = sent(keeper, "", plan="owners", period="2025-Q3")
        asked = "weight.contact_coverage=10&weight.quality=60"
        assert 'data-table="simulated"' in keeper.get(f"{place}?{asked}").text
        keeper.post("/look", locale="zh", next="/", form_token=keeper.token())
        page = keeper.get(f"{place}?weight.quality=60").text
        assert "权重合计为 140，应为 100" in page
        keeper.post("/look", locale="en", next="/", form_token=keeper.token())
    with browsing(company, "team") as cai:
        assert "weight.quality" not in cai.get(place).text


def test_notes_are_written_by_who_is_above_and_trainings_ended_by_the_person(company: Company) -> None:
    with browsing(company, "executive") as keeper:
        place = sent(keeper, "", plan="owners", period="2025-12")
        key = ids(keeper, place)["Bo Own"]
    with browsing(company, "team") as cai:
        sent(cai, f"/{key}/entries", kind="training", text="Contract law", due="2026-12-31")
        sent(cai, f"/{key}/entries", 400, kind="training", text="Contract law", due="soon")
    with browsing(company, "own") as bo:
        page = bo.get(f"{PLACE}/{key}").text
        assert "Contract law" in page
        assert "Due 2026-12-31" in page
        sent(bo, f"/{key}/entries", 400, kind="coaching", text="I am great")
        entry = re.search(r"/entries/(dev_\w+)/done", page)
        assert entry
        sent(bo, f"/{key}/entries/{entry.group(1)}/done")
        assert f"/entries/{entry.group(1)}/done" not in bo.get(f"{PLACE}/{key}").text
