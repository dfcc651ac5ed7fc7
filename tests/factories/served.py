"""A small company with people of every role: a workspace computed once, served, and asked as each of them."""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from factories.surfaces import Surfaces
from keepwell.access.audit import Actor
from keepwell.access.roles import ROLES, Rows
from keepwell.access.tokens import SCOPES, create_token
from keepwell.access.users import NewUser, add_user, user_of
from keepwell.core.clock import SystemClock
from keepwell.core.workspace import open_workspace
from keepwell.demo.business import generate
from keepwell.store.db import store_of
from keepwell.surfaces.web.app import create_app

PASSWORD = "correct horse battery"
OUTSIDER = "nobody"
AS_OF = date(2026, 6, 30)
CUSTOMERS = 60
DEMO_DAYS = ("2026-09-30", "2026-10-31")  # the last is the last of its data
REGIONS = {"CN": None, "CN-EAST": "CN", "CN-SHANGHAI": "CN-EAST", "EU": None}
# Bo reports to Cai, Cai to Dan
EMPLOYEES = (
    ("E1", "Bo Own", "E2", "CN-SHANGHAI"),
    ("E2", "Cai Team", "E3", "CN-EAST"),
    ("E3", "Dan Head", None, "CN"),
    ("E4", "Eli Else", "E3", "EU"),
)
NASTY = "<script>alert(1)</script>"
FORMULA = "=cmd()|'/C calc'!A0"


@dataclass(frozen=True)
class Company:
    """The served workspace: each role as a user of the same name, and two account managers who see less."""

    surfaces: Surfaces
    app: FastAPI

    @property
    def people(self) -> list[str]:
        return [*ROLES, "own", "team"]

    @contextmanager
    def browser(self, who: str = OUTSIDER) -> Iterator["Browser"]:
        """A browser, signed in as that person; an outsider is nobody."""
        with TestClient(self.app, base_url="http://localhost", follow_redirects=False, raise_server_exceptions=False) as client:
            found = Browser(client)
            if who != OUTSIDER:
                found.sign_in(who)
            yield found

    def cancel_jobs(self) -> None:
        """Whatever other tests left waiting; nobody is at work here."""
        jobs = self.app.state.site.jobs
        for job in jobs.jobs(limit=500):
            jobs.cancel(job.job_id)

    def token(self, who: str, *scopes: str) -> str:
        """A token of that person with those scopes, by default with all that the person may use."""
        place, at = open_workspace(self.surfaces.folder), SystemClock().now()
        with store_of(place) as store, store.transaction() as session:
            user = user_of(session, f"{who}@example.com")
            wanted = scopes or tuple(s for s, needed in SCOPES.items() if user.may(needed))
            return create_token(session, at, Actor(None, "test"), user.user_id, "test", wanted)[0]

    @contextmanager
    def program(self, token: str | None) -> Iterator[TestClient]:
        """A program that calls the API with that token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with TestClient(self.app, base_url="http://localhost", headers=headers, raise_server_exceptions=False) as client:
            yield client


@dataclass
class Browser:
    """What a person's browser does: opens pages, sends forms with what the page put into them."""

    client: TestClient

    def sign_in(self, who: str) -> None:
        answer = self.post("/sign-in", email=f"{who}@example.com", password=PASSWORD, form_token=self.token("/sign-in"))
        assert answer.status_code == 303, answer.text

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={n.replace("_", "-"): v for n, v in headers.items()})

    def post(self, path: str, **form: str) -> Any:
        return self.client.post(path, data=form)

    def token(self, path: str = "/account") -> str:
        found = re.search(r'name="form_token" value="(\w+)"', self.get(path).text)
        assert found, path
        return found.group(1)


def company(folder: Path) -> Company:
    """Made by public ways: imports, a refresh, users."""
    surfaces = Surfaces.made(folder, timezone="Asia/Shanghai")
    for entity, rows in _rows().items():
        surfaces.bring(entity, rows)
    surfaces.ask("refresh", "--as-of", AS_OF.isoformat())
    return with_people(surfaces)


def served_empty(folder: Path) -> Company:
    """A workspace in which nothing is yet, with the same people."""
    return with_people(Surfaces.made(folder))


def demo_company(folder: Path, customers: int = 600) -> Company:
    """The demo business as of its last two months, so that every page has something to show; its busiest owner is an account manager."""
    surfaces = Surfaces.made(folder, timezone="Asia/Shanghai", webhook_hosts="127.0.0.1")
    for delivery in generate(folder / "business", customers=customers).imports:
        # rows that are dirty on purpose are rejected, as they should be
        told = ("--mapping", str(delivery.mapping)) if delivery.mapping else ("--as", str(delivery.entity))
        surfaces.ask("import", *(str(f) for f in delivery.files), *told, "--source", delivery.source)
    for day in DEMO_DAYS:
        surfaces.ask("refresh", "--as-of", day)
    owners = Counter(c["owner_id"] for c in surfaces.python.customers(columns=["customer_id", "owner_id"]).to_json() if c["owner_id"])
    busiest = owners.most_common(1)[0][0]
    with store_of(open_workspace(surfaces.folder)) as store, store.transaction() as session:
        # an account manager has no token; this one sees as little and has
        new = NewUser("part@example.com", "Part", ["operations"], PASSWORD, Rows.OWN, busiest)
        add_user(session, datetime(2026, 6, 1, tzinfo=UTC), Actor(None, "test"), new)
    return with_people(surfaces, own=busiest)


