"""One appraisal: its items with what stands behind them, what may be done next, its trail, notes and trainings; and the form of a rater."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Form
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.access.users import users
from keepwell.core.errors import WrongUseError, unknown
from keepwell.performance.appraisals.appraisal import AFTER, StepKind
from keepwell.performance.appraisals.asked import Asked
from keepwell.performance.appraisals.development import Entry, EntryKind
from keepwell.performance.appraisals.outcome import Objective
from keepwell.performance.appraisals.plan import Kind, PlanItem, RaterKind
from keepwell.performance.appraisals.steps import Judged
from keepwell.surfaces.appraisal_sight import Relation, Shown, viewer_of
from keepwell.surfaces.rounds import Rounds
from keepwell.surfaces.web.appraised_words import ItemRow, Row, TrailRow, items_in_words, row_in_words, trail_in_words
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH = "/team/appraisals"
MORE_OBJECTIVES = 3  # empty lines below those that are there
ITEMS = ("item", "weight", "value", "n", "target", "own_mark", "mark", "points", "adds")
Texts = Annotated[list[str] | None, Form()]


@dataclass(frozen=True)
class Markable:
    """A field for a mark."""

    item: str
    title: str
    guidance: str
    most: str
    mark: str


@dataclass(frozen=True)
class AskedRow:
    """Who is asked; ``href`` is where a customer's answer can be written down."""

    name: str
    kind: str
    has_answered: bool
    href: str


@dataclass(frozen=True)
class AppraisalPage:
    """An appraisal as one person sees it, with the forms that this person may send."""

    title: str
    row: Row
    round_id: str
    round_title: str
    relation: str
    items: tuple[ItemRow, ...]
    objectives: tuple[Objective, ...]
    trail: tuple[TrailRow, ...]
    entries: tuple[Entry, ...]
    asked: tuple[AskedRow, ...]
    may: frozenset[str]
    marks: tuple[Markable, ...]
    has_objectives: bool
    rater_kinds: tuple[str, ...]
    people: tuple[tuple[str, str], ...]
    sheets: tuple[Sheet, ...]


@ROUTES.page(f"{PATH}/{{appraisal_id}}", Capability.SEE_KPIS, "appraisal.html")
def show(visit: Visit) -> AppraisalPage:
    desk = _desk(visit)
    shown = desk.one(visit.request.path_params["appraisal_id"])
    found, plan = shown.appraisal, shown.appraisal.round.plan
    may = _may(shown)
    items = tuple(items_in_words(visit, shown))
    is_self = shown.relation is Relation.SELF
    given = found.own_marks if is_self else found.marks.judged
    names = _people(visit)
    return AppraisalPage(
        found.name,
        row_in_words(visit, shown),
        found.round.round_id,
        f"{plan.title[visit.locale]} · {found.round.period.label}",
        str(shown.relation),
        items,
        found.marks.objectives if not is_self or found.is_told else (),
        tuple(trail_in_words(visit, shown)),
        tuple(desk.entries(found.appraisal_id)),
        tuple(_asked(visit, a, names, found.appraisal_id if "ask" in may else None) for a in desk.asked(found.appraisal_id)),
        may,
        tuple(_markable(visit, i, given.get(i.name)) for i in plan.items_of(Kind.MANUAL)),
        bool(plan.items_of(Kind.MBO)) and not is_self,
        tuple(str(k) for k in RaterKind if any(k in i.raters for i in plan.items_of(Kind.RATER))),
        tuple(sorted(((u.user_id, u.name) for u in desk.may_be_asked(found.appraisal_id)), key=lambda p: p[1])) if "ask" in may else (),
        (_sheet(visit, items),),
    )


def _may(shown: Shown) -> frozenset[str]:
    """What this person may do next."""
    found, is_self = shown.appraisal, shown.relation is Relation.SELF
    if found.round.withdrawn_at is not None:
        return frozenset()
    own = {StepKind.SELF_ASSESSED, StepKind.APPEALED}
    made = {str(k) for k, before in AFTER.items() if found.state in before and (k in own) is is_self and k is not StepKind.PUBLISHED}
    if not is_self:
        made |= {"develop"}
        if found.last_or_none(StepKind.ASSESSED) is None and found.round.plan.items_of(Kind.RATER):
            made |= {"ask"}
    return frozenset(made)


