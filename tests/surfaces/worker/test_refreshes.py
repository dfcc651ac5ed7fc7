"""Refreshes by the worker: the numbers of the command, once, whatever dies or is cancelled meanwhile."""

from collections.abc import Callable

import pytest

from factories.served import AS_OF
from factories.working import Working, wait_until
from keepwell.lake import runs
from keepwell.surfaces.worker.job import State, StepState
from keepwell.surfaces.worker.progress import folder_of

OLGA = "Olga"
OWN_KPI = """
- name: web_order_share
  title: {en: "Web order share", zh: "网店订单占比"}
  meaning: {en: "Share of completed orders that came by the web.", zh: "网店成交的已完成订单占比。"}
  formula: {en: "completed orders by web ÷ completed orders", zh: "网店已完成订单数 ÷ 已完成订单数"}
  pitfalls: {en: "Orders in a store after a visit count as store.", zh: "浏览后到店下单的计为门店。"}
  kind: ratio
  fact: orders
  time: ordered_on
  where: "status = 'completed'"
  numerator: "count(*) filter (where channel = 'web')"
  denominator: "count(*)"
  unit: share
  better: up
  additivity: non
  dimensions: [country, region]
  version: 1
  example:
    # of two completed orders one came by the web
    rows:
      orders:
        - {order_id: a1, customer_id: ann, ordered_on: 2026-10-03, status: completed, channel: web, amount: 80, currency: CNY}
        - {order_id: b1, customer_id: bob, ordered_on: 2026-10-11, status: completed, channel: store, amount: 120, currency: CNY}
    period: 2026-10
    value: 0.5
    n: 2
"""


@pytest.mark.slow
def test_a_refresh_that_is_killed_in_every_stage_is_published_once_and_as_the_command_has_it(work: Working) -> None:
    (by_command,) = work.runs()
    job_id = work.jobs.start_refresh(asked_by=OLGA, as_of=AS_OF)
    found = folder_of(work.place, job_id) / "found"

    def is_done(stage: str) -> Callable[[], bool]:
        return (found / f"{stage}.json").exists

    signs = (
        lambda: work.is_at(job_id, "KPIs", done=3),
        is_done("KPIs"),
        is_done("models"),
        is_done("KPIs_of_models"),
        is_done("health"),
        is_done("reasons"),
        lambda: any((work.lake.folder / "staging").glob("res_*")),
        is_done("write"),
        lambda: len(list((work.lake.folder / "runs").glob("*.json"))) == 2,
        is_done("publish"),
    )
    for sign in signs:
        work.killed_when(sign)
        assert work.jobs.job(job_id).state is State.RUNNING
    with work.worker():
        job = work.over(job_id)
    assert (job.state, job.error) == (State.DONE, None)
    assert [s.state for s in job.steps] == [StepState.DONE] * 8
    first, second = work.runs()
    assert first == by_command
    assert second.run_id == job.result["run_id"]
    assert runs.published_or_none(work.lake) == second
    assert (second.versions, second.definitions, second.as_of) == (first.versions, first.definitions, AS_OF)
    assert set(second.seconds) == set(first.seconds)
    # rows twice, or rows lost, would differ
    assert work.rows(second) == work.rows(first)
    assert not list(found.parent.glob("found"))
    assert not list((work.lake.folder / "runs_under_way").glob("*"))


@pytest.mark.slow
def test_a_refresh_that_is_cancelled_publishes_nothing_and_the_next_one_waits_for_it_and_works(work: Working) -> None:
    before = work.runs()
    first = work.jobs.start_refresh(asked_by=OLGA, as_of=AS_OF)
    second = work.jobs.start_refresh(asked_by="Ana", as_of=AS_OF)
    with work.worker():
        wait_until(lambda: work.is_at(first, "KPIs", done=2))
        assert work.jobs.job(second).state is State.QUEUED
        assert [j.job_id for j in work.jobs.under_way()] == [first, second]
        work.jobs.cancel(first)
        cancelled = work.over(first)
        assert work.runs() == before
        done = work.over(second)
    assert (cancelled.state, cancelled.result) == (State.CANCELLED, {})
    assert [s.state for s in cancelled.steps][:2] == [StepState.CANCELLED, StepState.WAITING]
    assert done.state is State.DONE
    assert cancelled.ended_at is not None
    assert done.started_at is not None
    assert done.started_at >= cancelled.ended_at
    assert [r.run_id for r in work.runs()] == [before[0].run_id, done.result["run_id"]]
    assert [j.job_id for j in work.jobs.jobs()] == [second, first]
    assert [j.asked_by for j in work.jobs.jobs(limit=1, offset=1)] == [OLGA]
    assert work.jobs.under_way() == []


@pytest.mark.slow
def test_where_definitions_changed_while_nobody_was_at_work_the_refresh_begins_anew(work: Working) -> None:
    job_id = work.jobs.start_refresh(asked_by=OLGA, as_of=AS_OF)
    found = folder_of(work.place, job_id) / "found"
    work.killed_when((found / "KPIs.json").exists)
    (work.folder / "kpis" / "web.yaml").write_text(OWN_KPI, encoding="utf-8")
    with work.worker():
        job = work.over(job_id)
    assert (job.state, job.result["problems"]) == (State.DONE, {})
    first, second = work.runs()
    assert set(second.definitions) - set(first.definitions) == {"web_order_share"}
    assert any(r["kpi"] == "web_order_share" for r in work.rows(second)["kpi_values"])


@pytest.mark.slow
def test_a_job_whose_worker_died_is_cancelled_and_stays_so(work: Working) -> None:
    before = work.runs()
    job_id = work.jobs.start_refresh(asked_by=OLGA, as_of=AS_OF)
    work.killed_when(lambda: work.is_at(job_id, "KPIs"))
    work.jobs.cancel(job_id)
    assert work.jobs.job(job_id).state is State.CANCELLED
    second = work.jobs.start_refresh(asked_by=OLGA, as_of=AS_OF)
    with work.worker():
        assert work.over(second).state is State.DONE
    assert work.jobs.job(job_id).state is State.CANCELLED
    assert [r.run_id for r in work.runs()[len(before) :]] == [work.jobs.job(second).result["run_id"]]


def test_a_job_that_waits_is_cancelled_at_once_without_any_worker(work: Working) -> None:
    job_id = work.jobs.start_refresh(asked_by=OLGA)
    assert not work.jobs.is_worker_alive
    assert [s.name for s in work.jobs.job(job_id).steps] == [
        "KPIs",
        "models",
        "KPIs of models",
        "health",
        "reasons",
        "write",
        "publish",
        "tidy up",
    ]
    work.jobs.cancel(job_id)
    job = work.jobs.job(job_id)
    assert (job.state, job.is_over) == (State.CANCELLED, True)
    work.jobs.cancel(job_id)
    assert work.jobs.job_or_none("job_20260101T000000_abcdef") is None
