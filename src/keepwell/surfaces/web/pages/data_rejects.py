"""Rejected rows as a file that a spreadsheet may open: no cell of it is a formula, and an import takes it back as it was."""

import csv
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from keepwell.sources.formats import is_number
from keepwell.surfaces.web.tables import CSV, KINDS, harmless

LONGEST_FIELD = 16 << 20
AT_ONCE = 1_000  # rows


class _Lines(list[str]):
    """What a CSV writer writes."""

    def write(self, text: str) -> int:
        self.append(text)
        return len(text)


def harmless_file(path: Path, name: str) -> Response:
    """The file as it is sent, row by row."""
    return StreamingResponse(_written(path), headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=KINDS[CSV])


def _written(path: Path) -> Iterator[bytes]:
    csv.field_size_limit(LONGEST_FIELD)
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")
    yield b"\xef\xbb\xbf"
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            # a negative amount begins like a formula and is none
            writer.writerow([cell if is_number(cell) else harmless(cell) for cell in row])
            if number % AT_ONCE == 0:
                yield "".join(lines).encode()
                lines.clear()
    yield "".join(lines).encode()
