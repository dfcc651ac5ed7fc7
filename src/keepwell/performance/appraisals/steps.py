"""Steps of an appraisal in the store: assessed by oneself and by others, approved, appealed, answered. Each is added and none rewritten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import WrongUseError, did_you_mean
from keepwell.core.periods import Calendar
from keepwell.core.text import clean
from keepwell.performance.appraisals.appraisal import AFTER, Appraisal, Step, StepKind, marks_json
from keepwell.performance.appraisals.asked import summed
from keepwell.performance.appraisals.outcome import Marks, Objective, Total, ranks
from keepwell.performance.appraisals.plan import Kind, Plan, weights_error
from keepwell.performance.appraisals.rounds import added, appraisal, appraisals, words_of
from keepwell.performance.appraisals.told import result_of
from keepwell.performance.scorecards.card import weights_fault

MOST_OBJECTIVES, MOST_OBJECTIVE = 20, 500
MOST_ATTAINED = 150


@dataclass(frozen=True)
class Judged:
    """What somebody gives: marks by item, objectives with how far they were attained, and words."""

    marks: Mapping[str, Decimal] = field(default_factory=dict)
    objectives: Sequence[Objective] = ()
    words: str | None = None


def self_assess(session: Session, at: datetime, actor: Actor, appraisal_id: str, given: Judged) -> Appraisal:
    """What the person thinks of the own work; it may be given anew until an assessor has judged."""
    found = _next(session, appraisal_id, StepKind.SELF_ASSESSED)
    marks = _checked_marks(found.round.plan, given.marks)
    data = {"marks": {i: f"{m:f}" for i, m in marks.items()}, "words": words_of(given.words)}
    return _added(session, at, actor, found, StepKind.SELF_ASSESSED, data)


def assess(session: Session, at: datetime, actor: Actor, appraisal_id: str, given: Judged) -> Appraisal:
    """The assessor's judgement, or the next version of it. The first one ends the asking of raters and sums up what they said."""
    found = _next(session, appraisal_id, StepKind.ASSESSED)
    plan = found.round.plan
    is_first = found.last_or_none(StepKind.ASSESSED) is None
    told = summed(session, appraisal_id, plan.items_of(Kind.RATER)) if is_first else found.marks.said
    marks = Marks(_checked_marks(plan, given.marks), _checked_objectives(plan, given.objectives), told)
    return _added(session, at, actor, found, StepKind.ASSESSED, marks_json(marks) | {"words": words_of(given.words)})


def approve(session: Session, at: datetime, actor: Actor, appraisal_id: str, words: str | None = None) -> Appraisal:
    """Agree to what was assessed. Raises for who assessed: two people look at it."""
    found = _next(session, appraisal_id, StepKind.APPROVED)
    _check_another(found, actor)
    return _added(session, at, actor, found, StepKind.APPROVED, {"words": words_of(words)})


def send_back(session: Session, at: datetime, actor: Actor, appraisal_id: str, because: str) -> Appraisal:
    """It is to be assessed anew."""
    found = _next(session, appraisal_id, StepKind.RETURNED)
    return _added(session, at, actor, found, StepKind.RETURNED, {"words": _needed(because)})


def appeal(session: Session, at: datetime, actor: Actor, appraisal_id: str, because: str) -> Appraisal:
    """Disagree with what was published, once."""
    found = _next(session, appraisal_id, StepKind.APPEALED)
    return _added(session, at, actor, found, StepKind.APPEALED, {"words": _needed(because)})


def answer(
    session: Session, at: datetime, actor: Actor, appraisal_id: str, words: str, calendar: Calendar, given: Judged | None = None
) -> Appraisal:
    """Answer an appeal; with ``given`` the appraisal is judged anew. What was published before stays in the trail, and so do the others' ranks.

    Raises for who assessed: somebody else looks at it.
    """
    found = _next(session, appraisal_id, StepKind.ANSWERED)
    _check_another(found, actor)
    data: dict[str, Any] = {"words": _needed(words)}
    if given is not None:
        plan, before = found.round.plan, found.marks
        marks = Marks(
            {**before.judged, **_checked_marks(plan, given.marks)},
            _checked_objectives(plan, given.objectives) if given.objectives else before.objectives,
            before.said,
        )
        data |= marks_json(marks)
        data["result"] = _result_anew(session, found, data, calendar)
    return _added(session, at, actor, found, StepKind.ANSWERED, data)


