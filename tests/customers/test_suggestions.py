"""What to do now: each rule with its reason, at its borders, and in its order."""

from datetime import date, timedelta

import pytest

from keepwell.customers.suggestions import Situation, suggestions

TODAY = date(2026, 6, 30)


def day(ago: int) -> date:
    return TODAY - timedelta(days=ago)


def test_nothing_known_calls_for_nothing() -> None:
    assert suggestions(Situation(TODAY)) == []


@pytest.mark.parametrize(
    ("situation", "names"),
    [
        (Situation(TODAY, open_complaints=(day(3),)), ["close_complaint"]),
        (Situation(TODAY, churn_band="high"), ["keep"]), (Situation(TODAY, churn_band="medium"), []),
        (Situation(TODAY, contract_ends_on=day(-90)), ["renew"]), (Situation(TODAY, contract_ends_on=day(-91)), []),
        (Situation(TODAY, contract_ends_on=TODAY), ["renew"]), (Situation(TODAY, contract_ends_on=day(1)), []),
        (Situation(TODAY, next_order_to=day(1)), ["remind"]), (Situation(TODAY, next_order_to=TODAY), []),
        (Situation(TODAY, is_looked_after=True, last_contact_on=day(91)), ["get_in_touch"]),
        (Situation(TODAY, is_looked_after=True, last_contact_on=day(90)), []),
        (Situation(TODAY, is_looked_after=True), ["get_in_touch"]), (Situation(TODAY, last_contact_on=day(900)), []),
    ],
)  # fmt: skip
def test_a_rule_speaks_when_it_should(situation: Situation, names: list[str]) -> None:
    assert [s.name for s in suggestions(situation)] == names


def test_the_most_urgent_comes_first_and_each_tells_why_in_both_languages() -> None:
    told = suggestions(
        Situation(
            TODAY,
            (day(40), day(2)),
            "high",
            0.71,
            "No order for 80 days.",
            day(80),
            day(20),
            day(-30),
            is_looked_after=True,
            last_contact_on=day(100),
        )
    )
    assert [s.name for s in told] == ["close_complaint", "keep", "renew", "remind", "get_in_touch"]
    assert told[0].title == ("Close the 2 open complaints", "处理 2 个未结投诉")
    assert told[0].reason == ("Open since 2026-05-21, for 40 days: far too long.", "自 2026-05-21 起未结，已 40 天，严重超时。")
    assert told[1].reason == ("Churn warning: 71% likely to leave. No order for 80 days.", "流失预警：流失概率 71%。No order for 80 days.")
    assert told[2].reason[0] == "The contract ends on 2026-07-30, in 30 days."
    assert told[3].reason[0] == "An order was to be expected by 2026-06-10, 20 days ago. The last one came on 2026-04-11."
    assert told[4].reason[1] == "自 2026-03-22 起无互动，已 100 天。"
    assert all(english and chinese for s in told for english, chinese in (s.title, s.reason))


def test_a_warning_without_a_probability_still_reads() -> None:
    (told,) = suggestions(Situation(TODAY, churn_band="high"))
    assert told.reason == ("Churn warning: likely to leave.", "流失预警：流失风险高。")
