"""The mapping of a draft: suggested from a look at the file, changed line by line, kept as a plain mapping file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from keepwell.core import yaml_file
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.files import read_json_or_none, write_atomically, write_json_atomically
from keepwell.core.workspace import Workspace
from keepwell.lake.entity import Column, ColumnType, Entity, entity
from keepwell.sources import mapping as mapping_files
from keepwell.sources.drafts import LOOK, Draft, set_options
from keepwell.sources.evidence import SampleColumn
from keepwell.sources.formats import Ambiguous
from keepwell.sources.sampling import Look, look
from keepwell.sources.suggest import suggest, suggest_entity, to_yaml
from keepwell.sources.suggestion import Suggestion

CANDIDATES = 5
EMPTY = ""  # as a cell of a value map: an empty one


@dataclass(frozen=True)
class Target:
    """A column that files may bring."""

    column: Column

    @property
    def is_needed(self) -> bool:
        """Whether rows can't land without it."""
        return self.column.is_required and self.column.default is None


@dataclass(frozen=True)
class Plain:
    """The plain mapping of a file to one entity, as a form shows it."""

    entity: Entity
    columns: Mapping[str, str] = field(default_factory=dict)  # the model's column -> the file's
    expressions: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    dates: str | None = None
    decimal: str | None = None
    timezone: str | None = None

    @property
    def missing(self) -> list[Column]:
        """The columns that must be given and are not."""
        given = {*self.columns, *self.expressions, *self.constants}
        return [t.column for t in targets(self.entity) if t.is_needed and t.column.name not in given]


def targets(of: Entity) -> list[Target]:
    """The columns of the entity that a file can bring."""
    return [Target(c) for c in of.columns if not c.is_computed and c.type is not ColumnType.ATTRIBUTES]


def look_at(draft: Draft) -> Look:
    """A look at the file, found once. An error names the file as people do."""
    told = read_json_or_none(draft.folder / LOOK)
    if told is None:
        with named_as_uploaded(draft):
            found = look(draft.file, options=draft.options)
        write_json_atomically(draft.folder / LOOK, asdict(found))
        return found
    columns = tuple(SampleColumn(c["name"], tuple(c["values"])) for c in told["columns"])
    return Look(columns, tuple(tuple(r) for r in told["first_rows"]), told["understood"], tuple(told["sheets"]))


@contextmanager
def named_as_uploaded(draft: Draft) -> Iterator[None]:
    """Errors about the file as it lies on disk become errors about the file as people call it."""
    try:
        yield
    except KeepwellError as error:
        error.message = error.message.replace(draft.file.name, draft.name)
        raise


def likely_entities(draft: Draft, workspace: Workspace) -> list[str]:
    """What the file may hold, the likeliest first."""
    ranked = suggest_entity(look_at(draft).columns, currency=workspace.settings.currency)
    return [r.entity for r in ranked[:CANDIDATES]]


def suggestion_for(draft: Draft, workspace: Workspace, name: str) -> Suggestion:
    settings = workspace.settings
    return suggest(look_at(draft).columns, entity(name), currency=settings.currency, timezone=settings.timezone)


def suggest_mapping(draft: Draft, workspace: Workspace, name: str) -> Suggestion:
    """Write the suggested mapping to that entity."""
    found = suggestion_for(draft, workspace, name)
    said = _options_said(draft)
    told = yaml.safe_dump(said, allow_unicode=True, width=10_000) if said else ""
    write_atomically(draft.mapping, to_yaml(found).replace("version: 1\n", f"version: 1\n{told}", 1))
    return found


def _options_said(draft: Draft) -> dict[str, str]:
    return {name: value for name, value in asdict(draft.options).items() if value is not None}


def plain_or_none(draft: Draft) -> Plain | None:
    """The mapping, if it is one of a single entity in the plain form; None where it takes a text to change it."""
    values = mapping_values(draft)
    parts = values.get("entities") if isinstance(values, dict) else None
    if not isinstance(parts, dict) or len(parts) != 1 or set(values) & {"ids", "files"}:
        return None
    (name, spec), *_ = parts.items()
    spec = spec or {}
    if set(spec) & {"select", "where", "attributes", "files", "ids", "replace_by"}:
        return None
    of = entity(name)
    shared = {c: v for c, v in (values.get("constants") or {}).items() if of.has_column(c) and not of.column(c).is_computed}
    constants = shared | (spec.get("constants") or {})
    columns, expressions = spec.get("columns") or {}, spec.get("expressions") or {}
    return Plain(
        of, columns, expressions, {c: _text(v) for c, v in constants.items() if c not in columns and c not in expressions}, spec.get("values") or {},
        spec.get("dates") or values.get("dates"), spec.get("decimal") or values.get("decimal"), values.get("timezone"),
    )  # fmt: skip


