"""Why a customer is in a segment or not, and the least that would have to change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keepwell.access.scope import Scope
from keepwell.customers.book import Book
from keepwell.customers.one import check_seen
from keepwell.engagement.segments.asked import Ground, condition_sql
from keepwell.engagement.segments.rule import Condition, Match, Rule
from keepwell.engine.sql import Steps, literal, quoted


@dataclass(frozen=True)
class Answer:
    """One condition: what the customer has, and whether it holds. ``would_flip``: it belongs to the least that would change the whole."""

    asked: Condition
    value: Any
    holds: bool
    would_flip: bool


@dataclass(frozen=True)
class Reason:
    """Whether the customer is in, group by group; ``changes`` conditions would have to turn, at least."""

    customer_id: str
    is_in: bool
    groups: tuple[tuple[Match, tuple[Answer, ...]], ...]
    changes: int


def reason(book: Book, scope: Scope, rule: Rule, customer_id: str, ground: Ground) -> Reason:
    """Whether the customer is in, and why. One whom the scope hides is as unknown as one who is not there."""
    check_seen(book, scope, customer_id)
    asked = rule.conditions
    columns = list(dict.fromkeys(c.field.name for c in asked))
    told = ", ".join(
        [
            "customer_id",
            *(f"{quoted(c)} as v{i}" for i, c in enumerate(columns)),
            *(f"({condition_sql(c, ground)}) as c{i}" for i, c in enumerate(asked)),
        ]
    )
    with book.people(scope, is_barrier=False) as (cursor, people):
        (row,) = cursor.arrow(Steps().then("one", f"select {told} from {people} where customer_id = {literal(customer_id)}")).to_pylist()
    holds = [bool(row[f"c{i}"]) for i in range(len(asked))]
    flips = least_changes(rule, holds)
    answers = [Answer(c, row[f"v{columns.index(c.field.name)}"], holds[i], i in flips) for i, c in enumerate(asked)]
    groups, start = [], 0
    for group in rule.groups:
        groups.append((group.match, tuple(answers[start : start + len(group.conditions)])))
        start += len(group.conditions)
    return Reason(customer_id, is_satisfied(rule, holds), tuple(groups), len(flips))


def is_satisfied(rule: Rule, holds: Sequence[bool]) -> bool:
    """Whether the rule is, where its conditions hold as told, in their order."""
    start, groups = 0, []
    for group in rule.groups:
        own = holds[start : start + len(group.conditions)]
        start += len(group.conditions)
        if own:
            groups.append(_together(group.match, own))
    return _together(rule.match, groups)


def least_changes(rule: Rule, holds: Sequence[bool]) -> frozenset[int]:
    """The places of the fewest conditions that, turned, would turn the whole; of equally few the first. Empty where nothing is asked."""
    start, groups = 0, []
    for group in rule.groups:
        own = list(range(start, start + len(group.conditions)))
        start += len(own)
        if own:
            groups.append((group.match, own))
    if not groups:
        return frozenset()
    wanted = not is_satisfied(rule, holds)
    per_group = [_turned(match, {i: frozenset({i}) for i in own if holds[i] != wanted}, wanted=wanted) for match, own in groups]
    standing = [_together(match, [holds[i] for i in own]) for match, own in groups]
    return _turned(rule.match, {g: found for g, found in enumerate(per_group) if standing[g] != wanted}, wanted=wanted)


def _together(match: Match, holds: Sequence[bool]) -> bool:
    # nothing asked is satisfied
    return all(holds) if match is Match.ALL or not holds else any(holds)


def _turned(match: Match, costs: dict[int, frozenset[int]], *, wanted: bool) -> frozenset[int]:
    """What to change so that the whole is ``wanted``; ``costs`` are those parts that are not, each with what would change it."""
    if not costs:
        return frozenset()
    needs_all = (match is Match.ALL) == wanted
    return frozenset().union(*costs.values()) if needs_all else min(costs.values(), key=len)
