"""Maximum likelihood in log-parameters, with the gradient given and standard errors from the Hessian."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from keepwell.models.btyd.summary import Floats

# of log-parameters: e^±10 is as good as 0 or infinity for rates, shapes and time in units of the longest one seen
BOUND = 10.0
STEP = 1e-4
NEWTON_STEPS = 4
CHORDS = 12
NEAR = 1e-5  # from where Newton's steps need no more than two

Objective = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True)
class Fit:
    """Where the likelihood is greatest: ``theta`` are log-parameters, ``covariance`` theirs (None where the peak is flat)."""

    theta: Floats
    log_likelihood: float
    covariance: Floats | None
    at_bound: tuple[bool, ...]

    @property
    def parameters(self) -> Floats:
        return np.exp(self.theta)

    @property
    def standard_errors(self) -> Floats | None:
        """Of the parameters, by the delta method."""
        return None if self.covariance is None else self.parameters * np.sqrt(np.diag(self.covariance))


def maximised(objective: Objective, start: Floats, scale: float, sample: tuple[Objective, float] | None = None) -> Fit:
    """The maximum of ``objective``, which gives value and gradient at log-parameters; ``scale`` is the number of customers.

    A quasi-Newton search comes near, Newton's own steps then close the rest, so that the result does not hang on where it began. Given
    ``sample``, the objective of some of the customers and their number, the search is made there; with its curvature a few steps on all
    are enough.
    """

    def per_customer(of: Objective, size: float) -> Objective:
        def negative(theta: Floats) -> tuple[float, Floats]:
            value, gradient = of(theta)
            if not np.isfinite(value):
                return 1e10, np.zeros_like(theta)
            return -value / size, -gradient / size

        return negative

    negative = per_customer(objective, scale)
    if sample:
        rough = per_customer(*sample)
        start = _searched(rough, start)
        theta = _approached(negative, start, hessian_of(rough, start))
    else:
        theta = None
    if theta is None:
        theta = _searched(negative, start)
    at_bound = tuple(bool(abs(t) > BOUND - 1e-3) for t in theta)
    if any(at_bound):
        return Fit(theta, objective(theta)[0], None, at_bound)
    theta, hessian = _polished(negative, theta)
    return Fit(theta, objective(theta)[0], covariance_or_none(hessian * scale), at_bound)


def _searched(negative: Objective, start: Floats) -> Floats:
    found = minimize(
        negative,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-BOUND, BOUND)] * len(start),
        options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
    )
    theta: Floats = found.x
    return theta


def _approached(negative: Objective, theta: Floats, hessian: Floats) -> Floats | None:
    """From near the minimum, with the curvature of about there; None where that does not lead to it."""
    if np.linalg.eigvalsh(hessian)[0] <= 0:
        return None
    for _ in range(CHORDS):
        _, gradient = negative(theta)
        step = np.linalg.solve(hessian, gradient)
        theta = theta - step
        if not np.abs(theta).max() < BOUND or np.abs(step).max() > 1:
            return None
        if np.abs(step).max() < NEAR:
            return theta
    return None


def _polished(negative: Objective, theta: Floats) -> tuple[Floats, Floats]:
    value, gradient = negative(theta)
    hessian = hessian_of(negative, theta)
    for _ in range(NEWTON_STEPS):
        if np.abs(gradient).max() < 1e-11 or np.linalg.eigvalsh(hessian)[0] <= 0:
            break
        step = np.linalg.solve(hessian, gradient)
        if np.abs(step).max() > 1:
            break
        after, slope = negative(theta - step)
        if not after <= value + 1e-12:
            break
        theta, value, gradient = theta - step, after, slope
    return theta, hessian


def hessian_of(function: Objective, theta: Floats) -> Floats:
    """By central differences of the gradient."""
    rows = []
    for i in range(len(theta)):
        step = np.zeros_like(theta)
        step[i] = STEP
        rows.append((function(theta + step)[1] - function(theta - step)[1]) / (2 * STEP))
    found = np.array(rows)
    return (found + found.T) / 2


def covariance_or_none(information: Floats) -> Floats | None:
    """The inverse, where there is one with sense."""
    values = np.linalg.eigvalsh(information)
    if not np.isfinite(values).all() or values[0] <= 1e-10 * values[-1]:
        return None
    return np.linalg.inv(information)
