"""Rounds of appraisals in the store: opened once with all that they rest on, withdrawn, published; nothing of them is rewritten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.periods import Calendar, Grain, Period
from keepwell.core.text import clean
from keepwell.performance.appraisals.appraisal import Appraisal, Round, Step, StepKind
from keepwell.performance.appraisals.frozen import Kept, kept_json, kept_of, plan_json, plan_of
from keepwell.performance.appraisals.outcome import Total, ranks
from keepwell.performance.appraisals.plan import Plan
from keepwell.performance.appraisals.told import result_of
from keepwell.store.tables.appraisals import AppraisalRoundRow, AppraisalRow, AppraisalStepRow

MOST_WORDS = 2_000
MOST_SUBJECTS = 2_000


@dataclass(frozen=True)
class NewSubject:
    """Who is appraised, with the readings by item."""

    subject: str
    name: str
    team: str | None
    answers_id: str | None
    kept: Mapping[str, Kept]


@dataclass(frozen=True)
class NewRound:
    """A round to be opened."""

    plan: Plan
    period: Period
    run_id: str
    subjects: Sequence[NewSubject]
    compared: Mapping[str, Any]


def open_round(session: Session, at: datetime, actor: Actor, new: NewRound) -> Round:
    """Open it with everything that it rests on. Raises where the plan has one for the period, and where it is about nobody."""
    other = session.scalars(
        select(AppraisalRoundRow.round_id).where(
            AppraisalRoundRow.plan == new.plan.name,
            AppraisalRoundRow.period == new.period.label,
            AppraisalRoundRow.withdrawn_at.is_(None),
        )
    ).first()
    if other is not None:
        raise WrongUseError(f"{new.plan.name} of {new.period.label} was opened already.", f"Look at {other}, or withdraw it first.")
    if not new.subjects or len(new.subjects) > MOST_SUBJECTS:
        raise WrongUseError(
            f"The round would be about {len(new.subjects)} people or teams.", f"Choose 1 to {MOST_SUBJECTS} who have results in the period."
        )
    row = AppraisalRoundRow(
        round_id=new_id("rnd", at), plan=new.plan.name, version=new.plan.version, of=str(new.plan.of), grain=str(new.period.grain),
        period=new.period.label, period_start=new.period.start, period_end=new.period.end, run_id=new.run_id, opened_at=at,
        opened_by=actor.user_id, definition=plan_json(new.plan), compared=dict(new.compared),
    )  # fmt: skip
    session.add(row)
    session.flush()
    for s in new.subjects:
        readings = {item: kept_json(k) for item, k in s.kept.items()}
        made = AppraisalRow(
            appraisal_id=new_id("apr", at), round_id=row.round_id, subject=s.subject, name=s.name, team=s.team, answers_id=s.answers_id,
            readings=readings,
        )  # fmt: skip
        session.add(made)
        session.flush()
        added(session, at, actor, made.appraisal_id, 1, StepKind.OPENED, {})
    noted(
        session, at, actor, "opened", "appraisal round", row.round_id,
        plan=row.plan, period=row.period, version=row.version, subjects=len(new.subjects),
    )  # fmt: skip
    return _round(row)


def withdraw_round(session: Session, at: datetime, actor: Actor, round_id: str, because: str) -> Round:
    """It counts no more, and the plan may be opened for the period anew. Raises where a part of it was published."""
    row = _row(session, round_id)
    reason = words_of(because)
    if reason is None:
        raise WrongUseError("A round is withdrawn for a reason.", "Say in a few words why.")
    if any(a.is_told for a in appraisals(session, round_id)):
        raise WrongUseError("What was published stays.", "Answer appeals instead.")
    row.withdrawn_at, row.withdrawn_because = at, reason[:500]
    session.flush()
    noted(session, at, actor, "withdrawn", "appraisal round", round_id, plan=row.plan, period=row.period, reason=reason[:500])
    return _round(row)


def publish_round(session: Session, at: datetime, actor: Actor, round_id: str, calendar: Calendar) -> list[Appraisal]:
    """Tell everybody's result, with ranks among all of the round. Raises as long as one was not approved."""
    _row(session, round_id)
    found = appraisals(session, round_id)
    waiting = [a for a in found if a.state is not StepKind.APPROVED]
    if waiting:
        raise WrongUseError(
            f"{len(waiting)} of {len(found)} are not approved: {', '.join(a.name for a in waiting[:5])}.",
            "A round is published as a whole, so that ranks compare all.",
        )
    scored = {a.appraisal_id: a.outcome(calendar) for a in found}
    ranked = ranks({key: Total(s.total, s.low, s.high) for key, s in scored.items()})
    for a in found:
        result = result_of(a, scored[a.appraisal_id], ranked[a.appraisal_id], len(found))
        added(session, at, actor, a.appraisal_id, len(a.steps) + 1, StepKind.PUBLISHED, {"result": result})
    noted(session, at, actor, "published", "appraisal round", round_id, subjects=len(found))
    return appraisals(session, round_id)


