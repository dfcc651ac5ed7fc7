"""How a file's dates and numbers are to be read, told from all its columns together, for one program wrote them."""

from collections.abc import Sequence

from keepwell.engine.sql import quoted
from keepwell.lake.entity import Column, ColumnType
from keepwell.sources.evidence import Evidence, without_sign
from keepwell.sources.formats import Ambiguous, DateFormat, DecimalStyle, detect_decimal, is_number

_DATES = (ColumnType.DATE, ColumnType.INSTANT)
_NUMBERS = (ColumnType.MONEY, ColumnType.NUMBER, ColumnType.DECIMAL, ColumnType.COUNT)


def file_dates(held: Sequence[tuple[Column, Evidence]]) -> DateFormat | Ambiguous[DateFormat] | None:
    """The one format of all columns of dates, where they share one that is not ISO 8601.

    None where they differ, for an import tells the format of each column by itself. Ambiguous where some column can be read in
    two ways and no other settles which: one program wrote the file.
    """
    found = [_resolved(own, held) for column, evidence in held if column.type in _DATES and (own := evidence.date_format) is not None]
    unclear = next((own for own in found if isinstance(own, Ambiguous)), None)
    if unclear:
        return unclear
    patterns = {own.pattern for own in found if isinstance(own, DateFormat)}
    return next((own for own in found if isinstance(own, DateFormat) and own.pattern), None) if len(patterns) == 1 else None


def file_decimal(held: Sequence[tuple[Column, Evidence]]) -> DecimalStyle | Ambiguous[DecimalStyle] | None:
    """The style of all columns of numbers together, for one program wrote the file; None when it is plain or there is no one style."""
    texts = [without_sign(text) for column, evidence in held if column.type in _NUMBERS for text in evidence.texts]
    found = detect_decimal(text for text in texts if is_number(text))
    return None if isinstance(found, DecimalStyle) and found.is_plain else found


def reading_expression_or_none(column: Column, evidence: Evidence, held: Sequence[tuple[Column, Evidence]]) -> str | None:
    """The SQL that reads a column whose numbers carry a currency's sign, or whose days and months only the other columns tell apart."""
    name = quoted(evidence.source.name)
    if column.type in _NUMBERS and evidence.signs:
        return f"regexp_replace({name}, '[^0-9.,+-]', '', 'g')"
    if column.type in _DATES and file_dates(held) is None and isinstance(own := evidence.date_format, Ambiguous):
        settled = _resolved(own, held)
        return f"try_strptime({name}, '{settled.pattern}')" if isinstance(settled, DateFormat) else None
    return None


def _resolved(own: DateFormat | Ambiguous[DateFormat], held: Sequence[tuple[Column, Evidence]]) -> DateFormat | Ambiguous[DateFormat]:
    if isinstance(own, DateFormat):
        return own
    others = [evidence.date_format for column, evidence in held if column.type in _DATES]
    orders = {other.order for other in others if isinstance(other, DateFormat) and other.pattern}
    options = [option for option in own.options if option.order in orders]
    return options[0] if len(options) == 1 else own
