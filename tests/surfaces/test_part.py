"""Who sees a part of the customers changes nothing that is everybody's, whatever the role: not in the API, not on pages."""

from typing import Any

import pytest

from factories.cards import shop
from factories.served import Company

TARGET = {"kpi": "revenue", "value": "700000", "by": "2031-12", "reason": "as the board agreed"}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return shop(tmp_path_factory.mktemp("shop"))


def ask(company: Company, who: str, method: str, path: str, status: int, **body: Any) -> Any:
    with company.program(company.token(who)) as program:
        answer = program.request(method, f"/api/v1/{path}", json=body or None)
    assert answer.status_code == status, (method, path, answer.text)
    return answer.json()


def test_targets_are_left_as_they_are(company: Company) -> None:
    before = ask(company, "operations", "POST", "targets", 201, **TARGET)
    place = f"targets/{before['target_id']}"
    refused = ask(company, "part", "POST", "targets", 400, **TARGET, change="mine")
    assert "everybody's" in refused["detail"]
    assert "board" not in str(refused)
    ask(company, "part", "POST", f"{place}/end", 404, reason="mine")
    ask(company, "part", "GET", place, 404)
    after = ask(company, "operations", "GET", place, 200)
    assert (after["version"], after["baseline"], after["path"]) == (before["version"], before["baseline"], before["path"])
    # not those of the own person either: their baseline would be that of the part
    ask(company, "part", "POST", "targets", 400, kpi="active_customers", value="10", by="2031-12", slice="owner_id=E1")
    with company.browser("part") as browser:
        assert browser.get("/team/new?kpi=revenue").status_code == 400
        assert browser.post("/team/targets", **TARGET, form_token=browser.token()).status_code == 400
        for page in ("/team", "/kpi/revenue"):
            assert "/team/new" not in browser.get(page).text
            assert 'action="/team/objectives"' not in browser.get(page).text
    with company.browser("operations") as browser:
        assert "/team/new" in browser.get("/team").text


def test_objectives_are_not_told_and_come_back_when_deleted(company: Company) -> None:
    found = ask(company, "operations", "POST", "objectives", 201, title="What the board wants")
    place = f"objectives/{found['objective_id']}"
    assert ask(company, "part", "GET", "objectives", 200)["data"] == []
    ask(company, "part", "POST", "objectives", 400, title="Mine")
    ask(company, "part", "DELETE", place, 400)
    assert [o["title"] for o in ask(company, "operations", "GET", "objectives", 200)["data"]] == ["What the board wants"]
    ask(company, "operations", "POST", f"{place}/restore", 404)
    ask(company, "operations", "DELETE", place, 200)
    assert ask(company, "operations", "GET", "objectives", 200)["data"] == []
    ask(company, "part", "POST", f"{place}/restore", 400)
    assert ask(company, "operations", "POST", f"{place}/restore", 200)["title"] == "What the board wants"
    assert len(ask(company, "operations", "GET", "objectives", 200)["data"]) == 1


def test_reviews_are_left_as_they_are_but_for_the_own_actions(company: Company) -> None:
    decided = ask(company, "operations", "POST", "review-entries", 201, kind="decision", text="Raise prices", period="2026-10")
    others = ask(
        company, "operations", "POST", "review-entries", 201, kind="action", text="Call", period="2026-10", owner="operations@example.com", due="2031-01-01",
    )  # fmt: skip
    own = ask(
        company, "operations", "POST", "review-entries", 201, kind="action", text="Write", period="2026-10", owner="part@example.com", due="2031-01-01",
    )  # fmt: skip
    ask(company, "part", "POST", "review-entries", 400, kind="decision", text="Mine", period="2026-10")
    for found in (decided, others, own):
        ask(company, "part", "POST", f"review-entries/{found['entry_id']}/withdraw", 400)
    ask(company, "operations", "POST", f"review-entries/{decided['entry_id']}/withdraw", 200)
    ask(company, "part", "POST", f"review-entries/{decided['entry_id']}/restore", 400)
    ask(company, "part", "POST", f"review-entries/{others['entry_id']}/close", 404, state="done")
    assert ask(company, "part", "POST", f"review-entries/{own['entry_id']}/close", 200, state="done")["state"] == "done"
    states = {e["text"]: e["state"] for e in ask(company, "operations", "GET", "review-entries", 200)["data"]}
    assert states == {"Call": "open", "Write": "done"}


