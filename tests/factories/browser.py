"""A real browser for tests and axe to judge what it shows, or a word on why there is none (`make setup-tests` brings both)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

AXE = Path(__file__).resolve().parents[2] / ".cache" / "front-end" / "axe.min.js"
FAULTS = ("serious", "critical")


@contextmanager
def browser_or_skip() -> Iterator[Browser]:
    """The system's Chromium without a window, else Playwright's own; where there is neither, the test is skipped and says so."""
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(found).exists():
            pytest.skip("no browser (install chromium, or run make setup-tests); the tests of pages in a browser are skipped")
        browser = playwright.chromium.launch(executable_path=found)
        try:
            yield browser
        finally:
            browser.close()


def faults_or_skip(page: Page) -> list[str]:
    """What axe finds seriously wrong for people who see, hear or move otherwise: rule, how often, an example."""
    if not AXE.exists():
        pytest.skip("no axe-core (run make setup-tests); the tests of accessibility are skipped")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [f"{v['id']} ({len(v['nodes'])}): {v['nodes'][0]['html']}" for v in found["violations"] if v["impact"] in FAULTS]
