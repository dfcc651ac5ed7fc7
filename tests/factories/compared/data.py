"""What stands about the data themselves: sources, imports, runs, quality, lineage; people, tokens and settings."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

from factories.compared.block import At, Compare, numbers
from factories.markup import Element, rows_of
from factories.told import Told, alike, same

LAST_IMPORTS = 20  # that the share of rejected rows is told of
COUNTED = ("read", "inserted", "updated", "unchanged", "removed", "rejected")


def _imports(told: Told) -> list[dict[str, Any]]:
    """Every change, the oldest first; the command line lists the same ones with fewer words."""
    found = told.get("imports")[::-1]
    listed = told.ask("imports")
    assert [c["import_id"] for c in found] == [c["import_id"] for c in listed]
    for one, other in zip(found, listed, strict=True):
        same(one["entities"], other["entities"])
    return list(found)


def _standing(told: Told) -> list[tuple[str, dict[str, Any]]]:
    """Source and counts of each entity of the imports that still stand."""
    return [(c["source"], e) for c in _imports(told) if c["kind"] == "import" and c["undone_by"] is None for e in c["entities"]]


def _rows(told: Told, entity: str) -> int:
    return sum(e["inserted"] - e["removed"] for c in _imports(told) for e in c["entities"] if e["entity"] == entity)


def sources(told: Told, at: At, block: Element) -> None:
    """What each source brought: in how many imports, how many rows were rejected, in all and last."""
    brought: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for source, e in _standing(told):
        brought[source, e["entity"]].append(e)
    rows = {(r["source"], r["entity"]): r for r in rows_of(block)}
    assert set(rows) == set(brought)
    for key, row in rows.items():
        found = brought[key]
        expected = {
            "imports": len(found), "rejected": sum(e["rejected"] for e in found), "last_rejected": found[-1]["rejected"], "rows": _rows(told, key[1]),
        }  # fmt: skip
        numbers(row, expected, tuple(expected))


def imports(told: Told, at: At, block: Element) -> None:
    rows = rows_of(block)
    found = _imports(told)[::-1][: len(rows)]
    assert [r["what"] for r in rows] == [c["import_id"] for c in found]
    for row, one in zip(rows, found, strict=True):
        for name in ("read", "inserted", "updated", "removed", "rejected"):
            assert int(row[name]) == sum(e[name] for e in one["entities"]), (one["import_id"], name)


def _import(told: Told, at: At) -> dict[str, Any]:
    return next(c for c in _imports(told) if c["import_id"] == at.places["import_id"])


def counts(told: Told, at: At, block: Element) -> None:
    rows, found = rows_of(block), _import(told, at)["entities"]
    assert [r["entity"] for r in rows] == [e["entity"] for e in found]
    for row, one in zip(rows, found, strict=True):
        numbers(row, one, COUNTED)


def file(told: Told, at: At, block: Element) -> None:
    names = {f["name"]: f for f in _import(told, at)["files"]}
    one = next(f for n, f in names.items() if n in block.text)
    assert int(block.one(attribute="data-name")["data-value"]) == one["rows"]
    assert one["sha256"] in block.text


def _runs(told: Told) -> list[dict[str, Any]]:
    found = told.get("runs")
    listed = told.ask("runs")[::-1]
    assert [r["run_id"] for r in found] == [r["run_id"] for r in listed]
    return list(found)


def runs(told: Told, at: At, block: Element) -> None:
    """How long each took, how many KPIs it computed, what went wrong, and from how many tables."""
    rows, found = rows_of(block), _runs(told)
    assert [r["run_id"] for r in rows] == [] or all(r["run_id"].startswith(f["run_id"]) for r, f in zip(rows, found, strict=True))
    for row, one in zip(rows, found, strict=True):
        took = (datetime.fromisoformat(one["finished_at"]) - datetime.fromisoformat(one["started_at"])).total_seconds()
        expected = {"took": took, "kpis": len(one["definitions"]), "problems": len(one["problems"]), "inputs": len(one["versions"])}
        numbers(row, expected, tuple(expected))
        assert row["as_of"] == one["as_of"]


def stages(told: Told, at: At, block: Element) -> None:
    found = {r["run_id"]: r["seconds"] for r in _runs(told)}
    rows = rows_of(block)
    assert {r["run_id"] for r in rows} == set(found)
    for row in rows:
        for stage, seconds in row.items():
            assert stage == "run_id" or alike(seconds, found[row["run_id"]].get(stage, 0.0)), (stage, seconds)


def entities(told: Told, at: At, block: Element) -> None:
    """Rows of each entity, and the share of what its last imports read that was rejected."""
    standing: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _, e in _standing(told):
        standing[e["entity"]].append(e)
    rows = rows_of(block)
    assert rows
    for row in rows:
        last = standing[row["entity"]][-LAST_IMPORTS:]
        assert int(row["rows"]) == _rows(told, row["entity"]), row
        assert alike(row["share_rejected"], sum(e["rejected"] for e in last) / sum(e["read"] for e in last)), row


def columns(told: Told, at: At, block: Element) -> None:
    """How many of an entity's rows have a value; of customers, whom the lists tell."""
    rows = {r["column"]: r for r in rows_of(block)}
    assert at.asked["entity"] == "customers", "the walk asks for the entity that lists tell"
    found = told.ask("customers", "--limit", "100000")
    for name, row in rows.items():
        if name in found[0]:
            values = [c[name] for c in found if c[name] is not None]
            assert alike(row["share"], len(values) / len(found)), (name, row)
            assert int(row["distinct"]) == len({str(v) for v in values}), (name, row)


