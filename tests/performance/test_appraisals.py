"""Appraisals: points and ranks by hand, what raters said masked, steps that only follow one another, what is carried on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from keepwell.access import audit
from keepwell.access.audit import Actor
from keepwell.access.users import NewUser, add_user
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.periods import Calendar, Grain, Period
from keepwell.core.yaml_file import YamlError
from keepwell.metrics.kpi import Better
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.reading import Status
from keepwell.performance.appraisals import asked, development, rounds, steps
from keepwell.performance.appraisals.appraisal import Appraisal, StepKind
from keepwell.performance.appraisals.development import EntryKind
from keepwell.performance.appraisals.frozen import Kept, plan_json, plan_of
from keepwell.performance.appraisals.outcome import Marks, Objective, Total, outcome, ranks
from keepwell.performance.appraisals.plan import Kind, Of, Plan, PlanItem, RaterKind
from keepwell.performance.appraisals.plan_file import plans, read_plan
from keepwell.performance.appraisals.raters import Answer, mark_or_none, said
from keepwell.performance.appraisals.rounds import NewRound, NewSubject
from keepwell.performance.appraisals.steps import Judged
from keepwell.performance.scorecards.card import Grade
from keepwell.performance.scorecards.curve import straight
from keepwell.performance.scorecards.scored import Without
from keepwell.store.db import Database

D = Decimal
AT = datetime(2026, 7, 5, tzinfo=UTC)
CALENDAR = Calendar("Asia/Shanghai")
PERIOD = Period("2026-Q2", Grain.QUARTER, date(2026, 4, 1), date(2026, 6, 30))
ROOT = Actor(None, "test")
WORDS = {"en": "x", "zh": "x"}


def plan(weights: tuple[str, str, str, str] = ("40", "30", "20", "10")) -> Plan:
    """A KPI from 0.5 to 0.9, a mark of 10, peers and customers one to three, objectives."""
    kpi, manual, rater, mbo = map(D, weights)
    items = (
        PlanItem("csat", Kind.KPI, kpi, WORDS, by="employee_id", least=10, curve=straight(D("0.5"), D("0.9"), Better.UP)),
        PlanItem("quality", Kind.MANUAL, manual, WORDS, WORDS, most=D(10)),
        PlanItem("trust", Kind.RATER, rater, WORDS, WORDS, most=D(10), raters={RaterKind.PEER: D(25), RaterKind.CUSTOMER: D(75)}),
        PlanItem("own", Kind.MBO, mbo, WORDS),
    )
    return Plan("care", WORDS, WORDS, 1, Of.PEOPLE, items)


def csat(value: str = "0.8", low: float = 0.7, high: float = 0.9, n: int = 40) -> Kept:
    return Kept(Status.OK, n, D(value), low, high)


# ------------------------------------------------------------------ arithmetic


def test_an_appraisal_by_hand() -> None:
    # csat 0.8 between 0.5 and 0.9: 75 points; 6 of 10: 60; peers 8, customers 6: (25 × 8 + 75 × 6) / 100 = 6.5 of 10: 65;
    # objectives 60 % × 100 + 40 % × 50 = 80. Total 0.4 × 75 + 0.3 × 60 + 0.2 × 65 + 0.1 × 80 = 69: fair, for good begins at 70.
    answers = [Answer(RaterKind.PEER, {"trust": D(m)}) for m in (7, 8, 9)] + [
        Answer(RaterKind.CUSTOMER, {"trust": D(m)}) for m in (5, 6, 7)
    ]
    told = said(plan().items_of(Kind.RATER), answers)
    marks = Marks({"quality": D(6)}, (Objective("a", D(60), D(100)), Objective("b", D(40), D(50))), told)
    found = outcome(plan(), PERIOD, {"csat": csat()}, marks, CALENDAR)
    assert [i.points for i in found.items] == [75, 60, 65, 80]
    assert found.total == 69
    assert found.grade is Grade.FAIR
    # the interval is csat's alone: 0.7 is 50 points, 0.9 is 100; half of the distance, by its weight, is 10
    assert [found.low, found.high] == [59, 79]


def test_too_few_results_and_missing_marks_have_no_points_and_their_weight_goes_to_the_others() -> None:
    # of 100, 30 + 10 are known: below half there is no total; with csat 70
    marks = Marks({"quality": D(6)}, (Objective("a", D(100), D(80)),))
    few = outcome(plan(), PERIOD, {"csat": Kept(Status.TOO_FEW, 4)}, marks, CALENDAR)
    assert [i.without for i in few.items] == [Without.TOO_FEW, None, Without.NOT_JUDGED, None]
    assert few.total is None
    assert few.known == 40
    enough = outcome(plan(), PERIOD, {"csat": csat()}, marks, CALENDAR)
    # (0.4 × 75 + 0.3 × 60 + 0.1 × 80) / 0.8
    assert enough.total == 70
    assert enough.grade is Grade.GOOD


def test_objectives_beyond_their_aim_make_up_for_others_up_to_full_points() -> None:
    found = outcome(plan(), PERIOD, {"csat": csat()}, Marks({}, (Objective("a", D(50), D(150)), Objective("b", D(50), D(120)))), CALENDAR)
    assert found.items[3].points == 100


def test_other_weights_change_the_total_and_must_come_to_100() -> None:
    marks = Marks({"quality": D(6)}, (Objective("a", D(100), D(80)),))
    kept = {"csat": csat()}
    found = outcome(plan(), PERIOD, kept, marks, CALENDAR, {"csat": D(10), "quality": D(60)})
    # (0.1 × 75 + 0.6 × 60 + 0.1 × 80) / 0.8
    assert found.total == D("64.375")
    for wrong in ({"csat": D(10)}, {"csat": D(0), "quality": D(70)}, {"csat": D("nan")}, {"nothing": D(1)}):
        with pytest.raises(WrongUseError):
            outcome(plan(), PERIOD, kept, marks, CALENDAR, wrong)


def total(value: str, half: str) -> Total:
    return Total(D(value), D(value) - D(half), D(value) + D(half))


def test_ranks_are_shared_where_intervals_tell_nothing() -> None:
    # a against b: 5 apart, √(3² + 4²) = 5 is not less: nothing is told. a against c: 6 apart, √(3² + 4²) = 5: surely better
    found = ranks({"a": total("90", "3"), "b": total("85", "4"), "c": total("84", "4"), "d": Total(None, None, None)})
    assert found == {"a": 1, "b": 1, "c": 2, "d": None}
    assert ranks({"a": total("80", "0"), "b": total("80", "0"), "c": total("79", "0")}) == {"a": 1, "b": 1, "c": 3}


# ------------------------------------------------------------------ raters


def test_fewer_than_three_of_a_kind_count_nowhere() -> None:
    items = plan().items_of(Kind.RATER)
    peers = [Answer(RaterKind.PEER, {"trust": D(m)}) for m in (7, 8, 9)]
    two = [Answer(RaterKind.CUSTOMER, {"trust": D(m)}) for m in (0, 1)]
    with_two = said(items, [*peers, *two])["trust"]
    assert set(with_two) == {RaterKind.PEER}
    # the mark is what it is without them: by difference nothing of them can be had
    assert mark_or_none(items[0], with_two) == mark_or_none(items[0], said(items, peers)["trust"]) == 8
    assert mark_or_none(items[0], said(items, two)["trust"]) is None


# ------------------------------------------------------------------ definitions


@pytest.mark.parametrize("name", ["customer-care", "account-owner"])
def test_a_frozen_definition_is_the_plan(name: str) -> None:
    found = plans(built_in())[name]
    assert plan_of(plan_json(found)) == found


GOOD = """
name: care
title: {en: Care, zh: 客服}
meaning: {en: Care, zh: 客服}
version: 1
of: people
items:
  - {kpi: csat, by: employee_id, weight: 60, curve: {floor: 0.5, target: 0.9}}
  - manual: quality
    title: {en: Quality, zh: 质量}
    weight: 40
    guidance: {en: "0: poor", zh: "0 分：差"}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight: 40", "weight: 30", "add up to 90"),
        ("kpi: csat", "kpi: cssat", "line 8: .*no KPI is called"),
        (", by: employee_id", "", "by: .*missing"),
        ("of: people", "of: dogs", "dogs"),
        ("manual: quality", "manual: quality\n    mbo: own", "one of kpi, manual, rater and mbo"),
        ("weight: 60,", "weight: 60, mix: employee_id,", "not read"),
        ("kpi: csat, by: employee_id", "kpi: csat_mean, by: employee_id, mix: kind", "no share of rows"),
        ("curve: {floor: 0.5", "mix: kind, curve: {versus: previous, floor: 0.5", "can't have a mix and a baseline"),
        ("manual: quality", "rater: quality\n    kinds: {peer: 50}", "add up to 50"),
        ("manual: quality", "rater: quality\n    kinds: {cousin: 100}", "peers, subordinates and customers"),
    ],
)
def test_a_faulty_plan_says_where(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "care.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_plan(path, built_in()).of is Of.PEOPLE
    assert old in GOOD
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(YamlError, match=message):
        read_plan(path, built_in())


# ------------------------------------------------------------------ the store


def opened(
    database: Database, kept: Mapping[str, Kept] | None = None, period: Period = PERIOD, made: Plan | None = None
) -> list[Appraisal]:
    subjects = [NewSubject(s, s, "care", s, {"csat": k}) for s, k in (kept or {"E1": csat(), "E2": csat("0.7", 0.6, 0.8)}).items()]
    with database.transaction() as session:
        found = rounds.open_round(session, AT, ROOT, NewRound(made or plan(), period, "run_1", subjects, {}))
        return rounds.appraisals(session, found.round_id)


def user(database: Database, name: str) -> Actor:
    with database.transaction() as session:
        return add_user(session, AT, ROOT, NewUser(f"{name}@example.com", name, ["executive"], "correct horse 9")).as_actor()


FULL = Judged({"quality": D(6)}, (Objective("Learn", D(100), D(80)),), "as seen")


def test_the_way_of_an_appraisal_and_its_trail(database: Database) -> None:
    one, other = opened(database)
    boss, head, hr = (user(database, n) for n in ("boss", "head", "hr"))
    with database.transaction() as session:
        steps.self_assess(session, AT, ROOT, one.appraisal_id, Judged({"quality": D(9)}, words="I think so"))
        steps.assess(session, AT, boss, one.appraisal_id, FULL)
        with pytest.raises(WrongUseError, match="assessed can't"):
            steps.approve(session, AT, boss, one.appraisal_id)
        steps.send_back(session, AT, head, one.appraisal_id, "Look at July again")
        steps.assess(session, AT, boss, one.appraisal_id, replace(FULL, marks={"quality": D(7)}))
        steps.approve(session, AT, head, one.appraisal_id)
    with database.transaction() as session, pytest.raises(WrongUseError, match="1 of 2 are not approved: E2"):
        rounds.publish_round(session, AT, hr, one.round.round_id, CALENDAR)
    with database.transaction() as session:
        steps.assess(session, AT, boss, other.appraisal_id, FULL)
        steps.approve(session, AT, head, other.appraisal_id)
        found = rounds.publish_round(session, AT, hr, one.round.round_id, CALENDAR)
    # (0.4 × 75 + 0.3 × 70 + 0.1 × 80) / 0.8 and (0.4 × 50 + 0.3 × 60 + 0.1 × 80) / 0.8, each ± 12.5
    assert [(a.result_or_none or {})["total"] for a in found] == [73.75, 57.5]
    assert [(a.result_or_none or {})["rank"] for a in found] == [1, 1]
    assert [s.kind for s in found[0].steps] == [
        StepKind.OPENED, StepKind.SELF_ASSESSED, StepKind.ASSESSED, StepKind.RETURNED, StepKind.ASSESSED, StepKind.APPROVED, StepKind.PUBLISHED,
    ]  # fmt: skip
    # the first judgement still stands there
    assert [s.data["marks"]["quality"] for s in found[0].steps if s.kind is StepKind.ASSESSED] == ["6", "7"]
    with database.transaction(writes=False) as session:
        told = [(e.action, e.user_name) for e in audit.entries(session, kind="appraisal")]
    assert ("approved", "head") in told
    assert ("assessed", "boss") in told


def test_steps_follow_one_another(database: Database) -> None:
    one, _ = opened(database)
    with database.transaction() as session:
        with pytest.raises(WrongUseError, match="now: it is opened"):
            steps.approve(session, AT, ROOT, one.appraisal_id)
        with pytest.raises(WrongUseError, match="now: it is opened"):
            steps.appeal(session, AT, ROOT, one.appraisal_id, "no")
        with pytest.raises(WrongUseError, match="now: it is opened"):
            steps.answer(session, AT, ROOT, one.appraisal_id, "no", CALENDAR)
        with pytest.raises(WrongUseError, match="now: it is opened"):
            steps.send_back(session, AT, ROOT, one.appraisal_id, "no")
        steps.assess(session, AT, ROOT, one.appraisal_id, FULL)
        with pytest.raises(WrongUseError, match="can't be self_assessed now"):
            steps.self_assess(session, AT, ROOT, one.appraisal_id, Judged({"quality": D(9)}))


@pytest.mark.parametrize(
    "given",
    [
        Judged({"quality": D(11)}),
        Judged({"quality": D("nan")}),
        Judged({"csat": D(1)}),
        Judged({"trust": D(5)}),
        Judged({}, (Objective("a", D(50), D(10)),)),
        Judged({}, (Objective("", D(100), D(10)),)),
        Judged({}, (Objective("a", D(100), D(151)),)),
        Judged({}, (Objective("a", D("nan"), D(10)),)),
        Judged({}, words="x" * 2001),
    ],
)
def test_marks_that_are_none_are_refused(database: Database, given: Judged) -> None:
    one, _ = opened(database)
    with database.transaction() as session, pytest.raises(WrongUseError):
        steps.assess(session, AT, ROOT, one.appraisal_id, given)


def published(database: Database) -> tuple[Appraisal, Appraisal]:
    one, other = opened(database, {"E1": csat(), "E2": csat("0.9", 0.88, 0.9)})
    boss, head = user(database, "boss"), user(database, "head")
    with database.transaction() as session:
        for a in (one, other):
            steps.assess(session, AT, boss, a.appraisal_id, FULL)
            steps.approve(session, AT, head, a.appraisal_id)
        first, second = rounds.publish_round(session, AT, ROOT, one.round.round_id, CALENDAR)
    return first, second


def test_an_answered_appeal_adds_a_version_and_rewrites_nothing(database: Database) -> None:
    before, other = published(database)
    with database.transaction() as session:
        steps.appeal(session, AT, ROOT, before.appraisal_id, "Two talks were not mine")
        found = steps.answer(session, AT, user_again(before), before.appraisal_id, "Right", CALENDAR, Judged({"quality": D(10)}))
        untouched = rounds.appraisal(session, other.appraisal_id)
    # (0.4 × 75 + 0.3 × 100 + 0.1 × 80) / 0.8
    assert (found.result_or_none or {})["total"] == 85
    assert (before.result_or_none or {})["total"] == 70
    assert found.steps[: len(before.steps)] == before.steps
    assert untouched.result_or_none == other.result_or_none
    assert found.state is StepKind.ANSWERED
    with database.transaction() as session, pytest.raises(WrongUseError, match="can't be appealed"):
        steps.appeal(session, AT, ROOT, before.appraisal_id, "Once more")


def user_again(found: Appraisal) -> Actor:
    """Who approved, and so may answer."""
    step = found.last_or_none(StepKind.APPROVED)
    assert step is not None
    return Actor(step.by, step.by_name)


def test_who_assessed_does_not_answer_the_appeal(database: Database) -> None:
    before, _ = published(database)
    step = before.last_or_none(StepKind.ASSESSED)
    assert step is not None
    with database.transaction() as session:
        steps.appeal(session, AT, ROOT, before.appraisal_id, "No")
        with pytest.raises(WrongUseError, match="assessed can't"):
            steps.answer(session, AT, Actor(step.by, step.by_name), before.appraisal_id, "No", CALENDAR)


def test_answers_stand_apart_from_who_gave_them_and_are_forgotten_once_summed_up(database: Database) -> None:
    one, _ = opened(database)
    key = one.appraisal_id
    with database.transaction() as session:
        for rater in ("p1", "p2", "p3"):
            asked.ask(session, AT, ROOT, key, rater, RaterKind.PEER)
        for rater in ("c1", "c2", "c3"):
            asked.ask(session, AT, ROOT, key, rater, RaterKind.CUSTOMER)
        for rater, mark in (("p1", 2), ("p2", 4), ("p3", 9), ("c1", 1), ("c2", 1)):
            asked.rate(session, AT, ROOT, key, rater, {"trust": D(mark)})
        with pytest.raises(WrongUseError, match="answered already"):
            asked.rate(session, AT, ROOT, key, "p1", {"trust": D(3)})
        with pytest.raises(KeepwellError):
            asked.rate(session, AT, ROOT, key, "stranger", {"trust": D(3)})
        # as long as answers come, nothing is told of them: no mean before and after one tells it
        assert rounds.appraisal(session, key).marks.said == {}
        found = steps.assess(session, AT, ROOT, key, FULL)
    kinds = found.marks.said["trust"]
    assert {k: (s.n, s.mean) for k, s in kinds.items()} == {RaterKind.PEER: (3, D(5))}
    with database.transaction() as session:
        with pytest.raises(WrongUseError, match="asking has ended"):
            asked.rate(session, AT, ROOT, key, "c3", {"trust": D(1)})
        assert steps.assess(session, AT, ROOT, key, FULL).marks.said["trust"] == kinds
        left = session.connection().exec_driver_sql("select count(*) from appraisal_answers").scalar()
    assert left == 0


def test_nothing_that_is_told_hangs_on_answers_of_fewer_than_three(database: Database) -> None:
    # two people with the same readings and marks; the two customers of one say 0, those of the other 10
    one, other = opened(database, {"E1": csat(), "E2": csat()})
    with database.transaction() as session:
        for found, mark in ((one, 0), (other, 10)):
            for rater in ("p1", "p2", "p3"):
                asked.ask(session, AT, ROOT, found.appraisal_id, rater, RaterKind.PEER)
                asked.rate(session, AT, ROOT, found.appraisal_id, rater, {"trust": D(7)})
            for rater in ("c1", "c2"):
                asked.ask(session, AT, ROOT, found.appraisal_id, rater, RaterKind.CUSTOMER)
                asked.rate(session, AT, ROOT, found.appraisal_id, rater, {"trust": D(mark)})
            steps.assess(session, AT, ROOT, found.appraisal_id, FULL)
            steps.approve(session, AT, ROOT, found.appraisal_id)
        first, second = rounds.publish_round(session, AT, ROOT, one.round.round_id, CALENDAR)
    assert first.result_or_none == second.result_or_none
    assert [s.data for s in first.steps] == [s.data for s in second.steps]
    for weights in ({"trust": D(97), "csat": D(1), "quality": D(1), "own": D(1)}, {"trust": D(1), "csat": D(59)}):
        assert first.outcome(CALENDAR, weights).total == second.outcome(CALENDAR, weights).total


def test_an_answer_is_about_every_item_that_asks_its_kind(database: Database) -> None:
    one, _ = opened(database)
    with database.transaction() as session:
        with pytest.raises(WrongUseError, match="asks no subordinate"):
            asked.ask(session, AT, ROOT, one.appraisal_id, "s1", RaterKind.SUBORDINATE)
        asked.ask(session, AT, ROOT, one.appraisal_id, "p1", RaterKind.PEER)
        for marks in ({}, {"quality": D(1)}, {"trust": D(1), "quality": D(1)}, {"trust": D(11)}, {"trust": D(-1)}):
            with pytest.raises(WrongUseError):
                asked.rate(session, AT, ROOT, one.appraisal_id, "p1", marks)


def test_a_round_is_opened_once_and_anew_when_it_was_withdrawn(database: Database) -> None:
    one, _ = opened(database)
    with pytest.raises(WrongUseError, match="opened already"):
        opened(database)
    with database.transaction() as session:
        rounds.withdraw_round(session, AT, ROOT, one.round.round_id, "Opened too early")
        with pytest.raises(WrongUseError, match="withdrawn"):
            steps.assess(session, AT, ROOT, one.appraisal_id, FULL)
    again, _ = opened(database, made=plan(("10", "60", "20", "10")))
    # what the first one froze stays
    with database.transaction(writes=False) as session:
        before = rounds.appraisal(session, one.appraisal_id)
        assert (before.round.plan, again.round.plan) == (plan(), plan(("10", "60", "20", "10")))
        assert [r.round_id for r in rounds.rounds(session)] == [again.round.round_id]


def test_what_was_published_is_not_withdrawn(database: Database) -> None:
    before, _ = published(database)
    with database.transaction() as session, pytest.raises(WrongUseError, match="stays"):
        rounds.withdraw_round(session, AT, ROOT, before.round.round_id, "Regret")


def test_notes_and_trainings_are_carried_to_the_next_round_of_the_same_person(database: Database) -> None:
    one, other = opened(database)
    with database.transaction() as session:
        development.add_entry(
            session, AT - timedelta(days=2), ROOT, one.appraisal_id, EntryKind.COACHING, "Listens well, interrupts seldom"
        )
        development.add_entry(session, AT, ROOT, one.appraisal_id, EntryKind.TRAINING, "Complaint talks", date(2026, 9, 30))
        found = development.add_entry(session, AT, ROOT, one.appraisal_id, EntryKind.TRAINING, "Excel")
        with pytest.raises(WrongUseError):
            development.add_entry(session, AT, ROOT, one.appraisal_id, EntryKind.COACHING, "note", date(2026, 9, 30))
        excel = next(e for e in found if e.text == "Excel")
        with pytest.raises(KeepwellError):
            development.end_training(session, AT, ROOT, other.appraisal_id, excel.entry_id)
        development.end_training(session, AT - timedelta(days=1), ROOT, one.appraisal_id, excel.entry_id)
    later = Period("2026-Q3", Grain.QUARTER, date(2026, 7, 1), date(2026, 9, 30))
    following, _ = opened(database, period=later)
    with database.transaction() as session:
        carried = development.entries(session, following)
        assert [(e.text, e.due, e.is_carried, e.period) for e in carried] == [
            ("Listens well, interrupts seldom", None, True, "2026-Q2"),
            ("Complaint talks", date(2026, 9, 30), True, "2026-Q2"),
        ]
        assert development.entries(session, other) == []
        done = development.end_training(session, AT, ROOT, following.appraisal_id, carried[1].entry_id)
        assert [e.done_at for e in done] == [None, AT]
        # a later round's notes are not told in an earlier one
        development.add_entry(session, AT, ROOT, following.appraisal_id, EntryKind.COACHING, "Now leads talks")
        assert "Now leads talks" not in [e.text for e in development.entries(session, one)]
