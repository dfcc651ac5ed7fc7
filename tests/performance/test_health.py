"""Health: scores by hand, the border, what is missing, the same by arrays, faults of files, and the check against who left."""

import functools
import tempfile
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from factories.surfaces import Surfaces
from keepwell.core.yaml_file import YamlError
from keepwell.performance.health.definition import Band, Health
from keepwell.performance.health.definition_file import health_of, read_health
from keepwell.performance.health.override import Wanted, checked, in_a_year
from keepwell.performance.health.scored import BAND_ORDER, NO_BAND, scored, scored_many

D = Decimal
DAY = date(2026, 5, 1)
THREE = """
title: {en: Three, zh: 三}
meaning: {en: Three parts., zh: 三项。}
version: 2
MISSING
bands: {healthy: 75, watch: 50}
parts:
  - {part: rhythm, weight: 50, curve: {points: [[1, 100], [2, 60], [4, 0]]}}
  - {part: satisfaction, weight: 30, curve: {floor: 0.3, target: 0.9}}
  - {part: complaints, weight: 20, curve: {floor: 2, target: 0}}
"""


def health(folder: Path, missing: str = "missing: spread\nleast_known: 50", text: str = THREE) -> Health:
    path = folder / "health.yaml"
    path.write_text(text.replace("MISSING", missing), encoding="utf-8")
    return read_health(path)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Health:
    return health(tmp_path_factory.mktemp("three"))


# ------------------------------------------------------------------------ the arithmetic


def test_a_score_is_the_mean_of_points_by_weight(three: Health) -> None:
    found = scored(three, {"rhythm": 3.0, "satisfaction": 0.6, "complaints": 1.0})
    # 3× lies halfway from 60 to 0; .6 halfway from .3 to .9; one of two complaints
    assert [p.points for p in found.parts] == [30, 50, 50]
    assert found.score == D(50) * D("0.3") + D(30) * D("0.5") + D(20) * D("0.5") == 40
    assert found.band is Band.AT_RISK
    assert [p.adds for p in found.parts] == [15, 15, 10]


@pytest.mark.parametrize(
    ("rhythm", "satisfaction", "complaints", "score", "band"),
    [
        # 50 · 100 % and 30 · 50 % and 20 · 50 %
        (1.0, 0.6, 1.0, D(75), Band.HEALTHY),
        (1.0, 0.598, 1.0, D("74.9"), Band.WATCH),
        # 74.97 is shown as 75.0, and is 75.0
        (1.0, 0.5994, 1.0, D("75.0"), Band.HEALTHY),
        # 50 · 30 % and 30 · 100 % and 20 · 25 %
        (3.0, 0.9, 1.5, D(50), Band.WATCH),
        (3.0, 0.9, 1.51, D("49.9"), Band.AT_RISK),
    ],
)
def test_a_score_at_the_border_belongs_to_the_better_band(
    three: Health, rhythm: float, satisfaction: float, complaints: float, score: Decimal, band: Band
) -> None:
    values = {"rhythm": rhythm, "satisfaction": satisfaction, "complaints": complaints}
    found = scored(three, values)
    assert (found.score, found.band) == (score, band)
    many = scored_many(three, {n: np.array([v]) for n, v in values.items()}, 1)
    assert (D(str(many.scores[0])), BAND_ORDER[many.bands[0]]) == (score, band)


