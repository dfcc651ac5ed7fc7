"""Uploads by the worker: checked, landed by the mapping that was checked, taken back; each once, whatever dies meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dbos import DBOSClient

from factories.working import Working, working
from keepwell.core.clock import FixedClock, SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace
from keepwell.lake import journal
from keepwell.lake.records import ChangeKind
from keepwell.sources import draft_checks, draft_mapping, drafts
from keepwell.sources.drafts import Draft, Upload
from keepwell.surfaces.worker import database
from keepwell.surfaces.worker.job import State
from keepwell.surfaces.worker.pruning import prune

pytestmark = pytest.mark.slow

ROWS = 30_000
OLGA = "Olga"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Working]:
    create_workspace(tmp_path / "workspace", Settings(currency="CNY"))
    with working(tmp_path / "workspace") as found:
        yield found


def _draft(work: Working) -> Draft:
    """An upload of orders, every hundredth of a state that nobody knows, mapped as suggested."""
    rows = (f"O{i},2026-0{i % 6 + 1}-10 12:00:00,{'odd' if i % 100 == 0 else 'completed'},{i % 90 + 1},CNY\n" for i in range(ROWS))
    with Upload(work.place, "orders.csv", "usr_olga", SystemClock().now()) as upload:
        upload.write(("order_id,ordered_at,status,amount,currency\n" + "".join(rows)).encode())
        draft = upload.finish()
    draft_mapping.suggest_mapping(draft, work.place, "orders")
    return draft


def test_a_large_upload_is_checked_landed_and_taken_back_by_the_worker(empty: Working) -> None:
    draft = _draft(empty)
    with empty.worker():
        done = empty.over(empty.jobs.start_check(draft, asked_by=OLGA))
        assert (done.state, done.result) == (State.DONE, {"draft_id": draft.draft_id})
        check = draft_checks.last_check_or_none(draft)
        assert check is not None
        assert (check.entities[0].inserted, check.entities[0].rejected) == (29_700, 300)
        asked = draft_checks.landing_request(draft)
        # what is changed from here on is no longer asked for
        draft_checks.map_values(draft, "status", {"odd": "completed"})
        landed = empty.over(empty.jobs.start_import(asked, asked_by=OLGA))
        assert landed.state is State.DONE
        assert empty.lake.snapshot().rows("orders") == 29_700
        (change,) = empty.lake.changes()
        assert (change.by, change.files[0].name) == ("usr_olga", "orders.csv")
        assert drafts.drafts_of(empty.place, "usr_olga") == []
        undone = empty.over(empty.jobs.start_undo(change.import_id, asked_by=OLGA, by="usr_olga"))
    assert undone.state is State.DONE
    assert empty.lake.snapshot().rows("orders") == 0
    back = empty.lake.change(undone.result["import_id"])
    assert (back.kind, back.undoes, back.by, back.entities[0].removed) == (ChangeKind.UNDO, change.import_id, "usr_olga", 29_700)


def test_an_undoing_whose_worker_is_killed_is_done_once(empty: Working) -> None:
    draft = _draft(empty)
    with empty.worker():
        landed = empty.over(empty.jobs.start_import(draft_checks.landing_request(draft), asked_by=OLGA))
    job_id = empty.jobs.start_undo(landed.result["import_id"], asked_by=OLGA)
    lake = empty.place.lake_folder
    empty.killed_when(lambda: any(lake.glob("staging/undo_*")))
    empty.killed_when(lambda: (lake / journal.PENDING).exists() or empty.jobs.job(job_id).is_over)
    with empty.worker():
        done = empty.over(job_id)
    assert done.state is State.DONE
    assert empty.lake.snapshot().rows("orders") == 0
    assert [c.kind for c in empty.lake.changes()] == [ChangeKind.IMPORT, ChangeKind.UNDO]


def test_an_upload_that_can_not_land_stays_and_says_why(empty: Working) -> None:
    draft = _draft(empty)
    draft_mapping.write_text(draft, "version: 1\nentities: {orders: {columns: {order_id: order_id}}}")
    request = draft_checks.landing_request(draft)
    with empty.worker():
        failed = empty.over(empty.jobs.start_import(request, asked_by=OLGA))
    assert failed.state is State.FAILED
    assert "nothing gives ordered_at" in (failed.error or "")
    assert drafts.drafts_of(empty.place, "usr_olga") == [draft]
    assert empty.lake.changes() == []


def test_an_upload_that_waited_for_a_week_goes_when_the_worker_tidies_up(empty: Working) -> None:
    draft = _draft(empty)
    empty.jobs.jobs()  # makes the database
    client = DBOSClient(system_database_url=database.address(empty.place))
    try:
        for days, is_there in ((6, True), (8, False)):
            prune(empty.place, FixedClock(draft.made_at + timedelta(days=days)), client)
            assert draft.folder.exists() is is_there
    finally:
        client.destroy()
