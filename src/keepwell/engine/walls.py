"""The first wall around SQL that comes from users: it is read, checked and written anew before anything runs it.

What passes is one SELECT over named tables with functions from a list, and gives the same answer whatever the order of the
rows and the number of threads. The second wall is the locked engine (:mod:`keepwell.engine.duckdb`).
"""

import functools
from collections.abc import Collection

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from keepwell.core.errors import KeepwellError, did_you_mean

# Pure functions of their arguments. Nothing that reads a file, a setting, the clock or a dice, or that can make much of little.
ALLOWED_FUNCTIONS = frozenset(
    """
    abs any_value arg_max arg_min avg bool_and bool_or cast ceil ceiling coalesce concat concat_ws contains count count_if date_add
    date_diff date_part date_trunc datediff datepart datetrunc day dayofmonth dayofweek dayofyear dense_rank
    element_at ends_with epoch epoch_ms extract first_value floor greatest hash hour if ifnull instr isfinite isnan isodow isoyear lag
    last_day last_value lcase lead least left length levenshtein list_contains list_extract ln log10 lower lpad ltrim make_date
    make_time make_timestamp map map_from_entries max md5 median min minute mod month nfc_normalize nullif nullifzero parse_filename
    percent_rank position power prefix quantile_cont quantile_disc quarter rank regexp_extract regexp_full_match
    regexp_matches regexp_replace replace reverse right round row_number rpad rtrim second sha256 sign split_part sqrt starts_with
    str_split string_agg string_split strip_accents strftime strlen strpos strptime substr substring suffix sum timezone to_days
    to_hours to_milliseconds to_minutes to_months to_seconds to_timestamp to_weeks to_years translate trim trunc try_cast
    try_strptime ucase unicode upper week weekday weekofyear year yearweek zeroifnull
    """.split()
)
# Answers of these depend on the order among ties; the wall adds the whole row as the last word of their order.
ORDER_SENSITIVE = (exp.RowNumber, exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead, exp.Sum, exp.Count, exp.Avg, exp.Min, exp.Max)


class RefusedSqlError(KeepwellError):
    """SQL of a user's that may not run."""


@functools.cache
def _allowed_nodes() -> frozenset[type[exp.Expression]]:
    """The parsed forms of the allowed functions: the parser has a class of its own for most of them."""
    found: set[type[exp.Expression]] = set()
    for name in ALLOWED_FUNCTIONS:
        for arguments in ("a", "a, b", "a, b, c", ""):
            try:
                node = sqlglot.parse_one(f"select {name}({arguments})", dialect="duckdb").expressions[0]
            except (ParseError, TokenError):
                continue
            found.update(type(f) for f in node.find_all(exp.Func) if not isinstance(f, exp.Anonymous))
    operators = {exp.Cast, exp.TryCast, exp.And, exp.Or, exp.Xor, exp.Case, exp.Interval, exp.AtTimeZone, exp.Array, exp.Extract, exp.In, exp.If}
    return frozenset(found | operators)


