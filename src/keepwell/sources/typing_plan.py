"""How one entity's rows come out of the raw files: the mapped query, then the typed one.

Everything here is SQL text; nothing is read but samples for the formats of dates and numbers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from keepwell.core.errors import KeepwellError, did_you_mean
from keepwell.core.ids import MAIN_SOURCE
from keepwell.core.money import currencies
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import Steps, literal, names, quoted
from keepwell.lake.entity import Column, ColumnType, Entity, Rule
from keepwell.sources import casts, formats
from keepwell.sources.casts import NOTHING, PLAIN_NUMBER, Cell, Style
from keepwell.sources.findings import Cause, Fault, grouped
from keepwell.sources.formats import Ambiguous, DateFormat, DecimalStyle
from keepwell.sources.mapping import LINE_COLUMN, ROWS, EntityMapping
from keepwell.sources.zones import local_day

SAMPLE = 2_000
# clocks differ, and a shop may lie a day ahead of UTC
FUTURE_SLACK = "interval 1 day"
NUMBER_TYPES = {ColumnType.MONEY, ColumnType.DECIMAL, ColumnType.NUMBER, ColumnType.COUNT}
DATE_TYPES = {ColumnType.INSTANT, ColumnType.DATE}


class MappingMismatchError(KeepwellError):
    """A mapping that does not fit the file."""


class MissingColumnsError(MappingMismatchError):
    """Nothing gives columns that the entity must have."""

    def __init__(self, entity: Entity, columns: Sequence[str]) -> None:
        super().__init__(
            f"{entity.name}: nothing gives {', '.join(columns)}.",
            f"`keepwell map FILE --as {entity.name}` suggests a mapping; a value that is the same in all rows stands under `constants:`.",
        )
        self.columns = tuple(columns)


class AmbiguousFormatError(MappingMismatchError):
    """Every value of a column can be read in several formats, which do not mean the same; ``setting`` of a mapping says which."""

    def __init__(self, message: str, hint: str, setting: str, options: Sequence[str]) -> None:
        super().__init__(message, hint)
        self.setting, self.options = setting, tuple(options)


@dataclass(frozen=True)
class Terms:
    """What holds for all rows of one import."""

    source: str
    zone: str  # of instants without one in the files
    reporting_zone: str  # in which an instant's day is computed
    at: datetime


@dataclass(frozen=True)
class TypedPlan:
    """Queries for one entity. ``typed`` gives the key, all ``provided`` columns, ``_line`` and ``_bad``; ``reasons`` the bad rows' reasons."""

    mapping: EntityMapping
    provided: tuple[str, ...]
    typed: Steps
    reasons: Steps
    faults: tuple[Fault, ...]
    findings: Steps  # the bad rows counted by fault and value
    warnings: tuple[tuple[str, Rule], ...]  # condition over the typed columns, the rule that rows break for which it is true
    landing: str  # SQL of the columns that landing lends to rules and computed columns
    understood: dict[str, str]


def mapped_sql(mapping: EntityMapping, file_columns: Sequence[str]) -> str:
    """The query over ``rows`` that gives the entity's columns as the file has them."""
    if mapping.select:
        mapped = ", ".join(f"{_with_values(quoted(c), values)} as {quoted(c)}" for c, values in mapping.values.items())
        return f"select * replace ({mapped}) from ({mapping.select})" if mapped else mapping.select
    by_folded = {c.casefold(): c for c in file_columns}
    parts = [f"{LINE_COLUMN}"]
    for name, file_column in mapping.columns.items():
        found = by_folded.get(file_column.casefold())
        if found is None:
            raise missing_column(mapping.entity, file_column, file_columns)
        parts.append(f"{_with_values(quoted(found), mapping.values.get(name))} as {quoted(name)}")
    parts += [f"{_with_values(sql, mapping.values.get(name))} as {quoted(name)}" for name, sql in mapping.expressions.items()]
    if mapping.attributes:
        pairs = ", ".join(f"{literal(a)}: cast({quoted(by_folded.get(c.casefold(), c))} as varchar)" for a, c in mapping.attributes.items())
        parts.append(f"map {{{pairs}}} as attributes")
    where = f"\nwhere {mapping.where}" if mapping.where else ""
    return f"select {', '.join(parts)} from {ROWS}{where}"


def missing_column(entity: Entity, column: str, file_columns: Sequence[str]) -> MappingMismatchError:
    listed = ", ".join(list(file_columns)[:20])
    return MappingMismatchError(f"{entity.name}: the file has no column {column!r}.", f"Its columns are: {listed}.")


