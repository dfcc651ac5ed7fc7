"""Imports by the worker: what the command would land, once, whatever dies meanwhile; on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dbos import DBOSClient

from factories.shop import as_csv
from factories.stores import store
from factories.working import Working, working
from keepwell.core.clock import FixedClock, SystemClock
from keepwell.core.errors import KeepwellError
from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace
from keepwell.lake import journal
from keepwell.lake.lake import Lake
from keepwell.sources.imports import ImportRequest
from keepwell.surfaces.worker import database
from keepwell.surfaces.worker.job import Kind, State
from keepwell.surfaces.worker.progress import folder_of
from keepwell.surfaces.worker.pruning import prune

ORDERS = 40_000
HEADER = "order_id,customer_id,ordered_at,status,amount,currency\n"
OLGA = "Olga"


def _brought(folder: Path, orders: int = ORDERS) -> Path:
    """A file of orders below the workspace, one of which has no day."""
    rows = [
        {
            "order_id": f"O{i}", "customer_id": f"C{i % 500}", "ordered_at": f"2026-0{i % 6 + 1}-10 12:00:00" if i else "soon",
            "status": "completed", "amount": i % 90 + 1, "currency": "CNY",
        }
        for i in range(orders)
    ]  # fmt: skip
    path = folder / "uploads" / "orders.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(as_csv(rows), encoding="utf-8")
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Working]:
    create_workspace(tmp_path / "workspace", Settings(currency="CNY"))
    with working(tmp_path / "workspace") as found:
        yield found


def _rows(lake: Lake) -> int:
    return lake.snapshot().rows("orders")


SIGNS: dict[str, Callable[[Path], bool]] = {
    "the file is read": lambda lake: any(lake.glob("staging/*/stage.duckdb")),
    "the journal stands": lambda lake: (lake / journal.PENDING).exists(),
    "the record is written": lambda lake: any(lake.glob("imports/*/record.json")),
}


@pytest.mark.slow
def test_an_import_that_is_killed_on_its_way_loses_and_doubles_nothing(empty: Working) -> None:
    file = _brought(empty.folder)
    lake = empty.place.lake_folder
    asked = ImportRequest((file,), "orders", errors=empty.folder / "uploads" / "rejected.csv")
    job_id = empty.jobs.start_import(asked, asked_by=OLGA, remove_files=True)
    for sign in SIGNS.values():
        empty.killed_when(lambda sign=sign: sign(lake))  # type: ignore[misc]  # the sign is bound here
    assert file.exists()
    with empty.worker():
        job = empty.over(job_id)
    assert (job.state, job.kind, job.error) == (State.DONE, Kind.IMPORT, None)
    (counts,) = job.result["entities"]
    assert job.about == "orders.csv"
    assert (counts["entity"], counts["read"], counts["inserted"], counts["rejected"]) == ("orders", ORDERS, ORDERS - 1, 1)
    assert _rows(empty.lake) == ORDERS - 1
    assert [c.import_id for c in empty.lake.changes()] == [job.result["import_id"]]
    assert "soon" in (empty.folder / "uploads" / "rejected.csv").read_text(encoding="utf-8")
    assert not file.exists()
    assert not any((lake / "staging").glob("*_*"))


@pytest.mark.slow
def test_an_import_waits_with_its_kind_is_refused_with_a_reason_and_is_forgotten_after_ninety_days(empty: Working) -> None:
    file = _brought(empty.folder, 10)
    (empty.folder / "uploads" / "words.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    good = empty.jobs.start_import(ImportRequest((file,), "orders", is_dry_run=True), asked_by=OLGA)
    bad = empty.jobs.start_import(ImportRequest((empty.folder / "uploads" / "words.csv",), "orders"), asked_by=OLGA)
    (empty.folder / "uploads" / "worse.csv").write_text(f"{HEADER}1,c,never,completed,1,CNY\n2,c,never,completed,1,CNY\n", encoding="utf-8")
    worse = empty.jobs.start_import(ImportRequest((empty.folder / "uploads" / "worse.csv",), "orders"), asked_by=OLGA)
    with empty.worker():
        dry, failed, refused = empty.over(good), empty.over(bad), empty.over(worse)
    assert (dry.state, dry.result["import_id"], dry.result["rejected"]) == (State.DONE, None, 1)
    # which row and why, but no value of it: no erasure reaches what is told of jobs
    assert (dry.result["lines"][0]["line"], dry.result["lines"][0]["file"]) == (2, "orders.csv")
    assert "is no moment between 1900 and 2199" in dry.result["lines"][0]["reason"]
    assert "soon" not in str(dry)
    assert refused.state is State.FAILED
    assert "2 × worse.csv, line 2: ordered_at is no moment" in " ".join((refused.error or "").split())
    assert "never" not in str(refused)
    assert (failed.state, failed.result) == (State.FAILED, {})
    assert "None of the columns a, b" in (failed.error or "")
    assert "keepwell map" in (failed.hint or "")
    assert file.exists()
    client = DBOSClient(system_database_url=database.address(empty.place))
    try:
        assert prune(empty.place, FixedClock(SystemClock().now() + timedelta(days=89)), client) == 0
        assert prune(empty.place, FixedClock(SystemClock().now() + timedelta(days=91)), client) == 3
    finally:
        client.destroy()
    assert empty.jobs.jobs() == []
    assert not folder_of(empty.place, good).exists()


def test_files_outside_the_workspace_are_refused(empty: Working, tmp_path: Path) -> None:
    outside = tmp_path / "orders.csv"
    outside.write_text("order_id\n1\n", encoding="utf-8")
    with pytest.raises(KeepwellError, match="outside the workspace"):
        empty.jobs.start_import(ImportRequest((outside,), "orders"), asked_by=OLGA)
    with pytest.raises(KeepwellError, match="the lake is empty"):
        empty.jobs.start_refresh(asked_by=OLGA)


@pytest.mark.slow
def test_with_the_store_on_postgresql_the_jobs_are_there_too(tmp_path: Path, server: str) -> None:
    with store("postgresql", tmp_path, server) as made:
        address = made._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    create_workspace(tmp_path / "workspace", Settings(currency="CNY", store=address))
    with working(tmp_path / "workspace") as work:
        file = _brought(work.folder, 1_000)
        job_id = work.jobs.start_import(ImportRequest((file,), "orders"), asked_by=OLGA)
        with work.worker():
            assert work.over(job_id).state is State.DONE
        assert _rows(work.lake) == 999
        assert not (work.folder / database.FILE).exists()


def test_a_database_of_jobs_that_is_none_is_told(empty: Working) -> None:
    (empty.folder / database.FILE).write_text("by hand " * 200, encoding="utf-8")
    with pytest.raises(KeepwellError, match=r"The database of jobs .*jobs\.db can't be used"):
        empty.jobs.jobs()
