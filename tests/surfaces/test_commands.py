"""The command line, as a person meets it: what it prints, where, and with which exit status."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

ORDERS = """order_id,customer_id,ordered_at,status,amount,currency,country
1,ann,2026-08-03 10:00:00,completed,20.50,EUR,DE
2,bob,2026-08-09 11:00:00,completed,30,EUR,FR
3,ann,2026-09-02 12:00:00,completed,50,EUR,DE
4,,2026-09-05 12:00:00,completed,10,EUR,DE
5,bob,2026-09-20 12:00:00,refund,-5,EUR,FR
"""


@pytest.fixture
def keepwell(tmp_path: Path) -> Run:
    """Runs the command in an empty folder."""

    def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "keepwell.surfaces.cli", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            encoding="utf-8",
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def shop(keepwell: Run, tmp_path: Path) -> Run:
    """A workspace with a few orders; the commands run in it."""
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    keepwell("init", ".", "--currency", "EUR", "--timezone", "Europe/Berlin")
    keepwell("import", "orders.csv", "--as", "orders")
    return keepwell


def test_import_tells_what_became_of_the_rows(keepwell: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    keepwell("init", "w", "--currency", "EUR", "--timezone", "Europe/Berlin")
    found = json.loads(keepwell("-w", "w", "import", "orders.csv", "--as", "orders", "--format", "json").stdout)
    assert found["source"] == "main"
    assert found["import_id"].startswith("imp_")
    (orders,) = found["entities"]
    assert {k: v for k, v in orders.items() if k != "warnings"} == {
        "entity": "orders", "read": 5, "inserted": 5, "updated": 0, "unchanged": 0, "rejected": 0, "removed": 0,
    }  # fmt: skip
    again = json.loads(keepwell("-w", "w", "import", "orders.csv", "--as", "orders", "--format", "json").stdout)
    assert (again["entities"][0]["inserted"], again["entities"][0]["updated"], again["entities"][0]["unchanged"]) == (0, 0, 5)


def test_readings_as_json_have_the_documented_fields(shop: Run) -> None:
    (reading,) = json.loads(shop("kpi", "revenue", "--period", "2026-09", "--format", "json").stdout)
    documented = [
        "kpi",
        "grain",
        "period_start",
        "dimension",
        "member",
        "value",
        "ci_low",
        "ci_high",
        "n",
        "numerator",
        "denominator",
        "status",
        "is_open",
        "change_previous",
        "change_previous_is_real",
        "change_last_year",
        "change_last_year_is_real",
    ]
    assert set(documented) <= set(reading)
    # by hand: 50 + 10 − 5, and 20.50 + 30 the month before
    assert (reading["value"], reading["change_previous"], reading["n"], reading["change_last_year"]) == (55, 4.5, 3, None)
    assert (reading["period_start"], reading["grain"], reading["status"], reading["dimension"]) == ("2026-09-01", "month", "ok", None)


def test_shares_are_fractions(shop: Run) -> None:
    (reading,) = json.loads(shop("kpi", "identified_revenue_share", "--period", "2026-09", "--format", "json").stdout)
    assert reading["value"] == pytest.approx(50 / 60)
    assert reading["status"] == "too_few"


def test_csv_has_a_header_and_a_row_a_reading(shop: Run) -> None:
    lines = shop("kpi", "orders", "--period", "2026-08..2026-09", "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("kpi,grain,period,period_start")
    assert len(lines) == 3


def test_table_shows_value_interval_and_trend(shop: Run) -> None:
    shown = shop("kpi", "revenue", "--period", "2026-09").stdout
    assert "€55.00" in shown
    assert "–" in shown
    assert "█" in shown


def test_answer_can_go_to_a_file(shop: Run, tmp_path: Path) -> None:
    assert shop("kpi", "revenue", "--period", "2026-09", "--format", "json", "-o", "out/r.json").stdout == ""
    assert json.loads((tmp_path / "out" / "r.json").read_text(encoding="utf-8"))[0]["value"] == 55


def test_breakdown_adds_up(shop: Run) -> None:
    found = json.loads(shop("kpi", "revenue", "--period", "2026-09", "--by", "country", "--format", "json").stdout)
    assert {r["member"]: r["value"] for r in found} == {"DE": 60, "FR": -5}


def test_refresh_publishes_a_run_that_can_be_read_as_known(shop: Run, tmp_path: Path) -> None:
    (run,) = json.loads(shop("refresh", "--format", "json").stdout)
    assert run["versions"] == {"orders": 1}
    assert "revenue" in run["definitions"]
    (tmp_path / "late.csv").write_text(ORDERS.splitlines()[0] + "\n6,ann,2026-09-29 12:00:00,completed,100,EUR,DE\n", encoding="utf-8")
    shop("import", "late.csv", "--as", "orders")
    now = json.loads(shop("kpi", "revenue", "--period", "2026-09", "--format", "json").stdout)
    known = json.loads(shop("kpi", "revenue", "--period", "2026-09", "--run", run["run_id"], "--format", "json").stdout)
    assert (now[0]["value"], known[0]["value"], known[0]["run_id"]) == (155, 55, run["run_id"])
    by_country = json.loads(
        shop(
            "kpi", "revenue", "--period", "2026-09", "--by", "country", "--where", "amount > 0", "--run", run["run_id"], "--format", "json"
        ).stdout
    )
    assert {r["member"]: r["value"] for r in by_country} == {"DE": 60, "FR": 0}
    assert "published" in shop("runs").stdout
    assert "orders" in shop("show", run["run_id"]).stdout


def test_refresh_from_an_earlier_day_does_not_know_later_facts(shop: Run) -> None:
    (run,) = json.loads(shop("refresh", "--as-of", "2026-09-03", "--format", "json").stdout)
    known = json.loads(shop("kpi", "revenue", "--period", "2026-09", "--run", run["run_id"], "--format", "json").stdout)
    assert (known[0]["value"], known[0]["is_open"]) == (50, True)


def test_undo_takes_an_import_back(shop: Run) -> None:
    (first,) = json.loads(shop("imports", "--format", "json").stdout)
    shop("undo", first["import_id"])
    assert json.loads(shop("kpi", "revenue", "--period", "2026-09", "--format", "json").stdout)[0]["value"] is None
    assert "undone already" in shop("undo", first["import_id"], status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "says", "hint"),
    [
        (("kpi", "revnue"), "no KPI named 'revnue'", "Did you mean revenue?"),
        (("kpi", "revenue", "--period", "2026-13"), "2026-13", ""),
        (("kpi", "revenue", "--by", "contry"), "contry", "country"),
        (("kpi", "revenue", "--where", "random() > 1"), "may not be used", ""),
        (("kpis", "nix"), "no KPI named", ""),
        (("undo", "imp_nix"), "no import named", ""),
        (("show", "run_nix"), "no run named", ""),
        (("import", "nix.csv", "--as", "orders"), "no file", ""),
        (("import", "orders.csv", "--as", "order"), "no entity named", "Did you mean orders"),
        (("import", "orders.csv"), "Say what the file holds", "--as"),
        (("import", "orders.csv", "--as", "orders", "--source", "A B"), "cannot name a source", ""),
        (("map", "orders.csv"), "orders", "keepwell map"),
        (("refresh", "--engine", "sparc"), "no engine named", ""),
        (("-w", "nowhere", "kpis"), "no folder", "keepwell init"),
        (("init", "new", "--currency", "EURO"), "EURO", ""),
        (("init", "new", "--timezone", "Europe/Berlim"), "Berlim", "Europe/Berlin"),
        (("init", "new", "--profile", "shop"), "profile", ""),
    ],
)
def test_wrong_use_exits_with_2_and_says_what_to_do(shop: Run, arguments: tuple[str, ...], says: str, hint: str) -> None:
    done = shop(*arguments, status=2 if arguments[-1] != "random() > 1" else 1)
    assert done.stdout == ""
    assert says in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_workspace_is_not_made_twice(shop: Run) -> None:
    assert "workspace already" in shop("init", ".", status=1).stderr


def test_refused_import_exits_with_1_and_one_with_few_rejected_rows_with_0(shop: Run, tmp_path: Path) -> None:
    header = ORDERS.splitlines()[0]
    (tmp_path / "bad.csv").write_text(f"{header}\n7,ann,2026-02-30,completed,1,EUR,DE\n", encoding="utf-8")
    refused = shop("import", "bad.csv", "--as", "orders", status=1)
    assert "nothing was imported" in refused.stderr
    assert "line 2" in refused.stderr
    rows = "".join(f"{i},ann,2026-09-0{i - 6},completed,1,EUR,DE\n" for i in range(7, 10))
    (tmp_path / "some.csv").write_text(f"{header}\n{rows}10,ann,2026-02-30,completed,1,EUR,DE\n", encoding="utf-8")
    landed = shop("import", "some.csv", "--as", "orders", "--errors", "rejected.csv")
    assert "1 row was rejected and is not" in landed.stderr
    assert (tmp_path / "rejected.csv").read_text(encoding="utf-8").splitlines()[1].startswith("some.csv,5,orders,")
    strict = shop("import", "some.csv", "--as", "orders", "--max-rejected", "0", status=1)
    assert "nothing was imported" in strict.stderr


def test_empty_workspace_says_what_to_do_first(keepwell: Run) -> None:
    keepwell("init", ".")
    assert "keepwell import" in keepwell("imports").stdout
    assert "keepwell refresh" in keepwell("runs").stdout
    assert "Import something first" in keepwell("refresh", status=1).stderr
    assert json.loads(keepwell("imports", "--format", "json").stdout) == []


def test_chinese_workspace_speaks_chinese(keepwell: Run, tmp_path: Path) -> None:
    (tmp_path / "订单.csv").write_text(ORDERS.replace("EUR", "CNY"), encoding="gb18030")
    keepwell("init", "客户 一", "--locale", "zh", "--timezone", "Asia/Shanghai")
    keepwell("-w", "客户 一", "import", "订单.csv", "--as", "orders")
    shown = keepwell("-w", "客户 一", "kpi", "revenue", "identified_revenue_share", "--period", "2026-09").stdout
    for word in ("营业收入", "可识别收入占比", "95% 置信区间", "样本不足", "¥55.00"):
        assert word in shown
    assert "活跃客户数" in keepwell("-w", "客户 一", "kpis").stdout


def test_map_prints_a_mapping_that_imports(keepwell: Run, tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(
        "订单号;会员号;下单时间;状态;实付金额\nA1;m1;03.10.2026;已完成;1.234,50\nA2;m2;25.10.2026;已完成;20,00\n", encoding="utf-8"
    )
    keepwell("init", ".", "--currency", "EUR", "--timezone", "Europe/Berlin")
    keepwell("map", "export.csv", "--as", "orders", "-o", "orders.yaml")
    keepwell("import", "export.csv", "--mapping", "orders.yaml")
    (reading,) = json.loads(keepwell("kpi", "revenue", "--period", "2026-10", "--format", "json").stdout)
    assert reading["value"] == 1254.5


def test_own_kpi_appears_everywhere_without_code(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "kpis" / "mine.yaml").write_text(
        """
