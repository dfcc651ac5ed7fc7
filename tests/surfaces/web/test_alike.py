"""Every number on every page is the command line's and the API's for the same slice.

The walk opens every page of the table of routes, reads out every table, tile, list and figure, and compares each with what the command line and the API answer.
A table without a name, a name without a comparison, and a page that is neither walked nor excused fail here.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from typer.testing import CliRunner

from factories.boosting import boosted
from factories.compared import appraisals, cards, customers, data, kpis, reviews, schedules, targets
from factories.compared.block import At, Compare, blocks, check_words
from factories.markup import read
from factories.served import Browser, Company, demo_company
from factories.told import Told
from keepwell.access.users import user_of
from keepwell.core.clock import SystemClock
from keepwell.core.errors import KeepwellError
from keepwell.core.workspace import open_workspace
from keepwell.performance.alerts.condition import When
from keepwell.performance.alerts.service import NewAlert, add_alert
from keepwell.store.db import store_of
from keepwell.surfaces.alerts import look
from keepwell.surfaces.cli.app import app
from keepwell.surfaces.web.app import all_routes

pytestmark = [pytest.mark.slow, boosted]
COMPARED: dict[tuple[str, str], Compare | str] = {
    **kpis.BLOCKS,
    **customers.BLOCKS,
    **data.BLOCKS,
    **targets.BLOCKS,
    **appraisals.BLOCKS,
    **cards.BLOCKS,
    **schedules.BLOCKS,
    **reviews.BLOCKS,
}
PERIOD = "2026-10"
# pages that show no number of the business, or only what another one shows
NOT_WALKED = {
    "/sign-in": "a form",
    "/sign-in/oidc": "leads elsewhere",
    "/sign-in/oidc/back": "leads elsewhere",
    "/kpi/{name}/reason": "two parts of what /kpi/{name}/why shows, which is compared",
    "/search/suggestions": "the first of what /search shows, which is compared",
    "/data/import/{draft_id}/mapping.yaml": "a file",
    "/data/jobs/{job_id}": "one of the jobs that /data/jobs lists; what an import became is compared at /data/imports/{import_id}",
    "/data/jobs/{job_id}/events": "what /data/jobs/{job_id} shows, as it goes",
    "/views": "names of addresses that people saved, no number",
    "/pins": "names of KPIs; their readings stand on the Overview, which is compared",
    "/team/appraisals/{appraisal_id}/rate": "a form, for who is asked",
    "/reviews/file": "the review as a file; tests/surfaces/reports compares its numbers with the API",
    "/data/jobs-now": "words: how many jobs are under way",
}
WEIGHTS = {"weight.contact_coverage": "30", "weight.retention_rate": "10"}
RULE = {"match": "all", "g0": "all", "c0.group": "0", "c0.field": "net_amount", "c0.ask": "at_least", "c0.value": "2000"}
UPLOAD = "order_id,customer_id,ordered_at,status,amount,currency\nW1,C0000000,2026-10-05 10:00:00,completed,12.5,CNY\nW2,C0000000,2026-10-05 10:00:00,completed,many,CNY\n"
# one who sees a part of the customers: the own ones
PART, EVERYBODY, KEEPER = "part", "operations", "administrator"
SEES_A_PART = (
    "/",
    "/todo",
    "/scorecard",
    "/scorecard/cards",
    "/scorecard/cards/company",
    "/customers",
    "/segments",
    "/retention",
    "/health",
)


@dataclass(frozen=True)
class Prepared:
    """The company, and things in it that pages are about."""

    company: Company
    segment: str
    draft: str
    import_id: str
    appraised: tuple[str, str]  # a round, and one in it who was assessed
    targets: tuple[str, ...]  # of a month, of a quarter's sum, of a region
    customers: tuple[str, ...]  # a company with others below it, a subscriber, the best buyer, one who has bought nothing
    mine: str

    def addresses(self) -> Iterator[str]:
        """Every page, most in more than one way."""
        yield from ("/todo", "/", f"/?period={PERIOD}&compare=year", "/scorecard", "/scorecard?period=2026-09")
        yield from (
            "/scorecard/cards",
            "/scorecard/cards/company",
            "/scorecard/cards/customer-relations-officer",
            "/scorecard/cards/airline-loyalty",
        )
        yield from ("/scorecard/cards/company/edit", "/scorecard/cards/company/published/2026-09")
        for name in ("nps", "revenue", "first_response_time", "training_hours"):
            yield f"/kpi/{name}?period={PERIOD}"
        yield from (
            f"/kpi/revenue/by/channel?period={PERIOD}",
            f"/kpi/nps/by/channel?period={PERIOD}",
            f"/kpi/orders/by/region?period={PERIOD}",
        )
        yield from (
            f"/kpi/revenue/why?period={PERIOD}",
            f"/kpi/revenue/why?period={PERIOD}&way=1",
            f"/kpi/retention_rate/why?period={PERIOD}",
        )
        yield from (
            f"/kpi/nps/rows?period={PERIOD}",
            f"/kpi/revenue/rows?period={PERIOD}",
            "/kpi/nps/definition",
            "/kpi/revenue/definition",
        )
        yield from (
            "/customers",
            "/customers?tier=A&sort=-net_amount&column=net_amount&column=orders&column=churn_probability",
            "/customers?from=50",
            *(f"/customers?attention={name}" for name in kpis.ATTENTIONS),
        )
        for customer in self.customers:
            yield from (f"/customers/{customer}", f"/customers/{customer}/timeline")
        yield from ("/segments", "/segments?state=tier&show=value", f"/segments/{self.segment}", f"/segments/build?{urlencode(RULE)}")
        yield from ("/team", "/team?ended=yes", "/team/new", "/team/new?kpi=csat&value=90%25&by=2027-03")
        yield from (f"/team/targets/{t}" for t in self.targets)
        appraised, one = self.appraised
        yield from ("/team/appraisals", f"/team/appraisals/rounds/{appraised}", f"/team/appraisals/{one}")
        yield f"/team/appraisals/rounds/{appraised}?{urlencode(WEIGHTS)}"
        yield from ("/retention", "/retention?measure=unbounded&by=kind", "/predictions", "/health")
        yield from (f"/predictions/{m['name']}" for m in self.company.surfaces.ask("models"))
        yield from ("/data", "/data/imports", f"/data/imports/{self.import_id}", f"/data/imports/{self.import_id}/undo", "/data/runs")
        yield from ("/data/quality?entity=customers", "/data/lineage?entity=consents", "/data/jobs", "/data/import")
        yield from (f"{self.draft}/mapping", f"{self.draft}/check")
        yield from (
            "/settings",
            "/settings/users",
            "/settings/tokens",
            "/settings/webhooks",
            "/schedules",
            f"/reviews?period={PERIOD}",
            f"/reviews/assembled?period={PERIOD}",
            "/inbox",
            "/settings/audit",
            "/account",
            "/search?q=C00000",
            "/search?q=revenue",
            "/search?q=often",
            "/search?q=segments",
        )

    def of_a_part(self) -> Iterator[str]:
        """The pages whose numbers are another person's."""
        yield from (f"/customers/{self.mine}", f"/customers/{self.mine}/timeline")
        for address in self.addresses():
            path = urlsplit(address).path
            if (path in SEES_A_PART and "2026-09" not in address) or path.startswith(
                ("/kpi/revenue", "/kpi/nps/by", "/kpi/nps/rows", "/segments/")
            ):
                yield address


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    company = demo_company(tmp_path_factory.mktemp("demo"))
    told = company.surfaces.python.customers(columns=["customer_id", "net_amount", "paid_monthly", "parent_id", "owner_id"]).to_json()
    with company.browser(PART) as browser:
        mine = read(browser.get("/customers").text).one("tr", "data-customer")["data-customer"]
    with company.browser(EVERYBODY) as browser:
        segment, draft = _saved(browser), _uploaded(company, browser)
        browser.post("/data/refresh", form_token=browser.token())
    company.surfaces.ask("webhook", "receive", "shop", "--as", "orders")
    # nobody is at work here, so nothing is sent
    sent = company.surfaces.ask("webhook", "send", "crm", "http://127.0.0.1:9/", "--on", "run.published")
    company.surfaces.ask("webhook", "test", sent["webhook_id"])
    company.surfaces.ask("channel", "add", "Service chat", "--address", "dingtalk://abcdefgh12345678")
    to = ("--to", f"{EVERYBODY}@example.com", "--channel", "Service chat", "--as", f"{EVERYBODY}@example.com")
    company.surfaces.ask("schedule", "review", "Monthly", *to)
    company.surfaces.ask("schedule", "refresh", "Nightly")
    company.surfaces.ask("schedule", "off", "Nightly")
    CliRunner().invoke(
        app, ["-w", str(company.surfaces.folder), "schedule", "test-mail", f"{EVERYBODY}@example.com"], catch_exceptions=False
    )
    aims = (("nps", "40", "2027-03"), ("revenue", "900000", "2026-Q4"), ("orders", "100", "2027-02", "--of", "region=East"))
    for kpi, value, by, *more in aims:
        company.surfaces.ask("target", "set", kpi, value, "--by", by, "--why", "growth", *more)
    _told(company)
    company.surfaces.ask("review", "decide", "Answer sooner", "--period", "2026-09", "--kpi", "first_response_time", "--effect", "-1h")
    company.surfaces.ask(
        "review", "act", "Hire", "--who", f"{EVERYBODY}@example.com", "--until", "2026-10-15", "--period", "2026-09", "--kpi", "revenue"
    )
    company.surfaces.ask("review", "point", "Budget", "--period", PERIOD)
    company.surfaces.ask("review", "note", "A rival opened", "--source", "the paper", "--on", "2026-10-10", "--kpi", "nps", "--value", "45")
    _carded(company)
    aimed = tuple(t["target_id"] for t in company.surfaces.ask("target", "list"))
    appraised = _appraised(company)
    parent = next(c["parent_id"] for c in told if c["parent_id"])
    payer = max(told, key=lambda c: float(c["paid_monthly"] or 0))["customer_id"]
    buyer = max(told, key=lambda c: float(c["net_amount"] or 0))["customer_id"]
    until = str(company.surfaces.python.today + timedelta(days=30))
    said = ("--band", "watch", "--reason", "They are about to sign", "--owner", f"{EVERYBODY}@example.com", "--until", until)
    for overridden in (mine, buyer):
        company.surfaces.ask("health", "override", overridden, *said)
    imported = company.surfaces.ask("imports")[-1]["import_id"]
    prospect = next(c["customer_id"] for c in told if c["net_amount"] is None)
    return Prepared(company, segment, draft, imported, appraised, aimed, (parent, payer, buyer, prospect), mine)


