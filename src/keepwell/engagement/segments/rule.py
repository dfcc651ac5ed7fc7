"""Rules: conditions in groups, each group all or any of its conditions, the rule all or any of its groups.

A condition holds or does not; there is no third answer. What is not known of a customer satisfies no condition but ``unknown`` and the two
that ask what somebody is not (``is_not``; ``no``, for a flag that was never raised).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean
from keepwell.engagement.segments.field import Field, Kind, field

MOST_CONDITIONS, MOST_GROUPS, MOST_VALUES, LONGEST_VALUE = 40, 10, 200, 200
MOST_DAYS = 36_500


class Match(StrEnum):
    """How many must hold."""

    ALL = "all"
    ANY = "any"


class Ask(StrEnum):
    """What is asked of a field."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    SINCE = "since"
    UNTIL = "until"
    WITHIN_DAYS = "within_days"  # of the last so many days, today included
    DAYS_AGO = "days_ago"  # so many days ago or longer
    NEXT_DAYS = "next_days"  # from tomorrow on, so many days
    YES = "yes"
    NO = "no"
    KNOWN = "known"
    UNKNOWN = "unknown"


_NUMBERS = (Ask.AT_LEAST, Ask.AT_MOST, Ask.BETWEEN, Ask.KNOWN, Ask.UNKNOWN)
ASKS: Mapping[Kind, tuple[Ask, ...]] = {
    Kind.CHOICE: (Ask.IS, Ask.IS_NOT, Ask.KNOWN, Ask.UNKNOWN),
    Kind.TEXT: (Ask.IS, Ask.IS_NOT, Ask.CONTAINS, Ask.KNOWN, Ask.UNKNOWN),
    Kind.NUMBER: _NUMBERS,
    Kind.MONEY: _NUMBERS,
    Kind.SHARE: _NUMBERS,
    Kind.DATE: (Ask.WITHIN_DAYS, Ask.DAYS_AGO, Ask.NEXT_DAYS, Ask.SINCE, Ask.UNTIL, Ask.BETWEEN, Ask.KNOWN, Ask.UNKNOWN),
    Kind.FLAG: (Ask.YES, Ask.NO, Ask.KNOWN, Ask.UNKNOWN),
}
LISTED = {Ask.IS, Ask.IS_NOT}
NO_VALUE = {Ask.YES, Ask.NO, Ask.KNOWN, Ask.UNKNOWN}
IN_DAYS = {Ask.WITHIN_DAYS, Ask.DAYS_AGO, Ask.NEXT_DAYS}
# in the negative: true of whom nothing is known
NEGATIVE = {Ask.IS_NOT, Ask.NO}
Value = str | int | Decimal | date


@dataclass(frozen=True)
class Condition:
    """One thing asked of one field. ``values`` are of the field's kind: a list for ``is``, two ends for ``between``, days as a number."""

    field: Field
    ask: Ask
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Group:
    """Conditions of which all or any must hold."""

    match: Match
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Rule:
    """Groups of which all or any must hold. Without a condition everybody belongs."""

    match: Match = Match.ALL
    groups: tuple[Group, ...] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(c for g in self.groups for c in g.conditions)


def condition(name: str, ask: str, values: Sequence[str] = ()) -> Condition:
    """A condition as it was written; raises where the field does not know it, or a value is none of the field's kind."""
    known = field(name)
    asks = ASKS[known.kind]
    if ask not in asks:
        raise WrongUseError(f"{name} can't be asked {ask!r}.", did_you_mean(ask, asks))
    given = [v.strip() for v in values if v.strip()]
    wanted = 0 if ask in NO_VALUE else 2 if ask == Ask.BETWEEN else 1
    if len(given) < wanted or (ask not in LISTED and len(given) > max(wanted, 0)):
        raise WrongUseError(f"{name} {ask} has {len(given)} values.", f"It needs {'at least one' if ask in LISTED else wanted or 'none'}.")
    if len(given) > MOST_VALUES or any(len(v) > LONGEST_VALUE for v in given):
        raise WrongUseError(f"{name} is asked for too much.", f"At most {MOST_VALUES} values of {LONGEST_VALUE} characters.")
    made = tuple(_value(known, Ask(ask), v) for v in given)
    if ask == Ask.BETWEEN and made[0] > made[1]:  # type: ignore[operator]  # both are of the field's kind
        raise WrongUseError(f"{name} is between {given[0]} and {given[1]}.", "Give the smaller one first.")
    return Condition(known, Ask(ask), made)


def rule_of(told: Mapping[str, Any]) -> Rule:
    """The rule that :func:`told_of` told; raises ``WrongUseError`` where it is none."""
    try:
        groups = tuple(
            Group(Match(g["match"]), tuple(condition(c["field"], c["ask"], [str(v) for v in c.get("values", ())]) for c in g["conditions"]))
            for g in told["groups"]
        )
        found = Rule(Match(told["match"]), groups)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WrongUseError(
            f"This is no rule: {type(error).__name__} {error}.",
            'A rule is {"match": "all", "groups": [{"match": "any", "conditions": [{"field": …, "ask": …, "values": […]}]}]}.',
        ) from error
    if len(found.groups) > MOST_GROUPS or len(found.conditions) > MOST_CONDITIONS:
        raise WrongUseError(
            f"The rule has {len(found.conditions)} conditions in {len(found.groups)} groups.",
            f"At most {MOST_CONDITIONS} in {MOST_GROUPS}.",
        )
    return found


def remains_of(told: Mapping[str, Any]) -> Rule:
    """What still means something of a rule that was saved: conditions that are none any more are left out."""
    groups = []
    for g in told["groups"]:
        kept = []
        for c in g["conditions"]:
            try:
                kept.append(condition(c["field"], c["ask"], c.get("values", ())))
            except KeepwellError:
                continue
        groups.append(Group(Match(g["match"]), tuple(kept)))
    return Rule(Match(told["match"]), tuple(g for g in groups if g.conditions))


def told_of(rule: Rule) -> dict[str, Any]:
    """The rule as plain values, for JSON."""
    return {
        "match": str(rule.match),
        "groups": [
            {
                "match": str(g.match),
                "conditions": [{"field": c.field.name, "ask": str(c.ask), "values": [str(v) for v in c.values]} for c in g.conditions],
            }
            for g in rule.groups
        ],
    }


def _value(known: Field, ask: Ask, text: str) -> Value:
    if ask in IN_DAYS:
        days = _number(known.name, text)
        if days != days.to_integral_value() or not 0 <= days <= MOST_DAYS:
            raise WrongUseError(f"{known.name}: {text!r} is no number of days.", "Write a whole number, such as 90.")
        return int(days)
    if known.kind is Kind.DATE:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise WrongUseError(f"{known.name}: {text!r} is no day.", "Write it as 2026-10-31.") from None
    if known.kind in {Kind.NUMBER, Kind.MONEY, Kind.SHARE}:
        return _share(known.name, text) if known.kind is Kind.SHARE else _number(known.name, text)
    return text


def _share(name: str, text: str) -> Decimal:
    found = _number(name, text.removesuffix("%")) / 100 if text.endswith("%") else _number(name, text)
    if not 0 <= found <= 1:
        raise WrongUseError(f"{name}: {text!r} is no share.", "Write a number from 0 to 1, or a percentage: 60%.")
    return found


def _number(name: str, text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise WrongUseError(f"{name}: {text!r} is no number.", "Write it as 1000 or 0.5.") from None
    if not found.is_finite() or abs(found) >= Decimal("1e14"):
        raise WrongUseError(f"{name}: {text!r} is no number that customers have.", "Write it as 1000 or 0.5.")
    return found
