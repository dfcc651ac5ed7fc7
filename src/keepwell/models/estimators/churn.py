"""Churn: who will leave, learned from what customers looked like before they did or did not; with reasons in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from keepwell.core.errors import WrongUseError
from keepwell.models.boosting import lightgbm
from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.judging import Discrimination, discrimination
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import check_lengths, columns_of, count_of, flags, ids, is_missing

FOLDS = 5
LEAST_LEAVERS = 50
ROUNDS = 200
MOST_CATEGORIES = 40
LEAK = 0.97
SMALL = 2_000_000  # numbers to learn from
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Encoding:
    """From a table's columns to numbers: what is not a number becomes one column a value."""

    numeric: tuple[str, ...]
    values: tuple[tuple[str, tuple[str, ...]], ...]  # column -> its values, each a column of its own

    @classmethod
    def of(cls, table: dict[str, npt.NDArray[Any]]) -> "Encoding":
        numeric, values = [], []
        for name, column in table.items():
            if _is_numeric(column):
                numeric.append(name)
                continue
            found = sorted({str(v) for v in column[~is_missing(column)]})
            # names and numbers of customers tell nothing that holds for others
            if 1 < len(found) <= MOST_CATEGORIES:
                values.append((name, tuple(found)))
        if not numeric and not values:
            raise WrongUseError("There is no column to learn from.", "Give numbers, or texts with few different values.")
        return cls(tuple(numeric), tuple(values))

    @property
    def origins(self) -> list[str]:
        """Of each encoded column the one that it comes from."""
        return [*self.numeric, *(name for name, values in self.values for _ in (values[:1] if len(values) == 2 else values))]

    def apply(self, table: dict[str, npt.NDArray[Any]]) -> Floats:
        missing = [n for n in (*self.numeric, *(n for n, _ in self.values)) if n not in table]
        if missing:
            raise WrongUseError(f"The table lacks {', '.join(missing)}.", "Give the columns that the model was fitted on.")
        columns = [_numbers(table[n], n) for n in self.numeric]
        for name, values in self.values:
            text = table[name].astype(str).astype(object)
            text[is_missing(table[name])] = None
            columns += _indicators(text, values)
        return np.column_stack(columns)


def _indicators(text: npt.NDArray[Any], values: Sequence[str]) -> list[Floats]:
    """A column a value; of two values one, unknown where it is neither. A value that was not learned from is none of them."""
    found = [(text == v).astype(float) for v in values]
    return [np.where(found[0] + found[1] > 0, found[0], np.nan)] if len(values) == 2 else found


@dataclass(frozen=True)
class FittedChurn:
    """Five boosters, each fitted without a fifth of the rows, and the line that brings their mean to probabilities."""

    encoding: Encoding
    boosters: tuple[Any, ...]
    slope: float
    shift: float
    out_of_fold: Floats  # probabilities of the rows that it was fitted on, each by models that have not seen it
    judged: Discrimination
    leaks: tuple[str, ...]  # columns that alone tell who leaves: the future is in them

    def predict(self, table: Any) -> Floats:
        """The probability that each row's customer leaves. Numbers may be missing; text that was not learned from counts as unknown."""
        x = self.encoding.apply(columns_of(table))
        found: Floats = _probability(self.slope * _margin(self.boosters, x) + self.shift)
        return found

    def contributions(self, table: Any) -> tuple[tuple[str, ...], Floats]:
        """Of each row what each column adds to the log-odds (tree SHAP); columns that came of one are added up."""
        x = self.encoding.apply(columns_of(table))
        each = sum(b.predict(x, pred_contrib=True, **_threads(x))[:, :-1] for b in self.boosters) / len(self.boosters)
        names = tuple(dict.fromkeys(self.encoding.origins))
        found = np.zeros((len(x), len(names)))
        for j, origin in enumerate(self.encoding.origins):
            found[:, names.index(origin)] += each[:, j]
        return names, found * self.slope


