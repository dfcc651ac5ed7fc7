"""Scorecards wherever they stand: the list, one of them, its form with what it comes to, and published ones."""

from typing import Any

from factories.compared.block import At, Compare, each, numbers
from factories.markup import Element, rows_of
from factories.told import Told, alike, same


def _rows(told: Told, name: str, period: str) -> list[dict[str, Any]]:
    found = told.get(f"scorecards/{name}", period=period)
    if told.sees_all:
        same(found, told.ask("scorecard", name, "--period", period))
    return list(found)


def cards(told: Told, at: At, block: Element) -> None:
    """Each card once, with its total of the period and of the one before."""
    rows = rows_of(block)
    assert {r["card"] for r in rows} == {c["name"] for c in told.get("scorecards")}
    for row in rows:
        for column, period in (("total", at.period), ("total_before", "2026-09")):
            total = _rows(told, row["card"], period)[-1]
            assert alike(row[column], total["points"]), (row, period)
            assert alike(row["grade" if column == "total" else "grade_before"], total["grade"]), (row, period)


def published_list(told: Told, at: At, block: Element) -> None:
    kept = {(k["name"], k["period"]): k for n in {r["card"] for r in rows_of(block)} for k in told.get(f"scorecards/{n}/published")}
    rows = rows_of(block)
    assert {(r["card"], r["period"]) for r in rows} == set(kept)
    for row in rows:
        one = kept[row["card"], row["period"]]
        assert alike(row["version"], one["version"])
        assert alike(row["total"], one["rows"][-1]["points"])
        assert alike(row["grade"], one["rows"][-1]["grade"])


def total(told: Told, at: At, block: Element) -> None:
    assert alike(block["data-value"], _rows(told, at.places["name"], at.period)[-1]["points"])


def perspectives(told: Told, at: At, block: Element) -> None:
    """The weight of a perspective is its items'; its points are theirs by weight, of those that have some."""
    items = _rows(told, at.places["name"], at.period)[:-1]
    for row in rows_of(block):
        own = [i for i in items if i["perspective"] == row["perspective"]]
        assert abs(float(row["weight"]) - sum(i["share"] for i in own)) < 1e-6
        known = [i for i in own if i["points"] is not None]
        if not known:
            assert row["points"] == ""
            continue
        mean = sum(i["share"] * i["points"] for i in known) / sum(i["share"] for i in known)
        assert abs(float(row["points"]) - mean) < 1e-6, row


def items(told: Told, at: At, block: Element) -> None:
    found = _rows(told, at.places["name"], at.period)[:-1]
    each(block, found, {n: n for n in ("item", "value", "target", "points", "share", "adds")})
    for row, one in zip(rows_of(block), found, strict=True):
        kpi = told.kpis.get(one["kpi"] or "", {})
        benchmark = (kpi.get("benchmark") or {}).get("value") if one["by"] is None else None
        assert alike(row["benchmark"], benchmark), (row, benchmark)


def points(told: Told, at: At, block: Element) -> None:
    titles = [i for i in _rows(told, at.places["name"], at.period)[:-1] if i["points"] is not None]
    for row, one in zip(rows_of(block), titles, strict=True):
        numbers(row, one, ("points", "points_low", "points_high"))
        assert row["item"] == one["item"]


def preview(told: Told, at: At, block: Element) -> None:
    """Before anything is changed, both sides are what the card comes to."""
    found = _rows(told, at.places["name"], at.period)
    each(block, found, {"item": "item", **{n: n.removesuffix("_before") for n in ("share_before", "share", "points_before", "points", "adds_before", "adds")}})  # fmt: skip


def _kept(told: Told, at: At) -> dict[str, Any]:
    name, period = at.places["name"], at.places["period"]
    found = told.get(f"scorecards/{name}/published/{period}")
    same(found, told.ask("scorecard", name, "--period", period, "--restated"))
    return dict(found)


def kept_total(told: Told, at: At, block: Element) -> None:
    assert alike(block["data-value"], _kept(told, at)["rows"][-1]["points"])


def kept_rows(told: Told, at: At, block: Element) -> None:
    each(block, _kept(told, at)["rows"], {n: n for n in ("item", "value", "target", "points", "share", "adds")})


def restated(told: Told, at: At, block: Element) -> None:
    found = [(r["item"], c, r["before"], r["now"]) for r in _kept(told, at)["restated"] for c in r["differs"]]
    for row, (item, column, before, now) in zip(rows_of(block), found, strict=True):
        assert (row["item"], row["differs"]) == (item, column)
        assert alike(row["before"], (before or {}).get(column))
        assert alike(row["now"], (now or {}).get(column))


LIST, ONE = "/scorecard/cards", "/scorecard/cards/{name}"
EDIT, KEPT = f"{ONE}/edit", f"{ONE}/published/{{period}}"
BLOCKS: dict[tuple[str, str], Compare | str] = {
    (LIST, "table:cards"): cards,
    (LIST, "table:published"): published_list,
    (ONE, "figure:total"): total,
    (ONE, "table:perspectives"): perspectives,
    (ONE, "table:items"): items,
    (ONE, "table:points"): points,
    (EDIT, "figure:total_before"): total,
    (EDIT, "figure:total"): total,
    (EDIT, "table:preview"): preview,
    (EDIT, "list:earlier"): "names of files of versions that were replaced: only the page has them",
    (KEPT, "figure:total"): kept_total,
    (KEPT, "table:published"): kept_rows,
    (KEPT, "table:restated"): restated,
}
