"""The front end's packages: named once, fetched by the build hook, and fit to be used by pages (docs/decisions/0039)."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from factories.browser import browser_or_skip, faults_or_skip

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "src" / "keepwell" / "surfaces" / "web" / "static" / "vendor"
FETCHED = pytest.mark.skipif(not (VENDOR / "manifest.json").exists(), reason="the front end's packages were not fetched (make setup)")

PAGE = """<!doctype html><html lang="en" data-bs-theme="light"><head><title>Trend</title><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="tabler.min.css"><script src="tabler.min.js"></script><script src="htmx.min.js"></script>
<script src="echarts.min.js"></script></head><body><main><h1>Trend</h1>
<button type="button" class="btn btn-primary" data-bs-toggle="collapse" data-bs-target="#more" aria-expanded="false">
<svg class="icon" aria-hidden="true"><use href="icons.svg#chart-line"/></svg> More</button><div id="more" class="collapse">More</div>
<div id="chart" role="img" aria-label="Trend" style="width:600px;height:300px"></div></main>
<script>echarts.init(document.getElementById("chart")).setOption(
  {xAxis: {type: "category", data: ["a", "b"]}, yAxis: {}, series: [{type: "line", data: [1, 2]}]})</script></body></html>"""


def package() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    return found


def locked() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return found


def packages_passed_on() -> dict[str, Any]:
    return {path.removeprefix("node_modules/"): p for path, p in locked().items() if path and not p.get("dev")}


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))
    return found


def test_the_lock_holds_the_versions_that_are_asked_for_each_with_its_hash_and_no_address() -> None:
    wanted = {**package()["dependencies"], **package()["devDependencies"]}
    assert {name: locked()[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(re.fullmatch(r"sha512-[\w+/]+=*", p["integrity"]) for path, p in locked().items() if path)
    assert [path for path, p in locked().items() if "resolved" in p] == []
    # what is left are addresses where authors take gifts
    assert set(re.findall(r"https?://[^/]*", json.dumps([{**p, "funding": None} for p in locked().values()]))) == set()


def test_the_notice_names_each_package_that_is_passed_on_and_its_licence() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    spdx = {"BSD-0-Clause": "0BSD"}  # as a package calls it
    passed_on = {name: spdx.get(p["license"], p["license"]) for name, p in packages_passed_on().items()}
    assert [name for name, licence in passed_on.items() if not re.search(rf"^{re.escape(name)} +{licence} ", notice, re.MULTILINE)] == []


@FETCHED
def test_the_vendor_folder_holds_the_files_of_the_lock_and_no_others() -> None:
    files = manifest()["files"]
    there = {p.name for p in VENDOR.iterdir() if p.is_file()}
    assert there == {*package()["keepwell"]["pages"], "icons.svg", "manifest.json"} == {*files, "manifest.json"}
    assert {name: known["sha256"] for name, known in files.items()} == {
        name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in files
    }
    assert [n for n, known in files.items() if known["version"] != locked()[f"node_modules/{known['package']}"]["version"]] == []


@FETCHED
def test_each_package_brings_its_licence_but_the_one_that_has_none() -> None:
    assert {name for name in packages_passed_on() if not any((VENDOR / "licenses" / name).glob("LICENSE*"))} == {"@tabler/core"}
    assert (VENDOR / "licenses" / "echarts" / "NOTICE").exists()


@FETCHED
def test_the_icons_are_those_that_are_named() -> None:
    assert re.findall(r'<symbol id="([\w-]+)"', (VENDOR / "icons.svg").read_text(encoding="utf-8")) == package()["keepwell"]["icons"]


@FETCHED
def test_files_of_pages_ask_no_other_machine_for_anything() -> None:
    style = (VENDOR / "tabler.min.css").read_text(encoding="utf-8")
    assert "@import" not in style
    assert [a for a in re.findall(r"url\([\"']?([^)\"']{0,40})", style) if not a.startswith("data:")] == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The hook and what it reads in a folder of their own, with the files that it fetched here."""
    for name in ("hatch_build.py", "package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ROOT / name, tmp_path / name)
    if VENDOR.exists():
        shutil.copytree(VENDOR, tmp_path / VENDOR.relative_to(ROOT))
    return tmp_path


def fetched(project: Path) -> subprocess.CompletedProcess[str]:
    """What the hook says where npm reaches nothing."""
    nowhere = {
        "npm_config_registry": "http://127.0.0.1:9",
        "npm_config_fetch_retries": "0",
        "npm_config_cache": str(project / "npm-cache"),
        "npm_config_logs_max": "0",
    }
    return subprocess.run(
        [sys.executable, "hatch_build.py"], cwd=project, env={**os.environ, **nowhere}, capture_output=True, text=True, check=False
    )


@FETCHED
def test_the_hook_does_nothing_where_the_files_are_those_of_the_lock(project: Path) -> None:
    assert fetched(project).returncode == 0


@FETCHED
def test_a_file_that_was_changed_is_fetched_again(project: Path) -> None:
    (project / VENDOR.relative_to(ROOT) / "htmx.min.js").write_text("changed", encoding="utf-8")
    assert fetched(project).returncode == 1


@FETCHED
def test_without_a_registry_the_hook_says_what_to_do_and_leaves_what_was_there(project: Path) -> None:
    described = project / "package.json"
    described.write_text(described.read_text(encoding="utf-8").replace('"award"', '"award "'), encoding="utf-8")
    before = sorted((project / "src").rglob("*"))
    done = fetched(project)
    assert done.returncode == 1
    assert "could not be fetched" in done.stderr
    assert "Hint: npm must reach its registry." in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted((project / "src").rglob("*")) == before


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder as a site on this machine alone."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
        """Nothing."""


@FETCHED
@pytest.mark.slow
def test_a_browser_draws_a_page_with_them_and_axe_finds_no_serious_fault(tmp_path: Path) -> None:
    folder = shutil.copytree(VENDOR, tmp_path / "vendor")
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    with served(folder) as address, browser_or_skip() as browser:
        page = browser.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto(f"{address}/page.html")
        assert page.evaluate("[htmx.version, echarts.version]") == [
            manifest()["files"]["htmx.min.js"]["version"], manifest()["files"]["echarts.min.js"]["version"],
        ]  # fmt: skip
        assert page.locator("#chart canvas").count() == 1
        page.get_by_role("button", name="More").click()
        page.locator("#more.collapse.show").wait_for()
        assert faults_or_skip(page) == []
        assert complaints == []
