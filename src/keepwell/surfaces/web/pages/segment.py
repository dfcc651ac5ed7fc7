"""One segment: who belongs and why; and the builder, where a rule is written and its size is seen at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Form
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import UnknownError, WrongUseError
from keepwell.customers.people import Page as Part
from keepwell.engagement.segments.audience import Overlap, Size
from keepwell.engagement.segments.field import Field, Kind, fields
from keepwell.engagement.segments.queries import Segment, segment, segments
from keepwell.engagement.segments.rule import ASKS, IN_DAYS, NO_VALUE, Ask, Match, Rule, remains_of, rule_of, told_of
from keepwell.engagement.segments.service import NewSegment, add_segment, change_segment, delete_segment, restore_segment
from keepwell.lake.entity import entity
from keepwell.metrics.kpi import Unit
from keepwell.surfaces.audiences import Audiences
from keepwell.surfaces.web import draft_rule
from keepwell.surfaces.web.draft_rule import Draft, asked_draft, draft_of
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.customers import Row, row_of
from keepwell.surfaces.web.rule_words import Told, fault_words, field_words, told_condition, told_rule, value_words
from keepwell.surfaces.web.segment_names import names_of
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
SEE = Capability.SEE_CUSTOMERS
BUILD = (Capability.SEE_CUSTOMERS, Capability.BUILD_AUDIENCES)
PAGE = Page("segment", "/segments/build", BUILD, ROUTES, group=1, is_in_navigation=False)
SAMPLE = 8
SAMPLED = ("customer_id", "name", "tier", "lifecycle_stage", "clv", "churn_band", "last_order_on")
SCORES = {c.name for c in entity("customer_scores").stored_columns} - {"customer_id"}


@dataclass(frozen=True)
class Why:
    """Why a customer is in or not, in words; ``lines`` are groups of: whether it holds, what was asked, what the customer has, whether it would change the answer."""

    customer_id: str
    href: str
    is_in: bool
    verdict: str
    groups: tuple[tuple[str, tuple[tuple[bool, str, str, bool], ...]], ...]


@dataclass(frozen=True)
class Found:
    """What a rule comes to for this person."""

    size: Size
    share: str
    clv: str
    net: str
    overlaps: tuple[tuple[Overlap, str], ...]
    heads: tuple[Column, ...]
    sample: tuple[Row, ...]
    groups: tuple[Told, ...]
    match: Match
    why: Why | None
    why_fault: str


@dataclass(frozen=True)
class Choice:
    """A value that can be chosen."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class Line:
    """A condition in the builder: what can be chosen for each of its places. ``inputs`` is how values are given: list | text | number | date | none."""

    number: int
    field: str
    fields: tuple[tuple[str, tuple[Choice, ...]], ...]
    asks: tuple[Choice, ...]
    inputs: str
    values: tuple[str, ...]
    choices: tuple[Choice, ...]
    is_pair: bool
    hint: str
    fault: str


@dataclass(frozen=True)
class SegmentPage:
    """A saved segment as it stands; ``found`` is None where its rule means nothing any more."""

    title: str
    segment: Segment
    found: Found | None
    fault: str
    change_href: str
    members_href: str
    export_query: str
    sheets: tuple[Sheet, ...] = ()


@dataclass(frozen=True)
class BuilderPage:
    """A rule being written, and what it comes to."""

    title: str
    draft: Draft
    lines: tuple[tuple[Line, ...], ...]
    found: Found | None
    rule: str
    segment: Segment | None
    sheets: tuple[Sheet, ...] = ()


