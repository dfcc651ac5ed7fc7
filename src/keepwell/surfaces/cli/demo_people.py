"""Who can sign in to the demo: four roles, with a password of their own making each time."""

import secrets
from dataclasses import dataclass

from keepwell.access.audit import Actor
from keepwell.access.roles import ROLES
from keepwell.access.users import NewUser, add_user
from keepwell.engine.sql import Steps
from keepwell.store.db import store_of
from keepwell.surfaces.python import Workspace

WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heron",
    "inlet",
    "jade",
    "kelp",
    "lotus",
    "maple",
    "north",
    "ocean",
    "pearl",
)
NUMBERS = 9_000


@dataclass(frozen=True)
class LogIn:
    """What somebody types to come in, and what the person is."""

    role: tuple[str, str]
    email: str
    password: str


def add_people(workspace: Workspace) -> list[LogIn]:
    """An executive, somebody of operations, the account manager with the most customers, and an administrator."""
    password = "-".join([*(secrets.choice(WORDS) for _ in range(3)), str(1_000 + secrets.randbelow(NUMBERS))])
    owner = _busiest_owner(workspace)
    people = (
        ("executive", "Chen An 陈安", None),
        ("operations", "Lin Yue 林悦", None),
        ("account_manager", "Liu Yang 刘洋", owner),
        ("administrator", "Sun Wei 孙伟", None),
    )
    made = []
    with store_of(workspace.place) as store, store.transaction() as session:
        for role, name, employee in people:
            if role == "account_manager" and employee is None:
                continue
            email = f"{role.replace('_', '.')}@example.com"
            new = NewUser(email, name, [role], password, employee_id=employee)
            add_user(session, workspace.clock.now(), Actor(None, "keepwell demo"), new)
            made.append(LogIn(ROLES[role].title, email, password))
    return made


def _busiest_owner(workspace: Workspace) -> str | None:
    lake = workspace.lake
    with lake.engine(lake.folder / ".spill") as engine:
        lake.snapshot().register(engine, "customers")
        query = "select owner_id from customers where owner_id is not null group by 1 order by count(*) desc, 1 limit 1"
        found = engine.arrow(Steps().then("owners", query)).column(0).to_pylist()
    return str(found[0]) if found else None
