"""Parts of a change: they add up to it, and are what the formulas of kpis.md give by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.metrics.drivers import (
    MOST_PLAYERS,
    Effect,
    Flow,
    Member,
    merged,
    of_customers,
    of_data,
    of_players,
    of_ratio,
    of_sums,
    shapley,
)


def member(name: str, before: tuple[int, int], now: tuple[int, int]) -> Member:
    return Member(name, Fraction(before[0]), Fraction(now[0]), Fraction(before[1]), Fraction(now[1]))


def test_mix_and_rate_by_hand() -> None:
    # before: web 10 of 100 (10 %), shop 60 of 100 (60 %): 35 %; now: web 30 of 300 (10 %), shop 70 of 100 (70 %): 25 %
    # weights 0.5/0.5 → 0.75/0.25; middle (35 + 25) / 2 = 30 %
    # mix: web 0.25 · (10 − 30) = −5 points, shop −0.25 · (65 − 30) = −8.75; rate: web 0, shop 0.375 · 10 = +3.75; together −10
    found = of_ratio([member("web", (10, 100), (30, 300)), member("shop", (60, 100), (70, 100))], Fraction(1), Decimal("-0.1"))
    assert {(d.member, d.effect): d.amount for d in found} == {
        ("web", Effect.MIX): Decimal("-0.05"),
        ("shop", Effect.MIX): Decimal("-0.0875"),
        ("shop", Effect.RATE): Decimal("0.0375"),
    }
    assert found[0].member == "shop"


def test_member_that_is_new_moves_the_whole_by_mix_alone() -> None:
    # app: 0 of 100 new at 80 %; the other half stays at 20 %: 20 % → 50 %
    found = of_ratio([member("web", (20, 100), (20, 100)), member("app", (0, 0), (80, 100))], Fraction(1), Decimal("0.3"))
    # web −0.5 · (20 − 35) = +7.5 points, app +0.5 · (80 − 35) = +22.5
    assert {(d.member, d.effect): d.amount for d in found} == {("app", Effect.MIX): Decimal("0.225"), ("web", Effect.MIX): Decimal("0.075")}


COUNTS = st.tuples(st.integers(0, 50), st.integers(0, 60))


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=6))
def test_parts_of_a_ratio_add_up_exactly(cells: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    members = [member(str(i), before, now) for i, (before, now) in enumerate(cells)]
    den0, den1 = sum(m.den_before for m in members), sum(m.den_now for m in members)
    if not den0 or not den1:
        return
    exact = sum(m.num_now for m in members) / den1 - sum(m.num_before for m in members) / den0
    change = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal("1e-10"))
    found = of_ratio(members, Fraction(1), change)
    assert sum((d.amount for d in found), Decimal(0)) == change


def test_what_counts_in_several_members_is_a_part_of_its_own() -> None:
    # 5 → 8 customers, but by channel 4 + 3 → 7 + 5: three more count in both channels
    found = of_sums([member("web", (4, 0), (7, 0)), member("shop", (3, 0), (5, 0))], Decimal(3))
    assert [(d.effect, d.amount) for d in found] == [(Effect.SUM, Decimal(3)), (Effect.OVERLAP, Decimal(-2)), (Effect.SUM, Decimal(2))]


def test_shapley_of_two_factors_shares_their_product() -> None:
    # 2 · 3 = 6 → 4 · 5 = 20: first alone 4 · 3 − 6 = 6, second alone 2 · 5 − 6 = 4; joint 4 shared: 8 and 6
    values = {"a": (Fraction(2), Fraction(4)), "b": (Fraction(3), Fraction(5))}

    def product(changed: frozenset[str]) -> Fraction:
        return values["a"]["a" in changed] * values["b"]["b" in changed]

    assert shapley(["a", "b"], product) == {"a": Fraction(8), "b": Fraction(6)}
    found = of_players(["a", "b"], Effect.FACTOR, product, Decimal(14))
    assert found is not None
    assert sum(d.amount for d in found) == 14


def test_too_many_players_are_refused_and_merged_by_weight() -> None:
    with pytest.raises(ValueError, match="players"):
        shapley([str(i) for i in range(MOST_PLAYERS + 1)], lambda _: Fraction(0))
    weights = {str(i): Fraction(i) for i in range(12)}
    found = merged(weights)
    assert len(set(found.values())) == MOST_PLAYERS
    assert found["11"] == "11"
    assert found["0"] == found["1"] == "(others)"


def test_customers_by_hand() -> None:
    # new 30, lost 20; two kept customers: 4 orders of 100 in all → 5 orders of 150; sales without a customer 10 → 12
    # frequency 2 → 2.5, value 25 → 30: 2 · 0.5 · 27.5 = 27.5 and 2 · 5 · 2.25 = 22.5
    flow = Flow(Fraction(30), Fraction(20), 2, 4, 5, Fraction(100), Fraction(150), Fraction(10), Fraction(12))
    found = {d.effect: d.amount for d in of_customers(flow, Decimal(62))}
    assert found == {
        Effect.NEW: 30,
        Effect.LOST: -20,
        Effect.FREQUENCY: Decimal("27.5"),
        Effect.VALUE: Decimal("22.5"),
        Effect.ANONYMOUS: 2,
    }


def test_restated_less_known_is_definition_late_and_corrected() -> None:
    found = of_data(Decimal(100), Decimal(90), Decimal(95), Decimal(97))
    assert {d.effect: d.amount for d in found} == {Effect.DEFINITION: -10, Effect.LATE: 5, Effect.CORRECTED: 2}