name: big_orders
title: {en: Big orders, zh: 大额订单数}
meaning: {en: Completed orders of 30 and more., zh: 金额不少于三十的已完成订单。}
formula: {en: number of such orders, zh: 此类订单的数量}
kind: simple
fact: orders
time: ordered_on
where: "status = 'completed' and amount >= 30"
expression: "count(*)"
unit: count
better: up
additivity: additive
version: 1
example: {rows: {orders: [{order_id: a, ordered_on: 2026-10-01, status: completed, amount: 30, currency: EUR}]}, period: 2026-10, value: 1, n: 1}
""",
        encoding="utf-8",
    )
    assert "Big orders" in shop("kpis").stdout
    (reading,) = json.loads(shop("kpi", "big_orders", "--period", "2026-08", "--format", "json").stdout)
    assert reading["value"] == 1
    (run,) = json.loads(shop("refresh", "--format", "json").stdout)
    assert "big_orders" in run["definitions"]


def test_an_own_kpi_that_goes_in_circles_says_so_where_it_is_asked_for(shop: Run, tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / "kpis" / f"{name}.yaml").write_text(
            f"""
name: {name}
title: {{en: A number, zh: 数字}}
meaning: {{en: A number., zh: 一个数字。}}
formula: {{en: twice the other, zh: 另一个的两倍}}
kind: derived
expression: "{other} * 2"
unit: count
better: up
additivity: non
version: 1
example: {{rows: {{orders: [{{order_id: a, ordered_on: 2026-10-01, status: completed, amount: 30, currency: EUR}}]}}, period: 2026-10, value: 1, n: 1}}
""",
            encoding="utf-8",
        )
    assert "one.yaml, line 7: expression: one: refers to itself: one → two → one" in shop("kpi", "one", status=1).stderr
    assert "refers to itself" in shop("target", "set", "two", "5", "--by", "2030", status=1).stderr
    assert "Revenue" in shop("kpi", "revenue").stdout


def test_doctor_finds_a_healthy_and_a_broken_workspace(shop: Run, tmp_path: Path) -> None:
    shop("refresh")
    found = json.loads(shop("doctor", "--format", "json").stdout)
    assert {f["state"] for f in found} == {"ok"}
    next((tmp_path / "lake" / "orders").rglob("*.parquet")).unlink()
    broken = shop("doctor", status=1)
    assert "orders" in broken.stderr
    assert "backup" in broken.stderr


def test_customers_are_listed_without_personal_data(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text(
        "customer_id,kind,name,email,country\nann,person,Ann Lee,ann@example.com,DE\nbob,person,Bob,,FR\n", encoding="utf-8"
    )
    shop("import", "customers.csv", "--as", "customers")
    shown = shop("customers", "--where", "country = 'DE'").stdout
    assert "ann" in shown
    assert "Ann Lee" not in shown
    assert "bob" not in shown
    assert json.loads(shop("customers", "--format", "json").stdout)[0]["has_valid_email"] is True


def test_version_is_told(keepwell: Run) -> None:
    assert keepwell("--version").stdout == "keepwell 0.1.0\n"


def test_ctrl_c_ends_a_command_with_a_sentence_and_leaves_the_lake_as_it_was(keepwell: Run, tmp_path: Path) -> None:
    keepwell("init", ".", "--currency", "EUR", "--timezone", "Europe/Berlin")
    rows = "".join(f"{i},c{i % 999},2026-01-01 10:00:00,completed,{i % 100},EUR,DE\n" for i in range(400_000))
    (tmp_path / "many.csv").write_text(ORDERS.splitlines()[0] + "\n" + rows, encoding="utf-8")
    command = [sys.executable, "-m", "keepwell.surfaces.cli", "import", "many.csv", "--as", "orders"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8") as running:
        while not list(tmp_path.glob("lake/staging/imp_*/stage.duckdb")):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "Stopped. Nothing is half-written" in said
    assert "Traceback" not in said
    assert not (tmp_path / "lake" / "head.json").exists()
    assert not any((tmp_path / "lake" / "staging").glob("imp_*"))


def test_damaged_head_and_missing_lake_are_told_not_taken_for_an_empty_lake(shop: Run, tmp_path: Path) -> None:
    head = tmp_path / "lake" / "head.json"
    intact = head.read_text(encoding="utf-8")
    head.write_text("{", encoding="utf-8")
    for command in (("kpi", "revenue"), ("doctor", "--format", "json")):
        assert "head.json is damaged" in shop(*command, status=1).stdout + shop(*command, status=1).stderr
    head.write_text(intact, encoding="utf-8")
    (tmp_path / "lake").rename(tmp_path / "elsewhere")
    assert "is not there" in shop("kpi", "revenue", status=1).stderr
    assert not (tmp_path / "lake").exists()


def test_filter_that_does_not_fit_the_columns_is_wrong_use(shop: Run) -> None:
    assert "can't be used as a filter" in shop("kpi", "revenue", "--where", "amount > 'x'", status=2).stderr


FAILS = """
- name: channel_numbers
  title: {en: Channel numbers, zh: 渠道编号}
  meaning: {en: Channels taken for numbers., zh: 被当作数字的渠道。}
  formula: {en: sum of them, zh: 求和}
  kind: simple
  fact: orders
  time: ordered_on
  expression: "sum(cast(order_id || 'x' as integer))"
  unit: count
  better: up
  additivity: additive
  version: 1
  example: {rows: {orders: [{order_id: a, ordered_on: 2026-10-01, status: completed, amount: 30, currency: EUR}]}, period: 2026-10, value: 1, n: 1}
"""


def test_own_kpi_that_fails_when_it_is_computed_spoils_no_other(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "kpis" / "bad.yaml").write_text(FAILS, encoding="utf-8")
    refreshed = shop("refresh", "--format", "json")
    (run,) = json.loads(refreshed.stdout)
    assert list(run["problems"]) == ["channel_numbers"]
    assert "channel_numbers was left out" in refreshed.stderr
    assert json.loads(shop("kpi", "revenue", "--period", "2026-08", "--run", run["run_id"], "--format", "json").stdout)
    asked = shop("kpi", "channel_numbers", "--period", "2026-08", status=1)
    assert "channel_numbers can't be computed" in asked.stderr
    checked = shop("kpis", "--check", "--format", "json", status=1)
    assert [c["kpi"] for c in json.loads(checked.stdout)] == ["channel_numbers"]
