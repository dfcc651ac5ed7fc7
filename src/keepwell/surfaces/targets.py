"""Targets as all surfaces tell of them: asked for in words, computed from the published run, seen by whom they concern."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from keepwell.access.audit import Actor
from keepwell.access.console import person
from keepwell.access.users import user_of
from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.core.periods import Grain, Period
from keepwell.lake import runs
from keepwell.lake.runs import Run
from keepwell.metrics.kpi import Kpi, Unit
from keepwell.metrics.reading import Status
from keepwell.performance.slices import WHOLE, ScopeKind, slice_of
from keepwell.performance.targets import service
from keepwell.performance.targets.smart import Criterion, smart
from keepwell.performance.targets.standing import History, Standing, adds_up, baseline_of, standing, way_of
from keepwell.performance.targets.target import Aim, Point, Step, Target, Version
from keepwell.store.db import Database, store_of
from keepwell.surfaces.answers import plain
from keepwell.surfaces.python import Workspace

MONTHS_BACK = 36
MOST_YEARS = 10  # ahead that a deadline may lie
OWN_PERIODS_BACK = {Grain.QUARTER: 12, Grain.YEAR: 3}
PLACES = Decimal("1e-10")
MOST_VALUE = Decimal("1e18")
NUMBER = re.compile(r"^([+-]?[\d,]*\.?\d+)\s*(%|s|min|h|d)?$")
SECONDS = {None: 1, "s": 1, "min": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class Wanted:
    """A target as somebody writes it. ``by`` is the period that shall reach the value: its last day is the deadline."""

    kpi: str
    value: str
    by: str | None
    slice: str | None = None  # region=East, team=Service, person=e-12, tier=A; without one the company
    owner_id: str | None = None
    reason: str | None = None
    objective_id: str | None = None
    change: str | None = None


@dataclass(frozen=True)
class Checked:
    """A target that is set, or would be: how it stands, and what the SMART check says of it."""

    target: Target
    kpi: Kpi
    standing: Standing
    smart: Sequence[Criterion]
    readings: Sequence[Point]  # of whole periods, months where they add up to the target's


@dataclass(frozen=True)
class Targets:
    """The targets of a workspace as one person sees them.

    Who sees a part of the customers, sees the targets of the own person, and sets none: baseline and way would be those of the part.
    """

    workspace: Workspace
    store: Database

    def preview(self, wanted: Wanted, at: datetime) -> Checked:
        """What setting it would make, without setting it."""
        self.workspace.scope.check_whole()
        aim = self._aim(wanted)
        computed, history = self._computed(aim)
        version = Version(1, at, None, aim, computed.baseline, computed.baseline_period, computed.path, wanted.change)
        return self._checked(Target("", (version,)), history)

    def set(self, at: datetime, actor: Actor, wanted: Wanted) -> Checked:
        """Set it, or its next version where there is one; with baseline and way as they are computed now."""
        self.workspace.scope.check_whole()
        aim = self._aim(wanted)
        computed = self._computed(aim)[0]
        with self.store.transaction() as session:
            found = service.set_target(session, at, actor, aim, computed, wanted.change)
        return self.checked(found)

    def end(self, at: datetime, actor: Actor, target_id: str, because: str) -> Checked:
        """It counts no more from now on; :meth:`resume` takes that back."""
        self.known(target_id)
        self.workspace.scope.check_whole()
        with self.store.transaction() as session:
            found = service.end_target(session, at, actor, target_id, because)
        return self.checked(found)

    def resume(self, at: datetime, actor: Actor, target_id: str) -> Checked:
        """One that was ended counts again."""
        self.known(target_id)
        self.workspace.scope.check_whole()
        with self.store.transaction() as session:
            found = service.resume_target(session, at, actor, target_id)
        return self.checked(found)

    def all(self, *, with_ended: bool = False, of_kpi: str | None = None) -> list[Checked]:
        """Every target that this person sees, by deadline; those of KPIs that are gone from the catalogue are left out."""
        return [self.checked(t) for t in self.seen(with_ended=with_ended, of_kpi=of_kpi)]

    def seen(self, *, with_ended: bool = False, of_kpi: str | None = None) -> list[Target]:
        """The same without how they stand, which takes a query each."""
        known = self.workspace.kpis
        with self.store.transaction(writes=False) as session:
            found = service.targets(session, with_ended=with_ended)
        return [t for t in found if t.aim.kpi in known and of_kpi in {None, t.aim.kpi} and self._is_seen(t)]

    def one(self, target_id: str) -> Checked:
        """That target; one that this person does not see is as unknown as one that is not there."""
        return self.checked(self.known(target_id))

    def known(self, target_id: str) -> Target:
        """The same without how it stands."""
        with self.store.transaction(writes=False) as session:
            found = service.target(session, target_id)
        if not self._is_seen(found) or found.aim.kpi not in self.workspace.kpis:
            raise unknown("target", target_id, ())
        return found

    def objectives(self) -> list[service.Objective]:
        """What the targets that this person sees are grouped by, by title; who sees all sees those without targets too."""
        with self.store.transaction(writes=False) as session:
            found = service.objectives(session)
        if self.workspace.scope.is_whole:
            return found
        seen = {t.aim.objective_id for t in self.seen(with_ended=True)}
        return [o for o in found if o.objective_id in seen]

    def add_objective(self, at: datetime, actor: Actor, title: str, owner_id: str | None = None) -> service.Objective:
        """An objective without targets yet."""
        self.workspace.scope.check_whole()
        with self.store.transaction() as session:
            return service.add_objective(session, at, actor, title, owner_id)

    def delete_objective(self, at: datetime, actor: Actor, objective_id: str) -> None:
        """It is listed no more; its targets stay. :meth:`restore_objective` takes that back."""
        self.workspace.scope.check_whole()
        with self.store.transaction() as session:
            service.delete_objective(session, at, actor, objective_id)

    def restore_objective(self, at: datetime, actor: Actor, objective_id: str) -> service.Objective:
        """One that was deleted is listed again."""
        self.workspace.scope.check_whole()
        with self.store.transaction() as session:
            return service.restore_objective(session, at, actor, objective_id)

    def checked(self, found: Target) -> Checked:
        """How a target stands by the published run."""
        return self._checked(found, self._history(found.aim))

    def _is_seen(self, found: Target) -> bool:
        scope = self.workspace.scope
        if scope.is_whole:
            return True
        return found.aim.slice.kind is ScopeKind.PERSON and found.aim.slice.member == scope.employee_id

    def _checked(self, found: Target, history: History) -> Checked:
        known = self.workspace.kpis[found.aim.kpi]
        calendar = self.workspace.place.calendar
        stands = standing(known, found.now, history, calendar)
        baseline = found.now.baseline
        checks = smart(known, found.aim, stands, None if baseline is None else float(baseline), self._day)
        return Checked(found, known, stands, checks, history.months or history.own)

    @property
    def _day(self) -> date:
        run = self._run_or_none
        return run.as_of if run else self.workspace.today

    @property
    def _run_or_none(self) -> Run | None:
        return self.workspace.known_by or runs.published_or_none(self.workspace.lake)

    def _aim(self, wanted: Wanted) -> Aim:
        found = self.workspace.named(wanted.kpi)
        period = self._period(wanted.by)
        return Aim(
            found.name, period.grain, period.label, period.end, value_of(wanted.value, found), slice_of(found, wanted.slice),
            wanted.owner_id, wanted.reason, wanted.objective_id,
        )  # fmt: skip

    def _period(self, by: str | None) -> Period:
        if not by or not by.strip():
            raise WrongUseError(
                "A target needs a deadline.", "Give the month, quarter or year that shall reach it: 2027-03, 2027-Q1, 2027."
            )
        found = self.workspace.place.calendar.one(by, today=self.workspace.today)
        if found.end < self._day:
            raise WrongUseError(f"{found.label} is over already.", "Give a deadline that lies ahead.")
        if found.end.year > self._day.year + MOST_YEARS:
            raise WrongUseError(f"{found.label} is too far ahead.", f"Give a deadline within {MOST_YEARS} years.")
        return found

    def _computed(self, aim: Aim) -> tuple[service.Computed, History]:
        known, calendar = self.workspace.kpis[aim.kpi], self.workspace.place.calendar
        history = self._history(aim)
        if aim.slice is not WHOLE and not history.months and not history.own and self._run_or_none is not None:
            raise WrongUseError(f"{aim.kpi} has no reading of {aim.slice.key}.", "`keepwell kpi NAME --by DIMENSION` lists the members.")
        base = baseline_of(aim, history, calendar)
        periods, made = way_of(known, aim, history, calendar)
        path = tuple(Step(p.label, p.start, _decimal(v)) for p, v in zip(periods, made.values, strict=True))
        return service.Computed(_decimal(base[1]) if base else None, base[0].label if base else None, path), history

    def _history(self, aim: Aim) -> History:
        known = self.workspace.kpis[aim.kpi]
        months = self._points(aim, Grain.MONTH) if aim.grain is Grain.MONTH or adds_up(known, aim.grain) else ()
        own = months if aim.grain is Grain.MONTH else self._points(aim, aim.grain)
        return History(months, own)

    def _points(self, aim: Aim, grain: Grain) -> Sequence[Point]:
        """Readings of periods that are over, oldest first, the last unbroken stretch of them."""
        run, calendar = self._run_or_none, self.workspace.place.calendar
        if run is None:
            return ()
        last = calendar.containing(grain, run.as_of)
        first = last
        for _ in range(OWN_PERIODS_BACK.get(grain, MONTHS_BACK)):
            first = calendar.previous_or_none(first) or first
        try:
            found = self.workspace.kpi(
                aim.kpi, period=f"{first.start}..{last.end}", grain=grain, by=aim.slice.dimension, run=run.run_id, allow_changed=True
            )
        except KeepwellError:
            # the KPI is defined otherwise since, and has no such slice any more
            return ()
        wanted = [
            Point(r.period_start, float(r.value))
            for r in found
            if r.member == aim.slice.member and r.value is not None and r.status is Status.OK and not r.is_open
        ]
        return _unbroken(sorted(wanted, key=lambda p: p.start), [p.start for p in calendar.periods(grain, first.start, last.end)])


def _unbroken(points: Sequence[Point], starts: Sequence[date]) -> Sequence[Point]:
    """The points after the last gap."""
    place = {s: i for i, s in enumerate(starts)}
    first = 0
    for i in range(1, len(points)):
        if place[points[i].start] != place[points[i - 1].start] + 1:
            first = i
    return points[first:]


def value_of(text: str, known: Kpi) -> Decimal:
    """A value as people write it: 32% or 0.32 of a share, 4h or 30min of a duration, else a number."""
    match = NUMBER.match(text.strip())
    unit = match.group(2) if match else None
    fits = match is not None and (
        unit is None or (unit == "%" and known.unit is Unit.SHARE) or (unit != "%" and known.unit is Unit.SECONDS)
    )
    if match is None or not fits:
        hints = {Unit.SHARE: "Write 32% or 0.32.", Unit.SECONDS: "Write 4h, 30min or seconds."}
        raise WrongUseError(f"{text!r} is no value of {known.name}.", hints.get(known.unit, "Write a number."))
    try:
        number = Decimal(match.group(1).replace(",", ""))
    except InvalidOperation as error:
        raise WrongUseError(f"{text!r} is no value of {known.name}.", "Write a number.") from error
    value = number / 100 if unit == "%" else number * SECONDS[unit]
    if abs(value) > MOST_VALUE:
        raise WrongUseError(f"{text} is too large.", "Write a number below 10^18.")
    if known.unit is Unit.SHARE and not 0 <= value <= 1:
        raise WrongUseError(f"{text} is no share.", "A share lies between 0 % and 100 %: write 32% or 0.32.")
    return _decimal(value)


def change_of(text: str, known: Kpi) -> Decimal:
    """A change as people write it: +2% of a share is two percentage points, -30min of a duration, else a number."""
    sign, rest = (-1, text.strip()[1:]) if text.strip()[:1] in {"-", "−"} else (1, text.strip().removeprefix("+"))
    return sign * value_of(rest, known)


def _decimal(value: Decimal | float) -> Decimal:
    return Decimal(str(value)).quantize(PLACES)


def target_json(found: Checked) -> dict[str, Any]:
    """A target in plain values, with how it stands."""
    version, stands, aim = found.target.now, found.standing, found.target.aim
    forecast = stands.forecast
    return {
        "target_id": found.target.target_id or None,
        "kpi": aim.kpi,
        "scope": str(aim.slice.kind),
        "dimension": aim.slice.dimension,
        "member": aim.slice.member,
        "period": aim.period,
        "deadline": aim.deadline.isoformat(),
        "target": plain(aim.value),
        "baseline": plain(version.baseline),
        "baseline_period": version.baseline_period,
        "state": str(stands.state),
        "as_of_period": stands.period,
        "value": stands.value,
        "expected": stands.expected,
        "attained": stands.attained,
        "forecast": forecast.value if forecast else None,
        "forecast_low": forecast.low if forecast else None,
        "forecast_high": forecast.high if forecast else None,
        "forecast_way": str(forecast.way) if forecast else None,
        "probability": stands.probability,
        "owner_id": aim.owner_id,
        "objective_id": aim.objective_id,
        "reason": aim.reason,
        "version": version.version,
        "set_at": version.set_at.isoformat(),
        "change": version.change,
        "ended_at": found.target.ended_at.isoformat() if found.target.ended_at else None,
        "ended_because": found.target.ended_because,
        "smart": {str(c.letter): str(c.lack) if c.lack else None for c in found.smart},
        "lacks": [str(c.letter) for c in found.smart if not c.is_met],
        "path": [{"period": s.period, "start": s.start.isoformat(), "value": plain(s.value)} for s in version.path],
    }


def versions_json(found: Target) -> list[dict[str, Any]]:
    """Every version of a target, oldest first."""
    return [
        {
            "version": v.version,
            "set_at": v.set_at.isoformat(),
            "set_by": v.set_by,
            "target": plain(v.aim.value),
            "owner_id": v.aim.owner_id,
            "reason": v.aim.reason,
            "change": v.change,
            "baseline": plain(v.baseline),
            "baseline_period": v.baseline_period,
        }
        for v in found.versions
    ]


class Console:
    """Targets for whoever sits at the machine: each call opens the store of the workspace. People are told by their address."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def set(self, wanted: Wanted, owner: str | None, *, is_only_checked: bool) -> Checked:
        """Set a target, or only look at what it would be."""
        at, actor = self._workspace.clock.now(), Actor(None, person())
        with self._desk() as desk:
            asked = replace(wanted, owner_id=self._user(desk.store, owner) if owner else None)
            return desk.preview(asked, at) if is_only_checked else desk.set(at, actor, asked)

    def all(self, *, with_ended: bool) -> list[Checked]:
        """Every target, by deadline."""
        with self._desk() as desk:
            return desk.all(with_ended=with_ended)

    def one(self, target_id: str) -> Checked:
        """That target."""
        with self._desk() as desk:
            return desk.one(target_id)

    def end(self, target_id: str, because: str) -> Checked:
        """It counts no more."""
        with self._desk() as desk:
            return desk.end(self._workspace.clock.now(), Actor(None, person()), target_id, because)

    def resume(self, target_id: str) -> Checked:
        """It counts again."""
        with self._desk() as desk:
            return desk.resume(self._workspace.clock.now(), Actor(None, person()), target_id)

    def objectives(self) -> list[service.Objective]:
        """What targets are grouped by."""
        with self._desk() as desk:
            return desk.objectives()

    def delete_objective(self, objective_id: str) -> None:
        """It is listed no more; its targets stay."""
        with self._desk() as desk:
            desk.delete_objective(self._workspace.clock.now(), Actor(None, person()), objective_id)

    def restore_objective(self, objective_id: str) -> service.Objective:
        """One that was deleted is listed again."""
        with self._desk() as desk:
            return desk.restore_objective(self._workspace.clock.now(), Actor(None, person()), objective_id)

    def add_objective(self, title: str, owner: str | None) -> service.Objective:
        """An objective without targets yet."""
        with self._desk() as desk:
            owner_id = self._user(desk.store, owner) if owner else None
            return desk.add_objective(self._workspace.clock.now(), Actor(None, person()), title, owner_id)

    @contextmanager
    def _desk(self) -> Iterator[Targets]:
        with store_of(self._workspace.place) as store:
            yield Targets(self._workspace, store)

    @staticmethod
    def _user(store: Database, address: str) -> str:
        with store.transaction(writes=False) as session:
            return user_of(session, address).user_id
