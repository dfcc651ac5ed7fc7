"""One entry of a KPI file: its fields, each read with a check whose error names file, line and field."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from keepwell.core import yaml_file
from keepwell.core.errors import did_you_mean
from keepwell.core.yaml_file import Address, YamlError, YamlFile
from keepwell.metrics.kpi import LANGUAGES

Choice = TypeVar("Choice", bound=StrEnum)
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Entry:
    """One entry of a file, before it is checked."""

    file: YamlFile
    at: Address
    values: dict[str, Any]
    theme: str
    is_users: bool

    def error(self, field: str, message: str, hint: str | None = None) -> YamlError:
        """An error at a field; "" is the entry itself."""
        name = self.values.get("name")
        shown = f"{name}: {message}" if name and field != "name" else message
        return self.file.error((*self.at, field) if field else self.at, shown, hint, message)

    def get(self, field: str) -> Any:
        """What stands there, None where nothing does."""
        return self.values.get(field)

    def choice(self, field: str, kind: type[Choice], default: str | None = None) -> Choice:
        """One of the words of ``kind``."""
        value = self.get(field) if self.get(field) is not None else default
        try:
            return kind(str(value))
        except ValueError:
            raise self.error(field, f"is {value!r}", did_you_mean(str(value), [str(m) for m in kind])) from None

    def words(self, field: str, parameters: Mapping[str, int] | None = None) -> dict[str, str]:
        """Text in every language."""
        value = self.get(field)
        if not isinstance(value, dict) or set(value) != set(LANGUAGES) or not all(value.values()):
            raise self.error(field, "needs words in both languages", 'Write {en: "…", zh: "…"}, in quotes where a comma stands in them.')
        return {language: filled(str(value[language]), parameters or {}) for language in LANGUAGES}

    def parameters(self) -> dict[str, int]:
        """Names with whole numbers, which other fields use as {name}."""
        value = self.get("parameters") or {}
        if not isinstance(value, dict) or not all(isinstance(v, int) and not isinstance(v, bool) for v in value.values()):
            raise self.error("parameters", "are names with whole numbers", "Write {days: 90}.")
        return {str(k): int(v) for k, v in value.items()}

    def whole(self, field: str, default: int, parameters: Mapping[str, int] | None = None) -> int:
        """A whole number, 0 or more."""
        value = self.get(field)
        if isinstance(value, str):
            value = filled(value, parameters or {})
            value = int(value) if value.isdigit() else value
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(field, f"is {value!r}", "It is a whole number, 0 or more.")
        return value

    def positive_or_none(self, field: str) -> float | None:
        """A number greater than 0."""
        value = self.get(field)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
            raise self.error(field, f"is {value!r}", "It is a number greater than 0.")
        return float(value)


def entries(path: Path, *, is_users: bool) -> list[Entry]:
    """The entries of a file: a list of them, or one."""
    file = yaml_file.read(path)
    listed = file.values if isinstance(file.values, list) else [file.values]
    found = []
    for place, values in enumerate(listed):
        at: Address = (place,) if isinstance(file.values, list) else ()
        if not isinstance(values, dict):
            raise file.error(at, "is no KPI", "An entry has `name:`, `title:`, `kind:` and so on.")
        found.append(Entry(file, at, values, path.stem.partition("_")[2] or path.stem, is_users))
    return found


def filled(text: str, parameters: Mapping[str, int]) -> str:
    """The text with each {name} of a parameter replaced by its number."""
    return PLACEHOLDER.sub(lambda m: str(parameters.get(m[1], m[0])), text)
