"""The walk of an example's README: a workspace is made, a reference file imported by the example's mapping, KPIs are read."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import keepwell as kw
from keepwell.engine.sql import Steps
from keepwell.metrics.reading import Reading

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("KEEPWELL_REFERENCE_DATA", ROOT.parent / "shared" / "data"))


def needs(*files: Path) -> pytest.MarkDecorator:
    """Skips, with the reason, where a reference file is absent."""
    absent = [f.name for f in files if not f.is_file()]
    reason = f"no {', '.join(absent)} in {files[0].parent}: KEEPWELL_REFERENCE_DATA names the folder above it"
    return pytest.mark.skipif(bool(absent), reason=reason)


@dataclass(frozen=True)
class Walk:
    """A workspace of an example: written by commands, read by Python."""

    folder: Path
    example: str

    def run(self, *arguments: str | Path) -> str:
        """What a command that must succeed prints."""
        command = [sys.executable, "-m", "keepwell.surfaces.cli", "-w", self.folder, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mapping(self, name: str = "mapping.yaml") -> Path:
        return ROOT / "examples" / self.example / name

    def bring(self, *files: Path, mapping: str = "mapping.yaml", is_dry: bool = False) -> dict[str, dict[str, Any]]:
        """Import files by a mapping of the example: what became of the rows, by entity."""
        dry = ("--dry-run",) if is_dry else ()
        report = json.loads(self.run("import", *files, "--mapping", self.mapping(mapping), *dry, "--format", "json"))
        return {e["entity"]: e for e in report["entities"]}

    def read(self, kpi: str, period: str = "all", **slices: Any) -> Reading:
        """The one reading of a KPI in a period."""
        (reading,) = kw.open(self.folder).kpi(kpi, period=period, **slices)
        return reading

    def by(self, kpi: str, dimension: str, period: str = "all") -> dict[str | None, Reading]:
        """The readings of a KPI by member."""
        return {r.member: r for r in kw.open(self.folder).kpi(kpi, period=period, by=dimension)}

    def held(self, entity: str, query: str) -> list[dict[str, Any]]:
        """Rows of a query over one entity of the lake."""
        lake = kw.open(self.folder).lake
        with lake.engine(lake.folder / ".spill") as engine:
            lake.snapshot().register(engine, entity)
            rows: list[dict[str, Any]] = engine.arrow(Steps().then("found", query)).to_pylist()
        return rows


def parts(reading: Reading) -> tuple[int, int]:
    """Numerator and denominator of counts."""
    assert reading.numerator is not None
    assert reading.denominator is not None
    assert reading.numerator % 1 == reading.denominator % 1 == 0
    return int(reading.numerator), int(reading.denominator)


def value(reading: Reading) -> Decimal:
    """The value of a reading that has one."""
    assert reading.value is not None
    return reading.value


def started(folder: Path, example: str, *, profile: str, currency: str, timezone: str) -> Walk:
    """A new workspace for an example."""
    walk = Walk(folder, example)
    walk.run("init", "--profile", profile, "--currency", currency, "--timezone", timezone)
    return walk


def counted(sql: str) -> dict[str, Any]:
    """The one row of a query that DuckDB alone answers, by column."""
    found = duckdb.connect().execute(sql)
    names = [d[0] for d in found.description or []]
    (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))