def _told(company: Company) -> None:
    """Alerts of long ago, and what the worker told of the published run."""
    place, at = open_workspace(company.surfaces.folder), datetime(2026, 6, 1, tzinfo=UTC)
    with store_of(place) as store:
        with store.transaction() as session:
            user = user_of(session, f"{EVERYBODY}@example.com")
            for name, when in (
                ("revenue", When.TARGET),
                ("stage_conversion", When.CHANGE),
                ("first_response_time", When.WORSE),
                ("nps", When.ANOMALY),
            ):
                add_alert(session, at, user.as_actor(), user, NewAlert(name, when))
        assert look(place, SystemClock(), store, company.surfaces.ask("runs")[-1]["run_id"]) > 1


def _carded(company: Company) -> None:
    """A card that was published, and after it changed twice."""
    company.surfaces.ask("scorecard", "company", "--period", "2026-09", "--publish")
    with company.program(company.token(EVERYBODY)) as program:
        for excellent, first in ((95, 40), (90, 50)):
            definition = program.get("/api/v1/scorecards/company/definition").json()["definition"]
            definition["grades"] = {"excellent": excellent, "good": 70, "fair": 60}
            items = definition["perspectives"][0]["items"]
            items[0]["weight"], items[1]["weight"] = first, 70 - first
            assert program.put("/api/v1/scorecards/company", json={"definition": definition}).status_code == 200


