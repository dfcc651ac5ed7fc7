"""Segments: what a rule means, who belongs and why, saved and changed without loss."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.company import SEEN_BY_LEE, company
from factories.shop import Shop
from keepwell.access import audit
from keepwell.access.audit import Actor
from keepwell.access.roles import Rows
from keepwell.access.scope import EVERYTHING, Scope, with_regions_below
from keepwell.core.errors import KeepwellError, UnknownError, WrongUseError
from keepwell.customers.book import Book, book_of
from keepwell.customers.people import Filters, people
from keepwell.engagement.segments.asked import Ground, rule_sql
from keepwell.engagement.segments.audience import overlaps, size, sizes
from keepwell.engagement.segments.queries import segment, segment_or_none, segments
from keepwell.engagement.segments.reasons import is_satisfied, least_changes, reason
from keepwell.engagement.segments.rule import ASKS, Ask, Group, Match, Rule, condition, rule_of, told_of
from keepwell.engagement.segments.service import NewSegment, add_segment, change_segment, delete_segment, restore_segment
from keepwell.store.db import Database

TODAY = date(2026, 4, 30)
AT = datetime(2026, 11, 1, tzinfo=UTC)
ANA = Actor(None, "Ana")
LEE = Scope(Rows.TEAM, "lee")
CUSTOMERS: list[dict[str, Any]] = [
    {"customer_id": "a", "country": "CN", "city": "Shanghai", "became_customer_at": "2026-04-30", "email": "a@example.org"},
    {"customer_id": "b", "country": "CN", "city": "上海", "became_customer_at": "2026-04-01", "email": "no address"},
    {"customer_id": "c", "country": "DE", "city": "O'Fallon", "became_customer_at": "2026-03-31", "email": ""},
    {"customer_id": "d", "country": "", "city": "", "became_customer_at": "", "email": ""},
    {"customer_id": "e", "country": "FR", "city": "100% Lille", "became_customer_at": "2026-05-05", "email": "e@example.org"},
]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    shop = Shop(tmp_path_factory.mktemp("rules"), timezone="UTC")
    shop.bring_rows("customers", CUSTOMERS)
    return book_of(shop.lake, "1GB")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    with Database("sqlite:///keepwell.db", tmp_path) as found:
        found.migrate()
        yield found


def one(name: str, ask: str, *values: str) -> Rule:
    return Rule(Match.ALL, (Group(Match.ALL, (condition(name, ask, values),)),))


def ground(book: Book) -> Ground:
    return Ground(TODAY, lambda regions: with_regions_below(book.lake, regions))


def members(book: Book, rule: Rule, scope: Scope = EVERYTHING) -> str:
    found = people(book, scope, Filters(rule=rule_sql(rule, ground(book))))
    return "".join(sorted(r["customer_id"] for r in found.rows))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("country", "is", "CN", "DE"), "abc"),
        # who has no country is not from China either
        (("country", "is_not", "CN"), "cde"),
        (("country", "known"), "abce"),
        (("country", "unknown"), "d"),
        (("city", "contains", "SHANG"), "a"),
        (("city", "contains", "海"), "b"),
        # what is a sign in SQL is a letter here
        (("city", "contains", "%"), "e"),
        (("city", "is", "O'Fallon"), "c"),
        # 30 days to 30 April: 1 to 30 April
        (("became_customer_on", "within_days", "30"), "ab"),
        (("became_customer_on", "days_ago", "30"), "c"),
        (("became_customer_on", "next_days", "5"), "e"),
        (("became_customer_on", "since", "2026-04-01"), "abe"),
        (("became_customer_on", "until", "2026-04-01"), "bc"),
        (("became_customer_on", "between", "2026-03-31", "2026-04-01"), "bc"),
        (("became_customer_on", "days_ago", "36500"), ""),
        (("has_valid_email", "yes"), "ae"),
        # nothing known is not a yes
        (("has_valid_email", "no"), "bcd"),
        (("has_valid_email", "unknown"), "cd"),
        (("customer_id", "is", "a", "e", "zz"), "ae"),
        (("clv", "at_least", "0"), ""),
        (("clv", "unknown"), "abcde"),
    ],
)
def test_each_question_means_what_it_says(book: Book, asked: tuple[str, ...], expected: str) -> None:
    assert members(book, one(*asked)) == expected


def test_groups_are_joined_as_told(book: Book) -> None:
    chinese, german = condition("country", "is", ["CN"]), condition("country", "is", ["DE"])
    new = condition("became_customer_on", "within_days", ["30"])
    mail = condition("has_valid_email", "yes")
    assert members(book, Rule(Match.ALL, (Group(Match.ANY, (chinese, german)), Group(Match.ALL, (new, mail))))) == "a"
    assert members(book, Rule(Match.ANY, (Group(Match.ALL, (german,)), Group(Match.ALL, (new, mail))))) == "ac"
    # an empty group asks nothing, and does not make everybody belong
    assert members(book, Rule(Match.ANY, (Group(Match.ALL, ()), Group(Match.ALL, (german,))))) == "c"
    assert members(book, Rule()) == "abcde"


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        (("contry", "is", "CN"), "country"),
        (("name", "is", "Ana"), None),
        (("parent_id", "is", "a"), None),
        (("country", "at_least", "1"), "unknown"),
        (("clv", "at_least", "many"), "1000"),
        (("clv", "at_least", "nan"), "1000"),
        (("clv", "at_least"), "It needs 1."),
        (("clv", "at_least", "1", "2"), "It needs 1."),
        (("clv", "between", "2", "1"), "smaller"),
        (("churn_probability", "at_least", "60"), "percentage"),
        (("became_customer_on", "since", "last year"), "2026-10-31"),
        (("became_customer_on", "within_days", "1.5"), "90"),
        (("became_customer_on", "within_days", "-1"), "90"),
        (("country", "known", "CN"), "none"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(asked: tuple[str, ...], hint: str | None) -> None:
    with pytest.raises(WrongUseError) as refused:
        one(*asked)
    assert hint is None or hint in (refused.value.hint or "")


@pytest.mark.parametrize(
    "told", [{}, {"match": "all"}, {"match": "some", "groups": []}, {"match": "all", "groups": [1]}, {"match": "all", "groups": None}]
)
def test_what_is_no_rule_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(WrongUseError, match="no rule"):
        rule_of(told)


def test_a_percentage_is_a_share() -> None:
    assert one("churn_probability", "at_least", "60%") == one("churn_probability", "at_least", "0.6")


def test_a_rule_comes_back_as_it_was_told() -> None:
    rule = Rule(
        Match.ANY,
        (
            Group(Match.ALL, (condition("clv", "between", ["1", "2.50"]), condition("country", "is", ["CN", "a,b"]))),
            Group(Match.ANY, (condition("became_customer_on", "within_days", ["7"]), condition("has_valid_email", "no"))),
        ),
    )
    assert rule_of(told_of(rule)) == rule


@pytest.mark.parametrize("text", ["x') or true --", "'; drop table people; --", "\\", "%", "{first}", "\x00"])
def test_a_value_is_never_code(book: Book, text: str) -> None:
    assert members(book, one("city", "is", text)) == ""
    assert members(book, one("city", "contains", text)) == ("e" if text == "%" else "")


def test_a_region_means_those_within_it(tmp_path: Path) -> None:
    found = book_of(company(tmp_path).lake, "1GB")
    inside = people(found, EVERYTHING, Filters(rule=rule_sql(one("region", "is", "china"), ground(found))))
    # east and west lie in China, Shanghai in the east
    assert {"c-shanghai", "c-lee", "c-HID-china"} <= {r["customer_id"] for r in inside.rows}
    assert "c-HID-europe" not in {r["customer_id"] for r in inside.rows}


def test_who_sees_some_customers_counts_those(tmp_path: Path) -> None:
    found = book_of(company(tmp_path).lake, "1GB")
    asked = rule_sql(one("customer_id", "known"), ground(found))
    assert size(found, LEE, asked).customers == size(found, LEE, asked).everybody == len(SEEN_BY_LEE)
    assert {r["customer_id"] for r in people(found, LEE, Filters(rule=asked)).rows} == SEEN_BY_LEE
    with pytest.raises(UnknownError) as refused:
        reason(found, LEE, one("country", "known"), "c-HID-europe", ground(found))
    assert "HID" not in (refused.value.hint or "")


def test_sizes_and_overlaps_are_counts(book: Book) -> None:
    chinese, new = (rule_sql(r, ground(book)) for r in (one("country", "is", "CN"), one("became_customer_on", "since", "2026-04-01")))
    assert [(s.customers, s.everybody) for s in sizes(book, EVERYTHING, [chinese, new])] == [(2, 5), (3, 5)]
    nobody = rule_sql(one("country", "is", "XX"), ground(book))
    assert [(o.name, o.customers, o.both) for o in overlaps(book, EVERYTHING, chinese, {"new": new, "nobody": nobody})] == [("new", 3, 2)]


def test_why_somebody_is_out_and_what_would_change_it(book: Book) -> None:
    rule = Rule(
        Match.ALL,
        (
            Group(Match.ANY, (condition("country", "is", ["FR"]), condition("city", "contains", ["fallon"]))),
            Group(Match.ALL, (condition("has_valid_email", "yes"), condition("became_customer_on", "within_days", ["30"]))),
        ),
    )
    found = reason(book, EVERYTHING, rule, "b", ground(book))
    assert not found.is_in
    # b has neither France nor Fallon, no good address, and came on 1 April
    assert [[a.holds for a in answers] for _, answers in found.groups] == [[False, False], [False, True]]
    # one of the first two, and the address
    assert [[a.would_flip for a in answers] for _, answers in found.groups] == [[True, False], [True, False]]
    assert found.changes == 2
    assert found.groups[0][1][0].value == "CN"
    mine = reason(book, EVERYTHING, rule, "c", ground(book))
    assert [[a.holds for a in answers] for _, answers in mine.groups] == [[False, True], [False, False]]


conditions = st.lists(st.lists(st.booleans(), min_size=0, max_size=4), min_size=0, max_size=4)


@given(conditions, st.sampled_from(Match), st.lists(st.sampled_from(Match), min_size=4, max_size=4))
def test_the_least_changes_turn_the_answer_and_fewer_do_not(truths: list[list[bool]], match: Match, matches: list[Match]) -> None:
    asked = condition("country", "known")
    rule = Rule(match, tuple(Group(m, (asked,) * len(t)) for m, t in zip(matches, truths, strict=False)))
    holds = [h for t in truths for h in t]
    found = least_changes(rule, holds)
    now = is_satisfied(rule, holds)
    turned = [h != (i in found) for i, h in enumerate(holds)]
    if not holds:
        assert not found
        return
    assert is_satisfied(rule, turned) != now
    # by trying all: no smaller set turns it
    for chosen in range(2 ** len(holds)):
        if chosen.bit_count() < len(found):
            assert is_satisfied(rule, [h != bool(chosen >> i & 1) for i, h in enumerate(holds)]) == now


def test_a_segment_is_saved_changed_deleted_and_brought_back(store: Database) -> None:
    with store.transaction() as session:
        made = add_segment(session, AT, ANA, NewSegment(" Big 客户 ", one("clv", "at_least", "1000"), "why"))
        assert (made.name, made.version) == ("Big 客户", 1)
        changed = change_segment(session, AT, ANA, made.segment_id, NewSegment("Bigger", one("clv", "at_least", "2000")), 1)
        assert (changed.version, changed.note) == (2, None)
        with pytest.raises(KeepwellError, match="somebody else"):
            change_segment(session, AT, ANA, made.segment_id, NewSegment("Mine", one("clv", "known")), 1)
        assert segment(session, "BIGGER").rule == one("clv", "at_least", "2000")
        delete_segment(session, AT, ANA, made.segment_id)
        assert segments(session) == []
        assert segment_or_none(session, "bigger") is None
        # its name is free
        other = add_segment(session, AT, ANA, NewSegment("bigger", one("clv", "known")))
        with pytest.raises(WrongUseError, match="already"):
            restore_segment(session, AT, ANA, made.segment_id)
        delete_segment(session, AT, ANA, other.segment_id)
        restore_segment(session, AT, ANA, made.segment_id)
        assert [s.name for s in segments(session)] == ["Bigger"]
        assert [e.action for e in audit.entries(session, kind="segment")][::-1][:2] == ["added", "changed"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "champions", "A", "High"])
def test_names_that_can_not_name_a_segment(store: Database, name: str) -> None:
    with store.transaction() as session, pytest.raises(WrongUseError):
        add_segment(session, AT, ANA, NewSegment(name, one("clv", "known")))


def test_a_rule_that_asks_nothing_is_no_segment(store: Database) -> None:
    with store.transaction() as session, pytest.raises(WrongUseError, match="asks nothing"):
        add_segment(session, AT, ANA, NewSegment("everybody", Rule(Match.ALL, (Group(Match.ALL, ()),))))


def test_every_question_is_asked_of_some_kind() -> None:
    assert {a for asks in ASKS.values() for a in asks} == set(Ask)
