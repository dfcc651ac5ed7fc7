"""Cards that are changed: a change is looked at before it counts, saved as a new version, refused where it is wrong or late."""

import copy
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from factories.cards import PAIR, copied, shop
from factories.markup import read
from factories.served import Company
from keepwell.core import yaml_file
from keepwell.core.errors import KeepwellError
from keepwell.metrics.kpi_file import built_in
from keepwell.performance.scorecards import own_files
from keepwell.performance.scorecards.card_file import cards, read_card
from keepwell.surfaces.cli.app import app

PERIOD = "2026-10"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def company(made: Company, tmp_path: Path) -> Company:
    return copied(made, tmp_path)


def weighed(definition: dict[str, Any], *weights: float) -> dict[str, Any]:
    """The definition with other weights of the items of its first perspective."""
    made = copy.deepcopy(definition)
    for item, weight in zip(made["perspectives"][0]["items"], weights, strict=True):
        item["weight"] = weight
    return made


def totals(rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    total = rows[-1]
    assert total["item"] == "total"
    return total["points_before"], total["points"], total["grade_before"], total["grade"]


def test_a_file_is_tried_before_it_counts(company: Company, tmp_path: Path) -> None:
    ask, file = company.surfaces.ask, tmp_path / "tried.yaml"
    file.write_text(
        PAIR.replace("revenue, weight: 50", "revenue, weight: 80").replace("orders, weight: 50", "orders, weight: 20"), encoding="utf-8"
    )
    rows = ask("scorecard", "pair", "--period", PERIOD, "--try", str(file))
    # 0.5 · 50 + 0.5 · 100 = 75 before; 0.8 · 50 + 0.2 · 100 = 60 after
    assert totals(rows) == (75, 60, "good", "fair")
    revenue = rows[0]
    assert (revenue["share_before"], revenue["share"], revenue["points"], revenue["adds_before"], revenue["adds"]) == (50, 80, 50, 25, 40)
    assert ask("scorecard", "pair", "--period", PERIOD)[-1]["points"] == 75
    shown = CliRunner().invoke(app, ["-w", str(company.surfaces.folder), "scorecard", "pair", "--period", PERIOD, "--try", str(file)])
    assert "75.0 → 60.0" in shown.stdout
    assert "good → fair" in shown.stdout
    file.write_text(PAIR.replace("orders, weight: 50", "orders, weight: 49"), encoding="utf-8")
    with pytest.raises(KeepwellError, match=r"tried.yaml, line 9: .* add up to 99, not 100"):
        ask("scorecard", "pair", "--try", str(file))


def test_an_item_that_goes_and_one_that_comes_are_both_told(company: Company, tmp_path: Path) -> None:
    file = tmp_path / "tried.yaml"
    file.write_text(PAIR.replace("{kpi: orders, weight: 50, curve: {versus: previous, points: [[0.5, 0], [1, 100]]}}", "{kpi: active_customers, weight: 50, curve: {floor: 0, target: 4}}"), encoding="utf-8")  # fmt: skip
    rows = {r["item"]: r for r in company.surfaces.ask("scorecard", "pair", "--period", PERIOD, "--try", str(file))}
    assert list(rows) == ["revenue", "active_customers", "orders", "total"]
    # two active customers of four
    assert (rows["active_customers"]["points_before"], rows["active_customers"]["points"]) == (None, 50)
    assert (rows["orders"]["points_before"], rows["orders"]["points"]) == (100, None)


def test_the_api_looks_at_a_change_and_saves_it_as_the_next_version(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        published = program.post("/api/v1/scorecards/pair/published", json={"period": PERIOD}).json()
        told = program.get("/api/v1/scorecards/pair/definition").json()
        assert (told["is_own"], told["has_shipped"]) == (True, False)
        changed = weighed(told["definition"], 80, 20)
        rows = program.post("/api/v1/scorecards/pair/preview", json={"definition": changed, "period": PERIOD}).json()
        assert totals(rows) == (75, 60, "good", "fair")
        assert program.get("/api/v1/scorecards/pair", params={"period": PERIOD}).json()[-1]["points"] == 75
        saved = program.put("/api/v1/scorecards/pair", json={"definition": changed})
        assert (saved.status_code, saved.json()["version"]) == (200, 2)
        assert program.get("/api/v1/scorecards/pair", params={"period": PERIOD}).json()[-1]["points"] == 60
        # who read version 1 comes too late
        late = program.put("/api/v1/scorecards/pair", json={"definition": weighed(told["definition"], 60, 40)})
        assert (late.status_code, "at version 2" in late.text) == (400, True)
        kept = program.get(f"/api/v1/scorecards/pair/published/{PERIOD}").json()
        assert (kept["version"], kept["rows"], kept["definition"]) == (1, published["rows"], published["definition"])
        assert {r["item"] for r in kept["restated"]} == {"revenue", "orders", "total"}
    assert company.surfaces.ask("scorecard", "pair", "--period", PERIOD)[-1]["points"] == 60


def test_a_shipped_card_that_is_changed_becomes_an_own_one(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        told = program.get("/api/v1/scorecards/service/definition").json()
        assert (told["is_own"], told["has_shipped"], told["definition"]["version"]) == (False, True, 1)
        changed = {**told["definition"], "grades": {"excellent": 95, "good": 75, "fair": 50}}
        assert program.put("/api/v1/scorecards/service", json={"definition": changed}).json()["grades"]["excellent"] == 95
        told = program.get("/api/v1/scorecards/service/definition").json()
        assert (told["is_own"], told["has_shipped"], told["definition"]["version"]) == (True, True, 2)
        new = {**changed, "name": "fresh", "version": 1}
        assert program.put("/api/v1/scorecards/fresh", json={"definition": new}).json()["version"] == 1


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (lambda d: weighed(d, 49, 50), "the weights add up to 99, not 100"),
        (lambda d: weighed(d, float("1e300"), 50), "Give a number"),
        (lambda d: {**d, "name": "other"}, "is called other, not pair"),
        (lambda d: {**d, "colour": "red"}, "is no field here"),
        (lambda d: {**d, "perspectives": "none"}, "is no list of entries"),
        (
            lambda d: {**d, "perspectives": [{**d["perspectives"][0], "items": [{"kpi": "revenu", "weight": 100}]}]},
            "which no KPI is called",
        ),
        (lambda _: {}, "perspectives: is no list of entries"),
        (lambda d: {**d, "title": {"en": "Pair"}}, "needs words in both languages"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(company: Company, spoilt: Any, says: str) -> None:
    before = (company.surfaces.folder / "scorecards" / "pair.yaml").read_bytes()
    with company.program(company.token("operations")) as program:
        definition = spoilt(program.get("/api/v1/scorecards/pair/definition").json()["definition"])
        answer = program.put("/api/v1/scorecards/pair", json={"definition": definition})
        assert answer.status_code == 400, answer.text
        assert says in " ".join(str(v) for v in answer.json().values())
    assert (company.surfaces.folder / "scorecards" / "pair.yaml").read_bytes() == before


def test_who_may_not_set_targets_or_sees_a_part_saves_nothing(company: Company) -> None:
    with company.program(company.token("analyst")) as program:
        definition = program.get("/api/v1/scorecards/pair/definition").json()["definition"]
        assert program.put("/api/v1/scorecards/pair", json={"definition": definition}).status_code == 403
    with company.program(company.token("part")) as program:
        # Ann's alone: 20 and 100 points; 0.5 · 20 + 0.5 · 100 = 60 before, 0.8 · 20 + 0.2 · 100 = 36 after
        rows = program.post("/api/v1/scorecards/pair/preview", json={"definition": weighed(definition, 80, 20), "period": PERIOD}).json()
        assert totals(rows) == (60, 36, "fair", "poor")
        refused = program.put("/api/v1/scorecards/pair", json={"definition": definition})
        assert (refused.status_code, "this is everybody's" in refused.text) == (400, True)
        assert program.get("/api/v1/scorecards/pair/published").json()["data"] == []


def test_a_card_comes_as_a_file_to_be_changed(company: Company, tmp_path: Path) -> None:
    path = tmp_path / "tried.yaml"
    for name in ("pair", "service"):
        command = ["-w", str(company.surfaces.folder), "scorecard", name]
        assert CliRunner().invoke(app, [*command, "--definition", "-o", str(path)]).exit_code == 0
        assert read_card(path, built_in()).name == name
        assert CliRunner().invoke(app, [*command, "--definition"]).stdout == path.read_text(encoding="utf-8")
        rows = company.surfaces.ask("scorecard", name, "--period", PERIOD, "--try", str(path))
        assert all(r["points_before"] == r["points"] for r in rows)


# ------------------------------------------------------------------ files


def test_versions_rise_whatever_is_taken_away_or_brought_back(tmp_path: Path) -> None:
    known, folder = built_in(), tmp_path / "scorecards"
    for excellent in (91, 92):
        seen = own_files.definition(folder, "service", known)
        own_files.save(folder, {**seen.values, "grades": {"excellent": excellent, "good": 70, "fair": 60}}, known, seen)
    assert read_card(folder / "service.yaml", known).version == 3
    assert [e.version for e in own_files.earlier(folder, "service")] == [2]
    own_files.revert(folder, "service", known)
    assert (cards(known, folder)["service"].version, [e.version for e in own_files.earlier(folder, "service")]) == (1, [3, 2])
    card = own_files.bring_back(folder, "service", "service-v2", known)
    assert (card.version, int(card.grades.excellent)) == (4, 91)
    with pytest.raises(KeepwellError, match="no own scorecard sales"):
        own_files.revert(folder, "sales", known)
    with pytest.raises(KeepwellError, match="no earlier version named"):
        own_files.bring_back(folder, "service", "../../etc/passwd", known)


def test_a_file_that_was_changed_by_hand_is_not_written_over(tmp_path: Path) -> None:
    known, folder = built_in(), tmp_path / "scorecards"
    folder.mkdir()
    own = folder / "pair.yaml"
    own.write_text(PAIR, encoding="utf-8")
    seen = own_files.definition(folder, "pair", known)
    # without a higher version: what stands there tells it
    own.write_text(PAIR.replace("target: 200", "target: 300"), encoding="utf-8")
    with pytest.raises(KeepwellError, match="changed meanwhile"):
        own_files.save(folder, seen.values, known, seen)
    assert "target: 300" in own.read_text(encoding="utf-8")


def test_words_and_unknown_keys_of_a_file_are_read_back_as_they_were(tmp_path: Path) -> None:
    known, folder = built_in(), tmp_path / "scorecards"
    folder.mkdir()
    text = PAIR.replace("{en: Pair, zh: 两项}", '{en: "1e5", zh: "007: no, {yes}"}')
    (folder / "pair.yaml").write_text(text, encoding="utf-8")
    seen = own_files.definition(folder, "pair", known)
    own_files.save(folder, seen.values, known, seen)
    assert yaml_file.read(folder / "pair.yaml").values == {**seen.values, "version": 2}


def test_a_card_whose_file_is_another_cards_is_not_written_over(tmp_path: Path) -> None:
    known, folder = built_in(), tmp_path / "scorecards"
    folder.mkdir()
    (folder / "service.yaml").write_text(PAIR, encoding="utf-8")
    seen = own_files.definition(folder, "service", known)
    with pytest.raises(KeepwellError, match="holds another scorecard"):
        own_files.save(folder, seen.values, known, seen)


def test_the_audit_tells_who_changed_a_card(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        definition = program.get("/api/v1/scorecards/pair/definition").json()["definition"]
        program.put("/api/v1/scorecards/pair", json={"definition": weighed(definition, 80, 20)})
    with company.browser("administrator") as browser:
        page = read(browser.get("/settings/audit").text).one("table", "data-table").text
    assert "Operationschangedscorecardpair" in page
