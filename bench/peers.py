"""One measurement of bench/import_orders.py: ``python peers.py PEER CSV FOLDER`` prints seconds, peak memory and rows as JSON."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace, open_workspace
from keepwell.lake.lake import Lake
from keepwell.sources.imports import ImportRequest, run

ZONE = "Asia/Shanghai"
MAPPING = Path(__file__).with_name("orders.yaml")
PRICE = "DECIMAL(18, 4)"


def copy(csv: Path, folder: Path) -> int:
    """DuckDB's plain copy: no check, no partition."""
    duckdb.execute(f"copy (from '{csv}') to '{folder / 'copy.parquet'}' (format parquet)")
    return _count(f"'{folder / 'copy.parquet'}'")


def script(csv: Path, folder: Path) -> int:
    """By hand: the same columns, the key tested for duplicates, the same month partitions."""
    target = folder / "script"
    connection = duckdb.connect()
    connection.execute(
        f"create temp table orders as select order_id::varchar as order_id, customer_id::varchar as customer_id, ordered_at::timestamptz as ordered_at, "
        f"(ordered_at::timestamptz at time zone '{ZONE}')::date as ordered_on, 'completed' as status, amount::{PRICE} as amount, 'CNY' as currency "
        f"from read_csv('{csv}')"
    )
    twice = connection.execute("select count(*) - count(distinct order_id) from orders").fetchall()[0][0]
    if twice:
        raise SystemExit(f"{twice} keys stand more than once")
    connection.execute(
        f"copy (select *, strftime(ordered_on, '%Y-%m') as month from orders) to '{target}' (format parquet, partition_by (month))"
    )
    return _count(f"'{target}/*/*.parquet'")


def first_import(csv: Path, folder: Path) -> int:
    """Keepwell's import into an empty lake."""
    create_workspace(folder / "workspace", Settings(currency="CNY", timezone=ZONE))
    return import_again(csv, folder)


def import_again(csv: Path, folder: Path) -> int:
    """Keepwell's import into the lake as it is."""
    workspace = open_workspace(folder / "workspace")
    settings = workspace.settings
    lake = Lake(workspace.lake_folder, memory_limit=settings.memory_limit, threads=settings.threads)
    report = run(workspace, lake, ImportRequest((csv,), mapping=MAPPING), SystemClock())
    return report.entities[0].read - report.entities[0].rejected


def _count(table: str) -> int:
    rows: int = duckdb.execute(f"select count(*) from {table}").fetchall()[0][0]
    return rows


PEERS: dict[str, Callable[[Path, Path], int]] = {"copy": copy, "script": script, "import": first_import, "again": import_again}


def main() -> None:
    """Run the peer that is named and print what it took."""
    peer, csv, folder = PEERS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])
    began = time.perf_counter()
    rows = peer(csv, folder)
    seconds = time.perf_counter() - began
    gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"seconds": seconds, "gb": gb, "rows": rows}))


if __name__ == "__main__":
    main()
