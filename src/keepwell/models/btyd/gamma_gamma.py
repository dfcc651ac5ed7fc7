"""Gamma-Gamma: what a purchase of a customer is worth, when each customer's purchases scatter about a mean of the own.

Fader & Hardie (2013), "The Gamma-Gamma model of monetary value". Repeat purchase days of repeat buyers only; the mean of a day is
taken to be independent of how often the customer buys, so the correlation of the two is told beside it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from scipy.special import digamma, gammaln

from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.fitting import Fit, Objective, maximised
from keepwell.models.btyd.summary import MANY, SAMPLE, Floats, Ints
from keepwell.models.btyd.support import LEAST_REPEATERS, RefusedFitError
from keepwell.models.tables import column, columns_of, ids, numbers, whole


@dataclass(frozen=True)
class FittedGammaGamma:
    """Fitted parameters: p the shape within a customer, q and γ (``v``) of the means among customers."""

    p: float
    q: float
    v: float
    fit: Fit
    log_likelihood: float
    correlation: float  # of log frequency and log mean value, among repeat buyers
    name: ClassVar[str] = "gamma_gamma"

    @classmethod
    def fitted(cls, x: Ints, mean: Floats, weight: Floats | None = None) -> "FittedGammaGamma":
        """From the number of repeat purchase days and the mean value of one; those without a repeat or a positive mean are left out."""
        is_used = (x > 0) & (mean > 0) & np.isfinite(mean)
        x, mean = x[is_used], mean[is_used]
        w = np.ones(len(x)) if weight is None else weight[is_used]
        if w.sum() < LEAST_REPEATERS:
            raise RefusedFitError(
                f"{int(w.sum())} customers have a repeat purchase of positive value; the model needs {LEAST_REPEATERS}.",
                chinese=f"仅有 {int(w.sum())} 位客户有金额为正的复购，模型至少需要 {LEAST_REPEATERS} 位。",
            )
        if np.ptp(mean) == 0:
            raise RefusedFitError(
                "All purchases are worth the same: their mean is all there is to know.", chinese="所有购买金额相同，用平均值即可描述。"
            )
        scale = float(np.exp(np.average(np.log(mean), weights=w)))
        some = np.linspace(0, len(x) - 1, SAMPLE).astype(np.int64)
        sample = (_objective(x[some], mean[some] / scale, w[some]), float(w[some].sum())) if len(x) > MANY else None
        fit = maximised(_objective(x, mean / scale, w), np.log([2.0, 3.0, 2.0]), float(w.sum()), sample)
        p, q, v = fit.parameters
        if q <= 1 or any(fit.at_bound):
            if q <= 1:
                raise RefusedFitError(
                    f"The spread of spend among customers has no mean (q = {q:.2f}).",
                    chinese=f"客户间消费金额的分布没有均值（q = {q:.2f}）。",
                )
            raise RefusedFitError("The parameters of spend run to their bounds.", chinese="消费金额的参数到达边界。")
        # z̄ = scale · z̄', whose density has one factor 1/scale
        return cls(p, q, v * scale, fit, fit.log_likelihood - float(w.sum()) * np.log(scale), _correlation(x, mean, w))

    @property
    def parameters(self) -> dict[str, float]:
        return {"p": self.p, "q": self.q, "v": self.v}

    @property
    def standard_errors(self) -> dict[str, float] | None:
        errors = None if self.fit.covariance is None else np.sqrt(np.diag(self.fit.covariance))
        return None if errors is None else {n: float(v * e) for (n, v), e in zip(self.parameters.items(), errors, strict=True)}

    @property
    def mean(self) -> float:
        """Of a purchase of a customer about whom nothing is known."""
        return self.p * self.v / (self.q - 1)

    def moved(self, shift: Floats) -> "FittedGammaGamma":
        """The model at other log-parameters."""
        p, q, v = np.array([self.p, self.q, self.v]) * np.exp(shift)
        return FittedGammaGamma(p, q, v, self.fit, self.log_likelihood, self.correlation)

    def expected(self, x: Ints, mean: Floats) -> Floats:
        """The value of a purchase to come; without a repeat purchase, or with a mean that is not positive, that of all customers."""
        repeats = np.where((x > 0) & (mean > 0), x, 0)
        found: Floats = self.p * (self.v + repeats * np.where(repeats > 0, mean, 0.0)) / (self.p * repeats + self.q - 1)
        return found

    def predict(self, table: Any) -> pa.Table:
        """``expected_value`` of a purchase to come, one row a customer; the table is like that of :meth:`GammaGamma.fit`."""
        x, mean = _spend(table)
        columns = columns_of(table)
        who = {"customer_id": pa.array(list(ids(columns["customer_id"], "Column 'customer_id'")))} if "customer_id" in columns else {}
        return pa.table({**who, "expected_value": pa.array(self.expected(x, mean))})

    def variance(self, x: Ints, mean: Floats) -> tuple[Floats, Floats]:
        """The variance of one purchase within the customer, and that of the customer's own mean, as far as it is known.

        The rate is Gamma(px + q, γ + x·z̄) afterwards. Infinite where px + q is at most 2.
        """
        repeats = np.where((x > 0) & (mean > 0), x, 0)
        shape, rate = self.p * repeats + self.q, self.v + repeats * np.where(repeats > 0, mean, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            square = np.where(shape > 2, rate**2 / ((shape - 1) * (shape - 2)), np.inf)
        within: Floats = self.p * square
        between: Floats = self.p**2 * np.where(shape > 2, square - (rate / (shape - 1)) ** 2, np.inf)
        return within, between

    def scores(self, x: Ints, mean: Floats) -> Floats:
        """The gradient in log-parameters of each repeat buyer."""
        found: Floats = _each(x, mean, np.array([self.p, self.q, self.v]))[1]
        return found


class GammaGamma:
    """What a purchase is worth, each customer's about a mean of the own."""

    def fit(self, table: Any) -> FittedGammaGamma:
        """From a table with x (repeat purchase days; or frequency) and mean (value of one; or monetary_value), one row a customer.

        The mean of a customer without a repeat may be missing. Raises :class:`RefusedFitError` under 50 repeat buyers.
        """
        return self.fitted(*_spend(table))

    @staticmethod
    def fitted(x: Ints, mean: Floats, weight: Floats | None = None) -> FittedGammaGamma:
        """The same from columns, each customer with a weight if it is given."""
        return FittedGammaGamma.fitted(x, mean, weight)


