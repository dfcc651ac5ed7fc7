"""What is to do today: customers who call for attention, what waits, and data that are missing, each with where to go."""

from dataclasses import dataclass
from urllib.parse import urlencode

from keepwell.customers.attention import Called
from keepwell.metrics.kpi import Kpi, Unit
from keepwell.surfaces.web.picked import Picked
from keepwell.surfaces.web.readings import Series, at
from keepwell.surfaces.web.shown import ENOUGH, thin_words
from keepwell.surfaces.web.visit import Visit

# a KPI that counts what waits for somebody -> the word for it
WAITING = {"overdue_followups": "overdue", "open_backlog": "backlog", "dormant_customers": "dormant"}
TONES = {"value_leaving": "worse", "overdue": "worse"}
MOST_THIN = 3


@dataclass(frozen=True)
class Todo:
    """One line: what it is, what it comes to, its kind, and where it leads. Of customers the reason, and the figures exactly."""

    subject: str
    detail: str
    kind: str
    tone: str
    href: str
    called: Called | None = None


@dataclass(frozen=True)
class Todos:
    """The lines, what is worth most first; ``more_href`` has all of them, where looking at the customers takes a while and has not begun."""

    lines: tuple[Todo, ...]
    more_href: str = ""


def todos(visit: Visit, known: dict[str, Kpi], found: Series, picked: Picked, *, waits: bool) -> Todos:
    """Customers who call for attention, what waits, and data that are missing; ``waits`` tells whether the first may take seconds."""
    others = (*_waiting(visit, known, found, picked), *_data(visit, known, found, picked), *_problems(visit))
    if not _sees_today(visit):
        return Todos(others)
    if not waits and not visit.workspace.has_book:
        return Todos(others, f"/todo?{urlencode({'period': picked.period.label, 'compare': picked.compare})}")
    return Todos((*_customers(visit), *others))


def _sees_today(visit: Visit) -> bool:
    """Whether this is the run that lists of customers are of, seen by somebody who may open them."""
    return visit.run_or_none is not None and not visit.asked("run") and visit.has_page("customers")


def _customers(visit: Visit) -> list[Todo]:
    book = visit.workspace.book
    return [_called(visit, c) for c in visit.kept(("attention", book.moment), visit.workspace.attention)]


def _called(visit: Visit, called: Called) -> Todo:
    number = "one" if called.customers == 1 else "many"
    return Todo(
        visit.say(f"overview.attention_{called.name}_{number}", n=visit.figure(called.customers, Unit.COUNT)),
        visit.say("overview.attention_worth", worth=visit.short_money(called.clv_12m)) if called.clv_12m is not None else "",
        visit.say("overview.kind_customers"),
        TONES.get(called.name, "warn"),
        f"/customers?{urlencode({'attention': called.name})}",
        called,
    )


def _waiting(visit: Visit, known: dict[str, Kpi], found: Series, picked: Picked) -> list[Todo]:
    made = []
    for name, word in WAITING.items():
        reading = at(found.get(name, ()), picked.period.label)
        if name in known and reading is not None and reading.value:
            value = visit.figure(reading.value, known[name].unit if known[name].unit is not Unit.SHARE else Unit.COUNT)
            made.append(
                Todo(
                    known[name].title[visit.locale],
                    visit.say(f"overview.todo_{word}", n=value),
                    visit.say("overview.kind_waiting"),
                    "warn",
                    f"/kpi/{name}?period={picked.period.label}",
                )
            )
    return made


def _data(visit: Visit, known: dict[str, Kpi], found: Series, picked: Picked) -> list[Todo]:
    thin = []
    for name, readings in found.items():
        reading = at(readings, picked.period.label)
        if name in known and reading is not None and reading.coverage is not None and reading.coverage < ENOUGH:
            thin.append((reading.coverage, known[name]))
    thin.sort(key=lambda t: (t[0], t[1].name))
    return [
        Todo(
            kpi.title[visit.locale],
            thin_words(coverage, visit),
            visit.say("overview.kind_data"),
            "warn",
            f"/kpi/{kpi.name}?period={picked.period.label}#definition",
        )
        for coverage, kpi in thin[:MOST_THIN]
    ]


def _problems(visit: Visit) -> list[Todo]:
    run = visit.run_or_none
    if run is None:
        return []
    return [Todo(name, reason, visit.say("overview.kind_data"), "worse", "/settings") for name, reason in run.problems.items()]
