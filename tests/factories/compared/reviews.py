"""Reviews: what was written down is what the API tells; the assembled review's figures are those of the KPI API."""

from factories.compared.block import At, Compare
from factories.markup import Element
from factories.told import Told, alike, same

PERIOD = "2026-10"
PARTS = {"decided_before": "decided_before", "action": "actions", "point": "points", "note": "notes"}
EXCUSE = "a table of the review's document, of which tests/surfaces/reports compares every number with the API"


def entries(told: Told, at: At, block: Element) -> None:
    """Each entry, and what came of it."""
    found = told.get(f"reviews/{PERIOD}")[PARTS[block["data-list"]]]
    lines = block.all("li")
    same([line["data-key"] for line in lines], [e["entry_id"] for e in found])
    assert found
    for line, one in zip(lines, found, strict=True):
        assert one["text"] in line.text
        moved = line.all("span", "data-moved")
        assert len(moved) == (one["change"] is not None)
        beside = line.all("span", "data-beside")
        assert len(beside) == (one["value"] is not None)
        for shown in beside:
            ours = told.readings(one["kpi"], period=at.period)[one["kpi"], at.period, None]
            assert alike(one["ours"], ours["value"]), (one["kpi"], shown.text)


def headline(told: Told, at: At, block: Element) -> None:
    """A figure of the first section is the KPI's reading."""
    name = block["data-figure"].removeprefix("headline-")
    (reading,) = told.readings(name, period=at.period).values()
    assert alike(block["data-value"], reading["value"]), (name, block["data-value"], reading["value"])


BLOCKS: dict[tuple[str, str], Compare | str] = {
    **{("/reviews", f"list:{name}"): entries for name in PARTS},
    **{("/reviews/assembled", f"table:{name}"): EXCUSE for name in ("moved", "targets", "moves_tier", "moves_lifecycle")},
    ("/reviews/assembled", "list:summary"): EXCUSE,
    ("/reviews/assembled", "list:moved"): EXCUSE,
    ("/reviews/assembled", "list:agenda"): EXCUSE,
    ("/reviews/assembled", "figure:headline-"): headline,
    ("/reviews/assembled", "table:trend-"): EXCUSE,
}
