"""Events out: what happens reaches a receiver in another process, by a real worker, once, whatever dies meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factories.receiver import Receiver, receiver
from factories.shop import as_csv
from factories.surfaces import Surfaces
from factories.working import Working, wait_until, working
from keepwell.access.audit import Actor
from keepwell.access.webhooks.deliveries import Delivery, State
from keepwell.access.webhooks.desk import Webhooks
from keepwell.access.webhooks.subscriptions import NewSubscription, Subscription
from keepwell.core.clock import SystemClock
from keepwell.core.settings import FILE_NAME
from keepwell.lake.records import ChangeKind
from keepwell.sources.imports import ImportRequest
from keepwell.store.db import Database, store_of
from keepwell.surfaces.web.words import dictionary
from keepwell.surfaces.webhooks import webhooks_of
from keepwell.surfaces.worker.event import EVENTS

pytestmark = pytest.mark.slow
OLGA = Actor(None, "Olga")
ORDER = {"order_id": "O1", "customer_id": "C1", "ordered_at": "2026-05-10 12:00:00", "status": "completed", "amount": 12, "currency": "CNY"}
ALL = ("run.published", "import.finished", "import.undone", "job.failed")


class Sending:
    """A workspace whose events go to a receiver on this machine, which its settings allow."""

    def __init__(self, folder: Path, work: Working, store: Database, there: Receiver) -> None:
        self.surfaces, self.work, self.there = Surfaces(folder), work, there
        self.desk: Webhooks = webhooks_of(work.place, store)

    def subscribe(self, *kinds: str) -> str:
        made = self.desk.add_subscription(SystemClock().now(), OLGA, NewSubscription("shop", self.there.url, kinds))
        assert isinstance(made.webhook, Subscription)
        self.there.knows(made.secret)
        return made.webhook.subscription_id

    def delivered(self, number: int) -> list[Delivery]:
        """The messages, once so many have arrived; the oldest first."""
        wait_until(lambda: sum(d.state is State.DELIVERED for d in self.desk.deliveries(limit=100)) >= number)
        return self.desk.deliveries(limit=100)[::-1]

    def told(self) -> list[dict[str, Any]]:
        """What came, each message once, after each was rightly signed."""
        assert all(c["is_right"] for c in self.there.came)
        return [json.loads(body) for body in {c["headers"]["webhook-id"]: c["body"] for c in self.there.came}.values()]


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    folder = Surfaces.made(tmp_path, webhook_hosts="127.0.0.1").folder
    with working(folder) as work, store_of(work.place) as store, receiver(tmp_path / "there") as there:
        yield Sending(folder, work, store, there)


def test_what_happens_anywhere_is_told_with_its_ids_and_no_rows(sending: Sending) -> None:
    sending.surfaces.bring("orders", [ORDER | {"order_id": "before"}])
    sending.subscribe(*ALL)
    # by the command line, as nobody's job
    sending.surfaces.bring("orders", [ORDER])
    sending.surfaces.ask("refresh", "--as-of", "2026-06-30")
    run_id = sending.surfaces.ask("runs")[-1]["run_id"]
    import_id = [c for c in sending.work.lake.changes() if c.kind is ChangeKind.IMPORT][-1].import_id
    sending.surfaces.ask("undo", import_id)
    wrong = sending.work.folder / "uploads" / "wrong.csv"
    wrong.parent.mkdir()
    wrong.write_text(as_csv([{"a": 1, "b": 2}]), encoding="utf-8")
    job_id = sending.work.jobs.start_import(ImportRequest((wrong,), "orders"), asked_by="Olga")
    with sending.work.worker():
        sending.delivered(4)
    told = {t["type"]: t["data"] for t in sending.told()}
    assert len(sending.told()) == 4
    assert told["run.published"] == {"run_id": run_id, "as_of": "2026-06-30", "kpis_with_problems": []}
    assert told["import.finished"]["import_id"] == import_id
    assert told["import.finished"]["entities"] == [
        {"entity": "orders", "read": 1, "inserted": 1, "updated": 0, "unchanged": 0, "removed": 0, "rejected": 0}
    ]
    assert told["import.undone"]["import_id"] == import_id
    assert (told["job.failed"]["job_id"], told["job.failed"]["kind"]) == (job_id, "import")
    assert "None of the columns a, b" in told["job.failed"]["error"]
    assert all("C1" not in c["body"] for c in sending.there.came)
    # another worker finds the same and tells nothing again
    sending.there.answer(204)
    with sending.work.worker():
        sending.desk.send_test(SystemClock().now(), OLGA, sending.desk.subscriptions()[0].subscription_id)
        sending.delivered(5)
    assert sending.told()[-1]["type"] == "webhook.test"
    assert len(sending.there.came) == 5


def test_a_receiver_that_fails_twice_is_tried_again_and_each_try_is_shown(sending: Sending) -> None:
    sending.there.answer(500, 503, 200)
    sending.subscribe("import.finished")
    with sending.work.worker():
        sending.surfaces.bring("orders", [ORDER])
        (found,) = sending.delivered(1)
    assert [(a.status, a.fault and str(a.fault)) for a in found.attempts] == [(500, "refused"), (503, "refused"), (200, None)]
    assert all(a.milliseconds >= 0 for a in found.attempts)
    # each time the same message, signed anew
    ids = [c["headers"]["webhook-id"] for c in sending.there.came]
    stamps = [int(c["headers"]["webhook-timestamp"]) for c in sending.there.came]
    assert ids == [found.delivery_id] * 3
    assert stamps[0] + 2 <= stamps[1] <= stamps[2] - 9
    assert len({c["body"] for c in sending.there.came}) == 1
    assert all(c["is_right"] for c in sending.there.came)


def test_a_worker_that_is_killed_between_the_tries_loses_nothing(sending: Sending) -> None:
    sending.there.answer(500, 204)
    sending.subscribe("import.finished", "run.published")
    sending.surfaces.bring("orders", [ORDER])
    sending.work.killed_when(lambda: any(d.attempts for d in sending.desk.deliveries()))
    # it happens while nobody is at work
    sending.surfaces.ask("refresh", "--as-of", "2026-06-30")
    with sending.work.worker():
        found = sending.delivered(2)
    assert sorted(d.kind for d in found) == ["import.finished", "run.published"]
    assert {t["type"] for t in sending.told()} == {"import.finished", "run.published"}
    assert [a.status for a in found[0].attempts] == [500, 204]


def test_a_worker_that_is_killed_while_it_sends_sends_again_under_the_same_id(sending: Sending) -> None:
    sending.there.answer(200, drips=True)
    sending.subscribe("import.finished")
    sending.surfaces.bring("orders", [ORDER])
    sending.work.killed_when(lambda: len(sending.there.came) == 1)
    assert sending.desk.deliveries()[0].attempts == ()
    sending.there.answer(204)
    with sending.work.worker():
        (found,) = sending.delivered(1)
    assert [a.status for a in found.attempts] == [204]
    assert {c["headers"]["webhook-id"] for c in sending.there.came} == {found.delivery_id}


def test_a_host_that_is_no_longer_allowed_gets_nothing(sending: Sending) -> None:
    own = sending.subscribe("import.finished")
    settings = sending.work.folder / FILE_NAME
    settings.write_text(settings.read_text(encoding="utf-8").replace('webhook_hosts = "127.0.0.1"', 'webhook_hosts = ""'), encoding="utf-8")
    sending.surfaces.bring("orders", [ORDER])
    with sending.work.worker():
        wait_until(lambda: any(d.attempts for d in sending.desk.deliveries()))
    assert str(sending.desk.deliveries()[0].attempts[0].fault) == "insecure"
    assert sending.there.came == []
    assert sending.desk.subscriptions()[0].subscription_id == own


def test_every_kind_of_event_has_words_in_both_languages() -> None:
    assert set(ALL) == set(EVENTS)
    names = [f"webhooks.kind_{k.replace('.', '_')}" for k in (*EVENTS, "webhook.test")]
    assert [n for n in names if n not in dictionary()] == []