def _spend(table: Any) -> tuple[Ints, Floats]:
    """Repeat purchase days and their mean value; 0 where there is none."""
    columns = columns_of(table)
    repeats, value = (
        ("frequency" if "x" not in columns and "frequency" in columns else "x"),
        ("mean" if "mean" in columns else "monetary_value"),
    )
    x, mean = whole(column(columns, repeats), f"Column {repeats!r}"), numbers(column(columns, value), f"Column {value!r}", may_lack=True)
    lacks = np.isnan(mean)
    if (lacks & (x > 0)).any():
        i = int(np.flatnonzero(lacks & (x > 0))[0])
        raise WrongUseError(
            f"Row {i + 1} has {x[i]} repeat purchase days of unknown value.", "Give the mean value of one, or leave the row out."
        )
    return x, np.where(lacks, 0.0, mean)


def _each(x: Ints, mean: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    p, q, v = parameters
    values, at = np.unique(x, return_inverse=True)
    by_x = gammaln(p * values + q) - gammaln(p * values) - gammaln(q) + q * np.log(v) + p * values * np.log(values)
    shape, rate = p * x + q, v + x * mean
    log_rate, log_mean = np.log(rate), np.log(mean)
    value = by_x[at] + (p * x - 1) * log_mean - shape * log_rate
    psi = digamma(p * values + q)
    by_p = values * (psi - digamma(p * values) + np.log(values))
    gradient = np.column_stack([
        by_p[at] + x * (log_mean - log_rate), (psi - digamma(q) + np.log(v))[at] - log_rate, q / v - shape / rate
    ]) * parameters  # fmt: skip
    return value, gradient


def _objective(x: Ints, mean: Floats, w: Floats) -> Objective:
    values, at = np.unique(x, return_inverse=True)
    log_mean, spent = np.log(mean), x * mean
    n = np.bincount(at, w, len(values))
    total_log_mean, total_x_log_mean = float(w @ log_mean), float((w * x) @ log_mean)
    log_x = np.log(values)

    def total(theta: Floats) -> tuple[float, Floats]:
        p, q, v = np.exp(theta)
        rate = v + spent
        log_rate = np.log(rate)
        shape = p * values + q
        sum_log_rate, sum_x_log_rate = float(w @ log_rate), float((w * x) @ log_rate)
        inverse = w / rate
        by_x = gammaln(shape) - gammaln(p * values) - gammaln(q) + q * np.log(v) + p * values * log_x
        value = n @ by_x + p * total_x_log_mean - total_log_mean - p * sum_x_log_rate - q * sum_log_rate
        psi = digamma(shape)
        by_p = n @ (values * (psi - digamma(p * values) + log_x)) + total_x_log_mean - sum_x_log_rate
        by_q = n @ (psi - digamma(q) + np.log(v)) - sum_log_rate
        by_v = n.sum() * q / v - (p * float(inverse @ x) + q * float(inverse.sum()))
        return float(value), np.array([by_p * p, by_q * q, by_v * v])

    return total


def _correlation(x: Ints, mean: Floats, w: Floats) -> float:
    a, b = np.log(x), np.log(mean)
    a, b = a - np.average(a, weights=w), b - np.average(b, weights=w)
    spread = np.sqrt((w @ a**2) * (w @ b**2))
    return float((w @ (a * b)) / spread) if spread > 0 else 0.0
