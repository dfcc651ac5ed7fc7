"""What a staged entity must hold before it lands: each key once, parents known, nothing odd left unsaid."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal, names, quoted
from keepwell.lake.entity import Column, Entity, Rule, entities
from keepwell.lake.landing import parquet
from keepwell.lake.snapshots import IDENTITY_KEY, Snapshot
from keepwell.lake.spread import parent_or_none
from keepwell.lake.table import table
from keepwell.sources.findings import Cause, Example, Finding

# keys are compared by their hash, this many at a time, so that a huge file needs little memory
KEYS_AT_A_TIME = 8_000_000
EVERYONE = "*"  # the team whose business hours are those of all teams without hours of their own
SHOWN = 3
CHARACTERS_SHOWN = 80


@dataclass(frozen=True)
class Refused:
    """A row that was found wrong after typing: its place in the staged table, its record, why."""

    row: int
    record: int | None
    reason: str
    cause: Cause
    column: str
    detail: str
    value: str


@dataclass
class CheckedEntity:
    """One entity's typed rows in a staged table (with ``_line`` and ``_bad``), and the rows of it that are not to land."""

    entity: Entity
    typed: str
    scratch: Path
    provided: tuple[str, ...]
    rows: int  # as mapped, bad ones included
    bad: int
    rejected: list[Refused] = field(default_factory=list)  # found after typing
    findings: list[Finding] = field(default_factory=list)  # beside those rejected
    merged: int = 0  # identical rows of one key, of which one is kept
    warnings: list[str] = field(default_factory=list)
    replace_by: str | None = None

    @property
    def excluded(self) -> Path:
        return self.scratch / f"{self.entity.name}.excluded.parquet"

    @property
    def numbered(self) -> str:
        """The rows that passed typing, with their place ``_row``."""
        return f"(select *, rowid as _row from {self.typed} where not _bad)"

    @property
    def good(self) -> str:
        """The rows that may land, as a table expression."""
        if not self.excluded.exists():
            return f"(select {names(self.provided)} from {self.typed} where not _bad)"
        return f"(select {names(self.provided, 'n')} from {self.numbered} n anti join {parquet(self.excluded)} x on n._row = x._row)"

    @property
    def spared_or_none(self) -> str | None:
        """Of what rows replace one another by: the values of which a row was rejected, so that what the lake has of them stays."""
        if not self.replace_by or not (self.bad or self.rejected):
            return None
        by, key = quoted(self.replace_by), table(self.entity.name).key
        same = " and ".join(f"t.{quoted(k)} = g.{quoted(k)}" for k in key)
        return f"(select distinct t.{by} from {self.typed} t anti join {self.good} g on {same} where t.{by} is not null)"


def check_keys(engine: DuckDBEngine, checked: CheckedEntity) -> None:
    """Reject rows that share a key but differ; of rows that are the same throughout one is kept."""
    key = table(checked.entity.name).key
    duplicates = _duplicate_keys(engine, checked, key)
    if duplicates is None:
        return
    others = [c for c in checked.provided if c not in key]
    same = (
        " and ".join(
            f"count(distinct n.{quoted(c)}) + (count(*) > count(n.{quoted(c)}) and count(n.{quoted(c)}) > 0)::int <= 1" for c in others
        )
        or "true"
    )
    on = " and ".join(f"n.{quoted(k)} = d.{quoted(k)}" for k in key)
    groups = (
        f"select {names(key, 'n')}, {same} as _same, min(n._row) as _first_row, min(n._line) as _first_line, count(*) as _count "
        f"from {checked.numbered} n join {duplicates} d on {on} group by {names(key, 'n')}"
    )
    found = engine.rows(
        f"select n._row, n._line, g._same, concat_ws(', ', {names(key, 'g')}), g._count from {checked.numbered} n join ({groups}) g "
        f"on {on.replace('d.', 'g.')} where not g._same or n._row <> g._first_row order by 1"
    )
    checked.merged = sum(1 for _, _, same_throughout, _, _ in found if same_throughout)
    for row, line, same_throughout, shown, count in found:
        if not same_throughout:
            reason = f"{' and '.join(key)} {shown!r} stands {count} times with different values"
            checked.rejected.append(Refused(row, line, reason, Cause.DUPLICATE, ", ".join(key), "", shown))
    if checked.merged:
        checked.findings.append(Finding(checked.entity.name, Cause.REPEATED, checked.merged, ", ".join(key), is_warning=True))
        checked.warnings.append(f"{checked.merged:,} rows repeat another row in every column; one of each is kept")
    _exclude(checked, [row for row, *_ in found])


