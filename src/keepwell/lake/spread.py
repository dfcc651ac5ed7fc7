"""One entity's staged rows are rows for several tables: its own, the personal one, its history, and children that copy from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from keepwell.engine.duckdb import DuckDBEngine
from keepwell.engine.sql import literal, names, quoted
from keepwell.lake.entity import Entity, entities
from keepwell.lake.landing import Change, Difference, Staged, on_key
from keepwell.lake.records import EntityCounts
from keepwell.lake.snapshots import Snapshot
from keepwell.lake.table import BATCH, HISTORY_SUFFIX, KEY_SEPARATOR, PROFILES, SOURCE, TEXTS, UPDATED, table


@dataclass(frozen=True)
class StagedEntity:
    """Typed, checked rows of one entity, personal columns included: a table expression with its ``provided`` columns, each key once.

    ``replace_by`` and ``spared`` are those of :class:`~keepwell.lake.landing.Staged`.
    """

    entity: Entity
    rows: str
    provided: tuple[str, ...]
    count: int
    replace_by: str | None = None
    spared: str | None = None


def own_rows(staged: StagedEntity) -> Staged:
    """The part for the entity's own table."""
    personal = {c.name for c in staged.entity.personal_columns}
    own = tuple(c for c in staged.provided if c not in personal)
    return Staged(table(staged.entity.name), staged.rows, own, staged.replace_by, staged.spared)


def personal_rows_or_none(staged: StagedEntity) -> Staged | None:
    """The part for ``profiles`` or ``texts``; None when the file brings nothing personal."""
    told = [c.name for c in staged.entity.personal_columns if c.name in staged.provided]
    if not told:
        return None
    owner = table(PROFILES if staged.entity.person else TEXTS)
    first = staged.entity.person or staged.entity.name
    key = f"concat_ws({KEY_SEPARATOR}, {names(staged.entity.key)})"
    rows = f"(select {literal(first)} as {owner.key[0]}, {key} as {owner.key[1]}, {names(told)} from {staged.rows})"
    return Staged(owner, rows, (*owner.key, *told))


def history_or_none(change: Change, found: Difference, entity: Entity) -> Difference | None:
    """The versions that the change ends; None for entities without history or a change that updates nothing."""
    if not entity.keeps_history or not found.updated:
        return None
    columns = names([c for c, _ in found.table.columns], "o")
    rows = (
        f"(select {columns}, o.{UPDATED} as valid_from, {change.at_sql} as valid_to, {literal(change.source)} as {SOURCE}, "
        f"{literal(change.import_id)} as {BATCH}, {change.at_sql} as {UPDATED}, true as _is_new "
        f"from {quoted(entity.name)} o semi join (select * from {found.rows} where not _is_new) r on {on_key(found.table, 'o', 'r')})"
    )
    return Difference(table(entity.name + HISTORY_SUFFIX), inserted=found.updated, rows=rows)


def parent_or_none(child: Entity) -> str | None:
    """The entity that ``child`` copies columns from."""
    return next((c.copied_from for c in child.columns if c.copied_from), None)


def children_of(changed: Mapping[str, Difference]) -> list[Entity]:
    """The entities that copy from one that changed and are not among the changed themselves."""
    return [e for e in entities().values() if e.name not in changed and parent_or_none(e) in changed]


def with_copies(engine: DuckDBEngine, staged: Staged, changed: Mapping[str, Difference], snapshot: Snapshot) -> Staged:
    """Staged rows with the columns that they copy from their parents as these will be after the change."""
    child = entities()[staged.table.name]
    parent = parent_or_none(child)
    if parent is None:
        return staged
    copied, join_on = _copied_columns(child), table(parent).key[0]
    own = [c for c in staged.provided if c not in copied]
    rows = (
        f"(select {names(own, 'n')}, {names(copied, 'p')} from {staged.rows} n "
        f"join {_parents(engine, parent, copied, changed, snapshot)} p on n.{join_on} = p.{join_on})"
    )
    return replace(staged, rows=rows, provided=(*own, *copied))


def followers(engine: DuckDBEngine, child: Entity, changed: Mapping[str, Difference], snapshot: Snapshot) -> Staged:
    """The rows of ``child`` in the lake whose parent is updated, with what they copy from it."""
    definition, copied = table(child.name), _copied_columns(child)
    provided = (*definition.key, *copied)
    return Staged(definition, f"({_followers_sql(engine, child, provided, changed, snapshot)})", provided)


