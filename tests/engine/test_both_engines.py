"""One text, two engines, one answer: every construct that the translation knows is run on DuckDB and on Spark and compared exactly."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from factories.spark import QUICK, spark_or_skip
from keepwell.core.errors import KeepwellError
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.engine.gaps import GAPS, UnsupportedOnSparkError
from keepwell.engine.jvm import missing_for_spark
from keepwell.engine.operands import UntypedError
from keepwell.engine.protocol import Engine, TableSnapshot
from keepwell.engine.rewrites import GAP_OF, NAMED, RULES, SAME, spark_type
from keepwell.engine.spark import SparkEngine
from keepwell.engine.sql import SqlError, Steps

# --dist loadgroup then starts one Java machine for the whole suite, any other one for each worker
pytestmark = pytest.mark.xdist_group("spark")

# n, m whole numbers; x DECIMAL(18, 4); p DECIMAL(19, 4); c DECIMAL(12, 2); f DOUBLE; s, u texts; d, e days; t an instant; q, r yes or no; a a map
ROWS = """
select i, cast(n as integer) as n, cast(m as bigint) as m, cast(x as decimal(18, 4)) as x, cast(x as decimal(19, 4)) as p,
    cast(c as decimal(12, 2)) as c, cast(f as double) as f, s, u, cast(d as date) as d, cast(e as date) as e,
    cast(t as timestamptz) as t, q, r, a
