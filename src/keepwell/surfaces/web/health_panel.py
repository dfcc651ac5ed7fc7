"""A customer's health as the page shows it: the score with its parts, the override beside it, and the form to set or end one."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from keepwell.access.roles import Capability
from keepwell.lake import runs
from keepwell.performance.health.definition import Band
from keepwell.performance.health.override import Override, in_a_year
from keepwell.performance.health.results import DEFINITIONS
from keepwell.performance.health.scored import ScoredPart
from keepwell.performance.health.stored import Known, known_of
from keepwell.surfaces import health_told as told
from keepwell.surfaces.health import CustomerHealth, HealthDesk
from keepwell.surfaces.web.aimed import people
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

TONES = {Band.HEALTHY: "better", Band.WATCH: "warn", Band.AT_RISK: "worse"}
COLUMNS = ("part", "value", "points", "weight", "adds")


@dataclass(frozen=True)
class PartLine:
    """A part in words, and exactly."""

    name: str
    label: str
    meaning: str
    rule: str
    value: str
    points: str
    weight: str
    exact: ScoredPart


@dataclass(frozen=True)
class OverrideLine:
    """An override in words."""

    said: str
    reason: str
    owner: str
    until: str
    made: str
    state: str
    is_counting: bool


@dataclass(frozen=True)
class Panel:
    """All that is shown of a customer's health. ``band`` is what counts, ``computed`` what the run came to."""

    score: str
    exact: Decimal | None
    computed: str
    computed_tone: str
    band: str
    tone: str
    known: str
    parts: tuple[PartLine, ...]
    override: OverrideLine | None
    history: tuple[OverrideLine, ...]
    may_override: bool
    people: tuple[tuple[str, str], ...]
    bands: tuple[tuple[str, str], ...]
    earliest: date
    latest: date
    sheet: Sheet


def known_or_none(visit: Visit) -> Known | None:
    """What the published run tells of health; None where it is older than health is."""
    run = runs.published_or_none(visit.workspace.lake)
    if run is None or DEFINITIONS not in run.results:
        return None
    return visit.kept(("health", run.run_id), lambda: known_of(visit.workspace.lake, run))


def panel_or_none(visit: Visit, customer_id: str) -> Panel | None:
    """The panel of a customer whom the visitor sees; None where health has not been computed."""
    known = known_or_none(visit)
    if known is None:
        return None
    found = HealthDesk(visit.workspace, visit.site.store).of(customer_id, known)
    may = visit.may(Capability.ACT)
    locale, said = visit.locale, found.override
    computed = found.computed
    parts = tuple(_part(visit, p) for p in computed.parts)
    return Panel(
        score=told.points_words(computed.score),
        exact=computed.score,
        computed=told.band_label(computed.band, locale),
        computed_tone=_tone(computed.band),
        band=told.band_label(found.band, locale),
        tone=_tone(found.band),
        known=told.percent(computed.known),
        parts=parts,
        override=_override(visit, said, found) if said else None,
        history=tuple(_override(visit, o, found) for o in found.history),
        may_override=may,
        people=tuple(sorted(people(visit).items(), key=lambda p: p[1])) if may else (),
        bands=tuple((str(b), told.band_label(b, locale)) for b in Band),
        earliest=found.today + timedelta(days=1),
        latest=in_a_year(found.today),
        sheet=_sheet(visit, parts),
    )


def _tone(band: Band | None) -> str:
    return TONES[band] if band else "none"


def _part(visit: Visit, p: ScoredPart) -> PartLine:
    measure = p.part.measure
    return PartLine(
        p.part.name,
        told.part_label(measure, visit.locale),
        told.part_meaning(measure, visit.locale),
        f"{told.direction_words(p.part, visit.locale)}: {told.bounds_words(p.part)}",
        visit.say("health.unknown") if p.value is None else told.value_words(measure.kind, p.value),
        told.points_words(p.points),
        told.percent(p.share),
        p,
    )


def _override(visit: Visit, said: Override, found: CustomerHealth) -> OverrideLine:
    state = said.state(found.today)
    return OverrideLine(
        told.said_words(said, visit.locale), said.reason, said.owner_name, str(said.until),
        visit.say("health.made", at=visit.moment(said.made_at), by=said.made_by_name), visit.say(f"health.state_{state}"), said == found.override,
    )  # fmt: skip


def _sheet(visit: Visit, parts: tuple[PartLine, ...]) -> Sheet:
    columns = tuple(Column(n, visit.say(f"health.{n}"), is_number=n != "part") for n in COLUMNS)
    return Sheet("health", columns, [[p.name, p.exact.value, p.exact.points, p.exact.share, p.exact.adds] for p in parts])
