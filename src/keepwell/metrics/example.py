"""Worked examples: the rows of a definition as tables, executed on any engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from keepwell.core.errors import KeepwellError, unknown
from keepwell.core.periods import Calendar
from keepwell.engine.protocol import Engine
from keepwell.lake.table import table
from keepwell.metrics.evaluate import Question, evaluate
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.reading import PLACES, Reading
from keepwell.metrics.session import Ground

# an example is what it is wherever it runs: its time zone, its currency, and a day that lies after most of them
ZONE, CURRENCY, TODAY = "Asia/Shanghai", "CNY", date(2026, 11, 21)
ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "MAP(VARCHAR, VARCHAR)": pa.map_(pa.string(), pa.string()),
}


class ExampleTables:
    """Tables that hold the rows of an example and nothing else. A column that no entity has is an error."""

    def __init__(self, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self._rows = {name: list(listed) for name, listed in rows.items()}

    def rows(self, name: str) -> int:
        return len(self._rows.get(name, []))

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        columns = table(name).all_columns
        given = self._rows.get(name, [])
        for row in given:
            for column in row:
                if column not in dict(columns):
                    raise unknown(f"column of {name}", column, [c for c, _ in columns])
        arrays = {c: pa.array([_typed(row.get(c), kind, f"{name}.{c}") for row in given], _arrow(kind)) for c, kind in columns}
        engine.lend(known_as or name, pa.table(arrays))


def _arrow(kind: str) -> pa.DataType:
    if kind.startswith("DECIMAL"):
        precision, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return ARROW_TYPES[kind]


def _instant(value: Any) -> datetime:
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "VARCHAR": str,
    "BIGINT": int,
    "DOUBLE": float,
    "BOOLEAN": bool,
    "DATE": lambda value: value if type(value) is date else date.fromisoformat(str(value)),
    "TIMESTAMP WITH TIME ZONE": _instant,
    "MAP(VARCHAR, VARCHAR)": lambda value: [(str(k), str(v)) for k, v in dict(value).items()],
}


def _typed(value: Any, kind: str, where: str) -> Any:
    """A value of a YAML file as what the column holds."""
    if value is None:
        return None
    try:
        if kind.startswith("DECIMAL"):
            return Decimal(str(value)).quantize(Decimal(1).scaleb(-_arrow(kind).scale))
        return CONVERTERS[kind](value)
    except (ValueError, ArithmeticError, TypeError) as error:
        raise KeepwellError(f"The example's {where} is {value!r}, which is no {kind}.", "Correct the row.") from error


@dataclass(frozen=True)
class Executed:
    """What an example gave."""

    kpi: Kpi
    reading: Reading | None
    error: str | None = None  # why it could not be computed

    @property
    def is_right(self) -> bool:
        """Whether value and n are what the definition says; values are compared to the tenth decimal."""
        wanted = self.kpi.example.value
        if self.reading is None:
            return False
        value = None if wanted is None else Decimal(str(wanted)).quantize(PLACES)
        return self.reading.value == value and self.reading.n == self.kpi.example.n

    @property
    def says(self) -> str:
        """What came out, in one line."""
        if self.reading is None:
            return self.error or "no reading"
        return f"value {self.reading.value}, n {self.reading.n}"


def execute(engine: Engine, kpi: Kpi) -> Executed:
    """Read a KPI from its own example's rows."""
    calendar = Calendar(ZONE)
    example = kpi.example
    as_of = date.fromisoformat(example.as_of) if example.as_of else None
    question = Question(calendar.parse(example.period, today=TODAY), dimension=example.by, as_of=as_of)
    found = evaluate(engine, ExampleTables(example.rows), [kpi], question, Ground(calendar, CURRENCY, as_of or TODAY))
    told = [r for r in found if example.member is None or r.member == example.member]
    return Executed(kpi, told[0] if len(told) == 1 else None)
