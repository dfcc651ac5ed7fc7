"""Alerts of the token's user, and the inbox that they fill."""

from http import HTTPStatus

from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.performance.alerts.condition import When
from keepwell.performance.alerts.quiet import Quiet
from keepwell.performance.alerts.service import NewAlert
from keepwell.surfaces.alerts import Alerts, alert_json, notice_json
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes

ROUTES = ApiRoutes("Alerts")
READ, WRITE, MAY = "alerts:read", "alerts:write", Capability.SEE_KPIS


class WantedAlert(BaseModel):
    """What the token's user wants to be told of."""

    kpi: str = Field(max_length=100)
    when: When = Field(
        When.WORSE, description="change, worse: more than chance; target: at risk, off track, missed; anomaly: unlike before."
    )
    by_mail: bool = Field(default=True, description="By mail too; in any case it lies in the inbox.")
    channel_id: str | None = Field(None, max_length=40, description="A channel too, for who may schedule.")
    every_days: int = Field(0, description="What is sent besides is so at most every so many days; 0 for always.")
    quiet_start: str = Field("00:00", max_length=5, description="From when on nothing is sent, in the workspace's zone.")
    quiet_end: str = Field("00:00", max_length=5, description="Until when; the same as the start for no quiet hours.")


class Reading(BaseModel):
    """Which notices are read."""

    notice_ids: list[str] | None = Field(None, max_length=500, description="By default all.")
    is_read: bool = True


@ROUTES.get("/alerts", READ, MAY)
def list_alerts(call: Caller, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """What the user wants to be told of, by KPI."""
    return paged(call, [alert_json(a) for a in _desk(call).all()], cursor, limit)


@ROUTES.post("/alerts", WRITE, MAY)
def add_alert(call: Caller, wanted: WantedAlert) -> Response:
    """Be told from the next run on."""
    quiet = Quiet(wanted.quiet_start, wanted.quiet_end)
    new = NewAlert(wanted.kpi, wanted.when, wanted.by_mail, wanted.channel_id, wanted.every_days, quiet)
    return call.answer(alert_json(_desk(call).add(call.at, call.actor, new)), HTTPStatus.CREATED)


@ROUTES.post("/alerts/{alert_id}/delete", WRITE, MAY)
def delete_alert(call: Caller, alert_id: str) -> Response:
    """Be told no more; `restore` takes that back."""
    return call.answer({"alert_id": _desk(call).delete(call.at, call.actor, alert_id).alert_id, "is_deleted": True})


@ROUTES.post("/alerts/{alert_id}/restore", WRITE, MAY)
def restore_alert(call: Caller, alert_id: str) -> Response:
    """One that was deleted is there again."""
    return call.answer(alert_json(_desk(call).restore(call.at, call.actor, alert_id)))


@ROUTES.get("/notices", READ, MAY)
def list_notices(call: Caller, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """The user's inbox, the newest first: words in the user's language, and the numbers behind them."""
    return paged(call, [notice_json(n) for n in _desk(call).inbox(call.workspace.place.settings)], cursor, limit)


@ROUTES.post("/notices/read", WRITE, MAY)
def read_notices(call: Caller, wanted: Reading) -> Response:
    """Mark notices as read, or as not read after all."""
    desk = _desk(call)
    desk.mark(call.at, wanted.notice_ids, is_read=wanted.is_read)
    return call.answer({"unread": desk.unread()})


def _desk(call: Call) -> Alerts:
    return Alerts(call.workspace, call.site.store, call.bearer.user)
