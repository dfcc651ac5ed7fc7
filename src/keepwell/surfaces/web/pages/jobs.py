"""Jobs: refreshes and imports at work, told as they go, cancelled, and found again."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Form
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from keepwell.access.roles import Capability
from keepwell.access.sign_in import signed_in_or_none
from keepwell.core.errors import WrongUseError
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect, whole_or
from keepwell.surfaces.worker.job import Job, JobStep, Kind, State, StepState
from keepwell.surfaces.worker.stages import HEALTH, KPIS, KPIS_OF_MODELS, MODELS, PUBLISH, REASONS, TIDY_UP, WRITE

# whoever may import may refresh too, in every role
SEE = Capability.REFRESH
ROUTES = PageRoutes()
PAGE = Page("jobs", "/data/jobs", SEE, ROUTES, group=2, is_in_navigation=False)
A_PAGE = 20
MINUTE = 60
TENTHS_TELL = 10  # seconds
LOOK_EVERY = 0.7  # seconds between two looks of a listener
ASK_WHO_EVERY = 2.8  # seconds after which a listener's session is looked at again
LONGEST = 3600.0  # seconds after which a listener asks anew
COUNTED = ("read", "inserted", "updated", "unchanged", "removed", "rejected")
TONES = {"done": "better", "failed": "worse", "running": "on", "cancelled": "warn", "queued": "", "waiting": ""}
TITLES = {Kind.REFRESH: "jobs.refresh", Kind.IMPORT: "jobs.import", Kind.CHECK: "jobs.check", Kind.UNDO: "jobs.undo"}
STEPS = {
    KPIS: "jobs.step_kpis",
    MODELS: "jobs.step_models",
    KPIS_OF_MODELS: "jobs.step_kpis_of_models",
    HEALTH: "jobs.step_health",
    REASONS: "jobs.step_reasons",
    WRITE: "jobs.step_write",
    PUBLISH: "jobs.step_publish",
    TIDY_UP: "jobs.step_tidy_up",
    "compare with the lake": "jobs.step_compare",
    "commit": "jobs.step_commit",
    "find what it changed": "jobs.step_find",
}
# steps that name what they are about after these words
STEPS_OF = (
    ("read ", "jobs.step_read"),
    ("map and check ", "jobs.step_map"),
    ("check keys of ", "jobs.step_keys"),
    ("check references of ", "jobs.step_references"),
)


@dataclass(frozen=True)
class Line:
    """A job in the list."""

    job: Job
    title: str
    state: str
    tone: str
    took: str
    result: str


@dataclass(frozen=True)
class JobsPage:
    """The jobs, the newest first."""

    title: str
    lines: tuple[Line, ...]
    is_worker_alive: bool
    is_waiting: bool  # some job is not over
    newer: str | None
    older: str | None
    sheets: tuple[Sheet, ...]


@ROUTES.page("/data/jobs", SEE, "jobs.html")
def list_jobs(visit: Visit) -> JobsPage:
    number = whole_or(visit.asked("page"), 1)
    found = visit.site.jobs.jobs(limit=A_PAGE + 1, offset=(max(number, 1) - 1) * A_PAGE)
    lines = tuple(_line(visit, job) for job in found[:A_PAGE])
    columns = tuple(
        Column(n, visit.say(f"jobs.column_{n}")) for n in ("job", "kind", "about", "state", "asked_by", "asked_at", "ended_at", "result")
    )
    rows = [[j.job_id, str(j.kind), j.about, str(j.state), j.asked_by, j.asked_at, j.ended_at, _result(visit, j)] for j in found[:A_PAGE]]
    return JobsPage(
        visit.say("jobs.title"),
        lines,
        visit.site.jobs.is_worker_alive,
        any(not line.job.is_over for line in lines),
        visit.address_with(page=str(number - 1)) if number > 1 else None,
        visit.address_with(page=str(number + 1)) if len(found) > A_PAGE else None,
        (Sheet("jobs", columns, rows),),
    )


def _line(visit: Visit, job: Job) -> Line:
    return Line(job, title_of(visit, job), _state(visit, job), TONES[job.state], _took(visit, job.seconds), _result(visit, job))


def title_of(visit: Visit, job: Job) -> str:
    """What the job does, in words."""
    return visit.say(TITLES[job.kind])


def _state(visit: Visit, job: Job) -> str:
    return visit.say("jobs.stopping") if job.is_stopping else visit.say(f"jobs.state_{job.state}")


def _took(visit: Visit, seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return visit.say("jobs.seconds", n=f"{seconds:.1f}" if seconds < TENTHS_TELL and seconds != int(seconds) else f"{seconds:.0f}")
    return visit.say("jobs.minutes", minutes=int(seconds // MINUTE), seconds=int(seconds % MINUTE))


def _left(visit: Visit, seconds: float | None) -> str:
    return visit.say("jobs.left", time=_took(visit, float(max(1, round(seconds))))) if seconds is not None else ""


def _result(visit: Visit, job: Job) -> str:
    if job.state is State.FAILED:
        return (job.error or "").splitlines()[0] if job.error else ""
    if job.state is not State.DONE:
        return ""
    if job.kind is Kind.REFRESH:
        return str(job.result["run_id"])
    if job.kind is Kind.CHECK:
        return visit.say("jobs.checked")
    counts = {n: sum(e[n] for e in job.result["entities"]) for n in COUNTED}
    return visit.say("jobs.imported", **{n: f"{counts[n]:,}" for n in ("inserted", "updated", "unchanged", "rejected")})


@dataclass(frozen=True)
class StepLine:
    """A step: its words, where it is, how much of it is done and how long it takes."""

    title: str
    state: str
    words: str
    tone: str
    percent: int | None
    counts: str
    took: str
    left: str


@dataclass(frozen=True)
class JobPage:
    """One job: its steps, what came of it, and what can be done about it."""

    title: str
    job: Job
    state: str
    tone: str
    said: str  # in one sentence, for who hears the page
    took: str
    left: str
    steps: tuple[StepLine, ...]
    is_worker_alive: bool
    counted: tuple[str, ...]
    sheets: tuple[Sheet, ...]


@ROUTES.page("/data/jobs/{job_id}", SEE, "job.html")
def show_job(visit: Visit) -> JobPage:
    return _job_page(visit, _asked_job(visit))


def _asked_job(visit: Visit) -> Job:
    found = visit.site.jobs.job_or_none(str(visit.request.path_params["job_id"]))
    if found is None:
        raise NotFoundError(visit.say("jobs.no_job"))
    return found


def _job_page(visit: Visit, job: Job) -> JobPage:
    return JobPage(
        title_of(visit, job),
        job,
        _state(visit, job),
        TONES[job.state],
        _said(visit, job),
        _took(visit, job.seconds),
        _left(visit, job.seconds_left),
        tuple(_step_line(visit, s) for s in job.steps),
        job.is_over or visit.site.jobs.is_worker_alive,
        COUNTED,
        tuple(_sheets(visit, job)),
    )


def _said(visit: Visit, job: Job) -> str:
    current = job.current_or_none
    if job.state is State.RUNNING and current is not None and not job.is_stopping:
        return visit.say("jobs.said", state=_state(visit, job), step=step_title(visit, current.name))
    return _state(visit, job)


def step_title(visit: Visit, name: str) -> str:
    """A step in words."""
    if name in STEPS:
        return visit.say(STEPS[name])
    for start, word in STEPS_OF:
        if name.startswith(start):
            return visit.say(word, of=name.removeprefix(start))
    return name


def _step_line(visit: Visit, step: JobStep) -> StepLine:
    is_running = step.state is StepState.RUNNING
    return StepLine(
        title=step_title(visit, step.name),
        state=str(step.state),
        words=visit.say(f"jobs.step_is_{step.state}"),
        tone=TONES[step.state],
        percent=round(100 * min(step.share, 1.0)) if is_running and step.share is not None else None,
        counts=visit.say("jobs.counts", done=f"{step.done:,}", total=f"{step.total:,}")
        if is_running and step.total and step.done is not None
        else "",
        took=_took(visit, float(round(step.seconds)) if is_running and step.seconds else step.seconds),
        left=_left(visit, step.seconds_left) if is_running else "",
    )


def _sheets(visit: Visit, job: Job) -> Iterator[Sheet]:
    steps = [
        Column("step", visit.say("jobs.step")),
        Column("state", visit.say("state")),
        Column("seconds", visit.say("seconds"), is_number=True),
    ]
    yield Sheet("steps", tuple(steps), [[s.name, str(s.state), s.seconds] for s in job.steps])
    if "entities" in job.result:
        columns = (Column("entity", visit.say("entity")), *(Column(n, visit.say(n), is_number=True) for n in COUNTED))
        yield Sheet("entities", columns, [[e["entity"], *(e[n] for n in COUNTED)] for e in job.result["entities"]])
        told = ("file", "line", "entity", "reason")
        yield Sheet(
            "rejected", tuple(Column(n, visit.say(f"jobs.column_{n}")) for n in told), [[r[n] for n in told] for r in _lines(job.result)]
        )


def _lines(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(result.get("lines", ()))


@ROUTES.get("/data/jobs/{job_id}/events", SEE)
def events(visit: Here, job_id: str) -> Response:
    """The job as it goes: server-sent events ``job`` with the part of the page that tells of it, whenever that changes, until it is over.

    It ends within seconds of the session, of the account, and of the right to see jobs.
    """
    del job_id
    _asked_job(visit)
    return StreamingResponse(
        _told(visit), media_type="text/event-stream", headers={"X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-store"}
    )


async def _told(visit: Visit) -> AsyncIterator[str]:
    told, waited, asked = "", 0.0, 0.0
    # a browser whose connection broke asks again by itself
    yield "retry: 3000\n\n"
    while waited < LONGEST and not visit.site.jobs.is_ending:
        if waited - asked >= ASK_WHO_EVERY:
            asked = waited
            if not await run_in_threadpool(_goes_on, visit):
                return
        job, text = await run_in_threadpool(_part, visit)
        if text != told:
            told = text
            yield _event("job", text)
        elif waited % 15 < LOOK_EVERY:
            # so that whoever is gone is noticed
            yield ": still here\n\n"
        if job.is_over:
            yield _event("over", job.state)
            return
        await asyncio.sleep(LOOK_EVERY)
        waited += LOOK_EVERY


def _goes_on(visit: Visit) -> bool:
    """Whether this person is still signed in with this browser, and may still see jobs; looking is no use of the session."""
    with visit.site.store.transaction(writes=False) as session:
        user = signed_in_or_none(session, visit.site.clock.now(), visit.key)
    return user is not None and user.may(SEE)


def _part(visit: Visit) -> tuple[Job, str]:
    job = _asked_job(visit)
    text = visit.site.templates.get_template("parts/job.html").render(visit=visit, say=visit.say, page=_job_page(visit, job))
    return job, text


def _event(name: str, data: str) -> str:
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in data.splitlines()) + "\n"


@ROUTES.get("/data/jobs-now", SEE)
def now(visit: Here) -> Response:
    """What stands above every page while a job is under way."""
    under_way = visit.site.jobs.under_way()
    job = under_way[0] if under_way else None
    step = job.current_or_none if job else None
    return visit.html(
        "parts/jobs_now.html",
        job=job,
        title=title_of(visit, job) if job else "",
        step=step_title(visit, step.name) if step else "",
        waiting=len(under_way) - 1,
    )


@ROUTES.post("/data/refresh", Capability.REFRESH)
def start_refresh(visit: Here, as_of: Annotated[str, Form()] = "") -> Response:
    """Start a refresh and show it."""
    try:
        day = date.fromisoformat(as_of) if as_of else None
    except ValueError as error:
        raise WrongUseError(visit.say("jobs.no_day", day=as_of[:20])) from error
    job_id = visit.site.jobs.start_refresh(asked_by=visit.who.name, as_of=day)
    visit.note("started", "refresh", job_id)
    return redirect(f"/data/jobs/{job_id}")


@ROUTES.post("/data/jobs/{job_id}/cancel", SEE)
def cancel(visit: Here, job_id: str) -> Response:
    job = _asked_job(visit)
    if not job.is_over:
        visit.site.jobs.cancel(job_id)
        visit.note("cancelled", "job", job_id, what=str(job.kind))
    return redirect(f"/data/jobs/{job_id}")
