"""The demo business goes through the whole of Keepwell, and what is known to be true of it is found there."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factories.surfaces import Surfaces
from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace
from keepwell.demo.business import Business, generate
from keepwell.lake.entity import entities
from keepwell.lake.records import EntityCounts
from keepwell.sources.imports import ImportReport, ImportRequest, run
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.worker.refresh import refresh


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Business:
    return generate(tmp_path_factory.mktemp("business"), customers=300)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(create_workspace(tmp_path_factory.mktemp("workspace"), Settings(timezone="Asia/Shanghai")), SystemClock())


@pytest.fixture(scope="module")
def reports(business: Business, workspace: Workspace) -> list[ImportReport]:
    """Every delivery imported, in its order."""
    return [
        run(workspace.place, workspace.lake, ImportRequest(d.files, d.entity, d.mapping, d.source), workspace.clock)
        for d in business.imports
    ]


def counts(reports: list[ImportReport]) -> list[EntityCounts]:
    return [e for r in reports for e in r.entities]


def test_every_entity_that_can_be_imported_lands(reports: list[ImportReport]) -> None:
    landed = {c.entity for c in counts(reports) if c.inserted}
    assert landed == {name for name, e in entities().items() if not e.is_derived}


def test_exactly_the_dirty_rows_are_rejected(business: Business, reports: list[ImportReport]) -> None:
    known = {("pop_up_orders.csv", row.line) for row in business.truths.dirty_rows}
    found = {(r.file, r.line) for report in reports for r in report.rejected}
    assert found == known


def test_all_imported_again_changes_nothing(business: Business, workspace: Workspace, reports: list[ImportReport]) -> None:
    assert reports
    before = workspace.lake.snapshot().versions
    for d in business.imports:
        report = run(workspace.place, workspace.lake, ImportRequest(d.files, d.entity, d.mapping, d.source), workspace.clock)
        assert [(c.inserted, c.updated, c.removed) for c in report.entities] == [(0, 0, 0)] * len(report.entities), d.name
    assert workspace.lake.snapshot().versions == before


# a business of this kind has no training file and no survey of its employees
SILENT = {"training_hours", "employee_satisfaction"}


def test_refresh_of_the_demo_has_a_value_of_every_kpi(business: Business, workspace: Workspace, reports: list[ImportReport]) -> None:
    assert reports
    # what models expect is told for the day of their run
    published = refresh(workspace.place, workspace.lake, workspace.clock, as_of=date.fromisoformat(business.truths.last_day))
    found = workspace.kpi(period="2026-01..2026-10", grain="month", run=published.run_id)
    assert {r.kpi for r in found} == set(workspace.kpis)
    assert {r.run_id for r in found} == {published.run_id}
    without = set(workspace.kpis) - {r.kpi for r in found if r.value is not None}
    assert without <= SILENT


def test_stored_readings_are_those_computed_now(workspace: Workspace, reports: list[ImportReport]) -> None:
    assert reports
    published = refresh(workspace.place, workspace.lake, workspace.clock)

    def plain(**question: Any) -> list[dict[str, Any]]:
        return [
            {k: v for k, v in r.to_json().items() if k != "run_id"} for r in workspace.kpi("revenue", "average_order_value", **question)
        ]

    for question in ({"period": "2026-01..2026-10"}, {"period": "2026", "by": "country", "grain": "month"}):
        assert plain(**question, run=published.run_id) == plain(**question)


def test_demo_command_prints_a_scorecard_in_chinese(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keepwell.surfaces.cli", "demo", str(tmp_path / "demo"), "--customers", "120", "--locale", "zh"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    for word in ("记分卡 2026-10", "营业收入", "活跃客户数", "¥"):
        assert word in done.stdout
    command = [sys.executable, "-m", "keepwell.surfaces.cli", "-w", str(tmp_path / "demo"), "doctor", "--format", "json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout)
    assert {f["state"] for f in found} == {"ok"}
    # so that there is something to look at in every part: an objective's targets, a decision and an action
    shop = Surfaces(tmp_path / "demo")
    assert {t["objective_id"] for t in shop.ask("target", "list")} == {o["objective_id"] for o in shop.ask("target", "objectives")}
    review = shop.ask("review", "show", "2026-10")
    assert (len(review["decided_before"]), len(review["actions"])) == (1, 1)
