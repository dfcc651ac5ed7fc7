"""What people write down in reviews, as all surfaces tell of it: with what came of it, from the readings that the reader sees."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from keepwell.access.audit import Actor
from keepwell.access.console import person
from keepwell.access.users import user_of, users
from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean, unknown
from keepwell.core.periods import REVIEWED, Period
from keepwell.core.workspace import Workspace as Place
from keepwell.lake import runs
from keepwell.metrics.kpi import Kpi, kpi
from keepwell.metrics.reading import Reading, Status
from keepwell.performance.reviews.entries import (
    Entry,
    Kind,
    NewEntry,
    State,
    add_entry,
    belongs,
    close_entry,
    entries,
    restore_entry,
    withdraw_entry,
)
from keepwell.store.db import Database, store_of
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.targets import change_of, value_of


@dataclass(frozen=True)
class Written:
    """An entry as somebody writes it: the owner by address, effect and value as people write them (+2%, -30min, 5000)."""

    kind: str
    text: str
    period: str = "last-month"
    owner: str | None = None
    due: date | None = None
    kpi: str | None = None
    effect: str | None = None
    source: str | None = None
    noted_on: date | None = None
    value: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a KPI between the period of a decision and that of the review. That it changed after it is no proof that it changed by it.

    ``low`` and ``high`` are the 95 % interval of the change, ``is_real`` as every change of a reading is told from chance. ``is_reached`` says that the
    change is as much as was expected, and not told apart from chance as none.
    """

    before: Decimal
    now: Decimal
    change: Decimal
    low: float | None
    high: float | None
    is_real: bool | None
    is_reached: bool | None


@dataclass(frozen=True)
class Followed:
    """An entry, its owner's name, the KPI that it should move or is about, and what came of it so far; ``ours`` is the reading beside a benchmark."""

    entry: Entry
    owner: str | None
    kpi: Kpi | None
    outcome: Outcome | None
    is_overdue: bool
    ours: Reading | None = None


@dataclass(frozen=True)
class Meeting:
    """All that was written down which the review of a period tells."""

    period: Period
    decided_before: tuple[Followed, ...]
    decisions: tuple[Followed, ...]
    actions: tuple[Followed, ...]
    points: tuple[Followed, ...]
    notes: tuple[Followed, ...]


NOTHING: tuple[Followed, ...] = ()


@dataclass(frozen=True)
class Meetings:
    """What was written down in a workspace.

    Who sees a part of the customers is told the own actions only, closes those, and writes down nothing: the rest is about everybody.
    """

    workspace: Workspace
    store: Database
    user_id: str | None = None

    def meeting(self, period: Period) -> Meeting:
        """What the review of that period tells."""
        before = self.workspace.place.calendar.previous_or_none(period)
        found = [self._followed(e, period, names) for e, names in self._seen() if belongs(e, period, before)]
        of = {k: tuple(f for f in found if f.entry.kind is k) for k in Kind}
        here = tuple(f for f in of[Kind.DECISION] if f.entry.period_start == period.start)
        earlier = tuple(f for f in of[Kind.DECISION] if f.entry.period_start != period.start)
        return Meeting(period, earlier, here, of[Kind.ACTION], of[Kind.POINT], of[Kind.NOTE])

    def period(self, text: str) -> Period:
        """A week, month, quarter or year by its name."""
        return self.workspace.place.calendar.one(text, today=self.workspace.today, grains=REVIEWED)

    def all(self) -> list[Followed]:
        """Everything that this person sees, the oldest first, without what came of it."""
        return [Followed(e, names.get(e.owner_id or ""), self.workspace.kpis.get(e.kpi or ""), None, False) for e, names in self._seen()]

    def add(self, at: datetime, actor: Actor, written: Written) -> Entry:
        """Write it down. Unknown KPIs, people and kinds are errors."""
        self.workspace.scope.check_whole()
        if written.kind not in set(Kind):
            raise WrongUseError(f"{written.kind!r} can't be written down.", did_you_mean(written.kind, list(Kind)))
        known = kpi(written.kpi, self.workspace.kpis) if written.kpi else None
        effect = change_of(written.effect, known) if written.effect and known else None
        if written.effect and known is None:
            raise WrongUseError("An effect needs a KPI.", "Name the KPI that it should move.")
        if written.value and known is None:
            raise WrongUseError("A benchmark is a note about a KPI.", "Name the KPI that it is a value of.")
        period = self.period(written.period)
        with self.store.transaction() as session:
            owner = user_of(session, written.owner).user_id if written.owner else None
            new = NewEntry(
                Kind(written.kind), period, written.text, owner, written.due, known.name if known else None, effect, written.source,
                written.noted_on, value_of(written.value, known) if written.value and known else None,
            )  # fmt: skip
            return add_entry(session, at, actor, new)

    def close(self, at: datetime, actor: Actor, entry_id: str, state: str, note: str | None = None) -> Entry:
        """An action is done, dropped, or open again."""
        if not self.workspace.scope.is_whole and entry_id not in {e.entry_id for e, _ in self._seen()}:
            raise unknown("entry", entry_id, ())
        if state not in set(State):
            raise WrongUseError(f"{state!r} is no state of an action.", did_you_mean(state, list(State)))
        with self.store.transaction() as session:
            return close_entry(session, at, actor, entry_id, State(state), note)

    def withdraw(self, at: datetime, actor: Actor, entry_id: str) -> Entry:
        """A mistake is shown no more."""
        self.workspace.scope.check_whole()
        with self.store.transaction() as session:
            return withdraw_entry(session, at, actor, entry_id)

    def restore(self, at: datetime, actor: Actor, entry_id: str) -> Entry:
        """One that was withdrawn is there again."""
        self.workspace.scope.check_whole()
        with self.store.transaction() as session:
            return restore_entry(session, at, actor, entry_id)

    def _seen(self) -> list[tuple[Entry, dict[str, str]]]:
        with self.store.transaction(writes=False) as session:
            names = {u.user_id: u.name for u in users(session)}
            found = entries(session)
        if not self.workspace.scope.is_whole:
            found = [e for e in found if e.kind is Kind.ACTION and self.user_id is not None and e.owner_id == self.user_id]
        return [(e, names) for e in found]

    def _followed(self, found: Entry, period: Period, names: dict[str, str]) -> Followed:
        known = self.workspace.kpis.get(found.kpi or "")
        is_told = found.kind in {Kind.DECISION, Kind.ACTION} and found.grain is period.grain and found.period_start < period.start
        outcome = self._outcome_or_none(known, found, period) if known and is_told else None
        is_overdue = found.state is State.OPEN and found.due is not None and found.due < min(self.workspace.today, self._day)
        ours = self._reading_or_none(known, period, None) if known and found.value is not None else None
        return Followed(found, names.get(found.owner_id or ""), known, outcome, is_overdue, ours)

    @property
    def _day(self) -> date:
        run = self.workspace.known_by or runs.published_or_none(self.workspace.lake)
        return run.as_of if run else self.workspace.today

    def _outcome_or_none(self, known: Kpi, found: Entry, period: Period) -> Outcome | None:
        before = self.workspace.place.calendar.previous_or_none(period)
        # what the run compares anyway it wrote down
        versus = None if before is not None and before.label == found.period else found.period
        now = self._reading_or_none(known, period, versus)
        return None if now is None else outcome_or_none(now, found.effect)

    def _reading_or_none(self, known: Kpi, period: Period, versus: str | None) -> Reading | None:
        run = self.workspace.known_by or runs.published_or_none(self.workspace.lake)
        if run is None:
            return None
        try:
            readings = self.workspace.kpi(known.name, period=period.label, run=run.run_id, versus=versus)
        except KeepwellError:
            # it is defined otherwise since, or one of the periods lies outside the data
            return None
        return readings[0] if readings else None


