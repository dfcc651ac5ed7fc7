"""Whether a file column's values can be a column of the model, and what has to be said about them."""

from collections.abc import Callable

from keepwell.lake.entity import Column, ColumnType, Entity
from keepwell.sources.casts import FALSE_WORDS, TRUE_WORDS
from keepwell.sources.evidence import Evidence, country_or_none, currency_or_none, member_or_none

_FLAGS = ("true", "false")
_GENDERS = ("female", "male")
_SHOWN = 5

# Columns that mean more than their type says, by name.
_BY_NAME: dict[str, Callable[[Evidence], float]] = {
    "email": lambda e: e.emails,
    "phone": lambda e: e.phones,
    "country": lambda e: e.share(country_or_none),
    "currency": lambda e: e.share(currency_or_none),
    "language": lambda e: e.languages,
    "gender": lambda e: e.share(lambda text: member_or_none(text, _GENDERS)),
}
_BY_TYPE: dict[ColumnType, Callable[[Evidence], float]] = {
    # An address or a number to call is a person's; as an identifier it would stand in tables that hold none of that.
    ColumnType.ID: lambda e: 0.1 if e.flags == 1 or (e.dates > 0.5 and e.whole_numbers < 0.5) else 0.3 if e.emails > 0.5 else 1.0,
    ColumnType.TEXT: lambda e: max(e.words, 0.4),
    ColumnType.CODE: lambda e: 0.5 if e.flags == 1 or e.dates > 0.5 or len(e.distinct) > max(20, len(e.texts) // 2) else 1.0,
    ColumnType.MONEY: lambda e: e.numbers,
    ColumnType.NUMBER: lambda e: e.numbers,
    ColumnType.DECIMAL: lambda e: e.numbers,
    ColumnType.COUNT: lambda e: e.whole_numbers,
    ColumnType.FLAG: lambda e: e.flags,
    ColumnType.INSTANT: lambda e: e.dates,
    ColumnType.DATE: lambda e: e.dates,
    ColumnType.TIME: lambda e: e.times,
}
# Values that say what they are whatever the header says.
_TELLING: dict[str, Callable[[Evidence], float]] = {
    "email": lambda e: e.emails,
    "phone": lambda e: e.certain_phones,
    "gender": _BY_NAME["gender"],
}


def fit_or_none(column: Column, entity: Entity, evidence: Evidence) -> float | None:
    """The share, 0 to 1, of the values that the column can hold; None without values."""
    if not evidence.texts:
        return None
    if column.allowed:
        return evidence.share(_translator(column))
    fit = _BY_NAME.get(column.name, _BY_TYPE.get(column.type, lambda _: 1.0))(evidence)
    # A column that repeats is rarely the key of its rows, though a file of lines repeats the key of its orders.
    return fit * 0.8 if entity.key == (column.name,) and not evidence.is_unique else fit


def is_telling(column: Column, evidence: Evidence) -> bool:
    """Whether the values alone say that they are this column's: e-mail addresses, telephone numbers, genders."""
    return column.name in _TELLING and bool(evidence.texts) and _TELLING[column.name](evidence) >= 0.9


def translations(column: Column, evidence: Evidence) -> dict[str, str | None]:
    """The cells that the import would not understand, with the model's word: ``已完成`` → ``completed``, ``n/a`` → None."""
    translate = _translator(column)
    found = {text: word for text in evidence.distinct if (word := translate(text)) is not None and not _is_understood(column, text, word)}
    return found | dict.fromkeys(cell for cell in evidence.fillers if not _is_meant(column, cell))


def _is_meant(column: Column, filler: str) -> bool:
    """Whether a word that mostly stands for "missing" means something here: NA is Namibia, and there are people named Null."""
    return column.name == "name" or (column.name == "country" and country_or_none(filler) is not None)


def _is_understood(column: Column, text: str, word: str) -> bool:
    """Whether the import takes the cell as it is; it knows truth values, and does not mind the case of members and currencies."""
    if column.type is ColumnType.FLAG:
        return text.lower() in {*TRUE_WORDS, *FALSE_WORDS}
    if column.allowed:
        return text.lower() == word
    return (text.upper() if column.name == "currency" else text) == word


def remarks(column: Column, entity: Entity, evidence: Evidence) -> tuple[str, ...]:
    """What a person should know before trusting the line, one sentence each; empty when nothing stands out."""
    found: list[str] = []
    fit = fit_or_none(column, entity, evidence)
    if fit is None:
        return ("no values seen",)
    if entity.key == (column.name,) and not evidence.is_unique:
        found.append(
            f"{len(evidence.texts)} values, {len(evidence.distinct)} different: group the rows in a `select`, or it is not the key"
        )
    elif column.allowed or column.name in {"country", "currency"}:
        strangers = [text for text in evidence.distinct if _translator(column)(text) is None]
        if strangers:
            shown = ", ".join(repr(text) for text in strangers[:_SHOWN])
            found.append(f"not understood: {shown}{' …' if len(strangers) > _SHOWN else ''}")
    elif fit < 1 and column.type not in {ColumnType.ID, ColumnType.TEXT, ColumnType.CODE}:
        found.append(f"{round(100 * (1 - fit))} % of the values do not read as {column.type}")
    found += _range_remarks(column, evidence)
    if column.name == "status" and "refund" in column.allowed and "refund" in translations(column, evidence).values():
        found.append("a refund is a row of its own with a negative amount")
    return tuple(found)


def _range_remarks(column: Column, evidence: Evidence) -> list[str]:
    if evidence.range is None:
        return []
    low, high = evidence.range
    said = []
    if column.maximum is not None and high > column.maximum:
        said.append(f"values go up to {high}, at most {column.maximum:g} is expected")
    if column.minimum is not None and low < column.minimum:
        said.append(f"values go down to {low}, at least {column.minimum:g} is expected")
    return said


def _translator(column: Column) -> Callable[[str], str | None]:
    if column.allowed:
        return lambda text: member_or_none(text, column.allowed)
    if column.type is ColumnType.FLAG:
        return lambda text: member_or_none(text, _FLAGS)
    by_name: dict[str, Callable[[str], str | None]] = {
        "country": country_or_none,
        "currency": currency_or_none,
        "gender": lambda text: member_or_none(text, _GENDERS),
        "language": lambda text: member_or_none(text, ("zh", "en")),
    }
    return by_name.get(column.name, lambda _: None)
