"""Schedules, the channels that reports go to, and what became of each message."""

from datetime import date
from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.settings import Locale
from keepwell.performance.schedules.channels import NewChannel
from keepwell.performance.schedules.written import Wanted
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.schedules import Schedules, channel_json, message_json, occasion_json, schedule_json

ROUTES = ApiRoutes("Schedules")
READ, WRITE, MAY = "schedules:read", "schedules:write", Capability.SCHEDULE
CHANNELS = (Capability.SCHEDULE, Capability.MANAGE_SETTINGS)


class WantedSchedule(BaseModel):
    """What is done on a calendar, and who gets it."""

    name: str = Field(max_length=100)
    what: str = Field("review", max_length=20, description="review, which is sent; or refresh, which is not.")
    every: str = Field("month", max_length=20, description="day, week, month or quarter.")
    on_day: int = Field(1, description="Which day of it, from 1; of a week 1 is Monday, beyond the end it is the last day.")
    at: str = Field("08:00", max_length=5, description="The time of the workspace's zone.")
    users: list[str] = Field([], max_length=200, description="Who gets it by mail: addresses or ids of users.")
    channels: list[str] = Field([], max_length=50, description="Names or ids of channels; they get what the token's user sees.")
    formats: list[str] = Field(["pdf"], max_length=3, description="pdf, pptx, xlsx.")
    of: str = Field("last-month", max_length=20, description="last-week, last-month, last-quarter or last-year.")
    card: str = Field("company", max_length=100, description="The scorecard in it.")


class Switch(BaseModel):
    """On or off."""

    on: bool


class Run(BaseModel):
    """As of which day it is done."""

    day: date | None = Field(None, description="As if it were that day; by default today.")


class WantedChannel(BaseModel):
    """A group chat of another service."""

    name: str = Field(max_length=100)
    address: str = Field(max_length=1_000, description="As apprise writes it, such as dingtalk://TOKEN. It is never shown again.")
    language: Locale = Locale.ENGLISH


@ROUTES.get("/schedules", READ, MAY)
def list_schedules(call: Caller, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """Schedules by name, each with its next occasion and how the last one went."""
    return paged(call, [schedule_json(s) for s in _desk(call).all(call.at)], cursor, limit)


@ROUTES.post("/schedules", WRITE, MAY)
def add_schedule(call: Caller, wanted: WantedSchedule) -> Response:
    """Schedule something. Each recipient gets it of the rows and in the language of the own."""
    return call.answer(schedule_json(_desk(call).add(call.at, call.actor, _wanted(wanted))), HTTPStatus.CREATED)


@ROUTES.get("/schedules/{schedule_id}", READ, MAY)
def show_schedule(call: Caller, schedule_id: str) -> Response:
    """A schedule with its last occasions."""
    desk = _desk(call)
    found = schedule_json(desk.one(call.at, schedule_id))
    return call.answer(found | {"occasions": [occasion_json(o) for o in desk.occasions(schedule_id)]})


@ROUTES.post("/schedules/{schedule_id}", WRITE, MAY)
def change_schedule(call: Caller, schedule_id: str, wanted: WantedSchedule) -> Response:
    """As it is from now on. What was due before is not made up."""
    return call.answer(schedule_json(_desk(call).change(call.at, call.actor, schedule_id, _wanted(wanted))))


@ROUTES.post("/schedules/{schedule_id}/switch", WRITE, MAY)
def switch_schedule(call: Caller, schedule_id: str, wanted: Switch) -> Response:
    """Switch it on or off. What is due while it is off is not made up."""
    return call.answer(schedule_json(_desk(call).switch(call.at, call.actor, schedule_id, on=wanted.on)))


@ROUTES.post("/schedules/{schedule_id}/delete", WRITE, MAY)
def delete_schedule(call: Caller, schedule_id: str) -> Response:
    """Delete it; `restore` brings it back, switched off."""
    return call.answer({"schedule_id": _desk(call).delete(call.at, call.actor, schedule_id).schedule_id, "is_deleted": True})


@ROUTES.post("/schedules/{schedule_id}/restore", WRITE, MAY)
def restore_schedule(call: Caller, schedule_id: str) -> Response:
    """Bring back one that was deleted."""
    return call.answer(schedule_json(_desk(call).restore(call.at, call.actor, schedule_id)))


@ROUTES.post("/schedules/{schedule_id}/run", WRITE, MAY)
def run_schedule(call: Caller, schedule_id: str, wanted: Run | None = None) -> Response:
    """Do it out of turn; the worker does it soon (202)."""
    own = _desk(call).run_now(call.at, call.actor, schedule_id, wanted.day if wanted else None)
    return call.answer({"occasion_id": own}, HTTPStatus.ACCEPTED)


@ROUTES.get("/messages", READ, MAY)
def list_messages(
    call: Caller,
    schedule: Annotated[str | None, Query(description="Only those of this schedule.", max_length=100)] = None,
    cursor: str | None = None,
    limit: PageSize = MOST,
) -> Response:
    """What was sent in the last 90 days, or is on its way: to whom, and whether it arrived; the newest first."""
    return paged(call, [message_json(m) for m in _desk(call).messages(schedule)], cursor, limit)


@ROUTES.post("/messages/{message_id}/again", WRITE, MAY)
def send_message_again(call: Caller, message_id: str) -> Response:
    """Send once more what did not arrive, or may not have."""
    return call.answer(message_json(_desk(call).send_again(call.at, call.actor, message_id)), HTTPStatus.ACCEPTED)


@ROUTES.get("/channels", READ, MAY)
def list_channels(call: Caller, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """Channels by name, without their addresses."""
    return paged(call, [channel_json(c) for c in _desk(call).channels()], cursor, limit)


@ROUTES.post("/channels", WRITE, CHANNELS)
def add_channel(call: Caller, wanted: WantedChannel) -> Response:
    """Add a channel. Its address is sealed."""
    made = _desk(call).add_channel(call.at, call.actor, NewChannel(wanted.name, wanted.address, wanted.language))
    return call.answer(channel_json(made), HTTPStatus.CREATED)


@ROUTES.post("/channels/{channel_id}/delete", WRITE, CHANNELS)
def delete_channel(call: Caller, channel_id: str) -> Response:
    """It gets nothing more; `restore` brings it back."""
    return call.answer({"channel_id": _desk(call).delete_channel(call.at, call.actor, channel_id).channel_id, "is_deleted": True})


@ROUTES.post("/channels/{channel_id}/restore", WRITE, CHANNELS)
def restore_channel(call: Caller, channel_id: str) -> Response:
    """Bring back one that was deleted."""
    return call.answer(channel_json(_desk(call).restore_channel(call.at, call.actor, channel_id)))


@ROUTES.post("/channels/{channel_id}/test", WRITE, CHANNELS)
def send_test_to_channel(call: Caller, channel_id: str) -> Response:
    """Send a message that says nothing; the worker does it soon (202)."""
    return call.answer({"message_id": _desk(call).test_channel(call.at, call.actor, channel_id)}, HTTPStatus.ACCEPTED)


def _desk(call: Call) -> Schedules:
    return Schedules(call.site.place, call.site.store, call.bearer.user)


def _wanted(wanted: WantedSchedule) -> Wanted:
    return Wanted(**wanted.model_dump())
