"""Rows that came as JSON, landed as a file of rows is."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keepwell.lake.lake import Lake
from keepwell.sources import imports
from keepwell.sources.imports import ImportReport, ImportRequest
from keepwell.surfaces.web.site import Site

MOST_ROWS = 5_000
MOST_BYTES = 10 * 1024 * 1024


def landed(site: Site, lake: Lake, text: str, *, source: str, entity: str | None = None, mapping: Path | None = None) -> ImportReport:
    """Land rows, one JSON object a line, as an entity's or through a mapping. Rejected ones do not keep the others out."""
    with TemporaryDirectory(prefix="keepwell-push-") as scratch:
        file = Path(scratch) / "rows.jsonl"
        file.write_text(text + "\n", encoding="utf-8")
        return imports.run(site.place, lake, ImportRequest((file,), entity, mapping, source, most_rejected=1.0), site.clock)


def rows_read(report: ImportReport) -> float:
    """How many rows came, of all entities."""
    return float(sum(e.read for e in report.entities))


def report_to_json(report: ImportReport) -> Mapping[str, Any]:
    """What became of the rows: counts, and each rejected row with its reason."""
    counted = ("entity", "read", "inserted", "updated", "unchanged", "rejected")
    counts = [{n: getattr(e, n) for n in counted} | {"warnings": list(e.warnings)} for e in report.entities]
    rejected = [{"row": r.line, "entity": r.entity, "reason": r.reason} for r in report.rejected]
    return {"import_id": report.import_id, "source": report.source, "entities": counts, "rejected": rejected}
