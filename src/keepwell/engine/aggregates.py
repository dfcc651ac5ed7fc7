"""SQL aggregates of KPI definitions: checked to add up over groups of rows, and given a filter of their own."""

import sqlglot
from sqlglot import exp

from keepwell.engine.walls import RefusedSqlError, check_expression

DISTINCT_CUSTOMERS = "count(distinct customer_id)"


def _parsed(sql: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except sqlglot.errors.ParseError as error:
        raise RefusedSqlError(
            f"This SQL can't be read: {str(error).splitlines()[0]}\n  {sql}", "It is written in DuckDB's dialect."
        ) from error
    if not isinstance(tree, exp.Expr):
        raise RefusedSqlError(f"This SQL is no expression: {sql}")
    return tree


def check_additive(sql: str) -> None:
    """Refuse what is not a sum of ``sum(…)``, ``count(…)`` or ``count(distinct customer_id)``: anything else can't be taken apart by customer."""
    tree = _parsed(sql)
    if isinstance(tree, exp.Query | exp.Command | exp.DDL):
        raise RefusedSqlError(f"This is no aggregate: {sql}")
    found = list(tree.find_all(exp.AggFunc))
    if not found:
        raise RefusedSqlError(f"This holds no aggregate: {sql}", "Write sum(…), count(*) or count(distinct customer_id).")
    for node in tree.walk():
        if isinstance(node, exp.AggFunc) and not isinstance(node, exp.Sum | exp.Count):
            raise RefusedSqlError(
                f"{node.sql(dialect='duckdb')} does not add up over customers.", "Use sum, count, or another kind of KPI."
            )
        if isinstance(node, exp.AggFunc) and not _is_summed(node, tree):
            raise RefusedSqlError(
                f"{sql} does not add up over customers.", "Between aggregates only + and - may stand; a quotient is a KPI of kind ratio."
            )
        if isinstance(node, exp.Subquery | exp.Query | exp.Window):
            raise RefusedSqlError(f"A KPI's aggregate reads one row at a time: {sql}", "No subquery, no window.")
        if isinstance(node, exp.Distinct) and [e.name for e in node.expressions] != ["customer_id"]:
            raise RefusedSqlError(
                f"{node.parent.sql(dialect='duckdb') if node.parent else sql} can't be taken apart by customer.",
                f"Only {DISTINCT_CUSTOMERS} can.",
            )
    for argument in _arguments(tree):
        check_expression(argument)


def _is_summed(node: exp.Expr, tree: exp.Expr) -> bool:
    parent = node.parent
    while parent is not None and node is not tree:
        if not isinstance(parent, exp.Add | exp.Sub | exp.Paren | exp.Neg | exp.Filter):
            return False
        node, parent = parent, parent.parent
    return True


def _arguments(tree: exp.Expr) -> list[str]:
    """The row-level expressions inside the aggregates and their filters."""
    inner = (node.this for node in tree.find_all(exp.Sum, exp.Count))
    found = [e.sql(dialect="duckdb") for e in inner if e is not None and not isinstance(e, exp.Star | exp.Distinct)]
    found += [f.expression.this.sql(dialect="duckdb") for f in tree.find_all(exp.Filter)]
    return found


def of_one_customer(sql: str, where: str | None) -> str:
    """The aggregate over the rows of one customer, restricted to ``where``; the number of customers becomes 1 or 0."""
    tree = _parsed(sql)
    for count in list(tree.find_all(exp.Count)):
        if isinstance(count.this, exp.Distinct):
            customer = exp.Case().when("customer_id is not null", "1").else_("0")
            new: exp.Expr = exp.Max(this=customer)
            if count is tree:
                tree = new
            else:
                count.replace(new)
    if where:
        condition = _parsed(where)
        for node in list(tree.find_all(exp.AggFunc)):
            tree = _filtered(tree, node, condition.copy())
    return str(tree.sql(dialect="duckdb"))


def _filtered(tree: exp.Expr, node: exp.Expr, condition: exp.Expr) -> exp.Expr:
    parent = node.parent
    if isinstance(parent, exp.Filter) and parent.this is node:
        both = exp.and_(parent.expression.this.copy(), condition)
        parent.set("expression", exp.Where(this=both))
        return tree
    filtered = exp.Filter(this=node.copy(), expression=exp.Where(this=condition))
    if node is tree:
        return filtered
    node.replace(filtered)
    return tree


def columns_of(sql: str) -> list[str]:
    """The columns that an expression reads, each once."""
    return list(dict.fromkeys(c.name for c in _parsed(sql).find_all(exp.Column)))
