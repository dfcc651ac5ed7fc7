"""How good probabilities are: ranking, calibration, lift."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from keepwell.models.btyd.summary import Bools, Floats

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

    @classmethod
    def nothing(cls) -> "Discrimination":
        n = float("nan")
        return cls(0, n, n, n, n, n, n, n, (), ())


def discrimination(score: Floats, y: Bools) -> Discrimination:
    """Scores above 1 or below 0 are only ranked."""
    auc, se = _auc(score, y)
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
    )


def _auc(score: Floats, y: Bools) -> tuple[float, float]:
    """The area and its standard error (DeLong, DeLong & Clarke-Pearson 1988, by ranks: Sun & Xu 2014); ties count half."""
    positive, negative = score[y], score[~y]
    m, n = len(positive), len(negative)
    if not m or not n:
        return float("nan"), float("nan")
    everything = rankdata(np.concatenate([positive, negative]))
    above = (everything[:m] - rankdata(positive)) / n
    below = 1 - (everything[m:] - rankdata(negative)) / m
    variance = (above.var(ddof=1) / m if m > 1 else 0.0) + (below.var(ddof=1) / n if n > 1 else 0.0)
    return float(above.mean()), float(np.sqrt(variance))


def _average_precision(score: Floats, y: Bools) -> float:
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], y[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # equal scores are taken together
    found, taken = np.cumsum(hits)[last], np.flatnonzero(last) + 1
    if not found[-1]:
        return float("nan")
    gained = np.diff(found, prepend=0) / found[-1]
    return float(gained @ (found / taken))
