"""What customers say, at every surface where the number appears. The numbers are those of the conformance catalogue."""

import re
from collections.abc import Iterable
from typing import Any

import pytest

from factories.everywhere import Everywhere
from keepwell.metrics.kpi import Kind, Kpi, Unit
from keepwell.metrics.kpi_file import built_in

PERIOD = "2025-10"
NPS = {"metric": "nps", "scale_min": 0, "scale_max": 10, "higher_is_better": True}
CSAT = {"metric": "csat", "scale_min": 1, "scale_max": 5, "higher_is_better": True}
# those of answers; a frequency and a return on spending have a unit and a direction, but no highest value
SCORES = [k for k in built_in().values() if k.kind is Kind.SURVEY and k.unit in {Unit.SCORE, Unit.POINTS}]


@pytest.fixture
def desk(everywhere: Everywhere) -> Everywhere:
    return everywhere


def answers(scores: Iterable[float | None], question: dict[str, Any] = NPS, day: str = "2025-10-15", first: int = 1, **more: Any) -> list[dict[str, Any]]:  # fmt: skip
    """One answer a customer; without a score it was skipped."""
    return [
        {"response_id": f"r{n}", "question_id": "q1", **question, "score": score, "customer_id": f"c{n}", "answered_at": f"{day} 10:00:00"} | more
        for n, score in enumerate(scores, first)
    ]  # fmt: skip


def refused_when_pushed(desk: Everywhere, rows: list[dict[str, Any]], number: int) -> None:
    """Of two rows that are pushed through the API this one is refused with its number, and the other lands."""
    told = desk.pushed("responses", rows)
    assert (told["entities"][0]["inserted"], told["entities"][0]["rejected"]) == (1, 1)
    assert [r["row"] for r in told["rejected"]] == [number]
    assert told["rejected"][0]["reason"]


# 1: who skips is no passive


@pytest.mark.on_pages
def test_01_fifty_promoters_and_fifty_skips_are_a_hundred_of_fifty(desk: Everywhere) -> None:
    assert desk.bring("responses", answers([9, 10] * 25 + [None] * 50)) == {"read": 100, "inserted": 100}
    found = desk.reading("nps", period=PERIOD)
    # 100 × (50 − 0) ÷ 50; over all hundred it would be 50
    assert (found["value"], found["n"], found["status"]) == (100, 50, "ok")
    assert (found["missing"], found["coverage"]) == (50, 0.5), "skips are shown apart"
    assert (found["numerator"], found["denominator"]) == (50, 50)
    shown = [(behind.part, behind.total) for behind in desk.python.rows("nps", period=PERIOD)]
    assert shown == [("promoters", 50), ("detractors", 0), ("answers", 50)]


# 2: nothing is not zero


@pytest.mark.on_pages
def test_02_without_answers_there_is_no_value(desk: Everywhere) -> None:
    desk.bring("responses", [*answers([10], day="2025-09-01"), *answers([None] * 40, first=50), *answers([10], day="2025-12-01", first=2)])
    found = {r["period"]: r for r in desk.readings("nps", period="2025-09..2025-11")}
    # in October forty skipped it, in November nobody was asked
    assert [(found[p]["value"], found[p]["n"], found[p]["missing"], found[p]["status"]) for p in ("2025-10", "2025-11")] == [
        (None, 0, 40, "no_data"),
        (None, 0, 0, "no_data"),
    ]
    assert (found["2025-10"]["ci_low"], found["2025-10"]["change_previous"], found["2025-11"]["change_previous"]) == (None, None, None)


def test_02_a_lake_without_a_row_gives_no_value(desk: Everywhere) -> None:
    found = desk.readings(*built_in(), period=PERIOD)
    assert {r["kpi"]: (r["value"], r["n"], r["status"]) for r in found} == dict.fromkeys(built_in(), (None, 0, "no_data"))


@pytest.mark.on_pages
@pytest.mark.parametrize(("count", "status"), [(29, "too_few"), (30, "ok")])
def test_02_below_its_minimum_it_says_too_few_and_keeps_the_value(desk: Everywhere, count: int, status: str) -> None:
    desk.bring("responses", answers([10] * (count - 1) + [0]))
    found = desk.reading("nps", period=PERIOD)
    # 28 of 29 promote, or 29 of 30, and one detracts
    assert (found["value"], found["n"], found["status"]) == (pytest.approx(100 * (count - 2) / count), count, status)
    assert desk.reading("detractor_share", period=PERIOD)["status"] == status


# 3: every answer stands in one bucket


