"""The way to a target: not straight, but in the shape that the year has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from keepwell.performance.targets.target import Point

LATELY = 3  # periods whose growth over the year before is that of today
SHARE_OF_YEAR = 12


@dataclass(frozen=True)
class Way:
    """Values by period, and whether they follow last year's shape."""

    values: tuple[float, ...]
    is_seasonal: bool


def way(history: Sequence[Point], ahead: Sequence[date], before: Mapping[date, date], aim: float, *, is_amount: bool) -> Way:
    """From the last reading to ``aim`` at the last of the periods ``ahead``.

    Each period is expected to stand to the same period of the year before (``before`` tells which that is) as the present does, moving evenly
    to what the aim needs at the end: in factors for amounts, in differences for everything else. Without readings of a year before
    a straight line. Raises ValueError without history or periods.
    """
    if not history or not ahead:
        raise ValueError("a way needs readings behind it and periods before it")
    known = {p.start: p.value for p in history}
    now = _growths(history, before, known, is_amount=is_amount)[-LATELY:]
    bases = _bases(ahead, before, known)
    if not now or bases is None or (is_amount and min(bases) <= 0):
        return _straight(history[-1].value, len(ahead), aim)
    start = sum(now) / len(now)
    goal = aim / bases[-1] if is_amount else aim - bases[-1]
    growths = [start + (goal - start) * (i + 1) / len(ahead) for i in range(len(ahead))]
    values = [b * g if is_amount else b + g for b, g in zip(bases, growths, strict=True)]
    return Way((*values[:-1], aim), is_seasonal=True)


def shares(history: Sequence[Point], periods: Sequence[date], before: Mapping[date, date], aim: float) -> Way:
    """An amount for a whole quarter or year divided over its months, as the same months of the year before had their shares of it.

    Without them, or where they come to nothing, evenly.
    """
    known = {p.start: p.value for p in history}
    earlier = [known.get(before.get(p, date.min)) for p in periods]
    found = [e for e in earlier if e is not None and e >= 0]
    if len(found) < len(periods) or sum(found) <= 0:
        return Way(tuple(aim / len(periods) for _ in periods), is_seasonal=False)
    return Way(tuple(aim * e / sum(found) for e in found), is_seasonal=True)


def _straight(value: float, steps: int, aim: float) -> Way:
    return Way(tuple(value + (aim - value) * (i + 1) / steps for i in range(steps)), is_seasonal=False)


def _growths(history: Sequence[Point], before: Mapping[date, date], known: Mapping[date, float], *, is_amount: bool) -> list[float]:
    found = []
    for p in history:
        earlier = known.get(before.get(p.start, date.min))
        if earlier is None or (is_amount and earlier <= 0):
            continue
        found.append(p.value / earlier if is_amount else p.value - earlier)
    return found


def _bases(ahead: Sequence[date], before: Mapping[date, date], known: Mapping[date, float]) -> list[float] | None:
    """The readings that the periods ahead are compared with: of the year before, or of the one before that where it is itself ahead."""
    found = []
    for start in ahead:
        earlier = before.get(start)
        while earlier is not None and earlier not in known:
            earlier = before.get(earlier)
        if earlier is None:
            return None
        found.append(known[earlier])
    return found
