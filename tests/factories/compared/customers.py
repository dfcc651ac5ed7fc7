"""Customers wherever they stand: lists, one of them, segments, what models found."""

from collections import Counter
from statistics import NormalDist
from typing import Any

from factories.compared.block import At, Compare, each, numbers
from factories.markup import Element, rows_of
from factories.shown import says
from factories.told import Told, alike, same

A_PAGE, SAMPLE, TURNS = 50, 8, 12
# names are masked by who looks, which the command line does not know; days that stand in other tables it does not list
NOT_LISTED = {"name", "email", "phone", "owner_name", "last_contact_on", "case_due_on", "contract_ends_on"}
# the words that stand for a code are the test's own, from the page's language; codes are compared by the API's filter
HEALTH = {
    ("healthy", "en"): "Healthy", ("watch", "en"): "Watch", ("at_risk", "en"): "At risk", ("not_scored", "en"): "No score",
    ("healthy", "zh"): "健康", ("watch", "zh"): "需关注", ("at_risk", "zh"): "有风险", ("not_scored", "zh"): "无得分",
}  # fmt: skip
WORDED = {"tier", "lifecycle_stage", "churn_band", "health_band", "rfm_group", "kind"}
METRICS = {("other", "en"): "other", ("other", "zh"): "其他"}
STATES = ("rfm_recency", "rfm_frequency", "clv", "net_amount_12m", "cluster", "churn_probability")


def _everybody(told: Told, *columns: str, **asked: Any) -> list[dict[str, Any]]:
    """Customers with these columns, from the API; where all are seen, the command line lists the same ones."""
    found: list[dict[str, Any]] = told.get("customers", column=["customer_id", *columns], limit=1_000, **asked)
    where = [w for n in ("where", "segment", "attention") if n in asked for w in (f"--{n}", asked[n])]
    if told.sees_all and set(asked) <= {"where", "segment", "attention", "sort"}:
        wanted = [w for c in ("customer_id", *columns) if c not in NOT_LISTED for w in ("--column", c)]
        listed = told.ask("customers", *wanted, *where, "--limit", "100000")
        key = {r["customer_id"]: r for r in listed}
        assert set(key) == {r["customer_id"] for r in found}
        for r in found:
            same({n: v for n, v in r.items() if n not in NOT_LISTED}, {n: v for n, v in key[r["customer_id"]].items() if n in r})
    return found


def attention(told: Told, reason: str) -> list[dict[str, Any]]:
    """Whom a reason names, from the API and, where all are seen, from the command line."""
    return _everybody(told, "clv_12m", attention=reason)


def called(line: Element, who: list[dict[str, Any]]) -> None:
    """A warning tells of exactly those whom its list has, and of what they are worth together."""
    assert line.one("a")["href"] == f"/customers?attention={line['data-attention']}"
    assert int(line["data-customers"]) == len(who)
    assert says(line.one("b").text, len(who)), line.text
    worth = sum(float(c["clv_12m"] or 0) for c in who)
    assert alike(line["data-worth"], worth), (line["data-worth"], worth)
    assert says(
        line.one(css="kw-why").text.removeprefix("Expected in the next 12 months: ").removeprefix("未来 12 个月预期价值 "), worth
    ), line.text


def people(told: Told, at: At, block: Element) -> None:
    """The list as filtered and sorted, and what stands below it."""
    rows = rows_of(block)
    filters = {n: v for n, v in at.asked.items() if n not in {"sort", "from", "column"}}
    columns = [c for c in rows[0] if c != "customer_id"]
    found = _everybody(told, *columns, sort=at.asked.get("sort", "clv"), **filters)
    start = int(at.asked.get("from", 0))
    assert [r["customer_id"] for r in rows] == [r["customer_id"] for r in found[start : start + A_PAGE]]
    for row, one in zip(rows, found[start : start + A_PAGE], strict=True):
        for name in set(columns) - WORDED:
            assert alike(row[name], one[name]), (name, row[name], one[name])
    assert int(at.main.one(attribute="data-total")["data-total"]) == len(found)


def total(told: Told, at: At, block: Element) -> None:
    """The sum over all pages of the list."""
    filters = {n: v for n, v in at.asked.items() if n not in {"sort", "from", "column"}}
    name = block["data-figure"]
    assert alike(block["data-value"], sum(float(r[name] or 0) for r in _everybody(told, name, **filters)))


