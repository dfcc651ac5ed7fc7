"""The first wall: what a mapping's SQL may say, and that what passes gives the same answer however the rows come."""

from collections.abc import Iterator

import duckdb
import pytest

from keepwell.engine.walls import ALLOWED_FUNCTIONS, RefusedSqlError, check_expression, check_select

REFUSED = {
    # of the issue
    "a file by a table function": "select * from read_csv('/etc/passwd')",
    "a second statement": "select * from rows; drop table rows",
    "only another statement": "; drop table rows",
    "dice": "select random() from rows",
    "the clock": "select now() from rows",
    "new identifiers": "select uuid() from rows",
    "the day": "select current_date from rows",
    "the day as a function": "select today() from rows",
    "the moment": "select current_timestamp from rows",
    "the local time": "select localtime from rows",
    "the moment under another name": "select get_current_timestamp() from rows",
    "some rows": "select * from rows limit 3",
    "all but some rows": "select * from rows offset 3",
    "the first rows": "select * from rows fetch first 3 rows only",
    "one of each": "select distinct on (a) a, b from rows",
    "recursion": "with recursive t as (select 1 n union all select n + 1 from t) select * from t",
    "a table function": "select * from range(1000000)",
    "a table function beside": "select * from rows, generate_series(1, 10)",
    "unnesting": "select unnest([1, 2]) from rows",
    "a table of a list": "select * from unnest([1, 2])",
    "a quoted file": 'select * from "/etc/passwd.csv"',
    "a file in a literal": "select * from '/etc/passwd'",
    "a window without order": "select row_number() over () from rows",
    "a window without order behind IGNORE NULLS": "select first_value(a ignore nulls) over (partition by b) from rows",
    "a window of rows without order": "select sum(a) over (rows between 1 preceding and current row) from rows",
    "text joined without order": "select string_agg(a, ',') from rows",
    # of ours
    "a file beside the rows": "from rows, read_text('x')",
    "a file in a subquery": "select a from rows where a in (select b from 'other.parquet')",
    "a file in a step": "with x as (from read_parquet('/x')) select * from x",
    "a step named like a file": 'with "/etc/passwd.csv" as (select 1 a) select * from "/etc/passwd.csv"',
    "a step out of sight": "select * from (with inner_step as (select 1 a) select * from inner_step) q, inner_step z",
    "a step out of sight, named like a file": 'select * from (with "x.csv" as (select 1 a) from "x.csv") q, "x.csv" z',
    "many columns by a pattern": "select columns('.*') from rows",
    "all columns": "select columns(*) from rows",
    "the environment": "select getenv('HOME') from rows",
    "a setting": "select current_setting('memory_limit') from rows",
    "a variable": "select getvariable('x') from rows",
    "a sequence": "select nextval('s') from rows",
    "settings": "select * from duckdb_settings()",
    "the catalogue": "select * from duckdb_tables",
    "the schema": "select * from information_schema.tables",
    "another database": "select a from memory.main.rows",
    "another version": "select a from rows at (version => 1)",
    "a query in text": "select * from query('select 1')",
    "a table in text": "select * from query_table('rows')",
    "a pragma": "pragma database_list",
    "attaching": "attach 'x.db'",
    "copying": "copy rows to 'x'",
    "copying a query": "copy (select * from rows) to 'x'",
    "inserting": "insert into rows values (1)",
    "selecting into": "select a into t from rows",
    "a setting changed": "set threads = 1",
    "loading": "load httpfs",
    "calling": "call pragma_version()",
    "explaining": "explain analyze select * from rows",
    "describing": "describe rows",
    "summarizing": "summarize rows",
    "a sample": "select a from rows using sample 3",
    "a table sample": "select a from rows tablesample 10%",
    "pivoting": "select * from (pivot rows on a)",
    "joined by position": "select * from rows positional join rows b",
    "joined by the nearest": "select * from rows asof join rows b on rows.a >= b.a",
    "a parameter": "select $1 from rows",
    "a placeholder": "select ? from rows",
    "a lambda": "select list_transform([1], x -> x) from rows",
    "a comprehension": "select [x for x in [1, 2]] from rows",
    "a function as a method": "select a.random() from rows",
    "a function of a schema": "select main.random() from rows",
    "a quoted function": 'select "random"() from rows',
    "a commented function": "select random /* x */ () from rows",
    "a function in full-width letters": "select ｒａｎｄｏｍ() from rows",
    "a function with a zero-width space": "select ran\u200bdom() from rows",
    "a function in ORDER BY": "select a from rows order by random()",
    "a function in a window": "select rank() over (order by random()) from rows",
    "a function in a filter": "select count(*) filter (where random() > 0.5) from rows",
    "any of several": "select first(a) from rows",
    "a list in any order": "select list(a) from rows",
    "the commonest": "select mode(a) from rows",
    "an error": "select error('x') from rows",
    "a huge text": "select lpad('a', 2000000000, 'x') from rows",
    "a huge text of unknown size": "select rpad('a', b, 'x') from rows",
    "a window over all groups": "select a, row_number() over (order by count(*)) from rows group by all",
    "nothing": "",
    "no SQL": "select from where",
    "half a comment": "select a from rows /*",
    "a very deep expression": "select " + "(" * 5000 + "1" + ")" * 5000,
}  # fmt: skip

