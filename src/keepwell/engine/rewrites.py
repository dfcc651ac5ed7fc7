"""The table of rewrites: a node of DuckDB's SQL, with its operands' types, and what stands there on Spark."""

from collections.abc import Callable

from sqlglot import exp

from keepwell.engine.gaps import UNTRIED, UnsupportedOnSparkError, gap
from keepwell.engine.operands import INTEGERS, Operands

_TEXT = frozenset({"VARCHAR", "BOOLEAN", "DATE", "NULL"}) | INTEGERS
_FLOATS = frozenset({"DOUBLE", "FLOAT"})
_INSTANTS = frozenset({"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})
_LONGEST_DOUBLE = 18
_BLANKS = {"BOTH": r"^\p{Zs}+|\p{Zs}+$", "LEADING": r"^\p{Zs}+", "TRAILING": r"\p{Zs}+$"}
# Spark also reads 2026 and 2026-01 as days
_DAY = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T\s].*)?$"
_NO_ESCAPE = "\x01"  # DuckDB's LIKE has no escape character, Spark's takes the backslash
_TYPES = {
    "BIGINT": "BIGINT",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "DOUBLE": "DOUBLE",
    "FLOAT": "FLOAT",
    "HUGEINT": "DECIMAL(38, 0)",
    "INTEGER": "INT",
    "NULL": "VOID",
    "SMALLINT": "SMALLINT",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "TINYINT": "TINYINT",
    "VARCHAR": "STRING",
}


def spark_type(kind: str) -> str:
    """Spark's name for a type of DuckDB's."""
    kind = kind.strip().strip('"')
    if kind.startswith("DECIMAL("):
        return kind
    if kind.startswith("MAP("):
        key, _, value = kind[len("MAP(") : -1].partition(",")
        return f"MAP<{spark_type(key)}, {spark_type(value)}>"
    if kind not in _TYPES:
        raise UnsupportedOnSparkError(f"the type {kind}", UNTRIED)
    return _TYPES[kind]


# --- pieces of the rewritten tree


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _cast(node: exp.Expr, kind: str, *, is_try: bool = False) -> exp.Expr:
    target = exp.DataType.build(kind, dialect="spark")
    return exp.TryCast(this=node, to=target, safe=True) if is_try else exp.Cast(this=node, to=target)


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def _case(condition: exp.Expr, then: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=otherwise)


def _wrap(node: exp.Expr, make: Callable[[exp.Expr], exp.Expr]) -> None:
    """Put ``make(node)`` where the node stands, with all that belongs to its call: FILTER and OVER."""
    while isinstance(node.parent, exp.Filter | exp.Window | exp.IgnoreNulls) and node.arg_key == "this":
        node = node.parent
    place = exp.Null()
    node.replace(place)
    place.replace(make(node))


# --- rules: a node and its operands' types -> what stands there on Spark, or None where the rule changed the tree itself

Rule = Callable[[exp.Expr, Operands], exp.Expr | None]


def _sum_of_dates(node: exp.Expr, operands: Operands) -> exp.Expr | None:
    left, right = operands.type_or_none(node, "this"), operands.type_or_none(node, "expression")
    first, second = node.this, node.expression
    if isinstance(node, exp.Add) and right == "DATE":
        left, right, first, second = right, left, second, first
    if left == "DATE" and right in INTEGERS:
        return _call("DATE_ADD" if isinstance(node, exp.Add) else "DATE_SUB", first, _cast(second, "INT"))
    if left == "DATE" and right == "DATE":
        return _cast(_call("DATEDIFF", first, second), "BIGINT")
    if left == "DATE" and right == "INTERVAL":
        return type(node)(this=_cast(first, "TIMESTAMP_NTZ"), expression=second)
    if left in _INSTANTS and right in _INSTANTS:
        raise gap("time between instants")
    return None


