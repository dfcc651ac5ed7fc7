"""Targets wherever they stand: lists of them, one with its way and versions, one that is not set yet."""

from typing import Any

from factories.compared.block import At, Compare
from factories.markup import Element, rows_of
from factories.shown import says
from factories.told import Told, alike, same

NUMBERS = ("baseline", "value", "expected", "target", "forecast", "probability")


def _all(told: Told, at: At) -> list[dict[str, Any]]:
    ended = at.asked.get("ended") == "yes"
    found = told.get("targets", ended=ended)
    if told.sees_all:
        same(found, told.ask("target", "list", *(["--ended"] if ended else [])))
    return list(found)


def targets(told: Told, at: At, block: Element) -> None:
    """Each line is a target; on a KPI's page those of that KPI, all of them."""
    known = {t["target_id"]: t for t in _all(told, at)}
    rows = rows_of(block)
    for row in rows:
        one = known[row["target_id"]]
        assert (row["period"], row["state"]) == (one["period"], one["state"])
        for name in NUMBERS:
            assert alike(row[name], one[name]), (name, row[name], one[name])
    kpi = at.places.get("name")
    if kpi is not None:
        assert {r["target_id"] for r in rows} == {t for t, one in known.items() if one["kpi"] == kpi}


def all_targets(told: Told, at: At, block: Element) -> None:
    """No target is on the page twice or not at all, whatever objective it belongs to."""
    targets(told, at, block)
    shown = [r["target_id"] for table in at.main.all("table") for r in rows_of(table)]
    assert sorted(shown) == sorted(t["target_id"] for t in _all(told, at))


def _one(told: Told, at: At) -> dict[str, Any]:
    if "target_id" in at.places:
        found = told.get(f"targets/{at.places['target_id']}")
        same(found, told.ask("target", "show", at.places["target_id"]))
        return dict(found)
    asked = at.asked
    return dict(told.ask("target", "set", asked["kpi"], asked["value"], "--by", asked["by"], "--check"))


def facts(told: Told, at: At, block: Element) -> None:
    one = _one(told, at)
    names = {"now": "value"}
    shown = {e["data-fact"]: e["data-value"] for e in block.all(attribute="data-fact")}
    expected = ("baseline", "now", "expected", "attained", "forecast", "probability")
    assert set(shown) == {n for n in expected if one[names.get(n, n)] is not None}
    for name, value in shown.items():
        assert alike(value, one[names.get(name, name)]), (name, value)


def aim(told: Told, at: At, block: Element) -> None:
    assert alike(block["data-value"], _one(told, at)["target"])


def way(told: Told, at: At, block: Element) -> None:
    """What is expected is the way that was kept; what was read is the KPI's readings."""
    one = _one(told, at)
    rows = {r["period"]: r for r in rows_of(block)}
    for step in one["path"]:
        assert alike(rows[step["period"]]["way"], step["value"]), step
    by, member = one["dimension"], one["member"]
    for period, row in rows.items():
        if row["value"]:
            assert alike(row["value"], told.reading(one["kpi"], period, by, member)["value"]), period


def versions(told: Told, at: At, block: Element) -> None:
    """The newest first: its number, and what it asks."""
    rows = [[cell.text for cell in row.all("td")] for row in block.all("tr")[1:]]
    kept = list(reversed(_one(told, at)["versions"]))
    assert [r[0] for r in rows] == [str(v["version"]) for v in kept]
    for row, version in zip(rows, kept, strict=True):
        assert says(row[2], version["target"]), (row, version)


BLOCKS: dict[tuple[str, str], Compare | str] = {
    ("/team", "table:targets-"): all_targets,
    ("/kpi/{name}", "table:targets"): targets,
    ("/team/targets/{target_id}", "figure:target"): aim,
    ("/team/targets/{target_id}", "facts:target"): facts,
    ("/team/targets/{target_id}", "table:way"): way,
    ("/team/targets/{target_id}", "table:versions"): versions,
    ("/team/new", "figure:target"): aim,
    ("/team/new", "facts:target"): facts,
    ("/team/new", "table:way"): way,
}
