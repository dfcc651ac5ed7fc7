"""Rules as SQL over the book of customers. Every value is a literal and every column known, so nobody's text becomes code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from keepwell.engagement.segments.rule import IN_DAYS, NEGATIVE, Ask, Condition, Group, Match, Rule, Value
from keepwell.engine.sql import literal, quoted

REGION = "region"


@dataclass(frozen=True)
class Ground:
    """What a rule rests on beside the customer: the day from which it looks, and the regions that lie in others."""

    today: date
    regions_below: Callable[[Sequence[str]], frozenset[str]]


def condition_sql(asked: Condition, ground: Ground) -> str:
    """SQL that is true or false, never NULL."""
    found = _compared(asked, quoted(asked.field.name), ground)
    if asked.ask in {Ask.KNOWN, Ask.UNKNOWN}:
        return found
    return f"coalesce({found}, {'true' if asked.ask in NEGATIVE else 'false'})"


def rule_sql(rule: Rule, ground: Ground) -> str:
    """The whole rule; true where it asks nothing."""
    return _joined(rule.match, [_group(g, ground) for g in rule.groups if g.conditions])


def _group(group: Group, ground: Ground) -> str:
    return _joined(group.match, [condition_sql(c, ground) for c in group.conditions])


def _joined(match: Match, parts: Sequence[str]) -> str:
    if not parts:
        return "true"
    return f"({(' and ' if match is Match.ALL else ' or ').join(parts)})"


def _compared(asked: Condition, column: str, ground: Ground) -> str:
    if asked.ask in {Ask.IS, Ask.IS_NOT}:
        texts = [str(v) for v in asked.values]
        meant = sorted(ground.regions_below(texts)) if asked.field.name == REGION else texts
        return f"{column} {'not in' if asked.ask is Ask.IS_NOT else 'in'} ({', '.join(literal(v) for v in meant)})"
    if asked.ask in IN_DAYS:
        return _DAYS[asked.ask].format(
            column=column, today=_literal(ground.today), day=_literal(_day(ground.today, asked.ask, int(str(asked.values[0]))))
        )
    return _PATTERNS[asked.ask].format(column=column, **{n: _literal(v) for n, v in zip(("first", "last"), asked.values, strict=False)})


_PATTERNS = {
    Ask.CONTAINS: "contains(lower({column}), lower({first}))",
    Ask.AT_LEAST: "{column} >= {first}",
    Ask.SINCE: "{column} >= {first}",
    Ask.AT_MOST: "{column} <= {first}",
    Ask.UNTIL: "{column} <= {first}",
    Ask.BETWEEN: "{column} between {first} and {last}",
    Ask.YES: "{column}",
    Ask.NO: "not {column}",
    Ask.KNOWN: "{column} is not null",
    Ask.UNKNOWN: "{column} is null",
}
_DAYS = {
    Ask.WITHIN_DAYS: "{column} > {day} and {column} <= {today}",
    Ask.DAYS_AGO: "{column} <= {day}",
    Ask.NEXT_DAYS: "{column} > {today} and {column} <= {day}",
}


def _day(today: date, ask: Ask, days: int) -> date:
    # a hundred years before the first of all days is the first of all days
    wanted = today.toordinal() + (days if ask is Ask.NEXT_DAYS else -days)
    return date.fromordinal(min(max(wanted, 1), date.max.toordinal()))


def _literal(value: Value) -> str:
    if isinstance(value, date):
        return f"DATE {literal(value)}"
    return f"{value:f}" if isinstance(value, Decimal) else literal(value)
