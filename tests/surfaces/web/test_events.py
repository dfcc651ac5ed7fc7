"""What may have moved a number stands on its trend: campaigns, changed definitions, imports and undoings."""

import html
import json
import re
from datetime import date, timedelta
from pathlib import Path

from factories.served import Company, with_people
from factories.surfaces import Surfaces
from keepwell.core.clock import SystemClock, today

OWN = """
name: big_orders
title: {en: Big orders, zh: 大额订单数}
meaning: {en: Completed orders of 70 and more., zh: 金额较大的已完成订单。}
formula: {en: number of such orders, zh: 此类订单的数量}
kind: simple
fact: orders
time: ordered_on
where: "status = 'completed' and amount >= 70"
expression: "count(*)"
unit: count
better: up
additivity: additive
when_empty: zero
version: 1
example: {rows: {orders: [{order_id: a, ordered_on: 2026-10-01, status: completed, amount: 100, currency: CNY}]}, period: 2026-10, value: 1, n: 1}
"""


def shop_of_two_definitions(folder: Path) -> tuple[Surfaces, date]:
    """A shop with a campaign this month, orders of which a part was taken back, and a KPI that was redefined."""
    shop = Surfaces.made(folder, timezone="Asia/Shanghai")
    day = today(SystemClock(), "Asia/Shanghai")
    days = [day - timedelta(days=n) for n in (70, 40, 3, 2)]
    shop.bring("campaigns", [{"campaign_id": "k1", "name": "<b>Spring</b>", "started_at": f"{days[2]} 09:00:00"}])
    orders = [
        {
            "order_id": str(n),
            "customer_id": "ann",
            "ordered_at": f"{d} 10:00:00",
            "status": "completed",
            "amount": 65 + n,
            "currency": "CNY",
        }
        for n, d in enumerate(days)
    ]
    shop.bring("orders", orders[:3])
    shop.bring("orders", orders[3:])
    shop.bring(
        "tickets", [{"ticket_id": "t", "customer_id": "ann", "opened_at": f"{days[1]} 10:00:00", "status": "open", "kind": "complaint"}]
    )
    shop.ask("undo", shop.ask("imports")[-2]["import_id"])
    own = shop.folder / "kpis" / "mine.yaml"
    own.parent.mkdir(exist_ok=True)
    own.write_text(OWN, encoding="utf-8")
    shop.ask("refresh")
    own.write_text(OWN.replace("amount >= 70", "amount >= 60").replace("version: 1", "version: 2"), encoding="utf-8")
    shop.ask("refresh")
    return shop, day


def test_events_of_a_kpi_are_those_that_concern_it(tmp_path: Path) -> None:
    shop, day = shop_of_two_definitions(tmp_path)
    month = f"{day - timedelta(days=30)}..{day}"
    found = shop.python.events("big_orders", month)
    # nothing of the tickets, on which it does not rest
    assert sorted((str(e.kind), e.on) for e in found) == sorted(
        [("campaign", day - timedelta(days=3)), ("definition", day), ("import", day), ("import", day), ("undo", day)]
    )
    assert found[0].name == "<b>Spring</b>"
    assert "definition" not in {str(e.kind) for e in shop.python.events("revenue", month)}
    assert shop.python.events("revenue", f"{day - timedelta(days=300)}..{day - timedelta(days=200)}") == []
    company = with_people(shop)
    check_page(company, "analyst", day, is_linked=True)
    check_page(company, "executive", day, is_linked=False)
    with company.program(company.token("analyst")) as program:
        answer = program.get("/api/v1/kpis/big_orders/events", params={"period": month}).json()
    assert [(e["kind"], e["key"]) for e in answer] == [(e.kind, e.key) for e in found]


def check_page(company: Company, who: str, day: date, *, is_linked: bool) -> None:
    with company.browser(who) as browser:
        text = browser.get(f"/kpi/big_orders?period={day:%Y-%m}").text
    assert "What happened (5)" in html.unescape(text)
    assert "<b>Spring</b>" not in text
    assert "&lt;b&gt;Spring&lt;/b&gt;" in text
    assert ('href="/data/runs"' in text.partition('id="events"')[2].partition("</details>")[0]) is is_linked
    found = re.search(r'data-of="trend">(.*?)</script>', text, re.DOTALL)
    assert found
    assert sum(1 for _ in json.loads(html.unescape(found.group(1)))["events"]) in {1, 2}  # of this month, or of two at its beginning
