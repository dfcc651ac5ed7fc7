"""Appraisals on the command line and in the API: frozen readings, who sees whom, what is told when, each person once."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from starlette.testclient import TestClient
from typer.testing import CliRunner

from factories.served import PASSWORD, Company
from factories.served import company as made
from keepwell.access.audit import Actor
from keepwell.access.roles import Rows
from keepwell.access.users import NewUser, add_user
from keepwell.core.errors import KeepwellError
from keepwell.core.workspace import open_workspace
from keepwell.store.db import store_of
from keepwell.surfaces.cli.app import app

PERIOD = "2026-Q2"
PLAN = """
name: owners
title: {en: Owners, zh: 客户负责人}
meaning: {en: Owners, zh: 客户负责人}
version: 1
of: people
items:
  - {kpi: contact_coverage, by: owner_id, least: 5, weight: 50, curve: {floor: -0.5, target: 0.5}}
  - manual: quality
    title: {en: Quality, zh: 质量}
    weight: 30
    guidance: {en: "0: poor", zh: "0 分：差"}
  - rater: trust
    title: {en: Trust, zh: 信任}
    weight: 20
    kinds: {customer: 60, peer: 40}
    guidance: {en: "0: poor", zh: "0 分：差"}
"""
# Bo reports to Cai, Cai to Dan, Eli to Dan
STAFF = {"bo": "E1", "cai": "E2", "dan": "E3", "eli": "E4", "stranger": None}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company of its own: these tests change employees and plans. Analysts may use the API and keep no rounds."""
    found = made(tmp_path_factory.mktemp("appraised"))
    with store_of(open_workspace(found.surfaces.folder)) as store, store.transaction() as session:
        for name, employee in STAFF.items():
            new = NewUser(f"{name}@example.com", name.title(), ["analyst"], PASSWORD, Rows.ALL, employee)
            add_user(session, datetime(2026, 6, 1, tzinfo=UTC), Actor(None, "test"), new)
    folder = found.surfaces.folder / "appraisals"
    folder.mkdir()
    (folder / "owners.yaml").write_text(PLAN, encoding="utf-8")
    return found


@pytest.fixture
def opened(company: Company) -> Iterator[dict[str, Any]]:
    """A round of the second quarter, withdrawn afterwards."""
    found: dict[str, Any] = company.surfaces.ask("appraise", "open", "owners", "--period", PERIOD)
    yield found
    company.surfaces.ask("appraise", "withdraw", found["round_id"], "--because", "test")


@contextmanager
def program(company: Company, who: str) -> Iterator[TestClient]:
    with company.program(company.token(who)) as found:
        yield found


def get(company: Company, who: str, path: str, status: int = 200) -> Any:
    with program(company, who) as api:
        answer = api.get(f"/api/v1/appraisals/{path}")
    assert answer.status_code == status, answer.text
    return answer.json() if "json" in answer.headers["content-type"] else answer