@pytest.mark.parametrize(
    ("missing", "values", "score"),
    [
        # 50 · 100 + 20 · 50 over a weight of 70
        ("missing: spread", {"rhythm": 1.0, "complaints": 1.0}, D("85.7")),
        ("missing: zero", {"rhythm": 1.0, "complaints": 1.0}, D(60)),
        ("missing: refuse", {"rhythm": 1.0, "complaints": 1.0}, None),
        ("missing: refuse", {"rhythm": 1.0, "complaints": 1.0, "satisfaction": 0.9}, D(90)),
        # half of the weight is known, and half is enough
        ("missing: spread\nleast_known: 50", {"rhythm": 1.0}, D(100)),
        ("missing: spread\nleast_known: 50.1", {"rhythm": 1.0}, None),
        ("missing: zero\nleast_known: 50", {"complaints": 0.0}, None),
        ("missing: spread\nleast_known: 0", {}, None),
    ],
)
def test_missing_parts_follow_the_declared_rule(tmp_path: Path, missing: str, values: dict[str, float], score: Decimal | None) -> None:
    found = scored(health(tmp_path, missing), values)
    assert found.score == score
    assert (found.band is None) is (score is None)
    assert {p.part.name for p in found.parts if p.points is None} == {"rhythm", "satisfaction", "complaints"} - set(values)


VALUES = st.one_of(st.just(float("nan")), st.floats(0, 8), st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0, 1.5, 2.0, 4.0]))


@example([(float("nan"), float("nan"), 0.015)], "spread")
@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=30), st.sampled_from(["spread", "zero", "refuse"]))
def test_many_at_once_are_scored_as_each_alone(rows: list[tuple[float, float, float]], missing: str) -> None:
    three = _three(missing)
    columns = {name: np.array([row[i] for row in rows]) for i, name in enumerate(("rhythm", "satisfaction", "complaints"))}
    found = scored_many(three, columns, len(rows))
    for i in range(len(rows)):
        one = scored(three, {n: v[i] for n, v in columns.items()})
        if one.score is None:
            assert np.isnan(found.scores[i])
            assert found.bands[i] == NO_BAND
        else:
            assert (D(str(found.scores[i])), BAND_ORDER[found.bands[i]]) == (one.score, one.band)


@functools.cache
def _three(missing: str) -> Health:
    with tempfile.TemporaryDirectory() as folder:
        return health(Path(folder), f"missing: {missing}\nleast_known: 20")


# ------------------------------------------------------------------------ the file


def test_the_shipped_definition_is_read_and_a_workspace_may_replace_it(tmp_path: Path) -> None:
    shipped = health_of(tmp_path)
    assert not shipped.is_own
    assert sum(p.weight for p in shipped.parts) == 100
    health(tmp_path)
    own = health_of(tmp_path)
    assert own.is_own
    assert [p.name for p in own.parts] == ["rhythm", "satisfaction", "complaints"]


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ("weight: 30", "weight: 29", r"line 7: parts: the weights add up to 99, not 100"),
        ("part: rhythm", "part: rythm", r"line 8: parts.part: is 'rythm', which no part is called"),
        ("part: complaints", "part: rhythm", r"line 7: parts: hold rhythm twice"),
        ("[[1, 100], [2, 60], [4, 0]]", "[[1, 100], [2, 60], [4, 70]]", r"line 8: parts.curve: of rhythm: The curve is not monotone"),
        ("floor: 0.3, target: 0.9", "floor: 0.9, target: 0.3", r"line 9: parts.curve: of satisfaction: The floor 0.9 must be below"),
        ("floor: 0.3, target: 0.9", "versus: last_year, floor: 0.3, target: 0.9", r"line 9: parts.curve: of satisfaction is versus last_year"),
        ("healthy: 75, watch: 50", "healthy: 50, watch: 50", r"line 6: bands: begin at 50 and 50"),
        ("healthy: 75, watch: 50", "healthy: 75", r"line 6: bands: are healthy and watch"),
        ("version: 2", "version: two", r"line 4: version: is 'two'"),
        ("missing: spread", "missing: ignore", r"line 5: missing: is 'ignore'"),
        ("version: 2", "version: 2\nweights: 1", r"line 5: weights: is no field here"),
    ],
)  # fmt: skip
def test_a_fault_of_the_file_names_line_and_field(tmp_path: Path, written: str, instead: str, fault: str) -> None:
    assert written in THREE.replace("MISSING", "missing: spread")
    with pytest.raises(YamlError, match=fault):
        health(tmp_path, "missing: spread", THREE.replace("MISSING", "missing: spread").replace(written, instead))


