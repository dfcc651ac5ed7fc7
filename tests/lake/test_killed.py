"""``kill -9`` at any moment of an import into several entities loses nothing, doubles nothing and mixes nothing."""

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from factories.nursery import Child, Nursery
from factories.shop import as_csv
from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace
from keepwell.lake import journal

TABLES = ("customers", "profiles", "customers_history", "products", "orders", "order_lines")
MAPPING = """
version: 1
timezone: UTC
constants: {currency: GBP, status: completed}
entities:
  customers:
    select: select Customer customer_id, any_value(Town) city, any_value(Name) name, timestamp '2020-01-01' created_at from rows group by Customer
  products:
    select: select Product product_id, any_value(Title) name from rows group by Product
  orders:
    select: select Invoice order_id, any_value(Customer) customer_id, min(Day) ordered_at, sum(Amount::decimal(18, 4)) amount from rows group by Invoice
  order_lines:
    replace_by: order_id
    select: select Invoice order_id, Line line_no, Product product_id, Quantity quantity, Price unit_price, Amount amount from rows
"""
KILLS, PARTS = 50, 5
# signs, on disk, that an import has come to a phase of its work; each is waited for, then the process is killed
PHASES: dict[str, Callable[[Path], bool]] = {
    "it has begun": lambda lake: any((lake / "staging").glob("imp_*")),
    "the file is being read": lambda lake: any(lake.glob("staging/*/stage.duckdb")),
    "the comparison runs": lambda lake: any(lake.glob("staging/*/orders.rows.parquet")),
    "images are written": lambda lake: _news(lake, "imports/*/before/*.parquet"),
    "data files are written": lambda lake: _news(lake, "order_lines/*/*.parquet"),
    "the journal stands": lambda lake: (lake / journal.PENDING).exists(),
    "the first table is committed": lambda lake: _committed(lake) >= 1,
    "some tables are committed": lambda lake: _committed(lake) >= 3,
    "the last table is committed": lambda lake: _committed(lake) == len(TABLES) - 1,
    "the record is written": lambda lake: len(list(lake.glob("imports/*/record.json"))) == 2,
    "the head has moved": lambda lake: '"number": 2' in (lake / "head.json").read_text(),
    "the journal is gone": lambda lake: '"number": 2' in (lake / "head.json").read_text() and not (lake / journal.PENDING).exists(),
}
AFTER_THE_JOURNAL = tuple(PHASES)[list(PHASES).index("the journal stands") :]


@dataclass(frozen=True)
class Stage:
    """Two versions of a business's file, a workspace that holds the first, and what the lake holds before and after the second."""

    folder: Path
    filled: Path
    before: dict[str, str]
    after: dict[str, str]
    seconds: float

    @property
    def mapping(self) -> str:
        return str(self.folder / "mapping.yaml")

    def file(self, version: int) -> str:
        return str(self.folder / f"version{version}.csv")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened:
        yield opened


