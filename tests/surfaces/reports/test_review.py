"""The review of the demo's October as PDF, PowerPoint and Excel in both languages: every number in it is the API's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from pptx import Presentation
from typer.testing import CliRunner

from factories.served import Company, demo_company
from factories.written import charts, check_page, is_told, numbers_in, pages, sentences, sheets, squeezed, tables
from keepwell.surfaces.cli.app import app
from keepwell.surfaces.reports.pdf import FONT
from keepwell.surfaces.reviews import HEADLINES, INSTEAD

PERIOD, LANGUAGES = "2026-10", ("en", "zh")
HOUR = 3_600
ALL, TREND, CARD = {"en": "All readings", "zh": "全部指标"}, {"en": "Trends", "zh": "趋势"}, {"en": "Company scorecard", "zh": "公司记分卡"}
TIERS = {"en": "Tiers", "zh": "客户等级"}


@dataclass(frozen=True)
class Written:
    """The six files that one command wrote, and what the API says of the same period."""

    folder: Path
    kpis: Mapping[str, dict[str, Any]]
    readings: Mapping[str, dict[str, Any]]
    card: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    moves: list[dict[str, Any]]
    company: Company
    token: str

    def file(self, kind: str, language: str) -> Path:
        return self.folder / f"review-{PERIOD}-{language}.{kind}"

    def title(self, name: str, language: str) -> str:
        return str(self.kpis[name]["title"][language])

    def explained(self, name: str) -> list[dict[str, Any]]:
        with self.company.program(self.token) as program:
            return _items(program.get(f"/api/v1/explanations/{name}", params={"period": PERIOD}).json())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    company = demo_company(tmp_path_factory.mktemp("demo"))
    for kpi, value, *more in (
        ("revenue", "9000000", "--by", "2026"),
        ("repeat_purchase_rate", "70%", "--by", "2027-03"),
        ("nps", "40", "--by", "2027-Q2"),
    ):
        company.surfaces.ask("target", "set", kpi, value, *more)  # fmt: skip
    folder = tmp_path_factory.mktemp("reports") / "october"
    command = [
        "-w",
        str(company.surfaces.folder),
        "report",
        "review",
        "--period",
        PERIOD,
        "--language",
        "en",
        "--language",
        "zh",
        "-o",
        str(folder),
    ]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.split() == [str(p) for p in sorted(folder.iterdir(), key=lambda p: (p.stem, p.suffix))]
    token = company.token("analyst")
    with company.program(token) as program:
        kpis = {k["name"]: k for k in _items(program.get("/api/v1/kpis").json())}
        found = {}
        for name in kpis:
            readings = _items(program.get("/api/v1/readings", params={"kpi": name, "period": PERIOD, "grain": "month"}).json())
            if readings and readings[0]["value"] is not None:
                (found[name],) = readings
        card = _items(program.get("/api/v1/scorecards/company", params={"period": PERIOD}).json())
        targets = _items(program.get("/api/v1/targets").json())
        moves = _items(program.get("/api/v1/transitions/tier", params={"since": "2026-09-30", "until": "2026-10-31"}).json())
        yield Written(folder, kpis, found, card, targets, moves, company, token)


def _items(answer: Any) -> list[dict[str, Any]]:
    """The rows of an answer: a page's, or all."""
    found: list[dict[str, Any]] = answer["data"] if isinstance(answer, dict) else answer
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_of_the_workbook_is_the_apis(written: Written, language: str) -> None:
    book = sheets(written.file("xlsx", language))
    by_title = {row[0]: row for row in book[ALL[language]][3:] if row[0]}
    titles = {written.title(name, language): r for name, r in written.readings.items()}
    assert set(by_title) == set(titles)
    for title, r in titles.items():
        _, value, _, n, change, real = by_title[title]
        assert value == pytest.approx(r["value"], rel=1e-14, abs=1e-9)
        assert n == r["n"]
        assert change == (None if r["change_previous"] is None else pytest.approx(r["change_previous"], rel=1e-13, abs=1e-9))
        assert (real in {"yes", "是"}) is bool(r["change_previous_is_real"])
    items = [r for r in written.card if r["item"] != "total"]
    rows = book[CARD[language]][3:]
    for row, item in zip(rows, items, strict=False):
        assert row[4] == ("—" if item["points"] is None else pytest.approx(item["points"]))
        assert row[5] == pytest.approx(item["share"])
        assert item["value"] is None or row[1] == pytest.approx(item["value"])
        assert row[2] == (None if item["target"] is None else pytest.approx(item["target"]))
    assert rows[len(items)][4] == pytest.approx(written.card[-1]["points"])
    moved = sorted(m["customers"] for m in written.moves if m["from"] != m["to"])
    assert sorted(r[2] for r in book[TIERS[language]][3:] if isinstance(r[2], int | float)) == moved[-10:]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_of_the_deck_is_the_apis(written: Written, language: str) -> None:
    found = tables(written.file("pptx", language))
    readings = {row[0]: row for row in found[-1][1:]}
    assert set(readings) == {written.title(n, language) for n in written.readings}
    for name, r in written.readings.items():
        _, value, interval, n, change, _ = readings[written.title(name, language)]
        assert is_told(value, r["value"]), (name, value, r["value"])
        assert is_told(n, r["n"])
        assert change == "" if r["change_previous"] is None else is_told(change, r["change_previous"]), (name, change)
        if interval:
            low, high = interval.split(" – ")
            assert is_told(low, r["ci_low"]), (name, interval, r["ci_low"])
            assert is_told(high, r["ci_high"])
    card = next(t for t in found if len(t[0]) == 6 and len(t) == len(written.card) + 1 and t is not found[-1])
    for row, item in zip(card[1:], written.card, strict=True):
        assert row[4] == "—" if item["points"] is None else is_told(row[4], item["points"])
    targets = next(t for t in found if len(t[0]) == 10)
    assert len(targets) == len(written.targets) + 1
    for row, target in zip(targets[1:], written.targets, strict=True):
        for words, name in zip(row[3:9], ("baseline", "value", "expected", "target", "forecast", "probability"), strict=True):
            assert words == "" if target[name] is None else is_told(words, target[name]), (name, words, target[name])


