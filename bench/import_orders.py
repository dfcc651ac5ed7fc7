"""Time the import of orders beside plain DuckDB, in one run, as ratios.

    make bench                             # 4 M and 40 M rows
    python bench/import_orders.py 200000   # another number of customers; each makes about four orders

Each measurement is a process of its own, which reports seconds without the interpreter's start and its peak memory. The
data come from ``orders.py`` in the folder named by KEEPWELL_BENCH_TOOLS (default ../shared/bench), once, into .cache/bench.

The peers: ``script`` is what one would write by hand in DuckDB: cast the same columns, test the key for duplicates, write the
same month partitions. ``copy`` is DuckDB's plain CSV-to-Parquet copy, which checks nothing.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
TOOLS = Path(os.environ.get("KEEPWELL_BENCH_TOOLS", ROOT.parent / "shared" / "bench"))
SIZES = (1_000_000, 10_000_000)
ROUNDS = 3  # the best of them counts, for the machine may be busy; the large size runs once
LARGE = 5_000_000
MOST_TIMES_SCRIPT = 2.5
MOST_MEMORY_GB = 1.5


def data(customers: int) -> Path:
    """The CSV file of so many customers' orders, made once."""
    target = CACHE / f"orders-{customers}.csv"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"making the orders of {customers:,} customers …", flush=True)
        scratch = target.with_suffix(".part")
        parquet = target.with_suffix(".parquet")
        subprocess.run([sys.executable, str(TOOLS / "orders.py"), str(customers), str(parquet), str(scratch)], check=True)
        parquet.unlink()
        scratch.rename(target)
    return target


def measure(peer: str, csv: Path, folder: Path) -> dict[str, float]:
    """Run one peer in a process of its own."""
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("peers.py")), peer, str(csv), str(folder)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return found


def best(results: list[dict[str, float]]) -> dict[str, float]:
    """The shortest time and, of all rounds, the largest memory."""
    return {"seconds": min(r["seconds"] for r in results), "gb": max(r["gb"] for r in results), "rows": results[0]["rows"]}


def run(customers: int) -> dict[str, dict[str, float]]:
    """Measure all peers on one file, interleaved, so that a busy moment hits none alone."""
    csv = data(customers)
    folder = CACHE / "work"
    rounds: dict[str, list[dict[str, float]]] = {"copy": [], "script": [], "import": [], "again": []}
    for _ in range(1 if customers >= LARGE else ROUNDS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for peer, results in rounds.items():
            results.append(measure(peer, csv, folder))
    shutil.rmtree(folder, ignore_errors=True)
    return {peer: best(results) for peer, results in rounds.items()}


def report(customers: int, found: dict[str, dict[str, float]]) -> bool:
    """Print the table and say whether the aims are met."""
    rows = int(found["import"]["rows"])
    script, again = found["script"]["seconds"], found["again"]["seconds"]
    print(f"\n{customers:,} customers, {rows:,} orders")
    print(f"{'':10s}{'seconds':>10s}{'peak GB':>10s}{'× script':>10s}{'× copy':>10s}")
    for peer, result in found.items():
        print(
            f"{peer:10s}{result['seconds']:10.2f}{result['gb']:10.2f}{result['seconds'] / script:10.2f}{result['seconds'] / found['copy']['seconds']:10.2f}"
        )
    first = found["import"]["seconds"]
    aims = {
        f"import ≤ {MOST_TIMES_SCRIPT} × script": first <= MOST_TIMES_SCRIPT * script,
        "importing again ≤ importing": again <= first,
        f"peak memory < {MOST_MEMORY_GB} GB": max(found["import"]["gb"], found["again"]["gb"]) < MOST_MEMORY_GB,
    }
    for aim, is_met in aims.items():
        print(f"{'met' if is_met else 'MISSED':8s}{aim}")
    return all(aims.values())


def main() -> None:
    """Measure every size asked for; exit 1 when an aim is missed."""
    sizes = [int(a) for a in sys.argv[1:]] or list(SIZES)
    met = [report(customers, run(customers)) for customers in sizes]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
