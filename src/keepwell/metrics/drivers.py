"""Why a number moved: parts that add up to its change exactly.

A sum moves by what its members contribute. A ratio moves because members weigh differently (mix) and because they do differently
(rate); with weights w and member values r: mix = (w₁ − w₀)·((r₀ + r₁)/2 − (R₀ + R₁)/2), rate = (w₀ + w₁)/2·(r₁ − r₀), which add up to R₁ − R₀.
A product moves by its factors and a quantile by its members' rows, each by the Shapley value: the mean of what it changes over all
orders in which things could have changed (Shapley 1953). All is computed in fractions; what rounding leaves goes to the largest part.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import combinations

from keepwell.metrics.reading import PLACES
from keepwell.metrics.values import EXACT

MOST_PLAYERS = 8
OTHERS = "(others)"
OVERLAP = "(in several members)"


class Effect(StrEnum):
    """How a part came to move the number."""

    SUM = "sum"  # the member's own contribution
    MIX = "mix"  # the member's weight changed
    RATE = "rate"  # the member's value changed
    ROWS = "rows"  # the member's rows changed the distribution
    OVERLAP = "overlap"  # what counts in several members
    FACTOR = "factor"  # a factor of the product, or a KPI of the formula
    NEW = "new"  # customers who are in the later period only
    LOST = "lost"  # customers who are in the earlier period only
    FREQUENCY = "frequency"  # kept customers came more or less often
    VALUE = "value"  # kept customers spent more or less each time
    ANONYMOUS = "anonymous"  # rows without a customer
    LATE = "late"  # rows that came after the number was made
    CORRECTED = "corrected"  # rows that were changed or taken back after it was made
    DEFINITION = "definition"  # the KPI is defined otherwise now


@dataclass(frozen=True)
class Driver:
    """One part of a change, in the KPI's unit. ``before`` and ``now`` are the member's own values."""

    member: str
    effect: Effect
    amount: Decimal
    before: Decimal | None = None
    now: Decimal | None = None


@dataclass(frozen=True)
class Member:
    """A member's numerator and denominator in two periods; a sum has no denominators."""

    name: str
    num_before: Fraction
    num_now: Fraction
    den_before: Fraction = Fraction(0)
    den_now: Fraction = Fraction(0)


def of_sums(members: Sequence[Member], change: Decimal) -> list[Driver]:
    """The contributions of members to the change of a sum; what they share is a part of its own."""
    raw = [(m.name, Effect.SUM, m.num_now - m.num_before, m.num_before, m.num_now) for m in members]
    return _added_up(raw, change)


def of_ratio(members: Sequence[Member], scale: Fraction, change: Decimal) -> list[Driver]:
    """Mix and rate effects of members on the change of a ratio ``scale · Σ num ÷ Σ den``.

    A member that is absent in one period takes its rate of the other, so it moves the whole by mix alone.
    """
    den_before, den_now = sum((m.den_before for m in members), Fraction(0)), sum((m.den_now for m in members), Fraction(0))
    if den_before == 0 or den_now == 0:
        return _added_up([], change)
    whole_before = scale * sum((m.num_before for m in members), Fraction(0)) / den_before
    whole_now = scale * sum((m.num_now for m in members), Fraction(0)) / den_now
    middle = (whole_before + whole_now) / 2
    raw: list[tuple[str, Effect, Fraction, Fraction | None, Fraction | None]] = []
    for m in members:
        before = scale * m.num_before / m.den_before if m.den_before else None
        now = scale * m.num_now / m.den_now if m.den_now else None
        r0, r1 = (before if before is not None else now), (now if now is not None else before)
        if r0 is None or r1 is None:
            # a numerator without a denominator belongs to no rate
            continue
        w0, w1 = m.den_before / den_before, m.den_now / den_now
        raw.append((m.name, Effect.MIX, (w1 - w0) * ((r0 + r1) / 2 - middle), before, now))
        raw.append((m.name, Effect.RATE, (w0 + w1) / 2 * (r1 - r0), before, now))
    return _added_up(raw, change)


def shapley(players: Sequence[str], value: Callable[[frozenset[str]], Fraction | None]) -> dict[str, Fraction] | None:
    """What each player adds on average over all orders; ``value`` is of those who have changed. None where a value is missing.

    Raises ValueError for more than :data:`MOST_PLAYERS` players.
    """
    if len(players) > MOST_PLAYERS:
        raise ValueError(f"{len(players)} players have {2 ** len(players)} sets")
    values: dict[frozenset[str], Fraction] = {}
    for size in range(len(players) + 1):
        for chosen in combinations(players, size):
            found = value(frozenset(chosen))
            if found is None:
                return None
            values[frozenset(chosen)] = found
    n = len(players)
    result = {}
    for player in players:
        total = Fraction(0)
        for others, before in values.items():
            if player in others:
                continue
            weight = Fraction(math.factorial(len(others)) * math.factorial(n - len(others) - 1), math.factorial(n))
            total += weight * (values[others | {player}] - before)
        result[player] = total
    return result


