"""Health scores: what somebody says against one stands beside it and outlives runs; how one comes about is printed. On every surface."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from factories.everywhere import WHO, Everywhere
from keepwell.core.clock import SystemClock, today

DAY = date(2026, 5, 31)
UNTIL = str(today(SystemClock(), "Asia/Shanghai") + timedelta(days=60))
SAID = {"band": "at_risk", "reason": "Their buyer has left", "owner": f"{WHO}@example.com", "until": UNTIL}


def computed(folder: Path) -> Everywhere:
    """A customer of 60 points by hand: twice the own rhythm of 30 days."""
    shop = Everywhere.made(folder)
    days = [DAY - timedelta(days=n) for n in (120, 90, 60)]
    shop.bring("orders", [
        {"order_id": f"o{n}", "customer_id": "c1", "ordered_at": f"{day} 12:00:00", "status": "completed", "amount": 10, "currency": "CNY"}
        for n, day in enumerate(days)
    ])  # fmt: skip
    shop.ask("refresh", "--as-of", str(DAY))
    return shop


def health(shop: Everywhere) -> dict[str, Any]:
    """What the command line tells of the customer, after the API told the same."""
    told: dict[str, Any] = shop.ask("health", "show", "c1")
    with shop.api() as program:
        assert program.get("/api/v1/customers/c1/health").json() == told
    return told


# 25: a manual override has a reason, an owner and an expiry, is shown beside the computed value, and no run erases it silently


def test_25_an_override_needs_a_reason_an_owner_and_an_expiry(tmp_path: Path) -> None:
    shop = computed(tmp_path)
    with shop.api() as program:
        for field in ("reason", "owner", "until"):
            answer = program.post("/api/v1/customers/c1/health/override", json={n: v for n, v in SAID.items() if n != field})
            assert answer.status_code == 400, field
        for until in ("2020-01-01", str(today(SystemClock(), "Asia/Shanghai") + timedelta(days=400))):
            assert program.post("/api/v1/customers/c1/health/override", json=SAID | {"until": until}).status_code == 400
    assert health(shop)["history"] == []


def test_25_an_override_stands_beside_the_computed_value_and_no_run_erases_it(tmp_path: Path) -> None:
    shop = computed(tmp_path)
    before = health(shop)
    # only rhythm is known, 40 of 100: enough
    assert (before["score"], before["band"]) == (60, "watch")
    with shop.api() as program:
        assert program.post("/api/v1/customers/c1/health/override", json=SAID).status_code == 201
    told = health(shop)
    assert (told["score"], told["computed_band"], told["band"]) == (60, "watch", "at_risk")
    said = told["override"]
    assert (said["reason"], said["owner_name"], said["until"]) == (SAID["reason"], "Ops", UNTIL)
    # a run of the next day that knows one more order computes another score, and leaves what was said
    shop.bring("orders", [
        {"order_id": "o9", "customer_id": "c1", "ordered_at": f"{DAY} 12:00:00", "status": "completed", "amount": 10, "currency": "CNY"}
    ])  # fmt: skip
    shop.ask("refresh", "--as-of", str(DAY + timedelta(days=1)))
    after = health(shop)
    assert (after["score"], after["computed_band"]) == (100, "healthy")
    assert (after["band"], after["override"]) == ("at_risk", said)
    with shop.company.browser(WHO) as browser:
        for language, words in (("en", ("At risk", "Healthy", "Owner: Ops")), ("zh", ("有风险", "健康", "负责人：Ops"))):
            page = browser.get("/customers/c1", accept_language=language).text
            assert all(w in page for w in (*words, SAID["reason"], UNTIL, "100.0"))
        # that the score moved is told in words, with what was before
        assert "Health band Watch → Healthy" in browser.get("/customers/c1/timeline", accept_language="en").text


# 26: direction, range bounds and tie rule of every score are declared and printed


def test_26_direction_bounds_and_tie_rule_of_health_are_printed(tmp_path: Path) -> None:
    shop = computed(tmp_path)
    told = shop.ask("health")
    with shop.api() as program:
        assert program.get("/api/v1/health").json() == told
    assert (told["score_from"], told["score_to"], told["better"], told["tie_rule"]) == (0, 100, "up", "better_band")
    assert [b["from"] for b in told["bands"]] == sorted((b["from"] for b in told["bands"]), reverse=True)
    assert sum(p["weight"] for p in told["parts"]) == 100
    for part in told["parts"]:
        values, points = zip(*part["points"], strict=True)
        assert list(values) == sorted(set(values))
        assert list(points) == sorted(points, reverse=part["better"] == "down")
    words = {
        "en": (
            "A score at a border belongs to the better band",
            "less is better",
            "more is better",
            "4× → 0",
            "gives its weight to the others",
        ),
        "zh": ("得分恰在界限上时归入较好的等级", "越低越好", "越高越好", "4× → 0", "其权重分给其他项"),
    }
    with shop.company.browser(WHO) as browser:
        for language, printed in words.items():
            page = browser.get("/health", accept_language=language).text
            assert all(w in page for w in printed), language
            # beside each part of a customer too
            assert "1× → 100, 2× → 60, 4× → 0" in browser.get("/customers/c1", accept_language=language).text
