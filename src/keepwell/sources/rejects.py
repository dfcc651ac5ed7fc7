"""Rejected rows, handed back as a file that can be corrected and imported again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal, names
from keepwell.sources.reader import RawFile

# what stands in a file of rejected rows beside the columns as they came; an import passes over it
OWN_COLUMNS = ("_file", "_line", "_entity", "_reason")
# a line number carries its file in the upper bits
FILE_STEP = 1 << 40


@dataclass(frozen=True)
class Rejected:
    """One row that did not land. ``record`` is its place (file and record) or None where a group of records made it."""

    entity: str
    record: int | None
    reason: str


@dataclass(frozen=True)
class RejectedLine:
    """A rejected row as people find it."""

    file: str
    line: int | None
    entity: str
    reason: str


def lines(rejected: Sequence[Rejected], files: Sequence[RawFile]) -> list[RejectedLine]:
    """Rejected rows with file and line, broken records included, in the order of the files."""
    found: list[tuple[int, RejectedLine]] = []
    for number, file in enumerate(files):
        here = [r for r in rejected if r.record is not None and r.record // FILE_STEP == number]
        records = sorted({r.record % FILE_STEP for r in here if r.record is not None})
        line_of = dict(zip(records, file.lines_of(records), strict=True)) if records else {}
        name = file.source.name
        found += [(number, RejectedLine(name, line_of[(r.record or 0) % FILE_STEP], r.entity, r.reason)) for r in here]
        found += [(number, RejectedLine(name, b.line, "", b.reason)) for b in file.bad]
    unplaced = [RejectedLine("", None, r.entity, r.reason) for r in rejected if r.record is None]
    return [r for _, r in sorted(found, key=lambda f: (f[0], f[1].line or 0))] + unplaced


def write_file(engine: DuckDBEngine, rejected: Sequence[Rejected], files: Sequence[RawFile], target: Path, scratch: Path) -> int:
    """Write the rejected rows as CSV: ``_file``, ``_line``, ``_entity``, ``_reason``, then the columns as they came. Returns the rows."""
    parts = [p for number, file in enumerate(files) for p in [_part(number, file, rejected, scratch)] if p]
    loose = [r for r in rejected if r.record is None]
    if loose:
        table = pa.table({
            "_file": pa.array([""] * len(loose)),
            "_line": pa.array([None] * len(loose), pa.int64()),
            "_entity": [r.entity for r in loose],
            "_reason": [r.reason for r in loose],
        })  # fmt: skip
        pq.write_table(table, scratch / "rejected.loose.parquet")
        parts.append(f"select * from read_parquet({literal(str(scratch / 'rejected.loose.parquet'))})")
    if not parts:
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    everything = " union all by name ".join(parts)
    return engine.write_csv(f"select * from ({everything}) order by _file, _line, _entity", target)


def _part(number: int, file: RawFile, rejected: Sequence[Rejected], scratch: Path) -> str | None:
    here = [r for r in rejected if r.record is not None and r.record // FILE_STEP == number]
    if not here and not file.bad:
        return None
    records = sorted({(r.record or 0) % FILE_STEP for r in here})
    line_of = dict(zip(records, file.lines_of(records), strict=True)) if records else {}
    listed = [((r.record or 0) % FILE_STEP, line_of[(r.record or 0) % FILE_STEP], r.entity, r.reason) for r in here]
    path = scratch / f"rejected.{number}.parquet"
    pq.write_table(pa.table({
        "_record": pa.array([r for r, *_ in listed], pa.int64()),
        "_line": pa.array([line for _, line, *_ in listed], pa.int64()),
        "_entity": pa.array([e for *_, e, _ in listed], pa.string()),
        "_reason": pa.array([r for *_, r in listed], pa.string()),
    }), path)  # fmt: skip
    columns = [c for c, _ in file.columns if c not in OWN_COLUMNS]
    mine = f"read_parquet({literal(str(path))})"
    # one row a record, whatever number of entities it was rejected from
    once = f"select _record, any_value(_line) as _line, string_agg(distinct _entity, ', ' order by _entity) as _entity, string_agg(distinct _reason, '; ' order by _reason) as _reason from {mine} group by 1"
    good = f"select {literal(file.source.name)} as _file, m._line, m._entity, m._reason, {names(columns, 'r')} from ({once}) m join {file.raw} r on r._record = m._record"
    if not file.bad:
        return good
    bad_path = scratch / f"rejected.{number}.bad.parquet"
    first = columns[0]
    pq.write_table(pa.table({
        "_file": [file.source.name] * len(file.bad),
        "_line": pa.array([b.line for b in file.bad], pa.int64()),
        "_entity": [""] * len(file.bad),
        "_reason": [b.reason for b in file.bad],
        # what could not be split into columns comes back whole, in the first one
        first: [b.text for b in file.bad],
    }), bad_path)  # fmt: skip
    return f"{good} union all by name select * from read_parquet({literal(str(bad_path))})"
