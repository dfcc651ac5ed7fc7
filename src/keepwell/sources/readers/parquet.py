"""Parquet: typed already; read where it lies."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from keepwell.engine.sql import literal
from keepwell.sources.reader import RawFile, Reading, UnreadableFileError, staged_parquet
from keepwell.sources.readers import encoding as encodings


def read(source: Path, reading: Reading) -> RawFile:
    """Check that the file can be read and copy its records into the scratch folder; types stay as they are."""
    reading.progress.start(f"read {source.name}")
    try:
        rows = pq.read_metadata(source).num_rows
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableFileError(f"{source.name} is no Parquet file: {reason}", "Is it another kind of file with this ending?") from error
    if rows == 0:
        raise UnreadableFileError(f"{source.name} has no rows.", "Export it again, with its rows.")
    digest = hashlib.sha256()
    for chunk in encodings.chunks(source, reading.progress):
        digest.update(chunk)
    raw = reading.folder / "raw.parquet"
    # a copy, so that a file that is replaced while it is imported changes nothing
    reading.engine.write_parquet(f"select * from read_parquet({literal(str(source))}, hive_partitioning = false)", raw)
    columns = reading.engine.columns(f"select * from read_parquet({literal(str(raw))})")
    reading.progress.finish(f"{rows:,} records")
    return RawFile(source, staged_parquet(raw), tuple(columns), rows, source.stat().st_size, digest.hexdigest(), {"format": "Parquet"})
