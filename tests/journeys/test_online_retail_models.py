"""What the estimators foretell of a real shop, beside what came: Online Retail's last 90 days.

The expected numbers are the published ones of the reference: 3,370 customers until 2011-09-10, r and α of the NBD in weeks, its
log-likelihood, and what its predictive intervals must hold.
"""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from keepwell.core.clock import SystemClock
from keepwell.core.settings import Locale, Settings
from keepwell.core.workspace import create_workspace
from keepwell.lake.lake import Lake
from keepwell.metrics.session import Session
from keepwell.models.btyd.hold_out import HoldOut, hold_out
from keepwell.models.btyd.nbd import NegativeBinomial
from keepwell.models.btyd.summary import Summary
from keepwell.models.choices import Choices
from keepwell.models.estimator import Estimate, Sight, estimator
from keepwell.models.population import population
from keepwell.sources.imports import ImportRequest, run
from keepwell.surfaces.worker.refresh import ground_of

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("KEEPWELL_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
FILE = DATA / "online_retail_uci" / "online_retail.parquet"
MAPPING = ROOT / "examples" / "online_retail" / "mapping.yaml"
CUT, LAST = date(2011, 9, 10), date(2011, 12, 9)

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason=f"no Online Retail file in {FILE.parent}: KEEPWELL_REFERENCE_DATA names the folder above it"
)


@pytest.fixture(scope="module")
def sight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sight]:
    folder = tmp_path_factory.mktemp("retail")
    place = create_workspace(folder / "w", Settings(currency="GBP", timezone="Europe/London"))
    lake = Lake(place.lake_folder)
    run(place, lake, ImportRequest((FILE,), mapping=MAPPING), SystemClock())
    with lake.engine() as engine:
        session = Session(engine, lake.snapshot(), ground_of(place, LAST), LAST, keeps=True)
        yield Sight.of(session, Choices(), Locale.ENGLISH)


@pytest.fixture(scope="module")
def last_90_days(sight: Sight) -> HoldOut:
    known = population(sight.bought, CUT)
    later = population(sight.bought, LAST, among=known.customers)
    whole = Summary(
        later.purchase_days - 1, (later.last_day - later.first_day).astype(float), (later.today - later.first_day).astype(float)
    )
    return hold_out(known.summary, whole, "bg_nbd")


def test_nobody_is_seen_to_leave(last_90_days: HoldOut) -> None:
    model = last_90_days.model
    assert len(last_90_days.actual) == 3_370
    assert last_90_days.days == 90
    assert isinstance(model, NegativeBinomial)
    assert model.parameters["r"] == pytest.approx(0.7223, rel=0.005)
    assert model.parameters["alpha"] == pytest.approx(9.409, rel=0.005)
    assert model.log_likelihood == pytest.approx(-22_926.499, abs=0.01)


def test_predictive_intervals_hold_what_came(last_90_days: HoldOut) -> None:
    assert last_90_days.coverage >= 0.95
    assert last_90_days.coverage_of_buyers >= 0.93
    assert last_90_days.mean_width <= 4.0


def test_the_next_product_is_foretold_better_than_by_popularity(sight: Sight) -> None:
    found: Estimate = estimator("next_product").estimate(sight)
    (hit,) = [j for j in found.judgements if j.measure == "hit_rate_at_10"]
    assert hit.value is not None
    assert hit.baseline_value is not None
    assert hit.ci_low is not None
    assert hit.ci_high is not None
    assert hit.ci_low < hit.value < hit.ci_high
    assert hit.value > hit.baseline_value
    assert hit.beats_baseline
    (gain,) = [j for j in found.judgements if j.measure == "gain_over_popularity"]
    assert gain.value == pytest.approx(hit.value - hit.baseline_value)
    assert gain.ci_low is not None
    assert gain.ci_low > 0
