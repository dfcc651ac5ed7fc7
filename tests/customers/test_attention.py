"""Who calls for attention: counted by hand over the list, beside days that were set on purpose."""

import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from factories.boosting import boosted
from factories.buyers import TODAY, orders
from factories.shop import Shop
from factories.surfaces import Surfaces
from keepwell.access.roles import Rows
from keepwell.access.scope import NOBODY, Scope
from keepwell.core.errors import KeepwellError
from keepwell.customers.attention import ATTENTIONS
from keepwell.customers.people import LONGEST_PAGE, Filters, Page
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.worker.refresh import refresh

# the bands are those of the churn model
pytestmark = [pytest.mark.slow, boosted]
MO = Scope(Rows.OWN, "mo")
OWNERS = ("mo", "zoe", None)
COLUMNS = ("customer_id", "tier", "churn_band", "clv_12m", "owner_id")
Made = tuple[Surfaces, list[str]]


def _at(days: int, hour: int = 12) -> str:
    return f"{TODAY + timedelta(days=days)} {hour:02}:00:00"


def _days(customers: list[str], *days: int | None) -> dict[str, int]:
    """Customer -> one of the days in turn, seen from today; who has None has none."""
    told = {c: days[i % len(days)] for i, c in enumerate(customers)}
    return {c: d for c, d in told.items() if d is not None}