# Every function of the list, and what else a mapping may say; the rewritten query must give what the written one gives.
ALLOWED = """
abs(-n); any_value(n); arg_max(s, n); arg_min(s, n); avg(n); bool_and(f); bool_or(f); ceil(x); ceiling(x); coalesce(z, n); concat(s, n, z)
concat_ws('-', s, n, z); contains(s, 'a'); count(z); count_if(f); date_add(d, interval 1 day); date_diff('day', d, e); date_part('year', d)
date_trunc('month', t); datediff('month', d, e); datepart('hour', t); datetrunc('hour', t); day(d); dayofmonth(d); dayofweek(d); dayofyear(d)
element_at(m, 'k'); ends_with(s, 'a'); epoch(t); epoch_ms(t); extract(isodow from d); extract(epoch from t); floor(x); greatest(n, 2); hash(s)
hour(t); if(f, 1, 2); ifnull(z, 4); instr(s, 'b'); isfinite(x); isnan(x); isodow(d); isoyear(d); last_day(d); lcase(s); least(n, 2); left(s, -1)
length(s); levenshtein(s, 'abd'); list_contains(str_split(s, 'b'), 'a'); list_extract(str_split(s, 'b'), 1); ln(x); log10(x); lower(s)
lpad(s, 8, '0'); ltrim(concat('  ', s)); make_date(2026, 3, 1); make_time(1, 2, 3.5); make_timestamp(2026, 1, 2, 3, 4, 5.5); map([s], [n])
map_from_entries([(s, n)]); max(n); max(n, 2); md5(s); median(n); min(n); minute(t); mod(n, 3); month(d); nfc_normalize(s); nullif(n, 2)
parse_filename(concat('/a/', s)); percent_rank() over (order by n); position('b' in s); power(n, 2); prefix(s, 'a'); quantile_cont(x, 0.3)
quantile_disc(n, 0.3); quarter(d); rank() over (order by n); dense_rank() over (order by n); regexp_extract(s, 'a(.)', 1)
regexp_full_match(s, 'a.*'); regexp_matches(s, '[bc]'); regexp_replace(s, '[ab]', 'x'); regexp_replace(s, '[ab]', 'x', 'g'); replace(s, 'a', 'z')
reverse(s); right(s, 2); round(x, 1); round(x); row_number() over (order by n); rpad(s, 9, '.'); rtrim(concat(s, ' ')); second(t); sha256(s)
sign(-n); split_part(s, 'b', 2); sqrt(abs(x)); starts_with(s, 'a'); str_split(s, 'b'); string_agg(s, ',' order by s); string_split(s, 'b')
strip_accents(concat('é', s)); strftime(t, '%Y/%m/%d %H'); strlen(s); strpos(s, 'b'); strptime('31/12/2026', '%d/%m/%Y'); substr(s, 2, 2)
substring(s, 1, 2); suffix(s, 'c'); sum(n); sum(x); sum(distinct n); timezone('Europe/London', t); to_days(2); to_hours(2); to_milliseconds(5)
to_minutes(3); to_months(3); to_seconds(3); to_timestamp(1700000000); to_weeks(2); to_years(1); translate(s, 'ab', 'xy'); trim(concat(' ', s))
trim(s, 'ac'); trunc(x); try_cast(s as int); cast(n as varchar); try_strptime(concat('x', s), '%Y'); ucase(s); unicode(s); upper(s); week(d)
weekday(d); weekofyear(d); year(d); yearweek(d); first_value(n) over (order by n); lag(n) over (order by n); lead(n, 2) over (order by n desc)
last_value(n) over (order by n rows between unbounded preceding and unbounded following); sum(n) over (partition by f order by n)
avg(x) over (order by n rows 1 preceding); sum(n) over (order by n range between 1 preceding and current row); n // 2; n % 2; n ^ 2; n ** 2; n / 2
s || 'x'; s like 'a%'; s ilike 'A%'; s ~ 'a.*'; s glob 'a*'; s similar to 'a.*'; n between 1 and 2; n in (1, 2); s not in ('a')
s is distinct from 'a'; n is null; case when f then 1 else 2 end; case n when 1 then 'a' end; t at time zone 'Asia/Tokyo'
d + interval '2 days'; d - e; n::double / 2; str_split(s, 'b')[1]; s[1:2]; not f; f and n > 1; -n; date '2026-01-01'
timestamp '2026-01-01 10:00:00'; 'it''s'; e'it\\'s'; $$it's$$; 1e3; x::int; try_cast('nan' as double); count(distinct s)
avg(x) filter (where n > 1); count(*); count(*) over (order by n); (select max(n) from rows); exists (select 1 from rows q where q.n = 9)
""".replace("\n", ";").split(";")  # fmt: skip
CALLS = [call.strip() for call in ALLOWED if call.strip()]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("set TimeZone = 'UTC'")
        opened.execute("""
            create table rows as select *, n + 10 as _line from (values
              (1, 'abc', 1.25::double, true, null::int, date '2026-01-31', timestamp '2026-01-31 23:45:10.5', date '2026-03-01', map {'k': 'v'}),
              (2, 'xbz', 2.5, false, null, date '2024-12-30', timestamp '2024-12-30 01:02:03', date '2025-03-01', map {'j': 'v'}),
              (3, 'a%c', -7.75, true, 5, date '2025-07-14', timestamp '2025-07-14 12:00:00', date '2025-07-13', map {'k': 'w'}))
            as t(n, s, x, f, z, d, t, e, m)""")
        yield opened