from (values
    (1, 7, 2, '1.5000', '2.50', 2.5, 'abc', ' 12 ', '2026-01-31', '2026-03-01', '2026-03-29 00:59:59.999999+00', true, null, map {'key': 'v', '颜色': '红'}),
    (2, -7, 2, '-1.5000', '-2.50', -2.5, 'a\\%c', '-1.5', '2024-02-29', '2023-02-28', '2026-03-29 01:00:00+00', false, true, map {'other': 'w'}),
    (3, 7, -2, '99999999999999.9999', '999.99', 1e15, ' \u3000客户 \u3000', '2.5', '2026-12-31', '2027-01-01', '2026-10-25 00:30:00+00', null, false, map {'key': ''}),
    (4, -7, -2, '0.0001', '0.01', 0.1, 'it''s "x" `y` $z', '1e3', '1900-02-28', '2000-02-29', '1582-10-15 00:00:00+00', true, true, null),
    (5, null, 3, null, null, null, null, null, null, '2026-01-04', null, null, null, map {}),
    (6, 0, 1, '0', '0', 0.0, '', 'true', '2026-01-04', null, '2026-10-25 01:30:00+08', false, null, map {'key': 'k'}),
    (7, 2147483647, 9007199254740993, '-0.00005', '0.005', -0.5, 'Line
two', 'x', '0001-01-01', '9999-12-31', '2038-01-19 03:14:08+00', true, false, null),
    (8, 5, 4, '-12345.6785', '10.10', 1234.56785, 'a_c', '2026-02-28', '2025-11-30', '2025-11-30', '2025-12-31 23:59:59.5+00', false, false, map {'key': 'v'})
) as v (i, n, m, x, c, f, s, u, d, e, t, q, r, a)"""

EXPRESSIONS = [
    # whole numbers
    "n", "m", "n + m", "n - m", "cast(n as hugeint) * m", "m * 2", "-n", "n // m", "n % m", "mod(n, m)", "n / m", "n / 2", "7 // -2", "-7 % 3", "abs(n)", "n // m * m + n % m",
    "(n % 100 + 3) // 2", "5", "12345678901", "cast(n as bigint)", "cast(n as varchar)", "cast(n as boolean)", "cast(q as integer)", "cast(n as double)",
    "cast(n as decimal(18, 4))", "cast(m % 7 as smallint)", "cast(m as hugeint)",
    # exact decimals
    "x", "x + x", "x - p", "p * 2", "p * x", "p * x + p * x", "c * c", "cast(c as decimal(19, 2)) * c * c", "-x", "x / nullif(c, 0)", "x / 3", "x / nullif(m, 0)",
    "round(x, 2)", "round(x, 0)", "round(x)", "round(x, 4)", "abs(x)", "ceil(x)", "floor(x)", "x % 7", "cast(x as bigint)", "cast(c as integer)",
    "cast(x as decimal(18, 2))", "cast(x as varchar)", "cast(x as double)", "cast(p * p as decimal(38, 4))", "1.50", "0.1", "x + 0.25", "coalesce(x, 0)",
    "coalesce(x, 0.25)", "case when n > 0 then x else 0 end", "least(x, 1)", "greatest(x, c)", "x = 1.5", "x > n", "x <= 1.5", "nullif(x, 0)", "x between -1 and 1.5",
    "try_cast(x as decimal(5, 2))", "try_cast(x as integer)",
    # floating numbers
    "f", "f * 2", "f / 3", "cast(f as bigint)", "cast(f as decimal(18, 2))", "cast(f / 7 as decimal(18, 3))", "ceil(f)", "floor(f)", "1e3", "abs(f)",
    "try_cast(f * 1e15 as decimal(18, 4))", "f > 0.1", "f = 2.5",
    # texts
    "s", "lower(s)", "upper(s)", "trim(s)", "ltrim(s)", "rtrim(s)", "length(s)", "s || u", "s || n", "'a' || chr(31) || null", "concat(s, u, 'x')",
    "concat_ws(chr(31), s, u)", "concat_ws(chr(31), s, n, d)", "starts_with(s, 'a')", "ends_with(s, 'c')", "contains(s, '客')", "replace(s, 'a', 'b')",
    "substring(s, 2, 3)", "substr(s, 2)", "s like 'a%'", "s like 'a_c'", r"s like 'a\%c'", "s like '%客户%'", "s not like 'a%'", "s ilike 'A%'",
    r"s like 'a!_c' escape '!'", "regexp_full_match(s, 'a.*')", "regexp_full_match(s, 'a|abc')", "regexp_full_match(s, 'Line.two')",
    r"regexp_full_match(u, '\s*-?\d+(\.\d+)?\s*')", "s = 'abc'", "s > 'a'", "s in ('abc', 'a_c')", "s not in ('abc')", "u in ('x', null)", "md5(s)",
    r"'back\slash'", "'it''s'", "'${env:HOME}'", "'-- no comment /* nor this */'", "'客户'", "s is distinct from 'abc'", "s is not distinct from u",
    "s || ':' || u", "length('客户🙂')",
    # texts to values
    "try_cast(u as bigint)", "try_cast(u as decimal(18, 1))", "try_cast(u as decimal(18, 4))", "try_cast(u as double)", "try_cast(u as date)",
    "try_cast(u as boolean)", "try_cast(u as timestamptz)", "try_cast(u as integer)", "cast('2026-02-28' as date)", "cast('1' as boolean)",
    "cast('12.345' as decimal(18, 2))", "cast('-12.5' as bigint)",
    # days
    "d", "d - 3", "d + 3", "3 + d", "d + n % 10", "d - e", "(d - e) // 7", "d - date '2026-01-01'", "d < e", "d >= '2026-01-01'", "d between date '2024-02-29' and '2026-01-31'",
    "datediff('day', d, e)", "date_diff('day', e, d)", "datediff('month', d, e)", "datediff('quarter', d, e)", "datediff('year', d, e)",
    "year(d)", "quarter(d)", "month(d)", "week(d)", "weekofyear(d)", "day(d)", "isodow(d)", "dayofweek(d)", "dayofyear(d)", "extract(year from d)", "extract(isodow from d)",
    "date_part('month', d)", "year(d) * 100 + month(d)", "make_date(year(d), month(d), 1)", "make_date(2026, 1, 31)", "make_date(year(e), case when month(e) < 7 then 1 else 7 end, 1)",
    "date_trunc('month', d)", "cast(date_trunc('month', d) as date)", "cast(date_trunc('week', d) as date)", "cast(date_trunc('quarter', d) as date)",
    "cast(date_trunc('year', d) as date)", "cast(date_trunc('day', d) as date)", "cast(d + interval '1 month' as date)", "cast(d - interval 1 day as date)", "d - to_months(1)",
    "cast(d + to_days(n % 10) as date)", "cast(d - to_years(1) as date)", "cast(cast(date_trunc('quarter', d - to_months(2)) as date) + to_months(2) as date)",
    "d - cast((isodow(d) - 7 + 7) % 7 as integer)", "cast(d as varchar)", "cast(d as timestamptz)", "cast(d as timestamp)", "least(d, e)", "greatest(d, null, e)",
    "coalesce(e, date '2026-01-01')", "d is distinct from e", "d = e", "date '0001-01-01'", "case when d > e then d else e end", "nullif(d, e)",
    # instants: the hours before, in and after a change of clocks in Europe are hours like any other
    "t", "epoch_us(t)", "epoch_us(t) // 1000000", "cast(t as date)", "cast(t as timestamp)", "date_trunc('month', t)", "date_trunc('day', t)", "t < timestamptz '2026-03-29 01:00:00+00'",
    "timestamptz '2026-03-29 01:00:00+08'", "timestamptz '2026-03-29 01:00:00.123456-05:30'", "timestamp '2026-03-29 02:30:00'", "year(t)", "t > d", "coalesce(t, timestamptz '2026-01-01 00:00:00+00')",
    "datediff('day', t, timestamptz '2026-03-30 00:00:00+00')", "datediff('month', d, t)", "t + interval 1 hour", "cast('2026-01-31 00:00:00+08' as timestamptz)", "t between d and e",
    # yes and no
    "q", "not q", "q and r", "q or r", "q = r", "q is null", "coalesce(q, false)", "case when q then 1 else 0 end", "case when q then 'a' when r then 'b' end", "if(q, n, m)",
    "ifnull(n, 0)", "n is not null", "q is distinct from r", "cast(q as varchar)", "case n when 7 then 'seven' when -7 then 'minus' end", "q = true",
    "n in (7, null)", "n not in (7, 0)", "n <> 7", "n != m", "n is not distinct from m",
    # maps
    "a['key']", "a['颜色']", "a['none']", "a['key'] = 'v'", "a", "coalesce(a['key'], 'none')",
    # NULL
    "null", "cast(null as date)", "coalesce(null, n)", "least(n, m, null)", "greatest(null, n)", "greatest(n)", "least(x + 1)", "greatest(d) - 1", "nullif(n, 7)",
]  # fmt: skip

AGGREGATES = [
    "count(*)", "count(n)", "count(distinct n)", "count(distinct s)", "count(*) filter (where n > 0)", "count(*) filter (where q and r)", "count(distinct n) filter (where m > 0)",
    "sum(n)", "sum(m % 1000)", "sum(x)", "sum(c)", "sum(x) filter (where n > 0)", "sum(p * x)", "sum(cast(x as decimal(19, 4)) * c)", "sum(case when q then 1 else 0 end)", "sum(r)",
    "sum(cast(f as decimal(18, 2)))", "sum(n) // count(*)", "sum(n) % 5", "sum(n) / count(*)", "sum(x) / count(x)", "sum(x) / nullif(count(n), 0)", "sum(n) * 2", "sum(n) - count(*)", "sum(x) * 2", "sum(x) * sum(c)",
    "coalesce(sum(x), 0)", "coalesce(sum(n) filter (where false), 0)", "cast(sum(n) as bigint)", "cast(coalesce(sum(c), 0) as decimal(18, 4))", "sum(distinct n)", "sum(x + c)", "-sum(x)", "sum(x) - sum(c)",
    "min(n)", "max(x)", "min(s)", "max(s)", "min(d)", "max(t)", "max(q)", "min(r)", "max(f)", "bool_or(r)", "bool_and(r)", "count_if(n > 0)", "any_value(1)", "any_value(x) filter (where i = 3)", "max(case when n is not null then 1 else 0 end)",
    "max(d) - min(d)", "date_diff('day', min(d), max(d))", "sum(n // 2)", "sum(e - d)", "sum(datediff('day', d, e))", "count(*) * 1000000", "max(n) filter (where n < 0)", "sum(1.5)", "round(sum(x), 2)", "count(*) > 1",
]  # fmt: skip

WINDOWS = [
    "row_number() over (order by n, i)", "row_number() over (order by n desc, i)", "row_number() over (partition by q order by n nulls first, i)", "rank() over (order by n)", "rank() over (order by n desc)", "dense_rank() over (order by s)",
    "rank() over (order by d desc nulls last)", "((rank() over (order by x desc) - 1) * 5) // count(*) over () + 1", "lag(n) over (order by i)", "lead(d) over (partition by q order by d, i)", "lag(n, 2, 0) over (order by i)",
    "sum(x) over (order by i)", "sum(n) over (partition by q order by i rows between 1 preceding and current row)", "sum(n) over (partition by q)", "count(*) over (partition by q)", "sum(x) filter (where n > 0) over (order by i)",
    "count(*) filter (where q) over (order by i)", "max(d) over (order by i rows between unbounded preceding and 1 preceding)", "first_value(s) over (partition by q order by i)", "last_value(n) over (order by i)",
    "sum(x) over (order by d)", "sum(n) over (order by n range between unbounded preceding and current row)", "min(t) over ()", "d - lag(d) over (order by i)", "sum(x) over () - x", "x / nullif(sum(x) over (), 0)",
    "sum(case when lag_n is distinct from n then 1 else 0 end) over (order by i)", "lead(t, 1, timestamptz '9999-12-31 00:00:00+00') over (order by i)", "coalesce(lead(d) over (order by d, i), date '9999-12-31') - d",
]  # fmt: skip

QUERIES = {
    "names in quotes": 'with "a b" as (select n as "x y", s as "客户" from rows) select "x y", "客户", "x y" - 1 as "a.b" from "a b"',
    "a common table that has the name of a table": "with rows as (select * from rows where n > 0) select count(*) as n from rows",
    "common tables inside": "with a as (select n, d from rows), b as (with c as (select n, d - 1 as d from a) select * from c) select a.n, a.d - b.d as k from a join b on a.n = b.n",
    "columns left out": "select * exclude (a, t) from rows",
    "columns replaced": "select * replace (-n as n, cast(d - 1 as date) as d) from rows",
    "columns of one side replaced": "select a.* replace (-a.x as x), b.k from rows a join (select i, 1 as k from rows) b on a.i = b.i",
    "a join on equality and more": "select a.i, b.i as j from rows a join rows b on a.q = b.q and a.i < b.i and b.d - a.d > 30",
    "a left join": "select a.i, b.x from rows a left join rows b on a.n = b.m and b.x > 0",
    "a left join to the next": "select a.i, b.i as j from rows a left join rows b on b.i = a.i + 1 and b.d >= a.d - 3000",
    "a cross join": "select a.i, c.k from rows a cross join (values (1), (2)) as c (k)",
    "a full join": "select a.i, b.i as j from rows a full join (select * from rows where n = 7) b on a.i = b.i + 1",
    "using": "select i, a.n, b.s from rows a join rows b using (i)",
    "semi": "select i from rows a semi join (select 7 as n) b on a.n = b.n",
    "anti": "select i from rows a anti join (select 7 as n) b on a.n = b.n",
    "union all": "select n, x from rows union all select m, c from rows union all select null, 1",
    "union": "select n from rows union select n from rows",
    "except and intersect": "(select n from rows except select 7) union all (select n from rows intersect select -7)",
    "values": "select k, day, y, day - 1 as before from (values (1, date '2026-01-31', 'a'), (2, null, null), (-3, date '2024-02-29', '客')) as v (k, day, y)",
    "values of one type each": "select * from (values ('1', null, 1.5), ('2', 'x', 22.25)) as v (a, b, c)",
    "values alone": "values (1, 'a'), (2, null)",
    "a subquery in FROM": "select k, count(*) as c from (select n // 2 as k, x from rows where x is not null) as inner_rows group by k",
    "a subquery as a value": "select i, n - (select max(m) from rows where m < 100) as k from rows",
    "in a subquery": "select i from rows where n in (select m + 5 from rows where m is not null)",
    "exists": "select i from rows o where exists (select 1 from rows b where b.m = o.i - 5)",
    "group by position": "select q, r, sum(x), count(*) as c from rows group by 1, 2",
    "group by all": "select year(d) as y, q, sum(x) as x from rows group by all",
    "group by an expression": "select cast(date_trunc('month', d) as date) as month, count(distinct s) as c from rows group by cast(date_trunc('month', d) as date)",
    "group by a name that is also a column": "select n // 100 as n, count(*) as c from rows group by n",
    "having": "select q, count(*) as c from rows group by q having sum(x) > 0 or count(*) > 2",
    "distinct": "select distinct n, q from rows",
    "qualify": "select q, i from rows qualify row_number() over (partition by q order by d desc, i) = 1",
    "an alias used again": "select i + 1 as k, k * 2 as twice from rows",
    "conditions that are columns": "select i from rows where q and not coalesce(r, false)",
    "an aggregate of nothing": "select sum(x) as x, count(*) as c, max(d) as d, sum(n) as n, coalesce(sum(x), 0) as z from rows where false",
    "groups of nothing": "select q, sum(x) as x from rows where false group by q",
    "an aggregate of an aggregate": "select sum(x) as x, sum(c) as c, max(k) as k from (select q, sum(x) as x, count(*) as c, sum(n) * 2 as k from rows group by q) as g",
    "sums of whole numbers joined": "select a.k, b.k - a.k as more, a.k * b.k as product from (select sum(n) as k from rows where n < 100) a cross join (select sum(m) as k from rows where m < 100) b",
}  # fmt: skip

ORDERED = {
    "NULLS LAST": "select i, n from rows order by n, i",
    "NULLS LAST in falling order too": "select i, n from rows order by n desc, i",
    "NULLS FIRST when told": "select i, n from rows order by n nulls first, i desc",
    "texts by their bytes": "select s from rows order by s",
    "the first ones": "select i, x from rows order by x desc, i limit 3",
    "by an expression": "select i from rows order by d - e, i",
}

# for every gap a query that falls into it
FALLS = {
    "arg_max": "select arg_max(s, n) from rows",
    "arg_min": "select arg_min(s, n) from rows",
    "asof join": "select a.i from rows a asof left join rows b on a.q = b.q and a.d >= b.d",
    "avg": "select avg(x) from rows",
    "cast DOUBLE to DECIMAL with more than 18 digits": "select cast(f as decimal(38, 4)) from rows",
    "cast to VARCHAR of DOUBLE": "select cast(f as varchar) from rows",
    "cast to VARCHAR of TIMESTAMP": "select 'at ' || t from rows",
    "count(distinct …) over": "select count(distinct n) over (partition by q) from rows",
    "datediff": "select datediff('week', d, e) from rows",
    "element_at": "select element_at(a, 'key') from rows",
    "hash": "select hash(n) from rows",
    "median": "select median(n) from rows",
    "mode": "select mode(n) from rows",
    "quantile_cont": "select quantile_cont(n, 0.5) filter (where q) from rows",
    "quantile_disc": "select quantile_disc(n, 0.5) from rows",
    "round of DOUBLE": "select round(f, 2) from rows",
    "stddev": "select stddev(x) from rows",
    "strftime": "select strftime(d, '%Y-%m') from rows",
    "sum of DOUBLE": "select sum(n / 2) from rows",
    "time between instants": "select t - lag(t) over (order by i) from rows",
    "// of DECIMAL": "select x // 2 from rows",
}
UNTRIED = {
    "ln": "select ln(f) from rows",
    "reverse": "select reverse(s) from rows",
    "the table function": "select * from range(3)",
    "recursion": "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select * from r",
    "ignore nulls": "select last_value(n ignore nulls) over (order by i) from rows",
    "sum": "select sum(x order by i) from rows",
    "max of several values": "select max(n, 2) from rows",
    "positional join": "select a.i from rows a positional join rows b",
    "trim of given characters": "select trim(s, 'a') from rows",
    "substring": "select substring(s, -1) from rows",
    "the part epoch": "select extract(epoch from t) from rows",
    "regexp_full_match": "select regexp_full_match(s, u) from rows",
    "date_trunc": "select date_trunc('hour', t) from rows",
    "array": "select x[1] from (select [1, 2] as x) as l",
    "interval of an expression": "select date '2026-01-01' + interval (i) days from rows",
    "concat of INTEGER": "select concat(s, n) from rows",
    "cast VARCHAR to MAP": "select try_cast(u as map(varchar, varchar)) from rows",
    "the type TIME": "select cast('10:00:00' as time)",
}


@dataclass(frozen=True)
class Pair:
    """Both engines with the same tables."""

    duckdb: DuckDBEngine
    spark: SparkEngine

    def __iter__(self) -> Iterator[Engine]:
        yield self.duckdb
        yield self.spark


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("it's scratch 暂存 50%")


@pytest.fixture(scope="module")
def pair(scratch: Path) -> Iterator[Pair]:
    with spark_or_skip(scratch / "spark") as spark, DuckDBEngine(Resources(scratch / "spill")) as engine:
        rows = engine.arrow(Steps().then("rows", ROWS))
        both = Pair(engine, spark)
        for e in both:
            e.lend("rows", rows)
        yield both


def columns_of(engine: Engine, select: str, expressions: list[str]) -> dict[str, pa.ChunkedArray]:
    """The expressions' columns, computed in one query: Spark takes a second for each."""
    listed = ", ".join(f"{e} as v{i}" for i, e in enumerate(expressions))
    answer = engine.arrow(Steps().then("all", select.format(listed)))
    return dict(zip(expressions, answer.columns[-len(expressions) :], strict=True))


def both_columns(pair: Pair, select: str, expressions: list[str]) -> list[dict[str, pa.ChunkedArray]]:
    return [columns_of(engine, select, expressions) for engine in pair]


@pytest.fixture(scope="module")
def of_rows(pair: Pair) -> list[dict[str, pa.ChunkedArray]]:
    return both_columns(pair, "select i as _i, {} from rows order by i", EXPRESSIONS)


@pytest.fixture(scope="module")
def of_groups(pair: Pair) -> list[dict[str, pa.ChunkedArray]]:
    return both_columns(pair, "select q as _q, {} from rows where n is null or n < 100 group by q order by q", AGGREGATES)


@pytest.fixture(scope="module")
def of_windows(pair: Pair) -> list[dict[str, pa.ChunkedArray]]:
    return both_columns(pair, "select i as _i, {} from (select *, lag(n) over (order by i) as lag_n from rows) as l order by i", WINDOWS)


def values(column: pa.ChunkedArray) -> list[object]:
    # the engines know days before the year 1 and after 9999, Python does not
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    found: list[object] = column.to_pylist()
    return found


def assert_equal(first: pa.ChunkedArray, second: pa.ChunkedArray) -> None:
    assert first.type == second.type
    assert values(first) == values(second)


def as_rows(table: pa.Table) -> list[str]:
    return sorted(map(str, zip(*(values(c) for c in table.columns), strict=True)))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_has_one_value_and_type(of_rows: list[dict[str, pa.ChunkedArray]], expression: str) -> None:
    assert_equal(*(columns[expression] for columns in of_rows))


@pytest.mark.parametrize("expression", AGGREGATES)
def test_an_aggregate_has_one_value_and_type(of_groups: list[dict[str, pa.ChunkedArray]], expression: str) -> None:
    assert_equal(*(columns[expression] for columns in of_groups))


@pytest.mark.parametrize("expression", WINDOWS)
def test_a_window_has_one_value_and_type(of_windows: list[dict[str, pa.ChunkedArray]], expression: str) -> None:
    assert_equal(*(columns[expression] for columns in of_windows))


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_has_one_answer(pair: Pair, sql: str) -> None:
    first, second = (engine.arrow(Steps().then("query", sql)) for engine in pair)
    assert first.schema == second.schema
    assert as_rows(first) == as_rows(second)
    assert first.num_rows or "nothing" in sql or "where false" in sql


@pytest.mark.parametrize("sql", ORDERED.values(), ids=ORDERED.keys())
def test_rows_come_in_one_order(pair: Pair, sql: str) -> None:
    first, second = (engine.arrow(Steps().then("query", sql)).to_pylist() for engine in pair)
    assert first == second


def test_every_piece_of_the_translation_is_tried_here() -> None:
    """A node that the tables know stands in one of the examples, so that nothing is called equal untried."""
    examples = [f"select {e}" for e in [*EXPRESSIONS, *AGGREGATES, *WINDOWS]] + [*QUERIES.values(), *ORDERED.values(), *FALLS.values()]
    trees = [sqlglot.parse_one(e, dialect="duckdb") for e in examples]
    tried = {type(node) for tree in trees for node in tree.walk()}
    named = {node.name.lower() for tree in trees for node in tree.find_all(exp.Anonymous)}
    assert {*SAME, *RULES, *GAP_OF} - tried == set()
    assert NAMED.keys() - named == set()


def test_every_gap_has_a_query_that_falls_into_it() -> None:
    assert FALLS.keys() == GAPS.keys()


@pytest.mark.parametrize(("name", "sql"), [*FALLS.items(), *UNTRIED.items()], ids=[*FALLS, *UNTRIED])
def test_what_has_no_equal_runs_on_duckdb_and_is_refused_by_its_name_on_spark(pair: Pair, name: str, sql: str) -> None:
    query = Steps().then("query", sql)
    pair.duckdb.arrow(query)
    with pytest.raises(UnsupportedOnSparkError) as caught:
        pair.spark.arrow(query)
    assert caught.value.name.startswith(name)
    assert GAPS.get(name, "") in caught.value.message


def test_what_only_spark_knows_is_no_sql_of_ours(pair: Pair) -> None:
    for sql in ("select java_method('java.lang.System', 'getProperty', 'user.home')", "select * from parquet.`/tmp`", "set a = 1"):
        with pytest.raises(KeepwellError):
            pair.spark.arrow(Steps().then("query", sql))


def test_quotients_and_casts_of_many_numbers_are_equal_to_the_last_bit(pair: Pair) -> None:
    # seeded; money up to a billion, which DECIMAL and DOUBLE both hold
    random = Random(20261031)
    cents = [random.randrange(-(10**11), 10**11) for _ in range(4000)]
    floats = [
        random.choice([random.uniform(-1e9, 1e9), round(random.uniform(-99, 99), 3), random.randrange(-9999, 9999) / 1000 + 0.0005])
        for _ in cents
    ]
    table = pa.table({"i": range(len(cents)), "c": pa.array([Decimal(c).scaleb(-2) for c in cents], pa.decimal128(18, 4)), "f": floats})
    for engine in pair:
        engine.lend("numbers", table)
    asked = [
        "c / (i + 1)",
        "cast(c as double)",
        "cast(f as decimal(18, 2))",
        "cast(f as decimal(18, 4))",
        "cast(f as bigint)",
        "cast(c as bigint)",
        "round(c, 1)",
        "cast(c as decimal(18, 1))",
    ]
    first, second = both_columns(pair, "select i as _i, {} from numbers order by i", asked)
    for expression in asked:
        assert_equal(first[expression], second[expression])


COLUMNS = (
    ("id", "BIGINT"),
    ("name", "VARCHAR"),
    ("amount", "DECIMAL(18, 4)"),
    ("share", "DOUBLE"),
    ("is_open", "BOOLEAN"),
    ("at", "TIMESTAMP WITH TIME ZONE"),
    ("day", "DATE"),
    ("attributes", "MAP(VARCHAR, VARCHAR)"),
    ("count", "INTEGER"),
)
EVERYTHING = Steps().then("all", "select * from stored order by id")


@pytest.mark.parametrize(
    "folder",
    ["plain", "with blanks", "里面", "100%", "50%25 %20", "country=GB", "{a,b}", "[x]", "a*b?", "$HOME ${x}", "it's #1 & co; +~^", "back\\slash", ".hidden", "_under", "a:b"],
)  # fmt: skip
def test_files_of_any_age_and_anywhere_give_the_promised_columns(pair: Pair, tmp_path: Path, folder: str) -> None:
    older, newer = tmp_path / folder / "older 旧.parquet", tmp_path / folder / "newer%20.parquet"
    older.parent.mkdir()
    with duckdb.connect() as writer:
        writer.execute("set TimeZone = 'UTC'")
        writer.execute("create table older as select 2::bigint as id, 'x' as dropped, 'x' as country")
        writer.execute(
            """create table newer as select map {'颜色': '红'} as attributes, 1::bigint as id, '客户' as name, -2.5::decimal(18, 4) as amount, 0.1::double as share,
            true as is_open, timestamptz '1582-10-04 12:00:00.000001+00' as at, date '0001-01-01' as day, 7::integer as count"""
        )
        writer.table("older").write_parquet(str(older))
        writer.table("newer").write_parquet(str(newer))
    for engine in pair:
        engine.register(TableSnapshot("stored", (str(older), str(newer)), COLUMNS))
    first, second = (engine.arrow(EVERYTHING) for engine in pair)
    assert first.schema == second.schema
    assert first.equals(second)
    assert first["name"].to_pylist() == ["客户", None]


def test_a_table_without_files_is_empty_and_typed(pair: Pair) -> None:
    for engine in pair:
        engine.register(TableSnapshot("stored", (), COLUMNS))
    first, second = (engine.arrow(EVERYTHING) for engine in pair)
    assert first.schema == second.schema
    assert (first.num_rows, second.num_rows) == (0, 0)


def test_a_file_that_spark_would_pass_over_is_refused(pair: Pair) -> None:
    with pytest.raises(KeepwellError, match="_part"):
        pair.spark.register(TableSnapshot("stored", ("/tmp/_part.parquet",), COLUMNS))  # noqa: S108 - never opened


def test_a_file_that_is_gone_is_an_error_that_names_it(pair: Pair, tmp_path: Path) -> None:
    for engine in pair:
        with pytest.raises(SqlError, match=r"gone\.parquet"):
            engine.register(TableSnapshot("stored", (str(tmp_path / "gone.parquet"),), COLUMNS))


def test_a_lent_table_is_read_as_often_as_liked_and_can_be_lent_anew(pair: Pair) -> None:
    days = [dt.date(2026, 1, 31), None]
    table = pa.table({"day": pa.array(days, pa.date32()), "at": pa.array([0, 1], pa.timestamp("us")), "n": pa.array([1, 2], pa.int32())})
    twice = Steps().then("twice", 'select a.*, b.n as m from "lent 借" a cross join "lent 借" b order by a.n, b.n')
    for engine in pair:
        engine.lend("lent 借", table)
    first, second = (engine.arrow(twice) for engine in pair)
    assert first.equals(second)
    assert first.num_rows == 4
    for engine in pair:
        engine.lend("lent 借", table.slice(1))
        assert engine.arrow(twice)["n"].to_pylist() == [2]


def test_what_is_defined_follows_the_table_below_it(pair: Pair) -> None:
    for engine in pair:
        engine.lend("below", pa.table({"n": [1]}))
        engine.define("above", Steps().then("doubled", "select n * 2 as n from below").then("shown", "select n from doubled"))
        assert engine.arrow(Steps().then("all", "select n from above")).to_pylist() == [{"n": 2}]
        engine.lend("below", pa.table({"n": [5]}))
        assert engine.arrow(Steps().then("all", "select n from above")).to_pylist() == [{"n": 10}]


def test_what_is_kept_stays_when_the_table_below_it_changes(pair: Pair) -> None:
    query = Steps().then("doubled", "select n * 2 as n from under")
    for engine in pair:
        engine.lend("under", pa.table({"n": [1, 2]}))
        engine.keep("stays", query)
        engine.lend("under", pa.table({"n": [5]}))
        assert engine.arrow(Steps().then("all", "select n from stays order by n"))["n"].to_pylist() == [2, 4]
        engine.keep("stays", query)
        assert engine.arrow(Steps().then("all", "select n from stays"))["n"].to_pylist() == [10]


def test_a_function_is_applied_to_every_batch(pair: Pair) -> None:
    def doubled(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.record_batch({"n": pa.array([None if n is None else 2 * n for n in batch["n"].to_pylist()], pa.int64())})

    answers = [e.map_batches(Steps().then("all", "select n from rows"), doubled, pa.schema([("n", pa.int64())])) for e in pair]
    assert answers[0].schema == answers[1].schema
    assert as_rows(answers[0]) == as_rows(answers[1])


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("select nothing from numbers", "nothing"), ("select cast('x' || n as integer) as m from numbers", "x1"), ("selct 1", "syntax error"), ("select 1 // (n - 1) as m from numbers", "zero")],
    ids=["a name that nobody knows", "a value that can't be cast", "no SQL", "a whole quotient by zero"],
)  # fmt: skip
def test_an_error_names_the_step_to_blame_and_shows_our_sql(pair: Pair, broken: str, reason: str) -> None:
    query = Steps().then("numbers", "select i as n from rows where i = 1").then("culprit", broken).then("innocent", "select * from culprit")
    for engine in pair:
        with pytest.raises(SqlError) as caught:
            engine.arrow(query)
        assert caught.value.step == "culprit"
        assert caught.value.sql == broken
        assert reason in caught.value.message.lower()
        assert "\tat " not in caught.value.message


