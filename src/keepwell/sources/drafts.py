"""Drafts: uploads that wait to be imported, each a folder of the workspace that is gone a week later.

``drafts/<id>/`` holds the file under a name of ours (what a person called it is never used as a path), ``draft.json``, what a look
at the file found, the mapping as it stands, and the last check. A folder without ``draft.json`` is an upload that broke off.
"""

import errno
import hashlib
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean, unknown
from keepwell.core.files import read_json_or_none, write_json_atomically
from keepwell.core.ids import MAIN_SOURCE, check_source, new_id
from keepwell.core.workspace import Workspace
from keepwell.sources.reader import ReadOptions, readers

RECORD, LOOK, MAPPING, CHECK = "draft.json", "look.json", "mapping.yaml", "check.json"
KEPT_FOR = timedelta(days=7)
MB = 1 << 20
LONGEST_NAME = 150


class NoRoomError(KeepwellError):
    """An upload that is larger than it may be, or than the disk has room for."""


@dataclass(frozen=True)
class Draft:
    """An upload that waits: what a person called the file, where it lies, who brought it and when, and whose ids it holds."""

    draft_id: str
    folder: Path
    name: str
    file: Path
    size: int
    sha256: str
    by: str | None
    made_at: datetime
    source: str = MAIN_SOURCE
    options: ReadOptions = field(default_factory=ReadOptions)  # what a person said of the file itself

    @property
    def mapping(self) -> Path:
        return self.folder / MAPPING

    @property
    def ends_at(self) -> datetime:
        """When it is removed."""
        return self.made_at + KEPT_FOR


