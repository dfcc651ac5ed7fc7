"""A real shop's file from the first command to the last: the walk of examples/online_retail/README.md, and what must hold on it.

The expected numbers were counted from the file with DuckDB alone; the months are counted here once more.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import keepwell as kw
from keepwell.metrics.reading import Reading

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("KEEPWELL_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
FILE = DATA / "online_retail_uci" / "online_retail.parquet"
MAPPING = ROOT / "examples" / "online_retail" / "mapping.yaml"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FILE.is_file(), reason=f"no Online Retail file in {FILE.parent}: KEEPWELL_REFERENCE_DATA names the folder above it"
    ),
]

KPIS = ("revenue", "active_customers", "new_customers", "orders", "average_order_value", "identified_revenue_share")
NOVEMBER = {
    "revenue": Decimal("1461756.25"),
    "active_customers": Decimal(1665),
    "new_customers": Decimal(324),
    "orders": Decimal(2770),
    "average_order_value": Decimal("544.94"),
    "identified_revenue_share": Decimal("0.7697"),
}
DISPLAYED_DECIMALS = {"average_order_value": 2, "identified_revenue_share": 4}
ROWS = {"customers": 4_372, "products": 4_070, "orders": 23_799, "order_lines": 539_798}

# by the invoice's number: dearer, forty days earlier, somebody else's, shorter; and invoices that were not there before
CHANGED = """
    with numbered as (
      select *, try_cast(regexp_extract(InvoiceNo, '\\d+') as int) % 100 as n from read_parquet('{file}')
    )
    select InvoiceNo, StockCode, Description, Quantity,
           InvoiceDate - case when n between 10 and 19 then interval 40 day else interval 0 day end as InvoiceDate,
           case when n between 0 and 9 then round(UnitPrice * 1.37, 2) else UnitPrice end as UnitPrice,
           case when n between 20 and 24 then 99000 + n when n between 25 and 29 then 12347 else CustomerID end as CustomerID,
           Country
    from numbered where not (n between 30 and 39 and length(StockCode) > 5)
    union all
    select '9' || InvoiceNo, 'NEW' || StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country
    from numbered where n between 40 and 44 and InvoiceNo not like 'A%' and InvoiceNo not like 'C%'
"""
SHUFFLED = "select * exclude (file_row_number) from read_parquet('{file}', file_row_number = true) order by md5(file_row_number::varchar)"
FIRST_ROWS = "select InvoiceNo, StockCode from read_parquet('{file}') limit 5"
REVENUE_BY_MONTH = """
    with invoices as (
      select InvoiceNo, min(InvoiceDate) as first_at, sum(Quantity * UnitPrice::decimal(18, 4)) as amount, count(CustomerID) as known
      from read_parquet('{file}') where InvoiceNo not like 'A%' group by 1
    )
    select strftime(first_at, '%Y-%m'), sum(amount) from invoices where amount <> 0 or known > 0 group by 1
"""


@dataclass(frozen=True)
class Shop:
    """A workspace, spoken to by commands."""

    folder: Path

    def run(self, *arguments: str | Path) -> str:
        """What a command that must succeed prints."""
        command = [sys.executable, "-m", "keepwell.surfaces.cli", "-w", self.folder, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.run(*arguments, "--format", "json"), parse_float=Decimal)

    def bring(self, file: Path, *options: str) -> tuple[str, dict[str, dict[str, int]]]:
        """Import a file by the example's mapping: the import's id, and what became of the rows by entity."""
        report = self.json("import", file, "--mapping", MAPPING, *options)
        return report["import_id"], {e["entity"]: e for e in report["entities"]}

    def readings(self) -> list[Reading]:
        """Every KPI of the whole time and of each month, whole and by country; exact."""
        workspace = kw.open(self.folder)
        return [r for by in (None, "country") for grain in ("all", "month") for r in workspace.kpi(*KPIS, grain=grain, by=by)]

    def customers(self) -> Any:
        return self.json("customers", "--limit", "100000")


def open_shop(folder: Path, *, threads: int = 0, file: Path = FILE) -> Shop:
    """A workspace with the file in it; ``threads`` is what keepwell.toml says."""
    shop = Shop(folder)
    shop.run("init", "--profile", "retail", "--currency", "GBP", "--timezone", "Europe/London")
    settings = folder / "keepwell.toml"
    settings.write_text(re.sub(r"(?m)^threads = 0$", f"threads = {threads}", settings.read_text(encoding="utf-8")), encoding="utf-8")
    shop.bring(file)
    return shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after its first import; every test leaves its readings as they are."""
    return open_shop(tmp_path_factory.mktemp("online retail 网店") / "w")


@pytest.fixture(scope="module")
def first_readings(shop: Shop) -> list[Reading]:
    return shop.readings()


