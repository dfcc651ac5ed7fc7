"""Scorecards on pages: what a card comes to, a change looked at and saved, the way back, and cards that were published."""

import html
import re
from pathlib import Path
from typing import Any

import pytest

from factories.cards import JUDGED, PAIR, copied, shop, write
from factories.markup import Element, read, rows_of
from factories.served import Browser, Company
from keepwell.core import yaml_file
from keepwell.metrics.kpi_file import built_in
from keepwell.performance.scorecards.card_file import read_card

CARDS, PERIOD = "/scorecard/cards", "2026-10"
WEIGHTS = {"weight.0.0": "80", "weight.0.1": "20"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def company(made: Company, tmp_path: Path) -> Company:
    return copied(made, tmp_path)


def page(browser: Browser, path: str) -> Element:
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[:2_000])
    return read(answer.text).one("main")


def table(main: Element, name: str) -> dict[str, dict[str, str]]:
    """The rows of a table by what stands in their first cell."""
    found = next(t for t in main.all("table") if t.attributes.get("data-table") == name)
    return {next(iter(r.values())): r for r in rows_of(found)}


def figure(main: Element, name: str = "total") -> str:
    return next(e["data-value"] for e in main.all(attribute="data-figure") if e["data-figure"] == name)


def fields(browser: Browser, name: str = "pair") -> dict[str, str]:
    """What the form of a card holds."""
    form = next(f for f in page(browser, f"{CARDS}/{name}/edit?period={PERIOD}").all("form") if f.attributes.get("id") == "card-form")
    made = {i["name"]: i["value"] for i in form.all("input") if i.attributes.get("type") != "checkbox"}
    chosen = {
        s["name"]: next((o["value"] for o in s.all("option") if "selected" in o), s.all("option")[0]["value"]) for s in form.all("select")
    }
    return {**made, **chosen}


def save(browser: Browser, name: str = "pair", **changed: str) -> Any:
    return browser.post(f"{CARDS}/{name}/save", **{**fields(browser, name), **changed})


def in_chinese(browser: Browser) -> None:
    browser.post("/look", locale="zh", next="/", form_token=browser.token())


def test_a_card_shows_what_it_comes_to_and_why(company: Company) -> None:
    with company.browser("analyst") as browser:
        main = page(browser, f"{CARDS}/pair?period={PERIOD}")
        # 150 is half of the way from 100 to 200; two orders after two are the whole of it: 0.5 · 50 + 0.5 · 100
        assert float(figure(main)) == 75
        rows = table(main, "items")
        assert [float(rows["revenue"][n]) for n in ("value", "target", "points", "share", "adds")] == [150, 200, 50, 50, 25]
        assert [float(rows["orders"][n]) for n in ("value", "target", "points", "share", "adds")] == [2, 2, 100, 50, 50]
        assert {k: float(v["points"]) for k, v in table(main, "points").items()} == {"revenue": 50, "orders": 100}
        assert any(a["href"] == f"/kpi/revenue?period={PERIOD}&compare=previous" for a in main.all("a"))
        listed = table(page(browser, f"{CARDS}?period={PERIOD}"), "cards")
        assert (float(listed["pair"]["total"]), listed["pair"]["grade"]) == (75, "good")
        # in 2026-09 revenue was 100, which is the floor; nothing is known before it
        assert (float(listed["pair"]["total_before"]), listed["pair"]["grade_before"]) == (0, "poor")
        text = browser.get(f"{CARDS}/pair/download/items.csv?period={PERIOD}").content.decode("utf-8-sig")
        assert "money,revenue,revenue,150" in text
        assert CARDS in browser.get("/scorecard").text
        assert CARDS in browser.get("/team").text


def test_a_period_without_a_baseline_says_so(company: Company) -> None:
    with company.browser("analyst") as browser:
        main = page(browser, f"{CARDS}/pair?period=2026-09")
        assert "nothing to compare with" in main.text
        in_chinese(browser)
        assert "无可比基准" in page(browser, f"{CARDS}/pair?period=2026-09").text


