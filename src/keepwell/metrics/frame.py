"""The periods of a question, and the small tables that place rows in them, lent to the engine."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from keepwell.core.periods import Calendar, Period
from keepwell.metrics import placement, scored
from keepwell.metrics.cut import Cut
from keepwell.metrics.fact import MOMENTS, PERIOD_RUNS, PERIOD_STARTS
from keepwell.metrics.measure import Placement, Source
from keepwell.metrics.session import Session


@dataclass(frozen=True)
class Frame:
    """The periods that are asked for and those that they are compared with."""

    wanted: list[Period]
    everything: list[Period]
    before: dict[date, date]
    last_year: dict[date, date]

    @classmethod
    def of(cls, wanted: list[Period], calendar: Calendar, *, is_compared: bool, against: Period | None = None) -> "Frame":
        """The frame of these periods; ``is_compared`` adds to each the one before (or ``against``) and the same one last year."""
        before: dict[date, date] = {}
        last_year: dict[date, date] = {}
        everything = {p.start: p for p in wanted}
        for period in wanted if is_compared else ():
            for store, other in (
                (before, against or calendar.previous_or_none(period)),
                (last_year, calendar.same_last_year_or_none(period)),
            ):
                if other is not None:
                    store[period.start] = other.start
                    everything.setdefault(other.start, other)
        return cls(wanted, sorted(everything.values()), before, last_year)

    @functools.cached_property
    def _ends(self) -> dict[date, date]:
        return {p.start: p.end for p in self.everything}

    def end_of(self, start: date) -> date:
        """The last day of the period that starts then."""
        return self._ends[start]

    def first_day(self, source: Source, calendar: Calendar) -> date:
        """The first day whose rows count in any of the periods."""
        first = self.everything[0]
        if source.window:
            return placement.window_start(first, source.window)
        if source.placement is Placement.RETURNING:
            earlier = calendar.previous_or_none(first)
            return earlier.start if earlier else first.start
        return first.start


def lend_placements(session: Session, sources: Sequence[Source], cut: Cut, frame: Frame, until: date) -> None:
    """Lend the tables that place the rows of these sources in the frame's periods, up to the day ``until``."""
    engine, everything = session.engine, frame.everything
    if any(s.placement is Placement.STOCK for s in sources):
        engine.lend(MOMENTS, placement.moments(everything, session.ground.calendar, session.last_day))
    if any(PERIOD_RUNS in query for query in cut.rows.values()):
        engine.lend(PERIOD_RUNS, scored.period_runs(everything, scored.scored_runs(session)))
    if any(PERIOD_STARTS in query for query in cut.rows.values()):
        engine.lend(PERIOD_STARTS, placement.period_starts(everything))
    if cut.has_comparisons:
        engine.lend(placement.COMPARISONS, placement.comparisons(everything, frame.before, frame.last_year))
    for source in sources:
        _lend_days(session, source, everything, until)


def _lend_days(session: Session, source: Source, periods: Sequence[Period], until: date) -> None:
    engine, calendar, last_day = session.engine, session.ground.calendar, session.last_day
    if source.placement is Placement.TRAILING and source.window:
        engine.lend(placement.days_of(source), placement.trailing(periods, source.window, until))
    elif source.placement is Placement.RETURNING:
        engine.lend(placement.RETURNING, placement.returning(periods, calendar, until))
    elif source.placement in {Placement.FLOW, Placement.COHORT}:
        engine.lend(placement.days_of(source), placement.days(periods, until))
    if source.placement is Placement.COHORT:
        active = session.extent(replace(source, time=source.returned_on or source.time))
        ages, days = placement.ages(periods, calendar, min(active.last or last_day, last_day - timedelta(days=1)))
        engine.lend(placement.ages_of(source), ages)
        engine.lend(placement.age_days_of(source), days)