@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED.keys())
def test_a_select_is_refused(sql: str) -> None:
    with pytest.raises(RefusedSqlError):
        check_select(sql, ["rows"])


@pytest.mark.parametrize(
    "sql",
    [
        "(select max(a) from rows)", "max(a)", "row_number() over (order by a)", "a, b", "a as b", "*", "a from rows", "a where b", "random()",
        "current_date", "a; drop table rows", "a) from rows; --", "columns('a')", "exists (select 1)", "a order by b", "distinct a", "",
    ],
)  # fmt: skip
def test_an_expression_that_is_more_than_one_row_s_is_refused(sql: str) -> None:
    with pytest.raises(RefusedSqlError):
        check_expression(sql)


TEN = "'aaaaaaaaaa'"


@pytest.mark.parametrize(
    "sql",
    [
        f"replace(replace(replace(replace(a, 'a', {TEN}), 'a', {TEN}), 'a', {TEN}), 'a', {TEN}) = 'x'",
        f"regexp_replace(regexp_replace(a, '', '{'b' * 900}', 'g'), '', '{'b' * 900}', 'g') = 'x'",
        "length(replace(a, 'a', replace(b, 'b', c || c || c || c))) > 1",
    ],
)
def test_replacements_that_fill_the_memory_are_refused(sql: str) -> None:
    with pytest.raises(RefusedSqlError, match="very long"):
        check_expression(sql)


