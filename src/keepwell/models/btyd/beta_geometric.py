"""BG/NBD and MBG/NBD: customers buy at their own rate, and after a purchase may leave for good.

Fader, Hardie & Lee (2005), "Counting your customers the easy way", Marketing Science 24(2); Batislam, Denizel & Filiztekin (2007) for
the modified form, in which a customer may also leave right after the first purchase. The two differ by one chance to leave more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import digamma, expit, gammaln

from keepwell.models.btyd.fitting import Fit, Objective, maximised
from keepwell.models.btyd.future import Outlook, beta_geometric
from keepwell.models.btyd.hypergeometric import excess
from keepwell.models.btyd.nbd import NegativeBinomial
from keepwell.models.btyd.rates import chance_within, weeks_to
from keepwell.models.btyd.summary import MANY, SAMPLE, Floats, Groups, Ints
from keepwell.models.btyd.support import RefusedFitError, check_enough

# the gain in log-likelihood below which leaving can't be told from not leaving
LEAST_GAIN = 0.5
FEW = 1e-3  # share of purchases after which a customer leaves


@dataclass(frozen=True)
class BetaGeometric:
    """Fitted parameters in weeks: rates are Gamma(r, α), chances to leave Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float
    fit: Fit
    log_likelihood: float
    chances_at_start: ClassVar[int] = 0
    name: ClassVar[str] = "bg_nbd"
    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")

    @classmethod
    def fitted(cls, groups: Groups, near: Mapping[str, float] | None = None) -> "BetaGeometric | NegativeBinomial":
        """The parameters of greatest likelihood; without any sign of leaving those of the NBD, its limit.

        ``near`` are parameters to begin the search at. Raises :class:`RefusedFitError` under 50 repeat buyers, and where the rates of purchase themselves can't be told.
        """
        check_enough(groups)
        scale = float(groups.age.max())
        objective = _objective(groups, scale, cls.chances_at_start)
        sample = (_objective(groups.sampled(SAMPLE), scale, cls.chances_at_start), float(SAMPLE)) if len(groups.x) > MANY else None
        start = np.log([near["r"], near["alpha"] / scale, near["a"], near["b"]]) if near else np.log([0.5, 0.3, 0.5, 2.0])
        fit = maximised(objective, start, groups.size, sample)
        log_likelihood = fit.log_likelihood - float(groups.weight @ groups.x) * np.log(scale)
        limit = NegativeBinomial.fitted(groups)
        r, alpha, a, b = fit.parameters
        if (any(fit.at_bound[2:]) or a / (a + b) < FEW) and log_likelihood - limit.log_likelihood < LEAST_GAIN:
            return limit
        if any(fit.at_bound[:2]):
            raise RefusedFitError(
                "The rates of purchase run to their bounds: customers do not differ in how often they buy.",
                chinese="购买率到达边界：客户的购买频率没有差异。",
            )
        return cls(r, alpha * scale, a, b, fit, log_likelihood)

    @property
    def parameters(self) -> dict[str, float]:
        return {"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b}

    @property
    def standard_errors(self) -> dict[str, float] | None:
        errors = None if self.fit.covariance is None else np.sqrt(np.diag(self.fit.covariance))
        return None if errors is None else {n: float(v * e) for (n, v), e in zip(self.parameters.items(), errors, strict=True)}

    def moved(self, shift: Floats) -> "BetaGeometric":
        """The model at other log-parameters."""
        r, alpha, a, b = np.array([self.r, self.alpha, self.a, self.b]) * np.exp(shift)
        return type(self)(r, alpha, a, b, self.fit, self.log_likelihood)

    def log_likelihood_of(self, groups: Groups) -> float:
        """Of other data at these parameters."""
        theta = np.log([self.r, self.alpha, self.a, self.b])
        return _objective(groups, 1.0, self.chances_at_start)(theta)[0]

    def scores(self, groups: Groups) -> Floats:
        """The gradient in log-parameters of each group's one customer; a column a parameter."""
        return _Terms(groups, 1.0, self.chances_at_start).each(np.log([self.r, self.alpha, self.a, self.b]))

    def probability_active(self, x: Ints, t_x: Floats, age: Floats) -> Floats:
        """That a customer has not left, after ``x`` repeat purchases, the last at ``t_x`` of ``age`` weeks."""
        k = x + self.chances_at_start
        with np.errstate(divide="ignore"):
            odds = (
                np.log(self.a) - np.log(np.maximum(self.b + k - 1, 1e-300)) + (self.r + x) * np.log((self.alpha + age) / (self.alpha + t_x))
            )
        found: Floats = np.where(k > 0, expit(-odds), 1.0)
        return found

    def expected_if_active(self, x: Ints, age: Floats, weeks: float | Floats) -> Floats:
        """Purchases in the next ``weeks`` of a customer who has not left."""
        k = x + self.chances_at_start
        start = self.alpha + age
        z = weeks / (start + weeks)
        found: Floats = (self.a + self.b + k - 1) * excess(
            self.a, self.a + self.b + self.chances_at_start - 1 - self.r, self.a + self.b + k - 1, z
        )
        return found

    def buys_within_if_active(self, x: Ints, age: Floats, weeks: float) -> Floats:
        """The chance of a purchase in the next ``weeks`` of a customer who has not left: nobody leaves before the next purchase."""
        return chance_within(self.r + x, self.alpha + age, weeks)

    def weeks_to_chance(self, x: Ints, age: Floats, chance: Floats) -> Floats:
        """After how many weeks a customer who has not left has bought with that chance."""
        return weeks_to(self.r + x, self.alpha + age, chance)

    def outlook(self, x: Ints, age: Floats, weeks: float) -> Outlook:
        """How many purchases there may be in the next ``weeks``, of customers who have not left."""
        z = weeks / (self.alpha + age + weeks)
        return beta_geometric(self.r + x, z, self.a, self.b + self.chances_at_start + x)


@dataclass(frozen=True)
class ModifiedBetaGeometric(BetaGeometric):
    """MBG/NBD: who bought once may have left as well."""

    chances_at_start: ClassVar[int] = 1
    name: ClassVar[str] = "mbg_nbd"


class _Terms:
    """The likelihood's terms: those that depend on x alone are counted by x, logarithms of time taken once a different time."""

    def __init__(self, groups: Groups, scale: float, chances_at_start: int) -> None:
        self.groups = groups
        self.w = groups.weight
        self.x_values, self.x_at = np.unique(groups.x, return_inverse=True)
        self.k_values = self.x_values + chances_at_start
        half = len(groups.x)
        self.times, at = np.unique(np.concatenate([groups.t_x, groups.age]) / scale, return_inverse=True)
        self.t_at, self.age_at = at[:half], at[half:]
        self.weight_by_x = np.bincount(self.x_at, self.w, len(self.x_values))
        self.by_age = np.bincount(self.age_at, self.w, len(self.times))
        self.x_by_age = np.bincount(self.age_at, self.w * groups.x, len(self.times))
        # who has had no chance to leave has no second branch
        mine = np.flatnonzero(groups.x + chances_at_start > 0)
        self.may_have_left, self.x_of_mine, self.w_of_mine = mine, groups.x[mine].astype(float), self.w[mine]
        self.age_of_mine, self.t_of_mine, self.x_at_of_mine = self.age_at[mine], self.t_at[mine], self.x_at[mine]

    def parts(self, theta: Floats) -> tuple[tuple[float, ...], Floats, Floats, Floats, Floats]:
        """Parameters, log and inverse of α + time, and of those who may have left the log-odds of it and their log-ratio of times."""
        r, alpha, a, b = (float(v) for v in np.exp(theta))
        logs, inverse = np.log(alpha + self.times), 1 / (alpha + self.times)
        ratio = logs[self.age_of_mine] - logs[self.t_of_mine]
        with np.errstate(divide="ignore", invalid="ignore"):
            base = np.log(a) - np.log(b + self.k_values - 1)
        d = base[self.x_at_of_mine] + (r + self.x_of_mine) * ratio
        return (r, alpha, a, b), logs, inverse, d, ratio

    def by_x(self, r: float, a: float, b: float, alpha: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Of each x the terms that hang on it alone, and their derivatives by r, a and b."""
        x, k = self.x_values, self.k_values
        value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(a + b) - gammaln(b) + gammaln(b + k) - gammaln(a + b + k)
        by_r = digamma(r + x) - digamma(r) + np.log(alpha)
        by_a = digamma(a + b) - digamma(a + b + k)
        by_b = by_a - digamma(b) + digamma(b + k)
        return value, by_r, by_a, by_b

    def total(self, theta: Floats) -> tuple[float, Floats]:
        (r, alpha, a, b), logs, inverse, d, ratio = self.parts(theta)
        value, by_r, by_a, by_b = self.by_x(r, a, b, alpha)
        n, age_terms = self.weight_by_x, r * self.by_age + self.x_by_age
        # log(1 + e^d) and its slope from one exponential
        small = np.exp(-np.abs(d))
        log_likelihood = n @ value - age_terms @ logs + self.w_of_mine @ (np.maximum(d, 0) + np.log1p(small))
        left = self.w_of_mine * np.where(d > 0, 1, small) / (1 + small)
        left_by_x = np.bincount(self.x_at_of_mine, left, len(self.x_values))
        gap = inverse[self.age_of_mine] - inverse[self.t_of_mine]
        with np.errstate(divide="ignore", invalid="ignore"):
            odds_by_b = np.where(self.k_values > 0, 1 / (b + self.k_values - 1), 0.0)
        gradient = np.array([
            n @ by_r - self.by_age @ logs + left @ ratio,
            self.w.sum() * r / alpha - age_terms @ inverse + left @ ((r + self.x_of_mine) * gap),
            n @ by_a + left.sum() / a,
            n @ by_b - left_by_x @ odds_by_b,
        ])  # fmt: skip
        return float(log_likelihood), gradient * np.exp(theta)

    def each(self, theta: Floats) -> Floats:
        """The gradient of one customer of each group."""
        (r, alpha, a, b), logs, inverse, d, ratio = self.parts(theta)
        _, by_r, by_a, by_b = self.by_x(r, a, b, alpha)
        mine, x = self.may_have_left, self.groups.x
        left = np.zeros(len(x))
        left[mine] = expit(d)
        gaps = np.zeros((2, len(x)))
        gaps[0, mine] = ratio
        gaps[1, mine] = (r + self.x_of_mine) * (inverse[self.age_of_mine] - inverse[self.t_of_mine])
        with np.errstate(divide="ignore", invalid="ignore"):
            odds_by_b = np.where(self.k_values > 0, 1 / (b + self.k_values - 1), 0.0)
        found: Floats = np.column_stack([
            by_r[self.x_at] - logs[self.age_at] + left * gaps[0],
            r / alpha - (r + x) * inverse[self.age_at] + left * gaps[1],
            by_a[self.x_at] + left / a,
            by_b[self.x_at] - left * odds_by_b[self.x_at],
        ]) * np.exp(theta)  # fmt: skip
        return found


def _objective(groups: Groups, scale: float, chances_at_start: int) -> Objective:
    return _Terms(groups, scale, chances_at_start).total
