"""Raters in the store: who is asked, and what was said, kept apart and summed up once.

Means are told only when the asking has ended, so that no mean before and after an answer tells that answer; then the answers are forgotten.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.users import user_of
from keepwell.core.errors import WrongUseError, did_you_mean, unknown
from keepwell.core.text import clean
from keepwell.performance.appraisals.appraisal import Appraisal, StepKind
from keepwell.performance.appraisals.plan import Kind, PlanItem, RaterKind
from keepwell.performance.appraisals.raters import Answer, Said, said
from keepwell.performance.appraisals.rounds import appraisal
from keepwell.store.tables.appraisals import AppraisalAnswerRow, AppraisalRaterRow

MOST_RATERS = 50
MOST_RATER = 200


@dataclass(frozen=True)
class Asked:
    """Somebody who is asked about somebody, and whether an answer came."""

    rater: str
    kind: RaterKind
    has_answered: bool


def ask(session: Session, at: datetime, actor: Actor, appraisal_id: str, rater: str, kind: RaterKind) -> list[Asked]:
    """Ask somebody: a user by id, or a customer by any name. Raises where nobody of the kind is asked, and once an assessor has judged."""
    found = _open(session, appraisal_id)
    name = clean(rater)
    if not name or len(name) > MOST_RATER:
        raise WrongUseError("The rater has no name, or too long a one.", f"Give 1 to {MOST_RATER} characters.")
    kinds = {k for i in found.round.plan.items_of(Kind.RATER) for k in i.raters}
    if kind not in kinds:
        raise WrongUseError(f"{found.round.plan.name} asks no {kind}.", did_you_mean(kind, map(str, kinds)) or "It asks nobody.")
    known = asked(session, appraisal_id)
    if any(a.rater == name for a in known):
        raise WrongUseError(f"{name} is asked already.", "Each is asked once.")
    if len(known) >= MOST_RATERS:
        raise WrongUseError(f"{MOST_RATERS} raters are asked already.", "That is as many as can be.")
    session.add(AppraisalRaterRow(appraisal_id=appraisal_id, rater=name, kind=str(kind), has_answered=False))
    session.flush()
    noted(session, at, actor, "asked", "appraisal", appraisal_id, rater=name, rater_kind=str(kind))
    return asked(session, appraisal_id)


def asked(session: Session, appraisal_id: str) -> list[Asked]:
    """Who is asked about somebody."""
    query = select(AppraisalRaterRow).where(AppraisalRaterRow.appraisal_id == appraisal_id)
    found = [Asked(r.rater, RaterKind(r.kind), r.has_answered) for r in session.scalars(query)]
    return sorted(found, key=lambda a: (list(RaterKind).index(a.kind), a.rater))


def asked_of(session: Session, rater: str) -> list[tuple[str, RaterKind]]:
    """The appraisals about which somebody is asked and has not answered."""
    query = select(AppraisalRaterRow).where(AppraisalRaterRow.rater == rater, AppraisalRaterRow.has_answered.is_(False))
    return sorted((r.appraisal_id, RaterKind(r.kind)) for r in session.scalars(query))


def rater_of(session: Session, appraisal_id: str, named: str) -> str:
    """Who is meant by a name: a customer who is asked so, else a user by address or id."""
    if session.get(AppraisalRaterRow, (appraisal_id, clean(named))) is not None:
        return clean(named)
    return user_of(session, named).user_id


def rate(session: Session, at: datetime, actor: Actor, appraisal_id: str, rater: str, marks: Mapping[str, Decimal]) -> None:
    """What a rater who was asked says, once: a mark of every item that asks this kind. It can't be had back, for nothing tells which it is."""
    found = _open(session, appraisal_id)
    row = session.get(AppraisalRaterRow, (appraisal_id, clean(rater)), with_for_update=True)
    if row is None:
        raise unknown("appraisal", appraisal_id, ())
    if row.has_answered:
        raise WrongUseError("You have answered already.", "An answer can't be changed: nothing tells which one it is.")
    items = [i for i in found.round.plan.items_of(Kind.RATER) if RaterKind(row.kind) in i.raters]
    _check(items, marks)
    row.has_answered = True
    answer = {i.name: f"{marks[i.name]:f}" for i in items}
    session.add(AppraisalAnswerRow(answer_id=secrets.token_hex(20), appraisal_id=appraisal_id, kind=row.kind, marks=answer))
    session.flush()
    noted(session, at, actor, "rated", "appraisal", appraisal_id)


def summed(session: Session, appraisal_id: str, items: Iterable[PlanItem]) -> dict[str, dict[RaterKind, Said]]:
    """What was said, as far as it may be told; the answers are forgotten with it."""
    rows = list(session.scalars(select(AppraisalAnswerRow).where(AppraisalAnswerRow.appraisal_id == appraisal_id)))
    answers = [Answer(RaterKind(r.kind), {i: Decimal(m) for i, m in r.marks.items()}) for r in rows]
    session.execute(delete(AppraisalAnswerRow).where(AppraisalAnswerRow.appraisal_id == appraisal_id))
    return said(items, answers)


def _open(session: Session, appraisal_id: str) -> Appraisal:
    found = appraisal(session, appraisal_id, is_to_change=True)
    if found.last_or_none(StepKind.ASSESSED) is not None:
        raise WrongUseError("The asking has ended.", "An assessor has judged, and the answers were summed up.")
    return found


def _check(items: Iterable[PlanItem], marks: Mapping[str, Decimal]) -> None:
    wanted = {i.name: i.most for i in items}
    if set(marks) != set(wanted):
        raise WrongUseError(f"The answer is not whole: it is about {', '.join(wanted)}.", "Give a mark of each, and of nothing else.")
    for item, mark in marks.items():
        if not mark.is_finite() or not 0 <= mark <= wanted[item]:
            raise WrongUseError(f"{mark} is no mark of {item}.", f"Give 0 to {wanted[item]}.")
