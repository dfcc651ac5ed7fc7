"""Customer 360: timeline, value and its curve, consents, contacts, the company tree, voice and the history of scores."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from factories.company import company, opened
from keepwell.access.roles import Rows
from keepwell.access.scope import Scope
from keepwell.core.errors import KeepwellError
from keepwell.customers.timeline import Event
from keepwell.customers.value import active_curve
from keepwell.surfaces.python import Workspace

LEE = Scope(Rows.TEAM, "lee", sees_personal=True)


def test_a_timeline_holds_everything_newest_first_page_by_page(everything: Workspace) -> None:
    whole = everything.timeline("c-mo")
    # of each three; one consent; changes between the two runs as they come
    assert {k: n for k, n in whole.counts.items() if n and k != "change"} == {
        "order": 3,
        "ticket": 3,
        "answer": 3,
        "interaction": 3,
        "consent": 1,
    }
    assert [e.at for e in whole.events] == sorted((e.at for e in whole.events), reverse=True)
    assert len(whole.events) == sum(whole.counts.values())
    assert whole.before is None
    paged: list[Event] = []
    before = None
    for _ in range(len(whole.events)):
        page = everything.timeline("c-mo", before=before, limit=2)
        paged += page.events
        before = page.before
        if before is None:
            break
    assert tuple(paged) == whole.events


def test_an_order_on_the_timeline_has_its_amount_margin_and_lines(everything: Workspace) -> None:
    first = everything.timeline("c-lee", ["order"]).events
    (order,) = first
    # place 1: 100 + 10 · 1 + 0, half of it margin
    assert (order.told["amount"], order.told["margin"]) == (Decimal(110), Decimal(55))
    assert [(li["product"], li["amount"]) for li in order.told["lines"]] == [("Lamp", Decimal(110))]


def test_words_are_for_those_who_see_personal_data(everything: Workspace) -> None:
    told = {e.kind: e.told for e in everything.timeline("c-mo").events}
    assert (told["answer"]["comment"], told["ticket"]["subject"]) == ("comment of c-mo", "about c-mo")
    masked = everything.seen_by(Scope(Rows.ALL))
    assert not [e for e in masked.timeline("c-mo").events if "comment" in e.told or "subject" in e.told]
    assert {a.comment for a in masked.customer_360("c-mo").voice} == {None}
    assert {a.comment for a in everything.customer_360("c-mo").voice} == {"comment of c-mo"}


def test_an_unknown_kind_or_place_is_told(everything: Workspace) -> None:
    with pytest.raises(KeepwellError, match="There is no kind of event named 'ordr'"):
        everything.timeline("c-mo", ["ordr"])
    with pytest.raises(KeepwellError, match="is no place on the timeline"):
        everything.timeline("c-mo", before="yesterday")


def test_the_page_tells_who_it_is_under_masking(everything: Workspace) -> None:
    shown, masked = everything.customer_360("c-shanghai"), everything.seen_by(Scope(Rows.ALL)).customer_360("c-shanghai")
    assert (shown.personal["name"], shown.personal["address"]) == ("欧阳 小明", "c-shanghai street")
    assert dict(masked.personal) == {
        "name": "欧**",
        "email": "c***@e***",
        "phone": "***8003",
        "address": None,
        "birth_date": "****-05-17",
        "gender": None,
    }
    assert everything.customer_360("c-lee").owner_name == "Lee"
    assert [c.name for c in everything.seen_by(Scope(Rows.ALL)).customer_360("c-lee").contacts] == ["K***"]


def test_the_value_of_twelve_months_is_that_of_the_orders(everything: Workspace) -> None:
    value = everything.customer_360("c-mo").value
    # place 3: 130 + 131 + 132, half of it margin
    assert (value.net_12m, value.margin_12m) == (Decimal(393), Decimal("196.5"))
    # 1 + (9 + 7 n) mod 27 of the months 1, 2, 3
    assert value.purchase_days == (date(2026, 1, 10), date(2026, 2, 17), date(2026, 3, 24))


def test_a_tree_ends_where_the_scope_does(everything: Workspace) -> None:
    def tree(ws: Workspace, who: str) -> list[tuple[str, int]]:
        return [(r.customer_id, r.depth) for r in ws.customer_360(who).tree]

    assert tree(everything, "c-lee") == [("c-lee", 0), ("c-HID-boss", 1), ("c-mo", 1)]
    assert tree(everything.seen_by(LEE), "c-lee") == [("c-lee", 0), ("c-mo", 1)]
    assert tree(everything, "c-ann") == [("c-HID-europe", -1), ("c-ann", 0)]
    assert tree(everything.seen_by(LEE), "c-ann") == [("c-ann", 0)]


def test_a_tree_with_a_cycle_ends(tmp_path: Path) -> None:
    shop = company(tmp_path, ["c-lee", "c-mo"])
    shop.bring_rows("customers", [{"customer_id": "c-lee", "parent_id": "c-mo", "kind": "company"}])
    assert {r.customer_id for r in opened(shop).customer_360("c-lee").tree} == {"c-lee", "c-mo"}


def test_contacts_consents_and_coverage_are_those_of_today(tmp_path: Path) -> None:
    shop = company(tmp_path, ["c-lee"])
    shop.bring_rows("contacts", [
        {"contact_id": "k2", "customer_id": "c-lee", "name": "Ina", "decision_role": "influences", "active_to": None},
        {"contact_id": "k3", "customer_id": "c-lee", "name": "Old", "decision_role": "influences", "active_to": "2026-05-01"},
    ])  # fmt: skip
    shop.bring_rows("interactions", [
        {"interaction_id": "j1", "customer_id": "c-lee", "contact_id": "k-c-lee", "occurred_at": "2026-05-20 10:00:00", "channel": "call", "direction": "outbound"},
        {"interaction_id": "j2", "customer_id": "c-lee", "contact_id": "k3", "occurred_at": "2026-05-20 10:00:00", "channel": "call", "direction": "outbound"},
    ])  # fmt: skip
    shop.bring_rows("consents", [
        {"consent_id": "s2", "customer_id": "c-lee", "purpose": "marketing", "channel": "email", "status": "withdrawn", "at": "2026-04-01 10:00:00"},
        {"consent_id": "s3", "customer_id": "c-lee", "purpose": "survey", "status": "granted", "at": "2025-04-01 10:00:00", "expires_at": "2026-04-01 10:00:00"},
    ])  # fmt: skip
    found = opened(shop).customer_360("c-lee")
    # today is 1 June 2026: the decider was spoken with 12 days ago, nobody who influences and is still there
    assert [(c.contact_id, c.is_active) for c in found.contacts] == [("k-c-lee", True), ("k2", True), ("k3", False)]
    assert found.coverage is not None
    assert (found.coverage.is_decider_reached, found.coverage.is_influencer_reached, found.coverage.is_covered) == (True, False, False)
    assert [(c.purpose, c.channel, c.status) for c in found.consents] == [("marketing", "email", "withdrawn"), ("survey", None, "expired")]


def test_facts_of_a_merged_record_are_the_customers(tmp_path: Path) -> None:
    shop = company(tmp_path, ["c-lee", "c-mo"])
    shop.bring_rows("identities", [{"source": "main", "source_customer_id": "c-mo", "customer_id": "c-lee"}])
    ws = opened(shop)
    assert ws.timeline("c-lee").counts["order"] == 1 + 3
    with pytest.raises(KeepwellError, match="There is no customer named 'c-mo'"):
        ws.timeline("c-mo")
    # who owned the merged record owns nothing any more
    assert ws.seen_by(Scope(Rows.OWN, "mo")).people().total == 0
    assert ws.seen_by(Scope(Rows.OWN, "lee")).timeline("c-lee").counts["order"] == 4
    # the orders of both: 110, and 110 + 10 + n for n in 0, 1, 2 — the places are those of the whole company
    assert ws.seen_by(Scope(Rows.OWN, "lee")).kpi("orders", period="2026").value == 4


def test_reasons_of_a_page_are_those_of_the_card(everything: Workspace) -> None:
    ids = everything.customers(columns=["customer_id"]).to_arrow().column(0).to_pylist()
    found = {i: everything.reasons(i) for i in ids}
    assert any(found.values())
    assert found == {i: everything.customer(i).reasons for i in ids}


def test_who_sees_some_reads_no_reasons_of_others(everything: Workspace) -> None:
    mine = everything.seen_by(Scope(Rows.OWN, "lee"))
    seen = [r["customer_id"] for r in mine.people().rows]
    (hidden, *_) = sorted(set(everything.customers(columns=["customer_id"]).to_arrow().column(0).to_pylist()) - set(seen))
    with pytest.raises(KeepwellError, match="There is no customer named"):
        mine.reasons(hidden)


def test_the_history_of_scores_tells_what_moved_and_why(everything: Workspace) -> None:
    history = everything.customer_360("c-HID-china").history
    assert [p.as_of for p in history] == [date(2026, 3, 31), date(2026, 6, 1)]
    assert history[0].moved == ()
    assert all(m.before != m.now for m in history[1].moved)
    for moved in history[1].moved:
        assert all(before != now for before, now in moved.because.values())


def test_the_curve_is_what_bg_nbd_says_of_the_purchases_until_each_day() -> None:
    """P(active | x, t_x, T) = 1 / (1 + a / (b + x − 1) · ((α + T) / (α + t_x)) ** (r + x)): Fader, Hardie & Lee (2005), CDNOW's parameters."""
    parameters = {"bg_nbd.r": 0.243, "bg_nbd.alpha": 4.414, "bg_nbd.a": 0.793, "bg_nbd.b": 2.426}
    first = date(2026, 1, 1)
    curve = {p.day: p.probability for p in active_curve(parameters, [first, first + timedelta(days=70)], first + timedelta(days=140))}
    # without a repeat purchase nobody has had a chance to leave
    assert curve[first] == curve[first + timedelta(days=69)] == 1.0
    # x = 1, t_x = T = 10 weeks: 1 / (1 + 0.793 / 2.426)
    assert curve[first + timedelta(days=70)] == pytest.approx(0.753650, abs=1e-6)
    # x = 1, t_x = 10, T = 20: 1 / (1 + 0.793 / 2.426 · (24.414 / 14.414) ** 1.243) = 1 / (1 + 0.326876 · 1.925157)
    assert curve[first + timedelta(days=140)] == pytest.approx(0.613766, abs=1e-5)


def test_no_model_and_no_purchase_are_no_curve() -> None:
    assert active_curve({}, [date(2026, 1, 1)], date(2026, 6, 1)) == []
    assert active_curve({"nbd.r": 1.0, "nbd.alpha": 2.0}, [], date(2026, 6, 1)) == []
    certain = active_curve({"nbd.r": 1.0, "nbd.alpha": 2.0}, [date(2026, 1, 1)], date(2026, 6, 1))
    assert {p.probability for p in certain} == {1.0}
