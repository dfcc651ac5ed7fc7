"""A scorecard is edited: its fields, what a change would make of a period as one writes it, saving, and the way back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Form
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError
from keepwell.performance.scorecards import own_files
from keepwell.performance.scorecards.card import Card, Missing, Perspective
from keepwell.performance.scorecards.curve import Versus
from keepwell.performance.scorecards.edited import GRADES, LEFT_OUT, edited, fields_of
from keepwell.performance.scorecards.own_files import ChangedMeanwhileError, Definition
from keepwell.surfaces.card_edits import CardEdits, Preview, preview_rows
from keepwell.surfaces.web.card_words import (
    MARK,
    PREVIEWED,
    MovedLine,
    Summary,
    desk_of,
    fault_words,
    item_title,
    marks_of,
    moved_lines,
    summary,
)
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.picked import picked
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH, TEMPLATE = "/scorecard/cards", "card_edit.html"
MAY = (Capability.SEE_KPIS, Capability.SET_TARGETS)
Marks = Mapping[str, str]


@dataclass(frozen=True)
class Field:
    """A field of the form: its name there, its words, and what stands in it."""

    name: str
    label: str
    text: str


@dataclass(frozen=True)
class ItemFields:
    """An item's fields."""

    title: str
    hint: str
    weight: Field
    curve: tuple[Field, ...]
    is_bent: bool
    left_out: Field


@dataclass(frozen=True)
class NewItem:
    """The fields for an item that is to be added."""

    kpi: Field
    versus: Field
    others: tuple[Field, ...]
    is_begun: bool


@dataclass(frozen=True)
class PerspectiveFields:
    """A perspective's fields."""

    title: str
    weight: Field
    items: tuple[ItemFields, ...]
    new: NewItem


@dataclass(frozen=True)
class PreviewPart:
    """What a change would make of the period; or what is wrong with it."""

    title: str
    period: str
    before: Summary | None
    after: Summary | None
    lines: tuple[MovedLine, ...]
    fault: tuple[str, str] | None
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True)
class EditPage:
    """A card's fields, what they would make of the period, and its earlier versions."""

    title: str
    name: str
    version: str
    seen: str
    period: str
    marks: tuple[tuple[str, str], ...]
    is_own: bool
    has_shipped: bool
    perspectives: tuple[PerspectiveFields, ...]
    missing: Field
    missing_choices: tuple[tuple[str, str], ...]
    kpi_choices: tuple[tuple[str, str], ...]
    versus_choices: tuple[tuple[str, str], ...]
    others: tuple[Field, ...]
    earlier: tuple[tuple[str, str], ...]
    preview: PreviewPart
    fault: tuple[str, str] | None
    sheets: tuple[Sheet, ...]


class EditForm(BaseModel):
    """The form: which definition it was made from, the period that is looked at, and a field for each thing that can be changed."""

    model_config = ConfigDict(extra="allow")
    seen: str = ""
    period: str = ""

    @property
    def given(self) -> dict[str, str]:
        """All other fields as they were written."""
        return {n: v for n, v in (self.model_extra or {}).items() if isinstance(v, str)}

    @property
    def marks(self) -> dict[str, str]:
        """Those of them that are marks."""
        return {n: v for n, v in self.given.items() if n.startswith(MARK)}


@ROUTES.page(f"{PATH}/{{name}}/edit", MAY, TEMPLATE)
def show(visit: Visit) -> EditPage:
    edits, asked = _edits(visit), dict(visit.request.query_params)
    edits.desk.check_whole()
    found = edits.definition(visit.request.path_params["name"])
    return _page(visit, edits, found, EditForm(period=picked(visit).period.label, **{n: v for n, v in asked.items() if n.startswith(MARK)}))


@ROUTES.post(f"{PATH}/{{name}}/preview", MAY)
def preview(visit: Here, name: str, form: Annotated[EditForm, Form()]) -> Response:
    """What the fields would make of the period. Nothing is saved."""
    edits = _edits(visit)
    found = edits.definition(name)
    page = _preview(visit, edits, found, form)
    return visit.html("card_preview.html", page=page, title=page.title)


@ROUTES.post(f"{PATH}/{{name}}/save", MAY)
def save(visit: Here, name: str, form: Annotated[EditForm, Form()]) -> Response:
    """Keep the fields as the next version; what is wrong is told beside them, and nothing is saved."""
    edits = _edits(visit)
    edits.desk.check_whole()
    found = edits.definition(name)
    values = _values(edits, found, form)
    try:
        _check_seen(found, form)
        edits.save(visit.at, visit.actor, values, found)
    except ChangedMeanwhileError as error:
        # what was written belongs to fields that may be others by now
        page = _page(visit, edits, edits.definition(name), EditForm(period=form.period), fault_words(visit, error))
        return visit.html(TEMPLATE, 409, page=page, title=page.title)
    except KeepwellError as error:
        page = _page(visit, edits, found, form, fault_words(visit, error, values))
        return visit.html(TEMPLATE, 400, page=page, title=page.title)
    return redirect(f"{PATH}/{quote(name)}?period={quote(form.period)}")


@ROUTES.post(f"{PATH}/{{name}}/revert", MAY)
def revert(visit: Here, name: str, period: Annotated[str, Form()] = "") -> Response:
    """The shipped card counts again."""
    _edits(visit).revert(visit.at, visit.actor, name)
    return redirect(f"{PATH}/{quote(name)}/edit?period={quote(period)}")