# ------------------------------------------------------------------------ one customer


def _one(told: Told, at: At) -> dict[str, Any]:
    found: dict[str, Any] = told.get(f"customers/{at.places['customer_id']}")
    return found


def worth(told: Told, at: At, block: Element) -> None:
    """The value panel."""
    value, name = _one(told, at)["value"], block["data-figure"]
    assert alike(block["data-value"], value[name]), (name, block["data-value"], value)
    if told.sees_all and name == "net_12m":
        # who has bought nothing has no scores, which the command line tells as nothing
        assert alike(block["data-value"], told.ask("customer", at.places["customer_id"])["net_amount_12m"] or 0)
    if told.sees_all and name == "expected":
        assert alike(block["data-value"], told.ask("customer", at.places["customer_id"])["clv"])


def active(told: Told, at: At, block: Element) -> None:
    each(block, _one(told, at)["value"]["active"], {"day": "day", "probability_active": "probability"})


def tree(told: Told, at: At, block: Element) -> None:
    """The company and those below it, with what each is worth."""
    found, lines = _one(told, at)["tree"], block.all("li")
    assert len(found) == len(lines) > 1
    for line, one in zip(lines, found, strict=True):
        end = line.one(css="kw-end").text
        assert says(end, one["clv"]) if one["clv"] is not None else end == "", (end, one)
        assert line.one("a").text.strip("　") == (one["name"] or one["customer_id"])


def contacts(told: Told, at: At, block: Element) -> None:
    told_of = _one(told, at)
    found = [c for c in told_of["contacts"] if c["is_active"]]
    lines = block.all("li")
    assert len(lines) == len(found) + len((told_of["coverage"] or {"missing_roles": []})["missing_roles"])
    for line, one in zip(lines, found, strict=False):
        assert line.one("b").text == (one["name"] or one["contact_id"])
        assert line.one(css="kw-end").text == (one["last_contact_on"] or "—")


def voice(told: Told, at: At, block: Element) -> None:
    """What the customer answered: which question, its score, its day."""
    found = _one(told, at)["voice"][:8]
    lines = block.all("b")
    assert len(lines) == len(found)
    for line, one in zip(lines, found, strict=True):
        score = "—" if one["score"] is None else f"{one['score']:g} / {one['scale_max']:g}"
        assert line.text == f"{METRICS.get((one['metric'], at.locale), one['metric'].upper())} {score}"


def moves(told: Told, at: At, block: Element) -> None:
    """Each day of a move is a run in which that score moved."""
    moved = Counter(h["as_of"] for h in _one(told, at)["history"] for m in h["moved"])
    shown = Counter(line.one(css="kw-end").text for line in block.all("li"))
    assert shown
    assert not shown - moved


def timeline(told: Told, at: At, block: Element) -> None:
    """The newest events, and how many of each kind there are."""
    asked = {"kind": at.asked["kind"]} if "kind" in at.asked else {}
    answer = told.program.get(f"/api/v1/customers/{at.places['customer_id']}/events", params={"limit": 40, **asked}).json()
    lines = block.all("li", "data-kind")
    assert [line["data-kind"] for line in lines] == [e["kind"] for e in answer["data"]]
    for line, one in zip(lines, answer["data"], strict=True):
        if one["kind"] == "order" and one.get("amount") is not None:
            amount = line.text.partition(line.one("b").text)[2].strip()
            assert says(amount, one["amount"]), (amount, one["amount"])
    counts = {c["data-kind"]: int(c["data-value"]) for c in at.main.all("a", "data-kind")}
    assert counts == {k: n for k, n in answer["counts"].items() if n}


def _health(told: Told, at: At) -> dict[str, Any]:
    found: dict[str, Any] = told.get(f"customers/{at.places['customer_id']}/health")
    if told.sees_all:
        same(found, told.ask("health", "show", at.places["customer_id"]))
    return found


def health(told: Told, at: At, block: Element) -> None:
    """The computed score and its band."""
    found = _health(told, at)
    assert alike(block["data-value"], found["score"])
    band = found["computed_band"] or "not_scored"
    assert block.one("span").text == HEALTH[band, at.locale]