def _with_values(sql: str, values: dict[str, str | None] | None) -> str:
    if not values:
        return sql
    text = f"trim(cast({sql} as varchar), {literal(casts.WHITE_SPACE)})"
    if "" in values:
        text = f"coalesce({text}, '')"
    cases = " ".join(f"when {literal(before)} then {literal(after)}" for before, after in values.items())
    return f"case {text} {cases} else cast({sql} as varchar) end"


def plan(engine: DuckDBEngine, mapping: EntityMapping, file_columns: Sequence[str], terms: Terms) -> TypedPlan:
    """Look at a sample, settle the formats, and write the queries; what a mapping lacks is an error before anything runs."""
    mapped = mapped_sql(mapping, file_columns)
    # the engine calls a column as its first mention does, City for "City" as city
    held = {name.lower(): kind for name, kind in engine.columns(f"({mapped})") if name.lower() != LINE_COLUMN}
    planning = _Planning(engine, mapping, mapped, held, _given_columns(mapping, held), terms)
    for column in planning.given:
        planning.styles[column.name] = _style(planning, column)
    return _written(planning)


@dataclass(frozen=True)
class _Planning:
    """What is known of one entity's rows while their queries are written."""

    engine: DuckDBEngine
    mapping: EntityMapping
    mapped: str
    held: dict[str, str]  # column -> its SQL type in the mapped rows
    given: list[Column]
    terms: Terms
    styles: dict[str, Style] = field(default_factory=dict)
    understood: dict[str, str] = field(default_factory=dict)

    @property
    def entity(self) -> Entity:
        return self.mapping.entity

    @property
    def read(self) -> list[Column]:
        """The columns that the rows give; the others given are constants."""
        return [c for c in self.given if c.name in self.held]

    @property
    def at(self) -> str:
        return f"cast({literal(self.terms.at.astimezone(UTC).isoformat())} as timestamptz)"


def _given_columns(mapping: EntityMapping, held: dict[str, str]) -> list[Column]:
    entity = mapping.entity
    for name in held:
        if entity.column(name).is_computed:
            raise MappingMismatchError(f"{entity.name}: {name} is computed when rows land, so no file may bring it.", "Leave it out.")
    given = [c for c in entity.columns if c.name in held or c.name in mapping.constants]
    told = {c.name for c in given}
    missing = [c.name for c in entity.columns if c.is_required and not c.is_computed and not c.default and c.name not in told]
    if missing:
        raise MissingColumnsError(entity, missing)
    return given


def _style(planning: _Planning, column: Column) -> Style:
    mapping, zone = planning.mapping, planning.terms.zone
    if column.type is ColumnType.ID:
        owner = mapping.ids.get(column.name, planning.terms.source)
        return Style(zone, id_prefix="" if owner == MAIN_SOURCE else f"{owner}:")
    if not casts.is_text(planning.held.get(column.name, "")):
        return Style(zone)
    if column.type in DATE_TYPES:
        pattern = mapping.dates or _date_pattern(planning, column)
        if pattern:
            planning.understood[column.name] = f"dates {pattern}"
        return Style(zone, date_pattern=pattern)
    if column.type in NUMBER_TYPES:
        number = _number_style(planning, column)
        if not number.is_plain:
            planning.understood[column.name] = f"numbers {number}"
        return Style(zone, number=number)
    return Style(zone)


