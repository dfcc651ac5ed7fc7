"""Targets: what KPIs shall come to, how far they are, and how likely they get there."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.targets import Checked, Targets, Wanted, target_json, versions_json

ROUTES = ApiRoutes("Targets")
READ, WRITE, MAY = "targets:read", "targets:write", Capability.SET_TARGETS


class WantedTarget(BaseModel):
    """A target to be set; where the KPI has one for the slice and period, its next version."""

    kpi: str = Field(max_length=100)
    value: str = Field(max_length=40, description="32% or 0.32 of a share, 4h of a duration, else a number.")
    by: str | None = Field(None, max_length=20, description="The month, quarter or year that shall reach it: 2027-03, 2027-Q1, 2027.")
    slice: str | None = Field(None, max_length=300, description="region=East, team=Service, person=e-12; without one the company.")
    owner_id: str | None = Field(None, max_length=40, description="The user whose it is.")
    reason: str | None = Field(None, max_length=500, description="What it is for.")
    objective_id: str | None = Field(None, max_length=40)
    change: str | None = Field(None, max_length=500, description="Why it is another one than before.")


class Ending(BaseModel):
    """Why a target ends."""

    reason: str = Field(max_length=500)


class WantedObjective(BaseModel):
    """An objective, which groups targets."""

    title: str = Field(max_length=200)
    owner_id: str | None = Field(None, max_length=40)


@ROUTES.get("/targets", READ, Capability.SEE_KPIS)
def list_targets(
    call: Caller,
    kpi: Annotated[str | None, Query(description="Only those of this KPI.")] = None,
    ended: Annotated[bool, Query(description="Ended ones too.")] = False,
    cursor: str | None = None,
    limit: PageSize = MOST,
) -> Response:
    """Targets by deadline, each with where it stands, its forecast, how likely it is reached, the SMART check and the way by period."""
    return paged(call, [target_json(c) for c in _desk(call).all(with_ended=ended, of_kpi=kpi)], cursor, limit)


@ROUTES.get("/targets/{target_id}", READ, Capability.SEE_KPIS)
def show_target(call: Caller, target_id: str) -> Response:
    """A target with every version that it had."""
    return call.answer(_told(_desk(call).one(target_id)))


@ROUTES.post("/targets", WRITE, MAY)
def set_target(call: Caller, wanted: WantedTarget) -> Response:
    """Set a target, or its next version. A version never changes: what a card said with it stays."""
    return call.answer(_told(_desk(call).set(call.at, call.actor, Wanted(**wanted.model_dump()))), HTTPStatus.CREATED)


@ROUTES.post("/targets/check", WRITE, MAY)
def check_target(call: Caller, wanted: WantedTarget) -> Response:
    """What it would be, with the SMART check and how likely it is; nothing is set."""
    return call.answer(_told(_desk(call).preview(Wanted(**wanted.model_dump()), call.at)))


@ROUTES.post("/targets/{target_id}/end", WRITE, MAY)
def end_target(call: Caller, target_id: str, wanted: Ending) -> Response:
    """It counts no more; `resume` takes that back."""
    return call.answer(_told(_desk(call).end(call.at, call.actor, target_id, wanted.reason)))


@ROUTES.post("/targets/{target_id}/resume", WRITE, MAY)
def resume_target(call: Caller, target_id: str) -> Response:
    """One that was ended counts again."""
    return call.answer(_told(_desk(call).resume(call.at, call.actor, target_id)))


@ROUTES.get("/objectives", READ, Capability.SEE_KPIS)
def list_objectives(call: Caller, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """Objectives by title."""
    return paged(call, [vars(o) for o in _desk(call).objectives()], cursor, limit)


@ROUTES.post("/objectives", WRITE, MAY)
def add_objective(call: Caller, wanted: WantedObjective) -> Response:
    """Add an objective; targets that name it are its key results."""
    return call.answer(vars(_desk(call).add_objective(call.at, call.actor, wanted.title, wanted.owner_id)), HTTPStatus.CREATED)


@ROUTES.delete("/objectives/{objective_id}", WRITE, MAY)
def delete_objective(call: Caller, objective_id: str) -> Response:
    """Delete it; its targets stay."""
    _desk(call).delete_objective(call.at, call.actor, objective_id)
    return call.answer({"objective_id": objective_id, "is_deleted": True})


@ROUTES.post("/objectives/{objective_id}/restore", WRITE, MAY)
def restore_objective(call: Caller, objective_id: str) -> Response:
    """Bring back one that was deleted."""
    return call.answer(vars(_desk(call).restore_objective(call.at, call.actor, objective_id)))


def _desk(call: Call) -> Targets:
    return Targets(call.workspace, call.site.store)


def _told(found: Checked) -> dict[str, object]:
    return target_json(found) | {"versions": versions_json(found.target)}
