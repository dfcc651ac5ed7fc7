"""What may have moved a number from outside or from within: campaigns that began, definitions that changed, data that came or went."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from keepwell.core.clock import local_day
from keepwell.engine.sql import Steps, literal
from keepwell.lake import records, runs
from keepwell.lake.lake import Lake
from keepwell.lake.records import ChangeKind
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.lineage import lineage


class EventKind(StrEnum):
    """What an event is."""

    CAMPAIGN = "campaign"  # it began
    DEFINITION = "definition"  # a run computed the KPI by another definition than the run before
    IMPORT = "import"  # rows came or changed that the KPI rests on
    UNDO = "undo"  # an import was taken back


@dataclass(frozen=True)
class Event:
    """Something that happened on a day, and what it is known by: a campaign's name, a run's id, an import's id."""

    on: date
    kind: EventKind
    name: str
    key: str


def events_of(lake: Lake, kpi: Kpi, first: date, last: date, timezone: str) -> list[Event]:
    """The events from ``first`` to ``last`` that concern the KPI, oldest first; days are those of ``timezone``."""
    found = (*_campaigns(lake, first, last), *_definitions(lake, kpi, timezone), *_changes(lake, kpi, timezone))
    return sorted((e for e in found if first <= e.on <= last), key=lambda e: (e.on, e.kind, e.name, e.key))


def _campaigns(lake: Lake, first: date, last: date) -> list[Event]:
    snapshot = lake.snapshot()
    if not snapshot.rows("campaigns"):
        return []
    between = f"started_on between DATE {literal(first)} and DATE {literal(last)}"
    with lake.engine(lake.folder / ".spill") as engine:
        snapshot.register(engine, "campaigns")
        rows = engine.arrow(Steps().then("began", f"select campaign_id, name, started_on from campaigns where {between}")).to_pylist()
    return [Event(r["started_on"], EventKind.CAMPAIGN, r["name"] or r["campaign_id"], r["campaign_id"]) for r in rows]


def _definitions(lake: Lake, kpi: Kpi, timezone: str) -> Iterator[Event]:
    before: str | None = None
    for run in runs.all_runs(lake):
        now = run.definitions.get(kpi.name)
        if before is not None and now is not None and now != before:
            yield Event(local_day(run.started_at, timezone), EventKind.DEFINITION, run.run_id, run.run_id)
        before = now or before


def _changes(lake: Lake, kpi: Kpi, timezone: str) -> Iterator[Event]:
    reads = set(lineage(kpi).columns)
    kinds = {ChangeKind.IMPORT: EventKind.IMPORT, ChangeKind.UNDO: EventKind.UNDO}
    for record in records.read_all(lake.folder):
        touched = {e.entity for e in record.entities if e.inserted or e.updated or e.removed}
        if record.kind in kinds and touched & reads:
            yield Event(local_day(record.started_at, timezone), kinds[record.kind], record.source, record.import_id)