def with_people(surfaces: Surfaces, own: str = "E1", team: str = "E2") -> Company:
    """The workspace served, with a person of each role."""
    place = open_workspace(surfaces.folder)
    with store_of(place) as store, store.transaction() as session:
        at, actor = datetime(2026, 6, 1, tzinfo=UTC), Actor(None, "test")
        for role in ROLES:
            add_user(session, at, actor, NewUser(f"{role}@example.com", role.title(), [role], PASSWORD, Rows.ALL))
        add_user(session, at, actor, NewUser("own@example.com", "Bo Own", ["account_manager"], PASSWORD, Rows.OWN, own))
        add_user(session, at, actor, NewUser("team@example.com", "Cai Team", ["account_manager"], PASSWORD, Rows.TEAM, team))
    return Company(surfaces, create_app(place, SystemClock()))


def _rows() -> dict[str, list[dict[str, Any]]]:
    pick = random.Random(5)  # seeded examples
    customers = [_customer(i, pick) for i in range(CUSTOMERS)]
    orders = [o for c in customers for o in _orders(str(c["customer_id"]), pick)]
    return {
        "regions": [{"region": r, "name": r, "parent": p} for r, p in REGIONS.items()],
        "employees": [{"employee_id": i, "name": n, "team": "sales", "manager_id": m, "region": r} for i, n, m, r in EMPLOYEES],
        "customers": customers,
        "orders": orders,
        "tickets": _tickets(customers, pick),
        "responses": _responses(customers, pick),
    }


def _customer(i: int, pick: random.Random) -> dict[str, Any]:
    names = {0: NASTY, 1: FORMULA, 2: "张伟", 3: "欧阳娜娜"}
    owner, region = pick.choice([("E1", "CN-SHANGHAI"), ("E2", "CN-EAST"), ("E4", "EU"), ("E3", "CN")])
    return {
        "customer_id": f"C{i:03}", "kind": "company" if i % 5 == 4 else "person", "name": names.get(i, f"Customer {i}"), "email": f"c{i}@example.org",
        "phone": f"+86 138 0000 {i:04}", "region": region, "country": region[:2], "owner_id": owner, "created_at": "2025-01-05 10:00:00",
    }  # fmt: skip


def _orders(customer: str, pick: random.Random) -> list[dict[str, Any]]:
    start = date(2025, 1, 10)
    made: list[dict[str, Any]] = []
    while (start := start + timedelta(days=pick.randint(10, 90))) < AS_OF:
        amount = round(pick.uniform(50, 900), 2)
        made.append(
            {
                "order_id": f"{customer}-{len(made)}",
                "customer_id": customer,
                "ordered_at": f"{start} 12:00:00",
                "status": "completed",
                "amount": amount,
                "currency": "CNY",
                "channel": pick.choice(["web", "store"]),
            }
        )
    return made


def _tickets(customers: Sequence[dict[str, Any]], pick: random.Random) -> list[dict[str, Any]]:
    made = []
    for i in range(150):
        opened = datetime(2025, 7, 1, 9) + timedelta(hours=pick.randint(0, 8_700))
        answered = opened + timedelta(minutes=pick.randint(5, 600))
        made.append(
            {
                "ticket_id": f"T{i}",
                "customer_id": pick.choice(customers)["customer_id"],
                "opened_at": str(opened),
                "first_response_at": str(answered),
                "resolved_at": str(answered + timedelta(hours=5)),
                "kind": pick.choice(["complaint", "question"]),
                "status": "closed",
                "subject": NASTY if i == 0 else "Late",
            }
        )
    return made


def _responses(customers: Sequence[dict[str, Any]], pick: random.Random) -> list[dict[str, Any]]:
    made = []
    for i in range(300):
        at = datetime(2025, 7, 1, 9) + timedelta(hours=pick.randint(0, 8_700))
        made.append(
            {
                "response_id": f"R{i}",
                "question_id": "q",
                "survey_id": "S",
                "metric": "nps",
                "scale_min": 0,
                "scale_max": 10,
                "higher_is_better": "true",
                "score": pick.randint(0, 10),
                "answered_at": str(at),
                "customer_id": pick.choice(customers)["customer_id"],
                "comment": NASTY if i == 0 else "",
            }
        )
    return made
