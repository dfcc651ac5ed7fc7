"""Public reviews and posts about us and about competitors."""

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import numbered, words
from keepwell.demo.comments import LANGUAGES, TOPICS, moods, written
from keepwell.demo.sampling import answers, between, chance, picks
from keepwell.demo.scene import Scene
from keepwell.demo.shop import products_table
from keepwell.demo.voice import CSAT
from keepwell.demo.words import COMPETITORS

_SITES = ("dianping.com", "xiaohongshu.com", "trustpilot.com", "google.com")
_FOR_EACH_CUSTOMER = 0.08
_ABOUT = ("us", *COMPETITORS)


def mentions_table(rng: np.random.Generator, scene: Scene) -> pa.Table:
    """The canonical ``mentions``, written by anybody."""
    timeline, size = scene.timeline, max(10, round(len(scene.people) * _FOR_EACH_CUSTOMER))
    at_s = np.sort(between(rng, 0, timeline.end_s, size))
    is_chinese = chance(rng, 0.75, size)
    rating = 1 + answers(rng.standard_normal(size), CSAT)
    topic = picks(rng, (1,) * len(TOPICS), size)
    products = len(products_table())
    site = np.where(is_chinese, between(rng, 0, 2, size), between(rng, 2, 4, size))
    return pa.table(
        {
            "mention_id": numbered("M", np.arange(size)),
            "site": words(_SITES, site),
            "at": timeline.instants(at_s),
            "rating": pa.array(rating.astype(np.float64)),
            "scale_max": pa.array(np.full(size, 5.0)),
            "text": written(rng, is_chinese, moods(rating, 2, 3), topic, np.ones(size, dtype=bool)),
            "language": words(LANGUAGES, is_chinese.astype(np.int64)),
            "product_id": numbered("P", np.where(chance(rng, 0.5, size), between(rng, 0, products, size), -1), 4),
            "about": words(_ABOUT, picks(rng, (8, 1, 1), size)),
        }
    )
