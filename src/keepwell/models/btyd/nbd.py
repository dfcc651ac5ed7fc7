"""NBD: customers buy at their own rate for ever. What BG/NBD and Pareto/NBD become where nobody is seen to leave (Ehrenberg 1959)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import digamma, gammaln

from keepwell.models.btyd.fitting import Fit, Objective, maximised
from keepwell.models.btyd.future import Outlook, negative_binomial
from keepwell.models.btyd.rates import chance_within, weeks_to
from keepwell.models.btyd.summary import Floats, Groups, Ints
from keepwell.models.btyd.support import RefusedFitError, check_enough


@dataclass(frozen=True)
class NegativeBinomial:
    """Fitted parameters in weeks: rates are Gamma(r, α). Whether a customer is still active is not identifiable."""

    r: float
    alpha: float
    fit: Fit
    log_likelihood: float
    name: ClassVar[str] = "nbd"
    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha")

    @classmethod
    def fitted(cls, groups: Groups) -> "NegativeBinomial":
        check_enough(groups)
        scale = float(groups.age.max())
        fit = maximised(_objective(groups, scale), np.log([0.5, 0.3]), groups.size)
        if any(fit.at_bound):
            raise RefusedFitError(
                "The rates of purchase run to their bounds: customers do not differ in how often they buy.",
                chinese="购买率到达边界：客户的购买频率没有差异。",
            )
        r, alpha = fit.parameters
        return cls(r, alpha * scale, fit, fit.log_likelihood - float(groups.weight @ groups.x) * np.log(scale))

    @property
    def parameters(self) -> dict[str, float]:
        return {"r": self.r, "alpha": self.alpha}

    @property
    def standard_errors(self) -> dict[str, float] | None:
        errors = None if self.fit.covariance is None else np.sqrt(np.diag(self.fit.covariance))
        return None if errors is None else {n: float(v * e) for (n, v), e in zip(self.parameters.items(), errors, strict=True)}

    def moved(self, shift: Floats) -> "NegativeBinomial":
        """The model at other log-parameters."""
        r, alpha = np.array([self.r, self.alpha]) * np.exp(shift)
        return NegativeBinomial(r, alpha, self.fit, self.log_likelihood)

    def log_likelihood_of(self, groups: Groups) -> float:
        return _objective(groups, 1.0)(np.log([self.r, self.alpha]))[0]

    def scores(self, groups: Groups) -> Floats:
        """The gradient in log-parameters of each group's one customer; a column a parameter."""
        r, alpha, x, age = self.r, self.alpha, groups.x, groups.age
        by_r = digamma(r + x) - digamma(r) + np.log(alpha) - np.log(alpha + age)
        found: Floats = np.column_stack([by_r * r, (r / alpha - (r + x) / (alpha + age)) * alpha])
        return found

    def probability_active(self, x: Ints, t_x: Floats, age: Floats) -> Floats:  # noqa: ARG002 - the same for all models
        return np.ones(len(x))

    def expected_if_active(self, x: Ints, age: Floats, weeks: float | Floats) -> Floats:
        found: Floats = (self.r + x) * weeks / (self.alpha + age)
        return found

    def buys_within_if_active(self, x: Ints, age: Floats, weeks: float) -> Floats:
        return chance_within(self.r + x, self.alpha + age, weeks)

    def weeks_to_chance(self, x: Ints, age: Floats, chance: Floats) -> Floats:
        return weeks_to(self.r + x, self.alpha + age, chance)

    def outlook(self, x: Ints, age: Floats, weeks: float) -> Outlook:
        return negative_binomial(self.r + x, weeks / (self.alpha + age + weeks))


def _objective(groups: Groups, scale: float) -> Objective:
    x, at = np.unique(groups.x, return_inverse=True)
    n = np.bincount(at, groups.weight, len(x))
    times, t_at = np.unique(groups.age / scale, return_inverse=True)
    by_age = np.bincount(t_at, groups.weight, len(times))
    x_by_age = np.bincount(t_at, groups.weight * groups.x, len(times))

    def total(theta: Floats) -> tuple[float, Floats]:
        r, alpha = np.exp(theta)
        logs = np.log(alpha + times)
        value = n @ (gammaln(r + x) - gammaln(r) + r * np.log(alpha)) - (r * by_age + x_by_age) @ logs
        by_r = n @ (digamma(r + x) - digamma(r) + np.log(alpha)) - by_age @ logs
        by_alpha = n.sum() * r / alpha - (r * by_age + x_by_age) @ (1 / (alpha + times))
        return float(value), np.array([by_r * r, by_alpha * alpha])

    return total
