"""What pages say: the numbers of the command line, the rows of the person, nothing that a hostile name could do."""

import csv
import html
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from factories.served import FORMULA, NASTY, Browser, Company, served_empty

PERIOD = "2026-05"


def _rows(browser: Browser, path: str) -> list[dict[str, str]]:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def _run(company: Company) -> str:
    return str(company.surfaces.ask("runs")[-1]["run_id"])


def _same(told: str, value: Any) -> bool:
    return (told == "" and value is None) or (value is not None and float(told) == pytest.approx(float(value), rel=1e-9, abs=1e-9))


@pytest.mark.parametrize("path", ["/overview", "/scorecard"])
@pytest.mark.parametrize("period", [PERIOD, "2026-Q2", "2025"])
def test_every_number_of_tiles_and_scorecard_is_the_command_lines(company: Company, path: str, period: str) -> None:
    table = "readings" if path == "/overview" else "scorecard"
    with company.browser("executive") as browser:
        rows = _rows(browser, f"{'' if path == '/overview' else path}/download/{table}.csv?period={period}")
    assert rows
    run = _run(company)
    for row in rows:
        (told,) = company.surfaces.ask("kpi", row["kpi"], "--period", row["period"], "--run", run)
        for column in ("value", "ci_low", "ci_high", "n", "change_previous"):
            assert _same(row[column], told[column]), (row["kpi"], column, row[column], told[column])


def test_figures_that_people_read_are_those_numbers(company: Company) -> None:
    with company.browser("executive") as browser:
        text = html.unescape(browser.get(f"/scorecard?period={PERIOD}").text)
        orders = next(r for r in _rows(browser, f"/scorecard/download/scorecard.csv?period={PERIOD}") if r["kpi"] == "orders")
        shown = re.search(r'data-kpi="orders".*?<td data-shown class="kw-num ">(.*?)</td>', text, re.DOTALL)
        assert shown
        assert shown.group(1).strip() == f"{float(orders['value']):,.0f}"


def test_break_down_reasons_and_rows_are_the_command_lines(company: Company) -> None:
    run = _run(company)
    with company.browser("analyst") as browser:
        rows = _rows(browser, f"/kpi/revenue/by/channel/download/breakdown.csv?period={PERIOD}")
        told = {
            r["member"]: r["value"] for r in company.surfaces.ask("kpi", "revenue", "--period", PERIOD, "--by", "channel", "--run", run)
        }
        assert {r["channel"]: float(r["value"]) for r in rows} == pytest.approx(told)
        parts = _rows(browser, f"/kpi/revenue/why/download/why.csv?period={PERIOD}")
        explained = company.surfaces.ask("explain", "revenue", "--period", PERIOD)
        assert sum(float(p["amount"]) for p in parts) == pytest.approx(explained[0]["change"])
        behind = _rows(browser, f"/kpi/revenue/rows/download/rows.csv?period={PERIOD}")
        (reading,) = company.surfaces.ask("kpi", "revenue", "--period", PERIOD, "--run", run)
        assert sum(float(r["contribution"]) for r in behind) == pytest.approx(reading["value"])


def test_cohorts_are_those_of_the_kpi(company: Company) -> None:
    with company.browser("analyst") as browser:
        rows = _rows(browser, "/retention/download/triangle.csv")
    (cohort,) = [r for r in rows if r["cohort"] == "2025-02"]
    told = company.surfaces.ask("kpi", "cohort_retention_classic", "--period", "2025-02", "--by", "age", "--run", _run(company))
    for r in told:
        assert _same(cohort[f"month_{r['member']}"], r["value"])


def test_account_managers_see_their_own_customers_on_every_page_and_in_every_file(company: Company) -> None:
    mine = {c["customer_id"] for c in company.surfaces.ask("customers", "--where", "owner_id = 'E1'")}
    others = sorted({c["customer_id"] for c in company.surfaces.ask("customers")} - mine)
    assert mine
    assert others
    with company.browser("own") as browser:
        assert {r["customer_id"] for r in _rows(browser, "/customers/download/customers.csv")} == mine
        behind = _rows(browser, f"/kpi/revenue/rows/download/rows.csv?period={PERIOD}")
        assert {r["customer_id"] for r in behind} <= mine
        (told,) = company.surfaces.ask(
            "kpi", "revenue", "--period", PERIOD, "--where", "customer_id in (" + ", ".join(f"'{c}'" for c in sorted(mine)) + ")"
        )
        tiles = {r["kpi"]: r for r in _rows(browser, f"/download/readings.csv?period={PERIOD}")}
        assert float(tiles["revenue"]["value"]) == pytest.approx(told["value"])
        assert browser.get(f"/customers/{others[0]}").status_code == 404
        assert browser.get(f"/customers/{others[0]}/timeline").status_code == 404
        # one who is hidden is as unknown as one who is not there, and what is near are own ones only
        for asked in (others[0], "C999"):
            text = html.unescape(browser.get(f"/customers/{asked}").text)
            assert f"There is no customer named '{asked}'" in text
            assert set(re.findall(r"C\d{3}\b", text.partition("<main")[2])) <= mine | {asked}
        for other in others[:5]:
            assert f'href="/customers/{other}"' not in browser.get(f"/search?q={other}").text


