"""Contracts: customers who say when they leave. The shifted-beta-geometric model of renewals.

Fader & Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21(1).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import betaln, digamma

from keepwell.models.btyd.fitting import Fit, maximised
from keepwell.models.btyd.summary import Floats
from keepwell.models.btyd.support import RefusedFitError
from keepwell.models.tables import check_lengths, numbers


@dataclass(frozen=True)
class FittedShiftedBetaGeometric:
    """Fitted parameters: the chance not to renew is Beta(α, β) among customers."""

    alpha: float
    beta: float
    fit: Fit
    log_likelihood: float
    name: ClassVar[str] = "sbg"

    @classmethod
    def fitted(cls, left: Any, remaining: Any) -> "FittedShiftedBetaGeometric":
        """From counts by the number of periods a contract lasted.

        ``left[i]`` are the contracts that ended after i + 1 periods, ``remaining[i]`` those that are seen i + 1 periods and go on.
        """
        ended, goes_on = counts_of(left, remaining)
        if not ended.sum() or not ended.sum() < ended.sum() + goes_on.sum():
            if not ended.sum():
                raise RefusedFitError("No contract has ended yet.", chinese="尚无合同结束。")
            raise RefusedFitError("No contract goes on: there is nothing to project.", chinese="没有仍在继续的合同，无需预测。")
        t = np.arange(1, len(ended) + 1)

        def objective(theta: Floats) -> tuple[float, Floats]:
            a, b = np.exp(theta)
            log_left, log_stays = betaln(a + 1, b + t - 1) - betaln(a, b), betaln(a, b + t) - betaln(a, b)
            common = digamma(a + b) - digamma(a + b + t)
            by_a = ended @ (digamma(a + 1) - digamma(a) + common) + goes_on @ common
            by_b = ended @ (digamma(b + t - 1) - digamma(b) + common) + goes_on @ (digamma(b + t) - digamma(b) + common)
            return float(ended @ log_left + goes_on @ log_stays), np.array([by_a * a, by_b * b])

        fit = maximised(objective, np.zeros(2), float(ended.sum() + goes_on.sum()))
        if any(fit.at_bound):
            raise RefusedFitError(
                "Customers do not differ in how likely they renew: one rate of renewal is all there is to know.",
                chinese="客户的续约概率没有差异，用一个续约率即可描述。",
            )
        alpha, beta = fit.parameters
        return cls(alpha, beta, fit, fit.log_likelihood)

    @classmethod
    def of_survivors(cls, survivors: Any) -> "FittedShiftedBetaGeometric":
        """From how many of a cohort are still there at 0, 1, 2 … periods."""
        s = numbers(survivors, "The list of survivors", least=0)
        if len(s) < 2:
            raise RefusedFitError(
                f"Survivors at {len(s)} moments tell nothing of who stays.", "Give those at 0, 1, 2 … periods.",
                chinese=f"仅有 {len(s)} 个时点的留存人数，无法判断去留。", chinese_hint="请提供第 0、1、2…… 期的留存人数。",
            )  # fmt: skip
        goes_on = np.zeros(len(s) - 1)
        goes_on[-1] = s[-1]
        return cls.fitted(list(-np.diff(s)), list(goes_on))

    @property
    def parameters(self) -> dict[str, float]:
        return {"alpha": self.alpha, "beta": self.beta}

    @property
    def standard_errors(self) -> dict[str, float] | None:
        errors = self.fit.standard_errors
        return None if errors is None else dict(zip(("alpha", "beta"), (float(e) for e in errors), strict=True))

    def survival(self, periods: Floats) -> Floats:
        """The share of a cohort still there after so many periods."""
        found: Floats = np.exp(betaln(self.alpha, self.beta + np.asarray(periods)) - betaln(self.alpha, self.beta))
        return found

    def retention(self, periods: Floats) -> Floats:
        """The share of those there after ``periods`` − 1 who are there after ``periods``."""
        reached = self.beta + np.asarray(periods) - 1
        found: Floats = reached / (self.alpha + reached)
        return found

    def renewals_to_come(self, renewed: Floats, periods: int, rate: float) -> Floats:
        """Expected discounted payments in the next ``periods`` of a contract renewed so often; ``rate`` is a period's discount rate."""
        total = np.zeros(len(renewed))
        stays = np.ones(len(renewed))
        for k in range(1, periods + 1):
            stays = stays * self.retention(renewed + k)
            total += stays / (1 + rate) ** k
        return total


class ShiftedBetaGeometric:
    """sBG (Fader & Hardie 2007): each customer has a chance of the own not to renew."""

    def fit(self, left: Any, goes_on: Any) -> FittedShiftedBetaGeometric:
        """From counts by period: how many contracts ended in the 1st, 2nd … one; how many go on that have lasted 1, 2 … of them.

        Raises :class:`RefusedFitError` where none ended, none goes on or all are alike.
        """
        return self.fitted(left, goes_on)

    @staticmethod
    def fitted(left: Any, remaining: Any) -> FittedShiftedBetaGeometric:
        """The same, by the names of the paper."""
        return FittedShiftedBetaGeometric.fitted(left, remaining)

    @staticmethod
    def of_survivors(survivors: Any) -> FittedShiftedBetaGeometric:
        """From how many of a cohort are still there at 0, 1, 2 … periods."""
        return FittedShiftedBetaGeometric.of_survivors(survivors)


def counts_of(left: Any, goes_on: Any) -> tuple[Floats, Floats]:
    """Counts by the number of periods that contracts lasted: of those that ended and those that go on; refused without any contract."""
    ended, lasting = numbers(left, "The list of those who left", least=0), numbers(goes_on, "The list of those who go on", least=0)
    check_lengths({"left": ended, "going on": lasting})
    if not ended.sum() + lasting.sum() > 0:
        raise RefusedFitError(
            "There are no contracts.", "Give how many ended and how many go on, by the periods that they lasted.",
            chinese="没有合约。", chinese_hint="请按持续期数提供已结束与仍有效的合约数。",
        )  # fmt: skip
    return ended, lasting
