"""Comma-, semicolon-, tab- or pipe-separated text.

Quote and escape are fixed (``"`` and ``""``): guessing them is how records get lost. The delimiter is found by which one
splits the first records alike. Every column is read as text; types are the checks' business.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepwell.engine.duckdb import STAGE
from keepwell.engine.sql import literal, names, quoted
from keepwell.sources.reader import BadRecord, RawFile, Reading, UnreadableFileError, clean_header, staged_table
from keepwell.sources.readers import encoding as encodings

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
SAMPLE_CHARACTERS = 256 << 10
SAMPLE_RECORDS = 200
LONGEST_RECORD = 16 << 20
PLAIN_ENCODINGS = {"utf-8", "utf-8-sig", "ascii"}


def read(source: Path, reading: Reading) -> RawFile:
    """Read the file; broken quotes, a wrong encoding or no rows are errors of the whole file, odd records are rejected rows."""
    reading.progress.start(f"read {source.name}")
    survey = encodings.survey(source, reading.options.encoding, reading.progress)
    text, lines = source, survey.lines
    if survey.encoding not in PLAIN_ENCODINGS or survey.mixes_line_ends:
        text = reading.folder / "text.csv"
        lines = encodings.rewrite_as_utf8(source, text, survey.encoding)
    sample = _sample(text)
    delimiter = reading.options.delimiter or _delimiter(sample)
    columns = _header(sample, delimiter, source.name)
    raw = f"{STAGE}.{quoted(f'raw_{reading.name}')}"
    empty_lines = len(sample[: _leading_line_ends(sample)].splitlines())
    layout = _Layout(text, delimiter, tuple(columns), skipped=empty_lines, lines=lines)
    rows = _copy(layout, raw, reading)
    bad = _bad_records(text, reading, source.name)
    if rows + len(bad) == 0:
        raise UnreadableFileError(f"{source.name} has a header and no rows.", "Export it again, with its rows.")
    reading.progress.finish(f"{rows + len(bad):,} records")
    return RawFile(
        source=source,
        raw=staged_table(raw),
        columns=tuple((c, "VARCHAR") for c in columns),
        rows=rows,
        size=survey.size,
        sha256=survey.sha256,
        understood={"encoding": survey.encoding, "delimiter": DELIMITERS.get(delimiter, repr(delimiter))},
        bad=bad,
        lines_of=_LineFinder(layout, rows, frozenset(b.line for b in bad)),
    )


@dataclass(frozen=True)
class _Layout:
    """How the records lie in a UTF-8 text: ``skipped`` empty lines stand before the header."""

    text: Path
    delimiter: str
    columns: tuple[str, ...]
    skipped: int
    lines: int


def _sample(text: Path) -> str:
    with text.open(encoding="utf-8-sig", newline="") as file:
        return file.read(SAMPLE_CHARACTERS)


def _records(sample: str, delimiter: str) -> list[list[str]]:
    try:
        found = [r for _, r in zip(range(SAMPLE_RECORDS), _csv_reader(io.StringIO(sample), delimiter), strict=False) if r]
    except csv.Error:
        return []
    # the sample may end within a record
    return found[:-1] if len(sample) == SAMPLE_CHARACTERS and len(found) > 1 else found


def _delimiter(sample: str) -> str:
    """The candidate that splits most records into as many fields as the header, the more fields the better."""

    def fit(candidate: str) -> tuple[float, int]:
        records = _records(sample, candidate)
        width = len(records[0]) if records else 0
        if width < 2:
            return (0.0, 0)
        return (Counter(len(r) for r in records)[width] / len(records), width)

    best = max(DELIMITERS, key=fit)
    return best if fit(best)[1] > 1 else ","


def _header(sample: str, delimiter: str, name: str) -> list[str]:
    records = _records(sample, delimiter)
    if not records:
        raise UnreadableFileError(f"{name} has no header line that can be read.", 'Quotes are ", doubled inside a field ("").')
    return clean_header(records[0], name)


def _copy(layout: _Layout, raw: str, reading: Reading) -> int:
    typed = "{" + ", ".join(f"{literal(c)}: 'VARCHAR'" for c in layout.columns) + "}"
    options = (
        f"auto_detect = false, header = true, skip = {layout.skipped}, delim = {literal(layout.delimiter)}, quote = '\"', escape = '\"', "
        f"columns = {typed}, store_rejects = true, rejects_limit = 0, max_line_size = {LONGEST_RECORD}, buffer_size = {2 * LONGEST_RECORD}"
    )
    # a record with nothing in it, as spreadsheets append them, is no record
    told = f"coalesce({names(layout.columns)}) is not null"
    return reading.engine.create_table(raw, f"select * from read_csv({literal(str(layout.text))}, {options}) where {told}")


def _bad_records(text: Path, reading: Reading, name: str) -> tuple[BadRecord, ...]:
    """What the parser passed over; a quote that is never closed swallows all after it, so it is an error of the file."""
    # the engine keeps what it passed over in all files that it has read
    found = reading.engine.rows(
        "select line_byte_position, error_type::varchar, csv_line, error_message from reject_errors "
        f"where scan_id = (select max(scan_id) from reject_scans where file_path = {literal(str(text))}) order by 1, byte_position"
    )
    if not found:
        return ()
    # a record's position may count the empty lines before it
    starts = [(position - 1 + _leading_line_ends(line), kind, line, message) for position, kind, line, message in found]
    lines = _lines_at(text, [s[0] for s in starts])
    bad: dict[int, BadRecord] = {}
    for line, (_, kind, record, message) in zip(lines, starts, strict=True):
        if kind == "UNQUOTED VALUE":
            raise UnreadableFileError(
                f"{name}, line {line:,}: a quote is opened and not closed, or text follows a closing quote.",
                'A field in quotes ends with a quote; a quote inside it is doubled ("").',
            )
        if kind == "LINE SIZE OVER MAXIMUM":
            raise UnreadableFileError(
                f"{name}, line {line:,}: the record is longer than {LONGEST_RECORD >> 20} MB.", "Is a quote missing there?"
            )
        bad.setdefault(line, BadRecord(line, _reason(kind, message), record.strip("\r\n")))
    return tuple(bad[line] for line in sorted(bad))


def _leading_line_ends(line: str) -> int:
    return len(line) - len(line.lstrip("\r\n"))


def _reason(kind: str, message: str) -> str:
    expected, _, got = message.removeprefix("Expected Number of Columns: ").partition(" Found: ")
    if kind == "MISSING COLUMNS":
        return f"has {got} columns, expected {expected}"
    if kind == "TOO MANY COLUMNS":
        return f"has {got} columns, expected {expected}: is a delimiter inside a field without quotes?"
    return message


def _lines_at(text: Path, positions: Sequence[int]) -> list[int]:
    """The line numbers of byte positions, ascending, in one pass over the file."""
    lines: list[int] = []
    line, seen = 1, 0
    wanted = iter([*positions, None])
    position = next(wanted)
    for chunk in encodings.chunks(text):
        start = 0
        while position is not None and position < seen + len(chunk):
            line += chunk.count(b"\n", start, position - seen)
            start = position - seen
            lines.append(line)
            position = next(wanted)
        line, seen = line + chunk.count(b"\n", start), seen + len(chunk)
        if position is None:
            break
    return lines + [line] * (len(positions) - len(lines))


def _csv_reader(file: Iterable[str], delimiter: str) -> Any:
    csv.field_size_limit(LONGEST_RECORD)
    return csv.reader(file, delimiter=delimiter)


class _LineFinder:
    """Finds the line of a good record by its place among the good ones.

    Where every record is one line that is the place plus the header; else the file is read once more, only when asked.
    """

    def __init__(self, layout: _Layout, rows: int, bad_lines: frozenset[int]) -> None:
        self._layout, self._bad_lines = layout, bad_lines
        self._is_one_to_one = not bad_lines and layout.lines == rows + 1

    def __call__(self, records: Sequence[int]) -> list[int]:
        if self._is_one_to_one:
            return [r + 2 for r in records]
        return list(self._walk(records))

    def _walk(self, records: Sequence[int]) -> Iterable[int]:
        wanted = iter(records)
        target = next(wanted, None)
        with self._layout.text.open(encoding="utf-8-sig", newline="") as file:
            reader = _csv_reader(file, self._layout.delimiter)
            next(record for record in reader if record)
            good, before = 0, reader.line_num
            for record in reader:
                first_line, before = before + 1, reader.line_num
                if first_line in self._bad_lines or not any(record):
                    continue
                while target is not None and good == target:
                    yield first_line
                    target = next(wanted, None)
                if target is None:
                    return
                good += 1