@ROUTES.get("/segments/build", BUILD)
def build(visit: Here) -> Response:
    """The builder; what was pressed in it leads to an address without it."""
    draft = asked_draft(visit)
    mine = _segment_or_none(visit)
    kept = {n: visit.asked(n) for n in ("segment", "customer") if visit.asked(n)}
    address = f"/segments/build?{draft.query}{'&' + urlencode(kept) if kept else ''}"
    if visit.asked("press") and not visit.is_fragment:
        return redirect(address)
    page = BuilderPage(
        visit.say("segment.change", name=mine.name) if mine else visit.say("segment.title"),
        draft,
        _lines(visit, draft),
        _found(visit, draft.rule, mine),
        json.dumps(told_of(draft.rule), ensure_ascii=False) if draft.is_finished else "",
        mine,
    )
    response = visit.html("segment_build.html", page=page, title=page.title)
    if visit.is_fragment:
        response.headers["HX-Push-Url"] = address
    return response


@ROUTES.page("/segments/{segment_id}", SEE, "segment.html")
def show(visit: Visit) -> SegmentPage:
    with visit.site.store.transaction(writes=False) as session:
        mine = segment(session, visit.request.path_params["segment_id"])
    query = urlencode({"segment": mine.name})
    return SegmentPage(
        mine.name, mine, _found(visit, mine.rule, mine) if mine.fault is None else None, fault_words(visit, mine),
        f"/segments/build?{draft_of(mine.rule_or_none or remains_of(mine.told)).query}&segment={quote(mine.segment_id)}", f"/customers?{query}", query,
    )  # fmt: skip


@ROUTES.post("/segments", BUILD)
def save(
    visit: Here,
    name: Annotated[str, Form(max_length=200)],
    rule: Annotated[str, Form(max_length=20_000)],
    note: Annotated[str, Form(max_length=1_000)] = "",
    segment_id: Annotated[str, Form(max_length=60)] = "",
    version: Annotated[int, Form()] = 0,
) -> Response:
    """Save a new segment, or a change of one that is there."""
    new = NewSegment(name, _rule(rule), note)
    with visit.site.store.transaction() as session:
        mine = (
            change_segment(session, visit.at, visit.actor, segment_id, new, version)
            if segment_id
            else add_segment(session, visit.at, visit.actor, new)
        )
    return redirect(f"/segments/{mine.segment_id}")


@ROUTES.post("/segments/{segment_id}/delete", BUILD)
def delete(visit: Here, segment_id: str) -> Response:
    with visit.site.store.transaction() as session:
        mine = delete_segment(session, visit.at, visit.actor, segment_id)
    return redirect(f"/segments?deleted={mine.segment_id}")


@ROUTES.post("/segments/{segment_id}/restore", BUILD)
def restore(visit: Here, segment_id: str) -> Response:
    with visit.site.store.transaction() as session:
        mine = restore_segment(session, visit.at, visit.actor, segment_id)
    return redirect(f"/segments/{mine.segment_id}")


def _rule(text: str) -> Rule:
    try:
        told = json.loads(text)
    except ValueError:
        raise WrongUseError("This is no rule.", "Open the builder and save again.") from None
    return rule_of(told)


def _segment_or_none(visit: Visit) -> Segment | None:
    asked = visit.asked("segment")
    if not asked:
        return None
    with visit.site.store.transaction(writes=False) as session:
        return segment(session, asked)


def _found(visit: Visit, rule: Rule, mine: Segment | None) -> Found:
    audiences, names = Audiences(visit.workspace), names_of(visit)
    with visit.site.store.transaction(writes=False) as session:
        others = {s.name: s.rule for s in segments(session) if s.fault is None and (mine is None or s.segment_id != mine.segment_id)}
    size = audiences.size(rule)
    common = audiences.overlaps(rule, others)
    sample = visit.workspace.people(audiences.filters(rule), Part(SAMPLED, "clv", 0, SAMPLE))
    why, fault = _why(visit, audiences, rule, names)
    return Found(
        size,
        visit.figure(size.share, Unit.SHARE) if size.share is not None else "",
        visit.money(size.clv) if size.clv is not None else "",
        visit.money(size.net_amount_12m) if size.net_amount_12m is not None else "",
        tuple((o, visit.figure(o.both / size.customers, Unit.SHARE)) for o in common if size.customers),
        tuple(Column(c, visit.customer_column(c)) for c in SAMPLED),
        tuple(row_of(visit, SAMPLED, r) for r in sample.rows),
        told_rule(visit, rule, names),
        rule.match,
        why,
        fault,
    )


