"""Customer 360: who it is, what to do now and why, what has happened, what it is worth, what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from keepwell.access.roles import Capability
from keepwell.core.ids import id_of_part
from keepwell.core.settings import Locale
from keepwell.customers.timeline import Event, Timeline
from keepwell.customers.whole import Customer360
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.health_panel import Panel, panel_or_none
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.customers import Cell, cell
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
PAGE = Page("customer", "/customers", Capability.SEE_CUSTOMERS, ROUTES, group=1, is_in_navigation=False)

EVENTS = 40
PROFILE = (
    "kind",
    "region",
    "country",
    "city",
    "industry",
    "company_size",
    "occupation",
    "age_band",
    "acquired_from",
    "became_customer_on",
    "language",
)
# kind of event -> the entity whose labels its columns have
ENTITIES = {"interaction": ("interactions",), "campaign": ("exposures",), "points": ("loyalty_entries",), "consent": ("consents",)}
TONES = {"complaint": "worse", "ticket": "worse", "answer": "warn", "order": "better"}
SCORES = (
    "clv",
    "probability_active",
    "churn_probability",
    "tier",
    "lifecycle_stage",
    "rfm_group",
    "contract_value",
    "health",
    "health_band",
)


@dataclass(frozen=True)
class Told:
    """An event of the timeline in words."""

    at: str
    kind: str
    title: str
    words: str
    tone: str


@dataclass(frozen=True)
class Reason:
    """A score with the reason for it."""

    label: str
    value: str
    why: str


@dataclass(frozen=True)
class CustomerPage:
    """All that the page shows at once; the timeline follows by itself, so that it can be filtered."""

    title: str
    initial: str
    customer: Customer360
    profile: tuple[tuple[str, str], ...]
    chips: tuple[Cell, ...]
    advice: tuple[tuple[str, str], ...]
    money: tuple[tuple[str, str, str, str, Decimal], ...]
    active: Chart | None
    reasons: tuple[Reason, ...]
    moves: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str, str, str], ...]
    tree: tuple[tuple[str, str, str, str], ...]
    contacts: tuple[tuple[str, str, str, str], ...]
    missing_roles: tuple[str, ...]
    consents: tuple[tuple[str, str, str], ...]
    health: Panel | None
    sheets: tuple[Sheet, ...]


@ROUTES.page("/customers/{customer_id}", Capability.SEE_CUSTOMERS, "customer.html")
def customer(visit: Visit) -> CustomerPage:
    found = visit.workspace.customer_360(id_of_part(visit.request.path_params["customer_id"]))
    place = 1 if visit.locale is Locale.CHINESE else 0
    name = found.personal.get("name") or found.customer_id
    chart, health = _active(visit, found), panel_or_none(visit, found.customer_id)
    return CustomerPage(
        title=str(name),
        initial=str(name)[:1].upper(),
        customer=found,
        profile=tuple((visit.customer_column(c), cell(visit, c, found.own[c]).words) for c in PROFILE if found.own.get(c) is not None),
        chips=tuple(cell(visit, c, found.scores[c]) for c in ("tier", "lifecycle_stage", "rfm_group", "churn_band") if found.scores.get(c)),
        advice=tuple((s.title[place], s.reason[place]) for s in found.suggestions),
        money=_money(visit, found),
        active=chart,
        reasons=tuple(Reason(r.label, r.value, r.why) for r in visit.workspace.reasons(found.customer_id)),
        moves=_moves(visit, found),
        answers=tuple((str(a.answered_at.date()), visit.label("metric", a.metric), "—" if a.score is None else f"{a.score:g} / {a.scale_max:g}", a.comment or "") for a in found.voice),
        tree=tuple((("　" * max(0, r.depth)) + (r.name or r.customer_id), visit.customer_path(r.customer_id), visit.money(r.clv) if r.clv is not None else "", r.owner_name or "") for r in found.tree),
        contacts=tuple((c.name or c.contact_id, " · ".join(p for p in (c.title, visit.label("decision_role", c.decision_role)) if p), " · ".join(p for p in (c.phone, c.email) if p), str(c.last_contact_on or "")) for c in found.contacts if c.is_active),
        missing_roles=tuple(visit.label("decision_role", r) for r in found.coverage.missing_roles) if found.coverage else (),
        consents=tuple((visit.label("purpose", c.purpose), visit.label("channel", c.channel) or visit.say("customer.any_channel"), visit.label("status", c.status)) for c in found.consents),
        health=health,
        sheets=(*((chart.sheet,) if chart else ()), *((health.sheet,) if health else ())),
    )  # fmt: skip


def _money(visit: Visit, found: Customer360) -> tuple[tuple[str, str, str, str, Decimal], ...]:
    """Figures of the value panel: name, words, amount, interval, and the amount exactly."""
    v = found.value
    past = v.margin_12m if v.margin_12m is not None else v.net_12m
    name = "margin_12m" if v.margin_12m is not None else "net_12m"
    made = [(name, visit.say(f"customer.{name}"), visit.money(past), "", past)]
    if v.expected is not None:
        interval = (
            f"{visit.money(v.expected_low)} – {visit.money(v.expected_high)}"
            if v.expected_low is not None and v.expected_high is not None
            else ""
        )
        made.append(("expected", visit.say("customer.expected", days=v.horizon_days), visit.money(v.expected), interval, v.expected))
    return tuple(made)


def _active(visit: Visit, found: Customer360) -> Chart | None:
    points = found.value.active
    if not points:
        return None
    bought = {str(d) for d in found.value.purchase_days}
    drawn = {
        "points": [{"at": str(p.day), "value": p.probability, "words": f"{p.probability:.0%}" + (f" · {visit.say('customer.ordered')}" if str(p.day) in bought else ""), "low": None, "high": None, "open": False, "href": None} for p in points],
        "share": True, "small": True, "events": [{"at": d, "words": ""} for d in sorted(bought)],
    }  # fmt: skip
    columns = (
        Column("day", visit.say("customer.day")),
        Column("probability_active", visit.column("probability_active"), is_number=True),
        Column("ordered", visit.say("customer.ordered")),
    )
    rows = [[p.day, p.probability, str(p.day) in bought] for p in points]
    figures = [[str(p.day), f"{p.probability:.1%}", visit.say("status.yes") if str(p.day) in bought else ""] for p in points]
    return Chart(
        "active",
        visit.column("probability_active"),
        "trend",
        drawn,
        Sheet("active", columns, rows),
        height="low",
        figures=figures,
        note=visit.say("customer.marks"),
    )


def _moves(visit: Visit, found: Customer360) -> tuple[tuple[str, str], ...]:
    """What moved between runs, the newest first."""
    made = []
    for point in reversed(found.history):
        for m in point.moved:
            if m.score in SCORES:
                because = ", ".join(
                    f"{visit.customer_column(n)} {_score(visit, n, b)} → {_score(visit, n, a)}" for n, (b, a) in m.because.items()
                )
                made.append(
                    (
                        str(point.as_of),
                        f"{visit.customer_column(m.score)} {_score(visit, m.score, m.before)} → {_score(visit, m.score, m.now)}"
                        + (f" ({because})" if because else ""),
                    )
                )
    return tuple(made)


def _score(visit: Visit, name: str, value: Any) -> str:
    return "—" if value is None else cell(visit, name, value).words


@dataclass(frozen=True)
class TimelinePart:
    """A part of the timeline, and where the older part is."""

    title: str
    customer_id: str
    path: str
    kinds: tuple[tuple[str, str, int, bool], ...]
    events: tuple[Told, ...]
    older: str | None
    is_first: bool
    sheets: tuple[Sheet, ...]


@ROUTES.page("/customers/{customer_id}/timeline", Capability.SEE_CUSTOMERS, "parts/timeline.html")
def timeline(visit: Visit) -> TimelinePart:
    customer_id, kinds = id_of_part(visit.request.path_params["customer_id"]), tuple(visit.request.query_params.getlist("kind"))
    found: Timeline = visit.workspace.timeline(customer_id, kinds, visit.asked("before") or None, EVENTS)
    columns = (Column("at", visit.say("customer.day")), Column("kind", visit.say("kind")), Column("told", visit.say("customer.what")))
    rows = [[e.at, e.kind, ", ".join(f"{k}={v}" for k, v in e.told.items() if v is not None)] for e in found.events]
    return TimelinePart(
        visit.say("customer.timeline"), customer_id, f"{visit.customer_path(customer_id)}/timeline",
        tuple((k, visit.say(f"customer.kind_{k}"), n, k in kinds) for k, n in found.counts.items() if n), tuple(_event(visit, e) for e in found.events),
        visit.address_with(before=found.before) if found.before else None, not visit.asked("before"), (Sheet("timeline", columns, rows),),
    )  # fmt: skip


def _event(visit: Visit, e: Event) -> Told:
    told = e.told
    words = {
        "order": lambda: _order(visit, told),
        "change": lambda: f"{visit.customer_column(told['score'])} {_score(visit, told['score'], told['before'])} → {_score(visit, told['score'], told['now'])}",
        "ticket": lambda: " · ".join(str(p) for p in (visit.label("kind", told.get("kind")), visit.label("status", told.get("status")), told.get("subject")) if p),
        "answer": lambda: " · ".join(p for p in (visit.label("metric", told.get("metric")), "—" if told.get("score") is None else f"{told['score']:g} / {told['scale_max']:g}", f"“{told['comment']}”" if told.get("comment") else "") if p),
    }  # fmt: skip
    tone = (
        TONES.get("complaint" if told.get("kind") == "complaint" else e.kind, "none")
        if e.kind != "ticket" or told.get("kind") == "complaint"
        else "warn"
    )
    text = words[e.kind]() if e.kind in words else _plain(visit, e.kind, told)
    return Told(visit.moment(e.at), e.kind, visit.say(f"customer.kind_{e.kind}"), text, tone)


def _order(visit: Visit, told: Mapping[str, Any]) -> str:
    parts = [visit.money(told["amount"]) if told.get("amount") is not None else ""]
    if told.get("lines"):
        parts.append(visit.say("customer.lines", n=told["lines"] if isinstance(told["lines"], int) else len(told["lines"])))
    if told.get("margin") is not None and told.get("amount"):
        parts.append(visit.say("customer.margin", share=f"{Decimal(str(told['margin'])) / Decimal(str(told['amount'])):.0%}"))
    if told.get("status") not in {None, "completed"}:
        parts.append(visit.label("status", told["status"]))
    return " · ".join(p for p in parts if p)


def _plain(visit: Visit, kind: str, told: Mapping[str, Any]) -> str:
    return " · ".join(
        f"{visit.column(k, *ENTITIES.get(kind, ()))} {_score(visit, k, v)}"
        for k, v in told.items()
        if v is not None and not k.endswith("_id")
    )
