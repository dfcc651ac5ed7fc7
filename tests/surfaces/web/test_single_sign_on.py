"""Signing in by a real OpenID provider, in a process of its own on this machine: who comes in, who does not, and what attackers get."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page
from typer.testing import CliRunner

from factories.browser import browser_or_skip, faults_or_skip
from factories.provider import Provider, provider
from factories.served import Browser, Company, with_people
from factories.serving import served
from factories.surfaces import Surfaces
from keepwell.access.audit import Actor, Entry, entries
from keepwell.access.oidc import MOST_ON_THE_WAY
from keepwell.access.oidc_provider import SECRET
from keepwell.access.sign_in import MOST_OF_ADDRESS
from keepwell.access.users import disable, enable
from keepwell.core.clock import SystemClock
from keepwell.core.errors import WrongUseError
from keepwell.core.settings import Settings
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.cli.app import app
from keepwell.surfaces.web.app import create_app

CONSOLE = Actor(None, "console")


@pytest.fixture(scope="module")
def there() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture
def honest(there: Provider) -> Provider:
    there.lie()
    return there


@pytest.fixture(scope="module")
def pattern(there: Provider, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace whose people may come by the provider; making their passwords takes seconds."""
    return _firm(tmp_path_factory.mktemp("firm"), there.issuer).surfaces.folder


@pytest.fixture
def firm(tmp_path: Path, pattern: Path, honest: Provider, monkeypatch: pytest.MonkeyPatch) -> Company:
    """A workspace whose people may come by the provider, as it was before anybody did."""
    del honest  # every test begins with one
    monkeypatch.setenv(SECRET, "a secret of the client")
    surfaces = Surfaces(Path(shutil.copytree(pattern, tmp_path / "workspace")))
    return Company(surfaces, create_app(open_workspace(surfaces.folder), SystemClock()))


def _firm(folder: Path, issuer: str) -> Company:
    return with_people(Surfaces.made(folder, oidc_issuer=issuer, oidc_client_id="keepwell", oidc_name="Acme ID"))


def _leave(browser: Browser, wanted: str = "/account") -> str:
    """Where the browser is sent to be recognised."""
    answer = browser.get(f"/sign-in/oidc?{urlencode({'next': wanted})}")
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def _come_back(browser: Browser, at: Provider, subject: str, wanted: str = "/account") -> tuple[int, str, str]:
    """The whole way: status, where it led, and what was told."""
    answer = browser.get(at.sign_in(_leave(browser, wanted), subject))
    return answer.status_code, answer.headers.get("location", ""), answer.text


def _is_in(browser: Browser) -> bool:
    return bool(browser.get("/account").status_code == 200)


def _audit(firm: Company) -> list[Entry]:
    with firm.app.state.site.store.transaction(writes=False) as session:
        return entries(session, limit=10)


def test_first_sign_in_is_by_verified_address_and_later_ones_by_subject(firm: Company, honest: Provider) -> None:
    honest.person("first", email="Analyst@Example.com", email_verified=True)
    with firm.browser() as browser:
        assert _come_back(browser, honest, "first")[:2] == (303, "/account")
        assert "analyst@example.com" in browser.get("/account").text
    told = [(e.user_name, e.action, dict(e.details)) for e in _audit(firm)[:2]]
    assert told == [("Analyst", "signed in", {"by": "single sign-on"}), ("Analyst", "single sign-on linked", {})]
    honest.person("first", email="married@example.com", email_verified=False)
    with firm.browser() as browser:
        assert _come_back(browser, honest, "first")[:2] == (303, "/account")
        assert "analyst@example.com" in browser.get("/account").text


def test_what_the_token_leaves_out_is_asked_for(firm: Company, honest: Provider) -> None:
    honest.person("thin", email="analyst@example.com", email_verified=True)
    honest.lie("thin")
    with firm.browser() as browser:
        assert _come_back(browser, honest, "thin")[:2] == (303, "/account")
        assert _is_in(browser)