def test_a_target_of_the_workspace_is_marked(company: Company) -> None:
    company.surfaces.ask("target", "set", "revenue", "500", "--by", "2030-10")
    period = company.surfaces.ask("target", "list")[0]["path"][0]["period"]
    with company.browser("analyst") as browser:
        # nothing is read of a period that lies ahead, but its target stands there
        assert "our target" in page(browser, f"{CARDS}/pair?period={period}").text
        assert "our target" not in page(browser, f"{CARDS}/pair?period={PERIOD}").text


def test_a_mark_counts_while_one_looks_and_where_one_publishes(company: Company) -> None:
    with company.browser("operations") as browser:
        main = page(browser, f"{CARDS}/judged?period={PERIOD}")
        assert "not judged yet" in main.text
        assert "0: none. 10: close." in main.text
        assert figure(main) == ""
        assert float(figure(page(browser, f"{CARDS}/judged?period={PERIOD}&mark.familiarity=8"))) == 80
        for wrong, says in (("11", "11 is no mark of familiarity"), ("much", "'much' is no number")):
            main = page(browser, f"{CARDS}/judged?period={PERIOD}&mark.familiarity={wrong}")
            assert says in main.text
            assert figure(main) == ""
        form = {"form_token": browser.token(), "period": PERIOD, "note": "as agreed", "mark.familiarity": "8"}
        answer = browser.post(f"{CARDS}/judged/published", **form)
        assert answer.headers["location"] == f"{CARDS}/judged/published/{PERIOD}"
        main = page(browser, answer.headers["location"])
        assert float(figure(main)) == 80
        assert "as agreed" in main.text
        assert "Familiarity: 8" in main.text
        again = browser.post(f"{CARDS}/judged/published?period={PERIOD}", **form)
        assert (again.status_code, "was published already" in again.text) == (400, True)
        ahead = browser.post(f"{CARDS}/judged/published?period=2031-01", **{**form, "period": "2031-01"})
        assert (ahead.status_code, "is not over yet" in ahead.text) == (400, True)


def test_a_change_is_seen_beside_the_form_and_nothing_is_saved(company: Company) -> None:
    with company.browser("operations") as browser:
        answer = browser.post(f"{CARDS}/pair/preview", **{**fields(browser), **WEIGHTS})
        part = read(answer.text)
        # 0.8 · 50 + 0.2 · 100 = 60
        assert (float(figure(part, "total_before")), float(figure(part))) == (75, 60)
        assert re.findall(r"good|fair", part.text)[:2] == ["good", "fair"]
        rows = table(part, "preview")
        assert [float(rows["revenue"][n]) for n in ("share_before", "share", "points_before", "points", "adds_before", "adds")] == [
            50,
            80,
            50,
            50,
            25,
            40,
        ]
        # a part of the page for htmx, a page of its own without
        assert "<html" in answer.text
        assert "<html" not in browser.client.post(f"{CARDS}/pair/preview", data=fields(browser), headers={"hx-request": "true"}).text
        assert float(figure(page(browser, f"{CARDS}/pair?period={PERIOD}"))) == 75
        # a higher target, and orders that earn 60 at the same number: 0.5 · 25 + 0.5 · 60 = 42.5
        changed = {**fields(browser), "target.0.0": "300", "points.0.1": "0.5 = 0； 1 ＝ 60"}
        part = read(browser.post(f"{CARDS}/pair/preview", **changed).text)
        assert float(figure(part)) == 42.5


