"""Products as people know them: by name where the list of products has one, with the id behind it."""

from collections.abc import Iterable, Mapping

from keepwell.engine.protocol import Engine
from keepwell.engine.sql import Steps, literal
from keepwell.lake.lake import Lake
from keepwell.lake.snapshots import Snapshot
from keepwell.metrics.session import Session


def names_seen(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Id -> name, of those products that have one, as an estimator sees them."""
    if not session.tables.rows("products"):
        return {}
    session.make_ready("products")
    return _names(session.engine, ids)


def names_today(lake: Lake, ids: Iterable[str]) -> dict[str, str]:
    """The same from the lake as it is."""
    with lake.engine(lake.folder / ".spill") as engine:
        return names_from(engine, lake.snapshot(), ids)


def names_from(engine: Engine, snapshot: Snapshot, ids: Iterable[str]) -> dict[str, str]:
    """The same from the lake at a moment, read by an engine that is there."""
    if not snapshot.rows("products"):
        return {}
    snapshot.register(engine, "products")
    return _names(engine, ids)


def _names(engine: Engine, ids: Iterable[str]) -> dict[str, str]:
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    listed = ", ".join(literal(i) for i in wanted)
    query = f"select product_id, name from products where product_id in ({listed}) and name is not null and name <> ''"
    return {r["product_id"]: r["name"] for r in engine.arrow(Steps().then("names", query)).to_pylist()}


def shown(product_id: str, names: Mapping[str, str]) -> str:
    """The name with the id, or the id alone."""
    name = names.get(product_id)
    return f"{name} ({product_id})" if name and name != product_id else product_id