def _sample(planning: _Planning, column: Column) -> list[str]:
    """Values from all over the file, the same ones each time."""
    name = quoted(column.name)
    every = max(1, int(planning.engine.value(f"select count(*) from {ROWS}")) // SAMPLE)
    places = f"{LINE_COLUMN} % {every} = 0 and" if LINE_COLUMN in planning.mapped else ""
    query = f"select cast({name} as varchar) from ({planning.mapped}) where {places} {name} is not null limit {SAMPLE}"
    return [str(row[0]) for row in planning.engine.rows(query)]


def _date_pattern(planning: _Planning, column: Column) -> str | None:
    values = _sample(planning, column)
    found = formats.detect_dates(values)
    if found is None:
        # some values are no dates; those that are tell the format, and the others are rejected with their line
        found = formats.detect_dates(_readable_alike(values))
    if isinstance(found, Ambiguous):
        found = _settled_by_whole_file(planning, column, found)
    return found.pattern if found else None


def _readable_alike(values: list[str]) -> list[str]:
    """Those of the values that are written in the commonest format."""
    read = {value: formats.detect_dates([value]) for value in values}
    common = Counter(str(f) for f in read.values() if f is not None).most_common(1)
    return [v for v, f in read.items() if f is not None and common and str(f) == common[0][0]]


def _settled_by_whole_file(planning: _Planning, column: Column, found: Ambiguous[DateFormat]) -> DateFormat:
    counts = ", ".join(f"count(try_strptime(trim({quoted(column.name)}), {literal(o.pattern or '%Y-%m-%d')}))" for o in found.options)
    read = planning.engine.rows(f"select {counts} from ({planning.mapped})")[0]
    best = max(read)
    if list(read).count(best) > 1:
        raise AmbiguousFormatError(
            f"{column.name}: every date can be read as {found}, which are different days.",
            f'Say which in a mapping: dates: "{found.options[0]}".',
            "dates",
            [str(o) for o in found.options],
        )
    return found.options[list(read).index(best)]


def _number_style(planning: _Planning, column: Column) -> DecimalStyle:
    if planning.mapping.decimal == ",":
        return DecimalStyle(",", ".")
    if planning.mapping.decimal == ".":
        return DecimalStyle(".", ",")
    values = _sample(planning, column)
    # where some values are no numbers, or written by another hand, those are rejected with their line
    found = formats.detect_decimal(values) or formats.common_decimal(values)
    if isinstance(found, Ambiguous):
        raise AmbiguousFormatError(
            f"{column.name}: every number can be read as {found}, which are different numbers.",
            'Say which sign stands before the decimals in a mapping: decimal: "." or decimal: ",".',
            "decimal",
            [o.point for o in found.options],
        )
    return found or PLAIN_NUMBER


def _written(planning: _Planning) -> TypedPlan:
    entity, given = planning.entity, {c.name for c in planning.given}
    landing = f"{planning.at} as _landed_at, {local_day(planning.at, planning.terms.reporting_zone)} as _landed_on"
    absent = [c for c in entity.columns if c.name not in given and not c.is_computed]
    computed, computed_sql = _computed(entity, given, planning.terms)
    nothing = [c for c in entity.columns if c.is_computed and c.name not in computed]
    chain = (
        _cast_rows(planning)
        .then("whole", f"select *{_nulls(absent)}, {landing} from cast_rows")
        .then("computed", f"select *{computed_sql}{_nulls(nothing)} from whole")
    )
    provided = (*(c.name for c in planning.given), *computed)
    faults = _faults(planning)
    bad = " or ".join(f"({f.condition})" for f in faults) or "false"
    reasons = ", ".join(f"case when {f.condition} then {f.says} end" for f in faults) or "NULL"
    typed = chain.then("typed", f"select {names(provided)}, {LINE_COLUMN}, coalesce({bad}, false) as _bad from computed")
    why = chain.then("reasons", f"select {LINE_COLUMN}, concat_ws('; ', {reasons}) as _reason from computed where {bad}")
    warnings = tuple((f"not ({r.holds})", r) for r in entity.rules if r.is_warning)
    found = chain.then("faulty", f"select * from computed where {bad}").then("findings", grouped(faults, "faulty"))
    return TypedPlan(planning.mapping, provided, typed, why, tuple(faults), found, warnings, landing, planning.understood)


def _cast_rows(planning: _Planning) -> Steps:
    """The mapped rows with their values cast, and as they were beside."""
    read, held = planning.read, planning.held
    has_line = not planning.mapping.select or LINE_COLUMN in planning.mapping.select
    line = LINE_COLUMN if has_line else f"cast(null as bigint) as {LINE_COLUMN}"
    cells = {c.name: Cell(_raw(c), held[c.name], _prepared(c), _parsed(c)) for c in read}
    found = {c.name: casts.cast(cells[c.name], c, planning.styles[c.name]) for c in read}
    raw = "".join(f", {_trimmed(c, held[c.name])} as {_raw(c)}" for c in read)
    raws = "".join(f", {_raw(c)}" for c in read)
    prepared = "".join(f", {found[c.name].prepared} as {_prepared(c)}" for c in read if found[c.name].prepared != NOTHING)
    parsed = "".join(f", {found[c.name].parsed} as {_parsed(c)}" for c in read)
    accepted = "".join(f", {found[c.name].accepted} as {quoted(c.name)}" for c in read)
    accepted += "".join(f", {_constant(planning, c)} as {quoted(c.name)}" for c in planning.given if c.name not in held)
    return (
        Steps()
        .then("mapped", planning.mapped)
        .then("renamed", f"select {line}{raw} from mapped")
        .then("prepared", f"select *{prepared} from renamed")
        .then("parsed", f"select {LINE_COLUMN}{raws}{parsed} from prepared")
        .then("cast_rows", f"select {LINE_COLUMN}{raws}{accepted} from parsed")
    )


def _nulls(columns: list[Column]) -> str:
    return "".join(f", cast(null as {c.sql_type}) as {quoted(c.name)}" for c in columns)


def _trimmed(column: Column, held: str) -> str:
    """What the file holds, with nothing in it as NULL: the checks need not tell '' from missing."""
    name = quoted(column.name)
    return casts.trimmed(name) if casts.is_text(held) else name


def _constant(planning: _Planning, column: Column) -> str:
    """A constant of the mapping as SQL, checked once instead of in every row."""
    value, style = planning.mapping.constants[column.name], planning.styles[column.name]
    steps = casts.cast(Cell("raw", "VARCHAR", "prepared", "parsed"), column, style)
    prepared = f"select raw, {steps.prepared} as prepared from (select {literal(value)} as raw)"
    query = f"select {steps.accepted} from (select *, {steps.parsed} as parsed from ({prepared}))"
    if planning.engine.value(query) is None:
        says = casts.expected(column, style)
        raise MappingMismatchError(f"{planning.entity.name}: the constant {column.name}: {value!r} {says}.", _near(column, value))
    return f"cast(({query}) as {column.sql_type})"


def _near(column: Column, value: str) -> str | None:
    return did_you_mean(value, column.allowed or (currencies() if column.name == "currency" else ()))


def _prepared(column: Column) -> str:
    return quoted(f"_prepared_{column.name}")


def _raw(column: Column) -> str:
    return quoted(f"_raw_{column.name}")


def _parsed(column: Column) -> str:
    return quoted(f"_parsed_{column.name}")


def _computed(entity: Entity, given: set[str], terms: Terms) -> tuple[list[str], str]:
    """The columns that follow from those given, and their SQL."""
    found: list[str] = []
    sql = ""
    for column in entity.columns:
        if column.date_of and column.date_of in given:
            value = local_day(quoted(column.date_of), terms.reporting_zone)
        elif column.derived and set(column.derived_from) <= given:
            value = column.derived
        else:
            continue
        found.append(column.name)
        sql += f", {value} as {quoted(column.name)}"
    return found, sql


def _faults(planning: _Planning) -> list[Fault]:
    """Conditions under which a row is rejected, each with SQL for the reason."""
    faults: list[Fault] = []
    for c in planning.read:
        name, raw = quoted(c.name), _raw(c)
        says = f"'{c.name} ' || chr(34) || left(cast({raw} as varchar), 80) || chr(34) || "

        def fault(condition: str, words: str, cause: Cause, detail: str, column: Column = c, says: str = says, raw: str = raw) -> Fault:
            return Fault(condition, says + literal(f" {words}"), cause, column.name, detail, raw)

        style = planning.styles[c.name]
        expected = casts.expected(c, style)
        faults.append(fault(f"{name} is null and {raw} is not null", expected, Cause.UNREADABLE, casts.format_of(c, style)))
        if c.is_required and not c.default:
            faults.append(Fault(f"{name} is null and {raw} is null", literal(f"{c.name} is missing"), Cause.MISSING, c.name))
        if c.type in DATE_TYPES and not c.may_be_future:
            limit = f"{planning.at} + {FUTURE_SLACK}"
            later = f"{name} > {limit}" if c.type is ColumnType.INSTANT else f"{name} > cast({limit} as date)"
            faults.append(fault(later, "lies in the future", Cause.FUTURE, ""))
        if c.minimum is not None:
            faults.append(fault(f"{name} < {c.minimum}", f"is below {c.minimum:g}", Cause.BELOW, f"{c.minimum:g}"))
        if c.maximum is not None:
            faults.append(fault(f"{name} > {c.maximum}", f"is above {c.maximum:g}", Cause.ABOVE, f"{c.maximum:g}"))
    rules = [r for r in planning.entity.rules if not r.is_warning]
    return faults + [Fault(f"not coalesce({r.holds}, true)", literal(r.says["en"]), Cause.RULE, detail=r.name) for r in rules]
