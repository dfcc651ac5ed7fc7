"""Readings wherever they stand: tiles, the scorecard, a KPI with its trend, break-down, reasons and rows, cohorts."""

from collections import Counter, defaultdict
from typing import Any
from urllib.parse import parse_qs, urlsplit

from factories.compared import customers
from factories.compared.block import At, Compare, each, numbers
from factories.markup import Element, rows_of
from factories.shown import says
from factories.told import Told, alike, same

COLUMNS = ("value", "ci_low", "ci_high", "n", "numerator", "denominator", "status", "change_previous", "change_last_year")
NONE_BELOW = 0.005  # of the rows: told as none
NO_WORDS = {"en": {"no_data": "no data", "too_few": "too few"}, "zh": {"no_data": "暂无数据", "too_few": "样本不足"}}
# in the order of their worth
ATTENTIONS = ("value_leaving", "silent", "overdue", "contract_ending")
# the months that a run writes down; where they are computed for a person, there is one more
MONTHS, ONE_MORE, MOST_COHORTS = "2024-11..2026-10", "2024-10..2026-10", 24


def reading(told: Told, at: At, block: Element) -> None:
    """A tile, a line of the scorecard, or the head of a KPI's page."""
    one = told.reading(block["data-kpi"], block["data-period"])
    names = {"value": "value", "low": "ci_low", "high": "ci_high", "n": "n", "missing": "missing", "status": "status"}
    for name, column in names.items():
        assert alike(block[f"data-{name}"], one[column]), (block["data-kpi"], name, block[f"data-{name}"], one[column])
    _words(at, block, one)
    changes = (
        ("change_last_year",)
        if "kw-reading" in block.classes and at.asked.get("compare") == "year"
        else ("change_previous", "change_last_year")
    )
    chips = block.all(attribute="data-change")
    known = [c for c in changes if one[c] is not None][: 1 if "kw-reading" in block.classes else 2]
    assert len(chips) == len(known), (block["data-kpi"], block.text)
    for chip, name in zip(chips, known, strict=True):
        assert alike(chip["data-change"], one[name]), (block["data-kpi"], name)
        if one[f"{name}_is_real"]:
            assert says(chip.text, abs(one[name])), (chip.text, one[name])
            assert chip.text.startswith("▲" if one[name] > 0 else "▼")
        else:
            assert not any(c.isdigit() for c in chip.text), chip.text
    for benchmark in block.all(attribute="data-benchmark"):
        expected = told.kpis[block["data-kpi"]]["benchmark"]
        assert says(benchmark.text, expected["value"]) if expected else benchmark.text == ""


def _words(at: At, block: Element, one: dict[str, Any]) -> None:
    """What people read of it: the value rounded, or that there is none; its interval; how many it rests on."""
    shown, words = block.one(attribute="data-shown").text, NO_WORDS[at.locale]
    if one["value"] is None:
        assert shown.startswith(words["no_data"]), (block["data-kpi"], shown)
    else:
        assert says(shown, one["value"]), (block["data-kpi"], shown, one["value"])
        assert (words["too_few"] in shown) is (one["status"] == "too_few") or "kw-reading" in block.classes, shown
    for interval in block.all(attribute="data-interval"):
        if one["ci_low"] is None:
            assert interval.text in {"", "—"}
        else:
            low, _, high = interval.text.partition(" – ")
            assert says(low, one["ci_low"]), (block["data-kpi"], interval.text, one["ci_low"])
            assert says(high, one["ci_high"]), (block["data-kpi"], interval.text, one["ci_high"])
    for count in block.all(attribute="data-count"):
        assert says(count.text, one["n"]), (count.text, one["n"])


def scorecard(told: Told, at: At, block: Element) -> None:
    """Every KPI of the catalogue has its line; each line is a reading of its own."""
    lines = [r["data-kpi"] for r in block.all("tr", "data-kpi")]
    assert len(set(lines)) == len(lines) > 20
    # one of which there never was anything has no line, and the note below counts it
    for name in set(told.kpis) - set(lines):
        assert told.reading(name, at.period)["value"] is None, name
    without = len(told.kpis) - len(lines)
    assert without == 0 or says(at.main.all(css="kw-note")[-1].text, without)


def changes(told: Told, at: At, block: Element) -> None:
    """What changed: now, by how much, and of how many that were compared."""
    change = "change_last_year" if at.asked.get("compare") == "year" else "change_previous"
    lines = block.all("li", "data-kpi")
    for line in lines:
        by = line["data-dimension"] or None
        one = told.reading(line["data-kpi"], at.period, by, line["data-member"] or None)
        assert alike(line["data-value"], one["value"])
        assert alike(line["data-change"], one[change])
        assert one[f"{change}_is_real"]
        assert says(line.one(attribute="data-shown").text, one["value"])
        assert says(line.one(attribute="data-before").text, one["value"] - one[change])
        assert says(line.one(attribute="data-changed").text, one[change]), (line.text, one[change])
    if told.sees_all:
        whole = told.readings(*told.kpis, period=at.period).values()
        # of what never settles no change is told from chance
        solid = [r for r in whole if r["status"] == "ok" and r["value"] is not None and r[f"{change}_is_real"] is not None]
        around = block.within("data-compared")
        assert around is not None
        assert int(around["data-compared"]) == len(solid)
        assert int(around["data-real"]) == sum(bool(r[f"{change}_is_real"] and r[change] and not r["is_open"]) for r in solid)
        assert lines