def health_parts(told: Told, at: At, block: Element) -> None:
    """Each part with what was read, its points and its weight."""
    found, lines = _health(told, at)["parts"], block.all("li")
    assert len(found) == len(lines)
    for line, one in zip(lines, found, strict=True):
        assert line["data-part"] == one["part"]
        assert alike(line.one("b")["data-value"], one["value"])
        assert alike(line["data-points"], one["points"])
        assert alike(line["data-weight"], one["weight"])
        end = line.one(css="kw-end").text
        assert one["is_missing"] or says(end, one["points"]), (end, one)


def health_overrides(told: Told, at: At, block: Element) -> None:
    """Every override with its expiry, the newest first."""
    found = _health(told, at)["history"]
    lines = block.all("li")
    assert [line.one(css="kw-end").text for line in lines] == [o["until"] for o in found]
    assert all(o["reason"] in line.text and o["owner_name"] in line.text for line, o in zip(lines, found, strict=True))


# ------------------------------------------------------------------------ segments


def matrix(told: Told, at: At, block: Element) -> None:
    """Each cell counts those whom the lists have there, and adds up what they are worth."""
    found = _everybody(told, *STATES)
    rows = rows_of(block)
    for row in rows:
        there = [c for c in found if (c["rfm_recency"], c["rfm_frequency"]) == (int(row["recency"]), int(row["frequency"]))]
        assert int(row["customers"]) == len(there)
        for name in ("clv", "net_amount_12m"):
            assert alike(row[name] or 0, sum(float(c[name] or 0) for c in there)), (row, name)
    assert sum(int(r["customers"]) for r in rows) == sum(c["rfm_recency"] is not None for c in found)
    assert sum(int(r["bought"]) for r in rows) <= sum(int(r["were"]) for r in rows)


def flow(told: Told, at: At, block: Element) -> None:
    state = at.asked.get("state", "rfm")
    found = told.get(f"transitions/{state}")
    if told.sees_all:
        same(found, told.ask("transitions", state))
    shown = {(r["before"], r["after"]): (r["customers"], r["share"]) for r in rows_of(block)}
    assert {k: int(n) for k, (n, _) in shown.items()} == {(m["from"], m["to"]): m["customers"] for m in found}
    assert all(alike(shown[m["from"], m["to"]][1], m["share_of_from"]) for m in found)


def _cluster(block: Element) -> str:
    around = block.within("data-cluster")
    assert around is not None
    return around["data-cluster"]


def cluster(told: Told, at: At, block: Element) -> None:
    """A persona's facts are those of the customers whom the lists have in it."""
    everybody = [c for c in _everybody(told, *STATES) if c["cluster"]]
    found = [c for c in everybody if c["cluster"] == _cluster(block)]
    facts = {e["data-name"]: e["data-value"] for e in block.all("dd")}
    values = [float(c["clv"]) for c in found if c["clv"] is not None]
    leaves = [float(c["churn_probability"]) for c in found if c["churn_probability"] is not None]
    expected = {"customers": len(found), "share": len(found) / len(everybody)}
    expected |= {"mean_clv": sum(values) / len(values), "clv": sum(values)} if values else {}
    expected |= {"churn_probability": sum(leaves) / len(leaves)} if leaves else {}
    assert set(facts) == set(expected)
    for name, value in expected.items():
        assert abs(float(facts[name]) - value) <= 1e-6 * max(1, abs(value)), (name, facts[name], value)


def radar(told: Told, at: At, block: Element) -> None:
    """Where a cluster's middle stands among all, by the model's centres: what of a hundred lie below it in a normal spread."""
    parameters = {p["parameter"]: p["value"] for p in told.get("models/clusters")["parameters"]}
    if told.sees_all:
        same(parameters, {p["parameter"]: p["value"] for p in told.ask("model", "clusters")["parameters"]})
    name = block["data-table"].removeprefix("cluster-").upper()
    features = [f for f in ("recency", "frequency", "value_per_order", "span") if f"centre.{name}.{f}" in parameters]
    rows = rows_of(block)
    for row, feature in zip(rows, features, strict=False):
        z = parameters[f"centre.{name}.{feature}"] * (-1 if feature == "recency" else 1)
        assert alike(row["standing"], 100 * NormalDist().cdf(z)), (name, feature)
    assert all(0 <= float(r["standing"]) <= 100 and float(r["everybody"]) == 50 for r in rows)


