"""SQL in named steps, so that an error can show the step and its text."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from keepwell.core.errors import KeepwellError


class SqlError(KeepwellError):
    """A query that failed, with the step that is to blame and its SQL."""

    def __init__(self, reason: str, step: str, sql: str) -> None:
        super().__init__(f"Step {step!r} failed: {reason}", f"The step's SQL:\n{sql.strip()}")
        self.step = step
        self.sql = sql
        self.reason = reason


@dataclass(frozen=True)
class Step:
    """One named common table expression."""

    name: str
    sql: str


@dataclass(frozen=True)
class Steps:
    """A query as a chain of named steps; the last one is its answer."""

    steps: tuple[Step, ...] = field(default=())

    def then(self, name: str, sql: str) -> "Steps":
        """The same chain with one more step, which may read all before it by name."""
        if any(s.name == name for s in self.steps):
            raise ValueError(f"two steps are named {name!r}")
        return Steps((*self.steps, Step(name, sql)))

    def render(self) -> str:
        """The SQL text of the whole chain."""
        *before, last = self.steps
        if not before:
            return last.sql
        common = ",\n".join(f"{quoted(s.name)} as (\n{s.sql}\n)" for s in before)
        return f"with {common}\n{last.sql}"

    def prefixes(self) -> Iterator[tuple[Step, "Steps"]]:
        """Each step with the chain that ends in it."""
        for count, step in enumerate(self.steps, start=1):
            yield step, Steps(self.steps[:count])


def quoted(name: str) -> str:
    """A name as SQL writes it, whatever it holds."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(value: object) -> str:
    """A value as an SQL literal: text quoted, None as NULL, numbers and booleans as they are."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("'", "''")
    return f"'{escaped}'"


def names(columns: "list[str] | tuple[str, ...]", table: str = "") -> str:
    """A comma-separated list of quoted column names, each of ``table`` where one is given."""
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + quoted(c) for c in columns)
