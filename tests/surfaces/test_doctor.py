"""What the doctor says of webhooks: which send nothing, why, and what to do."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from factories.postbox import postbox
from keepwell.access.audit import Actor
from keepwell.access.webhooks import deliveries
from keepwell.access.webhooks.deliveries import Event
from keepwell.access.webhooks.desk import Webhooks
from keepwell.access.webhooks.destination import Fault
from keepwell.access.webhooks.sending import Sent
from keepwell.access.webhooks.subscriptions import NewSubscription
from keepwell.core.settings import Settings
from keepwell.core.workspace import Workspace, create_workspace
from keepwell.store.db import store_of
from keepwell.surfaces.doctor import Finding, State, examine
from keepwell.surfaces.webhooks import id_of
from keepwell.surfaces.worker.event import EVENTS

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OLGA = Actor(None, "Olga")


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "workspace", Settings())


def _told(place: Workspace) -> list[Finding]:
    return [f for f in examine(place) if f.check.startswith("webhook")]


def _tried(place: Workspace, name: str, sent: Sent | None, *, on: bool = True) -> str:
    """A subscription to which a message was sent with that outcome; gives its id."""
    with store_of(place) as store:
        desk = Webhooks(place, store, EVENTS, lambda _host, _port: ["93.184.215.14"])
        own = id_of(desk.add_subscription(AT, OLGA, NewSubscription(name, f"https://{name}.example/", ("run.published",))).webhook)
        if sent is not None:
            with store.transaction() as session:
                deliveries.announce(session, AT, Event(f"run.published:{name}", "run.published", AT, {}))
                for message, _, _ in deliveries.due(session, AT):
                    deliveries.note_attempt(session, AT, message, sent)
        if not on:
            desk.switch(AT, OLGA, own, on=False)
    return own


def test_without_webhooks_or_a_store_nothing_is_said_of_them(place: Workspace) -> None:
    assert _told(place) == []
    assert not list(place.folder.glob("*.db"))


def test_webhooks_that_send_nothing_are_warned_of_with_what_to_do(place: Workspace) -> None:
    gone = _tried(place, "gone", Sent(10, 410, Fault.REFUSED))
    failing = _tried(place, "failing", Sent(10, 500, Fault.REFUSED))
    _tried(place, "resting", None, on=False)
    told = {f.check: f for f in _told(place)}
    assert told["webhooks"] == Finding("webhooks", State.OK, "0 in, 3 out, 2 switched off")
    assert told["webhook gone"].state is State.WARNING
    assert told["webhook gone"].found == "switched off: the other side is gone"
    assert f"keepwell webhook on {gone}" in told["webhook gone"].advice
    assert told["webhook failing"].state is State.WARNING
    assert told["webhook failing"].found == "nothing has arrived since 2026-11-20T09:00:00+00:00"
    assert f"keepwell webhook sent {failing}" in told["webhook failing"].advice
    # who switched it off by hand knows
    assert set(told) == {"webhooks", "webhook gone", "webhook failing"}


def test_mail_is_told_of_where_it_is_set_up(tmp_path: Path) -> None:
    assert not [f for f in examine(create_workspace(tmp_path / "none", Settings())) if f.check == "mail"]
    with postbox(tmp_path / "box") as box:
        place = create_workspace(tmp_path / "mail", Settings(**box.settings))
        (found,) = (f for f in examine(place) if f.check == "mail")
        assert (found.state, found.found.partition(";")[0]) == (State.OK, f"localhost:{box.port} lets us in")
        assert not box.mails()
    # the server is gone
    (found,) = (f for f in examine(place) if f.check == "mail")
    assert (found.state, "mail_host" in found.advice) == (State.FAILED, True)
