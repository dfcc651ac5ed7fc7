"""Rules in words, in the language of whoever reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from keepwell.engagement.segments.field import Field, Kind
from keepwell.engagement.segments.queries import Segment
from keepwell.engagement.segments.rule import IN_DAYS, Ask, Condition, Match, Rule
from keepwell.metrics.kpi import Unit
from keepwell.surfaces.web.visit import Visit

LONGEST_LIST = 8


@dataclass(frozen=True)
class Told:
    """A group in words: how its conditions are joined, and each of them."""

    match: Match
    conditions: tuple[str, ...]


def field_words(visit: Visit, known: Field) -> str:
    """What a field is called."""
    return visit.customer_column(known.name)


def fault_words(visit: Visit, segment: Segment) -> str:
    """Why a saved segment means nothing any more; empty where it does."""
    return visit.told(segment.fault.message) if segment.fault else ""


def told_rule(visit: Visit, rule: Rule, names: Mapping[str, str]) -> tuple[Told, ...]:
    """Each group in words; ``names`` are those of clusters and employees."""
    return tuple(Told(g.match, tuple(told_condition(visit, c, names) for c in g.conditions)) for g in rule.groups)


def told_condition(visit: Visit, asked: Condition, names: Mapping[str, str]) -> str:
    """One condition in words: what is asked of whom."""
    values = [value_words(visit, asked.field, v, names, asked.ask) for v in asked.values]
    places: dict[str, str] = {"field": field_words(visit, asked.field)}
    if asked.ask in {Ask.IS, Ask.IS_NOT}:
        shown = values[:LONGEST_LIST] + ([f"… (+{len(values) - LONGEST_LIST})"] if len(values) > LONGEST_LIST else [])
        places["values"] = visit.say("segments.or").join(shown)
    else:
        places |= dict(zip(("first", "last"), values, strict=False))
    return visit.say(f"segments.told_{asked.ask}", **places)


def value_words(visit: Visit, known: Field, value: Any, names: Mapping[str, str], ask: Ask | None = None) -> str:
    """A value of a field as people read it; nothing known in words too."""
    if value is None:
        return visit.say("segments.not_known")
    if isinstance(value, bool):
        return visit.say("status.yes" if value else "status.no")
    if ask in IN_DAYS:
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float | Decimal):
        return _number(visit, known, value)
    return names.get(str(value)) or visit.label(known.name.removesuffix("_previous"), str(value))


def _number(visit: Visit, known: Field, value: float | Decimal) -> str:
    if known.kind is Kind.MONEY:
        return visit.money(value)
    if known.kind is Kind.SHARE:
        return visit.figure(value, Unit.SHARE)
    return f"{float(value):,.4g}" if abs(float(value)) < 1000 else f"{float(value):,.0f}"
