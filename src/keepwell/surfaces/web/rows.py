"""The rows behind a number, as the evidence drawer shows them and as they are taken along."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from keepwell.metrics.kpi import Kpi
from keepwell.surfaces.answers import plain
from keepwell.surfaces.web.picked import Picked
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

SHOWN = 100
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
    found = visit.kept(key, lambda: visit.workspace.rows(kpi.name, period=picked.period.label, by=by))
    parts, sheets, customers = [], [], set[str]()
    for behind in found:
        table = behind.rows.to_arrow()
        if by and "member" in table.column_names:
            table = table.filter(pc.equal(pc.fill_null(table.column("member").cast(pa.string()), ""), member))
        if CUSTOMER in table.column_names:
            customers |= {c for c in table.column(CUSTOMER).to_pylist() if c}
        columns = _columns(table)
        sheets.append(Sheet(behind.part, columns, _rows(table, columns)))
        parts.append(
            Part(
                behind.part,
                visit.say(f"part.{behind.part}") if behind.part in PARTS else behind.part,
                table.num_rows,
                columns,
                tuple(_rows(table.slice(0, SHOWN), columns)),
            )
        )
    return Evidence(
        visit.say("kpi.rows_of", title=kpi.title[visit.locale], period=picked.period.label),
        kpi,
        picked.period.label,
        member,
        tuple(parts),
        len(customers),
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


def _rows(table: pa.Table, columns: tuple[Column, ...]) -> list[tuple[Any, ...]]:
    lists = [[plain(v) for v in table.column(c.name).to_pylist()] for c in columns]
    return list(zip(*lists, strict=True))
