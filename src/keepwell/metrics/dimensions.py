"""Ways from a fact's row to the columns by which it may be broken down, filtered or counted.

A column is the fact's own, or one of a thing that the row names by key: of its customer, product, employee, of that one's team or
region, and so on. A way is written with dots: ``product_id.category``, ``owner_id.team``, ``customer_id.parent_id``. A bare name is
looked for in the row, then in its customer, then in the other things that it names. Looking up by key never doubles a row.

Over several facts a name must mean the same in all: a ticket's ``kind`` is not a customer's. There a bare name is the customer's
unless it is a key that all facts have.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from keepwell.engine.sql import quoted
from keepwell.lake.entity import ColumnType, entities
from keepwell.metrics.fact import STOCK_TIME, Fact, dimensions_of, references

# the versions of these are dated, and read as of the fact's instant
WITH_HISTORY = ("customers", "employees")


class UnsliceableError(ValueError):
    """A column that a fact's rows have no way to. ``known`` are those that they have."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self.known = tuple(known)


@dataclass(frozen=True)
class Hop:
    """From a column to the thing whose key it holds."""

    column: str
    entity: str

    @property
    def key(self) -> str:
        return entities()[self.entity].key[0]


@dataclass(frozen=True)
class Path:
    """A way: hops, then a column of the last thing; without hops, a column of the row itself."""

    name: str
    hops: tuple[Hop, ...]
    column: str
    attribute: str | None = None  # a key of the column ``attributes``

    @property
    def leads_to(self) -> str | None:
        """The entity whose key the column holds."""
        return references().get(self.column)


def path_of(fact: Fact, time: str, name: str) -> Path:
    """The way to a column; :class:`UnsliceableError` where there is none or more than one."""
    first, *rest = name.split(".")
    path = _first(fact, time, first)
    for part in rest:
        if path.column == "attributes" and path.attribute is None:
            path = Path(name, path.hops, path.column, part)
            continue
        target = _referenced_or_none(path)
        if target is None or path.attribute is not None:
            raise UnsliceableError(name, known_paths(fact, time))
        hops = (*path.hops, Hop(path.column, target))
        column = _column_or_none(target, part)
        if column is None:
            raise UnsliceableError(name, [f"{path.name}.{c}" for c in _columns(target)])
        path = Path(f"{path.name}.{column}", hops, column)
    return Path(name, path.hops, path.column, path.attribute)


def shared_name(places: Sequence[tuple[Fact, str]], name: str) -> str:
    """The name by which every fact (with its ``time``) reaches the same thing; :class:`UnsliceableError` where there is none."""
    if len({fact.name for fact, _ in places}) == 1:
        return name
    first, _, rest = name.partition(".")
    ways = [_first(fact, time, first) for fact, time in places]
    if len({(w.hops, w.column) for w in ways}) == 1 and (ways[0].hops or ways[0].leads_to):
        return name
    column = _column_or_none("customers", first)
    if column is None or not all(fact.customer for fact, _ in places):
        raise UnsliceableError(name, shared_paths(places))
    return f"{places[0][0].customer}.{column}{'.' + rest if rest else ''}"


def shared_paths(places: Sequence[tuple[Fact, str]]) -> list[str]:
    """The columns by which the rows of all these facts may be broken down together."""
    found = [set(known_paths(fact, time)) for fact, time in places]
    return [name for name in known_paths(*places[0]) if all(name in other for other in found) and _is_shared(places, name)]


def _is_shared(places: Sequence[tuple[Fact, str]], name: str) -> bool:
    ways = {(w.hops, w.column) for w in (path_of(fact, time, name) for fact, time in places)}
    return len(ways) == 1 and all(hops or column in references() for hops, column in ways)


def known_paths(fact: Fact, time: str) -> list[str]:
    """The columns by which rows may be broken down: the row's own, its customer's, and one hop further."""
    found = [*(d for d in fact.dimensions if d in fact.columns_at(time))]
    if fact.customer:
        found += list(dimensions_of(entities()["customers"]))
    for column, entity in _own_references(fact, time):
        found += [f"{column}.{c}" for c in dimensions_of(entities()[entity])]
    return list(dict.fromkeys(found))


def _first(fact: Fact, time: str, name: str) -> Path:
    own = fact.columns_at(time)
    for candidate in (name, f"{name}_id"):
        if candidate in own:
            return Path(candidate, (), candidate)
    if fact.customer:
        column = _column_or_none("customers", name)
        if column:
            return Path(name, (Hop(fact.customer, "customers"),), column)
    found = []
    for column, entity in _own_references(fact, time):
        if entity == "customers":
            continue
        if name in _columns(entity):
            found.append(Path(name, (Hop(column, entity),), name))
    if len(found) == 1:
        return found[0]
    raise UnsliceableError(name, [f"{p.hops[0].column}.{name}" for p in found] or known_paths(fact, time))


