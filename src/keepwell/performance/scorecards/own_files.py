"""A workspace's own cards as files: each change is a file of a higher version, and the one before is kept beside it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock, Timeout

from keepwell.core import yaml_file
from keepwell.core.errors import KeepwellError, UnknownError, WrongUseError, unknown
from keepwell.core.files import write_atomically
from keepwell.core.yaml_file import YamlError, YamlFile
from keepwell.metrics.kpi import Kpi
from keepwell.performance.scorecards.card import Card
from keepwell.performance.scorecards.card_file import card_of, read_card, shipped_files

EARLIER = "earlier"  # the folder of versions that were replaced, in that of the cards
LOCK = ".changing.lock"
WAIT_SECONDS = 20.0


class ChangedMeanwhileError(WrongUseError):
    """Somebody else changed the card after it was looked at."""


class GivenError(YamlError, WrongUseError):
    """A definition that came by a form or a request, and is wrong."""


@dataclass(frozen=True)
class Definition:
    """A card's file: its values with every key they have. ``is_own`` says whether it is the workspace's, ``has_shipped`` whether one of that name is shipped."""

    path: Path
    values: Mapping[str, Any]
    is_own: bool
    has_shipped: bool

    @property
    def name(self) -> str:
        return str(self.values["name"])

    @property
    def version(self) -> int:
        return int(self.values["version"])

    @property
    def mark(self) -> str:
        """The same as long as nothing in the file is changed."""
        told = json.dumps(self.values, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Earlier:
    """A version that was replaced; ``key`` names its file."""

    key: str
    version: int
    values: Mapping[str, Any]


def definition(folder: Path, name: str, known: Mapping[str, Kpi]) -> Definition:
    """The file by which a card is defined now: the workspace's own, else the shipped one; a faulty own file of that name is an error."""
    shipped = shipped_files()
    found = None
    for path in sorted(folder.glob("*.yaml")):
        try:
            card = read_card(path, known)
        except YamlError:
            if path.stem == name:
                raise
        else:
            found = path if card.name == name else found
    if found is None and name not in shipped:
        raise unknown("scorecard", name, shipped)
    if found is None:
        return Definition(folder / f"{name}.yaml", shipped[name], is_own=False, has_shipped=True)
    return Definition(found, yaml_file.read(found).values, is_own=True, has_shipped=name in shipped)


def definition_or_none(folder: Path, name: str, known: Mapping[str, Kpi]) -> Definition | None:
    """The same; None where no card has that name."""
    try:
        return definition(folder, name, known)
    except UnknownError:
        return None


def given(values: Any, known: Mapping[str, Kpi]) -> Card:
    """The card of values that came by a form or a request; what is wrong with them is an error that names the place."""
    try:
        return card_of(YamlFile(Path("scorecard"), values), known)
    except YamlError as error:
        raise GivenError(error.message, error.hint, error.address, error.said) from error


def other_name(name: str, told: str) -> WrongUseError:
    """The error for a definition that is called otherwise than the card that it shall become."""
    return WrongUseError(f"The definition is called {told}, not {name}.", "Give it the card's name.")


def earlier(folder: Path, name: str) -> list[Earlier]:
    """The versions of a card that were replaced, the latest first; files there that can't be read are left out."""
    found = []
    for path in (folder / EARLIER).glob("*.yaml"):
        try:
            values = yaml_file.read(path).values
        except YamlError:
            continue
        if isinstance(values, dict) and values.get("name") == name and isinstance(values.get("version"), int):
            found.append(Earlier(path.stem, values["version"], values))
    return sorted(found, key=lambda e: (-e.version, e.key))


def save(folder: Path, values: Mapping[str, Any], known: Mapping[str, Kpi], seen: Definition | None) -> Card:
    """Write a card as the workspace's own, one version higher than any before; gives it as it was read back.

    ``seen`` is the definition that was changed, None for a new card; where it is no longer the present one, nothing is written.
    """
    name = given(values, known).name
    with changing(folder):
        present = definition_or_none(folder, name, known)
        _check_unchanged(present, seen)
        version = max([0 if present is None else present.version, *(e.version for e in earlier(folder, name))]) + 1
        path = folder / f"{name}.yaml" if present is None else present.path
        text = yaml_file.written({**values, "version": version})
        card = _read_back(path, text, known)
        if (present is None or not present.is_own) and path.exists():
            raise KeepwellError(f"The file {path.name} holds another scorecard.", "Rename that file, then save again.")
        if present is not None and present.is_own:
            _keep(folder, present)
        write_atomically(path, text)
        return card


def revert(folder: Path, name: str, known: Mapping[str, Kpi]) -> Definition:
    """Take the own card away, so that the shipped one counts again; the file is kept among the earlier ones. Gives what was taken."""
    with changing(folder):
        present = definition(folder, name, known)
        if not present.is_own or not present.has_shipped:
            raise WrongUseError(f"There is no own scorecard {name} that took the place of a shipped one.", "Nothing was changed.")
        _keep(folder, present)
        present.path.unlink()
        return present


def bring_back(folder: Path, name: str, key: str, known: Mapping[str, Kpi]) -> Card:
    """An earlier version counts again, as a new one."""
    found = next((e for e in earlier(folder, name) if e.key == key), None)
    if found is None:
        raise unknown("earlier version", key, (e.key for e in earlier(folder, name)))
    return save(folder, found.values, known, definition_or_none(folder, name, known))


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Be the only one who changes the workspace's cards."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=WAIT_SECONDS):
            yield
    except Timeout as error:
        raise KeepwellError("Somebody else is saving a scorecard.", "Try again in a moment.") from error


def changed_meanwhile(present: Definition | None) -> ChangedMeanwhileError:
    """The error for a change of what is no longer there, or no longer so."""
    if present is None:
        return ChangedMeanwhileError("The scorecard was taken away meanwhile.", "Nothing was saved.")
    return ChangedMeanwhileError(
        f"The scorecard was changed meanwhile: it is at version {present.version} now.",
        "Nothing was saved. Load the page again and repeat your change.",
    )


def _check_unchanged(present: Definition | None, seen: Definition | None) -> None:
    if (None if present is None else present.mark) != (None if seen is None else seen.mark):
        raise changed_meanwhile(present)


def _read_back(path: Path, text: str, known: Mapping[str, Kpi]) -> Card:
    """The card as its text will be read; what is wrong is told before anything is replaced."""
    with TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_text(text, encoding="utf-8")
        return read_card(trial, known)


def _keep(folder: Path, present: Definition) -> None:
    text = present.path.read_text(encoding="utf-8-sig")
    key, number = f"{present.name}-v{present.version}", 1
    # a file that people changed by hand without raising its version
    while (kept := folder / EARLIER / f"{key}.yaml").exists() and kept.read_text(encoding="utf-8") != text:
        number += 1
        key = f"{present.name}-v{present.version}-{number}"
    write_atomically(kept, text)
