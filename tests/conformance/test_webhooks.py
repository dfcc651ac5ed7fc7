"""Row 27 of the catalogue: a webhook that is replayed after five minutes, badly signed, or sent to a private address is refused.

What comes in is signed by the package standardwebhooks, another party's implementation.
"""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook
from starlette.testclient import TestClient

from factories.hands import Hands
from factories.receiver import certificate_for, receiver
from factories.served import Company, with_people
from factories.surfaces import Surfaces
from keepwell.access.audit import Actor, Entry, entries
from keepwell.access.webhooks.desk import Made, Webhooks
from keepwell.access.webhooks.hooks import NewHook
from keepwell.access.webhooks.sending import send
from keepwell.access.webhooks.subscriptions import NewSubscription
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.web.app import create_app
from keepwell.surfaces.worker.event import EVENTS

T0 = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OLGA = Actor(None, "Olga")
ORDER = {
    "order_id": "W1",
    "customer_id": "C1",
    "ordered_at": "2026-11-01 10:00:00",
    "status": "completed",
    "amount": 12.5,
    "currency": "CNY",
}


class Door:
    """A hook of a served workspace, and who knows its secret."""

    def __init__(self, company: Company, clock: Hands) -> None:
        self.company, self.clock = company, clock
        self.made: Made = self.desk.add_hook(clock.now(), OLGA, NewHook("shop", entity="orders"))
        self.path = f"/api/v1/hooks/{self.made.webhook.hook_id}"  # type: ignore[union-attr]  # it is a hook
        self.client = TestClient(company.app, base_url="http://localhost", raise_server_exceptions=False)

    @property
    def desk(self) -> Webhooks:
        return Webhooks(self.company.app.state.site.place, self.company.app.state.site.store, EVENTS)

    def signed(self, body: str, message_id: str = "m1", at: datetime | None = None, secret: str | None = None) -> dict[str, str]:
        sent = at or self.clock.now()
        mark = Webhook(secret or self.made.secret).sign(message_id, sent, body)
        return {"webhook-id": message_id, "webhook-timestamp": str(int(sent.timestamp())), "webhook-signature": mark}

    def post(self, body: str, headers: dict[str, str], path: str | None = None) -> Any:
        return self.client.post(path or self.path, content=body.encode(), headers=headers)

    def orders(self) -> int:
        return self.company.surfaces.python.lake.snapshot().rows("orders")

    def refusals(self) -> list[Entry]:
        with self.company.app.state.site.store.transaction(writes=False) as session:
            return [e for e in entries(session, kind="hook", limit=500) if e.action == "webhook refused"]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return with_people(Surfaces.made(tmp_path_factory.mktemp("firm")))


@pytest.fixture
def door(company: Company, tmp_path: Path) -> Iterator[Door]:
    """A workspace of its own, on whose clock the test has its hand."""
    del company  # its people are not needed here
    surfaces = Surfaces.made(tmp_path)
    clock = Hands(T0)
    found = Door(Company(surfaces, create_app(open_workspace(surfaces.folder), clock)), clock)
    with found.client:
        yield found


def test_27_rows_that_are_signed_land_once_and_are_answered_alike(door: Door) -> None:
    body = json.dumps([ORDER, ORDER | {"order_id": "W2"}])
    headers = door.signed(body)
    first = door.post(body, headers)
    assert first.status_code == 200, first.text
    assert first.json()["entities"][0]["inserted"] == 2
    assert door.orders() == 2
    door.clock.go_on(minutes=4, seconds=59)
    again = door.post(body, headers)
    assert (again.status_code, again.json(), again.headers["idempotent-replayed"]) == (200, first.json(), "true")
    # sent again by its owner days later, with a new time and the same id, as Standard Webhooks has it
    door.clock.go_on(days=2)
    late = door.post(body, door.signed(body))
    assert (late.status_code, late.json()) == (200, first.json())
    assert len(door.company.surfaces.python.lake.changes()) == 1
    # the same id for something else
    assert door.post(json.dumps(ORDER), door.signed(json.dumps(ORDER))).status_code == 409


def test_27_a_webhook_that_is_replayed_after_five_minutes_is_refused(door: Door) -> None:
    body = json.dumps(ORDER)
    headers = door.signed(body)
    door.clock.go_on(minutes=5, seconds=1)
    assert door.post(body, headers).status_code == 401
    ahead = door.signed(body, at=door.clock.now() + timedelta(minutes=5, seconds=1))
    assert door.post(body, ahead).status_code == 401
    assert door.orders() == 0
    assert {r.details["reason"] for r in door.refusals()} == {"stale"}
    assert door.post(body, door.signed(body, at=door.clock.now() + timedelta(minutes=4, seconds=59))).status_code == 200


