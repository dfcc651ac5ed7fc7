"""What is written down in reviews: carried on, with what came of it by hand, on every surface and in the files alike."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from factories.served import Company, with_people
from factories.surfaces import Surfaces
from keepwell.access.audit import entries as audited
from keepwell.core.errors import KeepwellError
from keepwell.surfaces.cli.app import app

# revenue a month; the ninth and tenth are those of the review and the one before
REVENUE = {"2026-03": 100, "2026-04": 100, "2026-05": 150}


@pytest.fixture
def firm(tmp_path: Path) -> Company:
    surfaces = Surfaces.made(tmp_path)
    surfaces.bring("customers", [{"customer_id": f"C{i}", "kind": "person", "owner_id": "E1" if i < 20 else "E2"} for i in range(60)])
    surfaces.bring(
        "orders",
        [
            {"order_id": f"{m}-{i}", "customer_id": f"C{i}", "ordered_at": f"{m}-{i % 28 + 1:02d} 12:00:00", "status": "completed",
             "amount": amount + i % 5, "currency": "CNY"}
            for m, amount in REVENUE.items() for i in range(60)
        ],
    )  # fmt: skip
    surfaces.ask("refresh", "--as-of", "2026-05-31")
    return with_people(surfaces)


def entry(firm: Company, *command: str) -> dict[str, Any]:
    (found,) = firm.surfaces.ask("review", *command)
    return dict(found)


def review(firm: Company, period: str) -> dict[str, Any]:
    found: dict[str, Any] = firm.surfaces.ask("review", "show", period)
    return found


def test_a_decision_is_told_in_the_next_review_with_what_came_of_it(firm: Company) -> None:
    entry(firm, "decide", "Raise prices", "--period", "2026-04", "--kpi", "revenue", "--effect", "+2500")
    (here,) = review(firm, "2026-04")["decisions"]
    assert (here["text"], here["effect"], here["change"]) == ("Raise prices", 2500.0, None)
    (told,) = review(firm, "2026-05")["decided_before"]
    # 60 orders of 100 to 104 in turn are 6,120, of 150 to 154 they are 9,120
    assert (told["before"], told["now"], told["change"]) == (6120.0, 9120.0, 3000.0)
    # the same customers buy for 50 more, each of them
    now = firm.surfaces.reading("revenue", period="2026-05")
    assert (told["change_low"], told["change_high"]) == (now["change_previous_ci_low"], now["change_previous_ci_high"])
    assert (told["change_is_real"], told["effect_is_reached"]) == (now["change_previous_is_real"], now["change_previous_is_real"])
    assert review(firm, "2026-05")["decisions"] == []
    assert review(firm, "2026-03")["decisions"] == []


def test_an_action_is_carried_on_until_it_is_done_and_can_be_opened_again(firm: Company) -> None:
    made = entry(
        firm,
        "act",
        "Call them",
        "--who",
        "own@example.com",
        "--until",
        "2026-04-30",
        "--period",
        "2026-03",
        "--kpi",
        "revenue",
        "--effect",
        "-1",
    )
    for period in ("2026-03", "2026-04", "2026-05"):
        (told,) = review(firm, period)["actions"]
        assert (told["owner"], told["state"], told["is_overdue"]) == ("Bo Own", "open", True)
    assert (told["change"], told["effect_is_reached"]) == (3000.0, False)
    with firm.browser("operations") as browser:
        token = browser.token("/reviews")
        page = browser.get("/reviews?period=2026-05").text
        assert "overdue" in page
        assert "Call them" in page
        done = browser.post(
            f"/reviews/entries/{made['entry_id']}/close", state="done", note="All called", period="2026-05", form_token=token
        )
        assert done.status_code == 303
        assert "All called" in browser.get("/reviews?period=2026-05").text
        (told,) = review(firm, "2026-05")["actions"]
        assert (told["state"], told["closed_note"], told["is_overdue"]) == ("done", "All called", False)
        browser.post(f"/reviews/entries/{made['entry_id']}/close", state="open", period="2026-05", form_token=token)
        browser.post(f"/reviews/entries/{made['entry_id']}/withdraw", period="2026-05", form_token=token)
        assert review(firm, "2026-05")["actions"] == []
        browser.post(f"/reviews/entries/{made['entry_id']}/restore", period="2026-05", form_token=token)
    assert [a["state"] for a in review(firm, "2026-05")["actions"]] == ["open"]
    with firm.app.state.site.store.transaction(writes=False) as session:
        assert [e.action for e in audited(session, limit=9, kind="action")] == ["restored", "withdrawn", "reopened", "done", "added"]


def test_notes_are_told_for_a_year_and_points_in_their_own_review(firm: Company) -> None:
    for day in ("2025-05-31", "2025-06-01", "2026-05-31", "2026-06-01"):
        entry(firm, "note", f"A rival of {day}", "--source", "their report", "--on", day)
    entry(firm, "point", "Budget", "--period", "2026-05")
    found = review(firm, "2026-05")
    assert [n["text"] for n in found["notes"]] == ["A rival of 2025-06-01", "A rival of 2026-05-31"]
    assert [p["text"] for p in found["points"]] == ["Budget"]
    assert review(firm, "2026-04")["points"] == []


def test_a_benchmark_stands_beside_our_own_reading(firm: Company) -> None:
    entry(firm, "note", "Mean of the trade", "--source", "its association", "--on", "2026-05-02", "--kpi", "revenue", "--value", "10000")
    (told,) = review(firm, "2026-05")["notes"]
    assert (told["value"], told["ours"]) == (10000, 9120)
    with firm.browser("operations") as browser:
        assert "there CN¥10,000.00, ours CN¥9,120.00" in browser.get("/reviews?period=2026-05").text
        file = browser.get("/reviews/file?format=xlsx&period=2026-05")
    book = openpyxl.load_workbook(BytesIO(file.content))
    assert ("Mean of the trade", "Revenue", 10000, 9120, "its association") in {
        tuple(row[:5]) for sheet in book for row in sheet.iter_rows(values_only=True)
    }


def test_page_api_and_command_line_tell_the_same_and_the_files_hold_it(firm: Company) -> None:
    with firm.browser("operations") as browser:
        token = browser.token("/reviews")
        forms: tuple[dict[str, str], ...] = (
            {"kind": "decision", "text": "<b>Prices</b>", "period": "2026-04", "kpi": "revenue", "effect": "+2500"},
            {"kind": "action", "text": "Call", "period": "2026-05", "owner": "own@example.com", "due": "2026-07-01"},
            {"kind": "note", "text": "Rival", "period": "2026-05", "source": "their report", "noted_on": "2026-05-20"},
            {"kind": "point", "text": "Budget", "period": "2026-05"},
        )
        for form in forms:
            assert browser.post("/reviews/entries", form_token=token, **form).status_code == 303, form
        page = browser.get("/reviews?period=2026-05").text
        assert "&lt;b&gt;Prices&lt;/b&gt;" in page
        assert "CN¥6,120.00 → CN¥9,120.00 (+CN¥3,000.00)" in page
        assembled = browser.get("/reviews/assembled?period=2026-05").text
        assert "Budget" in assembled
        file = browser.get("/reviews/file?format=xlsx&period=2026-05")
    with firm.program(firm.token("operations")) as program:
        assert program.get("/api/v1/reviews/2026-05").json() == review(firm, "2026-05")
        assert program.get("/api/v1/review-entries").json()["data"] == firm.surfaces.ask("review", "list")
    book = openpyxl.load_workbook(BytesIO(file.content))
    cells = [c for sheet in book for row in sheet.iter_rows(values_only=True) for c in row]
    assert {"<b>Prices</b>", "Call", "Rival", "their report"} <= set(cells)
    assert {6120, 9120, 3000} <= {c for c in cells if isinstance(c, int | float)}


def test_who_may_not_write_reads_and_who_sees_a_part_sees_the_own_actions(firm: Company) -> None:
    entry(firm, "decide", "Secret plan", "--period", "2026-05")
    entry(firm, "act", "Mine", "--who", "own@example.com", "--until", "2026-07-01", "--period", "2026-05")
    entry(firm, "act", "Another's", "--who", "executive@example.com", "--until", "2026-07-01", "--period", "2026-05")
    with firm.browser("analyst") as browser:
        page = browser.get("/reviews?period=2026-05").text
        assert "Secret plan" in page
        assert "Write down a decision" not in page
        assert browser.post("/reviews/entries", kind="point", text="x", form_token=browser.token()).status_code == 403
    with firm.browser("own") as browser:
        page = browser.get("/reviews?period=2026-05").text
        assert "Mine" in page
        assert "Secret plan" not in page
        assert "Another&#39;s" not in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"kind": "decision"}, "nothing written"),
        ({"kind": "action", "text": "x"}, "somebody and a day"),
        ({"kind": "action", "text": "x", "owner": "nobody@example.com", "due": "2026-07-01"}, "There is no user"),
        ({"kind": "decision", "text": "x", "effect": "+2"}, "An effect needs a KPI"),
        ({"kind": "decision", "text": "x", "kpi": "revenue", "effect": "much"}, "is no value of revenue"),
        ({"kind": "note", "text": "x", "noted_on": "2026-05-01"}, "a source and a date"),
        ({"kind": "note", "text": "x", "source": "y", "noted_on": "2026-05-01", "value": "5"}, "A benchmark is a note about a KPI"),
        ({"kind": "point", "text": "x", "kpi": "revenue", "value": "5"}, "A benchmark is a note about a KPI"),
        ({"kind": "wish", "text": "x"}, "can't be written down"),
        ({"kind": "point", "text": "x", "period": "2026-05-05"}, "is no week, month, quarter or year"),
    ],
)
def test_what_can_t_be_written_down_is_told_with_what_to_do(firm: Company, form: dict[str, str], words: str) -> None:
    with firm.program(firm.token("operations")) as program:
        told = program.post("/api/v1/review-entries", json={"text": "", "period": "2026-05"} | form)
        assert told.status_code in {400, 404}, told.text
        assert words in told.text
        assert program.get("/api/v1/review-entries").json()["data"] == []


def test_only_actions_are_done(firm: Company) -> None:
    made = entry(firm, "decide", "x", "--period", "2026-05")
    with pytest.raises(KeepwellError, match="Only actions"):
        CliRunner().invoke(app, ["-w", str(firm.surfaces.folder), "review", "done", made["entry_id"]], catch_exceptions=False)


def test_a_weeks_decision_is_told_in_the_next_weeks_review(firm: Company) -> None:
    """An order a day of the customers numbered d - 1 and d + 27 (and d + 55 up to the 4th), of 150 and the number's rest by 5.

    From May 4 to 10 that is 15 · 150 + 17 + 13 + 4 = 2,284, from May 11 to 17 14 · 150 + 11 + 17 = 2,128.
    """
    entry(firm, "decide", "Call on Mondays", "--period", "2026-W19", "--kpi", "revenue", "--effect", "+100")
    (told,) = review(firm, "2026-W20")["decided_before"]
    assert (told["before"], told["now"], told["change"]) == (2284.0, 2128.0, -156.0)
    assert told["effect_is_reached"] is False
    # a month's review is another meeting
    assert review(firm, "2026-05")["decided_before"] == []
    with firm.browser("operations") as browser:
        page = browser.get("/reviews?period=2026-W20").text
        assert "Call on Mondays" in page
        assert "Call on Mondays" not in browser.get("/reviews?period=2026-05").text
        assert browser.get("/reviews/assembled?period=2026-W20").status_code == 200


def test_what_is_refused_stays_in_the_form(firm: Company) -> None:
    with firm.browser("operations") as browser:
        form = {"kind": "note", "text": "A rival <b>opened</b>", "source": "the paper", "noted_on": "2026-05-32", "period": "2026-05"}
        answer = browser.post("/reviews/entries", form_token=browser.token("/reviews"), **form)
        assert answer.status_code == 400
        assert "is no day" in answer.text
        assert "A rival &lt;b&gt;opened&lt;/b&gt;</textarea>" in answer.text
        assert 'value="the paper"' in answer.text


def test_the_command_line_tells_what_came_of_it_in_the_kpis_unit(firm: Company) -> None:
    entry(firm, "decide", "Raise prices", "--period", "2026-04", "--kpi", "revenue", "--effect", "+2500")
    told = CliRunner().invoke(app, ["-w", str(firm.surfaces.folder), "review", "show", "2026-05"], env={"COLUMNS": "200"})
    assert "+CN¥3,000.00: more than chance, as much as expected" in " ".join(told.stdout.split())


def test_the_command_line_tells_a_notes_source_and_its_benchmark_beside_our_own(firm: Company) -> None:
    told = ("--source", "Chamber", "--on", "2026-05-02", "--kpi", "revenue", "--value", "45000")
    entry(firm, "note", "The trade grows", *told)
    shown = CliRunner().invoke(app, ["-w", str(firm.surfaces.folder), "review", "show", "2026-05"], env={"COLUMNS": "300"}).stdout
    assert "The trade grows (Chamber, 2026-05-02)" in shown
    assert re.search(r"45,000\S*; ours \S*9,120", shown)
