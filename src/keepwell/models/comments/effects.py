"""What a topic does to a score: how often it is spoken of, times how much lower or higher the score then is."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from keepwell.models.btyd.summary import Bools, Floats, Ints

LEAST_EACH = 10  # comments with the topic, and without it
LEAST_CUSTOMERS = 5  # of the comments with the topic
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Effect:
    """Means of the score with and without the topic; ``effect`` is their difference times the topic's share.

    By so much the mean of all comments differs from that of the comments without the topic. ``low`` and ``high`` are its 95 % interval.
    """

    share: float
    mean_with: float
    mean_without: float
    effect: float
    low: float
    high: float


def effect_or_none(score: Floats, speaks: Bools, customer: Ints) -> Effect | None:
    """The effect on the mean of ``score``; None where the topic, or the rest, is too small to tell.

    Comments of one customer are alike, so the variance is that of the customers' sums of the influences (the linearised estimator
    with the cluster-robust sandwich: Binder 1983), with as many degrees of freedom as customers speak of the topic, less one.
    """
    n, with_topic = len(score), int(speaks.sum())
    speakers = len(np.unique(customer[speaks]))
    if with_topic < LEAST_EACH or n - with_topic < LEAST_EACH or speakers < LEAST_CUSTOMERS:
        return None
    mean, mean_with, mean_without = float(score.mean()), float(score[speaks].mean()), float(score[~speaks].mean())
    influence = (score - mean) / n - np.where(speaks, 0.0, (score - mean_without) / (n - with_topic))
    sums = np.bincount(np.unique(customer, return_inverse=True)[1], influence)
    variance = float((sums**2).sum()) * len(sums) / (len(sums) - 1)
    half = float(student.ppf(0.5 + CONFIDENCE / 2, speakers - 1)) * np.sqrt(variance)
    found = mean - mean_without
    return Effect(with_topic / n, mean_with, mean_without, found, found - half, found + half)
