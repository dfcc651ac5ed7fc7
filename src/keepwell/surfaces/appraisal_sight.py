"""Who sees what of appraisals: what somebody is to one, and what is shown of rounds and people."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from keepwell.access.roles import Capability, Rows
from keepwell.access.users import User
from keepwell.performance.appraisals.appraisal import Appraisal, Round, StepKind
from keepwell.performance.scorecards.scored import Scored

# others' work on an appraisal
INNER = frozenset({StepKind.ASSESSED, StepKind.APPROVED, StepKind.RETURNED})


class Relation(StrEnum):
    """What somebody is to an appraisal."""

    SELF = "self"
    ABOVE = "above"  # at any depth
    KEEPER = "keeper"  # opens, approves and publishes those of everybody


@dataclass(frozen=True)
class Viewer:
    """Who asks. Without an id it is a command on the machine, which may do everything."""

    user_id: str | None
    employee_id: str | None
    is_keeper: bool


MACHINE = Viewer(None, None, is_keeper=True)


def viewer_of(user: User) -> Viewer:
    """The user as one who asks for appraisals. Who sees a part of the customers keeps none: the readings would be those of the part."""
    return Viewer(user.user_id, user.employee_id, user.may(Capability.APPRAISE) and user.rows is Rows.ALL)


@dataclass(frozen=True)
class Shown:
    """An appraisal as somebody sees it. ``scored`` is None as long as the person may not see what others judged; ``by_readings`` has KPIs only."""

    appraisal: Appraisal
    relation: Relation
    scored: Scored | None
    by_readings: Scored
    rank: int | None
    among: int


@dataclass(frozen=True)
class ShownRound:
    """A round with the appraisals that somebody sees. ``bands`` counts published totals by tens, of everybody in it, where they are enough."""

    round: Round
    shown: Sequence[Shown]
    subjects: int
    bands: Sequence[int] | None

    @property
    def listed(self) -> "Listed":
        """The same in short."""
        return Listed(self.round, self.subjects, [told_state(s.appraisal, s.relation) for s in self.shown])


@dataclass(frozen=True)
class Listed:
    """A round as lists tell of it: about how many it is, and how far those are whom somebody sees."""

    round: Round
    subjects: int
    states: Sequence[str]


@dataclass(frozen=True)
class Simulated:
    """What an appraisal comes to with the plan's weights, and what it would with others."""

    appraisal: Appraisal
    before: Scored
    after: Scored
    rank_before: int | None
    rank_after: int | None


def told_state(found: Appraisal, relation: Relation) -> str:
    """How far an appraisal is; to the person not how far others are with it, until it is published."""
    is_hidden = relation is Relation.SELF and found.state in INNER
    return "in_work" if is_hidden else str(found.state)
