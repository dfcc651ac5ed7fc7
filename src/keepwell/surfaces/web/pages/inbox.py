"""The inbox: what the person was told, and what the person wants to be told of."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from pydantic import BaseModel
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.metrics.kpi import Kpi
from keepwell.performance.alerts.condition import When
from keepwell.performance.alerts.service import Alert
from keepwell.performance.schedules.channels import Channel
from keepwell.surfaces.alerts import Alerts, Told, new_alert
from keepwell.surfaces.schedules import Schedules
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH, TEMPLATE = "/inbox", "inbox.html"
MAY = Capability.SEE_KPIS
PAGE = Page("inbox", PATH, MAY, ROUTES, group=1)
COLUMNS = ("made_at", "title", "text")


@dataclass(frozen=True)
class Line:
    """A notice as the page shows it."""

    notice_id: str
    kpi: str
    title: str
    text: str
    made_at: str
    is_read: bool


@dataclass(frozen=True)
class Wanted:
    """An alert as the page shows it."""

    alert_id: str
    kpi: str
    title: str
    when: str
    ways: str


@dataclass(frozen=True)
class InboxPage:
    """All that the page shows."""

    title: str
    lines: tuple[Line, ...]
    wanted: tuple[Wanted, ...]
    kpis: tuple[tuple[str, str], ...]
    chosen: str
    whens: tuple[When, ...]
    channels: tuple[Channel, ...]
    has_mail: bool
    deleted: str
    fault: tuple[str, str | None] | None
    sheets: tuple[Sheet, ...]


class AlertForm(BaseModel):
    """The form of a new alert."""

    kpi: str = ""
    when: str = "worse"
    mail: str = ""
    channel: str = ""
    every_days: str = "0"
    quiet_start: str = ""
    quiet_end: str = ""


@ROUTES.page(PATH, MAY, TEMPLATE)
def show(visit: Visit) -> InboxPage:
    return _page(visit)


@ROUTES.post(f"{PATH}/alerts", MAY)
def add(visit: Here, form: Annotated[AlertForm, Form()]) -> Response:
    """Be told from the next run on; what is wrong with it is told on the page."""
    try:
        if not form.every_days.isascii() or not form.every_days.isdigit():
            raise WrongUseError(f"{form.every_days!r} is no number of days.", "Give a number, 0 for always.")
        quiet = f"{form.quiet_start}-{form.quiet_end}" if form.quiet_start and form.quiet_end else ""
        new = new_alert(
            form.kpi, form.when, by_mail=form.mail == "yes", channel=form.channel or None, every_days=int(form.every_days[:4]), quiet=quiet,
            store=visit.site.store,
        )  # fmt: skip
        _desk(visit).add(visit.at, visit.actor, new)
    except KeepwellError as error:
        page = _page(visit, error)
        return visit.html(TEMPLATE, 400, page=page, title=page.title)
    return redirect(f"{PATH}#alerts")


@ROUTES.post(f"{PATH}/alerts/{{alert_id}}/delete", MAY)
def delete(visit: Here, alert_id: str) -> Response:
    """Be told no more; the page offers to take that back."""
    return redirect(f"{PATH}?deleted={_desk(visit).delete(visit.at, visit.actor, alert_id).alert_id}#alerts")


@ROUTES.post(f"{PATH}/alerts/{{alert_id}}/restore", MAY)
def restore(visit: Here, alert_id: str) -> Response:
    """Bring back one that was deleted."""
    _desk(visit).restore(visit.at, visit.actor, alert_id)
    return redirect(f"{PATH}#alerts")


@ROUTES.post(f"{PATH}/read", MAY)
def mark(visit: Here, notice: Annotated[str, Form()] = "", is_read: Annotated[str, Form()] = "yes") -> Response:
    """One notice, or all, is read; or not after all."""
    _desk(visit).mark(visit.at, [notice] if notice else None, is_read=is_read == "yes")
    return redirect(PATH)


def _desk(visit: Visit) -> Alerts:
    return Alerts(visit.workspace, visit.site.store, visit.who)


def _page(visit: Visit, error: KeepwellError | None = None) -> InboxPage:
    desk, known = _desk(visit), visit.workspace.kpis
    told = desk.inbox(visit.settings)
    groups = Schedules(visit.site.place, visit.site.store, visit.user).channels() if visit.may(Capability.SCHEDULE) else []
    return InboxPage(
        title=visit.say("inbox.title"),
        lines=tuple(_line(visit, t) for t in told),
        wanted=tuple(_wanted(visit, a, known.get(a.wanted.kpi), {c.channel_id: c.name for c in groups}) for a in desk.all()),
        kpis=tuple(sorted((k.title[visit.locale], n) for n, k in known.items())),
        chosen=visit.asked("kpi"),
        whens=tuple(When),
        channels=tuple(groups),
        has_mail=bool(visit.settings.mail_host),
        deleted=visit.asked("deleted"),
        fault=(error.message, error.hint) if error else None,
        sheets=(_sheet(visit, told),),
    )


def _line(visit: Visit, found: Told) -> Line:
    n = found.notice
    return Line(n.notice_id, n.kpi, found.title, found.text, visit.moment(n.made_at), n.read_at is not None)


def _wanted(visit: Visit, found: Alert, kpi: Kpi | None, names: dict[str, str]) -> Wanted:
    w = found.wanted
    quiet = "" if w.quiet.start == w.quiet.end else visit.say("inbox.quiet_from", start=w.quiet.start, end=w.quiet.end)
    ways = (
        visit.say("inbox.by_mail") if w.by_mail else visit.say("inbox.here_only"),
        names.get(w.channel_id or "", ""),
        visit.say("inbox.at_most", days=w.every_days) if w.every_days else "",
        quiet,
    )
    return Wanted(
        found.alert_id,
        w.kpi,
        kpi.title[visit.locale] if kpi else w.kpi,
        visit.say(f"inbox.when_{w.when}"),
        " · ".join(p for p in ways if p),
    )


def _sheet(visit: Visit, told: list[Told]) -> Sheet:
    columns = tuple(Column(n, visit.say(f"inbox.head_{n}")) for n in COLUMNS)
    return Sheet("notices", columns, [[t.notice.made_at, t.title, t.text] for t in told])