def _result_anew(session: Session, found: Appraisal, data: Mapping[str, Any], calendar: Calendar) -> dict[str, Any]:
    """What it comes to now, ranked among what was published of the others."""
    step = Step(len(found.steps) + 1, StepKind.ANSWERED, found.steps[-1].at, None, "", data)
    after = replace(found, steps=(*found.steps, step))
    scored = after.outcome(calendar)
    others = [a for a in appraisals(session, found.round.round_id) if a.appraisal_id != found.appraisal_id]
    totals = {a.appraisal_id: _published_total(a) for a in others}
    totals[found.appraisal_id] = Total(scored.total, scored.low, scored.high)
    return result_of(after, scored, ranks(totals)[found.appraisal_id], len(totals))


def _published_total(found: Appraisal) -> Total:
    told = found.result_or_none or {}
    return Total(*(None if told.get(n) is None else Decimal(str(told[n])) for n in ("total", "low", "high")))


def _next(session: Session, appraisal_id: str, kind: StepKind) -> Appraisal:
    found = appraisal(session, appraisal_id, is_to_change=True)
    if found.state not in AFTER[kind]:
        raise WrongUseError(f"{found.name} can't be {kind} now: it is {found.state}.", "`keepwell appraise show` tells what was done.")
    return found


def _added(session: Session, at: datetime, actor: Actor, found: Appraisal, kind: StepKind, data: Mapping[str, Any]) -> Appraisal:
    added(session, at, actor, found.appraisal_id, len(found.steps) + 1, kind, data)
    # marks and words of a person are no business of the audit
    noted(session, at, actor, str(kind), "appraisal", found.appraisal_id, round=found.round.round_id, subject=found.subject)
    return appraisal(session, found.appraisal_id)


def _check_another(found: Appraisal, actor: Actor) -> None:
    assessed = found.last_or_none(StepKind.ASSESSED)
    if actor.user_id is not None and assessed is not None and assessed.by == actor.user_id:
        raise WrongUseError("Who assessed can't approve or answer.", "Let somebody else look at it.")


def _needed(text: str) -> str:
    words = words_of(text)
    if words is None:
        raise WrongUseError("This needs a reason.", "Say in a few words why.")
    return words


def _checked_marks(plan: Plan, marks: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    known = {i.name: i.most for i in plan.items_of(Kind.MANUAL)}
    for item, mark in marks.items():
        if item not in known:
            raise WrongUseError(f"{plan.name} has no item {item!r} that is judged.", did_you_mean(item, known) or "It has none.")
        if not mark.is_finite() or not 0 <= mark <= known[item]:
            raise WrongUseError(f"{mark} is no mark of {item}.", f"Give 0 to {known[item]}.")
    return marks


def _checked_objectives(plan: Plan, given: Sequence[Objective]) -> tuple[Objective, ...]:
    if given and not plan.items_of(Kind.MBO):
        raise WrongUseError(f"{plan.name} has no item for objectives.", "Leave them out.")
    if len(given) > MOST_OBJECTIVES:
        raise WrongUseError(f"{len(given)} objectives are too many.", f"Give at most {MOST_OBJECTIVES}.")
    made = tuple(replace(o, text=clean(o.text)) for o in given)
    for o in made:
        if not o.text or len(o.text) > MOST_OBJECTIVE:
            raise WrongUseError("An objective has no text, or too much.", f"Give 1 to {MOST_OBJECTIVE} characters.")
        if not (o.weight.is_finite() and o.attained.is_finite() and 0 <= o.attained <= MOST_ATTAINED):
            raise WrongUseError(f"{o.attained} is no attainment.", f"Give 0 to {MOST_ATTAINED} percent.")
    if made and weights_fault(o.weight for o in made):
        raise weights_error([(o.text, o.weight) for o in made])
    return made
