"""Topics and drivers on a lake: what a refresh finds in comments, what it refuses, and whose words a card shows."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from factories.shop import Shop, TickingClock
from factories.surfaces import Surfaces
from factories.voices import TODAY, answers
from keepwell.core.settings import Locale
from keepwell.lake.erase import erase_customers
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.comments.sentences import sentences
from keepwell.models.results import Results, estimated
from keepwell.surfaces.worker.refresh import ground_of

Rows = list[dict[str, Any]]


def found_in(folder: Path, said: Rows, tickets: Rows | None = None, day: date = TODAY, locale: Locale = Locale.ENGLISH) -> Results:
    folder.mkdir(exist_ok=True)
    shop = Shop(folder, timezone="UTC")
    shop.bring_rows("responses", said)
    if tickets:
        shop.bring_rows("tickets", tickets)
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, day), day, keeps=True)
        return estimated(session, "run_x", Choices(), locale, None)


def of(results: Results, name: str) -> Rows:
    rows: Rows = results.tables[name].to_pylist() if name in results.tables else []
    check_finite(results)
    return rows


def check_finite(results: Results) -> None:
    for name, table in results.tables.items():
        for column in table.column_names:
            if pa.types.is_floating(table.schema.field(column).type):
                assert np.isfinite(table.column(column).drop_null().to_numpy()).all(), (name, column)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return found_in(tmp_path_factory.mktemp("voices") / "shop", answers())


def by_hand(said: Rows, signs: tuple[str, ...]) -> tuple[int, float, float, float]:
    """Comments that hold a sign; NPS with one and without; what NPS of all commenters lacks of the latter."""
    told = [(any(sign in r["comment"] for sign in signs), 100 * (r["score"] >= 9) - 100 * (r["score"] <= 6)) for r in said if r["comment"]]
    of_it, others = [v for is_in, v in told if is_in], [v for is_in, v in told if not is_in]
    return len(of_it), float(np.mean(of_it)), float(np.mean(others)), float(np.mean(of_it + others) - np.mean(others))


def test_the_effect_is_that_counted_by_hand(results: Results) -> None:
    count, with_it, without, effect = by_hand(answers(), ("parcel", "Delivery", "courier", "快递", "物流", "送货员"))
    (told,) = [r for r in of(results, "topics") if r["topic"] == "delivery"]
    assert (told["metric"], told["language"], told["theme"], told["comments"]) == ("nps", "all", "delivery", count)
    assert (told["mean_score"], told["mean_without"], told["effect"]) == pytest.approx((with_it, without, effect))
    assert told["effect_low"] < told["effect"] < told["effect_high"] < 0
    assert told["share"] * (told["mean_score"] - told["mean_without"]) == pytest.approx(told["effect"])
    assert told["sentiment"] < next(r["sentiment"] for r in of(results, "topics") if r["topic"] == "price")
    (verdict,) = [r["note"] for r in of(results, "model_reports") if (r["model"], r["measure"]) == ("topics", "verdict")]
    assert "What lowers NPS most: delivery (" in verdict


def test_no_word_of_a_customer_lies_in_what_a_run_writes(results: Results) -> None:
    """Neither sentences nor rare words: each comment ends with a number of its own."""
    written = json.dumps({n: t.to_pylist() for n, t in results.tables.items()}, default=str, ensure_ascii=False)
    for row in answers():
        for sentence in sentences(row["comment"] or ""):
            assert sentence not in written
    assert len(of(results, "topic_quotes")) > 4


def test_sentiment_is_judged_beside_words_and_the_commoner_mood(results: Results) -> None:
    judged = {r["measure"]: r for r in of(results, "model_reports") if r["model"] == "topics"}
    for language in ("en", "zh"):
        accuracy = judged[f"sentiment_accuracy_{language}"]
        assert accuracy["baseline"] in {"lexicon", "majority"}
        assert accuracy["value"] > 0.85
        assert judged[f"sentiment_auc_{language}"]["ci_low"] > 0.9


def test_the_question_that_goes_with_the_score_drives_it(results: Results) -> None:
    told = {(r["kind"], r["driver"]): r for r in of(results, "drivers")}
    first, other = told["question", "Q2"], told["question", "Q3"]
    assert first["importance_low"] > 0.4
    assert other["importance"] < other["noise"] * 1.5
    assert other["importance_high"] < 0.1
    said = answers()
    liked = [25 * (r["score"] - 1) for r in said if r["question_id"] == "Q2"]
    score = [10 * r["score"] for r in said if r["question_id"] == "Q1"]
    assert first["performance"] == pytest.approx(np.mean(liked), abs=1e-3)
    assert first["correlation"] == pytest.approx(np.corrcoef(liked, score)[0, 1], abs=1e-9)
    total = {r["parameter"]: r["value"] for r in of(results, "model_parameters") if r["model"] == "drivers"}
    assert sum(r["importance"] for r in told.values()) == pytest.approx(total["r2.nps"], abs=1e-9)
    assert ("topic", "delivery") in told
    (report,) = [r for r in of(results, "model_reports") if r["measure"] == "r2_nps"]
    assert report["baseline"] == "best_single_driver"
    assert report["value"] == pytest.approx(total["r2.nps"], abs=0.05)


def test_who_waited_is_less_happy(tmp_path: Path) -> None:
    """Half of the tickets are settled a day late; their customers, asked afterwards, give four points less."""
    said, tickets = [], []
    rng = np.random.default_rng(3)
    for i in range(400):
        opened = datetime(2026, 3, 1, 9) + timedelta(hours=i)
        late = i % 2 == 0
        resolved, due = opened + timedelta(hours=30 if late else 4), opened + timedelta(hours=8)
        tickets.append({
            "ticket_id": f"t{i}", "customer_id": f"c{i % 200}", "opened_at": str(opened), "kind": "question", "status": "closed",
            "first_response_at": str(opened + timedelta(hours=1)), "resolved_at": str(resolved), "resolution_due_at": str(due),
        })  # fmt: skip
        said.append({
            "response_id": f"r{i}", "question_id": "Q1", "metric": "nps", "scale_min": 0, "scale_max": 10, "higher_is_better": True,
            "score": int(rng.integers(6, 11)) - 4 * late, "ticket_id": f"t{i}", "customer_id": f"c{i % 200}",
            "answered_at": str(resolved + timedelta(days=1)), "comment": None,
        })  # fmt: skip
    found = found_in(tmp_path / "shop", said, tickets)
    told = {r["driver"]: r for r in of(found, "drivers") if r["kind"] == "wait"}
    assert set(told) == {"resolution", "missed_deadline"}  # all were answered after one hour: that tells nothing
    assert told["missed_deadline"]["performance"] == pytest.approx(50)
    assert told["missed_deadline"]["correlation"] < -0.7
    assert sum(r["importance"] for r in told.values()) == pytest.approx(told["missed_deadline"]["correlation"] ** 2, abs=0.01)
    # waits of tickets that were settled after the answer are not known: a day before, nobody had one
    early = [
        {**r, "answered_at": str(datetime.fromisoformat(t["opened_at"]) + timedelta(minutes=30))}
        for r, t in zip(said, tickets, strict=True)
    ]
    assert "drivers" in found_in(tmp_path / "early", early, tickets).refused


def test_a_comment_of_its_own_question_has_the_score_of_the_same_survey(results: Results, tmp_path: Path) -> None:
    said = []
    for row in answers():
        said.append({**row, "comment": None})
        if row["comment"]:
            said.append({**row, "question_id": "Q9", "metric": "other", "score": None, "comment": row["comment"]})
    found = found_in(tmp_path / "shop", said)
    assert of(found, "topics") == of(results, "topics")
    assert {r["question_id"] for r in of(found, "topic_quotes")} == {"Q9"}


def test_employees_and_later_days_are_not_heard(results: Results, tmp_path: Path) -> None:
    more: Rows = [
        {**r, "response_id": f"later-{r['response_id']}", "answered_at": f"{TODAY + timedelta(days=2)} 09:00:00"} for r in answers(seed=9)
    ]
    more += [{**r, "response_id": f"own-{r['response_id']}", "customer_id": None, "employee_id": "e1"} for r in answers(seed=10)]
    found = found_in(tmp_path / "shop", [{"employee_id": None, **r} for r in answers()] + more)
    for name in ("topics", "topic_quotes", "drivers"):
        assert of(found, name) == of(results, name), name


def varied(**columns: Any) -> Rows:
    return [{**r, **columns} for r in answers()]


ODD: dict[str, Rows] = {
    "few": answers(size=40),
    "no comments": varied(comment=None),
    "no scores": varied(score=None),
    "all the same score": [{**r, "score": 5} for r in answers() if r["question_id"] == "Q1"],
    "one customer": varied(customer_id="ann"),
    "nobody known": varied(customer_id=None, ticket_id="x"),
    "all the same words": [{**r, "comment": r["comment"] and "Delivery was late"} for r in answers()],
    "only signs": [{**r, "comment": r["comment"] and "👍👍 10/10"} for r in answers()],
    "very long": [{**r, "comment": r["comment"] and r["comment"] * 300} for r in answers(size=120)],
    "one question": [r for r in answers() if r["question_id"] == "Q1"],
    "all happy": [{**r, "score": 10} if r["question_id"] == "Q1" else r for r in answers()],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_answers_give_finite_numbers_or_a_reason(tmp_path: Path, name: str) -> None:
    found = found_in(tmp_path / "shop", ODD[name])
    check_finite(found)
    for model in ("topics", "drivers"):
        (told,) = [r for r in of(found, "model_reports") if r["model"] == model and r["measure"] in {"verdict", "refused"}]
        assert told["note"]
        assert (told["measure"] == "refused") == (model in found.refused)
    for r in of(found, "topics"):
        assert (r["effect"] is None) == (r["effect_low"] is None)
        assert 0 < r["share"] <= 1
    expected = {
        "few": {"topics", "drivers"}, "no comments": {"topics"}, "only signs": {"topics"}, "no scores": {"drivers"},
        "all the same score": {"drivers"}, "one customer": {"drivers"}, "all happy": {"drivers"},
    }.get(name, set())  # fmt: skip
    assert {m for m in ("topics", "drivers") if m in found.refused} == expected
    if name == "few":
        assert "topics need 50" in found.refused["topics"]
        assert "drivers need 100" in found.refused["drivers"]


@pytest.fixture(params=["en", "zh"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Surfaces:
    made = Surfaces.made(tmp_path, timezone="UTC", locale=request.param)
    made.bring("responses", answers())
    made.ask("refresh", "--as-of", str(TODAY))
    return made


def test_a_card_quotes_what_is_typical_until_the_customer_is_erased(site: Surfaces) -> None:
    told = site.ask("model", "topics")
    (delivery,) = [r for r in told["rows"] if r["topic"] == "delivery"]
    is_chinese = str(site.python.place.settings.locale) == "zh"
    assert delivery["label"] == ("物流配送" if is_chinese else "delivery")
    comments = [r["comment"] for r in answers() if r["comment"]]
    said = {s for c in comments for s in sentences(c)}
    assert delivery["quotes"]
    assert set(delivery["quotes"]) <= said
    # the reader's own language comes first
    assert any("\u4e00" <= letter <= "\u9fff" for letter in delivery["quotes"][0]) is is_chinese
    # all who are quoted are erased, and the same run has no word of theirs any more
    quoted = {q for r in told["rows"] for q in r["quotes"]}
    customers = {r["customer_id"] for r in answers() if r["comment"] and any(q in sentences(r["comment"]) for q in quoted)}
    erase_customers(site.python.lake, sorted(customers), TickingClock())
    later = site.ask("model", "topics")
    assert later["run_id"] == told["run_id"]
    assert all(r["quotes"] == [] for r in later["rows"])
    assert [{k: v for k, v in r.items() if k != "quotes"} for r in later["rows"]] == [
        {k: v for k, v in r.items() if k != "quotes"} for r in told["rows"]
    ]
    site.ask("refresh", "--as-of", str(TODAY))
    again = site.ask("model", "topics")
    assert sum(r["comments"] for r in again["rows"]) < sum(r["comments"] for r in told["rows"])


def test_drivers_are_read_from_the_command_line_and_in_python(site: Surfaces) -> None:
    told = site.ask("model", "drivers")["rows"]
    assert told == [dict(r) for r in site.python.model("drivers").rows]
    assert told[0]["driver"] == "Q2"
    assert [r["importance"] for r in told] == sorted((r["importance"] for r in told), reverse=True)
