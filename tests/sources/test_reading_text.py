"""Delimited text: any encoding that is one, any delimiter, and the right line for every record."""

import csv
import io
import random
from pathlib import Path

import pytest

from factories.reading import ReadFile, reading_in
from keepwell.sources.reader import UnreadableFileError
from keepwell.sources.readers.encoding import CHUNK

TABLE = "id,city\n1,London\n2,北京\n3,Köln\n"
ROWS = [("1", "London"), ("2", "北京"), ("3", "Köln")]


@pytest.fixture
def read(tmp_path: Path) -> ReadFile:
    return reading_in(tmp_path)


# -------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TABLE.encode(), "utf-8"),
        (TABLE.encode("utf-8-sig"), "utf-8-sig"),
        (TABLE.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TABLE.encode("utf-16-be"), "utf-16"),
    ],
    ids=["UTF-8", "UTF-8 with a byte order mark", "UTF-16", "UTF-16, big end first"],
)
def test_an_encoding_is_found_and_said(read: ReadFile, content: bytes, encoding: str) -> None:
    found = read(content)
    assert (found.columns, found.rows) == (["id", "city"], ROWS)
    assert found.file.understood == {"encoding": encoding, "delimiter": "comma"}
    assert found.file.size == len(content)


def test_chinese_in_gb18030_is_read(read: ReadFile) -> None:
    text = "编号,姓名,城市\n1,张伟,北京\n2,李娜,上海\n3,𠮷野,广州\n"
    found = read(text.encode("gb18030"))
    assert found.columns == ["编号", "姓名", "城市"]
    assert found.rows == [("1", "张伟", "北京"), ("2", "李娜", "上海"), ("3", "𠮷野", "广州")]
    assert found.file.understood["encoding"] == "gb18030"


@pytest.mark.parametrize("shift", range(4))
def test_a_character_may_lie_across_the_border_of_two_pieces(read: ReadFile, shift: int) -> None:
    # 𠮷 takes four bytes in GB18030, the others two; whatever the shift, some character lies across the border
    line = "1,中文𠮷上海市\n"
    head = "a,b\n" + "x" * shift + ",中\n"
    count = CHUNK // len(line.encode("gb18030")) + 100
    found = read((head + line * count).encode("gb18030"))
    assert len(found.rows) == count + 1
    assert set(found.rows[1:]) == {("1", "中文𠮷上海市")}
    # the first record of the second piece is among the last hundred
    assert found.file.lines_of([0, count]) == [2, count + 2]


def test_western_letters_of_one_byte_are_refused_with_their_line_and_read_when_named(read: ReadFile) -> None:
    content = "id,city\n1,London\n2,Köln\n3,Zürich\n".encode("latin-1")
    with pytest.raises(UnreadableFileError, match=r"line 3, byte 0xF6") as caught:
        read(content)
    assert "encoding: latin-1" in str(caught.value.hint)
    assert read(content, encoding="latin-1").rows == [("1", "London"), ("2", "Köln"), ("3", "Zürich")]


def test_a_byte_that_is_wrong_late_in_the_file_is_found(read: ReadFile) -> None:
    line = b"1,a long enough line of text\n"
    count = CHUNK // len(line) + 10
    with pytest.raises(UnreadableFileError, match=f"line {count + 2:,}, byte 0xFF"):
        read(b"id,text\n" + line * count + b"2,\xff\n" + line)


def test_an_encoding_that_is_named_but_does_not_fit_is_an_error(read: ReadFile) -> None:
    with pytest.raises(UnreadableFileError, match="is not ascii: line 3"):
        read(TABLE, encoding="ascii")


def test_an_encoding_that_nobody_knows_answers_with_the_nearest(read: ReadFile) -> None:
    with pytest.raises(UnreadableFileError, match="utf8x") as caught:
        read(TABLE, encoding="utf8x")
    assert "utf-8" in str(caught.value.hint)


def test_a_file_that_ends_within_a_character_is_an_error(read: ReadFile) -> None:
    with pytest.raises(UnreadableFileError, match="cut off"):
        read("a,b\n1,中\n2,北京\n3,海".encode()[:-1])