def test_an_operand_whose_type_can_not_be_told_is_said_so(pair: Pair) -> None:
    inside = "select i from rows o where exists (select 1 from rows b where cast(o.x as bigint) = b.i)"
    with pytest.raises(UntypedError, match="step of its own"):
        pair.spark.arrow(Steps().then("query", inside))


def test_engines_do_not_see_each_other_s_tables(pair: Pair, scratch: Path) -> None:
    with spark_or_skip(scratch / "spark") as other:
        other.lend("mine", pa.table({"n": [1]}))
        assert other.arrow(Steps().then("all", "select n from mine")).num_rows == 1
        for name, engine in (("mine", pair.spark), ("rows", other)):
            with pytest.raises(SqlError, match=name):
                engine.arrow(Steps().then("all", f"select * from {name}"))
    assert pair.spark.arrow(Steps().then("all", "select 1 as n")).num_rows == 1, "closing one leaves the other"


def test_a_second_master_in_one_process_is_refused(pair: Pair, scratch: Path) -> None:
    assert pair.spark.name == "spark"
    with pytest.raises(KeepwellError, match=r"local\[2\]"):
        SparkEngine(scratch / "spark", master="local[1]")


def test_types_that_spark_lacks_are_named() -> None:
    with pytest.raises(UnsupportedOnSparkError, match="UUID"):
        spark_type("UUID")


def test_a_machine_without_java_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "openjdk-17-jre-headless" in str(missing_for_spark())
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    assert "Java 11 is too old" in str(missing_for_spark())


@pytest.mark.slow
def test_spark_says_nothing_and_writes_into_its_scratch_folder_only(tmp_path: Path) -> None:
    reason = missing_for_spark()
    if reason:
        pytest.skip(reason)
    here = tmp_path / "here"
    here.mkdir()
    program = f"""
from pathlib import Path
from keepwell.engine.rewrites import GAP_OF, NAMED, RULES, SAME, spark_type
from keepwell.engine.spark import SparkEngine
from keepwell.engine.sql import Steps, SqlError
with SparkEngine(Path({str(tmp_path / "scratch")!r}), settings={QUICK!r}) as engine:
    assert engine.arrow(Steps().then("one", "select 1 as n")).num_rows == 1
    try:
        engine.arrow(Steps().then("one", "select cast('x' as integer)"))
    except SqlError:
        pass
"""
    # no locale, as in a bare container: Java must find files with Chinese names all the same
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", program], cwd=here, env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(here.iterdir()) == []
