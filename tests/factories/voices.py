"""Survey answers with comments in two languages: who waits for a parcel is unhappy, and one further question goes with the score."""

from datetime import date, timedelta
from typing import Any

import numpy as np

TODAY = date(2026, 5, 31)
ANSWERS = 600
# (topic, language, unhappy) -> the parts that a comment is made of
PARTS: dict[tuple[str, str, bool], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("delivery", "en", True): (
        ("The parcel was late", "Delivery took far too long", "The courier never came"),
        ("I am disappointed", "nobody told me", "what a poor show"),
    ),
    ("delivery", "en", False): (
        ("The parcel arrived early", "Delivery was quick", "The courier was kind"),
        ("I am happy", "thank you", "just great"),
    ),
    ("price", "en", True): (("Too expensive", "The price went up", "Cheaper elsewhere"), ("I am disappointed", "not worth it", "a poor deal")),
    ("price", "en", False): (("A fair price", "Great value for money", "A real bargain"), ("I am happy", "thank you", "well done")),
    ("delivery", "zh", True): (("快递太慢", "物流延误了好几天", "送货员联系不上"), ("很失望", "太差了", "没有人管")),
    ("delivery", "zh", False): (("快递很快", "物流准时", "送货员热情"), ("很满意", "谢谢", "非常好")),
    ("price", "zh", True): (("价格太贵", "又涨价了", "比别家贵了"), ("很失望", "不值", "太差了")),
    ("price", "zh", False): (("价格实惠", "性价比高", "活动划算"), ("很满意", "谢谢", "会再来")),
}  # fmt: skip


def answers(seed: int = 5, size: int = ANSWERS, commented: float = 0.8) -> list[dict[str, Any]]:
    """Rows of ``responses``: an NPS question with a comment, Q2 that goes with it and Q3 that does not."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(size):
        delivery = rng.random() < 0.5
        unhappy = bool(rng.random() < (0.6 if delivery else 0.2))
        score = int(rng.integers(0, 7)) if unhappy else int(rng.integers(9, 11))
        topic, language = "delivery" if delivery else "price", "zh" if rng.random() < 0.6 else "en"
        first, second = (str(rng.choice(part)) for part in PARTS[topic, language, unhappy])
        comment = f"{first}，{second}。第{i}次。" if language == "zh" else f"{first}, {second}. Visit {i}."
        common = {
            "response_id": f"r{i:04}", "survey_id": "relation", "customer_id": f"c{int(rng.integers(0, 300)):04}",
            "answered_at": f"{TODAY - timedelta(days=int(rng.integers(1, 300)))} 09:00:00", "higher_is_better": True,
        }  # fmt: skip
        liked = int(np.clip(round(score / 2.5 + 1 + rng.normal(0, 0.7)), 1, 5))
        found += [
            {**common, "question_id": "Q1", "metric": "nps", "scale_min": 0, "scale_max": 10, "score": score, "comment": comment if rng.random() < commented else None},
            {**common, "question_id": "Q2", "metric": "other", "scale_min": 1, "scale_max": 5, "score": liked, "comment": None},
            {**common, "question_id": "Q3", "metric": "other", "scale_min": 1, "scale_max": 5, "score": int(rng.integers(1, 6)), "comment": None},
        ]  # fmt: skip
    return found