class Upload:
    """A draft in the making: ``write`` what comes, then ``finish``; left without, as a context, it leaves nothing behind."""

    def __init__(self, workspace: Workspace, name: str, by: str | None, at: datetime) -> None:
        self._name = shown_name(name)
        ending = Path(self._name).suffix.lower()
        known = readers()
        if ending not in known:
            raise WrongUseError(
                f"{self._name}: files that end in {ending or 'nothing'!r} can't be read.",
                did_you_mean(ending, known) or f"Known: {', '.join(known)}.",
            )
        self._limit = workspace.settings.upload_limit_mb * MB
        self._by, self._at = by, at
        remove_old(workspace, at)
        self._id = new_id("drf", at)
        self._folder = workspace.drafts_folder / self._id
        self._path = self._folder / f"file{ending}"
        self._digest = hashlib.sha256()
        self._size = 0

    def __enter__(self) -> Self:
        return self.begin()

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> Self:
        """Make the file; whoever does calls ``close`` in the end."""
        self._folder.mkdir(parents=True, mode=0o700)
        self._file = self._path.open("xb")
        return self

    def close(self) -> None:
        """The end: what is not finished is removed."""
        self._file.close()
        if not (self._folder / RECORD).exists():
            shutil.rmtree(self._folder, ignore_errors=True)

    def expect(self, size: int) -> None:
        """Refuse at once what is announced as larger than there is room for."""
        self._check_limit(size)
        if size > shutil.disk_usage(self._folder).free:
            raise self._no_disk()

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._check_limit(self._size)
        self._digest.update(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            raise self._no_disk() if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else _unwritable(error) from error

    def finish(self) -> Draft:
        """The draft, of which from now on others know."""
        if not self._size:
            raise WrongUseError(f"{self._name} is empty.", "Export it again, with its rows.")
        try:
            self._file.close()
        except OSError as error:
            raise self._no_disk() if error.errno == errno.ENOSPC else _unwritable(error) from error
        draft = Draft(self._id, self._folder, self._name, self._path, self._size, self._digest.hexdigest(), self._by, self._at)
        _write(draft)
        return draft

    def _check_limit(self, size: int) -> None:
        if size > self._limit:
            raise NoRoomError(
                f"{self._name} is larger than {self._limit // MB:,} MB, the most that may be uploaded.",
                "Import it on the server (`keepwell import`), divide it, or raise upload_limit_mb in keepwell.toml.",
            )

    def _no_disk(self) -> NoRoomError:
        return NoRoomError(
            f"The server's disk has no room for {self._name}.", "Nothing was kept. Ask an administrator to make room, then try again."
        )


def shown_name(name: str) -> str:
    """What people call a file: the last part of a path, without what can't be seen, of a length that can be shown."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    seen = " ".join("".join(c for c in last if not unicodedata.category(c).startswith("C")).split())
    ending = Path(seen).suffix[:20]
    return seen if len(seen) <= LONGEST_NAME else seen[: LONGEST_NAME - len(ending) - 1] + "…" + ending


def draft_of(workspace: Workspace, draft_id: str, by: str | None) -> Draft:
    """That person's draft; somebody else's is as unknown as one that is not there."""
    found = _read_or_none(workspace.drafts_folder / draft_id) if draft_id.replace("_", "").isalnum() else None
    if found is None or found.by != by:
        raise unknown("upload", draft_id, ())
    return found


def drafts_of(workspace: Workspace, by: str | None) -> list[Draft]:
    """What that person has uploaded and not imported, the newest first."""
    folder = workspace.drafts_folder
    found = [_read_or_none(f) for f in folder.iterdir() if f.is_dir()] if folder.is_dir() else []
    return sorted((d for d in found if d is not None and d.by == by), key=lambda d: d.draft_id, reverse=True)


def set_source(draft: Draft, source: str) -> Draft:
    """Say where the file comes from: its ids are that source's."""
    changed = replace(draft, source=check_source(source))
    _write(changed)
    return changed


def set_options(draft: Draft, options: ReadOptions) -> Draft:
    """Say how the file is read; it has to be looked at anew."""
    changed = replace(draft, options=options)
    _write(changed)
    (draft.folder / LOOK).unlink(missing_ok=True)
    return changed


def forget(draft: Draft) -> None:
    """Remove the draft, its file too."""
    shutil.rmtree(draft.folder, ignore_errors=True)


def forget_imported(workspace: Workspace, files: Sequence[Path]) -> None:
    """Remove the drafts whose files these are; other files are let be."""
    for folder in {f.parent for f in files if f.parent.parent == workspace.drafts_folder}:
        shutil.rmtree(folder, ignore_errors=True)


def remove_old(workspace: Workspace, at: datetime) -> None:
    """Remove the drafts of more than a week ago, and uploads of more than a day ago that broke off."""
    folder = workspace.drafts_folder
    for found in folder.iterdir() if folder.is_dir() else ():
        draft = _read_or_none(found)
        begun = draft.made_at if draft else datetime.fromtimestamp(found.stat().st_mtime, UTC)
        if at - begun > (KEPT_FOR if draft else timedelta(days=1)):
            shutil.rmtree(found, ignore_errors=True)


def _write(draft: Draft) -> None:
    told: dict[str, Any] = {
        "name": draft.name, "file": draft.file.name, "size": draft.size, "sha256": draft.sha256, "by": draft.by,
        "made_at": draft.made_at.isoformat(), "source": draft.source, "options": asdict(draft.options),
    }  # fmt: skip
    write_json_atomically(draft.folder / RECORD, told)


def _read_or_none(folder: Path) -> Draft | None:
    told = read_json_or_none(folder / RECORD)
    if told is None:
        return None
    made_at = datetime.fromisoformat(told["made_at"])
    file = folder / told["file"]
    options = ReadOptions(**told["options"])
    return Draft(folder.name, folder, told["name"], file, told["size"], told["sha256"], told["by"], made_at, told["source"], options)


def _unwritable(error: OSError) -> KeepwellError:
    return KeepwellError(f"The upload can't be written: {error.strerror}", "Ask an administrator to look at the folder `drafts`.")
