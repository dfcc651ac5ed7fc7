"""Mapping files: how a source's columns become the model's.

Two forms an entity: a plain one (columns, expressions, value maps, constants), or one SELECT over the view ``rows``.
"""

import fnmatch
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from keepwell.core import yaml_file
from keepwell.core.errors import did_you_mean
from keepwell.core.ids import check_source
from keepwell.core.settings import check_timezone
from keepwell.core.yaml_file import Address, YamlFile
from keepwell.engine.walls import RefusedSqlError, check_expression, check_select
from keepwell.lake.entity import Entity, entities
from keepwell.sources.reader import ReadOptions

ROWS = "rows"
LINE_COLUMN = "_line"
TOP_FIELDS = (
    "version", "files", "timezone", "dates", "decimal", "encoding", "delimiter", "sheet", "constants", "ids", "entities",
)  # fmt: skip
ENTITY_FIELDS = (
    "files",
    "columns",
    "expressions",
    "values",
    "constants",
    "where",
    "select",
    "replace_by",
    "attributes",
    "ids",
    "dates",
    "decimal",
)
DECIMAL_SIGNS = (".", ",")


@dataclass(frozen=True)
class EntityMapping:
    """What one entity takes from the files. SQL in it has passed the first wall."""

    entity: Entity
    files: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)  # the model's column -> the file's
    expressions: dict[str, str] = field(default_factory=dict)  # the model's column -> SQL over the file's columns
    values: dict[str, dict[str, str | None]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)  # attribute -> the file's column
    where: str | None = None
    select: str | None = None
    replace_by: str | None = None
    ids: dict[str, str] = field(default_factory=dict)  # id column -> the source whose ids it holds
    dates: str | None = None
    decimal: str | None = None

    @property
    def plain_columns(self) -> tuple[str, ...]:
        """The model's columns that the plain form gives."""
        given = [*self.columns, *self.expressions, *self.constants]
        return tuple(dict.fromkeys([*given, "attributes"] if self.attributes else given))


@dataclass(frozen=True)
class Mapping:
    """A whole mapping file."""

    entities: tuple[EntityMapping, ...]
    files: tuple[str, ...] = ()
    timezone: str | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    name: str | None = None

    def files_for(self, mapping: EntityMapping, files: list[Path]) -> list[Path]:
        """Those of ``files`` that the entity reads."""
        patterns = mapping.files or self.files
        return [f for f in files if not patterns or any(fnmatch.fnmatch(f.name, p) for p in patterns)]


def read(path: Path) -> Mapping:
    """Read and check a mapping file; every error names its line and field."""
    file = yaml_file.read(path)
    values = file.values
    if not isinstance(values, dict):
        raise file.error((), "is no mapping", "It starts with `version: 1` and has `entities:`.")
    _known_fields(file, (), values, TOP_FIELDS)
    if values.get("version") != 1:
        raise file.error(("version",), f"is {values.get('version')!r}", "This Keepwell reads version 1.")
    if not isinstance(values.get("entities"), dict) or not values["entities"]:
        raise file.error(("entities",), "names no entity", "Name at least one, such as `orders:`.")
    if values.get("timezone") is not None:
        check_timezone(_text(file, ("timezone",), values["timezone"]))
    parts = tuple(_entity(file, name, spec or {}, values) for name, spec in values["entities"].items())
    options = ReadOptions(**{k: _text(file, (k,), values[k]) for k in ("encoding", "delimiter", "sheet") if values.get(k) is not None})
    return Mapping(parts, tuple(_texts(file, ("files",), values.get("files"))), values.get("timezone"), options, path.name)


def _entity(file: YamlFile, name: str, spec: Any, top: dict[str, Any]) -> EntityMapping:
    at: Address = ("entities", name)
    if name not in entities():
        raise file.error(at, "is no entity", did_you_mean(name, entities()))
    entity = entities()[name]
    if entity.is_derived:
        raise file.error(at, "is written by a refresh, never imported")
    if not isinstance(spec, dict):
        raise file.error(at, "says nothing", "Give `columns:` or `select:`.")
    _known_fields(file, at, spec, ENTITY_FIELDS)
    found = EntityMapping(
        entity=entity,
        files=tuple(_texts(file, (*at, "files"), spec.get("files"))),
        columns=_named(file, (*at, "columns"), spec.get("columns"), entity),
        expressions={
            c: _expression(file, (*at, "expressions", c), s)
            for c, s in _named(file, (*at, "expressions"), spec.get("expressions"), entity).items()
        },
        values=_value_maps(file, (*at, "values"), spec.get("values"), entity),
        constants=_constants(file, at, spec, top, entity),
        attributes=_attributes(file, (*at, "attributes"), spec.get("attributes"), entity),
        where=_expression(file, (*at, "where"), spec["where"]) if spec.get("where") is not None else None,
        select=_select(file, (*at, "select"), spec["select"]) if spec.get("select") is not None else None,
        replace_by=_column(file, (*at, "replace_by"), spec["replace_by"], entity) if spec.get("replace_by") else None,
        ids=_id_owners(file, at, spec, top, entity),
        dates=_dates(file, at, spec, top),
        decimal=_decimal(file, at, spec, top),
    )
    return _checked(file, at, found)


def _checked(file: YamlFile, at: Address, found: EntityMapping) -> EntityMapping:
    plain = {"columns": found.columns, "expressions": found.expressions, "attributes": found.attributes, "where": found.where}
    mixed = [name for name, given in plain.items() if given]
    if found.select and mixed:
        raise file.error((*at, mixed[0]), "stands beside `select`", "An entity has either the plain form or one SELECT.")
    if not found.select and not found.plain_columns:
        raise file.error(at, "gives no column", "Give `columns:` or `select:`.")
    twice = set(found.columns) & set(found.expressions)
    if twice:
        raise file.error((*at, "expressions", min(twice)), "is given by `columns` too", "Keep one of them.")
    # a constant for all entities yields to what the entity says itself
    return replace(found, constants={c: v for c, v in found.constants.items() if c not in found.columns and c not in found.expressions})