@dataclass(frozen=True)
class Churn:
    """Gradient-boosted trees (LightGBM), calibrated on folds that they have not seen."""

    folds: int = FOLDS
    rounds: int = ROUNDS
    seed: int = 20_260_101
    leak_limit: float = LEAK
    may_leak: tuple[str, ...] = ()  # columns that are allowed to tell as much alone

    name: ClassVar[str] = "churn"

    def __post_init__(self) -> None:
        count_of(self.folds, "The number of folds", 2)
        count_of(self.rounds, "The number of rounds", 1)

    def fit(self, table: Any, left: Any, *, customers: Any = None, judge: bool = True) -> FittedChurn:
        """From a feature table and who left. ``judge`` also predicts every row by models that have not seen it.

        ``left`` is true or false (or 1 or 0) of every row. Where a customer has several rows, ``customers`` says whose each is: they
        stay in one fold. Refused with fewer than 50 leavers or stayers.
        """
        columns = columns_of(table)
        y = flags(left, "The answer")
        owners = {} if customers is None else {"customers": ids(customers, "The list of customers")}
        check_lengths({**columns, "left": y, **owners})
        if min(y.sum(), (~y).sum()) < LEAST_LEAVERS:
            raise RefusedError(
                f"{int(y.sum())} of {len(y)} customers left; the model needs {LEAST_LEAVERS} who did and who did not.",
                chinese=f"{len(y)} 位客户中流失 {int(y.sum())} 位；模型需要流失与未流失的客户各至少 {LEAST_LEAVERS} 位。",
            )
        encoding = Encoding.of(columns)
        x = encoding.apply(columns)
        whose = np.arange(len(y)) if customers is None else np.unique(owners["customers"].astype(str), return_inverse=True)[1]
        folds = self._folds(y, whose)
        boosters, slope, shift = self._crossed(x, y, folds)
        judged = np.full(len(y), np.nan)
        if judge:
            for k in range(self.folds):
                train, test = np.flatnonzero(folds != k), np.flatnonzero(folds == k)
                inner, a, b = self._crossed(x[train], y[train], self._folds(y[train], whose[train]))
                judged[test] = _probability(a * _margin(inner, x[test]) + b)
        return FittedChurn(
            encoding,
            boosters,
            slope,
            shift,
            judged,
            discrimination(judged, y) if judge else Discrimination.nothing(),
            self._leaks(x, y, encoding),
        )

    def _folds(self, y: Bools, whose: Ints) -> Ints:
        """Of each row the fold, leavers and stayers alike in all of them, all rows of a customer in one."""
        rng = np.random.default_rng(self.seed)
        _, at = np.unique(whose, return_inverse=True)
        has_left = np.bincount(at, y) > 0
        found = np.empty(len(has_left), np.int64)
        for value in (True, False):
            mine = np.flatnonzero(has_left == value)
            found[rng.permutation(mine)] = np.arange(len(mine)) % self.folds
        return found[at]

    def _crossed(self, x: Floats, y: Bools, folds: Ints) -> tuple[tuple[Any, ...], float, float]:
        """A booster without each fold, and the calibration line of what they say of the folds that they have not seen."""
        boosters, margin = [], np.empty(len(y))
        for k in range(self.folds):
            is_out = folds == k
            booster = self._booster(x[~is_out], y[~is_out])
            margin[is_out] = booster.predict(x[is_out], raw_score=True, **_threads(x))
            boosters.append(booster)
        slope, shift = calibration_line(margin, y)
        return tuple(boosters), slope, shift

    def _booster(self, x: Floats, y: Bools) -> Any:
        lgb = lightgbm()
        threads = _threads(x)
        data = lgb.Dataset(x, label=y.astype(float), params={"verbosity": -1, **threads})
        return lgb.train({**PARAMETERS, **threads, "seed": self.seed % 2**31}, data, num_boost_round=self.rounds)

    def _leaks(self, x: Floats, y: Bools, encoding: Encoding) -> tuple[str, ...]:
        alone: dict[str, float] = {}
        for j, origin in enumerate(encoding.origins):
            known = np.isfinite(x[:, j])
            if known.sum() < len(y) / 2 or len(np.unique(y[known])) < 2:
                continue
            auc = discrimination(x[known, j], y[known]).auc
            alone[origin] = max(alone.get(origin, 0.0), auc, 1 - auc)
        return tuple(n for n, v in alone.items() if v >= self.leak_limit and n not in self.may_leak)


def calibration_line(margin: Floats, y: Bools) -> tuple[float, float]:
    """Slope and shift of Platt (1999), with his priors against certainty, by Newton's method with steps that never make it worse."""
    plus, minus = int(y.sum()), int((~y).sum())
    target = np.where(y, (plus + 1) / (plus + 2), 1 / (minus + 2))
    centre, spread = float(margin.mean()), float(margin.std()) or 1.0
    z = (margin - centre) / spread

    def loss(line: Floats) -> float:
        odds = line[0] * z + line[1]
        return float((np.logaddexp(0, odds) - target * odds).sum())

    line = np.array([0.0, np.log((plus + 1) / (minus + 1))])
    for _ in range(100):
        p = _probability(line[0] * z + line[1])
        gradient = np.array([((p - target) * z).sum(), (p - target).sum()])
        w = p * (1 - p)
        hessian = np.array([[(w * z**2).sum() + 1e-9, (w * z).sum()], [(w * z).sum(), w.sum() + 1e-9]])
        step = np.linalg.solve(hessian, gradient)
        while loss(line - step) > loss(line) and np.abs(step).max() > 1e-12:
            step = step / 2
        line = line - step
        if np.abs(step).max() < 1e-10:
            break
    return float(line[0] / spread), float(line[1] - line[0] * centre / spread)


def _margin(boosters: Sequence[Any], x: Floats) -> Floats:
    found: Floats = sum(b.predict(x, raw_score=True, **_threads(x)) for b in boosters) / len(boosters)
    return found


def _probability(margin: Floats) -> Floats:
    found: Floats = expit(margin)
    return found


def _threads(x: Floats) -> dict[str, int]:
    """Threads that wait for each other cost more than they save where there is little to do; the trees are the same."""
    return {"num_threads": 1} if x.size < SMALL else {}


def _is_numeric(column: npt.NDArray[Any]) -> bool:
    """Whether all that is known of a column are numbers, if need be written as text."""
    if column.dtype.kind in "biuf":
        return True
    known = column[~is_missing(column)]
    try:
        known.astype(float)
    except (TypeError, ValueError):
        return False
    return column.dtype.kind not in "mM" and len(known) > 0


def _numbers(column: npt.NDArray[Any], name: str) -> Floats:
    """A column's numbers; what is missing is NaN."""
    found = np.full(len(column), np.nan)
    known = ~is_missing(column)
    try:
        found[known] = column[known].astype(float)
    except (TypeError, ValueError) as error:
        raise WrongUseError(f"Column {name!r} was of numbers when the model was fitted: {error}.", "Give numbers, as then.") from error
    return found
