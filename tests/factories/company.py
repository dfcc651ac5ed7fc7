"""A company with people in it: who answers for whom, which customers are whose, and something of every kind told of each customer.

All that is told of the customers of ``HIDDEN`` holds the mark HID, so that it is known wherever it is seen. Lee sees the customers of ONE,
by team; Mo sees the own ones; the boss is above all, and Zoe works elsewhere.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from factories.shop import Shop
from keepwell.surfaces.python import Workspace

MARK = "HID"
# employee -> (manager, region)
EMPLOYEES = {
    "boss": (None, "world"),
    "lee": ("boss", "east"),
    "ann": ("lee", "east"),
    "mo": ("ann", "west"),
    "zoe-HID": ("boss", "europe-HID"),
}
REGIONS = {"world": None, "china": "world", "east": "china", "shanghai": "east", "west": "china", "europe-HID": "world"}
# customer -> (owner, region, the company above)
CUSTOMERS: dict[str, tuple[str | None, str | None, str | None]] = {
    "c-lee": ("lee", "west", None),
    "c-ann": ("ann", "west", "c-HID-europe"),
    "c-mo": ("mo", "west", "c-lee"),
    "c-shanghai": (None, "shanghai", None),
    "c-HID-europe": ("zoe-HID", "europe-HID", None),
    "c-HID-boss": ("boss", "west", "c-lee"),
    "c-HID-nobody": (None, None, None),
    "c-HID-china": (None, "china", None),
}
SEEN_BY_LEE = {"c-lee", "c-ann", "c-mo", "c-shanghai"}
SEEN_BY_MO = {"c-mo"}
NAMES = {"c-lee": "Linden & Crane", "c-ann": "张伟", "c-mo": "Mona Moor", "c-shanghai": "欧阳 小明"}


def company(folder: Path, only: Iterable[str] | None = None, **settings: Any) -> Shop:
    """A workspace of that company; with ``only`` what it would be if these were its customers, and nothing else were known."""
    shop = Shop(folder, timezone="Asia/Shanghai", **settings)
    known = set(CUSTOMERS if only is None else only)
    for entity, rows in (_places() | _people(known) | _facts(known, is_all=only is None)).items():
        if rows:
            shop.bring_rows(entity, rows)
    return shop


def opened(shop: Shop) -> Workspace:
    """The workspace in Python, on the shop's clock."""
    return Workspace(shop.workspace, shop.clock)


def _places() -> dict[str, list[dict[str, Any]]]:
    return {
        "regions": [{"region": r, "name": r.title(), "parent": above} for r, above in REGIONS.items()],
        "employees": [
            {"employee_id": e, "name": e.title(), "email": f"{e}@us.example", "manager_id": m, "region": r}
            for e, (m, r) in EMPLOYEES.items()
        ],
        "products": [{"product_id": "p1", "name": "Lamp", "category": "light", "currency": "GBP"}],
        "channels": [{"channel": "shop", "is_paid": False}],
    }


def _people(known: set[str]) -> dict[str, list[dict[str, Any]]]:
    return {
        "customers": [
            {
                "customer_id": c, "kind": "company" if c == "c-lee" or above else "person", "name": NAMES.get(c, f"{c} name"),
                "email": f"{c}@example.com", "phone": f"+86 138 0013 8{i:03d}", "address": f"{c} street", "birth_date": "1990-05-17",
                "gender": "f", "owner_id": owner, "region": region, "city": f"city of {c}",
                "parent_id": above if above in known else None, "referred_by": "c-HID-europe" if c == "c-mo" and "c-HID-europe" in known else None,
                "created_at": "2025-12-01 09:00:00",
            }
            for i, (c, (owner, region, above)) in enumerate(CUSTOMERS.items())
            if c in known
        ],
        "contacts": [
            {"contact_id": f"k-{c}", "customer_id": c, "name": f"Kim of {c}", "email": f"kim@{c}.example", "phone": "0211234567", "decision_role": "decides"}
            for c in CUSTOMERS if c in known
        ],
    }  # fmt: skip


