"""A service desk's log of incidents: examples/itsm_incidents on the file it is about.

The numbers stand in the data's own README (last event per incident, wall clock taken as UTC) and are counted here by DuckDB alone.
"""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from statistics import median

import duckdb
import pytest

from factories.journey import DATA, Walk, counted, needs, parts, started, value

FILE = DATA / "itsm_incident_log" / "incident_event_log_119998.parquet"
pytestmark = [pytest.mark.slow, needs(FILE)]

INCIDENTS, RESOLVED = 20_769, 19_351
HOUR = 3_600
END = datetime(2018, 1, 1)

LAST_ROWS = f"""
    select number, made_sla, reopen_count::int as reopened, strptime(opened_at, '%d/%m/%Y %H:%M') as opened,
           strptime(nullif(resolved_at, '?'), '%d/%m/%Y %H:%M') as resolved
    from '{FILE}' qualify row_number() over (partition by number order by sys_mod_count::int desc, strptime(sys_updated_at, '%d/%m/%Y %H:%M') desc) = 1
"""
BY_HAND = f"""
    select count(*) as incidents, count(resolved) as resolved, count_if(made_sla = 'true') as met, count_if(reopened > 0) as reopened,
           round(median(epoch(resolved - opened)) / 3600, 1) as median_hours,
           round(quantile_cont(epoch(resolved - opened), 0.9) / 3600, 1) as p90_hours
    from ({LAST_ROWS})
"""
STEPS = f"""
    with log as (
      select number, incident_state as state, reopen_count::int as reopened, sys_mod_count::int as place,
             strptime(opened_at, '%d/%m/%Y %H:%M') as opened, strptime(nullif(resolved_at, '?'), '%d/%m/%Y %H:%M') as resolved,
             strptime(sys_updated_at, '%d/%m/%Y %H:%M') as seen
      from '{FILE}'
    ),
    chained as (
      select *, lag(state) over (partition by number order by place, seen) as state_before,
             lag(reopened) over (partition by number order by place, seen) as reopened_before
      from log
    )
    select number, opened, resolved, list(seen) filter (where reopened > reopened_before),
           list(seen) filter (where state = 'Resolved' and state is distinct from state_before)
    from chained group by number, opened, resolved
"""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    walk = started(tmp_path_factory.mktemp("itsm_incidents") / "w", "itsm_incidents", profile="b2b", currency="USD", timezone="UTC")
    landed = walk.bring(FILE)
    assert {name: (e["inserted"], e["rejected"], e["warnings"]) for name, e in landed.items()} == {
        "customers": (4_828, 0, []), "teams": (72, 0, []), "employees": (190, 0, []), "tickets": (INCIDENTS, 0, []),
    }  # fmt: skip
    return walk


def episodes() -> tuple[list[float], int]:
    """How long each opening or reopening lasted until it was resolved, in seconds; and how many never were."""
    lasted: list[float] = []
    unresolved = 0
    for _, opened, recorded, reopenings, resolutions in duckdb.connect().execute(STEPS).fetchall():
        starts = [opened, *sorted({at for at in reopenings or [] if at > opened})]
        for start, following in zip(starts, [*starts[1:], END], strict=True):
            within = [at for at in [recorded, *sorted(resolutions or [])] if at is not None and start <= at < following]
            if within:
                lasted.append((within[0] - start).total_seconds())
            else:
                unresolved += 1
    return lasted, unresolved


def test_the_file_says_what_its_readme_says() -> None:
    assert counted(BY_HAND) == {
        "incidents": INCIDENTS, "resolved": RESOLVED, "met": 12_595, "reopened": 234, "median_hours": 24.6, "p90_hours": 397.4,
    }  # fmt: skip


def test_resolution_time_is_that_of_the_incidents_with_a_resolution(walk: Walk) -> None:
    middle, slowest = walk.read("resolution_time"), walk.read("resolution_time_p90")
    assert middle.value == Decimal("24.6") * HOUR
    assert round(value(slowest) / HOUR, 1) == Decimal("397.4")
    for reading in (middle, slowest):
        assert (reading.n, reading.missing) == (RESOLVED, INCIDENTS - RESOLVED)
        assert reading.coverage == pytest.approx(0.932, abs=0.0005)


def test_the_promise_was_kept_where_the_last_row_says_so(walk: Walk) -> None:
    assert parts(walk.read("within_sla_rate")) == (12_595, INCIDENTS)


def test_priorities_are_those_of_the_last_rows(walk: Walk) -> None:
    counts = {member: parts(r)[1] for member, r in walk.by("within_sla_rate", "priority").items()}
    assert counts == {"moderate": 19_554, "low": 658, "high": 337, "critical": 220}


def test_reopened_incidents_are_counted_once_each(walk: Walk) -> None:
    (row,) = walk.held("tickets", "select count(*) as n from tickets where reopened_count > 0")
    assert row["n"] == 234


def test_with_the_steps_of_the_log_a_reopening_starts_anew(tmp_path: Path) -> None:
    walk = started(tmp_path / "w", "itsm_incidents", profile="b2b", currency="USD", timezone="UTC")
    walk.bring(FILE)
    assert walk.bring(FILE, mapping="ticket_events.yaml")["ticket_events"]["rejected"] == 0
    lasted, unresolved = episodes()
    reading = walk.read("resolution_time")
    assert (reading.n, reading.missing, reading.value) == (len(lasted), unresolved, Decimal(median(lasted)))
    assert (len(lasted), unresolved, median(lasted)) == (21_042, 3, 70_890)
