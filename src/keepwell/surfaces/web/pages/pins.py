"""Choosing the readings on top of the Overview: one's own, and for those who manage settings everybody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from keepwell.access.pins import EVERYBODY, MOST_PINS, reset_pins, set_pins
from keepwell.access.roles import Capability
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.periods import Grain
from keepwell.metrics.kpi import Kpi
from keepwell.surfaces.stored import readings_of_run
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pinned import pins
from keepwell.surfaces.web.problems import status_of
from keepwell.surfaces.web.refusals import MayNotError
from keepwell.surfaces.web.route import Door
from keepwell.surfaces.web.tables import Sheet
from keepwell.surfaces.web.visit import Here, Visit, local_path, redirect

ROUTES = PageRoutes()
PATH = "/pins"
PAGE = Page("pins", PATH, Capability.SEE_KPIS, ROUTES, group=1, is_in_navigation=False)


@dataclass(frozen=True)
class PinsPage:
    """What is pinned, and what else could be."""

    title: str
    is_for_all: bool
    may_set_all: bool
    is_chosen: bool
    pinned: tuple[Kpi, ...]
    others: tuple[Kpi, ...]
    has_room: bool
    text: str
    address: str  # where its forms lead back to
    fault: tuple[str, str] | None = None  # why nothing came of what was pressed, and what to do
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page(PATH, Capability.SEE_KPIS, "pins.html")
def choose(visit: Visit) -> PinsPage:
    return _page(visit, visit.asked("q")[:100].strip(), visit.address_with(), for_all=_is_for_all(visit, visit.asked("whose")))


def _page(visit: Visit, text: str, address: str, *, for_all: bool, fault: tuple[str, str] | None = None) -> PinsPage:
    known, chosen = visit.workspace.kpis, _chosen(visit, for_all=for_all)
    others = sorted((known[n] for n in _with_data(visit) if n in known and n not in chosen), key=lambda k: k.title[visit.locale])
    return PinsPage(
        visit.say("pins.title"),
        for_all,
        visit.may(Capability.MANAGE_SETTINGS),
        pins(visit, for_all=for_all).is_chosen,
        tuple(known[n] for n in chosen),
        tuple(k for k in others if text.casefold() in f"{k.title['en']} {k.title['zh']} {k.name}".casefold()),
        len(chosen) < MOST_PINS,
        text,
        address,
        fault,
    )


@ROUTES.post(PATH, Door.SIGNED_IN)
def press(
    visit: Here,
    do: Annotated[str, Form()] = "",
    kpi: Annotated[str, Form()] = "",
    whose: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = PATH,
) -> Response:
    """Pin, unpin, move up or down, or reset; what is pressed counts at once. What can't be is told on the page of pins."""
    if not visit.may(Capability.SEE_KPIS):
        raise MayNotError("Your role may not do this.", "Ask an administrator if you need it.")
    for_all = _is_for_all(visit, whose)
    owner = EVERYBODY if for_all else visit.who.user_id
    try:
        with visit.site.store.transaction() as session:
            if do == "reset":
                reset_pins(session, visit.at, visit.actor, owner)
            else:
                set_pins(session, visit.at, visit.actor, owner, _pressed(visit, _chosen(visit, for_all=for_all), do, kpi))
    except WrongUseError as error:
        # a page that was open since before another tab pinned, or a program
        address = f"{PATH}?whose={EVERYBODY}" if for_all else PATH
        page = _page(visit, "", address, for_all=for_all, fault=(visit.told(error.message), visit.told(error.hint)))
        return visit.html("pins.html", int(status_of(error)), page=page, title=page.title)
    return redirect(local_path(back, PATH))


def _is_for_all(visit: Visit, whose: str) -> bool:
    if whose == EVERYBODY and not visit.may(Capability.MANAGE_SETTINGS):
        raise MayNotError("Your role may not do this.", "Ask an administrator if you need it.")
    return whose == EVERYBODY


def _pressed(visit: Visit, chosen: Sequence[str], do: str, kpi: str) -> list[str]:
    if kpi not in visit.workspace.kpis:
        raise unknown("KPI", kpi, visit.workspace.kpis)
    if do not in {"pin", "unpin", "up", "down"}:
        raise WrongUseError(visit.say("pins.no_such"), visit.say("pins.no_such_hint"))
    if do == "pin" and kpi in chosen:
        # pressed twice: it keeps its place
        return list(chosen)
    found = [n for n in chosen if n != kpi]
    if do == "pin":
        return [*found, kpi]
    if do in {"up", "down"} and kpi in chosen:
        found.insert(max(0, chosen.index(kpi) + (-1 if do == "up" else 1)), kpi)
    return found


def _chosen(visit: Visit, *, for_all: bool) -> list[str]:
    """The pinned ones that there are; before anything was chosen those that the Overview shows of itself."""
    found, known = pins(visit, for_all=for_all), visit.workspace.kpis
    with_data = _with_data(visit)
    is_own = found.names if found.is_chosen else ()
    return [n for n in found.in_turn if n in known and (n in with_data or n in is_own)][: found.places]


def _with_data(visit: Visit) -> tuple[str, ...]:
    """KPIs of which the company's run has a value in some month: that there are data is no secret, what they say is computed for each."""
    run = visit.run_or_none
    if run is None:
        return ()
    calendar, lake = visit.site.place.calendar, visit.workspace.lake
    return visit.kept(
        ("with data", run.run_id),
        lambda: tuple(dict.fromkeys(r.kpi for r in readings_of_run(lake, run, Grain.MONTH, None, calendar) if r.value is not None)),
    )