def test_a_team_is_everybody_below_and_the_regions_below(company: Company) -> None:
    # E2 leads E1, and answers for CN-EAST with CN-SHANGHAI in it
    where = "owner_id in ('E1', 'E2') or region in ('CN-EAST', 'CN-SHANGHAI')"
    wanted = {c["customer_id"] for c in company.surfaces.ask("customers", "--where", where)}
    with company.browser("team") as browser:
        assert {r["customer_id"] for r in _rows(browser, "/customers/download/customers.csv")} == wanted


def test_names_are_whole_for_those_who_speak_with_customers_and_masked_for_others(company: Company) -> None:
    with company.browser("service") as browser:
        names = {r["name"] for r in _rows(browser, "/customers/download/customers.csv?column=name")}
        assert "张伟" in names
    with company.browser("analyst") as browser:
        names = {r["name"] for r in _rows(browser, "/customers/download/customers.csv?column=name")}
        assert "张伟" not in names
        assert "张伟" not in browser.get("/search?q=张伟").text.replace("<p>张伟</p>", "").replace('value="张伟"', "")


def test_customers_are_found_by_the_sound_of_their_names(company: Company) -> None:
    with company.browser("service") as browser:
        for asked in ("zhangwei", "zhang wei", "zw", "张伟", "138 0000 0002"):
            assert "/customers/C002" in browser.get(f"/search/suggestions?q={asked}").text, asked


def test_script_and_formulas_in_names_are_only_text(company: Company) -> None:
    with company.browser("service") as browser:
        for path in ("/customers?sort=-customer_id", "/customers/C000", "/customers/C001", "/search?q=script", "/search/suggestions?q=cmd"):
            text = browser.get(path).text
            assert NASTY not in text
        assert html.escape(NASTY) in browser.get("/customers/C000").text
        assert f"'{FORMULA}" in {r["name"] for r in _rows(browser, "/customers/download/customers.csv?column=name")}
        book = browser.get("/customers/download/customers.xlsx?column=name").content
        with zipfile.ZipFile(io.BytesIO(book)) as found:
            sheet = found.read("xl/worksheets/sheet1.xml").decode()
            assert "<f>" not in sheet
            assert "=cmd()" in sheet


def test_what_excel_can_not_hold_is_refused_and_not_cut(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepwell.surfaces.web.pages.customers.MOST_EXCEL_ROWS", 5)
    with company.browser("service") as browser:
        answer = browser.get("/customers/download/customers.xlsx")
        assert (answer.status_code, "CSV" in answer.text) == (400, True)
        assert len(_rows(browser, "/customers/download/customers.csv")) > 5


def test_exports_are_noted(company: Company) -> None:
    with company.browser("service") as browser:
        browser.get("/customers/download/customers.csv")
    with company.browser("privacy_officer") as browser:
        text = browser.get("/settings/audit").text
    assert "exported" in text
    assert "Service" in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/?period=nonsense", 400), ("/?period=2026-01..2026-02", 400), ("/?compare=never", 400), ("/?run=run_none", 404), ("/kpi/revenu", 404),
        ("/kpi/revenue/by/nothing", 404), ("/customers?value_from=many", 400), ("/customers?where=drop table x", 400), ("/customers?sort=nothing", 400),
        ("/customers?from=99999999", 200), (f"/customers?from={'9' * 5000}", 200), (f"/kpi/revenue/why?way={'9' * 5000}", 200), ("/predictions/none", 404), ("/retention?measure=none", 404), ("/customers/..%2f..%2fkeepwell.toml", 404),
        ("/customers?where=email like '%25'", 400), ("/no-such-page", 404), ("/settings/audit?before=x", 403),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_answered_in_words(company: Company, path: str, status: int) -> None:
    with company.browser("operations") as browser:
        answer = browser.get(path)
        assert answer.status_code == status, answer.text
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_both_languages_on_every_page(company: Company, locale: str) -> None:
    with company.browser("service") as browser:
        back = browser.post("/look", locale=locale, next="/scorecard?period=2026-05", form_token=browser.token())
        assert back.headers["location"] == "/scorecard?period=2026-05"
        text = browser.get("/scorecard?period=2026-05").text
        assert f'lang="{"zh-CN" if locale == "zh" else "en"}"' in text
        assert ("记分卡" in text) is (locale == "zh")


def test_an_empty_workspace_begins_with_three_steps(tmp_path: Path) -> None:
    with served_empty(tmp_path).browser("operations") as browser:
        for path in ("/", "/scorecard", "/customers", "/retention", "/predictions", "/kpi/revenue"):
            assert browser.get(path).status_code == 200, path
        assert all(words in browser.get("/").text for words in ("Bring data", "Check", "See"))


def test_no_table_of_a_model_is_headed_by_a_code(company: Company) -> None:
    with company.browser("analyst") as browser:
        paths = set(re.findall(r'href="(/predictions/\w+)"', browser.get("/predictions").text))
        assert "/predictions/rfm" in paths
        for path in paths:
            heads = re.findall(r"<th[^>]*>([^<]*)</th>", browser.get(path, accept_language="zh").text)
            assert not [h for h in heads if re.fullmatch(r"[a-z_]+", h)], path
