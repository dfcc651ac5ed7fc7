"""Appraisal plans as they are defined: whose work, by which items, with which weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from keepwell.core.errors import WrongUseError, did_you_mean
from keepwell.performance.scorecards.card import Card, Grades, Item, Manual, Missing, Perspective, weights_fault
from keepwell.performance.scorecards.curve import Curve

LEAST_N = 10  # results behind a KPI, by default
FULL_MARK = Decimal(100)  # of objectives


class Of(StrEnum):
    """Whose work is appraised."""

    PEOPLE = "people"
    TEAMS = "teams"


class Kind(StrEnum):
    """Where an item's points come from."""

    KPI = "kpi"  # readings, by a curve
    MANUAL = "manual"  # an assessor's mark
    RATER = "rater"  # what peers, subordinates and customers say
    MBO = "mbo"  # objectives of the person's own


class RaterKind(StrEnum):
    """Who is asked about somebody."""

    PEER = "peer"
    SUBORDINATE = "subordinate"
    CUSTOMER = "customer"


@dataclass(frozen=True)
class PlanItem:
    """One line of a plan; ``weight`` is percent of the whole.

    Of a KPI: ``by`` is the dimension by which the person or team is read, ``least`` how many results it takes, ``mix`` the dimension of customers that
    is allowed for. ``most`` is the highest mark of what is judged. ``raters`` weigh whom the item asks.
    """

    name: str
    kind: Kind
    weight: Decimal
    title: Mapping[str, str] = field(default_factory=dict)
    guidance: Mapping[str, str] = field(default_factory=dict)
    by: str | None = None
    least: int = LEAST_N
    mix: str | None = None
    curve: Curve | None = None
    most: Decimal = FULL_MARK
    raters: Mapping[RaterKind, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is expected of people or teams. ``least_known`` is the percent of weight that must have points for a total."""

    name: str
    title: Mapping[str, str]
    meaning: Mapping[str, str]
    version: int
    of: Of
    items: tuple[PlanItem, ...]
    missing: Missing = Missing.SPREAD
    least_known: Decimal = Decimal(50)
    grades: Grades = field(default_factory=Grades)

    def items_of(self, kind: Kind) -> list[PlanItem]:
        """The items of that kind, in the plan's order."""
        return [i for i in self.items if i.kind is kind]

    def card(self, weights: Mapping[str, Decimal] | None = None) -> Card:
        """The plan as a card of one perspective, whose arithmetic it shares; with other ``weights`` by item where they are given."""
        wanted = self.weights(weights or {})
        items = tuple(Item(i.name, wanted[i.name], i.curve, _manual_or_none(i)) for i in self.items)
        whole = Perspective("all", self.title, Decimal(100), items)
        return Card(self.name, self.title, self.meaning, self.version, (whole,), self.missing, self.least_known, self.grades)

    def weights(self, other: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Every item's weight, those of ``other`` in place of the plan's; together they must come to 100."""
        known = [i.name for i in self.items]
        for name in other:
            if name not in known:
                raise WrongUseError(f"{self.name} has no item {name!r}.", did_you_mean(name, known))
        made = {i.name: other.get(i.name, i.weight) for i in self.items}
        if not all(w.is_finite() for w in made.values()) or weights_fault(made.values()):
            raise weights_error([*made.items()])
        return made


def _manual_or_none(item: PlanItem) -> Manual | None:
    return None if item.kind is Kind.KPI else Manual(item.title, item.most, item.guidance)


def weights_error(weights: Sequence[tuple[str, Decimal]]) -> WrongUseError:
    """The error for weights, each with what it is of, of which one is not above 0, or that do not come to 100."""
    hint = "Give weights above 0 that come to 100 together."
    low = next((name for name, w in weights if not w.is_finite() or w <= 0), None)
    if low is not None:
        return WrongUseError(f"The weight of {low} is not above 0.", hint)
    return WrongUseError(f"The weights come to {sum((w for _, w in weights), Decimal(0)):f}, not 100.", hint)
