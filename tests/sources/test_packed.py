"""Files that are small on disk and huge in memory: refused in words, before anything unpacks them."""

import struct
import zipfile
from pathlib import Path

import openpyxl
import pytest

from factories.shop import Shop
from keepwell.sources.reader import UnreadableFileError
from keepwell.sources.readers.packed import check_unpacked_size

SHEET = b'<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData></worksheet>'


def _packed(path: Path, content: bytes, name: str = "xl/worksheets/sheet1.xml") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return path


def test_a_workbook_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path) -> None:
    bomb = _packed(tmp_path / "bomb.xlsx", b" " * (64 << 20))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(UnreadableFileError, match="far larger unpacked"):
        check_unpacked_size(bomb)


def test_a_workbook_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    bomb = _packed(tmp_path / "bomb.xlsx", b" " * (64 << 20))
    content = bomb.read_bytes()
    # the size unpacked stands at byte 24 of the entry in the directory at the end of the file
    at = content.rindex(b"PK\x01\x02") + 24
    bomb.write_bytes(content[:at] + struct.pack("<I", 1_000) + content[at + 4 :])
    with zipfile.ZipFile(bomb) as file:
        assert file.infolist()[0].file_size == 1_000
    with pytest.raises(UnreadableFileError, match="far larger unpacked"):
        check_unpacked_size(bomb)


def test_a_cell_in_the_last_corner_of_a_sheet_is_refused(tmp_path: Path) -> None:
    # the reader would ask for 512 GB and end the process
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Orders", 0)
    sheet["A1"], sheet["A2"], sheet["XFD1048576"] = "order_id", 1, 2
    book.save(tmp_path / "sparse.xlsx")
    with pytest.raises(UnreadableFileError, match="row 1,048,576 and column 16,384"):
        check_unpacked_size(tmp_path / "sparse.xlsx")


def test_a_place_that_stands_across_two_pieces_is_seen(tmp_path: Path) -> None:
    cell = b'<c r="XFD1048576"/>'
    for before in range((1 << 20) - len(cell) - 1, (1 << 20) + 1):
        filler = bytes(97 + (i * 7919) % 26 for i in range(1000)) * 1_100
        with pytest.raises(UnreadableFileError, match="1,048,576"):
            check_unpacked_size(_packed(tmp_path / f"{before}.xlsx", filler[:before] + cell))


def test_an_import_of_a_bomb_names_the_file_and_changes_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    bomb = _packed(tmp_path / "orders.xlsx", b" " * (64 << 20))
    with pytest.raises(UnreadableFileError, match=r"orders\.xlsx"):
        shop.bring_files([bomb], entity="orders")
    assert shop.lake.changes() == []


def test_what_is_small_or_not_packed_passes(tmp_path: Path) -> None:
    check_unpacked_size(_packed(tmp_path / "small.xlsx", SHEET + b" " * 1_000_000))
    plain = tmp_path / "old.xls"
    plain.write_bytes(b"\xd0\xcf\x11\xe0 no zip")
    check_unpacked_size(plain)


def test_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    damaged = _packed(tmp_path / "damaged.xlsx", bytes(range(256)) * 2_000)
    content = bytearray(damaged.read_bytes())
    content[100:160] = b"\xff" * 60
    damaged.write_bytes(bytes(content))
    with pytest.raises(UnreadableFileError, match="damaged"):
        check_unpacked_size(damaged)
