"""The pages in a real browser: what people click, what everybody can read and reach, nothing on the console."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from factories.browser import browser_or_skip, faults_or_skip
from factories.served import PASSWORD, Company
from factories.serving import served

pytestmark = pytest.mark.slow

PAGES = {
    "overview": "/?period=2026-05",
    "scorecard": "/scorecard?period=2026-05",
    "cards": "/scorecard/cards?period=2026-05",
    "card": "/scorecard/cards/company?period=2026-05",
    "card_edit": "/scorecard/cards/company/edit?period=2026-05",
    "kpi": "/kpi/revenue?period=2026-05",
    "customers": "/customers",
    "customer": "/customers/C002",
    "segments": "/segments?state=lifecycle",
    "segment": "/segments/build?match=any&g0=all&c0.group=0&c0.field=kind&c0.ask=is&c0.value=person&customer=C002",
    "retention": "/retention?by=kind",
    "predictions": "/predictions",
    "model": "/predictions/clv",
    "health": "/health",
    "team": "/team",
    "appraisals": "/team/appraisals",
    "search": "/search?q=zhang",
    "account": "/account",
    "views": "/views",
    "pins": "/pins",
    "sources": "/data",
    "imports": "/data/imports",
    "upload": "/data/import",
    "quality": "/data/quality?entity=orders",
    "runs": "/data/runs",
    "lineage": "/data/lineage",
    "settings": "/settings",
    "users": "/settings/users",
    "tokens": "/settings/tokens",
    "webhooks": "/settings/webhooks",
    "schedules": "/schedules",
    "reviews": "/reviews",
    "inbox": "/inbox?kpi=nps",
    "audit": "/settings/audit",
    "jobs": "/data/jobs",
}
# who opens a page that is not for everybody
READERS = {
    "segment": "marketing",
    "card_edit": "operations",
    **dict.fromkeys(
        (
            "sources",
            "imports",
            "upload",
            "quality",
            "runs",
            "lineage",
            "settings",
            "users",
            "tokens",
            "webhooks",
            "schedules",
            "audit",
            "jobs",
        ),
        "administrator",
    ),
}
PATIENCE = 120_000  # milliseconds: a busy machine is no fault
ARTEFACTS = Path(__file__).resolve().parents[3] / ".cache" / "screenshots"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_or_skip() as found:
        yield found


@pytest.fixture(scope="module")
def address(company: Company) -> Iterator[str]:
    with served(company.app) as found:
        yield found


def _signed_in(browser: Browser, address: str, who: str, locale: str = "en-US") -> tuple[Page, list[str]]:
    """A page of somebody who has signed in, and what it complains of from then on."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, locale=locale, reduced_motion="reduce").new_page()
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(f"{page.url}: {m.text}") if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: wrong.append(f"{page.url}: {e}"))
    page.goto(f"{address}/sign-in")
    if page.locator("html").get_attribute("lang") != locale.replace("en-US", "en"):
        page.click(".kw-look button[name=locale]")
    page.fill("#email", f"{who}@example.com")
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(f"{address}/")
    if page.locator("html").get_attribute("lang") != locale.replace("en-US", "en"):
        # the person chose another language in an earlier test
        page.click(".kw-look button[name=locale]")
        page.wait_for_load_state("networkidle")
    return page, wrong


def _opened(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_readable_by_everybody_and_complains_of_nothing(browser: Browser, address: str, locale: str, theme: str) -> None:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    for who in ("service", "marketing", "operations", "administrator"):
        page, wrong = _signed_in(browser, address, who, locale)
        if page.locator("html").get_attribute("data-bs-theme") != theme:
            # it was the person's choice in the test before
            page.click(".kw-look button[name=theme]")
            page.wait_for_load_state("networkidle")
        for name, path in PAGES.items():
            if READERS.get(name, "service") != who:
                continue
            _opened(page, address + path)
            assert page.locator("html").get_attribute("data-bs-theme") == theme
            assert page.locator("html").get_attribute("lang") == ("zh-CN" if locale == "zh-CN" else "en")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
            page.screenshot(path=ARTEFACTS / f"{name}-{locale[:2]}-{theme}.png", full_page=True)
            assert faults_or_skip(page) == [], name
        assert wrong == []
        page.context.close()


def test_from_the_overview_to_the_reason_the_customers_and_a_list_in_five_clicks(browser: Browser, address: str) -> None:
    page, wrong = _signed_in(browser, address, "service")
    _opened(page, f"{address}/?period=2026-05")
    clicks = 0
    # 1: the KPI, with the reason of its change
    page.click("[data-kpi=revenue].kw-reading")
    clicks += 1
    page.wait_for_selector("[data-why]")
    assert "2026-04" in page.inner_text("[data-why]")
    # 2: the rows behind it, with their customers
    page.click("[data-drawer]")
    clicks += 1
    page.wait_for_selector("dialog[open] table a")
    assert page.locator("dialog[open] a[href^='/customers/']").count() > 0
    # 3: the list, taken along
    with page.expect_download() as taken:
        page.click("dialog[open] .kw-tools a:has-text('CSV')")
        clicks += 1
    rows = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text(encoding="utf-8-sig"))))
    assert rows
    assert {"customer_id", "contribution"} <= set(rows[0])
    assert clicks <= 5
    assert wrong == []
    page.context.close()