def with_followers(engine: DuckDBEngine, staged: Staged, changed: Mapping[str, Difference], snapshot: Snapshot) -> Staged:
    """Staged rows and, beside them, the rows in the lake that are not staged but whose parent is updated."""
    child = entities()[staged.table.name]
    parent = parent_or_none(child)
    if parent is None or parent not in changed or not changed[parent].updated or not snapshot.data_files(child.name):
        return staged
    lake_rows = _followers_sql(engine, child, staged.provided, changed, snapshot)
    lake_rows += f" anti join {staged.rows} n on {on_key(staged.table, 'n', 'o')}"
    if staged.replace_by:
        # children that are gone from a staged parent need not follow it
        by = quoted(staged.replace_by)
        lake_rows += f" anti join {staged.replaced_sql} g on o.{by} = g.{by}"
    rows = f"(select {names(staged.provided)} from {staged.rows} union all by name {lake_rows})"
    return replace(staged, rows=rows)


def _followers_sql(
    engine: DuckDBEngine, child: Entity, provided: tuple[str, ...], changed: Mapping[str, Difference], snapshot: Snapshot
) -> str:
    parent = parent_or_none(child) or ""
    copied, join_on = _copied_columns(child), table(parent).key[0]
    engine.register(snapshot.table(child.name))
    columns = ", ".join(f"{'p' if c in copied else 'o'}.{quoted(c)}" for c in provided)
    change = changed[parent]
    updated = f"(select * from {change.rows} where not _is_new)" if change.rows else f"(select * from {quoted(child.name)} where false)"
    return f"select {columns} from {quoted(child.name)} o join {updated} p on o.{join_on} = p.{join_on}"


def _copied_columns(child: Entity) -> list[str]:
    return [c.name for c in child.columns if c.copied_from]


def _parents(engine: DuckDBEngine, parent: str, columns: list[str], changed: Mapping[str, Difference], snapshot: Snapshot) -> str:
    """The parent's key and the columns to copy, as they will be after the change."""
    key = table(parent).key[0]
    wanted = names([key, *columns])
    engine.register(snapshot.table(parent))
    change = changed.get(parent)
    if change is None or change.rows is None:
        return f"(select {wanted} from {quoted(parent)})"
    return f"(select {wanted} from {change.rows} union all select {wanted} from {quoted(parent)} o anti join {change.rows} r on o.{key} = r.{key})"


def one_a_table(found: list[Difference]) -> list[Difference]:
    """The same differences with those of one table put together: their keys never meet."""
    merged: dict[str, Difference] = {}
    for d in found:
        if d.is_empty:
            continue
        before = merged.get(d.table.name)
        if before is None:
            merged[d.table.name] = d
            continue
        merged[d.table.name] = Difference(
            d.table,
            before.inserted + d.inserted,
            before.updated + d.updated,
            before.removed + d.removed,
            _union([before.rows, d.rows]),
            _union([before.gone, d.gone]),
        )
    return list(merged.values())


def _union(parts: list[str | None]) -> str | None:
    told = [f"select * from {p}" for p in parts if p]
    return f"({' union all by name '.join(told)})" if told else None


def counts(engine: DuckDBEngine, staged: StagedEntity, own: Difference, personal: Difference | None) -> EntityCounts:
    """Rows by what became of them; a row of which only personal columns differ is an updated one.

    Rows in the lake that follow their parent are counted as updated too, beside the rows read.
    """
    updated, following = own.updated, 0
    if own.rows and own.updated and parent_or_none(staged.entity):
        following = int(
            engine.value(
                f"select count(*) from {own.rows} r anti join {staged.rows} n on {on_key(own.table, 'r', 'n')} where not r._is_new"
            )
        )
    if personal is not None and personal.rows is not None:
        key = f"concat_ws({KEY_SEPARATOR}, {names(staged.entity.key, 'm')})"
        known = f"anti join {own.rows} m on p.{personal.table.key[1]} = {key}" if own.rows else ""
        updated += int(engine.value(f"select count(*) from {personal.rows} p {known}"))
    return EntityCounts(
        entity=staged.entity.name,
        read=staged.count,
        inserted=own.inserted,
        updated=updated,
        unchanged=max(0, staged.count - own.inserted - (updated - following)),
        removed=own.removed,
    )
