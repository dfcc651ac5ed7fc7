"""Webhooks as administrators set them up: on the page, by the API, on the command line, each telling the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.browser import browser_or_skip, faults_or_skip
from factories.receiver import receiver
from factories.served import PASSWORD, Company, with_people
from factories.serving import served
from factories.surfaces import Surfaces
from factories.working import Working, wait_until
from keepwell.access.audit import entries
from keepwell.access.webhooks.deliveries import State
from keepwell.access.webhooks.desk import Webhooks
from keepwell.core.clock import SystemClock
from keepwell.surfaces.webhooks import webhooks_of

ORDER = {"order_id": "O1", "customer_id": "C1", "ordered_at": "2026-05-10 12:00:00", "status": "completed", "amount": 12, "currency": "CNY"}
PATH = "/settings/webhooks"
ARTEFACTS = Path(__file__).resolve().parents[3] / ".cache" / "screenshots"
PATIENCE = 120_000  # milliseconds


@pytest.fixture
def firm(tmp_path: Path) -> Company:
    return with_people(Surfaces.made(tmp_path, webhook_hosts="127.0.0.1, [::1]"))


def desk_of(firm: Company) -> Webhooks:
    site = firm.app.state.site
    return webhooks_of(site.place, site.store)


def secret_in(text: str) -> str:
    (found,) = re.findall(r"whsec_[\w+/=]{40,}", text)
    return str(found)


def test_a_webhook_is_made_its_secret_shown_once_and_all_surfaces_tell_of_it(firm: Company) -> None:
    with firm.browser("administrator") as browser:
        token = browser.token(PATH)
        assert "No system sends rows yet" in browser.get(PATH).text
        made = browser.post(f"{PATH}/in", name="<b>Shop</b>", content="entity:orders", form_token=token)
        assert made.status_code == 200
        secret = secret_in(made.text)
        out = browser.post(f"{PATH}/out", name="Warehouse", url="http://127.0.0.1:9/x", kind="run.published", form_token=token)
        other = secret_in(out.text)
        assert other != secret
        page = browser.get(PATH).text
        assert "&lt;b&gt;Shop&lt;/b&gt;" in page
        assert "whsec_" not in page.replace('placeholder="whsec_…"', "")
        hook, subscription = desk_of(firm).all()
        assert f"http://localhost/api/v1/hooks/{hook.hook_id}" in page  # type: ignore[union-attr]  # it is a hook
        assert "A run was published" in page
    told = firm.surfaces.ask("webhook", "list")
    assert [(w["direction"], w["name"], w["is_on"]) for w in told] == [("in", "<b>Shop</b>", True), ("out", "Warehouse", True)]
    with firm.program(firm.token("administrator")) as program:
        answer = program.get("/api/v1/webhooks").json()
        assert answer["data"] == told
        assert set(answer["kinds"]) == {"run.published", "import.finished", "import.undone", "job.failed"}
    with firm.app.state.site.store.transaction(writes=False) as session:
        audited = [(e.action, e.kind, e.user_name) for e in entries(session, limit=50) if e.kind in {"hook", "subscription"}]
    assert audited == [("added", "subscription", "Administrator"), ("added", "hook", "Administrator")]
    assert subscription.name == "Warehouse"


def test_what_can_t_be_is_told_on_the_page_and_nothing_is_made(firm: Company) -> None:
    with firm.browser("administrator") as browser:
        token = browser.token(PATH)
        for form, words in (
            ({"url": "https://10.0.0.1/", "kind": "run.published"}, "not on the open internet"),
            ({"url": "https://127.0.0.2/", "kind": "run.published"}, "webhook_hosts"),
            ({"url": "https://127.0.0.1/"}, "Say which events"),
        ):
            told = browser.post(f"{PATH}/out", name="x", form_token=token, **form)
            assert told.status_code == 400
            assert words in told.text, form
        assert browser.post(f"{PATH}/in", name="x", content="mapping:../x", form_token=token).status_code == 400
    assert desk_of(firm).all() == []


def test_one_is_switched_given_another_secret_deleted_and_brought_back(firm: Company) -> None:
    with firm.browser("administrator") as browser:
        token = browser.token(PATH)
        first = secret_in(browser.post(f"{PATH}/out", name="W", url="http://127.0.0.1:9/", kind="job.failed", form_token=token).text)
        own = desk_of(firm).subscriptions()[0].subscription_id
        assert browser.post(f"{PATH}/{own}/switch", on="no", form_token=token).status_code == 303
        assert desk_of(firm).subscriptions()[0].off_reason == "by_hand"
        # nothing can be sent to one that is off
        assert browser.post(f"{PATH}/{own}/test", form_token=token).status_code == 409
        browser.post(f"{PATH}/{own}/switch", on="yes", form_token=token)
        assert secret_in(browser.post(f"{PATH}/{own}/rotate", form_token=token).text) != first
        assert "two secrets until" in browser.get(PATH).text
        gone = browser.post(f"{PATH}/{own}/delete", form_token=token)
        assert desk_of(firm).all() == []
        assert "Bring it back" in browser.get(gone.headers["location"]).text
        browser.post(f"{PATH}/{own}/restore", form_token=token)
        assert desk_of(firm).subscriptions()[0].is_on
        assert browser.post(f"{PATH}/sub_none/switch", on="no", form_token=token).status_code == 404


def test_the_command_line_and_the_api_do_the_same(firm: Company) -> None:
    made = firm.surfaces.ask("webhook", "receive", "shop", "--as", "orders")
    out = firm.surfaces.ask("webhook", "send", "warehouse", "http://127.0.0.1:9/", "--on", "job.failed", "--on", "run.published")
    assert made["secret"].startswith("whsec_")
    assert (out["kinds"], out["direction"]) == (["job.failed", "run.published"], "out")
    own = out["webhook_id"]
    (off,) = firm.surfaces.ask("webhook", "off", own)
    assert (off["is_on"], off["off_reason"]) == (False, "by_hand")
    assert firm.surfaces.ask("webhook", "on", own)[0]["is_on"]
    (told,) = firm.surfaces.ask("webhook", "test", own)
    (sent,) = firm.surfaces.ask("webhook", "sent", own)
    assert (sent["delivery_id"], sent["kind"], sent["state"], sent["attempts"]) == (told["delivery_id"], "webhook.test", "waiting", [])
    assert firm.surfaces.ask("webhook", "rotate", own, "--at-once")["both_until"] is None
    with firm.program(firm.token("administrator")) as program:
        assert program.get(f"/api/v1/webhooks/{own}/deliveries").json()["data"] == [sent]
        answer = program.post("/api/v1/webhooks/in", json={"name": "crm", "entity": "customers"})
        assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
        crm = answer.json()["webhook_id"]
        new = program.post(f"/api/v1/webhooks/{crm}/rotate").json()
        assert new["secret"] != answer.json()["secret"]
        assert program.post(f"/api/v1/webhooks/{crm}/switch", json={"on": False}).json()["is_on"] is False
        assert program.post(f"/api/v1/webhooks/{crm}/delete").json() == {"webhook_id": crm, "is_deleted": True}
        assert program.post(f"/api/v1/webhooks/{crm}/restore").json()["name"] == "crm"
        assert program.post(f"/api/v1/webhooks/{own}/test").status_code == 202
        assert program.post(f"/api/v1/webhooks/{crm}/test").status_code == 400
        assert program.post("/api/v1/webhooks/sub_none/rotate").status_code == 404


def test_rows_come_in_through_a_mapping(firm: Company) -> None:
    from standardwebhooks.webhooks import Webhook  # noqa: PLC0415 - the one test that signs

    folder = firm.surfaces.folder / "mappings"
    folder.mkdir(exist_ok=True)
    columns = "order_id: id, customer_id: who, ordered_at: day, amount: sum"
    mapping = f"version: 1\nconstants: {{currency: CNY, status: completed}}\nentities:\n  orders: {{columns: {{{columns}}}}}\n"
    (folder / "shop.yaml").write_text(mapping, encoding="utf-8")
    made = firm.surfaces.ask("webhook", "receive", "shop", "--mapping", "shop.yaml")
    body, at = '{"id": "9", "who": "C9", "day": "2026-05-01", "sum": "7.50"}', SystemClock().now()
    mark = Webhook(made["secret"]).sign("m1", at, body)
    headers = {"webhook-id": "m1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": mark}
    with firm.program(None) as program:
        told = program.post(f"/api/v1/hooks/{made['webhook_id']}", content=body, headers=headers)
    assert told.json()["entities"][0]["inserted"] == 1, told.text


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Company, str]]:
    """A firm whose page shows every state: arrived, on its way, off."""
    folder = tmp_path_factory.mktemp("busy")
    found = with_people(Surfaces.made(folder, webhook_hosts="127.0.0.1"))
    with receiver(folder / "there") as there:
        good = found.surfaces.ask("webhook", "send", "Warehouse", there.url, "--on", "import.finished", "--on", "run.published")
        bad = found.surfaces.ask("webhook", "send", "Old CRM", "http://127.0.0.1:9/", "--on", "import.finished")
        found.surfaces.ask("webhook", "receive", "Shop", "--as", "orders")
        found.surfaces.ask("webhook", "rotate", good["webhook_id"])
        there.knows(good["secret"])
        desk = desk_of(found)
        with Working(found.surfaces.folder, found.app.state.site.jobs).worker():
            found.surfaces.bring("orders", [ORDER])
            wait_until(
                lambda: (
                    any(d.state is State.DELIVERED for d in desk.deliveries())
                    and any(d.attempts for d in desk.deliveries(bad["webhook_id"]))
                )
            )
        assert all(c["is_right"] for c in there.came)
        found.surfaces.ask("webhook", "off", bad["webhook_id"])
    with served(found.app) as address:
        yield found, address


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "words"), [("en-US", ("arrived", "can't be reached")), ("zh-CN", ("已送达", "无法连接"))])
def test_the_page_shows_what_became_of_events_and_everybody_can_read_it(
    busy: tuple[Company, str], locale: str, words: tuple[str, ...]
) -> None:
    _, address = busy
    with browser_or_skip() as browser:
        page = browser.new_context(viewport={"width": 1280, "height": 900}, locale=locale).new_page()
        page.set_default_timeout(PATIENCE)
        wrong: list[str] = []
        page.goto(f"{address}/sign-in")
        page.fill("#email", "administrator@example.com")
        page.fill("#password", PASSWORD)
        page.click("button.btn-primary")
        page.wait_for_url(f"{address}/**")
        page.on("console", lambda m: wrong.append(m.text) if m.type in {"error", "warning"} else None)
        page.goto(address + PATH)
        page.wait_for_load_state("networkidle")
        lang = page.locator("html").get_attribute("lang")
        if lang != locale.replace("en-US", "en"):
            page.click(".kw-look button[name=locale]")
            page.wait_for_load_state("networkidle")
        text = page.inner_text("main")
        assert all(w in text for w in words), text
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
            ARTEFACTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=ARTEFACTS / f"webhooks-full-{locale[:2]}-{width}.png", full_page=True)
            assert faults_or_skip(page) == []
        # by keyboard and mouse: make one, see its secret, delete it, bring it back
        page.set_viewport_size({"width": 1280, "height": 900})
        page.fill("form[action$='/in'] input[name=name]", f"ERP {locale}")
        page.select_option("form[action$='/in'] select", "entity:customers")
        page.click("form[action$='/in'] button")
        page.wait_for_selector("[data-secret]")
        assert page.inner_text("[data-secret]").startswith("whsec_")
        assert faults_or_skip(page) == []
        page.locator("section[aria-labelledby=in] tbody tr", has_text=f"ERP {locale}").locator("form[action$='/delete'] button").click()
        page.wait_for_url("**?deleted=hook_*")
        page.click("form[action$='/restore'] button")
        page.wait_for_url(f"{address}{PATH}")
        assert page.locator("section[aria-labelledby=in] tbody tr", has_text=f"ERP {locale}").count() == 1
        assert wrong == []
        page.context.close()


def test_what_was_sent_may_be_taken_along_by_who_may_export_only(firm: Company) -> None:
    with firm.browser("administrator") as browser:
        # who manages settings exports nothing here
        assert browser.get(f"{PATH}/download/deliveries.csv").status_code == 403
    with firm.browser("analyst") as browser:
        assert browser.get(PATH).status_code == 403
