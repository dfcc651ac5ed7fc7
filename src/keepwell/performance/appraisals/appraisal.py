"""An appraisal: one person or team in a round, with every step that was taken about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from keepwell.core.periods import Calendar, Period
from keepwell.performance.appraisals.frozen import Kept
from keepwell.performance.appraisals.outcome import Marks, Objective, outcome
from keepwell.performance.appraisals.plan import Plan, RaterKind
from keepwell.performance.appraisals.raters import Said
from keepwell.performance.scorecards.scored import Scored


class StepKind(StrEnum):
    """What is done about an appraisal."""

    OPENED = "opened"
    SELF_ASSESSED = "self_assessed"
    ASSESSED = "assessed"
    APPROVED = "approved"
    RETURNED = "returned"  # by who was to approve, with what is to be looked at again
    PUBLISHED = "published"
    APPEALED = "appealed"
    ANSWERED = "answered"


# what may follow what
AFTER: Mapping[StepKind, frozenset[StepKind]] = {
    StepKind.SELF_ASSESSED: frozenset({StepKind.OPENED, StepKind.SELF_ASSESSED}),
    StepKind.ASSESSED: frozenset({StepKind.OPENED, StepKind.SELF_ASSESSED, StepKind.ASSESSED, StepKind.RETURNED}),
    StepKind.APPROVED: frozenset({StepKind.ASSESSED}),
    StepKind.RETURNED: frozenset({StepKind.ASSESSED, StepKind.APPROVED}),
    StepKind.PUBLISHED: frozenset({StepKind.APPROVED}),
    StepKind.APPEALED: frozenset({StepKind.PUBLISHED}),
    StepKind.ANSWERED: frozenset({StepKind.APPEALED}),
}
TOLD = frozenset({StepKind.PUBLISHED, StepKind.APPEALED, StepKind.ANSWERED})


@dataclass(frozen=True)
class Round:
    """A plan for a period, as both were when it was opened. ``compared`` is what a fair comparison found, by item."""

    round_id: str
    plan: Plan
    period: Period
    run_id: str
    opened_at: datetime
    opened_by: str | None
    withdrawn_at: datetime | None
    withdrawn_because: str | None
    compared: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One step, with who took it; ``data`` has its words and marks."""

    number: int
    kind: StepKind
    at: datetime
    by: str | None
    by_name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Appraisal:
    """One person or team in a round. ``answers_id`` is the employee who answers for it: the person, or who leads the team."""

    appraisal_id: str
    round: Round
    subject: str
    name: str
    team: str | None
    answers_id: str | None
    kept: Mapping[str, Kept]
    steps: tuple[Step, ...]

    @property
    def state(self) -> StepKind:
        """What was done last."""
        return self.steps[-1].kind

    @property
    def is_told(self) -> bool:
        """Whether its result was published."""
        return self.state in TOLD

    @property
    def own_marks(self) -> Mapping[str, Decimal]:
        """What the person gave the own work."""
        step = self.last_or_none(StepKind.SELF_ASSESSED)
        return {i: Decimal(m) for i, m in step.data["marks"].items()} if step else {}

    @property
    def marks(self) -> Marks:
        """What the assessor gave last, or who answered the appeal."""
        step = next((s for s in reversed(self.steps) if s.data.get("said") is not None), None)
        return marks_of(step.data) if step else Marks()

    @property
    def result_or_none(self) -> Mapping[str, Any] | None:
        """What was published, or came of the appeal."""
        found: Mapping[str, Any] | None = next((s.data["result"] for s in reversed(self.steps) if s.data.get("result")), None)
        return found

    def last_or_none(self, kind: StepKind) -> Step | None:
        """The last step of that kind."""
        return next((s for s in reversed(self.steps) if s.kind is kind), None)

    def outcome(self, calendar: Calendar, weights: Mapping[str, Decimal] | None = None) -> Scored:
        """What it comes to with its frozen readings and the marks as they are."""
        return outcome(self.round.plan, self.round.period, self.kept, self.marks, calendar, weights)


def marks_json(marks: Marks) -> dict[str, Any]:
    """Marks in plain values, from which :func:`marks_of` makes the same."""
    return {
        "marks": {i: f"{m:f}" for i, m in marks.judged.items()},
        "objectives": [{"text": o.text, "weight": f"{o.weight:f}", "attained": f"{o.attained:f}"} for o in marks.objectives],
        "said": {i: {str(k): {"n": s.n, "mean": f"{s.mean:f}"} for k, s in kinds.items()} for i, kinds in marks.said.items()},
    }


def marks_of(told: Mapping[str, Any]) -> Marks:
    """The marks that these plain values tell."""
    return Marks(
        {i: Decimal(m) for i, m in told["marks"].items()},
        tuple(Objective(o["text"], Decimal(o["weight"]), Decimal(o["attained"])) for o in told["objectives"]),
        {i: {RaterKind(k): Said(s["n"], Decimal(s["mean"])) for k, s in kinds.items()} for i, kinds in told["said"].items()},
    )
