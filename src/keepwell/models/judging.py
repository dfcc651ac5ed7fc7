"""How good probabilities are: ranking, calibration, lift."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from keepwell.models.btyd.summary import Bools, Floats, Ints

BINS = 10
TOP_SHARE = 0.1


@dataclass(frozen=True)
class Discrimination:
    """Probabilities beside what came.

    Area under the ROC curve with its 95 % interval (DeLong), average precision, Brier score, calibration error (mean |predicted −
    observed| of ten bins of equal count), and lift of the highest tenth.
    """

    n: int
    auc: float
    auc_low: float
    auc_high: float
    average_precision: float
    brier: float
    calibration_error: float
    lift: float
    predicted: tuple[float, ...]  # of each bin
    observed: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def cumulative_lift(self) -> tuple[float, ...]:
        """Of each bin how many times as often it came there and above as among all."""
        n, came = np.array(self.counts, dtype=float), np.array(self.observed) * np.array(self.counts)
        if not came.any():
            return tuple(float("nan") for _ in self.counts)
        above = came[::-1].cumsum()[::-1] / n[::-1].cumsum()[::-1]
        return tuple((above / (came.sum() / n.sum())).tolist())

    @classmethod
    def nothing(cls) -> "Discrimination":
        n = float("nan")
        return cls(0, n, n, n, n, n, n, n, (), (), ())


def discrimination(score: Floats, y: Bools, whose: Ints | None = None) -> Discrimination:
    """Scores above 1 or below 0 are only ranked. Where a customer has several rows, ``whose`` says whose each is."""
    auc, influence = _auc(score, y)
    se = _standard_error(influence, y, whose)
    order = np.argsort(score, kind="stable")
    parts = [p for p in np.array_split(order, BINS) if len(p)]
    predicted, observed = [float(score[p].mean()) for p in parts], [float(y[p].mean()) for p in parts]
    weights = np.array([len(p) for p in parts]) / len(y)
    half = float(norm.ppf(0.975)) * se
    top = order[::-1][: max(1, int(np.ceil(TOP_SHARE * len(y))))]
    return Discrimination(
        n=len(y),
        auc=auc,
        auc_low=max(auc - half, 0.0),
        auc_high=min(auc + half, 1.0),
        average_precision=_average_precision(score, y),
        brier=float(((score - y) ** 2).mean()),
        calibration_error=float(weights @ np.abs(np.array(predicted) - np.array(observed))),
        lift=float(y[top].mean() / y.mean()) if y.any() else float("nan"),
        predicted=tuple(predicted),
        observed=tuple(observed),
        counts=tuple(len(p) for p in parts),
    )


def log_loss(probability: Floats, y: Bools) -> Floats:
    """Of each row minus the logarithm of the probability that was given to what came, in nats."""
    found: Floats = -np.log(np.clip(np.where(y, probability, 1 - probability), 1e-9, 1))
    return found


def gain(probability: Floats, other: Floats, y: Bools, whose: Ints, level: float = 0.99) -> tuple[float, float, float]:
    """By how much the mean log loss of probabilities is lower than that of others on the same rows, with its interval.

    Rows of one customer go together.
    """
    each = log_loss(other, y) - log_loss(probability, y)
    mean = float(each.mean())
    half = float(norm.ppf((1 + level) / 2)) * _clustered((each - mean) / len(each), whose)
    return mean, mean - half, mean + half


def _auc(score: Floats, y: Bools) -> tuple[float, Floats]:
    """The area, and what each row adds to its error (DeLong, DeLong & Clarke-Pearson 1988, by ranks: Sun & Xu 2014); ties count half."""
    positive, negative = score[y], score[~y]
    m, n = len(positive), len(negative)
    influence = np.zeros(len(y))
    if not m or not n:
        return float("nan"), influence
    everything = rankdata(np.concatenate([positive, negative]))
    above = (everything[:m] - rankdata(positive)) / n
    below = 1 - (everything[m:] - rankdata(negative)) / m
    auc = float(above.mean())
    influence[y], influence[~y] = (above - auc) / m, (below - auc) / n
    return auc, influence


def _standard_error(influence: Floats, y: Bools, whose: Ints | None) -> float:
    """Of an area; rows of one customer go together (Obuchowski 1997)."""
    if whose is not None:
        return _clustered(influence, whose)
    variance = sum((influence[k] ** 2).sum() * k.sum() / max(k.sum() - 1, 1) for k in (y, ~y))
    return float(np.sqrt(variance))


def _clustered(influence: Floats, whose: Ints) -> float:
    together = np.bincount(whose, influence)
    size = len(np.unique(whose))
    return float(np.sqrt((together**2).sum() * size / max(size - 1, 1)))


def _average_precision(score: Floats, y: Bools) -> float:
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], y[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # equal scores are taken together
    found, taken = np.cumsum(hits)[last], np.flatnonzero(last) + 1
    if not found[-1]:
        return float("nan")
    gained = np.diff(found, prepend=0) / found[-1]
    return float(gained @ (found / taken))
