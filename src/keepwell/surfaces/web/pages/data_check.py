"""The import wizard, second half: what would become of the rows, what is wrong with some and how to mend it, and the import itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError
from keepwell.lake.entity import Column, ColumnType, entity
from keepwell.lake.records import EntityCounts
from keepwell.sources import draft_checks, draft_mapping
from keepwell.sources.draft_checks import REJECTED, Check, Obstacle
from keepwell.sources.draft_mapping import Plain, targets
from keepwell.sources.drafts import Draft
from keepwell.sources.findings import Cause, Finding
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.data_import import Choice
from keepwell.surfaces.web.pages.data_landing import start_check, start_landing
from keepwell.surfaces.web.pages.data_rejects import harmless_file
from keepwell.surfaces.web.pages.data_tabs import Tab, entity_words, tabs, understood_words
from keepwell.surfaces.web.pages.data_upload import draft_of, size_words
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.tables import Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
FIXABLE = {Cause.UNREADABLE, Cause.FUTURE, Cause.BELOW, Cause.ABOVE}


@dataclass(frozen=True)
class Shown:
    """A finding in words, and the ways to mend it."""

    key: str
    tone: str
    title: str
    rows: int
    examples: tuple[tuple[str, int, int | None], ...]
    more: int  # further values that are not shown
    column: str
    choices: tuple[Choice, ...]  # what a value may mean, where only some may
    can_map: bool
    can_empty: bool
    can_default: bool
    droppable: tuple[Choice, ...]
    feeders: tuple[str, ...]  # columns of the file from which the column could come instead


@dataclass(frozen=True)
class CheckPage:
    """The third step: what would become of the rows."""

    title: str
    tabs: tuple[Tab, ...]
    draft: Draft
    size: str
    check: Check | None
    obstacle: Obstacle | None
    obstacle_words: str
    missing: tuple[tuple[str, str, tuple[str, ...]], ...]
    feeders: tuple[str, ...]
    counts: tuple[tuple[str, EntityCounts], ...]
    understood: str
    landing: int
    rejected: int
    refused: str
    findings: tuple[Shown, ...]
    has_rejected_file: bool
    is_plain: bool
    sheets: tuple[Sheet, ...] = ()


@ROUTES.get("/data/import/{draft_id}/check", Capability.IMPORT)
def show_check(visit: Here, draft_id: str) -> Response:
    page = _page(visit, draft_of(visit, draft_id))
    return visit.html("data_check.html", page=page, title=page.title)


def _page(visit: Visit, draft: Draft) -> CheckPage:
    check = draft_checks.last_check_or_none(draft)
    plain = draft_mapping.plain_or_none(draft)
    obstacle = check.obstacle if check else None
    counts = check.entities if check else ()
    feeders = _unused_columns(draft, plain) if plain else ()
    return CheckPage(
        title=visit.say("data.tab_wizard"),
        tabs=tabs(visit),
        draft=draft,
        size=size_words(draft.size),
        check=check,
        obstacle=obstacle,
        obstacle_words=_obstacle_words(visit, obstacle, plain) if obstacle else "",
        missing=tuple(_missing(visit, plain, obstacle.columns)) if obstacle and plain else (),
        feeders=feeders,
        counts=tuple((entity_words(visit, c.entity), c) for c in counts),
        understood=understood_words(visit, check.understood or {}) if check else "",
        landing=sum(c.inserted + c.updated for c in counts),
        rejected=sum(c.rejected for c in counts),
        refused=", ".join(entity_words(visit, e) for e in check.refused) if check else "",
        findings=tuple(_shown(visit, f, plain, feeders) for f in check.findings) if check else (),
        has_rejected_file=(draft.folder / REJECTED).exists(),
        is_plain=plain is not None,
    )


def _missing(visit: Visit, plain: Plain, columns: Iterable[str]) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    for name in columns:
        column = plain.entity.column(name)
        yield name, column.label[visit.locale], column.allowed


def _obstacle_words(visit: Visit, obstacle: Obstacle, plain: Plain | None) -> str:
    """Why the check could not be made, in the person's language where it is one of the common reasons."""
    if obstacle.columns and plain is not None:
        labels = (f"{plain.entity.column(c).label[visit.locale]} ({c})" for c in obstacle.columns)
        return visit.say("data.nothing_gives", columns=visit.say("data.comma").join(labels))
    return visit.say(f"data.{obstacle.setting}_two_ways") if obstacle.setting else obstacle.message


def _unused_columns(draft: Draft, plain: Plain) -> tuple[str, ...]:
    used = set(plain.columns.values())
    return tuple(c.name for c in draft_mapping.look_at(draft).columns if c.name not in used)


