"""Late service makes the demo's subscribers leave: the churn model finds it and says so, and where it is generated off falls back."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from factories.boosting import boosted
from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace
from keepwell.demo import subscriptions
from keepwell.demo.business import Business, generate
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.estimator import Estimate, Sight, estimator
from keepwell.models.population import keep_purchase_days, population
from keepwell.sources.imports import ImportRequest, run
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.worker.refresh import ground_of

pytestmark = boosted


def churn_of(business: Business, folder: Path) -> Estimate:
    """The estimate as of the demo's last day, on a workspace of the whole business."""
    made = Workspace(create_workspace(folder, Settings(currency="CNY", timezone="Asia/Shanghai")), SystemClock())
    for d in business.imports:
        run(made.place, made.lake, ImportRequest(d.files, d.entity, d.mapping, d.source), made.clock)
    day = date.fromisoformat(business.truths.last_day)
    with made.lake.engine() as engine:
        session = Session(engine, made.lake.snapshot(), ground_of(made.place, day), day, keeps=True)
        keep_purchase_days(session)
        return estimator("churn").estimate(Sight(session, population(session, day), Choices(), made.place.settings.locale, None, {}))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Estimate:
    folder = tmp_path_factory.mktemp("demo")
    return churn_of(generate(folder / "files"), folder / "workspace")


def test_late_service_is_a_reason_of_at_least_half_of_the_high_band(found: Estimate) -> None:
    assert found.of_some is not None
    high = [r["top_reasons"] or "" for r in found.of_some.to_pylist() if r["churn_band"] == "high"]
    assert len(high) >= 5
    assert all(len(r.split("; ")) <= 3 for r in high)
    assert np.mean(["answered late" in r for r in high]) >= 0.5


def test_the_model_is_better_than_the_rule_and_used(found: Estimate) -> None:
    judged = {j.measure: j for j in found.judgements}
    assert "the model is used" in found.verdict
    auc, gained = judged["auc"], judged["log_loss_gain"]
    assert auc.value is not None
    assert auc.baseline_value is not None
    assert gained.ci_low is not None
    assert auc.value > auc.baseline_value
    assert gained.ci_low > 0


def test_with_the_effect_off_the_rule_is_used_and_said_so(tmp_path: Path) -> None:
    business = generate(tmp_path / "files", churn_after_late_service=subscriptions.MONTHLY_CHURN)
    assert business.truths.late_service_churn.monthly_churn_after_late_service == subscriptions.MONTHLY_CHURN
    told = churn_of(business, tmp_path / "workspace")
    judged = {j.measure: j for j in told.judgements}
    assert "the simple rule is used" in told.verdict
    assert judged["auc"].beats_baseline is False
    assert told.of_some is not None
    assert not any("late" in (r or "") for r in told.of_some.column("top_reasons").to_pylist())