def _quotient(node: exp.Expr, _: Operands) -> exp.Expr:
    return exp.Div(this=_cast(node.this, "DOUBLE"), expression=_cast(node.expression, "DOUBLE"), typed=False, safe=False)


def _whole_quotient(node: exp.Expr, operands: Operands) -> None:
    if not {operands.type(node, "this"), operands.type(node, "expression")} <= INTEGERS:
        raise gap("// of DECIMAL")


def _conversion(node: exp.Expr, operands: Operands) -> exp.Expr:
    to = str(node.args["to"].sql(dialect="duckdb")).upper().replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE").replace("INT128", "HUGEINT")
    to = "VARCHAR" if to.startswith(("VARCHAR", "TEXT")) else "INTEGER" if to == "INT" else to
    source, value, is_try = operands.type(node, "this"), node.this, isinstance(node, exp.TryCast)
    if to in INTEGERS:
        value = _whole(value, source, is_try=is_try)
    elif to == "VARCHAR":
        _check_text(source)
    elif to.startswith("DECIMAL") and source in _FLOATS:
        return _decimal_of_double(value, to, is_try=is_try)
    elif source == "VARCHAR" and to.startswith("MAP"):
        raise UnsupportedOnSparkError("cast VARCHAR to MAP", UNTRIED)
    elif source == "VARCHAR" and is_try and (to == "DATE" or to in _INSTANTS):
        return _case(_call("RLIKE", value.copy(), _text(_DAY)), _cast(value, spark_type(to), is_try=True))
    return _cast(value, spark_type(to), is_try=is_try)


def _whole(value: exp.Expr, source: str, *, is_try: bool) -> exp.Expr:
    """Rounded as DuckDB rounds; Spark would cut."""
    if source == "VARCHAR":
        value, source = _cast(value, "DECIMAL(38, 10)", is_try=is_try), "DECIMAL"
    if source.startswith("DECIMAL"):
        return _call("ROUND", value, _number(0))
    return _call("RINT", value) if source in _FLOATS else value


def _decimal_of_double(value: exp.Expr, to: str, *, is_try: bool) -> exp.Expr:
    """As DuckDB does it: shift the point, round half away from zero, shift it back."""
    digits, _, scale = to.removeprefix("DECIMAL(").removesuffix(")").partition(",")
    if int(digits) > _LONGEST_DOUBLE:
        raise gap("cast DOUBLE to DECIMAL with more than 18 digits")
    shifted = exp.Paren(this=exp.Mul(this=value, expression=_cast(_number(10 ** int(scale)), "DOUBLE")))
    # a cast cuts, and refuses what is no number
    cut = _cast(shifted, "BIGINT", is_try=is_try)
    rest = exp.Paren(this=exp.Sub(this=shifted.copy(), expression=cut.copy()))
    up = _case(exp.GTE(this=rest, expression=exp.Literal.number("0.5")), _number(1), _number(0))
    down = _case(exp.LTE(this=rest.copy(), expression=exp.Neg(this=exp.Literal.number("0.5"))), _number(1), _number(0))
    rounded = exp.Paren(this=exp.Sub(this=exp.Add(this=cut, expression=up), expression=down))
    shift = _cast(_text(f"{10 ** -int(scale):.{int(scale)}f}"), f"DECIMAL({int(scale) + 1}, {int(scale)})")
    return _cast(exp.Mul(this=_cast(rounded, "DECIMAL(19, 0)"), expression=shift), to, is_try=is_try)


def _check_text(source: str) -> None:
    if source in _FLOATS:
        raise gap("cast to VARCHAR of DOUBLE")
    if source in _INSTANTS:
        raise gap("cast to VARCHAR of TIMESTAMP")
    if source not in _TEXT and not source.startswith("DECIMAL"):
        raise UnsupportedOnSparkError(f"cast to VARCHAR of {source}", UNTRIED)