def saved(told: Told, at: At, block: Element) -> None:
    found = {s["name"]: s for s in told.get("segments")}
    rows = rows_of(block)
    assert {r["name"] for r in rows} == set(found)
    for row in rows:
        numbers(
            row,
            found[row["name"]] | {"share": found[row["name"]]["customers"] / found[row["name"]]["everybody"]},
            ("customers", "share", "clv"),
        )


def _members(told: Told, at: At) -> list[dict[str, Any]]:
    """Who belongs, as the lists have it: of the saved segment, or of the rule that the walk asks the builder for."""
    if at.route == "/segments/{segment_id}":
        name = next(s["name"] for s in told.get("segments") if s["segment_id"] == at.places["segment_id"])
        return _everybody(told, *STATES, segment=name)
    return _everybody(told, *STATES, where=f"{at.asked['c0.field']} >= {at.asked['c0.value']}")


def size(told: Told, at: At, block: Element) -> None:
    assert int(block["data-value"]) == len(_members(told, at)) > 0
    assert int(block["data-everybody"]) == len(_everybody(told, *STATES))


def segment_worth(told: Told, at: At, block: Element) -> None:
    found = _members(told, at)
    facts = block.all("dd")
    assert facts
    for fact in facts:
        assert alike(fact["data-value"], sum(float(c[fact["data-name"]] or 0) for c in found)), fact["data-name"]


def sample(told: Told, at: At, block: Element) -> None:
    """The first members by their value."""
    members = {c["customer_id"]: c for c in _members(told, at)}
    rows = rows_of(block)
    assert len(rows) == min(SAMPLE, len(members))
    assert [float(r["clv"] or 0) for r in rows] == sorted((float(c["clv"] or 0) for c in members.values()), reverse=True)[:SAMPLE]
    assert all(alike(r["clv"], members[r["customer_id"]]["clv"]) for r in rows)


def overlaps(told: Told, at: At, block: Element) -> None:
    """How many are in another saved segment too."""
    members = {c["customer_id"] for c in _members(told, at)}
    for row in rows_of(block):
        other = {c["customer_id"] for c in _everybody(told, *STATES, segment=row["name"])}
        assert int(row["both"]) == len(members & other)
        assert alike(row["share"], len(members & other) / len(members))


# ------------------------------------------------------------------------ models


def _model(told: Told, at: At) -> dict[str, Any]:
    found: dict[str, Any] = told.get(f"models/{at.places['name']}", _in=at.locale)
    if told.sees_all and at.locale == "en":
        listed = told.ask("model", at.places["name"])
        # words of persons are masked by who looks
        same({n: v for n, v in found.items() if n != "rows"}, {n: v for n, v in listed.items() if n != "rows"})
        same(_without_quotes(found["rows"]), _without_quotes(listed["rows"]))
    return found


def _without_quotes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{n: v for n, v in r.items() if n != "quotes"} for r in rows]


def measures(told: Told, at: At, block: Element) -> None:
    """Each measure of the back-test with its interval and its baseline."""
    lines = list(block.one("tbody").all("tr"))
    found = _model(told, at)["measures"]
    assert len(lines) == len(found) > 0
    for line, one in zip(lines, found, strict=True):
        cells = {c["data-column"]: c for c in line.all(attribute="data-column")}
        for column, name in (("measure", "measure"), ("value", "value"), ("baseline", "baseline_value"), ("n", "n")):
            assert alike(cells[column]["data-value"], one[name]), (column, one)
        assert alike(cells["interval"]["data-low"], one["ci_low"])
        assert alike(cells["interval"]["data-high"], one["ci_high"])
        low, _, high = cells["interval"].text.partition(" – ")
        assert one["ci_low"] is None or (says(low, one["ci_low"]) and says(high, one["ci_high"])), cells["interval"].text


def parameters(told: Told, at: At, block: Element) -> None:
    found = [p for p in _model(told, at)["parameters"] if not p["parameter"].startswith("chosen.")]
    each(block, found, {"parameter": "parameter", "value": "value", "standard_error": "standard_error"})


def found_rows(told: Told, at: At, block: Element) -> None:
    found = _model(told, at)["rows"]
    each(block, found, {n: n for n in rows_of(block)[0]})


