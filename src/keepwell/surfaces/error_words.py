"""Error texts in the reader's language. Errors are raised in English; what they say is told by template, and what varies stays as it is."""

import functools
import importlib.resources
import re
from dataclasses import dataclass
from typing import Any

from keepwell.core.settings import Locale
from keepwell.core.yaml_file import shipped

BRACES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Template:
    """A text of the code's with braces around what varies, and the same in Chinese."""

    english: str
    chinese: str
    shape: re.Pattern[str]


def told_in(text: str, locale: Locale) -> str:
    """The text of an error, or of its hint, in that language; a text that has no template stays as it is."""
    if locale is not Locale.CHINESE:
        return text
    for template in templates():
        found = template.shape.fullmatch(text)
        if found:
            return _filled(template.chinese, found.groupdict())
    return text


def _filled(chinese: str, values: dict[str, str]) -> str:
    return BRACES.sub(lambda place: _words().get(values[place[1]], values[place[1]]), chinese)


@functools.cache
def templates() -> tuple[Template, ...]:
    """All of them; the one that leaves the least open comes first."""
    found = [Template(t["en"], t["zh"], _shape(t["en"])) for t in _catalogue()["texts"]]
    return tuple(sorted(found, key=lambda t: -len(BRACES.sub("", t.english))))


def _words() -> dict[str, str]:
    found: dict[str, str] = _catalogue()["words"]
    return found


@functools.cache
def _catalogue() -> dict[str, Any]:
    text = (importlib.resources.files("keepwell.surfaces") / "errors_zh.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = shipped(text)
    return found


def _shape(english: str) -> re.Pattern[str]:
    parts = BRACES.split(english)
    # a name that stands twice means the same both times
    seen: set[str] = set()
    written = []
    for place, part in enumerate(parts):
        if place % 2 == 0:
            written.append(re.escape(part))
        else:
            written.append(f"(?P={part})" if part in seen else f"(?P<{part}>.+?)")
            seen.add(part)
    return re.compile("".join(written), re.DOTALL)
