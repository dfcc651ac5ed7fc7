"""What a round of appraisals freezes: who is appraised, and the readings of each by the items of a plan, as a run knew them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from math import sqrt
from typing import Any

from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.core.periods import Grain, Period, Span
from keepwell.engine.sql import Steps, literal
from keepwell.lake.results import with_results
from keepwell.lake.runs import Run
from keepwell.lake.table import PROFILES
from keepwell.metrics.cut import NO_MEMBER
from keepwell.metrics.reading import PLACES, Reading, Status
from keepwell.performance.appraisals.frozen import Kept
from keepwell.performance.appraisals.plan import Kind, Of, Plan, PlanItem
from keepwell.performance.appraisals.rounds import NewRound, NewSubject
from keepwell.performance.scorecards.curve import Versus
from keepwell.performance.scorecards.scored import MEAN_OF
from keepwell.surfaces.appraisals import Appraisals
from keepwell.surfaces.python import Workspace

HISTORY = "employees_history"


@dataclass(frozen=True)
class Chosen:
    """Who shall be appraised: these ids, or whoever was in this team, or both; without either everybody with results."""

    who: Sequence[str] = ()
    team: str | None = None


@dataclass(frozen=True)
class Colleague:
    """An employee as of the last day of the period."""

    employee_id: str
    name: str
    team: str | None
    manager_id: str | None


@dataclass(frozen=True)
class Freezing:
    """A plan, a period that is over, and the run from which it is read."""

    workspace: Workspace
    plan: Plan
    period: Period
    run: Run

    def new_round(self, chosen: Chosen) -> NewRound:
        """The round with all that it rests on. Raises for who is unknown, and for a KPI that can't be read as the plan says."""
        kept, compared = self._kept()
        staff = {c.employee_id: c for c in self._staff()}
        subjects = self._people(chosen, kept, staff) if self.plan.of is Of.PEOPLE else self._teams(chosen, kept, staff.values())
        return NewRound(self.plan, self.period, self.run.run_id, subjects, compared)

    def _people(self, chosen: Chosen, kept: Mapping[str, Mapping[str, Kept]], staff: Mapping[str, Colleague]) -> list[NewSubject]:
        for key in chosen.who:
            if key not in staff:
                raise unknown("employee", key, staff)
        with_results = {m for members in kept.values() for m in members} if kept else set(staff)
        keys = set(chosen.who) or {k for k in staff if k in with_results or chosen.team is not None}
        found = [c for c in staff.values() if c.employee_id in keys and chosen.team in {None, c.team}]
        return [NewSubject(c.employee_id, c.name, c.team, c.employee_id, self._of(kept, c.employee_id)) for c in found]

    def _teams(self, chosen: Chosen, kept: Mapping[str, Mapping[str, Kept]], staff: Iterable[Colleague]) -> list[NewSubject]:
        members: dict[str, list[Colleague]] = defaultdict(list)
        for c in staff:
            if c.team is not None:
                members[c.team].append(c)
        names = self._team_names()
        known = set(names) | set(members)
        for key in (*chosen.who, *([chosen.team] if chosen.team else [])):
            if key not in known:
                raise unknown("team", key, known)
        with_results = {m for found in kept.values() for m in found} & known
        wanted = {*chosen.who, *([chosen.team] if chosen.team else [])} or with_results
        return [NewSubject(t, names.get(t) or t, t, _head_or_none(members[t]), self._of(kept, t)) for t in sorted(wanted)]

    @staticmethod
    def _of(kept: Mapping[str, Mapping[str, Kept]], subject: str) -> dict[str, Kept]:
        return {item: members[subject] for item, members in kept.items() if subject in members}

    def _kept(self) -> tuple[dict[str, dict[str, Kept]], dict[str, Any]]:
        """Item -> member -> reading; and what fair comparisons found, by item."""
        kept: dict[str, dict[str, Kept]] = {}
        compared: dict[str, Any] = {}
        by_dimension: dict[str, list[PlanItem]] = defaultdict(list)
        for item in self.plan.items_of(Kind.KPI):
            if item.mix is not None:
                kept[item.name], compared[item.name] = self._fair(item)
            elif item.by is not None:
                by_dimension[item.by].append(item)
        for by, items in by_dimension.items():
            kept |= self._raw(by, items)
        return kept, compared

    def _fair(self, item: PlanItem) -> tuple[dict[str, Kept], dict[str, Any]]:
        found = Appraisals(self.workspace.at(self.run)).between_or_none(
            item.name, item.by or "", item.mix or "", self.period.label, item.least
        )
        if found is None:
            return {}, {}
        made = {}
        for t in found.teams:
            if t.is_masked:
                made[t.name] = Kept(Status.TOO_FEW, t.n)
                continue
            value = Decimal(str(t.standing)).quantize(PLACES)
            made[t.name] = Kept(Status.OK, t.n, value, found.mean + t.low, found.mean + t.high, t.observed, t.expected, t.weight)
        largest = max(found.teams, key=lambda t: t.n)
        one = largest.error * sqrt(largest.n)
        return made, {"mean": found.mean, "one": one, "spread": found.spread, "by_kind": dict(found.by_kind)}

    def _raw(self, by: str, items: Sequence[PlanItem]) -> dict[str, dict[str, Kept]]:
        """Readings of items that are read by one dimension, with the earlier ones where a curve asks for them."""
        made: dict[str, dict[str, Kept]] = {}
        earlier: dict[str, dict[str, dict[date, Decimal]]] = defaultdict(lambda: defaultdict(dict))
        first = {i.name: self._first(i) for i in items}
        for start in sorted(set(first.values())):
            names = [i.name for i in items if first[i.name] == start]
            for r in self._readings(names, by, start):
                if r.member is None or r.member == NO_MEMBER:
                    continue
                item = next(i for i in items if i.name == r.kpi)
                if r.period_start == self.period.start:
                    made.setdefault(r.kpi, {})[r.member] = _kept(r, item.least)
                elif r.value is not None and r.status is Status.OK and r.n >= item.least:
                    earlier[r.kpi][r.member][r.period_start] = r.value
        return {
            name: {m: replace(k, earlier=earlier[name][m]) if earlier[name][m] else k for m, k in made.get(name, {}).items()}
            for name in first
        }

    def _readings(self, names: Sequence[str], by: str, start: date) -> Iterable[Reading]:
        asked = self.period.label if start == self.period.start else f"{start}..{self.period.end}"
        return self.workspace.kpi(*names, period=asked, grain=str(self.period.grain), by=by, run=self.run.run_id, allow_changed=False)

    def _first(self, item: PlanItem) -> date:
        """The first day from which readings are needed."""
        calendar, versus = self.workspace.place.calendar, item.curve.versus if item.curve else Versus.ABSOLUTE
        if versus is Versus.LAST_YEAR:
            before = calendar.same_last_year_or_none(self.period)
            return before.start if before else self.period.start
        first = self.period
        for _ in range({Versus.PREVIOUS: 1, Versus.MEAN: MEAN_OF}.get(versus, 0)):
            first = calendar.previous_or_none(first) or first
        return first.start

    def _staff(self) -> list[Colleague]:
        """Who worked here on the last day of the period, in the team and under the manager of that day."""
        lake = self.workspace.lake
        tables = with_results(lake, self.run)
        end = self.workspace.place.calendar.instants(Span("", Grain.DAY, self.period.end, self.period.end))[1]
        columns = "employee_id, team, manager_id, active_from, active_to"
        last = f"DATE '{self.period.end}'"
        with lake.engine(lake.folder / ".spill") as engine:
            for name in ("employees", HISTORY):
                tables.register(engine, name)
            # names are those of today: runs do not keep personal data
            lake.snapshot().register(engine, PROFILES)
            query = (
                Steps()
                .then(
                    "versions",
                    f"select {columns}, valid_to from {HISTORY} where valid_to >= {literal(end)}\n"
                    f"union all select {columns}, cast(null as TIMESTAMP WITH TIME ZONE) from employees",
                )
                .then(
                    "then_there",
                    "select * from versions qualify row_number() over (partition by employee_id order by valid_to nulls last) = 1",
                )
                .then(
                    "staff",
                    f"select t.employee_id, p.name, t.team, t.manager_id from then_there as t\n"
                    f"left join {PROFILES} as p on p.person = 'employee' and p.id = t.employee_id\n"
                    f"where (t.active_from is null or t.active_from <= {last}) and (t.active_to is null or t.active_to >= {last})\n"
                    "order by t.employee_id",
                )
            )
            rows = engine.arrow(query).to_pylist()
        return [Colleague(r["employee_id"], r["name"] or r["employee_id"], r["team"], r["manager_id"]) for r in rows]

    def _team_names(self) -> dict[str, str | None]:
        lake = self.workspace.lake
        with lake.engine(lake.folder / ".spill") as engine:
            with_results(lake, self.run).register(engine, "teams")
            rows = engine.arrow(Steps().then("teams_named", "select team, name from teams")).to_pylist()
        return {r["team"]: r["name"] for r in rows}


