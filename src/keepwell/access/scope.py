"""Whose customers a person sees: what a role and a place in the company come to, told as owners and regions."""

import functools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keepwell.access.roles import Capability, Rows
from keepwell.core.errors import WrongUseError
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.engine.sql import Steps, literal
from keepwell.lake import head
from keepwell.lake.lake import Lake
from keepwell.lake.snapshots import Snapshot

if TYPE_CHECKING:
    # it knows the store, which takes a second to load and which no command needs for its readings
    from keepwell.access.users import User

MOST_REMEMBERED = 8  # moments of lakes


@dataclass(frozen=True)
class Scope:
    """Whose customers somebody sees, and whether personal data unmasked. Without an employee nobody's are the own."""

    rows: Rows
    employee_id: str | None = None
    sees_personal: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether no row is hidden."""
        return self.rows is Rows.ALL

    def check_whole(self) -> None:
        """Raises for who sees a part of the customers: what is everybody's is changed by those who see what it is about."""
        if not self.is_whole:
            raise WrongUseError("You see a part of the customers, and this is everybody's.", "Ask somebody who sees all of them.")

    @property
    def key(self) -> str:
        """The same for all who see the same: for caches."""
        personal = "personal" if self.sees_personal else "masked"
        return f"{self.rows}:{personal}" if self.is_whole else f"{self.rows}:{personal}:{self.employee_id or ''}"


EVERYTHING = Scope(Rows.ALL, sees_personal=True)  # commands on the machine: who reads the folder reads it all
NOBODY = Scope(Rows.OWN)


def scope_of(user: "User") -> Scope:
    """What the user's roles and rows come to; who may not see customers, or is disabled, sees none."""
    if not user.may(Capability.SEE_CUSTOMERS):
        return NOBODY
    return Scope(user.rows, None if user.rows is Rows.ALL else user.employee_id, user.may(Capability.SEE_PERSONAL))


@dataclass(frozen=True)
class Reach:
    """A restricted scope told as values: the owners whose customers are seen, and the regions."""

    owners: frozenset[str]
    regions: frozenset[str]

    def condition(self, table: str) -> str:
        """SQL over a row of ``customers``: whether it is seen."""
        either = [f"{table}.{c} in ({_listed(v)})" for c, v in (("owner_id", self.owners), ("region", self.regions)) if v]
        return f"({' or '.join(either)})" if either else "false"

    def employs(self, column: str) -> str:
        """SQL over a row about a colleague: whether it is the person, or somebody below."""
        return f"{column} in ({_listed(self.owners)})" if self.owners else "false"


def reach_of(lake: Lake, scope: Scope) -> Reach:
    """Who is below whom and which region in which, as of the lake's present head; looked up once for both.

    ``team`` are the own customers, those of everybody below at any depth, and of somebody who manages others those of the own region and
    the regions in it. Cycles do no harm. A scope that sees all has no reach: nothing is to be compared.
    """
    me = scope.employee_id
    if me is None or scope.is_whole:
        return Reach(frozenset(), frozenset())
    if scope.rows is Rows.OWN:
        return Reach(frozenset({me}), frozenset())
    tree = _tree_of(lake)
    is_manager = any(manager == me and employee != me for employee, manager in tree.managers)
    own = [tree.works_in[me]] if is_manager and me in tree.works_in else []
    return Reach(_with_all_below([me], tree.managers), _with_all_below(own, tree.regions))


def with_regions_below(lake: Lake, regions: Iterable[str]) -> frozenset[str]:
    """The regions and all that lie in them."""
    return _with_all_below(regions, _tree_of(lake).regions)


@dataclass(frozen=True)
class _Tree:
    """Employee and manager, region and the one above; of employees where they work."""

    managers: tuple[tuple[str, str | None], ...]
    regions: tuple[tuple[str, str | None], ...]
    works_in: dict[str, str]


def _tree_of(lake: Lake) -> _Tree:
    now = head.read(lake.folder)
    return _tree(lake.folder, now.change, tuple(sorted(now.tables.items())))


@functools.lru_cache(maxsize=MOST_REMEMBERED)
def _tree(folder: Path, _change: str | None, versions: tuple[tuple[str, int], ...]) -> _Tree:
    with DuckDBEngine(Resources(folder / ".spill", threads=1)) as engine:
        snapshot = Snapshot(folder, dict(versions))
        snapshot.register(engine, "employees")
        snapshot.register(engine, "regions")
        employees = engine.arrow(Steps().then("employees", "select employee_id, manager_id, region from employees")).to_pylist()
        regions = engine.arrow(Steps().then("regions", "select region, parent from regions")).to_pylist()
    return _Tree(
        tuple((e["employee_id"], e["manager_id"]) for e in employees),
        tuple((r["region"], r["parent"]) for r in regions),
        {e["employee_id"]: e["region"] for e in employees if e["region"] is not None},
    )


def _with_all_below(tops: Iterable[str], pairs: Iterable[tuple[str, str | None]]) -> frozenset[str]:
    """The tops and whatever lies below them; ``pairs`` are (thing, the one above)."""
    children: dict[str, list[str]] = defaultdict(list)
    for child, above in pairs:
        if above is not None:
            children[above].append(child)
    found = set(tops)
    waiting = list(found)
    while waiting:
        for child in children[waiting.pop()]:
            if child not in found:
                found.add(child)
                waiting.append(child)
    return frozenset(found)


def _listed(values: Iterable[str]) -> str:
    return ", ".join(literal(v) for v in sorted(values))
