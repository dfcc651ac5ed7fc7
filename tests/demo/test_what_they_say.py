"""The topic that the demo's unhappy customers write about, and the question that goes with their score, are found by the models."""

from typing import Any

import duckdb
import numpy as np
import pytest

from keepwell.demo.business import Business
from keepwell.models.comments.effects import Effect, effect_or_none
from keepwell.models.comments.topics import FittedTopics, Topics
from keepwell.models.shapley import importance

# the year that a refresh on the last day looks at
SINCE = "2025-11-01"


@pytest.fixture(scope="module")
def said(db: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    rows = db.execute(
        """select metric, comment, customer_id, 100.0 * case metric when 'nps' then (score >= 9)::int - (score <= 6)::int
               else (score >= satisfied_from)::int end as points
           from responses where comment is not null and score is not null and cast(answered_at as date) >= $since order by response_id""",
        {"since": SINCE},
    ).fetchall()
    return [dict(zip(("metric", "comment", "customer_id", "points"), row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def fitted(said: list[dict[str, Any]]) -> FittedTopics:
    return Topics().fit([r["comment"] for r in said], writers=[r["customer_id"] for r in said])


def effects(said: list[dict[str, Any]], fitted: FittedTopics, metric: str) -> dict[str, Effect]:
    """Topic -> effect, the largest first."""
    at = np.array([r["metric"] == metric for r in said])
    points = np.array([float(r["points"]) for r in said])[at]
    customer = np.unique([r["customer_id"] for r in said], return_inverse=True)[1][at]
    found = {t.name: effect_or_none(points, fitted.members[at, i], customer) for i, t in enumerate(fitted.topics)}
    return {n: e for n, e in sorted(found.items(), key=lambda item: -abs(item[1].effect) if item[1] else 0.0) if e is not None}


def test_the_planted_topic_is_found_in_both_languages(business: Business, fitted: FittedTopics) -> None:
    (place,) = [i for i, t in enumerate(fitted.topics) if t.name == business.truths.satisfaction_drop.topic]
    assert fitted.topics[place].language is None


def test_the_planted_topic_is_among_the_three_that_move_satisfaction_most(
    business: Business, said: list[dict[str, Any]], fitted: FittedTopics
) -> None:
    planted = business.truths.satisfaction_drop.topic
    for metric in ("nps", "csat"):
        found = effects(said, fitted, metric)
        assert planted in list(found)[:3], metric
        assert found[planted].high < 0, metric


def test_the_question_of_the_planted_topic_drives_nps(db: duckdb.DuckDBPyConnection) -> None:
    """It was made with a correlation of .75 with what makes the score, the other with .45: both by themselves, so by their squares."""
    rows = db.execute(
        """select n.score, d.score, q.score, n.customer_id from responses n
           join responses d on d.response_id = n.response_id and d.question_id = 'Q2-DELIVERY'
           join responses q on q.response_id = n.response_id and q.question_id = 'Q3-QUALITY'
           where n.metric = 'nps' and n.score is not null and d.score is not null and q.score is not null order by n.response_id"""
    ).fetchnumpy()
    score, delivery, quality, customer = (np.asarray(v) for v in rows.values())
    found = importance(
        score.astype(float),
        {"delivery": delivery.astype(float), "quality": quality.astype(float)},
        np.unique(customer, return_inverse=True)[1],
    )
    assert found.low[0] > found.high[1] > found.low[1] > found.noise[1]
