"""The Reviews page: the review of a period as it assembles itself, and what people write down in it."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated
from urllib.parse import quote

from fastapi import Form
from pydantic import BaseModel
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.periods import REVIEWED
from keepwell.performance.reviews.entries import Kind
from keepwell.surfaces.meetings import Followed, Meeting, Meetings, Written
from keepwell.surfaces.reports.document import Block, Chart, Document, Points, Section, Table, Text, Tiles
from keepwell.surfaces.reports.formats import MEDIA_TYPES, file_name, written
from keepwell.surfaces.reports.formats import Kind as FileKind
from keepwell.surfaces.reports.review import review_document
from keepwell.surfaces.reports.written import came_words
from keepwell.surfaces.reviews import Review, Reviews
from keepwell.surfaces.schedules import Schedules
from keepwell.surfaces.sentences import signed
from keepwell.surfaces.web.charts import Chart as Drawn
from keepwell.surfaces.web.kpi_charts import trend_chart
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.picked import Picked, picked
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH, TEMPLATE = "/reviews", "reviews.html"
MAY = Capability.SET_TARGETS
PAGE = Page("reviews", PATH, Capability.SEE_KPIS, ROUTES, group=2)
TAKES = (Capability.SEE_KPIS, Capability.SEE_CUSTOMERS, Capability.EXPORT)
# what stands on pages of its own, or is written down here
ELSEWHERE = ("trends", "scorecard", "models", "decisions", "actions", "market", "all")
NAMES: dict[type[Block], str] = {Text: "text", Points: "points", Tiles: "tiles", Table: "table"}
COLUMNS = ("kind", "period", "text", "owner", "due", "state", "kpi", "effect", "before", "now", "change", "value", "ours")
NUMBERS = {"effect", "before", "now", "change", "value", "ours"}


@dataclass(frozen=True)
class Line:
    """An entry in words."""

    entry_id: str
    text: str
    about: str
    kpi: str
    kpi_title: str
    effect: str
    moved: str
    came: str
    tone: str
    state: str
    is_overdue: bool


@dataclass(frozen=True)
class Part:
    """Entries of a kind."""

    name: str
    lines: tuple[Line, ...]
    is_added_to: bool


@dataclass(frozen=True)
class ReviewsPage:
    """What was written down; the review itself follows as it is ready."""

    title: str
    picked: Picked
    query: str
    parts: tuple[Part, ...]
    people: tuple[tuple[str, str], ...]
    kpis: tuple[tuple[str, str], ...]
    may_write: bool
    may_take: bool
    withdrawn: str
    files: tuple[str, ...]
    fault: tuple[str, str | None] | None
    typed: "EntryForm"  # what was refused, to be mended
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True)
class AssembledPage:
    """The review as it assembles itself."""

    title: str
    document: Document
    sections: tuple[tuple[Section, tuple[tuple[str, Block], ...]], ...]
    charts: tuple[Drawn, ...]
    sheets: tuple[Sheet, ...]


class EntryForm(BaseModel):
    """The form of something that is written down."""

    kind: str = ""
    text: str = ""
    period: str = ""
    owner: str = ""
    due: str = ""
    kpi: str = ""
    effect: str = ""
    source: str = ""
    noted_on: str = ""
    value: str = ""

    def written(self) -> Written:
        """What it says. Raises where a day is none."""
        return Written(
            self.kind, self.text, self.period, self.owner or None, _day_or_none(self.due), self.kpi or None, self.effect.strip() or None,
            self.source or None, _day_or_none(self.noted_on), self.value.strip() or None,
        )  # fmt: skip


@ROUTES.page(PATH, Capability.SEE_KPIS, TEMPLATE)
def show(visit: Visit) -> ReviewsPage:
    return _page(visit)


@ROUTES.page(f"{PATH}/assembled", Capability.SEE_KPIS, "reviews_assembled.html")
def assembled(visit: Visit) -> AssembledPage:
    found = _review(visit)
    document = review_document(found, visit.settings, visit.site.place.folder.name, visit.locale)
    sections = tuple(
        (s, tuple((NAMES[type(b)], b) for b in s.blocks if not isinstance(b, Chart))) for s in document.sections if s.name not in ELSEWHERE
    )
    charts = tuple(trend_chart(visit, h.kpi, h.series, name=f"trend-{h.kpi.name}") for h in found.headlines)
    tables = tuple(_table_sheet(b) for _, blocks in sections for _, b in blocks if isinstance(b, Table))
    return AssembledPage(document.title, document, sections, charts, (*(c.sheet for c in charts), *tables))


@ROUTES.get(f"{PATH}/file", TAKES)
def take(visit: Here) -> Response:
    """The review as a file, in the person's language."""
    kind = visit.asked("format", FileKind.PDF)
    if kind not in set(FileKind):
        raise NotFoundError(visit.say("shell.no_table"))
    found = _review(visit)
    name = file_name("review", found.period.label, visit.locale, FileKind(kind))
    content = written(FileKind(kind), review_document(found, visit.settings, visit.site.place.folder.name, visit.locale))
    visit.note("exported", "report", name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=MEDIA_TYPES[FileKind(kind)], headers=headers)


@ROUTES.post(f"{PATH}/entries", MAY)
def add(visit: Here, form: Annotated[EntryForm, Form()]) -> Response:
    """Write something down; what is wrong with it is told on the page."""
    try:
        found = _desk(visit).add(visit.at, visit.actor, form.written())
    except KeepwellError as error:
        page = _page(visit, error, form)
        return visit.html(TEMPLATE, 400, page=page, title=page.title)
    return redirect(f"{PATH}?period={quote(form.period)}#{found.kind}")