def _appraised(company: Company) -> tuple[str, str]:
    """A round that is under way; gives its id, and one in it who was assessed."""
    found = company.surfaces.ask("appraise", "open", "account-owner", "--period", "2026-Q3")
    key = found["appraisals"][0]["appraisal_id"]
    company.surfaces.ask("appraise", "ask", key, "Firm A", "--kind", "customer")
    company.surfaces.ask("appraise", "train", key, "Contract law", "--due", "2026-12-31")
    company.surfaces.ask(
        "appraise", "assess", key, "--mark", "mutual_familiarity=7", "--objective", "60:80:Learn", "--objective", "40:100:Mentor"
    )
    return found["round_id"], key


def _saved(browser: Browser) -> str:
    """Two segments that have customers in common; gives the first one's place."""
    rule = '{"match": "all", "groups": [{"match": "all", "conditions": [{"field": "%s", "ask": "at_least", "values": ["%s"]}]}]}'
    made = [
        browser.post("/segments", name=name, rule=rule % (field, least), note="", form_token=browser.token()).headers["location"]
        for name, field, least in (("Large", "net_amount", 5_000), ("Often", "orders", 5))
    ]
    return str(made[0]).rpartition("/")[2]


def _uploaded(company: Company, browser: Browser) -> str:
    """A file with one row that can't be read, uploaded and checked; gives its address."""
    (company.surfaces.folder.parent / "walked.csv").write_text(UPLOAD, encoding="utf-8")
    headers = {"x-form-token": browser.token(), "x-file-name": "walked.csv", "content-type": "application/octet-stream"}
    path = str(browser.client.post("/data/import", content=UPLOAD.encode(), headers=headers).headers["location"]).removesuffix("/mapping")
    columns = UPLOAD.splitlines()[0].split(",")
    browser.client.post(f"{path}/entity", data={"entity": "orders", "form_token": browser.token()})
    answer = browser.client.post(f"{path}/mapping", data={"file_column": columns, "target": columns, "form_token": browser.token()})
    assert answer.headers["location"] == f"{path}/check", answer.text
    return path