def counted(file: Path, sql: str) -> list[tuple[Any, ...]]:
    return duckdb.execute(sql.format(file=file)).fetchall()


def written(target: Path, sql: str) -> Path:
    duckdb.execute(f"copy ({sql.format(file=FILE)}) to '{target}' (format parquet)")
    return target


def values(readings: list[Reading]) -> dict[tuple[str, str, str, str | None], Decimal | None]:
    return {(r.kpi, r.grain, r.period, r.member): r.value for r in readings}


def test_one_file_lands_in_four_entities(shop: Shop) -> None:
    first = shop.json("imports")[0]
    assert {e["entity"]: e["inserted"] for e in first["entities"]} == ROWS
    assert all(e["read"] == e["inserted"] and not e["rejected"] and not e["warnings"] for e in first["entities"])


def test_revenue_of_the_whole_time_is_right(shop: Shop) -> None:
    (reading,) = shop.json("kpi", "revenue", "--period", "all")
    assert round(reading["value"], 2) == Decimal("9758809.99")
    assert reading["n"] == ROWS["orders"]


def test_readings_of_november_2011_are_right(shop: Shop) -> None:
    readings = {r["kpi"]: r for r in shop.json("kpi", *KPIS, "--period", "2011-11")}
    assert {name: round(Decimal(r["value"]), DISPLAYED_DECIMALS.get(name, 4)) for name, r in readings.items()} == NOVEMBER
    assert all(r["status"] == "ok" and r["ci_low"] < r["value"] < r["ci_high"] for r in readings.values())


def test_revenue_of_every_month_is_what_plain_sql_counts(shop: Shop) -> None:
    readings = shop.json("kpi", "revenue", "--period", "all", "--grain", "month")
    assert {r["period"]: r["value"] for r in readings} == dict(counted(FILE, REVENUE_BY_MONTH))


def test_countries_add_up_to_the_whole(first_readings: list[Reading]) -> None:
    revenue = [r for r in first_readings if r.kpi == "revenue" and r.grain == "month"]
    whole = {r.period: r.value for r in revenue if r.dimension is None}
    parts = {period: sum((r.value or Decimal(0) for r in revenue if r.period == period and r.dimension), Decimal(0)) for period in whole}
    assert parts == whole


def test_a_dry_run_counts_and_writes_nothing(shop: Shop) -> None:
    before = shop.json("imports")
    import_id, counts = shop.bring(FILE, "--dry-run")
    assert import_id is None
    assert {name: (e["read"], e["unchanged"]) for name, e in counts.items()} == {name: (n, n) for name, n in ROWS.items()}
    assert shop.json("imports") == before


def test_importing_again_changes_nothing(shop: Shop, first_readings: list[Reading]) -> None:
    _, counts = shop.bring(FILE)
    assert {name: (e["inserted"], e["updated"], e["removed"], e["unchanged"]) for name, e in counts.items()} == {
        name: (0, 0, 0, n) for name, n in ROWS.items()
    }
    assert shop.readings() == first_readings


def test_undo_of_a_changed_import_brings_every_reading_back(shop: Shop, first_readings: list[Reading], tmp_path: Path) -> None:
    customers = shop.customers()
    (run,) = shop.json("refresh")
    import_id, counts = shop.bring(written(tmp_path / "changed.parquet", CHANGED))
    assert all(counts[name]["inserted"] and counts[name]["updated"] for name in ("customers", "orders", "order_lines"))
    assert counts["order_lines"]["removed"]
    before, after = values(first_readings), values(shop.readings())
    assert {key[0] for key in before if after.get(key) != before[key]} == set(KPIS)
    as_known = shop.json("kpi", *KPIS, "--period", "2011-11", "--run", run["run_id"])
    assert {r["kpi"]: round(Decimal(r["value"]), DISPLAYED_DECIMALS.get(r["kpi"], 4)) for r in as_known} == NOVEMBER

    (undone,) = shop.json("undo", import_id)
    assert undone["undoes"] == import_id
    assert shop.readings() == first_readings
    assert shop.customers() == customers


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_readings_do_not_depend_on_the_number_of_threads(threads: int, first_readings: list[Reading], tmp_path: Path) -> None:
    assert open_shop(tmp_path / "w", threads=threads).readings() == first_readings


def test_the_order_of_the_rows_does_not_show(shop: Shop, first_readings: list[Reading], tmp_path: Path) -> None:
    shuffled = written(tmp_path / "shuffled.parquet", SHUFFLED)
    assert counted(shuffled, FIRST_ROWS) != counted(FILE, FIRST_ROWS)
    assert open_shop(tmp_path / "w", file=shuffled).readings() == first_readings
    _, counts = shop.bring(shuffled)
    assert all((e["inserted"], e["updated"], e["removed"]) == (0, 0, 0) for e in counts.values())
