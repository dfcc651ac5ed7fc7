"""Who belongs to a customer: the companies above and below, the people who decide there, and what was allowed to us."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from keepwell.customers.book import personal_shown
from keepwell.customers.one import Reader
from keepwell.customers.profiles import profiles
from keepwell.engine.sql import literal

MOST_LEVELS = 20
REACHED_DAYS = 90  # as the KPI of decision chains counts
DECIDER, INFLUENCER = "decides", "influences"


@dataclass(frozen=True)
class Relative:
    """A company of the same tree; ``depth`` counts from the customer: -1 is the one above, 1 one directly below."""

    customer_id: str
    depth: int
    parent_id: str | None
    name: str | None
    clv: Decimal | None
    net_amount_12m: Decimal | None
    tier: str | None
    owner_id: str | None
    owner_name: str | None


@dataclass(frozen=True)
class Contact:
    """Somebody who speaks for the company."""

    contact_id: str
    name: str | None
    email: str | None
    phone: str | None
    title: str | None
    decision_role: str | None
    is_active: bool
    last_contact_on: date | None


@dataclass(frozen=True)
class Coverage:
    """Whether the chain of a decision was reached within ``days``: its decider and at least one who influences."""

    days: int
    is_decider_reached: bool
    is_influencer_reached: bool
    missing_roles: tuple[str, ...]  # nobody is known in them

    @property
    def is_covered(self) -> bool:
        return self.is_decider_reached and self.is_influencer_reached


@dataclass(frozen=True)
class Consent:
    """What holds today for a purpose and a channel (None: all of them)."""

    purpose: str
    channel: str | None
    status: str  # granted, denied, withdrawn, or expired
    since: date
    expires_on: date | None


def company_tree(reader: Reader) -> list[Relative]:
    """The companies above, the topmost first, then the customer, then those below by depth and id.

    The tree ends where the scope does: what lies beyond a company that it hides is not told either.
    """
    with reader.book.people(reader.scope, is_barrier=True) as (cursor, people):
        columns = "customer_id, parent_id, kind, clv, net_amount_12m, tier, owner_id"

        def read(condition: str) -> list[dict[str, Any]]:
            names = columns.split(", ")
            found = cursor.rows(f"select {columns} from {people} where {condition} order by customer_id")
            return [dict(zip(names, r, strict=True)) for r in found]

        (own,) = read(f"customer_id = {literal(reader.customer_id)}")
        known: dict[str, tuple[int, dict[str, Any]]] = {own["customer_id"]: (0, own)}
        depth, above = 0, own["parent_id"]
        while above is not None and above not in known and -depth < MOST_LEVELS:
            found = read(f"customer_id = {literal(above)}")
            if not found:
                break
            depth -= 1
            known[above] = (depth, found[0])
            above = found[0]["parent_id"]
        level = [own["customer_id"]]
        for depth in range(1, MOST_LEVELS + 1):
            found = [r for r in read(f"parent_id in ({', '.join(map(literal, level))})") if r["customer_id"] not in known]
            known |= {r["customer_id"]: (depth, r) for r in found}
            level = [r["customer_id"] for r in found]
            if not level:
                break
        named = personal_shown(cursor, reader.scope, list(known))
    owners = reader.book.colleagues
    order = sorted(known.items(), key=lambda k: (k[1][0], k[0]))
    return [
        Relative(
            i,
            depth,
            r["parent_id"],
            named.get(i, {}).get("name"),
            r["clv"],
            r["net_amount_12m"],
            r["tier"],
            r["owner_id"],
            owners.get(r["owner_id"]),
        )
        for i, (depth, r) in order
    ]


def contacts(reader: Reader, day: date) -> list[Contact]:
    """Those who speak for the company, who decide first, then by the last contact."""
    query = (
        "select c.contact_id, c.title, c.decision_role, c.active_to, max(i.occurred_on) as last_contact_on\n"
        "from contacts as c left join interactions as i on i.contact_id = c.contact_id group by all order by c.contact_id"
    )
    rows = reader.rows("contacts", query, "interactions")
    named = profiles(reader.book, reader.scope, "contact", [r["contact_id"] for r in rows])
    found = [_contact(r, named.get(r["contact_id"], {}), day) for r in rows]
    return sorted(
        found, key=lambda c: (not c.is_active, c.decision_role != DECIDER, -(c.last_contact_on or date.min).toordinal(), c.contact_id)
    )


def _contact(row: Mapping[str, Any], personal: Mapping[str, Any], day: date) -> Contact:
    return Contact(
        row["contact_id"],
        personal.get("name"),
        personal.get("email"),
        personal.get("phone"),
        row["title"],
        row["decision_role"],
        row["active_to"] is None or row["active_to"] >= day,
        row["last_contact_on"],
    )


def coverage_or_none(people: list[Contact], day: date) -> Coverage | None:
    """How far the chain of a decision is covered; None where no contact is known."""
    active = [c for c in people if c.is_active]
    if not active:
        return None

    def is_reached(role: str) -> bool:
        return any(
            c.decision_role == role and c.last_contact_on is not None and c.last_contact_on > day - timedelta(days=REACHED_DAYS)
            for c in active
        )

    missing = tuple(role for role in (DECIDER, INFLUENCER) if not any(c.decision_role == role for c in active))
    return Coverage(REACHED_DAYS, is_reached(DECIDER), is_reached(INFLUENCER), missing)


def consents_today(reader: Reader, day: date) -> list[Consent]:
    """The newest decision for each purpose and channel; one that ended by itself is expired."""
    query = (
        "select purpose, channel, status, on_date, cast(expires_at as DATE) as expires_on from consents\n"
        'qualify row_number() over (partition by purpose, channel order by "at" desc, consent_id desc) = 1 order by purpose, channel nulls first'
    )
    return [Consent(r["purpose"], r["channel"], _status(r, day), r["on_date"], r["expires_on"]) for r in reader.rows("consents", query)]


def _status(row: Mapping[str, Any], day: date) -> str:
    is_over = row["status"] == "granted" and row["expires_on"] is not None and row["expires_on"] < day
    return "expired" if is_over else str(row["status"])