def calibration(told: Told, at: At, block: Element) -> None:
    each(block, _model(told, at)["rows"], {n: n for n in ("bin", "n", "predicted", "observed", "cumulative_lift")})


def model_facts(told: Told, at: At, block: Element) -> None:
    found = _model(told, at)
    assert f"{found['run_id']} · {found['as_of']}" in block.text
    assert found["data_from"] is None or f"{found['data_from']} – {found['data_until']}" in block.text
    verdict = at.main.one(attribute="data-verdict").text
    assert verdict == " ".join((found["verdict"] or found["refused"]).split()) or at.locale != "en"


def _defined(told: Told) -> dict[str, Any]:
    found: dict[str, Any] = told.get("health")
    if told.sees_all:
        same(found, told.ask("health"))
    return found


def health_definition(told: Told, at: At, block: Element) -> None:
    rows, parts = rows_of(block), _defined(told)["parts"]
    assert [(r["part"], r["better"]) for r in rows] == [(p["part"], p["better"]) for p in parts]
    assert all(alike(float(r["weight"]) * 100, p["weight"]) for r, p in zip(rows, parts, strict=True))


def health_bands(told: Told, at: At, block: Element) -> None:
    """Whom the lists have in a band are those who are counted there."""
    found = _defined(told)
    listed = Counter(c["health_band"] for c in _everybody(told, "health_band"))
    rows = rows_of(block)
    assert [(r["band"], float(r["from"])) for r in rows] == [(b["band"], b["from"]) for b in found["bands"]]
    assert {r["band"]: int(r["customers"]) for r in rows} == found["customers"] == {b: listed[b] for b in found["customers"]}


def health_check(told: Told, at: At, block: Element) -> None:
    who = block["data-table"].removeprefix("check-")
    (found,) = (c for c in _defined(told)["checks"] if c["who"] == who)
    each(block, found["bands"], {n: n for n in ("band", "customers", "churned", "share")})


BLOCKS: dict[tuple[str, str], Compare | str] = {
    ("/customers", "table:people"): people,
    ("/customers", "figure:net_amount"): total,
    ("/customers", "figure:clv"): total,
    ("/customers/{customer_id}", "figure:net_12m"): worth,
    ("/customers/{customer_id}", "figure:margin_12m"): worth,
    ("/customers/{customer_id}", "figure:expected"): worth,
    ("/customers/{customer_id}", "table:active"): active,
    ("/customers/{customer_id}", "list:tree"): tree,
    ("/customers/{customer_id}", "list:contacts"): contacts,
    ("/customers/{customer_id}", "list:voice"): voice,
    ("/customers/{customer_id}", "list:moves"): moves,
    ("/customers/{customer_id}", "figure:health"): health,
    ("/customers/{customer_id}", "list:health"): health_parts,
    ("/customers/{customer_id}", "list:overrides"): health_overrides,
    ("/health", "table:parts"): health_definition,
    ("/health", "table:bands"): health_bands,
    ("/health", "table:check-"): health_check,
    ("/customers/{customer_id}/timeline", "list:timeline"): timeline,
    ("/segments", "table:matrix"): matrix,
    ("/segments", "table:flow"): flow,
    ("/segments", "facts:cluster"): cluster,
    ("/segments", "table:cluster-"): radar,
    ("/segments", "table:saved"): saved,
    ("/segments/build", "figure:size"): size,
    ("/segments/build", "facts:worth"): segment_worth,
    ("/segments/build", "table:sample"): sample,
    ("/segments/build", "table:overlaps"): overlaps,
    ("/segments/{segment_id}", "figure:size"): size,
    ("/segments/{segment_id}", "facts:worth"): segment_worth,
    ("/segments/{segment_id}", "table:sample"): sample,
    ("/segments/{segment_id}", "table:overlaps"): overlaps,
    ("/predictions/{name}", "table:measures"): measures,
    ("/predictions/{name}", "table:parameters"): parameters,
    ("/predictions/{name}", "table:found"): found_rows,
    ("/predictions/{name}", "table:calibration"): calibration,
    ("/predictions/{name}", "table:lift"): calibration,
    ("/predictions/{name}", "facts:model"): model_facts,
}