def test_27_a_webhook_that_is_badly_signed_is_refused_and_all_refusals_are_alike(door: Door) -> None:
    body = json.dumps(ORDER)
    good = door.signed(body)
    other = "whsec_" + base64.b64encode(b"k" * 32).decode()
    wrong: list[tuple[str, dict[str, str], str | None]] = [
        (body, door.signed(body, secret=other), None),
        (body.replace("12.5", "99.5"), good, None),
        (body + " ", good, None),
        (body, good | {"webhook-id": "m2"}, None),
        (body, good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}, None),
        (body, good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v2,")}, None),
        (body, good | {"webhook-signature": "v1,"}, None),
        (body, good | {"webhook-signature": "nonsense , ,,"}, None),
        *((body, {k: v for k, v in good.items() if k != left}, None) for left in good),
        (body, good | {"webhook-timestamp": "-1"}, None),
        (body, good | {"webhook-timestamp": "1e9"}, None),
        (body, good | {"webhook-id": ""}, None),
        (body, good, "/api/v1/hooks/hook_none"),
        (body, good, "/api/v1/hooks/%00%20"),
    ]
    told = []
    for number, (sent, headers, path) in enumerate(wrong):
        # past what is written down of one address
        door.clock.go_on(minutes=16) if number in {8, 16} else None
        told.append(door.post(sent, headers, path))
    late = [t for n, t in enumerate(told) if n >= 8]
    assert {t.status_code for t in told} == {401}
    assert {t.text for t in told} == {told[0].text}
    assert {t.headers["www-authenticate"] for t in late} == {"Signature"}
    assert told[0].headers["content-type"] == "application/problem+json"
    assert door.orders() == 0
    reasons = {r.details["reason"] for r in door.refusals()}
    assert {"wrong signature", "malformed", "unknown hook"} <= reasons
    door.clock.go_on(minutes=16)
    assert door.post(body, door.signed(body)).status_code == 200


def test_27_refusals_are_written_down_without_flooding_and_keep_nobody_out(door: Door) -> None:
    body = json.dumps(ORDER)
    bad = door.signed(body) | {"webhook-signature": "v1,AAAA"}
    assert [door.post(body, bad).status_code for _ in range(14)] == [401] * 10 + [429] * 4
    assert len(door.refusals()) == 10
    # nobody can tell an unknown hook from one that is there
    assert [door.post(body, bad, "/api/v1/hooks/hook_x").status_code for _ in range(11)] == [401] * 10 + [429]
    # who knows the secret is heard all the while
    assert door.post(body, door.signed(body)).status_code == 200
    text = str(door.refusals())
    assert door.made.secret not in text
    assert "W1" not in text


def test_27_two_secrets_count_while_they_are_changed_and_then_the_new_one(door: Door) -> None:
    own, body = door.path.rpartition("/")[2], json.dumps(ORDER)
    new = door.desk.rotate(door.clock.now(), OLGA, own).secret
    assert door.post(body, door.signed(body, "a")).status_code == 200
    assert door.post(body, door.signed(body, "b", secret=new)).status_code == 200
    # a sender that changes signs with both
    both = door.signed(body, "c")
    both["webhook-signature"] += " " + door.signed(body, "c", secret=new)["webhook-signature"]
    door.clock.go_on(minutes=1)
    assert door.post(body, both).status_code == 200
    door.clock.go_on(hours=24)
    assert door.post(body, door.signed(body, "d")).status_code == 401
    assert door.post(body, door.signed(body, "e", secret=new)).status_code == 200
    newest = door.desk.rotate(door.clock.now(), OLGA, own, at_once=True).secret
    assert door.post(body, door.signed(body, "f", secret=new)).status_code == 401
    assert door.post(body, door.signed(body, "g", secret=newest)).status_code == 200


def test_27_a_hook_that_is_off_or_deleted_refuses_like_one_that_never_was(door: Door) -> None:
    own, body = door.path.rpartition("/")[2], json.dumps(ORDER)
    door.desk.switch(door.clock.now(), OLGA, own, on=False)
    off = door.post(body, door.signed(body))
    assert (off.status_code, off.text) == (401, door.post(body, door.signed(body), "/api/v1/hooks/hook_x").text)
    door.desk.switch(door.clock.now(), OLGA, own, on=True)
    door.desk.delete(door.clock.now(), OLGA, own)
    assert door.post(body, door.signed(body)).status_code == 401
    door.desk.restore(door.clock.now(), OLGA, own)
    assert door.post(body, door.signed(body)).status_code == 200