def rejections(told: Told, at: At, block: Element) -> None:
    found = {c["import_id"]: e for c in _imports(told) for e in c["entities"] if e["entity"] == at.asked["entity"]}
    rows = rows_of(block)
    assert rows
    for row in rows:
        e = found[row["import_id"]]
        numbers(row, {"taken": e["read"] - e["rejected"], "rejected": e["rejected"]}, ("taken", "rejected"))


def kpis(told: Told, at: At, block: Element) -> None:
    """Each rests on the entity by its own lineage, and no other of their themes does."""
    shown = {r["kpi"] for r in rows_of(block)}
    themes = {told.kpis[n]["theme"] for n in shown}
    assert shown == {n for n, k in told.kpis.items() if k["theme"] in themes and at.asked["entity"] in _lineage(told, n)}
    assert shown


def _lineage(told: Told, name: str) -> dict[str, Any]:
    found: dict[str, Any] = told.get(f"kpis/{name}")["lineage"]["entities"]
    return found


def lineage_flow(told: Told, at: At, block: Element) -> None:
    """From each source the rows that it brought; every other line ends at a KPI that rests on the entity."""
    read = Counter[str]()
    for source, e in _standing(told):
        if e["entity"] == at.asked["entity"]:
            read[source] += e["read"]
    rows = rows_of(block)
    assert {r["from"]: int(r["n"]) for r in rows if r["from"] in read} == read
    titles = {k["title"][at.locale] for k in told.kpis.values()}
    assert all(r["to"] in titles and int(r["n"]) == 1 for r in rows if r["from"] not in read)


def jobs(told: Told, at: At, block: Element) -> None:
    """The same jobs in the same order, each with who asked."""
    found = told.get("jobs")
    lines = block.all("tr", "data-job")
    assert [line["data-job"] for line in lines] == [j["job_id"] for j in found]
    assert all(j["asked_by"] in line.text for j, line in zip(found, lines, strict=True))


def users(told: Told, at: At, block: Element) -> None:
    found = told.ask("user", "list")
    rows = rows_of(block)
    assert [(r["email"], r["name"]) for r in rows] == [(u["email"], u["name"]) for u in found]


def tokens(told: Told, at: At, block: Element) -> None:
    found = told.ask("token", "list")
    rows = rows_of(block)
    assert sorted(r["name"] for r in rows) == sorted(t["name"] for t in found)
    assert rows


def webhooks(told: Told, at: At, block: Element) -> None:
    """Where rows come in and events go out, each by its name."""
    found = [w for w in told.get("webhooks") if w["direction"] == {"incoming": "in", "sending": "out"}[block["data-table"]]]
    same(sorted(w["name"] for w in told.ask("webhook", "list")), sorted(w["name"] for w in told.get("webhooks")))
    lines = block.one("tbody").all("tr")
    assert len(lines) == len(found) > 0
    for line, one in zip(lines, found, strict=True):
        assert line.all("td")[0].text.startswith(one["name"])


