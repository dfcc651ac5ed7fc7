"""Health: how customers are, by which definition, whether it foretold who left, and what people say against it."""

from datetime import date
from decimal import Decimal
from http import HTTPStatus

from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.ids import id_of_part
from keepwell.performance.health.override import Wanted
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.health import HealthDesk, customer_json, defined_json

ROUTES = ApiRoutes("Health")
OVERRIDE = "/customers/{customer_id}/health/override"
MAY = (Capability.SEE_CUSTOMERS, Capability.ACT)


class WantedOverride(BaseModel):
    """What is said of a customer's health: a band or a score."""

    band: str | None = Field(None, max_length=20, description="healthy, watch or at_risk.")
    score: Decimal | None = Field(None, description="0 to 100, where it is no band.")
    reason: str = Field("", max_length=1_000, description="What the score does not know.")
    owner: str = Field("", max_length=200, description="The user whose word it is: an address or an id.")
    until: date | None = Field(None, description="The last day on which it counts: after today, and within a year.")


@ROUTES.get("/health", "models:read", Capability.SEE_MODELS)
def show_health(call: Caller) -> Response:
    """The definition that the published run used (parts with direction, bounds and weight; bands with their tie rule; what becomes of missing parts), and bands on an earlier day by who left after it."""
    return call.answer(defined_json(_desk(call).defined()))


@ROUTES.get("/customers/{customer_id}/health", "customers:read", Capability.SEE_CUSTOMERS)
def show_customer_health(call: Caller, customer_id: str) -> Response:
    """A customer's health by the published run with its parts, the override beside it, and every override before."""
    return call.answer(customer_json(_desk(call).of(id_of_part(customer_id))))


@ROUTES.post(OVERRIDE, "customers:write", MAY)
def override_health(call: Caller, customer_id: str, wanted: WantedOverride) -> Response:
    """Say otherwise than the score, with a reason, an owner and an expiry; the override that counted until now ends, the computed score stays beside it."""
    asked = Wanted(wanted.band, wanted.score, wanted.reason, wanted.owner, wanted.until)
    return call.answer(customer_json(_desk(call).override(call.at, call.actor, id_of_part(customer_id), asked)), HTTPStatus.CREATED)


@ROUTES.delete(OVERRIDE, "customers:write", MAY)
def end_override(call: Caller, customer_id: str) -> Response:
    """The computed score counts again; the override stays in the history."""
    return call.answer(customer_json(_desk(call).end(call.at, call.actor, id_of_part(customer_id))))


def _desk(call: Call) -> HealthDesk:
    return HealthDesk(call.workspace, call.site.store)
