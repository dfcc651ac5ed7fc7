"""A real NPS survey: examples/nps_verbatims on the file it is about.

−24.69 over 2,353 scored answers stands in the data's own README; the answers are counted here once more by DuckDB alone.
"""

import json
from decimal import Decimal
from math import sqrt

import pytest

from factories.journey import DATA, Walk, counted, needs, parts, started, value

FILE = DATA / "nps_verbatims_textsummary" / "nps_verbatims.csv"
pytestmark = [pytest.mark.slow, needs(FILE)]

PROMOTERS, PASSIVES, DETRACTORS, SKIPPED = 690, 392, 1_271, 32
SCORED = PROMOTERS + PASSIVES + DETRACTORS
Z = 1.959964

BY_HAND = f"""
    select count(*) filter (where score >= 9) as promoters, count(*) filter (where score between 7 and 8) as passives,
           count(*) filter (where score <= 6) as detractors, count(*) filter (where score is null) as skipped
    from (select try_cast(NPS_SCORE as int) as score from read_csv('{FILE}', all_varchar = true))
"""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("nps_verbatims") / "w"
    walk = started(folder, "nps_verbatims", profile="retail", currency="GBP", timezone="Europe/London")
    landed = walk.bring(FILE)["responses"]
    assert (landed["read"], landed["inserted"], landed["rejected"], landed["warnings"]) == (2_385, 2_385, 0, [])
    return walk


def test_answers_are_those_of_the_file() -> None:
    assert counted(BY_HAND) == {"promoters": PROMOTERS, "passives": PASSIVES, "detractors": DETRACTORS, "skipped": SKIPPED}


def test_nps_is_over_the_scored_answers_and_skipped_ones_are_told_apart(walk: Walk) -> None:
    nps = walk.read("nps")
    assert round(value(nps), 2) == Decimal("-24.69")
    assert (nps.n, nps.missing, *parts(nps)) == (SCORED, SKIPPED, PROMOTERS - DETRACTORS, SCORED)
    assert nps.coverage == pytest.approx(SCORED / (SCORED + SKIPPED))


def test_the_interval_is_that_of_a_difference_of_two_shares(walk: Walk) -> None:
    nps = walk.read("nps")
    assert nps.ci_low is not None
    assert nps.ci_high is not None
    promoters, detractors = PROMOTERS / SCORED, DETRACTORS / SCORED
    variance = promoters + detractors - (promoters - detractors) ** 2
    half_width = (nps.ci_high - nps.ci_low) / 2
    assert half_width == pytest.approx(3.55, abs=0.005)
    assert half_width == pytest.approx(100 * Z * sqrt(variance / SCORED), abs=0.01)


def test_stages_of_the_journey_add_up(walk: Walk) -> None:
    stages = walk.by("nps", "survey_id")
    rows = {name: r.n + (r.missing or 0) for name, r in stages.items()}
    assert rows == {"First Payment": 1_150, "Order": 971, "Equipment Received": 234, "Service in Use": 30}
    assert sum(r.n for r in stages.values()) == SCORED


def test_detractors_have_a_share_of_their_own(walk: Walk) -> None:
    assert parts(walk.read("detractor_share")) == (DETRACTORS, SCORED)


def test_importing_again_changes_nothing(walk: Walk) -> None:
    assert walk.bring(FILE, is_dry=True)["responses"]["unchanged"] == 2_385


def test_topics_say_what_lowers_the_score(walk: Walk) -> None:
    """Those who wait are counted once more by DuckDB alone: they are detractors nearly all."""
    walk.run("refresh", "--as-of", "2018-05-31")
    told = json.loads(walk.run("model", "topics", "--format", "json"))
    first = told["rows"][0]
    assert first["topic"] == "waiting"
    assert first["effect_high"] < -10
    by_hand = counted(f"""
        select 100 * avg(case when score >= 9 then 1 when score <= 6 then -1 else 0 end) as nps
        from (select try_cast(NPS_SCORE as int) as score, text from read_csv('{FILE}', all_varchar = true))
        where score is not null and regexp_matches(lower(text), '\\b(wait|delay|months|weeks)')""")
    assert first["mean_score"] == pytest.approx(by_hand["nps"], abs=5)
    assert first["quotes"]
    drivers = json.loads(walk.run("model", "drivers", "--format", "json"))["rows"]
    assert drivers[0]["driver"] == "waiting"
    assert drivers[0]["performance"] < 20