def test_a_faulty_file_stops_a_refresh_before_it_computes(tmp_path: Path) -> None:
    shop = Surfaces.made(tmp_path)
    shop.bring("orders", _orders("a", [DAY]))
    (shop.folder / "health.yaml").write_text(THREE.replace("MISSING", "missing: no"), encoding="utf-8")
    with pytest.raises(YamlError, match=r"health\.yaml, line 5: missing"):
        shop.ask("refresh", "--as-of", str(DAY))


# ------------------------------------------------------------------------ a workspace, by hand


def _orders(customer: str, days: Iterable[date], amount: int = 100) -> list[dict[str, Any]]:
    return [
        {
            "order_id": f"{customer}-{n}", "customer_id": customer, "ordered_at": f"{day} 12:00:00", "status": "completed", "amount": amount,
            "currency": "CNY",
        }
        for n, day in enumerate(days)
    ]  # fmt: skip


def _ticket(number: int, customer: str, opened: date, *, is_late: bool = False, kind: str = "complaint") -> dict[str, Any]:
    return {
        "ticket_id": f"t{number}", "customer_id": customer, "opened_at": f"{opened} 09:00:00", "kind": kind, "status": "closed",
        "resolution_due_at": f"{opened + timedelta(days=1)} 09:00:00", "resolved_at": f"{opened + timedelta(days=4 if is_late else 0)} 10:00:00",
    }  # fmt: skip


def test_a_refresh_scores_customers_as_one_does_by_hand(tmp_path: Path) -> None:
    shop = Surfaces.made(tmp_path)
    apart = timedelta(days=30)
    shop.bring("customers", [{"customer_id": c, "kind": "person"} for c in ("often", "once", "new", "long", "lead")])
    last_year = [
        {**_orders("long", [date(2024, 10, 1)])[0], "order_id": "l0"},
        {**_orders("long", [date(2024, 12, 1)])[0], "order_id": "l1"},
        {**_orders("long", [date(2026, 1, 1)], 50)[0], "order_id": "l2"},
        {**_orders("long", [date(2026, 2, 1)], 70)[0], "order_id": "l3"},
    ]
    often = [DAY - 2 * apart - n * apart for n in range(3)]
    shop.bring("orders", [*_orders("often", often), *_orders("once", [DAY]), *_orders("new", [DAY, DAY - apart]), *last_year])
    shop.bring("tickets", [_ticket(1, "often", date(2026, 4, 1), is_late=True)])
    asked = {"question_id": "Q", "metric": "csat", "scale_min": 1, "scale_max": 5, "higher_is_better": True, "satisfied_from": 4}
    shop.bring("responses", [{**asked, "response_id": "r1", "customer_id": "often", "score": 4, "answered_at": "2026-04-20 09:00:00"}])
    shop.ask("refresh", "--as-of", str(DAY))
    found = {c: shop.ask("health", "show", c) for c in ("often", "once", "new", "long", "lead")}
    points = {c: {p["part"]: p["points"] for p in told["parts"]} for c, told in found.items()}
    values = {c: {p["part"]: p["value"] for p in told["parts"]} for c, told in found.items()}
    # 60 days after the last order, one every 30: twice the own rhythm. 4 on 1 to 5 is 75 % of the scale, (.75 − .3) ÷ .6 of the way
    assert points["often"] == {
        "rhythm": 60, "orders_to_last_year": None, "spend_to_last_year": None, "satisfaction": 75, "late_tickets": 0, "complaints": 50,
        "open_tickets": 100, "use_to_month_before": None, "late_payments": None,
    }  # fmt: skip
    # (40 · 60 + 15 · 75 + 15 · 0 + 5 · 50 + 5 · 100) ÷ 80 = 53.4375
    assert (found["often"]["score"], found["often"]["computed_band"], found["often"]["known"]) == (53.4, "watch", 80)
    assert (found["new"]["score"], found["new"]["band"]) == (100, "healthy")
    # of who bought once only the tickets are known, a weight of 25
    assert (found["once"]["score"], found["once"]["band"], found["once"]["known"]) == (None, None, 25)
    assert (found["lead"]["score"], found["lead"]["known"]) == (None, 0)
    # two orders in the last half year after one in that of last year; 120 after 100
    assert (values["long"]["orders_to_last_year"], values["long"]["spend_to_last_year"]) == (2, 1.2)
    # 80 at once as much, 100 at 1.5 times
    assert (points["long"]["orders_to_last_year"], points["long"]["spend_to_last_year"]) == (100, 88)
    listed = {
        r["customer_id"]: (r["health"], r["health_band"]) for r in shop.python.customers(columns=["customer_id", "health", "health_band"])
    }
    assert listed == {c: (told["score"], told["computed_band"]) for c, told in found.items()}