def _joined_text(node: exp.Expr, operands: Operands) -> None:
    for source in operands.types(node):
        _check_text(source)
        if type(node) is exp.Concat and source not in {"VARCHAR", "NULL"}:
            raise UnsupportedOnSparkError(f"concat of {source}", "cast it to VARCHAR first")


def _total(node: exp.Expr, operands: Operands) -> None:
    kind = operands.type(node, "this")
    if kind in _FLOATS:
        raise gap("sum of DOUBLE")
    if kind == "BOOLEAN":
        node.this.replace(_cast(node.this.copy(), "INT"))
    if kind == "BOOLEAN" or kind in INTEGERS:
        _wrap(node, lambda call: _cast(call, "DECIMAL(38, 0)"))
    elif kind.startswith("DECIMAL"):
        scale = kind.rpartition(",")[2].rstrip(")").strip()
        _wrap(node, lambda call: _cast(call, f"DECIMAL(38, {scale})"))


def _filtered_window(node: exp.Expr, _: Operands) -> None:
    """Spark has no FILTER before OVER: the condition moves into the argument."""
    if not isinstance(node.this, exp.Filter):
        return
    call, condition = node.this.this, node.this.expression.this
    value = _number(1) if isinstance(call.this, exp.Star) else call.this
    call.set("this", _case(condition, value))
    node.set("this", call)


def _rounded(node: exp.Expr, operands: Operands) -> None:
    if operands.type(node, "this") in _FLOATS:
        raise gap("round of DOUBLE")


def _ceiling(node: exp.Expr, operands: Operands) -> None:
    if operands.type(node, "this") in _FLOATS:
        _wrap(node, lambda call: _cast(call, "DOUBLE"))


def _big(node: exp.Expr, _: Operands) -> None:
    """Spark gives INT where DuckDB gives BIGINT, and a product would overflow."""
    _wrap(node, lambda call: _cast(call, "BIGINT"))


_PARTS: dict[str, Callable[[exp.Expr], exp.Expr]] = {
    "year": lambda day: _call("YEAR", day),
    "quarter": lambda day: _call("QUARTER", day),
    "month": lambda day: _call("MONTH", day),
    "week": lambda day: _call("WEEKOFYEAR", day),
    "day": lambda day: _call("DAY", day),
    "isodow": lambda day: exp.Paren(this=exp.Add(this=_call("WEEKDAY", day), expression=_number(1))),
    "dayofweek": lambda day: exp.Paren(this=exp.Sub(this=_call("DAYOFWEEK", day), expression=_number(1))),
    "dow": lambda day: exp.Paren(this=exp.Sub(this=_call("DAYOFWEEK", day), expression=_number(1))),
    "dayofyear": lambda day: _call("DAYOFYEAR", day),
}


def _part(unit: str, day: exp.Expr) -> exp.Expr:
    if unit not in _PARTS:
        raise UnsupportedOnSparkError(f"the part {unit} of a date", UNTRIED)
    return _cast(_PARTS[unit](day), "BIGINT")


def _part_rule(unit: str) -> Rule:
    return lambda node, _: _part(unit, node.this)


def _difference(node: exp.Expr, _: Operands) -> exp.Expr:
    # sqlglot puts the end first
    end, start = _cast(node.this, "DATE"), _cast(node.expression, "DATE")
    unit = str(node.args["unit"].name).lower()
    if unit == "day":
        return _cast(_call("DATEDIFF", end, start), "BIGINT")
    months = {"year": 0, "quarter": 4, "month": 12}
    if unit not in months:
        raise gap("datediff")

    def counted(day: exp.Expr) -> exp.Expr:
        years = _part("year", day)
        if unit == "year":
            return years
        return exp.Paren(this=exp.Add(this=exp.Mul(this=years, expression=_number(months[unit])), expression=_part(unit, day.copy())))

    return exp.Paren(this=exp.Sub(this=counted(end), expression=counted(start)))


