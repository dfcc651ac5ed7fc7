"""Rows that came as JSON, landed as a file of rows is."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keepwell.lake.lake import Lake
from keepwell.sources import imports
from keepwell.sources.imports import ImportRefusedError, ImportReport, ImportRequest
from keepwell.sources.rejects import RejectedLine
from keepwell.surfaces.api.problem import RefusedError
from keepwell.surfaces.web.site import Site

MOST_ROWS = 5_000
MOST_BYTES = 10 * 1024 * 1024


def landed(site: Site, lake: Lake, text: str, *, source: str, entity: str | None = None, mapping: Path | None = None) -> ImportReport:
    """Land rows, one JSON object a line, as an entity's or through a mapping. Rejected ones do not keep the others out.

    Where every row is rejected it is an error (409) that has each of them.
    """
    with TemporaryDirectory(prefix="keepwell-push-") as scratch:
        file = Path(scratch) / "rows.jsonl"
        file.write_text(text + "\n", encoding="utf-8")
        try:
            return imports.run(site.place, lake, ImportRequest((file,), entity, mapping, source, most_rejected=1.0), site.clock)
        except ImportRefusedError as error:
            if not error.rejected:
                raise
            # a program looks at the status, and finds each row in what it is told
            raise RefusedError(
                HTTPStatus.CONFLICT,
                "All rows were rejected, so nothing was landed.",
                "`errors` tells what is wrong with each row.",
                errors=[told(r) for r in error.rejected],
            ) from error


def check_writable(text: str) -> None:
    """Raise 400 where rows hold half a character: JSON can, and no file."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "The rows hold half a character (a lone surrogate).", "Send text as UTF-8.") from error


def told(rejected: RejectedLine) -> dict[str, Any]:
    """A row that did not land: its number, counted from 1, and why."""
    return {"row": rejected.line, "entity": rejected.entity, "reason": rejected.reason}


def rows_read(report: ImportReport) -> float:
    """How many rows came, of all entities."""
    return float(sum(e.read for e in report.entities))


def report_to_json(report: ImportReport) -> Mapping[str, Any]:
    """What became of the rows: counts, and each rejected row with its reason."""
    counted = ("entity", "read", "inserted", "updated", "unchanged", "rejected")
    counts = [{n: getattr(e, n) for n in counted} | {"warnings": list(e.warnings)} for e in report.entities]
    return {"import_id": report.import_id, "source": report.source, "entities": counts, "rejected": [told(r) for r in report.rejected]}
