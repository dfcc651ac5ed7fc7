"""A rule as it stands in the address: parts that are not finished are shown, and left out of what is counted.

``match``, ``g0`` … are how the whole and each group are joined; of condition 0 ``c0.group``, ``c0.field``, ``c0.ask`` and as many ``c0.value``
as it has.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from keepwell.core.errors import WrongUseError
from keepwell.engagement.segments.field import Field, fields
from keepwell.engagement.segments.rule import ASKS, MOST_CONDITIONS, MOST_GROUPS, Ask, Condition, Group, Match, Rule, Value, condition
from keepwell.surfaces.web.visit import Visit, whole_or

PART = re.compile(r"c(\d{1,3})\.(group|field|ask)")
FIRST_FIELD = "clv"


@dataclass(frozen=True)
class Part:
    """A condition as it is being written. ``asked`` is None as long as something is missing; ``fault`` says what is wrong with what is there."""

    group: int
    field: Field
    ask: Ask
    values: tuple[str, ...]
    asked: Condition | None
    fault: str | None = None


@dataclass(frozen=True)
class Draft:
    """A rule as it is being written."""

    match: Match
    groups: tuple[Match, ...]
    parts: tuple[Part, ...]

    @property
    def rule(self) -> Rule:
        """What is finished of it."""
        joined = tuple(
            Group(m, tuple(p.asked for p in self.parts if p.group == i and p.asked is not None)) for i, m in enumerate(self.groups)
        )
        return Rule(self.match, tuple(g for g in joined if g.conditions))

    @property
    def is_finished(self) -> bool:
        return bool(self.parts) and all(p.asked is not None for p in self.parts)

    def parts_of(self, group: int) -> list[tuple[int, Part]]:
        """The conditions of a group with their numbers."""
        return [(i, p) for i, p in enumerate(self.parts) if p.group == group]

    @property
    def query(self) -> str:
        """The same as an address."""
        items: list[tuple[str, str]] = [("match", str(self.match)), *((f"g{i}", str(m)) for i, m in enumerate(self.groups))]
        for i, p in enumerate(self.parts):
            items += [(f"c{i}.group", str(p.group)), (f"c{i}.field", p.field.name), (f"c{i}.ask", str(p.ask))]
            items += [(f"c{i}.value", v) for v in p.values]
        return urlencode(items)


def draft_of(rule: Rule) -> Draft:
    """A rule, to be changed."""
    parts = [Part(i, c.field, c.ask, tuple(_written(v) for v in c.values), c) for i, g in enumerate(rule.groups) for c in g.conditions]
    return Draft(rule.match, tuple(g.match for g in rule.groups) or (Match.ALL,), tuple(parts))


def asked_draft(visit: Visit) -> Draft:
    """The rule that the address tells, and what was pressed there done to it: a condition or a group more, or one less."""
    params = visit.request.query_params
    numbers = sorted({int(m.group(1)) for name in params if (m := PART.fullmatch(name))})
    count = max(1, 1 + max((int(n[1:]) for n in params if re.fullmatch(r"g\d{1,2}", n)), default=0))
    groups = [_match(params.get(f"g{i}", "")) for i in range(min(count, MOST_GROUPS))]
    parts = [p for n in numbers if (p := _part(visit, n, len(groups))) is not None]
    draft = Draft(_match(params.get("match", "")), tuple(groups), tuple(parts[:MOST_CONDITIONS]))
    return _pressed(draft, params.get("press", ""))


def _pressed(draft: Draft, press: str) -> Draft:
    what, _, at = press.partition("-")
    place = whole_or(at, 0)
    groups, parts = list(draft.groups), list(draft.parts)
    if what == "add" and place < len(groups) and len(parts) < MOST_CONDITIONS:
        parts.append(_blank(place))
    elif what == "group" and len(groups) < MOST_GROUPS:
        groups.append(Match.ALL)
        parts.append(_blank(len(groups) - 1))
    elif what == "drop" and place < len(parts):
        del parts[place]
    elif what == "ungroup" and place < len(groups) and len(groups) > 1:
        del groups[place]
        parts = [Part(p.group - (p.group > place), p.field, p.ask, p.values, p.asked, p.fault) for p in parts if p.group != place]
    return Draft(draft.match, tuple(groups), tuple(parts))


def _blank(group: int) -> Part:
    known = fields()[FIRST_FIELD]
    return Part(group, known, ASKS[known.kind][0], (), None)


def _part(visit: Visit, number: int, groups: int) -> Part | None:
    params = visit.request.query_params
    known = fields().get(params.get(f"c{number}.field", ""))
    group = params.get(f"c{number}.group", "0")
    place = whole_or(group, groups)
    if known is None or place >= groups:
        return None
    # another field may not know the question that was asked of the one before
    asks = ASKS[known.kind]
    wanted = params.get(f"c{number}.ask", "")
    ask = Ask(wanted) if wanted in asks else asks[0]
    is_same = params.get(f"c{number}.was", known.name) == known.name
    values = tuple(v.strip() for v in params.getlist(f"c{number}.value") if v.strip()) if is_same else ()
    asked, fault = _asked(known, ask, values)
    return Part(place, known, ask, values, asked, fault)


def _asked(known: Field, ask: Ask, values: tuple[str, ...]) -> tuple[Condition | None, str | None]:
    try:
        return condition(known.name, ask, values), None
    except WrongUseError as error:
        # what is still empty is no fault
        return None, str(error.message) if values else None


def _match(text: str) -> Match:
    return Match.ANY if text == Match.ANY else Match.ALL


def _written(value: Value) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
