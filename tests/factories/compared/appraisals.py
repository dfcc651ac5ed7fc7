"""Appraisals wherever they stand: the rounds, one round with its charts and what other weights make of it, one person's form."""

from math import sqrt
from typing import Any

from factories.compared.block import At, Compare, each, numbers
from factories.markup import Element, rows_of
from factories.told import Told, alike, same

NUMBERS = ("weight", "value", "n", "target", "own_mark", "mark", "points", "adds")


def rounds(told: Told, at: At, block: Element) -> None:
    found = told.get("appraisals/rounds")
    same(found, told.ask("appraise", "list"))
    each(block, found, {"round_id": "round_id", "period": "period", "subjects": "subjects"})


def _round(told: Told, at: At) -> dict[str, Any]:
    found = told.get(f"appraisals/rounds/{at.places['round_id']}")
    same(found, told.ask("appraise", "round", at.places["round_id"]))
    return dict(found)


def appraisals(told: Told, at: At, block: Element) -> None:
    """Each person or team once."""
    found = _round(told, at)["appraisals"]
    each(block, found, {n: n for n in ("subject", "state", "total", "grade", "rank")})
    shown = [r["subject"] for r in rows_of(block)]
    assert len(shown) == len(set(shown))


def spread(told: Told, at: At, block: Element) -> None:
    """How many totals lie in each ten points."""
    totals = [a["total"] for a in _round(told, at)["appraisals"] if a["total"] is not None]
    for row in rows_of(block):
        start = int(row["from"].split()[0])
        assert alike(row["count"], sum(start <= t < start + 10 or (start == 90 and t == 100) for t in totals)), row


def funnel(told: Told, at: At, block: Element) -> None:
    """Each point is everybody's mean and the own difference from what is expected."""
    item = block["data-table"].removeprefix("funnel-")
    found = _round(told, at)
    mean = found["compared"][item]["mean"]
    assert found["compared"][item]["one"] <= sqrt(0.25) + 1e-9
    known = {}
    for a in found["appraisals"]:
        row = next(i for i in told.get(f"appraisals/{a['appraisal_id']}")["items"] if i["item"] == item)
        if row["observed"] is not None:
            known[a["name"]] = (row["n"], mean + row["observed"] - row["expected"], row["value"])
    shown = {r["name"]: r for r in rows_of(block)}
    assert set(shown) == set(known)
    for name, values in known.items():
        for column, value in zip(("n", "adjusted", "fair"), values, strict=True):
            assert alike(shown[name][column], value), (name, column)


def simulated(told: Told, at: At, block: Element) -> None:
    weights = [f"{n.removeprefix('weight.')}={v}" for n, v in at.asked.items() if n.startswith("weight.")]
    options = [word for w in weights for word in ("--weight", w)]
    found = told.ask("appraise", "simulate", at.places["round_id"], *options)
    for row, one in zip(rows_of(block), found, strict=True):
        assert row["name"] == one["name"]
        numbers(row, one, ("total", "total_then", "rank", "rank_then"))


def _one(told: Told, at: At) -> dict[str, Any]:
    found = told.get(f"appraisals/{at.places['appraisal_id']}")
    same(found, told.ask("appraise", "show", at.places["appraisal_id"]))
    return dict(found)


def total(told: Told, at: At, block: Element) -> None:
    assert alike(block["data-value"], _one(told, at)["total"])


def items(told: Told, at: At, block: Element) -> None:
    each(block, _one(told, at)["items"], {"item": "item", **{n: n for n in NUMBERS}})


def objectives(told: Told, at: At, block: Element) -> None:
    found = next(i["objectives"] for i in _one(told, at)["items"] if i["kind"] == "mbo")
    each(block, found, {n: n for n in ("text", "weight", "attained")})


def trail(told: Told, at: At, block: Element) -> None:
    found = _one(told, at)["trail"]
    each(block, found, {"number": "number", "total": "total"})


def entries(told: Told, at: At, block: Element) -> None:
    texts = [e["text"] for e in _one(told, at)["entries"]]
    lines = [li.text for li in block.all("li")]
    assert len(lines) == len(texts)
    assert all(text in line for text, line in zip(texts, lines, strict=True))


def raters(told: Told, at: At, block: Element) -> None:
    assert len(block.all("li")) == len(_one(told, at)["asked"])


ROUND, ONE = "/team/appraisals/rounds/{round_id}", "/team/appraisals/{appraisal_id}"
BLOCKS: dict[tuple[str, str], Compare | str] = {
    ("/team/appraisals", "table:rounds"): rounds,
    (ROUND, "table:appraisals"): appraisals,
    (ROUND, "table:spread"): spread,
    (ROUND, "table:funnel-"): funnel,
    (ROUND, "table:simulated"): simulated,
    (ONE, "figure:total"): total,
    (ONE, "table:items"): items,
    (ONE, "table:objectives"): objectives,
    (ONE, "table:trail"): trail,
    (ONE, "list:entries"): entries,
    (ONE, "list:raters"): raters,
}