@ROUTES.post(f"{PATH}/{{name}}/bring-back", MAY)
def bring_back(visit: Here, name: str, key: Annotated[str, Form()] = "", period: Annotated[str, Form()] = "") -> Response:
    """An earlier version counts again."""
    _edits(visit).bring_back(visit.at, visit.actor, name, key)
    return redirect(f"{PATH}/{quote(name)}/edit?period={quote(period)}")


def _edits(visit: Visit) -> CardEdits:
    return CardEdits(desk_of(visit))


def _card(edits: CardEdits, found: Definition) -> Card:
    return own_files.given(found.values, edits.desk.workspace.kpis)


def _values(edits: CardEdits, found: Definition, form: EditForm) -> dict[str, Any]:
    return edited(found.values, fields_of(found.values, _card(edits, found)), form.given)


def _check_seen(found: Definition, form: EditForm) -> None:
    if form.seen != found.mark:
        raise own_files.changed_meanwhile(found)


def _preview(visit: Visit, edits: CardEdits, found: Definition, form: EditForm) -> PreviewPart:
    title, values = visit.say("cards.preview"), _values(edits, found, form)
    try:
        if form.seen:
            _check_seen(found, form)
        made = edits.preview(found.name, values, form.period, marks_of(form.marks))
    except KeepwellError as error:
        return PreviewPart(title, form.period, None, None, (), fault_words(visit, error, values), ())
    rows = preview_rows(made)
    columns = (Column("item", visit.say("cards.item")), *(Column(n, visit.say(f"cards.{n}"), is_number=True) for n in PREVIEWED))
    return PreviewPart(
        title,
        made.after.period.label,
        summary(visit, made.before),
        summary(visit, made.after),
        moved_lines(rows, _titles(visit, made)),
        None,
        (Sheet("preview", columns, [[r["item"], *(r[n] for n in PREVIEWED)] for r in rows]),),
    )


def _titles(visit: Visit, made: Preview) -> dict[str, str]:
    items = (*made.before.items, *made.after.items)
    return {i.item.name: item_title(visit, i.item) for i in items} | {"total": visit.say("cards.total")}


def _page(visit: Visit, edits: CardEdits, found: Definition, form: EditForm, fault: tuple[str, str] | None = None) -> EditPage:
    card = _card(edits, found)
    texts = fields_of(found.values, card) | {n: v for n, v in form.given.items() if not n.startswith(MARK)}
    part = _preview(visit, edits, found, form)
    others = (
        Field("least_known", visit.say("cards.field_least_known"), texts["least_known"]),
        *(Field(f"grades.{g}", visit.say("cards.from", grade=visit.say(f"cards.grade_{g}")), texts[f"grades.{g}"]) for g in GRADES),
    )
    return EditPage(
        title=visit.say("cards.edit_of", title=card.title[visit.locale]),
        name=found.name,
        version=str(found.version),
        seen=found.mark,
        period=form.period,
        marks=tuple(form.marks.items()),
        is_own=found.is_own,
        has_shipped=found.has_shipped,
        perspectives=tuple(_fields(visit, place, p, texts) for place, p in enumerate(card.perspectives)),
        missing=Field("missing", visit.say("cards.field_missing"), texts["missing"]),
        missing_choices=tuple((str(m), visit.say(f"cards.missing_{m}")) for m in Missing),
        kpi_choices=_kpis(visit),
        versus_choices=tuple((str(v), visit.say(f"cards.versus_{v}")) for v in Versus),
        others=others,
        earlier=tuple((e.key, str(e.version)) for e in edits.earlier(found.name)),
        preview=part,
        fault=fault,
        sheets=part.sheets,
    )


def _kpis(visit: Visit) -> tuple[tuple[str, str], ...]:
    """What can be added, by title."""
    return tuple(sorted(((k.name, k.title[visit.locale]) for k in visit.workspace.kpis.values()), key=lambda k: k[1].casefold()))


def _fields(visit: Visit, place: int, perspective: Perspective, texts: Mapping[str, str]) -> PerspectiveFields:
    def field(name: str) -> Field:
        return Field(name, visit.say(f"cards.field_{name.partition('.')[0].removeprefix('add_')}"), texts.get(name, ""))

    items = []
    for number, item in enumerate(perspective.items):
        at = f"{place}.{number}"
        curve = tuple(field(f"{n}.{at}") for n in ("floor", "target", "most", "points") if f"{n}.{at}" in texts)
        versus = item.curve.versus if item.curve else Versus.ABSOLUTE
        hints = [] if versus is Versus.ABSOLUTE else [visit.say(f"cards.versus_{versus}")]
        if item.is_each:
            hints.append(visit.say("cards.each", dimension=visit.dimension(item.by or "")))
        items.append(
            ItemFields(
                item_title(visit, item), " · ".join(hints), field(f"weight.{at}"), curve, any(f.name.startswith("points") for f in curve),
                field(f"{LEFT_OUT}.{at}"),
            )
        )  # fmt: skip
    others = tuple(field(f"{n}.{place}") for n in ("add_of", "add_weight", "add_floor", "add_target"))
    kpi = field(f"add_kpi.{place}")
    new = NewItem(kpi, field(f"add_versus.{place}"), others, bool(kpi.text))
    return PerspectiveFields(perspective.title[visit.locale], field(f"weight.{place}"), tuple(items), new)
