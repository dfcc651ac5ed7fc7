"""Data: where rows come from, every import with what it did, and the way to take one back."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.responses import Response

from keepwell.access.roles import Capability, Rows
from keepwell.core.errors import WrongUseError
from keepwell.lake.records import ChangeKind, ChangeRecord, EntityCounts, folder_of
from keepwell.sources.imports import REJECTED_FILE
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages import data_check, data_import, data_lineage, data_quality, data_runs, data_upload
from keepwell.surfaces.web.pages.data_landing import start_undo
from keepwell.surfaces.web.pages.data_rejects import harmless_file
from keepwell.surfaces.web.pages.data_tabs import Tab, entity_words, names_of_users, tabs, understood_words
from keepwell.surfaces.web.refusals import MayNotError, NotFoundError
from keepwell.surfaces.web.route import Routes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect, whole_or

ROUTES = PageRoutes()
A_PAGE = 50


@dataclass(frozen=True)
class SourceLine:
    """What one source brings of one entity."""

    source: str
    entity: str
    name: str
    last_at: datetime
    last_import: str
    imports: int
    read: int
    rejected: int
    last_rejected: int
    rows: int


@dataclass(frozen=True)
class SourcesPage:
    """Where rows come from."""

    title: str
    tabs: tuple[Tab, ...]
    lines: tuple[SourceLine, ...]
    sheets: tuple[Sheet, ...]


@ROUTES.page("/data", Capability.SEE_DATA, "data_sources.html")
def sources(visit: Visit) -> SourcesPage:
    lines = _source_lines(visit)
    heads = ("source", "entity", "last_at", "imports", "read", "rejected", "last_rejected", "rows")
    columns = tuple(Column(n, visit.say(f"data.of_{n}"), n not in {"source", "entity", "last_at"}) for n in heads)
    sheet = Sheet("sources", columns, [[getattr(line, n) for n in heads] for line in lines])
    return SourcesPage(visit.say("data.title"), tabs(visit), lines, (sheet,))


def _source_lines(visit: Visit) -> tuple[SourceLine, ...]:
    lake = visit.workspace.lake
    snapshot = lake.snapshot()
    found: dict[tuple[str, str], list[tuple[ChangeRecord, int, int]]] = defaultdict(list)
    for change in lake.changes():
        if change.kind is ChangeKind.IMPORT and change.undone_by is None:
            for e in change.entities:
                found[change.source, e.entity].append((change, e.read, e.rejected))
    lines = [
        SourceLine(
            source, entity_words(visit, name), name, made[-1][0].started_at, made[-1][0].import_id, len(made), sum(r for _, r, _ in made),
            sum(r for *_, r in made), made[-1][2], snapshot.rows(name),
        )
        for (source, name), made in found.items()
    ]  # fmt: skip
    return tuple(sorted(lines, key=lambda line: (line.source, -line.last_at.timestamp(), line.entity)))


@dataclass(frozen=True)
class ImportLine:
    """One change of the lake in the list."""

    import_id: str
    kind: str
    what: str
    at: datetime
    by: str
    source: str
    read: int
    inserted: int
    updated: int
    removed: int
    rejected: int
    undone_by: str | None


@dataclass(frozen=True)
class ImportsPage:
    """Every import, undoing and erasure, the newest first."""

    title: str
    tabs: tuple[Tab, ...]
    lines: tuple[ImportLine, ...]
    total: int
    older: str | None
    sheets: tuple[Sheet, ...]


@ROUTES.page("/data/imports", Capability.SEE_DATA, "data_imports.html")
def list_imports(visit: Visit) -> ImportsPage:
    everybody = names_of_users(visit)
    changes = visit.workspace.lake.changes()[::-1]
    asked = visit.asked("from")
    first = whole_or(asked, 0)
    lines = tuple(_import_line(visit, c, everybody) for c in changes[first : first + A_PAGE])
    heads = ("import_id", "kind", "what", "at", "by", "source", "read", "inserted", "updated", "removed", "rejected", "undone_by")
    numbers = {"read", "inserted", "updated", "removed", "rejected"}
    sheet = Sheet(
        "imports",
        tuple(Column(n, visit.say(f"data.of_{n}"), n in numbers) for n in heads),
        [[getattr(_import_line(visit, c, everybody), n) for n in heads] for c in changes],
    )
    older = visit.address_with(**{"from": str(first + A_PAGE)}) if len(changes) > first + A_PAGE else None
    return ImportsPage(visit.say("data.title"), tabs(visit), lines, len(changes), older, (sheet,))


def _import_line(visit: Visit, change: ChangeRecord, everybody: dict[str, str]) -> ImportLine:
    counts = change.entities
    return ImportLine(
        change.import_id, visit.say(f"data.kind_{change.kind}"), _what(visit, change), change.started_at, everybody.get(change.by or "", ""), change.source,
        sum(c.read for c in counts), sum(c.inserted for c in counts), sum(c.updated for c in counts), sum(c.removed for c in counts),
        sum(c.rejected for c in counts), change.undone_by,
    )  # fmt: skip


def _what(visit: Visit, change: ChangeRecord) -> str:
    return ", ".join(f.name for f in change.files) or change.undoes or visit.say(f"data.kind_{change.kind}")


@dataclass(frozen=True)
class ImportPage:
    """One import: what it brought, and what became of it."""

    title: str
    tabs: tuple[Tab, ...]
    change: ChangeRecord
    line: ImportLine
    counts: tuple[tuple[str, EntityCounts], ...]
    understood: tuple[str, ...]  # of each file
    has_rejected: bool
    can_undo: bool
    is_new: bool
    later: int
    sheets: tuple[Sheet, ...]


@ROUTES.get("/data/imports/{import_id}", Capability.SEE_DATA)
def show_import(visit: Here, import_id: str) -> Response:
    page = _import_page(visit, import_id)
    return visit.html("data_one_import.html", page=page, title=page.title)


def _change(visit: Visit, import_id: str) -> ChangeRecord:
    try:
        return visit.workspace.lake.change(import_id)
    except WrongUseError:
        raise NotFoundError(visit.say("data.no_import")) from None


def _import_page(visit: Visit, import_id: str) -> ImportPage:
    change = _change(visit, import_id)
    can_undo = visit.may_import and change.undone_by is None and change.kind in {ChangeKind.IMPORT, ChangeKind.UNDO}
    return ImportPage(
        title=_what(visit, change),
        tabs=tabs(visit),
        change=change,
        line=_import_line(visit, change, names_of_users(visit)),
        counts=tuple((entity_words(visit, c.entity), c) for c in change.entities),
        understood=tuple(understood_words(visit, f.understood) for f in change.files),
        has_rejected=_rejected_file(visit, change).exists() and _may_take_rejected(visit, change),
        can_undo=can_undo,
        is_new=visit.asked("new") == "1",
        later=_later(visit, change) if can_undo else 0,
        sheets=(),
    )


def _later(visit: Visit, change: ChangeRecord) -> int:
    """How many changes that still stand have come since to what this one changed."""
    mine = {c.entity for c in change.entities}
    since = (c for c in visit.workspace.lake.changes() if (c.started_at, c.import_id) > (change.started_at, change.import_id))
    return sum(1 for c in since if c.undone_by is None and mine & {e.entity for e in c.entities})


@ROUTES.get("/data/imports/{import_id}/undo", Capability.IMPORT)
def ask_undo(visit: Here, import_id: str) -> Response:
    """What taking it back would do, before it is done."""
    page = _import_page(visit, import_id)
    if not page.can_undo:
        raise NotFoundError(visit.say("data.cannot_undo"))
    return visit.html("data_undo.html", page=page, title=page.title)


@ROUTES.post("/data/imports/{import_id}/undo", Capability.IMPORT)
def take_back(visit: Here, import_id: str) -> Response:
    _change(visit, import_id)
    return redirect(start_undo(visit, import_id))


@ROUTES.get("/data/imports/{import_id}/download/rejected.csv", (Capability.IMPORT, Capability.EXPORT))
def take_rejected(visit: Here, import_id: str) -> Response:
    """The rows that did not land: for who brought them, and for those who see all customers by name."""
    change = _change(visit, import_id)
    path = _rejected_file(visit, change)
    if not path.exists():
        raise NotFoundError(visit.say("data.no_rejected"))
    if not _may_take_rejected(visit, change):
        raise MayNotError(visit.say("data.not_yours"))
    visit.note("exported", "rejected", import_id)
    return harmless_file(path, "rejected.csv")


def _rejected_file(visit: Visit, change: ChangeRecord) -> Path:
    return folder_of(visit.site.place.lake_folder, change.import_id) / REJECTED_FILE


def _may_take_rejected(visit: Visit, change: ChangeRecord) -> bool:
    is_own = change.by is not None and change.by == visit.who.user_id
    return is_own or (visit.may(Capability.SEE_PERSONAL, Capability.SEE_CUSTOMERS) and visit.who.rows == Rows.ALL)


def _all_routes(parts: Sequence[Routes]) -> Routes:
    found = Routes()
    for part in parts:
        found += part
    return found


PAGE = Page(
    "data",
    "/data",
    Capability.SEE_DATA,
    _all_routes(
        [ROUTES, data_upload.ROUTES, data_import.ROUTES, data_check.ROUTES, data_quality.ROUTES, data_runs.ROUTES, data_lineage.ROUTES]
    ),
    group=3,
)
