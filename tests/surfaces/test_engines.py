"""The engine of a workspace: DuckDB unless Spark is asked for, the same numbers from both, and a word where Spark can't run."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from factories.alike import assert_alike
from factories.spark import spark_or_skip
from factories.surfaces import Surfaces
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.surfaces.doctor import State, examine

VISITS = [
    {"visit_id": f"v{n}", "visitor_id": f"p{n % 7}", "started_at": f"2025-{9 + n % 2:02}-1{n % 10} 10:00:00", "channel": ("web", "app")[n % 3 // 2], "converted": str(n % 4 == 0).lower()}
    for n in range(40)
]  # fmt: skip


def made(folder: Path, engine: str) -> Surfaces:
    """A workspace with forty visits, whose settings name an engine."""
    surfaces = Surfaces.made(folder, engine=engine)
    surfaces.bring("visits", VISITS)
    return surfaces


@pytest.fixture
def without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.xdist_group("spark")
def test_a_workspace_on_spark_reads_and_refreshes_to_the_same_numbers(tmp_path: Path) -> None:
    with spark_or_skip(tmp_path / "first"):
        pass
    site = made(tmp_path, "spark")
    # visits 0, 2, 4 … 38 are of September, of which every second one converted
    september = site.reading("visit_conversion_rate", period="2025-09")
    assert (september["value"], september["n"]) == (0.5, 20)
    assert [f.state for f in examine(site.python.place) if f.check == "spark"] == [State.OK]
    (on_spark,) = site.ask("refresh")
    (on_duckdb,) = site.ask("refresh", "--engine", "duckdb")
    runs = [r["run_id"] for r in (on_spark, on_duckdb)]
    first, second = (site.python.kpi("visit_conversion_rate", period="2025-09..2025-10", by="channel", run=run) for run in runs)
    assert len(first) == 4
    assert_alike([replace(r, run_id=None) for r in first], [replace(r, run_id=None) for r in second])


def test_spark_is_not_even_loaded_where_nobody_asks_for_it(tmp_path: Path) -> None:
    site = made(tmp_path, "duckdb")
    program = f"""
import sys
import keepwell as kw
ws = kw.open({str(site.folder)!r})
assert ws.kpi("visit_conversion_rate", period="2025-09").value is not None
from keepwell.surfaces.doctor import examine
assert not [f for f in examine(ws.place) if f.check == "spark"]
assert not [m for m in sys.modules if m.startswith(("pyspark", "py4j", "keepwell.engine.spark", "keepwell.engine.jvm"))]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_engine_is_told_with_the_known_ones(tmp_path: Path) -> None:
    site = made(tmp_path, "duckdb")
    with pytest.raises(WrongUseError, match="sparc") as caught:
        site.ask("refresh", "--engine", "sparc")
    assert "spark" in str(caught.value.hint)
    settings = site.folder / "keepwell.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('engine = "duckdb"', 'engine = "duckdc"'), encoding="utf-8")
    with pytest.raises(WrongUseError, match="engine is 'duckdc'") as caught:
        site.python.kpi("visit_conversion_rate")
    assert caught.value.hint == "Did you mean duckdb?"


@pytest.mark.usefixtures("without_java")
def test_where_java_is_missing_the_error_and_the_doctor_say_what_to_install(tmp_path: Path) -> None:
    site = made(tmp_path, "spark")
    error = site.refused("visit_conversion_rate", period="2025-09")
    assert "openjdk-17-jre-headless" in error.message
    assert 'engine = "duckdb"' in str(error.hint)
    with pytest.raises(KeepwellError, match="Java"):
        site.ask("refresh")
    (finding,) = (f for f in examine(site.python.place) if f.check == "spark")
    assert (finding.state, "Java" in finding.found) == (State.FAILED, True)
    # another engine for one run needs no Java
    assert site.ask("refresh", "--engine", "duckdb")[0]["results"]