def test_replacements_as_people_clean_numbers_with_them_pass() -> None:
    assert check_expression("replace(replace(replace(replace(a, ' ', ''), '-', ''), '(', ''), ')', '')")
    assert check_expression("regexp_replace(regexp_replace(a, '[^0-9]', '', 'g'), '^0086', '+86')")


def test_a_refusal_says_what_is_wrong_shows_the_sql_and_knows_the_nearest_function() -> None:
    with pytest.raises(RefusedSqlError, match="the function lowr") as caught:
        check_select("select lowr(a) from rows", ["rows"])
    assert "select lowr(a) from rows" in caught.value.message
    assert str(caught.value.hint).startswith("Did you mean lower")


@pytest.mark.parametrize("call", CALLS)
def test_what_is_allowed_gives_what_the_engine_gives(connection: duckdb.DuckDBPyConnection, call: str) -> None:
    written = f"select {call} as v from rows"
    checked = check_select(written, ["rows"])
    assert sorted(map(str, connection.sql(checked).fetchall())) == sorted(map(str, connection.sql(written).fetchall()))


def test_every_function_of_the_list_is_among_the_tried() -> None:
    tried = {f for f in ALLOWED_FUNCTIONS for call in CALLS if f"{f}(" in call}
    assert ALLOWED_FUNCTIONS - tried == set()


def test_any_value_is_the_smallest_so_that_it_is_the_same_each_time(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql(check_select("select any_value(s) filter (where n > 1) from rows", ["rows"])).fetchall() == [("a%c",)]


def test_a_row_without_the_value_to_compare_by_is_never_the_greatest(connection: duckdb.DuckDBPyConnection) -> None:
    # z is NULL but for n = 3, and NULL sorts last in a tuple
    assert connection.sql(check_select("select arg_max(n, z), arg_min(n, z) from rows", ["rows"])).fetchall() == [(3, 3)]


def test_names_that_are_keywords_with_a_value_are_columns(connection: duckdb.DuckDBPyConnection) -> None:
    checked = check_select('select current_role, "user" from (select 1 as "current_role", 2 as "user" from rows)', ["rows"])
    assert connection.sql(checked).fetchall() == [(1, 2)] * 3


def test_what_a_comment_holds_is_never_run(connection: duckdb.DuckDBPyConnection) -> None:
    checked = check_select("select n -- */ , random() /*\nfrom rows /* ; drop table rows */", ["rows"])
    assert "random" not in checked
    assert "drop" not in checked
    assert sorted(connection.sql(checked).fetchall()) == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("sql", "lines"),
    [
        ("select n from rows", [(1, 11), (2, 12), (3, 13)]),
        ("select r.n from rows r where n > 1", [(2, 12), (3, 13)]),
        ("select f, count(*) c from rows group by f", [(False, 1, 12), (True, 2, 11)]),
        ("select sum(n) from rows", [(6, 11)]),
        ("select n, (select max(n) from rows) m from rows", [(1, 3, 11), (2, 3, 12), (3, 3, 13)]),
        ("select n, sum(n) over (order by n) m from rows", [(1, 1, 11), (2, 3, 12), (3, 6, 13)]),
    ],
)
def test_each_row_can_say_from_which_line_it_comes(
    connection: duckdb.DuckDBPyConnection, sql: str, lines: list[tuple[object, ...]]
) -> None:
    checked = check_select(sql, ["rows"], line_column="_line")
    assert sorted(connection.sql(checked).fetchall()) == lines
