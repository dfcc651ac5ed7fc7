"""SQL that turns what a file holds into a column's type, or into NULL where it can't, and says what it can't.

Nothing is lost on the way: a decimal that would be rounded, a number that is not finite, a day that does not exist all
become NULL, and the row is rejected with the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keepwell.core.money import currencies
from keepwell.engine.sql import literal
from keepwell.lake.entity import Column, ColumnType
from keepwell.sources.formats import DecimalStyle
from keepwell.sources.zones import instant_of_local

NOTHING = "NULL"
WIDE_DECIMAL = "DECIMAL(38, 16)"
FIRST_DAY, LAST_DAY = "1900-01-01", "2200-01-01"
TRUE_WORDS = ("true", "t", "yes", "y", "1", "是", "真")
FALSE_WORDS = ("false", "f", "no", "n", "0", "否", "假")
PLAIN_NUMBER = DecimalStyle(".", "")
# the white space that core.text.clean takes off; the engine's own trim knows the space only
WHITE_SPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_ISO_LOCAL = r"\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?"
_OFFSET = r" ?(Z|UTC|[+-]\d{2}(:?\d{2})?)"
_EXPONENT = r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d{1,3}"
_TIME = r"(([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?)|24:00(:00)?"


@dataclass(frozen=True)
class Style:
    """How one file column writes what it holds. ``date_pattern`` is a strptime format; None is ISO 8601."""

    zone: str
    date_pattern: str | None = None
    number: DecimalStyle = PLAIN_NUMBER
    id_prefix: str = ""


@dataclass(frozen=True)
class Cell:
    """A file's column in SQL: ``value`` of type ``held`` (text is trimmed and never empty), and the names of a cast's first two answers."""

    value: str
    held: str
    prepared: str
    parsed: str

    @property
    def is_text(self) -> bool:
        return is_text(self.held)

    @property
    def text(self) -> str:
        return self.value if self.is_text else f"cast({self.value} as varchar)"


@dataclass(frozen=True)
class Cast:
    """A cast in three steps, so that what is dear is done once: each is SQL that may use the name of the answer before it."""

    prepared: str
    parsed: str
    accepted: str


def cast(cell: Cell, column: Column, style: Style) -> Cast:
    """SQL for a column from a file's. NULL stays NULL, and what does not fit becomes NULL."""
    return _CASTS[column.type](cell, column, style)


def expected(column: Column, style: Style) -> str:
    """What a value of the column must look like, for the reason of a rejected row."""
    if column.allowed:
        return f"is none of {', '.join(column.allowed)}"
    pattern = style.date_pattern or "ISO 8601, such as 2026-10-31"
    return {
        ColumnType.ID: "holds a control character",
        ColumnType.CODE: "is no currency of ISO 4217" if column.name == "currency" else "is no code",
        ColumnType.MONEY: f"is no amount with at most 4 decimals, written like {style.number}",
        ColumnType.DECIMAL: f"is no number with at most 6 decimals, written like {style.number}",
        ColumnType.NUMBER: f"is no finite number, written like {style.number}",
        ColumnType.COUNT: "is no whole number",
        ColumnType.FLAG: "is neither true nor false",
        ColumnType.INSTANT: f"is no moment between 1900 and 2199 written as {pattern}",
        ColumnType.DATE: f"is no day between 1900 and 2199 written as {pattern}",
        ColumnType.TIME: "is no time of day, such as 09:30",
        ColumnType.ATTRIBUTES: "is no JSON object",
    }.get(column.type, "can't be read")


def format_of(column: Column, style: Style) -> str:
    """How a value of the column is written: the members, the number's or the date's format; '' where there is no such thing."""
    if column.allowed:
        return ", ".join(column.allowed)
    if column.type in {ColumnType.INSTANT, ColumnType.DATE}:
        return style.date_pattern or "ISO 8601"
    return str(style.number) if column.type in {ColumnType.MONEY, ColumnType.DECIMAL, ColumnType.NUMBER} else ""


def is_text(held: str) -> bool:
    return held == "VARCHAR"


def trimmed(text: str) -> str:
    """SQL for a text without white space at its ends, and NULL where nothing is left."""
    # to look at both ends is quicker than to trim by a set of characters, of which none lies between "!" and chr(133)
    needs_it = " or ".join(f"{end} < '!' or {end} >= chr(133)" for end in (text, f"right({text}, 1)"))
    return f"nullif(case when {needs_it} then trim({text}, {literal(WHITE_SPACE)}) else {text} end, '')"


