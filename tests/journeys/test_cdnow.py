"""Cohort retention of a real shop: CDNOW's customers of January 1997, by calendar months.

124 and 65 of 781 (classic), 355 and 251 (unbounded) are published figures; they are counted here once more by DuckDB alone.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import keepwell as kw
from factories.journey import DATA, counted, needs, parts
from keepwell.metrics.reading import Reading

FILE = DATA / "cdnow" / "BTYD_cdnowElog.csv"
pytestmark = [pytest.mark.slow, needs(FILE)]

MAPPING = """
version: 1
constants: {status: completed, currency: USD}
entities:
  orders:
    select: select masterid as customer_id, date as ordered_at, sales as amount, row_number() over (order by masterid, date, cds, sales) as order_id from rows
"""
COHORT = 781
# age -> how many were active in that month, and in it or later
SEEN = {1: (124, 355), 6: (65, 251)}

BY_HAND = f"""
    with bought as (select masterid, datediff('month', date '1997-01-01', strptime(date, '%Y%m%d')) as month from read_csv('{FILE}', all_varchar = true)),
    cohort as (select masterid from bought group by masterid having min(month) = 0)
    select count(distinct masterid) as started, count(distinct masterid) filter (where month = 1) as in_1,
           count(distinct masterid) filter (where month >= 1) as since_1, count(distinct masterid) filter (where month = 6) as in_6,
           count(distinct masterid) filter (where month >= 6) as since_6
    from cohort join bought using (masterid)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdnow")
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    for arguments in (
        ["init", "--profile", "retail", "--currency", "USD", "--timezone", "America/New_York"],
        ["import", FILE, "--mapping", folder / "mapping.yaml", "--format", "json"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "keepwell.surfaces.cli", "-w", folder / "w", *arguments], capture_output=True, check=True
        )
    (landed,) = json.loads(done.stdout)["entities"]
    assert (landed["read"], landed["rejected"]) == (6_919, 0)
    return folder / "w"


def by_age(shop: Path, kpi: str) -> dict[str | None, Reading]:
    return {r.member: r for r in kw.open(shop).kpi(kpi, period="1997-01", by="age")}


def test_published_figures_are_those_of_the_file() -> None:
    expected = {"started": COHORT} | {f"{word}_{age}": SEEN[age][i] for age in SEEN for i, word in enumerate(("in", "since"))}
    assert counted(BY_HAND) == expected


@pytest.mark.parametrize(("kpi", "which"), [("cohort_retention_classic", 0), ("cohort_retention_unbounded", 1)])
def test_cohort_of_january_comes_back_as_published(shop: Path, kpi: str, which: int) -> None:
    found = by_age(shop, kpi)
    assert {age: parts(found[str(age)]) for age in SEEN} == {age: (SEEN[age][which], COHORT) for age in SEEN}
    assert parts(found["0"]) == (COHORT, COHORT)


def test_months_that_are_not_over_have_no_cell(shop: Path) -> None:
    """The log ends on 1998-06-30, the 18th month from January 1997; it counts, nothing after it does."""
    assert sorted(int(age or "") for age in by_age(shop, "cohort_retention_classic")) == list(range(18))