def post(company: Company, who: str, path: str, status: int = 200, **body: Any) -> Any:
    with program(company, who) as api:
        answer = api.post(f"/api/v1/appraisals/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def of(found: dict[str, Any], subject: str) -> str:
    (key,) = [a["appraisal_id"] for a in found["appraisals"] if a["subject"] == subject]
    return str(key)


def exported(company: Company, round_id: str, path: Path) -> list[dict[str, str]]:
    done = CliRunner().invoke(app, ["-w", str(company.surfaces.folder), "appraise", "export", round_id, "-o", str(path)])
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def test_the_readings_are_the_kpis_and_the_rows_behind_them_one_step_away(company: Company, opened: dict[str, Any]) -> None:
    readings = {
        r["member"]: r
        for r in company.surfaces.ask("kpi", "contact_coverage", "--period", PERIOD, "--by", "owner_id")
        if r["member"] in STAFF.values()
    }
    assert {a["subject"] for a in opened["appraisals"]} == set(readings)
    for key, subject in ((a["appraisal_id"], a["subject"]) for a in opened["appraisals"]):
        found = get(company, "operations", key)
        item = next(i for i in found["items"] if i["item"] == "contact_coverage")
        told = readings[subject]
        assert (item["value"], item["n"]) == (pytest.approx(told["value"]), told["n"])
        # between -0.5 and 0.5: a point for each hundredth above -0.5
        assert item["points"] == pytest.approx(100 * (told["value"] + 0.5) if told["value"] < 0.5 else 100)
        # half of the weight is known, which is enough
        assert found["total"] == item["points"]
        parts = {p["part"]: p for p in get(company, "operations", f"{key}/evidence/contact_coverage")}
        assert parts["denominator"]["total"] == told["n"]
        assert sum(r["contribution"] for r in parts["denominator"]["rows"]) == told["denominator"]


def test_a_round_stays_when_plan_data_and_teams_change(company: Company, opened: dict[str, Any], tmp_path: Path) -> None:
    key = of(opened, "E1")
    company.surfaces.ask("appraise", "assess", key, "--mark", "quality=6")
    before = company.surfaces.ask("appraise", "show", key)
    whole = company.surfaces.ask("appraise", "round", opened["round_id"])
    plan = company.surfaces.folder / "appraisals" / "owners.yaml"
    try:
        plan.write_text(
            PLAN.replace("weight: 50", "weight: 10").replace("weight: 30", "weight: 70").replace("target: 0.5", "target: 9"),
            encoding="utf-8",
        )
        customers = [c["customer_id"] for c in company.surfaces.python.customers("owner_id = 'E1'").to_json()]
        # late data: each was visited in the period after all
        company.surfaces.bring(
            "interactions",
            [
                {
                    "interaction_id": f"I{c}",
                    "customer_id": c,
                    "occurred_at": "2026-05-05 10:00:00",
                    "channel": "visit",
                    "direction": "outbound",
                    "employee_id": "E1",
                }
                for c in customers
            ],
        )
        company.surfaces.bring("employees", [{"employee_id": "E1", "name": "Bo Own", "team": "north", "manager_id": "E4", "region": "EU"}])
        company.surfaces.ask("refresh", "--as-of", "2026-06-30")
        now = {r["member"]: r["value"] for r in company.surfaces.ask("kpi", "contact_coverage", "--period", PERIOD, "--by", "owner_id")}
        was = next(i for i in before["items"] if i["item"] == "contact_coverage")["value"]
        assert now["E1"] == 1
        assert was != 1
        assert company.surfaces.ask("appraise", "show", key) == before
        assert company.surfaces.ask("appraise", "round", opened["round_id"]) == whole
        # who moved is one person still
        rows = exported(company, opened["round_id"], tmp_path / "round.csv")
        assert sorted(r["subject"] for r in rows) == sorted({a["subject"] for a in whole["appraisals"]})
        assert {r["subject"]: r["team"] for r in rows}["E1"] == "sales"
    finally:
        plan.write_text(PLAN, encoding="utf-8")
        company.surfaces.bring(
            "employees", [{"employee_id": "E1", "name": "Bo Own", "team": "sales", "manager_id": "E2", "region": "CN-SHANGHAI"}]
        )


def test_who_sees_whom(company: Company, opened: dict[str, Any]) -> None:
    seen = {"bo": {"E1"}, "cai": {"E1", "E2"}, "dan": {"E1", "E2", "E3", "E4"}, "eli": {"E4"}, "operations": {"E1", "E2", "E3", "E4"}}
    for who, whom in seen.items():
        found = get(company, who, f"rounds/{opened['round_id']}")
        assert {a["subject"] for a in found["appraisals"]} == whom, who
        for subject in STAFF.values():
            if subject is not None:
                get(company, who, of(opened, subject), 200 if subject in whom else 404)
    get(company, "stranger", f"rounds/{opened['round_id']}", 404)
    assert get(company, "stranger", "rounds")["data"] == []
    post(company, "dan", "rounds", 403, plan="owners", period="2026-Q1")
    for path in ("publish", "withdraw", "simulate"):
        with program(company, "dan") as api:
            assert (
                api.post(f"/api/v1/appraisals/rounds/{opened['round_id']}/{path}", json={"reason": "x", "weights": {}}).status_code == 403
            )


def test_the_person_is_told_when_it_is_published_and_may_appeal(company: Company) -> None:
    opened = post(company, "operations", "rounds", 201, plan="owners", period="2026-Q1")
    key, round_id = of(opened, "E1"), opened["round_id"]
    own = post(company, "bo", f"{key}/self-assessment", marks={"quality": 9}, words="All went well")
    assert own["relation"] == "self"
    assert (own["total"], own["grade"], own["rank"]) == (None, None, None)
    post(company, "bo", f"{key}/assessment", 400, marks={"quality": 10})
    post(company, "eli", f"{key}/assessment", 404, marks={"quality": 0})
    post(company, "cai", f"{key}/assessment", marks={"quality": 6}, words="Two complaints")
    hidden = get(company, "bo", key)
    assert hidden["state"] == "in_work"
    assert (hidden["total"], [t["kind"] for t in hidden["trail"]]) == (None, ["opened", "self_assessed"])
    assert "Two complaints" not in json.dumps(hidden)
    assert next(i for i in hidden["items"] if i["item"] == "quality")["mark"] is None
    assert next(i for i in hidden["items"] if i["item"] == "quality")["own_mark"] == 9
    # what the readings earn is no judgement of anybody's
    assert next(i for i in hidden["items"] if i["item"] == "contact_coverage")["points"] is not None
    judged = [i for i in hidden["items"] if i["kind"] != "kpi"]
    assert {i[n] for i in judged for n in ("mark", "points", "adds", "raters", "objectives")} == {None}
    (seen,) = get(company, "bo", f"rounds/{round_id}")["appraisals"]
    assert (seen["state"], seen["total"], seen["rank"]) == ("in_work", None, None)
    post(company, "cai", f"{key}/approval", 400)
    post(company, "dan", f"{key}/approval", words="Agreed")
    post(company, "operations", f"rounds/{round_id}/publish", 400)
    for subject in ("E2", "E3", "E4"):
        company.surfaces.ask("appraise", "assess", of(opened, subject), "--mark", "quality=5")
        company.surfaces.ask("appraise", "approve", of(opened, subject))
    post(company, "bo", f"{key}/appeal", 400, reason="Not yet told")
    post(company, "operations", f"rounds/{round_id}/publish")
    told = get(company, "bo", key)
    assert (told["state"], told["among"]) == ("published", 4)
    assert "Two complaints" in json.dumps(told)
    assert "Agreed" not in json.dumps(told)
    # four are too few for a distribution without names
    assert get(company, "bo", f"rounds/{round_id}")["distribution"] is None
    post(company, "cai", f"{key}/appeal", 400, reason="Not mine")
    post(company, "bo", f"{key}/appeal", reason="One complaint was withdrawn")
    post(company, "cai", f"{key}/answer", 400, words="No")
    after = post(company, "dan", f"{key}/answer", words="Right", marks={"quality": 8})
    # 30 of 80 parts of the weight, 20 points more
    assert after["total"] - told["total"] == pytest.approx(20 * 30 / 80)
    published = [t for t in after["trail"] if t["kind"] == "published"]
    assert [t["total"] for t in published] == [told["total"]]


def test_raters_are_asked_answer_once_and_are_not_found_out(company: Company, opened: dict[str, Any], tmp_path: Path) -> None:
    key = of(opened, "E1")
    for who in ("bo", "eli"):
        post(company, who, f"{key}/raters", 400 if who == "bo" else 404, rater="eli@example.com", kind="peer")
    post(company, "cai", f"{key}/raters", 400, rater="bo@example.com", kind="peer")
    # who is told the means would know the others' by taking off the own answer
    for who in ("cai", "dan", "operations"):
        refused = post(company, "cai", f"{key}/raters", 400, rater=f"{who}@example.com", kind="peer")
        assert "sees what raters say of Bo Own" in refused["detail"]
    for who in ("eli", "analyst", "stranger"):
        post(company, "cai", f"{key}/raters", 201, rater=f"{who}@example.com", kind="peer")
    for name in ("Firm A", "Firm B"):
        post(company, "cai", f"{key}/raters", 201, rater=name, kind="customer")
        post(company, "cai", f"{key}/ratings", 201, rater=name, marks={"trust": 1.3717})
    (mine,) = get(company, "eli", "to-rate")["data"]
    assert (mine["name"], mine["kind"], [i["item"] for i in mine["items"]]) == ("Bo Own", "peer", ["trust"])
    # whom one may not see one may rate when asked, and nothing is told of the person beyond the name
    post(company, "eli", f"{key}/ratings", 201, marks={"trust": 9.5313})
    post(company, "eli", f"{key}/ratings", 400, marks={"trust": 9})
    post(company, "cai", f"{key}/ratings", 404, marks={"trust": 9})
    # nobody answers for a colleague
    post(company, "cai", f"{key}/ratings", 400, rater="stranger@example.com", marks={"trust": 0})
    post(company, "analyst", f"{key}/ratings", 201, marks={"trust": 4.7119})
    before = post(company, "dan", f"{key}/assessment", marks={"quality": 6})
    trust = next(i for i in before["items"] if i["item"] == "trust")
    # two peers and two customers: nothing
    assert (trust["raters"], trust["mark"], trust["points"]) == ({}, None, None)
    rows = exported(company, opened["round_id"], tmp_path / "round.csv")
    assert {r["subject"]: r["points_trust"] for r in rows}["E1"] == ""
    whole = json.dumps([before, get(company, "operations", f"rounds/{opened['round_id']}"), company.surfaces.ask("appraise", "show", key)])
    for mark in ("1.3717", "9.5313", "4.7119"):
        assert mark not in whole
    assert get(company, "bo", key)["asked"] == []
    post(company, "stranger", f"{key}/ratings", 400, marks={"trust": 4})


def test_weights_are_tried_and_nothing_changes(company: Company, opened: dict[str, Any]) -> None:
    for subject, mark in (("E1", 0), ("E2", 10), ("E3", 5), ("E4", 5)):
        company.surfaces.ask("appraise", "assess", of(opened, subject), "--mark", f"quality={mark}")
    before = company.surfaces.ask("appraise", "round", opened["round_id"])
    found = {
        r["subject"]: r
        for r in post(company, "operations", f"rounds/{opened['round_id']}/simulate", weights={"contact_coverage": 1, "quality": 79})
    }
    points = {
        a["subject"]: next(
            i for i in company.surfaces.ask("appraise", "show", a["appraisal_id"])["items"] if i["item"] == "contact_coverage"
        )["points"]
        for a in before["appraisals"]
    }
    assert found["E2"]["total_then"] == pytest.approx((1 * points["E2"] + 79 * 100) / 80)
    assert found["E1"]["total_then"] == pytest.approx(1 * points["E1"] / 80)
    assert (found["E2"]["rank_then"], found["E1"]["rank_then"]) == (1, 4)
    assert {s: r["total"] for s, r in found.items()} == {a["subject"]: a["total"] for a in before["appraisals"]}
    assert company.surfaces.ask("appraise", "round", opened["round_id"]) == before
    told = company.surfaces.ask("appraise", "simulate", opened["round_id"], "--weight", "contact_coverage=1", "--weight", "quality=79")
    assert {r["subject"]: r["total_then"] for r in told} == {s: pytest.approx(r["total_then"]) for s, r in found.items()}
    with pytest.raises(KeepwellError, match="come to 149, not 100"):
        company.surfaces.ask("appraise", "simulate", opened["round_id"], "--weight", "quality=79")


def test_an_export_has_each_once_as_csv_and_excel(company: Company, opened: dict[str, Any], tmp_path: Path) -> None:
    rows = exported(company, opened["round_id"], tmp_path / "round.csv")
    assert sorted(r["subject"] for r in rows) == ["E1", "E2", "E3", "E4"]
    with program(company, "operations") as api:
        answer = api.get(f"/api/v1/appraisals/rounds/{opened['round_id']}/export", params={"format": "xlsx"})
    (tmp_path / "round.xlsx").write_bytes(answer.content)
    head, *lines = load_workbook(tmp_path / "round.xlsx")["appraisals"].values
    at = head.index("Id")
    assert sorted(str(line[at]) for line in lines) == ["E1", "E2", "E3", "E4"]
    total = head.index("Total")
    assert {str(line[at]): line[total] for line in lines} == {r["subject"]: pytest.approx(float(r["total"])) for r in rows}


def test_notes_and_trainings_on_the_command_line(company: Company, opened: dict[str, Any]) -> None:
    key = of(opened, "E4")
    company.surfaces.ask("appraise", "note", key, "Calls back the same day")
    found = company.surfaces.ask("appraise", "train", key, "Contract law", "--due", "2026-12-31")
    entry = next(e for e in found if e["kind"] == "training")
    assert (entry["text"], entry["due"], entry["done_at"]) == ("Contract law", "2026-12-31", None)
    assert [e["text"] for e in get(company, "eli", key)["entries"]] == ["Calls back the same day", "Contract law"]
    post(company, "eli", f"{key}/entries", 400, kind="coaching", text="I am great")
    assert any(e["done_at"] for e in post(company, "eli", f"{key}/entries/{entry['entry_id']}/done"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("open", "nothing", "--period", "2026-Q1"), "no appraisal plan named"),
        (("open", "owners", "--period", "2026"), "not over yet"),
        (("open", "owners", "--period", "2026-05-04"), "no month, quarter or year"),
        (("open", "owners", "--period", "2025-Q4", "--who", "E99"), "no employee named"),
        (("open", "owners", "--period", "1990"), "about 0 people"),
        (("show", "apr_nothing"), "no appraisal named"),
        (("round", "rnd_nothing"), "no appraisal round named"),
    ],
)
def test_what_can_not_be_is_said(company: Company, asked: tuple[str, ...], message: str) -> None:
    with pytest.raises(KeepwellError, match=message):
        company.surfaces.ask("appraise", *asked)


def test_a_plan_of_teams_reads_teams(company: Company) -> None:
    plan = PLAN.replace("name: owners", "name: squads").replace("of: people", "of: teams").replace("by: owner_id,", "by: owner_id.team,")
    (company.surfaces.folder / "appraisals" / "squads.yaml").write_text(plan, encoding="utf-8")
    found = company.surfaces.ask("appraise", "open", "squads", "--period", "2026-Q1")
    assert [a["subject"] for a in found["appraisals"]] == ["sales"]
    # most of sales report to Dan, who leads it and so sees it as the own; nobody is above, so operations assess
    told = get(company, "dan", of(found, "sales"))
    assert told["relation"] == "self"
    get(company, "cai", of(found, "sales"), 404)
