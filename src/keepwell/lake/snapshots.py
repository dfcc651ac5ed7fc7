"""The lake as it was at one moment: pinned versions, read by any engine."""

from dataclasses import dataclass, field
from pathlib import Path

from keepwell.core.errors import KeepwellError
from keepwell.engine.protocol import Engine, TableSnapshot
from keepwell.engine.sql import Steps, quoted
from keepwell.lake import delta
from keepwell.lake.delta import DataFile
from keepwell.lake.entity import Entity, entities
from keepwell.lake.table import Table, table

# a fact keeps the customer id of its source; this says which customer that is today
IDENTITY_KEY = "case when source = 'main' or starts_with(source_customer_id, source || ':') then source_customer_id else source || ':' || source_customer_id end"


@dataclass(frozen=True)
class Snapshot:
    """Table -> version. Two readers of one snapshot see the same rows, whatever is written meanwhile."""

    lake: Path
    versions: dict[str, int]
    _files: dict[str, list[DataFile]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def data_files(self, name: str) -> list[DataFile]:
        """The files of a table, their paths relative to the table's folder; none for a table never written."""
        if name not in self.versions:
            return []
        if name not in self._files:
            found = delta.files_or_none(self.lake / name, self.versions[name])
            if found is None:
                raise KeepwellError(
                    f"The lake's table {name} is gone, though {self.lake / 'head.json'} names it.", "Restore the folder from a backup."
                )
            # a version never changes
            self._files[name] = found
        return self._files[name]

    def table(self, name: str, known_as: str | None = None) -> TableSnapshot:
        """The table as engines take it."""
        definition: Table = table(name)
        folder = self.lake / name
        paths = tuple(str(folder / f.path) for f in self.data_files(name))
        return TableSnapshot(known_as or name, paths, definition.all_columns)

    def rows(self, name: str) -> int:
        return sum(f.rows for f in self.data_files(name))

    def register(self, engine: Engine, name: str, known_as: str | None = None) -> None:
        """Make an entity readable by its name, or as ``known_as``, with every customer id read through ``identities``."""
        columns = _customer_columns(name)
        if not columns or not self.rows("identities"):
            engine.register(self.table(name, known_as))
            return
        # the names are the reader's own, for two snapshots may be read side by side
        shown = known_as or name
        stored, identities = self.table(name, f"{shown}__stored"), self.table("identities", f"{shown}__identities")
        engine.register(stored)
        engine.register(identities)
        engine.define(shown, _through_identities(stored, identities.name, columns, is_customer_list=name == "customers"))


def _customer_columns(name: str) -> list[str]:
    e: Entity | None = entities().get(name)
    if e is None or name == "identities":
        return []
    return [c.name for c in e.stored_columns if c.references == "customers" or (name == "customers" and c.is_key)]


def _through_identities(stored: TableSnapshot, identities: str, columns: list[str], *, is_customer_list: bool) -> Steps:
    # two sources may write one stored id; a fact must not double for that
    who = Steps().then("who", f"select {IDENTITY_KEY} as stored_id, min(customer_id) as today_id from {quoted(identities)} group by 1")
    joins = "\n".join(f"left join who as {quoted('who_' + c)} on {quoted('who_' + c)}.stored_id = stored.{quoted(c)}" for c in columns)
    shown = [
        f"coalesce({quoted('who_' + c)}.today_id, stored.{quoted(c)}) as {quoted(c)}" if c in columns else f"stored.{quoted(c)}"
        for c, _ in stored.columns
    ]
    # a customer who was merged into another is no row of the list any more
    merged_away = "where coalesce(who_customer_id.today_id, stored.customer_id) = stored.customer_id" if is_customer_list else ""
    return who.then("read_through", f"select {', '.join(shown)} from {quoted(stored.name)} as stored\n{joins}\n{merged_away}")
