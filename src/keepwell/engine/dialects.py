"""SQL in DuckDB's dialect, written anew in Spark's: same rows, same values, same types, or a refusal.

sqlglot writes the grammar; :mod:`keepwell.engine.rewrites` mends what it gets wrong, :mod:`keepwell.engine.gaps` names what can't
be mended. Where the meaning hangs on a type (a date minus a date, an integer's sum), DuckDB itself is asked: its binder names the
types, nothing is run for that.
"""

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from keepwell.engine.gaps import GAPS, UNTRIED, UnsupportedOnSparkError, gap
from keepwell.engine.operands import Bind, Columns, Operands, expand_replaced
from keepwell.engine.rewrites import GAP_OF, NAMED, RULES, SAME, spark_type
from keepwell.engine.sql import SqlError


@dataclass(frozen=True)
class Translation:
    """A query in Spark's dialect, and the columns that DuckDB would give it."""

    sql: str
    columns: Columns


def spark_name(name: str) -> str:
    """A name as Spark's SQL writes it, whatever it holds."""
    escaped = name.replace("`", "``")
    return f"`{escaped}`"


def to_spark(sql: str, bind: Bind) -> Translation:
    """``sql`` for Spark; its columns have the names and types that they have in DuckDB.

    ``bind`` gives a query's columns as DuckDB sees them and raises :class:`~keepwell.engine.sql.SqlError` for what is no SQL.
    What Spark can't give an equal answer to raises :class:`UnsupportedOnSparkError`.
    """
    tree = _parsed(sql, bind)
    columns = bind(sql)
    _check(tree)
    expand_replaced(tree, bind)
    operands = Operands(tree, bind)
    # children before their parents, so that a rule finds its operands rewritten
    for node in reversed(list(tree.dfs())):
        rule = RULES.get(type(node))
        if rule is not None:
            new = rule(node, operands)
            if new is not None:
                node.replace(new)
    body = tree.sql(dialect="spark", identify=True, comments=False)
    numbered = [spark_name(f"c{i}") for i in range(len(columns))]
    shown = ", ".join(f"{_typed(number, kind)} AS {spark_name(name)}" for number, (name, kind) in zip(numbered, columns, strict=True))
    return Translation(f"SELECT {shown} FROM (\n{body}\n) AS `_typed`({', '.join(numbered)})", columns)


def _parsed(sql: str, bind: Bind) -> exp.Expr:
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except (ParseError, TokenError, RecursionError) as error:
        # DuckDB finds the better words for what is no SQL
        bind(sql)
        raise SqlError(f"It can't be read for Spark: {str(error).splitlines()[0]}", "statement", sql) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query | exp.Values):
        bind(f"select * from ({sql})")
        raise SqlError("A step is one SELECT.", "statement", sql)
    return statements[0]


def _typed(column: str, kind: str) -> str:
    wanted = spark_type(kind)
    # NULL || 'a' is of no type to DuckDB
    return "NULL" if wanted == "VOID" else f"CAST({column} AS {wanted})"


def _check(tree: exp.Expr) -> None:
    for node in tree.walk():
        kind = type(node)
        if kind in GAP_OF:
            raise gap(GAP_OF[kind])
        if isinstance(node, exp.Anonymous):
            name = node.name.lower()
            if name in GAPS:
                raise gap(name)
            if name not in NAMED:
                raise UnsupportedOnSparkError(name, UNTRIED)
        elif kind not in SAME and kind not in RULES:
            raise UnsupportedOnSparkError(_word(node), UNTRIED)
        _check_form(node)


def _word(node: exp.Expr) -> str:
    return node.sql_name().lower() if isinstance(node, exp.Func) else f"{node.sql(dialect='duckdb')} ({node.key})"


def _check_form(node: exp.Expr) -> None:
    """What is known, but not in this form."""
    if isinstance(node, exp.Join) and node.args.get("method"):
        method = str(node.args["method"]).lower()
        raise gap("asof join") if method == "asof" else UnsupportedOnSparkError(f"{method} join", UNTRIED)
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        raise UnsupportedOnSparkError(f"the table function {node.this.sql(dialect='duckdb')}", UNTRIED)
    if isinstance(node, exp.With) and node.recursive:
        raise UnsupportedOnSparkError("recursion", UNTRIED)
    if isinstance(node, exp.AggFunc) and isinstance(node.this, exp.Order):
        raise UnsupportedOnSparkError(f"{_word(node)}(… order by …)", UNTRIED)
    if isinstance(node, exp.Min | exp.Max) and node.args.get("count"):
        raise UnsupportedOnSparkError(f"{_word(node)} of several values", UNTRIED)
    if isinstance(node, exp.Window) and node.find(exp.Distinct):
        raise gap("count(distinct …) over")
    if isinstance(node, exp.IgnoreNulls) and not isinstance(node.this, exp.AnyValue):
        raise UnsupportedOnSparkError("ignore nulls", UNTRIED)
