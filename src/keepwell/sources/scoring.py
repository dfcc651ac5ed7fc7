"""How well a file column and a column of the model fit, from 0 to 1."""

from keepwell.lake.entity import Column, ColumnType, Entity
from keepwell.sources.evidence import Evidence
from keepwell.sources.fitting import fit_or_none, is_telling
from keepwell.sources.naming import Implication, fold, similarity, tokens, words

_NAME, _LABEL, ALIAS = 1.0, 0.98, 0.96  # a header that is, letter for letter, what the model calls the column
_SHARE_OF_THE_NAME = 0.55  # of a score; the rest is the values'
_WITHOUT_VALUES = 0.8  # an empty column can be called anything
_OF_ANOTHER_KIND = 0.7
_BY_IMPLICATION = 0.9
_BY_VALUES_ALONE = 0.58

_NUMBERS = frozenset({ColumnType.MONEY, ColumnType.NUMBER, ColumnType.DECIMAL, ColumnType.COUNT})
_WORDS = frozenset({ColumnType.TEXT, ColumnType.CODE})
# What a header promises: "customer name" is like "customer id", "refunded amount" is like "refund of", and yet they are not.
_PROMISES = {
    **dict.fromkeys(("amount", "price", "cost", "margin", "quantity", "count", "points", "score"), _NUMBERS),
    **dict.fromkeys(("time", "birth"), frozenset({ColumnType.INSTANT, ColumnType.DATE, ColumnType.TIME})),
    **dict.fromkeys(("name", "email", "phone", "address", "comment", "status", "type", "gender", "reason"), _WORDS),
}


def score(column: Column, entity: Entity, evidence: Evidence) -> float:
    """How sure it is, 0 to 1, that the file column holds the entity's column: by the header, then by the values."""
    name = likeness(column, entity, evidence.source.name)
    if name < ALIAS and _promises_another_kind(column, evidence.source.name):
        name *= _OF_ANOTHER_KIND
    if implication_or_none(column, entity, evidence):
        name = max(name, _BY_IMPLICATION)
    fit = fit_or_none(column, entity, evidence)
    if fit is None:
        return name * _WITHOUT_VALUES
    found = name * (_SHARE_OF_THE_NAME + (1 - _SHARE_OF_THE_NAME) * fit)
    return max(found, _BY_VALUES_ALONE) if is_telling(column, evidence) else found


def likeness(column: Column, entity: Entity, header: str) -> float:
    """How alike the header and the column's name, labels and aliases are, 0 to 1; from ALIAS up they are the same."""
    folded = fold(header)
    if folded == fold(column.name):
        return _NAME
    if folded in {fold(label) for label in column.label.values()}:
        return _LABEL
    if folded in {fold(alias) for alias in column.aliases}:
        return ALIAS
    return similarity(header, (column.name, *column.label.values(), *column.aliases), entity.name)


def implication_or_none(column: Column, entity: Entity, evidence: Evidence) -> Implication | None:
    """What the header tells beyond its own column: "NPS" or "recommend" above scores of 0 to 10 tells metric and scale."""
    for implication in words()["implied"].get(entity.name, ()):
        if implication["column"] == column.name and any(word in fold(evidence.source.name) for word in implication["words"]):
            found, (low, high) = evidence.range, implication["range"]
            if found and low <= found[0] and found[1] <= high:
                return implication
    return None


def _promises_another_kind(column: Column, header: str) -> bool:
    promised = [_PROMISES[token] for token in tokens(header) if token in _PROMISES]
    return bool(promised) and all(column.type not in kinds for kinds in promised)