@pytest.mark.parametrize(
    ("claims", "status", "told"),
    [
        ({"email": "analyst@example.com", "email_verified": False}, 403, "has not verified"),
        ({"email": "analyst@example.com"}, 403, "has not verified"),
        ({}, 403, "has not verified"),
        ({"email": "stranger@example.com", "email_verified": True}, 403, "There is no account for stranger@example.com"),
        ({"email": "<script>alert(1)</script>@x", "email_verified": True}, 403, "no account for &lt;script&gt;"),
        # the sign of Kelvin, which is a k when it is folded
        ({"email": "mar\u212aeting@example.com", "email_verified": True}, 403, "There is no account for"),
    ],
)
def test_who_is_not_known_for_certain_stays_out(firm: Company, honest: Provider, claims: dict[str, object], status: int, told: str) -> None:
    honest.person("somebody", **claims)
    with firm.browser() as browser:
        found = _come_back(browser, honest, "somebody")
        assert (found[0], _is_in(browser)) == (status, False)
        assert told in found[2]
    assert _audit(firm)[0].action == "sign-in refused"
    assert "stranger@example.com" not in str(_audit(firm)[0])


def test_a_disabled_user_stays_out_and_comes_back_when_enabled(firm: Company, honest: Provider) -> None:
    honest.person("off", email="analyst@example.com", email_verified=True)
    store, at = firm.app.state.site.store, SystemClock().now()
    for turn in ("before the first sign-in", "after it"):
        with store.transaction() as session:
            disable(session, at, CONSOLE, "analyst@example.com")
        with firm.browser() as browser:
            found = _come_back(browser, honest, "off")
            assert (found[0], _is_in(browser)) == (403, False), turn
            assert "disabled" in found[2]
        with store.transaction() as session:
            enable(session, at, CONSOLE, "analyst@example.com")
        with firm.browser() as browser:
            assert _come_back(browser, honest, "off")[0] == 303, turn


def test_an_address_that_was_given_to_somebody_else_does_not_open_the_account(firm: Company, honest: Provider) -> None:
    honest.person("older", email="analyst@example.com", email_verified=True)
    with firm.browser() as browser:
        assert _come_back(browser, honest, "older")[0] == 303
    honest.person("newer", email="analyst@example.com", email_verified=True)
    with firm.browser() as browser:
        found = _come_back(browser, honest, "newer")
        assert (found[0], _is_in(browser)) == (403, False)
        assert "another identity" in found[2]
    assert firm.surfaces.ask("user", "unlink", "analyst@example.com")[0]["email"] == "analyst@example.com"
    with firm.browser() as browser:
        assert _come_back(browser, honest, "newer")[0] == 303
        firm.surfaces.ask("user", "unlink", "analyst@example.com")
        assert not _is_in(browser)


@pytest.mark.parametrize("lie", ["keys", "none", "symmetric", "audience", "issuer", "late", "nonce"])
def test_a_token_that_is_not_in_order_is_refused(firm: Company, honest: Provider, lie: str) -> None:
    honest.person("liar", email="analyst@example.com", email_verified=True)
    honest.lie(lie)
    with firm.browser() as browser:
        found = _come_back(browser, honest, "liar")
        assert (found[0], _is_in(browser)) == (403, False)
        assert "could not be accepted" in found[2]
    honest.lie()
    with firm.browser() as browser:
        assert _come_back(browser, honest, "liar")[0] == 303


def test_a_code_that_was_made_for_another_request_is_refused(firm: Company, honest: Provider) -> None:
    honest.person("victim", email="analyst@example.com", email_verified=True)
    with firm.browser() as browser:
        code = parse_qs(urlsplit(honest.sign_in(_leave(browser), "victim")).query)["code"][0]
    with firm.browser() as thief:
        state = parse_qs(urlsplit(_leave(thief)).query)["state"][0]
        answer = thief.get(f"/sign-in/oidc/back?{urlencode({'code': code, 'state': state})}")
        # PKCE: the provider asks for the word that the first browser's request was made with
        assert (answer.status_code, _is_in(thief)) == (403, False)


def test_an_answer_counts_once(firm: Company, honest: Provider) -> None:
    honest.person("twice", email="analyst@example.com", email_verified=True)
    with firm.browser() as browser:
        back = honest.sign_in(_leave(browser), "twice")
        key = browser.client.cookies["keepwell_sign_on"]
        assert browser.get(back).status_code == 303
        browser.client.cookies.clear()
        browser.client.cookies.set("keepwell_sign_on", key)
        assert browser.get(back).status_code == 400
        assert not _is_in(browser)


