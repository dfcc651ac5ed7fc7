"""Scores of customers: they depend on what a customer did, not on where the row stands. Beside the estimator, and on every surface."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from factories.boosting import boosted
from factories.everywhere import Everywhere
from factories.markup import rows_of
from keepwell.models import Rfm, Tiers

TODAY = date(2026, 5, 31)
KINDS, TWINS = 60, 10
SEGMENTS = ("rfm_recency", "rfm_frequency", "rfm_money", "rfm_score", "rfm_group", "tier", "lifecycle_stage")


# 31: RFM scores do not depend on row order: equal customers get equal scores


@pytest.mark.parametrize("levels", [3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_31_equal_customers_get_equal_scores_in_any_order(levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = {"recency": rng.integers(0, 30, 1000), "frequency": rng.integers(1, 4, 1000), "money": rng.integers(1, 9, 1000) * 10}
    found = Rfm(levels=levels).fit(table).score(table)
    order = rng.permutation(1000)
    shuffled = {n: v[order] for n, v in table.items()}
    again = Rfm(levels=levels).fit(shuffled).score(shuffled)
    for name in ("recency", "frequency", "money", "score", "group"):
        assert (getattr(found, name)[order] == getattr(again, name)).all()
    for name, better in (("recency", -1), ("frequency", 1), ("money", 1)):
        values, scores = table[name], getattr(found, name)
        # one score a value, and a better value never a worse one
        by_value = [set(scores[values == v].tolist()) for v in np.unique(values)[::better]]
        assert all(len(s) == 1 for s in by_value)
        assert [min(s) for s in by_value] == sorted(min(s) for s in by_value)
    value = table["money"].astype(float)
    tier = Tiers().assign(value)
    assert (Tiers().assign(value[order]) == tier[order]).all()
    assert all(len(set(tier[value == v].tolist())) == 1 for v in np.unique(value))


def twins() -> list[dict[str, Any]]:
    """Sixty ways to have bought, each of ten customers: their ids stand far apart."""
    rng = np.random.default_rng(31)
    found = []
    for kind in range(KINDS):
        days = sorted(rng.integers(0, 300, int(rng.integers(1, 6))).tolist())
        amounts = rng.integers(1, 20, len(days)) * 10
        for twin in range(TWINS):
            for n, (day, amount) in enumerate(zip(days, amounts.tolist(), strict=True)):
                found.append(
                    {
                        "order_id": f"o{twin}-{kind}-{n}", "customer_id": f"c{twin}{kind:02}", "ordered_at": f"{TODAY - timedelta(days=day)} 12:00:00",
                        "status": "completed", "amount": amount, "currency": "CNY",
                    }
                )  # fmt: skip
    return found


def scores(folder: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the command line lists, after Python, the API and the page listed the same."""
    site = Everywhere.made(folder)
    site.bring("orders", rows)
    site.ask("refresh", "--as-of", str(TODAY))
    columns = [word for c in SEGMENTS for word in ("--column", c)]
    told: list[dict[str, Any]] = site.ask("customers", *columns, "--limit", "1000")
    assert site.python.customers(columns=["customer_id", *SEGMENTS]).to_json() == told
    by_id = {c["customer_id"]: c for c in told}
    with site.api() as program:
        listed = program.get("/api/v1/customers", params={"column": ["customer_id", *SEGMENTS], "limit": 1_000}).json()["data"]
    assert {c["customer_id"]: c for c in listed} == by_id
    # the page has scores as numbers and groups in words: the same words for the same group
    page = site.page(f"/customers?{urlencode([('column', c) for c in ('rfm_group', 'rfm_score', 'tier')])}")
    words: dict[str, str] = {}
    for row in rows_of(page.one("table", "data-table")):
        one = by_id[row["customer_id"]]
        assert float(row["rfm_score"]) == pytest.approx(one["rfm_score"])
        assert row["tier"] == one["tier"]
        assert words.setdefault(one["rfm_group"], row["rfm_group"]) == row["rfm_group"]
    assert words
    return told


@boosted
def test_31_equal_customers_of_a_workspace_get_equal_scores_in_any_order(tmp_path: Path) -> None:
    rows = twins()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    found = scores(tmp_path / "one", rows)
    shuffled = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    assert scores(tmp_path / "other", shuffled) == found
    by_kind: dict[str, set[tuple[Any, ...]]] = {}
    for r in found:
        by_kind.setdefault(r["customer_id"][2:], set()).add(tuple(r[c] for c in SEGMENTS))
    assert len(by_kind) == KINDS
    assert {len(s) for s in by_kind.values()} == {1}
    assert all(r["rfm_group"] for r in found)