@pytest.mark.on_pages
def test_03_between_the_whole_numbers_an_answer_belongs_to_one_bucket(desk: Everywhere) -> None:
    desk.bring("responses", answers([6.5, 8.5, 9, 6, 7, 10]))
    # promote 9 and 10; detract 6 and 6.5; passive 7 and 8.5: 100 × (2 − 2) ÷ 6
    assert desk.reading("nps", period=PERIOD)["value"] == 0
    assert desk.reading("detractor_share", period=PERIOD)["value"] == pytest.approx(2 / 6)
    behind = {b.part: sorted(row["response_id"] for row in b.rows) for b in desk.python.rows("nps", period=PERIOD)}
    assert behind == {"promoters": ["r3", "r6"], "detractors": ["r1", "r4"], "answers": ["r1", "r2", "r3", "r4", "r5", "r6"]}
    assert not set(behind["promoters"]) & set(behind["detractors"])
    told = {line["response_id"] for line in desk.ask("rows", "nps", "--period", PERIOD, "--part", "detractors")}
    assert told == {"r1", "r4"}
    if desk.pages:
        shown = {part: sorted(r["response_id"] for r in rows) for part, rows in desk.behind("nps", PERIOD).items()}
        assert shown == behind


@pytest.mark.parametrize("score", [-1, 10.5, 11])
def test_03_a_score_off_the_scale_is_refused_at_entry(desk: Everywhere, score: float) -> None:
    assert desk.bring("responses", answers([10, score])) == {"read": 2, "inserted": 1, "rejected": 1}
    refused_when_pushed(desk, answers([10, score], first=3), 2)
    assert desk.reading("nps", period=PERIOD)["n"] == 2


# 4: eleven points make no NPS


@pytest.mark.on_pages
def test_04_eleven_points_that_are_not_declared_nps_have_none(desk: Everywhere) -> None:
    desk.bring("responses", answers([10] * 40, NPS | {"metric": "csat"}))
    assert desk.reading("csat", period=PERIOD)["value"] == 1
    for name in ("nps", "detractor_share"):
        found = desk.reading(name, period=PERIOD)
        assert (found["value"], found["n"], found["status"]) == (None, 0, "no_data")


def test_04_nps_on_another_scale_is_refused_at_entry(desk: Everywhere) -> None:
    wrong = answers([5], NPS | {"scale_min": 1, "scale_max": 5})
    assert desk.bring("responses", [*wrong, *answers([10], first=2)]) == {"read": 2, "inserted": 1, "rejected": 1}
    refused_when_pushed(desk, [*wrong, *answers([9], first=3)], 1)
    assert desk.reading("nps", period=PERIOD)["n"] == 2


# 9: the rating is of whom it was given to


def test_09_unassigning_at_resolution_keeps_the_agent_on_the_rating(desk: Everywhere) -> None:
    ticket = {"ticket_id": "t1", "customer_id": "c1", "kind": "question", "opened_at": "2025-10-14 09:00:00", "status": "open", "employee_id": "e1"}  # fmt: skip
    desk.bring("employees", [{"employee_id": "e1", "name": "Ann", "team": "care"}, {"employee_id": "e2", "name": "Bob", "team": "back"}])
    desk.bring("tickets", [ticket])
    desk.bring("responses", answers([5, 1], CSAT, ticket_id="t1", employee_id="e1"))
    before = desk.members("csat", period=PERIOD, by="employee_id")
    assert before == {"e1": 0.5}
    resolved = ticket | {"status": "resolved", "resolved_at": "2025-10-14 10:00:00"}
    for employee in (None, "e2"):
        assert desk.bring("tickets", [resolved | {"employee_id": employee}])["updated"] == 1
        assert desk.members("csat", period=PERIOD, by="employee_id") == before
        assert desk.members("csat", period=PERIOD, by="employee_id.team") == {"care": 0.5}


@pytest.mark.on_pages
def test_09_the_rows_behind_name_who_was_rated(desk: Everywhere) -> None:
    ticket = {"ticket_id": "t1", "customer_id": "c1", "kind": "question", "opened_at": "2025-10-14 09:00:00", "status": "open", "employee_id": "e1"}  # fmt: skip
    desk.bring("tickets", [ticket])
    desk.bring("responses", answers([5, 1], CSAT, ticket_id="t1", employee_id="e1"))
    desk.bring("tickets", [ticket | {"status": "resolved", "resolved_at": "2025-10-14 10:00:00", "employee_id": None}])
    assert desk.reading("csat", period=PERIOD)["value"] == 0.5
    if desk.pages:
        assert {r["employee_id"] for r in desk.behind("csat", PERIOD)["denominator"]} == {"e1"}


# 10: answers on different scales are brought to one


@pytest.mark.on_pages
def test_10_effort_on_five_and_on_seven_points_is_normalised_by_the_declared_scale(desk: Everywhere) -> None:
    five, seven = ({"metric": "ces", "scale_min": 1, "scale_max": top, "higher_is_better": True} for top in (5, 7))
    desk.bring("responses", [*answers([4], five), *answers([4, 7], seven, first=2)])
    found = desk.reading("ces", period=PERIOD)
    # 4 on 1–5 is 75, 4 on 1–7 is 50, 7 on 1–7 is 100: 225 ÷ 3; raw it would be 5
    assert (found["value"], found["n"]) == (75, 3)


