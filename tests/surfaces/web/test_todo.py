"""What is to do today: warnings about customers on the Overview, each leading to the list of exactly those."""

from pathlib import Path
from typing import Any

import pytest

from factories.markup import Element, read
from factories.served import AS_OF, Browser, Company, with_people
from factories.surfaces import Surfaces

# who may see the Overview, but no customers
WITHOUT_CUSTOMERS = ("administrator",)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Three customers with a case that is over its day, of whom one is the own one; Dora bought, and nobody spoke with her for long."""
    surfaces = Surfaces.made(tmp_path_factory.mktemp("todo"), timezone="Asia/Shanghai")
    surfaces.bring("employees", [{"employee_id": e, "name": e} for e in ("E1", "E2")])
    owners = {"Ann": "E1", "Bob": "E2", "Cleo": "E2", "Dora": "E1"}
    surfaces.bring("customers", [{"customer_id": c, "kind": "person", "name": c, "owner_id": o} for c, o in owners.items()])
    surfaces.bring("cases", [_case(c, "2026-06-30 23:00:00") for c in ("Ann", "Bob", "Cleo")] + [_case("Dora", "2026-07-01 01:00:00")])
    surfaces.bring("orders", [{"order_id": "o", "customer_id": "Dora", "ordered_at": "2026-06-01 10:00:00", "status": "completed", "amount": 900, "currency": "CNY"}])  # fmt: skip
    said = {"Ann": "2026-06-29", "Dora": "2026-03-31"}
    surfaces.bring("interactions", [{"interaction_id": f"i-{c}", "customer_id": c, "occurred_at": f"{d} 10:00:00", "channel": "call", "direction": "inbound"} for c, d in said.items()])  # fmt: skip
    surfaces.ask("refresh", "--as-of", AS_OF.isoformat())
    return with_people(surfaces)


def _case(customer: str, due: str) -> dict[str, Any]:
    return {"case_id": f"f-{customer}", "customer_id": customer, "opened_at": "2026-06-20 10:00:00", "due_at": due}


def _section(browser: Browser, path: str) -> Element:
    main = read(browser.get(path).text)
    (found,) = [e for e in main.all("section") if e.attributes.get("aria-labelledby") == "todo"]
    return found


def _called(section: Element) -> dict[str, tuple[str, str]]:
    return {e["data-attention"]: (e.one("b").text, e.one("a")["href"]) for e in section.all("li", "data-attention")}


def test_an_overview_does_not_wait_for_the_customers_and_asks_for_them_itself(company: Company) -> None:
    with company.browser("operations") as browser:
        first = _section(browser, "/")
        assert _called(first) == {}
        assert "Looking at the customers" in first.text
        part = _called(_section(browser, first["hx-get"]))
        assert part["overdue"] == ("3 customers wait for a case or complaint past its date", "/customers?attention=overdue")
        # Dora's last contact was 91 days before the run's day
        assert part["silent"] == ("1 customer of tier A has had no contact for over 90 days", "/customers?attention=silent")
        second = _section(browser, "/")
        assert "hx-get" not in second
        assert _called(second) == part


@pytest.mark.parametrize(("who", "expected"), [("operations", ["Ann", "Bob", "Cleo"]), ("own", ["Ann"])])
def test_a_warning_leads_to_the_list_of_exactly_those_whom_the_person_sees(company: Company, who: str, expected: list[str]) -> None:
    with company.browser(who) as browser:
        words, href = _called(_section(browser, "/todo"))["overdue"]
        assert words.startswith(f"{len(expected)} ")
        page = read(browser.get(href).text)
        assert sorted(r["data-customer"] for r in page.all("tr", "data-customer")) == expected
        assert page.one(attribute="data-total")["data-total"] == str(len(expected))
        # why somebody is in the list stands in it, and the filter is told and can be taken away
        assert "case_due_on" in [h["data-column"] for h in page.all("th", "data-column")]
        assert "Case or complaint overdue" in page.one("a", css="kw-on").text


def test_warnings_are_told_in_both_languages(company: Company) -> None:
    with company.browser("own") as browser:
        browser.post("/look", locale="zh", next="/", form_token=browser.token())
        assert _called(_section(browser, "/todo"))["overdue"][0] == "1 位客户的投诉或跟进已逾期未结"
        assert "投诉或跟进逾期未结" in read(browser.get("/customers?attention=overdue").text).one("a", css="kw-on").text
        browser.post("/look", locale="en", next="/", form_token=browser.token())


@pytest.mark.parametrize("who", WITHOUT_CUSTOMERS)
def test_who_sees_no_customers_is_not_warned_about_any(company: Company, who: str) -> None:
    with company.browser(who) as browser:
        for path in ("/", "/todo"):
            section = _section(browser, path)
            assert _called(section) == {}
            assert "hx-get" not in section


def test_an_earlier_run_warns_of_nobody_since_lists_are_of_the_published_one(company: Company) -> None:
    run = company.surfaces.python.runs()[-1].run_id
    with company.browser("operations") as browser:
        assert _called(_section(browser, f"/todo?run={run}")) == {}


def test_an_unknown_reason_in_an_address_is_told_in_words(company: Company) -> None:
    with company.browser("operations") as browser:
        answer = browser.get("/customers?attention=overdu")
        assert answer.status_code == 404, answer.text
        assert "overdue" in answer.text


def test_nothing_is_to_do_in_an_empty_workspace(tmp_path: Path) -> None:
    with with_people(Surfaces.made(tmp_path)).browser("operations") as browser:
        assert browser.get("/todo").status_code == 200
        assert _called(_section(browser, "/todo")) == {}
