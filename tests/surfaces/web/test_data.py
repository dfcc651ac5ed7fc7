"""Data on the pages: a dirty file walks through the wizard, what is hostile stays harmless, what was imported is taken back."""

import csv
import html
import io
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest

from factories.served import FORMULA, NASTY, Browser, Company, served_empty, with_people
from factories.surfaces import Surfaces
from factories.working import Working, working

# 1 is good, 2 has no date, 3 an amount that is none, 4 and 5 a state that nobody knows, 6 is hostile and has no date, 7 is too short
SALES = f"""Order No,Date,Customer,Total,State,Note
A-1,2025-10-31 09:12,C-1,12.50,paid,ok
A-2,,C-2,89.90,paid,ok
A-3,2025-11-01 08:05,C-3,twelve,paid,{NASTY}
A-4,2025-11-02 10:00,C-1,45.00,weird,ok
A-5,2025-11-02 16:30,C-2,12.30,weird,ok
A-6,{NASTY},C-2,89.90,paid,"{FORMULA}"
A-7,2025-11-04
A-8,2025-11-05 10:00,C-9,-7.00,refund,ok
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A workspace in which nothing is yet."""
    return served_empty(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def work(shop: Company) -> Iterator[Working]:
    """The same workspace with somebody at work."""
    with working(shop.surfaces.folder) as found, found.worker():
        yield found


@pytest.fixture
def browser(shop: Company) -> Iterator[Browser]:
    with shop.browser("operations") as found:
        yield found


def _upload(browser: Browser, content: str | bytes, name: str = "sales.csv") -> Any:
    """What the page's script does."""
    headers = {"x-form-token": browser.token(), "x-file-name": quote(name), "content-type": "application/octet-stream"}
    return browser.client.post("/data/import", content=content.encode() if isinstance(content, str) else content, headers=headers)


def _draft(browser: Browser, content: str | bytes, name: str = "sales.csv") -> str:
    """The address of an upload."""
    answer = _upload(browser, content, name)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"]).removesuffix("/mapping")


def _as_shown(browser: Browser, path: str) -> dict[str, list[str]]:
    """The fields of the form of the mapping, as the page has them."""
    page = browser.get(f"{path}/mapping").text
    names = re.findall(r'name="file_column" value="([^"]*)"', page)
    picks = re.findall(r'<select class="form-select form-select-sm" name="target".*?</select>', page, re.DOTALL)
    targets = [(re.search(r'value="(\w*)" selected', p) or re.search(r'value=""()', p)) for p in picks]
    return {"file_column": names, "target": [t.group(1) if t else "" for t in targets]}


def _checked(browser: Browser, path: str, **fields: Any) -> str:
    """Send the form of the mapping; gives the page of the check."""
    form = {**_as_shown(browser, path), "constant_name": ["currency"], "constant_value": ["CNY"], "form_token": browser.token(), **fields}
    answer = browser.client.post(f"{path}/mapping", data=form)
    assert answer.headers.get("location") == f"{path}/check", answer.text
    return html.unescape(browser.get(f"{path}/check").text)


def _fix(browser: Browser, path: str, **fields: Any) -> str:
    answer = browser.client.post(f"{path}/fix", data={"form_token": browser.token(), **fields})
    assert answer.headers.get("location") == f"{path}/check#findings", answer.text
    return html.unescape(browser.get(f"{path}/check").text)


def _counts(page: str, entity: str) -> list[int]:
    """Read, inserted, updated, unchanged, removed, rejected."""
    row = re.search(rf'data-entity="{entity}">(.*?)</tr>', page, re.DOTALL)
    assert row
    return [int(n.replace(",", "")) for n in re.findall(r">([\d,]+)<", row.group(1))]


def _landed(browser: Browser, work: Working, path: str) -> str:
    """Import what was checked, and wait for it; gives the address of the import."""
    answer = browser.post(f"{path}/commit", form_token=browser.token())
    assert answer.status_code == 303, answer.text
    job = work.over(answer.headers["location"].rpartition("/")[2])
    assert job.state == "done", job
    return f"/data/imports/{job.result['import_id']}"


def _forget(browser: Browser, path: str) -> None:
    assert browser.post(f"{path}/forget", form_token=browser.token()).headers["location"] == "/data/import"


def _rows(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


# ------------------------------------------------------------------------ the walk


def test_a_dirty_file_is_mapped_checked_mended_imported_and_taken_back(browser: Browser, work: Working, shop: Company) -> None:
    path = _draft(browser, SALES)
    mapping = html.unescape(browser.get(f"{path}/mapping").text)
    assert [c for c in ("Order No", "Date", "Customer", "Total", "State") if f'value="{c}"' not in mapping] == []
    assert _as_shown(browser, path)["target"] == ["order_id", "ordered_at", "customer_id", "amount", "status", ""]
    page = _checked(browser, path)
    # of eight records the first and the last would land
    assert _counts(page, "orders") == [8, 2, 0, 0, 0, 6]
    assert "Too many rows are wrong" in page
    assert browser.post(f"{path}/commit", form_token=browser.token()).status_code == 409
    _fix(browser, path, way="values", column="status", value=["weird"], meaning=["completed"])
    _fix(browser, path, way="default", column="ordered_at", default="2025-11-01")
    page = _fix(browser, path, way="values", column="amount", value=["twelve"], meaning=["12"])
    assert _counts(page, "orders") == [8, 6, 0, 0, 0, 2]
    assert shop.surfaces.ask("imports") == []
    where = _landed(browser, work, path)
    done = html.unescape(browser.get(f"{where}?new=1").text)
    assert _counts(done, "orders") == [8, 6, 0, 0, 0, 2]
    assert "sales.csv" in done
    assert "Operations" in done
    assert work.lake.snapshot().rows("orders") == 6
    # the draft is gone, and its address leads nowhere
    assert browser.get(f"{path}/check").status_code == 404
    asked = html.unescape(browser.get(f"{where}/undo").text)
    assert "Rows that it brought go: 6." in asked
    answer = browser.post(f"{where}/undo", form_token=browser.token())
    job = work.over(answer.headers["location"].rpartition("/")[2])
    undone = html.unescape(browser.get(f"/data/imports/{job.result['import_id']}?new=1").text)
    assert _counts(undone, "orders") == [6, 0, 0, 0, 6, 0]
    assert work.lake.snapshot().rows("orders") == 0
    listed = {r["import_id"]: r for r in shop.surfaces.ask("imports")}
    assert listed[where.rpartition("/")[2]]["undone_by"] == job.result["import_id"]
    assert browser.get(f"{where}/undo").status_code == 404


def test_rejected_rows_are_taken_along_without_a_formula_and_come_back_as_they_were(browser: Browser, work: Working) -> None:
    path = _draft(browser, f'customer_id,name,created_at\nX-1,"{FORMULA}",never\nX-2,-5,never\nX-3,Good,2026-01-01\n', "customers.csv")
    page = _checked(browser, path, constant_name=[], constant_value=[])
    assert _counts(page, "customers") == [3, 1, 0, 0, 0, 2]
    answer = browser.get(f"{path}/download/rejected.csv")
    (head, first, second) = _rows(answer)
    assert head[:4] == ["_file", "_line", "_entity", "_reason"]
    assert [row[head.index("name")] for row in (first, second)] == [f"'{FORMULA}", "-5"]
    corrected = answer.content.replace(b"never", b"2026-02-02")
    _forget(browser, path)
    again = _draft(browser, corrected, "rejected.csv")
    assert _counts(_checked(browser, again, constant_name=[], constant_value=[]), "customers") == [2, 2, 0, 0, 0, 0]
    where = _landed(browser, work, again)
    with work.lake.engine() as engine:
        work.lake.snapshot().register(engine, "profiles")
        names = {row[0] for row in engine.rows("select name from profiles")}
    assert names == {FORMULA, "-5"}
    assert browser.get(f"{where}/download/rejected.csv").status_code == 404


def test_what_is_hostile_is_harmless_on_every_page_and_in_every_file(browser: Browser, work: Working) -> None:
    shown = "=cmd()<script>alert(1)<script>.csv"
    path = _draft(browser, SALES.replace("Note", "<b>Note</b>"), shown)
    _checked(browser, path)
    for page in (f"{path}/mapping", f"{path}/check", "/data/import"):
        text = browser.get(page).text
        assert "<script>alert" not in text, page
        assert "<b>Note" not in text
    for column, value, meaning in (("status", "weird", "completed"), ("amount", "twelve", "1"), ("ordered_at", NASTY, "2025-11-01")):
        _fix(browser, path, way="values", column=column, value=[value], meaning=[meaning])
    where = _landed(browser, work, path)
    for page in (where, "/data/imports", "/data", "/data/quality?entity=orders", "/data/lineage"):
        assert "<script>alert" not in browser.get(page).text, page
    rows = _rows(browser.get("/data/imports/download/imports.csv"))
    assert rows[1][rows[0].index("what")] == f"'{shown}"
    book = openpyxl.load_workbook(io.BytesIO(browser.get("/data/imports/download/imports.xlsx").content))
    cell = book.worksheets[0].cell(2, rows[0].index("what") + 1)
    assert (cell.value, cell.data_type) == (shown, "s")


# ------------------------------------------------------------------------ what is refused


def _drafts(shop: Company) -> list[Path]:
    folder = shop.surfaces.folder / "drafts"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("name", ["../../../keepwell.toml.csv", "..\\..\\lake\\head.json.csv", "/etc/cron.d/x.csv", "a\x00b.csv"])
def test_a_path_in_a_file_name_leads_nowhere(browser: Browser, shop: Company, name: str) -> None:
    settings = (shop.surfaces.folder / "keepwell.toml").read_bytes()
    before = {p for p in shop.surfaces.folder.parent.rglob("*") if "drafts" not in p.parts}
    path = _draft(browser, SALES, name)
    assert {p for p in shop.surfaces.folder.parent.rglob("*") if "drafts" not in p.parts} == before
    assert (shop.surfaces.folder / "keepwell.toml").read_bytes() == settings
    _forget(browser, path)


def test_a_form_of_a_browser_without_scripts_brings_the_same(browser: Browser, shop: Company) -> None:
    token = browser.token()
    sent = {"file": ('../订单 ;"x.csv', SALES.encode(), "text/csv")}
    answer = browser.client.post(f"/data/import?form_token={token}", files=sent, data={"other": "x" * 2000})
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].removesuffix("/mapping")
    (folder,) = _drafts(shop)
    assert (folder / "file.csv").read_bytes() == SALES.encode()
    assert _counts(_checked(browser, path), "orders")[0] == 8
    _forget(browser, path)
    for nothing in ({}, {"other": ("x.csv", b"a,b\n1,2\n", "text/csv")}, {"file": ("", b"", "text/csv")}):
        answer = browser.client.post(f"/data/import?form_token={token}", files=nothing or {"none": ("", b"")})
        assert answer.status_code == 400, answer.text
    assert _drafts(shop) == []


def test_an_upload_without_the_forms_token_is_refused_and_leaves_nothing(browser: Browser, shop: Company) -> None:
    headers = {"x-file-name": "sales.csv", "content-type": "application/octet-stream"}
    assert browser.client.post("/data/import", content=SALES.encode(), headers=headers).status_code == 403
    assert browser.client.post("/data/import?form_token=0", files={"file": ("sales.csv", SALES.encode())}).status_code == 403
    within = {"form_token": browser.token()}
    assert browser.client.post("/data/import", data=within, files={"file": ("sales.csv", SALES.encode())}).status_code == 400
    elsewhere = {**headers, "x-form-token": browser.token(), "origin": "https://evil.example"}
    assert browser.client.post("/data/import", content=SALES.encode(), headers=elsewhere).status_code == 403
    assert _drafts(shop) == []


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", b" " * (64 << 20))
    return out.getvalue()


def _far_cell() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet = book.create_sheet("Orders", 0)
    sheet["A1"], sheet["A2"], sheet["XFD1048576"] = "order_id", 1, 2
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (_bomb(), "Bomb.xlsx", "far larger unpacked"),
        (_far_cell(), "Far.xlsx", "column 16,384"),
        (b"MZ\x90\x00", "tool.exe", "can&#39;t be read"),
        (b"", "empty.csv", "empty.csv is empty"),
        (b'a,b\n1,"never closed\n', "Open quote.csv", "Open quote.csv, line 2"),
        (b"PAR1 no more", "broken.parquet", "broken.parquet is no Parquet file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_in_words_and_leaves_nothing(
    browser: Browser, shop: Company, content: bytes, name: str, says: str
) -> None:
    answer = _upload(browser, content, name)
    assert answer.status_code in {400, 409}, answer.text
    assert says in answer.text
    assert 'role="alert"' in answer.text
    assert _drafts(shop) == []


def test_an_upload_is_its_owners_alone(browser: Browser, shop: Company) -> None:
    path = _draft(browser, SALES)
    with shop.browser("administrator") as other:
        token = other.token()
        for address in ("mapping", "check", "mapping.yaml"):
            assert other.get(f"{path}/{address}").status_code == 404
        for address in ("mapping", "entity", "text", "check", "fix", "commit", "forget", "remember", "use"):
            assert other.post(f"{path}/{address}", form_token=token).status_code == 404, address
        assert path not in other.get("/data/import").text
    assert path in browser.get("/data/import").text
    _forget(browser, path)


def test_a_mapping_that_is_wrong_is_told_beside_the_form_and_the_old_one_stays(browser: Browser) -> None:
    path = _draft(browser, SALES)
    before = browser.get(f"{path}/mapping.yaml").text
    token = browser.token()
    wrong = {"text": "version: 1\nentities: {orders: {columns: {nonsense: A}}}", "form_token": token}
    answer = browser.client.post(f"{path}/text", data=wrong)
    assert answer.status_code == 400
    assert "orders has no column" in html.unescape(answer.text)
    twice = {"file_column": ["Order No", "Total"], "target": ["order_id", "order_id"], "form_token": token}
    answer = browser.client.post(f"{path}/mapping", data=twice)
    assert (answer.status_code, "Two columns of the file feed order_id" in answer.text) == (400, True)
    assert browser.get(f"{path}/mapping.yaml").text == before
    _forget(browser, path)


def test_a_mapping_is_remembered_and_used_for_the_next_file(browser: Browser, shop: Company) -> None:
    path = _draft(browser, SALES)
    _checked(browser, path)
    _fix(browser, path, way="values", column="status", value=["weird"], meaning=["completed"])
    browser.post(f"{path}/remember", form_token=browser.token(), name="shop orders")
    assert (shop.surfaces.folder / "mappings" / "shop-orders.yaml").exists()
    _forget(browser, path)
    again = _draft(browser, SALES)
    browser.post(f"{again}/use", form_token=browser.token(), name="shop-orders.yaml")
    assert "weird: completed" in browser.get(f"{again}/mapping.yaml").text
    _forget(browser, again)


def test_what_the_file_does_not_say_stops_the_check_until_it_is_said(browser: Browser) -> None:
    path = _draft(browser, "Order No,Date,Total\n1,03/04/2025,5\n2,05/06/2025,6\n", "orders.csv")
    page = _checked(browser, path)
    assert "Nothing gives: Status (status)" in page
    page = _fix(browser, path, way="default", column="status", default="completed")
    assert "which are different days" in page
    page = _fix(browser, path, way="format", setting="dates", default="%d/%m/%Y")
    assert _counts(page, "orders") == [2, 2, 0, 0, 0, 0]
    _forget(browser, path)


def test_a_file_in_an_encoding_that_nobody_can_know_is_read_as_the_person_says(browser: Browser, work: Working) -> None:
    content = "customer_id;name;country\nE-1;Jürgen Müller;DE\nE-2;Zoë Weiß;AT\n".encode("windows-1252")
    path = _draft(browser, content, "Kunden.csv")
    asked = html.unescape(browser.get(f"{path}/mapping").text)
    assert "The text of this file can't be read" in asked
    assert "Kunden.csv is not UTF-8" in asked
    wrong = browser.client.post(f"{path}/reading", data={"encoding": "shift_jis", "form_token": browser.token()})
    assert (wrong.status_code, "Kunden.csv is not shift_jis" in html.unescape(wrong.text)) == (400, True)
    answer = browser.client.post(f"{path}/reading", data={"encoding": "windows-1252", "form_token": browser.token()})
    assert answer.headers["location"] == f"{path}/mapping"
    assert "Jürgen Müller" in html.unescape(browser.get(f"{path}/mapping").text)
    browser.client.post(f"{path}/entity", data={"entity": "customers", "form_token": browser.token()})
    assert _counts(_checked(browser, path, constant_name=["kind"], constant_value=["person"]), "customers")[:2] == [2, 2]
    # the mapping says it too, for the next file and for the command line
    assert "encoding: windows-1252" in browser.get(f"{path}/mapping.yaml").text
    _landed(browser, work, path)
    with work.lake.engine() as engine:
        work.lake.snapshot().register(engine, "profiles")
        assert ("Jürgen Müller",) in engine.rows("select name from profiles")


def test_another_sheet_of_a_workbook_can_be_chosen(browser: Browser) -> None:
    book, out = openpyxl.Workbook(), io.BytesIO()
    notes, orders = book.create_sheet("Notes", 0), book.create_sheet("Orders", 1)
    notes.append(["About"])
    notes.append(["made by hand"])
    orders.append(["order_id", "ordered_at", "status", "amount"])
    orders.append(["1", "2026-01-05", "completed", 5])
    book.save(out)
    path = _draft(browser, out.getvalue(), "book.xlsx")
    assert "<option >Orders</option>" in browser.get(f"{path}/mapping").text
    browser.client.post(f"{path}/reading", data={"sheet": "Orders", "form_token": browser.token()})
    assert _as_shown(browser, path)["target"] == ["order_id", "ordered_at", "status", "amount"]
    assert _counts(_checked(browser, path), "orders")[:2] == [1, 1]
    _forget(browser, path)


# ------------------------------------------------------------------------ the other parts


def test_sources_and_imports_tell_what_the_command_line_tells(company: Company) -> None:
    told = company.surfaces.ask("imports")
    with company.browser("analyst") as browser:
        rows = [dict(zip(r[0], line, strict=True)) for r in [_rows(browser.get("/data/imports/download/imports.csv"))] for line in r[1:]]
        assert [r["import_id"] for r in rows] == [t["import_id"] for t in told][::-1]
        assert [int(r["inserted"]) for r in rows] == [sum(e["inserted"] for e in t["entities"]) for t in told][::-1]
        sources = [dict(zip(r[0], line, strict=True)) for r in [_rows(browser.get("/data/download/sources.csv"))] for line in r[1:]]
        assert {(s["source"], s["entity"]): int(s["rows"]) for s in sources}["main", "Customers"] == 60
        # an analyst looks and changes nothing
        assert "/data/import" not in re.findall(r'href="([^"]*)"', browser.get("/data").text)


def test_quality_is_what_the_table_holds_and_quick_when_asked_again(company: Company) -> None:
    lake = company.surfaces.python.lake
    with lake.engine() as engine:
        lake.snapshot().register(engine, "orders")
        rows, customers, channels, last = engine.rows(
            "select count(*), count(customer_id), count(distinct channel), max(ordered_on) from orders"
        )[0]
    with company.browser("analyst") as browser:
        head, *lines = _rows(browser.get("/data/quality/download/columns.csv?entity=orders"))
        found = {line[0]: dict(zip(head, line, strict=True)) for line in lines}
        assert float(found["customer_id"]["share"]) == customers / rows
        assert int(found["channel"]["distinct"]) == channels
        assert found["ordered_on"]["freshest"] == str(last)
        begun = time.monotonic()
        assert browser.get("/data/quality?entity=orders").status_code == 200
        assert time.monotonic() - begun < 1
        assert browser.get("/data/quality?entity=nonsense").status_code == 404


def test_a_column_that_is_filled_less_than_before_is_told_of(tmp_path: Path) -> None:
    surfaces = Surfaces.made(tmp_path / "fall")
    days = [f"2026-0{1 + i // 40}-{1 + i % 28:02}" for i in range(120)]
    # 40 rows a month: of January and February all have a channel, of March ten
    orders = [
        {"order_id": str(i), "ordered_at": day, "status": "completed", "amount": 1, "currency": "CNY", "channel": "web" if i < 90 else ""}
        for i, day in enumerate(days)
    ]
    surfaces.bring("orders", orders)
    with with_people(surfaces).browser("analyst") as browser:
        text = html.unescape(browser.get("/data/quality?entity=orders").text)
    assert "fell from 100 % to 25 %" in text


def test_runs_tell_what_was_computed_and_lead_to_what_was_known(company: Company) -> None:
    (run,) = company.surfaces.ask("runs")
    with company.browser("analyst") as browser:
        text = browser.get("/data/runs").text
        assert run["run_id"] in text
        head, line = _rows(browser.get("/data/runs/download/runs.csv"))
        found = dict(zip(head, line, strict=True))
        assert (found["run_id"], found["as_of"], found["problems"]) == (run["run_id"], run["as_of"], "0")
        assert browser.get(f"/?run={run['run_id']}").status_code == 200


def test_lineage_names_the_kpis_that_rest_on_an_entity(company: Company) -> None:
    with company.browser("analyst") as browser:
        head, *lines = _rows(browser.get("/data/lineage/download/lineage.csv"))
        rests = {(line[head.index("entity")], line[head.index("kpi")]) for line in lines}
        assert {("orders", "revenue"), ("responses", "nps"), ("tickets", "first_response_time")} <= rests
        assert ("responses", "revenue") not in rests
        page = html.unescape(browser.get("/data/lineage?entity=responses").text)
        assert 'href="/kpi/nps"' in page
        assert 'href="/kpi/revenue"' not in page
        flow = _rows(browser.get("/data/lineage/download/flow.csv?entity=responses"))
        assert ["main", "Survey responses", "300"] in flow
