"""SQL aggregates of KPI definitions: checked to add up over groups of rows, and given a filter of their own."""

import functools
from collections.abc import Callable, Mapping

import sqlglot
from sqlglot import exp

from keepwell.engine.walls import RefusedSqlError, check_expression

DISTINCT_CUSTOMERS = "count(distinct customer_id)"


def _parsed(sql: str) -> exp.Expr:
    return _tree(sql).copy()


@functools.lru_cache(maxsize=4096)
def _tree(sql: str) -> exp.Expr:
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


@functools.lru_cache(maxsize=4096)
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


@functools.lru_cache(maxsize=4096)
def simplified(condition: str, always: str | None = None) -> str | None:
    """The condition in one way of writing, so that equal ones look alike.

    Without those of its parts, joined by AND, that are ``always``, which holds for every row; None where none is left.
    """
    tree = _parsed(condition)
    listed = [part.unnest() for part in (tree.flatten() if isinstance(tree, exp.And) else [tree])]
    known = _unquoted(_parsed(always)) if always else None
    kept = [part for part in listed if _unquoted(part) != known]
    return str(exp.and_(*kept).sql(dialect="duckdb")) if kept else None


@functools.lru_cache(maxsize=4096)
def is_plain_count(sql: str) -> bool:
    """Whether the aggregate counts rows, so that it is never NULL."""
    tree = _parsed(sql)
    return isinstance(tree, exp.Count) and not isinstance(tree.this, exp.Distinct)


def _unquoted(tree: exp.Expr) -> str:
    return str(tree.sql(dialect="duckdb")).replace('"', "")


@functools.lru_cache(maxsize=4096)
def with_simplified_filters(sql: str, always: str | None = None) -> str:
    """The aggregate with the filters of its own simplified in the same way."""
    tree = _parsed(sql)
    for node in list(tree.find_all(exp.Filter)):
        kept = simplified(str(node.expression.this.sql(dialect="duckdb")), always)
        new = exp.Filter(this=node.this.copy(), expression=exp.Where(this=_parsed(kept))) if kept else node.this.copy()
        tree = _replaced(tree, node, new)
    return str(tree.sql(dialect="duckdb"))


@functools.lru_cache(maxsize=4096)
def counted_customers_or_none(sql: str) -> tuple[str | None] | None:
    """The filter of an aggregate that counts customers; None for any other."""
    tree = _parsed(sql)
    inner = tree.this if isinstance(tree, exp.Filter) else tree
    if not isinstance(inner, exp.Count) or not isinstance(inner.this, exp.Distinct):
        return None
    return (str(tree.expression.this.sql(dialect="duckdb")) if isinstance(tree, exp.Filter) else None,)


def columns_of(sql: str) -> list[str]:
    """The columns that an expression reads, each once."""
    return list(dict.fromkeys(c.name for c in _parsed(sql).find_all(exp.Column)))


@functools.lru_cache(maxsize=4096)
def of_one_row(sql: str) -> str:
    """What one row adds to the aggregate: the row's own value in the place of each sum and count."""
    tree = _parsed(sql)
    for node in list(tree.find_all(exp.Filter)):
        condition = node.expression.this.copy()
        value = _row_value(node.this)
        new = exp.Case().when(condition, value).else_("0")
        tree = _replaced(tree, node, new)
    for aggregate in list(tree.find_all(exp.Sum, exp.Count)):
        tree = _replaced(tree, aggregate, _row_value(aggregate))
    return str(tree.sql(dialect="duckdb"))


def _row_value(node: exp.Expr) -> exp.Expr:
    inner = node.this
    if isinstance(node, exp.Sum):
        return exp.func("coalesce", inner.copy(), exp.Literal.number(0))
    if inner is None or isinstance(inner, exp.Star):
        return exp.Literal.number(1)
    counted = inner.expressions[0] if isinstance(inner, exp.Distinct) else inner
    return exp.Case().when(counted.copy().is_(exp.null()).not_(), exp.Literal.number(1)).else_("0")


