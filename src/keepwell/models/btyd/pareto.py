"""Pareto/NBD: customers buy at their own rate and leave at any moment, at a rate of their own.

Schmittlein, Morrison & Colombo (1987), "Counting your customers", Management Science 33(1). The likelihood's integral over the moment of
leaving is taken by Gauss–Legendre nodes after a substitution that makes it smooth whatever the number of purchases; its gradient needs
no more than the same nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from scipy.special import digamma, gammaln

from keepwell.models.btyd.fitting import Fit, Objective, maximised
from keepwell.models.btyd.future import Counting, Course, Outlook
from keepwell.models.btyd.nbd import NegativeBinomial
from keepwell.models.btyd.summary import Bools, Floats, Groups, Ints
from keepwell.models.btyd.support import RefusedFitError, check_enough

NODES = 24
FEW = 2_000  # customers on whom the peak is looked for first
LEAST_GAIN = 0.5
BISECTIONS = 50


@dataclass(frozen=True)
class ParetoNbd:
    """Fitted parameters in weeks: rates of purchase are Gamma(r, α), rates of leaving Gamma(s, β)."""

    r: float
    alpha: float
    s: float
    beta: float
    fit: Fit
    log_likelihood: float
    name: ClassVar[str] = "pareto_nbd"
    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    @classmethod
    def fitted(cls, groups: Groups, near: Mapping[str, float] | None = None) -> "ParetoNbd | NegativeBinomial":
        """The parameters of greatest likelihood; without any sign of leaving those of the NBD, its limit.

        ``near`` are parameters to begin the search at.
        """
        check_enough(groups)
        scale = float(groups.age.max())
        start = np.log([near["r"], near["alpha"] / scale, near["s"], near["beta"] / scale]) if near else np.log([0.5, 0.3, 0.5, 0.5])
        sample = (_objective(groups.sampled(FEW), scale), float(FEW)) if len(groups.x) > 3 * FEW else None
        fit = maximised(_objective(groups, scale), start, groups.size, sample)
        log_likelihood = fit.log_likelihood - float(groups.weight @ groups.x) * np.log(scale)
        limit = NegativeBinomial.fitted(groups)
        if log_likelihood - limit.log_likelihood < LEAST_GAIN:
            return limit
        if any(fit.at_bound[:2]):
            raise RefusedFitError(
                "The rates of purchase run to their bounds: customers do not differ in how often they buy.",
                chinese="购买率到达边界：客户的购买频率没有差异。",
            )
        r, alpha, s, beta = fit.parameters
        return cls(r, alpha * scale, s, beta * scale, fit, log_likelihood)

    @property
    def parameters(self) -> dict[str, float]:
        return {"r": self.r, "alpha": self.alpha, "s": self.s, "beta": self.beta}

    @property
    def standard_errors(self) -> dict[str, float] | None:
        errors = None if self.fit.covariance is None else np.sqrt(np.diag(self.fit.covariance))
        return None if errors is None else {n: float(v * e) for (n, v), e in zip(self.parameters.items(), errors, strict=True)}

    @property
    def _theta(self) -> Floats:
        return np.log([self.r, self.alpha, self.s, self.beta])

    def moved(self, shift: Floats) -> "ParetoNbd":
        """The model at other log-parameters."""
        r, alpha, s, beta = np.exp(self._theta + shift)
        return ParetoNbd(r, alpha, s, beta, self.fit, self.log_likelihood)

    def log_likelihood_of(self, groups: Groups) -> float:
        return _objective(groups, 1.0)(self._theta)[0]

    def scores(self, groups: Groups) -> Floats:
        """The gradient in log-parameters of each group's one customer; a column a parameter."""
        return _each(groups, 1.0, self._theta)[1]

    def probability_active(self, x: Ints, t_x: Floats, age: Floats) -> Floats:
        found: Floats = 1 / (1 + np.exp(_left(np.exp(self._theta), x, t_x, age)[0]))
        return found

    def expected_if_active(self, x: Ints, age: Floats, weeks: float | Floats) -> Floats:
        ratio = np.log((self.beta + age + weeks) / (self.beta + age))
        m = self.s - 1
        until_left = -np.expm1(-m * ratio) / m if abs(m) > 1e-12 else ratio
        found: Floats = (self.r + x) * (self.beta + age) / (self.alpha + age) * until_left
        return found

    def buys_within_if_active(self, x: Ints, age: Floats, weeks: float) -> Floats:
        return self._buys_within(x, age, np.full(len(x), float(weeks)))

    def _buys_within(self, x: Ints, age: Floats, weeks: Floats) -> Floats:
        """∫ of the next purchase's density times the chance to be still there, by nodes in the purchase's own distribution."""
        shape, start, leaving = self.r + x, self.alpha + age, self.beta + age
        bought = -np.expm1(shape * np.log(start / (start + weeks)))
        nodes, weights = _nodes()
        u = bought[:, None] * nodes
        when = start[:, None] * np.expm1(-np.log1p(-u) / shape[:, None])
        found: Floats = bought * ((leaving[:, None] / (leaving[:, None] + when)) ** self.s @ weights)
        return found

    def weeks_to_chance(self, x: Ints, age: Floats, chance: Floats) -> Floats:
        """By bisection in the logarithm; infinite where the chance is never reached."""
        low, high = np.full(len(x), -12.0), np.full(len(x), 12.0)
        never = self._buys_within(x, age, np.exp(high)) < chance
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            is_less = self._buys_within(x, age, np.exp(middle)) < chance
            low, high = np.where(is_less, middle, low), np.where(is_less, high, middle)
        found: Floats = np.where(never, np.inf, np.exp(high))
        return found

    def outlook(self, x: Ints, age: Floats, weeks: float) -> Outlook:
        """Purchases until the horizon or until leaving: the NBD mixed over the moment of leaving, by nodes."""
        leaving = self.beta + age
        stays = np.exp(self.s * np.log(leaving / (leaving + weeks)))
        nodes, weights = _nodes()
        # moments of leaving that are equally likely, and at the last one those who stay throughout
        chance = 1 - (1 - stays)[:, None] * nodes
        spans = np.column_stack([leaving[:, None] * np.expm1(-np.log(chance) / self.s), np.full(len(x), float(weeks))])
        mass = np.column_stack([(1 - stays)[:, None] * weights, stays])
        start = (self.alpha + age)[:, None]
        z = np.maximum(spans, 1e-300) / (start + spans)
        shape = np.broadcast_to((self.r + x)[:, None], z.shape)
        return Outlook(len(x), lambda places: _Mixed(Counting.begun(shape[places], z[places]), mass[places]))


