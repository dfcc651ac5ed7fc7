"""A reading: what a KPI says for a slice and a period, and how far it can be trusted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING, Any, overload

import pyarrow as pa

from keepwell.core.errors import KeepwellError

if TYPE_CHECKING:
    import pandas as pd

# values are kept and compared with this many decimals; rounding for people is the surfaces' business
PLACES = Decimal("1e-10")


class Status(StrEnum):
    """Whether a reading says something."""

    OK = "ok"
    TOO_FEW = "too_few"  # value and n are kept, but rest on fewer than the KPI's minimum
    NO_DATA = "no_data"  # there is no value, which is not 0


@dataclass(frozen=True)
class Reading:
    """One value. ``change_…`` compare with the previous period and with the same period last year."""

    kpi: str
    grain: str
    period: str
    period_start: date
    period_end: date
    dimension: str | None
    member: str | None
    value: Decimal | None
    ci_low: float | None
    ci_high: float | None
    n: int
    missing: int
    numerator: Decimal | None
    denominator: Decimal | None
    status: Status
    is_open: bool
    coverage: float | None
    fresh_until: datetime | None
    change_previous: Decimal | None
    change_previous_ci_low: float | None
    change_previous_ci_high: float | None
    change_previous_is_real: bool | None
    change_last_year: Decimal | None
    change_last_year_ci_low: float | None
    change_last_year_ci_high: float | None
    change_last_year_is_real: bool | None
    definition_hash: str
    run_id: str | None = None
    reason: str | None = None  # of a KPI of a model without a value: why (keepwell.metrics.scored.Reason)

    def to_json(self) -> dict[str, Any]:
        """Plain values: numbers as numbers, days and instants as ISO text, nothing as None."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


@dataclass(frozen=True)
class Readings(Sequence[Reading]):
    """Readings in the order of KPI, period and member: a sequence, an Arrow table, a data frame, a table in a notebook."""

    items: tuple[Reading, ...]
    warnings: tuple[str, ...] = ()  # what a reader should know of how they came to be

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> "Readings": ...
    def __getitem__(self, index: int | slice) -> "Reading | Readings":
        return Readings(self.items[index]) if isinstance(index, slice) else self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Reading]:
        return iter(self.items)

    @property
    def value(self) -> Decimal | None:
        """The one value; an error when there are several readings."""
        if len(self.items) != 1:
            raise KeepwellError(f"There are {len(self.items)} readings, not one.", "Name one KPI and one period, or look at them all.")
        return self.items[0].value

    def to_json(self) -> list[dict[str, Any]]:
        return [r.to_json() for r in self.items]

    def to_arrow(self) -> pa.Table:
        """One row a reading; values as DECIMAL(38, 10)."""
        money = pa.decimal128(38, 10)
        types: dict[str, Any] = {
            "value": money,
            "numerator": money,
            "denominator": money,
            "change_previous": money,
            "change_last_year": money,
        }
        kinds = {"int": pa.int64(), "bool": pa.bool_(), "date": pa.date32()}
        columns = {}
        for f in fields(Reading):
            values = [getattr(r, f.name) for r in self.items]
            kind = types.get(f.name) or kinds.get(getattr(f.type, "__name__", ""))
            if f.name == "fresh_until":
                kind = pa.timestamp("us", tz="UTC")
            elif kind is None:
                is_number = "_ci_" in f.name or f.name in {"ci_low", "ci_high", "coverage"}
                kind = pa.float64() if is_number else pa.bool_() if f.name.endswith("_is_real") else pa.string()
            columns[f.name] = pa.array([str(v) if isinstance(v, StrEnum) else v for v in values], kind)
        return pa.table(columns)

    def to_pandas(self) -> "pd.DataFrame":
        """One row a reading; values as floats, which is what plotting and modelling take."""
        table = self.to_arrow()
        decimals = [i for i, f in enumerate(table.schema) if pa.types.is_decimal(f.type)]
        for i in decimals:
            table = table.set_column(i, table.schema.field(i).name, table.column(i).cast(pa.float64()))
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def _repr_html_(self) -> str:
        shown = ("kpi", "period", "member", "value", "ci_low", "ci_high", "n", "status")
        head = "".join(f"<th>{name}</th>" for name in shown)
        rows = ""
        for r in self.items:
            cells = (_plain(getattr(r, name)) for name in shown)
            rows += (
                "<tr>"
                + "".join(f"<td>{'' if c is None else escape(f'{c:,.4g}' if isinstance(c, float) else str(c))}</td>" for c in cells)
                + "</tr>"
            )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