def deliveries(told: Told, at: At, block: Element) -> None:
    """What was sent or waits to be, with how often it was tried."""
    (out,) = [w for w in told.get("webhooks") if w["direction"] == "out"]
    found = told.get(f"webhooks/{out['webhook_id']}/deliveries")
    lines = block.one("tbody").all("tr")
    assert [int(line.all("td")[4].text) for line in lines] == [len(d["attempts"]) for d in found]
    assert lines


def settings(told: Told, at: At, block: Element) -> None:
    """What the settings' file says."""
    text = (told.company.surfaces.folder / "keepwell.toml").read_text(encoding="utf-8")
    file = dict(line.split(" = ") for line in text.splitlines() if " = " in line and not line.startswith("#"))
    shown = {r["name"]: r["value"] for r in rows_of(block)}
    assert {n: shown[n] for n in shown if n in file} == {n: v.partition(" #")[0].strip().strip('"') for n, v in file.items() if n in shown}
    assert {"currency", "timezone"} <= set(shown)


def would(told: Told, at: At, block: Element) -> None:
    """What an upload would become is what the command line's dry run says of the same file."""
    file = told.company.surfaces.folder.parent / "walked.csv"
    (one,) = told.ask("import", str(file), "--as", "orders", "--dry-run")["entities"]
    (row,) = rows_of(block)
    numbers(row, one, COUNTED)


def found_customers(told: Told, at: At, block: Element) -> None:
    found = told.get("search", q=at.asked["q"], limit=50)
    assert len(block.all("li")) == len(found) > 0
    assert all(one["customer_id"] in line.text for one, line in zip(found, block.all("li"), strict=True))


def found_kpis(told: Told, at: At, block: Element) -> None:
    assert {line.one(css="kw-end").text for line in block.all("li")} <= set(told.kpis)


ONLY_PAGE = "only the page has it: "
BLOCKS: dict[tuple[str, str], Compare | str] = {
    ("/data", "table:sources"): sources,
    ("/data/imports", "table:imports"): imports,
    ("/data/imports/{import_id}", "table:counts"): counts,
    ("/data/imports/{import_id}", "facts:file"): file,
    ("/data/imports/{import_id}/undo", "list:undo"): ONLY_PAGE
    + "the command line undoes without asking; what it says is the import's counts, which are compared",
    ("/data/runs", "table:runs"): runs,
    ("/data/runs", "table:stages"): stages,
    ("/data/quality", "table:entities"): entities,
    ("/data/quality", "table:columns"): columns,
    ("/data/quality", "table:filled"): ONLY_PAGE + "shares of filled rows by month; test_data.py counts them by hand",
    ("/data/quality", "table:rejections"): rejections,
    ("/data/lineage", "table:kpis"): kpis,
    ("/data/lineage", "table:flow"): lineage_flow,
    ("/data/jobs", "table:jobs"): jobs,
    ("/data/import", "list:waiting"): ONLY_PAGE + "an upload is the page's own; the command line reads files where they are",
    ("/data/import/{draft_id}/mapping", "table:mapping"): ONLY_PAGE + "a form, with words of the file and no numbers",
    ("/data/import/{draft_id}/check", "table:would"): would,
    ("/data/import/{draft_id}/check", "table:examples"): ONLY_PAGE + "values of the file that can't be read; the counts are compared",
    ("/settings", "table:settings"): settings,
    ("/settings", "facts:roles"): ONLY_PAGE + "words of what each role may do",
    ("/settings/users", "table:users"): users,
    ("/settings/tokens", "table:tokens"): tokens,
    ("/settings/webhooks", "table:incoming"): webhooks,
    ("/settings/webhooks", "table:sending"): webhooks,
    ("/settings/webhooks", "table:deliveries"): deliveries,
    ("/settings/audit", "table:audit"): ONLY_PAGE + "who did what, without numbers; neither API nor command line reads it yet",
    ("/account", "table:browsers"): ONLY_PAGE + "the browsers of the person who looks",
    ("/search", "list:customers"): found_customers,
    ("/search", "list:kpis"): found_kpis,
    ("/search", "list:segments"): ONLY_PAGE + "names; the segments themselves are compared",
    ("/search", "list:pages"): ONLY_PAGE + "names of pages",
}
