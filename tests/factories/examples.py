"""Rows of a worked example as tables for the evaluator."""

from typing import Any

from keepwell.engine.protocol import Engine, TableSnapshot
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake.table import table


class ExampleTables:
    """Tables that hold the rows of an example and nothing else."""

    def __init__(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        self._rows = rows

    def rows(self, name: str) -> int:
        return len(self._rows.get(name, []))

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        columns = table(name).all_columns
        if not self.rows(name):
            engine.register(TableSnapshot(known_as or name, (), columns))
            return
        known = {c for c, _ in columns}
        for row in self._rows[name]:
            assert set(row) <= known, f"{name} has no columns {set(row) - known}"
        given = list(dict.fromkeys(c for row in self._rows[name] for c in row))
        values = ", ".join("(" + ", ".join(_text(row.get(c)) for c in given) + ")" for row in self._rows[name])
        cast = ", ".join(f"cast({quoted(c) if c in given else 'null'} as {kind}) as {quoted(c)}" for c, kind in columns)
        engine.define(known_as or name, Steps().then(name, f"select {cast} from (values {values}) as v ({', '.join(quoted(c) for c in given)})"))


def _text(value: Any) -> str:
    """A value as text, so that a column of a VALUES list has one type."""
    return literal(None if value is None else str(value).lower() if isinstance(value, bool) else str(value))
