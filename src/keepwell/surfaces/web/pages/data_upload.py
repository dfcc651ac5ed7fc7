"""The import wizard, first step: a file is uploaded, and how it is read is found out or told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Form
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.sources import draft_mapping, drafts
from keepwell.sources.drafts import MB, Draft
from keepwell.sources.reader import ReadOptions, UnknownEncodingError, readers
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.data_landing import job_or_none
from keepwell.surfaces.web.pages.data_tabs import Tab, tabs
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.tables import Sheet
from keepwell.surfaces.web.uploads import received
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
TAB = "\t"
ENCODINGS = (
    ("windows-1252", "Windows-1252 · Français, Deutsch, Español"),
    ("windows-1250", "Windows-1250 · Polski, Čeština, Magyar"),
    ("windows-1251", "Windows-1251 · Русский"),
    ("windows-1254", "Windows-1254 · Türkçe"),
    ("gb18030", "GB18030 · 简体中文"),
    ("big5", "Big5 · 繁體中文"),
    ("shift_jis", "Shift JIS · 日本語"),
    ("euc-kr", "EUC-KR · 한국어"),
    ("mac_roman", "Mac Roman"),
)


@dataclass(frozen=True)
class Waiting:
    """An upload that was not imported yet."""

    name: str
    href: str
    size: str
    made_at: datetime
    is_at_work: bool  # a job has it


@dataclass(frozen=True)
class UploadPage:
    """The first step: a file is chosen."""

    title: str
    tabs: tuple[Tab, ...]
    waiting: tuple[Waiting, ...]
    endings: str
    most_bytes: int
    most: str
    sheets: tuple[Sheet, ...] = ()


@ROUTES.get("/data/import", Capability.IMPORT)
def show_upload(visit: Here) -> Response:
    limit = visit.site.place.settings.upload_limit_mb
    waiting = tuple(
        Waiting(
            d.name, f"/data/jobs/{job}" if job else f"/data/import/{d.draft_id}/mapping", size_words(d.size), d.made_at, job is not None
        )
        for d in drafts.drafts_of(visit.site.place, visit.who.user_id)
        for job in [job_or_none(visit, d)]
    )
    page = UploadPage(visit.say("data.tab_wizard"), tabs(visit), waiting, ",".join(readers()), limit * MB, f"{limit:,} MB")
    return visit.html("data_upload.html", page=page, title=page.title)


@ROUTES.post("/data/import", Capability.IMPORT)
async def upload(visit: Here) -> Response:
    """Take the file, look at it, and suggest what it is; a file that can't be read leaves nothing behind."""
    draft = await received(visit)
    await run_in_threadpool(_suggest_or_forget, visit, draft)
    path = f"/data/import/{draft.draft_id}/mapping"
    if "x-file-name" in visit.request.headers:
        # a script sent it, which has to know where to go instead of being led there
        return Response(status_code=201, headers={"Location": path})
    return redirect(path)


def _suggest_or_forget(visit: Visit, draft: Draft) -> None:
    try:
        likely = draft_mapping.likely_entities(draft, visit.site.place)
        draft_mapping.suggest_mapping(draft, visit.site.place, likely[0])
    except UnknownEncodingError:
        # the person says it on the next page
        pass
    except KeepwellError:
        drafts.forget(draft)
        raise
    visit.note("uploaded", "upload", draft.draft_id, file=draft.name, bytes=float(draft.size))


def draft_of(visit: Visit, draft_id: str) -> Draft:
    """The person's own draft."""
    try:
        return drafts.draft_of(visit.site.place, draft_id, visit.who.user_id)
    except WrongUseError:
        raise NotFoundError(visit.say("data.no_upload"), visit.say("data.no_upload_hint")) from None


def size_words(size: int) -> str:
    """A file's size as people read it."""
    return f"{size / MB:,.1f} MB" if size >= MB else f"{max(1, size // 1024):,} KB"


@ROUTES.post("/data/import/{draft_id}/forget", Capability.IMPORT)
def forget(visit: Here, draft_id: str) -> Response:
    """Remove the upload without importing it."""
    draft = draft_of(visit, draft_id)
    drafts.forget(draft)
    visit.note("removed", "upload", draft_id, file=draft.name)
    return redirect("/data/import")


@dataclass(frozen=True)
class ReadingPage:
    """Between the first and the second step: how the file is to be read."""

    title: str
    tabs: tuple[Tab, ...]
    draft: Draft
    size: str
    error: str
    encodings: tuple[tuple[str, str], ...]
    sheets: tuple[Sheet, ...] = ()


def asked_reading(visit: Visit, draft: Draft, error: KeepwellError, status: int = 200) -> Response:
    """The page that asks how the file is to be read."""
    page = ReadingPage(visit.say("data.tab_wizard"), tabs(visit), draft, size_words(draft.size), visit.told(error.message), ENCODINGS)
    return visit.html("data_reading.html", status, page=page, title=page.title)


@ROUTES.post("/data/import/{draft_id}/reading", Capability.IMPORT)
def choose_reading(
    visit: Here,
    draft_id: str,
    encoding: Annotated[str, Form()] = "",
    delimiter: Annotated[str, Form()] = "",
    sheet: Annotated[str, Form()] = "",
) -> Response:
    """Say how the file itself is read, and suggest anew what it holds."""
    before = draft_of(visit, draft_id)
    draft = drafts.set_options(
        before, ReadOptions(encoding.strip() or None, TAB if delimiter == "tab" else delimiter or None, sheet or None)
    )
    try:
        draft_mapping.suggest_mapping(draft, visit.site.place, draft_mapping.likely_entities(draft, visit.site.place)[0])
    except KeepwellError as error:
        return asked_reading(visit, drafts.set_options(draft, before.options), error, 400)
    return redirect(f"/data/import/{draft_id}/mapping")
