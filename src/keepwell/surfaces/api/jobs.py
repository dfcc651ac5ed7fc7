"""Refreshes started by programs, and jobs: where they are, what came of them."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access import repeats
from keepwell.access.roles import Capability
from keepwell.core.settings import EngineName
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.cursor import PageSize, page, start_of
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.once import Key, done_once
from keepwell.surfaces.api.problem import RefusedError
from keepwell.surfaces.worker.job import Job

ROUTES = ApiRoutes("Jobs")


class Refresh(BaseModel):
    """What a refresh shall compute."""

    as_of: date | None = Field(None, description="Look from this day: later facts are not known yet. By default today.")
    engine: EngineName | None = Field(None, description="What computes it; by default the workspace's engine.")


@ROUTES.post("/refreshes", "runs:write", Capability.REFRESH)
def start_refresh(call: Caller, wanted: Annotated[Refresh | None, Body()] = None, idempotency_key: Key = None) -> Response:
    """Queue a refresh and answer with its job (202). One job runs at a time; ask `/jobs/{job_id}` until `is_over`."""
    asked = wanted or Refresh(as_of=None, engine=None)

    def started() -> dict[str, Any]:
        job_id = call.site.jobs.start_refresh(asked_by=call.bearer.user.name, as_of=asked.as_of, engine=asked.engine)
        call.note("started", "refresh", job_id)
        return call.site.jobs.job(job_id).to_json()

    told = repeats.fingerprint("refresh", asked.model_dump_json())
    return done_once(call, idempotency_key, told, started, HTTPStatus.ACCEPTED)


@ROUTES.get("/jobs", "data:read", Capability.REFRESH)
def list_jobs(call: Caller, cursor: str | None = None, limit: PageSize = 100) -> Response:
    """Refreshes and imports that were asked for in the last 90 days, the newest first."""
    start = start_of(call, cursor)
    found = call.site.jobs.jobs(limit=limit, offset=start)
    return page(call, [j.to_json() for j in found], start, call.site.jobs.count())


@ROUTES.get("/jobs/{job_id}", "data:read", Capability.REFRESH)
def show_job(call: Caller, job_id: str) -> Response:
    """A job: its steps, how long the current one still takes where that is known, what came of it, or why it failed."""
    return call.answer(_job(call, job_id).to_json())


@ROUTES.post("/jobs/{job_id}/cancel", "runs:write", Capability.REFRESH)
def cancel_job(call: Caller, job_id: str) -> Response:
    """Stop a job soon (202); nothing of it counts. One that is over stays as it is."""
    if not _job(call, job_id).is_over:
        call.site.jobs.cancel(job_id)
        call.note("cancelled", "job", job_id)
    return call.answer(_job(call, job_id).to_json(), HTTPStatus.ACCEPTED)


def _job(call: Call, job_id: str) -> Job:
    found = call.site.jobs.job_or_none(job_id)
    if found is None:
        raise RefusedError(
            HTTPStatus.NOT_FOUND, "There is no such job.", "Jobs that ended 90 days ago are forgotten; `/jobs` lists the others."
        )
    return found
