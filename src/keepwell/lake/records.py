"""What is remembered of each change to the lake: an import, an undo, an erasure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from keepwell.core.errors import unknown
from keepwell.core.files import read_json_or_none, write_json_atomically

FOLDER = "imports"
RECORD = "record.json"


class ChangeKind(StrEnum):
    """What a change is."""

    IMPORT = "import"
    UNDO = "undo"
    ERASURE = "erasure"
    COMPACTION = "compaction"
    RESULTS = "results"  # rows that a run computed


@dataclass(frozen=True)
class EntityCounts:
    """What one change did to one entity, in rows. ``removed`` are children gone from a changed file, or rows taken back."""

    entity: str
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    removed: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceFile:
    """A file as it was read: its name, content hash and what was understood of it."""

    name: str
    sha256: str
    size: int
    rows: int
    understood: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ChangeRecord:
    """One change, as the list of imports shows it."""

    import_id: str
    kind: ChangeKind
    source: str
    started_at: datetime
    finished_at: datetime | None = None
    files: tuple[SourceFile, ...] = ()
    mapping: str | None = None
    entities: tuple[EntityCounts, ...] = ()
    undoes: str | None = None
    undone_by: str | None = None
    versions_before: dict[str, int] = field(default_factory=dict)
    versions_after: dict[str, int] = field(default_factory=dict)
    by: str | None = None  # the user who asked for it; None on the command line

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        given = dict(found)
        given["kind"] = ChangeKind(given["kind"])
        given["started_at"] = datetime.fromisoformat(given["started_at"])
        given["finished_at"] = datetime.fromisoformat(given["finished_at"]) if given["finished_at"] else None
        given["files"] = tuple(SourceFile(**f) for f in given["files"])
        given["entities"] = tuple(EntityCounts(**{**e, "warnings": tuple(e["warnings"])}) for e in given["entities"])
        return cls(**given)


def folder_of(lake: Path, import_id: str) -> Path:
    """Where the record, the before-images and the rejected rows of a change lie."""
    return lake / FOLDER / import_id


def write(lake: Path, record: ChangeRecord) -> None:
    write_json_atomically(folder_of(lake, record.import_id) / RECORD, record.to_json())


def read_all(lake: Path) -> Iterator[ChangeRecord]:
    """Every finished change, oldest first."""
    folder = lake / FOLDER
    if not folder.is_dir():
        return
    found = [ChangeRecord.from_json(r) for p in folder.iterdir() if (r := read_json_or_none(p / RECORD)) is not None]
    yield from sorted(found, key=lambda r: (r.started_at, r.import_id))


def names(lake: Path) -> list[str]:
    """The ids of all changes, those on their way or given up among them, without opening a record."""
    folder = lake / FOLDER
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def read_or_none(lake: Path, import_id: str) -> ChangeRecord | None:
    """The record of that import; None where it was never finished."""
    found = read_json_or_none(folder_of(lake, import_id) / RECORD)
    return ChangeRecord.from_json(found) if found else None


def read(lake: Path, import_id: str) -> ChangeRecord:
    """The record of that import; an unknown id answers with the nearest known one."""
    found = read_json_or_none(folder_of(lake, import_id) / RECORD) if import_id.replace("_", "").isalnum() else None
    if found is None:
        raise unknown("import", import_id, (r.import_id for r in read_all(lake)))
    return ChangeRecord.from_json(found)
