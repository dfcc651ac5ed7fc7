"""Time the scores of all customers beside the pandas way of doing a smaller list, in one run, as ratios.

    make bench                              # 1 M customers, about 4 M orders; then 100,000 for the growth
    python bench/score_customers.py 200000  # another number of customers

Keepwell goes from the lake to RFM, tiers, lifecycle, cohorts, clusters, CLV with all its scores, and monthly KPIs, as a refresh does.
The peer is ``reference_pandas.py`` in the folder named by KEEPWELL_BENCH_TOOLS (default ../shared/bench): pandas, lifetimes and
scikit-learn, from a CSV file. Each is a process of its own. Then the BG/NBD fit alone, beside lifetimes', on the same summary.
"""

import json
import resource
import subprocess
import sys
import time
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from import_orders import TOOLS, data
from keepwell.core.periods import Grain
from keepwell.core.workspace import open_workspace
from keepwell.lake.lake import Lake
from keepwell.metrics.evaluate import Question, read
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.results import estimated
from keepwell.surfaces.worker.engines import reading_engine
from keepwell.surfaces.worker.refresh import ground_of
from read_kpis import workspace_of

CUSTOMERS, FEWER = 1_000_000, 100_000
ESTIMATORS = ("rfm", "tiers", "lifecycle", "cohorts", "clusters", "clv")
KPIS = ("revenue", "orders", "active_customers")
SPAN, AS_OF = "2024-11..2026-10", date(2026, 10, 31)
ROUNDS = 3  # the best of them count, of memory the worst
MOST_OF_PEER, MOST_OF_FIT, MOST_GROWTH = 0.25, 0.2, 1.15


def ours(folder: Path) -> None:
    """Everything, from opening the workspace; prints seconds, memory and the scores' number as JSON."""
    began = time.perf_counter()
    place = open_workspace(folder)
    lake = Lake(place.lake_folder)
    span = place.calendar.parse(SPAN, today=AS_OF)
    with reading_engine(place.settings, lake) as engine:
        session = Session(engine, lake.snapshot(), ground_of(place, AS_OF), AS_OF, keeps=True)
        values = read(session, [built_in()[k] for k in KPIS], Question(span, Grain.MONTH))
        told = time.perf_counter() - began
        found = estimated(session, "bench", Choices(), place.settings.locale, None, ESTIMATORS)
    if found.refused or not values:
        raise SystemExit(f"refused: {found.refused}")
    gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({
        "seconds": time.perf_counter() - began, "kpis": told, "gb": gb, "rows": found.tables["customer_scores"].num_rows,
    }))  # fmt: skip


def fits(csv: Path) -> None:
    """The BG/NBD fit alone on one summary; log-likelihoods of both are of the same function, times in weeks."""
    import pandas as pd  # noqa: PLC0415 - it would count in the memory of the other process
    from lifetimes import BetaGeoFitter  # noqa: PLC0415 - it too

    from keepwell.models.btyd.beta_geometric import BetaGeometric  # noqa: PLC0415 - part of what the other process times
    from keepwell.models.btyd.summary import Summary, grouped  # noqa: PLC0415 - it too

    warnings.filterwarnings("ignore")
    orders = pd.read_csv(csv, usecols=["customer_id", "ordered_at"], parse_dates=["ordered_at"])
    log = {"customer_id": orders.customer_id.astype(str).to_numpy(), "ordered_on": orders.ordered_at.to_numpy().astype("datetime64[D]")}
    summary = Summary.of_log(log, orders.ordered_at.max().date())
    began = time.perf_counter()
    groups, _ = grouped(summary)
    model: Any = BetaGeometric.fitted(groups)
    mine = time.perf_counter() - began
    began = time.perf_counter()
    peer = BetaGeoFitter(penalizer_coef=0)
    peer.fit(summary.x, summary.t_x / 7, summary.age / 7)
    theirs = time.perf_counter() - began
    names = ("r", "alpha", "a", "b")
    shift = np.log([peer.params_[n] / model.parameters[n] for n in names])
    print(json.dumps({
        "seconds": mine, "peer": theirs, "log_likelihood": model.log_likelihood, "peer_log_likelihood": model.moved(shift).log_likelihood_of(groups),
    }))  # fmt: skip


def measured(*arguments: str) -> dict[str, float]:
    """One process of this file; what it prints last."""
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def reference(csv: Path) -> tuple[float, float]:
    """Seconds and peak memory that the reference prints itself: its total and the last of its steps."""
    done = subprocess.run([sys.executable, str(TOOLS / "reference_pandas.py"), str(csv)], check=True, stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines()
    steps = [line.split() for line in lines if line.endswith("GB")]
    total = next(line for line in lines if line.startswith("total"))
    return float(total.split()[1]), max(float(step[-2]) for step in steps)


def line(name: str, text: str, *, is_met: bool) -> bool:
    print(f"{name:34s}{text}   {'met' if is_met else 'MISSED'}", flush=True)
    return is_met


def main() -> None:
    """Measure the size asked for; exit 1 when an aim is missed."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS
    csv, folder, smaller = data(customers), workspace_of(customers), workspace_of(FEWER)
    print(f"{customers:,} customers: {', '.join(ESTIMATORS)}; {', '.join(KPIS)} by month")
    ours_of, peers = [], []
    for _ in range(ROUNDS):  # in turn, so that what else the machine does befalls both
        ours_of.append(measured("ours", str(folder)))
        peers.append(reference(csv))
    found = min(ours_of, key=lambda r: r["seconds"]) | {"gb": max(r["gb"] for r in ours_of)}
    seconds, gb = min(s for s, _ in peers), min(g for _, g in peers)
    few = min((measured("ours", str(smaller)) for _ in range(ROUNDS)), key=lambda r: r["seconds"])
    answers = [
        line("time", f"{found['seconds']:.1f} s beside {seconds:.1f} s = {found['seconds'] / seconds:.2f} ×", is_met=found["seconds"] <= MOST_OF_PEER * seconds),
        line("peak memory", f"{found['gb']:.2f} GB beside {gb:.2f} GB = {found['gb'] / gb:.2f} ×", is_met=found["gb"] <= gb),
    ]  # fmt: skip
    growth = found["seconds"] / few["seconds"] / (customers / FEWER)
    text = f"{few['seconds']:.1f} s for {FEWER:,}: {growth:.2f} × linear"
    answers.append(line("growth", text, is_met=growth <= MOST_GROWTH))
    fit = measured("fits", str(csv))
    text = f"{fit['seconds']:.2f} s beside lifetimes' {fit['peer']:.1f} s = {fit['seconds'] / fit['peer']:.2f} ×"
    answers.append(line("BG/NBD fit", text, is_met=fit["seconds"] <= MOST_OF_FIT * fit["peer"]))
    text = f"{fit['log_likelihood']:,.3f} beside {fit['peer_log_likelihood']:,.3f}"
    answers.append(
        line("its log-likelihood", text, is_met=fit["log_likelihood"] >= fit["peer_log_likelihood"] - 1e-6 * abs(fit["log_likelihood"]))
    )
    sys.exit(0 if all(answers) else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["ours"]:
        ours(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["fits"]:
        fits(Path(sys.argv[2]))
    else:
        main()
