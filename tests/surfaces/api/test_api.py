"""What the API promises beside its numbers: pages, marks, keys of repeated requests, problems, limits."""

import html
from urllib.parse import quote

import pytest

from factories.served import FORMULA, NASTY, Company
from keepwell.access.roles import Rows
from keepwell.access.scope import Scope
from keepwell.core.errors import UnknownError
from keepwell.core.ids import part_of_path
from keepwell.surfaces.api.limits import Limits
from keepwell.surfaces.scorecards import Scorecards
from keepwell.surfaces.targets import Targets

ORDER = {
    "order_id": "P1",
    "customer_id": "C001",
    "ordered_at": "2026-06-01 10:00:00",
    "status": "completed",
    "amount": 12.5,
    "currency": "CNY",
}


def test_numbers_are_those_of_the_command_line(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        for name, period, by in (("revenue", "2026-05", None), ("nps", "2026-Q2", None), ("orders", "2026-05", "region")):
            told = program.get("/api/v1/readings", params={"kpi": name, "period": period, **({"by": by} if by else {})}).json()["data"]
            run = company.surfaces.ask("runs")[-1]["run_id"]
            assert told == company.surfaces.ask("kpi", name, "--period", period, "--run", run, *(["--by", by] if by else []))


def test_a_list_is_read_page_by_page_and_each_entry_comes_once(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        found, cursor = [], None
        for _ in range(20):
            page = program.get("/api/v1/customers", params={"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
            found += [c["customer_id"] for c in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(found) == len(set(found)) == page["total"] == 60


def test_a_cursor_of_another_question_is_refused(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        cursor = program.get("/api/v1/customers", params={"limit": 7}).json()["next_cursor"]
        for params in ({"tier": "A", "cursor": cursor}, {"cursor": "nonsense"}, {"cursor": "e30="}):
            assert program.get("/api/v1/customers", params=params).status_code == 400


def test_who_has_the_answer_already_is_told_so(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        first = program.get("/api/v1/kpis")
        again = program.get("/api/v1/kpis", headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""


def test_the_same_push_twice_is_done_once_and_answered_alike(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        headers = {"Idempotency-Key": "one"}
        first = program.post("/api/v1/entities/orders", json=[ORDER], headers=headers)
        assert first.json()["entities"][0]["inserted"] == 1
        again = program.post("/api/v1/entities/orders", json=[ORDER], headers=headers)
        assert again.json() == first.json()
        assert again.headers["idempotent-replayed"] == "true"
        other = program.post("/api/v1/entities/orders", json=[ORDER | {"amount": 1}], headers=headers)
        assert other.status_code == 409
        unkeyed = program.post("/api/v1/entities/orders", json=[ORDER])
        assert unkeyed.json()["entities"][0]["unchanged"] == 1


def test_one_row_that_is_wrong_is_named_and_keeps_no_other_out(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        rows = [ORDER | {"order_id": "P2"}, ORDER | {"order_id": "P3", "amount": "many"}, ORDER | {"order_id": "P4"}]
        told = program.post("/api/v1/entities/orders", json=rows).json()
        assert (told["entities"][0]["inserted"], told["entities"][0]["rejected"]) == (2, 1)
        (rejected,) = told["rejected"]
        assert rejected["row"] == 2
        assert "many" in rejected["reason"]


def test_problems_say_what_is_wrong_and_what_to_do(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        answer = program.get("/api/v1/kpis/revenu")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert "revenue" in answer.json()["hint"]


def test_names_are_masked_and_hostile_ones_are_only_text(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        text = program.get("/api/v1/customers", params={"limit": 100}).text
        assert NASTY not in text
        assert FORMULA not in text


def test_a_token_that_calls_too_often_waits() -> None:
    clock = [0.0]
    limits = Limits(60, lambda: clock[0])
    assert all(limits.take("a").is_allowed for _ in range(60))
    refused = limits.take("a")
    assert not refused.is_allowed
    # sixty a minute is one a second
    assert refused.headers["Retry-After"] == "1"
    assert limits.take("b").is_allowed
    clock[0] = 1.0
    assert limits.take("a").is_allowed
    assert not limits.take("a").is_allowed


def test_every_answer_tells_what_is_left(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        assert program.get("/api/v1/runs").headers["ratelimit"].startswith('"minute";r=')


def test_a_scorecard_is_that_of_the_command_and_of_what_one_sees(company: Company) -> None:
    told = company.surfaces.ask("scorecard", "company", "--period", "2026-06")
    with company.program(company.token("analyst")) as program:
        assert program.get("/api/v1/scorecards/company", params={"period": "2026-06"}).json() == told
        cards = {c["name"]: c for c in program.get("/api/v1/scorecards").json()["data"]}
        assert program.get("/api/v1/scorecards/compny").status_code == 404
        assert program.get("/api/v1/scorecards/company", params={"period": "2026-06-01"}).status_code == 400
    assert sum(p["weight"] for p in cards["company"]["perspectives"]) == 100
    revenue = next(r for r in told if r["item"] == "revenue")
    assert revenue["points"] is not None
    mine = Scorecards(company.surfaces.python.seen_by(Scope(Rows.OWN, "E1"))).scored("company", "2026-06").items[0].reading
    assert mine is not None
    assert mine.value is not None
    assert 0 < mine.value < revenue["value"]


def test_a_target_is_set_by_the_api_and_told_alike_by_the_command(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        refused = program.post("/api/v1/targets", json={"kpi": "revenue", "value": "100"})
        assert (refused.status_code, "deadline" in refused.text) == (400, True)
        for wrong in (
            {"value": "much"},
            {"value": "1e400"},
            {"by": "2020-01"},
            {"by": "tomorrow"},
            {"slice": "planet=Mars"},
            {"slice": "region=Mars"},
        ):
            answer = program.post("/api/v1/targets", json={"kpi": "revenue", "value": "100", "by": "2030-03", **wrong})
            assert answer.status_code == 400, wrong
        wanted = {"kpi": "revenue", "value": "100", "by": "2030-03", "slice": "region=CN-EAST", "reason": "growth"}
        would_be = program.post("/api/v1/targets/check", json=wanted).json()
        assert program.get("/api/v1/targets").json()["data"] == []
        made = program.post("/api/v1/targets", json=wanted).json()
        assert (made["baseline"], made["path"]) == (would_be["baseline"], would_be["path"])
        assert made["path"][-1]["value"] == 100
        assert made["lacks"] == ["specific"]
        changed = program.post("/api/v1/targets", json=wanted | {"value": "120", "change": "it grew"}).json()
        assert changed["target_id"] == made["target_id"]
        assert [v["target"] for v in changed["versions"]] == [100, 120]
        listed = program.get("/api/v1/targets").json()["data"]
        assert listed == company.surfaces.ask("target", "list")
        region = program.get("/api/v1/readings", params={"kpi": "revenue", "period": made["baseline_period"], "by": "region"}).json()[
            "data"
        ]
        assert made["baseline"] == next(r["value"] for r in region if r["member"] == "CN-EAST")
        ended = program.post(f"/api/v1/targets/{made['target_id']}/end", json={"reason": "closed"})
        assert ended.json()["ended_because"] == "closed"
        assert program.get("/api/v1/targets").json()["data"] == []


def test_targets_of_others_are_as_unknown_as_those_that_are_not_there(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        whole = program.post("/api/v1/targets", json={"kpi": "revenue", "value": "5000", "by": "2030-03"}).json()
    mine = Targets(company.surfaces.python.seen_by(Scope(Rows.OWN, "E1")), company.app.state.site.store)
    assert mine.all() == []
    with pytest.raises(UnknownError):
        mine.one(whole["target_id"])
    with company.program(company.token("analyst")) as program:
        assert program.post("/api/v1/targets", json={"kpi": "revenue", "value": "1", "by": "2030-03"}).status_code == 403
        assert [t["target_id"] for t in program.get("/api/v1/targets").json()["data"]] == [whole["target_id"]]
    with company.program(company.token("operations")) as program:
        program.post(f"/api/v1/targets/{whole['target_id']}/end", json={"reason": "a test's"})


def test_a_customer_whom_no_run_has_scored_yet_has_a_page_and_an_answer(company: Company) -> None:
    new = ["N1", "N2?x#y &"]
    with company.program(company.token("operations")) as program:
        assert program.post("/api/v1/entities/customers", json=[{"customer_id": c, "name": "x"} for c in new]).status_code == 200
    with company.program(company.token("analyst")) as program:
        for customer in new:
            place = quote(part_of_path(customer), safe="")
            answer = program.get(f"/api/v1/customers/{place}")
            assert (answer.status_code, answer.json().get("customer_id")) == (200, customer), answer.text
            assert program.get(f"/api/v1/customers/{place}/events").status_code == 200
    with company.browser("service") as browser:
        listed = browser.get("/customers?where=customer_id like 'N%25'").text
        for customer in new:
            place = quote(part_of_path(customer), safe="")
            assert f'href="/customers/{place}"' in listed
            answer = browser.get(f"/customers/{place}")
            assert (answer.status_code, html.escape(customer) in answer.text) == (200, True)
            assert browser.get(f"/customers/{place}/timeline").status_code == 200


def test_readings_tell_nothing_of_single_customers_to_who_may_not_read_them(company: Company) -> None:
    asked = {"kpi": "revenue", "period": "2026-05"}
    finely = ({"by": "customer_id"}, {"where": "customer_id = 'C001'"}, {"by": "owner_id.name"})
    for token in (company.token("administrator"), company.token("analyst", "kpis:read")):
        with company.program(token) as program:
            assert program.get("/api/v1/readings", params=asked | {"by": "region"}).status_code == 200
            for more in finely:
                assert program.get("/api/v1/readings", params=asked | more).status_code == 403, more
            for by in ("customer_id", "region+customer_id"):
                assert program.get("/api/v1/explanations/revenue", params={"period": "2026-05", "by": by}).status_code == 403
            assert program.get("/api/v1/rows/revenue", params={"period": "2026-05"}).status_code == 403
    with company.program(company.token("analyst")) as program:
        assert program.get("/api/v1/readings", params=asked | finely[1]).status_code == 200
        assert program.get("/api/v1/rows/revenue", params={"period": "2026-05"}).status_code == 200


def test_what_no_file_and_no_calendar_can_hold_is_refused(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        half = program.post(
            "/api/v1/entities/customers", content=b'[{"customer_id": "\\ud800"}]', headers={"content-type": "application/json"}
        )
        assert (half.status_code, "surrogate" in half.text) == (400, True)
        for day in ("0001-01-01", "1969-12-31", "9998-01-01"):
            assert program.post("/api/v1/refreshes", json={"as_of": day}).status_code == 400, day
        assert program.get("/api/v1/customers", params={"value_from": "1e5000000"}).status_code == 400
        assert program.get("/api/v1/readings", params={"kpi": "revenue", "run": "r" * 3000}).status_code == 422
    with company.browser("operations") as browser:
        for path in ("/?run=", "/kpi/revenue?run=", "/customers?run=", "/data/runs?run=", "/data/imports/"):
            assert browser.get(path + "r" * 3000).status_code < 500, path


def test_a_card_is_published_by_who_sets_targets_and_read_by_who_sees_the_whole(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        assert program.post("/api/v1/scorecards/company/published", json={"period": "2026-05"}).status_code == 403
    with company.program(company.token("operations")) as program:
        made = program.post("/api/v1/scorecards/company/published", json={"period": "2026-05", "note": "as agreed"})
        assert made.status_code == 201
        assert program.post("/api/v1/scorecards/company/published", json={"period": "2026-05"}).status_code == 400
        told = program.get("/api/v1/scorecards/company/published/2026-05").json()
        assert (told["rows"], told["restated"]) == (made.json()["rows"], [])
        assert [c["period"] for c in program.get("/api/v1/scorecards/company/published").json()["data"]] == ["2026-05"]
        assert program.get("/api/v1/scorecards/company/published/2026-04").status_code == 404
    mine = Scorecards(company.surfaces.python.seen_by(Scope(Rows.OWN, "E1")), company.app.state.site.store)
    assert mine.published() == []
    with pytest.raises(UnknownError):
        mine.restated("company", "2026-05")