def test_a_bar_leads_to_its_rows_and_a_chart_to_its_table_and_picture(browser: Browser, address: str) -> None:
    page, wrong = _signed_in(browser, address, "service")
    _opened(page, f"{address}/kpi/revenue?period=2026-05&by=channel")
    page.wait_for_selector("#breakdown canvas")
    box = page.locator("#breakdown canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.wait_for_selector("dialog[open] table")
    page.click("dialog[open] [data-close]")
    page.click("button[data-show='#trend-table']")
    assert page.locator("#trend-table tbody tr").count() > 3
    with page.expect_download() as taken:
        page.click("button[data-picture=trend]")
    assert Path(taken.value.path()).read_bytes().startswith(b"\x89PNG")
    assert wrong == []
    page.context.close()


def test_an_audience_is_built_and_taken_along_without_names(browser: Browser, address: str) -> None:
    page, wrong = _signed_in(browser, address, "marketing")
    page.click("nav a[href='/segments']")
    page.click("a.btn-primary")
    page.wait_for_selector("#c0-field")
    page.select_option("#c0-field", "region")
    page.wait_for_selector("#c0-v1")
    page.check("input[name='c0.value'][value='EU']")
    page.wait_for_url("**c0.value=EU**")
    page.click("button[value=add-0]")
    page.select_option("#c1-field", "orders")
    page.wait_for_url("**c1.field=orders**")
    page.fill("#c1-value0", "3")
    page.keyboard.press("Tab")
    page.wait_for_url("**c1.value=3**")
    size = int(page.locator("[data-size]").inner_text().split()[0])
    assert 0 < size < 60
    assert "EU" in page.inner_text("#builder section[aria-labelledby=in-words]")
    page.fill("#segment-name", "Europe, three orders")
    page.click("form[action='/segments'] button")
    page.wait_for_url("**/segments/seg_*")
    assert page.inner_text("h1") == "Europe, three orders"
    with page.expect_download() as taken:
        page.click("section[aria-labelledby=size] a:has-text('CSV')")
    rows = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text(encoding="utf-8-sig"))))
    assert len(rows) == size
    assert {r["region"] for r in rows} == {"EU"}
    # of a person's name the first letter is left
    assert all(r["name"].rstrip("*") != r["name"] for r in rows if r["kind"] == "person")
    assert wrong == []
    page.context.close()


def test_a_job_is_watched_from_anywhere_and_cancelled(browser: Browser, company: Company, address: str) -> None:
    company.cancel_jobs()
    page, wrong = _signed_in(browser, address, "operations")
    _opened(page, f"{address}/data/jobs")
    page.click("main form[action='/data/refresh'] button")
    page.wait_for_url("**/data/jobs/job_*")
    # nobody is at work here
    page.wait_for_selector("#job .alert-warning")
    page.screenshot(path=ARTEFACTS / "job.png", full_page=True)
    assert faults_or_skip(page) == []
    job = page.url
    page.goto(f"{address}/retention")
    page.click("#jobs-now a")
    page.wait_for_url(job)
    watching = page.context.new_page()
    watching.goto(job)
    page.on("dialog", lambda d: d.accept())
    page.click("form[action$=cancel] button")
    page.wait_for_selector("text=It was cancelled")
    # told to who watches, without loading anything anew
    watching.wait_for_selector("text=It was cancelled")
    assert watching.inner_text("#job-said") == "cancelled"
    assert watching.locator("form[action$=cancel]").count() == 0
    assert wrong == []
    page.context.close()


def test_search_by_keyboard(browser: Browser, address: str) -> None:
    page, wrong = _signed_in(browser, address, "service")
    page.keyboard.press("/")
    page.keyboard.type("zhangwei")
    page.wait_for_selector("#suggestions a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/customers/C002")
    _opened(page, f"{address}/customers")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/customers/*")
    assert wrong == []
    page.context.close()


def test_language_switch_keeps_the_page(browser: Browser, address: str) -> None:
    page, wrong = _signed_in(browser, address, "marketing")
    _opened(page, f"{address}/retention?measure=unbounded")
    page.click(".kw-look button[name=locale]")
    page.wait_for_url(f"{address}/retention?measure=unbounded")
    assert page.inner_text("h1") == "留存"
    assert wrong == []
    page.context.close()


def test_a_phone_has_the_menu_and_no_page_that_scrolls_sideways(browser: Browser, address: str) -> None:
    page, wrong = _signed_in(browser, address, "service")
    page.set_viewport_size({"width": 390, "height": 800})
    for name, path in PAGES.items():
        if name in READERS:
            continue
        _opened(page, address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    page.click(".kw-top [data-toggle='#side']")
    assert page.locator("#side").is_visible()
    assert wrong == []
    page.context.close()