def test_27_a_message_that_is_too_large_or_no_rows_is_told_and_may_be_sent_again(door: Door) -> None:
    large = "[" + " " * (10 * 1024 * 1024) + "]"
    assert door.post(large, door.signed(large)).status_code == 413
    many = json.dumps([ORDER] * 5_001)
    assert door.post(many, door.signed(many, "many")).status_code == 413
    for n, body in enumerate(("", "no json", "[]", "{}", "3", '["a"]', "[" * 100_000)):
        assert door.post(body, door.signed(body, f"bad{n}")).status_code == 400, body[:20]
    wrapped = json.dumps({"type": "order.paid", "timestamp": "2026-11-20T09:00:00Z", "data": ORDER})
    assert door.post(wrapped, door.signed(wrapped, "bad0")).status_code == 200
    assert door.orders() == 1


PRIVATE = (  # in all the ways to write them
    "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
    "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[::ffff:10.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::a00:1]", "[fd00:ec2::254]", "[fe80::1]",
    "[ff02::1]", "[2002:7f00:1::]", "[fec0::1]", "168.63.129.16", "100.100.100.200", "localhost",
)  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_27_a_webhook_to_a_private_address_is_refused_when_it_is_made_and_when_it_is_sent(company: Company, scheme: str, host: str) -> None:
    url = f"{scheme}://{host}/hooks"
    with company.program(company.token("administrator", "webhooks:read", "webhooks:write")) as program:
        told = program.post("/api/v1/webhooks/out", json={"name": "x", "url": url, "kinds": ["run.published"]})
        assert told.status_code == 400, told.text
        assert program.get("/api/v1/webhooks").json()["data"] == []
    # some ways to write an address are none at all to who sends
    assert str(send(url, {}, b"{}", frozenset()).fault) in {"insecure" if scheme == "http" else "private", "malformed"}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "https://user:secret@example.com/",
        "https://example.com/#x",
        "//example.com",
        "javascript:1",
        "https://[::1%25lo]/",
        "https:///x",
    ],
)
def test_27_what_is_no_address_for_webhooks_is_refused_without_repeating_it(company: Company, url: str) -> None:
    with company.program(company.token("administrator", "webhooks:write")) as program:
        told = program.post("/api/v1/webhooks/out", json={"name": "x", "url": url, "kinds": ["run.published"]})
    assert told.status_code == 400
    assert "secret" not in told.text


def test_27_a_name_that_leads_elsewhere_by_the_time_of_sending_reaches_nothing(door: Door, tmp_path: Path) -> None:
    # the world's name servers are what is made up here; its first answer is an address of the open internet
    public, private = "93.184.215.14", "127.0.0.1"
    with receiver(tmp_path / "there") as there:
        desk = Webhooks(door.company.app.state.site.place, door.company.app.state.site.store, EVENTS, lambda _host, _port: [public])
        new = NewSubscription("rebind", f"https://rebind.example:{there.port}/hooks", ("run.published",))
        url = desk.add_subscription(T0, OLGA, new).webhook.url  # type: ignore[union-attr]  # it is a subscription
        for now in ([private], [public, private], []):
            assert str(send(url, {}, b"{}", frozenset(), lambda _host, _port, now=now: now).fault) == "private"  # type: ignore[misc]  # bound here
        assert there.came == []


def test_27_what_is_connected_to_is_the_address_that_was_checked_and_the_certificate_is_the_name_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        # were it asked again, it would lead to a port where nobody is
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    certificate = certificate_for("hooks.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    # a proxy of the environment would look the name up itself
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with receiver(tmp_path / "there", certificate) as there:
        told = send(f"https://hooks.example:{there.port}/a?b=c", {}, b"{}", frozenset({"hooks.example"}), resolve)
        assert (told.status, told.fault, asked) == (204, None, ["hooks.example"])
        (came,) = there.came
        assert (came["path"], came["headers"]["host"]) == ("/a?b=c", f"hooks.example:{there.port}")
        other = send(f"https://other.example:{there.port}/", {}, b"{}", frozenset({"other.example"}), lambda _host, _port: ["127.0.0.1"])
        assert str(other.fault) == "unreachable"
        assert len(there.came) == 1


def test_27_an_answer_that_drips_is_not_waited_for(tmp_path: Path) -> None:
    with receiver(tmp_path / "there") as there:
        there.answer(200, drips=True)
        told = send(there.url, {}, b"{}", frozenset({"127.0.0.1"}), patience=1.0)
    assert str(told.fault) == "timeout"
    assert 900 < told.milliseconds < 10_000


def test_27_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with receiver(tmp_path / "first") as first, receiver(tmp_path / "second") as second:
        first.answer(307, location=second.url)
        told = send(first.url, {}, b"{}", frozenset({"127.0.0.1"}))
        assert (told.status, str(told.fault)) == (307, "redirected")
        assert (len(first.came), second.came) == (1, [])