def _known_fields(file: YamlFile, at: Address, values: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in values:
        if name not in known:
            raise file.error((*at, name), "is no field of a mapping", did_you_mean(str(name), known))


def _column(file: YamlFile, at: Address, name: Any, entity: Entity) -> str:
    if not isinstance(name, str) or not entity.has_column(name):
        raise file.error(at, f"{entity.name} has no column {name!r}", did_you_mean(str(name), [c.name for c in entity.columns]))
    column = entity.column(name)
    if column.is_computed:
        raise file.error(at, f"{name} is computed when rows land, so no file may bring it", "Leave it out.")
    return name


def _named(file: YamlFile, at: Address, values: Any, entity: Entity) -> dict[str, str]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise file.error(at, "is no list of names and values")
    return {_column(file, (*at, name), name, entity): _text(file, (*at, name), value) for name, value in values.items()}


def _attributes(file: YamlFile, at: Address, values: Any, entity: Entity) -> dict[str, str]:
    if values is None:
        return {}
    if not entity.has_column("attributes"):
        raise file.error(at, f"{entity.name} has no attributes")
    if isinstance(values, list):
        return {t: t for t in _texts(file, at, values)}
    if not isinstance(values, dict):
        raise file.error(at, "is no list of columns")
    return {str(name): _text(file, (*at, name), value) for name, value in values.items()}


def _value_maps(file: YamlFile, at: Address, values: Any, entity: Entity) -> dict[str, dict[str, str | None]]:
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(v, dict) for v in values.values()):
        raise file.error(at, "is no map of columns to maps of values", "Write `values: {country: {EIRE: IE}}`.")
    return {
        _column(file, (*at, name), name, entity): {str(k): None if v is None else str(v) for k, v in members.items()}
        for name, members in values.items()
    }


def _constants(file: YamlFile, at: Address, spec: dict[str, Any], top: dict[str, Any], entity: Entity) -> dict[str, str]:
    shared = top.get("constants") or {}
    if not isinstance(shared, dict):
        raise file.error(("constants",), "is no list of names and values")
    for name in shared:
        if not any(e.has_column(name) for e in entities().values()):
            raise file.error(
                ("constants", name),
                "is no column of any entity",
                did_you_mean(name, {c.name for e in entities().values() for c in e.columns}),
            )
    common = {c: _text(file, ("constants", c), v) for c, v in shared.items() if entity.has_column(c) and not entity.column(c).is_computed}
    return common | _named(file, (*at, "constants"), spec.get("constants"), entity)


def _id_owners(file: YamlFile, at: Address, spec: dict[str, Any], top: dict[str, Any], entity: Entity) -> dict[str, str]:
    shared = top.get("ids") or {}
    for name in shared:
        if not any(e.has_column(name) for e in entities().values()):
            raise file.error(("ids", name), "is no column of any entity")
    common = {c: s for c, s in shared.items() if entity.has_column(c) and not entity.column(c).is_computed}
    owners = common | (spec.get("ids") or {})
    for column, owner in owners.items():
        _column(file, (*at, "ids"), column, entity)
        check_source(str(owner))
    return {c: str(s) for c, s in owners.items()}


def _dates(file: YamlFile, at: Address, spec: dict[str, Any], top: dict[str, Any]) -> str | None:
    for address, holder in (((*at, "dates"), spec), (("dates",), top)):
        if holder.get("dates") is not None:
            found = _text(file, address, holder["dates"])
            if "%" not in found:
                raise file.error(address, f"{found!r} is no date format", 'Write it as in "%d.%m.%Y" or "%Y-%m-%d %H:%M".')
            return found
    return None


def _decimal(file: YamlFile, at: Address, spec: dict[str, Any], top: dict[str, Any]) -> str | None:
    for address, holder in (((*at, "decimal"), spec), (("decimal",), top)):
        if holder.get("decimal") is not None:
            if holder["decimal"] not in DECIMAL_SIGNS:
                raise file.error(address, f"is {holder['decimal']!r}", 'It is "." or ",".')
            return str(holder["decimal"])
    return None


def _text(file: YamlFile, at: Address, value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        raise file.error(at, "has no value" if value is None else "is no single value")
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _texts(file: YamlFile, at: Address, values: Any) -> list[str]:
    if values is None:
        return []
    listed = values if isinstance(values, list) else [values]
    return [_text(file, (*at, i), v) for i, v in enumerate(listed)]


def _expression(file: YamlFile, at: Address, sql: Any) -> str:
    try:
        return check_expression(_text(file, at, sql))
    except RefusedSqlError as error:
        raise file.error(at, error.message, error.hint) from error


def _select(file: YamlFile, at: Address, sql: Any) -> str:
    try:
        return check_select(_text(file, at, sql), [ROWS], line_column=LINE_COLUMN)
    except RefusedSqlError as error:
        raise file.error(at, error.message, error.hint) from error


def for_entity(entity: Entity, columns: list[str]) -> tuple[EntityMapping, list[str]]:
    """The mapping of a file whose columns have the model's names, and the columns that have not."""
    folded = {c.strip().lower().replace(" ", "_").replace("-", "_"): c for c in columns}
    known = {c.name for c in entity.columns if not c.is_computed}
    given = {name: folded[name] for name in folded if name in known}
    computed = {c.name for c in entity.columns if c.is_computed}
    ignored = [c for name, c in folded.items() if name not in known and name not in computed and not name.startswith("_")]
    return EntityMapping(entity, columns=given), ignored