def freezing(workspace: Workspace, run: Run | None, plan: Plan, period: Period) -> Freezing:
    """What is frozen of a period that is over; raises where it is not, as far as the run knows, or where nothing was computed."""
    if run is None:
        raise KeepwellError("Nothing has been computed yet.", "Run `keepwell refresh`.")
    if not workspace.scope.is_whole:
        raise WrongUseError("Who sees a part of the customers can't open a round.", "Ask somebody who sees all.")
    if period.end > run.as_of:
        raise WrongUseError(f"{period.label} is not over yet.", f"The published run knows what there was until {run.as_of}.")
    return Freezing(workspace, plan, period, run)


def _kept(reading: Reading, least: int) -> Kept:
    if reading.n < least or reading.status is Status.TOO_FEW:
        return Kept(Status.TOO_FEW, reading.n)
    if reading.value is None:
        return Kept(Status.NO_DATA, reading.n)
    return Kept(Status.OK, reading.n, reading.value, reading.ci_low, reading.ci_high)


def _head_or_none(members: Collection[Colleague]) -> str | None:
    """Who leads a team: the one to whom most of it report, who may be of it or not."""
    counts: dict[str, int] = defaultdict(int)
    for m in members:
        if m.manager_id is not None:
            counts[m.manager_id] += 1
    return min(counts, key=lambda e: (-counts[e], e)) if counts else None