def todo(told: Told, at: At, block: Element) -> None:
    """Customers who call for attention are those of the lists; what waits, and data that are thin, are readings; problems are the run's."""
    lines = block.all("li")
    called = [e for e in lines if "data-attention" in e]
    assert called == lines[: len(called)]
    if "run" not in at.asked and block.within("hx-get") is None:
        # those that name nobody are not told
        found = {name: customers.attention(told, name) for name in ATTENTIONS}
        assert [e["data-attention"] for e in called] == [name for name, who in found.items() if who]
        for line in called:
            customers.called(line, found[line["data-attention"]])
    for line in lines[len(called) :]:
        address = urlsplit(line.one("a")["href"])
        if not address.path.startswith("/kpi/"):
            continue
        one = told.reading(address.path.rpartition("/")[2], parse_qs(address.query)["period"][0])
        detail = line.one(css="kw-why").text
        if address.fragment == "definition" and one["coverage"] < NONE_BELOW:
            assert not any(c.isdigit() for c in detail), detail
        else:
            assert says(detail, one["coverage"] if address.fragment == "definition" else one["value"]), (detail, one)


def base(told: Told, at: At, block: Element) -> None:
    """Who is active, new, back and asleep."""
    names = {"new": "new_customers", "back": "reactivated_customers", "asleep": "dormant_customers"}
    found = told.readings("active_customers", *names.values(), period=_months(told))
    for row in rows_of(block):
        values = {n: found[k, row["period"], None]["value"] for n, k in names.items()}
        for name, value in values.items():
            assert name not in row or alike(row[name], value), (name, row)
        active = found["active_customers", row["period"], None]["value"]
        assert alike(row["going_on"], active - (values["new"] or 0) - (values["back"] or 0)), row


def money(told: Told, at: At, block: Element) -> None:
    _series(told, "revenue", block)


def trend(told: Told, at: At, block: Element) -> None:
    _series(told, at.places["name"], block)


def _months(told: Told) -> str:
    return MONTHS if told.sees_all else ONE_MORE


def _series(told: Told, name: str, block: Element) -> None:
    rows = rows_of(block)
    found = told.readings(name, period=_months(told), grain="month")
    assert rows
    for row in rows:
        numbers(row, found[name, row["period"], None], COLUMNS)


def events(told: Told, at: At, block: Element) -> None:
    """What happened in the months of the trend, the newest first."""
    (trend_,) = [t for t in at.main.all("table") if t["data-table"] == "trend"]
    months = [r["period"] for r in rows_of(trend_)]
    found = told.get(f"kpis/{at.places['name']}/events", period=f"{months[0]}..{months[-1]}")
    assert [e.one("time").text for e in block.all("li")] == [e["on"] for e in reversed(found)]


def breakdown(told: Told, at: At, block: Element) -> None:
    by, name = at.places["dimension"], at.places["name"]
    found = told.readings(name, period=at.period, by=by)
    rows = rows_of(block)
    assert {r[by] for r in rows} == {m or "" for _, _, m in found}
    for row in rows:
        numbers(row, found[name, at.period, row[by]], COLUMNS)


def why(told: Told, at: At, block: Element) -> None:
    """The parts of the way that is shown, the largest first; they add up to the change."""
    found = told.get(f"explanations/{at.places['name']}", period=at.period)
    if told.sees_all:
        same(found, told.ask("explain", at.places["name"], "--period", at.period))
    ways: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for part in found:
        if part["amount"] is not None:
            ways[part["by"]].append(part)
    parts = sorted(list(ways.values())[int(at.asked.get("way", 0))], key=lambda p: -abs(p["amount"]))
    each(block, parts, {"amount": "amount", "before": "member_before", "now": "member_now"})
    assert alike(sum(float(r["amount"]) for r in rows_of(block)), found[0]["change"])


def rows_behind(told: Told, at: At, block: Element) -> None:
    """The first hundred rows of a part, and how many there are."""
    part = block["data-table"].removeprefix("rows-")
    (found,) = list(told.get(f"rows/{at.places['name']}", period=at.period, part=part, limit=100))
    assert int(block["data-total"]) == found["total"]
    shown = rows_of(block)
    assert len(shown) == len(found["rows"]) == min(100, found["total"])
    for row, one in zip(shown, found["rows"], strict=True):
        for name, value in row.items():
            assert alike(value, one[name]), (name, value, one[name])
    if told.sees_all:
        listed = told.ask("rows", at.places["name"], "--period", at.period, "--part", part, "--limit", "100")
        assert [r["contribution"] for r in listed] == [r["contribution"] for r in found["rows"]]


def customers_behind(told: Told, at: At, block: Element) -> None:
    found = told.get(f"rows/{at.places['name']}", period=at.period, limit=1_000)
    assert all(p["total"] <= 1_000 for p in found), "the walk asks for a KPI of few rows"
    assert int(block["data-value"]) == len({r["customer_id"] for p in found for r in p["rows"] if r.get("customer_id")})


