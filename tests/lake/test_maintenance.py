"""Compaction and vacuum change no row and take no version that somebody needs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from factories.shop import Shop
from keepwell.lake import maintenance, runs
from keepwell.surfaces.worker.refresh import refresh

HEADER = "order_id,customer_id,ordered_at,status,amount,currency\n"
IMPORTS = 10


def filled(folder: Path) -> Shop:
    """A shop whose orders lie in one month in as many files as imports."""
    shop = Shop(folder)
    for i in range(IMPORTS):
        shop.bring("orders", f"{HEADER}{i},c{i},2026-05-0{i % 9 + 1} 10:00:00,completed,{i}.50,GBP\n")
    return shop


def files(shop: Shop) -> int:
    return len(list((shop.lake.folder / "orders").rglob("*-*.parquet")))


def test_compaction_puts_small_files_together_and_changes_no_row(tmp_path: Path) -> None:
    shop = filled(tmp_path)
    before = shop.rows("orders")
    assert len(shop.lake.snapshot().data_files("orders")) == IMPORTS
    assert maintenance.compact(shop.lake, shop.clock) == IMPORTS
    assert len(shop.lake.snapshot().data_files("orders")) == 1
    assert shop.rows("orders") == before
    assert maintenance.compact(shop.lake, shop.clock) == 0
    assert len(shop.lake.changes()) == IMPORTS, "people did not do it, so their list does not show it"


def test_an_import_can_be_undone_after_compaction(tmp_path: Path) -> None:
    shop = filled(tmp_path)
    last = shop.lake.changes()[-1]
    maintenance.compact(shop.lake, shop.clock)
    shop.undo(last.import_id)
    assert shop.rows("orders", "order_id") == [(str(i),) for i in range(IMPORTS - 1)]


def test_vacuum_keeps_what_a_run_under_way_reads_until_it_lets_go(tmp_path: Path) -> None:
    shop = filled(tmp_path)
    versions = runs.pinned_versions(shop.lake)
    runs.hold(shop.lake, "run_under_way", versions)
    known = shop.rows("orders", versions=versions)
    shop.bring("orders", f"{HEADER}0,c0,2026-05-01 10:00:00,completed,99,GBP\n")
    present = len(shop.lake.snapshot().data_files("orders"))
    maintenance.vacuum(shop.lake, shop.clock, timedelta(days=-36_500))
    assert shop.rows("orders", versions=versions) == known
    assert files(shop) == present + 1
    runs.let_go(shop.lake, "run_under_way")
    maintenance.vacuum(shop.lake, shop.clock, timedelta(days=-36_500))
    assert files(shop) == present


def test_what_a_run_held_long_ago_is_forgotten(tmp_path: Path) -> None:
    shop = filled(tmp_path)
    runs.hold(shop.lake, "run_dead", {"orders": 1})
    assert runs.held_versions(shop.lake, datetime.now(UTC) - timedelta(days=7)) == [{"orders": 1}]
    assert runs.held_versions(shop.lake, datetime.now(UTC) + timedelta(days=1)) == []
    assert runs.held_versions(shop.lake, datetime.now(UTC) - timedelta(days=7)) == []


def test_vacuum_keeps_the_present_and_every_runs_version_and_deletes_the_rest(tmp_path: Path) -> None:
    shop = filled(tmp_path)
    run = refresh(shop.workspace, shop.lake, shop.clock)
    known = shop.rows("orders", versions=run.versions)
    shop.bring("orders", f"{HEADER}0,c0,2026-05-01 10:00:00,completed,99,GBP\n")
    shop.bring("orders", f"{HEADER}0,c0,2026-05-01 10:00:00,completed,77,GBP\n")
    now = shop.rows("orders")
    assert maintenance.vacuum(shop.lake, shop.clock) == 0, "what is young is kept"
    # a negative age: the shop's clock stands before the files were written
    deleted = maintenance.vacuum(shop.lake, shop.clock, timedelta(days=-36_500))
    assert deleted > 0
    assert shop.rows("orders") == now
    assert shop.rows("orders", versions=runs.run(shop.lake, run.run_id).versions) == known