def _identifier(cell: Cell, _column: Column, style: Style) -> Cast:
    prefixed = f"{literal(style.id_prefix)} || {cell.parsed}" if style.id_prefix else cell.parsed
    if cell.is_text:
        # the lake puts this character between the parts of a key
        return Cast(NOTHING, f"nfc_normalize({cell.value})", f"case when not contains({cell.parsed}, chr(31)) then {prefixed} end")
    if cell.held in {"DOUBLE", "FLOAT"}:
        # tools that know no missing whole number write 17850.0
        is_whole = f"{cell.value} = floor({cell.value}) and abs({cell.value}) < 1e15"
        return Cast(NOTHING, f"case when {is_whole} then cast(cast({cell.value} as bigint) as varchar) else {cell.text} end", prefixed)
    return Cast(NOTHING, cell.text, prefixed)


def _words(cell: Cell, column: Column, _style: Style) -> Cast:
    composed = f"nfc_normalize({cell.text})"
    # an address is the same in capitals, so that two files that write it differently agree
    return Cast(NOTHING, f"lower({composed})" if column.name == "email" else composed, cell.parsed)


def _code(cell: Cell, column: Column, _style: Style) -> Cast:
    parsed = cell.parsed
    accepted = parsed
    if column.name == "currency":
        known = ", ".join(literal(c) for c in sorted(currencies()))
        accepted = f"case when upper({parsed}) in ({known}) then upper({parsed}) end"
    elif column.allowed:
        known = ", ".join(literal(a) for a in column.allowed)
        accepted = f"case when lower({parsed}) in ({known}) then lower({parsed}) end"
    return Cast(NOTHING, f"nfc_normalize({cell.text})", accepted)


def _number_text(value: str, style: Style) -> str:
    """The number with a point and no group signs; NULL where groups are not of three digits, for 1,5 is not 15."""
    point, group = style.number.point, style.number.group
    text = f"translate({value}, '\u00a0\u2009\u202f’', '   ''')" if group in {" ", "'"} else value
    if group:
        sign = f"\\x{ord(group):02x}"
        whole = f"(\\d{{1,3}}({sign}\\d{{3}})+|\\d+)(\\x{ord(point):02x}\\d*)?|\\x{ord(point):02x}\\d+"
        well_formed = f"regexp_full_match({text}, '[+-]?({whole})([eE][+-]?\\d+)?')"
        text = f"case when {well_formed} then replace({text}, {literal(group)}, '') end"
    elif point != ".":
        text = f"case when not contains({text}, '.') then {text} end"
    return text if point == "." else f"replace({text}, ',', '.')"


def _exact(cell: Cell, column: Column, style: Style) -> Cast:
    """A decimal that is exactly what the file says, else NULL."""
    kind, prepared, parsed = column.sql_type, cell.prepared, cell.parsed
    if not cell.is_text:
        same = f"case when try_cast({parsed} as {kind}) = {parsed} then try_cast({parsed} as {kind}) end"
        return Cast(NOTHING, _wide_number(cell), same)
    scale = 4 if column.type is ColumnType.MONEY else 6
    plain = f"regexp_full_match({prepared}, '[+-]?(\\d+\\.?\\d{{0,{scale}}}|\\.\\d{{1,{scale}}})0*')"
    narrow = f"try_cast({prepared} as {kind})"
    with_exponent = f"regexp_full_match({prepared}, '{_EXPONENT}') and try_cast({prepared} as double) = cast({narrow} as double)"
    # a CASE looks at its next branch only for the rows that are left; an OR would work out both sides for all of them
    common = f"regexp_full_match({prepared}, '[0-9]+(\\.[0-9]{{1,{scale}}})?')"
    chosen = " ".join(f"when {condition} then {narrow}" for condition in (common, plain, with_exponent))
    return Cast(_number_text(cell.value, style), f"case {chosen} end", parsed)


def _wide_number(cell: Cell) -> str:
    """The number with all its decimals: a wider type than any column has."""
    if cell.held.startswith("DECIMAL") or "INT" in cell.held:
        return cell.value
    # a floating number means its shortest text: 2.55 is no 2.54999…
    return f"try_cast(cast({cell.value} as varchar) as {WIDE_DECIMAL})"


def _number(cell: Cell, _column: Column, style: Style) -> Cast:
    number = cell.value
    if cell.is_text:
        # the engine reads 1_000 as a number; a file that says so means something else
        text = _number_text(cell.value, style)
        number = f"case when not contains({text}, '_') then {text} end"
    return Cast(NOTHING, f"try_cast({number} as double)", f"case when isfinite({cell.parsed}) then {cell.parsed} end")


