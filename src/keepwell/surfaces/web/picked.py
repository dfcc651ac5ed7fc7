"""Which period a page shows, and with what it is compared: both stand in the address."""

from dataclasses import dataclass
from datetime import date, timedelta

from keepwell.core.clock import local_day
from keepwell.core.errors import WrongUseError, did_you_mean
from keepwell.core.periods import JUDGED, Grain, Period
from keepwell.lake.runs import Run
from keepwell.surfaces.web.visit import Visit

SHOWN = {Grain.WEEK: 26, Grain.MONTH: 24, Grain.QUARTER: 12, Grain.YEAR: 6}  # periods that can be picked
COMPARED = ("previous", "year")


@dataclass(frozen=True)
class Picked:
    """The period that is shown, those that could be, the one before, and the kind of comparison."""

    period: Period
    before: Period | None
    choices: tuple[Period, ...]
    compare: str
    grains: tuple[Grain, ...] = JUDGED  # that can be picked

    @property
    def grain(self) -> Grain:
        return self.period.grain


def picked(visit: Visit, grains: tuple[Grain, ...] = JUDGED) -> Picked:
    """As the address says; by default the last month that was over when the run looked, beside the one before."""
    calendar, run = visit.site.place.calendar, visit.run_or_none
    day = run.as_of if run else visit.workspace.today
    compare = visit.asked("compare", COMPARED[0])
    if compare not in COMPARED:
        raise WrongUseError(f"There is no comparison {compare!r}.", did_you_mean(compare, COMPARED))
    asked = visit.asked("period")
    if asked:
        period = calendar.one(asked, today=day, grains=grains)
    else:
        grain = _grain(visit.asked("grain", Grain.MONTH), grains)
        period = calendar.containing(grain, day)
        # on its last day a period is not over yet, unless the run looked back to it
        if period.end > (day if run and _is_look_back(visit, run) else day - timedelta(days=1)):
            period = calendar.previous_or_none(period) or period
    newest = calendar.containing(period.grain, day)
    choices = [newest]
    while len(choices) < SHOWN[period.grain] and (before := calendar.previous_or_none(choices[-1])):
        choices.append(before)
    if period not in choices:
        choices.append(period)
    earlier = calendar.previous_or_none(period) if compare == COMPARED[0] else calendar.containing(period.grain, _a_year_before(period))
    return Picked(period, earlier, tuple(choices), compare, grains)


def _is_look_back(visit: Visit, run: Run) -> bool:
    return local_day(run.started_at, visit.settings.timezone) > run.as_of


def _a_year_before(period: Period) -> date:
    return period.start.replace(year=period.start.year - 1, day=min(period.start.day, 28))


def _grain(name: str, grains: tuple[Grain, ...]) -> Grain:
    if name not in grains:
        raise WrongUseError(f"There is no grain {name!r} here.", did_you_mean(name, grains))
    return Grain(name)
