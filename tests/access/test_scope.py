"""Whose customers somebody sees, by manager and by region, on a company made by hand and on any other."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.company import SEEN_BY_LEE, SEEN_BY_MO, company, opened
from factories.shop import OPENING, Shop
from keepwell.access.roles import Rows
from keepwell.access.scope import EVERYTHING, NOBODY, Scope, reach_of, scope_of
from keepwell.access.users import User

TEAM_OF_LEE = Scope(Rows.TEAM, "lee")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return company(tmp_path_factory.mktemp("company"))


def ids(shop: Shop, scope: Scope) -> set[str]:
    return {r["customer_id"] for r in opened(shop).seen_by(scope).customers()}


def user(*roles: str, rows: Rows = Rows.ALL, is_active: bool = True) -> User:
    return User("usr_1", "a@example.com", "A", roles, rows, "lee", None, None, is_active, OPENING)


def test_the_own_customers_are_those_of_today_s_owner(shop: Shop) -> None:
    assert ids(shop, Scope(Rows.OWN, "mo")) == SEEN_BY_MO
    assert ids(shop, Scope(Rows.OWN, "lee")) == {"c-lee"}


def test_a_team_is_everybody_below_and_the_region_of_the_manager_with_all_in_it(shop: Shop) -> None:
    assert ids(shop, TEAM_OF_LEE) == SEEN_BY_LEE
    # ann manages mo, and sells in the east
    assert ids(shop, Scope(Rows.TEAM, "ann")) == {"c-ann", "c-mo", "c-shanghai"}


def test_who_manages_nobody_sees_no_region(shop: Shop) -> None:
    assert ids(shop, Scope(Rows.TEAM, "mo")) == {"c-mo"}


def test_the_top_sees_all_who_have_an_owner_or_a_region(shop: Shop) -> None:
    everybody = ids(shop, EVERYTHING)
    assert ids(shop, Scope(Rows.TEAM, "boss")) == everybody - {"c-HID-nobody"}


@pytest.mark.parametrize("scope", [NOBODY, Scope(Rows.TEAM), Scope(Rows.OWN, "who"), Scope(Rows.TEAM, "who")])
def test_who_is_nobody_sees_nobody(shop: Shop, scope: Scope) -> None:
    assert ids(shop, scope) == set()


def test_a_scope_follows_roles_and_rows() -> None:
    assert scope_of(user("account_manager", rows=Rows.OWN)) == Scope(Rows.OWN, "lee", sees_personal=True)
    assert scope_of(user("marketing")) == Scope(Rows.ALL, None, sees_personal=False)
    assert scope_of(user("administrator")) == NOBODY
    assert scope_of(user("service", is_active=False)) == NOBODY
    assert scope_of(user("administrator", "service")).sees_personal


def test_who_see_the_same_have_one_key() -> None:
    keys = [Scope(rows, who, sees_personal=p).key for rows in Rows for who in ("a", "b") for p in (True, False)]
    # of those who see all rows, two: with and without personal data
    assert len(set(keys)) == 2 + 4 + 4


def test_a_new_owner_counts_from_the_next_look_on(tmp_path: Path) -> None:
    shop = company(tmp_path)
    before = ids(shop, Scope(Rows.OWN, "mo"))
    shop.bring_rows("customers", [{"customer_id": "c-shanghai", "owner_id": "mo"}])
    assert ids(shop, Scope(Rows.OWN, "mo")) - before == {"c-shanghai"}
    shop.bring_rows("employees", [{"employee_id": "mo", "name": "Mo", "manager_id": "zoe-HID"}])
    assert "c-mo" not in ids(shop, Scope(Rows.OWN, "ann"))
    assert "c-mo" in ids(shop, Scope(Rows.TEAM, "zoe-HID"))


TREES = st.dictionaries(st.integers(0, 7), st.integers(0, 7), max_size=8)


@settings(max_examples=6)
@given(managers=TREES, regions=TREES, works_in=st.integers(0, 7))
def test_any_hierarchy_even_with_cycles_comes_to_its_closure(
    tmp_path_factory: pytest.TempPathFactory, managers: dict[int, int], regions: dict[int, int], works_in: int
) -> None:
    shop = Shop(tmp_path_factory.mktemp("tree"))
    managers = {e: m for e, m in managers.items() if e != m}  # which an import refuses
    regions = {r: above for r, above in regions.items() if r != above}
    shop.bring_rows(
        "employees",
        [{"employee_id": f"e{e}", "name": "x", "manager_id": _named("e", managers.get(e)), "region": f"r{works_in}"} for e in range(8)],
    )
    shop.bring_rows("regions", [{"region": f"r{r}", "name": "x", "parent": _named("r", regions.get(r))} for r in range(8)])
    found = reach_of(shop.lake, Scope(Rows.TEAM, "e0"))
    assert found.owners == {f"e{e}" for e in range(8) if _leads_to(e, 0, managers)}
    manages = any(m == 0 for m in managers.values())
    assert found.regions == ({f"r{r}" for r in range(8) if _leads_to(r, works_in, regions)} if manages else set())


def _named(letter: str, number: int | None) -> str | None:
    return None if number is None else f"{letter}{number}"


def _leads_to(start: int, top: int, above: dict[int, int]) -> bool:
    """Whether going up from ``start``, eight steps at most, comes by ``top``."""
    at: int | None = start
    for _ in range(9):
        if at == top:
            return True
        at = above.get(at) if at is not None else None
    return False
