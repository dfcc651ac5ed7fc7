"""Objectives on the command line: with how their key results go, deleted and brought back."""

from pathlib import Path

from typer.testing import CliRunner

from factories.surfaces import Surfaces
from keepwell.surfaces.cli.app import app


def test_objectives_are_listed_with_their_key_results_and_come_back_when_deleted(tmp_path: Path) -> None:
    shop = Surfaces.made(tmp_path)
    command = ["-w", str(shop.folder), "target"]

    def do(*more: str) -> str:
        done = CliRunner().invoke(app, [*command, *more], catch_exceptions=False, env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.stderr
        return done.stdout

    key = do("objective", "Customers who stay").strip()
    assert key in do("objectives")
    do("set", "revenue", "700000", "--by", "2031-12", "--objective", key)
    assert "0 of 1 on track or reached" in do("objectives")
    assert f"restore-objective {key}" in " ".join(do("delete-objective", key).split())
    assert key not in do("objectives")
    assert do("restore-objective", key).strip() == key
    assert key in do("objectives")