def outcome_or_none(now: Reading, effect: Decimal | None) -> Outcome | None:
    """What the reading of now says, whose change is that against the period of the decision; None where one of the two says nothing.

    A change that is not more than chance reaches nothing.
    """
    if now.value is None or now.change_previous is None or now.status is Status.NO_DATA:
        return None
    change, is_real = now.change_previous, now.change_previous_is_real
    is_enough = None if not effect else change >= effect if effect > 0 else change <= effect
    is_reached = is_enough and is_real is not False if is_enough is not None else None
    return Outcome(now.value - change, now.value, change, now.change_previous_ci_low, now.change_previous_ci_high, is_real, is_reached)


class Console:
    """Reviews for whoever sits at the machine: each call opens the store of the workspace."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place, self._clock = place, clock

    @contextmanager
    def desk(self) -> Iterator[tuple[Meetings, datetime, Actor]]:
        """What was written down, the present instant and who acts."""
        with store_of(self._place) as store:
            yield Meetings(Workspace(self._place, self._clock), store), self._clock.now(), Actor(None, person())


def entry_json(found: Followed) -> dict[str, Any]:
    """An entry in plain values, with what came of it."""
    e, o = found.entry, found.outcome
    return {
        "entry_id": e.entry_id,
        "kind": str(e.kind),
        "period": e.period,
        "text": e.text,
        "owner_id": e.owner_id,
        "owner": found.owner,
        "due": e.due.isoformat() if e.due else None,
        "is_overdue": found.is_overdue,
        "kpi": e.kpi,
        "effect": None if e.effect is None else float(e.effect),
        "source": e.source,
        "noted_on": e.noted_on.isoformat() if e.noted_on else None,
        "value": None if e.value is None else float(e.value),
        "ours": float(found.ours.value) if found.ours is not None and found.ours.value is not None else None,
        "made_at": e.made_at.isoformat(),
        "made_by": e.made_by,
        "state": str(e.state),
        "closed_at": e.closed_at.isoformat() if e.closed_at else None,
        "closed_note": e.closed_note,
        "before": None if o is None else float(o.before),
        "now": None if o is None else float(o.now),
        "change": None if o is None else float(o.change),
        "change_low": o.low if o else None,
        "change_high": o.high if o else None,
        "change_is_real": o.is_real if o else None,
        "effect_is_reached": o.is_reached if o else None,
    }


def meeting_json(found: Meeting) -> dict[str, Any]:
    """All that the review of a period tells of what was written down."""
    parts = ("decided_before", "decisions", "actions", "points", "notes")
    return {"period": found.period.label, **{p: [entry_json(f) for f in getattr(found, p)] for p in parts}}
