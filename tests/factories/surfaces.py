"""A workspace made, filled and asked in the public ways: each question on the command line and in Python, with one answer."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Self

import pytest
from typer.testing import CliRunner

import keepwell as kw
from factories.shop import as_csv
from keepwell.core.errors import KeepwellError
from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace
from keepwell.metrics.reading import Readings
from keepwell.surfaces.cli.app import app


@dataclass
class Surfaces:
    """One workspace, seen from the command line and from Python."""

    folder: Path
    _files: int = field(default=0, init=False)

    @classmethod
    def made(cls, folder: Path, **settings: Any) -> Self:
        create_workspace(folder / "workspace", Settings(**{"currency": "CNY", "timezone": "Asia/Shanghai", **settings}))
        return cls(folder / "workspace")

    @property
    def python(self) -> "kw.Workspace":
        return kw.open(self.folder)

    def bring(self, entity: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Import rows from a file; gives the counts of the entity that are not zero."""
        self._files += 1
        path = self.folder.parent / f"{self._files}-{entity}.csv"
        path.write_text(as_csv(rows), encoding="utf-8")
        (counts,) = self.ask("import", str(path), "--as", entity)["entities"]
        return {k: v for k, v in counts.items() if isinstance(v, int) and v}

    def ask(self, *command: str) -> Any:
        """What a command answers as JSON."""
        done = CliRunner().invoke(app, ["-w", str(self.folder), *command, "--format", "json"], catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def readings(self, *names: str, **question: Any) -> list[dict[str, Any]]:
        """Readings from the command line, after Python gave the same ones."""
        told: list[dict[str, Any]] = self.ask("kpi", *names, *_options(question))
        found: Readings = self.python.kpi(*names, **_for_python(question))
        assert len(told) == len(found)
        for line, reading in zip(told, found, strict=True):
            assert line["value"] == (None if reading.value is None else pytest.approx(float(reading.value), rel=1e-15))
            assert (line["kpi"], line["member"], line["period"]) == (reading.kpi, reading.member, reading.period)
            assert (line["n"], line["missing"], line["status"]) == (reading.n, reading.missing, str(reading.status))
        return told

    def reading(self, name: str, **question: Any) -> dict[str, Any]:
        """The one reading of a period."""
        (found,) = self.readings(name, **question)
        return found

    def members(self, name: str, **question: Any) -> dict[str, Any]:
        """Member -> value; a member that comes twice is an error."""
        found = self.readings(name, **question)
        values = {r["member"]: r["value"] for r in found}
        assert len(values) == len(found)
        return values

    def refused(self, *names: str, **question: Any) -> KeepwellError:
        """The error that both surfaces answer with."""
        with pytest.raises(KeepwellError) as told:
            self.ask("kpi", *names, *_options(question))
        with pytest.raises(KeepwellError) as found:
            self.python.kpi(*names, **_for_python(question))
        assert str(told.value) == str(found.value)
        return found.value


def _for_python(question: Mapping[str, Any]) -> dict[str, Any]:
    return {name: date.fromisoformat(value) if name == "as_of" else value for name, value in question.items()}


def _options(question: Mapping[str, Any]) -> list[str]:
    return [word for name, value in question.items() for word in (f"--{name.replace('_', '-')}", str(value))]
