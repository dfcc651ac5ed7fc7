"""A report as it is sent: its words for mails and chats and its files, written down once and shared by all who see the same."""

import hashlib
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keepwell.core.files import read_json_or_none, write_json_atomically
from keepwell.core.settings import Locale
from keepwell.core.workspace import Workspace

FOLDER, WORDS = "outgoing", "words.json"


@dataclass(frozen=True)
class Package:
    """What a message brings. ``files`` are names in its folder, in their order; ``short`` is for chats."""

    title: str
    short: str
    html: str
    text: str
    files: tuple[str, ...] = ()


def folder_of(place: Workspace, subject_id: str, scope_key: str, language: Locale) -> Path:
    """Where the version of a subject lies that people of that scope and language get."""
    version = hashlib.sha256(f"{scope_key} {language}".encode()).hexdigest()[:16]
    return place.folder / FOLDER / subject_id / version


def write_package(folder: Path, package: Package, files: dict[str, bytes]) -> None:
    """Write it down. Its folder appears whole or not at all; one that is there already stays as it is."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    scratch.mkdir()
    try:
        for name, content in files.items():
            (scratch / name).write_bytes(content)
        write_json_atomically(scratch / WORDS, asdict(package))
        if not folder.exists():
            scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def package_or_none(folder: Path) -> Package | None:
    """What lies there; None where it is not, or not any more."""
    told: dict[str, Any] | None = read_json_or_none(folder / WORDS)
    return None if told is None else Package(**{**told, "files": tuple(told["files"])})


def forget_packages(place: Workspace, keep: frozenset[str], before: float) -> None:
    """Remove those of subjects that nothing is to be sent of any more, and that were written before that moment (seconds since 1970)."""
    folder = place.folder / FOLDER
    for found in folder.iterdir() if folder.is_dir() else ():
        if found.name not in keep and found.stat().st_mtime < before:
            shutil.rmtree(found, ignore_errors=True)