@pytest.mark.parametrize("language", LANGUAGES)
def test_charts_are_native_and_draw_the_apis_series(written: Written, language: str) -> None:
    drawn = charts(written.file("pptx", language))
    assert len(drawn) >= 4
    assert {p[-1] for p, _ in drawn} == {PERIOD}
    with written.company.program(written.token) as program:
        known = {}
        for name in (*HEADLINES, *INSTEAD):
            answer = program.get("/api/v1/readings", params={"kpi": name, "period": "2025-10..2026-10", "grain": "month"}).json()
            unit = HOUR if written.kpis[name]["unit"] == "seconds" else 1
            known[name] = {r["period"]: r["value"] / unit for r in _items(answer) if r["value"] is not None}
    for places, (values, *bounds) in drawn:
        series = [(place, value) for place, value in zip(places, values, strict=True) if value is not None]
        assert any(all(place in k and k[place] == pytest.approx(value) for place, value in series) for k in known.values())
        assert len(bounds) in {0, 2}
    book = sheets(written.file("xlsx", language))
    assert len([r for r in book[TREND[language]] if r[0] == PERIOD]) == len(drawn)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_tells_what_the_deck_tells(written: Written, language: str) -> None:
    text = squeezed(pages(written.file("pdf", language)))
    rows = [row for table in tables(written.file("pptx", language)) for row in table]
    assert len(rows) > len(written.readings)
    assert [row for row in rows if squeezed(row) not in text] == []
    said = [s.removeprefix("• ") for s in sentences(written.file("pptx", language)) if s.startswith("• ")]
    assert len(said) > 8
    assert [s for s in said if squeezed([s]) not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_number_of_the_text_is_not_in_the_data(written: Written, language: str) -> None:
    said = [s.removeprefix("• ") for s in sentences(written.file("pptx", language)) if s.startswith("• ")]
    reasons = [s for s in said if "→" in s]
    assert reasons
    for sentence in reasons:
        name = max(
            (n for n in written.readings if sentence.startswith(written.title(n, language))), key=lambda n: len(written.title(n, language))
        )
        rows = written.explained(name)
        head = rows[0]
        known = [head["before"], head["now"], head["change"], *(r["amount"] for r in rows)]
        if head["before"]:
            known.append(head["change"] / abs(head["before"]))
        for number, half in numbers_in(sentence.removeprefix(written.title(name, language))):
            assert any(abs(abs(number) - abs(Decimal(str(k)))) <= half * Decimal("1.0001") for k in known if k is not None), (
                sentence,
                number,
            )
    first = next(s for s in sentences(written.file("pptx", language)) if re.match(r"\d+ (of|个指标)", s))
    # of what never settles no change is told from chance
    compared = [r for r in written.readings.values() if r["status"] == "ok" and r["change_previous_is_real"] is not None]
    real = [r for r in compared if r["change_previous_is_real"] and r["change_previous"] and not r["is_open"]]
    counts = {int(n) for n, _ in numbers_in(first)}
    assert {len(compared), len(real)} <= counts
    shown = tables(written.file("pptx", language))[0][1:]
    better, worse = (sum(row[-1] in words for row in shown) for words in (("better", "向好"), ("worse", "转差")))
    assert counts <= {len(compared), len(real), round(len(compared) * 0.05), len(shown), better, worse}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_glyph_is_missing_and_nothing_leaves_its_place(written: Written, language: str) -> None:
    known = set(TTFont(FONT).getBestCmap())
    text = "".join(pages(written.file("pdf", language)))
    assert {c for c in text if ord(c) not in known and not c.isspace() and c not in "\u00ad\ufffe"} == set()
    with pypdfium2.PdfDocument(written.file("pdf", language)) as document:
        for page in document:
            check_page(page)
    deck = Presentation(str(written.file("pptx", language)))
    for slide in deck.slides:
        for shape in slide.shapes:
            height = sum(row.height for row in shape.table.rows) if shape.has_table else shape.height
            assert shape.left >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top >= 0
            assert shape.top + height <= deck.slide_height
        assert [s.name for s in slide.placeholders if not s.has_text_frame or not s.text_frame.text] == []


def test_one_file_is_written_as_it_is_called(written: Written, tmp_path: Path) -> None:
    target = tmp_path / "new" / "october.xlsx"
    folder = str(written.company.surfaces.folder)
    done = CliRunner().invoke(app, ["-w", folder, "report", "review", "--period", PERIOD, "-o", str(target)], catch_exceptions=False)
    assert (done.exit_code, done.stdout.strip()) == (0, str(target))
    assert target.read_bytes() == written.file("xlsx", "en").read_bytes()


@pytest.mark.parametrize("kind", ["pdf", "pptx", "xlsx"])
def test_the_api_gives_the_same_file(written: Written, kind: str) -> None:
    with written.company.program(written.token) as program:
        answer = program.get("/api/v1/reports/review", params={"period": PERIOD, "format": kind, "language": "zh"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="review-{PERIOD}-zh.{kind}"'
    if kind != "pptx":
        assert answer.content == written.file(kind, "zh").read_bytes()
    else:
        (tmp := written.folder / "again").write_bytes(answer.content)
        assert (tables(tmp), sentences(tmp)) == (tables(written.file(kind, "zh")), sentences(written.file(kind, "zh")))
        tmp.unlink()


def test_who_sees_a_part_gets_the_review_of_that_part(written: Written, tmp_path: Path) -> None:
    target = tmp_path / "part.xlsx"
    with written.company.program(written.company.token("part")) as program:
        target.write_bytes(program.get("/api/v1/reports/review", params={"period": PERIOD, "format": "xlsx"}).content)
        rows = {row[0]: row for row in sheets(target)[ALL["en"]][3:] if row[0]}
        assert len(rows) > 5
        differing = 0
        for name, r in written.readings.items():
            if (row := rows.get(written.title(name, "en"))) is None:
                continue
            (own,) = _items(program.get("/api/v1/readings", params={"kpi": name, "period": PERIOD, "grain": "month"}).json())
            assert (row[1], row[3]) == (pytest.approx(own["value"], rel=1e-14), own["n"])
            differing += own["value"] != r["value"]
        assert differing > 3
        card = _items(program.get("/api/v1/scorecards/company", params={"period": PERIOD}).json())
    book = sheets(target)
    if card[-1]["points"] is not None:
        assert book[CARD["en"]][3 + len(card) - 1][4] == pytest.approx(card[-1]["points"])
    assert {t["target_id"] for t in written.targets}
    assert book["Targets"][3][0] == "No targets are set."


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("-o", "october.docx"), "does not end as a report does"),
        (("-o", "october.pdf", "--language", "en", "--language", "zh"), "is one file, and 2 are asked for"),
        (("-o", "october.pdf", "--period", "1990-01"), "no readings of 1990-01"),
        (("-o", "october.pdf", "--period", "2026-10-05"), "no week, month, quarter or year"),
        (("-o", "october.pdf", "--card", "compny"), "scorecard"),
    ],
)
def test_what_can_not_be_written_is_said(written: Written, tmp_path: Path, asked: tuple[str, ...], message: str) -> None:
    where = [str(tmp_path / a) if a.startswith("october") else a for a in asked]
    done = CliRunner().invoke(app, ["-w", str(written.company.surfaces.folder), "report", "review", "--period", PERIOD, *where])
    assert done.exit_code != 0
    assert message in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_weeks_review_tells_the_weeks_readings_and_no_card(written: Written, tmp_path: Path) -> None:
    command = ["-w", str(written.company.surfaces.folder), "report", "review", "--period", "2026-W43", "-o", str(tmp_path / "week.xlsx")]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    book = sheets(tmp_path / "week.xlsx")
    rows = {row[0]: row for row in book[ALL["en"]][3:] if row[0]}
    names = ("revenue", "orders", "complaints", "first_response_time", "nps", "open_backlog", "average_order_value")
    with written.company.program(written.token) as program:
        for name in names:
            (r,) = _items(program.get("/api/v1/readings", params={"kpi": name, "period": "2026-W43", "grain": "week"}).json())
            _, value, _, n, change, _ = rows[written.title(name, "en")]
            assert value == pytest.approx(r["value"], rel=1e-14), name
            assert (n, change) == (r["n"], pytest.approx(r["change_previous"], rel=1e-13, abs=1e-9)), name
    # what a card asks is asked of months
    assert not {"Scorecard", CARD["en"]} & set(book)


