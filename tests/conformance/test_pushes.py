"""Rows that come through the API and through the page, by the same rules as those of files. The numbers are those of the conformance catalogue."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from factories.everywhere import WHO, Everywhere
from factories.markup import Element, read, rows_of
from factories.served import Browser
from factories.shop import as_csv
from keepwell.surfaces.cli.app import app


@pytest.fixture
def shop(tmp_path: Path) -> Everywhere:
    return Everywhere.made(tmp_path)


def order(key: str, amount: object = 10, **more: Any) -> dict[str, Any]:
    return {"order_id": key, "customer_id": "a", "ordered_at": "2025-10-05 10:00:00", "status": "completed", "amount": amount, "currency": "CNY"} | more  # fmt: skip


def counts(told: dict[str, Any]) -> dict[str, int]:
    """What a push did to its entity: the counts that are not zero."""
    return {n: v for n, v in told["entities"][0].items() if isinstance(v, int) and v}


def revenue(shop: Everywhere) -> Any:
    return shop.reading("revenue", period="2025-10")["value"]


# 22: an upsert knows a row by the same rule by which the store does


def test_22_pushed_rows_are_known_by_the_same_rule_as_those_of_files(shop: Everywhere) -> None:
    shop.bring("customers", [{"customer_id": "A1", "country": "GB"}, {"customer_id": "caf\u00e9", "country": "FR"}])
    rows = [{"customer_id": c, "country": "IE"} for c in (" A1 ", "cafe\u0301", "a1")]
    assert counts(shop.pushed("customers", rows)) == {"read": 3, "updated": 2, "inserted": 1}
    assert {c["customer_id"] for c in shop.ask("customers")} == {"A1", "caf\u00e9", "a1"}


# 28: one invalid row among many is reported, and the others are not lost

MANY = [order(f"o{n}") for n in range(20)]
BAD = order("bad", "many")


def test_28_a_file_with_one_invalid_row_reports_it_with_its_line(shop: Everywhere, tmp_path: Path) -> None:
    errors, file = tmp_path / "errors.csv", tmp_path / "orders.csv"
    file.write_text(as_csv([*MANY[:7], BAD, *MANY[7:]]), encoding="utf-8")
    done = CliRunner().invoke(app, ["-w", str(shop.folder), "import", str(file), "--as", "orders", "--errors", str(errors)])
    assert done.exit_code == 0, done.stderr
    (row,) = csv.DictReader(io.StringIO(errors.read_text(encoding="utf-8-sig")))
    # the header is line 1
    assert (row["_line"], row["order_id"]) == ("9", "bad")
    assert "many" in done.stderr
    assert revenue(shop) == 200


@pytest.mark.parametrize("place", [0, 7, 20], ids=["first", "in the middle", "last"])
def test_28_a_push_with_one_invalid_row_reports_it_with_its_number(shop: Everywhere, place: int) -> None:
    told = shop.pushed("orders", [*MANY[:place], BAD, *MANY[place:]])
    assert counts(told) == {"read": 21, "inserted": 20, "rejected": 1}
    (rejected,) = told["rejected"]
    assert (rejected["row"], rejected["entity"]) == (place + 1, "orders")
    assert "many" in rejected["reason"]
    assert revenue(shop) == 200


def test_28_a_push_of_nothing_valid_lands_nothing_and_names_every_row(shop: Everywhere) -> None:
    with shop.api() as program:
        answer = program.post("/api/v1/entities/orders", json=[BAD | {"order_id": f"b{n}"} for n in range(3)])
    assert answer.status_code == 409
    told = answer.json()
    assert [(e["row"], "many" in e["reason"]) for e in told["errors"]] == [(1, True), (2, True), (3, True)]
    assert "--" not in told["hint"], "what to do is told to a program, not to the command line"
    assert shop.ask("imports") == []
    assert revenue(shop) is None


def test_28_a_push_names_every_invalid_row_however_many(shop: Everywhere) -> None:
    told = shop.pushed("orders", [order("good"), *(BAD | {"order_id": f"b{n}"} for n in range(1_200))])
    assert [r["row"] for r in told["rejected"]] == list(range(2, 1_202))


def checked(browser: Browser, rows: list[dict[str, Any]]) -> str:
    """Upload a file of orders and check it; gives its address."""
    headers = {"x-form-token": browser.token(), "x-file-name": "orders.csv", "content-type": "application/octet-stream"}
    answer = browser.client.post("/data/import", content=as_csv(rows).encode(), headers=headers)
    assert answer.status_code == 201, answer.text
    path, columns = str(answer.headers["location"]).removesuffix("/mapping"), list(rows[0])
    browser.post(f"{path}/entity", entity="orders", form_token=browser.token())
    answer = browser.client.post(f"{path}/mapping", data={"file_column": columns, "target": columns, "form_token": browser.token()})
    assert answer.headers["location"] == f"{path}/check", answer.text
    return path


def opened(browser: Browser, path: str) -> Element:
    return read(browser.get(path).text).one("main")


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_28_the_page_of_an_import_reports_the_row_before_anything_is_written(shop: Everywhere, locale: str) -> None:
    with shop.company.browser(WHO) as browser:
        browser.post("/look", locale=locale, next="/", form_token=browser.token())
        path = checked(browser, [*MANY[:7], BAD, *MANY[7:]])
        page = opened(browser, f"{path}/check")
        (row,) = rows_of(page.one("table", "data-table"))
        assert {n: row[n] for n in ("read", "inserted", "rejected")} == {"read": "21", "inserted": "20", "rejected": "1"}
        (finding,) = [f for f in page.all("article", "data-finding") if "many" in f.text]
        assert {"9", "1"} <= {c.text for c in finding.all("td")}, "its line, and that it is one"
        handed_back = browser.get(f"{path}/download/rejected.csv").content.decode("utf-8-sig")
        (line,) = csv.DictReader(io.StringIO(handed_back))
        assert (line["_line"], line["order_id"]) == ("9", "bad")
    assert revenue(shop) is None


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_28_a_page_of_an_import_without_a_valid_row_can_not_be_sent(shop: Everywhere, locale: str) -> None:
    with shop.company.browser(WHO) as browser:
        browser.post("/look", locale=locale, next="/", form_token=browser.token())
        path = checked(browser, [BAD | {"order_id": f"b{n}"} for n in range(3)])
        page = opened(browser, f"{path}/check")
        (form,) = [f for f in page.all("form", "action") if f["action"] == f"{path}/commit"]
        assert "disabled" in form.one("button")
        assert page.all(attribute="id", css="kw-note"), "it says why"
        answer = browser.post(f"{path}/commit", form_token=browser.token())
        assert answer.status_code != 303 or "/jobs/" not in answer.headers["location"]
    assert shop.ask("imports") == []


# 35: twice changes nothing


def test_35_the_same_push_twice_changes_nothing(shop: Everywhere) -> None:
    assert counts(shop.pushed("orders", MANY)) == {"read": 20, "inserted": 20}
    assert counts(shop.pushed("orders", MANY)) == {"read": 20, "unchanged": 20}
    # a part of them with one more, and what a file had brought before
    assert counts(shop.pushed("orders", [*MANY[5:], order("more")])) == {"read": 16, "unchanged": 15, "inserted": 1}
    assert shop.bring("orders", [*MANY, order("more")]) == {"read": 21, "unchanged": 21}
    assert revenue(shop) == 210
