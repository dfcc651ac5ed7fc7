"""Formulas over sums: value, slopes, and what may not stand in them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.metrics.formula import FormulaError, names_in, quotient_or_none, result_or_none, substituted

NUMBERS = st.integers(1, 1000).map(Fraction)


def test_quotient_has_the_value_and_slopes_of_calculus() -> None:
    # f = 100 · a ÷ b at a = 3, b = 8: ∂f/∂a = 100 ÷ 8, ∂f/∂b = −100 · 3 ÷ 64
    found = result_or_none("100 * a / b", {"a": Fraction(3), "b": Fraction(8)})
    assert found is not None
    assert found.value == Fraction(75, 2)
    assert found.slopes == {"a": Fraction(25, 2), "b": Fraction(-75, 16)}


@given(NUMBERS, NUMBERS, NUMBERS)
def test_slopes_are_the_limit_of_differences(a: Fraction, b: Fraction, c: Fraction) -> None:
    formula = "(a - b * c) / (a + 2 * c) - 0.5 * b"
    sums = {"a": a, "b": b, "c": c}
    at = result_or_none(formula, sums)
    assert at is not None
    step = Fraction(1, 10**9)
    for name, slope in at.slopes.items():
        moved = result_or_none(formula, sums | {name: sums[name] + step})
        assert moved is not None
        assert abs((moved.value - at.value) / step - slope) < Fraction(1, 10**4)


def test_division_by_zero_is_no_value() -> None:
    assert result_or_none("a / b", {"a": Fraction(1), "b": Fraction(0)}) is None


@pytest.mark.parametrize("formula", ["a ** 2", "f(a)", "a if b else c", "a.b", "'x'", "a <", "True", "[a]"])
def test_more_than_arithmetic_is_refused(formula: str) -> None:
    with pytest.raises(FormulaError):
        names_in(formula)


def test_names_are_replaced_by_whole_formulas() -> None:
    assert substituted("x * y", {"x": "a + b"}) == "(a + b) * y"


@pytest.mark.parametrize(
    ("formula", "parts"),
    [("a / b", ("a", "b")), ("a / b * 1000", ("a", "b")), ("100 * (a - c) / b", ("100 * (a - c)", "b")), ("a - b", None), ("a / 2", None), ("a * b", None)],
)  # fmt: skip
def test_quotient_is_told_from_other_formulas(formula: str, parts: tuple[str, str] | None) -> None:
    assert quotient_or_none(formula) == parts
