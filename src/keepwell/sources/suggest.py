"""Proposes which columns of a file feed which columns of an entity, from headers (Chinese and English) and values.

A header counts more than the values, for values that fit are common; a value that cannot fit outweighs a header that is only
alike. Each file column feeds one column at most, so that the sum of the squared scores is the greatest: two middling pairs never
break up a good one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from keepwell.core.errors import WrongUseError
from keepwell.engine.sql import quoted
from keepwell.lake.entity import Column, ColumnType, Entity, entities
from keepwell.sources.conventions import file_dates, file_decimal, reading_expression_or_none
from keepwell.sources.evidence import Evidence, SampleColumn, currency_or_none
from keepwell.sources.fitting import fit_or_none, remarks, translations
from keepwell.sources.naming import fold, tokens, words
from keepwell.sources.scoring import ALIAS, implication_or_none, likeness, score
from keepwell.sources.suggestion import Confidence, Match, Missing, Ranked, Suggestion, to_yaml

__all__ = ["Confidence", "Match", "Missing", "Ranked", "SampleColumn", "Suggestion", "suggest", "suggest_entity", "to_yaml"]

_LIKELY_FROM, _GUESS_FROM = 0.8, 0.53
_FITS_FROM = 0.9
_CANDIDATES = 3
_UTC = re.compile(r"\b(utc|gmt)\b", re.IGNORECASE)


def suggest(columns: Sequence[SampleColumn], entity: Entity, *, currency: str | None = None, timezone: str | None = None) -> Suggestion:
    """The mapping of a file with these columns to the entity.

    ``currency`` (ISO 4217) and ``timezone`` (IANA) are the workspace's; they are proposed where the file names none. Raises
    WrongUseError for an entity that is computed and never imported.
    """
    if entity.is_derived:
        raise WrongUseError(f"{entity.name} is computed by a refresh; no file feeds it.", "Name an entity that is imported.")
    return _suggest([Evidence(column) for column in columns], entity, currency, timezone)


def suggest_entity(columns: Sequence[SampleColumn], *, currency: str | None = None) -> tuple[Ranked, ...]:
    """The entities that a file with these columns may feed, the best first; ``currency`` as for :func:`suggest`."""
    file = [Evidence(column) for column in columns]
    found = [_suggest(file, entity, currency, None) for entity in entities().values() if not entity.is_derived]
    ranked = [Ranked(s.entity.name, s.score, tuple(missing.column for missing in s.missing)) for s in found]
    return tuple(sorted(ranked, key=lambda r: (-r.score, r.entity)))


@dataclass(frozen=True)
class _Pair:
    column: Column
    evidence: Evidence
    score: float


def _suggest(file: Sequence[Evidence], entity: Entity, currency: str | None, timezone: str | None) -> Suggestion:
    wanted = [column for column in entity.columns if not column.is_computed and column.type is not ColumnType.ATTRIBUTES]
    expressions, used = _joined(wanted, entity, file)
    pairs = _assigned(wanted, entity, [evidence for evidence in file if evidence not in used])
    constants = _implied(pairs, entity) | _currency(pairs, entity, currency)
    used += [pair.evidence for pair in pairs]
    unmapped = [evidence for evidence in file if evidence not in used]
    given = {*(pair.column.name for pair in pairs), *expressions, *constants}
    lacking = [column for column in wanted if column.is_required and column.default is None and column.name not in given]
    held = [(pair.column, pair.evidence) for pair in pairs]
    return Suggestion(
        entity=entity,
        matches=tuple(_match(pair, entity, held, unmapped) for pair in pairs),
        missing=tuple(Missing(column.name, _advice(column, _candidates(column, entity, unmapped))) for column in lacking),
        unmapped=tuple(evidence.source for evidence in unmapped),
        expressions=expressions,
        constants=constants,
        timezone=_timezone_or_none(pairs, timezone),
        dates=file_dates(held),
        decimal=file_decimal(held),
    )


def _assigned(wanted: Sequence[Column], entity: Entity, file: Sequence[Evidence]) -> list[_Pair]:
    scores = np.array([[score(column, entity, evidence) for evidence in file] for column in wanted]).reshape(len(wanted), len(file))
    worth = np.where(scores >= _GUESS_FROM, scores**2, 0.0)
    rows, cols = linear_sum_assignment(worth, maximize=True)
    return [_Pair(wanted[i], file[j], float(scores[i, j])) for i, j in zip(rows, cols, strict=True) if worth[i, j] > 0]


def _match(pair: _Pair, entity: Entity, held: Sequence[tuple[Column, Evidence]], unmapped: Sequence[Evidence]) -> Match:
    column, evidence = pair.column, pair.evidence
    fit = fit_or_none(column, entity, evidence)
    is_sure = likeness(column, entity, evidence.source.name) >= ALIAS and fit is not None and fit >= _FITS_FROM
    return Match(
        column=column,
        source=evidence.source,
        score=pair.score,
        confidence=Confidence.SURE if is_sure else Confidence.LIKELY if pair.score >= _LIKELY_FROM else Confidence.GUESS,
        values=translations(column, evidence),
        expression=reading_expression_or_none(column, evidence, held),
        remarks=(*remarks(column, entity, evidence), *_asides(column, entity, unmapped)),
    )


def _asides(column: Column, entity: Entity, unmapped: Sequence[Evidence]) -> list[str]:
    aside = words()["asides"].get(entity.name, {}).get(column.name)
    found = [e.source.name for e in unmapped if aside and tokens(e.source.name) & set(aside["words"])]
    return [aside["says"].format(header=found[0])] if aside and found else []


def _joined(wanted: Sequence[Column], entity: Entity, file: Sequence[Evidence]) -> tuple[dict[str, str], list[Evidence]]:
    """Columns that the file keeps in two, "First Name" and "Last Name", with the SQL that joins them; and what is used up."""
    for name, parts in words()["joined"].items():
        column = next((c for c in wanted if c.name == name), None)
        if column is None or any(likeness(column, entity, evidence.source.name) >= ALIAS for evidence in file):
            continue
        found = [next((e for e in file if fold(e.source.name) in part), None) for part in parts]
        used = [evidence for evidence in found if evidence is not None]
        if len(used) == len(parts):
            return {name: f"concat_ws(' ', {', '.join(quoted(e.source.name) for e in used)})"}, used
    return {}, []


def _implied(pairs: Sequence[_Pair], entity: Entity) -> dict[str, str]:
    found = {pair.column.name for pair in pairs}
    implications = (implication_or_none(pair.column, entity, pair.evidence) for pair in pairs)
    return {name: value for known in implications if known for name, value in known["constants"].items() if name not in found}


def _currency(pairs: Sequence[_Pair], entity: Entity, currency: str | None) -> dict[str, str]:
    # A table of rates has the currency in its key: there it is what tells the rows apart.
    if (
        not entity.has_column("currency")
        or entity.column("currency").is_computed
        or "currency" in {*entity.key, *(pair.column.name for pair in pairs)}
    ):
        return {}
    signs = {currency_or_none(sign) for pair in pairs for sign in pair.evidence.signs} - {None}
    code = signs.pop() if len(signs) == 1 else currency if entity.column("currency").is_required else None
    return {"currency": code} if code else {}


def _timezone_or_none(pairs: Sequence[_Pair], timezone: str | None) -> str | None:
    """The time zone of the instants that do not say theirs: UTC where their headers do, else the workspace's."""
    instants = [pair.evidence for pair in pairs if pair.column.type is ColumnType.INSTANT and pair.evidence.texts]
    silent = [evidence.source.name for evidence in instants if not evidence.has_offsets]
    if silent and all(_UTC.search(header) for header in silent):
        return "UTC"
    return timezone if silent else None


def _candidates(column: Column, entity: Entity, unmapped: Sequence[Evidence]) -> list[str]:
    """Headers whose values could be the column's, for types that not everything fits."""
    if column.type not in {ColumnType.INSTANT, ColumnType.DATE, ColumnType.MONEY} and not column.allowed:
        return []
    return [e.source.name for e in unmapped if (fit_or_none(column, entity, e) or 0) >= _FITS_FROM][:_CANDIDATES]


def _advice(column: Column, candidates: Sequence[str]) -> str:
    perhaps = f" (perhaps {' or '.join(candidates)})" if candidates else ""
    if column.is_key:
        return "part of the key: name its column, or number the rows in a `select` with row_number() over (partition by … order by …)"
    if column.name == "currency":
        return "name its column, or add at the top: constants: {currency: CNY}"
    if column.allowed:
        example = f"constants: {{{column.name}: {column.allowed[0]}}}"
        return f"one of {', '.join(column.allowed)}: name its column{perhaps}, or where all rows are alike add at the top: {example}"
    if column.type is ColumnType.FLAG:
        return f"true or false: name its column, or where all rows are alike add at the top: constants: {{{column.name}: false}}"
    return f"name its column{perhaps}, or give an expression"
