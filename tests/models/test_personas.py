"""Personas: names and sentences from centres, in both languages."""

import numpy as np
import pytest

from keepwell.models.estimators.clusters import FEATURES
from keepwell.models.personas import NAMES, TRAITS, Centre, centres_of, personas, table_of

TYPICAL = {"recency": 300.0, "frequency": 2.0, "value_per_order": 50.0, "span": 400.0}


def a_centre(cluster: str, **standardised: float) -> Centre:
    return Centre(cluster, dict.fromkeys(FEATURES, 0.0) | standardised, TYPICAL)


@pytest.mark.parametrize(
    ("standardised", "english", "chinese"),
    [
        ({"recency": 1.2}, "Gone quiet", "沉寂客户"),
        ({"frequency": 1.5, "recency": -0.9}, "Regulars", "常客"),
        ({"frequency": 1.5, "recency": 0.9}, "Lost regulars", "流失常客"),
        ({"frequency": 0.8, "value_per_order": 1.1, "recency": -0.6}, "Big regulars", "高额常客"),
        ({"span": -1.4, "frequency": -0.7}, "Newcomers", "新客"),
        ({"frequency": 0.3}, "Average customers", "普通客户"),
    ],
)
def test_what_is_notable_makes_the_name(standardised: dict[str, float], english: str, chinese: str) -> None:
    (found,) = personas([a_centre("C1", **standardised)], np.array([5]), "GBP")
    assert found.name == (english, chinese)


def test_clusters_of_one_name_are_told_apart() -> None:
    large, plain = a_centre("C1", recency=1.0, span=0.9), a_centre("C2", recency=1.5)
    alike = a_centre("C3", recency=1.4)
    names = [p.name for p in personas([large, plain, alike], np.array([1, 1, 1]), "GBP")]
    assert names == [
        ("Gone quiet, long with us", "沉寂客户（老客户）"),
        ("Gone quiet, C2", "沉寂客户（C2）"),
        ("Gone quiet, C3", "沉寂客户（C3）"),
    ]


def test_a_sentence_tells_what_is_typical_in_plain_units() -> None:
    """The exponentials of log(1 + x): 2 orders, 300 and 400 days, 50 an order."""
    plain = np.array([[TYPICAL[f] for f in FEATURES]])
    mean, spread = np.full(4, 3.0), np.full(4, 2.0)
    (centre,) = centres_of(["C1"], FEATURES, (np.log1p(plain) - mean) / spread, mean, spread)
    (found,) = personas([centre], np.array([3]), "GBP")
    assert "2.0 orders of 50 GBP, the last 300 days ago, the first 400. 3 customers (100%)." in found.description[0]
    assert "最近一次在 300 天前" in found.description[1]
    (row,) = table_of([found]).to_pylist()
    assert (row["cluster"], row["customers"], row["share"]) == ("C1", 3, 1.0)


def test_every_name_is_reached_and_stands_in_both_languages() -> None:
    for place, (needed, words) in enumerate(NAMES):
        assert needed <= set(TRAITS)
        assert not any(earlier <= needed for earlier, _ in NAMES[:place]), words
        assert any("\u4e00" <= letter <= "\u9fff" for letter in words[1])
    assert len({w for _, words in NAMES for w in words}) == 2 * len(NAMES)