@dataclass
class _Mixed:
    """Courses for several moments of leaving, weighted."""

    course: Course
    mass: Floats

    def step(self, y: int) -> Floats:
        found: Floats = np.minimum((self.course.step(y) * self.mass).sum(axis=1), 1.0)
        return found

    def narrowed(self, keep: Bools) -> "_Mixed":
        return _Mixed(self.course.narrowed(keep), self.mass[keep])


@cache
def _nodes() -> tuple[Floats, Floats]:
    """Gauss–Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2


def _left(parameters: Floats, x: Ints, t_x: Floats, age: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """The log-odds of having left, and at nodes between t_x and T: weights that add up to 1, log(α + τ) and log(β + τ).

    In w = ((α + τ) ÷ (α + t_x))^−(r+s+x) the integrand is 1 ÷ (1 + (β − α) ÷ (α + τ))^(s+1), smooth and bounded.
    """
    r, alpha, s, beta = parameters
    power = (r + s + x)[:, None]
    nodes, weights = _nodes()
    log_start, log_end = np.log(alpha + t_x), np.log(alpha + age)
    width = -np.expm1(-power[:, 0] * (log_end - log_start))
    log_a = log_start[:, None] - np.log1p(-width[:, None] * nodes) / power
    log_b = np.log(np.exp(log_a) + (beta - alpha))
    integrand = np.exp((s + 1) * (log_a - log_b)) * weights
    total = integrand.sum(axis=1)
    with np.errstate(divide="ignore"):
        log_integral = np.log(s) - power[:, 0] * log_start - np.log(power[:, 0]) + np.log(width) + np.log(total)
    log_odds = log_integral + (r + x) * log_end + s * np.log(beta + age)
    return log_odds, integrand / total[:, None], log_a, log_b


def _each(groups: Groups, scale: float, theta: Floats) -> tuple[Floats, Floats]:
    """Log-likelihood and gradient in log-parameters of one customer of each group."""
    parameters = np.exp(theta)
    r, alpha, s, beta = parameters
    x, t_x, age = groups.x, groups.t_x / scale, groups.age / scale
    log_odds, share, log_a, log_b = _left(parameters, x, t_x, age)
    left = 1 / (1 + np.exp(-log_odds))
    log_age_a, log_age_b = np.log(alpha + age), np.log(beta + age)
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    value = value - (r + x) * log_age_a - s * log_age_b + np.logaddexp(0, log_odds)
    inverse_a, inverse_b = np.exp(-log_a), np.exp(-log_b)
    stays = 1 - left
    found = np.column_stack([
        digamma(r + x) - digamma(r) + np.log(alpha) - stays * log_age_a - left * (share * log_a).sum(axis=1),
        r / alpha - (r + x) * (stays / (alpha + age) + left * (share * inverse_a).sum(axis=1)),
        np.log(beta) - stays * log_age_b + left * (1 / s - (share * log_b).sum(axis=1)),
        s / beta - stays * s / (beta + age) - left * (s + 1) * (share * inverse_b).sum(axis=1),
    ]) * parameters  # fmt: skip
    return value, found


def _objective(groups: Groups, scale: float) -> Objective:
    def total(theta: Floats) -> tuple[float, Floats]:
        value, each = _each(groups, scale, theta)
        return float(groups.weight @ value), groups.weight @ each

    return total
