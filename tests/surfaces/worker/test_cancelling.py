"""Cancelled anywhere, a job leaves nothing behind; from its last steps on it is brought to its end."""

from pathlib import Path

import pytest

from factories.shop import Shop
from keepwell.core.progress import StoppedError
from keepwell.lake import runs
from keepwell.sources import imports
from keepwell.sources.imports import ImportRequest
from keepwell.surfaces.worker.job import StepState
from keepwell.surfaces.worker.progress import JobProgress, ask_to_stop, steps_told
from keepwell.surfaces.worker.refresh import Refresh, plan_of
from keepwell.surfaces.worker.stages import KPIS_OF_MODELS, MODELS, PUBLISH, STAGES, WRITE, FoundInFolder, Plan

HEADER = "order_id,customer_id,ordered_at,status,amount,currency\n"
ROWS = "".join(f"{i},c{i % 7},2026-05-0{i % 9 + 1} 10:00:00,completed,{i}.50,GBP\n" for i in range(60))


class CancelledAt(JobProgress):
    """The progress of a job that somebody cancels when it comes to that step, or to so many parts of it."""

    def __init__(self, folder: Path, step: str, parts: int | None = None, **options: object) -> None:
        super().__init__(folder, **options)  # type: ignore[arg-type]  # the options of its kind
        self._at, self._parts, self._now = step, parts, ""

    def start(self, step: str) -> None:
        self._now = step
        super().start(step)
        if self._parts is None and step.startswith(self._at):
            ask_to_stop(self._folder)

    def count(self, done: int, total: int) -> None:
        if self._parts is not None and self._now.startswith(self._at) and done >= self._parts:
            ask_to_stop(self._folder)
        super().count(done, total)


@pytest.mark.parametrize("step", ["read ", "map and check ", "check keys of ", "check references of ", "compare with the lake", "write"])
def test_an_import_that_is_cancelled_lands_nothing_and_can_be_asked_for_again(tmp_path: Path, step: str) -> None:
    shop = Shop(tmp_path / "shop")
    shop.bring("orders", f"{HEADER}1,c1,2026-05-01 10:00:00,completed,7,GBP\n")
    before, file, job = shop.rows("orders"), tmp_path / "orders.csv", tmp_path / "job"
    file.write_text(HEADER + ROWS, encoding="utf-8")
    asked = ImportRequest((file,), "orders")
    progress = CancelledAt(job, step, final_step="commit")
    with pytest.raises(StoppedError):
        imports.run(shop.workspace, shop.lake, asked, shop.clock, progress, import_id="imp_job")
    assert shop.rows("orders") == before
    assert len(shop.lake.changes()) == 1
    assert not any((shop.lake.folder / "staging").iterdir())
    report = imports.run(shop.workspace, shop.lake, asked, shop.clock, import_id="imp_job")
    (counts,) = report.entities
    assert (report.import_id, counts.inserted + counts.updated) == ("imp_job", 60)
    # asked for once more, it is told and not done
    again = imports.run(shop.workspace, shop.lake, asked, shop.clock, import_id="imp_job")
    assert again.entities == report.entities
    assert len(shop.lake.changes()) == 2


def test_an_import_that_commits_is_brought_to_its_end(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + ROWS, encoding="utf-8")
    progress = CancelledAt(tmp_path / "job", "commit", final_step="commit")
    assert imports.run(shop.workspace, shop.lake, ImportRequest((file,), "orders"), shop.clock, progress).import_id
    assert len(shop.rows("orders")) == 60


@pytest.mark.slow
def test_a_refresh_that_is_cancelled_in_a_stage_publishes_nothing_and_goes_on_where_it_was_when_asked_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.bring("orders", HEADER + ROWS)
    plan = plan_of(shop.workspace, shop.lake, shop.clock)
    found = tmp_path / "job" / "found"
    for stage, parts in ((STAGES[0], 2), (MODELS, 3), (KPIS_OF_MODELS, 1)):
        progress = CancelledAt(tmp_path / "job", stage, parts, planned=STAGES, final_step=WRITE)
        with pytest.raises(StoppedError):
            _refresh(shop, plan, found, progress)
        assert runs.all_runs(shop.lake) == []
        (tmp_path / "job" / "cancel").unlink()
    told = {s.name: s.state for s in steps_told(tmp_path / "job")}
    assert (told[MODELS], told[KPIS_OF_MODELS], told[WRITE]) == (StepState.DONE, StepState.RUNNING, StepState.WAITING)
    # asked to stop when it writes, it is published
    progress = CancelledAt(tmp_path / "job", WRITE, planned=STAGES, final_step=WRITE)
    _refresh(shop, plan, found, progress)
    run = runs.published_or_none(shop.lake)
    assert run is not None
    assert run.run_id == plan.run_id
    assert FoundInFolder(found).outcome_or_none(PUBLISH) is not None


def _refresh(shop: Shop, plan: Plan, found: Path, progress: JobProgress) -> None:
    with Refresh(shop.workspace, shop.lake, shop.clock, plan, FoundInFolder(found), progress) as work:
        for stage in STAGES:
            work.do(stage)
