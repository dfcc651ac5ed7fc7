"""Scorecards with weights: which there are and what they come to, one of them, and those that were published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Form
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError
from keepwell.core.yaml_file import YamlError
from keepwell.performance.scorecards.card import Card
from keepwell.performance.scorecards.published import PublishedCard, Restated
from keepwell.performance.scorecards.scored import Scored
from keepwell.surfaces.codes import title_of
from keepwell.surfaces.web.aimed import people
from keepwell.surfaces.web.card_words import (
    GRADE_TONES,
    MARK,
    Change,
    PerspectiveLine,
    Summary,
    Told,
    desk_of,
    grade_words,
    item_sheet,
    marks_of,
    one_decimal,
    perspectives,
    points_chart,
    real_change_or_none,
    summary,
)
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages import card_edit
from keepwell.surfaces.web.picked import Picked, picked
from keepwell.surfaces.web.route import Routes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH, ONE = "/scorecard/cards", "card.html"
MAY = (Capability.SEE_KPIS, Capability.SET_TARGETS)
LISTED = ("card", "version", "total", "total_low", "total_high", "grade", "known", "total_before", "grade_before")
PUBLISHED = ("card", "period", "version", "total", "grade", "published_at")
KEPT = ("item", "value", "target", "points", "share", "adds", "grade")
DIFFERING = ("item", "differs", "before", "now")
TEXTS = {"card", "grade", "grade_before", "period", "published_at", "item", "differs"}


@dataclass(frozen=True)
class CardLine:
    """A card in the list: the picked period, and the one before it."""

    name: str
    title: str
    meaning: str
    version: int
    is_own: bool
    now: Summary | None
    before: Summary | None
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class PublishedLine:
    """A published card in the list."""

    name: str
    title: str
    period: str
    version: int
    total: Told
    grade: str
    grade_words: str
    grade_tone: str
    at: str
    by: str
    note: str


@dataclass(frozen=True)
class CardsPage:
    """Every card, own files that are faulty, and the published cards."""

    title: str
    picked: Picked
    cards: tuple[CardLine, ...]
    problems: tuple[tuple[str, str], ...]
    published: tuple[PublishedLine, ...]
    sheets: tuple[Sheet, ...]


@ROUTES.page(PATH, Capability.SEE_KPIS, "cards.html")
def show(visit: Visit) -> CardsPage:
    which, desk = picked(visit), desk_of(visit)
    problems: list[YamlError] = []
    known = desk.all(problems)
    own = {p.stem for p in desk.folder.glob("*.yaml")}
    has_run = visit.run_or_none is not None
    found = {
        name: (desk.score(card, which.period.label), desk.score(card, which.before.label) if which.before else None)
        for name, card in known.items()
        if has_run
    }
    lines = tuple(_line(visit, card, found.get(name), which, is_own=name in own) for name, card in known.items())
    kept = desk.published()
    return CardsPage(
        visit.say("cards.title"),
        which,
        lines,
        tuple((p.message, p.hint or "") for p in problems),
        _published(visit, kept, known),
        (_sheet(visit, known, found), _published_sheet(visit, kept)),
    )


def _line(visit: Visit, card: Card, found: tuple[Scored, Scored | None] | None, which: Picked, *, is_own: bool) -> CardLine:
    now, before = found or (None, None)
    changes = [real_change_or_none(visit, i, which) for i in now.items] if now else []
    return CardLine(
        card.name, card.title[visit.locale], card.meaning[visit.locale], card.version, is_own, summary(visit, now) if now else None,
        summary(visit, before) if before else None, tuple(c for c in changes if c is not None),
    )  # fmt: skip


def _sheet(visit: Visit, known: Mapping[str, Card], found: Mapping[str, tuple[Scored, Scored | None]]) -> Sheet:
    rows = [
        [
            name,
            known[name].version,
            now.total,
            now.low,
            now.high,
            now.grade,
            now.known,
            before.total if before else None,
            before.grade if before else None,
        ]
        for name, (now, before) in found.items()
    ]
    return Sheet("cards", tuple(Column(n, visit.say(f"cards.{n}"), n not in TEXTS) for n in LISTED), rows)


def _published(visit: Visit, kept: Sequence[PublishedCard], known: Mapping[str, Card]) -> tuple[PublishedLine, ...]:
    names = people(visit) if kept else {}
    made = []
    for k in kept:
        total = k.card.rows[-1]
        title = known[k.card.name].title[visit.locale] if k.card.name in known else k.card.definition["title"][visit.locale]
        made.append(
            PublishedLine(
                k.card.name, title, k.card.period, k.card.version, one_decimal(total["points"]), total["grade"] or "", grade_words(visit, total["grade"]),
                GRADE_TONES.get(total["grade"] or "", "none"), visit.moment(k.published_at), names.get(k.published_by or "", ""), k.card.note or "",
            )
        )  # fmt: skip
    return tuple(made)


def _published_sheet(visit: Visit, kept: Sequence[PublishedCard]) -> Sheet:
    columns = tuple(Column(n, visit.say(f"cards.{n}"), n not in TEXTS) for n in PUBLISHED)
    rows = [[k.card.name, k.card.period, k.card.version, k.card.rows[-1]["points"], k.card.rows[-1]["grade"], k.published_at] for k in kept]
    return Sheet("published", columns, rows)


@dataclass(frozen=True)
class Markable:
    """A field for a mark."""

    item: str
    title: str
    guidance: str
    most: str
    mark: str


@dataclass(frozen=True)
class CardPage:
    """A card in a period, with the forms that this person may send."""

    title: str
    name: str
    meaning: str
    version: str
    picked: Picked
    summary: Summary
    perspectives: tuple[PerspectiveLine, ...]
    marks: tuple[Markable, ...]
    mark_fields: tuple[str, ...]
    sources: tuple[str, ...]  # of the benchmarks
    chart: Chart | None
    published: tuple[str, ...]
    may_edit: bool
    may_publish: bool
    is_open: bool
    query: str
    fault: tuple[str, str] | None
    sheets: tuple[Sheet, ...]


@ROUTES.page(f"{PATH}/{{name}}", Capability.SEE_KPIS, ONE)
def show_one(visit: Visit) -> CardPage:
    return _page(visit, visit.request.path_params["name"], dict(visit.request.query_params))


def _page(visit: Visit, name: str, asked: Mapping[str, str], error: KeepwellError | None = None) -> CardPage:
    desk, which = desk_of(visit), picked(visit)
    card = desk.card(name)
    label = which.period.label
    marks: dict[str, Decimal] = {}
    try:
        marks = marks_of(asked)
        found = desk.score(card, label, judged=marks)
    except KeepwellError as wrong:
        # a mark that is none is told beside its field, and the card is shown without
        if not marks and not any(n.startswith(MARK) and v for n, v in asked.items()):
            raise
        error, found = error or wrong, desk.score(card, label)
    manual = [(i.name, i.manual) for _, i in card.items if i.manual is not None]
    published = tuple(p.card.period for p in desk.published(name))
    may = visit.may(*MAY) and visit.may_set_targets
    chart, shown = points_chart(visit, found), perspectives(visit, found, which)
    is_over = not found.is_open and found.period.end < visit.workspace.today
    return CardPage(
        title=card.title[visit.locale],
        name=name,
        meaning=card.meaning[visit.locale],
        version=str(card.version),
        picked=which,
        summary=summary(visit, found),
        perspectives=shown,
        marks=tuple(
            Markable(n, m.title[visit.locale], m.guidance[visit.locale], f"{m.most:f}", asked.get(f"{MARK}{n}", "")) for n, m in manual
        ),
        mark_fields=tuple(f"{MARK}{n}" for n, _ in manual),
        sources=tuple(dict.fromkeys(visit.say("cards.source", title=i.title, source=i.source) for p in shown for i in p.items if i.source)),
        chart=chart,
        published=published,
        may_edit=may,
        may_publish=may and is_over and found.period.label not in published,
        is_open=not is_over,
        query=urlencode({n: v for n, v in {"period": label, **{f"{MARK}{i}": f"{m:f}" for i, m in marks.items()}}.items() if v}),
        fault=(visit.told(error.message), visit.told(error.hint)) if error else None,
        sheets=(item_sheet(visit, found), *((chart.sheet,) if chart else ())),
    )


class PublishForm(BaseModel):
    """The form that publishes a card; a mark of an item stands in a field of its own."""

    model_config = ConfigDict(extra="allow")
    period: str = ""
    note: str = ""

    @property
    def marks(self) -> dict[str, str]:
        """The marks as they were written."""
        return {n: v for n, v in (self.model_extra or {}).items() if isinstance(v, str)}


@ROUTES.post(f"{PATH}/{{name}}/published", MAY)
def publish(visit: Here, name: str, form: Annotated[PublishForm, Form()]) -> Response:
    """Keep the card of a period for good; what is wrong is told on its page."""
    try:
        made = desk_of(visit).publish(visit.at, visit.actor, name, form.period, marks_of(form.marks), form.note)
    except KeepwellError as error:
        page = _page(visit, name, form.marks, error)
        return visit.html(ONE, 400, page=page, title=page.title)
    return redirect(f"{PATH}/{quote(name)}/published/{quote(made.card.period)}")


@dataclass(frozen=True)
class KeptLine:
    """A row of a published card."""

    item: str
    title: str
    value: Told
    target: Told
    points: Told
    share: Told
    adds: Told


@dataclass(frozen=True)
class DifferingLine:
    """Something of an item that is otherwise today."""

    item: str
    title: str
    differs: str
    differs_words: str
    before: Told
    now: Told


@dataclass(frozen=True)
class PublishedPage:
    """A card as it was published, and what differs today."""

    title: str
    name: str
    line: PublishedLine
    interval: str
    marks: tuple[tuple[str, str], ...]
    rows: tuple[KeptLine, ...]
    differing: tuple[DifferingLine, ...]
    sheets: tuple[Sheet, ...]


@ROUTES.page(f"{PATH}/{{name}}/published/{{period}}", Capability.SEE_KPIS, "card_published.html")
def show_published(visit: Visit) -> PublishedPage:
    places, desk = visit.request.path_params, desk_of(visit)
    kept, differing = desk.restated(places["name"], places["period"])
    titles = _titles(visit, kept)
    (line,) = _published(visit, [kept], desk.all())
    total = kept.card.rows[-1]
    kept_sheet = Sheet(
        "published",
        tuple(Column(n, visit.say(f"cards.{n}"), n not in TEXTS) for n in KEPT),
        [[r.get(n) for n in KEPT] for r in kept.card.rows],
    )
    pairs = [(r, c) for r in differing for c in r.differs]
    other = Sheet(
        "restated", tuple(Column(n, visit.say(f"cards.{n}"), n not in TEXTS) for n in DIFFERING),
        [[r.item, c, (r.before or {}).get(c), (r.now or {}).get(c)] for r, c in pairs],
    )  # fmt: skip
    return PublishedPage(
        f"{line.title} · {line.period}",
        kept.card.name,
        line,
        ""
        if total["points"] is None or total["points_low"] == total["points_high"]
        else f"{total['points_low']:.1f} – {total['points_high']:.1f}",
        tuple((titles.get(i, i), m) for i, m in kept.card.marks.items()),
        tuple(_kept_line(visit, r, titles) for r in kept.card.rows),
        tuple(_differing(visit, r, c, titles) for r, c in pairs),
        (kept_sheet, other),
    )


def _titles(visit: Visit, kept: PublishedCard) -> dict[str, str]:
    """The items of a published card in words, whatever became of them since."""
    made = {"total": visit.say("cards.total")}
    for item in (i for p in kept.card.definition["perspectives"] for i in p["items"]):
        if item["manual"] is not None:
            made[item["item"]] = item["manual"]["title"][visit.locale]
    return made


def _title(visit: Visit, row: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    known = visit.workspace.kpis.get(_kpi_name(row))
    return titles.get(row["item"]) or (title_of(known, row.get("by"), row.get("member"), visit.locale) if known else row["item"])


def _kpi_name(row: Mapping[str, Any]) -> str:
    # rows of long ago name no KPI: their items were called after it
    return str(row.get("kpi") or row["item"])


def _kept_line(visit: Visit, row: Mapping[str, Any], titles: Mapping[str, str]) -> KeptLine:
    told = {n: _cell(visit, row, n) for n in ("value", "target", "points", "share", "adds")}
    return KeptLine(row["item"], _title(visit, row, titles), **told)


def _differing(visit: Visit, found: Restated, column: str, titles: Mapping[str, str]) -> DifferingLine:
    before, now = (_cell(visit, side or {}, column) for side in (found.before, found.now))
    title = _title(visit, found.before or found.now or {}, titles)
    return DifferingLine(found.item, title, column, visit.say(f"cards.{column}"), before, now)


def _cell(visit: Visit, row: Mapping[str, Any], column: str) -> Told:
    value = row.get(column)
    if value is None:
        return Told("", None)
    if column == "grade":
        return Told(grade_words(visit, value), value)
    kpi = visit.workspace.kpis.get(_kpi_name(row))
    if column in {"value", "target"}:
        return Told(visit.figure(value, kpi.unit) if kpi else f"{value:g}", value)
    return one_decimal(value)


PAGE = Page("cards", PATH, Capability.SEE_KPIS, Routes([*ROUTES, *card_edit.ROUTES]), group=1, is_in_navigation=False)
