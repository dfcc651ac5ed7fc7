"""What the Python API answers with beside readings: lists of rows, definitions, explanations."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from keepwell.metrics.explain import Explanation
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.lineage import Lineage
from keepwell.models.transitions import Move, Transitions

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rows:
    """Rows of a list: an Arrow table, a data frame, dictionaries one by one, a table in a notebook."""

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.table.to_pylist())

    def to_arrow(self) -> pa.Table:
        return self.table

    def to_pandas(self) -> "pd.DataFrame":
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values: instants and days as ISO text, decimals as numbers."""
        return [{k: plain(v) for k, v in row.items()} for row in self]

    def _repr_html_(self) -> str:
        html = self.to_pandas().head(100).to_html(index=False)
        return str(html)


@dataclass(frozen=True)
class Behind:
    """Rows behind one part of a reading."""

    part: str
    rows: Rows
    total: int

    @property
    def more(self) -> bool:
        return self.total > len(self.rows)


@dataclass(frozen=True)
class Explained:
    """An explanation, and the same as plain rows."""

    explanation: Explanation

    def to_json(self) -> list[dict[str, Any]]:
        """One object a part: what it is of, its effect and its amount; the amounts of one ``by`` add up to ``change``."""
        e = self.explanation
        head = {
            "kpi": e.kpi, "period": e.period, "versus": e.versus, "before": plain(e.before), "now": plain(e.now), "change": plain(e.change),
            "change_is_real": e.is_real,
        }  # fmt: skip
        found = []
        for d in e.decompositions:
            parts = [
                {
                    "member": p.member,
                    "effect": str(p.effect),
                    "amount": plain(p.amount),
                    "member_before": plain(p.before),
                    "member_now": plain(p.now),
                }
                for p in d.parts
            ]
            nothing = {"member": None, "effect": None, "amount": None, "member_before": None, "member_now": None}
            found += [head | {"by": d.by} | p | {"reason": d.reason} for p in (parts or [nothing])]
        return found or [head]


@dataclass(frozen=True)
class Moves:
    """Transitions between two runs, and the same as plain rows."""

    transitions: Transitions

    def __len__(self) -> int:
        return len(self.transitions.moves)

    def __iter__(self) -> Iterator[Move]:
        return iter(self.transitions.moves)

    def to_json(self) -> list[dict[str, Any]]:
        """One object a pair of states that somebody moved between, those who stayed included."""
        t = self.transitions
        ends = {
            "since": t.earlier.as_of.isoformat(),
            "until": t.later.as_of.isoformat(),
            "from_run": t.earlier.run_id,
            "to_run": t.later.run_id,
        }
        return [
            {"state": t.state, "from": m.before, "to": m.after, "customers": m.customers, "share_of_from": m.share, **ends} for m in t.moves
        ]

    def to_arrow(self) -> pa.Table:
        return pa.Table.from_pylist(self.to_json())


@dataclass(frozen=True)
class Definition:
    """A KPI with where it comes from, and how well that is covered in the last whole month."""

    kpi: Kpi
    lineage: Lineage
    period: str
    coverage: float | None
    fresh_until: datetime | None

    def to_json(self) -> dict[str, Any]:
        return kpi_json(self.kpi) | {
            "example": {k: v for k, v in asdict(self.kpi.example).items() if v is not None},
            "lineage": {
                "facts": list(self.lineage.facts),
                "entities": {e: list(c) for e, c in self.lineage.columns.items()},
                "sources": [{k: plain(v) for k, v in asdict(s).items()} for s in self.lineage.sources],
            },
            "coverage": self.coverage,
            "coverage_period": self.period,
            "fresh_until": self.fresh_until.isoformat() if self.fresh_until else None,
        }


def kpi_json(k: Kpi) -> dict[str, Any]:
    """A definition as plain values."""
    return {
        "name": k.name, "theme": k.theme, "title": k.title, "meaning": k.meaning, "formula": k.formula, "pitfalls": k.pitfalls,
        "kind": str(k.kind), "definition": k.definition, "unit": str(k.unit), "better": str(k.better), "additivity": str(k.additivity),
        "when_empty": str(k.when_empty), "min_n": k.min_n, "material": k.material, "dimensions": list(k.dimensions),
        "benchmark": asdict(k.benchmark) if k.benchmark else None, "owner": k.owner, "version": k.version, "definition_hash": k.definition_hash,
        "is_users": k.is_users,
    }  # fmt: skip


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return dict(value)
    return value.isoformat() if isinstance(value, date) else value
