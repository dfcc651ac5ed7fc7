"""Scorecards as they are defined: perspectives, items, weights, curves, grades."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from keepwell.performance.scorecards.curve import Curve

HUNDRED = Decimal(100)


class Missing(StrEnum):
    """What becomes of an item without points."""

    SPREAD = "spread"  # its weight goes to the others, each as much as it weighs
    ZERO = "zero"  # it earns none
    REFUSE = "refuse"  # the card has no total


class Grade(StrEnum):
    """The total in a word."""

    EXCELLENT = "excellent"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


@dataclass(frozen=True)
class Grades:
    """From which total on a grade is reached; a total at the border reaches it."""

    excellent: Decimal = Decimal(90)
    good: Decimal = Decimal(70)
    fair: Decimal = Decimal(60)

    def of(self, total: Fraction) -> Grade:
        """The grade of a total that was not rounded."""
        for grade, least in ((Grade.EXCELLENT, self.excellent), (Grade.GOOD, self.good), (Grade.FAIR, self.fair)):
            if total >= Fraction(least):
                return grade
        return Grade.POOR


@dataclass(frozen=True)
class Manual:
    """An item that an assessor judges, from 0 to ``most``; ``guidance`` says what the ends mean, by language."""

    title: Mapping[str, str]
    most: Decimal
    guidance: Mapping[str, str]


@dataclass(frozen=True)
class Item:
    """One line of a card: a KPI with its curve, or what an assessor judges. ``weight`` is its share of the perspective in percent.

    ``by`` is a dimension: the item is about its ``member``, or, without one, about each that had something to read, and they share the weight.
    """

    name: str
    weight: Decimal
    curve: Curve | None
    manual: Manual | None = None
    kpi: str | None = None
    by: str | None = None
    member: str | None = None

    @property
    def is_each(self) -> bool:
        """Whether a line stands for every member."""
        return self.by is not None and self.member is None

    def of(self, member: str, share: int = 1) -> "Item":
        """The line of one member; of several that share the weight, its share."""
        return replace(self, name=item_name(self.kpi or self.name, self.by, member), member=member, weight=self.weight / share)


@dataclass(frozen=True)
class Perspective:
    """A group of items; ``weight`` is its share of the card in percent."""

    name: str
    title: Mapping[str, str]
    weight: Decimal
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Card:
    """A scorecard's definition. ``least_known`` is the share of weight in percent that must have points for a total."""

    name: str
    title: Mapping[str, str]
    meaning: Mapping[str, str]
    version: int
    perspectives: tuple[Perspective, ...]
    missing: Missing = Missing.SPREAD
    least_known: Decimal = Decimal(50)
    grades: Grades = Grades()

    @property
    def items(self) -> list[tuple[Perspective, Item]]:
        return [(p, i) for p in self.perspectives for i in p.items]

    @property
    def kpis(self) -> list[str]:
        """The KPIs that it reads, each once."""
        return list(dict.fromkeys(i.kpi for _, i in self.items if i.kpi is not None))

    def with_members(self, members: Mapping[str, Sequence[str]]) -> "Card":
        """The card with a line for each of an item's ``members``, by its name; an item that has none stays as it is, and has no reading."""
        return replace(
            self,
            perspectives=tuple(
                replace(p, items=tuple(line for i in p.items for line in _each(i, members.get(i.name, ())))) for p in self.perspectives
            ),
        )


def item_name(kpi: str, by: str | None = None, member: str | None = None) -> str:
    """What an item is called: its KPI, with the dimension and the member where it is about a part of the company."""
    return kpi if by is None else f"{kpi}:{by}" if member is None else f"{kpi}:{by}={member}"


def _each(item: Item, members: Sequence[str]) -> list[Item]:
    return [item.of(m, len(members)) for m in members] if item.is_each and members else [item]


def weights_fault(weights: Iterable[Decimal]) -> str | None:
    """What is wrong with weights that shall come to 100 percent; None where nothing is."""
    found = list(weights)
    if any(w <= 0 for w in found):
        return "every weight must be above 0"
    total = sum(found, Decimal(0))
    # thirds written with two digits come to 99.99
    if abs(total - HUNDRED) > Decimal("0.05"):
        return f"the weights add up to {total.normalize():f}, not 100"
    return None