def _own_references(fact: Fact, time: str) -> list[tuple[str, str]]:
    return [(c, references()[c]) for c in fact.columns_at(time) if c in references() and len(entities()[references()[c]].key) == 1]


def _referenced_or_none(path: Path) -> str | None:
    if path.column == "parent" and path.hops:
        return path.hops[-1].entity
    target = references().get(path.column)
    return target if target and len(entities()[target].key) == 1 else None


def _columns(entity: str) -> list[str]:
    return [c.name for c in entities()[entity].stored_columns]


def _column_or_none(entity: str, name: str) -> str | None:
    known = _columns(entity)
    return next((c for c in (name, f"{name}_id") if c in known), None)


DIVIDING = {ColumnType.ID, ColumnType.CODE, ColumnType.TEXT, ColumnType.FLAG}


def is_dividing(fact: Fact, path: Path) -> bool:
    """Whether a column names kinds, places or people, so that readings may be broken down by it."""
    if path.attribute is not None:
        return True
    origins = [path.hops[-1].entity] if path.hops else [e for e in fact.reads if e in entities()]
    kinds = [entities()[e].column(path.column).type for e in origins if entities()[e].has_column(path.column)]
    return all(kind in DIVIDING for kind in kinds)


@dataclass(frozen=True)
class LookUps:
    """The columns that a query needs of other things, and the steps that bring them to the rows."""

    paths: tuple[Path, ...]
    with_versions: Collection[str] = ()  # entities of which ended versions exist

    @property
    def entities(self) -> list[str]:
        return list(dict.fromkeys(h.entity for p in self.paths for h in p.hops))

    def steps(self, fact: Fact, time: str, suffix: str = "") -> list[tuple[str, str]]:
        """Steps that end in ``looked_up``: the rows of the step ``fact`` with a column for each path, named as the path.

        The names of all steps end in ``suffix``.
        """
        reached = [p for p in self.paths if p.hops or p.attribute is not None]
        if not reached:
            return [(f"looked_up{suffix}", f"select * from fact{suffix}")]
        instant = "ends_at" if time == STOCK_TIME else fact.instants.get(time)
        dated = [e for e in self.entities if e in self.with_versions and e in WITH_HISTORY and instant]
        steps = [(f"{e}_versions{suffix}", _versions(e, self._wanted(e))) for e in dated]
        aliases: dict[tuple[Hop, ...], str] = {(): "f"}
        joins = []
        for path in reached:
            for depth in range(1, len(path.hops) + 1):
                way = path.hops[:depth]
                if way in aliases:
                    continue
                hop, alias = way[-1], f"t{len(aliases)}"
                origin = aliases[way[:-1]]
                aliases[way] = alias
                on = f"{alias}.{quoted(hop.key)} = {origin}.{quoted(hop.column)}"
                table = quoted(hop.entity)
                if hop.entity in dated:
                    table = f"{hop.entity}_versions{suffix}"
                    on += f" and ({alias}._since is null or f.{instant} >= {alias}._since) and ({alias}._until is null or f.{instant} < {alias}._until)"
                joins.append(f"left join {table} as {alias} on {on}")
        columns = ", ".join(f"{aliases[p.hops]}.{quoted(p.column)}{_key(p)} as {quoted(p.name)}" for p in reached)
        return [*steps, (f"looked_up{suffix}", f"select f.*, {columns}\nfrom fact{suffix} as f\n" + "\n".join(joins))]

    def _wanted(self, entity: str) -> list[str]:
        found = [entities()[entity].key[0]]
        for path in self.paths:
            for i, hop in enumerate(path.hops):
                if hop.entity == entity:
                    found.append(path.hops[i + 1].column if i + 1 < len(path.hops) else path.column)
        return list(dict.fromkeys(found))


def _key(path: Path) -> str:
    if path.attribute is None:
        return ""
    escaped = path.attribute.replace("'", "''")
    return f"['{escaped}']"


def _versions(entity: str, wanted: list[str]) -> str:
    """Every version with the instants between which it was in force; the first one also holds for all before it."""
    key = quoted(entities()[entity].key[0])
    columns = ", ".join(quoted(c) for c in wanted)
    current = ", ".join(f"c.{quoted(c)}" for c in wanted)
    return (
        f"select {columns}, lag(valid_to) over (partition by {key} order by valid_to) as _since, valid_to as _until from {entity}_history\n"
        f"union all\n"
        f"select {current}, h._since, cast(null as TIMESTAMP WITH TIME ZONE) as _until from {entity} as c\n"
        f"left join (select {key}, max(valid_to) as _since from {entity}_history group by {key}) as h on h.{key} = c.{key}"
    )
