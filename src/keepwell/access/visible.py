"""The door to rows: tables that show a person's own customers only, and of these what may be known of them.

What an entity's definition says decides: rows about a customer are seen with the customer; rows about a thing that is about a customer
with that thing; rows that say nothing of customers by all. Whatever is none of these is seen by nobody whose view is restricted.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Protocol
from weakref import WeakKeyDictionary

from keepwell.access.masking import masked_profile
from keepwell.access.scope import Scope, reach_of
from keepwell.engine.protocol import Engine
from keepwell.engine.sql import Steps, names, quoted
from keepwell.lake.entity import Entity, entities
from keepwell.lake.lake import Lake
from keepwell.lake.snapshots import IDENTITY_KEY, Snapshot
from keepwell.lake.table import HISTORY_SUFFIX, KEY_SEPARATOR, PROFILES, TEXTS, table

CUSTOMERS, CUSTOMER = "customers", "customer_id"

# they say nothing of any customer, or of the whole only: what a model found, and how well it holds
ABOUT_NOBODY = frozenset({
    "employees", "channels", "regions", "teams", "products", "campaigns", "programmes", "fx_rates", "calendar", "business_hours",
    "personas", "basket_rules", "topics", "drivers", "calibration_points", "health_checks", "health_definitions", "model_parameters", "model_reports",
})  # fmt: skip
# they are about the company, or about somebody who is not named
OF_THE_COMPANY = frozenset({"mentions", "kpi_values", "explanations", "cohort_values", "topic_quotes", "data_quality"})
# they are about a colleague: seen of those whose customers are seen
ABOUT_COLLEAGUES = {"quotas": ("member_id", "scope = 'employee'")}


class Sight(StrEnum):
    """How it is decided which rows of a table are seen."""

    BY_CUSTOMER = "by customer"
    BY_PARENT = "by parent"
    BY_COLLEAGUE = "by colleague"
    BY_OWNER = "by owner"  # personal columns, by whose they are
    WHOLE = "whole"
    NONE = "none"


class Readable(Protocol):
    """Tables of one moment, as the evaluator takes them."""

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        """Make a table readable by its name, or as ``known_as``."""

    def rows(self, name: str) -> int:
        """How many rows a table has."""


def sight_of(name: str) -> Sight:
    """How rows of that table are seen by somebody whose view is restricted; nobody sees those that no rule tells of."""
    if name in {PROFILES, TEXTS}:
        return Sight.BY_OWNER
    e = entities().get(name.removesuffix(HISTORY_SUFFIX))
    if e is None or name in OF_THE_COMPANY:
        return Sight.NONE
    if e.name in ABOUT_NOBODY:
        return Sight.WHOLE
    if e.name in ABOUT_COLLEAGUES:
        return Sight.BY_COLLEAGUE
    if deciding_columns(e):
        return Sight.BY_CUSTOMER
    return Sight.BY_PARENT if parent_or_none(e) else Sight.NONE


def deciding_columns(e: Entity) -> tuple[str, ...]:
    """The columns that say about which customers a row is: ``customer_id``, else all that name one."""
    naming = tuple(c.name for c in e.stored_columns if c.references == CUSTOMERS)
    if e.name == CUSTOMERS or CUSTOMER in naming:
        return (CUSTOMER,)
    return naming


def parent_or_none(e: Entity) -> tuple[str, str] | None:
    """Column and entity of the thing that rows of ``e`` are part of, where that one is about a customer."""
    for c in e.stored_columns:
        above = entities().get(c.references or "")
        if c.is_key and above is not None and len(above.key) == 1 and sight_of(above.name) is Sight.BY_CUSTOMER:
            return c.name, above.name
    return None


@dataclass(frozen=True)
class Visible:
    """Tables of a moment without the rows that ``scope`` hides and the personal data that it masks.

    Whose rows are seen is decided by the lake as it is now, whatever moment is looked at. ``is_barrier`` is for queries that hold a
    user's SQL: hidden rows are then taken away before it is computed, so that no error and no time it takes tells of them.
    """

    base: Readable
    lake: Lake
    scope: Scope
    identities: int | None = None  # the version that the base reads customer ids through
    is_barrier: bool = False
    _number: int = field(default_factory=count().__next__, repr=False, compare=False)
    _ready: WeakKeyDictionary[Engine, set[str]] = field(default_factory=WeakKeyDictionary, repr=False, compare=False)

    def rows(self, name: str) -> int:
        """Those of the company: whether a thing is told of at all. Of tables of which nothing is seen none."""
        return 0 if not self.scope.is_whole and sight_of(name) is Sight.NONE else self.base.rows(name)

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        """Make a table readable by its name, or as ``known_as``; hidden rows are not there, nor ids of hidden customers in those that are."""
        seen = self._seen(engine, name)
        if seen is None:
            self.base.register(engine, name, known_as)
        else:
            engine.define(known_as or name, Steps().then(name, f"select * from {quoted(seen)}"))

    def _seen(self, engine: Engine, name: str) -> str | None:
        """The name of the table without hidden rows; None where nothing of it is hidden."""
        is_masked = sight_of(name) is Sight.BY_OWNER and not self.scope.sees_personal
        if sight_of(name) is Sight.WHOLE or (self.scope.is_whole and not is_masked):
            return None
        shown, ready = self._name(name), self._ready.setdefault(engine, set())
        if shown not in ready:
            self.base.register(engine, name, f"{shown}__all")
            steps = self._filtered(engine, name, f"{shown}__all")
            (engine.keep if self.is_barrier else engine.define)(shown, steps)
            ready.add(shown)
        return shown

    def _name(self, name: str) -> str:
        # two moments may be read side by side with one engine
        return f"seen_{self._number}__{name}"

    def _filtered(self, engine: Engine, name: str, whole: str) -> Steps:
        sight = sight_of(name)
        if name == PROFILES:
            return self._profiles(engine, whole)
        if name == TEXTS:
            return self._texts(engine, whole)
        if sight is Sight.BY_CUSTOMER:
            return self._by_customer(engine, name, whole)
        if sight is Sight.BY_PARENT:
            return self._by_parent(engine, name, whole)
        if sight is Sight.BY_COLLEAGUE:
            return self._by_colleague(name, whole)
        return Steps().then("nothing", f"select * from {quoted(whole)} where false")

    def _by_customer(self, engine: Engine, name: str, whole: str) -> Steps:
        e = entities()[name.removesuffix(HISTORY_SUFFIX)]
        deciding, seen = deciding_columns(e), self._customers(engine)
        others = [c.name for c in e.stored_columns if c.references == CUSTOMERS and c.name not in deciding]
        joins = [f"join {quoted(seen)} as {quoted('by_' + c)} on {quoted('by_' + c)}.customer_id = t.{quoted(c)}" for c in deciding]
        joins += [f"left join {quoted(seen)} as {quoted('of_' + c)} on {quoted('of_' + c)}.customer_id = t.{quoted(c)}" for c in others]
        columns = [
            f"{quoted('of_' + c)}.customer_id as {quoted(c)}" if c in others else f"t.{quoted(c)}" for c, _ in table(name).all_columns
        ]
        return Steps().then("seen", f"select {', '.join(columns)} from {quoted(whole)} as t\n" + "\n".join(joins))

    def _by_parent(self, engine: Engine, name: str, whole: str) -> Steps:
        found = parent_or_none(entities()[name])
        if found is None:
            raise AssertionError(f"{name} has no parent")
        column, parent = found
        key = quoted(entities()[parent].key[0])
        above = Steps().then("above", f"select distinct {key} from {self._known(engine, parent)}")
        columns = names([c for c, _ in table(name).all_columns], "t")
        return above.then("seen", f"select {columns} from {quoted(whole)} as t join above as a on a.{key} = t.{quoted(column)}")

    def _by_colleague(self, name: str, whole: str) -> Steps:
        column, only = ABOUT_COLLEAGUES[name]
        return Steps().then("seen", f"select * from {quoted(whole)} where {only} and {reach_of(self.lake, self.scope).employs(column)}")

    def _profiles(self, engine: Engine, whole: str) -> Steps:
        columns = [c for c, _ in table(PROFILES).all_columns]
        personal = [c for c, _ in table(PROFILES).columns if c not in table(PROFILES).key]
        shown = [
            f"{masked_profile(c, 't', 'c.kind')} as {quoted(c)}" if c in personal and not self.scope.sees_personal else f"t.{quoted(c)}"
            for c in columns
        ]
        people = [f"select 'employee' as person, employee_id as id, cast(null as VARCHAR) as kind from {self._known(engine, 'employees')}"]
        people += [f"select 'customer', customer_id, kind from {self._known(engine, CUSTOMERS)}"]
        people += [f"select 'contact', contact_id, cast(null as VARCHAR) from {self._known(engine, 'contacts')}"]
        query = f"select {', '.join(shown)} from {quoted(whole)} as t join people as c on c.person = t.person and c.id = t.id"
        return Steps().then("people", "\nunion all\n".join(people)).then("seen", query)

    def _texts(self, engine: Engine, whole: str) -> Steps:
        if not self.scope.sees_personal:
            return Steps().then("nothing", f"select * from {quoted(whole)} where false")
        owners = [e for e in entities().values() if e.personal_columns and not e.person and sight_of(e.name) is not Sight.NONE]
        keys = "\nunion all\n".join(
            f"select '{e.name}' as entity, concat_ws({KEY_SEPARATOR}, {names(e.key)}) as row_key from {self._known(engine, e.name)}"
            for e in owners
        )
        columns = names([c for c, _ in table(TEXTS).all_columns], "t")
        query = f"select {columns} from {quoted(whole)} as t join owners as o on o.entity = t.entity and o.row_key = t.row_key"
        return Steps().then("owners", keys).then("seen", query)

    def _known(self, engine: Engine, name: str) -> str:
        """The table as it is seen, made readable."""
        seen = self._seen(engine, name)
        if seen is None:
            seen = f"{self._name(name)}__whole"
            self.base.register(engine, name, seen)
        return quoted(seen)

    def _customers(self, engine: Engine) -> str:
        """The ids of the customers who are seen, each once, computed once."""
        shown, ready = self._name("who"), self._ready.setdefault(engine, set())
        if shown not in ready:
            now = self.lake.snapshot()
            now.register(engine, CUSTOMERS, f"{shown}__now")
            steps = Steps().then(
                "today", f"select t.customer_id from {quoted(f'{shown}__now')} as t where {reach_of(self.lake, self.scope).condition('t')}"
            )
            engine.keep(shown, self._as_known_then(engine, steps, now))
            ready.add(shown)
        return shown

    def _as_known_then(self, engine: Engine, today: Steps, now: Snapshot) -> Steps:
        """The same customers under the ids that the base reads them by: those of today, unless it reads an older moment.

        One that was merged since is seen as the customer that it is today. One that was taken apart since is seen only by who sees all its parts.
        """
        if self.identities == now.versions.get("identities"):
            return today.then("seen", "select distinct customer_id from today")
        versions = {"identities": self.identities} if self.identities is not None else {}
        engine.register(now.table("identities", f"{self._name('who')}__ids_now"))
        engine.register(self.lake.snapshot(versions).table("identities", f"{self._name('who')}__ids_then"))
        for label in ("now", "then"):
            ids = quoted(f"{self._name('who')}__ids_{label}")
            today = today.then(f"ids_{label}", f"select {IDENTITY_KEY} as stored_id, min(customer_id) as customer_id from {ids} group by 1")
        return (
            today.then(
                "candidates",
                "select customer_id from today\nunion select i.stored_id from ids_now as i join today as t on t.customer_id = i.customer_id",
            )
            .then(
                "apart",
                "select distinct a.customer_id from ids_then as a left join ids_now as b on b.stored_id = a.stored_id\n"
                "left join today as t on t.customer_id = coalesce(b.customer_id, a.stored_id) where t.customer_id is null",
            )
            .then(
                "seen",
                "select c.customer_id from candidates as c left join apart as a on a.customer_id = c.customer_id where a.customer_id is null",
            )
        )


def seen_tables(base: Readable, moment: Snapshot, lake: Lake, scope: Scope, *, is_barrier: bool = False) -> Readable:
    """What ``scope`` shows of the tables; the tables themselves where nothing is hidden. ``moment`` is what they read."""
    if scope.is_whole and scope.sees_personal:
        return base
    return Visible(base, lake, scope, moment.versions.get("identities"), is_barrier)