def _who(route: str) -> str:
    return KEEPER if route.startswith("/settings") else EVERYBODY


def _route_of(address: str) -> tuple[str, dict[str, str]]:
    """The route of an address, and what stands in its places."""
    path = urlsplit(address).path
    for route in (r.path for r in all_routes() if not r.writes and "download" not in r.path):
        found = re.fullmatch(re.sub(r"{(\w+)(?::\w+)?}", r"(?P<\1>[^/]+)", route), path)
        if found and not (route == "/segments/{segment_id}" and path == "/segments/build"):
            return route, found.groupdict()
    raise AssertionError(f"no route has {address}")


def _opened(browser: Browser, address: str, locale: str) -> At:
    answer = browser.get(address)
    assert answer.status_code == 200, (address, answer.status_code, answer.text[:2_000])
    page = read(answer.text)
    route, places = _route_of(address)
    return At(route, address, places, locale, page.one("main"))


def _compared_or_none(route: str, name: str) -> Compare | str | None:
    """What a block is compared with: by its name, or by the beginning of a name that ends with a dash."""
    kinds = [n for r, n in COMPARED if r == route and (n == name or (n.endswith("-") and name.startswith(n)))]
    return COMPARED[route, kinds[0]] if kinds else None


@pytest.fixture(scope="module")
def told(prepared: Prepared) -> Iterator[dict[str, Told]]:
    """What each person is told; a question is asked once for both languages."""
    with ExitStack() as opened:
        company = prepared.company
        programs = {who: opened.enter_context(company.program(company.token(who))) for who in (EVERYBODY, KEEPER, PART)}
        yield {who: Told(company, program, who != PART) for who, program in programs.items()}


def _walked(company: Company, who: str, told: Told, addresses: list[str], locale: str, seen: set[tuple[str, str]]) -> list[str]:
    """Open the pages as that person and compare whatever stands there; gives what differs."""
    faults: list[str] = []
    with company.browser(who) as browser:
        browser.post("/look", locale=locale, next="/", form_token=browser.token())
        for address in addresses:
            try:
                at = _opened(browser, address, locale)
                found = list(blocks(at.main))
                check_words(at.main)
            except AssertionError as error:
                faults.append(f"{who} {locale} {address}: {error}")
                continue
            for name, block in found:
                compare = _compared_or_none(at.route, name)
                seen.add((at.route, name))
                if compare is None:
                    faults.append(f"{address}: {name} is compared with nothing: add it to BLOCKS of factories/compared")
                elif not isinstance(compare, str):
                    try:
                        compare(told, at, block)
                    except (AssertionError, LookupError, ValueError, KeepwellError) as error:
                        faults.append(f"{who} {locale} {address} {name}: {type(error).__name__} {str(error)[:600]}")
        browser.post("/look", locale="en", next="/", form_token=browser.token())
    return faults


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_every_number_of_every_page_is_the_command_lines_and_the_apis(prepared: Prepared, told: dict[str, Told], locale: str) -> None:
    seen: set[tuple[str, str]] = set()
    faults = []
    for who in (EVERYBODY, KEEPER):
        addresses = [a for a in prepared.addresses() if _who(_route_of(a)[0]) == who]
        faults += _walked(prepared.company, who, told[who], addresses, locale, seen)
    assert not faults, "\n".join(faults)
    unseen = {k for k in COMPARED if not any(r == k[0] and (n == k[1] or (k[1].endswith("-") and n.startswith(k[1]))) for r, n in seen)}
    assert not unseen, "comparisons of what no page has"


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_numbers_of_who_sees_a_part_are_those_of_the_persons_own_token(prepared: Prepared, told: dict[str, Told], locale: str) -> None:
    faults = _walked(prepared.company, PART, told[PART], list(prepared.of_a_part()), locale, set())
    assert not faults, "\n".join(faults)


def test_every_page_is_walked_or_excused(prepared: Prepared) -> None:
    walked = {_route_of(a)[0] for a in prepared.addresses()}
    pages = {r.path for r in all_routes() if not r.writes and "download" not in r.path}
    assert walked | set(NOT_WALKED) == pages
    assert not walked & set(NOT_WALKED)