def _count(cell: Cell, _column: Column, style: Style) -> Cast:
    prepared, parsed = cell.prepared, cell.parsed
    if not cell.is_text:
        return Cast(NOTHING, _wide_number(cell), f"case when {parsed} = floor({parsed}) then try_cast({parsed} as bigint) end")
    plain = f"regexp_full_match({prepared}, '[+-]?\\d+\\.?0*')"
    wide = f"try_cast({prepared} as {WIDE_DECIMAL})"
    with_exponent = f"regexp_full_match({prepared}, '{_EXPONENT}') and {wide} = floor({wide}) and try_cast({prepared} as double) = cast({wide} as double)"
    return Cast(_number_text(cell.value, style), f"case when {plain} or ({with_exponent}) then try_cast({wide} as bigint) end", parsed)


def _flag(cell: Cell, _column: Column, _style: Style) -> Cast:
    if cell.held == "BOOLEAN":
        return Cast(NOTHING, cell.value, cell.parsed)
    text = f"lower({cell.text})"
    yes, no = (", ".join(literal(w) for w in words) for words in (TRUE_WORDS, FALSE_WORDS))
    return Cast(NOTHING, f"case when {text} in ({yes}) then true when {text} in ({no}) then false end", cell.parsed)


def _instant(cell: Cell, _column: Column, style: Style) -> Cast:
    accepted = _in_range(cell.parsed, "timestamptz")
    local = instant_of_local(cell.prepared, style.zone)
    if cell.held == "TIMESTAMP WITH TIME ZONE":
        return Cast(NOTHING, cell.value, accepted)
    if cell.held == "DATE" or cell.held.startswith("TIMESTAMP"):
        return Cast(f"cast({cell.value} as timestamp)", local, accepted)
    text = cell.text
    if style.date_pattern:
        read = f"try_strptime({text}, {literal(style.date_pattern)})"
        return Cast(read, f"cast({cell.prepared} as timestamptz)" if "%z" in style.date_pattern else local, accepted)
    # "2026-10-31 10:00:00" is the commonest form, and seen at a glance to have no offset
    is_commonest = f"length({text}) = 19 and substr({text}, 17, 1) = ':'"
    is_local = f"regexp_full_match({text}, '{_ISO_LOCAL}')"
    has_offset = f"regexp_full_match({text}, '{_ISO_LOCAL}{_OFFSET}')"
    # a cast to TIMESTAMP would drop the offset, one to TIMESTAMPTZ would take local time for UTC
    read = f"case when {is_commonest} then {local} when {is_local} then {local} when {has_offset} then try_cast({text} as timestamptz) end"
    return Cast(f"try_cast({text} as timestamp)", read, accepted)


def _date(cell: Cell, _column: Column, style: Style) -> Cast:
    accepted = _in_range(cell.parsed, "date")
    if cell.held == "DATE" or cell.held.startswith("TIMESTAMP"):
        return Cast(NOTHING, f"cast({cell.value} as date)", accepted)
    text = cell.text
    if style.date_pattern:
        return Cast(NOTHING, f"cast(try_strptime({text}, {literal(style.date_pattern)}) as date)", accepted)
    # "epoch" and "infinity" are days to the engine; the first is too short here, the second out of range
    day = f"length({text}) between 8 and 10 then try_cast({text} as date)"
    moment = f"regexp_full_match({text}, '{_ISO_LOCAL}({_OFFSET})?') then cast(try_cast({text} as timestamp) as date)"
    return Cast(NOTHING, f"case when {day} when {moment} end", accepted)


def _in_range(value: str, kind: str) -> str:
    return f"case when {value} >= {literal(FIRST_DAY)}::{kind} and {value} < {literal(LAST_DAY)}::{kind} then {value} end"


def _time(cell: Cell, _column: Column, _style: Style) -> Cast:
    parsed = cell.parsed
    hour_and_minute = f"lpad(regexp_extract({parsed}, '\\d+:\\d+'), 5, '0')"
    return Cast(NOTHING, cell.text, f"case when regexp_full_match({parsed}, '{_TIME}') then {hour_and_minute} end")


def _attributes(cell: Cell, _column: Column, _style: Style) -> Cast:
    if cell.held.startswith("MAP"):
        return Cast(NOTHING, f"cast({cell.value} as map(varchar, varchar))", cell.parsed)
    return Cast(NOTHING, f"try_cast(try_cast({cell.text} as json) as map(varchar, varchar))", cell.parsed)


_CASTS: dict[ColumnType, Callable[[Cell, Column, Style], Cast]] = {
    ColumnType.ID: _identifier,
    ColumnType.TEXT: _words,
    ColumnType.CODE: _code,
    ColumnType.MONEY: _exact,
    ColumnType.DECIMAL: _exact,
    ColumnType.NUMBER: _number,
    ColumnType.COUNT: _count,
    ColumnType.FLAG: _flag,
    ColumnType.INSTANT: _instant,
    ColumnType.DATE: _date,
    ColumnType.TIME: _time,
    ColumnType.ATTRIBUTES: _attributes,
}
