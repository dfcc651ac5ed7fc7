"""The import wizard in a real browser, with somebody at work: a dirty file is uploaded, mended, imported and taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from factories.browser import browser_or_skip, faults_or_skip
from factories.served import PASSWORD, Company, served_empty
from factories.serving import served
from factories.working import Working, working

pytestmark = pytest.mark.slow

PATIENCE = 120_000  # milliseconds: a busy machine is no fault
ARTEFACTS = Path(__file__).resolve().parents[3] / ".cache" / "screenshots"
# the second has no date, the third a state that nobody knows, the fourth an amount that is none
SALES = """Order No,Date,Customer,Total,State,Note
A-1,2025-10-31 09:12,C-1,12.50,paid,ok
A-2,,C-2,89.90,paid,<img src=x onerror=alert(1)>
A-3,2025-11-02 10:00,C-1,45.00,weird,=cmd()
A-4,2025-11-02 16:30,C-2,twelve,paid,ok
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_or_skip() as found:
        yield found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return served_empty(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def work(shop: Company) -> Iterator[Working]:
    with working(shop.surfaces.folder) as found, found.worker():
        yield found


@pytest.fixture(scope="module")
def address(shop: Company, work: Working) -> Iterator[str]:
    assert work.folder == shop.surfaces.folder
    with served(shop.app) as found:
        yield found


def _page(browser: Browser, address: str, locale: str) -> tuple[Page, list[str]]:
    """A page of somebody who may import, and what it complains of."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, locale=locale, reduced_motion="reduce").new_page()
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(f"{page.url}: {m.text}") if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: wrong.append(f"{page.url}: {e}"))
    page.goto(f"{address}/sign-in")
    page.fill("#email", "operations@example.com")
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(f"{address}/")
    return page, wrong


def _judged(page: Page, name: str) -> None:
    """What everybody can read, at every width."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    assert faults_or_skip(page) == [], name
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (name, width)
        page.screenshot(path=ARTEFACTS / f"data-{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_from_a_dirty_file_to_rows_and_back(browser: Browser, address: str, work: Working, tmp_path: Path, locale: str) -> None:
    language = locale[:2]
    (tmp_path / "sales.csv").write_text(SALES, encoding="utf-8")
    page, wrong = _page(browser, address, locale)
    page.goto(f"{address}/data/import")
    _judged(page, f"1-upload-{language}")
    page.set_input_files("#file", tmp_path / "sales.csv")
    page.click("[data-send]")
    page.wait_for_url("**/mapping")
    assert page.locator("select[name=target]").first.input_value() == "order_id"
    _judged(page, f"2-mapping-{language}")
    page.click("form[action$='/mapping'] button.btn-primary")
    page.wait_for_url("**/check")
    assert page.locator("form[action$='/commit'] button").is_disabled()
    _judged(page, f"3-check-{language}")
    state = page.locator("[data-finding='orders.status.unreadable.']")
    state.locator("select[name=meaning]").select_option("completed")
    state.locator("button[value=values]").click()
    state.wait_for(state="detached")
    dates = page.locator("[data-finding='orders.ordered_at.missing.']")
    dates.locator("input[name=default]").fill("2025-11-01")
    dates.locator("button").first.click()
    dates.wait_for(state="detached")
    page.click("form[action$='/commit'] button")
    # the job tells how it goes, and leads to what came of it
    page.wait_for_url("**/data/imports/imp_*")
    cells = page.locator("tr[data-entity=orders] td").all_inner_texts()
    # of four rows the one with the amount that is none stays out
    assert [cells[0], cells[1], cells[-1]] == ["4", "3", "1"]
    assert work.lake.snapshot().rows("orders") == 3
    _judged(page, f"4-result-{language}")
    page.click("a[href$='/undo']")
    _judged(page, f"5-undo-{language}")
    page.click("form[action$='/undo'] button")
    page.wait_for_url("**/data/imports/undo_*")
    assert work.lake.snapshot().rows("orders") == 0
    assert wrong == []
    page.context.close()


def test_an_upload_that_can_not_be_read_is_told_where_it_was_chosen(browser: Browser, address: str, tmp_path: Path) -> None:
    (tmp_path / "open.csv").write_text('a,b\n1,"never closed\n', encoding="utf-8")
    page, wrong = _page(browser, address, "en-US")
    page.goto(f"{address}/data/import")
    page.set_input_files("#file", tmp_path / "open.csv")
    page.click("[data-send]")
    page.wait_for_selector("[data-said][role=alert]")
    assert "open.csv, line 2" in page.inner_text("[data-said]")
    assert page.locator("[data-send]").is_enabled()
    # the browser itself says that the answer was no success
    assert all("409" in w or "400" in w for w in wrong)
    page.context.close()


def test_the_first_page_of_an_empty_workspace_leads_to_the_upload(browser: Browser, address: str) -> None:
    page, wrong = _page(browser, address, "en-US")
    page.click("a[href='/data/import']")
    page.wait_for_selector("form[data-upload]")
    assert wrong == []
    page.context.close()


def test_without_scripts_a_file_is_brought_by_the_form_itself(browser: Browser, address: str, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(SALES, encoding="utf-8")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/sign-in")
    page.fill("#email", "operations@example.com")
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.goto(f"{address}/data/import")
    page.set_input_files("#file", tmp_path / "sales.csv")
    page.click("[data-send]")
    page.wait_for_url("**/mapping")
    assert page.locator("select[name=target]").count() == 6
    page.context.close()