def _bought(customer: str, day: date, since: int, gap: int, *, stays: bool) -> list[dict[str, Any]]:
    later = [day + timedelta(days=50)] if stays else []
    return _orders(customer, [day - timedelta(days=since + gap), day - timedelta(days=since), *later])


def test_the_check_counts_who_left_by_the_bands_of_that_day(tmp_path: Path) -> None:
    shop = Surfaces.made(tmp_path)
    # 7 days of embargo and 90 in which to order or not
    day = DAY - timedelta(days=97)
    rows = [row for n in range(4) for row in _bought(f"h{n}", day, 10, 30, stays=n > 0)]  # a third of the rhythm: healthy; one leaves
    rows += [row for n in range(2) for row in _bought(f"w{n}", day, 50, 20, stays=n > 0)]  # 2.5 times it: 45 points
    rows += [row for n in range(3) for row in _bought(f"r{n}", day, 60, 2, stays=False)]  # 30 times it
    rows += _orders("once", [day - timedelta(days=5)])
    rows += _bought("gone", day, 200, 10, stays=True)  # not a customer any more on that day
    rows += _orders("later", [day + timedelta(days=1), day + timedelta(days=40)])
    # within the embargo: an order there is none
    rows += [{**_orders("r0", [day + timedelta(days=7)])[0], "order_id": "r0-embargo"}]
    shop.bring("orders", rows)
    # what happened after that day changes no band of it
    shop.bring("tickets", [_ticket(n, f"h{n}", day + timedelta(days=3), is_late=True) for n in range(4)])
    shop.ask("refresh", "--as-of", str(DAY))
    (check,) = shop.ask("health")["checks"]
    assert (check["who"], check["checked_on"], check["left_from"], check["left_until"]) == (
        "buyers", str(day), str(day + timedelta(days=8)), str(DAY),
    )  # fmt: skip
    assert [(b["band"], b["customers"], b["churned"]) for b in check["bands"]] == [
        ("healthy", 4, 1), ("watch", 2, 1), ("at_risk", 3, 3), ("not_scored", 1, 1),
    ]  # fmt: skip
    healthy = check["bands"][0]
    # Wilson of 1 in 4: (1/4 + z²/8 ∓ z·√(3/64 + z²/64)) ÷ (1 + z²/4) with z = 1.96
    assert healthy["share"] == 0.25
    assert (healthy["low"], healthy["high"]) == (pytest.approx(0.0456, abs=5e-4), pytest.approx(0.6994, abs=5e-4))
    # 1 − .25 against √((1 − .4385)² + (.6994 − .25)²) = .72
    assert check["separates"] is True