def _function_name(node: exp.Func) -> str:
    return (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()


def _refuse(what: str, sql: str, hint: str | None = None) -> RefusedSqlError:
    return RefusedSqlError(f"This SQL may not be used: {what}.\n  {sql.strip()}", hint)


def _parse(sql: str) -> exp.Expression:
    try:
        statements = [s for s in sqlglot.parse(sql, dialect="duckdb") if s is not None]
    except (ParseError, TokenError) as error:
        raise RefusedSqlError(f"This SQL can't be read: {str(error).splitlines()[0]}\n  {sql.strip()}", "It is written in DuckDB's dialect.") from error
    if len(statements) != 1:
        raise _refuse(f"it holds {len(statements)} statements" if statements else "it is empty", sql, "Give exactly one, without a semicolon inside.")
    return statements[0]


def check_select(sql: str, tables: Collection[str], *, line_column: str | None = None) -> str:
    """The SELECT, written anew from what was checked; :class:`RefusedSqlError` names what may not stand in it.

    With ``line_column``, a column of the tables that says where a row came from, the SELECT gives that column too: each
    row's own, or of a group the smallest. A SELECT from something other than one of the tables is left without.
    """
    tree = _parse(sql)
    if not isinstance(tree, exp.Query):
        raise _refuse(f"it is no SELECT but {tree.key.upper()}", sql, "Only a SELECT may stand here.")
    _check_tables(tree, tables, sql)
    _check_functions(tree, sql)
    _check_order(tree, sql)
    checked = _made_deterministic(tree)
    if line_column:
        _add_origin(checked, tables, line_column)
    return checked.sql(dialect="duckdb")


def check_expression(sql: str) -> str:
    """An expression over the columns of one row, checked and written anew."""
    tree = _parse(f"select {sql}")
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or any(tree.args.get(k) for k in ("from_", "from", "where", "group", "order", "limit", "having")):
        raise _refuse("it is no single expression", sql)
    expression = tree.expressions[0]
    if isinstance(expression, exp.Alias | exp.Star) or expression.find(exp.Query, exp.Subquery, exp.Window, exp.AggFunc):
        raise _refuse("an expression is about one row: no subquery, window, aggregate or alias", sql, "Use `select:` for more than that.")
    _check_functions(expression, sql)
    return str(expression.sql(dialect="duckdb"))


def _check_tables(tree: exp.Expression, tables: Collection[str], sql: str) -> None:
    for common in tree.find_all(exp.With):
        if common.recursive:
            raise _refuse("WITH RECURSIVE", sql)
    known = {t.lower() for t in tables} | {c.alias.lower() for c in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db or table.catalog or table.name.lower() not in known:
            raise _refuse(f"it reads {table.sql(dialect='duckdb')}", sql, f"It may read {', '.join(sorted(tables))} only.")
    for node in tree.find_all(exp.Into, exp.Pivot, exp.TableSample, exp.Command, exp.Parameter, exp.Placeholder, exp.SessionParameter):
        raise _refuse(node.key.upper(), sql)


def _check_functions(tree: exp.Expression, sql: str) -> None:
    for node in tree.find_all(exp.Func):
        name = _function_name(node)
        allowed = name in ALLOWED_FUNCTIONS if isinstance(node, exp.Anonymous) else type(node) in _allowed_nodes()
        if not allowed:
            raise _refuse(f"the function {name}", sql, did_you_mean(name, ALLOWED_FUNCTIONS))
    for node in tree.find_all(exp.Columns, exp.Lambda, exp.Dot):
        raise _refuse(node.sql(dialect="duckdb"), sql)


def _check_order(tree: exp.Expression, sql: str) -> None:
    for node in tree.find_all(exp.Limit, exp.Offset, exp.Fetch):
        raise _refuse(f"{node.key.upper()}: which rows it takes is chance", sql, "Say which rows you mean with WHERE.")
    for distinct in tree.find_all(exp.Distinct):
        if distinct.args.get("on"):
            raise _refuse("DISTINCT ON", sql, "Use GROUP BY with arg_min or arg_max.")
    for window in tree.find_all(exp.Window):
        needs_order = isinstance(window.this, exp.RowNumber | exp.Lag | exp.Lead | exp.FirstValue | exp.LastValue)
        if needs_order and not window.args.get("order"):
            raise _refuse(f"{window.sql(dialect='duckdb')} has no ORDER BY", sql, "Order the window, so that the same file always gives the same rows.")
    for node in tree.find_all(exp.GroupConcat):
        if not node.find(exp.Order):
            raise _refuse("string_agg without ORDER BY", sql, "Write string_agg(x, ',' order by x).")


def _made_deterministic(tree: exp.Query) -> exp.Query:
    """The same query with every choice among equals made by the values themselves."""
    checked = tree.copy()
    for window in list(checked.find_all(exp.Window)):
        order = window.args.get("order")
        if order and isinstance(window.this, ORDER_SENSITIVE):
            for source in _sources(window):
                order.append("expressions", exp.Ordered(this=exp.column(source)))
    for node in list(checked.find_all(exp.AnyValue)):
        # the parser wraps it, because it passes over NULLs; so does min
        outer = node.parent if isinstance(node.parent, exp.IgnoreNulls) else node
        outer.replace(exp.Min(this=node.this.copy()))
    for pick in list(checked.find_all(exp.ArgMax, exp.ArgMin)):
        value, by = pick.this, pick.expression
        pick.set("expression", exp.Anonymous(this="row", expressions=[by.copy(), value.copy()]))
    return checked


def _add_origin(tree: exp.Query, tables: Collection[str], line_column: str) -> None:
    if not isinstance(tree, exp.Select) or tree.args.get("distinct"):
        return
    origin = tree.args.get("from_") or tree.args.get("from")
    if origin is None or tree.args.get("joins") or not isinstance(origin.this, exp.Table) or origin.this.name.lower() not in tables:
        return
    if any(isinstance(e, exp.Star) or e.alias_or_name.lower() == line_column for e in tree.expressions):
        return
    line: exp.Expression = exp.column(line_column, table=origin.this.alias_or_name)
    is_grouped = tree.args.get("group") or any(e.find(exp.AggFunc) and not e.find(exp.Window) for e in tree.expressions)
    tree.append("expressions", exp.alias_(exp.Min(this=line) if is_grouped else line, line_column))


def _sources(window: exp.Window) -> list[str]:
    """The names of the rows a window runs over: a whole row orders like a tuple of its columns."""
    select = window.find_ancestor(exp.Select)
    if select is None or select.args.get("group"):
        return []
    origin = select.args.get("from_") or select.args.get("from")
    found = [origin.this.alias_or_name] if origin else []
    return found + [join.this.alias_or_name for join in select.args.get("joins") or []]
