"""What the models of buying until inactive have in common, and the forecasts made with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pyarrow as pa

from keepwell.models.btyd.beta_geometric import BetaGeometric, ModifiedBetaGeometric
from keepwell.models.btyd.fitting import BOUND, Fit
from keepwell.models.btyd.future import Outlook
from keepwell.models.btyd.nbd import NegativeBinomial
from keepwell.models.btyd.pareto import ParetoNbd
from keepwell.models.btyd.summary import DAYS_A_WEEK, Floats, Groups, Ints, Summary, grouped
from keepwell.models.parts import in_parts
from keepwell.models.tables import horizon_of

LEVEL = 0.95
SURE_GAIN = 1.92  # in log-likelihood by one more parameter, at 95 % (half of 3.84)


class BuyingModel(Protocol):
    """A fitted model. Times are weeks; parameters are of the customers, not of one of them."""

    name: ClassVar[str]
    parameter_names: ClassVar[tuple[str, ...]]
    fit: Fit
    log_likelihood: float

    @property
    def parameters(self) -> Mapping[str, float]: ...
    @property
    def standard_errors(self) -> Mapping[str, float] | None: ...
    def moved(self, shift: Floats) -> Self: ...
    def log_likelihood_of(self, groups: Groups) -> float: ...
    def scores(self, groups: Groups) -> Floats: ...
    def probability_active(self, x: Ints, t_x: Floats, age: Floats) -> Floats: ...
    def expected_if_active(self, x: Ints, age: Floats, weeks: float | Floats) -> Floats: ...
    def buys_within_if_active(self, x: Ints, age: Floats, weeks: float) -> Floats: ...
    def weeks_to_chance(self, x: Ints, age: Floats, chance: Floats) -> Floats: ...
    def outlook(self, x: Ints, age: Floats, weeks: float) -> Outlook: ...


FAMILIES: dict[str, type[BetaGeometric] | type[ParetoNbd]] = {
    "bg_nbd": BetaGeometric,
    "mbg_nbd": ModifiedBetaGeometric,
    "pareto_nbd": ParetoNbd,
}


@dataclass(frozen=True)
class Forecast:
    """Of each customer; orders are purchase days. Intervals are predictive: they hold what the customer does, not its mean."""

    probability_active: Floats
    expected: Floats
    low: Ints
    high: Ints


@dataclass(frozen=True)
class Grid:
    """The different (x, age) of customers, age in weeks, and of each customer the place of the own one."""

    x: Ints
    age: Floats
    place: Ints

    @classmethod
    def of(cls, x: Ints, weeks: Floats) -> "Grid":
        ages, at = np.unique(weeks, return_inverse=True)
        keys, place = np.unique(x * len(ages) + at, return_inverse=True)
        size = max(len(ages), 1)
        return cls(keys // size, ages[keys % size], place.astype(np.int64))


class Forecaster:
    """A model's forecasts for the customers of a summary. What depends on (x, age) alone is computed once for all who share them."""

    def __init__(self, model: BuyingModel, summary: Summary, grid: Grid | None = None) -> None:
        self.model, self.summary = model, summary
        self.grid = grid or Grid.of(summary.x, summary.age / DAYS_A_WEEK)
        self.place, self.x, self.age = self.grid.place, self.grid.x, self.grid.age
        self.active = model.probability_active(summary.x, summary.t_x / DAYS_A_WEEK, summary.age / DAYS_A_WEEK)

    def expected(self, days: float) -> Floats:
        return self.active * self.model.expected_if_active(self.x, self.age, days / DAYS_A_WEEK)[self.place]

    def discounted(self, days: int, annual_rate: float, steps: int = 12) -> Floats:
        """Expected purchases of the next ``days``, each worth less the later it comes; in ``steps`` parts, each at its middle."""
        total: Floats = np.zeros(len(self.x))
        before: Floats = np.zeros(len(self.x))
        for k in range(1, steps + 1):
            until = days * k / steps
            now = self.model.expected_if_active(self.x, self.age, until / DAYS_A_WEEK)
            total += (now - before) * (1 + annual_rate) ** (-(until - days / steps / 2) / 365.25)
            before = now
        found: Floats = self.active * total[self.place]
        return found

    def buys_within(self, days: float) -> Floats:
        found: Floats = self.active * self.model.buys_within_if_active(self.x, self.age, days / DAYS_A_WEEK)[self.place]
        return found

    def days_to_chance(self, chance: float) -> Floats:
        """After how many days the customer has bought again with that chance; NaN where that never is."""

        def days(active: Floats, x: Ints, age: Floats) -> Floats:
            found = np.full(len(active), np.nan)
            may = np.flatnonzero(active > chance)
            weeks = self.model.weeks_to_chance(x[may], age[may] / DAYS_A_WEEK, chance / active[may])
            found[may] = np.where(np.isfinite(weeks), weeks * DAYS_A_WEEK, np.nan)
            return found

        return in_parts(days, self.active, self.summary.x, self.summary.age)

    def orders_interval(self, days: float) -> tuple[Ints, Ints]:
        """The 95 % predictive interval of the purchases of the next ``days``."""
        outlook = self.model.outlook(self.x, self.age, days / DAYS_A_WEEK)
        low, high = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        below, above = outlook.quantiles(self.active, (low, high), self.place)
        return below, above

    def second_moment(self, days: float) -> Floats:
        outlook = self.model.outlook(self.x, self.age, days / DAYS_A_WEEK)
        found: Floats = self.active * outlook.second_moment()[self.place]
        return found


