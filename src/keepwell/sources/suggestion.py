"""A proposed mapping, and how it is written down for a person to check and correct."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import yaml

from keepwell.core.text import display_width
from keepwell.lake.entity import Column, ColumnType, Entity
from keepwell.sources.evidence import SampleColumn
from keepwell.sources.formats import Ambiguous, DateFormat, DecimalStyle

_SAMPLE_WIDTH = 40


class Confidence(StrEnum):
    """How far a proposed line can be trusted without a look."""

    SURE = "sure"  # the header is the model's own word, and the values fit
    LIKELY = "likely"
    GUESS = "guess"


@dataclass(frozen=True)
class Match:
    """One column of the entity and the file column that seems to hold it."""

    column: Column
    source: SampleColumn
    score: float  # 0 to 1
    confidence: Confidence
    values: Mapping[str, str | None] = field(default_factory=dict)  # cell -> what the model says for it; None: nothing
    expression: str | None = None  # SQL, where the bare column would not be understood
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Missing:
    """A required column that no file column seems to hold, and what to do."""

    column: str
    advice: str


@dataclass(frozen=True)
class Suggestion:
    """A proposed mapping of one file to one entity, for a person to check."""

    entity: Entity
    matches: tuple[Match, ...]  # in the order of the entity's columns
    missing: tuple[Missing, ...]
    unmapped: tuple[SampleColumn, ...]  # in the order of the file
    expressions: Mapping[str, str]  # column -> SQL over several file columns
    constants: Mapping[str, str]
    timezone: str | None  # of instants without an offset; None where every instant has one
    dates: DateFormat | Ambiguous[DateFormat] | None  # of all dates; None: each column tells
    decimal: DecimalStyle | Ambiguous[DecimalStyle] | None  # None: plain, or no numbers

    @property
    def key_repeats(self) -> bool:
        """Whether two of the rows seen have the same key, so that a row of the file is not a row of the entity."""
        keys = [match.source.values for match in self.matches if match.column.is_key]
        if len(keys) < len(self.entity.key):
            return False
        rows = [row for row in zip(*keys, strict=False) if all(row)]
        return len(set(rows)) < len(rows)

    @property
    def score(self) -> float:
        """How well the file and the entity fit, 0 to 1: what the file holds, what is required, and the key."""
        held = sum(match.score for match in self.matches) / max(len(self.matches) + len(self.unmapped), 1)
        required = sum(column.is_required and column.default is None and not column.is_computed for column in self.entity.columns)
        given = {*(match.column.name for match in self.matches), *self.constants}
        keys = sum(name in given for name in self.entity.key) / max(len(self.entity.key), 1)
        # One more required than there are: finding all of five says more than finding all of one.
        score = 0.45 * held + 0.35 * (required - len(self.missing)) / (required + 1) + 0.2 * keys
        # Rows without their key, or with one that repeats, are the rows of something else.
        return score * (0.5 if self.key_repeats else 0.6 + 0.4 * keys)


@dataclass(frozen=True)
class Ranked:
    """An entity that a file may feed, how well (0 to 1), and the required columns that it would lack."""

    entity: str
    score: float
    missing: tuple[str, ...]


def to_yaml(suggestion: Suggestion) -> str:
    """The suggestion as a mapping file, with the confidence and a sample value beside each line.

    Values of personal columns are not shown: a mapping is kept and passed on.
    """
    entity = suggestion.entity
    lines = [
        f"# Suggested mapping to {entity.name} ({entity.label['en']}, {entity.label['zh']}): check each line before you import.",
        "# sure: header and values agree; likely: they nearly do; guess: look at it.",
        "version: 1",
        *_file_lines(suggestion),
        "entities:",
        f"  {entity.name}:",
        *_column_lines(suggestion),
        *_expression_lines(suggestion),
        *_value_lines(suggestion),
        *_to_do_lines(suggestion),
        *_unmapped_lines(suggestion),
    ]
    return "\n".join(lines) + "\n"


def _file_lines(suggestion: Suggestion) -> list[str]:
    lines = []
    if suggestion.timezone:
        lines.append(f"timezone: {_scalar(suggestion.timezone)}  # guess: of instants without an offset")
    if isinstance(suggestion.dates, Ambiguous):
        first = suggestion.dates.options[0]
        lines.append(
            f"# dates: {_scalar(str(first))}  # {suggestion.dates}: every value seen reads both ways; choose, and remove the first #"
        )
    elif suggestion.dates and suggestion.dates.pattern:
        lines.append(f"dates: {_scalar(suggestion.dates.pattern)}")
    if isinstance(suggestion.decimal, Ambiguous):
        points = " or ".join(f'"{style.point}"' for style in suggestion.decimal.options)
        lines.append(f'# decimal: "."  # {points}: every number seen reads both ways; choose, and remove the first #')
    elif suggestion.decimal:
        lines.append(f'decimal: "{suggestion.decimal.point}"  # as in {suggestion.decimal}')
    if suggestion.constants:
        pairs = ", ".join(f"{name}: {_scalar(value)}" for name, value in suggestion.constants.items())
        lines.append(f"constants: {{{pairs}}}  # guess: the file has no such columns")
    return lines


def _column_lines(suggestion: Suggestion) -> list[str]:
    plain = [match for match in suggestion.matches if match.expression is None]
    if not plain:
        return ["    columns: {}"]
    return ["    columns:", *_beside((f"      {_scalar(m.column.name)}: {_scalar(m.source.name)}", _comment(m)) for m in plain)]


def _expression_lines(suggestion: Suggestion) -> list[str]:
    read = [(f"      {_scalar(m.column.name)}: {_scalar(m.expression)}", _comment(m)) for m in suggestion.matches if m.expression]
    joined = [(f"      {_scalar(name)}: {_scalar(sql)}", "guess: joined") for name, sql in suggestion.expressions.items()]
    return ["    expressions:", *_beside([*read, *joined])] if read or joined else []


def _value_lines(suggestion: Suggestion) -> list[str]:
    translated = [match for match in suggestion.matches if match.values]
    lines = ["    values:  # of the values seen; add what else may come"] if translated else []
    for match in translated:
        lines.append(f"      {_scalar(match.column.name)}:")
        lines += [f"        {_scalar(cell)}: {_scalar(word)}" for cell, word in match.values.items()]
    return lines


def _to_do_lines(suggestion: Suggestion) -> list[str]:
    if not suggestion.missing:
        return []
    return ["    # Required and not found:", *(f"    # - {missing.column}: {missing.advice}" for missing in suggestion.missing)]


def _unmapped_lines(suggestion: Suggestion) -> list[str]:
    if not suggestion.unmapped:
        return []
    pairs = [(f"    #   {_scalar(column.name)}: {_scalar(column.name)}", _contents(column)) for column in suggestion.unmapped]
    if any(column.type is ColumnType.ATTRIBUTES for column in suggestion.entity.columns):
        return ["    # Not mapped; to keep some of them as attributes, remove the # before them:", "    # attributes:", *_beside(pairs)]
    return ["    # Not mapped:", *_beside((f"    # - {_one_line(column.name)}", _contents(column)) for column in suggestion.unmapped)]


def _comment(match: Match) -> str:
    missing = {cell for cell, word in match.values.items() if word is None}
    known = (value.strip() for value in match.source.values if value)
    sample = None if match.column.is_personal else next((value for value in known if value and value not in missing), None)
    shown = [match.confidence.value, *([_clipped(sample)] if sample else []), *(_one_line(remark) for remark in match.remarks)]
    return " · ".join(shown)


def _contents(column: SampleColumn) -> str:
    """What an unmapped column holds; the value itself only where it repeats, for what is different in each row may name a person."""
    values = [value.strip() for value in column.values if value and value.strip()]
    distinct = list(dict.fromkeys(values))
    if not values:
        return "no values seen"
    if len(distinct) > len(values) / 3:
        return f"{len(distinct)} different"
    return f"{len(distinct)} different, such as {_clipped(distinct[0])}" if len(distinct) > 1 else f"always {_clipped(distinct[0])}"


def _beside(pairs: Iterable[tuple[str, str]]) -> list[str]:
    kept = list(pairs)
    width = max((display_width(line) for line, _ in kept), default=0)
    return [f"{line}{' ' * (width - display_width(line))}  # {comment}" for line, comment in kept]


def _clipped(text: str) -> str:
    line = _one_line(text)
    while display_width(line) > _SAMPLE_WIDTH:
        line = line.removesuffix("…")[:-1] + "…"
    return line


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _scalar(text: str | None) -> str:
    """The text as YAML reads it back: ``Yes``, ``on`` and ``007`` stay words."""
    if text is None or not text.isprintable():
        return json.dumps(text)
    if "'" in text and not set(text) & {'"', "\\"}:
        return f'"{text}"'
    written = str(yaml.safe_dump(text, allow_unicode=True, width=10**9, default_flow_style=True))
    return written.removesuffix("\n").removesuffix("\n...").rstrip("\n")
