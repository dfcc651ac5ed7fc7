"""What is to do today: warnings that the numbers give, each with where to go."""

from dataclasses import dataclass

from keepwell.metrics.kpi import Kpi, Unit
from keepwell.surfaces.web.picked import Picked
from keepwell.surfaces.web.readings import Series, at
from keepwell.surfaces.web.shown import ENOUGH
from keepwell.surfaces.web.visit import Visit

# a KPI that counts what waits for somebody -> the word for it
WAITING = {"overdue_followups": "overdue", "open_backlog": "backlog", "dormant_customers": "dormant"}
MOST_THIN = 3


@dataclass(frozen=True)
class Todo:
    """One line: what it is, what it comes to, its kind, and where it leads."""

    subject: str
    detail: str
    kind: str
    tone: str
    href: str


def todos(visit: Visit, known: dict[str, Kpi], found: Series, picked: Picked) -> tuple[Todo, ...]:
    """Customers who may leave, what waits, and data that are missing."""
    return (*_waiting(visit, known, found, picked), *_data(visit, known, found, picked), *_problems(visit))


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
            visit.say("kpi.thin", share=f"{coverage:.0%}"),
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
