"""Which version of each table counts: the one file that every reader looks at first."""

from dataclasses import dataclass, field
from pathlib import Path

from keepwell.core.files import read_json_or_none, write_json_atomically

FILE_NAME = "head.json"


@dataclass(frozen=True)
class Head:
    """Table -> version, after ``number`` changes; ``change`` is the id of the last one."""

    number: int = 0
    change: str | None = None
    tables: dict[str, int] = field(default_factory=dict)


def read(lake: Path) -> Head:
    """The head of a lake; a lake without one is empty."""
    found = read_json_or_none(lake / FILE_NAME)
    return Head(**found) if found else Head()


def write(lake: Path, head: Head) -> None:
    """Replace the head: readers see the old versions or the new ones, never some of each."""
    write_json_atomically(lake / FILE_NAME, {"number": head.number, "change": head.change, "tables": head.tables})
