"""Arithmetic over exact sums: the value of a formula and how it moves with each sum.

A KPI's value is a function of a few sums over customers. Its variance needs the function's gradient (the delta method), and both
are computed here in exact fractions, by forward differentiation.
"""

import ast
import copy
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from keepwell.core.errors import KeepwellError


class FormulaError(KeepwellError):
    """A formula that can't be read: only names, numbers, + − × ÷ and brackets may stand in it."""


# deeper than any KPI; what is longer could exhaust the parser
LONGEST, DEEPEST = 2_000, 100


@dataclass(frozen=True)
class Result:
    """A formula's value and its partial derivatives by name, those that are zero left out."""

    value: Fraction
    slopes: dict[str, Fraction]


def names_in(formula: str) -> list[str]:
    """The names that a formula reads, each once, in their order."""
    return list(dict.fromkeys(n.id for n in ast.walk(_tree(formula)) if isinstance(n, ast.Name)))


def substituted(formula: str, replacements: Mapping[str, str]) -> str:
    """The formula with names replaced by other formulas."""

    class Replace(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return copy.deepcopy(_tree(replacements[node.id])) if node.id in replacements else node

    return ast.unparse(Replace().visit(copy.deepcopy(_tree(formula))))


@functools.lru_cache(maxsize=1024)
def quotient_or_none(formula: str) -> tuple[str, str] | None:
    """Numerator and denominator of a formula that is a quotient, constant factors aside; None for any other."""
    node = _tree(formula)
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        if isinstance(node.right, ast.Constant):
            node = node.left
        elif isinstance(node.left, ast.Constant):
            node = node.right
        else:
            return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not isinstance(node.right, ast.Constant):
        return ast.unparse(node.left), ast.unparse(node.right)
    return None


def result_or_none(formula: str, sums: Mapping[str, Fraction]) -> Result | None:
    """Value and slopes; None where something is divided by zero."""
    try:
        return _walk(_tree(formula), sums)
    except ZeroDivisionError:
        return None


@functools.lru_cache(maxsize=1024)
def _tree(formula: str) -> ast.expr:
    how = "Write names of KPIs with + - * / and brackets."
    if len(formula) > LONGEST:
        raise FormulaError(f"This formula has {len(formula):,} characters; {LONGEST:,} are allowed.", how)
    try:
        node = ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # Python's parser gives up in all four ways: on signs, on a null character, and on brackets without end
        raise FormulaError(f"This formula can't be read: {formula}", how) from error
    if _depth(node) > DEEPEST:
        raise FormulaError(f"This formula is nested too deeply: {formula}", how)
    for part in ast.walk(node):
        if not isinstance(
            part, ast.BinOp | ast.UnaryOp | ast.Name | ast.Constant | ast.Load | ast.Add | ast.Sub | ast.Mult | ast.Div | ast.USub
        ) or (isinstance(part, ast.Constant) and not _is_number(part.value)):
            raise FormulaError(f"This formula holds more than arithmetic: {formula}", "Only names, numbers, + - * / and brackets.")
    return node


def _depth(node: ast.AST) -> int:
    """How many levels a tree has, found without recursion."""
    depth, level = 0, [node]
    while level:
        depth, level = depth + 1, [child for one in level for child in ast.iter_child_nodes(one)]
    return depth


def _is_number(value: object) -> bool:
    return type(value) is int or (isinstance(value, float) and math.isfinite(value))


def _walk(node: ast.expr, sums: Mapping[str, Fraction]) -> Result:
    if isinstance(node, ast.Constant):
        return Result(Fraction(str(node.value)), {})
    if isinstance(node, ast.Name):
        return Result(sums[node.id], {node.id: Fraction(1)})
    if isinstance(node, ast.UnaryOp):
        inner = _walk(node.operand, sums)
        return Result(-inner.value, {k: -s for k, s in inner.slopes.items()})
    if not isinstance(node, ast.BinOp):
        raise FormulaError(f"This formula holds more than arithmetic: {ast.unparse(node)}")
    return _joined(node.op, _walk(node.left, sums), _walk(node.right, sums))


def _joined(operator: ast.operator, left: Result, right: Result) -> Result:
    if isinstance(operator, ast.Add):
        return Result(left.value + right.value, _combined(left, Fraction(1), right, Fraction(1)))
    if isinstance(operator, ast.Sub):
        return Result(left.value - right.value, _combined(left, Fraction(1), right, Fraction(-1)))
    if isinstance(operator, ast.Mult):
        return Result(left.value * right.value, _combined(left, right.value, right, left.value))
    quotient = left.value / right.value
    return Result(quotient, _combined(left, 1 / right.value, right, -quotient / right.value))


def _combined(left: Result, by: Fraction, right: Result, other: Fraction) -> dict[str, Fraction]:
    found = {k: s * by for k, s in left.slopes.items()}
    for k, s in right.slopes.items():
        found[k] = found.get(k, Fraction(0)) + s * other
    return found
