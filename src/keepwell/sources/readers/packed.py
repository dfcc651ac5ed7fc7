"""Files that are packed: how large one is when it is unpacked, found out before anything unpacks it into memory.

An Excel file of a few kilobytes can hold gigabytes, or name one cell in the last corner of a sheet, for which a reader makes
room for seventeen thousand million.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from keepwell.sources.reader import UnreadableFileError

MOST_UNPACKED = 1 << 30
MOST_RATIO = 250  # sheets that repeat themselves pack to a fiftieth
SMALL = 32 << 20  # what is no larger than this is no bomb, however well it packs
MOST_PARTS = 10_000
MOST_CELLS = 40_000_000  # a reader keeps 32 bytes a cell, empty ones within the used range too
PIECE = 1 << 20
_PLACE = re.compile(rb"""\sr\s*=\s*["']([A-Z]{0,3})([0-9]{1,9})["']""")
_LONGEST_PLACE = 64
_LOCAL_HEADER = 30


def check_unpacked_size(source: Path) -> None:
    """Refuse a packed file (Excel, OpenDocument) that would not fit into memory; one that is not packed passes.

    What the file says of its size is checked first, then what really comes out, for it may lie.
    """
    if not zipfile.is_zipfile(source):
        return
    try:
        with zipfile.ZipFile(source) as packed, source.open("rb") as raw:
            parts = packed.infolist()
            _check_declared(source, parts)
            left = MOST_UNPACKED
            for part in parts:
                left = _check_part(source, part, _pieces(raw, part), left)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UnreadableFileError(f"{source.name} is damaged: {error}", "Save it again as .xlsx or as CSV.") from error


def _check_declared(source: Path, parts: list[zipfile.ZipInfo]) -> None:
    unpacked, size = sum(p.file_size for p in parts), max(1, source.stat().st_size)
    if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED or (unpacked > SMALL and unpacked > MOST_RATIO * size):
        raise _too_large(source)


def _check_part(source: Path, part: zipfile.ZipInfo, pieces: Iterator[bytes], left: int) -> int:
    """Unpack a part piece by piece, keeping none; returns what may still come."""
    size, rows, columns, tail = 0, 0, 0, b""
    for piece in pieces:
        size += len(piece)
        if size > left or (size > SMALL and size > MOST_RATIO * max(1, part.compress_size)):
            raise _too_large(source)
        places = set(_PLACE.findall(tail + piece))
        if places:
            rows = max(rows, *(int(row) for _, row in places))
            columns = max(columns, *(_column(letters) for letters, _ in places))
            if rows * columns > MOST_CELLS:
                raise UnreadableFileError(
                    f"{source.name}: the sheet reaches to row {rows:,} and column {columns:,}, which is more than can be read.",
                    "Delete the cells far from the table, or save it as CSV.",
                )
        tail = piece[-_LONGEST_PLACE:]
    return left - size


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _pieces(raw: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """What really comes out of a part; the library would stop where the part says that it ends."""
    raw.seek(part.header_offset)
    header = raw.read(_LOCAL_HEADER)
    name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    raw.seek(part.header_offset + _LOCAL_HEADER + name + extra)
    left = part.compress_size
    if part.compress_type != zipfile.ZIP_DEFLATED:
        while left > 0 and (piece := raw.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
        return
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    while left > 0 and not unpacker.eof and (piece := raw.read(min(PIECE, left))):
        left -= len(piece)
        yield unpacker.decompress(piece, PIECE)
        while unpacker.unconsumed_tail:
            yield unpacker.decompress(unpacker.unconsumed_tail, PIECE)


def _too_large(source: Path) -> UnreadableFileError:
    return UnreadableFileError(
        f"{source.name} would be far larger unpacked than a workbook is (more than {MOST_UNPACKED >> 20:,} MB, or {MOST_RATIO} times its size).",
        "If it really holds that much, save it as CSV.",
    )
