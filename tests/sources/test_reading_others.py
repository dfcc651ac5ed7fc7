"""Excel, Parquet and JSON lines."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factories.reading import ReadFile, reading_in
from keepwell.sources.reader import UnreadableFileError


@pytest.fixture
def read(tmp_path: Path) -> ReadFile:
    return reading_in(tmp_path)


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


# ------------------------------------------------------------------------- Excel


def test_cells_of_excel_come_as_text_that_loses_nothing(read: ReadFile, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["id", "amount", "at", "day", "time", "flag", "名称", None],
        [17850, 1234.5, dt.datetime(2026, 1, 31, 23, 45, 10), dt.date(2026, 2, 28), dt.time(9, 30), True, "北京 ", "x"],
        ["007", 0.1, dt.datetime(2026, 1, 31), None, dt.time(0, 0), False, "=1+1 as text", None],
        [12345678901234, -1e-7, dt.datetime(1999, 12, 31, 12), None, None, None, None, None],
    ]
    found = read(workbook(tmp_path / "a.xlsx", {"Orders": rows}))
    assert found.columns == ["id", "amount", "at", "day", "time", "flag", "名称", "column8"]
    assert found.rows[0] == ("17850", "1234.5", "2026-01-31 23:45:10", "2026-02-28", "09:30:00", "true", "北京 ", "x")
    assert found.rows[1][:4] == ("007", "0.1", "2026-01-31", None)
    assert found.rows[2][:3] == ("12345678901234", "-0.0000001", "1999-12-31 12:00:00")
    assert found.file.understood == {"format": "Excel", "sheet": "Orders"}


def test_empty_rows_of_excel_are_passed_over_and_lines_are_those_of_the_sheet(read: ReadFile, tmp_path: Path) -> None:
    rows: list[list[object]] = [[None], ["", None], ["id", "x"], ["1", "a"], [None, None], ["2", "b"], ["", ""], ["3", "c"]]
    found = read(workbook(tmp_path / "a.xlsx", {"S": rows}))
    assert [r[0] for r in found.rows] == ["1", "2", "3"]
    assert found.lines == [4, 6, 8]


def test_another_sheet_is_read_when_it_is_named(read: ReadFile, tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"First": [["a"], ["1"]], "Second": [["b"], ["2"]]})
    assert (read(path).columns, read(path, sheet="Second").columns) == (["a"], ["b"])
    with pytest.raises(UnreadableFileError, match="no sheet 'Secnd'") as caught:
        read(path, sheet="Secnd")
    assert caught.value.hint == "Did you mean Second?"


@pytest.mark.parametrize(
    ("rows", "says"), [([], "is empty"), ([["a", "b"]], "a header and no rows"), ([["a", "a"], ["1", "2"]], "'a' stands more than once")]
)
def test_a_sheet_that_is_no_table_is_an_error(read: ReadFile, tmp_path: Path, rows: list[list[object]], says: str) -> None:
    with pytest.raises(UnreadableFileError, match=says):
        read(workbook(tmp_path / "a.xlsx", {"S": rows}))


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.xlsb", "a.ods"])
def test_a_file_that_is_no_workbook_is_an_error(read: ReadFile, name: str) -> None:
    with pytest.raises(UnreadableFileError, match="no Excel file that can be read"):
        read("id,city\n1,London\n", name)


def test_excel_with_more_rows_than_a_batch_is_read_whole(read: ReadFile, tmp_path: Path) -> None:
    numbers: list[list[object]] = [[n] for n in range(50_123)]
    path = workbook(tmp_path / "a.xlsx", {"S": [["n"], *numbers]})
    found = read(path)
    assert [int(r[0]) for r in found.rows] == list(range(50_123))
    assert found.file.lines_of([0, 50_122]) == [2, 50_124]


# ----------------------------------------------------------------------- Parquet


def test_columns_of_parquet_keep_their_types(read: ReadFile, tmp_path: Path) -> None:
    at = dt.datetime(2026, 1, 31, 23, 45, 10, 500_000)
    table = pa.table({
        "n": pa.array([1, None], pa.int32()),
        "amount": pa.array([Decimal("1.2300"), None], pa.decimal128(18, 4)),
        "x": pa.array([float("nan"), 2.5]),
        "local": pa.array([at, None], pa.timestamp("us")),
        "instant": pa.array([at, None], pa.timestamp("us", tz="Asia/Shanghai")),
        "day": pa.array([at.date(), None], pa.date32()),
        "word": ["上", ""],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert dict(found.file.columns) == {
        "n": "INTEGER", "amount": "DECIMAL(18,4)", "x": "DOUBLE", "local": "TIMESTAMP", "instant": "TIMESTAMP WITH TIME ZONE", "day": "DATE", "word": "VARCHAR",
    }  # fmt: skip
    assert found.rows[1] == (None, None, 2.5, None, None, None, "")
    # Arrow keeps an aware instant in UTC
    assert found.rows[0][4] == at.replace(tzinfo=dt.UTC)
    assert found.file.understood == {"format": "Parquet"}


@pytest.mark.parametrize("content", [b"id,city\n1,London\n", b"PAR1 and no more", b""], ids=["CSV", "cut off", "empty"])
def test_a_file_that_is_no_parquet_is_an_error(read: ReadFile, content: bytes) -> None:
    with pytest.raises(UnreadableFileError, match="no Parquet file"):
        read(content, "a.parquet")


def test_parquet_that_is_named_csv_is_an_error(read: ReadFile, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": list(range(1000))}), tmp_path / "a.parquet")
    with pytest.raises(UnreadableFileError, match="no text file") as caught:
        read((tmp_path / "a.parquet").read_bytes(), "a.csv")
    assert "another name" in str(caught.value.hint)


def test_parquet_without_rows_is_an_error(read: ReadFile, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), tmp_path / "a.parquet")
    with pytest.raises(UnreadableFileError, match="no rows"):
        read(tmp_path / "a.parquet")


# -------------------------------------------------------------------- JSON lines


def test_json_lines_are_read_and_nested_values_come_as_json(read: ReadFile) -> None:
    lines = [
        {"id": 1, "name": "Ann", "tags": ["a", "b"], "at": {"city": "北京"}},
        {"id": "007", "paid": True, "amount": 12.50, "name": None},
        {'na"me': "quoted", "a.b": "dotted", "id": 3},
    ]  # fmt: skip
    found = read("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "a.jsonl")
    assert found.columns == ["id", "name", "tags", "at", "paid", "amount", 'na"me', "a.b"]
    assert found.rows[0] == ("1", "Ann", '["a","b"]', '{"city":"北京"}', None, None, None, None)
    assert found.rows[1] == ("007", None, None, None, "true", "12.5", None, None)
    assert found.rows[2] == ("3", None, None, None, None, None, "quoted", "dotted")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_that_are_no_object_are_told_with_their_line(read: ReadFile, end: str) -> None:
    text = end.join(['{"id": 1}', "", '{"id": 2', "[1, 2]", '{"id": 3}', "null", "  ", '"x"', '{"id": 4}', ""])
    found = read(text, "a.jsonl")
    assert found.rows == [("1",), ("3",), ("4",)]
    assert found.lines == [1, 5, 9]
    assert [line for line, _ in found.bad] == [3, 4, 6, 8]
    reasons = [reason for _, reason in found.bad]
    assert reasons[0].startswith("is no JSON: ")
    assert reasons[1:] == ["is no JSON object but list", "is no JSON object but NoneType", "is no JSON object but str"]


def test_json_lines_in_gb18030_or_with_a_byte_order_mark_are_read(read: ReadFile) -> None:
    text = '{"城市": "北京", "姓名": "张伟"}\n{"城市": "上海", "姓名": "李娜"}\n'
    for encoding in ("gb18030", "utf-8-sig", "utf-16"):
        assert read(text.encode(encoding), "a.ndjson").rows == [("北京", "张伟"), ("上海", "李娜")]


def test_json_without_an_object_is_an_error(read: ReadFile) -> None:
    with pytest.raises(UnreadableFileError, match="holds no JSON object"):
        read("[1]\n[2]\n", "a.jsonl")


def test_a_line_of_json_that_is_longer_than_may_be_is_an_error_and_no_crash(read: ReadFile) -> None:
    with pytest.raises(UnreadableFileError, match="longer than 16 MB"):
        read(json.dumps({"id": "x" * (17 << 20)}) + "\n", "a.jsonl")


# ------------------------------------------------------------------------ others


def test_an_ending_that_nobody_reads_answers_with_those_that_are_read(read: ReadFile) -> None:
    with pytest.raises(UnreadableFileError, match=r"\.xlxs") as caught:
        read("x", "a.xlxs")
    assert ".xlsx" in str(caught.value.hint)
    with pytest.raises(UnreadableFileError, match="nothing"):
        read("x", "a")


@pytest.mark.parametrize("name", ["A.CSV", "a.TSV", "a.txt"])
def test_the_ending_may_be_written_in_capitals(read: ReadFile, name: str) -> None:
    assert read("id\tcity\n1\tLondon\n", name).rows == [("1", "London")]
