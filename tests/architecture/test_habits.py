"""Small laws of the code that a machine can check (docs: CONTRIBUTING.md)."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from keepwell.core.settings import Settings
from keepwell.sources.reader import READERS
from keepwell.surfaces.words import dictionary

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "keepwell"
MODULES = sorted(SOURCE.rglob("*.py"))
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers", "tools", "stuff", "shared", "lib"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
FULL_WIDTH = re.compile(r"[\u3001\uff01-\uff5e]")


def test_no_module_or_folder_is_a_drawer() -> None:
    names = {part for module in MODULES for part in module.relative_to(SOURCE).with_suffix("").parts}
    assert not names & DRAWERS


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_a_module_says_what_it_is_for_and_catches_no_error_blindly(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "a module starts with a sentence on what it is for"
    caught = [h for h in ast.walk(tree) if isinstance(h, ast.ExceptHandler)]
    names = {n.id for h in caught for n in ast.walk(h.type or ast.Name("bare")) if isinstance(n, ast.Name)}
    assert not names & {"Exception", "BaseException", "bare"}


def test_every_reader_of_the_registry_can_be_loaded() -> None:
    for address in READERS.values():
        module, _, function = address.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_every_word_of_the_surfaces_stands_in_both_languages() -> None:
    for name, words in dictionary().items():
        assert set(words) == {"en", "zh"}, name
        assert all(words.values()), name
        # or signs alone, as written in Chinese
        assert CHINESE.search(words["zh"]) or FULL_WIDTH.search(words["zh"]), name


def test_every_setting_says_what_it_does() -> None:
    for name, spec in Settings.__dataclass_fields__.items():
        assert spec.metadata["meaning"], name


def test_no_path_of_a_machine_and_no_index_stands_in_the_project() -> None:
    tracked = [p for p in ROOT.rglob("*") if p.is_file() and p.suffix in {".py", ".toml", ".yaml", ".md", ".lock", ".txt"}]
    own = [
        p for p in tracked if not any(part.startswith(".") or part in {"node_modules", "dist"} for part in p.relative_to(ROOT).parts[:-1])
    ]
    index = re.compile("https?://[^/ ]*(" + "py" + "pi|python" + "hosted|npm" + "js)")
    assert len(own) > 50
    assert [p.name for p in own if index.search(p.read_text(encoding="utf-8"))] == []
