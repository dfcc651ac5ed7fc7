"""What is seen of each table, number, list and card by somebody who does not see all customers: nothing of the others, in any way."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from factories.company import MARK, SEEN_BY_LEE, SEEN_BY_MO, company, opened
from factories.shop import Shop
from keepwell.access.roles import Rows
from keepwell.access.scope import NOBODY, Scope
from keepwell.access.visible import ABOUT_COLLEAGUES, ABOUT_NOBODY, OF_THE_COMPANY, Sight, deciding_columns, seen_tables, sight_of
from keepwell.lake.entity import entities
from keepwell.lake.table import tables
from keepwell.metrics.reading import Readings
from keepwell.surfaces.answers import Behind, Explained
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.worker.refresh import refresh

LEE = Scope(Rows.TEAM, "lee", sees_personal=True)
MO = Scope(Rows.OWN, "mo", sees_personal=True)
MASKED = Scope(Rows.ALL)
KPIS = (
    "revenue", "orders", "customers", "active_customers", "average_order_value", "repeat_purchase_rate", "nps", "complaint_rate_customers",
    "first_response_time", "customer_contribution", "cost_to_serve", "pipeline_value", "decision_chain_coverage", "interactions_per_customer",
    "quota_amount",
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = company(tmp_path_factory.mktemp("company"))
    refresh(made.workspace, made.lake, made.clock)
    return made


@pytest.fixture(scope="module")
def ws(shop: Shop) -> Workspace:
    return opened(shop)


def rows_of(shop: Shop, scope: Scope, name: str) -> list[dict[str, Any]]:
    snapshot = shop.lake.snapshot()
    with shop.lake.engine() as engine:
        seen_tables(snapshot, snapshot, shop.lake, scope).register(engine, name)
        columns = [c for c, _ in engine.columns(f'select * from "{name}"')]
        return [dict(zip(columns, r, strict=True)) for r in engine.rows(f'select * from "{name}" order by all')]


def test_every_table_has_a_rule_of_its_own() -> None:
    """A new entity about which nothing is said here is seen by nobody, and stops this test until it is decided."""
    for name, e in entities().items():
        told = [
            name in ABOUT_NOBODY,
            name in OF_THE_COMPANY,
            name in ABOUT_COLLEAGUES,
            bool(deciding_columns(e)),
            sight_of(name) is Sight.BY_PARENT,
        ]
        assert sum(told) == 1, f"{name}: say in access/visible.py how its rows are seen"
    known = set(entities())
    assert known >= ABOUT_NOBODY | OF_THE_COMPANY | set(ABOUT_COLLEAGUES)
    # nothing that names a customer is for all
    assert not [n for n in ABOUT_NOBODY if any(c.references == "customers" for c in entities()[n].columns)]
    assert sight_of("no such table") is Sight.NONE


def test_a_row_is_seen_with_its_customer_and_nothing_else(shop: Shop) -> None:
    assert {r["customer_id"] for r in rows_of(shop, LEE, "customers")} == SEEN_BY_LEE
    for name in tables():
        if sight_of(name) is Sight.WHOLE:
            continue
        # colleagues are known to all
        seen, by_nobody = ([r for r in rows_of(shop, s, name) if r.get("person") != "employee"] for s in (LEE, NOBODY))
        assert MARK not in str(seen), name
        assert by_nobody == [], name
    # 2 of c-ann, 3 of c-mo, 1 of c-lee, 4 of c-shanghai
    assert len(rows_of(shop, LEE, "orders")) == len(rows_of(shop, LEE, "ticket_events")) == 10
    assert len(rows_of(shop, LEE, "stage_changes")) == 4
    assert {r["store"] for r in rows_of(shop, MO, "orders")} == {"store of c-mo"}


def test_ids_of_hidden_customers_are_taken_out_of_rows_that_are_seen(shop: Shop) -> None:
    seen = {r["customer_id"]: r for r in rows_of(shop, LEE, "customers")}
    assert seen["c-ann"]["parent_id"] is None
    assert seen["c-mo"]["referred_by"] is None
    assert seen["c-mo"]["parent_id"] == "c-lee"
    assert rows_of(shop, LEE, "referrals") == []


def test_personal_columns_are_those_of_visible_people_and_masked_for_who_may_not_see_them(shop: Shop) -> None:
    people = {(r["person"], r["id"]): r for r in rows_of(shop, LEE, "profiles")}
    assert {i for p, i in people if p == "customer"} == SEEN_BY_LEE
    assert people["customer", "c-mo"]["name"] == "Mona Moor"
    masked = {r["id"]: r for r in rows_of(shop, MASKED, "profiles")}
    # a company, since it belongs to one
    assert masked["c-ann"]["name"] == "张伟"
    assert masked["c-shanghai"]["name"] == "欧**"
    assert masked["c-lee"]["name"] == "Linden & Crane"
    assert masked["c-shanghai"]["email"] == "c***@e***"
    assert masked["c-shanghai"]["phone"] == "***8003"
    assert masked["c-shanghai"]["birth_date"] == "****-05-17"
    assert masked["c-shanghai"]["address"] is None
    assert masked["c-shanghai"]["gender"] is None
    assert masked["lee"]["name"] == "Lee"
    assert masked["k-c-lee"]["name"] == "K***"
    assert rows_of(shop, MASKED, "texts") == []
    assert {r["comment"] for r in rows_of(shop, MO, "texts") if r["comment"]} == {"comment of c-mo"}


@pytest.mark.parametrize(("scope", "seen"), [(LEE, SEEN_BY_LEE), (MO, SEEN_BY_MO)], ids=["team", "own"])
def test_a_number_is_what_it_would_be_if_there_were_no_other_customers(ws: Workspace, tmp_path: Path, scope: Scope, seen: set[str]) -> None:
    alone = opened(company(tmp_path, seen))
    mine = ws.seen_by(scope)
    questions: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (KPIS, {"period": "2026-01..2026-05", "grain": "month"}),
        (("revenue", "customers", "nps"), {"period": "2026", "by": "owner_id"}),
        (("revenue", "average_order_value"), {"period": "2026", "where": "region = 'china'"}),
    ]
    for names, question in questions:
        readings = mine.kpi(*names, **question)
        assert readings
        assert told(readings) == told(alone.kpi(*names, **question)), question
    explained = [w.explain("revenue", period="2026-03", versus="2026-02") for w in (mine, alone)]
    assert told(explained[0]) == told(explained[1])
    assert told(mine.rows("revenue", period="2026")) == told(alone.rows("revenue", period="2026"))


def told(found: Readings | Explained | list[Behind]) -> Any:
    """What an answer says, without who imported it and when."""
    if isinstance(found, list):
        return [(b.part, b.total, [_without_import(r) for r in b.rows]) for b in found]
    return found.to_json() if isinstance(found, Explained) else [_without_import(asdict(r)) for r in found]


def _without_import(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in {"batch_id", "updated_at", "run_id"}}
