"""``models.yaml``: what a workspace settles for RFM, tiers, churn and subscriptions, and what is said of a faulty one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from factories.buyers import TODAY, orders
from factories.shop import Shop
from factories.surfaces import Surfaces
from keepwell.core.settings import Locale
from keepwell.core.yaml_file import YamlError
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.choices_file import FILE_NAME, chosen
from keepwell.models.estimator import Estimate, Previous, Sight, estimator
from keepwell.surfaces.worker.refresh import ground_of

WHOLE = """
rfm:
  levels: 3
  weights: {recency: 2, money: 0}
  thresholds: {recency: [60, 180], frequency: [1, 4], money: [50, 200]}
  groups:
    - {name: vip, title: {en: VIP, zh: 贵宾}, recency: 3, frequency: 2-3}
    - {name: rest, title: {en: The rest, zh: 其他}}
tiers: {first: 0.5}
churn: {bands: [0.2, 0.4]}
contracts: {margin: 0.8}
"""


def choices_of(folder: Path, text: str) -> Choices:
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return chosen(folder, Choices())


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert chosen(tmp_path, Choices()) == Choices()
    assert choices_of(tmp_path, "# nothing yet\n") == Choices()


def test_what_is_written_counts(tmp_path: Path) -> None:
    found = choices_of(tmp_path, WHOLE)
    assert (found.tiers, found.churn_bands, found.subscription_margin) == ((0.5, 0.95), (0.2, 0.4), 0.8)
    assert found.rfm is not None
    assert (found.rfm.levels, found.rfm.weights) == (3, (2.0, 1.0, 0.0))
    assert found.rfm.groups is not None
    vip, rest = found.rfm.groups
    assert (vip.name, vip.label, vip.recency, vip.frequency, vip.money) == ("vip", ("VIP", "贵宾"), (3, 3), (2, 3), (1, 3))
    assert rest.recency == (1, 3)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("rmf: {}", "line 1: rmf: there is no such field of models", "Did you mean rfm?"),
        ("rfm:\n  levels: 4", "line 2: rfm.levels: is 4", "Choose 3 or 5."),
        ("rfm:\n  weights: {recency: -1}", "rfm.weights: are -1, 1, 1", "None may be negative, and not all 0."),
        ("rfm: {weights: {recency: high}}", "rfm.weights.recency: is 'high'", "It is a number."),
        ("rfm: {thresholds: {recency: [1, 2, 3, 4]}}", "rfm.thresholds: lack frequency, money", "Fix all three, or none"),
        (
            "rfm:\n  levels: 3\n  thresholds: {recency: [60, 30], frequency: [1, 2], money: [1, 2]}",
            "line 3: rfm.thresholds.recency: are 60, 30",
            "Give them in ascending order",
        ),
        ("rfm: {thresholds: {recency: [1], frequency: [1], money: [1]}}", "is [1]", "Give a list of 4 numbers."),
        (
            "rfm:\n  groups:\n    - {name: vip, title: {en: VIP, zh: 贵宾}, recency: 4-5}",
            "recency 1, frequency 1, money 1 lead to no group",
            "Add a last group without scores",
        ),
        ("rfm: {groups: [{name: vip, title: {en: VIP}}]}", "vip needs words in both languages", "Write title:"),
        ("rfm: {groups: [{name: vip, title: {en: V, zh: 贵}, money: 4-9}]}", "rfm.groups.money: is '4-9'", "Scores go from 1 to 5"),
        ("tiers: {first: 0.9, second: 0.5}", "tiers end at 0.9 and 0.5", "ascending order"),
        ("tiers: {first: 80}", "tiers.first: is 80", "It is a share from 0 to 1"),
        ("churn: {bands: [0.5]}", "churn.bands: is [0.5]", "Give a list of 2 numbers."),
        ("churn: {bands: [0.6, 0.3]}", "are 0.6 and 0.3", "ascending order"),
        ("contracts: {margin: 80}", "contracts.margin: is 80", "0.8 for 80 %"),
        ("rfm: 5", "rfm is 5", "It has fields: levels, weights, thresholds, groups."),
    ],
)
def test_a_fault_is_named_with_its_place_and_what_to_do(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(YamlError) as error:
        choices_of(tmp_path, text)
    assert error.value.message.startswith(f"{FILE_NAME}, line ")
    assert message in error.value.message
    assert hint in (error.value.hint or "")


def test_a_faulty_file_stops_a_refresh_before_anything_is_computed(tmp_path: Path) -> None:
    site = Surfaces.made(tmp_path)
    (site.folder / FILE_NAME).write_text("tiers: {frist: 0.5}", encoding="utf-8")
    with pytest.raises(YamlError, match="there is no such field of tiers") as error:
        site.ask("refresh")
    assert error.value.hint == "Did you mean first?"


# ------------------------------------------------------------- what it does


def estimates(shop: Shop, choices: Choices, previous: Previous | None = None) -> dict[str, Estimate]:
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, TODAY), TODAY, keeps=True)
        sight = Sight.of(session, choices, Locale.ENGLISH, previous)
        return {name: estimator(name).estimate(sight) for name in ("rfm", "tiers")}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(tmp_path_factory.mktemp("choices"))
    made.bring_rows("orders", orders()[0])
    return made


def test_scores_are_by_the_workspaces_thresholds_weights_and_groups(tmp_path: Path, shop: Shop) -> None:
    """Each customer by hand: three levels of recency at 60 and 180 days, of frequency at 1 and 4 orders; weights 2, 1, 0."""
    rfm = estimates(shop, choices_of(tmp_path, WHOLE))["rfm"]
    by_customer: dict[str, list[str]] = {}
    for o in orders()[0]:
        by_customer.setdefault(o["customer_id"], []).append(o["ordered_at"][:10])
    for i, customer in enumerate(sorted(by_customer)):
        days = (np.datetime64(TODAY) - np.datetime64(max(by_customer[customer]))).astype(int)
        r = 3 if days <= 60 else 2 if days <= 180 else 1
        number = len(by_customer[customer])
        f = 1 if number <= 1 else 2 if number <= 4 else 3
        assert (rfm.scores["rfm_recency"][i].as_py(), rfm.scores["rfm_frequency"][i].as_py()) == (r, f)
        assert rfm.scores["rfm_score"][i].as_py() == pytest.approx((2 * r + f) / 3)
        assert rfm.scores["rfm_group"][i].as_py() == ("vip" if r == 3 and f >= 2 else "rest")
    assert "in the first group: VIP" in rfm.verdict


def test_tiers_end_where_the_workspace_says(tmp_path: Path, shop: Shop) -> None:
    narrow, usual = estimates(shop, choices_of(tmp_path, "tiers: {first: 0.5}"))["tiers"], estimates(shop, Choices())["tiers"]
    counts = [[str(v) for v in e.scores["tier"].to_pylist()].count("A") for e in (narrow, usual)]
    assert counts[0] < counts[1]


def test_a_change_is_kept_with_the_run_and_said(tmp_path: Path, shop: Shop) -> None:
    before = estimates(shop, Choices())
    parameters = {name: {p.name: p.value for p in e.parameters} for name, e in before.items()}
    previous = Previous("run_before", TODAY, parameters, pa.table({"customer_id": pa.array([], pa.string())}))
    assert all("Set otherwise" not in e.verdict for e in estimates(shop, Choices(), previous).values())
    changed = estimates(shop, choices_of(tmp_path, "rfm: {weights: {recency: 3}}\ntiers: {first: 0.7}"), previous)
    assert "Set otherwise than in run_before: weight_recency 1 → 3." in changed["rfm"].verdict
    assert "first 0.8 → 0.7" in changed["tiers"].verdict
    kept = {p.name: p.value for p in changed["rfm"].parameters}
    assert (kept["chosen.weight_recency"], kept["chosen.levels"]) == (3.0, 5.0)
    # a run before such settings were kept says nothing
    bare = replace(previous, parameters={})
    assert "Set otherwise" not in estimates(shop, choices_of(tmp_path, "tiers: {first: 0.7}"), bare)["tiers"].verdict
