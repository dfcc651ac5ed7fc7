"""Events on a KPI's trend: what may have moved it, where it happened."""

from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.access.roles import Capability
from keepwell.lake import head
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.reading import Reading
from keepwell.surfaces.events import Event, EventKind
from keepwell.surfaces.web.charts import Mark
from keepwell.surfaces.web.visit import Visit

MOST_TOLD = 4  # of one period, beside the line


@dataclass(frozen=True)
class Happened:
    """An event in words, in its period, with where to look further."""

    period: str
    on: str
    kind: str
    name: str
    href: str


def happened(visit: Visit, kpi: Kpi, readings: Sequence[Reading]) -> tuple[Happened, ...]:
    """What happened in the periods of the readings, the newest first."""
    if not readings:
        return ()
    first, last = readings[0].period_start, max(r.period_end for r in readings)
    run = visit.run_or_none
    # imports come and go between two runs
    key = ("events", run.run_id if run else None, head.read(visit.workspace.lake.folder).change, kpi.name, first, last)
    found = visit.kept(key, lambda: tuple(visit.workspace.events(kpi.name, f"{first}..{last}")))
    told = [_told(visit, e, readings) for e in reversed(found)]
    return tuple(t for t in told if t is not None)


def _told(visit: Visit, event: Event, readings: Sequence[Reading]) -> Happened | None:
    period = next((r.period for r in readings if r.period_start <= event.on <= r.period_end), None)
    if period is None:
        return None
    hrefs = {
        EventKind.DEFINITION: "/data/runs",
        EventKind.IMPORT: f"/data/imports/{event.key}",
        EventKind.UNDO: f"/data/imports/{event.key}",
    }
    href = hrefs.get(event.kind, "") if visit.may(Capability.SEE_DATA) else ""
    return Happened(period, event.on.isoformat(), visit.say(f"kpi.event_{event.kind}"), event.name, href)


def marks(visit: Visit, events: Sequence[Happened]) -> tuple[Mark, ...]:
    """One mark a period: how many events it holds, and the first of them in words."""
    by_period: dict[str, list[Happened]] = {}
    for e in reversed(events):
        by_period.setdefault(e.period, []).append(e)
    made = []
    for period, found in by_period.items():
        told = tuple(f"⚑ {e.on} {e.kind}: {e.name}" for e in found[:MOST_TOLD])
        more = (visit.say("kpi.more_events", n=len(found) - MOST_TOLD),) if len(found) > MOST_TOLD else ()
        made.append(Mark(period, f"⚑ {len(found)}" if len(found) > 1 else "⚑", (*told, *more)))
    return tuple(made)