def rounds(session: Session, *, with_withdrawn: bool = False) -> list[Round]:
    """Every round, the latest period first."""
    query = select(AppraisalRoundRow).order_by(
        AppraisalRoundRow.period_end.desc(), AppraisalRoundRow.plan, AppraisalRoundRow.round_id.desc()
    )
    return [_round(r) for r in session.scalars(query if with_withdrawn else query.where(AppraisalRoundRow.withdrawn_at.is_(None)))]


def round_of(session: Session, round_id: str) -> Round:
    """That round, withdrawn or not."""
    row = session.get(AppraisalRoundRow, round_id)
    if row is None:
        raise unknown("appraisal round", round_id, ())
    return _round(row)


def appraisals(session: Session, round_id: str) -> list[Appraisal]:
    """Every appraisal of a round, by name; each person or team once."""
    found = round_of(session, round_id)
    rows = list(session.scalars(select(AppraisalRow).where(AppraisalRow.round_id == round_id)))
    steps: dict[str, list[AppraisalStepRow]] = {}
    wanted = select(AppraisalRow.appraisal_id).where(AppraisalRow.round_id == round_id)
    for s in session.scalars(select(AppraisalStepRow).where(AppraisalStepRow.appraisal_id.in_(wanted)).order_by(AppraisalStepRow.number)):
        steps.setdefault(s.appraisal_id, []).append(s)
    return sorted((_appraisal(found, r, steps[r.appraisal_id]) for r in rows), key=lambda a: (a.name, a.subject))


def appraisal(session: Session, appraisal_id: str, *, is_to_change: bool = False) -> Appraisal:
    """That appraisal with its steps; one that is to change is held until the transaction ends, and its round counts."""
    row = session.get(AppraisalRow, appraisal_id, with_for_update=is_to_change)
    if row is None:
        raise unknown("appraisal", appraisal_id, ())
    found = round_of(session, row.round_id)
    if is_to_change and found.withdrawn_at is not None:
        raise WrongUseError("The round was withdrawn.", "Look for the one that took its place.")
    query = select(AppraisalStepRow).where(AppraisalStepRow.appraisal_id == appraisal_id).order_by(AppraisalStepRow.number)
    return _appraisal(found, row, list(session.scalars(query)))


def appraisals_of(session: Session, subject: str) -> list[Appraisal]:
    """Every appraisal of a person or team in rounds that count, the latest period first."""
    query = (
        select(AppraisalRow.appraisal_id)
        .join(AppraisalRoundRow, AppraisalRoundRow.round_id == AppraisalRow.round_id)
        .where(AppraisalRow.subject == subject, AppraisalRoundRow.withdrawn_at.is_(None))
        .order_by(AppraisalRoundRow.period_end.desc(), AppraisalRow.appraisal_id)
    )
    return [appraisal(session, key) for key in session.scalars(query)]


def added(session: Session, at: datetime, actor: Actor, appraisal_id: str, number: int, kind: StepKind, data: Mapping[str, Any]) -> None:
    """Add a step; the ones before stay as they are."""
    row = AppraisalStepRow(
        appraisal_id=appraisal_id, number=number, kind=str(kind), done_at=at, done_by=actor.user_id, done_by_name=actor.name[:200],
        data=dict(data),
    )  # fmt: skip
    session.add(row)
    session.flush()


def words_of(text: str | None) -> str | None:
    """What somebody wrote, trimmed; None where it is nothing. Raises where it is too long."""
    words = clean(text or "")
    if len(words) > MOST_WORDS:
        raise WrongUseError("The text is too long.", f"At most {MOST_WORDS} characters.")
    return words or None


def _row(session: Session, round_id: str) -> AppraisalRoundRow:
    row = session.get(AppraisalRoundRow, round_id, with_for_update=True)
    if row is None:
        raise unknown("appraisal round", round_id, ())
    if row.withdrawn_at is not None:
        raise WrongUseError("The round was withdrawn.", "Look for the one that took its place.")
    return row


def _round(row: AppraisalRoundRow) -> Round:
    period = Period(row.period, Grain(row.grain), row.period_start, row.period_end)
    return Round(
        row.round_id, plan_of(row.definition), period, row.run_id, row.opened_at, row.opened_by, row.withdrawn_at, row.withdrawn_because,
        row.compared,
    )  # fmt: skip


def _appraisal(found: Round, row: AppraisalRow, steps: Sequence[AppraisalStepRow]) -> Appraisal:
    made = tuple(Step(s.number, StepKind(s.kind), s.done_at, s.done_by, s.done_by_name, s.data) for s in steps)
    kept = {item: kept_of(told) for item, told in row.readings.items()}
    return Appraisal(row.appraisal_id, found, row.subject, row.name, row.team, row.answers_id, kept, made)