def of_players(
    players: Sequence[str], effect: Effect, value: Callable[[frozenset[str]], Fraction | None], change: Decimal
) -> list[Driver] | None:
    """The Shapley values of players as parts of a change; None where they can't be told apart."""
    found = shapley(players, value)
    if found is None:
        return None
    return _added_up([(p, effect, v, None, None) for p, v in found.items()], change)


@dataclass(frozen=True)
class Flow:
    """A sum by customers between two periods: who is in one only, and the kept ones' rows and amounts."""

    new: Fraction
    lost: Fraction
    kept: int
    kept_rows_before: int
    kept_rows_now: int
    kept_before: Fraction
    kept_now: Fraction
    anonymous_before: Fraction
    anonymous_now: Fraction


def of_customers(flow: Flow, change: Decimal) -> list[Driver]:
    """New, lost and kept customers, the kept ones' change split into how often and how much each time; and rows without a customer."""
    raw: list[tuple[str, Effect, Fraction, Fraction | None, Fraction | None]] = [
        ("new", Effect.NEW, flow.new, None, None),
        ("lost", Effect.LOST, -flow.lost, None, None),
    ]
    if flow.kept and flow.kept_rows_before and flow.kept_rows_now:
        f0, f1 = Fraction(flow.kept_rows_before, flow.kept), Fraction(flow.kept_rows_now, flow.kept)
        v0, v1 = flow.kept_before / flow.kept_rows_before, flow.kept_now / flow.kept_rows_now
        raw.append(("kept", Effect.FREQUENCY, flow.kept * (f1 - f0) * (v0 + v1) / 2, f0, f1))
        raw.append(("kept", Effect.VALUE, flow.kept * (v1 - v0) * (f0 + f1) / 2, v0, v1))
    if flow.anonymous_before or flow.anonymous_now:
        raw.append(("anonymous", Effect.ANONYMOUS, flow.anonymous_now - flow.anonymous_before, flow.anonymous_before, flow.anonymous_now))
    return _added_up(raw, change)


def _added_up(raw: Sequence[tuple[str, Effect, Fraction, Fraction | None, Fraction | None]], change: Decimal) -> list[Driver]:
    """Parts rounded to the places of readings that add up to the change, the largest first."""
    parts = [Driver(name, effect, _kept(amount), _kept_or_none(before), _kept_or_none(now)) for name, effect, amount, before, now in raw]
    rest = change - sum((p.amount for p in parts), Decimal(0))
    if parts and abs(rest) <= PLACES * 10 * len(parts):
        largest = max(range(len(parts)), key=lambda i: abs(parts[i].amount))
        parts[largest] = replace(parts[largest], amount=parts[largest].amount + rest)
    elif rest:
        parts.append(Driver(OVERLAP, Effect.OVERLAP, rest))
    return ranked(p for p in parts if p.amount)


def ranked(parts: Iterable[Driver]) -> list[Driver]:
    """The largest first, equal ones by name."""
    return sorted(parts, key=lambda p: (-abs(p.amount), p.member, p.effect))


def _kept(value: Fraction) -> Decimal:
    return EXACT.divide(Decimal(value.numerator), Decimal(value.denominator)).quantize(PLACES, context=EXACT)


def _kept_or_none(value: Fraction | None) -> Decimal | None:
    return None if value is None else _kept(value)


def of_data(known: Decimal, redefined: Decimal, with_late: Decimal, restated: Decimal) -> list[Driver]:
    """The difference of a number restated from the same number as known: changed definition, late data, corrected data."""
    parts = [
        Driver("definition", Effect.DEFINITION, redefined - known, known, redefined),
        Driver("late", Effect.LATE, with_late - redefined, redefined, with_late),
        Driver("corrected", Effect.CORRECTED, restated - with_late, with_late, restated),
    ]
    return ranked(p for p in parts if p.amount)


def merged(members: Mapping[str, Fraction], most: int = MOST_PLAYERS) -> dict[str, str]:
    """Which player a member is: itself, or one of the others when there are too many. By weight, the largest stay themselves."""
    if len(members) <= most:
        return {m: m for m in members}
    largest = sorted(members, key=lambda m: (-members[m], m))[: most - 1]
    return {m: m if m in largest else OTHERS for m in members}
