"""The second wall: an engine that reads and writes below one folder, can't be reconfigured, and stops when told."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.core.errors import KeepwellError
from keepwell.engine.duckdb import DuckDBEngine, OutOfTimeError, Resources
from keepwell.engine.sql import SqlError, literal

ENDLESS = "select count(*) from range(1000000) a, range(1000000) b where hash(a.range, b.range) = 42"


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    folder = tmp_path / "it's inside, 里面"
    folder.mkdir()
    return folder


@pytest.fixture
def locked(inside: Path) -> Iterator[DuckDBEngine]:
    with DuckDBEngine(Resources(inside / ".spill"), locked_to=inside) as engine:
        yield engine


def test_it_reads_and_writes_below_its_folder(locked: DuckDBEngine, inside: Path) -> None:
    locked.write_parquet("select 7 as n", inside / "deep" / "n.parquet")
    assert locked.rows(f"from read_parquet({literal(str(inside / 'deep' / 'n.parquet'))})") == [(7,)]


@pytest.mark.parametrize(
    "sql",
    [
        "from read_csv('{outside}')",
        "from read_text('{outside}')",
        "from read_blob('{outside}')",
        "from '{outside}'",
        "from glob('{folder}/*')",
        "from read_text('{inside}/../secret.csv')",
        "copy (select 1) to '{folder}/written.csv'",
        "attach '{folder}/other.db'",
        "load '{folder}/extension'",
        "install httpfs",
        "from read_csv('https://example.org/x.csv')",
        "import database '{folder}'",
        "export database '{folder}/copy'",
    ],
)
def test_it_reaches_nothing_outside(locked: DuckDBEngine, inside: Path, sql: str) -> None:
    outside = inside.parent / "secret.csv"
    outside.write_text("a,b\n1,2\n")
    before = sorted(p.name for p in inside.parent.iterdir())
    text = sql.format(outside=outside, folder=inside.parent, inside=str(inside).replace("'", "''"))
    with pytest.raises(SqlError):
        locked.rows(text)
    assert sorted(p.name for p in inside.parent.iterdir()) == before


@pytest.mark.parametrize(
    "sql",
    [
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set memory_limit = '100GB'",
        "set lock_configuration = false",
        "reset memory_limit",
        "pragma enable_external_access",
        "set temp_directory = '/'",
        "set autoinstall_known_extensions = true",
    ],
)
def test_it_can_not_be_reconfigured(locked: DuckDBEngine, sql: str) -> None:
    with pytest.raises(SqlError):
        locked.execute(sql)


def test_no_variable_of_python_is_a_table_of_it(locked: DuckDBEngine) -> None:
    import pyarrow as pa  # noqa: PLC0415 - the name must stand in this function, where a replacement scan would look

    secret = pa.table({"a": [1]})
    assert secret.num_rows == 1
    with pytest.raises(SqlError, match="secret"):
        locked.rows("from secret")


def test_a_query_that_runs_too_long_is_stopped(locked: DuckDBEngine) -> None:
    started = time.monotonic()
    with pytest.raises(OutOfTimeError, match=r"0\.3 seconds"), locked.time_limit(0.3):
        locked.rows(ENDLESS)
    assert time.monotonic() - started < 10
    assert locked.value("select 1") == 1, "the engine is as good as before"


def test_a_query_in_time_is_left_alone_and_its_error_is_its_own(locked: DuckDBEngine) -> None:
    with locked.time_limit(60):
        assert locked.value("select 1") == 1
    with pytest.raises(SqlError), locked.time_limit(60):
        locked.rows("from nothing")


def test_settings_that_the_engine_refuses_are_an_error_with_a_hint(inside: Path) -> None:
    with pytest.raises(KeepwellError, match="memory") as caught:
        DuckDBEngine(Resources(inside, memory_limit="plenty"))
    assert "memory_limit" in str(caught.value.hint)
