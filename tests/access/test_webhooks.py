"""Webhooks on both databases: what is announced, tried, given up, and kept sealed."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from keepwell.access.audit import Actor, entries
from keepwell.access.sealing import FILE, VARIABLE, Sealer, SealingError, new_sealing_key
from keepwell.access.webhooks import deliveries, signature
from keepwell.access.webhooks.deliveries import PAUSES, Event, State
from keepwell.access.webhooks.desk import Webhooks
from keepwell.access.webhooks.destination import Fault
from keepwell.access.webhooks.hooks import NewHook
from keepwell.access.webhooks.sending import Sent
from keepwell.access.webhooks.subscriptions import NewSubscription, Subscription
from keepwell.core.addresses import is_public
from keepwell.core.errors import WrongUseError
from keepwell.core.settings import Settings
from keepwell.core.workspace import Workspace, create_workspace
from keepwell.store.db import Database

T0 = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OLGA = Actor(None, "Olga")
KINDS = ("run.published", "job.failed")
REFUSED = Sent(40, 500, Fault.REFUSED)
DELIVERED = Sent(40, 204)


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "workspace", Settings())


@pytest.fixture
def desk(place: Workspace, database: Database) -> Webhooks:
    return Webhooks(place, database, KINDS, lambda _host, _port: ["93.184.215.14"])


def subscribed(desk: Webhooks, at: datetime = T0, *kinds: str) -> str:
    made = desk.add_subscription(at, OLGA, NewSubscription("shop", "https://shop.example/hooks", kinds or ("run.published",)))
    assert isinstance(made.webhook, Subscription)
    return made.webhook.subscription_id


def announced(database: Database, number: int, at: datetime, kind: str = "run.published") -> int:
    with database.transaction() as session:
        return deliveries.announce(session, at, Event(f"{kind}:{number}", kind, at, {"run_id": f"run_{number}"}))


def tried(database: Database, at: datetime, sent: Sent) -> list[str]:
    """Whatever is due is tried with that outcome; gives what was tried."""
    with database.transaction() as session:
        found = [own for own, _, _ in deliveries.due(session, at)]
        for own in found:
            deliveries.note_attempt(session, at, own, sent)
    return found


def test_a_signature_is_that_of_the_specification() -> None:
    # the example that Standard Webhooks publishes with its libraries
    message = signature.Message("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330)
    told = signature.signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", message, b'{"test": 2432232314}')
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("address", "is_somebodys"),
    [
        # by the special-purpose registries of IANA (RFC 6890 and those it names)
        ("8.8.8.8", True), ("93.184.215.14", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True), ("::ffff:8.8.8.8", True),
        ("127.0.0.1", False), ("10.0.0.1", False), ("100.64.0.1", False), ("169.254.169.254", False), ("192.0.2.1", False), ("198.18.0.1", False),
        ("240.0.0.1", False), ("255.255.255.255", False), ("0.1.2.3", False), ("192.88.99.1", False), ("::1", False), ("fd00::1", False),
        ("fe80::1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False),
        ("::ffff:100.64.0.1", False), ("::ffff:168.63.129.16", False), ("168.63.129.16", False), ("::7f00:1", False), ("64:ff9b::7f00:1", False), ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False), ("2001:0:1::", False), ("2001:db8::1", False), ("fe80::1%eth0", False), ("example.com", False), ("", False),
    ],
)  # fmt: skip
def test_an_address_is_public_or_not(address: str, is_somebodys: bool) -> None:
    assert is_public(address) is is_somebodys


def test_an_event_is_announced_once_to_those_who_wanted_it_when_it_happened(desk: Webhooks, database: Database) -> None:
    early, other = subscribed(desk), subscribed(desk, T0, "job.failed")
    late = subscribed(desk, T0 + timedelta(hours=2))
    assert announced(database, 1, T0 + timedelta(hours=1)) == 1
    assert announced(database, 1, T0 + timedelta(hours=1)) == 0
    assert [d.subscription_id for d in desk.deliveries()] == [early]
    desk.switch(T0, OLGA, early, on=False)
    assert announced(database, 2, T0 + timedelta(hours=3)) == 1
    assert {d.subscription_id for d in desk.deliveries()} == {early, late}
    assert desk.deliveries(other) == []


def test_tries_come_at_declared_times_until_one_arrives(desk: Webhooks, database: Database) -> None:
    own, at = subscribed(desk), T0 + timedelta(minutes=1)
    announced(database, 1, at)
    pauses = []
    for _ in range(3):
        assert tried(database, at, REFUSED)
        due = desk.deliveries(own)[0].due_at
        assert tried(database, due - timedelta(milliseconds=1), REFUSED) == []
        pauses.append(due - at)
        at = due
    # as declared, or up to a tenth later
    assert all(p <= found <= p * 1.1 for p, found in zip(PAUSES, pauses, strict=False))
    assert tried(database, at, DELIVERED)
    (found,) = desk.deliveries(own)
    assert (found.state, [a.status for a in found.attempts]) == (State.DELIVERED, [500, 500, 500, 204])
    assert desk.subscriptions()[0].failing_since is None
    assert tried(database, at + timedelta(days=9), REFUSED) == []


def test_a_receiver_that_asks_for_time_gets_it(desk: Webhooks, database: Database) -> None:
    own, at = subscribed(desk), T0 + timedelta(minutes=1)
    announced(database, 1, at)
    tried(database, at, Sent(10, 429, Fault.REFUSED, retry_after_seconds=600))
    assert desk.deliveries(own)[0].due_at == at + timedelta(minutes=10)


def _fail_to_the_end(database: Database, at: datetime) -> datetime:
    for _ in range(len(PAUSES) + 1):
        assert tried(database, at, REFUSED)
        at += timedelta(hours=34)
    return at


def test_where_nothing_arrives_for_long_the_subscription_is_switched_off_and_says_why(desk: Webhooks, database: Database) -> None:
    own, at = subscribed(desk), T0 + timedelta(minutes=1)
    announced(database, 1, at)
    ended = _fail_to_the_end(database, at)
    (found,) = desk.subscriptions()
    assert (found.is_on, found.off_reason, found.failing_since) == (False, "failing", at)
    assert desk.deliveries(own)[0].state is State.GIVEN_UP
    with database.transaction(writes=False) as session:
        told = entries(session, kind="subscription")[0]
    assert (told.action, told.object_id, told.details) == ("switched off", own, {"reason": "failing"})
    assert announced(database, 2, ended) == 0
    assert desk.switch(ended, OLGA, own, on=True).is_on
    assert announced(database, 3, ended) == 1


def test_one_message_that_never_arrives_switches_nothing_off_while_others_do(desk: Webhooks, database: Database) -> None:
    own, at = subscribed(desk), T0 + timedelta(minutes=1)
    announced(database, 1, at)
    tried(database, at, REFUSED)
    announced(database, 2, at)
    # the second arrives while the first waits for its second try
    assert len(tried(database, at, DELIVERED)) == 1
    for _ in range(len(PAUSES)):
        at += timedelta(hours=34)
        assert tried(database, at, REFUSED)
    assert desk.subscriptions()[0].is_on
    assert sorted(d.state for d in desk.deliveries(own)) == [State.DELIVERED, State.GIVEN_UP]


def test_a_receiver_that_is_gone_is_asked_no_more(desk: Webhooks, database: Database) -> None:
    subscribed(desk)
    announced(database, 1, T0)
    tried(database, T0, Sent(10, 410, Fault.REFUSED))
    assert desk.subscriptions()[0].off_reason == "gone"


def test_what_waits_for_one_that_is_off_is_never_sent(desk: Webhooks, database: Database, place: Workspace) -> None:
    own = subscribed(desk)
    announced(database, 1, T0)
    desk.switch(T0, OLGA, own, on=False)
    desk.switch(T0, OLGA, own, on=True)
    assert [d.state for d in desk.deliveries(own)] == [State.STOPPED]
    announced(database, 2, T0)
    desk.delete(T0, OLGA, own)
    with database.transaction() as session:
        ((second, *_),) = deliveries.due(session, T0)
        assert deliveries.outgoing_or_none(session, T0, Sealer(place.folder), second) is None
    desk.restore(T0, OLGA, own)
    assert [d.state for d in desk.deliveries(own)] == [State.STOPPED, State.STOPPED]


def test_a_message_is_signed_with_both_secrets_while_they_are_changed(desk: Webhooks, database: Database, place: Workspace) -> None:
    own = subscribed(desk)
    desk.rotate(T0, OLGA, own)
    announced(database, 1, T0 + timedelta(hours=1))
    with database.transaction() as session:
        ((first, *_),) = deliveries.due(session, T0 + timedelta(hours=1))
        for hours, signatures in ((1, 2), (25, 1)):
            told = deliveries.outgoing_or_none(session, T0 + timedelta(hours=hours), Sealer(place.folder), first)
            assert isinstance(told, deliveries.Outgoing)
            assert len(told.headers["webhook-signature"].split()) == signatures


def test_old_messages_are_forgotten_and_never_announced_anew(desk: Webhooks, database: Database) -> None:
    subscribed(desk)
    announced(database, 1, T0)
    with database.transaction() as session:
        deliveries.forget_old(session, T0 + timedelta(days=31))
    assert desk.deliveries() == []
    assert deliveries.HORIZON < deliveries.KEPT


def test_secrets_are_sealed_and_a_copy_of_the_database_opens_none(
    desk: Webhooks, database: Database, place: Workspace, tmp_path: Path
) -> None:
    made = desk.add_hook(T0, OLGA, NewHook("shop", entity="orders"))
    with database.transaction(writes=False) as session:
        own, kept = session.execute(text("select hook_id, secret from hooks")).one()
    assert made.secret.removeprefix("whsec_") not in kept
    assert Sealer(place.folder).opened(kept, own) == made.secret
    assert (place.folder / FILE).stat().st_mode & 0o077 == 0
    with pytest.raises(SealingError, match="can't be read"):
        Sealer(tmp_path).opened(kept, own)
    with pytest.raises(SealingError, match="sealed with another key"):
        Sealer(tmp_path, {VARIABLE: new_sealing_key()}).opened(kept, own)
    # nor does it open in another row
    with pytest.raises(SealingError, match="sealed with another key"):
        Sealer(place.folder).opened(kept, "hook_other")
    shutil.copy(place.folder / FILE, tmp_path / FILE)
    assert Sealer(tmp_path).opened(kept, own) == made.secret
    (tmp_path / FILE).write_text("short", encoding="ascii")
    with pytest.raises(SealingError, match="no key of 32 bytes"):
        Sealer(tmp_path).opened(kept, own)


def test_a_secret_of_the_sender_s_own_counts(desk: Webhooks) -> None:
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert desk.add_hook(T0, OLGA, NewHook("shop", entity="orders", secret=own)).secret == own


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (NewHook("", entity="orders"), "needs a name"),
        (NewHook("x"), "Say what comes in"),
        (NewHook("x", entity="orders", mapping="m.yaml"), "mapping"),
        (NewHook("x", entity="order"), "entity"),
        (NewHook("x", entity="kpi_values"), "entity to bring"),
        (NewHook("x", mapping="../keepwell.toml"), "mapping"),
        (NewHook("x", entity="orders", source="No Good"), "source"),
        (NewHook("x", entity="orders", secret="whsec_short"), "no secret"),
    ],
)
def test_what_can_t_be_a_hook_is_told(desk: Webhooks, new: NewHook, message: str) -> None:
    with pytest.raises(WrongUseError, match=message):
        desk.add_hook(T0, OLGA, new)
    assert desk.hooks() == []


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (NewSubscription("x", "https://shop.example", ()), "which events"),
        (NewSubscription("x", "https://shop.example", ("run.publishd",)), "kind of event"),
        (NewSubscription(" ", "https://shop.example", ("run.published",)), "needs a name"),
        (NewSubscription("x", "http://shop.example", ("run.published",)), "https"),
    ],
)
def test_what_can_t_be_a_subscription_is_told(desk: Webhooks, new: NewSubscription, message: str) -> None:
    with pytest.raises(WrongUseError, match=message):
        desk.add_subscription(T0, OLGA, new)


def test_one_that_was_deleted_comes_back_as_it_was(desk: Webhooks, database: Database) -> None:
    own = subscribed(desk)
    before = desk.subscriptions()
    desk.delete(T0, OLGA, own)
    assert desk.subscriptions() == []
    assert announced(database, 1, T0) == 0
    with pytest.raises(WrongUseError, match="no webhook"):
        desk.rotate(T0, OLGA, own)
    desk.restore(T0, OLGA, own)
    assert desk.subscriptions() == before
    with pytest.raises(WrongUseError, match="no webhook"):
        desk.restore(T0, OLGA, own)
