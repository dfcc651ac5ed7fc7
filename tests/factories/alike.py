"""Readings that two engines gave, compared."""

import math
from collections.abc import Sequence
from dataclasses import fields

from keepwell.metrics.reading import Reading

# an interval's ends are floating numbers; all else is exact
FLOATS = tuple(f.name for f in fields(Reading) if f.name.endswith(("ci_low", "ci_high")) or f.name == "coverage")
EXACT = tuple(f.name for f in fields(Reading) if f.name not in FLOATS)
RELATIVE = 1e-9


def assert_alike(first: Sequence[Reading], second: Sequence[Reading]) -> None:
    """The same readings in the same order, exactly equal but for the last bits of floating numbers."""
    assert [_name(r) for r in first] == [_name(r) for r in second]
    differing = [(_name(a), difference) for a, b in zip(first, second, strict=True) for difference in differences(a, b)]
    assert differing == []


def differences(first: Reading, second: Reading) -> list[tuple[str, object, object]]:
    """The fields in which two readings differ, with both values."""
    pairs = [(f, getattr(first, f), getattr(second, f)) for f in (*EXACT, *FLOATS)]
    return [(f, a, b) for f, a, b in pairs if a != b and not (f in FLOATS and _is_close(a, b))]


def _is_close(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and math.isclose(a, b, rel_tol=RELATIVE)


def _name(r: Reading) -> tuple[str, str, str, str | None]:
    return (r.kpi, r.grain, r.period, r.member)
