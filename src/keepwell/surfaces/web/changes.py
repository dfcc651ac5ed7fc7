"""Changes as pages tell them: in words, with where to look further."""

from dataclasses import dataclass
from decimal import Decimal

from keepwell.core.periods import Grain
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.reading import Reading
from keepwell.surfaces.changed import Moved, movements
from keepwell.surfaces.web.picked import Picked
from keepwell.surfaces.web.readings import Series, at, members_changed
from keepwell.surfaces.web.shown import change_of
from keepwell.surfaces.web.visit import Visit

TONES = {True: "better", False: "worse", None: "none"}


@dataclass(frozen=True)
class Change:
    """One change in words, with how it is meant and where to look further."""

    kpi: str
    subject: str
    before: str
    now: str
    change: str
    interval: str
    tone: str  # better | worse | none
    href: str
    why_href: str
    dimension: str
    member: str
    exact: Reading
    exact_change: Decimal


@dataclass(frozen=True)
class Changes:
    """The changes, how many KPIs were compared, and how many of these would differ by chance."""

    found: tuple[Change, ...]
    real: int  # KPIs that changed as a whole
    compared: int
    by_chance: float


def found_changes(visit: Visit, known: dict[str, Kpi], readings: Series, picked: Picked) -> Changes:
    """The real changes of the period, most telling first."""
    whole = [r for found in readings.values() if (r := at(found, picked.period.label)) is not None]
    members = members_changed(visit, picked.period.label) if picked.grain is Grain.MONTH else ()
    found = movements(known, whole, members, picked.compare)
    return Changes(tuple(_told(visit, m, picked) for m in found.found), found.real, found.compared, found.by_chance)


def _told(visit: Visit, moved: Moved, picked: Picked) -> Change:
    kpi, r, low, high = moved.kpi, moved.reading, moved.low, moved.high
    title = kpi.title[visit.locale]
    query = f"?period={picked.period.label}&compare={picked.compare}"
    by = f"&by={r.dimension}&member={r.member}" if r.dimension else ""
    return Change(
        kpi=kpi.name,
        subject=f"{title} · {visit.label(r.dimension or '', r.member)}" if r.member else title,
        before=visit.figure(moved.before, kpi.unit),
        now=visit.figure(moved.before + moved.change, kpi.unit),
        change=change_of(moved.change, kpi, visit),
        interval=f"{change_of(Decimal(str(low)), kpi, visit)} – {change_of(Decimal(str(high)), kpi, visit)}"
        if low is not None and high is not None and low < high
        else "",
        tone=TONES[moved.is_better],
        href=f"/kpi/{kpi.name}{query}{by}",
        why_href=f"/kpi/{kpi.name}/reason{query}{by}",
        dimension=r.dimension or "",
        member=r.member or "",
        exact=r,
        exact_change=moved.change,
    )