@dataclass(frozen=True)
class FittedBuying:
    """A model with the summary that it was fitted on."""

    model: BuyingModel
    summary: Summary

    @property
    def parameters(self) -> Mapping[str, float]:
        """By name; times in weeks."""
        return self.model.parameters

    @property
    def standard_errors(self) -> Mapping[str, float] | None:
        """By name, from the Hessian; None where the likelihood is flat."""
        return self.model.standard_errors

    @property
    def log_likelihood(self) -> float:
        return self.model.log_likelihood

    @property
    def is_activity_identifiable(self) -> bool:
        """False where nobody is surely seen to leave; ``probability_active`` is then that of a model, not of the data (of the NBD 1).

        That is the NBD, and a model whose leaving is at its bound and that is not surely likelier than the NBD.
        """
        if self.model.name == NegativeBinomial.name:
            return False
        if not self.is_leaving_at_bound:
            return True
        limit = NegativeBinomial.fitted(grouped(self.summary)[0])
        return bool(self.log_likelihood - limit.log_likelihood >= SURE_GAIN)

    @property
    def is_leaving_at_bound(self) -> bool:
        """True where customers do not differ in how likely they leave, so that its parameters have no standard errors."""
        return bool((np.abs(self.model.fit.theta[2:]) > BOUND - 1e-3).any())  # the last steps may lead beyond it

    def log_likelihood_of(self, summary: Any) -> float:
        """Of other data at these parameters."""
        return self.model.log_likelihood_of(grouped(Summary.of_table(summary))[0])

    def predict(self, horizon_days: int = 365, summary: Any = None) -> pa.Table:
        """A forecast, one row a customer.

        ``probability_active`` (see ``is_activity_identifiable``), ``expected_orders`` with the 95 % predictive interval, ``probability_order`` within the horizon, and
        ``median_days`` until the next order (empty where it is less likely than not that there is any).
        """
        horizon = horizon_of(horizon_days)
        s = self.summary if summary is None else Summary.of_table(summary)
        seen = Forecaster(self.model, s)
        low, high = seen.orders_interval(horizon)
        median = seen.days_to_chance(0.5)
        columns = {
            "x": pa.array(s.x),
            "probability_active": pa.array(seen.active),
            "expected_orders": pa.array(seen.expected(horizon)),
            "expected_orders_low": pa.array(low),
            "expected_orders_high": pa.array(high),
            "probability_order": pa.array(seen.buys_within(horizon)),
            "median_days": pa.array(median, mask=np.isnan(median)),
        }
        if s.customers is not None:
            columns = {"customer_id": pa.array(list(s.customers)), **columns}
        return pa.table(columns)


class BetaGeo:
    """BG/NBD (Fader, Hardie & Lee 2005): customers buy at their own rate, and after a purchase may leave for good."""

    family: ClassVar[str] = "bg_nbd"

    def fit(self, summary: Any) -> FittedBuying:
        """From a table with x, t_x and age (days), one row a customer; without any sign of leaving the NBD is fitted.

        Raises :class:`~keepwell.models.refusal.RefusedError` under 50 repeat buyers.
        """
        s = Summary.of_table(summary)
        model: Any = FAMILIES[self.family].fitted(grouped(s)[0])
        return FittedBuying(model, s)


class ModifiedBetaGeo(BetaGeo):
    """MBG/NBD (Batislam et al. 2007): who bought once may have left as well."""

    family: ClassVar[str] = "mbg_nbd"


class ParetoNBD(BetaGeo):
    """Pareto/NBD (Schmittlein et al. 1987): customers may leave at any moment."""

    family: ClassVar[str] = "pareto_nbd"


def restored_or_none(parameters: Mapping[str, float]) -> BuyingModel | None:
    """The model whose parameters a run stored, as ``mbg_nbd.r``; None where it stored none.

    It tells of customers what it told then; how sure its parameters are is not known any more.
    """
    for name, family in {**FAMILIES, NegativeBinomial.name: NegativeBinomial}.items():
        if all(f"{name}.{p}" in parameters for p in family.parameter_names):
            own = [parameters[f"{name}.{p}"] for p in family.parameter_names]
            unknown = Fit(np.log(own), float("nan"), None, ())
            made: Any = family
            found: BuyingModel = made(*own, unknown, float("nan"))
            return found
    return None