@pytest.mark.parametrize(
    "content",
    [b"PAR1\x15\x04\x15\x00" + bytes(100), b"PK\x03\x04\x14\x00\x06\x00" + bytes(50), b"a,b\n1,2\n" * 600_000 + b"3,\0\n"],
    ids=["Parquet", "Excel", "a zero byte after megabytes of text"],
)
def test_a_binary_file_is_named_as_such(read: ReadFile, content: bytes) -> None:
    with pytest.raises(UnreadableFileError, match=r"is no text file: byte [0-9,]+ is zero"):
        read(content)


# ----------------------------------------------------- delimiter, header, quotes


@pytest.mark.parametrize(("sign", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_the_delimiter_is_found_and_said(read: ReadFile, sign: str, word: str) -> None:
    others = "".join(s for s in ",;|" if s != sign)
    text = f'id{sign}city{sign}note\n1{sign}"a{sign}b"{sign}x{others}y{others}\n2{sign}c{sign}\n'
    found = read(text)
    assert found.columns == ["id", "city", "note"]
    assert found.rows == [("1", f"a{sign}b", f"x{others}y{others}"), ("2", "c", None)]
    assert found.file.understood["delimiter"] == word


def test_a_delimiter_may_be_named(read: ReadFile) -> None:
    assert read("a:b\n1:2\n", delimiter=":").rows == [("1", "2")]


def test_one_column_is_a_table_too(read: ReadFile) -> None:
    found = read("id\n1\n\n2\n")
    assert (found.columns, found.rows, found.lines) == (["id"], [("1",), ("2",)], [2, 4])


def test_names_in_the_header_are_trimmed_and_a_missing_one_is_named_by_its_place(read: ReadFile) -> None:
    assert read(" id , ,city\n1,2,3\n").columns == ["id", "column2", "city"]


@pytest.mark.parametrize("header", ["id,city,id", "id,city, ID "])
def test_a_name_that_stands_twice_in_the_header_is_an_error(read: ReadFile, header: str) -> None:
    with pytest.raises(UnreadableFileError, match=r"'(id|ID)' stands more than once"):
        read(f"{header}\n1,2,3\n")


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "is empty"), (b"a,b\n", "a header and no rows"), (b"a,b", "a header and no rows"), (b"\n\n", "no header")]
)
def test_a_file_without_rows_is_an_error(read: ReadFile, content: bytes, says: str) -> None:
    with pytest.raises(UnreadableFileError, match=says):
        read(content)


def test_quotes_protect_delimiters_quotes_and_line_ends(read: ReadFile) -> None:
    found = read('id,text\n1,"a, b"\n2,"she said ""no"""\n3,"two\nlines"\n4,mid"quote\n5,""\n')
    assert found.rows == [("1", "a, b"), ("2", 'she said "no"'), ("3", "two\nlines"), ("4", 'mid"quote'), ("5", None)]


@pytest.mark.parametrize(
    ("text", "line"),
    [('id,text\n1,a\n2,"b\n3,c\n', 3), ('id,text\n1,a\n2,"b" c\n3,d\n', 3), ('id,text\n1,"a\n', 2)],
    ids=["never closed", "text follows", "in the last line"],
)
def test_a_broken_quote_is_an_error_of_the_file_with_its_line(read: ReadFile, text: str, line: int) -> None:
    with pytest.raises(UnreadableFileError, match=f"line {line}: a quote is opened and not closed"):
        read(text)


def test_a_quote_that_is_never_closed_in_a_large_file_names_the_line_where_it_opens(read: ReadFile) -> None:
    line = "1,a line like any other\n"
    with pytest.raises(UnreadableFileError, match="line 1,001:"):
        read("id,text\n" + line * 999 + '2,"open\n' + line * 900_000)


def test_a_field_may_be_huge(read: ReadFile) -> None:
    # longer than the csv module takes by itself, and longer than the piece that is looked at for the delimiter
    found = read(f"id;text\n1;{'x' * 200_000}\n2;{'y' * 2_000_000}\n3;z\n")
    assert [(i, len(t)) for i, t in found.rows] == [("1", 200_000), ("2", 2_000_000), ("3", 1)]
    assert found.file.understood["delimiter"] == "semicolon"
    assert found.lines == [2, 3, 4]