def _markable(visit: Visit, item: PlanItem, mark: Decimal | None) -> Markable:
    return Markable(
        item.name, item.title[visit.locale], item.guidance.get(visit.locale, ""), f"{item.most:g}", "" if mark is None else f"{mark:g}"
    )


def _asked(visit: Visit, asked: Asked, names: dict[str, str], open_id: str | None) -> AskedRow:
    may_write = open_id is not None and asked.kind is RaterKind.CUSTOMER and not asked.has_answered
    href = f"{PATH}/{quote(open_id or '')}/rate?{urlencode({'rater': asked.rater})}" if may_write else ""
    return AskedRow(names.get(asked.rater, asked.rater), visit.say(f"appraisals.kind_{asked.kind}"), asked.has_answered, href)


def _people(visit: Visit) -> dict[str, str]:
    with visit.site.store.transaction(writes=False) as session:
        return {u.user_id: u.name for u in users(session) if u.is_active}


def _sheet(visit: Visit, items: tuple[ItemRow, ...]) -> Sheet:
    columns = tuple(Column(n, visit.say(f"appraisals.{n}"), n != "item") for n in ITEMS)
    rows = [[i.title, *(getattr(i, n).exact for n in ITEMS[1:])] for i in items]
    return Sheet("items", columns, rows)


@dataclass(frozen=True)
class RatePage:
    """What a rater is asked; ``rater`` is the customer whose answer is written down."""

    title: str
    appraisal_id: str
    name: str
    period: str
    rater: str
    marks: tuple[Markable, ...]
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page(f"{PATH}/{{appraisal_id}}/rate", Capability.SEE_KPIS, "appraisal_rate.html")
def rate(visit: Visit) -> RatePage:
    desk, wanted, rater = _desk(visit), visit.request.path_params["appraisal_id"], visit.asked("rater")
    if rater:
        found, kind = desk.one(wanted).appraisal, RaterKind.CUSTOMER
        is_asked = any(a.rater == rater and a.kind is kind and not a.has_answered for a in desk.asked(wanted))
    else:
        asked = next(((a, k) for a, k in desk.to_rate() if a.appraisal_id == wanted), None)
        is_asked = asked is not None
        if asked is not None:
            found, kind = asked
    if not is_asked:
        raise unknown("appraisal", wanted, ())
    items = [i for i in found.round.plan.items_of(Kind.RATER) if kind in i.raters]
    return RatePage(
        visit.say("appraisals.rate", name=found.name),
        found.appraisal_id,
        found.name,
        found.round.period.label,
        rater,
        tuple(_markable(visit, i, None) for i in items),
    )


@ROUTES.post(f"{PATH}/{{appraisal_id}}/ratings", Capability.SEE_KPIS)
def send_rating(visit: Here, appraisal_id: str, item: Texts = None, mark: Texts = None, rater: Annotated[str, Form()] = "") -> Response:
    """What this person says, once; or what a customer said."""
    _desk(visit).rate(visit.at, visit.actor, appraisal_id, _marks(item, mark), rater or None)
    return _back(appraisal_id) if rater else redirect(PATH)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/self-assessment", Capability.SEE_KPIS)
def self_assess(visit: Here, appraisal_id: str, item: Texts = None, mark: Texts = None, words: Annotated[str, Form()] = "") -> Response:
    """What the person gives the own work."""
    _desk(visit).self_assess(visit.at, visit.actor, appraisal_id, Judged(_marks(item, mark), (), words))
    return _back(appraisal_id)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/assessment", Capability.SEE_KPIS)
