"""SQL that turns what a file holds into a column's type, or into NULL where it can't, and says what it can't.

Nothing is lost on the way: a decimal that would be rounded, a number that is not finite, a day that does not exist all
become NULL, and the row is rejected with the reason.
"""

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


@dataclass(frozen=True)
class Style:
    """How one file column writes what it holds. ``date_pattern`` is a strptime format; None is ISO 8601."""

    zone: str
    date_pattern: str | None = None
    number: DecimalStyle = PLAIN_NUMBER
    id_prefix: str = ""


@dataclass(frozen=True)
class Cast:
    """A cast in three steps, so that what is dear is done once: each is SQL that may use the name of the answer before it."""

    prepared: str
    parsed: str
    accepted: str


def cast(value: str, held: str, column: Column, style: Style, prepared: str, parsed: str) -> Cast:
    """SQL for a column from ``value``, an expression of type ``held``; text is trimmed and never empty.

    ``prepared`` and ``parsed`` name the answers of the first two steps. NULL stays NULL, and what does not fit becomes NULL.
    """
    as_text = value if is_text(held) else f"cast({value} as varchar)"
    match column.type:
        case ColumnType.ID:
            return Cast(NOTHING, _identifier(value, held), _accepted_identifier(parsed, held, style))
        case ColumnType.TEXT:
            return Cast(NOTHING, as_text, parsed)
        case ColumnType.CODE:
            return Cast(NOTHING, as_text, _accepted_code(parsed, column))
        case ColumnType.MONEY | ColumnType.DECIMAL | ColumnType.READING:
            return _exact(value, held, column, style, prepared, parsed)
        case ColumnType.NUMBER:
            number = _number_text(value, style) if is_text(held) else value
            return Cast(NOTHING, f"try_cast({number} as double)", f"case when isfinite({parsed}) then {parsed} end")
        case ColumnType.COUNT:
            whole = f"case when {parsed} = floor({parsed}) then try_cast({parsed} as bigint) end"
            return Cast(NOTHING, _wide_number(_number_text(value, style) if is_text(held) else value, held), whole)
        case ColumnType.FLAG:
            return Cast(NOTHING, _flag(value, held), parsed)
        case ColumnType.INSTANT:
            return _instant(value, held, style, prepared, parsed)
        case ColumnType.DATE:
            return Cast(NOTHING, _date(value, held, style), _in_range(parsed, "date"))
        case ColumnType.TIME:
            right = f"regexp_full_match({parsed}, '([01]?\\d|2[0-4]):[0-5]\\d(:[0-5]\\d)?')"
            return Cast(NOTHING, as_text, f"case when {right} then lpad(left({parsed}, 5), 5, '0') end")
        case ColumnType.ATTRIBUTES:
            return Cast(NOTHING, _attributes(value, held), parsed)


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


def is_text(held: str) -> bool:
    return held == "VARCHAR"


def _identifier(value: str, held: str) -> str:
    if is_text(held):
        return f"nfc_normalize({value})"
    text = f"cast({value} as varchar)"
    if held in {"DOUBLE", "FLOAT"}:
        # tools that know no missing whole number write 17850.0
        return f"case when {value} = floor({value}) and abs({value}) < 1e15 then cast(cast({value} as bigint) as varchar) else {text} end"
    return text


def _accepted_identifier(parsed: str, held: str, style: Style) -> str:
    prefixed = f"{literal(style.id_prefix)} || {parsed}" if style.id_prefix else parsed
    # the lake puts this character between the parts of a key
    return f"case when not contains({parsed}, chr(31)) then {prefixed} end" if is_text(held) else prefixed


def _accepted_code(parsed: str, column: Column) -> str:
    if column.name == "currency":
        known = ", ".join(literal(c) for c in sorted(currencies()))
        return f"case when upper({parsed}) in ({known}) then upper({parsed}) end"
    if column.allowed:
        known = ", ".join(literal(a) for a in column.allowed)
        return f"case when lower({parsed}) in ({known}) then lower({parsed}) end"
    return parsed


def _number_text(value: str, style: Style) -> str:
    text = value
    for sign in (style.number.group, "\u00a0" if style.number.group == " " else ""):
        text = f"replace({text}, {literal(sign)}, '')" if sign else text
    return text if style.number.point == "." else f"replace({text}, ',', '.')"


