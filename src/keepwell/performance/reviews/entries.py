"""Entries of reviews: written down, closed, withdrawn; carried on to later reviews as long as they are open."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.periods import Grain, Period, check_near
from keepwell.core.text import clean
from keepwell.store.tables.reviews import ReviewEntryRow

MOST_TEXT, MOST_SOURCE = 1_000, 300
NOTES_SHOWN = timedelta(days=365)  # how long a note about the market is told


class Kind(StrEnum):
    """What was written down."""

    DECISION = "decision"
    ACTION = "action"  # who does what until when, and what it should move
    POINT = "point"  # of the agenda
    NOTE = "note"  # about the market or a competitor


class State(StrEnum):
    """Where an action is; the others stay open."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True)
class NewEntry:
    """What is told of an entry. ``effect`` is what the KPI should change by, in its own unit and with its sign; ``value`` what it is elsewhere, a benchmark.

    Raises where it has no text, an action nobody or no day, an effect or a value no KPI, a note no source or no date, for a value of what is no note, and for
    days that lie decades away.
    """

    kind: Kind
    period: Period
    text: str
    owner_id: str | None = None
    due: date | None = None
    kpi: str | None = None
    effect: Decimal | None = None
    source: str | None = None
    noted_on: date | None = None
    value: Decimal | None = None

    def __post_init__(self) -> None:
        if not clean(self.text) or len(self.text) > MOST_TEXT:
            raise WrongUseError("There is nothing written, or too much.", f"Write up to {MOST_TEXT} characters.")
        if self.kind is Kind.ACTION and (self.owner_id is None or self.due is None):
            raise WrongUseError("An action needs somebody and a day.", "Say who does it and until when.")
        if self.effect is not None and self.kpi is None:
            raise WrongUseError("An effect needs a KPI.", "Name the KPI that it should move.")
        if self.value is not None and (self.kpi is None or self.kind is not Kind.NOTE):
            raise WrongUseError("A benchmark is a note about a KPI.", "Name the KPI that it is a value of.")
        if self.kind is Kind.NOTE and (not clean(self.source or "") or self.noted_on is None or len(self.source or "") > MOST_SOURCE):
            raise WrongUseError("A note about the market needs a source and a date.", "Say where it stands and of which day it is.")
        for day in (self.due, self.noted_on):
            check_near(day, self.period.end)


@dataclass(frozen=True)
class Entry:
    """An entry as it is."""

    entry_id: str
    kind: Kind
    grain: Grain
    period: str
    period_start: date
    text: str
    owner_id: str | None
    due: date | None
    kpi: str | None
    effect: Decimal | None
    source: str | None
    noted_on: date | None
    made_at: datetime
    made_by: str
    state: State
    closed_at: datetime | None
    closed_note: str | None
    value: Decimal | None = None


def add_entry(session: Session, at: datetime, actor: Actor, new: NewEntry) -> Entry:
    """Write it down."""
    row = ReviewEntryRow(
        entry_id=new_id("ent", at), kind=new.kind, grain=new.period.grain, period=new.period.label, period_start=new.period.start,
        text=clean(new.text), owner_id=new.owner_id, due=new.due, kpi=new.kpi, effect=new.effect, source=clean(new.source or "") or None,
        noted_on=new.noted_on, value=new.value, made_at=at, made_by=actor.name[:200], state=State.OPEN,
    )  # fmt: skip
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", str(new.kind), row.entry_id, period=new.period.label)
    return _entry(row)


def close_entry(session: Session, at: datetime, actor: Actor, entry_id: str, state: State, note: str | None = None) -> Entry:
    """An action is done or dropped, or open again after all."""
    row = _row(session, entry_id)
    if row.kind != Kind.ACTION:
        raise KeepwellError("Only actions are done or dropped.", "Withdraw what was a mistake.")
    row.state = state
    row.closed_at = None if state is State.OPEN else at
    row.closed_note = clean(note or "")[:MOST_TEXT] or None
    noted(session, at, actor, {State.OPEN: "reopened", State.DONE: "done", State.DROPPED: "dropped"}[state], "action", entry_id)
    return _entry(row)


def withdraw_entry(session: Session, at: datetime, actor: Actor, entry_id: str) -> Entry:
    """A mistake: it is shown no more; :func:`restore_entry` takes that back."""
    row = _row(session, entry_id)
    row.withdrawn_at = at
    noted(session, at, actor, "withdrawn", row.kind, entry_id)
    return _entry(row)


def restore_entry(session: Session, at: datetime, actor: Actor, entry_id: str) -> Entry:
    """One that was withdrawn is there again."""
    row = session.get(ReviewEntryRow, entry_id)
    if row is None or row.withdrawn_at is None:
        raise unknown("withdrawn entry", entry_id, ())
    row.withdrawn_at = None
    noted(session, at, actor, "restored", row.kind, entry_id)
    return _entry(row)


def entries(session: Session, kind: Kind | None = None) -> list[Entry]:
    """All of them, or those of a kind, the oldest period first."""
    query = select(ReviewEntryRow).where(ReviewEntryRow.withdrawn_at.is_(None))
    if kind is not None:
        query = query.where(ReviewEntryRow.kind == kind)
    return [
        _entry(r) for r in session.scalars(query.order_by(ReviewEntryRow.period_start, ReviewEntryRow.made_at, ReviewEntryRow.entry_id))
    ]


def belongs(found: Entry, period: Period, before: Period | None) -> bool:
    """Whether the review of a period tells of it.

    Points and decisions stand in the own period's review, decisions in the next one's too, with what came of them. Actions are carried on until
    they are done or dropped, and told once more in the review of the period in which that was. Notes are told for a year from their date.
    """
    if found.kind is Kind.NOTE:
        return found.noted_on is not None and period.end - NOTES_SHOWN < found.noted_on <= period.end
    if found.grain is not period.grain or found.period_start > period.start:
        return False
    if found.kind is Kind.ACTION:
        return found.closed_at is None or found.closed_at.date() >= period.start or found.period_start == period.start
    is_here = found.period_start == period.start
    return is_here or (found.kind is Kind.DECISION and before is not None and found.period_start == before.start)


def _row(session: Session, entry_id: str) -> ReviewEntryRow:
    row = session.get(ReviewEntryRow, entry_id)
    if row is None or row.withdrawn_at is not None:
        raise unknown("entry", entry_id, [e.entry_id for e in entries(session)])
    return row


def _entry(row: ReviewEntryRow) -> Entry:
    return Entry(
        row.entry_id, Kind(row.kind), Grain(row.grain), row.period, row.period_start, row.text, row.owner_id, row.due, row.kpi, row.effect,
        row.source, row.noted_on, row.made_at, row.made_by, State(row.state), row.closed_at, row.closed_note, row.value,
    )  # fmt: skip
