"""Fair comparison: mix and luck taken away by hand and in simulation, too few results, ties."""

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.stats import spearmanr

from keepwell.performance.appraisals.fair import Cell, Comparison, compare


def yes_no(n: int, yes: float) -> Cell:
    return Cell(n, yes, yes)


def test_teams_that_do_the_same_with_each_kind_are_equal_whatever_their_mix() -> None:
    # nine in ten of the easy and five in ten of the hard are content, with both; as it is 86 % and 54 %
    found = compare({
        "easy": {"easy": yes_no(900, 810), "hard": yes_no(100, 50)},
        "hard": {"easy": yes_no(100, 90), "hard": yes_no(900, 450)},
    })  # fmt: skip
    assert [t.observed for t in found.teams] == [0.86, 0.54]
    assert [t.expected for t in found.teams] == pytest.approx([0.86, 0.54])
    assert [t.fair for t in found.teams] == pytest.approx([0, 0], abs=1e-6)
    assert [t.rank for t in found.teams] == [1, 1]
    assert found.by_kind == pytest.approx({"easy": 0.9, "hard": 0.5})


def test_a_kind_is_not_thought_hard_because_a_weak_team_has_most_of_it() -> None:
    # both kinds are alike; the weak team gets 0.5 of either, the strong one 0.7
    found = compare({
        "strong": {"a": yes_no(9_000, 6_300), "b": yes_no(1_000, 700)},
        "weak": {"a": yes_no(1_000, 500), "b": yes_no(9_000, 4_500)},
    })  # fmt: skip
    strong, weak = found.teams
    # dividing by everybody's rates of a and b (0.68 and 0.52) would leave 0.036 of the difference of 0.2
    assert strong.fair - weak.fair == pytest.approx(0.2, abs=0.02)
    assert (strong.rank, weak.rank) == (1, 2)


def alike(names: int, n: int) -> dict[str, dict[str, Cell]]:
    return {f"t{i}": {"all": yes_no(n, n * (0.5 + 0.02 * (-1) ** i))} for i in range(names)}


def test_the_less_is_known_of_a_team_the_more_it_is_drawn_to_the_others() -> None:
    results = alike(20, 400) | {"small": {"all": yes_no(40, 28)}, "large": {"all": yes_no(4_000, 2_800)}}
    teams = {t.name: t for t in compare(results).teams}
    assert teams["small"].observed == teams["large"].observed == 0.7
    assert 0 < teams["small"].fair < teams["large"].fair < teams["large"].difference
    assert teams["small"].weight < teams["large"].weight
    assert teams["small"].high - teams["small"].low > teams["large"].high - teams["large"].low
    # chance alone makes a standard error of √(0.5 · 0.5 / 40) ≈ 0.079 in 40 yes or no
    assert teams["small"].error == pytest.approx(0.079, abs=0.001)


def test_a_team_with_too_few_results_has_no_rank_and_makes_none() -> None:
    results = alike(10, 400) | {"tiny": {"all": yes_no(20, 20)}}
    teams = {t.name: t for t in compare(results).teams}
    assert (teams["tiny"].is_masked, teams["tiny"].rank) == (True, None)
    assert teams["t0"].rank == 1
    assert compare(results, least_n=10).teams[-1].rank == 1


def test_where_fewer_is_better_the_lowest_comes_first() -> None:
    results = {"low": {"all": yes_no(4_000, 400)}, "high": {"all": yes_no(4_000, 1_200)}}
    assert [t.rank for t in compare(results, more_is_better=False).teams] == [1, 2]
    assert [t.rank for t in compare(results).teams] == [2, 1]


def test_one_team_is_compared_with_nobody() -> None:
    with pytest.raises(ValueError, match="no two teams"):
        compare({"one": {"all": yes_no(10, 5)}, "none": {}})


def test_the_funnel_narrows_with_the_root_of_the_size() -> None:
    found = compare(alike(10, 400))
    (_, near, far), (_, half, _) = found.funnel([100, 400])
    # 1.96 standard errors of √(0.25 / 100) = 0.05 about 0.5
    assert near == pytest.approx((0.402, 0.598), abs=0.001)
    assert half == pytest.approx((0.451, 0.549), abs=0.001)
    assert far[1] - far[0] == pytest.approx(2 * 3.09 * 0.05, abs=0.002)


# ------------------------------------------------------------------ by skill, not by luck


APART, ALIKE = (0.3, 0.9), (0.66, 0.66)


def simulated(
    rng: np.random.Generator, correlation: float, rates: tuple[float, float] = APART
) -> tuple[np.ndarray, np.ndarray, Comparison]:
    """40 teams of 5 to 500 results, their skill, what it looks like, and how they compare.

    Of the two kinds of customers 0.3 and 0.9 are content with a team of middling skill, or as many of either. A team's share of the second is the logistic of a
    standard normal that goes with its skill.
    """
    sizes = np.exp(rng.uniform(np.log(5), np.log(500), 40)).round().astype(int)
    skill = rng.normal(0, 0.05, 40)
    mix = correlation * skill / 0.05 + np.sqrt(1 - correlation**2) * rng.normal(size=40)
    easy = rng.binomial(sizes, 1 / (1 + np.exp(-mix)))
    results: dict[str, Mapping[str, Cell]] = {}
    observed = np.empty(40)
    for i in range(40):
        counts = {"hard": (int(sizes[i] - easy[i]), rates[0]), "easy": (int(easy[i]), rates[1])}
        cells = {kind: yes_no(n, float(rng.binomial(n, min(max(rate + skill[i], 0), 1)))) for kind, (n, rate) in counts.items()}
        results[str(i)] = cells
        observed[i] = sum(c.total for c in cells.values()) / sizes[i]
    return skill, observed, compare(results)


@pytest.mark.parametrize("correlation", [0.5, 0.0, -0.5])
def test_the_ranking_is_by_skill_and_not_by_luck(correlation: float) -> None:
    rng = np.random.default_rng(20261123)
    raw, fair, within = [], [], []
    for _ in range(200):
        skill, observed, found = simulated(rng, correlation)
        raw.append(spearmanr(observed, skill)[0])
        fair.append(spearmanr([t.fair for t in found.teams], skill)[0])
        within += [t.low <= s <= t.high for t, s in zip(found.teams, skill - skill.mean(), strict=True)]
        assert all(t.is_masked is (t.n < 30) for t in found.teams)
    assert np.mean(fair) >= np.mean(raw) + 0.05
    assert np.mean(np.array(fair) < np.array(raw)) < 0.1
    assert 0.9 <= np.mean(within) <= 0.98


def test_a_mix_that_makes_no_difference_decides_nothing() -> None:
    # kinds are alike, and so what is expected differs by chance only: nearly any slope would fit, and must not be taken for one
    rng = np.random.default_rng(20261124)
    with_mix, without, slopes = [], [], []
    for _ in range(100):
        skill, observed, found = simulated(rng, 0.0, ALIKE)
        sizes = [t.n for t in found.teams]
        bare = compare({t.name: {"all": yes_no(n, o * n)} for t, n, o in zip(found.teams, sizes, observed, strict=True)})
        with_mix.append(spearmanr([t.fair for t in found.teams], skill)[0])
        without.append(spearmanr([t.fair for t in bare.teams], skill)[0])
        slopes.append(abs(found.slope))
    # with a slope that is free it was 0.02 less
    assert np.mean(with_mix) == pytest.approx(np.mean(without), abs=0.01)
    assert max(slopes) < 0.5
