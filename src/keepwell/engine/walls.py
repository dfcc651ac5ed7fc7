"""The first wall around SQL that comes from users: it is read, checked and written anew before anything runs it.

What passes is one SELECT over named tables with functions from a list, and gives the same answer whatever the order of the
rows and the number of threads. The second wall is the locked engine (:mod:`keepwell.engine.duckdb`).
"""

import functools
import logging
import re
from collections.abc import Collection, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from keepwell.core.errors import KeepwellError, did_you_mean

# Pure functions of their arguments. Nothing that reads a file, a setting, the clock or a dice, or that can make much of little.
# fmt: off
ALLOWED_FUNCTIONS = frozenset({
    "abs", "any_value", "arg_max", "arg_min", "avg", "bool_and", "bool_or", "cast", "ceil", "ceiling", "coalesce", "concat",
    "concat_ws", "contains", "count", "count_if", "date_add", "date_diff", "date_part", "date_trunc", "datediff", "datepart",
    "datetrunc", "day", "dayofmonth", "dayofweek", "dayofyear", "dense_rank", "element_at", "ends_with", "epoch", "epoch_ms",
    "extract", "first_value", "floor", "greatest", "hash", "hour", "if", "ifnull", "instr", "isfinite", "isnan", "isodow", "isoyear",
    "lag", "last_day", "last_value", "lcase", "lead", "least", "left", "length", "levenshtein", "list_contains", "list_extract",
    "ln", "log10", "lower", "lpad", "ltrim", "make_date", "make_time", "make_timestamp", "map", "map_from_entries", "max", "md5",
    "median", "min", "minute", "mod", "month", "nfc_normalize", "nullif", "parse_filename", "percent_rank",
    "position", "power", "prefix", "quantile_cont", "quantile_disc", "quarter", "rank", "regexp_extract", "regexp_full_match",
    "regexp_matches", "regexp_replace", "replace", "reverse", "right", "round", "row_number", "rpad", "rtrim", "second", "sha256",
    "sign", "split_part", "sqrt", "starts_with", "str_split", "string_agg", "string_split", "strip_accents", "strftime", "strlen",
    "strpos", "strptime", "substr", "substring", "suffix", "sum", "timezone", "to_days", "to_hours", "to_milliseconds",
    "to_minutes", "to_months", "to_seconds", "to_timestamp", "to_weeks", "to_years", "translate", "trim", "trunc", "try_cast",
    "try_strptime", "ucase", "unicode", "upper", "week", "weekday", "weekofyear", "year", "yearweek",
})
# fmt: on
OPERATORS = frozenset(
    {
        exp.Cast,
        exp.TryCast,
        exp.And,
        exp.Or,
        exp.Xor,
        exp.Case,
        exp.Interval,
        exp.AtTimeZone,
        exp.Array,
        exp.Extract,
        exp.In,
        exp.If,
        exp.Exists,
    }
)  # fmt: skip
# Which row these take is chance among ties; the wall adds the whole row as the last word of their order.
PICKING = (exp.RowNumber, exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead)
# Sums of floating numbers depend on the order in which they are added; of exact ones they don't, and the engine drops the order.
ADDING = (exp.Sum, exp.Avg)
# lpad and rpad could fill the memory with one row; no limit of the engine counts what they make
LONGEST_PADDED = 1000
# nor what replacements in replacements come to; a column counts as so many letters
LONGEST_TEXT, COLUMN_TEXT = 100_000, 200
FORBIDDEN_IN_TABLES = (exp.Into, exp.Pivot, exp.TableSample, exp.Command, exp.Parameter, exp.Placeholder, exp.SessionParameter)

# a statement that it only half understands is refused here, with a better word than its warning
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class RefusedSqlError(KeepwellError):
    """SQL of a user's that may not run."""