@ROUTES.post(f"{PATH}/entries/{{entry_id}}/close", MAY)
def close(
    visit: Here, entry_id: str, state: Annotated[str, Form()] = "", note: Annotated[str, Form()] = "", period: Annotated[str, Form()] = ""
) -> Response:
    """An action is done or dropped, or open again after all."""
    _desk(visit).close(visit.at, visit.actor, entry_id, state, note)
    return redirect(f"{PATH}?period={quote(period)}#action")


@ROUTES.post(f"{PATH}/entries/{{entry_id}}/withdraw", MAY)
def withdraw(visit: Here, entry_id: str, period: Annotated[str, Form()] = "") -> Response:
    """A mistake is shown no more; the page offers to bring it back."""
    found = _desk(visit).withdraw(visit.at, visit.actor, entry_id)
    return redirect(f"{PATH}?period={quote(period)}&withdrawn={found.entry_id}")


@ROUTES.post(f"{PATH}/entries/{{entry_id}}/restore", MAY)
def restore(visit: Here, entry_id: str, period: Annotated[str, Form()] = "") -> Response:
    """Bring back what was withdrawn."""
    _desk(visit).restore(visit.at, visit.actor, entry_id)
    return redirect(f"{PATH}?period={quote(period)}")


def _review(visit: Visit) -> Review:
    return Reviews(visit.workspace, visit.site.store).review(picked(visit, REVIEWED).period.label)


def _desk(visit: Visit) -> Meetings:
    return Meetings(visit.workspace, visit.site.store, visit.who.user_id)


def _day_or_none(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise WrongUseError(f"{text!r} is no day.", "Write it like 2026-11-01.") from error


def _page(visit: Visit, error: KeepwellError | None = None, typed: EntryForm | None = None) -> ReviewsPage:
    which = picked(visit, REVIEWED)
    found = _desk(visit).meeting(which.period)
    may_write = visit.may_set_targets
    people = Schedules(visit.site.place, visit.site.store, visit.user).people() if may_write else []
    parts = (
        Part("decided_before", _lines(visit, found.decided_before), False),
        Part("decision", _lines(visit, found.decisions), may_write),
        Part("action", _lines(visit, found.actions), may_write),
        Part("point", _lines(visit, found.points), may_write),
        Part("note", _lines(visit, found.notes), may_write),
    )
    return ReviewsPage(
        title=visit.say("reviews.title"),
        picked=which,
        query=f"period={quote(which.period.label)}",
        parts=tuple(p for p in parts if p.lines or p.is_added_to),
        people=tuple((p.user_id, p.name) for p in people),
        kpis=tuple(sorted((k.title[visit.locale], n) for n, k in visit.workspace.kpis.items())),
        may_write=may_write,
        may_take=visit.may(*TAKES),
        withdrawn=visit.asked("withdrawn"),
        files=tuple(FileKind),
        fault=(error.message, error.hint) if error else None,
        typed=typed or EntryForm(),
        sheets=(_entries_sheet(visit, found),),
    )


def _lines(visit: Visit, found: tuple[Followed, ...]) -> tuple[Line, ...]:
    return tuple(_line(visit, f) for f in found)


def _line(visit: Visit, f: Followed) -> Line:
    e, o, known, say = f.entry, f.outcome, f.kpi, visit.say
    about = (
        f.owner or "",
        say("reviews.until", day=e.due) if e.due else "",
        (e.source or "") if e.kind is Kind.NOTE else "",
        str(e.noted_on or ""),
        e.period if e.kind in {Kind.ACTION, Kind.DECISION} else "",
        e.closed_note or "",
    )
    moved = ""
    if o is not None and known is not None:
        ends = (visit.figure(v, known.unit) for v in (o.before, o.now))
        moved = f"{' → '.join(ends)} ({signed(o.change, known.unit, visit.settings)})"
    if e.value is not None and known is not None:
        ours = visit.figure(f.ours.value, known.unit) if f.ours is not None and f.ours.value is not None else say("no_data")
        moved = say("reviews.beside", value=visit.figure(e.value, known.unit), ours=ours)
    effect = signed(e.effect, known.unit, visit.settings) if e.effect is not None and known else ""
    state = "" if e.kind is not Kind.ACTION else say("reviews.overdue") if f.is_overdue else say(f"reviews.state_{e.state}")
    return Line(
        e.entry_id, e.text, " · ".join(a for a in about if a), e.kpi or "", known.title[visit.locale] if known else e.kpi or "", effect, moved,
        came_words(f, visit.settings), {True: "better", False: "warn", None: ""}[o.is_reached if o else None], state, f.is_overdue,
    )  # fmt: skip


def _entries_sheet(visit: Visit, found: Meeting) -> Sheet:
    columns = tuple(Column(n, visit.say(f"reviews.head_{n}"), is_number=n in NUMBERS) for n in COLUMNS)
    rows = [
        [
            str(f.entry.kind), f.entry.period, f.entry.text, f.owner, f.entry.due, str(f.entry.state), f.entry.kpi, f.entry.effect,
            f.outcome.before if f.outcome else None, f.outcome.now if f.outcome else None, f.outcome.change if f.outcome else None,
            f.entry.value, f.ours.value if f.ours else None,
        ]
        for f in (*found.decided_before, *found.decisions, *found.actions, *found.points, *found.notes)
    ]  # fmt: skip
    return Sheet("entries", columns, rows)


def _table_sheet(found: Table) -> Sheet:
    columns = tuple(Column(f"c{i}", h.label, is_number=h.is_number) for i, h in enumerate(found.headings))
    return Sheet(found.name, columns, [[c.words if c.value is None else c.value for c in row] for row in found.rows])
