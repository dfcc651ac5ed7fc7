"""Readings for pages: what the run wrote down where it did, computed and kept where it did not."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from keepwell.core.periods import Grain
from keepwell.lake.runs import Run
from keepwell.metrics.cut import AGE
from keepwell.metrics.explain import Explanation
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.reading import Reading
from keepwell.surfaces.explained import explanation_or_none
from keepwell.surfaces.stored import readings_of_run, real_changes_of_members
from keepwell.surfaces.web.visit import Visit

PERIODS = {Grain.MONTH: 24, Grain.QUARTER: 8, Grain.YEAR: 3}
Series = Mapping[str, Sequence[Reading]]


def series(visit: Visit, grain: Grain, names: Collection[str] | None = None) -> Series:
    """Readings of the whole at this grain, by KPI, oldest first; nothing before the first refresh.

    The run wrote down the company's. Those of a person who sees a part are computed; ``names`` then says which are needed.
    """
    run = visit.run_or_none
    if run is None:
        return {}
    if visit.scope.is_whole:
        calendar = visit.site.place.calendar
        return visit.kept(("series", run.run_id, grain), lambda: _by_kpi(readings_of_run(visit.workspace.lake, run, grain, None, calendar)))
    wanted = tuple(sorted(n for n in visit.workspace.kpis if names is None or n in names))
    period = _lately(visit, run, grain)
    return visit.kept(
        ("series", run.run_id, grain, wanted), lambda: _by_kpi(visit.workspace.kpi(*wanted, period=period, grain=grain, run=run.run_id))
    )


def _by_kpi(readings: Iterable[Reading]) -> Series:
    found: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        found[reading.kpi].append(reading)
    return dict(found)


def _lately(visit: Visit, run: Run, grain: Grain) -> str:
    """So many periods up to the run's day as pages show, the year before the shown one included."""
    calendar = visit.site.place.calendar
    period = calendar.containing(grain, run.as_of)
    first = period
    for _ in range(PERIODS[grain]):
        first = calendar.previous_or_none(first) or first
    return f"{first.start.isoformat()}..{period.end.isoformat()}"


def broken_down(visit: Visit, kpi: Kpi, grain: Grain, dimension: str, period: str) -> Sequence[Reading]:
    """The readings of a period by a dimension, largest first as people look: computed where the run did not write them."""
    run = visit.run_or_none
    if run is None:
        return ()

    def find() -> Sequence[Reading]:
        return tuple(visit.workspace.kpi(kpi.name, period=period, grain=grain, by=dimension, run=run.run_id))

    return visit.kept(("by", run.run_id, kpi.name, kpi.definition_hash, grain, dimension, period), find)


def cohorts(visit: Visit, kpi: Kpi, where: str | None = None) -> Sequence[Reading]:
    """A cohort KPI by month and age; of those for whom ``where`` holds, where it is told. Cells that are not over are not there."""
    run = visit.run_or_none
    if run is None:
        return ()
    if visit.scope.is_whole and where is None:
        calendar, lake = visit.site.place.calendar, visit.workspace.lake
        return visit.kept(("cohorts", run.run_id, kpi.name), lambda: readings_of_run(lake, run, Grain.MONTH, AGE, calendar, kpi.name))
    key = ("cohorts", run.run_id, kpi.name, where)
    return visit.kept(
        key, lambda: tuple(visit.workspace.kpi(kpi.name, period="all", grain=Grain.MONTH, by=AGE, where=where, run=run.run_id))
    )


def members(visit: Visit, dimension: str) -> tuple[str, ...]:
    """The members of a dimension among the customers that this person sees, the most frequent first."""
    run, name = visit.run_or_none, "customers"
    if run is None or dimension not in visit.workspace.kpis[name].dimensions:
        return ()
    found = broken_down(
        visit, visit.workspace.kpis[name], Grain.MONTH, dimension, visit.site.place.calendar.containing(Grain.MONTH, run.as_of).label
    )
    return tuple(r.member for r in sorted(found, key=lambda r: -(r.value or 0)) if r.member)


def explained(visit: Visit, kpi: Kpi, period: str, versus: str) -> Explanation:
    """Why the KPI differs between two periods: as the run wrote it down, where it did and this person sees the whole."""
    run = visit.run_or_none

    def find() -> Explanation:
        written = explanation_or_none(visit.workspace.lake, run, kpi, period, versus) if run and visit.scope.is_whole else None
        return written or visit.workspace.explain(kpi.name, period=period, versus=versus).explanation

    return visit.kept(("explained", run.run_id if run else None, kpi.name, kpi.definition_hash, period, versus), find)


def members_changed(visit: Visit, period: str) -> Sequence[Reading]:
    """Members of dimensions whose change the run found to be real in this month."""
    run = visit.run_or_none
    if run is None or not visit.scope.is_whole:
        return ()
    return visit.kept(
        ("members", run.run_id, period),
        lambda: tuple(real_changes_of_members(visit.workspace.lake, run, visit.site.place.calendar.parse(period, today=run.as_of))),
    )


def up_to(found: Sequence[Reading], period: str) -> list[Reading]:
    """The series as far as this period."""
    until = next((r.period_start for r in found if r.period == period), None)
    return [] if until is None else [r for r in found if r.period_start <= until]


def at(found: Sequence[Reading], period: str) -> Reading | None:
    return next((r for r in found if r.period == period), None)
