"""Tables become files as real systems write them, and come back as they were."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from keepwell.demo.columns import money, numbered, only, words
from keepwell.demo.files import write_chinese_csv, write_csv, write_european_csv, write_json_lines, write_parquet

AT = datetime(2026, 10, 31, 1, 30, tzinfo=UTC)


def table() -> pa.Table:
    return pa.table(
        {
            "id": ["A1", "A2"],
            "text": ['她说："好"，\\ 再来', None],
            "amount": money(np.array([123450, -5])),
            "at": pa.array([AT, None], pa.timestamp("s", "UTC")),
            "on": pa.array([date(2026, 10, 31), None], pa.date32()),
            "count": [3, None],
            "flag": [True, False],
        }
    )


def test_csv_shows_local_time_with_its_offset_and_nothing_for_unknown(tmp_path: Path) -> None:
    write_csv(table(), tmp_path / "x.csv")
    header, first, second = (tmp_path / "x.csv").read_text(encoding="utf-8").splitlines()
    assert header == '"id","text","amount","at","on","count","flag"'
    assert first == '"A1","她说：""好""，\\ 再来",1234.50,"2026-10-31 09:30:00+08:00",2026-10-31,3,true'
    assert second == '"A2",,-0.05,,,,false'


def test_chinese_csv_is_gb18030(tmp_path: Path) -> None:
    write_chinese_csv(table(), tmp_path / "x.csv")
    write_csv(table(), tmp_path / "y.csv")
    assert (tmp_path / "x.csv").read_bytes().decode("gb18030") == (tmp_path / "y.csv").read_text(encoding="utf-8")
    assert (tmp_path / "x.csv").read_bytes() != (tmp_path / "y.csv").read_bytes()


def test_european_csv_has_commas_for_points(tmp_path: Path) -> None:
    write_european_csv(table().select(["id", "amount", "on"]), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text(encoding="utf-8").splitlines() == [
        '"id";"amount";"on"',
        '"A1";"1234,50";"31.10.2026"',
        '"A2";"-0,05";',
    ]


def test_json_lines_are_objects_without_the_unknown(tmp_path: Path) -> None:
    write_json_lines(table(), tmp_path / "x.jsonl")
    first, second = (json.loads(line) for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["text"] == '她说："好"，\\ 再来'
    assert (first["at"], first["count"], first["flag"]) == ("2026-10-31 09:30:00+08:00", 3, True)
    assert second == {"id": "A2", "amount": "-0.05", "flag": False}


def test_parquet_has_microseconds_in_utc(tmp_path: Path) -> None:
    write_parquet(table(), tmp_path / "x.parquet")
    assert pq.read_schema(tmp_path / "x.parquet").field("at").type == pa.timestamp("us", "UTC")
    with duckdb.connect() as connection:
        assert connection.execute(f"select sum(amount)::varchar from '{tmp_path / 'x.parquet'}'").fetchall() == [("1234.45",)]


def test_nothing_becomes_null() -> None:
    assert numbered("C", np.array([12, -1]), 4).to_pylist() == ["C0012", None]
    assert words(("a", "b"), np.array([1, -1])).to_pylist() == ["b", None]
    assert only(pa.array([1, 2]), np.array([True, False])).to_pylist() == [1, None]
    assert [str(amount) for amount in money(np.array([-1, 10**15])).to_pylist()] == ["-0.01", "10000000000000.00"]
