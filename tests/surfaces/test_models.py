"""What the estimators found, as people read it: on the command line and in Python, in both languages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from factories.boosting import boosted
from factories.buyers import CUSTOMERS, PRODUCTS, TODAY, orders
from factories.surfaces import Surfaces
from factories.voices import answers
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.models.estimator import REGISTRY, estimator
from keepwell.models.estimators.lifecycle import STAGES
from keepwell.surfaces.cli.app import app
from keepwell.surfaces.judged import baseline_title, measure_title
from keepwell.surfaces.words import words_of

# churn is one of the estimators
pytestmark = boosted


@pytest.fixture(scope="module", params=["en", "zh"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Surfaces:
    made = Surfaces.made(tmp_path_factory.mktemp("models"), currency="GBP", timezone="UTC", locale=request.param)
    rows, lines = orders()
    made.bring("customers", [{"customer_id": c, "kind": "person"} for c in sorted({r["customer_id"] for r in rows})])
    made.bring("orders", rows)
    # the last one has no name
    made.bring("products", [{"product_id": f"p{i:02}", "name": f"Tea no. {i}", "currency": "GBP"} for i in range(PRODUCTS - 1)])
    made.bring("order_lines", lines)
    made.bring("responses", answers())
    made.ask("refresh", "--as-of", str(TODAY))
    return made


def shown(site: Surfaces, *command: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["-w", str(site.folder), *command])
    if status:
        assert isinstance(done.exception, KeepwellError)
        assert done.exception.exit_status == status
        return str(done.exception)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def is_chinese(site: Surfaces) -> bool:
    return str(site.python.place.settings.locale) == "zh"


def test_models_are_listed_with_their_verdicts(site: Surfaces) -> None:
    told = site.ask("models")
    assert [m["name"] for m in told] == list(REGISTRY)
    # nobody subscribes here
    assert [m["name"] for m in told if m["refused"] or not m["verdict"]] == ["contracts"]
    assert [m.to_json()["verdict"] for m in site.python.models()] == [m["verdict"] for m in told]
    text = shown(site, "models")
    assert ("结论" in text) == is_chinese(site)
    assert ("位买家" in text) == is_chinese(site)


def test_a_model_shows_back_test_and_parameters(site: Surfaces) -> None:
    told = site.ask("model", "clv")
    measures = {m["measure"]: m for m in told["measures"]}
    error = measures["mean_absolute_error"]
    assert error["baseline"] == "own_rate"
    assert error["beats_baseline"] is (error["value"] < error["baseline_value"])
    assert error["trained_until"] < error["tested_until"] == str(TODAY)
    assert {"horizon_days", "customer_equity"} <= {p["parameter"] for p in told["parameters"]}
    text = shown(site, "model", "clv")
    assert ("客户终身价值" in text) == is_chinese(site)
    assert ("平均绝对误差" in text) == is_chinese(site)
    assert "mean_absolute_error" not in text
    assert told["data_from"] < error["trained_until"]
    assert told["data_until"] == str(TODAY)
    assert all(day in text for day in (told["data_from"], error["trained_until"], str(TODAY)))


def test_every_measure_and_baseline_has_words(site: Surfaces) -> None:
    word = words_of(site.python.place.settings.locale)
    for model in site.ask("models"):
        for m in model["measures"]:
            title = measure_title(m["measure"], word)
            assert "_" not in title, title
            if is_chinese(site):
                assert re.search(r"[\u4e00-\u9fff]", title), title
            if m["baseline"]:
                assert baseline_title(m["baseline"], word) != m["baseline"] or m["baseline"] == "chance"


def test_notes_are_shown(site: Surfaces) -> None:
    (drift,) = [m for m in site.ask("model", "churn")["measures"] if m["measure"] == "drift"]
    assert drift["note"]
    assert drift["note"].split()[0][:5] in shown(site, "model", "churn")


def test_churn_shows_its_calibration(site: Surfaces) -> None:
    told = site.ask("model", "churn")
    assert [r["bin"] for r in told["rows"]] == list(range(1, 11))
    assert told["rows"][-1]["cumulative_lift"] == pytest.approx(1)
    assert ("累计提升度" in shown(site, "model", "churn")) == is_chinese(site)


def test_rfm_shows_which_scores_lead_to_which_group(site: Surfaces) -> None:
    told = site.ask("model", "rfm")
    assert told["rows"][0] | {"label": ""} == {"group": "champions", "label": "", "recency": "4-5", "frequency": "4-5", "money": "4-5"}
    assert ("冠军客户" in shown(site, "model", "rfm")) == is_chinese(site)
    assert {p["parameter"] for p in told["parameters"]} >= {"recency_1", "money_4"}


def test_cohorts_show_a_triangle(site: Surfaces) -> None:
    rows = site.ask("model", "cohorts")["rows"]
    assert [r["cohort"] for r in rows] == sorted(r["cohort"] for r in rows)
    assert all(r["shares"][0] == 1 for r in rows[:-1])
    # each line ends in the month that is not over
    assert all(None not in r["shares"][:-1] for r in rows)
    text = shown(site, "model", "cohorts")
    assert f"{rows[0]['shares'][1]:.0%}" in text
    assert rows[0]["cohort"] in text


def test_lifecycle_shows_its_rules(site: Surfaces) -> None:
    rows = site.ask("model", "lifecycle")["rows"]
    assert [r["stage"] for r in rows] == [*STAGES, "lead"]
    assert "180" in rows[0]["rule"]
    assert rows[0]["label"] in shown(site, "model", "lifecycle")


def test_an_unknown_model_answers_with_the_nearest(site: Surfaces) -> None:
    assert "Did you mean clusters?" in shown(site, "model", "cluster", status=2)


def test_customers_are_listed_by_value(site: Surfaces) -> None:
    told = site.ask("customers", "--sort", "clv", "--column", "clv", "--column", "tier", "--limit", "5")
    values = [r["clv"] for r in told]
    assert len(values) == 5
    assert sorted((float(v) for v in values), reverse=True) == [float(v) for v in values]
    assert list(told[0]) == ["customer_id", "clv", "tier"]
    lowest = site.ask("customers", "--sort", "-clv", "--column", "clv", "--limit", "1")
    assert float(lowest[0]["clv"]) < float(values[-1])


def test_customers_of_a_segment(site: Surfaces) -> None:
    champions = site.python.customers(segment="champions", columns=["customer_id", "rfm_group"])
    assert {r["rfm_group"] for r in champions} == {"champions"}
    everyone = site.python.customers(columns=["rfm_group"])
    assert len(everyone) == CUSTOMERS
    assert len(champions) == sum(r["rfm_group"] == "champions" for r in everyone)
    lost = site.python.customers(segment="lost", where="probability_active < 0.2", columns=["lifecycle_stage", "probability_active"])
    assert len(lost)
    assert all(r["probability_active"] < 0.2 and r["lifecycle_stage"] == "lost" for r in lost)
    with pytest.raises(WrongUseError, match="no segment named 'champion'") as error:
        site.python.customers(segment="champion")
    assert error.value.hint == "Did you mean champions?"


def test_a_card_gives_the_reason_for_each_score(site: Surfaces) -> None:
    (best,) = site.ask("customers", "--sort", "clv", "--limit", "1")
    card: dict[str, Any] = site.ask("customer", best["customer_id"])
    reasons = {r["score"]: r for r in card["reasons"]}
    assert {
        "rfm_group",
        "tier",
        "lifecycle_stage",
        "cluster",
        "probability_active",
        "clv",
        "churn_probability",
        "next_order_on",
        "next_products",
    } == set(reasons)
    assert f"{card['orders']}" in reasons["rfm_group"]["why"]
    assert "GBP" in reasons["clv"]["value"]
    text = shown(site, "customer", best["customer_id"])
    assert ("终身价值" in text) == is_chinese(site)
    assert ("orders expected" in text) != is_chinese(site)


def test_products_have_names_where_they_are_known(site: Surfaces) -> None:
    card = site.ask("model", "basket")
    assert len(card["rows"]) == 10
    for shown_as in (r[c] for r in card["rows"] for c in ("product_id", "with_product_id")):
        named = re.fullmatch(r"Tea no\. (\d+) \(p(\d\d)\)", shown_as)
        assert shown_as == "p11" or (named is not None and int(named[1]) == int(named[2]))
    assert re.search(r"Tea no\. \d+ \(p\d\d\)|p11", card["verdict"])
    (best,) = site.ask("customers", "--sort", "clv", "--limit", "1")
    offers = next(r["value"] for r in site.ask("customer", best["customer_id"])["reasons"] if r["score"] == "next_products")
    for offer in re.split("[,、] ?", offers):
        assert re.fullmatch(r"Tea no\. (\d+) \(p\d\d\)|p11", offer)


def test_clusters_are_personas_on_the_card_and_in_the_list(site: Surfaces) -> None:
    rows = {r["cluster"]: r for r in site.ask("model", "clusters")["rows"]}
    assert len({r["name"] for r in rows.values()}) == len(rows)
    assert all(("位" in r["description"]) == is_chinese(site) for r in rows.values())
    card = site.ask("customer", "c0003")
    told = next(r for r in card["reasons"] if r["score"] == "cluster")
    assert rows[card["cluster"]]["name"] in told["value"]
    assert told["why"] == rows[card["cluster"]]["description"]


def test_an_unknown_customer_answers_with_the_nearest(site: Surfaces) -> None:
    assert "Did you mean c0001" in shown(site, "customer", "c00001", status=2)


def test_before_a_refresh_it_is_said_what_to_do(tmp_path: Path) -> None:
    site = Surfaces.made(tmp_path)
    site.bring("customers", [{"customer_id": "ann", "kind": "person"}])
    for ask in (site.python.models, lambda: site.python.customer("ann"), lambda: site.python.customers(sort="clv")):
        with pytest.raises(KeepwellError) as error:
            ask()
        assert error.value.hint == "Run `keepwell refresh`."
    assert len(site.python.customers()) == 1


def test_every_model_has_words_in_both_languages() -> None:
    for name in REGISTRY:
        made = estimator(name)
        assert made.name == name
        for words in (made.title, made.meaning):
            assert len(words) == 2
            assert all(words)
            assert any("\u4e00" <= letter <= "\u9fff" for letter in words[1])


def test_the_output_is_json(site: Surfaces) -> None:
    assert isinstance(json.loads(shown(site, "models", "--format", "json")), list)