def write_plain(draft: Draft, plain: Plain) -> None:
    """Keep the mapping; what a mapping file may not say is an error, and the old one stays."""
    spec: dict[str, Any] = {"columns": dict(plain.columns)}
    if plain.expressions:
        spec["expressions"] = dict(plain.expressions)
    if values := {c: dict(v) for c, v in plain.values.items() if v and (c in plain.columns or c in plain.expressions)}:
        spec["values"] = values
    if constants := {c: v for c, v in plain.constants.items() if c not in plain.columns and c not in plain.expressions}:
        spec["constants"] = constants
    top = {"version": 1, "timezone": plain.timezone, "dates": plain.dates, "decimal": plain.decimal}
    written = {k: v for k, v in top.items() if v} | _options_said(draft) | {"entities": {plain.entity.name: spec}}
    write_text(draft, yaml.safe_dump(written, allow_unicode=True, sort_keys=False, width=10_000))


def write_text(draft: Draft, text: str) -> None:
    """Keep a mapping as a person wrote it; an error names its line, and the old one stays."""
    scratch = draft.folder / "changed" / "mapping.yaml"
    write_atomically(scratch, text)
    try:
        options = mapping_files.read(scratch).options
        scratch.replace(draft.mapping)
    finally:
        scratch.unlink(missing_ok=True)
    if options != draft.options:
        set_options(draft, options)


def mapping_values(draft: Draft) -> Any:
    """The mapping as plain values; None before there is one."""
    return yaml_file.read(draft.mapping).values if draft.mapping.exists() else None


def chosen(plain: Plain, suggestion: Suggestion, picks: Sequence[tuple[str, str]], constants: Mapping[str, str]) -> Plain:
    """The mapping after a form: each file column with the model's column that it feeds ('' for none), and what holds for all rows.

    What was said of a column's values stays as long as the same file column feeds it.
    """
    columns: dict[str, str] = {}
    expressions = {c: sql for c, sql in plain.expressions.items() if c in suggestion.expressions}
    values: dict[str, Mapping[str, str | None]] = {}
    suggested = {m.column.name: m for m in suggestion.matches}
    for file_column, name in picks:
        if not name:
            continue
        if name in columns or (name in expressions and name not in suggestion.expressions):
            raise WrongUseError(f"Two columns of the file feed {name}.", "Choose one of them; the other is passed over.")
        match = suggested.get(name)
        is_as_suggested = match is not None and match.source.name == file_column
        if match is not None and is_as_suggested and match.expression:
            expressions[name] = match.expression
        else:
            columns[name] = file_column
            expressions.pop(name, None)
        was = plain.columns.get(name) == file_column or name in plain.expressions
        kept = plain.values.get(name) if was else match.values if match is not None and is_as_suggested else None
        if kept:
            values[name] = kept
    told = {c: v.strip() for c, v in constants.items() if v.strip()}
    return Plain(plain.entity, columns, expressions, told, values, plain.dates, plain.decimal, plain.timezone)


def open_formats(suggestion: Suggestion, setting: str) -> list[str]:
    """The formats between which the file's values do not decide."""
    found = suggestion.dates if setting == "dates" else suggestion.decimal
    if not isinstance(found, Ambiguous):
        return []
    return [str(o) if setting == "dates" else o.point for o in found.options]  # type: ignore[union-attr]  # one setting has one kind


def known_mappings(workspace: Workspace) -> list[Path]:
    """The mappings that the workspace remembers."""
    folder = workspace.mapping_folder
    return sorted(folder.glob("*.yaml")) if folder.is_dir() else []


def use_mapping(draft: Draft, workspace: Workspace, name: str) -> None:
    """Take a remembered mapping for this file."""
    found = next((p for p in known_mappings(workspace) if p.name == name), None)
    if found is None:
        raise WrongUseError(f"There is no mapping {name!r}.")
    write_text(draft, found.read_text(encoding="utf-8-sig"))


def remember_mapping(draft: Draft, workspace: Workspace, name: str) -> Path:
    """Keep the mapping in ``mappings/`` for the next file of its kind; an older one of that name is replaced."""
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in name.strip().lower()).strip("-")[:80]
    if not stem:
        raise WrongUseError("The mapping needs a name.", "Use letters and digits, such as shop-orders.")
    target = workspace.mapping_folder / f"{stem}.yaml"
    write_atomically(target, draft.mapping.read_text(encoding="utf-8"))
    return target


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
