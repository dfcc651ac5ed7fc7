"""Health on every surface: the command line, the API and the pages say the same; overrides by whom, of whom, until when, whatever runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from factories.markup import Element, read, rows_of
from factories.served import AS_OF, Browser, Company
from keepwell.access.audit import Actor
from keepwell.core.clock import FixedClock, SystemClock, today
from keepwell.core.errors import KeepwellError
from keepwell.core.workspace import open_workspace
from keepwell.performance.health.override import State, Wanted
from keepwell.store.db import store_of
from keepwell.surfaces.health import CustomerHealth, HealthDesk
from keepwell.surfaces.python import Workspace

TODAY = today(SystemClock(), "Asia/Shanghai")
UNTIL = str(TODAY + timedelta(days=30))
SAID = {"band": "watch", "reason": "They are about to sign", "owner": "operations@example.com", "until": UNTIL}


def overridden(company: Company, customer: str, **other: str) -> Any:
    options = [word for name, value in (SAID | other).items() if value for word in (f"--{name}", value)]
    return company.surfaces.ask("health", "override", customer, *options)


def end_if_any(company: Company, customer: str) -> None:
    if company.surfaces.ask("health", "show", customer)["is_overridden"]:
        company.surfaces.ask("health", "override", customer, "--end")


def scored_customer(company: Company, owner: str) -> str:
    found = company.surfaces.ask("customers", "--where", f"health is not null and owner_id = '{owner}'", "--limit", "1")
    return str(found[0]["customer_id"])


def marked(page: Element, attribute: str, value: str) -> Element:
    (found,) = (e for e in page.all(attribute=attribute) if e[attribute] == value)
    return found


def form(browser: Browser, customer: str, action: str = "override", **fields: str) -> Any:
    return browser.post(f"/customers/{customer}/health/{action}", form_token=browser.token(), **fields)


# ------------------------------------------------------------------------ the same everywhere


def test_the_stored_score_is_that_of_the_parts_for_everybody(company: Company) -> None:
    listed = company.surfaces.ask(
        "customers", "--column", "customer_id", "--column", "health", "--column", "health_band", "--limit", "1000"
    )
    told = {r["customer_id"]: company.surfaces.ask("health", "show", r["customer_id"]) for r in listed[:20]}
    assert {r["health_band"] for r in listed} >= {"healthy", "watch"}
    for r in listed[:20]:
        assert (r["health"], r["health_band"]) == (told[r["customer_id"]]["score"], told[r["customer_id"]]["computed_band"])


def test_definition_and_check_are_alike_on_the_command_line_in_the_api_and_on_the_page(company: Company) -> None:
    told = company.surfaces.ask("health")
    with company.program(company.token("operations")) as program:
        assert program.get("/api/v1/health").json() == told
    counted = company.surfaces.ask("customers", "--column", "customer_id", "--column", "health_band", "--limit", "1000")
    assert told["customers"] == {b: sum(r["health_band"] == b for r in counted) for b in ("healthy", "watch", "at_risk")}
    for language in ("en", "zh"):
        with company.browser("operations") as browser:
            page = read(browser.get("/health", accept_language=language).text)
        parts = rows_of(marked(page, "data-table", "parts"))
        assert [(r["part"], r["better"], float(r["weight"])) for r in parts] == [
            (p["part"], p["better"], p["weight"] / 100) for p in told["parts"]
        ]
        bands = rows_of(marked(page, "data-table", "bands"))
        assert [(r["band"], float(r["from"]), int(r["customers"])) for r in bands] == [
            (b["band"], b["from"], told["customers"][b["band"]]) for b in told["bands"]
        ]
        for check in told["checks"]:
            rows = rows_of(marked(page, "data-table", f"check-{check['who']}"))
            assert [(r["band"], int(r["customers"]), int(r["churned"])) for r in rows] == [
                (b["band"], b["customers"], b["churned"]) for b in check["bands"]
            ]
            assert f"{check['bands'][0]['share']:.1%}" in page.text


def test_one_customer_is_alike_on_the_command_line_in_the_api_and_on_the_page(company: Company) -> None:
    customer = scored_customer(company, "E1")
    end_if_any(company, customer)
    overridden(company, customer)
    told = company.surfaces.ask("health", "show", customer)
    with company.program(company.token("operations")) as program:
        assert program.get(f"/api/v1/customers/{customer}/health").json() == told
        assert program.get("/api/v1/customers/C0000/health").status_code == 404
    with company.browser("operations") as browser:
        page = read(browser.get(f"/customers/{customer}").text)
    assert float(marked(page, "data-figure", "health")["data-value"]) == told["score"]
    lines = marked(page, "data-list", "health").all("li")
    for line, part in zip(lines, told["parts"], strict=True):
        assert (line["data-part"], line["data-points"] == "") == (part["part"], part["is_missing"])
        assert part["is_missing"] or float(line["data-points"]) == part["points"]
        assert part["value"] is None or float(line.one("b")["data-value"]) == pytest.approx(part["value"])
    said = page.one(attribute="data-override").text
    assert all(words in said for words in ("Watch", UNTIL, SAID["reason"], "Operations"))
    end_if_any(company, customer)


def test_lists_and_segments_know_the_band(company: Company) -> None:
    listed = company.surfaces.ask("customers", "--where", "health_band = 'watch'", "--limit", "1000")
    watched = {r["customer_id"] for r in listed}
    assert watched
    with company.program(company.token("operations")) as program:
        found = program.get("/api/v1/customers", params={"health": "watch", "limit": 1000}).json()
    assert {r["customer_id"] for r in found["data"]} == watched
    with company.browser("operations") as browser:
        page = read(browser.get("/customers?health=watch&column=health&column=health_band").text)
        assert int(page.one(attribute="data-total")["data-total"]) == len(watched)
        rule = "match=all&g0=all&c0.group=0&c0.field=health_band&c0.ask=is&c0.value=watch"
        built = read(browser.get(f"/segments/build?{rule}").text)
        assert int(marked(built, "data-figure", "size")["data-value"]) == len(watched)


# ------------------------------------------------------------------------ overrides


def test_an_override_ends_by_hand_and_by_another_and_all_stay_in_the_history(company: Company) -> None:
    customer = scored_customer(company, "E2")
    computed = company.surfaces.ask("health", "show", customer)
    first = overridden(company, customer, band="at_risk")
    assert (first["band"], first["computed_band"], first["score"]) == ("at_risk", computed["computed_band"], computed["score"])
    second = overridden(company, customer, band="", score="90")
    assert (second["band"], second["override"]["score"], [o["state"] for o in second["history"]]) == ("healthy", 90, ["counts", "ended"])
    ended = company.surfaces.ask("health", "override", customer, "--end")
    assert (ended["band"], ended["is_overridden"], [o["state"] for o in ended["history"]]) == (
        computed["computed_band"], False, ["ended", "ended"],
    )  # fmt: skip
    with pytest.raises(KeepwellError, match="No override of the health"):
        company.surfaces.ask("health", "override", customer, "--end")
    with company.browser("administrator") as browser:
        audit = browser.get("/settings/audit").text
    assert audit.count("health override") >= 4


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [("owner", "nobody@example.com", "no user"), ("until", str(TODAY), "future"), ("until", "soon", "no day"), ("reason", "", "reason")],
)
def test_what_an_override_lacks_is_said_and_nothing_is_kept(company: Company, field: str, value: str, fault: str) -> None:
    customer = scored_customer(company, "E4")
    with pytest.raises(KeepwellError, match=fault):
        overridden(company, customer, **{field: value})
    with company.browser("operations") as browser:
        users = {"operations@example.com": "operations@example.com"}
        fields = SAID | {field: value}
        assert form(browser, customer, **{**fields, "owner": users.get(fields["owner"], fields["owner"])}).status_code in {400, 404, 422}
    assert company.surfaces.ask("health", "show", customer)["history"] == []


def test_who_acts_for_customers_overrides_and_only_those_who_are_seen(company: Company) -> None:
    mine, others = scored_customer(company, "E1"), scored_customer(company, "E4")
    for who in ("executive", "marketing", "analyst", "privacy_officer"):
        with company.browser(who) as browser:
            assert form(browser, mine, **SAID).status_code == 403
            assert "/health/override" not in browser.get(f"/customers/{mine}").text
    with company.browser("own") as browser:
        assert form(browser, mine, **SAID).status_code == 303
        assert form(browser, others, **SAID).status_code == 404
        assert "They are about to sign" in browser.get(f"/customers/{mine}").text
        assert form(browser, mine, "override/end").status_code == 303
    assert company.surfaces.ask("health", "show", others)["history"] == []
    with company.program(company.token("operations", "customers:read")) as program:
        assert program.post(f"/api/v1/customers/{mine}/health/override", json=SAID).status_code == 403
    with company.program(company.token("operations")) as program:
        made = program.post(f"/api/v1/customers/{mine}/health/override", json=SAID)
        assert (made.status_code, made.json()["band"]) == (201, "watch")
        assert program.post(f"/api/v1/customers/{mine}/health/override", json={"band": "watch"}).status_code == 400
        assert program.delete(f"/api/v1/customers/{mine}/health/override").json()["is_overridden"] is False
        assert program.delete(f"/api/v1/customers/{mine}/health/override").status_code == 404
        assert program.post("/api/v1/customers/C0000/health/override", json=SAID).status_code == 404


def test_after_its_last_day_an_override_counts_no_more_and_stays_told(company: Company) -> None:
    customer = scored_customer(company, "E3")
    set_at = datetime(2026, 7, 1, 2, tzinfo=UTC)
    last = datetime(2026, 7, 31, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    wanted = Wanted("at_risk", None, "Their buyer left", "service@example.com", last.date())
    place = open_workspace(company.surfaces.folder)

    def seen(at: datetime) -> CustomerHealth:
        return HealthDesk(Workspace(place, FixedClock(at)), store).of(customer)

    with store_of(place) as store:
        HealthDesk(Workspace(place, FixedClock(set_at)), store).override(set_at, Actor(None, "test"), customer, wanted)
        computed = seen(set_at).computed.band
        assert (seen(last).band, seen(last).override) == ("at_risk", seen(last).history[0])
        after = seen(last + timedelta(minutes=1))
        assert (after.band, after.override) == (computed, None)
        assert [(o.reason, o.state(after.today)) for o in after.history] == [("Their buyer left", State.EXPIRED)]
        # another one may follow; the expired one was never ended by anybody
        later = datetime(2026, 8, 15, 2, tzinfo=UTC)
        again = Wanted("watch", None, "Their new buyer called", "service@example.com", later.date() + timedelta(days=9))
        HealthDesk(Workspace(place, FixedClock(later)), store).override(later, Actor(None, "test"), customer, again)
        assert [o.state(later.date()) for o in seen(later).history] == [State.COUNTS, State.EXPIRED]


def test_a_workspace_without_health_says_so(company: Company, tmp_path_factory: pytest.TempPathFactory) -> None:
    from factories.served import served_empty  # noqa: PLC0415 - only here

    empty = served_empty(tmp_path_factory.mktemp("empty"))
    with pytest.raises(KeepwellError, match="has not been computed yet"):
        empty.surfaces.ask("health")
    with empty.browser("operations") as browser:
        assert "Health has not been computed yet." in browser.get("/health").text
    assert company.surfaces.ask("health")["as_of"] == str(AS_OF)