def _replaced(tree: exp.Expr, old: exp.Expr, new: exp.Expr) -> exp.Expr:
    if old is tree:
        return new
    old.replace(new)
    return tree


@functools.lru_cache(maxsize=4096)
def is_whole(sql: str) -> bool:
    """Whether the aggregate counts: it has no sum, so what it gives is a whole number."""
    return _parsed(sql).find(exp.Sum) is None


LINE_AGGREGATES = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.LogicalOr, exp.LogicalAnd)


def check_line(sql: str) -> None:
    """Refuse an aggregate of one customer's rows that depends on their order: sum, count, min, max, bool_or and bool_and may stand."""
    tree = _parsed(sql)
    if isinstance(tree, exp.Query | exp.Command | exp.DDL) or tree.find(exp.AggFunc) is None:
        raise RefusedSqlError(f"This is no aggregate: {sql}", "Write sum, count, min, max, bool_or or bool_and over a customer's rows.")
    for node in tree.walk():
        if isinstance(node, exp.AggFunc) and not isinstance(node, LINE_AGGREGATES):
            raise RefusedSqlError(f"{node.sql(dialect='duckdb')} may not stand here.", "Use sum, count, min, max, bool_or or bool_and.")
        if isinstance(node, exp.Subquery | exp.Query | exp.Window):
            raise RefusedSqlError(f"A KPI's aggregate reads one row at a time: {sql}", "No subquery, no window.")
    bare = tree.copy()
    for node in list(bare.find_all(exp.Filter)):
        bare = _replaced(bare, node, node.this)
    for aggregate in list(bare.find_all(exp.AggFunc)):
        bare = _replaced(bare, aggregate, exp.Literal.number(1))
    check_expression(bare.sql(dialect="duckdb"))
    for aggregate in tree.find_all(*LINE_AGGREGATES):
        inner = aggregate.this
        if inner is not None and not isinstance(inner, exp.Star):
            check_expression((inner.expressions[0] if isinstance(inner, exp.Distinct) else inner).sql(dialect="duckdb"))
    for condition in tree.find_all(exp.Filter):
        check_expression(condition.expression.this.sql(dialect="duckdb"))


@functools.lru_cache(maxsize=4096)
def filtered(sql: str, where: str | None) -> str:
    """The aggregate restricted to ``where``."""
    tree = _parsed(sql)
    if not where:
        return sql
    condition = _parsed(where)
    for node in list(tree.find_all(exp.AggFunc)):
        tree = _filtered(tree, node, condition.copy())
    return str(tree.sql(dialect="duckdb"))


def capped(sql: str, cap: str) -> str:
    """The aggregate with each summed value limited to ±``cap``."""
    tree = _parsed(sql)
    for node in tree.find_all(exp.Sum):
        node.set("this", exp.func("greatest", exp.func("least", node.this.copy(), exp.Literal.number(cap)), exp.Literal.number(f"-{cap}")))
    return str(tree.sql(dialect="duckdb"))


@functools.lru_cache(maxsize=4096)
def _paths(sql: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_path(c) for c in _tree(sql).find_all(exp.Column)))


def paths_of(sql: str) -> list[str]:
    """The columns that an expression reads, each once, a column of another table with the way to it: ``product_id.category``."""
    return list(_paths(sql))


def _path(column: exp.Column) -> str:
    return ".".join(p.name for p in column.parts)


@functools.lru_cache(maxsize=4096)
def with_flat_paths(sql: str) -> str:
    """The expression with each path written as the name of one column."""
    if "." not in sql:
        return sql
    tree = _parsed(sql)
    for column in list(tree.find_all(exp.Column)):
        tree = _replaced(tree, column, exp.column(exp.to_identifier(_path(column), quoted=True)))
    return str(tree.sql(dialect="duckdb"))


def with_other_paths(sql: str, others: Mapping[str, str]) -> str:
    """The expression with columns renamed: path -> another path."""
    tree = _parsed(sql)
    for column in list(tree.find_all(exp.Column)):
        if _path(column) in others:
            tree = _replaced(tree, column, _parsed(others[_path(column)]))
    return str(tree.sql(dialect="duckdb"))