def assess(  # noqa: PLR0913, PLR0917 - the fields of the form
    visit: Here,
    appraisal_id: str,
    item: Texts = None,
    mark: Texts = None,
    text: Texts = None,
    weight: Texts = None,
    attained: Texts = None,
    words: Annotated[str, Form()] = "",
) -> Response:
    """The assessor's judgement."""
    _desk(visit).assess(visit.at, visit.actor, appraisal_id, Judged(_marks(item, mark), _objectives(text, weight, attained), words))
    return _back(appraisal_id)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/approval", Capability.SEE_KPIS)
def approve(visit: Here, appraisal_id: str, words: Annotated[str, Form()] = "") -> Response:
    """Agree to what somebody else assessed."""
    _desk(visit).approve(visit.at, visit.actor, appraisal_id, words)
    return _back(appraisal_id)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/return", Capability.SEE_KPIS)
def send_back(visit: Here, appraisal_id: str, words: Annotated[str, Form()] = "") -> Response:
    """It is to be assessed anew."""
    _desk(visit).send_back(visit.at, visit.actor, appraisal_id, words)
    return _back(appraisal_id)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/appeal", Capability.SEE_KPIS)
def appeal(visit: Here, appraisal_id: str, words: Annotated[str, Form()] = "") -> Response:
    """Disagree with the own result."""
    _desk(visit).appeal(visit.at, visit.actor, appraisal_id, words)
    return _back(appraisal_id)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/answer", Capability.SEE_KPIS)
def answer(visit: Here, appraisal_id: str, item: Texts = None, mark: Texts = None, words: Annotated[str, Form()] = "") -> Response:
    """Answer an appeal; marks that differ judge it anew."""
    desk = _desk(visit)
    before = desk.one(appraisal_id).appraisal.marks.judged
    given = {i: m for i, m in _marks(item, mark).items() if before.get(i) != m}
    desk.answer(visit.at, visit.actor, appraisal_id, words, Judged(given) if given else None)
    return _back(appraisal_id)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/raters", Capability.SEE_KPIS)
def ask(
    visit: Here,
    appraisal_id: str,
    kind: Annotated[RaterKind, Form()],
    person: Annotated[str, Form()] = "",
    customer: Annotated[str, Form()] = "",
) -> Response:
    """Ask somebody."""
    _desk(visit).ask(visit.at, visit.actor, appraisal_id, customer if kind is RaterKind.CUSTOMER else person, kind)
    return _back(appraisal_id)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/entries", Capability.SEE_KPIS)
def add_entry(
    visit: Here, appraisal_id: str, kind: Annotated[EntryKind, Form()], text: Annotated[str, Form()] = "", due: Annotated[str, Form()] = ""
) -> Response:
    """Write a note or plan a training."""
    _desk(visit).add_entry(visit.at, visit.actor, appraisal_id, kind, text, _day_or_none(due) if kind is EntryKind.TRAINING else None)
    return _back(appraisal_id)


@ROUTES.post(f"{PATH}/{{appraisal_id}}/entries/{{entry_id}}/done", Capability.SEE_KPIS)
def end_training(visit: Here, appraisal_id: str, entry_id: str) -> Response:
    """A training was done."""
    _desk(visit).end_training(visit.at, visit.actor, appraisal_id, entry_id)
    return _back(appraisal_id)


def _desk(visit: Visit) -> Rounds:
    return Rounds(visit.workspace, visit.site.store, viewer_of(visit.who))


def _back(appraisal_id: str) -> Response:
    return redirect(f"{PATH}/{quote(appraisal_id)}")


def _marks(items: list[str] | None, marks: list[str] | None) -> dict[str, Decimal]:
    """Marks by item; a field that was left empty gives none."""
    return {i: _number(m) for i, m in zip(items or (), marks or (), strict=False) if m.strip()}


def _objectives(texts: list[str] | None, weights: list[str] | None, attained: list[str] | None) -> list[Objective]:
    lines = zip(texts or (), weights or (), attained or (), strict=False)
    return [Objective(t, _number(w), _number(a)) for t, w, a in lines if t.strip() or w.strip() or a.strip()]


def _number(text: str) -> Decimal:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise WrongUseError(f"{text!r} is no number.", "Write a number.") from None


def _day_or_none(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongUseError(f"{text!r} is no day.", "Write 2026-12-31.") from None
