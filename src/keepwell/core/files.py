"""Files that appear whole or not at all."""

import errno
import json
import os
from pathlib import Path
from typing import Any

from keepwell.core.errors import KeepwellError


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by ``text``: a reader, or a start after a crash, sees the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut, where the system lets a folder be synced (not on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json_atomically(path: Path, value: Any) -> None:
    """:func:`write_atomically` of ``value`` as JSON that people can read and compare."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def read_json_or_none(path: Path) -> Any:
    """The JSON in ``path``; None when there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        # a name that no file can have is one of no file
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise
    try:
        return json.loads(text)
    except ValueError as error:
        raise KeepwellError(f"{path} is damaged: {error}", "Restore it from a backup; nothing was changed.") from error
