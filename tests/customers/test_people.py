"""The list of customers for a page: filters, order, totals, and names as far as one may see them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from factories.company import CUSTOMERS, company, opened
from keepwell.access.roles import Rows
from keepwell.access.scope import Scope
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.customers.people import Filters, Page
from keepwell.surfaces.python import Workspace

MASKED = Scope(Rows.ALL)


def ids(ws: Workspace, filters: Filters, sort: str | None = "customer_id") -> list[str]:
    return [r["customer_id"] for r in ws.people(filters, Page(sort=f"-{sort}" if sort == "customer_id" else sort)).rows]


def test_a_list_adds_up_what_all_of_it_comes_to_whatever_the_page_shows(everything: Workspace) -> None:
    page = everything.people(page=Page(columns=["customer_id"], limit=3, offset=2, sort=None))
    assert [r["customer_id"] for r in page.rows] == sorted(CUSTOMERS)[2:5]
    assert page.total == len(CUSTOMERS)
    # customer at place p has orders n = 0 … p-1 of 100 + 10 p + n, the fifth of which is a refund of 5
    expected = sum(-5 if n == 4 else 100 + 10 * p + n for p in range(1, 9) for n in range(p))
    assert page.net_amount == Decimal(expected)


def test_the_order_is_that_of_a_column_with_unknown_ones_last(everything: Workspace) -> None:
    rows = everything.people(page=Page(columns=["orders", "owner_id"], sort="orders")).rows
    assert [r["orders"] for r in rows] == sorted((r["orders"] for r in rows), reverse=True)
    owners = [r["owner_id"] for r in everything.people(page=Page(columns=["owner_id"], sort="-owner_id")).rows]
    known = [o for o in owners if o is not None]
    assert known == sorted(known)
    assert owners[len(known) :] == [None, None, None]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(owners=["lee", "mo"]), ["c-lee", "c-mo"]),
        # china is above east, shanghai and west
        (Filters(regions=["china"]), ["c-HID-boss", "c-HID-china", "c-ann", "c-lee", "c-mo", "c-shanghai"]),
        (Filters(regions=["east"]), ["c-shanghai"]),
        (Filters(where="kind = 'company' and orders >= 2"), ["c-HID-boss", "c-ann", "c-mo"]),
        (Filters(where="orders > 2", owners=["mo", "zoe-HID"]), ["c-HID-europe", "c-mo"]),
        (Filters(last_contact_from=date(2027, 1, 1)), []),
    ],
)  # fmt: skip
def test_filters_hold_together(everything: Workspace, filters: Filters, found: list[str]) -> None:
    assert ids(everything, filters) == found


def test_a_last_contact_is_the_newest_interaction(everything: Workspace) -> None:
    last = {r["customer_id"]: r["last_contact_on"] for r in everything.people(page=Page(columns=["customer_id", "last_contact_on"])).rows}
    # the first customer has one interaction, on 1 + 3 = 4 January; the second two, on 7 January and 14 February
    assert (last["c-lee"], last["c-ann"]) == (date(2026, 1, 4), date(2026, 2, 14))
    assert ids(everything, Filters(last_contact_to=date(2026, 1, 31))) == ["c-lee"]


def test_a_segment_is_one_of_a_visible_customer(everything: Workspace) -> None:
    stages = {r["lifecycle_stage"] for r in everything.people(page=Page(columns=["lifecycle_stage"])).rows}
    for stage in stages - {None}:
        assert ids(everything, Filters(segment=stage)) == ids(everything, Filters(stages=[stage]))
    with pytest.raises(KeepwellError, match="There is no segment named 'nobody'"):
        everything.people(Filters(segment="nobody"))


def test_names_are_masked_for_those_who_may_not_see_them(everything: Workspace) -> None:
    asked = Page(columns=["customer_id", "name", "email", "phone", "gender", "owner_name"])
    shown = {r["customer_id"]: r for r in everything.people(page=asked).rows}
    masked = {r["customer_id"]: r for r in everything.seen_by(MASKED).people(page=asked).rows}
    assert shown["c-shanghai"]["name"] == "欧阳 小明"
    assert dict(masked["c-shanghai"]) == {
        "customer_id": "c-shanghai", "name": "欧**", "email": "c***@e***", "phone": "***8003", "gender": None, "owner_name": None,
    }  # fmt: skip
    assert masked["c-lee"]["name"] == "Linden & Crane"
    assert masked["c-lee"]["owner_name"] == "Lee"


@pytest.mark.parametrize("sort", ["name", "email", "attributes", "nonsense"])
def test_nobody_sorts_by_what_is_personal(everything: Workspace, sort: str) -> None:
    with pytest.raises(KeepwellError, match="can't be sorted by"):
        everything.people(page=Page(sort=sort))


def test_nobody_filters_by_what_is_personal(everything: Workspace) -> None:
    for where in ("name = 'Mona Moor'", "customer_id in (select customer_id from personal)", "email like 'a%'"):
        with pytest.raises(KeepwellError):
            everything.people(Filters(where=where))


def test_a_book_is_made_anew_when_the_lake_or_the_run_is_another(tmp_path: Path) -> None:
    shop = company(tmp_path)
    ws = opened(shop)
    assert ws.people().total == len(CUSTOMERS)
    assert ws.people().run_id is None
    shop.bring_rows("customers", [{"customer_id": "c-new", "kind": "person", "name": "新客"}])
    assert ws.people().total == len(CUSTOMERS) + 1
    assert [h.customer_id for h in ws.search("xinke")] == ["c-new"]


def test_many_threads_read_one_book(everything: Workspace) -> None:

    scopes = [Scope(Rows.TEAM, "lee"), Scope(Rows.OWN, "mo"), Scope(Rows.ALL), Scope(Rows.OWN, "ann")] * 4
    with ThreadPoolExecutor(8) as pool:
        totals = list(pool.map(lambda s: everything.seen_by(s).people(Filters(where="customer_id <> ''")).total, scopes))
    assert totals == [4, 1, 8, 1] * 4


@pytest.mark.parametrize("sort", ["orders", "-owner_id", None])
def test_the_whole_list_comes_in_parts_that_are_together_all_of_it_once(
    everything: Workspace, monkeypatch: pytest.MonkeyPatch, sort: str | None
) -> None:
    monkeypatch.setattr("keepwell.customers.people.PART", 3)
    monkeypatch.setattr("keepwell.customers.book.FEW", 2)
    page = Page(columns=["customer_id", "orders", "name"], sort=sort)
    parts = [[r["customer_id"] for r in part.rows] for part in everything.everybody(Filters(), page)]
    assert [len(p) for p in parts] == [3, 3, len(CUSTOMERS) - 6]
    assert [i for p in parts for i in p] == [r["customer_id"] for r in everything.people(page=page).rows]
    nobody = list(everything.everybody(Filters(where="orders > 1000"), page))
    assert [(p.total, p.rows) for p in nobody] == [(0, ())]


@pytest.mark.parametrize("value", ["1e5000000", "-1e999999999", "1e14", "NaN", "Infinity"])
def test_a_number_that_no_amount_can_be_is_refused_at_once(everything: Workspace, value: str) -> None:
    with pytest.raises(WrongUseError, match="too large"):
        ids(everything, Filters(value_from=Decimal(value)))


def test_a_number_of_many_decimals_is_compared_as_amounts_are_kept(everything: Workspace) -> None:
    assert ids(everything, Filters(value_from=Decimal("1e-5000000"))) == ids(everything, Filters(value_from=Decimal(0)))


def test_a_condition_of_endless_length_is_refused(everything: Workspace) -> None:
    with pytest.raises(WrongUseError, match="too long"):
        ids(everything, Filters(where=" or ".join(["orders > 1"] * 300)))
