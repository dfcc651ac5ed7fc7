"""What changed and is real, most telling first: the company's KPIs, and members of their dimensions where the whole did not move."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from keepwell.core.periods import Grain
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.reading import Reading
from keepwell.surfaces.explained import telling
from keepwell.surfaces.figures import change_words
from keepwell.surfaces.web.picked import Picked
from keepwell.surfaces.web.readings import Series, at, members_changed
from keepwell.surfaces.web.shown import change_of, is_solid
from keepwell.surfaces.web.visit import Visit

CHANCE = 0.05  # the share of changes that a 95 % interval calls real where nothing changed


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
    weight: float
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
    """Each KPI at most once: as a whole where that changed, else by its most telling member."""
    whole = [r for name, found in readings.items() if name in known and (r := at(found, picked.period.label)) is not None and is_solid(r)]
    compared = [r for r in whole if _change(r, picked)[3] is not None]
    told = {r.kpi: c for r in compared if (c := _told(visit, known[r.kpi], r, picked)) is not None}
    as_a_whole = set(told)
    members: Iterable[Reading] = members_changed(visit, picked.period.label) if picked.grain is Grain.MONTH else ()
    for r in members:
        if r.kpi in known and is_solid(r) and r.kpi not in as_a_whole:
            change = _told(visit, known[r.kpi], r, picked)
            if change is not None and (r.kpi not in told or told[r.kpi].weight < change.weight):
                told[r.kpi] = change
    ranked = sorted(told.values(), key=lambda c: (c.tone == "none", -c.weight))
    return Changes(tuple(ranked), len(as_a_whole), len(compared), len(compared) * CHANCE)


def _change(r: Reading, picked: Picked) -> tuple[Decimal | None, float | None, float | None, bool | None]:
    if picked.compare == "year":
        return r.change_last_year, r.change_last_year_ci_low, r.change_last_year_ci_high, r.change_last_year_is_real
    return r.change_previous, r.change_previous_ci_low, r.change_previous_ci_high, r.change_previous_is_real


def _told(visit: Visit, kpi: Kpi, r: Reading, picked: Picked) -> Change | None:
    change, low, high, is_real = _change(r, picked)
    if change is None or r.value is None or not is_real or not change or r.is_open:
        return None
    before = r.value - change
    tone = change_words(change, is_real, kpi, visit.settings)[1] or "none"
    title = kpi.title[visit.locale]
    query = f"?period={picked.period.label}&compare={picked.compare}"
    by = f"&by={r.dimension}&member={r.member}" if r.dimension else ""
    return Change(
        kpi=kpi.name,
        subject=f"{title} · {visit.label(r.dimension or '', r.member)}" if r.member else title,
        before=visit.figure(before, kpi.unit),
        now=visit.figure(r.value, kpi.unit),
        change=change_of(change, kpi, visit),
        interval=f"{change_of(Decimal(str(low)), kpi, visit)} – {change_of(Decimal(str(high)), kpi, visit)}"
        if low is not None and high is not None and low < high
        else "",
        tone=tone,
        href=f"/kpi/{kpi.name}{query}{by}",
        why_href=f"/kpi/{kpi.name}/reason{query}{by}",
        dimension=r.dimension or "",
        member=r.member or "",
        exact=r,
        exact_change=change,
        weight=telling(kpi, change, low, high, before, is_of_a_part=r.dimension is not None),
    )
