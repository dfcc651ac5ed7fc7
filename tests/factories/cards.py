"""A shop of two customers with a card of two items, whose points are known by hand, and people who see all of it or a part."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from factories.served import PASSWORD, Company, with_people
from factories.surfaces import Surfaces
from keepwell.access.audit import Actor
from keepwell.access.roles import Rows
from keepwell.access.users import NewUser, add_user
from keepwell.core.clock import SystemClock
from keepwell.core.workspace import open_workspace
from keepwell.store.db import store_of
from keepwell.surfaces.web.app import create_app

# In 2026-10 revenue is 150, which is half of the way from 100 to 200: 50 points. Two orders after two: 100 points. Total 75, good.
# Of Ann's alone, whose owner is E1: 120 earn 20 points, one order after one 100. Total 60, fair.
PAIR = """\
name: pair
title: {en: Pair, zh: 两项}
meaning: {en: Two items., zh: 两个项目。}
version: 1
perspectives:
  - name: money
    title: {en: Money, zh: 财务}
    weight: 100
    items:
      - {kpi: revenue, weight: 50, curve: {floor: 100, target: 200, most: 120}}
      - {kpi: orders, weight: 50, curve: {versus: previous, points: [[0.5, 0], [1, 100]]}}
"""
# with an item that is judged, 8 of 10 marks are 80 points
JUDGED = """\
name: judged
title: {en: Judged, zh: 评分}
meaning: {en: One item., zh: 一个项目。}
version: 1
perspectives:
  - name: people
    title: {en: People, zh: 客户}
    weight: 100
    items:
      - {manual: familiarity, title: {en: Familiarity, zh: 熟悉度}, weight: 100, most: 10, guidance: {en: "0: none. 10: close.", zh: 0 分：互不熟悉。}}
"""
AMOUNTS = {("ann", "2026-09"): 40, ("bob", "2026-09"): 60, ("ann", "2026-10"): 120, ("bob", "2026-10"): 30}


def shop(folder: Path) -> Company:
    """The workspace, computed as of the end of October 2026 and served."""
    made = Surfaces.made(folder, timezone="Asia/Shanghai")
    made.bring("employees", [{"employee_id": i, "name": n, "team": "sales"} for i, n in (("E1", "Bo"), ("E2", "Cai"))])
    made.bring("customers", [{"customer_id": c, "kind": "person", "name": c, "owner_id": o, "created_at": "2026-01-05 10:00:00"} for c, o in (("ann", "E1"), ("bob", "E2"))])  # fmt: skip
    orders = [
        {"order_id": f"{c}-{m}", "customer_id": c, "ordered_at": f"{m}-10 10:00:00", "status": "completed", "amount": a, "currency": "CNY"}
        for (c, m), a in AMOUNTS.items()
    ]
    made.bring("orders", orders)
    for name, text in (("pair", PAIR), ("judged", JUDGED)):
        write(made, name, text)
    made.ask("refresh", "--as-of", "2026-10-31")
    with store_of(open_workspace(made.folder)) as store, store.transaction() as session:
        new = NewUser("part@example.com", "Part", ["operations"], PASSWORD, Rows.OWN, "E1")
        add_user(session, datetime(2026, 6, 1, tzinfo=UTC), Actor(None, "test"), new)
    return with_people(made)


def copied(company: Company, folder: Path) -> Company:
    """The same workspace at another place, to be changed."""
    shutil.copytree(company.surfaces.folder, folder / "workspace")
    surfaces = Surfaces(folder / "workspace")
    return Company(surfaces, create_app(open_workspace(surfaces.folder), SystemClock()))


def write(surfaces: Surfaces, name: str, text: str) -> Path:
    """A card's own file as people write it."""
    path = surfaces.folder / "scorecards" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