@pytest.mark.parametrize(
    ("changed", "english", "chinese"),
    [
        ({"weight.0.0": "49"}, "Money › items: the weights add up to 99, not 100", "财务 › 各项目有误：权重合计为 99，应为 100"),
        ({"weight.0": "90"}, "Perspectives: the weights add up to 90, not 100", "各维度有误：权重合计为 90，应为 100"),
        ({"weight.0.0": "0", "weight.0.1": "100"}, "Money › items: every weight must be above 0", "每项权重必须大于 0"),
        ({"points.0.1": "0.5 = 50; 1 = 40"}, "The curve is not monotone: its points must never fall, and they are 50, 40.", "曲线不单调：得分不得下降，而当前为 50, 40。"),
        ({"points.0.1": "0.5 to 1"}, "are no pairs", "不是成对的数值"),
        ({"floor.0.0": "300"}, "The floor 300 must be below the target 200: more is better.", "下限 300 必须低于目标 200：该指标越高越好。"),
        ({"floor.0.0": "much"}, "Floor (0 points): is 'much'", "不能为 'much'"),
        ({"floor.0.0": ""}, "Floor (0 points): is missing", "未填写"),
        ({"target.0.0": "1e999999999"}, "Target (100 points): is '1e999999999'", "请填写数字。"),
        ({"grades.good": "95"}, "must fall from excellent to fair", "必须在 100 至 0 之间"),
        ({"least_known": "101"}, "is 101", "请给出 0 至 100。"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place_in_the_persons_language(
    made: Company, changed: dict[str, str], english: str, chinese: str
) -> None:
    with made.browser("operations") as browser:
        form = {**fields(browser), **changed}
        assert english in html.unescape(browser.post(f"{CARDS}/pair/preview", **form).text)
        answer = browser.post(f"{CARDS}/pair/save", **form)
        assert (answer.status_code, english in html.unescape(answer.text)) == (400, True)
        # what was written still stands there
        name, text = next(iter(changed.items()))
        assert next(i["value"] for i in read(answer.text).all("input") if i.attributes.get("name") == name) == text
        in_chinese(browser)
        assert chinese in html.unescape(browser.post(f"{CARDS}/pair/preview", **form).text)
        browser.post("/look", locale="en", next="/", form_token=browser.token())
    assert read_card(made.surfaces.folder / "scorecards" / "pair.yaml", built_in()).version == 1


def test_a_change_is_saved_as_the_next_version_and_a_published_card_stays(company: Company) -> None:
    with company.browser("operations") as browser:
        kept = browser.post(f"{CARDS}/pair/published", form_token=browser.token(), period=PERIOD).headers["location"]
        answer = save(browser, **WEIGHTS)
        assert answer.headers["location"] == f"{CARDS}/pair?period={PERIOD}"
        main = page(browser, answer.headers["location"])
        assert (float(figure(main)), "Version 2" in main.text) == (60, True)
        main = page(browser, kept)
        assert (float(figure(main)), "version 1" in main.text) == (75, True)
        differing = [
            (r["item"], r["differs"], r["before"], r["now"])
            for r in rows_of(next(t for t in main.all("table") if t["data-table"] == "restated"))
        ]
        assert ("revenue", "share", "50.0", "80.0") in differing
        assert ("total", "grade", "good", "fair") in differing
        rows = table(page(browser, f"{CARDS}?period={PERIOD}"), "published")
        assert (float(rows["pair"]["total"]), rows["pair"]["version"]) == (75, "1")
    assert company.surfaces.ask("scorecard", "pair", "--period", PERIOD)[-1]["points"] == 60


def test_a_change_that_comes_too_late_is_refused(company: Company) -> None:
    with company.browser("operations") as browser, company.browser("executive") as other:
        late = {**fields(browser), "weight.0.0": "60", "weight.0.1": "40"}
        assert save(other, **WEIGHTS).status_code == 303
        answer = browser.post(f"{CARDS}/pair/save", **late)
        assert (answer.status_code, "it is at version 2 now" in answer.text) == (409, True)
        assert "it is at version 2 now" in browser.post(f"{CARDS}/pair/preview", **late).text
        in_chinese(browser)
        assert "已被他人修改，目前为第 2 版" in browser.post(f"{CARDS}/pair/save", **late).text
        assert float(figure(page(other, f"{CARDS}/pair?period={PERIOD}"))) == 60


def test_a_shipped_card_becomes_an_own_one_and_the_way_back_is_there(company: Company) -> None:
    with company.browser("operations") as browser:
        assert save(browser, "service", least_known="40").status_code == 303
        main = page(browser, f"{CARDS}/service/edit?period={PERIOD}")
        assert "Version 2" in main.text
        browser.post(f"{CARDS}/service/revert", form_token=browser.token(), period=PERIOD)
        assert fields(browser, "service")["least_known"] == "50"
        assert not (company.surfaces.folder / "scorecards" / "service.yaml").exists()
        main = page(browser, f"{CARDS}/service/edit?period={PERIOD}")
        assert [li.text for li in main.all("li")] == ["Version 2Bring back"]
        key = next(i["value"] for i in main.all("input") if i["name"] == "key")
        browser.post(f"{CARDS}/service/bring-back", form_token=browser.token(), key=key, period=PERIOD)
        assert fields(browser, "service")["least_known"] == "40"
        assert "Version 3" in page(browser, f"{CARDS}/service?period={PERIOD}").text


def test_only_what_was_changed_is_changed_in_the_file(company: Company) -> None:
    before = read_card(company.surfaces.folder / "scorecards" / "pair.yaml", built_in())
    with company.browser("operations") as browser:
        assert save(browser, **{"grades.excellent": "95", "floor.0.0": "110%"}).status_code == 303
    after = read_card(company.surfaces.folder / "scorecards" / "pair.yaml", built_in())
    assert (after.version, int(after.grades.excellent), int(after.grades.good)) == (2, 95, 70)
    revenue, orders = (i for _, i in after.items)
    assert revenue.curve is not None
    assert float(revenue.curve.knots[0][0]) == 1.1
    assert orders == before.items[1][1]


ADDED = {"add_kpi.0": "active_customers", "add_weight.0": "20", "add_floor.0": "0", "add_target.0": "4"}


def test_an_item_is_added_and_one_is_left_out(company: Company) -> None:
    with company.browser("operations") as browser:
        changed = {**fields(browser), "weight.0.0": "80", "leave_out.0.1": "1", **ADDED}
        part = read(browser.post(f"{CARDS}/pair/preview", **changed).text)
        # 80 % of revenue's 50 points, and two active customers are half of four: 0.8 · 50 + 0.2 · 50 = 50
        assert (float(figure(part, "total_before")), float(figure(part))) == (75, 50)
        rows = table(part, "preview")
        assert [rows["active_customers"][n] for n in ("share_before", "share", "points")] == ["", "20.0", "50.0"]
        assert [rows["orders"][n] for n in ("share_before", "share")] == ["50.0", ""]
        # what does not add up is told, and all that was written stands there again
        answer = browser.post(f"{CARDS}/pair/save", **{**changed, "add_weight.0": "10"})
        assert (answer.status_code, "the weights add up to 90, not 100" in answer.text) == (400, True)
        again = read(answer.text)
        assert "checked" in next(i for i in again.all("input") if i["name"] == "leave_out.0.1")
        assert next(i["value"] for i in again.all("input") if i["name"] == "add_weight.0") == "10"
        select = next(s for s in again.all("select") if s["name"] == "add_kpi.0")
        assert [o["value"] for o in select.all("option") if "selected" in o] == ["active_customers"]
        assert browser.post(f"{CARDS}/pair/save", **changed).status_code == 303
        assert float(figure(page(browser, f"{CARDS}/pair?period={PERIOD}"))) == 50
    revenue, active = (i for _, i in read_card(company.surfaces.folder / "scorecards" / "pair.yaml", built_in()).items)
    assert (revenue.name, active.name, int(active.weight)) == ("revenue", "active_customers", 20)


@pytest.mark.parametrize("of", ["kind=person", "kind"])
def test_an_item_of_a_part_or_of_each_is_added(made: Company, of: str) -> None:
    with made.browser("operations") as browser:
        form = {**fields(browser), "weight.0.0": "40", "weight.0.1": "40", **ADDED, "add_kpi.0": "revenue", "add_versus.0": "previous"}
        part = read(browser.post(f"{CARDS}/pair/preview", **{**form, "add_of.0": of}).text)
        # all customers are persons, and 150 after 100 is three eighths of the way to the factor 4: 0.4 · 50 + 0.4 · 100 + 0.2 · 37.5
        assert float(figure(part)) == 67.5
        assert float(table(part, "preview")["revenue:kind=person"]["points"]) == 37.5
        for wrong in ({"add_of.0": "planet=Mars"}, {"add_kpi.0": "no_such"}, {"add_of.0": "=person"}, {"add_target.0": ""}):
            answer = browser.post(f"{CARDS}/pair/preview", **{**form, **wrong})
            assert answer.text.count("alert-danger") == 1, wrong


def test_a_perspective_without_items_goes_with_the_last(company: Company) -> None:
    with company.browser("operations") as browser:
        form = {**fields(browser, "airline-loyalty"), "leave_out.1.0": "1", "leave_out.1.1": "1", "weight.0": "70"}
        assert browser.post(f"{CARDS}/airline-loyalty/save", **form).status_code == 303
        # of a card of one perspective all can't go
        answer = browser.post(f"{CARDS}/pair/save", **{**fields(browser), "leave_out.0.0": "1", "leave_out.0.1": "1"})
        assert (answer.status_code, "alert-danger" in answer.text) == (400, True)
    written = yaml_file.read(company.surfaces.folder / "scorecards" / "airline-loyalty.yaml").values
    assert [(p["name"], p["weight"]) for p in written["perspectives"]] == [("members", 70), ("service", 30)]


def test_an_item_about_each_member_stays_one(company: Company) -> None:
    with company.browser("operations") as browser:
        assert "shared by each" in page(browser, f"{CARDS}/airline-loyalty/edit?period={PERIOD}").text
        assert save(browser, "airline-loyalty", **{"weight.2.0": "50", "weight.2.1": "20"}).status_code == 303
    written = yaml_file.read(company.surfaces.folder / "scorecards" / "airline-loyalty.yaml").values
    assert [(i["kpi"], i.get("by"), i["weight"]) for i in written["perspectives"][2]["items"]][:2] == [
        ("csat", "team", 50),
        ("first_response_time", "team", 20),
    ]
    assert written["version"] == 3


def test_who_may_not_set_targets_sees_cards_and_changes_none(company: Company) -> None:
    with company.browser("analyst") as browser:
        assert f"{CARDS}/pair/edit" not in browser.get(f"{CARDS}/pair").text
        assert browser.get(f"{CARDS}/pair/edit").status_code == 403
        for what in ("save", "preview", "published", "revert", "bring-back"):
            assert browser.post(f"{CARDS}/pair/{what}", form_token=browser.token(), period=PERIOD).status_code == 403


def test_who_sees_a_part_sees_the_own_numbers_and_no_published_cards(company: Company) -> None:
    with company.browser("operations") as browser:
        browser.post(f"{CARDS}/pair/published", form_token=browser.token(), period=PERIOD)
    with company.browser("part") as browser:
        main = page(browser, f"{CARDS}/pair?period={PERIOD}")
        # Ann's 120 earn 20 points, her one order after one 100
        assert float(figure(main)) == 60
        assert "Published" not in main.text
        assert f"{CARDS}/pair/edit" not in browser.get(f"{CARDS}/pair").text
        assert float(table(page(browser, f"{CARDS}?period={PERIOD}"), "cards")["pair"]["total"]) == 60
        assert "75.0" not in browser.get(f"{CARDS}?period={PERIOD}").text
        assert browser.get(f"{CARDS}/pair/published/{PERIOD}").status_code == 404
        for what in ("save", "published", "revert", "bring-back"):
            answer = browser.post(f"{CARDS}/pair/{what}", form_token=browser.token(), period=PERIOD)
            assert (answer.status_code, "everybody&#39;s" in answer.text) == (400, True), what


def test_a_faulty_file_is_told_and_the_others_are_there(company: Company) -> None:
    write(company.surfaces, "wrong", PAIR.replace("weight: 100", "weight: 90").replace("name: pair", "name: wrong"))
    write(company.surfaces, "company", JUDGED.replace("name: judged", "name: company").replace("most: 10", "most: many"))
    with company.browser("analyst") as browser:
        main = page(browser, f"{CARDS}?period={PERIOD}")
        assert "wrong.yaml, line 5" in main.text
        assert "company.yaml, line" in main.text
        assert "pair" in table(main, "cards")
        assert browser.get(f"{CARDS}/company?period={PERIOD}").status_code == 409


def test_a_published_card_whose_file_is_gone_is_still_there(company: Company) -> None:
    with company.browser("operations") as browser:
        kept = browser.post(f"{CARDS}/pair/published", form_token=browser.token(), period=PERIOD).headers["location"]
        (company.surfaces.folder / "scorecards" / "pair.yaml").unlink()
        main = page(browser, kept)
        assert float(figure(main)) == 75
        assert "Pair" in page(browser, CARDS).text
        assert browser.get(f"{CARDS}/pair").status_code == 404
