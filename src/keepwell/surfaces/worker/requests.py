"""What is asked of an import, as it waits for its turn: paths from the workspace's folder, so that a workspace can be moved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keepwell.core.errors import WrongUseError
from keepwell.core.workspace import Workspace
from keepwell.sources.imports import ImportRequest


def import_to_json(place: Workspace, request: ImportRequest, *, remove_files: bool) -> dict[str, Any]:
    """The request as plain values. Raises where a file lies outside the workspace."""
    return {
        "files": [_within(place, f) for f in request.files],
        "entity": request.entity,
        "mapping": _within(place, request.mapping) if request.mapping else None,
        "source": request.source,
        "is_dry_run": request.is_dry_run,
        "errors": _within(place, request.errors) if request.errors else None,
        "most_rejected": request.most_rejected,
        "known_as": list(request.known_as),
        "by": request.by,
        "remove_files": remove_files,
    }


def import_from_json(place: Workspace, told: Mapping[str, Any]) -> ImportRequest:
    """The request as it was asked."""
    return ImportRequest(
        tuple(place.folder / f for f in told["files"]),
        told["entity"],
        place.folder / told["mapping"] if told["mapping"] else None,
        told["source"],
        told["is_dry_run"],
        place.folder / told["errors"] if told["errors"] else None,
        told["most_rejected"],
        tuple(told.get("known_as", ())),
        told.get("by"),
    )


def files_of(place: Workspace, told: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files that go when the job is over."""
    return tuple(place.folder / f for f in told["files"]) if told.get("remove_files") else ()


def _within(place: Workspace, path: Path) -> str:
    found = (place.folder / path).resolve()
    if not found.is_relative_to(place.folder):
        raise WrongUseError(f"{path} lies outside the workspace.", f"Put it below {place.folder}.")
    return found.relative_to(place.folder).as_posix()
