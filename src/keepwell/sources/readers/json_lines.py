"""JSON lines: one object a line. Nested values come as JSON text."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from keepwell.engine.sql import literal, quoted
from keepwell.sources.reader import BadRecord, RawFile, Reading, UnreadableFileError, clean_header, staged_parquet
from keepwell.sources.readers import encoding as encodings

LONGEST_LINE = 16 << 20
# a line that is no JSON has no type to ask for
GOOD = "case when json_valid(line) then json_type(line) = 'OBJECT' else false end"


def read(source: Path, reading: Reading) -> RawFile:
    """Read the file; a line that is no JSON object is a rejected row."""
    reading.progress.start(f"read {source.name}")
    survey = encodings.survey(source, reading.options.encoding, reading.progress)
    text = source
    if survey.encoding not in {"utf-8", "ascii"} or survey.mixes_line_ends:
        text = reading.folder / "text.jsonl"
        encodings.rewrite_as_utf8(source, text, survey.encoding)
    lines = _split(text, source.name, reading)
    engine, numbered = reading.engine, f"read_parquet({literal(str(lines))}, file_row_number = true)"
    listed = engine.rows(f"select file_row_number, line from {numbered} where trim(line) <> '' and not ({GOOD}) order by 1")
    bad = tuple(BadRecord(number + 1, _why(line), line) for number, line in listed)
    placed = f"select unnest(json_keys(line)) as k, generate_subscripts(json_keys(line), 1) as place, file_row_number as n from {numbered} where {GOOD}"
    keys = [row[0] for row in engine.rows(f"select k from ({placed}) group by k order by min((n, place))")]
    columns = clean_header(keys, source.name)
    if not keys:
        raise UnreadableFileError(f"{source.name} holds no JSON object.", 'Each line is one object: {"order_id": 1, …}.')
    raw, places = reading.folder / "raw.parquet", reading.folder / "places.parquet"
    fields = ", ".join(f"json_extract_string(line, {literal(_path(k))}) as {quoted(c)}" for k, c in zip(keys, columns, strict=True))
    rows = sum(f.rows for f in engine.write_parquet(f"select {fields} from {numbered} where {GOOD}", raw))
    engine.write_parquet(f"select file_row_number as place from {numbered} where {GOOD}", places)

    def lines_of(records: Sequence[int]) -> list[int]:
        place = pq.read_table(places)["place"]
        return [place[r].as_py() + 1 for r in records]

    reading.progress.finish(f"{rows + len(bad):,} records")
    return RawFile(
        source, staged_parquet(raw), tuple((c, "VARCHAR") for c in columns), rows, survey.size, survey.sha256,
        {"encoding": survey.encoding, "format": "JSON lines"}, bad, lines_of,
    )  # fmt: skip


def _split(text: Path, name: str, reading: Reading) -> Path:
    """The lines as a Parquet file of one column, empty ones included."""
    lines = reading.folder / "lines.parquet"
    # control characters that no JSON text holds stand for delimiter, quote and escape: a line is one field
    options = (
        "auto_detect = false, header = false, delim = '\x01', quote = '', escape = '', columns = {'line': 'VARCHAR'}, "
        f"null_padding = true, store_rejects = true, rejects_limit = 0, max_line_size = {LONGEST_LINE}, buffer_size = {2 * LONGEST_LINE}"
    )
    reading.engine.write_parquet(f"select line from read_csv({literal(str(text))}, {options})", lines)
    passed_over = f"from reject_errors natural join reject_scans where file_path = {literal(str(text))}"
    line = reading.engine.value(f"select min(line) {passed_over}")
    if line is not None:
        raise UnreadableFileError(f"{name}, line {line:,}: the line is longer than {LONGEST_LINE >> 20} MB.", "Each line is one object.")
    return lines


def _path(key: str) -> str:
    escaped = key.replace('"', '\\"')
    return f'$."{escaped}"'


def _why(line: str) -> str:
    try:
        value = json.loads(line)
    except ValueError as error:
        return f"is no JSON: {error}"
    return f"is no JSON object but {type(value).__name__}"
