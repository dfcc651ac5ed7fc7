"""How a model does on purchases that it has not seen: fitted until a day, judged on what came after it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keepwell.models.btyd.model import FAMILIES, BuyingModel, Forecaster
from keepwell.models.btyd.summary import Floats, Ints, Summary, grouped
from keepwell.models.refusal import RefusedError


@dataclass(frozen=True)
class HoldOut:
    """One family's answer. ``log_likelihood`` is that of the whole window less that of the calibration, at calibration's parameters."""

    family: str
    model: BuyingModel
    days: int
    log_likelihood: float
    predicted: Floats
    actual: Ints
    coverage: float  # share of customers whose purchases lie in their 95 % predictive interval
    coverage_of_buyers: float
    mean_width: float

    @property
    def total_predicted(self) -> float:
        return float(self.predicted.sum())

    @property
    def total_actual(self) -> int:
        return int(self.actual.sum())

    @property
    def error(self) -> float:
        """Mean absolute error a customer."""
        return float(np.abs(self.predicted - self.actual).mean())


@dataclass(frozen=True)
class Naive:
    """Everyone goes on at the own average rate so far."""

    predicted: Floats
    actual: Ints

    @property
    def error(self) -> float:
        return float(np.abs(self.predicted - self.actual).mean())


def hold_out(calibration: Summary, whole: Summary, family: str) -> HoldOut:
    """``whole`` are the same customers in the same places, seen longer."""
    groups, _ = grouped(calibration)
    fitted: Any = FAMILIES[family].fitted(groups)
    model: BuyingModel = fitted
    days = round(float((whole.age - calibration.age).max()))
    actual = whole.x - calibration.x
    seen = Forecaster(model, calibration)
    low, high = seen.orders_interval(days)
    is_held = (actual >= low) & (actual <= high)
    bought = actual > 0
    return HoldOut(
        family=model.name,
        model=model,
        days=days,
        log_likelihood=model.log_likelihood_of(grouped(whole)[0]) - model.log_likelihood_of(groups),
        predicted=seen.expected(days),
        actual=actual,
        coverage=float(is_held.mean()),
        coverage_of_buyers=float(is_held[bought].mean()) if bought.any() else float("nan"),
        mean_width=float((high - low).mean()),
    )


def compared(calibration: Summary, whole: Summary) -> list[HoldOut]:
    """All families that can be fitted, the likeliest first; refused where none can."""
    found: list[HoldOut] = []
    reason: RefusedError | None = None
    for family in FAMILIES:
        try:
            answer = hold_out(calibration, whole, family)
        except RefusedError as error:
            reason = error
            continue
        # families that have come to their common limit are one
        if answer.family not in {h.family for h in found}:
            found.append(answer)
    if not found:
        raise reason or RefusedError("No model could be fitted.", chinese="没有可拟合的模型。")
    return sorted(found, key=lambda h: -h.log_likelihood)


def naive(calibration: Summary, whole: Summary) -> Naive:
    days = round(float((whole.age - calibration.age).max()))
    rate = (calibration.x + 1) / np.maximum(calibration.age, 30.0)
    return Naive(rate * days, whole.x - calibration.x)