def test_schedules_are_the_own_ones(company: Company) -> None:
    others = ask(company, "operations", "POST", "schedules", 201, name="Board", users=["executive@example.com"])
    night = ask(company, "operations", "POST", "schedules", 201, name="Night", what="refresh", every="day")
    mine = {"name": "Mine", "users": ["part@example.com"]}
    for wanted in (
        {**mine, "users": ["executive@example.com"]},
        {**mine, "users": ["part@example.com", "executive@example.com"]},
        {"name": "Mine", "what": "refresh", "every": "day"},
    ):
        refused = ask(company, "part", "POST", "schedules", 400, **wanted)
        assert "for yourself only" in refused["detail"], wanted
    own = ask(company, "part", "POST", "schedules", 201, **mine)
    assert [s["name"] for s in ask(company, "part", "GET", "schedules", 200)["data"]] == ["Mine"]
    for found in (others, night):
        place = f"schedules/{found['schedule_id']}"
        ask(company, "part", "GET", place, 404)
        ask(company, "part", "POST", place, 404, **mine)
        for step, body in (("switch", {"on": False}), ("run", {}), ("delete", {})):
            ask(company, "part", "POST", f"{place}/{step}", 404, **body)
    ask(company, "operations", "POST", f"schedules/{others['schedule_id']}/delete", 200)
    ask(company, "part", "POST", f"schedules/{others['schedule_id']}/restore", 404)
    assert {s["name"] for s in ask(company, "operations", "GET", "schedules", 200)["data"]} == {"Mine", "Night"}
    ask(company, "part", "POST", f"schedules/{own['schedule_id']}", 400, **{**mine, "users": ["executive@example.com"]})
    with company.browser("part") as browser:
        page = browser.get("/schedules").text
        assert "Mine" in page
        assert "Night" not in page
        assert "executive@example.com" not in page


def test_no_appraisals_are_kept(company: Company) -> None:
    ask(company, "part", "POST", "appraisals/rounds", 404, plan="owners", period="2026-Q3")
    assert ask(company, "part", "GET", "appraisals/rounds", 200)["data"] == []


def test_days_that_no_calendar_of_a_company_holds_are_refused(company: Company) -> None:
    refused = ask(company, "operations", "POST", "targets", 400, **{**TARGET, "by": "9998-12"})
    assert "is too far ahead" in refused["detail"]
    action = {"kind": "action", "text": "Call", "period": "2026-10", "owner": "operations@example.com"}
    for due in ("0001-01-01", "9999-12-31"):
        assert "too far away" in ask(company, "operations", "POST", "review-entries", 400, **action, due=due)["detail"]
    note = {"kind": "note", "text": "They are cheaper", "period": "2026-10", "source": "their site", "noted_on": "1900-01-01"}
    ask(company, "operations", "POST", "review-entries", 400, **note)


def test_what_can_not_be_done_on_the_day_is_refused_at_once(company: Company) -> None:
    mine = {"name": "Cards", "users": ["operations@example.com"]}
    refused = ask(company, "operations", "POST", "schedules", 404, **mine, card="nope")
    assert "There is no scorecard named 'nope'" in refused["detail"]
    found = ask(company, "operations", "POST", "schedules", 201, **mine, card="pair")
    ask(company, "operations", "POST", f"schedules/{found['schedule_id']}/run", 400, day="0001-01-01")
    ask(company, "operations", "POST", "schedules", 400, name="\x00\x07\u202e", users=["operations@example.com"])
    named = ask(company, "operations", "POST", "schedules", 201, name="Bo\x00ard\u202e", users=["operations@example.com"])
    assert named["name"] == "Board"