def _shown(visit: Visit, finding: Finding, plain: Plain | None, feeders: tuple[str, ...]) -> Shown:
    mine = plain if plain is not None and plain.entity.name == finding.entity else None
    column = mine.entity.column(finding.column) if mine and finding.column and mine.entity.has_column(finding.column) else None
    is_given = mine is not None and column is not None and (column.name in mine.columns or column.name in mine.expressions)
    is_needed = column is not None and any(t.is_needed and t.column is column for t in targets(mine.entity)) if mine else True
    can_map = is_given and not finding.is_warning and finding.cause in FIXABLE
    examples = tuple((visit.say("data.empty_cell") if e.value is None else e.value, e.rows, e.line) for e in finding.examples)
    return Shown(
        key=finding.key,
        tone="warn" if finding.is_warning else "worse",
        title=_title(visit, finding, column),
        rows=finding.rows,
        examples=() if finding.cause is Cause.MISSING else examples,
        more=max(0, finding.values - len(finding.examples)),
        column=column.name if column else "",
        choices=_meanings(column),
        can_map=can_map,
        can_empty=can_map and not is_needed,
        can_default=is_given and finding.cause is Cause.MISSING,
        droppable=tuple(
            Choice(name, mine.entity.column(name).label[visit.locale])
            for name in draft_checks.droppable(finding, mine)
            if not finding.is_warning
        )
        if mine
        else (),
        feeders=feeders
        if is_given and not finding.is_warning and finding.cause in {Cause.UNREADABLE, Cause.MISSING, Cause.DUPLICATE}
        else (),
    )


def _meanings(column: Column | None) -> tuple[Choice, ...]:
    if column is None:
        return ()
    members = column.allowed or (("true", "false") if column.type is ColumnType.FLAG else ())
    return tuple(Choice(m, m) for m in members)


def _title(visit: Visit, finding: Finding, column: Column | None) -> str:
    """What is wrong, in a sentence."""
    label = column.label[visit.locale] if column else finding.column or ""
    places = {"column": label, "detail": finding.detail}
    if finding.cause is Cause.RULE:
        rule = next((r for r in entity(finding.entity).rules if r.name == finding.detail), None)
        return rule.says[visit.locale] if rule else finding.detail
    if finding.cause is Cause.ORPHAN:
        name = "data.cause_orphan_kept" if finding.is_warning else "data.cause_orphan"
        return visit.say(name, column=label, entity=entity_words(visit, finding.detail))
    if finding.cause is Cause.UNREADABLE and column is not None:
        kind = "allowed" if column.allowed else "currency" if column.name == "currency" else str(column.type)
        return visit.say(f"data.unreadable_{kind}", **_named(visit, f"data.unreadable_{kind}", places))
    return visit.say(f"data.cause_{finding.cause}", **_named(visit, f"data.cause_{finding.cause}", places))


def _named(visit: Visit, word: str, places: dict[str, str]) -> dict[str, str]:
    """The places that the word has."""
    template = visit.say(word)
    return {name: value for name, value in places.items() if f"{{{name}}}" in template}


@ROUTES.post("/data/import/{draft_id}/check", Capability.IMPORT)
def run_check(visit: Here, draft_id: str) -> Response:
    """Look what would become of the rows; nothing is written to the lake."""
    return redirect(start_check(visit, draft_of(visit, draft_id)))


class Fix(BaseModel):
    """What a form about a finding says."""

    way: str = ""
    column: str = ""
    value: list[str] = Field(default_factory=list)
    meaning: list[str] = Field(default_factory=list)
    default: str = ""
    file_column: str = ""
    setting: str = ""


@ROUTES.post("/data/import/{draft_id}/fix", Capability.IMPORT)
def fix(visit: Here, draft_id: str, said: Annotated[Fix, Form()]) -> Response:
    """Mend the mapping by one finding, and check again."""
    draft = draft_of(visit, draft_id)
    default = said.default.strip()
    if said.way == "values":
        draft_checks.map_values(draft, said.column, {v: m for v, m in zip(said.value, said.meaning, strict=False) if m.strip()})
    elif said.way == "empty":
        draft_checks.map_values(draft, said.column, dict.fromkeys(said.value))
    elif said.way == "default" and default:
        draft_checks.set_default(draft, said.column, default)
    elif said.way == "drop":
        draft_checks.drop_column(draft, said.column)
    elif said.way == "feed" and said.file_column:
        draft_checks.feed_from(draft, said.column, said.file_column)
    elif said.way == "format":
        draft_checks.set_format(draft, said.setting, default)
    path = start_check(visit, draft)
    return redirect(f"{path}#findings" if path.endswith("/check") else path)


@ROUTES.post("/data/import/{draft_id}/commit", Capability.IMPORT)
def commit(visit: Here, draft_id: str) -> Response:
    """Import the draft. What was checked is what lands, or nothing does."""
    draft = draft_of(visit, draft_id)
    check = draft_checks.last_check_or_none(draft)
    if check is None or not check.may_land:
        raise KeepwellError(visit.say("data.check_first"), visit.say("data.check_first_hint"))
    return redirect(start_landing(visit, draft))


@ROUTES.get("/data/import/{draft_id}/download/rejected.csv", (Capability.IMPORT, Capability.EXPORT))
def take_rejected(visit: Here, draft_id: str) -> Response:
    """The rows that would not land, with file, line and reason, to be corrected and uploaded."""
    draft = draft_of(visit, draft_id)
    if not (draft.folder / REJECTED).exists():
        raise NotFoundError(visit.say("data.no_rejected"))
    visit.note("exported", "rejected", draft_id, file=draft.name)
    return harmless_file(draft.folder / REJECTED, "rejected.csv")
