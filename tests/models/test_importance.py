"""Shapley values of R² beside closed forms and other libraries' least squares."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits

from keepwell.core.errors import WrongUseError
from keepwell.models.shapley import importance


def test_drivers_that_do_not_hang_together_explain_their_squared_correlation() -> None:
    """Columns of a Hadamard matrix are orthogonal; y = 3a + 2b + c + d has the variance 9 + 4 + 1 + 1 (d is not told)."""
    h = np.array([[1]])
    for _ in range(6):
        h = np.block([[h, h], [h, -h]])
    a, b, c, d = (h[:, i].astype(float) for i in (1, 2, 3, 4))
    found = importance(3 * a + 2 * b + c + d, {"a": a, "b": b, "c": c})
    assert found.shares == pytest.approx([9 / 15, 4 / 15, 1 / 15], abs=1e-8)
    assert found.r2 == pytest.approx(14 / 15, abs=1e-8)


def test_two_drivers_by_hand() -> None:
    """Of two drivers each gets half of what it explains alone and half of what it adds to the other."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(500, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
    y = x @ np.array([1.0, 0.5]) + rng.normal(size=500)
    r = np.corrcoef(np.column_stack([x, y]).T)
    r1, r2, r12 = r[0, 2], r[1, 2], r[0, 1]
    both = (r1**2 + r2**2 - 2 * r1 * r2 * r12) / (1 - r12**2)
    found = importance(y, {"first": x[:, 0], "second": x[:, 1]})
    assert found.shares == pytest.approx([(r1**2 + both - r2**2) / 2, (r2**2 + both - r1**2) / 2], abs=1e-7)
    assert found.r2 == pytest.approx(both, abs=1e-7)


def test_four_drivers_are_the_mean_over_all_orders() -> None:
    """R² by scikit-learn's least squares, added up in each of the 24 orders in which four drivers can come."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4))
    y = x @ np.array([1.0, -0.5, 0.2, 0.0]) + rng.normal(size=300)

    def r2(places: tuple[int, ...]) -> float:
        return float(LinearRegression().fit(x[:, places], y).score(x[:, places], y)) if places else 0.0

    wanted = np.zeros(4)
    for order in permutations(range(4)):
        for k, driver in enumerate(order):
            wanted[driver] += (r2(tuple(sorted(order[: k + 1]))) - r2(tuple(sorted(order[:k])))) / 24
    found = importance(y, {f"x{i}": x[:, i] for i in range(4)})
    assert found.shares == pytest.approx(wanted, abs=1e-7)
    assert found.shares.sum() == pytest.approx(found.r2, abs=1e-12)
    assert found.r2 == pytest.approx(r2((0, 1, 2, 3)), abs=1e-7)


def test_drivers_that_say_the_same_share_it() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=400)
    y = x + rng.normal(size=400)
    found = importance(y, {"once": x, "again": 2 * x + 1, "never": np.ones(400)})
    whole = np.corrcoef(x, y)[0, 1] ** 2
    assert found.shares == pytest.approx([whole / 2, whole / 2, 0.0], abs=1e-6)


def test_what_is_unknown_neither_helps_nor_harms() -> None:
    """Half of the values are gone at random: the driver explains about half of what it did, its being unknown nothing."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=20_000)
    y = x + rng.normal(size=20_000)
    gone = np.where(rng.random(20_000) < 0.5, np.nan, x)
    assert importance(y, {"x": x}).r2 == pytest.approx(0.5, abs=0.02)
    assert importance(y, {"x": gone}).r2 == pytest.approx(0.25, abs=0.02)


def test_the_interval_holds_the_truth_and_noise_is_told() -> None:
    """200 samples of 300 customers who answer twice: .5 and .2 of the variance, and a driver that means nothing."""
    rng = np.random.default_rng(7)
    held = np.zeros(2)
    above = 0
    for k in range(200):
        who = np.repeat(np.arange(300), 2)
        x = rng.normal(size=(600, 3))
        y = (
            np.sqrt(0.5) * x[:, 0]
            + np.sqrt(0.2) * x[:, 1]
            + np.sqrt(0.15) * rng.normal(size=300)[who]
            + np.sqrt(0.15) * rng.normal(size=600)
        )
        found = importance(y, {"a": x[:, 0], "b": x[:, 1], "nothing": x[:, 2]}, who, seed=k)
        held += (found.low[:2] <= [0.5, 0.2]) & (found.high[:2] >= [0.5, 0.2])
        above += found.shares[2] > found.noise[2]
    assert (held / 200 >= 0.9).all()
    assert above / 200 <= 0.08


def test_what_was_learned_is_tested_on_other_customers() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(2_000, 2))
    y = x[:, 0] + 0.5 * x[:, 1] + rng.normal(size=2_000)
    found = importance(y, {"a": x[:, 0], "b": x[:, 1]})
    assert found.tested_r2 == pytest.approx(1.25 / 2.25, abs=0.03)
    assert found.best_alone == pytest.approx(1 / 2.25, abs=0.03)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_do_not_change_a_digit(threads: int) -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(5_000, 10))
    y, drivers = x.sum(axis=1) + rng.normal(size=5_000), {f"x{i}": x[:, i] for i in range(10)}
    first = importance(y, drivers)
    with threadpool_limits(threads):
        again = importance(y, drivers)
    for name in ("shares", "low", "high"):
        assert (getattr(first, name) == getattr(again, name)).all()
    assert (first.tested_r2, first.r2) == (again.tested_r2, again.r2)


def test_too_many_drivers_and_short_columns_are_wrong_use() -> None:
    y = np.arange(20.0)
    with pytest.raises(WrongUseError, match="11 drivers"):
        importance(y, {str(i): y for i in range(11)})
    with pytest.raises(WrongUseError, match="differ in length"):
        importance(y, {"x": y[:5]})