@pytest.fixture(scope="module")
def stage(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("killed")
    (folder / "mapping.yaml").write_text(MAPPING)
    for version in (1, 2):
        (folder / f"version{version}.csv").write_text(as_csv(_business(version)))
    filled, whole = folder / "filled", folder / "whole"
    create_workspace(filled, Settings(currency="GBP"))
    nursery.do("bring", str(filled), [str(folder / "version1.csv")], str(folder / "mapping.yaml"))
    shutil.copytree(filled, whole)
    seconds = nursery.do("bring", str(whole), [str(folder / "version2.csv")], str(folder / "mapping.yaml"))
    before, after = (_seen(nursery, workspace, folder / f"{workspace.name} seen") for workspace in (filled, whole))
    assert all(before[t] != after[t] for t in TABLES), "the second version changes every table"
    return Stage(folder, filled, before, after, seconds)


def _business(version: int) -> list[dict[str, object]]:
    """Some thousand lines; of the second version some are changed, some gone and some new."""
    dice = random.Random(7)
    rows = []
    for invoice in range(500 if version == 1 else 560):
        day = f"2026-0{dice.randrange(1, 3)}-{dice.randrange(10, 28)} 12:00:00"
        for line in range(1, dice.randrange(2, 8)):
            quantity, price = dice.randrange(1, 9), dice.randrange(100, 999)
            is_changed = version == 2 and invoice % 7 == 0
            if is_changed and line == 4:
                continue
            rows.append({
                "Invoice": invoice, "Line": line, "Day": day.replace("2026-01", "2025-12") if is_changed else day, "Customer": f"c{invoice % 90}",
                "Town": f"town {invoice % 90 % 5 if version == 1 else invoice % 90 % 7}", "Name": f"name {invoice % 90 % (4 + version)}",
                "Product": f"p{line}", "Title": f"product {line} {'new' if version == 2 and line == 2 else ''}", "Quantity": quantity, "Price": price,
                "Amount": quantity * price + is_changed,
            })  # fmt: skip
    return rows


def _seen(nursery: Nursery, workspace: Path, target: Path) -> dict[str, str]:
    """What a fresh process sees in the lake."""
    target.mkdir(exist_ok=True)
    nursery.do("look", str(workspace), TABLES, str(target))
    return _read(target)


def _read(folder: Path) -> dict[str, str]:
    return {t: (folder / f"{t}.csv").read_text() for t in TABLES}


def _news(lake: Path, pattern: str) -> bool:
    """Whether the import that runs has written such a file; the first one's carry its id."""
    running = next((p.name for p in (lake / "staging").glob("imp_*")), None)
    return running is not None and any(running in str(p) for p in lake.glob(pattern))


def _committed(lake: Path) -> int:
    """How many tables the second import has committed: the first made version 1 of each."""
    return len([p for p in lake.glob("*/_delta_log/*2.json") if p.parent.parent.name != "customers_history"])


def _check(stage: Stage, nursery: Nursery, workspace: Path) -> str:
    """After a death: the old state or the new one, in all tables; and the same import again gives what it always gives."""
    (workspace / "seen").mkdir()
    (workspace / "seen again").mkdir()
    nursery.do("look_and_bring", str(workspace), TABLES, [stage.file(2)], stage.mapping)
    seen, again = (_read(workspace / name) for name in ("seen", "seen again"))
    state = "old" if seen == stage.before else "new" if seen == stage.after else "mixed"
    assert state != "mixed", {t: (seen[t] == stage.before[t], seen[t] == stage.after[t]) for t in TABLES}
    assert again == stage.after
    lake = workspace / "lake"
    assert list((lake / "staging").iterdir()) == []
    assert not (lake / journal.PENDING).exists()
    records = {p.parent.name for p in lake.glob("imports/*/record.json")}
    assert {p.name for p in (lake / "imports").iterdir()} == records, "what died left no folder"
    assert {p.name[: len("imp_20260101T000000_abcdef")] for p in lake.glob("*/**/imp_*-*.parquet")} <= records, "nor a data file"
    return state


def _second_import(stage: Stage, nursery: Nursery, workspace: Path) -> Child:
    shutil.copytree(stage.filled, workspace)
    return nursery.start("bring", str(workspace), [stage.file(2)], stage.mapping)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_fifty_processes_killed_at_random_moments_lose_and_double_nothing(
    stage: Stage, nursery: Nursery, tmp_path: Path, part: int
) -> None:
    dice = random.Random(part)
    # every part goes through the whole time that the import takes, and a little beyond
    for number in range(part, KILLS, PARTS):
        delay = stage.seconds * 1.1 * (number + dice.random()) / KILLS
        child = _second_import(stage, nursery, tmp_path / str(number))
        time.sleep(delay)
        child.kill()
        assert child.wait() in {-signal.SIGKILL, 0}
        _check(stage, nursery, tmp_path / str(number))
        shutil.rmtree(tmp_path / str(number))


@pytest.mark.parametrize("phase", PHASES)
def test_a_process_killed_in_a_phase_loses_and_doubles_nothing(stage: Stage, nursery: Nursery, tmp_path: Path, phase: str) -> None:
    _stop(stage, nursery, tmp_path, phase, signal.SIGKILL)
    state = _check(stage, nursery, tmp_path / "workspace")
    if phase in AFTER_THE_JOURNAL:
        assert state == "new", "once the journal stands, whoever comes next finishes the import"


@pytest.mark.parametrize("phase", ["data files are written", "the journal stands", "some tables are committed", "the head has moved"])
def test_a_process_interrupted_in_a_phase_loses_and_doubles_nothing(stage: Stage, nursery: Nursery, tmp_path: Path, phase: str) -> None:
    # as by Ctrl-C: the process still tidies up
    _stop(stage, nursery, tmp_path, phase, signal.SIGINT)
    _check(stage, nursery, tmp_path / "workspace")


def _stop(stage: Stage, nursery: Nursery, folder: Path, phase: str, number: signal.Signals) -> None:
    child = _second_import(stage, nursery, folder / "workspace")
    deadline = time.monotonic() + 60
    while not PHASES[phase](folder / "workspace" / "lake"):
        assert time.monotonic() < deadline
    child.kill(number)
    child.wait()
