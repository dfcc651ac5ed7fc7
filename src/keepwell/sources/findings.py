"""What a check found wrong, grouped by cause: how many rows, which values, where the first of each stands."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import Steps
from keepwell.sources.reader import RawFile
from keepwell.sources.rejects import FILE_STEP

EXAMPLES = 8


class Cause(StrEnum):
    """Why rows are rejected, or told of."""

    UNREADABLE = "unreadable"  # the column can't hold the value
    MISSING = "missing"  # the column must have a value
    FUTURE = "future"
    BELOW = "below"
    ABOVE = "above"
    RULE = "rule"  # a statement about the whole row
    DUPLICATE = "duplicate"  # rows of one key that differ
    REPEATED = "repeated"  # rows that are the same throughout
    ORPHAN = "orphan"  # a reference to what nobody knows
    BROKEN = "broken"  # a record that has no columns to check


@dataclass(frozen=True)
class Example:
    """A value that was found, in how many rows, and the line of the first of them."""

    value: str | None
    rows: int
    line: int | None


@dataclass(frozen=True)
class Finding:
    """Rows of one entity that have the same thing wrong with them.

    ``detail`` is what the cause needs to be said: the allowed members, the format, the bound, the rule's name, the entity referred to.
    Rows of a warning land all the same.
    """

    entity: str
    cause: Cause
    rows: int
    column: str | None = None
    detail: str = ""
    examples: tuple[Example, ...] = ()
    values: int = 0  # different ones, of which the commonest are the examples
    is_warning: bool = False

    @property
    def key(self) -> str:
        """A name of its own within the check."""
        return ".".join([self.entity, self.column or "", self.cause, self.detail if self.cause is Cause.RULE else ""])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        return cls(**{**found, "cause": Cause(found["cause"]), "examples": tuple(Example(**e) for e in found["examples"])})


@dataclass(frozen=True)
class Fault:
    """A condition (SQL over the typed rows) under which a row is rejected; ``says`` and ``value`` are SQL too."""

    condition: str
    says: str
    cause: Cause
    column: str | None = None
    detail: str = ""
    value: str = "NULL"


def grouped(faults: Sequence[Fault], rows: str) -> str:
    """The query that counts rows by fault and value, from a table expression of the faulty ones."""
    told = ", ".join(
        f"case when {f.condition} then {{'fault': {number}, 'value': left(cast({f.value} as varchar), 200)}} end"
        for number, f in enumerate(faults)
    )
    each = f"select _line, unnest([{told}]) as _found from {rows}"
    counted = (
        "select _found.fault as fault, _found.value as value, count(*) as n, min(_line) as first_line "
        f"from ({each}) where _found is not null group by all"
    )
    return (
        "select fault, value, n, first_line, sum(n) over (partition by fault)::bigint, count(*) over (partition by fault) "
        f"from ({counted}) qualify row_number() over (partition by fault order by n desc, first_line, value) <= {EXAMPLES} "
        "order by fault, n desc, first_line, value"
    )


def of_faults(engine: DuckDBEngine, entity: str, faults: Sequence[Fault], query: Steps) -> list[Finding]:
    """The findings of an entity; a line is still its place among the records."""
    found: dict[int, Finding] = {}
    for number, value, rows, line, all_rows, values in engine.rows(query.render()):
        fault = faults[number]
        before = found.get(number) or Finding(entity, fault.cause, all_rows, fault.column, fault.detail, values=values)
        found[number] = replace(before, examples=(*before.examples, Example(value, rows, line)))
    return [found[number] for number in sorted(found)]


def of_rows(entity: str, cause: Cause, column: str, detail: str, rows: Iterable[tuple[int | None, str]]) -> Finding:
    """The finding about rows told one by one, as record and value."""
    places: dict[str, list[int | None]] = defaultdict(list)
    for record, value in rows:
        places[value].append(record)
    commonest = sorted(places, key=lambda v: -len(places[v]))[:EXAMPLES]
    examples = tuple(Example(v, len(places[v]), places[v][0]) for v in commonest)
    return Finding(entity, cause, sum(map(len, places.values())), column, detail, examples, len(places))


def of_broken(files: Sequence[RawFile], entity: str) -> list[Finding]:
    """The finding about records that could not be split into columns."""
    examples = [Example(f"{bad.text[:120]} – {bad.reason}", 1, bad.line) for file in files for bad in file.bad[:EXAMPLES]]
    rows = sum(len(file.bad) for file in files)
    return [Finding(entity, Cause.BROKEN, rows, examples=tuple(examples[:EXAMPLES]), values=rows)] if rows else []


def with_lines(findings: Sequence[Finding], files: Sequence[RawFile]) -> tuple[Finding, ...]:
    """The findings with the lines of the files instead of the places of the records; those of the most rows first."""
    wanted = sorted({e.line for f in findings if f.cause is not Cause.BROKEN for e in f.examples if e.line is not None})
    line_of: dict[int | None, int | None] = {None: None}
    for number, file in enumerate(files):
        here = [place for place in wanted if place // FILE_STEP == number]
        if here:
            line_of |= dict(zip(here, file.lines_of([place % FILE_STEP for place in here]), strict=True))
    placed = [
        f if f.cause is Cause.BROKEN else replace(f, examples=tuple(replace(e, line=line_of[e.line]) for e in f.examples)) for f in findings
    ]
    return tuple(sorted(placed, key=lambda f: (f.is_warning, -f.rows)))