def _duplicate_keys(engine: DuckDBEngine, checked: CheckedEntity, key: tuple[str, ...]) -> str | None:
    """The keys that stand more than once, as a table expression; None when there are none."""
    passes = max(1, -(-checked.rows // KEYS_AT_A_TIME))
    hashed = f"hash({names(key)})"
    target = checked.scratch / f"{checked.entity.name}.duplicates.parquet"
    count = 0
    candidates = []
    for part in range(passes):
        only = f"and {hashed} % {passes} = {part}" if passes > 1 else ""
        path = checked.scratch / f"{checked.entity.name}.hashes{part}.parquet"
        query = f"select {hashed} as h from {checked.typed} where not _bad {only} group by 1 having count(*) > 1"
        if engine.write_parquet(query, path):
            candidates.append(parquet(path))
    if not candidates:
        return None
    # two keys may share a hash, so the keys themselves decide
    listed = " union all ".join(f"select h from {c}" for c in candidates)
    exact = f"select {names(key)} from {checked.typed} where not _bad and {hashed} in ({listed}) group by {names(key)} having count(*) > 1"
    count = sum(f.rows for f in engine.write_parquet(exact, target))
    return parquet(target) if count else None


def _exclude(checked: CheckedEntity, rows: list[int]) -> None:
    if not rows:
        return
    before = pq.read_table(checked.excluded)["_row"].to_pylist() if checked.excluded.exists() else []
    pq.write_table(pa.table({"_row": pa.array([*before, *rows], pa.int64())}), checked.excluded)


def check_parents(engine: DuckDBEngine, checked: CheckedEntity, staged: Mapping[str, CheckedEntity], snapshot: Snapshot) -> None:
    """Warn of references to rows that nobody knows; reject rows that must copy from such a parent."""
    must_copy_from = parent_or_none(checked.entity)
    for column in checked.entity.columns:
        if column.references is None or column.name not in checked.provided or column.copied_from:
            continue
        known = _known_keys(engine, column, staged, snapshot)
        if (checked.entity.name, column.name) == ("business_hours", "team"):
            everybody_else = f"select {literal(EVERYONE)} as k"
            known = f"{known} union all {everybody_else}" if known else everybody_else
        if column.references == must_copy_from:
            _reject_orphans(engine, checked, column, known)
        else:
            _warn_of_orphans(engine, checked, column, known)


def _known_keys(engine: DuckDBEngine, column: Column, staged: Mapping[str, CheckedEntity], snapshot: Snapshot) -> str | None:
    parent = entities()[column.references or ""]
    key = quoted(parent.key[0])
    sources = []
    if snapshot.data_files(parent.name):
        engine.register(snapshot.table(parent.name))
        sources.append(f"select {key} as k from {quoted(parent.name)}")
    here = staged.get(parent.name)
    if here is not None:
        sources.append(f"select {key} as k from {here.good}")
    if parent.name == "customers" and snapshot.data_files("identities"):
        # an id that stands for a known customer is known
        engine.register(snapshot.table("identities"))
        sources.append(f"select {IDENTITY_KEY} as k from identities")
    return " union all ".join(sources) or None


def _orphans(checked: CheckedEntity, column: Column, known: str | None) -> str:
    name = quoted(column.name)
    rows = f"from {checked.numbered} n"
    if checked.excluded.exists():
        rows += f" anti join {parquet(checked.excluded)} x on n._row = x._row"
    return f"{rows} anti join ({known}) p on n.{name} = p.k where n.{name} is not null" if known else f"{rows} where n.{name} is not null"


def _warn_of_orphans(engine: DuckDBEngine, checked: CheckedEntity, column: Column, known: str | None) -> None:
    name = quoted(column.name)
    orphans = _orphans(checked, column, known)
    count = int(engine.value(f"select count(*) {orphans}"))
    if not count:
        return
    ends = engine.rows(f"select min(n.{name}) {orphans} union select max(n.{name}) {orphans} order by 1")[:SHOWN]
    examples = ", ".join(repr(str(r[0])[:CHARACTERS_SHOWN]) for r in ends)
    shown = tuple(Example(str(r[0])[:CHARACTERS_SHOWN], 0, None) for r in ends)
    checked.findings.append(Finding(checked.entity.name, Cause.ORPHAN, count, column.name, column.references or "", shown, is_warning=True))
    checked.warnings.append(
        f"{column.name}: {count:,} rows name {_article(column.references or '')} that is not known, such as {examples}; they are kept"
    )


def _article(entity: str) -> str:
    word = entities()[entity].label["en"].lower()
    return f"one of {word}"


def _reject_orphans(engine: DuckDBEngine, checked: CheckedEntity, column: Column, known: str | None) -> None:
    copied = ", ".join(c.name for c in checked.entity.columns if c.copied_from)
    found = engine.rows(f"select n._row, n._line, n.{quoted(column.name)} {_orphans(checked, column, known)} order by 1")
    parent = entities()[column.references or ""]
    for row, line, value in found:
        reason = f"{column.name} {value!r} is not among the {parent.label['en'].lower()} known; {copied} come from there"
        checked.rejected.append(Refused(row, line, reason, Cause.ORPHAN, column.name, parent.name, str(value)))
    _exclude(checked, [row for row, *_ in found])


def warn_of_rules(engine: DuckDBEngine, checked: CheckedEntity, warnings: tuple[tuple[str, Rule], ...], landing: str) -> None:
    """Say how many rows break a rule that only warns; ``landing`` is SQL for the columns that landing lends to rules."""
    present = {c.name for c in checked.entity.columns if c.name in checked.provided}
    absent = "".join(f", cast(null as {c.sql_type}) as {quoted(c.name)}" for c in checked.entity.columns if c.name not in present)
    if not warnings:
        return
    counts = ", ".join(f"count(*) filter (where {condition})" for condition, _ in warnings)
    found = engine.rows(f"select {counts} from (select *{absent}, {landing} from {checked.good})")[0]
    broken = [(count, rule) for count, (_, rule) in zip(found, warnings, strict=True) if count]
    checked.warnings += [f"{count:,} rows: {rule.says['en']}; they are kept" for count, rule in broken]
    checked.findings += [Finding(checked.entity.name, Cause.RULE, count, detail=rule.name, is_warning=True) for count, rule in broken]
