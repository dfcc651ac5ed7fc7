"""SQL in named steps: an error shows which step is to blame, and its text."""

import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from keepwell.core.progress import StoppedError
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.engine.protocol import TableSnapshot
from keepwell.engine.sql import SqlError, Steps, literal, names, quoted


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    with DuckDBEngine(Resources(tmp_path / "spill")) as opened:
        yield opened


def test_the_last_step_is_the_answer_and_reads_all_before_it(engine: DuckDBEngine) -> None:
    query = Steps().then("numbers", "select unnest([1, 2, 3]) as n").then("squares", "select n * n as s from numbers")
    answer = engine.arrow(query.then("total", "select sum(s) as total, count(*) as n from squares, numbers where s = n"))
    # of 1, 4, 9 and 1, 2, 3 only 1 meets 1
    assert answer.to_pylist() == [{"total": 1, "n": 1}]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("select nothing from numbers", "nothing"),
        ("select cast('x' || n as integer) as m from numbers", "x1"),
        ("selct 1", "selct"),
    ],
    ids=["a name that nobody knows", "a value that can't be cast", "no SQL"],
)
def test_an_error_names_the_step_to_blame_and_shows_its_sql(engine: DuckDBEngine, broken: str, reason: str) -> None:
    query = Steps().then("numbers", "select 1 as n").then("culprit", broken).then("innocent", "select * from culprit")
    with pytest.raises(SqlError) as caught:
        engine.arrow(query)
    assert caught.value.step == "culprit"
    assert caught.value.sql == broken
    assert reason in caught.value.message
    assert "'culprit'" in caught.value.message
    assert broken in str(caught.value.hint)
    assert "select 1 as n" not in str(caught.value)


class Stopping:
    """Somebody asks to stop while the query runs."""

    def start(self, step: str) -> None: ...

    def advance(self, share: float) -> None:
        del share
        raise StoppedError

    def count(self, done: int, total: int) -> None: ...

    def check(self) -> None:
        raise StoppedError

    def finish(self, note: str = "") -> None: ...


def test_a_query_that_shall_stop_is_interrupted_and_the_engine_goes_on(tmp_path: Path) -> None:
    with DuckDBEngine(Resources(tmp_path / "spill"), progress=Stopping()) as engine:
        began = time.monotonic()
        with pytest.raises(StoppedError):
            engine.rows("select count(*) from range(10_000_000) a, range(10_000_000) b where (a.range * b.range) % 7 = 3")
        assert time.monotonic() - began < 60
        assert engine.value("select 1") == 1


def test_an_error_of_a_single_statement_shows_it(engine: DuckDBEngine) -> None:
    with pytest.raises(SqlError, match="no_such_table"):
        engine.rows("select * from no_such_table")


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'a'"):
        Steps().then("a", "select 1").then("a", "select 2")


@pytest.mark.parametrize("name", ['he said "no"', "客户 一", "order", "a.b", "semi;colon", "x' y"])
def test_any_name_can_be_quoted_and_any_text_written_as_a_literal(engine: DuckDBEngine, name: str) -> None:
    assert engine.columns(f"select {literal(name)} as {quoted(name)}") == [(name, "VARCHAR")]
    assert engine.value(f"select {literal(name)}") == name
    assert engine.value(f"select {names([name], 't')} from (select 7 as {quoted(name)}) t") == 7


def test_literals_keep_their_kind(engine: DuckDBEngine) -> None:
    assert engine.rows(f"select {literal(None)}, {literal(True)}, {literal(3)}, {literal('3')}") == [(None, True, 3, "3")]


def test_a_snapshot_gives_the_promised_columns_whatever_its_files_hold(engine: DuckDBEngine, tmp_path: Path) -> None:
    older, newer = tmp_path / "older.parquet", tmp_path / "newer.parquet"
    duckdb.sql(f"copy (select 1 as id, 'x' as dropped) to '{older}'")
    duckdb.sql(f"copy (select 2 as id, 2.5::decimal(18, 4) as amount) to '{newer}'")
    engine.register(TableSnapshot("t", (str(older), str(newer)), (("id", "BIGINT"), ("amount", "DECIMAL(18, 4)"), ("note", "VARCHAR"))))
    assert engine.columns("from t") == [("id", "BIGINT"), ("amount", "DECIMAL(18,4)"), ("note", "VARCHAR")]
    assert [(i, None if a is None else str(a), n) for i, a, n in engine.rows("from t order by id")] == [
        (1, None, None),
        (2, "2.5000", None),
    ]


def test_a_snapshot_without_files_is_an_empty_table_of_the_right_types(engine: DuckDBEngine) -> None:
    engine.register(TableSnapshot("t", (), (("at", "TIMESTAMP WITH TIME ZONE"), ("attributes", "MAP(VARCHAR, VARCHAR)"))))
    assert engine.rows("from t") == []
    assert engine.columns("from t") == [("at", "TIMESTAMP WITH TIME ZONE"), ("attributes", "MAP(VARCHAR, VARCHAR)")]


def test_a_folder_that_looks_like_a_partition_is_no_column(engine: DuckDBEngine, tmp_path: Path) -> None:
    folder = tmp_path / "country=GB" / "month=2026-01"
    folder.mkdir(parents=True)
    duckdb.sql(f"copy (select 'CN' as country, 'x' as month) to '{folder / 'a.parquet'}'")
    engine.register(TableSnapshot("t", (str(folder / "a.parquet"),), (("country", "VARCHAR"), ("month", "VARCHAR"))))
    assert engine.rows("from t") == [("CN", "x")]


def test_a_function_is_applied_to_every_batch(engine: DuckDBEngine) -> None:
    def doubled(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.record_batch({"n": pa.array([2 * n for n in batch["n"].to_pylist()], pa.int64())})

    answer = engine.map_batches(Steps().then("all", "select range as n from range(250000)"), doubled, pa.schema([("n", pa.int64())]))
    # twice the sum of 0 … 249,999
    assert sum(answer["n"].to_pylist()) == 249_999 * 250_000


def test_the_engine_s_clock_is_utc(engine: DuckDBEngine) -> None:
    assert engine.value("select strftime(timestamptz '2026-07-01 12:00:00+08', '%H')") == "04"