def _truncated(node: exp.Expr, operands: Operands) -> exp.Expr:
    unit = str(node.args["unit"].name).upper()
    if unit not in {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}:
        raise UnsupportedOnSparkError(f"date_trunc('{unit.lower()}', …)", UNTRIED)
    if operands.type(node, "this") == "DATE":
        return _cast(node.this if unit == "DAY" else _call("TRUNC", node.this, _text(unit)), "TIMESTAMP_NTZ")
    return _call("DATE_TRUNC", _text(unit), node.this)


def _made_date(node: exp.Expr, _: Operands) -> exp.Expr:
    return _call("MAKE_DATE", *(_cast(node.args[part], "INT") for part in ("year", "month", "day")))


def _like(node: exp.Expr, _: Operands) -> exp.Expr | None:
    if isinstance(node.parent, exp.Escape):
        return None
    _wrap(node, lambda like: exp.Escape(this=like, expression=_text(_NO_ESCAPE)))
    return None


def _full_match(node: exp.Expr, _: Operands) -> exp.Expr:
    if not isinstance(node.expression, exp.Literal) or node.args.get("options"):
        raise UnsupportedOnSparkError("regexp_full_match with a pattern that is no plain text", UNTRIED)
    return _call("RLIKE", node.this, _text(rf"\A(?:{node.expression.name})\z"))


def _trimmed(node: exp.Expr, _: Operands) -> exp.Expr:
    if node.expression:
        raise UnsupportedOnSparkError("trim of given characters", UNTRIED)
    # DuckDB takes off every blank, also the wide one of Chinese text; Spark takes off the ASCII one only
    return _call("REGEXP_REPLACE", node.this, _text(_BLANKS[str(node.args.get("position") or "BOTH").upper()]), _text(""))


def _part_of_text(node: exp.Expr, _: Operands) -> None:
    start, length = node.args.get("start"), node.args.get("length")
    if not (isinstance(start, exp.Literal) and int(start.name) > 0) or not (length is None or isinstance(length, exp.Literal)):
        raise UnsupportedOnSparkError("substring that starts before 1 or is of varying length", UNTRIED)


def _looked_up(node: exp.Expr, operands: Operands) -> None:
    kind = operands.type(node, "this")
    if not kind.startswith("MAP"):
        raise UnsupportedOnSparkError(f"an element of {kind}", UNTRIED)


def _extreme(node: exp.Expr, _: Operands) -> exp.Expr | None:
    # of one value alone Spark takes neither the greatest nor the least
    return None if node.expressions else node.this


def _any_of_them(node: exp.Expr, _: Operands) -> exp.Expr:
    return _call("ANY_VALUE", node.this.this, exp.true())


def _interval(node: exp.Expr, _: Operands) -> None:
    if not isinstance(node.this, exp.Literal):
        raise UnsupportedOnSparkError("interval of an expression", "write to_days(n) or to_months(n)")


def _days(node: exp.Expr, _: Operands) -> exp.Expr:
    return _call("MAKE_DT_INTERVAL", _cast(node.this, "INT"))


def _named(node: exp.Expr, operands: Operands) -> exp.Expr | None:
    return NAMED[node.name.lower()](node, operands) if node.name.lower() in NAMED else None


def _epoch(node: exp.Expr, _: Operands) -> exp.Expr:
    return _call("UNIX_MICROS", _cast(node.expressions[0], "TIMESTAMP"))


def _months(per: int) -> Rule:
    return lambda node, _: _call("MAKE_YM_INTERVAL", _number(0), exp.Mul(this=_cast(node.expressions[0], "INT"), expression=_number(per)))


def _named_part(node: exp.Expr, _: Operands) -> exp.Expr:
    return _part(node.expressions[0].name.lower(), node.expressions[1])


def _extracted(node: exp.Expr, _: Operands) -> exp.Expr:
    return _part(node.this.name.lower(), node.expression)


