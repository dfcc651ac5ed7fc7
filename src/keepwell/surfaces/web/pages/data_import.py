"""The import wizard, second step: which column of the file is which of the model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Form
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError
from keepwell.lake.entity import Column, entities
from keepwell.sources import draft_mapping, drafts
from keepwell.sources.draft_mapping import Plain, targets
from keepwell.sources.drafts import Draft
from keepwell.sources.evidence import Evidence, SampleColumn
from keepwell.sources.fitting import fit_or_none
from keepwell.sources.reader import UnknownEncodingError
from keepwell.sources.suggestion import Suggestion
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.data_landing import start_check
from keepwell.surfaces.web.pages.data_tabs import Tab, entity_words, tabs, understood_words
from keepwell.surfaces.web.pages.data_upload import ENCODINGS, asked_reading, draft_of, size_words
from keepwell.surfaces.web.tables import Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
VALUES_SHOWN = 4
ALL_FIT = 0.995


@dataclass(frozen=True)
class Choice:
    """Something to choose."""

    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True)
class FileColumn:
    """A column of the file: its first values, what it feeds, how sure that is and why."""

    name: str
    values: tuple[str, ...]
    feeds: str
    confidence: str
    tone: str
    why: str
    translations: tuple[tuple[str, str], ...]
    is_read_by_sql: bool


@dataclass(frozen=True)
class Constant:
    """A column of the model that the file does not bring, and what it holds in all rows."""

    name: str
    label: str
    value: str
    is_needed: bool
    allowed: tuple[str, ...]


@dataclass(frozen=True)
class MappingPage:
    """The second step: which column of the file is which of the model."""

    title: str
    tabs: tuple[Tab, ...]
    draft: Draft
    size: str
    entity: str
    entities: tuple[Choice, ...]
    likely: tuple[Choice, ...]
    understood: str
    columns: tuple[FileColumn, ...]
    targets: tuple[tuple[str, str, bool], ...]
    constants: tuple[Constant, ...]
    further: tuple[tuple[str, str], ...]
    plain: Plain | None
    date_formats: tuple[str, ...]
    decimal_signs: tuple[str, ...]
    text: str
    remembered: tuple[str, ...]
    encodings: tuple[tuple[str, str], ...]  # none where the file is no text
    is_delimited: bool
    workbook: tuple[str, ...]  # its sheets
    error: str | None = None
    hint: str | None = None
    sheets: tuple[Sheet, ...] = ()


@ROUTES.get("/data/import/{draft_id}/mapping", Capability.IMPORT)
def show_mapping(visit: Here, draft_id: str) -> Response:
    draft = draft_of(visit, draft_id)
    try:
        draft_mapping.look_at(draft)
    except UnknownEncodingError as error:
        return asked_reading(visit, draft, error)
    return _shown(visit, draft)


def _shown(visit: Visit, draft: Draft, error: KeepwellError | None = None) -> Response:
    page = _mapping_page(visit, draft)
    if error is not None:
        page = replace(page, error=error.message, hint=error.hint)
    return visit.html("data_mapping.html", 400 if error else 200, page=page, title=page.title)


def _mapping_page(visit: Visit, draft: Draft) -> MappingPage:
    place = visit.site.place
    look = draft_mapping.look_at(draft)
    plain = draft_mapping.plain_or_none(draft)
    chosen = plain.entity.name if plain else ""
    suggestion = draft_mapping.suggestion_for(draft, place, chosen) if plain else None
    every = sorted((entity_words(visit, n), n) for n, e in entities().items() if not e.is_derived)
    likely = draft_mapping.likely_entities(draft, place)
    return MappingPage(
        title=visit.say("data.tab_wizard"),
        tabs=tabs(visit),
        draft=draft,
        size=size_words(draft.size),
        entity=entity_words(visit, chosen) if chosen else "",
        entities=tuple(Choice(n, label, n == chosen) for label, n in every),
        likely=tuple(Choice(n, entity_words(visit, n), n == chosen) for n in likely),
        understood=understood_words(visit, look.understood),
        columns=_file_columns(visit, plain, suggestion, look.columns, look.first_rows) if plain and suggestion else (),
        targets=tuple((t.column.name, _label(visit, t.column), t.is_needed) for t in targets(plain.entity)) if plain else (),
        constants=_constants(visit, plain) if plain else (),
        further=tuple(_further(plain, suggestion)) if plain and suggestion else (),
        plain=plain,
        date_formats=tuple(draft_mapping.open_formats(suggestion, "dates")) if suggestion else (),
        decimal_signs=tuple(draft_mapping.open_formats(suggestion, "decimal")) if suggestion else (),
        text=draft.mapping.read_text(encoding="utf-8"),
        remembered=tuple(p.name for p in draft_mapping.known_mappings(place)),
        encodings=ENCODINGS if "encoding" in look.understood else (),
        is_delimited="delimiter" in look.understood,
        workbook=look.sheets,
    )


def _label(visit: Visit, column: Column) -> str:
    return f"{column.label[visit.locale]} · {column.name}"


def _file_columns(
    visit: Visit, plain: Plain, suggestion: Suggestion, columns: Sequence[SampleColumn], rows: Sequence[Sequence[str | None]]
) -> tuple[FileColumn, ...]:
    matches = {m.column.name: m for m in suggestion.matches}
    by_sql = {m.source.name: n for n, m in matches.items() if m.expression and n in plain.expressions}
    feeds = {file_column: name for name, file_column in [*plain.columns.items()][::-1]}
    found = []
    for place, column in enumerate(columns):
        name = feeds.get(column.name) or by_sql.get(column.name, "")
        match = matches.get(name)
        is_suggested = match is not None and match.source.name == column.name
        first = [r[place] for r in rows[:VALUES_SHOWN]]
        found.append(
            FileColumn(
                column.name,
                tuple("" if v is None else v for v in first),
                name,
                visit.say(f"data.confidence_{match.confidence}") if is_suggested and match else visit.say("data.chosen") if name else "",
                {"sure": "better", "guess": "warn"}.get(match.confidence, "") if is_suggested and match else "",
                _why(visit, plain, name, column),
                tuple((k or visit.say("data.empty_cell"), v or visit.say("data.nothing")) for k, v in plain.values.get(name, {}).items()),
                column.name in by_sql,
            )
        )
    return tuple(found)


def _why(visit: Visit, plain: Plain, name: str, column: SampleColumn) -> str:
    """How well the values fit what the column feeds."""
    if not name:
        return ""
    fit = fit_or_none(plain.entity.column(name), plain.entity, Evidence(column))
    if fit is None:
        return visit.say("data.no_values")
    return visit.say("data.all_fit") if fit >= ALL_FIT else visit.say("data.some_fit", share=f"{fit:.0%}")


def _constants(visit: Visit, plain: Plain) -> tuple[Constant, ...]:
    """What holds for all rows, and what must be said since the file does not."""
    needed = {t.column.name for t in targets(plain.entity) if t.is_needed}
    wanted = dict.fromkeys([*plain.constants, *(c.name for c in plain.missing)])
    found = []
    for name in wanted:
        column = plain.entity.column(name)
        found.append(Constant(name, _label(visit, column), plain.constants.get(name, ""), name in needed, column.allowed))
    return tuple(found)


def _further(plain: Plain, suggestion: Suggestion) -> list[tuple[str, str]]:
    """Lines of the mapping that no row of the table shows: several columns joined, one that feeds two."""
    by_one = {m.column.name for m in suggestion.matches if m.expression}
    seen: set[str] = set()
    found = [(name, sql) for name, sql in plain.expressions.items() if name not in by_one]
    for name, file_column in plain.columns.items():
        if file_column in seen:
            found.append((name, file_column))
        seen.add(file_column)
    return found


class Said(BaseModel):
    """What the form of the mapping says: pairs of columns, pairs of constants, formats."""

    file_column: list[str] = Field(default_factory=list)
    target: list[str] = Field(default_factory=list)
    constant_name: list[str] = Field(default_factory=list)
    constant_value: list[str] = Field(default_factory=list)
    dates: str = ""
    decimal: str = ""
    timezone: str = ""
    source: str = ""


@ROUTES.post("/data/import/{draft_id}/mapping", Capability.IMPORT)
def keep_mapping(visit: Here, draft_id: str, said: Annotated[Said, Form()]) -> Response:
    """Keep what was chosen, and go on to the check."""
    draft = draft_of(visit, draft_id)
    try:
        draft = drafts.set_source(draft, said.source.strip() or draft.source)
        _keep(visit, draft, said)
    except KeepwellError as error:
        return _shown(visit, draft, error)
    return redirect(start_check(visit, draft))


def _keep(visit: Visit, draft: Draft, said: Said) -> None:
    plain = draft_mapping.plain_or_none(draft)
    if plain is None:
        return
    suggestion = draft_mapping.suggestion_for(draft, visit.site.place, plain.entity.name)
    picks = list(zip(said.file_column, said.target, strict=False))
    constants = {c: v for c, v in zip(said.constant_name, said.constant_value, strict=False) if c}
    formats = replace(plain, dates=said.dates.strip() or None, decimal=said.decimal.strip() or None, timezone=said.timezone.strip() or None)
    draft_mapping.write_plain(draft, draft_mapping.chosen(formats, suggestion, picks, constants))


@ROUTES.post("/data/import/{draft_id}/entity", Capability.IMPORT)
def choose_entity(visit: Here, draft_id: str, entity: Annotated[str, Form()] = "") -> Response:
    """Another entity: the mapping is suggested anew."""
    draft = draft_of(visit, draft_id)
    draft_mapping.suggest_mapping(draft, visit.site.place, entity)
    return redirect(f"/data/import/{draft_id}/mapping")


@ROUTES.post("/data/import/{draft_id}/text", Capability.IMPORT)
def keep_text(visit: Here, draft_id: str, text: Annotated[str, Form()] = "") -> Response:
    """The mapping as a person wrote it."""
    draft = draft_of(visit, draft_id)
    try:
        draft_mapping.write_text(draft, text.replace("\r\n", "\n"))
    except KeepwellError as error:
        return _shown(visit, draft, error)
    return redirect(f"/data/import/{draft_id}/mapping")


@ROUTES.post("/data/import/{draft_id}/use", Capability.IMPORT)
def use_remembered(visit: Here, draft_id: str, name: Annotated[str, Form()] = "") -> Response:
    """A mapping that the workspace remembers."""
    draft = draft_of(visit, draft_id)
    try:
        draft_mapping.use_mapping(draft, visit.site.place, name)
    except KeepwellError as error:
        return _shown(visit, draft, error)
    return redirect(f"/data/import/{draft_id}/mapping")


@ROUTES.post("/data/import/{draft_id}/remember", Capability.IMPORT)
def remember(visit: Here, draft_id: str, name: Annotated[str, Form()] = "") -> Response:
    """Keep the mapping for the next file of this kind."""
    kept = draft_mapping.remember_mapping(draft_of(visit, draft_id), visit.site.place, name)
    visit.note("remembered", "mapping", kept.name)
    return redirect(f"/data/import/{draft_id}/check")


@ROUTES.get("/data/import/{draft_id}/mapping.yaml", Capability.IMPORT)
def take_mapping(visit: Here, draft_id: str) -> Response:
    """The mapping as a file, as `keepwell import --mapping` takes it."""
    draft = draft_of(visit, draft_id)
    return Response(
        draft.mapping.read_bytes(),
        headers={"Content-Disposition": 'attachment; filename="mapping.yaml"'},
        media_type="application/yaml; charset=utf-8",
    )