def output_columns(sql: str) -> list[str]:
    """The names of the columns that a SELECT gives; a star is not known."""
    tree = _parsed(sql)
    return [str(n) for n in tree.named_selects] if isinstance(tree, exp.Query) else []


def mean_or_none(sql: str) -> tuple[str, str] | None:
    """Sum and count of an ``avg(x)``, with its filter; None for any other aggregate."""
    if "avg" not in sql.lower():
        return None
    tree = _parsed(sql)
    inner = tree.this if isinstance(tree, exp.Filter) else tree
    if not isinstance(inner, exp.Avg):
        return None
    found = []
    for kind in (exp.Sum, exp.Count):
        new: exp.Expr = kind(this=inner.this.copy())
        if isinstance(tree, exp.Filter):
            new = exp.Filter(this=new, expression=tree.expression.copy())
        found.append(new.sql(dialect="duckdb"))
    return found[0], found[1]


def quantile_or_none(sql: str) -> tuple[str, str] | None:
    """The value and the quantile of a ``median(x)`` or ``quantile_cont(x, 0.9)``; None for any other aggregate."""
    if not any(word in sql.lower() for word in ("median", "quantile", "percentile")):
        return None
    tree = _parsed(sql)
    if isinstance(tree, exp.Median):
        return str(tree.this.sql(dialect="duckdb")), "0.5"
    if isinstance(tree, exp.PercentileCont | exp.Quantile):
        quantile = tree.args.get("quantile") or tree.expression
        if isinstance(quantile, exp.Literal) and not quantile.is_string and 0 < float(quantile.name) < 1:
            return str(tree.this.sql(dialect="duckdb")), quantile.name
    return None


def renamed(sql: str, names: dict[str, str]) -> str:
    """The expression with columns renamed; a name that is not given stays."""
    tree = _parsed(sql)
    for column in list(tree.find_all(exp.Column)):
        if column.name in names:
            tree = _replaced(tree, column, exp.column(names[column.name]))
    return str(tree.sql(dialect="duckdb"))


def with_wider_comparisons(sql: str, wider: Mapping[str, Callable[[list[str]], list[str]]], also: Mapping[str, str]) -> str:
    """The condition with each ``column = 'x'`` and ``column in ('x', …)`` compared with ``wider[column](['x', …])`` instead.

    Where ``also`` names another column, it may equal one of the values themselves. ``<>`` and ``not in`` are the opposite.
    """
    tree = _parsed(sql)
    for node in list(tree.find_all(exp.EQ, exp.NEQ, exp.In)):
        column, values = _compared(node)
        if column is None or _path(column) not in wider or values is None:
            continue
        name = _path(column)
        new: exp.Expr = exp.In(this=column.copy(), expressions=[exp.Literal.string(v) for v in wider[name](values)])
        if name in also:
            itself = exp.In(this=_parsed(also[name]), expressions=[exp.Literal.string(v) for v in values])
            new = exp.Paren(this=exp.Or(this=new, expression=itself))
        if isinstance(node, exp.NEQ):
            new = exp.Not(this=exp.Paren(this=new))
        tree = _replaced(tree, node, new)
    return str(tree.sql(dialect="duckdb"))


def _compared(node: exp.Expr) -> tuple[exp.Column | None, list[str] | None]:
    if isinstance(node, exp.In):
        listed = [e.name for e in node.expressions if isinstance(e, exp.Literal) and e.is_string]
        is_plain = isinstance(node.this, exp.Column) and len(listed) == len(node.expressions) and listed
        return (node.this, listed) if is_plain else (None, None)
    for one, other in ((node.this, node.expression), (node.expression, node.this)):
        if isinstance(one, exp.Column) and isinstance(other, exp.Literal) and other.is_string:
            return one, [other.name]
    return None, None


def column_names(sql: str) -> list[str]:
    """The names of all columns that a query reads anywhere, each once."""
    return list(dict.fromkeys(c.name for c in _parsed(sql).find_all(exp.Column)))
