"""Coaching notes and planned trainings: written in one appraisal, carried into the next ones of the same person or team."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.periods import check_near
from keepwell.core.text import clean
from keepwell.performance.appraisals.appraisal import Appraisal
from keepwell.performance.appraisals.rounds import appraisal
from keepwell.store.tables.appraisals import AppraisalEntryRow, AppraisalRoundRow, AppraisalRow

MOST_TEXT = 1_000


class EntryKind(StrEnum):
    """What is written for somebody's development."""

    COACHING = "coaching"
    TRAINING = "training"


@dataclass(frozen=True)
class Entry:
    """A note, or a training with the day until which it is due. ``period`` is that of the appraisal in which it was written."""

    entry_id: str
    appraisal_id: str
    period: str
    kind: EntryKind
    text: str
    due: date | None
    made_at: datetime
    made_by_name: str
    done_at: datetime | None
    is_carried: bool


def add_entry(
    session: Session, at: datetime, actor: Actor, appraisal_id: str, kind: EntryKind, text: str, due: date | None = None
) -> list[Entry]:
    """Write a note or plan a training; gives all that concern the appraisal."""
    found = appraisal(session, appraisal_id, is_to_change=True)
    words = clean(text)
    if not words or len(words) > MOST_TEXT:
        raise WrongUseError("The entry has no text, or too much.", f"Give 1 to {MOST_TEXT} characters.")
    if due is not None and kind is not EntryKind.TRAINING:
        raise WrongUseError("Only a training is due.", "Leave the day out.")
    check_near(due, at.date())
    row = AppraisalEntryRow(
        entry_id=new_id("dev", at), appraisal_id=appraisal_id, kind=str(kind), text=words, due=due, made_at=at,
        made_by_name=actor.name[:200],
    )  # fmt: skip
    session.add(row)
    session.flush()
    noted(session, at, actor, f"{kind} added", "appraisal", appraisal_id, entry=row.entry_id)
    return entries(session, found)


def end_training(session: Session, at: datetime, actor: Actor, appraisal_id: str, entry_id: str) -> list[Entry]:
    """A training was done; of this appraisal, or carried into it."""
    found = appraisal(session, appraisal_id, is_to_change=True)
    known = {e.entry_id: e for e in entries(session, found)}
    if entry_id not in known or known[entry_id].kind is not EntryKind.TRAINING:
        raise unknown("training", entry_id, [e for e, k in known.items() if k.kind is EntryKind.TRAINING])
    if known[entry_id].done_at is None:
        row = session.get(AppraisalEntryRow, entry_id, with_for_update=True)
        if row is None:
            raise unknown("training", entry_id, ())
        row.done_at = at
        session.flush()
        noted(session, at, actor, "training done", "appraisal", appraisal_id, entry=entry_id)
    return entries(session, found)


def entries(session: Session, found: Appraisal) -> list[Entry]:
    """What was written in this appraisal and in earlier ones of the same person or team, oldest first.

    A training that was done before this round was opened is no longer carried.
    """
    query = (
        select(AppraisalEntryRow, AppraisalRoundRow.period)
        .join(AppraisalRow, AppraisalRow.appraisal_id == AppraisalEntryRow.appraisal_id)
        .join(AppraisalRoundRow, AppraisalRoundRow.round_id == AppraisalRow.round_id)
        .where(
            AppraisalRow.subject == found.subject,
            AppraisalRoundRow.of == str(found.round.plan.of),
            AppraisalRoundRow.period_end <= found.round.period.end,
        )
        .order_by(AppraisalEntryRow.made_at, AppraisalEntryRow.entry_id)
    )
    made = [
        Entry(
            r.entry_id,
            r.appraisal_id,
            period,
            EntryKind(r.kind),
            r.text,
            r.due,
            r.made_at,
            r.made_by_name,
            r.done_at,
            r.appraisal_id != found.appraisal_id,
        )
        for r, period in session.execute(query)
    ]
    return [e for e in made if not (e.is_carried and e.done_at is not None and e.done_at < found.round.opened_at)]
