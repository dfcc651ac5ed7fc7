"""What is planted in the demo is found by the models: late service that makes subscribers leave, and what the unhappy write about."""

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
from keepwell.sources.imports import ImportRequest, run
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.worker.refresh import ground_of

pytestmark = boosted


def estimates(business: Business, folder: Path, *names: str) -> dict[str, Estimate]:
    """As of the demo's last day, on a workspace of the whole business."""
    made = Workspace(create_workspace(folder, Settings(currency="CNY", timezone="Asia/Shanghai")), SystemClock())
    for d in business.imports:
        run(made.place, made.lake, ImportRequest(d.files, d.entity, d.mapping, d.source), made.clock)
    day = date.fromisoformat(business.truths.last_day)
    with made.lake.engine() as engine:
        session = Session(engine, made.lake.snapshot(), ground_of(made.place, day), day, keeps=True)
        sight = Sight.of(session, Choices(), made.place.settings.locale)
        return {name: estimator(name).estimate(sight) for name in names}


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Business:
    return generate(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def all_found(business: Business, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Estimate]:
    return estimates(business, tmp_path_factory.mktemp("workspace") / "w", "churn", "topics")


@pytest.fixture(scope="module")
def found(all_found: dict[str, Estimate]) -> Estimate:
    return all_found["churn"]


def test_late_service_is_a_reason_of_at_least_half_of_the_high_band(found: Estimate) -> None:
    assert found.of_some is not None
    high = [r["top_reasons"] or "" for r in found.of_some.to_pylist() if r["churn_band"] == "high"]
    assert len(high) >= 5
    assert all(len(r.split("; ")) <= 3 for r in high)
    assert np.mean(["resolved late" in r for r in high]) >= 0.5


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
    told = estimates(business, tmp_path / "workspace", "churn")["churn"]
    judged = {j.measure: j for j in told.judgements}
    assert "the simple rule is used" in told.verdict
    assert judged["auc"].beats_baseline is False
    assert told.of_some is not None
    assert not any("late" in (r or "") for r in told.of_some.column("top_reasons").to_pylist())


def test_the_planted_topic_is_among_the_three_largest_effects(business: Business, all_found: dict[str, Estimate]) -> None:
    planted = business.truths.satisfaction_drop.topic
    rows = [r for r in all_found["topics"].tables["topics"].to_pylist() if r["effect"] is not None]
    for metric in ("nps", "csat"):
        largest = sorted((r for r in rows if r["metric"] == metric), key=lambda r: -abs(r["effect"]))[:3]
        (mine,) = [r for r in largest if r["topic"] == planted]
        assert mine["effect"] < 0
        assert mine["effect_high"] < 0