def test_what_a_card_still_awaits_is_named_where_one_publishes_it(written: Written) -> None:
    # the run is of the last day of October, and a ticket has some days to come back
    with written.company.program(written.company.token("operations")) as program:
        refused = program.post("/api/v1/scorecards/company/published", json={"period": PERIOD})
        assert (refused.status_code, "still awaits readings of 2026-10: first_contact_resolution" in refused.text) == (400, True)
        long_ago = program.post("/api/v1/scorecards/company/published", json={"period": "1000-11"})
        assert (long_ago.status_code, "no readings of 1000-11" in long_ago.text) == (400, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_written_down_stays_in_its_cells(written: Written, tmp_path: Path, language: str) -> None:
    long = "Ask every customer who left why, and see https://example.com/" + "a-very-long-address/" * 8
    address = "executive@example.com"
    with written.company.program(written.company.token("operations")) as program:
        made = [
            program.post("/api/v1/review-entries", json={"text": long, "period": period, **more}).json()["entry_id"]
            for period, more in (
                ("2026-09", {"kind": "decision", "kpi": "first_response_time", "effect": "-30min"}),
                (PERIOD, {"kind": "decision", "kpi": "revenue", "effect": "+1000000"}),
                ("2026-09", {"kind": "action", "kpi": "repeat_purchase_rate", "effect": "+2%", "owner": address, "due": "2026-11-20"}),
                (PERIOD, {"kind": "action", "owner": address, "due": "2026-12-31"}),
                (PERIOD, {"kind": "point"}),
                (PERIOD, {"kind": "note", "kpi": "nps", "value": "45", "source": "Chamber of commerce", "noted_on": "2026-10-05"}),
            )
        ]
        path = tmp_path / "review.pdf"
        where = ["--period", PERIOD, "--language", language, "-o", str(path)]
        done = CliRunner().invoke(app, ["-w", str(written.company.surfaces.folder), "report", "review", *where], catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        for entry in made:
            program.post(f"/api/v1/review-entries/{entry}/withdraw")
    text = squeezed(pages(path))
    assert text.count("Askeverycustomerwholeftwhy") == len(made)
    assert squeezed([long]) in text
    with pypdfium2.PdfDocument(path) as found:
        for page in found:
            check_page(page)


def test_a_review_of_long_ago_tells_no_targets_of_today(written: Written, tmp_path: Path) -> None:
    for period, told in ((PERIOD, True), ("2026-09", False), ("2026-Q3", True), ("2025", True), ("2024", False)):
        path = tmp_path / f"{period}.xlsx"
        where = ["--period", period, "-o", str(path)]
        CliRunner().invoke(app, ["-w", str(written.company.surfaces.folder), "report", "review", *where], catch_exceptions=False)
        first = sheets(path)["Targets"][3][0]
        assert (first != "Targets are told in the review of the latest period.") is told, period