@functools.cache
def _allowed_nodes() -> frozenset[type[exp.Expr]]:
    """The parsed forms of the allowed functions: the parser has a class of its own for most of them."""
    found: set[type[exp.Expr]] = set(OPERATORS)
    for name in ALLOWED_FUNCTIONS:
        for arguments in ("a", "a, b", "a, b, c", ""):
            try:
                node = sqlglot.parse_one(f"select {name}({arguments})", dialect="duckdb").expressions[0]
            except (ParseError, TokenError):
                continue
            found.update(type(f) for f in node.find_all(exp.Func) if not isinstance(f, exp.Anonymous))
    return frozenset(found)


def _function_name(node: exp.Func) -> str:
    return (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()


def _refuse(what: str, sql: str, hint: str | None = None) -> RefusedSqlError:
    return RefusedSqlError(f"This SQL may not be used: {what}.\n  {sql.strip()}", hint)


def _parse(sql: str) -> exp.Expr:
    try:
        statements = [s for s in sqlglot.parse(sql, dialect="duckdb") if s is not None]
    except (ParseError, TokenError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise RefusedSqlError(f"This SQL can't be read: {reason}\n  {sql.strip()}", "It is written in DuckDB's dialect.") from error
    if len(statements) != 1:
        what = f"it holds {len(statements)} statements" if statements else "it is empty"
        raise _refuse(what, sql, "Give exactly one, without a semicolon inside.")
    return statements[0]


def _written(tree: exp.Expr) -> str:
    # every name in quotes, so that none is taken for a keyword that has a value, such as current_schema
    return tree.sql(dialect="duckdb", identify=True, comments=False)


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
    checked = tree.copy()
    _make_deterministic(checked)
    if line_column:
        _add_origin(checked, tables, line_column)
    return _written(checked)


def check_expression(sql: str) -> str:
    """An expression over the columns of one row, checked and written anew."""
    if not sql.strip():
        raise RefusedSqlError("This SQL is empty.", "Leave it out, or write an expression over one row's columns.")
    tree = _parse(f"select {sql}")
    if (
        not isinstance(tree, exp.Select)
        or len(tree.expressions) != 1
        or any(given for name, given in tree.args.items() if name != "expressions")
    ):
        raise _refuse("it is no single expression", sql)
    expression = tree.expressions[0]
    if isinstance(expression, exp.Alias | exp.Star) or expression.find(exp.Query, exp.Subquery, exp.Window, exp.AggFunc):
        raise _refuse(
            "an expression is about one row: no subquery, window, aggregate or alias",
            sql,
            "It reads the columns of that row; in a mapping, `select:` can do more.",
        )
    _check_functions(expression, sql)
    return _written(expression)


def _check_tables(tree: exp.Expr, tables: Collection[str], sql: str) -> None:
    for common in tree.find_all(exp.With):
        if common.recursive:
            raise _refuse("WITH RECURSIVE", sql)
    for step in tree.find_all(exp.CTE):
        # a name like a file's is that file wherever the step can't be seen
        if not re.fullmatch(r"\w+", step.alias):
            raise _refuse(f"a step is named {step.alias!r}", sql, "Use letters, digits and _ in its name.")
    for node in tree.find_all(*FORBIDDEN_IN_TABLES):
        raise _refuse(node.key.upper(), sql)
    known = {t.lower() for t in tables}
    for table in tree.find_all(exp.Table):
        is_plain = isinstance(table.this, exp.Identifier) and not (
            table.db or table.catalog or table.args.get("version") or table.args.get("when")
        )
        if not is_plain or table.name.lower() not in known | _steps_in_sight(table):
            raise _refuse(f"it reads {table.sql(dialect='duckdb')}", sql, f"It may read {', '.join(sorted(tables))} only.")


def _steps_in_sight(table: exp.Expr) -> set[str]:
    """The steps of every WITH around a table."""
    found: set[str] = set()
    node = table.parent
    while node is not None:
        if isinstance(node, exp.Query):
            found |= {step.alias.lower() for step in node.ctes}
        node = node.parent
    return found


def _check_functions(tree: exp.Expr, sql: str) -> None:
    for node in tree.find_all(exp.Func):
        name = _function_name(node)
        is_allowed = name in ALLOWED_FUNCTIONS if isinstance(node, exp.Anonymous) else type(node) in _allowed_nodes()
        if not is_allowed:
            raise _refuse(f"the function {name}", sql, did_you_mean(name, ALLOWED_FUNCTIONS))
    for other in tree.find_all(exp.Columns, exp.Lambda, exp.Dot, exp.Comprehension):
        raise _refuse(other.sql(dialect="duckdb"), sql)
    for pad in tree.find_all(exp.Pad):
        length = pad.expression
        if not (isinstance(length, exp.Literal) and length.name.isdecimal() and int(length.name) <= LONGEST_PADDED):
            raise _refuse(pad.sql(dialect="duckdb"), sql, f"Give the length as a number of at most {LONGEST_PADDED}.")

    for top in tree.find_all(exp.Replace, exp.RegexpReplace):
        if _longest(top) > LONGEST_TEXT:
            raise _refuse("its replacements could make one text very long", sql, "Use fewer within each other, or shorter ones.")


def _longest(node: exp.Expr) -> int:
    """About how many letters the text may have at most: a replacement may stand for every letter of what it is made in."""
    if isinstance(node, exp.Column):
        return COLUMN_TEXT
    if isinstance(node, exp.Literal):
        return len(node.name)
    own = sum(_longest(child) for child in node.iter_expressions() if child is not node.args.get("replacement"))
    if isinstance(node, exp.Replace | exp.RegexpReplace):
        by = node.args.get("replacement")
        searched = node.args.get("expression")
        if by is None:
            return own
        are_known = isinstance(node, exp.Replace) and isinstance(by, exp.Literal) and isinstance(searched, exp.Literal)
        if searched is not None and are_known and len(by.name) <= len(searched.name):
            return own
        return own * max(1, _longest(by))
    return own


def _check_order(tree: exp.Expr, sql: str) -> None:
    for node in tree.find_all(exp.Limit, exp.Offset, exp.Fetch):
        raise _refuse(f"{node.key.upper()}: which rows it takes is chance", sql, "Say which rows you mean with WHERE.")
    for distinct in tree.find_all(exp.Distinct):
        if distinct.args.get("on"):
            raise _refuse("DISTINCT ON", sql, "Use GROUP BY with arg_min or arg_max.")
    for join in tree.find_all(exp.Join):
        if join.method in {"ASOF", "POSITIONAL"}:
            raise _refuse(f"{join.method} JOIN: which row it takes is chance", sql, "Join on what the rows share.")
    for words in tree.find_all(exp.GroupConcat):
        if not words.find(exp.Order):
            raise _refuse("string_agg without ORDER BY", sql, "Write string_agg(x, ',' order by x).")
    for window in tree.find_all(exp.Window):
        _check_window(window, sql)


def _check_window(window: exp.Window, sql: str) -> None:
    if (isinstance(_bare(window), PICKING) or _counts_rows(window)) and not window.args.get("order"):
        hint = "Order the window, so that the same file always gives the same rows."
        raise _refuse(f"{window.sql(dialect='duckdb')} has no ORDER BY", sql, hint)
    select = window.find_ancestor(exp.Select)
    if select and (group := select.args.get("group")) and group.args.get("all"):
        raise _refuse("a window over GROUP BY ALL", sql, "Name the columns of the groups.")


def _bare(window: exp.Window) -> exp.Expr:
    """The window's function without IGNORE NULLS and FILTER around it."""
    function = window.this
    while isinstance(function, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
        function = function.this
    found: exp.Expr = function
    return found


def _counts_rows(window: exp.Window) -> bool:
    """Whether its frame is a number of rows: which ones is chance among ties. Frames of values take ties together."""
    frame = window.args.get("spec")
    return frame is not None and str(frame.args.get("kind")).upper() == "ROWS"


def _make_deterministic(tree: exp.Query) -> None:
    """Have every choice among equals made by the values themselves."""
    _name_sources(tree)
    for window in tree.find_all(exp.Window):
        order = window.args.get("order")
        if order and (isinstance(_bare(window), PICKING) or _counts_rows(window)):
            for last_word in _last_words(window):
                order.append("expressions", exp.Ordered(this=last_word))
    for node in list(tree.find_all(exp.AnyValue)):
        # the parser wraps it, because it passes over NULLs; so does min
        outer = node.parent if isinstance(node.parent, exp.IgnoreNulls) else node
        outer.replace(exp.Min(this=node.this.copy()))
    for pick in tree.find_all(exp.ArgMax, exp.ArgMin):
        value, by = pick.this, pick.expression
        pair = exp.Anonymous(this="row", expressions=[by.copy(), value.copy()])
        # a row without the value to compare by never counts
        pick.set("expression", exp.Case().when(by.copy().is_(exp.null()).not_(), pair))
    for total in list(tree.find_all(*ADDING)):
        if not _is_windowed(total):
            _put_in_order(total)
    for words in tree.find_all(exp.GroupConcat):
        order = words.find(exp.Order)
        if order and order.parent is words:
            order.append("expressions", exp.Ordered(this=_value_of(order.this).copy()))


def _name_sources(tree: exp.Query) -> None:
    for number, source in enumerate(tree.find_all(exp.From, exp.Join)):
        if not source.this.alias_or_name:
            source.this.set("alias", exp.TableAlias(this=exp.to_identifier(f"_source{number}")))


def _is_windowed(function: exp.Expr) -> bool:
    outer = function.parent
    while isinstance(outer, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
        function, outer = outer, outer.parent
    return isinstance(outer, exp.Window) and outer.this is function


def _put_in_order(total: exp.Expr) -> None:
    if not isinstance(total.this, exp.Order):
        value = _value_of(total.this)
        total.set("this", exp.Order(this=total.this, expressions=[exp.Ordered(this=value.copy())]))


def _value_of(argument: exp.Expr) -> exp.Expr:
    found: exp.Expr = argument.expressions[0] if isinstance(argument, exp.Distinct) else argument
    return found


def _last_words(window: exp.Window) -> Iterator[exp.Expr]:
    """What tells the rows of a window apart: of a group its values, else the whole row, which orders like a tuple of its columns."""
    select = window.find_ancestor(exp.Select)
    if select is None:
        return
    if group := select.args.get("group"):
        yield from (_grouped_by(e, select) for e in group.expressions)
        return
    origin = select.args.get("from_")
    for source in [*([origin] if origin else []), *(select.args.get("joins") or [])]:
        yield exp.column(source.this.alias_or_name)


def _grouped_by(expression: exp.Expr, select: exp.Select) -> exp.Expr:
    """The value that a GROUP BY names, which may stand there as the number or the alias of a column."""
    if isinstance(expression, exp.Literal) and not expression.is_string:
        found: exp.Expr = select.expressions[int(expression.name) - 1].unalias()
        return found.copy()
    aliases = {e.alias.lower(): e.this for e in select.expressions if isinstance(e, exp.Alias)}
    is_alias = isinstance(expression, exp.Column) and not expression.table and expression.name.lower() in aliases
    named: exp.Expr = aliases[expression.name.lower()] if is_alias else expression
    return named.copy()


def _add_origin(tree: exp.Query, tables: Collection[str], line_column: str) -> None:
    if not isinstance(tree, exp.Select) or tree.args.get("distinct"):
        return
    origin = tree.args.get("from_")
    if origin is None or tree.args.get("joins") or not isinstance(origin.this, exp.Table) or origin.this.name.lower() not in tables:
        return
    if any(isinstance(e, exp.Star) or e.alias_or_name.lower() == line_column for e in tree.expressions):
        return
    line: exp.Expr = exp.column(line_column, table=origin.this.alias_or_name)
    tree.append("expressions", exp.alias_(exp.Min(this=line) if _is_grouped(tree) else line, line_column))


def _is_grouped(select: exp.Select) -> bool:
    if select.args.get("group") or select.args.get("having"):
        return True
    aggregates = (a for e in select.expressions for a in e.find_all(exp.AggFunc))
    return any(a.find_ancestor(exp.Select) is select and not _is_windowed(a) for a in aggregates)
