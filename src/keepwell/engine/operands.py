"""The types of the operands in a query: DuckDB's binder is asked, nothing is run."""

from collections import defaultdict
from collections.abc import Callable

from sqlglot import exp

from keepwell.core.errors import KeepwellError
from keepwell.engine.sql import SqlError

Columns = list[tuple[str, str]]
# a query's columns (name, type) as DuckDB sees them; raises SqlError where it sees none
Bind = Callable[[str], Columns]

INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"})
# whose meaning hangs on the types of what they are given
_ASKED: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Add: ("this", "expression"),
    exp.Bracket: ("this",),
    exp.Cast: ("this",),
    exp.Ceil: ("this",),
    exp.Concat: ("expressions",),
    exp.ConcatWs: ("expressions",),
    exp.DPipe: ("this", "expression"),
    exp.Floor: ("this",),
    exp.IntDiv: ("this", "expression"),
    exp.Round: ("this",),
    exp.Sub: ("this", "expression"),
    exp.Sum: ("this",),
    exp.TimestampTrunc: ("this",),
    exp.TryCast: ("this",),
}


class UntypedError(KeepwellError):
    """An operand whose type can't be told where it stands."""


class Operands:
    """The types of the operands in a tree, found when it is made; nodes may be rewritten afterwards."""

    def __init__(self, tree: exp.Expr, bind: Bind) -> None:
        self._bind = bind
        self._types: dict[tuple[int, str, int], str] = {}
        asked: dict[int, list[tuple[tuple[int, str, int], exp.Expr]]] = defaultdict(list)
        selects: dict[int, exp.Select | None] = {}
        for node in tree.walk():
            for argument in _ASKED.get(type(node), ()):
                select = node.find_ancestor(exp.Select)
                selects[id(select)] = select
                for place, operand in enumerate(_listed(node, argument)):
                    asked[id(select)].append(((id(node), argument, place), operand))
        for key, questions in asked.items():
            self._ask(selects[key], questions)

    def type(self, node: exp.Expr, argument: str) -> str:
        """The operand's type, such as ``DECIMAL(18,4)``."""
        found = self.type_or_none(node, argument)
        if found is None:
            raise UntypedError(
                f"The type of an operand of {node.sql(dialect='duckdb')} can't be told.",
                "Compute it in a step of its own, or name its table: t.column.",
            )
        return found

    def type_or_none(self, node: exp.Expr, argument: str) -> str | None:
        return self._types.get((id(node), argument, 0))

    def types(self, node: exp.Expr) -> list[str]:
        """The types of all operands."""
        return [kind for (owner, _, _), kind in self._types.items() if owner == id(node)]

    def _ask(self, select: exp.Select | None, questions: list[tuple[tuple[int, str, int], exp.Expr]]) -> None:
        rows = [q for q in questions if not q[1].find(exp.AggFunc, exp.Window)]
        self._try(rows, lambda asked: _of_rows(select, asked))
        left = [q for q in questions if q[0] not in self._types]
        if select is not None:
            self._try(left, lambda asked: _of_groups(select, asked))

    def _try(self, questions: list[tuple[tuple[int, str, int], exp.Expr]], probe: Callable[[list[exp.Expr]], str]) -> None:
        """All at once, and one by one where one of them does not stand alone."""
        if not questions:
            return
        try:
            columns = self._bind(probe([operand for _, operand in questions]))
        except SqlError:
            if len(questions) > 1:
                for question in questions:
                    self._try([question], probe)
            return
        for (key, _), (_, kind) in zip(questions, columns[-len(questions) :], strict=True):
            self._types[key] = kind.strip('"')


def expand_replaced(tree: exp.Expr, bind: Bind) -> None:
    """Write ``* replace (…)``, which Spark has not, as the columns that it stands for."""
    for select in list(tree.find_all(exp.Select)):
        shown: list[exp.Expr] = []
        for column in select.expressions:
            star = column.this if isinstance(column, exp.Column) else column
            given = star.args.get("replace") if isinstance(star, exp.Star) else None
            shown += _columns_of_star(select, column, given, bind) if given else [column]
        select.set("expressions", shown)


def _columns_of_star(select: exp.Select, star: exp.Expr, given: list[exp.Expr], bind: Bind) -> list[exp.Expr]:
    plain = star.copy()
    (plain.this if isinstance(plain, exp.Column) else plain).set("replace", None)
    table = star.table if isinstance(star, exp.Column) else None
    replaced = {alias.alias.lower(): alias for alias in given}
    names = [name for name, _ in bind(_query(select, [plain]))]
    return [replaced.get(name.lower(), exp.column(name, table=table, quoted=True)) for name in names]


def _listed(node: exp.Expr, argument: str) -> list[exp.Expr]:
    given = node.args.get(argument)
    found = given if isinstance(given, list) else [given]
    # sum(distinct x): the type is x's
    return [e.expressions[0] if isinstance(e, exp.Distinct) else e for e in found if e is not None]


def _aliased(operands: list[exp.Expr]) -> list[exp.Expr]:
    return [exp.alias_(operand.copy(), f"_operand_{i}", quoted=True) for i, operand in enumerate(operands)]


def _of_rows(select: exp.Select | None, operands: list[exp.Expr]) -> str:
    """A query that gives the operands for each row, before it is grouped."""
    return _query(select, _aliased(operands))


def _query(select: exp.Select | None, columns: list[exp.Expr]) -> str:
    """A query that gives these columns from where the select reads."""
    probe = exp.Select(expressions=columns)
    for part in ("from_", "joins", "laterals") if select is not None else ():
        given = select.args.get(part) if select is not None else None
        if given:
            probe.set(part, [g.copy() for g in given] if isinstance(given, list) else given.copy())
    return _with_visible(select, probe)


def _of_groups(select: exp.Select, operands: list[exp.Expr]) -> str:
    """The query itself, with the operands as its last columns."""
    probe = select.copy()
    for part in ("with_", "order", "limit", "distinct", "qualify"):
        probe.set(part, None)
    probe.set("expressions", [*probe.expressions, *_aliased(operands)])
    return _with_visible(select, probe)


def _with_visible(select: exp.Expr | None, probe: exp.Select) -> str:
    """The probe with the common table expressions that can be seen from where the select stands."""
    visible: list[exp.Expr] = []
    came_from: exp.Expr | None = None
    node = select
    while node is not None:
        if isinstance(node, exp.With) and came_from is not None:
            visible = [*node.expressions[: came_from.index], *visible]
        elif (own := node.args.get("with_")) is not None and own is not came_from:
            visible = [*own.expressions, *visible]
        came_from, node = node, node.parent
    if visible:
        probe.set("with_", exp.With(expressions=[v.copy() for v in visible]))
    return str(probe.sql(dialect="duckdb"))
