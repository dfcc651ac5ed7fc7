"""Items of scorecards that are about parts of the company: a member of a dimension, or each of them."""

from decimal import Decimal
from pathlib import Path

import pytest

from factories.surfaces import Surfaces
from keepwell.core.yaml_file import YamlError
from keepwell.metrics.kpi_file import built_in
from keepwell.performance.scorecards.card_file import read_card

PARTS = """
name: parts
title: {en: Parts, zh: 分部}
meaning: {en: Channel by channel., zh: 按渠道。}
version: 1
least_known: 10
perspectives:
  - name: money
    title: {en: Money, zh: 财务}
    weight: 100
    items:
      - {kpi: revenue, by: channel, weight: 60, curve: {floor: 0, target: 200}}
      - {kpi: orders, by: channel, member: store, weight: 30, curve: {floor: 0, target: 4}}
      - {kpi: orders, weight: 10, curve: {floor: 0, target: 8}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Surfaces:
    """In October 100 in one order of the store, 50 in three of the web, and 10 in one of which nobody knows the channel."""
    made = Surfaces.made(tmp_path, timezone="Asia/Shanghai")
    sold = [("store", 100), ("online", 20), ("online", 20), ("online", 10), ("", 10)]
    made.bring(
        "orders",
        [
            {"order_id": f"o{i}", "customer_id": f"c{i}", "ordered_at": "2026-10-10 10:00:00", "status": "completed", "channel": c, "amount": a, "currency": "CNY"}
            for i, (c, a) in enumerate(sold)
        ],
    )  # fmt: skip
    (made.folder / "scorecards").mkdir()
    (made.folder / "scorecards" / "parts.yaml").write_text(PARTS, encoding="utf-8")
    made.ask("refresh", "--as-of", "2026-10-31")
    return made


def test_each_member_has_a_line_and_they_share_the_weight(shop: Surfaces) -> None:
    """Revenue: 100 of 200 → 50 points, 50 of 200 → 25, at 30 percent each. Orders: 1 of 4 → 25 at 30, 5 of 8 → 62.5 at 10.

    15 + 7.5 + 7.5 + 6.25 = 36.25. Whose channel nobody knows has no line.
    """
    rows = {r["item"]: r for r in shop.ask("scorecard", "parts", "--period", "2026-10")}
    assert list(rows) == ["revenue:channel=online", "revenue:channel=store", "orders:channel=store", "orders", "total"]
    assert [(r["points"], r["share"]) for r in rows.values()][:-1] == [(25, 30), (50, 30), (25, 30), (62.5, 10)]
    assert (rows["total"]["points"], rows["total"]["share"]) == (36.25, 100)
    line = rows["revenue:channel=store"]
    assert (line["kpi"], line["by"], line["member"], line["value"]) == ("revenue", "channel", "store", 100)
    # what a run does not write down it computes: parts of a quarter
    quarter = {r["item"]: r for r in shop.ask("scorecard", "parts", "--period", "2026-Q4")}
    assert (quarter["revenue:channel=online"]["value"], quarter["total"]["points"]) == (50, 36.25)


def test_a_part_without_anything_to_read_has_no_points(shop: Surfaces) -> None:
    rows = {r["item"]: r for r in shop.ask("scorecard", "parts", "--period", "2026-08")}
    assert list(rows) == ["revenue:channel", "orders:channel=store", "orders", "total"]
    assert (rows["revenue:channel"]["points"], rows["revenue:channel"]["without"]) == (None, "no_data")


def test_a_target_of_a_part_takes_the_place_of_the_cards(shop: Surfaces) -> None:
    shop.ask("target", "set", "orders", "90", "--by", "2030-10", "--of", "channel=store")
    first = shop.ask("target", "list")[0]["path"][0]
    rows = {r["item"]: r for r in shop.ask("scorecard", "parts", "--period", first["period"])}
    assert (rows["orders:channel=store"]["target"], rows["orders:channel=store"]["is_aimed"]) == (first["value"], True)
    assert rows["orders"]["is_aimed"] is False


def test_a_published_card_keeps_the_lines_that_it_had(shop: Surfaces) -> None:
    told = shop.ask("scorecard", "parts", "--period", "2026-10", "--publish")
    late = {"order_id": "late", "customer_id": "bob", "ordered_at": "2026-10-20 10:00:00", "status": "completed", "channel": "phone", "amount": 200, "currency": "CNY"}  # fmt: skip
    shop.bring("orders", [late])
    shop.ask("refresh", "--as-of", "2026-10-31")
    again = shop.ask("scorecard", "parts", "--period", "2026-10", "--restated")
    assert again["rows"] == told["rows"]
    differing = {r["item"]: r for r in again["restated"]}
    assert differing["revenue:channel=phone"]["before"] is None
    # three share the 60 now: 20 each
    assert differing["revenue:channel=store"]["now"]["share"] == 20
    assert Decimal(str(differing["revenue:channel=phone"]["now"]["points"])) == 100


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("by: channel, weight", "by: colour, weight", "revenue has no dimension 'colour'"),
        ("by: channel, weight", "by: team, weight", "revenue can't be read by team|by: is 'team'"),
        ("by: channel, member: store", "member: store", "needs the dimension that it belongs to"),
        ("kpi: revenue, by", "kpi: orders, by", "hold orders:channel=store twice"),
    ],
)
def test_faults_of_a_part_are_named_with_their_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "parts.yaml"
    path.write_text(PARTS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(YamlError, match=says) as told:
        read_card(path, built_in())
    assert "parts.yaml, line " in told.value.message