SILENCES, DUES, COMPLAINTS, ENDS = (-90, -91, None, -300), (0, 1, -30, None, None), (None, -1, None, 1), (60, 61, 0, -1, None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    surfaces = Surfaces.made(tmp_path_factory.mktemp("attention"), currency="GBP", timezone="UTC")
    rows, _ = orders()
    ids = sorted({r["customer_id"] for r in rows})
    surfaces.bring("employees", [{"employee_id": e, "name": e.title()} for e in OWNERS if e])
    surfaces.bring("customers", [{"customer_id": c, "kind": "person", "owner_id": OWNERS[i % 3]} for i, c in enumerate(ids)])
    surfaces.bring("orders", rows)
    surfaces.bring("interactions", [
        {"interaction_id": f"i-{c}-{n}", "customer_id": c, "occurred_at": _at(d - n), "channel": "call", "direction": "outbound"}
        for c, d in _days(ids, *SILENCES).items() for n in (0, 7)
    ])  # fmt: skip
    # of each second customer a later case that was closed, however late it was
    surfaces.bring("cases", [
        {"case_id": f"f-{c}", "customer_id": c, "opened_at": _at(-400), "due_at": _at(d, 23), "closed_at": None} for c, d in _days(ids, *DUES).items()
    ] + [
        {"case_id": f"g-{c}", "customer_id": c, "opened_at": _at(-400), "due_at": _at(-300), "closed_at": _at(-200)} for c in ids[::2]
    ])  # fmt: skip
    surfaces.bring("tickets", [
        {"ticket_id": f"t-{c}", "customer_id": c, "opened_at": _at(-50), "kind": "complaint", "status": "open", "resolution_due_at": _at(d), "resolved_at": None}
        for c, d in _days(ids, *COMPLAINTS).items()
    ] + [
        {"ticket_id": f"{kind}-{c}", "customer_id": c, "opened_at": _at(-50), "kind": kind, "status": status, "resolution_due_at": _at(-40), "resolved_at": resolved}
        for c in ids for kind, status, resolved in (("question", "open", None), ("complaint", "resolved", _at(-1)))
    ])  # fmt: skip
    surfaces.bring("contracts", [
        {"contract_id": f"c-{c}", "customer_id": c, "signed_at": _at(-300), "ends_on": TODAY + timedelta(days=d), "amount": 5, "currency": "GBP"}
        for c, d in _days(ids, *ENDS).items()
    ])  # fmt: skip
    # who is worth most here seldom leaves: bands that name some of them
    (surfaces.folder / "models.yaml").write_text("churn: {bands: [0.05, 0.1]}\n", encoding="utf-8")
    surfaces.ask("refresh", "--as-of", str(TODAY))
    return surfaces, ids


def _expected(made: Made, rows: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Whom each reason names of these customers, by the days that were brought."""
    ids = made[1]
    silence, due, complaint, ends = (_days(ids, *d) for d in (SILENCES, DUES, COMPLAINTS, ENDS))
    worths = sorted((float(r["clv_12m"]) for r in rows if r["clv_12m"] is not None), reverse=True)
    least = worths[math.ceil(len(worths) / 10) - 1] if worths else math.inf
    found = {
        "value_leaving": {r["customer_id"] for r in rows if r["churn_band"] == "high" and float(r["clv_12m"] or 0) >= least},
        "silent": {r["customer_id"] for r in rows if r["tier"] == "A" and silence.get(r["customer_id"], -999) < -90},
        "overdue": {r["customer_id"] for r in rows if due.get(r["customer_id"], 9) <= 0 or complaint.get(r["customer_id"], 9) <= 0},
        "contract_ending": {
            r["customer_id"] for r in rows if r["churn_band"] in {"high", "medium"} and 0 <= ends.get(r["customer_id"], -1) <= 60
        },
    }
    return {name: who for name, who in found.items() if who}


def _listed(ws: Workspace, name: str) -> list[dict[str, Any]]:
    page = ws.people(Filters(attention=[name]), Page(columns=("customer_id", "clv_12m"), sort=None, limit=LONGEST_PAGE))
    assert page.total == len(page.rows)
    return [dict(r) for r in page.rows]


@pytest.mark.parametrize("scope", [None, MO], ids=["everybody", "the own ones"])
def test_each_reason_names_those_whom_it_should_and_the_list_holds_exactly_them(made: Made, scope: Scope | None) -> None:
    ws = made[0].python if scope is None else made[0].python.seen_by(scope)
    rows = [r for r in made[0].python.customers(columns=COLUMNS).to_json() if scope is None or r["owner_id"] == "mo"]
    expected = _expected(made, rows)
    # so that the comparison means something
    assert set(expected) == set(ATTENTIONS)
    told = {c.name: c for c in ws.attention()}
    assert list(told) == list(ATTENTIONS)
    for name, who in expected.items():
        assert {r["customer_id"] for r in _listed(ws, name)} == who, name
        assert told[name].customers == len(who)
        known = [float(r["clv_12m"]) for r in rows if r["customer_id"] in who and r["clv_12m"] is not None]
        assert float(told[name].clv_12m or 0) == pytest.approx(sum(known))


def test_the_command_line_lists_the_same_ones(made: Made) -> None:
    surfaces = made[0]
    for name in ATTENTIONS:
        who = {r["customer_id"] for r in _listed(surfaces.python, name)}
        assert {r["customer_id"] for r in surfaces.ask("customers", "--attention", name, "--limit", "10000")} == who
        in_tier = {r["customer_id"] for r in surfaces.ask("customers", "--segment", "A", "--limit", "10000")}
        both = surfaces.ask("customers", "--attention", name, "--segment", "A", "--where", "orders > 1", "--limit", "10000")
        assert {r["customer_id"] for r in both} <= who & in_tier
        assert both


def test_who_sees_nobody_is_told_nothing(made: Made) -> None:
    assert made[0].python.seen_by(NOBODY).attention() == ()


def test_an_unknown_reason_answers_with_the_nearest(made: Made) -> None:
    with pytest.raises(KeepwellError, match="There is no reason for attention named 'overdu'") as told:
        made[0].python.customers(attention="overdu")
    assert "overdue" in (told.value.hint or "")


def test_of_several_reasons_one_is_enough(made: Made) -> None:
    ws = made[0].python
    either = {r["customer_id"] for name in ("silent", "overdue") for r in _listed(ws, name)}
    assert {r["customer_id"] for r in ws.customers(attention=["silent", "overdue"]).to_json()} == either


def test_nothing_is_told_before_the_first_run_nor_of_silence_where_no_contact_is_written_down(tmp_path: Path) -> None:
    shop = Shop(tmp_path, timezone="UTC")
    shop.bring_rows("customers", [{"customer_id": "ann", "kind": "person"}])
    shop.bring_rows("cases", [{"case_id": "f", "customer_id": "ann", "opened_at": "2026-01-01 10:00:00", "due_at": "2026-01-02 10:00:00"}])
    ws = Workspace(shop.workspace, shop.clock)
    assert ws.attention() == ()
    shop.bring_rows("orders", [{"order_id": "o", "customer_id": "ann", "ordered_at": "2026-01-05 10:00:00", "status": "completed", "amount": 9, "currency": "GBP"}])  # fmt: skip
    refresh(shop.workspace, shop.lake, shop.clock, as_of=date(2026, 1, 31))
    (ann,) = ws.people(page=Page(columns=("tier", "case_due_on"))).rows
    assert (ann["tier"], ann["case_due_on"]) == ("A", date(2026, 1, 2))
    assert [(c.name, c.customers) for c in ws.attention()] == [("overdue", 1)]
