"""RFM, tiers, lifecycle, clusters and cohorts on plain tables, beside outside answers and calculations by hand."""

import csv
from datetime import date
from typing import Any

import numpy as np
import pytest

from factories import cdnow
from factories.journey import DATA, needs
from keepwell.core.errors import WrongUseError
from keepwell.models.choices import Group
from keepwell.models.choices_noted import CHOSEN
from keepwell.models.estimators.clusters import Clusters
from keepwell.models.estimators.cohorts import Cohorts
from keepwell.models.estimators.lifecycle import STAGES, Lifecycle
from keepwell.models.estimators.rfm import GROUPS, FittedRfm, Rfm, map_of
from keepwell.models.estimators.tiers import NAMES, Tiers
from keepwell.models.population import Population
from keepwell.models.refusal import RefusedError

RFM = DATA / "rfm_rsquared"
TODAY = date(2006, 12, 31)
# the ten groups of the R package rfm, and the bins that its page prints
TEN = tuple(
    Group(name, (name, name), r, f, m)
    for name, r, f, m in [
        ("Champions", (5, 5), (5, 5), (5, 5)),
        ("Potential Loyalist", (3, 5), (3, 5), (2, 5)),
        ("Loyal Customers", (2, 4), (2, 4), (2, 4)),
        ("Promising", (3, 4), (1, 3), (3, 5)),
        ("New Customers", (4, 5), (1, 3), (1, 5)),
        ("Can't Lose Them", (1, 2), (3, 4), (4, 5)),
        ("At Risk", (1, 2), (2, 5), (4, 5)),
        ("Need Attention", (1, 3), (3, 5), (3, 5)),
        ("About To Sleep", (2, 3), (1, 3), (1, 4)),
        ("Lost", (1, 1), (1, 5), (1, 5)),
    ]
)
BINS = ((114, 180, 297, 481), (3, 4, 5, 7), (257, 381, 506, 665))


def read(name: str) -> list[dict[str, str]]:
    with (RFM / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@needs(RFM / "rfm_data_orders.csv", RFM / "expected_rfm_orders_995.csv")
def test_scores_and_groups_are_the_published_ones_for_every_customer() -> None:
    orders: dict[str, list[tuple[date, float]]] = {}
    for row in read("rfm_data_orders.csv"):
        orders.setdefault(row["customer_id"], []).append((date.fromisoformat(row["order_date"][:10]), float(row["revenue"])))
    table: dict[str, Any] = {
        "recency": np.array([(TODAY - max(d for d, _ in o)).days for o in orders.values()]),
        "frequency": np.array([len(o) for o in orders.values()]),
        "money": np.array([sum(m for _, m in o) for o in orders.values()]),
    }
    found = Rfm(thresholds=BINS, groups=TEN).fit(table).score(table)
    ours = sorted(
        zip(
            *(table[n].round().astype(int).tolist() for n in ("recency", "frequency", "money")),
            *(s.tolist() for s in (found.recency, found.frequency, found.money)),
            found.groups,
            strict=True,
        )
    )
    numbers = ("recency_days", "orders", "amount", "recency_score", "frequency_score", "monetary_score")
    published = sorted((*(round(float(row[n])) for n in numbers), row["segment"]) for row in read("expected_rfm_orders_995.csv"))
    assert len(published) == 995
    assert ours == published


def test_quantiles_by_hand() -> None:
    """Ten customers with spend 1 to 10: two in each of five scores."""
    ten = np.arange(1, 11)
    found = Rfm().fit({"recency": ten, "frequency": ten, "money": ten}).score({"recency": ten, "frequency": ten, "money": ten})
    assert found.money.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert found.recency.tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]


def test_weights_move_the_mean_score_only() -> None:
    table = {"recency": np.array([1, 400]), "frequency": np.array([9, 1]), "money": np.array([10, 900])}
    fixed = ((10, 20, 30, 40), (1, 2, 3, 4), (100, 200, 300, 400))
    found = Rfm(thresholds=fixed, weights=(0, 1, 3)).fit(table).score(table)
    # (0·5 + 1·5 + 3·1) ÷ 4 and (0·1 + 1·1 + 3·5) ÷ 4
    assert found.score.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("levels", [3, 5])
def test_every_combination_of_scores_has_a_group(levels: int) -> None:
    ends = tuple(range(1, levels))
    values = np.array([(r, f, m) for r in range(1, levels + 1) for f in range(1, levels + 1) for m in range(1, levels + 1)])
    table = {"recency": values[:, 0], "frequency": values[:, 1], "money": values[:, 2]}
    fitted = Rfm(levels=levels, thresholds=(ends, ends, ends)).fit(table)
    assert (fitted.score(table).group >= 0).all()
    assert [row["group"] for row in fitted.map()] == [g.name for g in GROUPS]


@pytest.mark.parametrize(
    "given",
    [
        {"levels": 4},
        {"weights": (0, 0, 0)},
        {"weights": (1, -1, 1)},
        {"thresholds": ((1, 2), (1, 2), (1, 2))},
        {"thresholds": ((4, 3, 2, 1),) * 3},
    ],
)
def test_rules_that_cannot_be_are_wrong_use(given: dict[str, Any]) -> None:
    with pytest.raises(WrongUseError):
        Rfm(**given)


# -------------------------------------------------------------------- tiers