def test_an_answer_that_another_browser_began_is_refused_and_waits_for_its_own(firm: Company, honest: Provider) -> None:
    honest.person("mallory", email="operations@example.com", email_verified=True)
    with firm.browser() as attacker, firm.browser() as victim:
        back = honest.sign_in(_leave(attacker), "mallory")
        for key in ("", "begun something of its own"):
            if key:
                _leave(victim)
            assert victim.get(back).status_code == 400
            assert not _is_in(victim)
        assert attacker.get(back).status_code == 303


def test_a_state_that_nobody_gave_out_is_refused(firm: Company, honest: Provider) -> None:
    honest.person("forged", email="analyst@example.com", email_verified=True)
    with firm.browser() as browser:
        back = honest.sign_in(_leave(browser), "forged")
        state = parse_qs(urlsplit(back).query)["state"][0]
        for other in ("", "x" * 43):
            assert browser.get(back.replace(state, other)).status_code == 400
        assert browser.get(f"{back}&iss=https%3A%2F%2Fanother.example").status_code == 403
        assert not _is_in(browser)


def test_two_tabs_may_be_on_the_way_at_once(firm: Company, honest: Provider) -> None:
    honest.person("tabs", email="analyst@example.com", email_verified=True)
    with firm.browser() as browser:
        first, second = _leave(browser, "/account"), _leave(browser, "/settings")
        backs = [honest.sign_in(second, "tabs"), honest.sign_in(first, "tabs")]
        key = browser.client.cookies["keepwell_sign_on"]
        assert browser.get(backs[0]).headers["location"] == "/settings"
        browser.client.cookies.set("keepwell_sign_on", key)
        assert browser.get(backs[1]).headers["location"] == "/account"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"])
def test_what_was_wanted_stays_here(firm: Company, honest: Provider, wanted: str) -> None:
    honest.person("wanting", email="analyst@example.com", email_verified=True)
    with firm.browser() as browser:
        status, led, _ = _come_back(browser, honest, "wanting", wanted)
        assert status == 303
        assert led == "/"


def test_who_cancels_there_is_back_at_the_form(firm: Company, honest: Provider) -> None:
    with firm.browser() as browser:
        url = _leave(browser)
        state = parse_qs(urlsplit(url).query)["state"][0]
        answer = browser.get(f"{honest.cancel(url)}&state={state}")
        assert answer.status_code == 200
        assert "cancelled" in answer.text


def test_a_provider_that_is_down_keeps_nobody_from_the_password(tmp_path: Path) -> None:
    with provider() as brief:
        firm = _firm(tmp_path, brief.issuer)
        brief.person("late", email="analyst@example.com", email_verified=True)
        with firm.browser() as browser:
            back = brief.sign_in(_leave(browser), "late")
            key = browser.client.cookies["keepwell_sign_on"]
    with firm.browser() as browser:
        # it ended while somebody was on the way, and before the next one began
        browser.client.cookies.set("keepwell_sign_on", key)
        for path in (back, "/sign-in/oidc?next=/account"):
            answer = browser.get(path)
            assert answer.status_code == 503
            assert "be reached" in answer.text
        browser.sign_in("analyst")
        assert _is_in(browser)


def test_a_provider_that_is_none_is_told_like_one_that_is_down(tmp_path: Path, honest: Provider) -> None:
    firm = _firm(tmp_path, f"{honest.issuer}/elsewhere")
    with firm.browser() as browser:
        assert browser.get("/sign-in/oidc").status_code == 503


