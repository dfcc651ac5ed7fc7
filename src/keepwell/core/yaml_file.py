"""YAML files that people write: read safely, with the line of every value, so that an error can name it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from keepwell.core.errors import KeepwellError, WrongUseError

Address = tuple[str | int, ...]


class YamlError(KeepwellError):
    """A file that is wrong at a line. ``address`` is the place in its values, ``said`` what is wrong there without file, line and field."""

    def __init__(self, message: str, hint: str | None = None, address: Address = (), said: str | None = None) -> None:
        super().__init__(message, hint)
        self.address = address
        self.said = message if said is None else said


@dataclass(frozen=True)
class YamlFile:
    """The values of a file, and the line (1 is the first) on which each stands, by its address in the values.

    Values that come by another way, such as a form, have no lines: their errors name the places.
    """

    path: Path
    values: Any
    lines: dict[Address, int] = field(default_factory=dict)

    def error(self, address: Address, message: str, hint: str | None = None, said: str | None = None) -> YamlError:
        """An error that names the file, the line and the field."""
        if not self.lines:
            return YamlError(f"{'.'.join(self._named(address)) or self.path.stem}: {message}", hint, address, said or message)
        line = next((self.lines[address[:n]] for n in range(len(address), -1, -1) if address[:n] in self.lines), 1)
        # the place in a list says nothing to people, the line does
        where = ".".join(str(part) for part in address if not isinstance(part, int)) or "the file"
        return YamlError(f"{self.path.name}, line {line}: {where}: {message}", hint, address, said or message)

    def _named(self, address: Address) -> Iterator[str]:
        """The parts of an address; for a place in a list the name of what stands there, else its number."""
        at = self.values
        for part in address:
            at = at.get(part) if isinstance(at, dict) else at[part] if isinstance(at, list) and isinstance(part, int) else None
            names = [str(at[n]) for n in NAMING if n in at] if isinstance(at, dict) and isinstance(part, int) else []
            yield names[0] if names else str(part + 1) if isinstance(part, int) else part


NAMING = ("name", "kpi", "manual")  # the fields by which entries of a list are called
DEEPEST, MOST_VALUES = 50, 500_000

# in C where there is one: catalogues are long, and Python takes ten times as long for them
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Loader):  # type: ignore[misc, valid-type]  # which of the two it is, is known at run time only
    """A safe loader to which a word is a word: Norway is NO and not false, 007 is no 7, 12:30 no 750, and a day is its text."""

    # the library's stubs call it a variable of the instance
    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _kind, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"~|null|", ["~", "n", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|[-+]?\.[0-9]+", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), list(_first))


def read(path: Path) -> YamlFile:
    """Read ``path``; what is no YAML, or names a field twice, is an error with its line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise WrongUseError(
            f"There is no file {path}.", "Check its name; `keepwell map FILE --as ENTITY -o MAPPING.yaml` makes a mapping."
        ) from None
    except UnicodeDecodeError:
        raise YamlError(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    try:
        node, values = _loaded(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlError(
            f"{path.name}, line {line}: {error.problem}", "Mend the line: names and values are separated by a colon and a space."
        ) from error
    except yaml.YAMLError as error:
        raise YamlError(f"{path.name} is no YAML: {error}") from error
    except ValueError as error:
        raise YamlError(f"{path.name} holds a number that can't be read: {error}") from error
    except RecursionError:
        raise YamlError(f"{path.name} is nested too deeply.", "A few levels are enough for anything that is read here.") from None
    found = YamlFile(path, values, {(): 1})
    if node is not None:
        _note_lines(node, (), found)
    return found


def shipped(text: str) -> Any:
    """The values of a file that ships with Keepwell, whose lines nobody asks for."""
    return yaml.load(text, _Loader)  # noqa: S506 - both are safe loaders


class _PlainDumper(yaml.SafeDumper):
    """Puts text into quotes that a plain loader would take for a number: 1e5."""


_PlainDumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789"))


def written(values: Any) -> str:
    """The text of a file with these values, in their order, that :func:`read` gives back as they are."""
    return str(yaml.dump(values, Dumper=_PlainDumper, allow_unicode=True, sort_keys=False, width=10_000))


def _loaded(text: str) -> tuple[yaml.Node | None, Any]:
    """The tree of a file and its values, read once."""
    loader = _PlainLoader(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node, address: Address, found: YamlFile) -> None:
    if len(address) > DEEPEST or len(found.lines) > MOST_VALUES:
        # anchors can make a small file endless
        raise YamlError(
            f"{found.path.name} is nested too deeply or holds too much.", "Write values out instead of repeating them by anchors."
        )
    if not address:
        found.lines[()] = node.start_mark.line + 1
    found.lines.setdefault(address, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*address, key.value)
            if inner in found.lines:
                found.lines[inner] = key.start_mark.line + 1
                raise found.error(inner, "stands twice", "Keep one of them.")
            found.lines[inner] = key.start_mark.line + 1
            _note_lines(value, inner, found)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            _note_lines(value, (*address, place), found)