# ------------------------------------------------------------------------- lines


def test_a_record_of_too_few_or_too_many_columns_is_told_with_its_line_and_the_others_are_read(read: ReadFile) -> None:
    found = read("a,b,c\n1,2,3\n4,5\n6,7,8,9\n\n10,11,12\nx\n")
    assert found.rows == [("1", "2", "3"), ("10", "11", "12")]
    assert found.bad == [
        (3, "has 2 columns, expected 3"),
        (4, "has 4 columns, expected 3: is a delimiter inside a field without quotes?"),
        (7, "has 1 columns, expected 3"),
    ]
    assert [b.text for b in found.file.bad] == ["4,5", "6,7,8,9", "x"]
    assert found.lines == [2, 6]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a,b\n1,2\n3,4\n", [2, 3]),
        ("a,b\n1,2\n3,4", [2, 3]),
        ("a,b\n1,2\n\n3,4", [2, 4]),
        ("\n\na,b\n1,2\n\n\n3,4\n\n", [4, 7]),
        ("a,b\r\n1,2\r\n\r\n3,4\r\n", [2, 4]),
        ("\r\na,b\r\n1,2\r\n3,4\r\n", [3, 4]),
        ("a,b\r1,2\r3,4\r", [2, 3]),
        ("a,b\n1,2\r\n3,4\n", [2, 3]),
        ("a,b\r\n1,2\r3,4\n5,6", [2, 3, 4]),
        ('a,b\n"1\n1",2\n3,4', [2, 4]),
        ('a,b\n1,"x\ny\n\nz"\n3,4\n', [2, 6]),
        ('a,b\r\n1,"x\r\ny"\r\n3,4\r\n', [2, 4]),
        ('"a\n(text)",b\n1,2\n3,4\n', [3, 4]),
        ("a,b\n1,2\n,\n3,4\n", [2, 4]),
        ("a,b\n1,2,\n3,4,,\n5,6\n", [2, 3, 4]),
        ("a,b\n1,2\nbad\n3,4\nbad,bad,bad\n5,6\n", [2, 4, 6]),
        ('a,b\n1,2\nbad\n"3\n3",4\n\nbad\n5,6\n', [2, 4, 8]),
        ("a,b\n上,下\n上,下\n".encode("utf-16").decode("utf-16"), [2, 3]),
    ],
    ids=repr,
)
def test_every_record_knows_its_line(read: ReadFile, text: str, lines: list[int]) -> None:
    assert read(text).lines == lines
    assert read(text.encode("utf-16")).lines == lines, "whatever the encoding"


def test_a_record_with_nothing_in_it_is_no_record(read: ReadFile) -> None:
    assert read('a,b\n1,2\n,\n"",""\n3,\n').rows == [("1", "2"), ("3", None)]


def test_lines_are_those_that_a_plain_reader_finds(read: ReadFile) -> None:
    dice = random.Random(42)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["n", "text"])
    expected = []
    for number in range(1000):
        expected.append(out.getvalue().count("\n") + 1)
        writer.writerow([number, "".join(dice.choice('ab,"\n 中') for _ in range(dice.randrange(6)))])
        if dice.random() < 0.1:
            out.write("\n")
    assert read(out.getvalue()).lines == expected


def test_a_hundred_thousand_records_of_the_wrong_width_are_all_told(read: ReadFile) -> None:
    found = read("a,b\n" + "1,2\n" + "1,2,3\n" * 100_000)
    assert len(found.file.bad) == 100_000
    assert (found.bad[0][0], found.bad[-1][0], found.rows) == (3, 100_002, [("1", "2")])


def test_the_errors_of_one_file_are_not_those_of_another(tmp_path: Path) -> None:
    read = reading_in(tmp_path)
    assert read("a,b\n1\n1,2\n").bad == [(2, "has 1 columns, expected 2")]
    assert read("a,b\n1,2\n").bad == []
