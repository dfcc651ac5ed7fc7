"""The rows behind a number, as the evidence drawer shows them and as they are taken along."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import pyarrow as pa
import pyarrow.compute as pc

from keepwell.metrics.kpi import Kpi
from keepwell.surfaces.answers import Behind, plain
from keepwell.surfaces.web.picked import Picked
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

SHOWN = 100
AT_ONCE = 10_000  # rows that are Python's at one time
SMALL = 4 * 1024 * 1024  # bytes of an answer that is kept for the next
# what a reader needs to find the thing, before all else
FIRST = ("customer_id", "contribution")
CUSTOMER = "customer_id"


@dataclass(frozen=True)
class Part:
    """One part of a reading: its rows, how many there are, and what they add up to."""

    name: str
    label: str
    total: int
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Evidence:
    """The parts of a reading."""

    title: str
    kpi: Kpi
    period: str
    member: str
    parts: tuple[Part, ...]
    customers: int
    sheets: tuple[Sheet, ...]


def evidence(visit: Visit, kpi: Kpi, picked: Picked) -> Evidence:
    """The rows of the reading that the address names, of one member where it names one."""
    by, member = visit.asked("by") or None, visit.asked("member")
    run = visit.run_or_none
    key = ("rows", run.run_id if run else None, kpi.name, kpi.definition_hash, picked.period.label, by)
    found = visit.kept(key, lambda: visit.workspace.rows(kpi.name, period=picked.period.label, by=by), _is_small)
    parts, sheets, customers = [], [], []
    for behind in found:
        table = behind.rows.to_arrow()
        if by and "member" in table.column_names:
            table = table.filter(pc.equal(pc.fill_null(table.column("member").cast(pa.string()), ""), member))
        if CUSTOMER in table.column_names:
            customers += table.column(CUSTOMER).chunks
        columns = _columns(table)
        lines = Lines(table.select([c.name for c in columns]))
        sheets.append(Sheet(behind.part, columns, lines))
        parts.append(
            Part(
                behind.part,
                visit.say(f"part.{behind.part}") if behind.part in PARTS else behind.part,
                table.num_rows,
                columns,
                tuple(lines[:SHOWN]),
            )
        )
    return Evidence(
        visit.say("kpi.rows_of", title=kpi.title[visit.locale], period=picked.period.label),
        kpi,
        picked.period.label,
        visit.label(by or "", member),
        tuple(parts),
        pc.count_distinct(pa.chunked_array(customers, pa.string())).as_py(),
        tuple(sheets),
    )


PARTS = ("rows", "values", "numerator", "denominator", "promoters", "detractors", "answers")


def _columns(table: pa.Table) -> tuple[Column, ...]:
    names = [n for n in FIRST if n in table.column_names]
    names += [n for n in table.column_names if n not in names and not pa.types.is_map(table.schema.field(n).type)]
    # a column without a single value tells nothing
    names = [n for n in names if table.num_rows == 0 or table.column(n).null_count < table.num_rows or n in FIRST]

    def is_number(name: str) -> bool:
        kind = table.schema.field(name).type
        return bool(pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind))

    return tuple(Column(n, n, is_number(n)) for n in names)


class Lines(Sequence[tuple[Any, ...]]):
    """The rows of a table, made when they are read: a month of a large business is shown by its first hundred."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, at: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, at: slice) -> list[tuple[Any, ...]]: ...
    def __getitem__(self, at: int | slice) -> tuple[Any, ...] | list[tuple[Any, ...]]:
        if isinstance(at, int):
            return _plain_rows(self._table.slice(range(len(self))[at], 1))[0]
        places = range(len(self))[at]
        return _plain_rows(self._table.slice(places.start, len(places)) if places.step == 1 else self._table.take(list(places)))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(self), AT_ONCE):
            yield from _plain_rows(self._table.slice(start, AT_ONCE))


def _plain_rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*([plain(v) for v in column.to_pylist()] for column in table.columns), strict=True))


def _is_small(found: Sequence[Behind]) -> bool:
    return sum(int(b.rows.to_arrow().nbytes) for b in found) <= SMALL