def _why(visit: Visit, audiences: Audiences, rule: Rule, names: Mapping[str, str]) -> tuple[Why | None, str]:
    """Of the customer in the address; a word where there is no such customer."""
    customer_id = visit.asked("customer").strip()[:200]
    if not customer_id or not rule.conditions:
        return None, ""
    try:
        found = audiences.reason(rule, customer_id)
    except UnknownError as error:
        return None, f"{visit.told(error.message)} {visit.told(error.hint)}"
    name = ("in" if found.is_in else "out") + ("_one" if found.changes == 1 else "_several")
    groups = tuple(
        (
            visit.say(f"segment.{match}"),
            tuple(
                (a.holds, told_condition(visit, a.asked, names), value_words(visit, a.asked.field, a.value, names), a.would_flip)
                for a in answers
            ),
        )
        for match, answers in found.groups
    )
    return Why(
        customer_id, visit.customer_path(customer_id), found.is_in, visit.say(f"segment.why_{name}", customer=customer_id, n=found.changes), groups
    ), ""  # fmt: skip


def _lines(visit: Visit, draft: Draft) -> tuple[tuple[Line, ...], ...]:
    names = names_of(visit)
    return tuple(tuple(_line(visit, n, p, names) for n, p in draft.parts_of(g)) for g in range(len(draft.groups)))


def _line(visit: Visit, number: int, part: draft_rule.Part, names: Mapping[str, str]) -> Line:
    known, ask = part.field, part.ask
    choices = _choices(visit, known, part.values, names) if known.kind is Kind.CHOICE and ask not in NO_VALUE else ()
    return Line(
        number,
        known.name,
        _field_choices(visit, known),
        tuple(Choice(str(a), visit.say(f"segment.ask_{a}"), a is ask) for a in ASKS[known.kind]),
        _inputs(known, ask),
        part.values,
        choices,
        ask is Ask.BETWEEN,
        visit.say("segment.hint_share") if known.kind is Kind.SHARE else visit.say("segment.hint_days") if ask in IN_DAYS else "",
        part.fault or "",
    )


def _inputs(known: Field, ask: Ask) -> str:
    if ask in NO_VALUE:
        return "none"
    if ask in IN_DAYS:
        return "days"
    return {Kind.CHOICE: "list", Kind.DATE: "date", Kind.NUMBER: "number", Kind.MONEY: "number"}.get(known.kind, "text")


def _field_choices(visit: Visit, chosen: Field) -> tuple[tuple[str, tuple[Choice, ...]], ...]:
    """Scores first, then what is told of the customer, each by its name in the language."""

    def listed(of: Sequence[Field]) -> tuple[Choice, ...]:
        told = [Choice(f.name, field_words(visit, f), f.name == chosen.name) for f in of]
        return tuple(sorted(told, key=lambda c: c.label))

    scores = [f for f in fields().values() if f.name in SCORES]
    others = [f for f in fields().values() if f.name not in SCORES]
    return ((visit.say("segment.scores"), listed(scores)), (visit.say("segment.profile"), listed(others)))


def _choices(visit: Visit, known: Field, values: Sequence[str], names: Mapping[str, str]) -> tuple[Choice, ...]:
    book = visit.workspace.book
    found = visit.kept(("values", book.moment, known.name), lambda: Audiences(visit.workspace).values(known.name))
    every = list(dict.fromkeys([*known.allowed, *found, *values]))

    def label(value: Any) -> str:
        words = value_words(visit, known, value, names)
        return words if words == value or known.allowed else f"{words} ({value})" if value in names else words

    return tuple(Choice(v, label(v), v in values) for v in every)