def definition(told: Told, at: At, block: Element) -> None:
    """How many rows it needs, how complete it is, and how many rows each source brought."""
    found = told.get(f"kpis/{at.places['name']}")
    if told.sees_all:
        (listed,) = told.ask("kpis", at.places["name"])
        # how complete it is the command line tells of today's data, not of a run's
        same(found["lineage"], listed["lineage"])
        assert found["min_n"] == listed["min_n"]
    shown = {e["data-name"]: e["data-value"] for e in at.main.all(attribute="data-name")}
    assert alike(shown.pop("min_n"), found["min_n"])
    assert alike(shown.pop("coverage"), found["coverage"])
    expected = {f"{s['source']} {s['entity']}": s["rows"] for s in found["lineage"]["sources"]}
    assert {n: int(v or 0) for n, v in shown.items()} == expected, (shown, expected)


# ------------------------------------------------------------------------ cohorts


def _cohorts(told: Told, name: str, where: str | None = None) -> dict[str, dict[int, dict[str, Any]]]:
    """Cohort -> age -> the reading, of those that are over; the newest cohorts only."""
    found: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for (_, period, member), one in told.readings(name, period="all", grain="month", by="age", where=where).items():
        if member is not None and member.isdecimal() and one["value"] is not None:
            found[period][int(member)] = one
    return {p: found[p] for p in sorted(found)[-MOST_COHORTS:]}


def _name(at: At) -> str:
    return f"cohort_retention_{at.asked.get('measure', 'classic')}"


def triangle(told: Told, at: At, block: Element) -> None:
    """A cell that is not over is empty, and every other one is the cohort's reading."""
    found, rows = _cohorts(told, _name(at)), rows_of(block)
    assert [r["cohort"] for r in rows] == list(found)
    for row in rows:
        cells = {n.removeprefix("month_"): v for n, v in row.items() if n.startswith("month_")}
        for age, value in cells.items():
            assert alike(value, found[row["cohort"]].get(int(age), {}).get("value")), (row["cohort"], age, value)
        assert alike(row["customers"], found[row["cohort"]][min(found[row["cohort"]])]["n"])


def _pooled(found: dict[str, dict[int, dict[str, Any]]]) -> dict[int, tuple[float, float]]:
    """Age -> how many came back, of how many."""
    active: Counter[int] = Counter()
    size: Counter[int] = Counter()
    for cells in found.values():
        for age, one in cells.items():
            active[age] += one["numerator"]
            size[age] += one["denominator"]
    return {a: (active[a], size[a]) for a in size}


def curves(told: Told, at: At, block: Element) -> None:
    found = _cohorts(told, _name(at))
    pooled = _pooled(found)
    for row in rows_of(block):
        age = int(row["age_months"])
        assert alike(row["all"], pooled[age][0] / pooled[age][1])
        for cohort, value in row.items():
            assert cohort in {"age_months", "all"} or alike(value, found[cohort].get(age, {}).get("value")), (cohort, age)


def survival(told: Told, at: At, block: Element) -> None:
    pooled = _pooled(_cohorts(told, "cohort_retention_unbounded"))
    rows = rows_of(block)
    assert len(rows) == len(pooled)
    for row in rows:
        active, size = pooled[int(row["age_months"])]
        numbers(row, {"share": active / size, "active": active, "size": size}, ("share", "active", "size"))


def compared(told: Told, at: At, block: Element) -> None:
    rows = rows_of(block)
    members = [n for n in rows[0] if n != "age_months"]
    assert len(members) == 2
    for member in members:
        pooled = _pooled(_cohorts(told, _name(at), f"{at.asked['by']} = '{member}'"))
        for row in rows:
            active, size = pooled.get(int(row["age_months"]), (None, 1))
            assert alike(row[member], None if active is None else active / size), (member, row)


BLOCKS: dict[tuple[str, str], Compare | str] = {
    ("/", "reading"): reading,
    ("/", "list:changes"): changes,
    ("/", "list:todo"): todo,
    ("/todo", "list:todo"): todo,
    ("/", "table:base"): base,
    ("/", "table:money"): money,
    ("/scorecard", "reading"): reading,
    ("/scorecard", "table:scorecard"): scorecard,
    ("/kpi/{name}", "reading"): reading,
    ("/kpi/{name}", "facts:reading"): "it stands in the reading around it",
    ("/kpi/{name}", "table:trend"): trend,
    ("/kpi/{name}", "list:events"): events,
    ("/kpi/{name}/by/{dimension}", "table:breakdown"): breakdown,
    ("/kpi/{name}/why", "table:why"): why,
    ("/kpi/{name}/rows", "figure:customers"): customers_behind,
    ("/kpi/{name}/rows", "table:rows-"): rows_behind,
    ("/kpi/{name}/definition", "facts:definition"): definition,
    ("/retention", "table:triangle"): triangle,
    ("/retention", "table:curves"): curves,
    ("/retention", "table:survival"): survival,
    ("/retention", "table:compared"): compared,
}
