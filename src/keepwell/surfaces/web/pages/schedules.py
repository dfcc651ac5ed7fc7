"""The Schedules page: what is done on a calendar, who gets it, the channels, and what became of each message."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import Form
from pydantic import BaseModel
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.settings import Locale
from keepwell.performance.schedules.channels import SERVICES, Channel, NewChannel
from keepwell.performance.schedules.messages import About, State
from keepwell.performance.schedules.schedule import FORMATS, OccasionState, Of, Schedule, What
from keepwell.performance.schedules.timing import Every
from keepwell.performance.schedules.written import Wanted
from keepwell.surfaces.schedules import Listed, Person, Schedules, Sent
from keepwell.surfaces.scorecards import Scorecards
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH, TEMPLATE = "/schedules", "schedules.html"
MAY = Capability.SCHEDULE
PAGE = Page("schedules", PATH, MAY, ROUTES, group=2)
SHOWN = 50
TONES = {
    State.DELIVERED: "better", State.WAITING: "none", State.HANDED_OVER: "none", State.UNCONFIRMED: "warn", State.REFUSED: "worse",
    State.GIVEN_UP: "worse", State.STOPPED: "warn",
}  # fmt: skip
OCCASION_TONES = {OccasionState.DONE: "better", OccasionState.FAILED: "worse", OccasionState.WAITING: "none"}
COLUMNS = ("made_at", "about", "to", "state", "tries", "answer")


@dataclass(frozen=True)
class Planned:
    """A schedule in words."""

    schedule: Schedule
    what: str
    when: str
    next_at: str
    names: tuple[str, ...]
    last: str
    tone: str


@dataclass(frozen=True)
class Told:
    """A message in words."""

    message_id: str
    made_at: str
    about: str
    to: str
    state: str
    tone: str
    tries: int
    answer: str
    may_be_sent_again: bool


@dataclass(frozen=True)
class SchedulesPage:
    """All that the page shows."""

    title: str
    planned: tuple[Planned, ...]
    told: tuple[Told, ...]
    channels: tuple[tuple[Channel, str], ...]
    people: tuple[Person, ...]
    cards: tuple[tuple[str, str], ...]
    every: tuple[Every, ...]
    of: tuple[Of, ...]
    formats: tuple[str, ...]
    services: tuple[str, ...]
    may_refresh: bool
    may_keep_channels: bool
    has_mail: bool
    is_worker_alive: bool
    deleted: tuple[str, str] | None
    fault: tuple[str, str | None] | None
    sheets: tuple[Sheet, ...]


@ROUTES.page(PATH, MAY, TEMPLATE)
def show(visit: Visit) -> SchedulesPage:
    return _page(visit)


class NewForm(BaseModel):
    """The form of a new schedule."""

    name: str = ""
    what: str = "review"
    every: str = "month"
    on_day: str = "1"
    time: str = "08:00"
    user: list[str] = []
    channel: list[str] = []
    formats: list[str] = []
    of: str = "last-month"
    card: str = "company"

    def wanted(self) -> Wanted:
        """What it says. Raises where the day is no number."""
        if not self.on_day.isascii() or not self.on_day.isdigit():
            raise WrongUseError(f"{self.on_day!r} is no day.", "Give a number from 1.")
        # of every day there is one; boxes of a review that are ticked say nothing of a refresh
        day = 1 if self.every == Every.DAY else int(self.on_day)
        users, groups = (self.user, self.channel) if self.what == What.REVIEW else ([], [])
        return Wanted(self.name, self.what, self.every, day, self.time, users, groups, None, self.formats, self.of, self.card)


@ROUTES.post(f"{PATH}/new", MAY)
def add(visit: Here, form: Annotated[NewForm, Form()]) -> Response:
    """A new schedule; what is wrong with it is told on the page."""
    return _done(visit, lambda desk: desk.add(visit.at, visit.actor, form.wanted()))


@ROUTES.post(f"{PATH}/{{schedule_id}}/switch", MAY)
def switch(visit: Here, schedule_id: str, on: Annotated[str, Form()] = "") -> Response:
    """On or off."""
    _desk(visit).switch(visit.at, visit.actor, schedule_id, on=on == "yes")
    return redirect(PATH)


@ROUTES.post(f"{PATH}/{{schedule_id}}/run", MAY)
def run(visit: Here, schedule_id: str, day: Annotated[str, Form()] = "") -> Response:
    """Do it now, by default as of today."""

    def make(desk: Schedules) -> None:
        try:
            asked = date.fromisoformat(day) if day else None
        except ValueError as error:
            raise WrongUseError(f"{day!r} is no day.", "Write it like 2026-11-01.") from error
        desk.run_now(visit.at, visit.actor, schedule_id, asked)

    return _done(visit, make, f"{PATH}#sent")


@ROUTES.post(f"{PATH}/{{schedule_id}}/delete", MAY)
def delete(visit: Here, schedule_id: str) -> Response:
    """Delete it; the page offers to bring it back."""
    return redirect(f"{PATH}?deleted={_desk(visit).delete(visit.at, visit.actor, schedule_id).schedule_id}")


@ROUTES.post(f"{PATH}/{{schedule_id}}/restore", MAY)
def restore(visit: Here, schedule_id: str) -> Response:
    """Bring back one that was deleted."""
    _desk(visit).restore(visit.at, visit.actor, schedule_id)
    return redirect(PATH)


@ROUTES.post(f"{PATH}/messages/{{message_id}}/again", MAY)
def send_again(visit: Here, message_id: str) -> Response:
    """Send once more what did not arrive, or may not have."""
    _desk(visit).send_again(visit.at, visit.actor, message_id)
    return redirect(f"{PATH}#sent")


@ROUTES.post(f"{PATH}/test-mail", MAY)
def send_test_mail(visit: Here) -> Response:
    """A mail to oneself that says nothing."""
    _desk(visit).test_mail(visit.at, visit.actor, visit.who.user_id)
    return redirect(f"{PATH}#sent")


@ROUTES.post(f"{PATH}/channels", (MAY, Capability.MANAGE_SETTINGS))
def add_channel(
    visit: Here, name: Annotated[str, Form()] = "", address: Annotated[str, Form()] = "", language: Annotated[str, Form()] = "en"
) -> Response:
    """A new channel; its address is shown never again."""
    chosen = Locale(language) if language in set(Locale) else Locale.ENGLISH
    return _done(visit, lambda desk: desk.add_channel(visit.at, visit.actor, NewChannel(name, address, chosen)), f"{PATH}#channels")


@ROUTES.post(f"{PATH}/channels/{{channel_id}}/test", (MAY, Capability.MANAGE_SETTINGS))
def test_channel(visit: Here, channel_id: str) -> Response:
    """A message that says nothing."""
    _desk(visit).test_channel(visit.at, visit.actor, channel_id)
    return redirect(f"{PATH}#sent")


@ROUTES.post(f"{PATH}/channels/{{channel_id}}/delete", (MAY, Capability.MANAGE_SETTINGS))
def delete_channel(visit: Here, channel_id: str) -> Response:
    """It gets nothing more; the page offers to bring it back."""
    return redirect(f"{PATH}?deleted={_desk(visit).delete_channel(visit.at, visit.actor, channel_id).channel_id}#channels")


@ROUTES.post(f"{PATH}/channels/{{channel_id}}/restore", (MAY, Capability.MANAGE_SETTINGS))
def restore_channel(visit: Here, channel_id: str) -> Response:
    """Bring back one that was deleted."""
    _desk(visit).restore_channel(visit.at, visit.actor, channel_id)
    return redirect(f"{PATH}#channels")


def _desk(visit: Visit) -> Schedules:
    return Schedules(visit.site.place, visit.site.store, visit.user)


def _done(visit: Visit, make: Callable[[Schedules], object], then: str = PATH) -> Response:
    try:
        make(_desk(visit))
    except KeepwellError as error:
        page = _page(visit, error)
        return visit.html(TEMPLATE, 400, page=page, title=page.title)
    return redirect(then)


def _page(visit: Visit, error: KeepwellError | None = None) -> SchedulesPage:
    desk = _desk(visit)
    found = desk.all(visit.at)
    sent = desk.messages(limit=SHOWN)
    names = {o.occasion_id: s.schedule.name for s in found for o in desk.occasions(s.schedule.schedule_id)}
    told = tuple(_told(visit, m, names) for m in sent)
    cards = Scorecards(visit.workspace, visit.site.store).all()
    return SchedulesPage(
        title=visit.say("schedules.title"),
        planned=tuple(_planned(visit, s) for s in found),
        told=told,
        channels=tuple((c, visit.say(f"schedules.service_{c.service}")) for c in desk.channels()),
        people=tuple(desk.people()),
        cards=tuple((c.name, c.title[visit.locale]) for c in cards.values()),
        every=tuple(Every),
        of=tuple(Of),
        formats=FORMATS,
        services=tuple(f"{schemes[0]}://" for schemes in SERVICES.values()),
        may_refresh=visit.may(Capability.REFRESH),
        may_keep_channels=visit.may(Capability.MANAGE_SETTINGS),
        has_mail=bool(visit.settings.mail_host),
        is_worker_alive=visit.site.jobs.is_worker_alive,
        deleted=_deleted(visit.asked("deleted")),
        fault=(error.message, error.hint) if error else None,
        sheets=(_sheet(visit, sent, names),),
    )


def _deleted(own: str) -> tuple[str, str] | None:
    """What was just deleted: the address of its kind, and its id."""
    if own.startswith("chn_"):
        return f"{PATH}/channels", own
    return (PATH, own) if own.startswith("sched_") else None


def _planned(visit: Visit, found: Listed) -> Planned:
    s = found.schedule
    last = ""
    if s.last:
        last = " · ".join(
            p for p in (visit.moment(s.last.due_at), visit.say(f"schedules.occasion_{s.last.state}"), visit.told(s.last.error or "")) if p
        )
    return Planned(
        s,
        visit.say(f"schedules.of_{s.of.replace('-', '_')}") if s.what is What.REVIEW else visit.say("schedules.refresh"),
        _when(visit, s),
        visit.moment(found.next_at) if found.next_at else visit.say("schedules.is_off"),
        found.names,
        last,
        OCCASION_TONES[s.last.state] if s.last else "none",
    )


def _when(visit: Visit, found: Schedule) -> str:
    timing = found.timing
    day = visit.say(f"schedules.weekday_{timing.on_day}") if timing.every is Every.WEEK else str(timing.on_day)
    return visit.say(f"schedules.every_{timing.every}", day=day, at=timing.at)


def _told(visit: Visit, found: Sent, names: dict[str, str]) -> Told:
    m = found.message
    fault = visit.say(f"schedules.fault_{m.fault}") if m.fault else ""
    return Told(
        m.message_id, visit.moment(m.made_at), _about(visit, found, names), found.to, visit.say(f"schedules.state_{m.state}"), TONES[m.state],
        m.tries, " · ".join(p for p in (fault, m.answer or "") if p), m.may_be_sent_again,
    )  # fmt: skip


def _about(visit: Visit, found: Sent, names: dict[str, str]) -> str:
    m = found.message
    return visit.say("schedules.about_test") if m.about is About.TEST else names.get(m.subject_id, visit.say("schedules.deleted_one"))


def _sheet(visit: Visit, sent: list[Sent], names: dict[str, str]) -> Sheet:
    columns = tuple(Column(n, visit.say(f"schedules.head_{n}"), is_number=n == "tries") for n in COLUMNS)
    rows = [[s.message.made_at, _about(visit, s, names), s.to, str(s.message.state), s.message.tries, s.message.answer] for s in sent]
    return Sheet("messages", columns, rows)