def _exact(value: str, held: str, column: Column, style: Style, prepared: str, parsed: str) -> Cast:
    """A decimal that is exactly what the file says, else NULL."""
    kind = column.sql_type
    same = f"case when try_cast({parsed} as {kind}) = {parsed} then try_cast({parsed} as {kind}) end"
    if not is_text(held):
        return Cast(NOTHING, _wide_number(value, held), same)
    scale = 4 if column.type is ColumnType.MONEY else 6
    plain = f"regexp_full_match({prepared}, '[+-]?(\\d+\\.?\\d{{0,{scale}}}|\\.\\d{{1,{scale}}})0*')"
    wide = f"try_cast({_wide_number(prepared, held)} as {kind})"
    other = f"case when {wide} = {_wide_number(prepared, held)} then {wide} end"
    return Cast(_number_text(value, style), f"case when {plain} then try_cast({prepared} as {kind}) else {other} end", parsed)


def _wide_number(value: str, held: str) -> str:
    """The number with all its decimals: a wider type than any column has."""
    if held.startswith("DECIMAL") or "INT" in held:
        return value
    if not is_text(held):
        # a floating number means its shortest text: 2.55 is no 2.54999…
        return f"try_cast(cast({value} as varchar) as {WIDE_DECIMAL})"
    # the engine reads 1_000 and 0x10 as numbers; a file that says so means something else
    return f"case when not contains({value}, '_') and not contains(lower({value}), 'x') then try_cast({value} as {WIDE_DECIMAL}) end"


def _flag(value: str, held: str) -> str:
    if held == "BOOLEAN":
        return value
    text = f"lower({value if is_text(held) else f'cast({value} as varchar)'})"
    yes, no = (", ".join(literal(w) for w in words) for words in (TRUE_WORDS, FALSE_WORDS))
    return f"case when {text} in ({yes}) then true when {text} in ({no}) then false end"


def _instant(value: str, held: str, style: Style, prepared: str, parsed: str) -> Cast:
    accepted = _in_range(parsed, "timestamptz")
    if held == "TIMESTAMP WITH TIME ZONE":
        return Cast(NOTHING, value, accepted)
    if held == "DATE" or held.startswith("TIMESTAMP"):
        return Cast(f"cast({value} as timestamp)", instant_of_local(prepared, style.zone), accepted)
    text = value if is_text(held) else f"cast({value} as varchar)"
    if style.date_pattern:
        read = f"try_strptime({text}, {literal(style.date_pattern)})"
        return Cast(read, f"cast({prepared} as timestamptz)" if "%z" in style.date_pattern else instant_of_local(prepared, style.zone), accepted)
    # "2026-10-31 10:00:00" is the commonest form, and seen at a glance to have no offset
    local = f"(length({text}) = 19 and substr({text}, 17, 1) = ':') or length({text}) <= 10 or not regexp_matches({text}, '(Z|UTC|[+-]\\d\\d(:?\\d\\d)?)$')"
    # a cast to TIMESTAMP would drop the offset, one to TIMESTAMPTZ would take local time for UTC
    return Cast(
        f"try_cast({text} as timestamp)",
        f"case when {local} then {instant_of_local(prepared, style.zone)} else try_cast({text} as timestamptz) end",
        accepted,
    )


def _date(value: str, held: str, style: Style) -> str:
    if held == "DATE" or held.startswith("TIMESTAMP"):
        return f"cast({value} as date)"
    text = value if is_text(held) else f"cast({value} as varchar)"
    if style.date_pattern:
        return f"cast(try_strptime({text}, {literal(style.date_pattern)}) as date)"
    return f"case when length({text}) <= 10 then try_cast({text} as date) else cast(try_cast(left({text}, 19) as timestamp) as date) end"


def _in_range(value: str, kind: str) -> str:
    return f"case when {value} >= {literal(FIRST_DAY)}::{kind} and {value} < {literal(LAST_DAY)}::{kind} then {value} end"


def _attributes(value: str, held: str) -> str:
    if held.startswith("MAP"):
        return f"cast({value} as map(varchar, varchar))"
    return f"try_cast(try_cast(cast({value} as varchar) as json) as map(varchar, varchar))"