def test_subscribers_leave_by_ending_what_they_pay_for(tmp_path: Path) -> None:
    shop = Surfaces.made(tmp_path)
    day = DAY - timedelta(days=97)
    shop.bring("customers", [{"customer_id": f"s{n}", "kind": "person"} for n in range(3)])
    ends = ("", f"{day + timedelta(days=60)} 08:00:00", f"{day + timedelta(days=5)} 08:00:00")
    shop.bring("subscriptions", [
        {"subscription_id": f"u{n}", "customer_id": f"s{n}", "started_at": "2025-06-01 08:00:00", "ended_at": end, "plan": "pro", "monthly_amount": 10,
         "currency": "CNY", "is_trial": False}
        for n, end in enumerate(ends)
    ])  # fmt: skip
    shop.bring("tickets", [_ticket(1, "s1", day - timedelta(days=9), is_late=True)])
    shop.bring("usage", [
        {"usage_id": f"x{n}-{back}", "customer_id": f"s{n}", "used_on": str(day - timedelta(days=back)), "feature": "report", "count": 4}
        for n in range(3) for back in (10, 40)
    ])  # fmt: skip
    own = THREE.replace("MISSING", "missing: spread\nleast_known: 15").replace("part: satisfaction", "part: use_to_month_before")
    own = own.replace("part: complaints", "part: late_tickets").replace("{floor: 2, target: 0}", "{floor: 1, target: 0}")
    (shop.folder / "health.yaml").write_text(own, encoding="utf-8")
    shop.ask("refresh", "--as-of", str(DAY))
    (check,) = shop.ask("health")["checks"]
    assert check["who"] == "subscribers"
    # who ended within the embargo had all but left. As much use as before is full points: 30 · 100 of 50 with a late ticket is 60
    assert [(b["band"], b["customers"], b["churned"]) for b in check["bands"]] == [
        ("healthy", 1, 0), ("watch", 1, 1), ("at_risk", 0, 0), ("not_scored", 0, 0),
    ]  # fmt: skip
    assert check["separates"] is None
    assert shop.ask("health")["is_own"] is True


def test_a_run_keeps_the_definition_that_it_used(tmp_path: Path) -> None:
    shop = Surfaces.made(tmp_path)
    shop.bring("orders", _orders("a", [DAY, DAY - timedelta(days=60)]))
    own = shop.folder / "health.yaml"
    own.write_text(THREE.replace("MISSING", "missing: zero\nleast_known: 0"), encoding="utf-8")
    shop.ask("refresh", "--as-of", str(DAY))
    before = shop.ask("health", "show", "a")
    # of rhythm 50 · 100; what is not there earns nothing
    assert before["score"] == 50
    own.write_text(THREE.replace("MISSING", "missing: spread").replace("version: 2", "version: 3"), encoding="utf-8")
    assert shop.ask("health")["version"] == 2
    assert shop.ask("health", "show", "a") == before
    shop.ask("refresh", "--as-of", str(DAY))
    assert shop.ask("health")["version"] == 3
    assert shop.ask("health", "show", "a")["score"] == 100


# ------------------------------------------------------------------------ overrides


def test_a_year_ends_on_the_same_day() -> None:
    assert in_a_year(date(2026, 11, 23)) == date(2027, 11, 23)
    assert in_a_year(date(2028, 2, 29)) == date(2029, 2, 28)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"band": None}, "a band or a score"),
        ({"score": D(50)}, "a band or a score"),
        ({"band": "fine"}, "'fine' is no band"),
        ({"band": None, "score": D("100.1")}, "no score of health"),
        ({"band": None, "score": D("NaN")}, "no score of health"),
        ({"reason": " \n"}, "needs a reason"),
        ({"reason": "x" * 501}, "too long"),
        ({"owner": " "}, "needs an owner"),
        ({"until": None}, "needs an expiry"),
        ({"until": DAY}, "does not lie in the future"),
        ({"until": date(2027, 5, 2)}, "more than a year away"),
    ],
)
def test_an_override_lacks_nothing(changed: dict[str, Any], fault: str) -> None:
    whole: dict[str, Any] = {
        "band": "watch",
        "score": None,
        "reason": "They told us",
        "owner": "ann@example.com",
        "until": date(2027, 5, 1),
    }
    assert checked(Wanted(**whole), DAY).until == date(2027, 5, 1)
    with pytest.raises(Exception, match=fault):
        checked(Wanted(**(whole | changed)), DAY)