def _facts(known: set[str], *, is_all: bool) -> dict[str, list[dict[str, Any]]]:
    """Of each customer as many orders as the place in the list says; of nobody, where all is told, a few more."""
    told: dict[str, list[dict[str, Any]]] = {}

    def add(entity: str, **row: Any) -> None:
        told.setdefault(entity, []).append(row)

    for place, c in enumerate(CUSTOMERS, start=1):
        if c in known:
            _tell(add, c, place)
    if is_all:
        add("orders", order_id="o-HID", ordered_at="2026-03-02 10:00:00", status="completed", amount=9999, margin=99, currency="GBP")
        add("costs", cost_id="x-HID", incurred_on="2026-03-02", purpose="service", kind="people", amount=777, currency="GBP")
        add("mentions", mention_id="m-HID", site="web", at="2026-03-02 10:00:00", rating=1, scale_max=5, text="HID mention")
        add(
            "quotas",
            scope="employee",
            member_id="zoe-HID",
            kpi="revenue",
            period_start="2026-03-01",
            period_end="2026-03-31",
            amount=5,
            currency="GBP",
        )
        add("referrals", referrer_id="c-lee", referred_id="c-HID-boss", referred_at="2026-03-02 10:00:00")
    return told


def _tell(add: Any, c: str, place: int) -> None:
    for n in range(place):
        day, month = 1 + (3 * place + 7 * n) % 27, 1 + n % 5
        at = f"2026-{month:02d}-{day:02d} 10:00:00"
        order = f"o-{c}-{n}"
        status = "refund" if n == 4 else "completed"
        amount = -5 if n == 4 else 100 + 10 * place + n
        add(
            "orders",
            order_id=order,
            customer_id=c,
            ordered_at=at,
            status=status,
            amount=amount,
            margin=amount / 2,
            currency="GBP",
            channel="shop",
            store=f"store of {c}",
        )
        add("order_lines", order_id=order, line_no=1, product_id="p1", quantity=1, unit_price=amount, amount=amount)
        add(
            "tickets",
            ticket_id=f"t-{c}-{n}",
            customer_id=c,
            order_id=order,
            opened_at=at,
            kind="complaint" if n % 2 else "question",
            first_response_at=f"2026-{month:02d}-{day:02d} 11:00:00",
            subject=f"about {c}",
            status="open",
        )
        add("ticket_events", ticket_id=f"t-{c}-{n}", at=at, kind="opened", employee_id="ann")
        add(
            "responses",
            response_id=f"r-{c}-{n}",
            question_id="q1",
            survey_id="s",
            metric="nps",
            scale_min=0,
            scale_max=10,
            higher_is_better=True,
            score=(place + n) % 11,
            comment=f"comment of {c}",
            language="en",
            customer_id=c,
            answered_at=at,
        )
        add(
            "interactions",
            interaction_id=f"i-{c}-{n}",
            customer_id=c,
            contact_id=f"k-{c}",
            occurred_at=at,
            channel="call",
            direction="outbound",
            employee_id="lee",
            subject=f"call with {c}",
            body=f"said {c}",
        )
    at = "2026-03-05 10:00:00"
    add(
        "consents",
        consent_id=f"s-{c}",
        customer_id=c,
        purpose="marketing",
        channel="email",
        status="granted",
        at=at,
        evidence=f"form of {c}",
    )
    add(
        "opportunities",
        opportunity_id=f"w-{c}",
        customer_id=c,
        owner_id="ann",
        stage="offer",
        amount=100 * place,
        currency="GBP",
        created_at=at,
    )
    add("stage_changes", opportunity_id=f"w-{c}", at=at, to_stage="offer")
    add("costs", cost_id=f"x-{c}", incurred_on="2026-03-05", purpose="service", kind="people", amount=place, currency="GBP", customer_id=c)
    add("cases", case_id=f"a-{c}", customer_id=c, opened_at=at, due_at="2026-03-07 10:00:00", owner_id="ann")
    add(
        "contracts",
        contract_id=f"f-{c}",
        customer_id=c,
        signed_at=at,
        starts_on="2026-03-05",
        ends_on="2026-07-05",
        amount=1000,
        currency="GBP",
        owner_id="lee",
    )
