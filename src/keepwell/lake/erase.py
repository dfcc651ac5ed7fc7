"""Erasing people: their names, addresses and words go from every version, image and file of the lake.

What remains is pseudonymous: the facts keep their customer id, so that the statistics of the past still hold.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.core.clock import Clock
from keepwell.core.errors import WrongUseError
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal, names, quoted
from keepwell.lake import delta, journal, locks, records
from keepwell.lake.entity import entities
from keepwell.lake.lake import Lake
from keepwell.lake.landing import Change, Difference, parquet, write_change
from keepwell.lake.records import ChangeKind, ChangeRecord, EntityCounts
from keepwell.lake.snapshots import Snapshot
from keepwell.lake.table import KEY_SEPARATOR, PROFILES, TEXTS, table, tables

REJECTED = "rejected.csv"


@dataclass(frozen=True)
class Erasure:
    """What an erasure removed: rows of personal data, and files of rejected rows that held them."""

    record: ChangeRecord
    profiles: int
    texts: int
    files: int


def erase_customers(lake: Lake, customer_ids: Sequence[str], clock: Clock) -> Erasure:
    """Remove everything personal of these customers and of their contacts. It can't be undone.

    Their rows go from ``profiles`` and ``texts``, and with them every older version of the two tables, every before-image and
    every kept file of rejected rows that holds one of their values.
    """
    ids = sorted(set(customer_ids))
    if not ids:
        raise WrongUseError("No customer is named.", "keepwell erase ID…")
    with (
        lake.begin("keepwell", clock.now(), prefix="era") as change,
        locks.writer(lake.folder),
        lake.engine(change.staging / ".spill") as engine,
    ):
        journal.recover(lake.folder)
        snapshot = lake.snapshot()
        engine.execute(f"create temp table _erased as select unnest([{', '.join(literal(i) for i in ids)}]) as customer_id")
        gone = {PROFILES: _people(engine, snapshot), TEXTS: _words(engine, snapshot)}
        values = _personal_values(engine, snapshot, gone[PROFILES])
        differences = [d for name, query in gone.items() if (d := _going(engine, change, snapshot, name, query)) is not None]
        changes = [write_change(engine, change, d, snapshot, keep_images=False) for d in differences]
        counts = tuple(EntityCounts(d.table.name, read=d.removed, removed=d.removed) for d in differences)
        record = ChangeRecord(change.import_id, ChangeKind.ERASURE, "keepwell", change.at, finished_at=change.at, entities=counts)
        # copies first: should the process die here, the same erasure still knows what to look for
        _forget_images(engine, lake.folder, gone)
        files = _forget_rejected(lake.folder, {*ids, *values})
        record = journal.commit(lake.folder, record, changes)
        _forget_versions(lake)
        removed = {d.table.name: d.removed for d in differences}
        return Erasure(record, removed.get(PROFILES, 0), removed.get(TEXTS, 0), files)


def _people(engine: DuckDBEngine, snapshot: Snapshot) -> str:
    """The keys in ``profiles`` of the erased customers and their contacts, as a query."""
    engine.register(snapshot.table("contacts"))
    return (
        "select 'customer' as person, customer_id as id from _erased "
        "union all select 'contact' as person, contact_id as id from contacts semi join _erased using (customer_id)"
    )


def _words(engine: DuckDBEngine, snapshot: Snapshot) -> str:
    """The keys in ``texts`` of the facts about the erased customers, as a query."""
    parts = []
    for e in entities().values():
        if e.person or not e.personal_columns or not e.has_column("customer_id"):
            continue
        engine.register(snapshot.table(e.name))
        parts.append(
            f"select {literal(e.name)} as entity, concat_ws({KEY_SEPARATOR}, {names(e.key)}) as row_key "
            f"from {quoted(e.name)} semi join _erased using (customer_id)"
        )
    return " union all ".join(parts)


def _personal_values(engine: DuckDBEngine, snapshot: Snapshot, keys: str) -> set[str]:
    """The values of the erased people by which a rejected row can be known to be theirs."""
    engine.register(snapshot.table(PROFILES))
    found = engine.rows(f"select p.name, p.email, p.phone from {PROFILES} p semi join ({keys}) k using (person, id)")
    return {str(v) for row in found for v in row if v}


def _going(engine: DuckDBEngine, change: Change, snapshot: Snapshot, name: str, keys: str) -> Difference | None:
    if not snapshot.data_files(name):
        return None
    definition = table(name)
    engine.register(snapshot.table(name))
    path = change.staging / f"{name}.gone.parquet"
    query = f"select {names(definition.key)} from {quoted(name)} semi join ({keys}) k using ({names(definition.key)})"
    removed = sum(f.rows for f in engine.write_parquet(query, path))
    return Difference(definition, removed=removed, gone=parquet(path)) if removed else None


def _forget_images(engine: DuckDBEngine, lake: Path, gone: dict[str, str]) -> None:
    """Take the erased rows out of the before-images of every import."""
    for name, keys in gone.items():
        for path in sorted((lake / records.FOLDER).glob(f"*/before/{name}.parquet")):
            scratch = path.with_suffix(".new")
            query = f"select * from {parquet(path)} anti join ({keys}) k using ({names(tables()[name].key)})"
            if engine.write_parquet(query, scratch):
                scratch.replace(path)
            else:
                scratch.unlink(missing_ok=True)
                path.unlink()


def _forget_rejected(lake: Path, values: set[str]) -> int:
    """Delete the kept rejected rows that hold a value of an erased person; files are small, so they are read as text."""
    touched = 0
    for path in sorted((lake / records.FOLDER).glob(f"*/{REJECTED}")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        kept = [rows[0], *(r for r in rows[1:] if not any(cell.strip() in values for cell in r))]
        if len(kept) < len(rows):
            touched += 1
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(kept)
    return touched


def _forget_versions(lake: Lake) -> None:
    """Delete every file of the personal tables that is not of the newest version."""
    for name in (PROFILES, TEXTS):
        found = delta.open_or_none(lake.folder / name)
        if found is None:
            continue
        kept = {f.path for f in delta.files(found)}
        for path in (lake.folder / name).glob("*.parquet"):
            if path.name not in kept:
                path.unlink()