def test_tiers_by_hand() -> None:
    """Of 1,000: 500 + 300 are 80 %, so the next 100 is the first that is not A; ties share; 0 and less are C."""
    value = np.array([500.0, 300.0, 100.0, 50.0, 50.0, 0.0, -20.0])
    # shares before: 0, .5, .8, .9, .9
    assert [NAMES[i] for i in Tiers().assign(value)] == ["A", "A", "B", "B", "B", "C", "C"]
    tied = np.array([10.0] * 10)
    assert [NAMES[i] for i in Tiers().assign(tied)] == ["A"] * 10


def test_tiers_of_nothing() -> None:
    assert Tiers().assign(np.array([0.0, -1.0])).tolist() == [2, 2]
    assert Tiers().assign(np.array([])).tolist() == []


# ---------------------------------------------------------------- lifecycle


def one_customer(first: int, previous: int, last: int, now: float = 100.0, before: float = 100.0) -> Population:
    """Days before today."""
    today = 20_000
    one = np.array([1])
    days = {n: np.array([today - d]) for n, d in (("first_day", first), ("previous_day", previous), ("last_day", last))}
    money = dict.fromkeys(("amount", "repeat_amount", "margin", "repeat_margin", "year_amount"), np.array([1.0]))
    return Population(
        as_of=date(2024, 10, 4), customers=None, purchase_days=one, orders=one, with_margin=one, **days, **money,
        half_amount=np.array([now]), half_before_amount=np.array([before]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "customer"),
    [
        ("lost", one_customer(400, 300, 181)),
        ("dormant", one_customer(400, 300, 180)),
        ("dormant", one_customer(400, 300, 91)),
        ("returned", one_customer(400, 181, 90)),
        ("new", one_customer(90, 90, 90)),
        ("growing", one_customer(400, 100, 50, 110.1)),
        ("mature", one_customer(400, 100, 50, 110.0)),
        ("mature", one_customer(400, 100, 50, 70.0)),
        ("declining", one_customer(400, 100, 50, 69.9)),
        ("growing", one_customer(120, 60, 20, 1.0, 0.0)),
    ],
)
def test_stages_by_hand(stage: str, customer: Population) -> None:
    assert customer.today == 20_000
    assert STAGES[int(Lifecycle().assign(customer, 90)[0])] == stage


# ------------------------------------------------------------------ cohorts


def test_cohorts_of_cdnow_are_those_of_the_kpis() -> None:
    found = Cohorts().fit(cdnow.log(), cdnow.UNTIL)
    assert found.cohorts[:3] == (date(1997, 1, 1), date(1997, 2, 1), date(1997, 3, 1))
    assert found.size[0] == 781
    assert (found.classic[0, 1], found.unbounded[0, 1]) == (124, 355)
    assert (found.classic[0, 6], found.unbounded[0, 6]) == (65, 251)


def test_open_cells_are_empty() -> None:
    """Known until the middle of March: the cohort of January has January and February, that of March nothing yet."""
    log = {
        "customer_id": ["a", "a", "b", "c", "a"],
        "ordered_on": [date(2026, 1, 5), date(2026, 2, 6), date(2026, 2, 7), date(2026, 3, 1), date(2026, 3, 9)],
    }
    found = Cohorts().fit(log, date(2026, 3, 15))
    shown = found.retention()
    assert shown[0, :2].tolist() == [1.0, 1.0]
    assert np.isnan(shown[0, 2])
    assert np.isnan(shown[1, 1:]).all()
    assert np.isnan(shown[2]).all()
    closed = Cohorts().fit(log, date(2026, 3, 31)).retention()
    assert closed[0].tolist() == [1.0, 1.0, 1.0]


# ----------------------------------------------------------------- clusters


def three_groups(size: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(6)
    centres = np.array([[5.0, 40.0], [60.0, 4.0], [400.0, 1.0]])
    drawn = np.concatenate([rng.lognormal(np.log(c), 0.15, (size, 2)) for c in centres])
    return {"recency": drawn[:, 0], "frequency": drawn[:, 1]}


def test_planted_groups_are_found() -> None:
    table = three_groups()
    fitted = Clusters().fit(table)
    assert len(fitted.centres) == 3
    place = fitted.assign(table)
    for start in (0, 400, 800):
        assert np.bincount(place[start : start + 400]).max() == 400
    frequent = int(place[0])
    assert fitted.persona(frequent) == "buys often, bought recently"
    assert fitted.persona(frequent, is_chinese=True) == "购买频繁、近期购买"


def test_clusters_are_the_same_again_to_the_last_digit() -> None:
    table = three_groups()
    assert (Clusters().fit(table).centres == Clusters().fit(table).centres).all()


def test_the_map_of_groups_is_read_back_from_what_a_run_kept() -> None:
    own = (Group("vip", ("VIP", "贵宾"), (3, 3), (2, 3), (1, 3)), Group("rest", ("The rest", "其他"), (1, 3), (1, 3), (1, 3)))
    for rules in (Rfm(), Rfm(levels=3), Rfm(levels=3, groups=own)):
        kept = {f"{CHOSEN}{name}": value for name, value in rules.settings.items()}
        nothing = np.zeros(0)
        assert map_of(kept) == FittedRfm(rules, nothing, nothing, nothing).map()


def test_customers_who_are_all_the_same_are_refused() -> None:
    with pytest.raises(RefusedError, match="no groups to find"):
        Clusters().fit({"recency": np.ones(300), "frequency": np.ones(300)})
    with pytest.raises(RefusedError, match="too few"):
        Clusters().fit({"recency": np.ones(3), "frequency": np.ones(3)})
    with pytest.raises(WrongUseError, match="negative"):
        Clusters().fit({"recency": np.full(300, -1.0)})