def test_doctor_asks_the_provider(firm: Company, honest: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> tuple[str, str]:
        told = CliRunner().invoke(app, ["-w", str(firm.surfaces.folder), "doctor", "--format", "json"]).stdout
        ((state, words),) = [(f["state"], f["found"]) for f in json.loads(told) if f["check"] == "single sign on"]
        return state, words

    assert found() == ("ok", f"{honest.issuer} answers")
    monkeypatch.delenv(SECRET)
    assert found() == ("warning", f"{honest.issuer} answers, no secret here")
    settings = firm.surfaces.folder / "keepwell.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(honest.issuer, f"{honest.issuer}/elsewhere"), encoding="utf-8")
    assert found()[0] == "failed"


@pytest.mark.parametrize(
    ("issuer", "client", "told"),
    [
        ("https://id.example.com", "", "needs oidc_client_id"),
        ("", "keepwell", "needs oidc_issuer"),
        ("http://id.example.com", "keepwell", "https://"),
        ("http://localhost.example.com", "keepwell", "https://"),
        ("http://127.0.0.1@id.example.com", "keepwell", "https://"),
        ("id.example.com", "keepwell", "https://"),
        ("https://id.example.com/?realm=acme", "keepwell", "https://"),
        ("https://[", "keepwell", "https://"),
    ],
)
def test_a_provider_that_others_could_overhear_or_by_half_is_refused(issuer: str, client: str, told: str) -> None:
    with pytest.raises(WrongUseError) as error:
        Settings(oidc_issuer=issuer, oidc_client_id=client)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "issuer", ["https://id.example.com/realms/acme", "http://localhost:9400", "http://127.0.0.1:9400", "http://[::1]:9400"]
)
def test_https_or_this_machine_will_do(issuer: str) -> None:
    assert Settings(oidc_issuer=issuer, oidc_client_id="keepwell").oidc_issuer == issuer


def test_attempts_are_limited_as_those_with_passwords_are(firm: Company) -> None:
    with firm.browser() as browser:
        for _ in range(MOST_OF_ADDRESS):
            assert browser.get("/sign-in/oidc/back?state=guessed&code=guessed").status_code == 400
        assert browser.get("/sign-in/oidc/back?state=guessed&code=guessed").status_code == 429
        assert browser.get("/sign-in/oidc").status_code == 429


def test_nobody_fills_the_store_by_leaving(firm: Company) -> None:
    with firm.browser() as browser:
        answers = [browser.get("/sign-in/oidc").status_code for _ in range(MOST_ON_THE_WAY + 1)]
    assert answers == [303] * MOST_ON_THE_WAY + [429]


def test_without_a_provider_there_is_no_button_and_no_way(company: Company) -> None:
    with company.browser() as browser:
        assert "/sign-in/oidc" not in browser.get("/sign-in").text
        assert browser.get("/sign-in/oidc").status_code == 404
        assert browser.get("/sign-in/oidc/back?state=x&code=y").status_code == 404


def test_who_is_signed_in_goes_on(firm: Company) -> None:
    with firm.browser("analyst") as browser:
        assert _leave(browser, "/account") == "/account"


def test_a_real_browser_goes_there_and_back(firm: Company, honest: Provider) -> None:
    """What a test client does not do: cookies by their SameSite, the policy of what a page may lead to, forms afterwards."""
    honest.person("seen", email="analyst@example.com", email_verified=True)
    with served(firm.app) as address, browser_or_skip() as chromium:
        page = chromium.new_context(locale="zh-CN", base_url=address.replace("127.0.0.1", "localhost")).new_page()
        page.goto("/sign-in?next=/account")
        assert faults_or_skip(page) == []
        page.get_by_role("link", name="使用 Acme ID 登录").click()
        page.wait_for_url(f"{honest.issuer}/**")
        _recognised(page, "nobody we know")
        assert "尚未验证您的邮箱" in page.get_by_role("alert").inner_text()
        # another look of the form that tells why, and on from there
        page.get_by_role("button", name="English").click()
        page.wait_for_url("**/sign-in?next=/")
        page.get_by_role("link", name="Continue with Acme ID").click()
        page.wait_for_url(f"{honest.issuer}/**")
        _recognised(page, "seen")
        page.wait_for_url(lambda url: urlsplit(url).path == "/")
        page.goto("/account")
        assert "analyst@example.com" in page.content()


def _recognised(page: Page, subject: str) -> None:
    page.locator("input[name=sub]").fill(subject)
    page.locator("input[name=sub]").press("Enter")
    page.wait_for_load_state()