def test_10_a_scale_that_runs_the_other_way_is_turned(desk: Everywhere) -> None:
    effort = {"metric": "ces", "scale_min": 1, "scale_max": 7, "higher_is_better": False}
    desk.bring("responses", answers([1, 7, 7], effort))
    # 1 is no effort at all: 100; 7 is 0: 100 ÷ 3
    assert desk.reading("ces", period=PERIOD)["value"] == pytest.approx(100 / 3)


@pytest.mark.parametrize("missing", ["scale_min", "scale_max", "higher_is_better"])
def test_10_an_answer_without_a_declared_scale_is_refused_at_entry(desk: Everywhere, missing: str) -> None:
    scale = {"metric": "ces", "scale_min": 1, "scale_max": 5, "higher_is_better": True}
    rows = [*answers([4], scale | {missing: None}), *answers([2], scale, first=2)]
    assert desk.bring("responses", rows) == {"read": 2, "inserted": 1, "rejected": 1}
    refused_when_pushed(desk, [rows[0], *answers([2], scale, first=3)], 1)
    # 2 on 1–5
    assert desk.reading("ces", period=PERIOD)["value"] == 25


# 26: what a score means is printed with it


def test_26_unit_and_direction_are_printed_of_every_kpi(desk: Everywhere) -> None:
    told = {k["name"]: (k["unit"], k["better"]) for k in desk.ask("kpis")}
    assert told == {k.name: (str(k.unit), str(k.better)) for k in desk.python.kpis.values()}
    assert {better for _, better in told.values()} <= {"up", "down", "target"}
    with desk.api() as program:
        assert {k["name"]: (k["unit"], k["better"]) for k in program.get("/api/v1/kpis").json()["data"]} == told


def test_26_the_page_prints_what_a_score_means(desk: Everywhere) -> None:
    for name in ("nps", "detractor_share", "csat", "ces"):
        definition = desk.python.kpis[name]
        for locale in ("en", "zh"):
            text = desk.page(f"/kpi/{name}/definition", locale).text
            assert " ".join(definition.meaning[locale].split()) in text
            words = {"up": ("higher", "越高越好"), "down": ("lower", "越低越好")}[str(definition.better)]
            assert words[locale == "zh"] in text, text


@pytest.mark.parametrize("definition", SCORES, ids=lambda k: k.name)
def test_26_bounds_of_a_score_are_printed(definition: Kpi, desk: Everywhere) -> None:
    (told,) = desk.ask("kpis", definition.name)
    assert told == desk.python.definition(definition.name).to_json()
    for language in ("en", "zh"):
        assert re.search(r"−?\d+ ?(to|至|–) ?100", told["title"][language] + told["meaning"][language]), "its lowest and its highest value"


@pytest.mark.parametrize(
    ("name", "en", "zh"),
    [
        ("nps", "9 and 10 promote, below 7 detracts", "9–10 分为推荐者，7 分以下为贬损者"),
        ("detractor_share", "below 7", "7 分以下"),
        ("csat", "the top two points on scales of 5 to 7 points, 9 and 10 on 0–10 and 1–10, the top point on 2 to 4", "5–7 点量表取最高两档，0–10 与 1–10 量表取 9–10，2–4 点量表取最高一档"),
        ("ces", "100 is no effort at all", "100 表示毫不费力"),
    ],
    ids=["nps", "detractor_share", "csat", "ces"],
)  # fmt: skip
def test_26_where_an_answer_on_the_border_falls_is_printed(name: str, en: str, zh: str, desk: Everywhere) -> None:
    (told,) = desk.ask("kpis", name)
    assert en in told["meaning"]["en"]
    assert zh in told["meaning"]["zh"]
    assert told["meaning"] == desk.python.definition(name).to_json()["meaning"]


@pytest.mark.parametrize(
    ("lowest", "highest", "first_satisfied"),
    [(1, 2, 2), (1, 4, 4), (1, 5, 4), (1, 7, 6), (0, 10, 9), (1, 10, 9)],
    ids=["2 points", "4 points", "5 points", "7 points", "0-10", "1-10"],
)
def test_26_satisfied_begins_where_the_definition_says(lowest: int, highest: int, first_satisfied: int, desk: Everywhere) -> None:
    scale = {"metric": "csat", "scale_min": lowest, "scale_max": highest, "higher_is_better": True}
    desk.bring("responses", answers(range(lowest, highest + 1), scale))
    found = desk.reading("csat", period=PERIOD)
    assert (found["numerator"], found["denominator"]) == (highest - first_satisfied + 1, highest - lowest + 1)
