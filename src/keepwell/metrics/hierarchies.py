"""A filter by a parent includes its descendants: by a region those below it, by a company its subsidiaries."""

from collections import defaultdict
from collections.abc import Callable, Mapping

from keepwell.engine.aggregates import with_wider_comparisons
from keepwell.lake.entity import entities
from keepwell.metrics.dimensions import Path

# entity -> the column that names the thing above
PARENTS = {"regions": "parent", "teams": "parent", "customers": "parent_id", "employees": "manager_id"}
Tree = Callable[[str, str, str], list[tuple[str, str]]]


def with_descendants(where: str, paths: Mapping[str, Path], tree: Tree) -> str:
    """The filter with each ``region = 'EMEA'`` (also teams, ``parent_id`` and ``manager_id``) widened to all below EMEA.

    ``region`` and ``team`` stand for the thing itself: equal to it or to a descendant. ``parent_id`` and ``manager_id`` stand for the
    thing above: whoever is below it at any depth, and itself.
    """
    wider: dict[str, Callable[[list[str]], list[str]]] = {}
    also_key: dict[str, str] = {}
    for name, path in paths.items():
        entity = path.leads_to
        is_above = path.column in {"parent_id", "manager_id"}
        if entity not in PARENTS or not (is_above or entity in {"regions", "teams"}) or path.attribute is not None:
            continue
        wider[name] = _closure(entity, tree)
        if is_above and path.hops:
            also_key[name] = ".".join([*(h.column for h in path.hops[:-1]), path.hops[-1].column])
    return with_wider_comparisons(where, wider, also_key) if wider else where


def _closure(entity: str, tree: Tree) -> Callable[[list[str]], list[str]]:
    def below(values: list[str]) -> list[str]:
        children: dict[str, list[str]] = defaultdict(list)
        for child, parent in tree(entity, entities()[entity].key[0], PARENTS[entity]):
            children[parent].append(child)
        found = dict.fromkeys(values)
        waiting = list(values)
        while waiting:
            for child in children[waiting.pop()]:
                if child not in found:
                    found[child] = None
                    waiting.append(child)
        return sorted(found)

    return below
