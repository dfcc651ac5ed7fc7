"""Identifiers: ours, which sort by time, and those of sources, which are kept as they came."""

import re
import secrets
from datetime import UTC, datetime

from keepwell.core.errors import WrongUseError
from keepwell.core.text import clean

MAIN_SOURCE = "main"  # its identifiers carry no prefix, so a workspace with one source shows the ids its people know
_SOURCE_NAME = re.compile(r"[a-z0-9_-]+")


def new_id(prefix: str, at: datetime) -> str:
    """A new identifier such as ``imp_20261121T193000_ab12cd``: prefix, UTC second, random suffix.

    Identifiers of one prefix sort by time as text. Raises ValueError when ``at`` carries no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} carries no time zone.")
    return f"{prefix}_{at.astimezone(UTC):%Y%m%dT%H%M%S}_{secrets.token_hex(3)}"


def clean_id(text: str) -> str:
    """A source's identifier: NFC, trimmed, never case-folded, for ``a1`` and ``A1`` may be two customers."""
    return clean(text)


def check_source(name: str) -> str:
    """The name itself, if it may name a source. Raises WrongUseError otherwise."""
    if _SOURCE_NAME.fullmatch(name):
        return name
    suggestion = re.sub(r"[^a-z0-9_-]+", "-", name.strip().lower()).strip("-")
    example = f", for example {suggestion}" if suggestion else ""
    raise WrongUseError(f"{name!r} cannot name a source.", f"Use lowercase letters, digits, _ and -{example}.")


def with_source(source_id: str, source: str) -> str:
    """The identifier as the lake keeps it: ``source:ID``, or the ID alone for the source ``main``.

    Raises WrongUseError for a name that cannot name a source.
    """
    return source_id if check_source(source) == MAIN_SOURCE else f"{source}:{source_id}"


def part_of_path(key: str) -> str:
    """An id as one part of an address's path: a slash in it would end the part, however it is escaped. :func:`id_of_part` reads it back."""
    return key.replace("%", "%25").replace("/", "%2F")


def id_of_part(part: str) -> str:
    """The id that stands in an address as :func:`part_of_path` wrote it."""
    return part.replace("%2F", "/").replace("%25", "%")
