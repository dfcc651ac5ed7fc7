"""Webhooks, for programs that set them up: where rows come in, where events go out, and what came of them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.access.webhooks.desk import Made, Webhooks
from keepwell.access.webhooks.hooks import NewHook
from keepwell.access.webhooks.subscriptions import NewSubscription
from keepwell.core.ids import MAIN_SOURCE
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.webhooks import delivery_to_json, webhook_to_json, webhooks_of

ROUTES = ApiRoutes("Webhooks")
READ, WRITE, MAY = "webhooks:read", "webhooks:write", Capability.MANAGE_SETTINGS
MOST_DELIVERIES = 200


class Incoming(BaseModel):
    """A door for rows of another system."""

    name: str = Field(max_length=100, description="What sends there.")
    entity: str | None = Field(None, description="What each row is; or give a mapping.")
    mapping: str | None = Field(None, description="A mapping of the workspace, such as shop.yaml; or give an entity.")
    source: str = Field(MAIN_SOURCE, max_length=60, description="The source that the rows' ids belong to.")
    secret: str | None = Field(None, max_length=200, description="The sender's own secret, whsec_…, where the sender makes it.")


class Outgoing(BaseModel):
    """Where events are sent."""

    name: str = Field(max_length=100, description="Who gets them.")
    url: str = Field(max_length=1_000, description="Where they are posted to: https, on the open internet or a host of webhook_hosts.")
    kinds: list[str] = Field(max_length=50, description="Which events, such as run.published.")


class Rotation(BaseModel):
    """How the secret is changed."""

    at_once: bool = Field(default=False, description="The old secret ends now, not in a day.")


class Switch(BaseModel):
    """On or off."""

    on: bool


@ROUTES.get("/webhooks", READ, MAY)
def list_webhooks(call: Caller) -> Response:
    """Where rows come in and events go out, and which kinds of events there are."""
    desk = _desk(call)
    return call.answer({"data": [webhook_to_json(w) for w in desk.all()], "kinds": list(desk.kinds)})


@ROUTES.post("/webhooks/in", WRITE, MAY)
def add_incoming_webhook(call: Caller, wanted: Incoming) -> Response:
    """Make a door for rows. The answer holds its secret, this one time; send to `/hooks/{webhook_id}`."""
    new = NewHook(wanted.name, wanted.entity, wanted.mapping, wanted.source, wanted.secret)
    return _made(call, _desk(call).add_hook(call.at, call.actor, new), HTTPStatus.CREATED)


@ROUTES.post("/webhooks/out", WRITE, MAY)
def add_outgoing_webhook(call: Caller, wanted: Outgoing) -> Response:
    """Send events of those kinds there from now on. The answer holds the secret that they are signed with, this one time."""
    new = NewSubscription(wanted.name, wanted.url, tuple(wanted.kinds))
    return _made(call, _desk(call).add_subscription(call.at, call.actor, new), HTTPStatus.CREATED)


@ROUTES.post("/webhooks/{webhook_id}/rotate", WRITE, MAY)
def rotate_webhook(call: Caller, webhook_id: str, wanted: Rotation | None = None) -> Response:
    """Give it another secret, shown this one time. The old one counts for a day more, or ends at once."""
    return _made(call, _desk(call).rotate(call.at, call.actor, webhook_id, at_once=wanted is not None and wanted.at_once), HTTPStatus.OK)


@ROUTES.post("/webhooks/{webhook_id}/switch", WRITE, MAY)
def switch_webhook(call: Caller, webhook_id: str, wanted: Switch) -> Response:
    """Switch it on or off. What happens while it is off is not sent later."""
    return call.answer(webhook_to_json(_desk(call).switch(call.at, call.actor, webhook_id, on=wanted.on)))


@ROUTES.post("/webhooks/{webhook_id}/delete", WRITE, MAY)
def delete_webhook(call: Caller, webhook_id: str) -> Response:
    """Delete it; `restore` brings it back as it was."""
    _desk(call).delete(call.at, call.actor, webhook_id)
    return call.answer({"webhook_id": webhook_id, "is_deleted": True})


@ROUTES.post("/webhooks/{webhook_id}/restore", WRITE, MAY)
def restore_webhook(call: Caller, webhook_id: str) -> Response:
    """Bring back one that was deleted."""
    return call.answer(webhook_to_json(_desk(call).restore(call.at, call.actor, webhook_id)))


@ROUTES.post("/webhooks/{webhook_id}/test", WRITE, MAY)
def send_test_webhook(call: Caller, webhook_id: str) -> Response:
    """Send a message that says nothing (`webhook.test`); the worker does it soon (202)."""
    return call.answer({"delivery_id": _desk(call).send_test(call.at, call.actor, webhook_id)}, HTTPStatus.ACCEPTED)


@ROUTES.get("/webhooks/{webhook_id}/deliveries", READ, MAY)
def list_deliveries(call: Caller, webhook_id: str, limit: Annotated[int, Query(ge=1, le=MOST_DELIVERIES)] = 50) -> Response:
    """What was sent there in the last 30 days, or is on its way, with each try; the newest first."""
    return call.answer({"data": [delivery_to_json(d) for d in _desk(call).deliveries(webhook_id, limit)]})


def _desk(call: Call) -> Webhooks:
    return webhooks_of(call.site.place, call.site.store)


def _made(call: Call, made: Made, status: HTTPStatus) -> Response:
    # under no key of repeated requests: their answers are kept, and this one holds a secret
    return call.answer(webhook_to_json(made.webhook) | {"secret": made.secret}, status, {"Cache-Control": "no-store"})