# functions that sqlglot has no class for
NAMED: dict[str, Rule] = {
    "date_part": _named_part,
    "epoch_us": _epoch,
    "to_months": _months(1),
    "to_years": _months(12),
}
RULES: dict[type[exp.Expr], Rule] = {
    exp.Add: _sum_of_dates,
    exp.Anonymous: _named,
    exp.Bracket: _looked_up,
    exp.Cast: _conversion,
    exp.Ceil: _ceiling,
    exp.Concat: _joined_text,
    exp.ConcatWs: _joined_text,
    exp.DPipe: _joined_text,
    exp.DateDiff: _difference,
    exp.DateFromParts: _made_date,
    exp.Day: _part_rule("day"),
    exp.DayOfWeek: _part_rule("dayofweek"),
    exp.DayOfWeekIso: _part_rule("isodow"),
    exp.DayOfYear: _part_rule("dayofyear"),
    exp.DenseRank: _big,
    exp.Div: _quotient,
    exp.Extract: _extracted,
    exp.Floor: _ceiling,
    exp.Greatest: _extreme,
    exp.ILike: _like,
    exp.IgnoreNulls: _any_of_them,
    exp.IntDiv: _whole_quotient,
    exp.Interval: _interval,
    exp.Least: _extreme,
    exp.Length: _big,
    exp.Like: _like,
    exp.Month: _part_rule("month"),
    exp.Quarter: _part_rule("quarter"),
    exp.Rank: _big,
    exp.RegexpFullMatch: _full_match,
    exp.Round: _rounded,
    exp.RowNumber: _big,
    exp.Sub: _sum_of_dates,
    exp.Substring: _part_of_text,
    exp.Sum: _total,
    exp.TimestampTrunc: _truncated,
    exp.ToDays: _days,
    exp.Trim: _trimmed,
    exp.TryCast: _conversion,
    exp.Week: _part_rule("week"),
    exp.WeekOfYear: _part_rule("week"),
    exp.Window: _filtered_window,
    exp.Year: _part_rule("year"),
}
GAP_OF: dict[type[exp.Expr], str] = {
    exp.ArgMax: "arg_max",
    exp.ArgMin: "arg_min",
    exp.Avg: "avg",
    exp.Median: "median",
    exp.Mode: "mode",
    exp.PercentileCont: "quantile_cont",
    exp.PercentileDisc: "quantile_disc",
    exp.Stddev: "stddev",
    exp.TimeToStr: "strftime",
}
# what sqlglot writes right, each tried in tests/engine/test_both_engines.py
# fmt: off
SAME = frozenset({
    # the query
    exp.Alias, exp.CTE, exp.Column, exp.Distinct, exp.Except, exp.Exists, exp.Filter, exp.From, exp.Group, exp.Having,
    exp.Identifier, exp.Intersect, exp.Join, exp.Limit, exp.Order, exp.Ordered, exp.Qualify, exp.Select, exp.Star, exp.Subquery,
    exp.Table, exp.TableAlias, exp.Tuple, exp.Union, exp.Values, exp.Where, exp.WindowSpec, exp.With,
    # values
    exp.Boolean, exp.DataType, exp.DataTypeParam, exp.Literal, exp.Null, exp.Var,
    # operators
    exp.And, exp.Between, exp.Case, exp.Coalesce, exp.EQ, exp.Escape, exp.GT, exp.GTE, exp.If, exp.In, exp.Is, exp.LT,
    exp.LTE, exp.Mod, exp.Mul, exp.NEQ, exp.Neg, exp.Not, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Nullif, exp.Or, exp.Paren,
    # functions
    exp.Abs, exp.AnyValue, exp.Chr, exp.Contains, exp.Count, exp.CountIf, exp.EndsWith, exp.FirstValue, exp.Lag, exp.LastValue,
    exp.Lead, exp.LogicalAnd, exp.LogicalOr, exp.Lower, exp.MD5, exp.Max, exp.Min, exp.Replace, exp.StartsWith, exp.Upper,
})
# fmt: on
